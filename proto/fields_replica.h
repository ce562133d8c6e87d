/* The fields of message_replica.h; fields.h says how to read them. */
#ifndef COLUMBA_PROTO_FIELDS_REPLICA_H
#define COLUMBA_PROTO_FIELDS_REPLICA_H

#include "base/limits.h"

/* 32 bytes each: a quarter of a frame, more than a node has under way by default. */
#define OUTBOX_DONE_ENTRIES_MAX 8192u

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

#endif
