/*
 * Devices that are told what comes for their users, and the logs that it is read from.
 * message.h says how to read the table, fields.h how to read the fields.
 */
#ifndef COLUMBA_PROTO_MESSAGE_SYNC_H
#define COLUMBA_PROTO_MESSAGE_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/slice.h"

/* A cursor names the user's replicas, and some that were. */
#define POSITIONS_MAX 64u
#define SYNC_EVENTS_MAX 256u

#define SYNC_MESSAGES(X)                                                                           \
    X(SYNC, 48, sync, Sync) /* -> SYNC_EVENTS */                                                   \
    X(SYNC_EVENTS, 49, sync_events, SyncEvents)                                                    \
    X(LOG_READ, 70, log_read, LogRead) /* -> LOG */                                                \
    X(LOG, 71, log, Log)

/*
 * How far a device has got in one replica's log of its user: everything up to `sequence`, and of
 * the log's next row so many events. The incarnation names the log for ever; 0 with the highest
 * sequence is the log's end when it is first met.
 */
struct message_position {
    struct id host;
    uint64_t incarnation;
    uint64_t sequence;
    uint32_t skip;
};
#define POSITION_FIELDS(F) F(ID, host) F(U64, incarnation) F(U64, sequence) F(U32, skip)

/*
 * A device asks for what comes next; answered when there is something, or after a while with
 * nothing. The positions it sends are what it has stored: they confirm, and what follows them is
 * asked for. A later session of the same device takes the place of an earlier one.
 */
struct message_sync {
    struct id user;
    struct id device;
    uint64_t session; /* the later one is the greater one */
    bool has_cursor;  /* false: go on where the nodes know the device to be, or at the end */
    const struct message_position *positions;
    uint32_t position_count;
    uint32_t limit;  /* events; 0: SYNC_EVENTS_MAX */
    bool is_last;    /* the positions are stored, and the session ends */
    bool has_waited; /* answer at once, even with nothing */
};
#define SYNC_FIELDS(F)                                                                             \
    F(ID, user)                                                                                    \
    F(ID, device)                                                                                  \
    F(U64, session)                                                                                \
    F(BOOL, has_cursor)                                                                            \
    F(ROWS, positions, position_count, POSITIONS_MAX, position, Position)                          \
    F(U32, limit) F(BOOL, is_last) F(BOOL, has_waited)

struct message_sync_event {
    uint32_t kind; /* enum happening */
    bool is_own;   /* sent by the user */
    struct id conversation;
    struct id message;
    /* The message as in HISTORY; neither content nor deleted: not here, to be read. */
    struct slice content;
    struct slice edited;
    uint64_t edit_number;
    bool is_deleted;
    struct slice deleted_sender;
};
#define SYNC_EVENT_FIELDS(F)                                                                       \
    F(U32, kind)                                                                                   \
    F(BOOL, is_own)                                                                                \
    F(ID, conversation)                                                                            \
    F(ID, message)                                                                                 \
    F(BYTES, content)                                                                              \
    F(BYTES, edited)                                                                               \
    F(U64, edit_number)                                                                            \
    F(BOOL, is_deleted)                                                                            \
    F(BYTES, deleted_sender)

struct message_sync_events {
    const struct message_position *positions; /* with these events; all that are known */
    uint32_t position_count;
    const struct message_sync_event *events;
    uint32_t event_count;
    bool is_complete; /* everything that a quorum had when the session began was handed out */
};
#define SYNC_EVENTS_FIELDS(F)                                                                      \
    F(ROWS, positions, position_count, POSITIONS_MAX, position, Position)                          \
    F(ROWS, events, event_count, SYNC_EVENTS_MAX, sync_event, SyncEvent) F(BOOL, is_complete)

/* A replica's log of a user, behind a sequence: what was not folded yet is folded first. */
struct message_log_read {
    uint64_t topology_version;
    struct id user;
    struct id device; /* who reads: a later session of the device refuses an earlier one */
    uint64_t session;
    uint64_t incarnation; /* of `after`; if it is another log now, it is read from its start */
    uint64_t after;
    bool only_end; /* no rows */
};
#define LOG_READ_FIELDS(F)                                                                         \
    F(U64, topology_version)                                                                       \
    F(ID, user) F(ID, device) F(U64, session) F(U64, incarnation) F(U64, after) F(BOOL, only_end)

struct message_log {
    enum columba_error error;
    struct slice text;
    uint64_t incarnation;
    uint64_t up_to; /* nothing is missing up to this sequence */
    bool more;
    struct slice packed; /* node/core/replica/log_rows.h */
};
#define LOG_FIELDS(F)                                                                              \
    F(ERROR, error) F(BYTES, text) F(U64, incarnation) F(U64, up_to) F(BOOL, more) F(BYTES, packed)

/* What stands inside messages. */
#define SYNC_ROWS(X) X(Position, POSITION, position) X(SyncEvent, SYNC_EVENT, sync_event)

#endif
