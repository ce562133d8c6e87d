/* Application state: packed values that merge by version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/random.h"
#include "gossip/state.h"

struct packed {
    uint8_t bytes[GOSSIP_STATE_MAX_BYTES + 64];
    struct writer writer;
};

static void pack_begin(struct packed *packed)
{
    packed->writer = writer_of(packed->bytes, sizeof packed->bytes);
}

static void pack(struct packed *packed, unsigned key, uint64_t version, const char *value)
{
    writer_u8(&packed->writer, (uint8_t)key);
    writer_varint(&packed->writer, version);
    writer_sized(&packed->writer, slice_of_text(value));
}

static struct slice packed_done(struct packed *packed)
{
    return writer_done(&packed->writer);
}

static bool holds(const struct gossip_state *state, enum gossip_key key, const char *value)
{
    return slice_equal(gossip_state_get(state, key), slice_of_text(value));
}

static void the_newer_version_of_each_key_wins(void **unused)
{
    (void)unused;
    struct memory *memory = memory_system();
    struct gossip_state state = {0};
    struct packed packed;
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 1, "NORMAL");
    pack(&packed, GOSSIP_RACK, 4, "r1");
    assert_int_equal(gossip_state_merge(&state, memory, packed_done(&packed), 4, false), ERR_OK);
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 5, "DRAINING");
    pack(&packed, GOSSIP_DATACENTER, 2, "dc1");
    pack(&packed, GOSSIP_RACK, 3, "r0");
    assert_int_equal(gossip_state_merge(&state, memory, packed_done(&packed), 5, false), ERR_OK);
    assert_true(holds(&state, GOSSIP_STATUS, "DRAINING"));
    assert_true(holds(&state, GOSSIP_DATACENTER, "dc1"));
    assert_true(holds(&state, GOSSIP_RACK, "r1"));
    assert_null(gossip_state_get(&state, GOSSIP_NAME).data);
    assert_int_equal(state.version, 5);
    gossip_state_clear(&state, memory);
}

static void an_empty_value_is_a_value(void **unused)
{
    (void)unused;
    struct gossip_state state = {0};
    struct packed packed;
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 1, "");
    assert_int_equal(gossip_state_merge(&state, memory_system(), packed_done(&packed), 1, false),
                     ERR_OK);
    assert_non_null(gossip_state_get(&state, GOSSIP_STATUS).data);
    gossip_state_clear(&state, memory_system());
}

static void a_new_life_replaces_what_the_old_one_said(void **unused)
{
    (void)unused;
    struct gossip_state state = {0};
    struct packed packed;
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 9, "DRAINING");
    pack(&packed, GOSSIP_RACK, 4, "r1");
    gossip_state_merge(&state, memory_system(), packed_done(&packed), 9, false);
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 1, "NORMAL");
    assert_int_equal(gossip_state_merge(&state, memory_system(), packed_done(&packed), 1, true),
                     ERR_OK);
    assert_true(holds(&state, GOSSIP_STATUS, "NORMAL"));
    assert_null(gossip_state_get(&state, GOSSIP_RACK).data);
    assert_int_equal(state.version, 1);
    gossip_state_clear(&state, memory_system());
}

static void a_delta_brings_another_to_the_same_state(void **unused)
{
    (void)unused;
    struct random random;
    random_init(&random, 1);
    for (int round = 0; round < 200; round++) {
        struct gossip_state teller = {0};
        struct gossip_state hearer = {0};
        for (uint64_t version = 1; version <= 30; version++) {
            struct packed packed;
            char value[2] = {(char)('a' + random_below(&random, 26)), 0};
            pack_begin(&packed);
            pack(&packed, random_below(&random, 20), version, value); /* unknown keys too */
            gossip_state_merge(&teller, memory_system(), packed_done(&packed), version, false);
            if (random_below(&random, 4) == 0 || version == 30) {
                uint8_t delta[GOSSIP_STATE_MAX_BYTES];
                struct slice bytes =
                    slice_of(delta, gossip_state_after(&teller, hearer.version, delta));
                assert_true(gossip_state_is_valid(bytes, teller.version));
                gossip_state_merge(&hearer, memory_system(), bytes, teller.version, false);
                assert_true(slice_equal(slice_of(teller.block, teller.size),
                                        slice_of(hearer.block, hearer.size)));
            }
        }
        assert_int_equal(teller.version, hearer.version);
        gossip_state_clear(&teller, memory_system());
        gossip_state_clear(&hearer, memory_system());
    }
}

static void values_out_of_order_too_long_or_too_new_are_not_valid(void **unused)
{
    (void)unused;
    struct packed packed;
    pack_begin(&packed);
    pack(&packed, GOSSIP_RACK, 1, "r");
    pack(&packed, GOSSIP_STATUS, 2, "s");
    assert_false(gossip_state_is_valid(packed_done(&packed), 2));
    pack_begin(&packed);
    pack(&packed, GOSSIP_RACK, 1, "r");
    pack(&packed, GOSSIP_RACK, 2, "r");
    assert_false(gossip_state_is_valid(packed_done(&packed), 2));
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 1, "a status of 17 B.");
    assert_false(gossip_state_is_valid(packed_done(&packed), 2));
    pack_begin(&packed);
    pack(&packed, GOSSIP_STATUS, 3, "s");
    assert_false(gossip_state_is_valid(packed_done(&packed), 2));
    assert_true(gossip_state_is_valid(packed_done(&packed), 3));
    struct slice cut = packed_done(&packed);
    cut.size--;
    assert_false(gossip_state_is_valid(cut, 3));
}

static void a_state_of_unknown_keys_is_bounded(void **unused)
{
    (void)unused;
    struct gossip_state state = {0};
    char value[101];
    memset(value, 'x', 100);
    value[100] = 0;
    enum columba_error error = COLUMBA_OK;
    uint64_t version = 0;
    for (unsigned key = 200; key < 220 && error == COLUMBA_OK; key++) {
        struct packed packed;
        pack_begin(&packed);
        pack(&packed, key, version + 1, value);
        error =
            gossip_state_merge(&state, memory_system(), packed_done(&packed), version + 1, false);
        version += error == COLUMBA_OK;
    }
    assert_int_equal(error, ERR_TOO_LARGE);
    assert_in_range(state.size, 500, GOSSIP_STATE_MAX_BYTES);
    assert_int_equal(state.version, version);
    gossip_state_clear(&state, memory_system());
}

static void keys_have_names_and_bounds(void **unused)
{
    (void)unused;
    assert_string_equal(gossip_key_text(GOSSIP_DATACENTER), "datacenter");
    assert_null(gossip_key_text(GOSSIP_KEY_COUNT));
    assert_int_equal(gossip_key_max_bytes(GOSSIP_LOAD_BYTES), 8);
    assert_int_equal(gossip_key_max_bytes(GOSSIP_KEY_COUNT), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_version_of_each_key_wins),
        cmocka_unit_test(an_empty_value_is_a_value),
        cmocka_unit_test(a_new_life_replaces_what_the_old_one_said),
        cmocka_unit_test(a_delta_brings_another_to_the_same_state),
        cmocka_unit_test(values_out_of_order_too_long_or_too_new_are_not_valid),
        cmocka_unit_test(a_state_of_unknown_keys_is_bounded),
        cmocka_unit_test(keys_have_names_and_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
