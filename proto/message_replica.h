/*
 * What nodes ask of each other: the fragments of a partition, and the events of its users.
 * message.h says how to read the table, fields.h how to read the fields.
 */
#ifndef COLUMBA_PROTO_MESSAGE_REPLICA_H
#define COLUMBA_PROTO_MESSAGE_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/slice.h"

/* 32 bytes each: a quarter of a frame, more than a node has under way by default. */
#define OUTBOX_DONE_ENTRIES_MAX 8192u

#define REPLICA_MESSAGES(X)                                                                        \
    X(WRITE, 64, write, Write) /* -> WRITTEN */                                                    \
    X(WRITTEN, 65, written, Written)                                                               \
    X(READ, 66, read, Read) /* -> ROWS */                                                          \
    X(ROWS, 67, rows, Rows)                                                                        \
    X(FANOUT, 68, fanout, Fanout)               /* -> WRITTEN */                                   \
    X(OUTBOX_DONE, 69, outbox_done, OutboxDone) /* no answer */

/*
 * What happened, in users' logs and in outboxes: on the wire and on disk. What is not known is
 * carried along and shown in no inbox. Numbers that are to come: 6 membership, 7 settings,
 * 8 receipt, 9 handshake.
 */
enum happening {
    HAPPENED_MESSAGE = 1,
    /* The conversation is a channel for this user: its messages come without an event. In place of
     * a message's id stands the membership version of the act, twice. */
    HAPPENED_CHANNEL = 2,
    /* A message was changed: in place of its id stands that of the change, whose row says which
     * message and how. In outboxes of every change, in users' logs of all but deletions. */
    HAPPENED_CHANGE = 3,
    /* This message was deleted for everyone. */
    HAPPENED_DELETION = 4,
};

/* A fragment of one partition, for one replica. */
struct message_write {
    uint64_t topology_version;
    uint32_t partition_kind; /* ring/token.h */
    struct id partition;
    struct slice packed; /* node/store/row.h */
    /* A message that has to be fanned out: the replica notes it in its outbox. */
    bool has_outbox;
    uint32_t outbox_kind; /* enum happening */
    struct id outbox_message;
    struct id outbox_sender;
    /* What other replicas hold already: read repair. It is not judged by its age. */
    bool is_repair;
    /* Who coordinated it, and the place in that coordinator's log: stored by nobody yet. */
    struct id origin_host;
    uint64_t origin_incarnation;
    uint64_t origin_shard;
    uint64_t origin_offset;
};
#define WRITE_FIELDS(F)                                                                            \
    F(U64, topology_version)                                                                       \
    F(U32, partition_kind)                                                                         \
    F(ID, partition)                                                                               \
    F(BYTES, packed)                                                                               \
    F(BOOL, has_outbox)                                                                            \
    F(ID, outbox_message)                                                                          \
    F(ID, outbox_sender)                                                                           \
    F(BOOL, is_repair)                                                                             \
    F(ID, origin_host)                                                                             \
    F(U64, origin_incarnation)                                                                     \
    F(U64, origin_shard)                                                                           \
    F(U64, origin_offset)                                                                          \
    F(U32, outbox_kind)

/* Greater than every version: who needs to know loads the members anew. */
#define MEMBERSHIP_VERSION_UNREAD UINT64_MAX

struct message_written {
    enum columba_error error;
    struct slice text;
    /* Of a conversation, as this replica knows it; 0: it has none; MEMBERSHIP_VERSION_UNREAD: it
     * could not look. */
    uint64_t membership_version;
};
#define WRITTEN_FIELDS(F) F(ERROR, error) F(BYTES, text) F(U64, membership_version)

/* Flags of a replica read. */
enum {
    READ_DIGEST = 1,    /* answer with the digest instead of the rows */
    READ_BACKWARDS = 2, /* from the end of the range down */
    READ_FOLD = 4,      /* fold the user's log into the inbox first */
    /* Of TABLE_INBOX: not a range, but the rows that come first in order of activity
     * (node/store/activity.h); `begin` is empty or the place behind which they begin. */
    READ_BY_ACTIVITY = 8,
};

struct message_read {
    uint64_t topology_version;
    uint32_t partition_kind;
    struct id partition;
    uint32_t table;      /* from this table … */
    uint32_t table_last; /* … to this one, read as one range; 0: only `table` */
    struct slice begin;  /* clustering, inclusive; empty: from the start of `table` */
    struct slice end;    /* clustering in the last table, exclusive; empty: to its end */
    /* Of `table`, just the rows with these clusterings: [clustering sized]*, ascending; then no
     * bounds. Empty: the range. */
    struct slice keys;
    uint32_t limit_rows;
    uint32_t limit_bytes;
    uint32_t flags;
    uint64_t digest_key; /* the coordinator's choice: nobody can make rows of one digest ahead */
};
#define READ_FIELDS(F)                                                                             \
    F(U64, topology_version)                                                                       \
    F(U32, partition_kind)                                                                         \
    F(ID, partition)                                                                               \
    F(U32, table)                                                                                  \
    F(U32, table_last)                                                                             \
    F(BYTES, begin)                                                                                \
    F(BYTES, end)                                                                                  \
    F(U32, limit_rows)                                                                             \
    F(U32, limit_bytes)                                                                            \
    F(U32, flags)                                                                                  \
    F(BYTES, keys) F(U64, digest_key)

struct message_rows {
    enum columba_error error;
    struct slice text;
    struct slice packed; /* node/store/row.h; empty for a digest */
    struct slice digest; /* 16 bytes, for a digest */
    uint32_t row_count;
    bool more;
};
#define ROWS_FIELDS(F)                                                                             \
    F(ERROR, error)                                                                                \
    F(BYTES, text)                                                                                 \
    F(BYTES, packed)                                                                               \
    F(BYTES, digest)                                                                               \
    F(U32, row_count)                                                                              \
    F(BOOL, more)

struct message_fanout {
    uint64_t topology_version;
    struct id conversation;
    struct id message;
    struct id sender;
    uint32_t kind;          /* enum happening */
    const struct id *users; /* those of whom the receiver is a replica */
    uint32_t user_count;
};
#define FANOUT_FIELDS(F)                                                                           \
    F(U64, topology_version)                                                                       \
    F(ID, conversation)                                                                            \
    F(ID, message)                                                                                 \
    F(ID, sender)                                                                                  \
    F(IDS, users, user_count, FANOUT_MEMBERS_MAX, struct id)                                       \
    F(U32, kind)

struct message_outbox_entry {
    struct id conversation;
    struct id message;
};

struct message_outbox_done {
    const struct message_outbox_entry *entries;
    uint32_t entry_count;
};
#define OUTBOX_DONE_FIELDS(F)                                                                      \
    F(IDS, entries, entry_count, OUTBOX_DONE_ENTRIES_MAX, struct message_outbox_entry)

#endif
