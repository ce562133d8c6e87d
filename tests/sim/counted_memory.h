/*
 * A source of memory that counts what is out, so that a leak in the code it is given to is seen,
 * and can be told to fail.
 */
#ifndef COLUMBA_SIM_COUNTED_MEMORY_H
#define COLUMBA_SIM_COUNTED_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"
#include "tests/sim/random.h"

struct counted_memory {
    struct memory memory; /* what is handed on */
    uint64_t blocks;
    uint64_t bytes;
    uint64_t bytes_peak;
    struct random *random; /* of whoever makes it fail */
    uint32_t fail_permille;
    uint64_t failed;
};

void counted_memory_init(struct counted_memory *counted);

#endif
