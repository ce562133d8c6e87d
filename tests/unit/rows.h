/* What the store's tests share: building rows, seeded random rows, comparing bytes. */
#ifndef COLUMBA_TESTS_UNIT_ROWS_H
#define COLUMBA_TESTS_UNIT_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "node/store/row.h"

#define assert_bytes_equal(a, b)                                                                   \
    do {                                                                                           \
        struct slice bytes_a_ = (a);                                                               \
        struct slice bytes_b_ = (b);                                                               \
        assert_int_equal(bytes_a_.size, bytes_b_.size);                                            \
        assert_memory_equal(bytes_a_.data, bytes_b_.data, bytes_b_.size);                          \
    } while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* SplitMix64: a test names its seed and so can be run again. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_next(random) % bound);
}

static inline struct id id_of_number(uint64_t number)
{
    struct id id = {{0}};
    bytes_put_u64_be(id.bytes + 8, number);
    return id;
}

static inline struct slice row_build(struct arena *arena, const struct cell *cells, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        size += cell_size(&cells[i]);
    }
    uint8_t *buffer = arena_allocate(arena, size);
    assert_non_null(buffer);
    struct row_writer row;
    row_writer_init(&row, buffer, size);
    for (size_t i = 0; i < count; i++) {
        row_writer_cell(&row, &cells[i]);
    }
    struct slice done = row_writer_done(&row);
    assert_int_equal(done.size, size);
    return done;
}

/* A message's row: one cell of content. */
static inline struct slice message_row(struct arena *arena, uint64_t timestamp, struct slice text)
{
    struct cell cell = {.column = COLUMN_MESSAGE_CONTENT, .timestamp = timestamp, .value = text};
    return row_build(arena, &cell, 1);
}

#endif
