/* The fields of message_client.h; fields.h says how to read them. */
#ifndef COLUMBA_PROTO_FIELDS_CLIENT_H
#define COLUMBA_PROTO_FIELDS_CLIENT_H

#include "base/limits.h"

#define MEMBER_FIELDS(F) F(BYTES, name)

#define MEMBER_ROW_FIELDS(F) F(ID, user) F(BYTES, name) F(ID, delivered_up_to) F(ID, read_up_to)

#define HISTORY_ROW_FIELDS(F) F(ID, message) F(BYTES, content)

#define INBOX_ROW_FIELDS(F)                                                                        \
    F(ID, conversation)                                                                            \
    F(ID, last)                                                                                    \
    F(ID, marker)                                                                                  \
    F(U32, unread)                                                                                 \
    F(BOOL, unread_is_at_least)                                                                    \
    F(BOOL_AS, has_unread, unread_is_counted)

#define INBOX_IMPORT_ROW_FIELDS(F)                                                                 \
    F(ID, user) F(ID, conversation) F(ID, last) F(ID, marker) F(BOOL, is_channel)

#define SEND_FIELDS(F) F(ID, conversation) F(ID, message) F(BYTES, content) F(U32, consistency)

#define CONVERSATION_CREATE_FIELDS(F)                                                              \
    F(BYTES, name)                                                                                 \
    F(U32, kind)                                                                                   \
    F(U64, created_at_ms)                                                                          \
    F(ROWS, members, member_count, WRITE_MAX_ROWS, member, Member)                                 \
    F(U32, consistency)

#define CONVERSATION_GET_FIELDS(F) F(ID, conversation) F(U32, consistency)

#define CONVERSATION_FIELDS(F)                                                                     \
    F(ID, conversation)                                                                            \
    F(BYTES, name)                                                                                 \
    F(U32, kind)                                                                                   \
    F(U64, created_at_ms)                                                                          \
    F(U64, membership_version)                                                                     \
    F(BOOL, is_channel)

#define MEMBERS_READ_FIELDS(F) F(ID, conversation) F(ID, after) F(U32, limit) F(U32, consistency)

#define MEMBERS_FIELDS(F)                                                                          \
    F(ROWS, rows, row_count, PAGE_MAX_ROWS, member_row, MemberRow) F(BOOL, more)

#define HISTORY_READ_FIELDS(F)                                                                     \
    F(ID, conversation)                                                                            \
    F(ID, before)                                                                                  \
    F(ID, after)                                                                                   \
    F(BOOL, oldest_first)                                                                          \
    F(U32, limit)                                                                                  \
    F(U32, consistency)

#define HISTORY_FIELDS(F)                                                                          \
    F(ROWS, rows, row_count, PAGE_MAX_ROWS, history_row, HistoryRow) F(BOOL, more)

#define INBOX_READ_FIELDS(F)                                                                       \
    F(ID, user) F(ID, after) F(U32, limit) F(U32, consistency) F(ID, after_last)

#define INBOX_FIELDS(F) F(ROWS, rows, row_count, PAGE_MAX_ROWS, inbox_row, InboxRow) F(BOOL, more)

#define MARK_READ_FIELDS(F) F(ID, user) F(ID, conversation) F(ID, up_to) F(U32, consistency)

#define HISTORY_IMPORT_FIELDS(F)                                                                   \
    F(ID, conversation)                                                                            \
    F(ROWS, rows, row_count, WRITE_MAX_ROWS, history_row, HistoryRow)                              \
    F(U32, consistency)

#define INBOX_IMPORT_FIELDS(F)                                                                     \
    F(ROWS, rows, row_count, WRITE_MAX_ROWS, inbox_import_row, InboxImportRow) F(U32, consistency)

#define CLIENT_ROWS(X)                                                                             \
    X(Member, MEMBER, member)                                                                      \
    X(MemberRow, MEMBER_ROW, member_row)                                                           \
    X(HistoryRow, HISTORY_ROW, history_row)                                                        \
    X(InboxRow, INBOX_ROW, inbox_row)                                                              \
    X(InboxImportRow, INBOX_IMPORT_ROW, inbox_import_row)

#endif
