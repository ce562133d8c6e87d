#include "node/shell/store_mark.h"

#include "base/cursor.h"
#include "node/store/key.h"

#define MARK_FORMAT 1u
#define MARK_BYTES (1u + ID_BYTES + 8u)
#define MARK_NAME "directory"

enum columba_error store_mark_get(struct engine *engine, struct store_mark *out_mark)
{
    struct arena arena;
    struct slice value;
    const struct key_bytes key = local_meta_key(MARK_NAME);
    arena_init(&arena, memory_system(), ARENA_CHUNK_BYTES);
    enum columba_error error =
        engine->table->get(engine, SPACE_LOCAL, TIER_ALL, key_slice(&key), &arena, &value);
    if (error == COLUMBA_OK) {
        struct reader reader = reader_of(value);
        uint8_t format = reader_u8(&reader);
        struct store_mark mark = {.directory_id = reader_id(&reader),
                                  .start_count = reader_u64(&reader)};
        if (reader.failed || format != MARK_FORMAT || reader_left(&reader) > 0) {
            error = ERR_CORRUPT;
        } else {
            *out_mark = mark;
        }
    }
    arena_clear(&arena);
    return error;
}

enum columba_error store_mark_set(struct engine *engine, const struct store_mark *mark)
{
    uint8_t bytes[MARK_BYTES];
    struct writer writer = writer_of(bytes, sizeof bytes);
    const struct key_bytes key = local_meta_key(MARK_NAME);
    writer_u8(&writer, MARK_FORMAT);
    writer_id(&writer, &mark->directory_id);
    writer_u64(&writer, mark->start_count);
    struct engine_batch *batch = engine->table->batch_create(engine);
    if (batch == NULL) {
        return ERR_NO_MEMORY;
    }
    engine->table->batch_put(batch, key_slice(&key), writer_done(&writer));
    enum columba_error error = engine->table->commit(engine, batch, true);
    engine->table->batch_destroy(batch);
    return error;
}
