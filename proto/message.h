/*
 * What travels between programs, as plain C structs: the core and the client see these, the codec
 * (codec.h) turns them into protobuf and back. Slices and arrays are views: into the frame's bytes
 * and the decoding arena on the way in, into the sender's memory on the way out.
 *
 * Every frame also carries the sender's hybrid clock (frame.h), which the receiver follows.
 */
#ifndef COLUMBA_PROTO_MESSAGE_H
#define COLUMBA_PROTO_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/slice.h"

#define PROTOCOL_VERSION_MIN 3u
#define PROTOCOL_VERSION_MAX 3u

/* X(NAME, number, member of the union). Numbers are on the wire. Requests below 64 come from
 * clients, from 64 on from nodes. The answer to any request may be STATUS; a STATUS with
 * ERR_OK is the answer of requests that return nothing else. */
#define MESSAGE_TYPES(X)                                                                           \
    X(HELLO, 1, hello)                                                                             \
    X(WELCOME, 2, welcome)                                                                         \
    X(STATUS, 3, status)                                                                           \
    X(PING, 4, ping)                                                                               \
    X(SEND, 16, send)                               /* -> STATUS */                                \
    X(CONVERSATION_CREATE, 17, conversation_create) /* -> STATUS */                                \
    X(CONVERSATION_GET, 18, conversation_get)       /* -> CONVERSATION */                          \
    X(CONVERSATION, 19, conversation)                                                              \
    X(MEMBERS_READ, 20, members_read) /* -> MEMBERS */                                             \
    X(MEMBERS, 21, members)                                                                        \
    X(HISTORY_READ, 22, history_read) /* -> HISTORY */                                             \
    X(HISTORY, 23, history)                                                                        \
    X(INBOX_READ, 24, inbox_read) /* -> INBOX */                                                   \
    X(INBOX, 25, inbox)                                                                            \
    X(MARK_READ, 26, mark_read)           /* -> STATUS */                                          \
    X(HISTORY_IMPORT, 27, history_import) /* -> STATUS */                                          \
    X(INBOX_IMPORT, 28, inbox_import)     /* -> STATUS */                                          \
    X(ADMIN, 40, admin)                   /* -> ADMIN_REPLY */                                     \
    X(ADMIN_REPLY, 41, admin_reply)                                                                \
    X(WRITE, 64, write) /* -> WRITTEN */                                                           \
    X(WRITTEN, 65, written)                                                                        \
    X(READ, 66, read) /* -> ROWS */                                                                \
    X(ROWS, 67, rows)                                                                              \
    X(FANOUT, 68, fanout)           /* -> WRITTEN */                                               \
    X(OUTBOX_DONE, 69, outbox_done) /* no answer */

enum message_type {
#define X(name, number, member) MESSAGE_##name = (number),
    MESSAGE_TYPES(X)
#undef X
};

/* An administrator has a place where clients have none left; it may ask ADMIN and PING only. */
enum peer_role { ROLE_CLIENT = 1, ROLE_NODE = 2, ROLE_ADMINISTRATOR = 3 };

/* The first frame on a connection, both ways a version is agreed before anything else. */
struct message_hello {
    uint32_t protocol_min;
    uint32_t protocol_max;
    uint32_t role;             /* enum peer_role */
    struct slice cluster_name; /* empty from a client that takes any */
    struct id host_id;         /* nodes only */
    struct slice software;     /* "columba 0.1.0" */
    uint64_t features;         /* bits; none defined yet */
    struct id directory_id;    /* nodes only: whose data it has (node/store/data_identity.h) */
    bool accepts_loss; /* nodes only: that directory was put in another's place on purpose */
};

struct message_node {
    struct id host_id;
    struct slice name;
    struct slice address; /* literal */
    uint32_t port;
    struct slice datacenter;
    struct slice rack;
    const uint64_t *tokens;
    uint32_t token_count;
};

struct message_factor {
    struct slice datacenter;
    uint32_t factor;
};

struct message_welcome {
    uint32_t protocol;
    struct id host_id;
    struct slice cluster_name;
    struct slice software;
    uint64_t features;
    uint64_t unix_ms;
    uint64_t topology_version;
    const struct message_node *nodes;
    uint32_t node_count;
    struct slice keyspace;
    const struct message_factor *factors;
    uint32_t factor_count;
    uint32_t read_consistency;
    uint32_t write_consistency;
    uint32_t fanout_members_max;
    struct id directory_id; /* as in HELLO */
    bool accepts_loss;
};

struct message_status {
    enum columba_error error;
    struct slice text;  /* what happened, to which thing, what to do now; may be empty */
    uint32_t needed;    /* replicas the level needs; 0: does not apply */
    uint32_t received;  /* replicas that answered, or are alive for ERR_UNAVAILABLE */
    uint32_t differing; /* of an import: messages that differ from what is stored, and were kept */
    bool outcome_unknown; /* with TIMEOUT and the like: some replicas may have applied it */
};

struct message_ping {
    uint64_t token; /* comes back in the answer, which is a PING too */
    bool answer;
};

struct message_send {
    struct id conversation;
    struct id message;
    struct slice content; /* proto/content.h */
    uint32_t consistency; /* 0: the keyspace's */
};

struct message_member {
    struct slice name;
};

struct message_conversation_create {
    struct slice name;
    uint32_t kind;          /* 0: by the number of members */
    uint64_t created_at_ms; /* 0: now */
    const struct message_member *members;
    uint32_t member_count;
    uint32_t consistency;
};

struct message_conversation_get {
    struct id conversation;
    uint32_t consistency;
};

struct message_conversation {
    struct id conversation;
    struct slice name;
    uint32_t kind;
    uint64_t created_at_ms;
    uint64_t membership_version;
    bool is_channel; /* more members than are fanned out to */
};

struct message_members_read {
    struct id conversation;
    struct id after; /* user id; zero: from the start */
    uint32_t limit;  /* 0: PAGE_MAX_ROWS */
    uint32_t consistency;
};

struct message_member_row {
    struct id user;
    struct slice name;
    struct id delivered_up_to; /* zero: nothing yet */
    struct id read_up_to;
};

struct message_members {
    const struct message_member_row *rows;
    uint32_t row_count;
    bool more;
};

struct message_history_read {
    struct id conversation;
    struct id before; /* exclusive; zero: no bound */
    struct id after;  /* exclusive; zero: no bound */
    bool oldest_first;
    uint32_t limit; /* 0: 50 */
    uint32_t consistency;
};

struct message_history_row {
    struct id message;
    struct slice content;
};

/* Rows in the order asked for. `more`: the bound was not reached; go on from the last row. */
struct message_history {
    const struct message_history_row *rows;
    uint32_t row_count;
    bool more;
};

/* Goes on behind the last row of the page before, told by its conversation and newest message. */
struct message_inbox_read {
    struct id user;
    struct id after; /* conversation id; zero: from the start */
    struct id after_last;
    uint32_t limit; /* 0: 100; at most PAGE_MAX_ROWS */
    uint32_t consistency;
};

struct message_inbox_row {
    struct id conversation;
    struct id last;   /* newest message; zero: none yet, in a channel */
    struct id marker; /* read up to here; zero: nothing */
    uint32_t unread;
    bool unread_is_at_least; /* more than the limit were unread */
    bool has_unread;         /* false: a channel, whose unread messages are not counted */
};

struct message_inbox {
    const struct message_inbox_row *rows; /* by newest message and conversation, descending */
    uint32_t row_count;
    bool more;
};

struct message_mark_read {
    struct id user;
    struct id conversation;
    struct id up_to;
    uint32_t consistency;
};

struct message_history_import {
    struct id conversation;
    const struct message_history_row *rows;
    uint32_t row_count;
    uint32_t consistency;
};

struct message_inbox_import_row {
    struct id user;
    struct id conversation;
    struct id last;
    struct id marker;
    bool is_channel; /* unread messages are not counted */
};

struct message_inbox_import {
    const struct message_inbox_import_row *rows; /* of any users */
    uint32_t row_count;
    uint32_t consistency;
};

struct message_admin {
    struct slice command;
    const struct slice *arguments;
    uint32_t argument_count;
};

struct message_admin_reply {
    struct slice json;
};

/*
 * What happened, in users' logs and in outboxes: on the wire and on disk. What is not known is
 * carried along and shown in no inbox. Numbers that are to come: 3 edit, 4 deletion, 5 reaction,
 * 6 membership, 7 settings, 8 receipt, 9 handshake.
 */
enum happening {
    HAPPENED_MESSAGE = 1,
    /* The conversation is a channel for this user: its messages come without an event. In place of
     * a message's id stands the membership version of the act, twice. */
    HAPPENED_CHANNEL = 2,
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

/* Greater than every version: who needs to know loads the members anew. */
#define MEMBERSHIP_VERSION_UNREAD UINT64_MAX

struct message_written {
    enum columba_error error;
    struct slice text;
    /* Of a conversation, as this replica knows it; 0: it has none; MEMBERSHIP_VERSION_UNREAD: it
     * could not look. */
    uint64_t membership_version;
};

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

struct message_rows {
    enum columba_error error;
    struct slice text;
    struct slice packed; /* node/store/row.h; empty for a digest */
    struct slice digest; /* 16 bytes, for a digest */
    uint32_t row_count;
    bool more;
};

struct message_fanout {
    uint64_t topology_version;
    struct id conversation;
    struct id message;
    struct id sender;
    uint32_t kind;          /* enum happening */
    const struct id *users; /* those of whom the receiver is a replica */
    uint32_t user_count;
};

struct message_outbox_entry {
    struct id conversation;
    struct id message;
};

struct message_outbox_done {
    const struct message_outbox_entry *entries;
    uint32_t entry_count;
};

struct message {
    enum message_type type;
    union {
#define X(name, number, member) struct message_##member member;
        MESSAGE_TYPES(X)
#undef X
    };
};

/* "SEND"; "UNKNOWN". */
const char *message_type_name(uint32_t type);

#endif
