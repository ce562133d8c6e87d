/*
 * A coordinated read: whole rows from one replica, digests from the others the level needs. Where
 * they differ, whole rows from all of them are merged, and those that were behind are written
 * back to before `done`, so that no later read at the level can go behind this one.
 *
 *   ASKING --all alike--> DONE
 *      |---they differ--> ASKING_IN_FULL --merged--> REPAIRING --enough have it--> DONE
 *                              ^----------------------- | a replica is slow or refuses, or bodies
 *                                                         of one id differ (settle.h)
 *
 * In every state a replica that is silent for speculative_read_ms is raced by another one, which
 * sends whole rows; one that refuses is replaced at once. `done` is called once with op->status; on
 * OK the result is in op->read: packed, row_count and more (the page may be shorter than the limit
 * with `more` set: a replica's own page ended there). The result's bytes live until the step's
 * effects are taken.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_READ_H
#define COLUMBA_NODE_CORE_COORDINATOR_READ_H

#include "node/core/machine/op.h"
#include "node/core/machine/partition.h"

/* Bodies under one id that differ are settled in a round or two; more are somebody who goes on. */
#define READ_ROUNDS_MAX 4u
/* A flag of a query, not sent to replicas: a message of which it cannot be known now which body
 * stays is a row with an empty content (no stored row has one). Without it such a read is
 * UNAVAILABLE. */
#define READ_SHOWS_UNDECIDED (UINT32_C(1) << 31)

enum read_state { READ_ASKING, READ_ASKING_IN_FULL, READ_REPAIRING, READ_DONE };

struct read_answer {
    bool present;
    bool is_digest;
    bool more;
    uint32_t row_count;
    struct slice packed;
    uint8_t digest[16];
};

/* Bit i of a bitmap stands for the partition's i-th replica. */
struct coordinated_read {
    struct op *op;
    struct partition partition;
    struct consistency_plan plan;
    struct message_read query;
    uint8_t state; /* enum read_state */
    uint16_t asked;
    uint16_t awaited;  /* of them, not answered yet */
    uint16_t digests;  /* asked for a digest */
    uint16_t repaired; /* asked to take what they lack */
    uint16_t answered;
    uint16_t failed;
    bool ballots;         /* what was sent to be repaired are votes: then all are read again */
    uint8_t rounds;       /* how often all were read again */
    bool is_last_round;   /* what cannot be decided now is shown as undecided */
    uint16_t current;     /* after the merge: those that have all of it, or have voted */
    struct list awaiting; /* in core.speculation, until one more replica was asked */
    uint64_t speculate_at_ms;
    op_next *done;
    bool shows_undecided;
    bool differs; /* BY_ACTIVITY: the pages are not alike; there is no result but these */
    /* The result. */
    struct slice packed;
    uint32_t row_count;
    bool more;
    struct read_answer answers[]; /* one for each replica */
};

/* The query says which rows of the partition; its slices are copied. Of the flags, BACKWARDS,
 * FOLD and SHOWS_UNDECIDED, and BY_ACTIVITY, whose pages are not merged: a row that one of them
 * lacks may have a place outside of it (coordinator/read_activity.h). */
void read_start(struct core *core, struct op *op, const struct partition *partition,
                const struct message_read *query, enum consistency level, op_next *done);
/* Asks one more replica where one was silent too long. */
void read_speculate(struct core *core);
/* When the next one is; UINT64_MAX: never. */
uint64_t read_next_due_ms(const struct core *core);

#endif
