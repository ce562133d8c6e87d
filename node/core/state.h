/*
 * What a core holds. Only the files of this folder see inside.
 */
#ifndef COLUMBA_NODE_CORE_STATE_H
#define COLUMBA_NODE_CORE_STATE_H

#include "base/hlc.h"
#include "base/limits.h"
#include "node/core/conversation_cache.h"
#include "node/core/core.h"
#include "node/core/effects.h"
#include "node/core/op.h"
#include "node/core/outbox.h"
#include "node/core/user_log.h"
#include "node/core/version_cache.h"
#include "node/core/waiters.h"
#include "ring/token.h"

struct peer_state {
    bool alive;
    bool connected;
    /* Fan-outs that are done, to be told to this peer at the end of the turn. */
    struct message_outbox_entry *done;
    uint32_t done_count;
};

/* Told in one message; more go in the next one. */
#define PEER_DONE_MAX 512u

/* Says how wrong this node's clock is; more is cut. */
#define CLOCK_TEXT_BYTES 192u

struct core {
    struct memory *memory;
    struct core_config config;
    const struct topology *topology;
    uint64_t now_ms;
    uint64_t unix_ms;
    struct hlc hlc;
    struct effects effects;
    struct op_table ops;
    struct list ops_ended;   /* their arenas may still be pointed to by effects */
    struct list speculation; /* reads that may ask one more replica, soonest first */
    struct peer_state *peers;
    uint32_t peers_with_done;
    struct waiters waiters;
    struct outbox outbox;
    struct user_log user_log;
    struct conversation_cache conversations;
    struct version_cache versions;
    uint64_t membership_writes; /* changes of membership gathered so far, as a replica */
    uint64_t open_batch;        /* the number the open batch will have */
    uint64_t durable_batch;     /* committed, and all before it */
    bool batch_has_writes;
    bool clock_is_wrong; /* clock.h */
    char clock_text[CLOCK_TEXT_BYTES];
    bool failed; /* a commit failed: nothing is durable any more */
    struct core_counters counters;
};

/* Answers a client's or peer's request with a status. `text` may be NULL. */
void core_reply_status(struct core *core, uint64_t connection, uint64_t request_id,
                       const struct message_status *status);
void core_refuse(struct core *core, uint64_t connection, uint64_t request_id,
                 enum columba_error error, const char *text);
/* To the asker of the operation, once; then nobody waits for it any more. */
void op_reply_status(struct core *core, struct op *op);
/* The same, and the operation is over. */
void op_finish(struct core *core, struct op *op);
void op_refuse(struct core *core, struct op *op, enum columba_error error, const char *text);
void op_reply(struct core *core, struct op *op, const struct message *message);

/* Positions in the set whose node is alive, and can be reached. */
uint16_t replicas_alive(const struct core *core, const struct replica_set *set);
/* Effects into the open batch. */
bool core_write(struct core *core, enum effect_type type, struct slice key, struct slice value);

#endif
