/*
 * An engine behind a lock: readers side by side, writers alone. It makes the engine in memory fit
 * for a node with threads; the engine in RocksDB needs no such thing.
 *
 * The table is the inner one's with the calls on the engine replaced: batches are the inner
 * engine's own, and belong to one thread, so they need no lock.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/assert.h"
#include "node/store/engine.h"

struct locked_engine {
    struct engine engine;
    struct engine_table table;
    struct engine *inner;
    pthread_rwlock_t lock;
};

static struct locked_engine *locked_engine_of(struct engine *engine)
{
    return (struct locked_engine *)engine;
}

static struct engine *enter_reading(struct engine *engine)
{
    COLUMBA_ASSERT(pthread_rwlock_rdlock(&locked_engine_of(engine)->lock) == 0);
    return locked_engine_of(engine)->inner;
}

static struct engine *enter_writing(struct engine *engine)
{
    COLUMBA_ASSERT(pthread_rwlock_wrlock(&locked_engine_of(engine)->lock) == 0);
    return locked_engine_of(engine)->inner;
}

static void leave(struct engine *engine)
{
    COLUMBA_ASSERT(pthread_rwlock_unlock(&locked_engine_of(engine)->lock) == 0);
}

static struct engine_batch *locked_batch_create(struct engine *engine)
{
    struct engine *inner = enter_writing(engine);
    struct engine_batch *batch = inner->table->batch_create(inner);
    leave(engine);
    return batch;
}

static enum columba_error locked_commit(struct engine *engine, struct engine_batch *batch,
                                        bool sync)
{
    struct engine *inner = enter_writing(engine);
    enum columba_error error = inner->table->commit(inner, batch, sync);
    leave(engine);
    return error;
}

static enum columba_error locked_sync(struct engine *engine)
{
    struct engine *inner = enter_writing(engine);
    enum columba_error error = inner->table->sync(inner);
    leave(engine);
    return error;
}

static enum columba_error locked_get(struct engine *engine, enum engine_space space,
                                     enum engine_tier tier, struct slice key, struct arena *arena,
                                     struct slice *out_value)
{
    struct engine *inner = enter_reading(engine);
    enum columba_error error = inner->table->get(inner, space, tier, key, arena, out_value);
    leave(engine);
    return error;
}

static enum columba_error locked_scan(struct engine *engine, const struct engine_scan *scan)
{
    struct engine *inner = enter_reading(engine);
    enum columba_error error = inner->table->scan(inner, scan);
    leave(engine);
    return error;
}

static enum columba_error locked_flush(struct engine *engine)
{
    struct engine *inner = enter_writing(engine);
    enum columba_error error = inner->table->flush(inner);
    leave(engine);
    return error;
}

static enum columba_error locked_compact(struct engine *engine)
{
    struct engine *inner = enter_writing(engine);
    enum columba_error error = inner->table->compact(inner);
    leave(engine);
    return error;
}

static void locked_stats(struct engine *engine, struct engine_stats *out_stats)
{
    struct engine *inner = enter_reading(engine);
    inner->table->stats(inner, out_stats);
    leave(engine);
}

static bool locked_is_full(struct engine *engine)
{
    struct engine *inner = enter_reading(engine);
    bool is_full = inner->table->is_full(inner);
    leave(engine);
    return is_full;
}

static void locked_failure(struct engine *engine, char *out_text)
{
    struct engine *inner = enter_reading(engine);
    inner->table->failure(inner, out_text);
    leave(engine);
}

static void locked_damage(struct engine *engine, struct engine_damage *out_damage)
{
    struct engine *inner = enter_reading(engine);
    inner->table->damage(inner, out_damage);
    leave(engine);
}

static void locked_close(struct engine *engine)
{
    struct locked_engine *locked = locked_engine_of(engine);
    locked->inner->table->close(locked->inner);
    pthread_rwlock_destroy(&locked->lock);
    free(locked);
}

static void table_fill(struct engine_table *table, const struct engine_table *inner)
{
    *table = *inner;
    table->close = locked_close;
    table->batch_create = locked_batch_create;
    table->commit = locked_commit;
    table->sync = locked_sync;
    table->get = locked_get;
    table->scan = locked_scan;
    table->flush = locked_flush;
    table->compact = locked_compact;
    table->stats = locked_stats;
    table->is_full = locked_is_full;
    table->failure = locked_failure;
    table->damage = locked_damage;
}

struct engine *engine_locked_open(struct engine *inner)
{
    struct locked_engine *locked = calloc(1, sizeof(*locked));
    if (locked == NULL || pthread_rwlock_init(&locked->lock, NULL) != 0) {
        free(locked);
        inner->table->close(inner);
        return NULL;
    }
    locked->inner = inner;
    table_fill(&locked->table, inner->table);
    locked->engine.table = &locked->table;
    return &locked->engine;
}
