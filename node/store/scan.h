/*
 * Scans: a query against one space of an engine, and its result as bytes.
 */
#ifndef COLUMBA_NODE_STORE_SCAN_H
#define COLUMBA_NODE_STORE_SCAN_H

#include "base/error.h"
#include "node/store/engine.h"

/* A range of keys; or, if `keys` is not empty, just these: [key sized]*, read one by one. */
struct read_query {
    enum engine_space space;
    struct slice begin;
    struct slice end;
    struct slice keys;
    bool backwards;
    uint32_t limit_rows;
    uint32_t limit_bytes;
};

/* A query that outlives the bytes it points to: how many they are, and moves them to a place of
 * that size. */
size_t read_query_bytes(const struct read_query *query);
void read_query_move(struct read_query *query, uint8_t *place);

/*
 * Runs a query against an engine, as both shells do: appends the visited rows to `buffer`, for
 * SPACE_ROWS as packed rows (node/store/row.h), for SPACE_LOCAL as [key sized][value sized] pairs.
 * `buffer` has room for scan_buffer_bytes(query). ERR_OVERLOADED: not all of it was in memory
 * under TIER_MEMORY; the buffer's content is then void. May run on any thread.
 */
struct scan_result {
    enum columba_error error;
    struct slice packed;
    uint32_t row_count;
    bool more;
};
size_t scan_buffer_bytes(const struct read_query *query);
struct scan_result scan_run(struct engine *engine, const struct read_query *query,
                            enum engine_tier tier, uint8_t *buffer);

#endif
