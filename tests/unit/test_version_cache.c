/* What a replica remembers of membership versions: never less than it was told, and the
 * conversations that are written to the most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "node/core/replica/version_cache.h"

static struct version_cache cache;

static int setup(void **state)
{
    (void)state;
    return version_cache_init(&cache, memory_system());
}

static int teardown(void **state)
{
    (void)state;
    version_cache_clear(&cache, memory_system());
    return 0;
}

/* All of them fall into one set. */
static struct id id_of_one_set(uint8_t number)
{
    return (struct id){{0, 0, 0, 0, number}};
}

static void a_version_only_grows(void **state)
{
    (void)state;
    struct id id = id_of_one_set(1);
    assert_int_equal(version_cache_get(&cache, &id), 0);
    /* What is being written says nothing about what is stored. */
    version_cache_raise(&cache, &id, 7);
    assert_int_equal(version_cache_get(&cache, &id), 0);
    version_cache_put(&cache, &id, 5);
    version_cache_raise(&cache, &id, 3);
    assert_int_equal(version_cache_get(&cache, &id), 5);
    version_cache_raise(&cache, &id, 9);
    version_cache_put(&cache, &id, 6);
    assert_int_equal(version_cache_get(&cache, &id), 9);
}

/* 0 ends a set: as an entry it would hide those behind it. */
static void not_known_is_not_remembered(void **state)
{
    (void)state;
    struct id known = id_of_one_set(1);
    struct id unknown = id_of_one_set(2);
    version_cache_put(&cache, &known, 5);
    version_cache_put(&cache, &unknown, 0);
    assert_int_equal(version_cache_get(&cache, &known), 5);
    assert_int_equal(version_cache_get(&cache, &unknown), 0);
}

static void a_full_set_forgets_the_one_not_asked_for(void **state)
{
    (void)state;
    for (uint8_t i = 1; i <= VERSION_CACHE_WAYS; i++) {
        struct id id = id_of_one_set(i);
        version_cache_put(&cache, &id, i);
    }
    struct id oldest = id_of_one_set(1);
    assert_int_equal(version_cache_get(&cache, &oldest), 1);
    struct id more = id_of_one_set(VERSION_CACHE_WAYS + 1);
    version_cache_put(&cache, &more, 99);
    for (uint8_t i = 1; i <= VERSION_CACHE_WAYS; i++) {
        struct id id = id_of_one_set(i);
        assert_int_equal(version_cache_get(&cache, &id), i == 2 ? 0 : i);
    }
    assert_int_equal(version_cache_get(&cache, &more), 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_version_only_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(not_known_is_not_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_set_forgets_the_one_not_asked_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
