/*
 * A source of memory with an end: it passes on what another source gives, as long as all that is
 * out stays below a limit; then it gives NULL, like any source that is empty.
 *
 * Not thread-safe.
 */
#ifndef COLUMBA_BASE_MEMORY_BUDGET_H
#define COLUMBA_BASE_MEMORY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"

struct memory_budget {
    struct memory memory; /* what is handed on */
    struct memory *source;
    uint64_t max_bytes;
    uint64_t held_bytes;
};

void memory_budget_init(struct memory_budget *budget, struct memory *source, uint64_t max_bytes);

/* From three quarters on: what is begun may still be ended with the rest. */
static inline bool memory_budget_is_short(const struct memory_budget *budget)
{
    return budget->held_bytes > budget->max_bytes / 4 * 3;
}

#endif
