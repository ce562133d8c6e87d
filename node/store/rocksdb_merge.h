/* The rows' merge function as RocksDB's merge operator. */
#ifndef COLUMBA_NODE_STORE_ROCKSDB_MERGE_H
#define COLUMBA_NODE_STORE_ROCKSDB_MERGE_H

#include <rocksdb/c.h>

/* Its owner is the options it is set in. */
rocksdb_mergeoperator_t *rocksdb_merge_create(void);

#endif
