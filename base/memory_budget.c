#include "base/memory_budget.h"

#include <stdalign.h>

#include "base/assert.h"
#include "base/list.h"

struct block {
    size_t size;
    alignas(max_align_t) uint8_t bytes[];
};

static void *budget_allocate(struct memory *memory, size_t size)
{
    struct memory_budget *budget = container_of(memory, struct memory_budget, memory);
    size_t whole = sizeof(struct block) + size;
    if (whole < size || whole > budget->max_bytes - budget->held_bytes) {
        return NULL;
    }
    struct block *block = memory_allocate(budget->source, whole);
    if (block == NULL) {
        return NULL;
    }
    block->size = whole;
    budget->held_bytes += whole;
    return block->bytes;
}

static void budget_release(struct memory *memory, void *bytes)
{
    struct memory_budget *budget = container_of(memory, struct memory_budget, memory);
    struct block *block = container_of(bytes, struct block, bytes);
    COLUMBA_ASSERT(block->size <= budget->held_bytes);
    budget->held_bytes -= block->size;
    memory_release(budget->source, block);
}

void memory_budget_init(struct memory_budget *budget, struct memory *source, uint64_t max_bytes)
{
    *budget = (struct memory_budget){
        .memory = {.allocate = budget_allocate, .release = budget_release},
        .source = source,
        .max_bytes = max_bytes,
    };
}
