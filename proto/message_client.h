/*
 * What clients ask of a node, and what it answers.
 * message.h says how to read the table, fields.h how to read the fields.
 */
#ifndef COLUMBA_PROTO_MESSAGE_CLIENT_H
#define COLUMBA_PROTO_MESSAGE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/limits.h"
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
    X(INBOX_IMPORT, 28, inbox_import, InboxImport)       /* -> STATUS */                           \
    X(CHANGE, 29, change, Change)                        /* -> STATUS */

struct message_send {
    struct id conversation;
    struct id message;
    struct slice content; /* proto/content.h */
    uint32_t consistency; /* 0: the keyspace's */
};
#define SEND_FIELDS(F) F(ID, conversation) F(ID, message) F(BYTES, content) F(U32, consistency)

/* A member changes a message. */
struct message_change {
    struct id conversation;
    struct id message;
    /* The change's own, a UUIDv7 bound to the actor: repeated with the same one it is one change.
     */
    struct id change;
    uint32_t kind;        /* enum change_kind (proto/change.h) */
    struct slice actor;   /* name */
    struct slice content; /* an edit's (proto/content.h), or a mark (proto/change.h) */
    uint32_t consistency; /* 0: the keyspace's */
    struct slice key;     /* a column's name */
};
#define CHANGE_FIELDS(F)                                                                           \
    F(ID, conversation)                                                                            \
    F(ID, message)                                                                                 \
    F(ID, change)                                                                                  \
    F(U32, kind)                                                                                   \
    F(BYTES, actor)                                                                                \
    F(BYTES, content)                                                                              \
    F(U32, consistency)                                                                            \
    F(BYTES, key)

struct message_member {
    struct slice name;
};
#define MEMBER_FIELDS(F) F(BYTES, name)

struct message_conversation_create {
    struct slice name;
    uint32_t kind;          /* 0: by the number of members */
    uint64_t created_at_ms; /* 0: now */
    const struct message_member *members;
    uint32_t member_count;
    uint32_t consistency;
};
#define CONVERSATION_CREATE_FIELDS(F)                                                              \
    F(BYTES, name)                                                                                 \
    F(U32, kind)                                                                                   \
    F(U64, created_at_ms)                                                                          \
    F(ROWS, members, member_count, WRITE_MAX_ROWS, member, Member)                                 \
    F(U32, consistency)

struct message_conversation_get {
    struct id conversation;
    uint32_t consistency;
};
#define CONVERSATION_GET_FIELDS(F) F(ID, conversation) F(U32, consistency)

struct message_conversation {
    struct id conversation;
    struct slice name;
    uint32_t kind;
    uint64_t created_at_ms;
    uint64_t membership_version;
    bool is_channel; /* more members than are fanned out to */
};
#define CONVERSATION_FIELDS(F)                                                                     \
    F(ID, conversation)                                                                            \
    F(BYTES, name)                                                                                 \
    F(U32, kind)                                                                                   \
    F(U64, created_at_ms)                                                                          \
    F(U64, membership_version)                                                                     \
    F(BOOL, is_channel)

struct message_members_read {
    struct id conversation;
    struct id after; /* user id; zero: from the start */
    uint32_t limit;  /* 0: PAGE_MAX_ROWS */
    uint32_t consistency;
};
#define MEMBERS_READ_FIELDS(F) F(ID, conversation) F(ID, after) F(U32, limit) F(U32, consistency)

struct message_member_row {
    struct id user;
    struct slice name;
    struct id delivered_up_to; /* zero: nothing yet */
    struct id read_up_to;
};
#define MEMBER_ROW_FIELDS(F) F(ID, user) F(BYTES, name) F(ID, delivered_up_to) F(ID, read_up_to)

struct message_members {
    const struct message_member_row *rows;
    uint32_t row_count;
    bool more;
};
#define MEMBERS_FIELDS(F)                                                                          \
    F(ROWS, rows, row_count, PAGE_MAX_ROWS, member_row, MemberRow) F(BOOL, more)

struct message_history_read {
    struct id conversation;
    struct id before; /* exclusive; zero: no bound */
    struct id after;  /* exclusive; zero: no bound */
    bool oldest_first;
    uint32_t limit; /* 0: 50 */
    uint32_t consistency;
};
#define HISTORY_READ_FIELDS(F)                                                                     \
    F(ID, conversation)                                                                            \
    F(ID, before)                                                                                  \
    F(ID, after)                                                                                   \
    F(BOOL, oldest_first)                                                                          \
    F(U32, limit)                                                                                  \
    F(U32, consistency)

struct message_history_row {
    struct id message;
    struct slice content; /* as it was sent; empty: deleted, or undecided */
    /* Of pages only. */
    struct slice edited;         /* the newest edit's content; empty: none */
    uint64_t edit_number;        /* how often it was edited; edits that raced count once */
    bool is_deleted;             /* nothing is left of it but … */
    struct slice deleted_sender; /* … who had sent it */
    struct slice marks;          /* reactions and columns: proto/change.h */
    /* Two bodies were sent under its id, and a replica that would tell which one stays is away. */
    bool is_undecided;
};
#define HISTORY_ROW_FIELDS(F)                                                                      \
    F(ID, message)                                                                                 \
    F(BYTES, content)                                                                              \
    F(BYTES, edited)                                                                               \
    F(U64, edit_number)                                                                            \
    F(BOOL, is_deleted)                                                                            \
    F(BYTES, deleted_sender)                                                                       \
    F(BYTES, marks)                                                                                \
    F(BOOL, is_undecided)

/* Rows in the order asked for. `more`: the bound was not reached; go on from the last row. */
struct message_history {
    const struct message_history_row *rows;
    uint32_t row_count;
    bool more;
};
#define HISTORY_FIELDS(F)                                                                          \
    F(ROWS, rows, row_count, PAGE_MAX_ROWS, history_row, HistoryRow) F(BOOL, more)

/* Goes on behind the last row of the page before, told by its conversation and newest message. */
struct message_inbox_read {
    struct id user;
    struct id after; /* conversation id; zero: from the start */
    struct id after_last;
    uint32_t limit; /* 0: 100; at most PAGE_MAX_ROWS */
    uint32_t consistency;
};
#define INBOX_READ_FIELDS(F)                                                                       \
    F(ID, user) F(ID, after) F(U32, limit) F(U32, consistency) F(ID, after_last)

struct message_inbox_row {
    struct id conversation;
    struct id last;   /* newest message; zero: none yet, in a channel */
    struct id marker; /* read up to here; zero: nothing */
    uint32_t unread;
    bool unread_is_at_least; /* more than the limit were unread */
    bool has_unread;         /* false: a channel, whose unread messages are not counted */
};
#define INBOX_ROW_FIELDS(F)                                                                        \
    F(ID, conversation)                                                                            \
    F(ID, last)                                                                                    \
    F(ID, marker)                                                                                  \
    F(U32, unread)                                                                                 \
    F(BOOL, unread_is_at_least)                                                                    \
    F(BOOL_AS, has_unread, unread_is_counted)

struct message_inbox {
    const struct message_inbox_row *rows; /* by newest message and conversation, descending */
    uint32_t row_count;
    bool more;
};
#define INBOX_FIELDS(F) F(ROWS, rows, row_count, PAGE_MAX_ROWS, inbox_row, InboxRow) F(BOOL, more)

struct message_mark_read {
    struct id user;
    struct id conversation;
    struct id up_to;
    uint32_t consistency;
};
#define MARK_READ_FIELDS(F) F(ID, user) F(ID, conversation) F(ID, up_to) F(U32, consistency)

struct message_history_import {
    struct id conversation;
    const struct message_history_row *rows;
    uint32_t row_count;
    uint32_t consistency;
};
#define HISTORY_IMPORT_FIELDS(F)                                                                   \
    F(ID, conversation)                                                                            \
    F(ROWS, rows, row_count, WRITE_MAX_ROWS, history_row, HistoryRow)                              \
    F(U32, consistency)

struct message_inbox_import_row {
    struct id user;
    struct id conversation;
    struct id last;
    struct id marker;
    bool is_channel; /* unread messages are not counted */
};
#define INBOX_IMPORT_ROW_FIELDS(F)                                                                 \
    F(ID, user) F(ID, conversation) F(ID, last) F(ID, marker) F(BOOL, is_channel)

struct message_inbox_import {
    const struct message_inbox_import_row *rows; /* of any users */
    uint32_t row_count;
    uint32_t consistency;
};
#define INBOX_IMPORT_FIELDS(F)                                                                     \
    F(ROWS, rows, row_count, WRITE_MAX_ROWS, inbox_import_row, InboxImportRow) F(U32, consistency)

/* What stands inside messages. */
#define CLIENT_ROWS(X)                                                                             \
    X(Member, MEMBER, member)                                                                      \
    X(MemberRow, MEMBER_ROW, member_row)                                                           \
    X(HistoryRow, HISTORY_ROW, history_row)                                                        \
    X(InboxRow, INBOX_ROW, inbox_row)                                                              \
    X(InboxImportRow, INBOX_IMPORT_ROW, inbox_import_row)

#endif
