/*
 * The engine in memory, for the simulator and for tests. It keeps one state, the newest, and for
 * every commit that is not synced yet a journal of the values it replaced: a crash takes back the
 * commits it loses, newest first; a sync forgets the journals.
 *
 * A removed key, or one whose insertion may be taken back, keeps its entry with a NULL value until
 * no journal names it any more (sorted_entry.pins counts them).
 *
 * Failure: a commit that runs out of memory or finds a corrupt row is taken back whole, and the
 * engine refuses commits until a crash.
 */
#include <stdatomic.h>

#include "base/assert.h"
#include "node/store/batch_memory.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "node/store/sorted_map.h"

#define SPACES 2u
/* Two rows merged: both unread sets, their union twice, and the result. */
#define MERGE_ARENA_MAX_BYTES (4u * MIB)

struct replaced {
    struct sorted_map *space;
    struct sorted_entry *entry;
    struct sorted_value *old;
};

/* What one commit replaced, in its order. */
struct journal {
    struct journal *older;
    size_t count;
    struct replaced replaced[];
};

struct memory_engine {
    struct engine engine;
    struct memory *memory;
    struct sorted_map spaces[SPACES];
    struct journal *newest;
    uint32_t unsynced;
    uint32_t fail_commit_in;
    bool is_failed;
    atomic_bool is_full; /* set from any thread, for tests */
    struct arena merge_arena;
    uint64_t bytes;
    uint64_t commits;
    uint64_t rows_written;
    atomic_uint_fast64_t damage; /* reads of damaged rows, side by side */
};

static struct memory_engine *memory_engine_of(struct engine *engine)
{
    return (struct memory_engine *)engine;
}

static uint64_t value_bytes(const struct sorted_entry *entry, const struct sorted_value *value)
{
    return value == NULL ? 0 : entry->key_size + value->size;
}

static void entry_set(struct memory_engine *memory_engine, struct sorted_entry *entry,
                      struct sorted_value *value)
{
    memory_engine->bytes -= value_bytes(entry, entry->value);
    memory_engine->bytes += value_bytes(entry, value);
    entry->value = value;
    entry->is_damaged = false;
}

static void entry_unpin(const struct replaced *replaced)
{
    if (--replaced->entry->pins == 0 && replaced->entry->value == NULL) {
        sorted_map_remove(replaced->space, replaced->entry);
    }
}

static void journal_undo(struct memory_engine *memory_engine, struct journal *journal)
{
    while (journal->count > 0) {
        const struct replaced *replaced = &journal->replaced[--journal->count];
        struct sorted_value *lost = replaced->entry->value;
        entry_set(memory_engine, replaced->entry, replaced->old);
        memory_release(memory_engine->memory, lost);
        entry_unpin(replaced);
    }
    memory_release(memory_engine->memory, journal);
}

static void journal_forget(struct memory_engine *memory_engine, struct journal *journal)
{
    for (size_t i = 0; i < journal->count; i++) {
        memory_release(memory_engine->memory, journal->replaced[i].old);
        entry_unpin(&journal->replaced[i]);
    }
    memory_release(memory_engine->memory, journal);
}

static struct journal *journal_pop(struct memory_engine *memory_engine)
{
    struct journal *journal = memory_engine->newest;
    memory_engine->newest = journal->older;
    memory_engine->unsynced--;
    return journal;
}

static void journals_forget(struct memory_engine *memory_engine)
{
    while (memory_engine->newest != NULL) {
        journal_forget(memory_engine, journal_pop(memory_engine));
    }
}

static struct slice value_slice(const struct sorted_value *value)
{
    return slice_of(value->bytes, value->size);
}

static enum columba_error value_create(struct memory *memory, struct slice bytes,
                                       struct sorted_value **out_value)
{
    struct sorted_value *value = memory_allocate(memory, sizeof(*value) + bytes.size);
    if (value == NULL) {
        return ERR_NO_MEMORY;
    }
    value->size = bytes.size;
    if (bytes.size > 0) {
        memcpy(value->bytes, bytes.data, bytes.size);
    }
    *out_value = value;
    return COLUMBA_OK;
}

static enum columba_error value_merge(struct memory_engine *memory_engine,
                                      const struct sorted_entry *entry, struct slice row,
                                      struct sorted_value **out_value)
{
    struct slice versions[2] = {row};
    size_t count = 1;
    if (entry->value != NULL) {
        versions[count++] = value_slice(entry->value);
    }
    struct slice merged;
    enum columba_error error = row_merge(row_key_table(sorted_entry_key(entry)), versions, count,
                                         &memory_engine->merge_arena, &merged);
    if (error == COLUMBA_OK) {
        error = value_create(memory_engine->memory, merged, out_value);
    }
    arena_reset(&memory_engine->merge_arena);
    return error;
}

static enum columba_error value_of_operation(struct memory_engine *memory_engine,
                                             const struct sorted_entry *entry,
                                             const struct batch_operation *operation,
                                             struct sorted_value **out_value)
{
    switch (operation->action) {
    case BATCH_MERGE:
        return value_merge(memory_engine, entry, operation->value, out_value);
    case BATCH_PUT:
        return value_create(memory_engine->memory, operation->value, out_value);
    case BATCH_REMOVE:
        break;
    }
    *out_value = NULL;
    return COLUMBA_OK;
}

static enum columba_error operation_apply(struct memory_engine *memory_engine,
                                          const struct batch_operation *operation,
                                          struct journal *journal)
{
    struct sorted_map *space =
        &memory_engine->spaces[operation->action == BATCH_MERGE ? SPACE_ROWS : SPACE_LOCAL];
    struct sorted_entry *entry = sorted_map_insert(space, operation->key);
    if (entry == NULL) {
        return ERR_NO_MEMORY;
    }
    struct replaced *replaced = &journal->replaced[journal->count++];
    *replaced = (struct replaced){.space = space, .entry = entry, .old = entry->value};
    entry->pins++;
    struct sorted_value *value = NULL;
    enum columba_error error = value_of_operation(memory_engine, entry, operation, &value);
    if (error != COLUMBA_OK) {
        /* Nothing was replaced: take this one back here, the journal takes back the rest. */
        journal->count--;
        entry_unpin(replaced);
        return error;
    }
    entry_set(memory_engine, entry, value);
    return COLUMBA_OK;
}

static enum columba_error batch_apply(struct memory_engine *memory_engine,
                                      const struct engine_batch *batch)
{
    struct journal *journal = memory_allocate(
        memory_engine->memory, sizeof(*journal) + batch->count * sizeof(journal->replaced[0]));
    if (journal == NULL) {
        return ERR_NO_MEMORY;
    }
    journal->count = 0;
    struct batch_operation operation;
    for (size_t at = 0; batch_memory_next(batch, &at, &operation);) {
        enum columba_error error = operation_apply(memory_engine, &operation, journal);
        if (error != COLUMBA_OK) {
            journal_undo(memory_engine, journal);
            return error;
        }
    }
    journal->older = memory_engine->newest;
    memory_engine->newest = journal;
    memory_engine->unsynced++;
    return COLUMBA_OK;
}

static enum columba_error commit_try(struct memory_engine *memory_engine,
                                     const struct engine_batch *batch)
{
    if (memory_engine->fail_commit_in > 0 && --memory_engine->fail_commit_in == 0) {
        return ERR_IO;
    }
    return batch->is_short_of_memory ? ERR_NO_MEMORY : batch_apply(memory_engine, batch);
}

static enum columba_error memory_commit(struct engine *engine, struct engine_batch *batch,
                                        bool sync)
{
    struct memory_engine *memory_engine = memory_engine_of(engine);
    if (memory_engine->is_failed) {
        return ERR_IO;
    }
    enum columba_error error = commit_try(memory_engine, batch);
    if (error != COLUMBA_OK) {
        memory_engine->is_failed = true;
        return error;
    }
    memory_engine->commits++;
    memory_engine->rows_written += batch->count;
    if (sync) {
        journals_forget(memory_engine);
    }
    return COLUMBA_OK;
}

static enum columba_error memory_sync(struct engine *engine)
{
    struct memory_engine *memory_engine = memory_engine_of(engine);
    if (memory_engine->is_failed) {
        return ERR_IO;
    }
    journals_forget(memory_engine);
    return COLUMBA_OK;
}

static enum columba_error memory_get(struct engine *engine, enum engine_space space,
                                     enum engine_tier tier, struct slice key, struct arena *arena,
                                     struct slice *out_value)
{
    (void)tier;
    const struct sorted_entry *entry =
        sorted_map_find(&memory_engine_of(engine)->spaces[space], key);
    if (entry == NULL || entry->value == NULL) {
        return ERR_NOT_FOUND;
    }
    if (entry->is_damaged) {
        atomic_fetch_add(&memory_engine_of(engine)->damage, 1);
        return ERR_CORRUPT;
    }
    return arena_copy(arena, value_slice(entry->value), out_value) == 0 ? COLUMBA_OK
                                                                        : ERR_NO_MEMORY;
}

struct walk {
    struct memory_engine *memory_engine;
    const struct engine_scan *scan;
    enum columba_error error;
};

/* False: it cannot be read, and the scan may not pass over it. */
static bool damage_pass(struct walk *walk)
{
    atomic_fetch_add(&walk->memory_engine->damage, 1);
    if (walk->scan->space == SPACE_LOCAL && !walk->scan->backwards) {
        return true;
    }
    walk->error = ERR_CORRUPT;
    return false;
}

/* False: the visitor has seen enough, or the walk has failed. */
static bool entry_visit(struct walk *walk, const struct sorted_entry *entry)
{
    const struct engine_scan *scan = walk->scan;
    if (entry->value == NULL) {
        return true;
    }
    if (entry->is_damaged) {
        return damage_pass(walk);
    }
    return scan->visit(scan->context, sorted_entry_key(entry), value_slice(entry->value));
}

static void walk_forwards(struct walk *walk, const struct sorted_map *map)
{
    const struct sorted_entry *entry = sorted_map_at_or_after(map, walk->scan->begin);
    while (entry != NULL && slice_compare(sorted_entry_key(entry), walk->scan->end) < 0 &&
           entry_visit(walk, entry)) {
        entry = entry->next[0];
    }
}

static void walk_backwards(struct walk *walk, const struct sorted_map *map)
{
    const struct sorted_entry *entry = sorted_map_last_before(map, walk->scan->end);
    while (entry != NULL && slice_compare(sorted_entry_key(entry), walk->scan->begin) >= 0 &&
           entry_visit(walk, entry)) {
        entry = entry->previous;
    }
}

static enum columba_error memory_scan(struct engine *engine, const struct engine_scan *scan)
{
    const struct sorted_map *map = &memory_engine_of(engine)->spaces[scan->space];
    struct walk walk = {.memory_engine = memory_engine_of(engine), .scan = scan};
    if (scan->backwards) {
        walk_backwards(&walk, map);
    } else {
        walk_forwards(&walk, map);
    }
    return walk.error;
}

static enum columba_error memory_flush(struct engine *engine)
{
    return memory_sync(engine);
}

static void memory_stats(struct engine *engine, struct engine_stats *out_stats)
{
    const struct memory_engine *memory_engine = memory_engine_of(engine);
    *out_stats = (struct engine_stats){
        .bytes_on_disk = memory_engine->bytes,
        .bytes_in_memory = memory_engine->bytes,
        .keys_estimate =
            memory_engine->spaces[SPACE_ROWS].count + memory_engine->spaces[SPACE_LOCAL].count,
        .commits = memory_engine->commits,
        .rows_written = memory_engine->rows_written,
    };
}

static bool memory_is_full(struct engine *engine)
{
    return atomic_load(&memory_engine_of(engine)->is_full);
}

static void memory_failure(struct engine *engine, char *out_text)
{
    static const char text[] = "a commit failed";
    if (memory_engine_of(engine)->is_failed) {
        memcpy(out_text, text, sizeof(text));
    } else {
        out_text[0] = '\0';
    }
}

static void memory_damage(struct engine *engine, struct engine_damage *out_damage)
{
    static const char text[] = "a row was damaged";
    *out_damage = (struct engine_damage){.count = atomic_load(&memory_engine_of(engine)->damage)};
    if (out_damage->count > 0) {
        memcpy(out_damage->text, text, sizeof(text));
    }
}

static struct engine_batch *memory_batch_create(struct engine *engine)
{
    return batch_memory_create(memory_engine_of(engine)->memory);
}

static void memory_batch_merge(struct engine_batch *batch, struct slice key, struct slice row)
{
    const struct batch_operation operation = {BATCH_MERGE, key, row};
    batch_memory_add(batch, &operation);
}

static void memory_batch_put(struct engine_batch *batch, struct slice key, struct slice value)
{
    const struct batch_operation operation = {BATCH_PUT, key, value};
    batch_memory_add(batch, &operation);
}

static void memory_batch_remove(struct engine_batch *batch, struct slice key)
{
    const struct batch_operation operation = {BATCH_REMOVE, key, {NULL, 0}};
    batch_memory_add(batch, &operation);
}

static size_t memory_batch_count(const struct engine_batch *batch)
{
    return batch->count;
}

static size_t memory_batch_bytes(const struct engine_batch *batch)
{
    return batch->size;
}

static void memory_close(struct engine *engine)
{
    struct memory_engine *memory_engine = memory_engine_of(engine);
    journals_forget(memory_engine);
    for (unsigned i = 0; i < SPACES; i++) {
        sorted_map_clear(&memory_engine->spaces[i]);
    }
    arena_clear(&memory_engine->merge_arena);
    memory_release(memory_engine->memory, memory_engine);
}

static const struct engine_table memory_table = {
    .close = memory_close,
    .batch_create = memory_batch_create,
    .batch_destroy = batch_memory_destroy,
    .batch_clear = batch_memory_clear,
    .batch_merge = memory_batch_merge,
    .batch_put = memory_batch_put,
    .batch_remove = memory_batch_remove,
    .batch_count = memory_batch_count,
    .batch_bytes = memory_batch_bytes,
    .commit = memory_commit,
    .sync = memory_sync,
    .get = memory_get,
    .scan = memory_scan,
    .flush = memory_flush,
    .compact = memory_flush,
    .stats = memory_stats,
    .is_full = memory_is_full,
    .failure = memory_failure,
    .damage = memory_damage,
};

struct engine *engine_memory_open(struct memory *memory)
{
    struct memory_engine *memory_engine = memory_allocate_zero(memory, sizeof(*memory_engine));
    if (memory_engine == NULL) {
        return NULL;
    }
    memory_engine->engine.table = &memory_table;
    memory_engine->memory = memory;
    for (unsigned i = 0; i < SPACES; i++) {
        sorted_map_init(&memory_engine->spaces[i], memory);
    }
    arena_init(&memory_engine->merge_arena, memory, MERGE_ARENA_MAX_BYTES);
    return &memory_engine->engine;
}

void engine_memory_crash(struct engine *engine, uint32_t unsynced_kept)
{
    struct memory_engine *memory_engine = memory_engine_of(engine);
    while (memory_engine->unsynced > unsynced_kept) {
        journal_undo(memory_engine, journal_pop(memory_engine));
    }
    journals_forget(memory_engine);
    memory_engine->is_failed = false;
    memory_engine->fail_commit_in = 0;
}

void engine_memory_set_full(struct engine *engine, bool is_full)
{
    atomic_store(&memory_engine_of(engine)->is_full, is_full);
}

void engine_memory_damage(struct engine *engine, enum engine_space space, struct slice key)
{
    struct sorted_entry *entry = sorted_map_find(&memory_engine_of(engine)->spaces[space], key);
    COLUMBA_ASSERT(entry != NULL && entry->value != NULL);
    entry->is_damaged = true;
}

uint32_t engine_memory_unsynced(const struct engine *engine)
{
    return ((const struct memory_engine *)engine)->unsynced;
}

void engine_memory_fail_commit(struct engine *engine, uint32_t k)
{
    memory_engine_of(engine)->fail_commit_in = k;
}
