/*
 * The storage engine: a sorted map of keys to values in two spaces, with atomic durable batches and
 * bounded scans. Two implementations stand side by side, so this is a function table: RocksDB in
 * production, memory (with explicit synced and unsynced state) in the simulator and in tests. One
 * conformance test runs on both.
 *
 *   ROWS   values are rows that merge (row.h); a write is always `merge`
 *   LOCAL  one replica's own bookkeeping; `put` and `remove`
 *
 * Threads: a batch belongs to one thread at a time. `commit` is called from one thread only;
 * `scan` and `get` from any. `open` and `close` with no other call under way.
 *
 * What goes into a batch is copied. A batch that ran out of memory fails at its commit. Rows given
 * to batch_merge must be valid rows of their key's table (row_check); the key may be of any table.
 *
 * A batch that was committed with sync is durable when `commit` returns COLUMBA_OK, and visible to
 * reads from then on. After any failed commit the engine refuses further commits with ERR_IO: a
 * failed sync is never retried, because the kernel may have dropped the pages and marked them
 * clean; only a restart finds out what is on the disk.
 */
#ifndef COLUMBA_NODE_STORE_ENGINE_H
#define COLUMBA_NODE_STORE_ENGINE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "node/store/damage.h"

enum engine_space { SPACE_ROWS = 0, SPACE_LOCAL = 1 };

/* Where a read may look. MEMORY answers ERR_OVERLOADED instead of waiting for a disk. */
enum engine_tier { TIER_MEMORY, TIER_ALL };

struct engine_batch;

/* Key and value are views, valid until the callback returns. False: stop the scan here. */
typedef bool (*engine_visit)(void *context, struct slice key, struct slice value);

struct engine_scan {
    enum engine_space space;
    enum engine_tier tier;
    bool backwards;     /* from the last key below `end` down to `begin` */
    struct slice begin; /* first key of the range */
    struct slice end;   /* first key after it; must be given */
    engine_visit visit;
    void *context;
};

struct engine_stats {
    uint64_t bytes_on_disk;
    uint64_t bytes_in_memory;
    uint64_t keys_estimate;
    uint64_t commits;
    uint64_t rows_written;
    uint64_t compaction_pending_bytes;
    uint64_t block_cache_bytes;
};

struct engine {
    const struct engine_table *table;
};

struct engine_table {
    void (*close)(struct engine *engine);

    struct engine_batch *(*batch_create)(struct engine *engine); /* NULL: no memory */
    void (*batch_destroy)(struct engine_batch *batch);
    void (*batch_clear)(struct engine_batch *batch);
    void (*batch_merge)(struct engine_batch *batch, struct slice key, struct slice row);
    void (*batch_put)(struct engine_batch *batch, struct slice key, struct slice value);
    void (*batch_remove)(struct engine_batch *batch, struct slice key);
    size_t (*batch_count)(const struct engine_batch *batch);
    size_t (*batch_bytes)(const struct engine_batch *batch);

    enum columba_error (*commit)(struct engine *engine, struct engine_batch *batch, bool sync);
    /* Makes everything committed so far durable (commit_sync: periodic). */
    enum columba_error (*sync)(struct engine *engine);

    /* ERR_NOT_FOUND; ERR_OVERLOADED stands for "not in memory" under TIER_MEMORY. */
    enum columba_error (*get)(struct engine *engine, enum engine_space space, enum engine_tier tier,
                              struct slice key, struct arena *arena, struct slice *out_value);
    /*
     * Visits keys in order. ERR_OVERLOADED: not all of it is in memory (some may have been
     * visited). ERR_CORRUPT: a row cannot be read; others have it. Rows of the local space nobody
     * else has, so those that cannot be read are passed over in a scan forwards, and told (damage):
     * a reader that failed on them would do so for ever.
     */
    enum columba_error (*scan)(struct engine *engine, const struct engine_scan *scan);

    enum columba_error (*flush)(struct engine *engine);
    enum columba_error (*compact)(struct engine *engine);
    void (*stats)(struct engine *engine, struct engine_stats *out_stats);
    /* The disk's free space is below the reserve: no more should be written than what is under way
     * and what the engine itself has to do. False again only with a quarter of it to spare. */
    bool (*is_full)(struct engine *engine);
    /* What the first commit or sync that failed said (ENGINE_TEXT_MAX_BYTES); "" if none has. */
    void (*failure)(struct engine *engine, char *out_text);
    /* What could not be read since it was opened. */
    void (*damage)(struct engine *engine, struct engine_damage *out_damage);
};

/* The longest text of an error, with its final NUL. */
#define ENGINE_TEXT_MAX_BYTES 512u

struct engine_rocksdb_options {
    const char *directory; /* must exist */
    uint64_t memtable_bytes;
    uint64_t block_cache_bytes;
    uint64_t background_bytes_per_s; /* of flush and compaction together; 0: no limit */
    uint64_t disk_reserve_bytes;     /* 0: a twentieth of the disk, at most 1 GiB */
    uint32_t background_threads;
    uint32_t open_files_max;
};

/*
 * Opens or creates. `out_text` (ENGINE_TEXT_MAX_BYTES) says what is wrong and what to do:
 * ERR_IN_USE, ERR_NEWER_FORMAT, ERR_OLDER_FORMAT, ERR_CORRUPT (acknowledged writes are missing,
 * too), ERR_IO.
 */
enum columba_error engine_rocksdb_open(const struct engine_rocksdb_options *options,
                                       struct engine **out_engine, char *out_text);

struct memory;

/*
 * The engine in memory. A commit's rows are merged when it is committed, so a row that row_check
 * would refuse is ERR_CORRUPT there (RocksDB finds out at the first read). NULL: no memory.
 *
 * It takes no locks, so only one thread may use it at a time; engine_locked_open makes it fit for
 * threads.
 */
struct engine *engine_memory_open(struct memory *memory);
/* What a restart finds after the power went: everything committed and synced, and the first
 * `unsynced_kept` of the commits since the last sync. A failed engine takes commits again. */
void engine_memory_crash(struct engine *engine, uint32_t unsynced_kept);
/* The disk is full, or has room again. */
void engine_memory_set_full(struct engine *engine, bool is_full);
/* The row cannot be read from now on, until it is written again. It must be there. */
void engine_memory_damage(struct engine *engine, enum engine_space space, struct slice key);
/* How many commits are not synced yet. */
uint32_t engine_memory_unsynced(const struct engine *engine);
/* The k-th commit from now fails (0: never). */
void engine_memory_fail_commit(struct engine *engine, uint32_t k);

/* Any engine behind one lock for many readers or one writer. Owns `inner`, also when it returns
 * NULL (no memory): then `inner` was closed. A visit must not call the engine. */
struct engine *engine_locked_open(struct engine *inner);

#endif
