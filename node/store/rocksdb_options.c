#include "node/store/rocksdb_options.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "node/store/rocksdb_merge.h"
#include "node/store/rocksdb_waits.h"

/* One commit thread fills one memtable while others are flushed; a third absorbs a burst. */
#define MEMTABLES_MAX 3
/* The log is cut when it holds this many memtables: what is replayed at start is bounded. */
#define LOG_MEMTABLES_MAX 4u
/* A page of 50 small rows lies in two or three blocks; larger blocks read more than is asked. */
#define BLOCK_BYTES (16u * KIB)
#define FILTER_BITS_PER_KEY 10.0
#define LEVEL_BASE_BYTES (256u * MIB)
#define TABLE_FILE_BYTES (64u * MIB)
/* Tables are written out in steps, so that the last sync of a flush does not hold up the log's. */
#define BYTES_PER_SYNC (1u * MIB)
/* Short steps: what one step allows is written at once, and must not be a burst itself. */
#define LIMITER_REFILL_US 4000
/* Compaction gets its turn before flush once in so many (RocksDB's default). */
#define LIMITER_FAIRNESS 10
/*
 * What users wait for goes first. Not at the lowest priority: a thread that holds one of RocksDB's
 * locks and is not scheduled holds up the commit.
 */
#define BACKGROUND_NICENESS 10
/* Tables are written in pieces this large: what the limit allows at once must not be a burst. */
#define TABLE_WRITE_BYTES (128u * KIB)
#define INFO_LOG_BYTES (4u * MIB)
#define INFO_LOG_FILES 2u
/*
 * Only what is logged at opening and closing. RocksDB's own log lies on the same disk, and a second
 * line to a log whose write has failed ends the process by an assertion of RocksDB's: on a full
 * disk that would come before the failed commit could be told. Errors come back as statuses.
 */
#define INFO_LOG_HEADERS 5

/*
 * A row is inserted beside the newest row of its prefix: a user's next log entry, a conversation's
 * next message. It takes a sixth off the CPU of a send's rows. The C interface sets it by name
 * only; a RocksDB that does not know the name works without.
 */
#define INSERT_HINT_OPTION "memtable_insert_with_hint_prefix_extractor=fixed:25"
_Static_assert(ROCKSDB_PREFIX_BYTES == 25, "the option above names the prefix");

/*
 * The manifest knows of every log that was closed and how long it was: one that is gone or shorter
 * is damage. (The newest log's end is the durable mark's affair.)
 */
#define LOGS_KNOWN_OPTION "track_and_verify_wals_in_manifest=true"

static rocksdb_options_t *named_option_add(rocksdb_options_t *options, const char *option)
{
    rocksdb_options_t *added = rocksdb_options_create();
    char *errptr = NULL;
    rocksdb_get_options_from_string(options, option, added, &errptr);
    rocksdb_options_t *unused = errptr == NULL ? options : added;
    rocksdb_options_destroy(unused);
    rocksdb_free(errptr);
    return unused == options ? added : options;
}

static rocksdb_block_based_table_options_t *table_options(rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_block_size(table, BLOCK_BYTES);
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(FILTER_BITS_PER_KEY));
    /* Everything is read by prefix; a filter entry for each key would only cost. */
    rocksdb_block_based_options_set_whole_key_filtering(table, 0);
    return table;
}

static void space_set(rocksdb_options_t *space, const struct engine_rocksdb_options *options,
                      rocksdb_cache_t *cache)
{
    rocksdb_options_set_write_buffer_size(space, options->memtable_bytes);
    rocksdb_options_set_max_write_buffer_number(space, MEMTABLES_MAX);
    rocksdb_options_set_prefix_extractor(
        space, rocksdb_slicetransform_create_fixed_prefix(ROCKSDB_PREFIX_BYTES));
    rocksdb_block_based_table_options_t *table = table_options(cache);
    rocksdb_options_set_block_based_table_factory(space, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_compaction_style(space, rocksdb_level_compaction);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(space, 1);
    rocksdb_options_set_max_bytes_for_level_base(space, LEVEL_BASE_BYTES);
    rocksdb_options_set_target_file_size_base(space, TABLE_FILE_BYTES);
    /* Bodies are ciphertext: there is nothing to compress but what costs more than it saves. */
    rocksdb_options_set_compression(space, rocksdb_no_compression);
}

/* Not everywhere: some file systems refuse it, and RocksDB would fail at the first flush. */
static bool direct_writes_work(const char *directory)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/direct-io.probe", directory) >= (int)sizeof path) {
        return false;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    close(fd);
    unlink(path);
    return true;
}

static void database_set(rocksdb_options_t *database, const struct engine_rocksdb_options *options,
                         rocksdb_env_t *env)
{
    rocksdb_options_set_create_if_missing(database, 1);
    rocksdb_options_set_create_missing_column_families(database, 1);
    rocksdb_options_set_env(database, env);
    rocksdb_options_set_max_background_jobs(database, (int)options->background_threads);
    rocksdb_options_set_max_open_files(database, (int)options->open_files_max);
    rocksdb_options_set_max_total_wal_size(database, LOG_MEMTABLES_MAX * options->memtable_bytes);
    rocksdb_options_set_bytes_per_sync(database, BYTES_PER_SYNC);
    rocksdb_options_set_writable_file_max_buffer_size(database, TABLE_WRITE_BYTES);
    /* Past the page cache: what lies in it unwritten, a file system with an ordered journal (ext4)
     * writes before the log's next sync returns. */
    rocksdb_options_set_use_direct_io_for_flush_and_compaction(
        database, direct_writes_work(options->directory));
    /* One thread commits, so there is nothing to pipeline and nobody to wait for. */
    rocksdb_options_set_enable_pipelined_write(database, 0);
    rocksdb_options_set_allow_concurrent_memtable_write(database, 0);
    rocksdb_options_set_enable_write_thread_adaptive_yield(database, 0);
    /* A torn end of the log was never acknowledged; damage anywhere else was, and must be told. */
    rocksdb_options_set_wal_recovery_mode(database,
                                          rocksdb_tolerate_corrupted_tail_records_recovery);
    /* Reads run on the core's thread: freeing files and memtables is not theirs. */
    rocksdb_options_set_avoid_unnecessary_blocking_io(database, 1);
    rocksdb_options_set_stats_dump_period_sec(database, 0);
    rocksdb_options_set_stats_persist_period_sec(database, 0);
    rocksdb_options_set_info_log_level(database, INFO_LOG_HEADERS);
    rocksdb_options_set_max_log_file_size(database, INFO_LOG_BYTES);
    rocksdb_options_set_keep_log_file_num(database, INFO_LOG_FILES);
}

/*
 * Without it a flush takes a whole CPU for as long as it lasts, and the three nodes of a cluster
 * on one machine (or three engines on one disk) starve what users wait for.
 */
static rocksdb_ratelimiter_t *limiter_create(uint64_t bytes_per_s)
{
    return bytes_per_s == 0 ? NULL
                            : rocksdb_ratelimiter_create((int64_t)bytes_per_s, LIMITER_REFILL_US,
                                                         LIMITER_FAIRNESS);
}

struct thread_start {
    rocksdb_env_t *env;
    uint32_t compactors;
};

/* On Linux niceness is a thread's own, and the threads that it starts inherit it. */
static void *threads_run(void *context)
{
    const struct thread_start *start = context;
    (void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICENESS);
    rocksdb_env_set_high_priority_background_threads(start->env, 1);
    rocksdb_env_set_background_threads(start->env, (int)start->compactors);
    return NULL;
}

/* Through a thread that ends, because without privileges no thread can become less nice again. */
static void threads_start(rocksdb_env_t *env, uint32_t compactors)
{
    struct thread_start start = {.env = env, .compactors = compactors};
    pthread_t thread;
    if (pthread_create(&thread, NULL, threads_run, &start) == 0) {
        pthread_join(thread, NULL);
    } else {
        /* As nice as the caller: slower for users, but no reason not to open. */
        rocksdb_env_set_high_priority_background_threads(env, 1);
        rocksdb_env_set_background_threads(env, (int)compactors);
    }
}

void rocksdb_setup_init(struct rocksdb_setup *setup, const struct engine_rocksdb_options *options)
{
    rocksdb_waits_use();
    setup->cache = rocksdb_cache_create_lru(options->block_cache_bytes);
    setup->env = rocksdb_create_default_env();
    threads_start(setup->env, options->background_threads);
    setup->rows = rocksdb_options_create();
    setup->local = rocksdb_options_create();
    space_set(setup->rows, options, setup->cache);
    space_set(setup->local, options, setup->cache);
    rocksdb_options_set_merge_operator(setup->rows, rocksdb_merge_create());
    database_set(setup->rows, options, setup->env);
    setup->limiter = limiter_create(options->background_bytes_per_s);
    if (setup->limiter != NULL) {
        rocksdb_options_set_ratelimiter(setup->rows, setup->limiter);
    }
    setup->rows = named_option_add(setup->rows, LOGS_KNOWN_OPTION);
    setup->rows = named_option_add(setup->rows, INSERT_HINT_OPTION);
    setup->local = named_option_add(setup->local, INSERT_HINT_OPTION);
}

void rocksdb_setup_clear(struct rocksdb_setup *setup)
{
    rocksdb_options_destroy(setup->rows);
    rocksdb_options_destroy(setup->local);
    rocksdb_cache_destroy(setup->cache);
    rocksdb_env_destroy(setup->env);
    if (setup->limiter != NULL) {
        rocksdb_ratelimiter_destroy(setup->limiter);
    }
}
