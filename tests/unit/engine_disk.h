/* A directory for each test, and the engine that opens it. */
#ifndef COLUMBA_TESTS_UNIT_ENGINE_DISK_H
#define COLUMBA_TESTS_UNIT_ENGINE_DISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "directory.h"
#include "node/store/engine.h"

static char *directory;
static char text[ENGINE_TEXT_MAX_BYTES];

static inline int make_directory(void **state)
{
    (void)state;
    directory = directory_create();
    text[0] = '\0';
    return 0;
}

static inline int remove_directory(void **state)
{
    (void)state;
    directory_destroy(directory);
    return 0;
}

static inline enum columba_error open_engine(struct engine **out_engine)
{
    const struct engine_rocksdb_options options = {.directory = directory,
                                                   .memtable_bytes = 1 * MIB,
                                                   .block_cache_bytes = 1 * MIB,
                                                   .background_threads = 1,
                                                   .open_files_max = 100};
    return engine_rocksdb_open(&options, out_engine, text);
}

static inline struct engine *opened(void)
{
    struct engine *engine = NULL;
    if (open_engine(&engine) != COLUMBA_OK) {
        fail_msg("%s", text);
    }
    return engine;
}

#endif
