/*
 * What makes a conversation a channel, for the audit: the model says when it may have become one,
 * the replicas whether it is written down.
 */
#ifndef COLUMBA_SIM_CHANNELS_H
#define COLUMBA_SIM_CHANNELS_H

#include <stdbool.h>

#include "tests/sim/model.h"
#include "tests/sim/world.h"

/* When a creation first asked for more members than are fanned out to; NEVER: none did. What was
 * known before was sent to a group. */
uint64_t channel_asked_at_us(const struct world *world, const struct model_conversation *channel);
/* So many are known to be members that it is one for sure. */
bool channel_is_known(const struct world *world, const struct model_conversation *channel);
/* A replica has written down that it became one: whoever belongs to it was told, or will be. */
bool channel_is_written(const struct world *world, const struct id *conversation);

#endif
