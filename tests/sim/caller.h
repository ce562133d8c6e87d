/*
 * A bare client: asks the host it is told to ask, with the real frames, and keeps no promise of its
 * own: no routing, no retries. What the client library would never do (retry through the worst
 * node, ask for what is not allowed) is done with this one.
 *
 * A call ends exactly once: with the node's answer, or without one (the connection was lost, or
 * the time was up) and then what became of it is unknown. It may end while caller_call runs never;
 * always later.
 */
#ifndef COLUMBA_SIM_CALLER_H
#define COLUMBA_SIM_CALLER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/hlc.h"
#include "base/list.h"
#include "proto/message.h"
#include "tests/sim/random.h"
#include "tests/sim/world.h"

/* `answer` is NULL if none came; valid during the callback. */
typedef void (*caller_done)(void *context, const struct message *answer);

struct caller_line {
    uint64_t connection; /* 0: none */
    bool is_ready;
};

struct caller {
    struct world *world;
    uint32_t endpoint;
    struct hlc clock;
    int64_t skew_ms;
    uint64_t next_request_id;
    struct list calls;
    struct arena arena;
    struct random random;
    struct caller_line lines[HOSTS_MAX];
};

void caller_init(struct caller *caller, struct world *world, uint32_t endpoint, int64_t skew_ms);
void caller_clear(struct caller *caller);
void caller_call(struct caller *caller, uint16_t host, const struct message *request,
                 uint64_t timeout_us, caller_done done, void *context);
/* The caller's wall clock, which follows the servers'. */
uint64_t caller_unix_ms(struct caller *caller);

#endif
