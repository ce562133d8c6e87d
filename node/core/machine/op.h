/*
 * Operations: one for each request under way, coordinated or served as a replica. They come from a
 * fixed table, so a node's work in flight is bounded, and are named by references that outlive
 * them: a late answer meets another generation or phase and is dropped.
 *
 *   free --op_begin--> running --op_phase_next--> running (answers to the phase before are late)
 *                        |--op_end--> ended --when the step's effects are taken--> free
 *
 * An operation owns an arena; what it keeps across steps lies there and dies with it. Here are only
 * the fields of the machine: what a request is about is in a struct of the request's own file, and
 * a stage (a coordinated read, write, fan-out, an admission) in one of the stage's, all of them in
 * the arena. An operation begins with all of them NULL.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_OP_H
#define COLUMBA_NODE_CORE_MACHINE_OP_H

#include "base/list.h"
#include "base/memory_budget.h"
#include "node/core/core.h"
#include "ring/consistency.h"

/* A page from each replica, their merge and the repairs; when bodies differ, several times. All
 * operations together have a budget of their own. */
#define OP_ARENA_MAX_BYTES (64u * MIB)

struct core;
struct op;
struct coordinated_write;
struct coordinated_read;
struct activity_read;
struct fanout;
struct admission;
struct members_load;

/* index 24 bits, generation 24 bits, phase 16 bits. 0 names nothing. */
typedef uint64_t op_ref;

typedef void op_next(struct core *core, struct op *op);
/* `message` lives until the step's effects are taken. */
typedef void op_answered(struct core *core, struct op *op, uint16_t node,
                         const struct message *message);

/* Where an answer goes: a connection, or an operation of this node (its own replica). */
struct answer_to {
    op_ref op; /* 0: the connection */
    uint64_t connection;
    uint64_t request_id;
};

enum deadline_class { DEADLINE_WRITE, DEADLINE_READ, DEADLINE_CLASSES };

enum op_state { OP_FREE, OP_RUNNING, OP_ENDED };

struct op {
    uint32_t index;
    uint32_t generation;
    uint16_t phase;
    uint8_t state;    /* enum op_state */
    struct list link; /* free list, the deadline list of its class, or user_log.waiting */
    uint64_t deadline_ms;
    op_next *timed_out;
    op_answered *answered; /* a peer, or this node's own replica */
    void (*read_done)(struct core *core, struct op *op, const struct event *event);
    op_next *committed; /* op->status.error says how */

    uint64_t connection; /* the asker; 0: nobody waits */
    uint64_t request_id;
    uint32_t consistency;         /* as asked for; 0: the keyspace's */
    struct message_status status; /* how the last stage went */
    struct arena arena;

    void *request; /* of the request's own file */
    struct admission *admission;
    struct members_load *load;
    struct coordinated_read *read;
    struct activity_read *activity;
    struct coordinated_write *write;
    struct fanout *fanout;
};

/* What an operation costs beside its arena: a node has a table of them. */
_Static_assert(sizeof(struct op) < 400, "an operation is small");

struct op_table {
    struct op *ops;
    uint32_t capacity;
    uint32_t running;
    uint32_t never_used; /* ops[never_used …] were never touched */
    struct list free;
    struct list ended;                       /* their arenas may still be pointed to by effects */
    struct list deadlines[DEADLINE_CLASSES]; /* each in order: one duration a class */
    uint32_t durations_ms[DEADLINE_CLASSES];
    struct memory *memory;
    struct memory_budget arenas; /* theirs */
};

int op_table_init(struct op_table *table, struct memory *memory, const struct core_config *config);
void op_table_clear(struct op_table *table);
/* No effect points into the arenas of ended operations any more. */
void op_table_recycle(struct op_table *table);
/* When the first deadline is due; UINT64_MAX: none. */
uint64_t op_table_next_due_ms(const struct op_table *table);

/* NULL: the table is full, or memory for what operations hold is short. */
struct op *op_begin(struct core *core);
/* For a client's request: the last quarter is kept for what replicas have to do, so that requests
 * under way can be finished. */
struct op *op_begin_coordinated(struct core *core);
void op_end(struct core *core, struct op *op);
op_ref op_reference(const struct op *op);
/* Answers to what was asked before are late from here on. */
void op_phase_next(struct op *op);
/* NULL: ended, or in a later phase. */
struct op *op_find(struct core *core, op_ref reference);
/* (Re)starts the clock: `timed_out` is called when the class's duration has passed. */
void op_deadline_set(struct core *core, struct op *op, enum deadline_class class,
                     op_next *timed_out);
void op_deadline_clear(struct op *op);
void op_deadlines_run(struct core *core);

/* Zeroed, from the operation's arena; NULL: no memory. */
void *op_allocate(struct op *op, size_t size);
/* Copies into the operation's arena; false: no memory. */
bool op_keep(struct op *op, struct slice bytes, struct slice *out_kept);

#endif
