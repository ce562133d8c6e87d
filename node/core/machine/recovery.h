/*
 * Reading back, after a start, the replica-local rows that earlier starts left under growing
 * sequences: the outbox and the arrivals of users' logs. Page by page, in order; what finds no room
 * or cannot be read is left for a later try.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_RECOVERY_H
#define COLUMBA_NODE_CORE_MACHINE_RECOVERY_H

#include <stdbool.h>

#include "base/slice.h"
#include "node/store/schema.h"

/* The start counter is in a sequence's high bits, a count in this many low ones. */
#define SEQUENCE_COUNT_BITS 40

struct core;

struct recovery_kind {
    enum local_table table;
    /* Takes a row in. False: no room. */
    bool (*row)(struct core *core, uint64_t sequence, struct slice value);
    /* A try has ended, whole or not; may be NULL. */
    void (*ended)(struct core *core);
};

struct recovery {
    const struct recovery_kind *kind;
    uint64_t from;   /* rows from here on are not read back; UINT64_MAX: all are */
    bool is_reading; /* a try is under way */
};

/* Begins a try, unless one is under way or nothing is left. */
void recovery_try(struct core *core, struct recovery *recovery, const struct recovery_kind *kind);

static inline bool recovery_is_whole(const struct recovery *recovery)
{
    return recovery->from == UINT64_MAX;
}

#endif
