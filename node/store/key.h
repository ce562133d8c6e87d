/*
 * Storage keys: one typed struct, one encode/decode pair for each of the two spaces.
 *
 *   rows   [token 8 B, big-endian][partition 16 B][table 1 B][clustering, at most 32 B]
 *   local  [local table 1 B][clustering …]
 *
 * The token comes first, so a token range is one contiguous key range. Message clustering is the
 * bitwise complement of the message id, so that a forward scan meets the newest first.
 */
#ifndef COLUMBA_NODE_STORE_KEY_H
#define COLUMBA_NODE_STORE_KEY_H

#include <stdbool.h>

#include "base/id.h"
#include "base/slice.h"
#include "node/store/schema.h"

#define KEY_CLUSTERING_MAX_BYTES 32u
#define KEY_PREFIX_BYTES (8u + ID_BYTES + 1u)
#define KEY_MAX_BYTES (KEY_PREFIX_BYTES + KEY_CLUSTERING_MAX_BYTES)

struct row_key {
    uint64_t token;
    struct id partition;
    uint8_t table; /* enum table; a number that is not in the schema does not decode */
    uint8_t clustering_size;
    uint8_t clustering[KEY_CLUSTERING_MAX_BYTES];
};

/* Encoded key bytes, by value. */
struct key_bytes {
    uint8_t size;
    uint8_t bytes[KEY_MAX_BYTES];
};

static inline struct slice key_slice(const struct key_bytes *key)
{
    return slice_of(key->bytes, key->size);
}

struct key_bytes row_key_encode(const struct row_key *key);
/* False: not a key of the rows space (table unknown, or a clustering of another size). */
bool row_key_decode(struct slice bytes, struct row_key *out_key);
/* Only the table, without decoding the rest; 0 if too short. */
uint8_t row_key_table(struct slice bytes);

/* How many bytes of clustering the table's keys have, each; -1 for a table that is not known. */
int table_clustering_bytes(uint8_t table);

/* A clustering of one id, as is or inverted (TABLE_MESSAGE). */
void clustering_of_id(enum table table, const struct id *id, uint8_t out_clustering[ID_BYTES]);
struct id clustering_to_id(enum table table, const uint8_t clustering[ID_BYTES]);

/* LOCAL_OUTBOX and LOCAL_ARRIVAL. */
struct key_bytes local_sequence_key(enum local_table table, uint64_t sequence);
/* False: not a key of the table. */
bool local_sequence_key_decode(enum local_table table, struct slice bytes, uint64_t *out_sequence);
struct key_bytes local_log_key(uint64_t token, const struct id *user, uint64_t sequence);
bool local_log_key_decode(struct slice bytes, struct id *out_user, uint64_t *out_sequence);
/* name: at most 32 bytes. */
struct key_bytes local_meta_key(const char *name);

#endif
