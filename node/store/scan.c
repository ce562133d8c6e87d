#include "node/store/scan.h"

#include <string.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* A row's envelope in the result: table, lengths, clustering or key. */
#define ROW_ENVELOPE_BYTES (KEY_MAX_BYTES + 16u)

struct scan_state {
    const struct read_query *query;
    struct writer out;
    uint32_t row_count;
    bool more;
    bool damaged;
};

size_t read_query_bytes(const struct read_query *query)
{
    return query->begin.size + query->end.size + query->keys.size;
}

static void slice_move(struct slice *slice, uint8_t **place)
{
    if (slice->size > 0) {
        memcpy(*place, slice->data, slice->size);
        slice->data = *place;
        *place += slice->size;
    }
}

void read_query_move(struct read_query *query, uint8_t *place)
{
    slice_move(&query->begin, &place);
    slice_move(&query->end, &place);
    slice_move(&query->keys, &place);
}

/* The limit is passed by the first row only, so that any row can be read. */
size_t scan_buffer_bytes(const struct read_query *query)
{
    size_t most = query->limit_bytes > ROW_MAX_BYTES ? query->limit_bytes : ROW_MAX_BYTES;
    return most + ROW_ENVELOPE_BYTES;
}

static void row_append(struct scan_state *state, struct slice key, struct slice value)
{
    struct row_key decoded;
    if (state->query->space == SPACE_LOCAL) {
        writer_sized(&state->out, key);
        writer_sized(&state->out, value);
        return;
    }
    if (!row_key_decode(key, &decoded)) {
        state->damaged = true;
        return;
    }
    packed_row_write(
        &state->out,
        &(struct packed_row){.table = decoded.table,
                             .clustering = slice_of(decoded.clustering, decoded.clustering_size),
                             .row = value});
}

static bool scan_visit(void *context, struct slice key, struct slice value)
{
    struct scan_state *state = context;
    size_t used = (size_t)(state->out.at - state->out.begin);
    size_t with_row = used + key.size + value.size + 16;
    if (state->row_count == state->query->limit_rows ||
        (state->row_count > 0 && with_row > state->query->limit_bytes)) {
        state->more = true;
        return false;
    }
    row_append(state, key, value);
    state->row_count++;
    return !state->damaged && !state->out.failed;
}

static enum columba_error range_run(struct engine *engine, struct scan_state *state,
                                    enum engine_tier tier, struct slice begin, struct slice end)
{
    struct engine_scan scan = {.space = state->query->space,
                               .tier = tier,
                               .backwards = state->query->backwards,
                               .begin = begin,
                               .end = end,
                               .visit = scan_visit,
                               .context = state};
    return engine->table->scan(engine, &scan);
}

/* One row each: the range from a key to the first one behind it. */
static enum columba_error keys_run(struct engine *engine, struct scan_state *state,
                                   enum engine_tier tier)
{
    enum columba_error error = COLUMBA_OK;
    struct reader reader = reader_of(state->query->keys);
    while (error == COLUMBA_OK && !state->more && reader_left(&reader) > 0) {
        uint8_t end[KEY_MAX_BYTES + 1] = {0};
        struct slice key = reader_sized(&reader);
        if (reader.failed || key.size > KEY_MAX_BYTES) {
            return ERR_INVALID;
        }
        memcpy(end, key.data, key.size);
        error = range_run(engine, state, tier, key, slice_of(end, key.size + 1));
    }
    return error;
}

struct scan_result scan_run(struct engine *engine, const struct read_query *query,
                            enum engine_tier tier, uint8_t *buffer)
{
    struct scan_state state = {.query = query, .out = writer_of(buffer, scan_buffer_bytes(query))};
    enum columba_error error = query->keys.size > 0
                                   ? keys_run(engine, &state, tier)
                                   : range_run(engine, &state, tier, query->begin, query->end);
    if (error == COLUMBA_OK && (state.damaged || state.out.failed)) {
        error = ERR_CORRUPT;
    }
    if (error != COLUMBA_OK) {
        return (struct scan_result){.error = error};
    }
    return (struct scan_result){
        .packed = writer_done(&state.out), .row_count = state.row_count, .more = state.more};
}
