/*
 * RocksDB calls this for every row it reads, flushes or compacts while the row is still a merge
 * operand, so the common case, one version alone, hands its own bytes back: no allocation, no copy.
 *
 * Failure: a version that is no row of its table, or no memory. RocksDB then reports the read, the
 * flush or the compaction as corrupt and keeps the operands: nothing is dropped, and what is left
 * on the disk can be examined.
 */
#include "node/store/rocksdb_merge.h"

#include <stdlib.h>

#include "base/limits.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* As many versions as come without an array from the heap. */
#define VERSIONS_ON_STACK 16u
/* A row with more operands than fit here was written without end between two compactions; groups
 * of merges hold each byte at most a few times. */
#define MERGE_ARENA_MAX_BYTES (256u * MIB)

struct operands {
    struct slice existing; /* data NULL: none */
    const char *const *list;
    const size_t *sizes;
    size_t count;
};

/* The result RocksDB is copying, if it lies on the heap. RocksDB gives it back on the same thread
 * before it calls again. */
static _Thread_local char *result_on_heap;

static void value_delete(void *state, const char *value, size_t size)
{
    (void)state;
    (void)size;
    if (value != NULL && value == result_on_heap) {
        free(result_on_heap);
        result_on_heap = NULL;
    }
}

static size_t versions_fill(const struct operands *operands, struct slice *versions)
{
    size_t count = 0;
    if (operands->existing.data != NULL) {
        versions[count++] = operands->existing;
    }
    for (size_t i = 0; i < operands->count; i++) {
        versions[count++] = slice_of(operands->list[i], operands->sizes[i]);
    }
    return count;
}

static bool is_one_of(struct slice row, const struct slice *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (row.data == versions[i].data) {
            return true;
        }
    }
    return false;
}

static char *result_give(struct slice row, const struct slice *versions, size_t count)
{
    if (is_one_of(row, versions, count)) {
        return (char *)(uintptr_t)row.data;
    }
    result_on_heap = malloc(row.size);
    if (result_on_heap != NULL) {
        memcpy(result_on_heap, row.data, row.size);
    }
    return result_on_heap;
}

static char *operands_merge(struct slice key, const struct operands *operands,
                            unsigned char *success, size_t *out_size)
{
    struct arena arena;
    arena_init(&arena, memory_system(), MERGE_ARENA_MAX_BYTES);
    struct slice on_stack[VERSIONS_ON_STACK];
    struct slice *versions = on_stack;
    if (operands->count + 1 > VERSIONS_ON_STACK) {
        versions = arena_allocate_array(&arena, operands->count + 1, sizeof(*versions));
    }
    struct slice row = {0};
    char *result = NULL;
    if (versions != NULL) {
        size_t count = versions_fill(operands, versions);
        if (row_merge(row_key_table(key), versions, count, &arena, &row) == COLUMBA_OK) {
            result = result_give(row, versions, count);
        }
    }
    arena_clear(&arena);
    *success = result != NULL;
    *out_size = result == NULL ? 0 : row.size;
    return result;
}

static char *full_merge(void *state, const char *key, size_t key_size, const char *existing,
                        size_t existing_size, const char *const *list, const size_t *sizes,
                        int count, unsigned char *success, size_t *out_size)
{
    (void)state;
    const struct operands operands = {.existing = slice_of(existing, existing_size),
                                      .list = list,
                                      .sizes = sizes,
                                      .count = (size_t)count};
    return operands_merge(slice_of(key, key_size), &operands, success, out_size);
}

static char *partial_merge(void *state, const char *key, size_t key_size, const char *const *list,
                           const size_t *sizes, int count, unsigned char *success, size_t *out_size)
{
    (void)state;
    const struct operands operands = {.list = list, .sizes = sizes, .count = (size_t)count};
    return operands_merge(slice_of(key, key_size), &operands, success, out_size);
}

static void state_destroy(void *state)
{
    (void)state;
}

static const char *merge_name(void *state)
{
    (void)state;
    return "columba.row.1";
}

rocksdb_mergeoperator_t *rocksdb_merge_create(void)
{
    return rocksdb_mergeoperator_create(NULL, state_destroy, full_merge, partial_merge,
                                        value_delete, merge_name);
}
