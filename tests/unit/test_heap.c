/* What is due comes soonest first, in the order of its coming, whoever leaves in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/random.h"

#define ITEMS 200u

struct item {
    struct heap_node due;
    uint64_t number;
};

static struct heap heap;
static struct item items[ITEMS];

static int make_heap(void **state)
{
    (void)state;
    heap_init(&heap, memory_system());
    assert_true(heap_reserve(&heap, ITEMS));
    for (uint64_t i = 0; i < ITEMS; i++) {
        items[i].number = i;
        heap_node_init(&items[i].due);
    }
    return 0;
}

static int clear_heap(void **state)
{
    (void)state;
    heap_clear(&heap);
    assert_null(heap_first(&heap));
    return 0;
}

static struct item *take_first(void)
{
    struct heap_node *first = heap_first(&heap);
    if (first == NULL) {
        return NULL;
    }
    heap_remove(&heap, first);
    return container_of(first, struct item, due);
}

static void soonest_comes_first(void **state)
{
    (void)state;
    static const uint64_t times[] = {5, 3, 9, 1, 7, 2, 8};
    for (size_t i = 0; i < 7; i++) {
        heap_insert(&heap, &items[i].due, times[i]);
    }
    static const uint64_t expected[] = {3, 5, 1, 0, 4, 6, 2};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(take_first()->number, expected[i]);
    }
    assert_null(take_first());
}

static void of_one_time_the_first_to_come_is_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS; i++) {
        heap_insert(&heap, &items[i].due, i % 2);
    }
    for (size_t i = 0; i < ITEMS; i++) {
        size_t half = ITEMS / 2;
        assert_int_equal(take_first()->number, i < half ? 2 * i : 2 * (i - half) + 1);
    }
}

static void what_is_put_anew_leaves_its_place(void **state)
{
    (void)state;
    heap_insert(&heap, &items[0].due, 1);
    heap_insert(&heap, &items[1].due, 2);
    heap_insert(&heap, &items[0].due, 3);
    assert_int_equal(heap.count, 2);
    assert_int_equal(take_first()->number, 1);
    assert_int_equal(take_first()->number, 0);
    heap_remove(&heap, &items[0].due); /* alone already: nothing happens */
    assert_null(take_first());
}

static void room_that_is_made_keeps_what_is_there(void **state)
{
    (void)state;
    heap_insert(&heap, &items[0].due, 4);
    assert_true(heap_reserve(&heap, 2 * ITEMS));
    assert_int_equal(heap.capacity, 2 * ITEMS);
    assert_true(heap_reserve(&heap, 1));
    assert_int_equal(heap.capacity, 2 * ITEMS);
    heap_insert(&heap, &items[1].due, 3);
    assert_int_equal(take_first()->number, 1);
    assert_int_equal(take_first()->number, 0);
}

static void *none(struct memory *memory, size_t size)
{
    (void)memory;
    (void)size;
    return NULL;
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct memory empty = {.allocate = none};
    struct heap poor;
    heap_init(&poor, &empty);
    assert_false(heap_reserve(&poor, 1));
    assert_int_equal(poor.capacity, 0);
}

/* By hand: the one that should come next. */
static struct item *first_of(const bool *is_in)
{
    struct item *first = NULL;
    for (size_t i = 0; i < ITEMS; i++) {
        bool is_sooner =
            first == NULL || items[i].due.at < first->due.at ||
            (items[i].due.at == first->due.at && items[i].due.order < first->due.order);
        if (is_in[i] && is_sooner) {
            first = &items[i];
        }
    }
    return first;
}

static void any_may_leave_at_any_time(void **state)
{
    (void)state;
    bool is_in[ITEMS] = {false};
    struct random random;
    random_init(&random, 7);
    for (unsigned step = 0; step < 20000; step++) {
        size_t i = random_below(&random, ITEMS);
        if (random_below(&random, 3) == 0) {
            heap_remove(&heap, &items[i].due);
            is_in[i] = false;
        } else {
            heap_insert(&heap, &items[i].due, random_below(&random, 50));
            is_in[i] = true;
        }
        struct heap_node *first = heap_first(&heap);
        struct item *expected = first_of(is_in);
        assert_ptr_equal(first, expected == NULL ? NULL : &expected->due);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_heap, clear_heap)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(soonest_comes_first),
        TEST(of_one_time_the_first_to_come_is_first),
        TEST(what_is_put_anew_leaves_its_place),
        TEST(room_that_is_made_keeps_what_is_there),
        TEST(without_memory_nothing_changes),
        TEST(any_may_leave_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
