/*
 * What a device has not got yet: from the session's queue what came a moment ago, else from the
 * logs of its user's replicas, one after the other, each from where the device got to.
 *
 *   positions known --a log is unread--> READING --nothing new--> (the next one)
 *         |                                |--events--> their bodies are read --> answered
 *         |--events in the queue------------------------------^
 *         |--a quorum is covered for the first time--> answered: complete
 *         |--nothing--> parked, until something comes or its time is over
 *
 * The session is known here before any log is read, so what comes meanwhile is in its queue:
 * nothing falls between the two. Other replicas are read again every SESSION_WAIT_MS: an event that
 * did not reach this one is found there.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_SYNC_H
#define COLUMBA_NODE_CORE_COORDINATOR_SYNC_H

#include "node/core/machine/op.h"
#include "node/core/replica/session.h"

struct sync_item {
    struct session_event event;
    struct message_history_row row; /* of a message or its deletion */
    bool is_loaded;
    /* Where the device is once it has all before this one: of a log. */
    struct session_position before;
};

struct sync {
    struct id user;
    struct id device;
    uint64_t number;
    bool must_answer; /* its time is over */
    uint16_t failed;  /* replicas whose log could not be read */
    uint8_t reading;  /* whose log is being read, or was: a position */
    struct message_log_read query;
    struct sync_item *items;
    uint32_t item_count;
    uint32_t wanted; /* items [0, wanted) have what they need */
    size_t content_bytes;
    struct session_position after; /* where the device is when it has all items */
    op_next *content_done;
    op_next *stored;
};

/* op->request is a struct sync, and the session is there. */
void sync_begin(struct core *core, struct op *op, const struct message_sync *request);
/* A batch is durable: those who wait for its events are answered. */
void sync_go_on(struct core *core);
void sync_tick(struct core *core);
/* When a parked session's time is over; UINT64_MAX: none is. */
uint64_t sync_next_due_ms(const struct core *core);

/* The bodies of the items, as many as an answer takes; then content_done with op->status. */
void sync_content_load(struct core *core, struct op *op, op_next *done);
/* The device's positions, from its row; done with op->status, and the session has them. */
void sync_positions_load(struct core *core, struct op *op, op_next *done);
/* Into its row; done with op->status. */
void sync_positions_store(struct core *core, struct op *op, const struct session *session,
                          op_next *done);

#endif
