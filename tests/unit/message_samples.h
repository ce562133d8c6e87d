/* One message of every type with every field filled, for the tests of what carries messages. */
#ifndef COLUMBA_TESTS_MESSAGE_SAMPLES_H
#define COLUMBA_TESTS_MESSAGE_SAMPLES_H

#include "proto/message.h"

#define MESSAGE_SAMPLES_MAX 32u

#define TEXT(text)                                                                                 \
    {                                                                                              \
        .data = (const uint8_t *)(text), .size = sizeof(text) - 1                                  \
    }
#define ID_OF(first)                                                                               \
    {                                                                                              \
        .bytes = {(first), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }                     \
    }

static const uint64_t sample_tokens[] = {0, 1, 0x8000000000000000u, UINT64_MAX};
static const struct message_node sample_nodes[] = {
    {.host_id = ID_OF(0xa1),
     .name = TEXT("node1"),
     .address = TEXT("127.0.0.1"),
     .port = 7411,
     .datacenter = TEXT("dc1"),
     .rack = TEXT("r1"),
     .tokens = sample_tokens,
     .token_count = 4},
    {.host_id = ID_OF(0xa2), .name = TEXT("node2"), .address = TEXT("::1"), .port = 65535},
};
static const struct message_factor sample_factors[] = {{TEXT("dc1"), 3}, {TEXT("dc2"), 2}};
static const struct message_member sample_members[] = {{TEXT("alice")}, {TEXT("bob")}};
static const struct message_member_row sample_member_rows[] = {
    {.user = ID_OF(1), .name = TEXT("alice"), .delivered_up_to = ID_OF(2), .read_up_to = ID_OF(3)},
    {.user = ID_OF(4), .name = TEXT("bob")},
};
static const struct message_history_row sample_history_rows[] = {
    {.message = ID_OF(5), .content = TEXT("first content")},
    {.message = ID_OF(6),
     .content = TEXT("second content"),
     .edited = TEXT("an edit"),
     .edit_number = 2},
    {.message = ID_OF(7), .is_deleted = true, .deleted_sender = TEXT("alice")}};
static const struct message_inbox_row sample_inbox_rows[] = {
    {.conversation = ID_OF(7),
     .last = ID_OF(8),
     .marker = ID_OF(9),
     .unread = 10000,
     .unread_is_at_least = true,
     .has_unread = true},
    {.conversation = ID_OF(10), .last = ID_OF(11)},
};
static const struct message_inbox_import_row sample_inbox_import_rows[] = {
    {.user = ID_OF(12),
     .conversation = ID_OF(13),
     .last = ID_OF(14),
     .marker = ID_OF(15),
     .is_channel = true},
};
static const struct slice sample_arguments[] = {TEXT("conversation"), TEXT("general")};
static const struct id sample_users[] = {ID_OF(1), ID_OF(2), ID_OF(3)};
static const struct message_outbox_entry sample_entries[] = {{ID_OF(1), ID_OF(2)},
                                                             {ID_OF(3), ID_OF(4)}};

static const struct message sample_messages[] = {
    {.type = MESSAGE_HELLO,
     .hello = {.protocol_min = 1,
               .protocol_max = 2,
               .role = ROLE_NODE,
               .cluster_name = TEXT("test"),
               .host_id = ID_OF(0xa1),
               .software = TEXT("columba 0.1.0"),
               .features = 1ull << 63,
               .directory_id = ID_OF(0xd1),
               .accepts_loss = true}},
    {.type = MESSAGE_WELCOME,
     .welcome = {.protocol = 1,
                 .host_id = ID_OF(0xa2),
                 .cluster_name = TEXT("test"),
                 .software = TEXT("columba 0.1.0"),
                 .features = 1,
                 .unix_ms = 1700000000123,
                 .topology_version = 7,
                 .nodes = sample_nodes,
                 .node_count = 2,
                 .keyspace = TEXT("chat"),
                 .factors = sample_factors,
                 .factor_count = 2,
                 .read_consistency = 4,
                 .write_consistency = 5,
                 .fanout_members_max = 1024,
                 .directory_id = ID_OF(0xd2),
                 .accepts_loss = true}},
    {.type = MESSAGE_STATUS,
     .status = {.error = ERR_UNAVAILABLE,
                .text = TEXT("2 of 3 replicas are down"),
                .needed = 2,
                .received = 1,
                .outcome_unknown = true,
                .differing = 3}},
    {.type = MESSAGE_PING, .ping = {.token = 0x1122334455667788u, .answer = true}},
    {.type = MESSAGE_SEND,
     .send = {.conversation = ID_OF(0xc1),
              .message = ID_OF(0xb1),
              .content = TEXT("content"),
              .consistency = 4}},
    {.type = MESSAGE_CHANGE,
     .change = {.conversation = ID_OF(0xc1),
                .message = ID_OF(0xb1),
                .change = ID_OF(0xb2),
                .kind = 1,
                .actor = TEXT("alice"),
                .content = TEXT("content"),
                .consistency = 4}},
    {.type = MESSAGE_CONVERSATION_CREATE,
     .conversation_create = {.name = TEXT("general"),
                             .kind = 2,
                             .created_at_ms = 1700000000000,
                             .members = sample_members,
                             .member_count = 2,
                             .consistency = 4}},
    {.type = MESSAGE_CONVERSATION_GET,
     .conversation_get = {.conversation = ID_OF(0xc1), .consistency = 1}},
    {.type = MESSAGE_CONVERSATION,
     .conversation = {.conversation = ID_OF(0xc1),
                      .name = TEXT("general"),
                      .kind = 2,
                      .created_at_ms = 1700000000000,
                      .membership_version = 99,
                      .is_channel = true}},
    {.type = MESSAGE_MEMBERS_READ,
     .members_read =
         {.conversation = ID_OF(0xc1), .after = ID_OF(1), .limit = 10, .consistency = 4}},
    {.type = MESSAGE_MEMBERS,
     .members = {.rows = sample_member_rows, .row_count = 2, .more = true}},
    {.type = MESSAGE_HISTORY_READ,
     .history_read = {.conversation = ID_OF(0xc1),
                      .before = ID_OF(2),
                      .after = ID_OF(1),
                      .oldest_first = true,
                      .limit = 50,
                      .consistency = 4}},
    {.type = MESSAGE_HISTORY,
     .history = {.rows = sample_history_rows, .row_count = 3, .more = true}},
    {.type = MESSAGE_INBOX_READ,
     .inbox_read = {.user = ID_OF(1),
                    .after = ID_OF(2),
                    .after_last = ID_OF(3),
                    .limit = 1000,
                    .consistency = 4}},
    {.type = MESSAGE_INBOX, .inbox = {.rows = sample_inbox_rows, .row_count = 2, .more = true}},
    {.type = MESSAGE_MARK_READ,
     .mark_read =
         {.user = ID_OF(1), .conversation = ID_OF(0xc1), .up_to = ID_OF(0xb1), .consistency = 4}},
    {.type = MESSAGE_HISTORY_IMPORT,
     .history_import = {.conversation = ID_OF(0xc1),
                        .rows = sample_history_rows,
                        .row_count = 2,
                        .consistency = 4}},
    {.type = MESSAGE_INBOX_IMPORT,
     .inbox_import = {.rows = sample_inbox_import_rows, .row_count = 1, .consistency = 4}},
    {.type = MESSAGE_ADMIN,
     .admin = {.command = TEXT("getendpoints"),
               .arguments = sample_arguments,
               .argument_count = 2}},
    {.type = MESSAGE_ADMIN_REPLY, .admin_reply = {.json = TEXT("{\"a\":1}")}},
    {.type = MESSAGE_WRITE,
     .write = {.topology_version = 7,
               .partition_kind = 1,
               .partition = ID_OF(0xc1),
               .packed = TEXT("packed rows"),
               .has_outbox = true,
               .outbox_message = ID_OF(0xb1),
               .outbox_sender = ID_OF(1)}},
    {.type = MESSAGE_WRITTEN,
     .written = {.error = ERR_CLOCK_AHEAD, .text = TEXT("ahead"), .membership_version = 99}},
    {.type = MESSAGE_READ,
     .read = {.topology_version = 7,
              .partition_kind = 1,
              .partition = ID_OF(0xc1),
              .table = 2,
              .table_last = 3,
              .begin = TEXT("b"),
              .end = TEXT("e"),
              .limit_rows = 100,
              .limit_bytes = 65536,
              .flags = READ_DIGEST | READ_BACKWARDS | READ_FOLD,
              .keys = TEXT("keys"),
              .digest_key = 9}},
    {.type = MESSAGE_ROWS,
     .rows = {.error = ERR_CORRUPT,
              .text = TEXT("checksum"),
              .packed = TEXT("rows"),
              .digest = TEXT("0123456789abcdef"),
              .row_count = 12,
              .more = true}},
    {.type = MESSAGE_FANOUT,
     .fanout = {.topology_version = 7,
                .conversation = ID_OF(0xc1),
                .message = ID_OF(0xb1),
                .sender = ID_OF(1),
                .users = sample_users,
                .user_count = 3,
                .kind = HAPPENED_CHANNEL}},
    {.type = MESSAGE_OUTBOX_DONE, .outbox_done = {.entries = sample_entries, .entry_count = 2}},
};

#define SAMPLE_COUNT (sizeof(sample_messages) / sizeof(sample_messages[0]))

#endif
