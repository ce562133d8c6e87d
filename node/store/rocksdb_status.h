/* The one adapter between RocksDB's error strings and ours. */
#ifndef COLUMBA_NODE_STORE_ROCKSDB_STATUS_H
#define COLUMBA_NODE_STORE_ROCKSDB_STATUS_H

#include "base/error.h"
#include "node/store/engine.h"

/*
 * Takes the string a RocksDB call left (NULL: it succeeded) and frees it. ERR_OVERLOADED stands
 * for "not in memory" (only reads of the memory tier say so). out_text: NULL, or
 * ENGINE_TEXT_MAX_BYTES that receive RocksDB's words; untouched on success.
 */
enum columba_error rocksdb_status_take(char *errptr, char *out_text);

#endif
