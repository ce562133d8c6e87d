#include "node/shell/storage.h"

#include <stdio.h>

static enum columba_error memory_open(struct engine **out_engine, char *out_text)
{
    struct engine *inner = engine_memory_open(memory_system());
    struct engine *engine = inner == NULL ? NULL : engine_locked_open(inner);
    if (engine == NULL) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    *out_engine = engine;
    return COLUMBA_OK;
}

#ifdef COLUMBA_HAS_ROCKSDB
/* Parts of the golden section: however few neighbours in the list are taken, they lie far apart. */
#define STAGGER_STEP 618u
#define STAGGER_STEPS 1000u

/*
 * Replicas hold the same rows. With memtables of one size they would all flush at the same moment,
 * and no quorum would be left that answers as fast as ever.
 */
static uint64_t memtable_bytes(const struct config *config)
{
    uint64_t step = (uint64_t)config->self * STAGGER_STEP % STAGGER_STEPS;
    return config->memtable_bytes - config->memtable_bytes / 4 * step / STAGGER_STEPS;
}

static enum columba_error rocksdb_open(const struct config *config, const char *directory,
                                       struct engine **out_engine, char *out_text)
{
    char text[ENGINE_TEXT_MAX_BYTES];
    struct engine_rocksdb_options options = {
        .directory = directory,
        .memtable_bytes = memtable_bytes(config),
        .block_cache_bytes = config->block_cache_bytes,
        .background_bytes_per_s = config->background_bytes_per_s,
        .background_threads = (uint32_t)config->background_threads,
        .disk_reserve_bytes = config->disk_reserve_bytes,
        .open_files_max = (uint32_t)config->engine_open_files_max,
    };
    enum columba_error error = engine_rocksdb_open(&options, out_engine, text);
    if (error != COLUMBA_OK) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "the store in %s cannot be opened: %s", directory,
                 text);
    }
    return error;
}
#else
static enum columba_error rocksdb_open(const struct config *config, const char *directory,
                                       struct engine **out_engine, char *out_text)
{
    (void)config;
    (void)directory;
    (void)out_engine;
    snprintf(out_text, CONFIG_PROBLEM_BYTES,
             "this program was built without RocksDB: only engine: memory is there");
    return ERR_NOT_SUPPORTED;
}
#endif

enum columba_error storage_open(const struct config *config, const char *directory,
                                struct engine **out_engine, char *out_text)
{
    if (config->engine == ENGINE_MEMORY) {
        return memory_open(out_engine, out_text);
    }
    return rocksdb_open(config, directory, out_engine, out_text);
}
