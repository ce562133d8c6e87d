/*
 * A row of the store that says whose it is and in which start it was last opened:
 * LOCAL_META "directory": [format u8 = 1][directory id 16][start count u64].
 */
#ifndef COLUMBA_NODE_SHELL_STORE_MARK_H
#define COLUMBA_NODE_SHELL_STORE_MARK_H

#include "base/id.h"
#include "node/store/engine.h"

struct store_mark {
    struct id directory_id;
    uint64_t start_count;
};

/* ERR_NOT_FOUND: it has none; ERR_CORRUPT: it cannot be read. */
enum columba_error store_mark_get(struct engine *engine, struct store_mark *out_mark);
/* Durably. */
enum columba_error store_mark_set(struct engine *engine, const struct store_mark *mark);

#endif
