/*
 * What a core holds. Only the files of this folder see inside.
 */
#ifndef COLUMBA_NODE_CORE_STATE_H
#define COLUMBA_NODE_CORE_STATE_H

#include "base/hlc.h"
#include "base/limits.h"
#include "node/core/coordinator/members_cache.h"
#include "node/core/core.h"
#include "node/core/machine/batch.h"
#include "node/core/machine/cluster.h"
#include "node/core/machine/effects.h"
#include "node/core/machine/latch.h"
#include "node/core/machine/mail.h"
#include "node/core/machine/op.h"
#include "node/core/replica/outbox.h"
#include "node/core/replica/recent.h"
#include "node/core/replica/session.h"
#include "node/core/replica/user_log.h"
#include "node/core/replica/version_cache.h"

/* Says how wrong this node's clock is; more is cut. */
#define CLOCK_TEXT_BYTES 192u

enum node_mode {
    NODE_SERVING,
    NODE_FAILED, /* a commit failed: nothing is durable any more, for good */
};

struct core {
    struct memory *memory;
    struct core_config config;
    uint8_t mode; /* enum node_mode */
    uint64_t now_ms;
    uint64_t unix_ms;
    struct hlc hlc;
    bool clock_is_wrong; /* machine/clock.h */
    char clock_text[CLOCK_TEXT_BYTES];
    bool disk_is_full; /* EVENT_DISK */
    /* the machine */
    struct effects effects;
    struct mail mail;
    struct op_table ops;
    struct batch batch;
    struct cluster cluster;
    struct latches latches;
    /* the replica */
    struct recent recent;
    struct outbox outbox;
    struct user_log user_log;
    struct version_cache versions;
    struct sessions sessions;
    uint64_t membership_writes; /* changes of membership gathered so far */
    /* the coordinator */
    struct list speculation; /* reads that may ask one more replica, soonest first */
    struct members_cache members;
    uint32_t takeovers;   /* under way */
    uint64_t digest_keys; /* made so far */

    struct core_counters counters;
};

#endif
