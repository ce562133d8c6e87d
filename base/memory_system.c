#include "base/memory.h"

#include <stdlib.h>

static void *system_allocate(struct memory *memory, size_t size)
{
    (void)memory;
    return malloc(size);
}

static void system_release(struct memory *memory, void *block)
{
    (void)memory;
    free(block);
}

static struct memory system_memory = {.allocate = system_allocate, .release = system_release};

struct memory *memory_system(void)
{
    return &system_memory;
}
