/*
 * Sessions: the devices that listen on this node for what comes for their user. A session is where
 * a device was when it was answered last, and the few events that have come since; what it sends
 * with its next question says how far it really got. A device that is slow, or gone, costs this
 * much and no more: what finds no place in the queue is read from the log.
 *
 *   absent --a question--> asking --answered--> idle --a question--> asking
 *                            |--nothing there--> parked --an event, or time--> asking
 *   idle for too long, or ended by its device: absent
 *
 * One session a device: a later one takes the place of an earlier one, here and (as its reads of
 * the log come by) on the user's other replicas.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_SESSION_H
#define COLUMBA_NODE_CORE_REPLICA_SESSION_H

#include "base/list.h"
#include "node/core/machine/op.h"

/* Events that wait in memory for a device that is between two questions. */
#define SESSION_QUEUE_MAX 6u
/* Handed out lately: another replica has them as well. */
#define SESSION_RECENT_MAX 16u
/* A question without an answer is answered with nothing after this; and as often what other
 * replicas have is compared. */
#define SESSION_WAIT_MS 15000u
/* One that asks nothing for this long is forgotten; its device comes with its own positions. */
#define SESSION_IDLE_MS 60000u
/* How often a device's positions are stored, at most. */
#define SESSION_STORE_MS 10000u
#define SESSION_BUCKETS 4096u

struct session_position {
    uint64_t incarnation; /* 0: nothing is known of the log */
    uint64_t sequence;
    uint32_t skip;
};

struct session_event {
    struct id conversation;
    struct id message;
    uint64_t batch; /* brings it to the disk */
    uint8_t kind;   /* enum happening */
    bool is_own;
};

struct session {
    struct id user;
    struct id device;
    uint64_t number; /* the device's; the later one is the greater one */
    struct session *next;
    struct list in_order; /* sessions.parked by time, or sessions.idle by time, or none */
    struct list waiting;  /* sessions.waiting: events have come that are not durable yet */
    uint64_t at_ms;       /* parked or idle since */
    uint64_t connection;  /* parked: whom to answer; 0: not parked */
    uint64_t request_id;
    uint64_t compared_ms;
    uint64_t stored_ms;
    op_ref asking;    /* the operation that works for it; 0: none */
    uint16_t unread;  /* replicas whose log is to be read, a bitmap over the positions */
    uint16_t covered; /* replicas whose log was read to its end since the session began */
    uint16_t limit;
    uint8_t queue_count;
    uint8_t recent_next;
    bool is_complete; /* a quorum was covered, and the device was told */
    bool must_store;  /* a device that was not known */
    struct session_event queue[SESSION_QUEUE_MAX];
    uint64_t recent[SESSION_RECENT_MAX]; /* hashes */
    uint8_t position_count;              /* the user's replicas */
    struct session_position positions[];
};

_Static_assert(sizeof(struct session) + 5 * sizeof(struct session_position) < 1024,
               "an idle session costs less than 1 KiB");

struct sessions {
    struct session **buckets; /* by the user; NULL: nobody ever listened */
    uint32_t count;
    struct list parked;
    struct list idle;
    struct list waiting;
    uint64_t closed_sequence;  /* of users' logs, as the newest batch was closed … */
    uint64_t closed_batch;     /* … that one */
    uint64_t durable_sequence; /* of the newest batch that is durable */
};

void sessions_init(struct sessions *sessions);
void sessions_clear(struct sessions *sessions, struct memory *memory);

struct session *session_find(const struct sessions *sessions, const struct id *user,
                             const struct id *device);
/* NULL: too many, or no memory. It asks nothing yet. */
struct session *session_create(struct core *core, const struct id *user, const struct id *device,
                               uint8_t position_count);
void session_remove(struct core *core, struct session *session);
/* A device's session has come by: an earlier one that is here ends. False: a later one is here. */
bool session_meets(struct core *core, const struct id *user, const struct id *device,
                   uint64_t number);
/* Whoever is parked is answered with this. */
void session_unpark(struct core *core, struct session *session, enum columba_error error);

/* An event was put into the user's log, and there are sessions. */
void sessions_note_event(struct core *core, const struct id *user,
                         const struct session_event *event);
/* The batch is closed; and it is durable. */
void sessions_batch_closed(struct core *core);
void sessions_batch_durable(struct core *core, uint64_t batch);
/* Durable events at the front of the queue. */
uint8_t session_durable_events(const struct core *core, const struct session *session);

#endif
