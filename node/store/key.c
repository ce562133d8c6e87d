#include "node/store/key.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/cursor.h"

#define TABLE_OFFSET (8u + ID_BYTES)
#define META_NAME_MAX_BYTES 32u

static struct key_bytes key_done(const struct writer *writer, struct key_bytes *key)
{
    COLUMBA_ASSERT(!writer->failed);
    key->size = (uint8_t)writer_done(writer).size;
    return *key;
}

struct key_bytes row_key_encode(const struct row_key *key)
{
    COLUMBA_ASSERT(key->clustering_size <= KEY_CLUSTERING_MAX_BYTES);
    struct key_bytes encoded;
    struct writer writer = writer_of(encoded.bytes, sizeof(encoded.bytes));
    writer_u64(&writer, key->token);
    writer_id(&writer, &key->partition);
    writer_u8(&writer, key->table);
    writer_bytes(&writer, slice_of(key->clustering, key->clustering_size));
    return key_done(&writer, &encoded);
}

bool row_key_decode(struct slice bytes, struct row_key *out_key)
{
    struct row_key key = {0};
    struct reader reader = reader_of(bytes);
    key.token = reader_u64(&reader);
    key.partition = reader_id(&reader);
    key.table = reader_u8(&reader);
    if (reader.failed || (int)reader_left(&reader) != table_clustering_bytes(key.table)) {
        return false;
    }
    key.clustering_size = (uint8_t)reader_left(&reader);
    if (key.clustering_size > 0) {
        memcpy(key.clustering, reader.at, key.clustering_size);
    }
    *out_key = key;
    return true;
}

uint8_t row_key_table(struct slice bytes)
{
    return bytes.size <= TABLE_OFFSET ? 0 : bytes.data[TABLE_OFFSET];
}

void clustering_of_id(enum table table, const struct id *id, uint8_t out_clustering[ID_BYTES])
{
    const uint8_t flip = table == TABLE_MESSAGE ? 0xff : 0;
    for (unsigned i = 0; i < ID_BYTES; i++) {
        out_clustering[i] = id->bytes[i] ^ flip;
    }
}

struct id clustering_to_id(enum table table, const uint8_t clustering[ID_BYTES])
{
    struct id same;
    memcpy(same.bytes, clustering, ID_BYTES);
    struct id id;
    clustering_of_id(table, &same, id.bytes);
    return id;
}

struct key_bytes local_sequence_key(enum local_table table, uint64_t sequence)
{
    COLUMBA_ASSERT(table == LOCAL_OUTBOX || table == LOCAL_ARRIVAL);
    struct key_bytes encoded;
    struct writer writer = writer_of(encoded.bytes, sizeof(encoded.bytes));
    writer_u8(&writer, (uint8_t)table);
    writer_u64(&writer, sequence);
    return key_done(&writer, &encoded);
}

bool local_sequence_key_decode(enum local_table table, struct slice bytes, uint64_t *out_sequence)
{
    struct reader reader = reader_of(bytes);
    bool is_of_table = reader_u8(&reader) == table;
    uint64_t sequence = reader_u64(&reader);
    if (!is_of_table || !reader_is_done(&reader)) {
        return false;
    }
    *out_sequence = sequence;
    return true;
}

struct key_bytes local_log_key(uint64_t token, const struct id *user, uint64_t sequence)
{
    struct key_bytes encoded;
    struct writer writer = writer_of(encoded.bytes, sizeof(encoded.bytes));
    writer_u8(&writer, LOCAL_LOG);
    writer_u64(&writer, token);
    writer_id(&writer, user);
    writer_u64(&writer, sequence);
    return key_done(&writer, &encoded);
}

bool local_log_key_decode(struct slice bytes, struct id *out_user, uint64_t *out_sequence)
{
    struct reader reader = reader_of(bytes);
    bool is_log = reader_u8(&reader) == LOCAL_LOG;
    reader_u64(&reader);
    struct id user = reader_id(&reader);
    uint64_t sequence = reader_u64(&reader);
    if (!is_log || !reader_is_done(&reader)) {
        return false;
    }
    *out_user = user;
    *out_sequence = sequence;
    return true;
}

struct key_bytes local_meta_key(const char *name)
{
    struct slice text = slice_of_text(name);
    COLUMBA_ASSERT(text.size <= META_NAME_MAX_BYTES);
    struct key_bytes encoded;
    struct writer writer = writer_of(encoded.bytes, sizeof(encoded.bytes));
    writer_u8(&writer, LOCAL_META);
    writer_bytes(&writer, text);
    return key_done(&writer, &encoded);
}
