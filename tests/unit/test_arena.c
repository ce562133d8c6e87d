/* An arena hands out memory up to its cap, and gives all of it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/limits.h"

/* Counts what is out, and can be told to fail. */
struct counting_memory {
    struct memory memory;
    int outstanding;
    int allocations_left;
};

static void *counting_allocate(struct memory *memory, size_t size)
{
    struct counting_memory *counting = (struct counting_memory *)memory;
    if (counting->allocations_left == 0) {
        return NULL;
    }
    counting->allocations_left--;
    counting->outstanding++;
    return malloc(size);
}

static void counting_release(struct memory *memory, void *block)
{
    ((struct counting_memory *)memory)->outstanding--;
    free(block);
}

static struct counting_memory counting_memory(int allocations)
{
    return (struct counting_memory){.memory = {counting_allocate, counting_release},
                                    .allocations_left = allocations};
}

static void memory_is_aligned_and_apart(void **state)
{
    (void)state;
    struct counting_memory memory = counting_memory(1000);
    struct arena arena;
    arena_init(&arena, &memory.memory, MIB);
    uint8_t *before = NULL;
    for (size_t size = 0; size < 200; size++) {
        uint8_t *block = arena_allocate(&arena, size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        memset(block, 0xff, size);
        assert_ptr_not_equal(block, before);
        before = block;
    }
    arena_clear(&arena);
    assert_int_equal(memory.outstanding, 0);
}

static void the_cap_holds_for_any_mix(void **state)
{
    (void)state;
    struct counting_memory memory = counting_memory(1000);
    struct arena arena;
    arena_init(&arena, &memory.memory, 100 * KIB);
    assert_null(arena_allocate(&arena, 100 * KIB + 1));
    assert_non_null(arena_allocate(&arena, 60 * KIB));
    assert_non_null(arena_allocate(&arena, 40 * KIB));
    assert_null(arena_allocate(&arena, 1));
    assert_null(arena_allocate(&arena, SIZE_MAX));
    arena_reset(&arena);
    assert_non_null(arena_allocate(&arena, 100 * KIB));
    arena_clear(&arena);
    assert_int_equal(memory.outstanding, 0);
}

static void counts_that_overflow_are_refused(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory_system(), MIB);
    assert_null(arena_allocate_array(&arena, SIZE_MAX / 2, 3));
    arena_clear(&arena);
}

static void reset_keeps_one_chunk_for_the_next_use(void **state)
{
    (void)state;
    struct counting_memory memory = counting_memory(1000);
    struct arena arena;
    arena_init(&arena, &memory.memory, MIB);
    for (int round = 0; round < 10; round++) {
        assert_non_null(arena_allocate(&arena, 100));
        arena_reset(&arena);
    }
    assert_int_equal(1000 - memory.allocations_left, 1);
    arena_clear(&arena);
    assert_int_equal(memory.outstanding, 0);
}

static void what_was_cleared_can_be_used_again(void **state)
{
    (void)state;
    struct counting_memory memory = counting_memory(10);
    struct arena arena;
    arena_init(&arena, &memory.memory, 64 * KIB);
    assert_non_null(arena_allocate(&arena, 100));
    arena_clear(&arena);
    assert_int_equal(memory.outstanding, 0);
    assert_non_null(arena_allocate(&arena, 100));
    arena_clear(&arena);
    arena_clear(&arena);
    assert_int_equal(memory.outstanding, 0);
}

static void an_empty_memory_source_is_an_answer(void **state)
{
    (void)state;
    struct counting_memory memory = counting_memory(0);
    struct arena arena;
    struct slice copy = {0};
    arena_init(&arena, &memory.memory, MIB);
    assert_null(arena_allocate(&arena, 1));
    assert_int_equal(arena_copy(&arena, slice_of_text("text"), &copy), -1);
    assert_null(copy.data);
    arena_clear(&arena);
}

static void a_copy_is_ones_own(void **state)
{
    (void)state;
    struct arena arena;
    char text[] = "text";
    struct slice copy;
    arena_init(&arena, memory_system(), MIB);
    assert_int_equal(arena_copy(&arena, slice_of_text(text), &copy), 0);
    text[0] = 'n';
    assert_true(slice_equal(copy, slice_of_text("text")));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_apart),
        cmocka_unit_test(the_cap_holds_for_any_mix),
        cmocka_unit_test(counts_that_overflow_are_refused),
        cmocka_unit_test(reset_keeps_one_chunk_for_the_next_use),
        cmocka_unit_test(what_was_cleared_can_be_used_again),
        cmocka_unit_test(an_empty_memory_source_is_an_answer),
        cmocka_unit_test(a_copy_is_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
