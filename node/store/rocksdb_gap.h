/*
 * Finding the end of what cannot be read. A damaged block hides the keys in it, and a table with a
 * damaged index all of its own: from the first key that cannot be read the search doubles its step
 * until a key can, then halves it: some dozens of seeks. (Places that are damaged one after the
 * other where keys lie far apart may be taken for one.)
 */
#ifndef COLUMBA_NODE_STORE_ROCKSDB_GAP_H
#define COLUMBA_NODE_STORE_ROCKSDB_GAP_H

#include <stdbool.h>

#include "base/slice.h"
#include "node/store/key.h"

enum gap_probe { PROBE_READABLE, PROBE_DAMAGED };

/* Can what follows the key, up to the end of the range, be read as far as its first row? */
typedef enum gap_probe (*gap_probe_at)(void *context, struct slice key);

/* `key` cannot be read from; it becomes the least key that can. False: no key below `end` can. */
bool gap_pass(struct key_bytes *key, struct slice end, gap_probe_at probe, void *context);

#endif
