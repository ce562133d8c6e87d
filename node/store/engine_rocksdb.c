/*
 * The engine in RocksDB: one database, one write-ahead log, a column family for each space. The
 * rows space merges with the rows' merge function; the local space is plain.
 *
 * Happy path: a batch is one WriteBatch; a commit one write with one sync of the log; a scan one
 * iterator. RocksDB is safe for threads, so nothing here locks.
 *
 * Failure: the first commit or sync that fails is remembered with its words, and every later one
 * refused with ERR_IO (engine.h says why). A row that does not merge makes the reads that meet it
 * ERR_CORRUPT. Running out of memory inside RocksDB ends the process.
 */
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "node/store/data_format.h"
#include "node/store/disk_space.h"
#include "node/store/durable_mark.h"
#include "node/store/engine.h"
#include "node/store/rocksdb_gap.h"
#include "node/store/rocksdb_options.h"
#include "node/store/rocksdb_status.h"

#define SPACES 2

/* The rows space is the family every database has. */
static const char *const family_names[SPACES] = {"default", "local"};

struct engine_batch {
    struct rocksdb_engine *owner;
    rocksdb_writebatch_t *writes;
};

struct rocksdb_engine {
    struct engine engine;
    rocksdb_t *database;
    rocksdb_column_family_handle_t *families[SPACES];
    struct rocksdb_setup setup;
    rocksdb_writeoptions_t *write_options[2]; /* by sync */
    struct disk_space disk;
    struct durable_mark mark; /* the committing thread's */
    atomic_uint_fast64_t commits;
    atomic_uint_fast64_t rows_written;
    pthread_mutex_t damage_mutex; /* guards the next */
    struct engine_damage damage;
    atomic_bool is_failed;
    char failure[ENGINE_TEXT_MAX_BYTES]; /* written before is_failed is set, never again */
};

static struct rocksdb_engine *rocksdb_engine_of(struct engine *engine)
{
    return (struct rocksdb_engine *)engine;
}

/* ---- batches ---- */

static struct engine_batch *rocksdb_batch_create(struct engine *engine)
{
    struct engine_batch *batch = malloc(sizeof(*batch));
    if (batch != NULL) {
        batch->owner = rocksdb_engine_of(engine);
        batch->writes = rocksdb_writebatch_create();
    }
    return batch;
}

static void rocksdb_batch_destroy(struct engine_batch *batch)
{
    if (batch != NULL) {
        rocksdb_writebatch_destroy(batch->writes);
        free(batch);
    }
}

static void rocksdb_batch_clear(struct engine_batch *batch)
{
    rocksdb_writebatch_clear(batch->writes);
}

static void rocksdb_batch_merge(struct engine_batch *batch, struct slice key, struct slice row)
{
    rocksdb_writebatch_merge_cf(batch->writes, batch->owner->families[SPACE_ROWS],
                                (const char *)key.data, key.size, (const char *)row.data, row.size);
}

static void rocksdb_batch_put(struct engine_batch *batch, struct slice key, struct slice value)
{
    rocksdb_writebatch_put_cf(batch->writes, batch->owner->families[SPACE_LOCAL],
                              (const char *)key.data, key.size, (const char *)value.data,
                              value.size);
}

static void rocksdb_batch_remove(struct engine_batch *batch, struct slice key)
{
    rocksdb_writebatch_delete_cf(batch->writes, batch->owner->families[SPACE_LOCAL],
                                 (const char *)key.data, key.size);
}

static size_t rocksdb_batch_count(const struct engine_batch *batch)
{
    return (size_t)rocksdb_writebatch_count(batch->writes);
}

static size_t rocksdb_batch_bytes(const struct engine_batch *batch)
{
    size_t size;
    rocksdb_writebatch_data(batch->writes, &size);
    return size;
}

/* ---- commits ---- */

static enum columba_error commit_done(struct rocksdb_engine *rocksdb, char *errptr)
{
    enum columba_error error = rocksdb_status_take(errptr, rocksdb->failure);
    if (error != COLUMBA_OK) {
        atomic_store(&rocksdb->is_failed, true);
    }
    return error;
}

/* One thread commits, so what is the latest now was written before the sync. */
static void synced_tell(struct rocksdb_engine *rocksdb)
{
    durable_mark_set(&rocksdb->mark, rocksdb_get_latest_sequence_number(rocksdb->database));
}

static enum columba_error rocksdb_commit(struct engine *engine, struct engine_batch *batch,
                                         bool sync)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    if (atomic_load(&rocksdb->is_failed)) {
        return ERR_IO;
    }
    char *errptr = NULL;
    rocksdb_write(rocksdb->database, rocksdb->write_options[sync], batch->writes, &errptr);
    enum columba_error error = commit_done(rocksdb, errptr);
    if (error == COLUMBA_OK) {
        if (sync) {
            synced_tell(rocksdb);
        }
        atomic_fetch_add(&rocksdb->commits, 1);
        atomic_fetch_add(&rocksdb->rows_written, rocksdb_batch_count(batch));
    }
    return error;
}

static enum columba_error rocksdb_sync(struct engine *engine)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    if (atomic_load(&rocksdb->is_failed)) {
        return ERR_IO;
    }
    char *errptr = NULL;
    rocksdb_flush_wal(rocksdb->database, 1, &errptr);
    enum columba_error error = commit_done(rocksdb, errptr);
    if (error == COLUMBA_OK) {
        synced_tell(rocksdb);
    }
    return error;
}

static void rocksdb_failure(struct engine *engine, char *out_text)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "%s",
             atomic_load(&rocksdb->is_failed) ? rocksdb->failure : "");
}

/* ---- reads ---- */

/* ReadTier::kBlockCacheTier */
#define READ_TIER_MEMORY 1

/* What a read of this range said, and whether it met damage. */
static enum columba_error read_done(struct rocksdb_engine *rocksdb, char *errptr,
                                    struct slice begin, struct slice end)
{
    char said[ENGINE_TEXT_MAX_BYTES];
    enum columba_error error = rocksdb_status_take(errptr, said);
    if (error != ERR_CORRUPT) {
        return error;
    }
    char range[DAMAGE_RANGE_BYTES];
    damage_range_text(begin, end, range);
    pthread_mutex_lock(&rocksdb->damage_mutex);
    rocksdb->damage.count++;
    snprintf(rocksdb->damage.text, sizeof(rocksdb->damage.text), "%.300s (%s)", said, range);
    pthread_mutex_unlock(&rocksdb->damage_mutex);
    return error;
}

static void rocksdb_damage(struct engine *engine, struct engine_damage *out_damage)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    pthread_mutex_lock(&rocksdb->damage_mutex);
    *out_damage = rocksdb->damage;
    pthread_mutex_unlock(&rocksdb->damage_mutex);
}

static rocksdb_readoptions_t *read_options_create(enum engine_tier tier)
{
    rocksdb_readoptions_t *options = rocksdb_readoptions_create();
    rocksdb_readoptions_set_background_purge_on_iterator_cleanup(options, 1);
    if (tier == TIER_MEMORY) {
        rocksdb_readoptions_set_read_tier(options, READ_TIER_MEMORY);
    }
    return options;
}

static enum columba_error pinned_copy(rocksdb_pinnableslice_t *pinned, struct arena *arena,
                                      struct slice *out_value)
{
    size_t size;
    const char *value = rocksdb_pinnableslice_value(pinned, &size);
    bool is_copied = arena_copy(arena, slice_of(value, size), out_value) == 0;
    return is_copied ? COLUMBA_OK : ERR_NO_MEMORY;
}

static rocksdb_pinnableslice_t *key_pin(struct rocksdb_engine *rocksdb, enum engine_space space,
                                        enum engine_tier tier, struct slice key,
                                        enum columba_error *out_error)
{
    rocksdb_readoptions_t *options = read_options_create(tier);
    char *errptr = NULL;
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned_cf(rocksdb->database, options, rocksdb->families[space],
                              (const char *)key.data, key.size, &errptr);
    rocksdb_readoptions_destroy(options);
    *out_error = read_done(rocksdb, errptr, key, key);
    return pinned;
}

static enum columba_error rocksdb_engine_get(struct engine *engine, enum engine_space space,
                                             enum engine_tier tier, struct slice key,
                                             struct arena *arena, struct slice *out_value)
{
    enum columba_error error;
    rocksdb_pinnableslice_t *pinned = key_pin(rocksdb_engine_of(engine), space, tier, key, &error);
    if (error == COLUMBA_OK) {
        error = pinned == NULL ? ERR_NOT_FOUND : pinned_copy(pinned, arena, out_value);
    }
    rocksdb_pinnableslice_destroy(pinned);
    return error;
}

/* Whether all keys of the range begin with the first key's prefix: the end is at most the prefix
 * that follows it. */
static bool scan_is_of_one_prefix(const struct engine_scan *scan)
{
    if (scan->begin.size < ROCKSDB_PREFIX_BYTES) {
        return false;
    }
    uint8_t following[ROCKSDB_PREFIX_BYTES];
    memcpy(following, scan->begin.data, sizeof(following));
    for (size_t i = sizeof(following); i-- > 0 && ++following[i] == 0;) {
    }
    return slice_compare(scan->end, slice_of(following, sizeof(following))) <= 0;
}

static rocksdb_readoptions_t *scan_options_create(const struct engine_scan *scan)
{
    rocksdb_readoptions_t *options = read_options_create(scan->tier);
    /* Seeking backwards starts at the end of the range, which has another prefix. */
    bool by_prefix = !scan->backwards && scan_is_of_one_prefix(scan);
    rocksdb_readoptions_set_total_order_seek(options, !by_prefix);
    rocksdb_readoptions_set_iterate_upper_bound(options, (const char *)scan->end.data,
                                                scan->end.size);
    if (scan->backwards) {
        rocksdb_readoptions_set_iterate_lower_bound(options, (const char *)scan->begin.data,
                                                    scan->begin.size);
    }
    return options;
}

/* The last key that was visited; of the local space, where keys are short. */
static void visited_keep(struct key_bytes *visited, struct slice key)
{
    if (key.size <= sizeof(visited->bytes)) {
        visited->size = (uint8_t)key.size;
        memcpy(visited->bytes, key.data, key.size);
    }
}

static bool iterator_visit(rocksdb_iterator_t *iterator, const struct engine_scan *scan,
                           struct key_bytes *visited)
{
    size_t key_size;
    size_t value_size;
    const char *key = rocksdb_iter_key(iterator, &key_size);
    const char *value = rocksdb_iter_value(iterator, &value_size);
    if (visited != NULL) {
        visited_keep(visited, slice_of(key, key_size));
    }
    return scan->visit(scan->context, slice_of(key, key_size), slice_of(value, value_size));
}

static void scan_walk(rocksdb_iterator_t *iterator, const struct engine_scan *scan,
                      struct key_bytes *visited)
{
    if (scan->backwards) {
        rocksdb_iter_seek_for_prev(iterator, (const char *)scan->end.data, scan->end.size);
        while (rocksdb_iter_valid(iterator) && iterator_visit(iterator, scan, visited)) {
            rocksdb_iter_prev(iterator);
        }
    } else {
        rocksdb_iter_seek(iterator, (const char *)scan->begin.data, scan->begin.size);
        while (rocksdb_iter_valid(iterator) && iterator_visit(iterator, scan, visited)) {
            rocksdb_iter_next(iterator);
        }
    }
}

/* Only one key can be in the range: the end is the key that follows the first one. */
static bool scan_is_of_one_key(const struct engine_scan *scan)
{
    size_t size = scan->begin.size;
    return size > 0 && scan->end.size == size + 1 && scan->end.data[size] == 0 &&
           memcmp(scan->begin.data, scan->end.data, size) == 0;
}

/* Costs a fraction of what an iterator does. */
static enum columba_error key_scan(struct rocksdb_engine *rocksdb, const struct engine_scan *scan)
{
    enum columba_error error;
    rocksdb_pinnableslice_t *pinned =
        key_pin(rocksdb, scan->space, scan->tier, scan->begin, &error);
    if (pinned != NULL) {
        size_t size;
        const char *value = rocksdb_pinnableslice_value(pinned, &size);
        scan->visit(scan->context, scan->begin, slice_of(value, size));
    }
    rocksdb_pinnableslice_destroy(pinned);
    return error;
}

/* What RocksDB said; NULL: nothing was wrong. */
static char *range_scan(struct rocksdb_engine *rocksdb, const struct engine_scan *scan,
                        struct key_bytes *visited)
{
    rocksdb_readoptions_t *options = scan_options_create(scan);
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator_cf(rocksdb->database, options, rocksdb->families[scan->space]);
    scan_walk(iterator, scan, visited);
    char *said = NULL;
    rocksdb_iter_get_error(iterator, &said);
    rocksdb_iter_destroy(iterator);
    rocksdb_readoptions_destroy(options);
    return said;
}

static bool nothing_visit(void *context, struct slice key, struct slice value)
{
    (void)context;
    (void)key;
    (void)value;
    return false;
}

struct gap {
    struct rocksdb_engine *rocksdb;
    struct slice end;
};

static enum gap_probe gap_probe(void *context, struct slice key)
{
    const struct gap *gap = context;
    const struct engine_scan scan = {.space = SPACE_LOCAL,
                                     .tier = TIER_ALL,
                                     .begin = key,
                                     .end = gap->end,
                                     .visit = nothing_visit};
    char *said = range_scan(gap->rocksdb, &scan, NULL);
    return rocksdb_status_take(said, NULL) == COLUMBA_OK ? PROBE_READABLE : PROBE_DAMAGED;
}

/* What cannot be read is noted and passed over. */
static enum columba_error local_scan(struct rocksdb_engine *rocksdb, const struct engine_scan *scan)
{
    struct engine_scan rest = *scan;
    struct gap gap = {.rocksdb = rocksdb, .end = scan->end};
    struct key_bytes at = {0};
    for (;;) {
        struct key_bytes visited = {0};
        char *said = range_scan(rocksdb, &rest, &visited);
        if (visited.size == 0) {
            visited_keep(&visited, rest.begin);
        }
        enum columba_error error = read_done(rocksdb, said, key_slice(&visited), scan->end);
        if (error != ERR_CORRUPT || scan->tier != TIER_ALL || visited.size == 0) {
            return error;
        }
        at = visited;
        if (!gap_pass(&at, scan->end, gap_probe, &gap)) {
            return COLUMBA_OK;
        }
        rest.begin = key_slice(&at);
    }
}

static enum columba_error rocksdb_scan(struct engine *engine, const struct engine_scan *scan)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    if (slice_compare(scan->begin, scan->end) >= 0) {
        return COLUMBA_OK;
    }
    if (scan_is_of_one_key(scan)) {
        return key_scan(rocksdb, scan);
    }
    if (scan->space == SPACE_LOCAL && !scan->backwards) {
        return local_scan(rocksdb, scan);
    }
    char *said = range_scan(rocksdb, scan, NULL);
    return read_done(rocksdb, said, scan->begin, scan->end);
}

/* ---- upkeep ---- */

static enum columba_error rocksdb_engine_flush(struct engine *engine)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    enum columba_error error = COLUMBA_OK;
    for (unsigned i = 0; i < SPACES && error == COLUMBA_OK; i++) {
        char *errptr = NULL;
        rocksdb_flush_cf(rocksdb->database, options, rocksdb->families[i], &errptr);
        error = rocksdb_status_take(errptr, NULL);
    }
    rocksdb_flushoptions_destroy(options);
    return error;
}

static enum columba_error rocksdb_engine_compact(struct engine *engine)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    for (unsigned i = 0; i < SPACES; i++) {
        rocksdb_compact_range_cf(rocksdb->database, rocksdb->families[i], NULL, 0, NULL, 0);
    }
    return COLUMBA_OK;
}

static uint64_t property(struct rocksdb_engine *rocksdb, const char *name)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < SPACES; i++) {
        uint64_t value = 0;
        if (rocksdb_property_int_cf(rocksdb->database, rocksdb->families[i], name, &value) == 0) {
            sum += value;
        }
    }
    return sum;
}

static bool rocksdb_is_full(struct engine *engine)
{
    return disk_space_is_short(&rocksdb_engine_of(engine)->disk);
}

static void rocksdb_stats(struct engine *engine, struct engine_stats *out_stats)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    *out_stats = (struct engine_stats){
        .bytes_on_disk = property(rocksdb, "rocksdb.total-sst-files-size"),
        .bytes_in_memory = property(rocksdb, "rocksdb.cur-size-all-mem-tables"),
        .keys_estimate = property(rocksdb, "rocksdb.estimate-num-keys"),
        .commits = atomic_load(&rocksdb->commits),
        .rows_written = atomic_load(&rocksdb->rows_written),
        .compaction_pending_bytes = property(rocksdb, "rocksdb.estimate-pending-compaction-bytes"),
        .block_cache_bytes = rocksdb_cache_get_usage(rocksdb->setup.cache),
    };
}

/* ---- opening and closing ---- */

static void database_close(struct rocksdb_engine *rocksdb)
{
    rocksdb_cancel_all_background_work(rocksdb->database, 1);
    for (unsigned i = 0; i < SPACES; i++) {
        rocksdb_column_family_handle_destroy(rocksdb->families[i]);
    }
    rocksdb_close(rocksdb->database);
}

static void rocksdb_engine_destroy(struct rocksdb_engine *rocksdb)
{
    durable_mark_close(&rocksdb->mark);
    for (unsigned i = 0; i < 2; i++) {
        rocksdb_writeoptions_destroy(rocksdb->write_options[i]);
    }
    rocksdb_setup_clear(&rocksdb->setup);
    pthread_mutex_destroy(&rocksdb->damage_mutex);
    free(rocksdb);
}

static void rocksdb_engine_close(struct engine *engine)
{
    struct rocksdb_engine *rocksdb = rocksdb_engine_of(engine);
    database_close(rocksdb);
    rocksdb_engine_destroy(rocksdb);
}

static const struct engine_table rocksdb_table = {
    .close = rocksdb_engine_close,
    .batch_create = rocksdb_batch_create,
    .batch_destroy = rocksdb_batch_destroy,
    .batch_clear = rocksdb_batch_clear,
    .batch_merge = rocksdb_batch_merge,
    .batch_put = rocksdb_batch_put,
    .batch_remove = rocksdb_batch_remove,
    .batch_count = rocksdb_batch_count,
    .batch_bytes = rocksdb_batch_bytes,
    .commit = rocksdb_commit,
    .sync = rocksdb_sync,
    .get = rocksdb_engine_get,
    .scan = rocksdb_scan,
    .flush = rocksdb_engine_flush,
    .compact = rocksdb_engine_compact,
    .stats = rocksdb_stats,
    .is_full = rocksdb_is_full,
    .failure = rocksdb_failure,
    .damage = rocksdb_damage,
};

static struct rocksdb_engine *rocksdb_engine_create(const struct engine_rocksdb_options *options)
{
    struct rocksdb_engine *rocksdb = calloc(1, sizeof(*rocksdb));
    if (rocksdb == NULL || pthread_mutex_init(&rocksdb->damage_mutex, NULL) != 0) {
        free(rocksdb);
        return NULL;
    }
    rocksdb->engine.table = &rocksdb_table;
    rocksdb->mark.fd = -1;
    disk_space_init(&rocksdb->disk, options->directory, options->disk_reserve_bytes);
    rocksdb_setup_init(&rocksdb->setup, options);
    for (unsigned i = 0; i < 2; i++) {
        rocksdb->write_options[i] = rocksdb_writeoptions_create();
        rocksdb_writeoptions_set_sync(rocksdb->write_options[i], (unsigned char)i);
    }
    return rocksdb;
}

static void open_failure_tell(enum columba_error error, const char *directory, const char *said,
                              char *out_text)
{
    if (error == ERR_IN_USE) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "another node uses the data directory %.250s: stop it, or give this node a"
                 " directory of its own",
                 directory);
    } else if (error == ERR_CORRUPT) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "the database in %.130s is damaged (%.150s). " DATA_LOSS_ADVICE, directory, said);
    } else {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "cannot open the database in %.200s: %.250s",
                 directory, said);
    }
}

static enum columba_error database_open(struct rocksdb_engine *rocksdb, const char *directory,
                                        char *out_text)
{
    const rocksdb_options_t *const options[SPACES] = {rocksdb->setup.rows, rocksdb->setup.local};
    char said[ENGINE_TEXT_MAX_BYTES];
    char *errptr = NULL;
    rocksdb->database = rocksdb_open_column_families(
        rocksdb->setup.rows, directory, SPACES, family_names, options, rocksdb->families, &errptr);
    enum columba_error error = rocksdb_status_take(errptr, said);
    if (error != COLUMBA_OK) {
        open_failure_tell(error, directory, said, out_text);
    }
    return error;
}

static bool database_is_there(const char *directory)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/CURRENT", directory) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

/* Whether all is there that was synced before. */
static enum columba_error log_check(struct rocksdb_engine *rocksdb, const char *directory,
                                    char *out_text)
{
    uint64_t sequence = rocksdb_get_latest_sequence_number(rocksdb->database);
    if (sequence >= rocksdb->mark.sequence) {
        return COLUMBA_OK;
    }
    snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
             "the write-ahead log in %.130s ends at write %" PRIu64 ", but write %" PRIu64
             " had been synced: it was deleted or cut. " DATA_LOSS_ADVICE,
             directory, sequence, rocksdb->mark.sequence);
    return ERR_CORRUPT;
}

static enum columba_error parts_open(struct rocksdb_engine *rocksdb, const char *directory,
                                     char *out_text)
{
    enum columba_error error =
        durable_mark_open(&rocksdb->mark, directory, database_is_there(directory), out_text);
    if (error == COLUMBA_OK) {
        error = database_open(rocksdb, directory, out_text);
    }
    if (error != COLUMBA_OK) {
        return error;
    }
    error = log_check(rocksdb, directory, out_text);
    if (error != COLUMBA_OK) {
        database_close(rocksdb);
    }
    return error;
}

enum columba_error engine_rocksdb_open(const struct engine_rocksdb_options *options,
                                       struct engine **out_engine, char *out_text)
{
    enum columba_error error = data_format_check(options->directory, out_text);
    if (error != COLUMBA_OK) {
        return error;
    }
    struct rocksdb_engine *rocksdb = rocksdb_engine_create(options);
    if (rocksdb == NULL) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "out of memory");
        return ERR_NO_MEMORY;
    }
    error = parts_open(rocksdb, options->directory, out_text);
    if (error != COLUMBA_OK) {
        rocksdb_engine_destroy(rocksdb);
        return error;
    }
    *out_engine = &rocksdb->engine;
    return COLUMBA_OK;
}
