/*
 * An agent: the client library's own core on the virtual network, with its routing, retries and
 * clock. Where a caller asks one host once, an agent asks whom it likes as often as it likes.
 */
#ifndef COLUMBA_SIM_AGENT_H
#define COLUMBA_SIM_AGENT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "client/core/client.h"
#include "tests/sim/caller.h"
#include "tests/sim/counted_memory.h"
#include "tests/sim/world.h"

#define AGENT_CONNECTIONS_MAX 256u

struct agent {
    struct world *world;
    uint32_t endpoint;
    int64_t skew_ms;
    int64_t drift_ppm; /* how much faster than the truth its wall clock goes */
    bool has_heard;    /* of some node's time */
    struct client *client;
    struct counted_memory memory;
    struct list errands;
    struct arena arena;
    uint64_t timer_at_us;
    /* The network's name of each of the client's connections; 0: none. */
    uint64_t connections[AGENT_CONNECTIONS_MAX];
};

void agent_init(struct agent *agent, struct world *world, uint32_t endpoint, int64_t skew_ms,
                uint64_t seed);
/* Checks that the client gives all of its memory back. */
void agent_clear(struct agent *agent);
/* The answer is the node's, or a STATUS with the library's own error: never NULL. What `request`
 * points to must live until then. */
void agent_ask(struct agent *agent, const struct message *request, enum partition_kind kind,
               const struct id *partition, caller_done done, void *context);
struct id agent_message_id(struct agent *agent, const struct id *sender);
uint64_t agent_unix_ms(struct agent *agent);

#endif
