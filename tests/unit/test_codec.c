/* Messages travel as protobuf: what goes in comes out, and nothing hostile gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "message_samples.h"
#include "proto/codec.h"
#include "proto/fields.h"

static struct arena arena_fresh(void)
{
    struct arena arena;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    return arena;
}

/* The frame of a message, on the heap. */
static uint8_t *frame_of(const struct message *message, size_t *out_payload_bytes)
{
    struct arena scratch = arena_fresh();
    struct codec_encoding encoding;
    assert_int_equal(codec_prepare(message, &scratch, &encoding), COLUMBA_OK);
    uint8_t *bytes = malloc(FRAME_HEADER_BYTES + encoding.payload_bytes);
    assert_non_null(bytes);
    codec_encode(&encoding, 42, 4242, bytes);
    *out_payload_bytes = encoding.payload_bytes;
    arena_clear(&scratch);
    return bytes;
}

static enum columba_error decode(uint8_t type, struct slice payload)
{
    struct arena arena = arena_fresh();
    struct message message;
    enum columba_error error = codec_decode(type, payload, &arena, &message);
    arena_clear(&arena);
    return error;
}

static bool sample_exists(enum message_type type)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        if (sample_messages[i].type == type) {
            return true;
        }
    }
    return false;
}

static void every_type_has_a_sample(void **state)
{
    (void)state;
#define X(name, number, member, Type) assert_true(sample_exists(MESSAGE_##name));
    MESSAGE_TYPES(X)
#undef X
}

static void every_message_comes_out_as_it_went_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        size_t payload_bytes, again_bytes;
        uint8_t *frame = frame_of(&sample_messages[i], &payload_bytes);
        struct arena arena = arena_fresh();
        struct message message;
        struct slice payload = slice_of(frame + FRAME_HEADER_BYTES, payload_bytes);
        assert_int_equal(codec_decode((uint8_t)sample_messages[i].type, payload, &arena, &message),
                         COLUMBA_OK);
        uint8_t *again = frame_of(&message, &again_bytes);
        assert_int_equal(payload_bytes, again_bytes);
        assert_memory_equal(frame, again, FRAME_HEADER_BYTES + payload_bytes);
        free(again);
        free(frame);
        arena_clear(&arena);
    }
}

static struct message decoded(enum message_type type, struct arena *arena)
{
    struct message message = {0};
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        if (sample_messages[i].type == type) {
            size_t payload_bytes;
            uint8_t *frame = frame_of(&sample_messages[i], &payload_bytes);
            struct slice payload = slice_of(frame + FRAME_HEADER_BYTES, payload_bytes);
            assert_int_equal(codec_decode((uint8_t)type, payload, arena, &message), COLUMBA_OK);
            free(frame);
        }
    }
    return message;
}

static void fields_land_where_they_belong(void **state)
{
    (void)state;
    struct arena arena = arena_fresh();
    struct message welcome = decoded(MESSAGE_WELCOME, &arena);
    assert_int_equal(welcome.welcome.node_count, 2);
    const struct message_node *node = &welcome.welcome.nodes[0];
    assert_true(slice_equal(node->address, slice_of_text("127.0.0.1")));
    assert_int_equal(node->token_count, 4);
    assert_true(node->tokens[3] == UINT64_MAX);
    assert_int_equal(welcome.welcome.nodes[1].port, 65535);
    assert_int_equal(welcome.welcome.factors[1].factor, 2);

    struct message inbox = decoded(MESSAGE_INBOX, &arena);
    assert_true(inbox.inbox.rows[0].has_unread);
    assert_int_equal(inbox.inbox.rows[0].unread, 10000);
    assert_false(inbox.inbox.rows[1].has_unread);
    assert_true(id_is_zero(&inbox.inbox.rows[1].marker));

    struct message fanout = decoded(MESSAGE_FANOUT, &arena);
    assert_int_equal(fanout.fanout.user_count, 3);
    assert_true(id_equal(&fanout.fanout.users[2], &sample_users[2]));

    struct message admin = decoded(MESSAGE_ADMIN, &arena);
    assert_true(slice_equal(admin.admin.arguments[1], slice_of_text("general")));
    arena_clear(&arena);
}

/* Payloads in hexadecimal, in the order of the samples. */
static const struct {
    enum message_type type;
    const char *hex;
} golden[] = {
#include "message_golden.inc"
};

static void bytes_on_the_wire_do_not_change(void **state)
{
    (void)state;
    bool print = getenv("COLUMBA_PRINT_GOLDEN") != NULL;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        size_t payload_bytes;
        uint8_t *frame = frame_of(&sample_messages[i], &payload_bytes);
        char *hex = calloc(1, payload_bytes * 2 + 1);
        assert_non_null(hex);
        for (size_t at = 0; at < payload_bytes; at++) {
            snprintf(hex + 2 * at, 3, "%02x", frame[FRAME_HEADER_BYTES + at]);
        }
        if (print) {
            printf("{MESSAGE_%s, \"%s\"},\n", message_type_name(sample_messages[i].type), hex);
        } else {
            assert_int_equal(golden[i].type, sample_messages[i].type);
            assert_string_equal(golden[i].hex, hex);
        }
        free(hex);
        free(frame);
    }
}

static void an_empty_payload_is_a_message_of_zeros(void **state)
{
    (void)state;
    struct arena arena = arena_fresh();
    struct message message;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        uint8_t type = (uint8_t)sample_messages[i].type;
        assert_int_equal(codec_decode(type, slice_of(NULL, 0), &arena, &message), COLUMBA_OK);
        assert_int_equal(message.type, type);
    }
    arena_clear(&arena);
}

static void every_truncation_ends_in_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        size_t payload_bytes;
        uint8_t *frame = frame_of(&sample_messages[i], &payload_bytes);
        for (size_t size = 1; size < payload_bytes; size++) {
            /* A copy of exactly this size, so that a sanitizer sees a step too far. */
            uint8_t *cut = malloc(size);
            assert_non_null(cut);
            memcpy(cut, frame + FRAME_HEADER_BYTES, size);
            enum columba_error error =
                decode((uint8_t)sample_messages[i].type, slice_of(cut, size));
            assert_true(error == COLUMBA_OK || error == ERR_MALFORMED);
            free(cut);
        }
        free(frame);
    }
}

static void flipped_bits_end_in_an_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        size_t payload_bytes;
        uint8_t *frame = frame_of(&sample_messages[i], &payload_bytes);
        uint8_t *payload = frame + FRAME_HEADER_BYTES;
        for (size_t bit = 0; bit < payload_bytes * 8; bit++) {
            payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
            enum columba_error error =
                decode((uint8_t)sample_messages[i].type, slice_of(payload, payload_bytes));
            assert_true(error == COLUMBA_OK || error == ERR_MALFORMED || error == ERR_TOO_LARGE);
            payload[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(frame);
    }
}

static uint64_t random_state = 42;

static uint64_t random_below(uint64_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % limit;
}

/* Whatever the bytes were: what is taken from them goes out and comes back unchanged. */
static void what_decodes_has_one_encoding(void **state)
{
    (void)state;
    unsigned decoded = 0;
    for (unsigned round = 0; round < 20000; round++) {
        const struct message *sample = &sample_messages[random_below(SAMPLE_COUNT)];
        size_t payload_bytes, once_bytes, twice_bytes;
        uint8_t *frame = frame_of(sample, &payload_bytes);
        struct slice payload = slice_of(frame + FRAME_HEADER_BYTES, payload_bytes);
        for (uint64_t changes = random_below(4); changes > 0; changes--) {
            frame[FRAME_HEADER_BYTES + random_below(payload_bytes)] = (uint8_t)random_below(256);
        }
        struct arena arena = arena_fresh();
        struct message message, again;
        if (codec_decode((uint8_t)sample->type, payload, &arena, &message) == COLUMBA_OK) {
            uint8_t *once = frame_of(&message, &once_bytes);
            struct slice encoded = slice_of(once + FRAME_HEADER_BYTES, once_bytes);
            assert_int_equal(codec_decode((uint8_t)sample->type, encoded, &arena, &again),
                             COLUMBA_OK);
            uint8_t *twice = frame_of(&again, &twice_bytes);
            assert_int_equal(once_bytes, twice_bytes);
            assert_memory_equal(once, twice, FRAME_HEADER_BYTES + once_bytes);
            decoded++;
            free(once);
            free(twice);
        }
        arena_clear(&arena);
        free(frame);
    }
    assert_true(decoded > 5000);
}

static void fields_of_a_later_version_are_passed_over(void **state)
{
    (void)state;
    /* PING: token 5, then field 15 as a number, field 99 as bytes, field 16 fixed, answer. */
    const uint8_t payload[] = {0x08, 5, 0x78, 7, 0x9a, 6, 2, 'h', 'i',  0x81, 1,
                               1,    2, 3,    4, 5,    6, 7, 8,   0x10, 1};
    struct arena arena = arena_fresh();
    struct message message;
    struct slice bytes = slice_of(payload, sizeof(payload));
    assert_int_equal(codec_decode(MESSAGE_PING, bytes, &arena, &message), COLUMBA_OK);
    assert_int_equal(message.ping.token, 5);
    assert_true(message.ping.answer);
    arena_clear(&arena);
}

static void an_error_of_a_later_version_is_an_internal_error(void **state)
{
    (void)state;
    const uint8_t payload[] = {0x08, 0xff, 0x7f};
    struct arena arena = arena_fresh();
    struct message message;
    struct slice bytes = slice_of(payload, sizeof(payload));
    assert_int_equal(codec_decode(MESSAGE_STATUS, bytes, &arena, &message), COLUMBA_OK);
    assert_int_equal(message.status.error, ERR_INTERNAL);
    arena_clear(&arena);
}

static void an_id_has_sixteen_bytes(void **state)
{
    (void)state;
    for (uint8_t size = 0; size < 20; size++) {
        uint8_t payload[22] = {0x0a, size};
        enum columba_error error = decode(MESSAGE_CONVERSATION_GET, slice_of(payload, 2u + size));
        assert_int_equal(error, size == 16 ? COLUMBA_OK : ERR_MALFORMED);
    }
    /* A row of ids is a whole number of them. */
    uint8_t users[2 + 40] = {0x2a, 40};
    assert_int_equal(decode(MESSAGE_FANOUT, slice_of(users, sizeof(users))), ERR_MALFORMED);
}

static void unknown_types_are_not_supported(void **state)
{
    (void)state;
    assert_int_equal(decode(0, slice_of(NULL, 0)), ERR_NOT_SUPPORTED);
    assert_int_equal(decode(255, slice_of(NULL, 0)), ERR_NOT_SUPPORTED);
}

/* `count` times the same two bytes. */
static struct slice repeated(const uint8_t *pair, size_t count, uint8_t *buffer)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(buffer + i * 2, pair, 2);
    }
    return slice_of(buffer, 2 * count);
}

static void half_a_million_empty_rows_allocate_nothing(void **state)
{
    (void)state;
    static uint8_t buffer[FRAME_PAYLOAD_MAX_BYTES];
    const struct {
        uint8_t type;
        uint8_t pair[2];
    } attacks[] = {
        {MESSAGE_WELCOME, {0x42, 0}}, /* nodes */
        {MESSAGE_WELCOME, {0x52, 0}}, /* factors */
        {MESSAGE_HISTORY, {0x0a, 0}},      {MESSAGE_HISTORY_IMPORT, {0x12, 0}},
        {MESSAGE_INBOX_IMPORT, {0x0a, 0}}, {MESSAGE_ADMIN, {0x12, 0}}, /* arguments */
        {MESSAGE_PING, {0x7a, 0}},                                     /* fields nobody knows */
    };
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        struct slice payload = repeated(attacks[i].pair, sizeof(buffer) / 2, buffer);
        struct arena arena = arena_fresh();
        struct message message;
        assert_int_equal(codec_decode(attacks[i].type, payload, &arena, &message), ERR_TOO_LARGE);
        assert_int_equal(arena.used_bytes, 0);
        arena_clear(&arena);
    }
}

static void counts_are_capped_where_the_table_says(void **state)
{
    (void)state;
    static uint8_t buffer[FRAME_PAYLOAD_MAX_BYTES];
    const uint8_t row[] = {0x0a, 0};
    assert_int_equal(decode(MESSAGE_HISTORY, repeated(row, PAGE_MAX_ROWS, buffer)), COLUMBA_OK);
    assert_int_equal(decode(MESSAGE_HISTORY, repeated(row, PAGE_MAX_ROWS + 1, buffer)),
                     ERR_TOO_LARGE);
    const uint8_t node[] = {0x42, 0};
    assert_int_equal(decode(MESSAGE_WELCOME, repeated(node, NODES_MAX, buffer)), COLUMBA_OK);
    assert_int_equal(decode(MESSAGE_WELCOME, repeated(node, NODES_MAX + 1, buffer)), ERR_TOO_LARGE);
}

static void users_of_a_fan_out_are_capped(void **state)
{
    (void)state;
    static uint8_t buffer[8 + (FANOUT_MEMBERS_MAX + 1) * ID_BYTES];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t users_bytes = (FANOUT_MEMBERS_MAX + extra) * ID_BYTES;
        struct writer writer = writer_of(buffer, sizeof(buffer));
        writer_u8(&writer, 0x2a);
        writer_varint(&writer, users_bytes);
        struct slice payload = slice_of(buffer, (size_t)(writer.at - buffer) + users_bytes);
        assert_int_equal(decode(MESSAGE_FANOUT, payload), extra == 0 ? COLUMBA_OK : ERR_TOO_LARGE);
    }
}

static void tokens_of_a_node_are_capped(void **state)
{
    (void)state;
    uint8_t buffer[8 + 8 * (TOKENS_PER_NODE_MAX + 1)] = {0};
    for (uint32_t extra = 0; extra < 2; extra++) {
        size_t tokens_bytes = 8 * (TOKENS_PER_NODE_MAX + extra);
        struct writer writer = writer_of(buffer, sizeof(buffer));
        writer_u8(&writer, 0x42);
        writer_varint(&writer, 1 + varint_size(tokens_bytes) + tokens_bytes);
        writer_u8(&writer, 0x3a);
        writer_varint(&writer, tokens_bytes);
        struct slice payload = slice_of(buffer, (size_t)(writer.at - buffer) + tokens_bytes);
        assert_int_equal(decode(MESSAGE_WELCOME, payload), extra == 0 ? COLUMBA_OK : ERR_TOO_LARGE);
    }
}

static void nesting_where_none_belongs_is_just_bytes(void **state)
{
    (void)state;
    /* A thousand levels, each the length-prefixed field 1 of the next. */
    uint8_t buffer[4096];
    size_t size = 0;
    for (int depth = 0; depth < 1000; depth++) {
        uint8_t longer[4096];
        struct writer writer = writer_of(longer, sizeof(longer));
        writer_u8(&writer, 0x0a);
        writer_sized(&writer, slice_of(buffer, size));
        struct slice done = writer_done(&writer);
        memcpy(buffer, done.data, done.size);
        size = done.size;
    }
    struct slice nested = slice_of(buffer, size);
    assert_int_equal(decode(MESSAGE_CONVERSATION_CREATE, nested), COLUMBA_OK);
    assert_int_equal(decode(MESSAGE_HISTORY, nested), ERR_MALFORMED);
    assert_int_equal(decode(MESSAGE_SEND, nested), ERR_MALFORMED);
    /* Groups, which nest without lengths, are not of this schema. */
    memset(buffer, 0x0b, sizeof(buffer));
    assert_int_equal(decode(MESSAGE_PING, slice_of(buffer, sizeof(buffer))), ERR_MALFORMED);
}

static void a_field_given_twice_is_refused(void **state)
{
    (void)state;
    const uint8_t payload[] = {0x08, 1, 0x08, 2};
    assert_int_equal(decode(MESSAGE_PING, slice_of(payload, sizeof(payload))), ERR_MALFORMED);
}

static void decoding_stays_under_the_arenas_cap(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        size_t payload_bytes;
        uint8_t *frame = frame_of(&sample_messages[i], &payload_bytes);
        struct slice payload = slice_of(frame + FRAME_HEADER_BYTES, payload_bytes);
        enum columba_error error = ERR_NO_MEMORY;
        for (size_t cap_bytes = 0; error != COLUMBA_OK; cap_bytes += 16) {
            struct arena arena;
            struct message message;
            arena_init(&arena, memory_system(), cap_bytes);
            error = codec_decode((uint8_t)sample_messages[i].type, payload, &arena, &message);
            assert_true(error == COLUMBA_OK || error == ERR_NO_MEMORY);
            arena_clear(&arena);
        }
        free(frame);
    }
}

static void what_is_too_large_is_not_encoded(void **state)
{
    (void)state;
    static uint8_t body[FRAME_PAYLOAD_MAX_BYTES];
    static struct message_history_row rows[PAGE_MAX_ROWS + 1];
    struct arena arena = arena_fresh();
    struct codec_encoding encoding;
    struct message send = {.type = MESSAGE_SEND, .send = {.content = slice_of(body, sizeof(body))}};
    assert_int_equal(codec_prepare(&send, &arena, &encoding), ERR_TOO_LARGE);
    struct message page = {.type = MESSAGE_HISTORY,
                           .history = {.rows = rows, .row_count = PAGE_MAX_ROWS + 1}};
    assert_int_equal(codec_prepare(&page, &arena, &encoding), ERR_TOO_LARGE);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_sample),
        cmocka_unit_test(every_message_comes_out_as_it_went_in),
        cmocka_unit_test(fields_land_where_they_belong),
        cmocka_unit_test(bytes_on_the_wire_do_not_change),
        cmocka_unit_test(an_empty_payload_is_a_message_of_zeros),
        cmocka_unit_test(every_truncation_ends_in_an_answer),
        cmocka_unit_test(flipped_bits_end_in_an_answer),
        cmocka_unit_test(what_decodes_has_one_encoding),
        cmocka_unit_test(fields_of_a_later_version_are_passed_over),
        cmocka_unit_test(an_error_of_a_later_version_is_an_internal_error),
        cmocka_unit_test(an_id_has_sixteen_bytes),
        cmocka_unit_test(unknown_types_are_not_supported),
        cmocka_unit_test(half_a_million_empty_rows_allocate_nothing),
        cmocka_unit_test(counts_are_capped_where_the_table_says),
        cmocka_unit_test(users_of_a_fan_out_are_capped),
        cmocka_unit_test(tokens_of_a_node_are_capped),
        cmocka_unit_test(nesting_where_none_belongs_is_just_bytes),
        cmocka_unit_test(a_field_given_twice_is_refused),
        cmocka_unit_test(decoding_stays_under_the_arenas_cap),
        cmocka_unit_test(what_is_too_large_is_not_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
