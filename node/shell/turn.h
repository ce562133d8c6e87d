/*
 * The turn: what happens between two waits of the loop. Callbacks begin it (turn_begin), give the
 * core events and have its effects carried out (turn_event); once all callbacks have run, the turn
 * ends: what was gathered for peers leaves the core, the batch of all writes goes to the commit
 * thread, each connection's output leaves in one write, and the core's timer is set.
 *
 * Reads that memory can serve are made at once, between two steps of the core; others go to the
 * reader pool. A request that cannot leave for another node is answered in its place, at once.
 * Nothing here blocks, but for the rest that a busy node takes between two turns so that each has
 * more to do (pace.h).
 */
#ifndef COLUMBA_NODE_SHELL_TURN_H
#define COLUMBA_NODE_SHELL_TURN_H

#include <stdbool.h>
#include <uv.h>

#include "node/core/core.h"
#include "node/shell/pace.h"

/* Room for the results of reads from memory that the core has not seen yet; beyond it a read goes
 * to the pool. Only pages that are used cost anything. */
#define TURN_SCRATCH_BYTES (8u * MIB)
#define TURN_OUTCOMES_FIRST 64u

struct node;

/* What came of an effect at once, and waits until the core has been left. */
struct turn_outcome {
    enum { OUTCOME_READ, OUTCOME_UNSENT } type;
    uint64_t id; /* of the read, or of the request to a node */
    uint16_t node;
    enum columba_error error;
    struct scan_result scan;
};

/* Those above: the turn calls them, and knows nothing of them. */
struct turn_table {
    void (*reply)(struct node *node, uint64_t request_id, const struct message *message);
    /* ERR_UNAVAILABLE, ERR_OVERLOADED: it was not sent, and the core is told so. */
    enum columba_error (*send)(struct node *node, uint16_t index, uint64_t request_id,
                               const struct message *message);
    /* Time has moved on. */
    void (*begun)(struct node *node);
    /* Does what is due, so that a busy loop cannot starve it. */
    void (*before_end)(struct node *node);
    /* Reads again what was kept, where there is room by now. */
    void (*resume)(struct node *node);
    void (*commit_failed)(struct node *node, enum columba_error error);
};

struct turn {
    const struct turn_table *table;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t tick;
    uv_timer_t hand; /* a batch waits for its time */
    uv_async_t committed;
    uv_async_t read_done;
    uint64_t tick_due_ms; /* when `tick` is set to; UINT64_MAX: it is not */
    uint64_t now_ns;
    uint64_t unix_ms;
    struct pace pace;
    uint64_t rested_ns; /* when the last rest ended */
    uint8_t *scratch;
    size_t scratch_used;
    struct turn_outcome *outcomes; /* first in, first out */
    unsigned outcome_taken;
    unsigned outcome_count;
    unsigned outcome_capacity;
    bool has_work;
};

enum columba_error turn_init(struct node *node, const struct turn_table *table);
/* Closes the handles; turn_clear once the loop has let go of them. */
void turn_close(struct node *node);
void turn_clear(struct node *node);

/* Time moves on; the turn has work. First thing in every callback. */
void turn_begin(struct node *node);
/* One event into the core, its effects carried out. Not from within an effect. */
void turn_event(struct node *node, const struct event *event);
void turn_end(struct node *node);

#endif
