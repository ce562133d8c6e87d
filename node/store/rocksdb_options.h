/* How RocksDB is set up for rows of chat: small, written once, read back newest first. */
#ifndef COLUMBA_NODE_STORE_ROCKSDB_OPTIONS_H
#define COLUMBA_NODE_STORE_ROCKSDB_OPTIONS_H

#include <rocksdb/c.h>

#include "node/store/engine.h"

/* Bytes of a key that name what is read together: in the rows space token, partition and table; in
 * the local space the table, a token and a user. Filters are made of them. */
#define ROCKSDB_PREFIX_BYTES 25u

struct rocksdb_setup {
    rocksdb_options_t *rows; /* also the options of the database itself */
    rocksdb_options_t *local;
    rocksdb_cache_t *cache;
    rocksdb_env_t *env;
    rocksdb_ratelimiter_t *limiter; /* NULL: no limit */
};

void rocksdb_setup_init(struct rocksdb_setup *setup, const struct engine_rocksdb_options *options);
/* After the database is closed. */
void rocksdb_setup_clear(struct rocksdb_setup *setup);

#endif
