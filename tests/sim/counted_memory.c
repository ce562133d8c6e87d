#include "tests/sim/counted_memory.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"

/* Stands in front of each block; keeps the block's alignment. */
struct counted_block {
    _Alignas(max_align_t) size_t size;
};

static void *counted_allocate(struct memory *memory, size_t size)
{
    struct counted_memory *counted = container_of(memory, struct counted_memory, memory);
    if (counted->fail_permille > 0 && random_chance(counted->random, counted->fail_permille)) {
        counted->failed++;
        return NULL;
    }
    struct counted_block *block = malloc(sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    counted->blocks++;
    counted->bytes += size;
    if (counted->bytes > counted->bytes_peak) {
        counted->bytes_peak = counted->bytes;
    }
    return block + 1;
}

static void counted_release(struct memory *memory, void *released)
{
    struct counted_memory *counted = container_of(memory, struct counted_memory, memory);
    struct counted_block *block = (struct counted_block *)released - 1;
    COLUMBA_ASSERT(counted->blocks > 0 && counted->bytes >= block->size);
    counted->blocks--;
    counted->bytes -= block->size;
    free(block);
}

void counted_memory_init(struct counted_memory *counted)
{
    *counted = (struct counted_memory){
        .memory = {.allocate = counted_allocate, .release = counted_release},
    };
}
