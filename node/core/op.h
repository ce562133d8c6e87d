/*
 * Operations: one for each request under way, coordinated or served as a replica. They come from a
 * fixed table, so a node's work in flight is bounded, and are named by references that outlive
 * them: a late answer meets another generation or phase and is dropped.
 *
 *   free --op_begin--> running --op_phase_next--> running (answers to the phase before are late)
 *                        |--op_end--> free
 *
 * An operation owns an arena; what it keeps across steps lies there and dies with it.
 */
#ifndef COLUMBA_NODE_CORE_OP_H
#define COLUMBA_NODE_CORE_OP_H

#include "base/list.h"
#include "node/core/core.h"
#include "ring/consistency.h"
#include "ring/placement.h"

/* A page from each replica, their merge and the repairs. */
#define OP_ARENA_MAX_BYTES (16u * MIB)

struct core;
struct op;
struct recovery;

/* index 24 bits, generation 24 bits, phase 16 bits. 0 names nothing. */
typedef uint64_t op_ref;

/* Where an answer goes: a connection, or an operation of this node (its own replica). */
struct answer_to {
    op_ref op; /* 0: the connection */
    uint64_t connection;
    uint64_t request_id;
};

/* A write to every replica of one partition, answered at a level (write.c). */
struct coordinated_write {
    const struct replica_set *replicas;
    struct consistency_plan plan;
    uint16_t acked; /* bitmaps over the positions in `replicas` */
    uint16_t failed;
    uint64_t membership_version; /* the greatest that a replica told */
    enum columba_error replica_error;
    bool may_be_applied; /* a replica that failed does not know whether it stored it */
    void (*done)(struct core *core, struct op *op);
};

struct read_answer {
    bool present;
    bool is_digest;
    bool more;
    uint32_t row_count;
    struct slice packed;
    uint8_t digest[16];
};

/* A read from enough replicas, compared, merged and repaired (read.c). */
struct coordinated_read {
    const struct replica_set *replicas;
    struct consistency_plan plan;
    struct message_read query;
    uint16_t asked;
    uint16_t answered;
    uint16_t failed;
    uint16_t current; /* after the merge: those that have all of it */
    bool full;        /* the second round: whole rows from everybody */
    bool repairing;
    enum columba_error replica_error;
    struct read_answer answers[REPLICAS_MAX];
    struct list awaiting; /* in core.speculation, until one more replica was asked */
    uint64_t speculate_at_ms;
    /* The result, for `done`: views that live until the step's effects are drained. */
    struct slice packed;
    uint32_t row_count;
    bool more;
    void (*done)(struct core *core, struct op *op);
};

/* A message to the logs of its members (fanout.c). */
struct fanout {
    struct id conversation;
    struct id message;
    struct id sender;
    const struct id *users;
    const struct replica_set **replicas; /* of each user */
    uint16_t *acked;                     /* for each user, over the positions of its set */
    uint32_t user_count;
    uint32_t unmet;
    void (*done)(struct core *core, struct op *op, bool reached_all);
};

/* A read that this node serves as a replica (replica_read.c, fold.c). */
struct replica_read {
    struct message_read query;
    uint64_t token;
    struct answer_to to;
    uint32_t membership_writes; /* when the conversation's version was asked for */
};

enum deadline_class { DEADLINE_WRITE, DEADLINE_READ, DEADLINE_CLASSES };

struct op {
    uint32_t index;
    uint32_t generation;
    uint16_t phase;
    bool running;
    struct list link; /* free list, the deadline list of its class, or user_log.waiting */
    uint64_t deadline_ms;
    void (*timed_out)(struct core *core, struct op *op);
    void (*read_done)(struct core *core, struct op *op, const struct event *event);
    void (*committed)(struct core *core, struct op *op);

    uint64_t connection; /* the asker; 0: nobody waits */
    uint64_t request_id;
    struct arena arena;
    struct message_status status; /* how the last coordinated step went */

    /* What the request is about. */
    struct recovery *recovery; /* rows are read back for it (recovery.h) */
    struct id conversation;
    struct id message;
    struct id user;
    struct slice content;
    uint32_t consistency;
    uint64_t membership_version; /* at which the members were loaded */
    void (*admitted)(struct core *core, struct op *op);
    void (*after_admission)(struct core *core, struct op *op);
    bool any_user;
    bool load_confirms;   /* the conversation is read at the keyspace's level: a denial counts */
    bool member_confirms; /* the same, of a channel's member */
    bool is_retry;
    bool is_channel;
    uint32_t parts_left; /* operations begun on this one's behalf */
    bool parts_may_be_applied;
    op_ref parent;
    const void *request; /* a copy of the request's message, in the arena */

    struct coordinated_write write;
    struct coordinated_read read;
    struct fanout fanout;
    struct replica_read replica;
};

struct op_table {
    struct op *ops;
    uint32_t capacity;
    uint32_t running;
    uint32_t never_used; /* ops[never_used …] were never touched */
    struct list free;
    struct list deadlines[DEADLINE_CLASSES]; /* each in order: one duration a class */
};

int op_table_init(struct op_table *table, struct memory *memory, uint32_t capacity);
void op_table_clear(struct op_table *table, struct memory *memory);

/* NULL: the table is full. */
struct op *op_begin(struct core *core);
void op_end(struct core *core, struct op *op);
op_ref op_reference(const struct op *op);
/* Answers to what was asked before are late from here on. */
void op_phase_next(struct op *op);
/* NULL: ended, or in a later phase. */
struct op *op_find(struct core *core, op_ref reference);
/* (Re)starts the clock: `timed_out` is called when the class's duration has passed. */
void op_deadline_set(struct core *core, struct op *op, enum deadline_class class,
                     void (*timed_out)(struct core *core, struct op *op));
void op_deadline_clear(struct op *op);
void op_deadlines_run(struct core *core);

/* Copies into the operation's arena; false: no memory. */
bool op_keep(struct op *op, struct slice bytes, struct slice *out_kept);

#endif
