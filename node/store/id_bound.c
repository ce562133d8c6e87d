#include "node/store/id_bound.h"

#include "base/assert.h"
#include "base/cursor.h"

#define BOUND_FORMAT 1u
#define BOUND_NAME "ids"

struct key_bytes id_bound_key(void)
{
    return local_meta_key(BOUND_NAME);
}

void id_bound_encode(uint64_t unix_ms, uint8_t out_row[ID_BOUND_BYTES])
{
    struct writer writer = writer_of(out_row, ID_BOUND_BYTES);
    writer_u8(&writer, BOUND_FORMAT);
    writer_u64(&writer, unix_ms);
    COLUMBA_ASSERT(!writer.failed);
}

static enum columba_error bound_decode(struct slice row, uint64_t *out_unix_ms)
{
    struct reader reader = reader_of(row);
    uint8_t format = reader_u8(&reader);
    uint64_t unix_ms = reader_u64(&reader);
    if (reader.failed || format != BOUND_FORMAT || reader_left(&reader) > 0) {
        return ERR_CORRUPT;
    }
    *out_unix_ms = unix_ms;
    return COLUMBA_OK;
}

enum columba_error id_bound_get(struct engine *engine, struct memory *memory, uint64_t *out_unix_ms)
{
    struct arena arena;
    struct slice row;
    const struct key_bytes key = id_bound_key();
    arena_init(&arena, memory, ARENA_CHUNK_BYTES);
    enum columba_error error =
        engine->table->get(engine, SPACE_LOCAL, TIER_ALL, key_slice(&key), &arena, &row);
    if (error == COLUMBA_OK) {
        error = bound_decode(row, out_unix_ms);
    } else if (error == ERR_NOT_FOUND) {
        *out_unix_ms = 0;
        error = COLUMBA_OK;
    }
    arena_clear(&arena);
    return error;
}
