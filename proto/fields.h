/*
 * The fields of every message, once: from these tables follow both directions of the codec and the
 * checks before decoding. The order is that of the numbers in columba.proto, which count from 1
 * without a gap; the member names are those of message.h and of columba.proto.
 *
 * F(kind, member, …):
 *   ID, BYTES, U32, U64, BOOL, ERROR      (member)
 *   BOOL_AS                               (member, its name in columba.proto)
 *   FIXED64S                              (array, count, most elements)
 *   IDS                                   (array, count, most elements, element made of ids only)
 *   TEXTS                                 (array of slices, count, most elements)
 *   ROWS                                  (array, count, most elements, row's name, row's type)
 */
#ifndef COLUMBA_PROTO_FIELDS_H
#define COLUMBA_PROTO_FIELDS_H

#include "base/limits.h"

/* An administrator's command has a handful; more is no command. */
#define ARGUMENTS_MAX 16u
/* 32 bytes each: a quarter of a frame, more than a node has under way by default. */
#define OUTBOX_DONE_ENTRIES_MAX 8192u

#define NODE_FIELDS(F)                                                                             \
    F(ID, host_id)                                                                                 \
    F(BYTES, name)                                                                                 \
    F(BYTES, address)                                                                              \
    F(U32, port)                                                                                   \
    F(BYTES, datacenter)                                                                           \
    F(BYTES, rack)                                                                                 \
    F(FIXED64S, tokens, token_count, TOKENS_PER_NODE_MAX)

#define FACTOR_FIELDS(F) F(BYTES, datacenter) F(U32, factor)

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

#define HELLO_FIELDS(F)                                                                            \
    F(U32, protocol_min)                                                                           \
    F(U32, protocol_max)                                                                           \
    F(U32, role)                                                                                   \
    F(BYTES, cluster_name)                                                                         \
    F(ID, host_id)                                                                                 \
    F(BYTES, software)                                                                             \
    F(U64, features)                                                                               \
    F(ID, directory_id)                                                                            \
    F(BOOL, accepts_loss)

#define WELCOME_FIELDS(F)                                                                          \
    F(U32, protocol)                                                                               \
    F(ID, host_id)                                                                                 \
    F(BYTES, cluster_name)                                                                         \
    F(BYTES, software)                                                                             \
    F(U64, features)                                                                               \
    F(U64, unix_ms)                                                                                \
    F(U64, topology_version)                                                                       \
    F(ROWS, nodes, node_count, NODES_MAX, node, Node)                                              \
    F(BYTES, keyspace)                                                                             \
    F(ROWS, factors, factor_count, DATACENTERS_MAX, factor, Factor)                                \
    F(U32, read_consistency)                                                                       \
    F(U32, write_consistency)                                                                      \
    F(U32, fanout_members_max)                                                                     \
    F(ID, directory_id)                                                                            \
    F(BOOL, accepts_loss)

#define STATUS_FIELDS(F)                                                                           \
    F(ERROR, error)                                                                                \
    F(BYTES, text) F(U32, needed) F(U32, received) F(BOOL, outcome_unknown) F(U32, differing)

#define PING_FIELDS(F) F(U64, token) F(BOOL, answer)

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

#define ADMIN_FIELDS(F) F(BYTES, command) F(TEXTS, arguments, argument_count, ARGUMENTS_MAX)

#define ADMIN_REPLY_FIELDS(F) F(BYTES, json)

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

#define WRITTEN_FIELDS(F) F(ERROR, error) F(BYTES, text) F(U64, membership_version)

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

#define ROWS_FIELDS(F)                                                                             \
    F(ERROR, error)                                                                                \
    F(BYTES, text)                                                                                 \
    F(BYTES, packed)                                                                               \
    F(BYTES, digest)                                                                               \
    F(U32, row_count)                                                                              \
    F(BOOL, more)

#define FANOUT_FIELDS(F)                                                                           \
    F(U64, topology_version)                                                                       \
    F(ID, conversation)                                                                            \
    F(ID, message)                                                                                 \
    F(ID, sender)                                                                                  \
    F(IDS, users, user_count, FANOUT_MEMBERS_MAX, struct id)                                       \
    F(U32, kind)

#define OUTBOX_DONE_FIELDS(F)                                                                      \
    F(IDS, entries, entry_count, OUTBOX_DONE_ENTRIES_MAX, struct message_outbox_entry)

/* X(Protobuf name, PREFIX of the table, member): what stands inside messages … */
#define CODEC_ROWS(X)                                                                              \
    X(Node, NODE, node)                                                                            \
    X(Factor, FACTOR, factor)                                                                      \
    X(Member, MEMBER, member)                                                                      \
    X(MemberRow, MEMBER_ROW, member_row)                                                           \
    X(HistoryRow, HISTORY_ROW, history_row)                                                        \
    X(InboxRow, INBOX_ROW, inbox_row)                                                              \
    X(InboxImportRow, INBOX_IMPORT_ROW, inbox_import_row)

/* … and the messages: as MESSAGE_TYPES. */
#define CODEC_MESSAGES(X)                                                                          \
    X(Hello, HELLO, hello)                                                                         \
    X(Welcome, WELCOME, welcome)                                                                   \
    X(Status, STATUS, status)                                                                      \
    X(Ping, PING, ping)                                                                            \
    X(Send, SEND, send)                                                                            \
    X(ConversationCreate, CONVERSATION_CREATE, conversation_create)                                \
    X(ConversationGet, CONVERSATION_GET, conversation_get)                                         \
    X(Conversation, CONVERSATION, conversation)                                                    \
    X(MembersRead, MEMBERS_READ, members_read)                                                     \
    X(Members, MEMBERS, members)                                                                   \
    X(HistoryRead, HISTORY_READ, history_read)                                                     \
    X(History, HISTORY, history)                                                                   \
    X(InboxRead, INBOX_READ, inbox_read)                                                           \
    X(Inbox, INBOX, inbox)                                                                         \
    X(MarkRead, MARK_READ, mark_read)                                                              \
    X(HistoryImport, HISTORY_IMPORT, history_import)                                               \
    X(InboxImport, INBOX_IMPORT, inbox_import)                                                     \
    X(Admin, ADMIN, admin)                                                                         \
    X(AdminReply, ADMIN_REPLY, admin_reply)                                                        \
    X(Write, WRITE, write)                                                                         \
    X(Written, WRITTEN, written)                                                                   \
    X(Read, READ, read)                                                                            \
    X(Rows, ROWS, rows)                                                                            \
    X(Fanout, FANOUT, fanout)                                                                      \
    X(OutboxDone, OUTBOX_DONE, outbox_done)

#endif
