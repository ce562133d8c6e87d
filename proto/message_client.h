/*
 * What clients ask of a node, and what it answers.
 * message.h says how to read the table.
 */
#ifndef COLUMBA_PROTO_MESSAGE_CLIENT_H
#define COLUMBA_PROTO_MESSAGE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/slice.h"

#define CLIENT_MESSAGES(X)                                                                         \
    X(SEND, 16, send, Send)                                             /* -> STATUS */            \
    X(CONVERSATION_CREATE, 17, conversation_create, ConversationCreate) /* -> STATUS */            \
    X(CONVERSATION_GET, 18, conversation_get, ConversationGet)          /* -> CONVERSATION */      \
    X(CONVERSATION, 19, conversation, Conversation)                                                \
    X(MEMBERS_READ, 20, members_read, MembersRead) /* -> MEMBERS */                                \
    X(MEMBERS, 21, members, Members)                                                               \
    X(HISTORY_READ, 22, history_read, HistoryRead) /* -> HISTORY */                                \
    X(HISTORY, 23, history, History)                                                               \
    X(INBOX_READ, 24, inbox_read, InboxRead) /* -> INBOX */                                        \
    X(INBOX, 25, inbox, Inbox)                                                                     \
    X(MARK_READ, 26, mark_read, MarkRead)                /* -> STATUS */                           \
    X(HISTORY_IMPORT, 27, history_import, HistoryImport) /* -> STATUS */                           \
    X(INBOX_IMPORT, 28, inbox_import, InboxImport)       /* -> STATUS */

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

#endif
