#include "node/store/scan.h"

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

/* The limit is passed by at most one row, so that any row can be read. */
size_t scan_buffer_bytes(const struct read_query *query)
{
    return (size_t)query->limit_bytes + INBOX_ROW_MAX_BYTES + ROW_ENVELOPE_BYTES;
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

struct scan_result scan_run(struct engine *engine, const struct read_query *query,
                            enum engine_tier tier, uint8_t *buffer)
{
    struct scan_state state = {.query = query, .out = writer_of(buffer, scan_buffer_bytes(query))};
    struct engine_scan scan = {.space = query->space,
                               .tier = tier,
                               .backwards = query->backwards,
                               .begin = query->begin,
                               .end = query->end,
                               .visit = scan_visit,
                               .context = &state};
    enum columba_error error = engine->table->scan(engine, &scan);
    if (error == COLUMBA_OK && (state.damaged || state.out.failed)) {
        error = ERR_CORRUPT;
    }
    if (error != COLUMBA_OK) {
        return (struct scan_result){.error = error};
    }
    return (struct scan_result){
        .packed = writer_done(&state.out), .row_count = state.row_count, .more = state.more};
}
