#include "rows.h"

#include "node/store/key.h"

static struct id id_counting_from(uint8_t first)
{
    struct id id;
    for (unsigned i = 0; i < ID_BYTES; i++) {
        id.bytes[i] = (uint8_t)(first + i);
    }
    return id;
}

static struct row_key message_key(void)
{
    struct row_key key = {.token = 0x0102030405060708u,
                          .partition = id_counting_from(0x10),
                          .table = TABLE_MESSAGE,
                          .clustering_size = ID_BYTES};
    struct id message = id_counting_from(0x20);
    clustering_of_id(TABLE_MESSAGE, &message, key.clustering);
    return key;
}

static void row_keys_have_these_bytes(void **state)
{
    (void)state;
    static const uint8_t golden[] = {
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,                         /* token */
        0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,                         /* partition */
        0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x03,                   /* table */
        0xdf, 0xde, 0xdd, 0xdc, 0xdb, 0xda, 0xd9, 0xd8, 0xd7, 0xd6, 0xd5, 0xd4, /* inverted id */
        0xd3, 0xd2, 0xd1, 0xd0};
    struct row_key key = message_key();
    struct key_bytes encoded = row_key_encode(&key);
    assert_bytes_equal(key_slice(&encoded), slice_of(golden, sizeof(golden)));
    assert_int_equal(row_key_table(key_slice(&encoded)), TABLE_MESSAGE);
}

static void row_keys_come_back(void **state)
{
    (void)state;
    struct row_key key = message_key();
    struct key_bytes encoded = row_key_encode(&key);
    struct row_key decoded;
    assert_true(row_key_decode(key_slice(&encoded), &decoded));
    assert_int_equal(decoded.token, key.token);
    assert_true(id_equal(&decoded.partition, &key.partition));
    struct id message = clustering_to_id(TABLE_MESSAGE, decoded.clustering);
    struct id expected = id_counting_from(0x20);
    assert_true(id_equal(&message, &expected));
}

static void what_is_no_row_key_is_refused(void **state)
{
    (void)state;
    struct row_key key = message_key();
    struct key_bytes encoded = row_key_encode(&key);
    struct row_key decoded = {.token = 7};
    for (uint8_t size = 0; size < encoded.size; size++) {
        assert_false(row_key_decode(slice_of(encoded.bytes, size), &decoded));
    }
    uint8_t longer[KEY_MAX_BYTES + 1] = {0};
    memcpy(longer, encoded.bytes, encoded.size);
    assert_false(row_key_decode(slice_of(longer, encoded.size + 1u), &decoded));
    longer[KEY_PREFIX_BYTES - 1] = 99;
    assert_false(row_key_decode(slice_of(longer, encoded.size), &decoded));
    assert_int_equal(decoded.token, 7);
}

static void newer_messages_sort_first_and_tokens_before_all(void **state)
{
    (void)state;
    struct row_key newer = message_key();
    struct row_key older = message_key();
    struct id id_new = id_counting_from(0x21);
    clustering_of_id(TABLE_MESSAGE, &id_new, newer.clustering);
    struct row_key higher_token = message_key();
    higher_token.token++;
    higher_token.partition = id_counting_from(0);
    struct key_bytes a = row_key_encode(&newer);
    struct key_bytes b = row_key_encode(&older);
    struct key_bytes c = row_key_encode(&higher_token);
    assert_true(slice_compare(key_slice(&a), key_slice(&b)) < 0);
    assert_true(slice_compare(key_slice(&b), key_slice(&c)) < 0);
}

static void local_keys_have_these_bytes(void **state)
{
    (void)state;
    static const uint8_t outbox[] = {0x02, 0, 0, 0, 0, 0, 0, 0x01, 0x02};
    static const uint8_t log[] = {0x03, 0,    0,    0,    0,    0,    0,    0,    9,    0x10, 0x11,
                                  0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c,
                                  0x1d, 0x1e, 0x1f, 0,    0,    0,    0,    0,    0,    0,    5};
    static const uint8_t meta[] = {0x01, 's', 't', 'a', 'r', 't', 's'};
    struct id user = id_counting_from(0x10);
    struct key_bytes key = local_sequence_key(LOCAL_OUTBOX, 0x102);
    assert_bytes_equal(key_slice(&key), slice_of(outbox, sizeof(outbox)));
    key = local_log_key(9, &user, 5);
    assert_bytes_equal(key_slice(&key), slice_of(log, sizeof(log)));
    static const uint8_t arrival[] = {0x04, 0, 0, 0, 0, 0, 0, 0x01, 0x02};
    key = local_sequence_key(LOCAL_ARRIVAL, 0x102);
    assert_bytes_equal(key_slice(&key), slice_of(arrival, sizeof(arrival)));
    key = local_meta_key("starts");
    assert_bytes_equal(key_slice(&key), slice_of(meta, sizeof(meta)));
}

static void local_keys_come_back_and_are_not_mistaken(void **state)
{
    (void)state;
    struct id user = id_counting_from(0x10);
    struct key_bytes outbox = local_sequence_key(LOCAL_OUTBOX, 77);
    struct key_bytes log = local_log_key(9, &user, 5);
    uint64_t sequence = 0;
    struct id decoded;
    assert_true(local_sequence_key_decode(LOCAL_OUTBOX, key_slice(&outbox), &sequence));
    assert_int_equal(sequence, 77);
    assert_true(local_log_key_decode(key_slice(&log), &decoded, &sequence));
    assert_int_equal(sequence, 5);
    assert_true(id_equal(&decoded, &user));
    struct key_bytes arrival = local_sequence_key(LOCAL_ARRIVAL, 78);
    assert_true(local_sequence_key_decode(LOCAL_ARRIVAL, key_slice(&arrival), &sequence));
    assert_int_equal(sequence, 78);
    assert_false(local_sequence_key_decode(LOCAL_ARRIVAL, key_slice(&outbox), &sequence));
    assert_false(local_sequence_key_decode(LOCAL_OUTBOX, key_slice(&arrival), &sequence));
    assert_false(local_sequence_key_decode(LOCAL_OUTBOX, key_slice(&log), &sequence));
    assert_false(local_log_key_decode(key_slice(&outbox), &decoded, &sequence));
    assert_false(local_sequence_key_decode(LOCAL_OUTBOX, slice_of(outbox.bytes, outbox.size - 1u),
                                           &sequence));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_keys_have_these_bytes),
        cmocka_unit_test(row_keys_come_back),
        cmocka_unit_test(what_is_no_row_key_is_refused),
        cmocka_unit_test(newer_messages_sort_first_and_tokens_before_all),
        cmocka_unit_test(local_keys_have_these_bytes),
        cmocka_unit_test(local_keys_come_back_and_are_not_mistaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
