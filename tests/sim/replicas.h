/*
 * What the hosts have stored, compared with each other once everything was read at ALL: the
 * replicas of a row hold the same bytes, and nobody else holds any. What belongs to a conversation
 * that is not known to exist was not read, and is left out.
 */
#ifndef COLUMBA_SIM_REPLICAS_H
#define COLUMBA_SIM_REPLICAS_H

#include "tests/sim/world.h"

void replicas_compare(struct world *world);

#endif
