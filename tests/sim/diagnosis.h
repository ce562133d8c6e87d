/*
 * When an inbox is wrong: which messages which replica lacks. It looks into the hosts' engines,
 * which no check does.
 */
#ifndef COLUMBA_SIM_DIAGNOSIS_H
#define COLUMBA_SIM_DIAGNOSIS_H

#include "tests/sim/model.h"
#include "tests/sim/world.h"

/* `ids`: the messages that should be unread for the user. Adds one finding for each that some
 * replica of the user lacks. */
void diagnose_unread(struct world *world, uint32_t conversation, uint32_t user,
                     const struct id *ids, uint32_t count);

#endif
