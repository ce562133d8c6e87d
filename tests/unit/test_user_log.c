/* Users' logs through the core that keeps them: what is stored, what a start finds again, who waits
 * for what. One node, whose shell is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/limits.h"
#include "node/core/core.h"
#include "node/core/replica/user_log.h"
#include "node/store/key.h"
#include "ring/token.h"

/* Later than the times of the ids that are made below. */
#define TEST_UNIX_MS 0xfffffff00000u
#define WRITES_MAX 256u
#define BYTES_MAX 16384u

struct write {
    enum effect_type type;
    uint8_t key[KEY_MAX_BYTES];
    size_t key_size;
    uint8_t value[BYTES_MAX];
    size_t value_size;
};

struct node {
    struct topology *topology;
    struct core *core;
    /* What the core asked for since `step`. */
    struct write writes[WRITES_MAX];
    uint32_t write_count;
    uint64_t log_read; /* of the local space, behind the outbox's; 0: none */
    uint64_t row_read; /* of the rows space */
    uint32_t replies;
    enum columba_error reply_error;
    uint64_t now_ms;
};

static struct node node;

static struct topology *topology_of_one(void)
{
    uint64_t token = 0;
    struct topology_node_spec spec = {.host_id = {.bytes = {1}},
                                      .name = slice_of_text("n1"),
                                      .address = slice_of_text("127.0.0.1"),
                                      .port = 7411,
                                      .datacenter = slice_of_text("dc1"),
                                      .rack = slice_of_text("r1"),
                                      .tokens = &token,
                                      .token_count = 1};
    struct topology_factor_spec factor = {.datacenter = slice_of_text("dc1"), .factor = 1};
    struct topology_spec all = {.cluster_name = slice_of_text("test"),
                                .version = 1,
                                .nodes = &spec,
                                .node_count = 1,
                                .keyspace = {.name = slice_of_text("chat"),
                                             .factors = &factor,
                                             .factor_count = 1,
                                             .read_consistency = CONSISTENCY_QUORUM,
                                             .write_consistency = CONSISTENCY_QUORUM}};
    struct topology *topology;
    assert_int_equal(topology_create(memory_system(), &all, &topology, NULL), COLUMBA_OK);
    return topology;
}

static void keep_write(const struct effect *effect)
{
    assert_true(node.write_count < WRITES_MAX);
    struct write *write = &node.writes[node.write_count++];
    write->type = effect->type;
    write->key_size = effect->write.key.size;
    write->value_size = effect->write.value.size;
    assert_true(write->key_size <= KEY_MAX_BYTES && write->value_size <= BYTES_MAX);
    memcpy(write->key, effect->write.key.data, write->key_size);
    if (write->value_size > 0) {
        memcpy(write->value, effect->write.value.data, write->value_size);
    }
}

static void keep_read(const struct effect *effect)
{
    if (effect->read.query.space == SPACE_ROWS) {
        node.row_read = effect->read.read_id;
    } else if (effect->read.query.begin.data[0] == LOCAL_ARRIVAL) {
        node.log_read = effect->read.read_id;
    }
}

static void keep_effects(void)
{
    struct effect effect;
    while (core_effect_next(node.core, &effect)) {
        switch (effect.type) {
        case EFFECT_MERGE:
        case EFFECT_PUT:
        case EFFECT_REMOVE:
            keep_write(&effect);
            break;
        case EFFECT_READ:
            keep_read(&effect);
            break;
        case EFFECT_REPLY:
            node.replies++;
            node.reply_error = effect.reply.message->type == MESSAGE_ROWS
                                   ? effect.reply.message->rows.error
                                   : effect.reply.message->status.error;
            break;
        case EFFECT_SEND:
            fail_msg("there is nobody to send to");
            break;
        }
    }
}

static void step(const struct event *event)
{
    node.write_count = node.replies = 0;
    node.log_read = node.row_read = 0;
    core_step(node.core, event);
    keep_effects();
}

/* Closes the batch, keeps what that writes, and says that it is durable. */
static void commit(void)
{
    assert_true(core_has_writes(node.core));
    struct event event = {.type = EVENT_COMMITTED};
    event.committed.batch = core_batch_close(node.core);
    keep_effects();
    core_step(node.core, &event);
    keep_effects();
}

static void node_start(uint64_t start_count, uint32_t log_events_max)
{
    struct core_config config;
    core_config_defaults(&config);
    config.self = 0;
    config.start_count = start_count;
    config.log_events_max = log_events_max;
    node.core = core_create(memory_system(), &config, node.topology);
    assert_non_null(node.core);
    core_now(node.core, ++node.now_ms, TEST_UNIX_MS);
    step(&(struct event){.type = EVENT_STARTED});
    assert_int_not_equal(node.log_read, 0);
}

static void log_answer(uint64_t read_id, enum columba_error error, struct slice packed)
{
    struct event event = {.type = EVENT_READ_DONE};
    event.read_done.read_id = read_id;
    event.read_done.error = error;
    event.read_done.packed = packed;
    step(&event);
}

static struct id id_of(uint8_t byte)
{
    struct id id;
    memset(id.bytes, byte, ID_BYTES);
    return id;
}

static void fan_out(uint8_t message, const struct id *users, uint32_t count)
{
    struct message request = {.type = MESSAGE_FANOUT};
    request.fanout = (struct message_fanout){.topology_version = 1,
                                             .conversation = id_of(0xc0),
                                             .message = id_of(message),
                                             .sender = id_of(0xa1),
                                             .kind = HAPPENED_MESSAGE,
                                             .users = users,
                                             .user_count = count};
    struct event event = {.type = EVENT_REQUEST};
    event.request.connection = 9;
    event.request.request_id = 1;
    event.request.node = 0;
    event.request.message = &request;
    step(&event);
}

static void inbox_read(uint8_t user)
{
    struct message request = {.type = MESSAGE_READ};
    request.read = (struct message_read){.topology_version = 1,
                                         .partition_kind = PARTITION_USER,
                                         .partition = id_of(user),
                                         .table = TABLE_INBOX,
                                         .limit_rows = 10,
                                         .limit_bytes = 10000,
                                         .flags = READ_FOLD};
    struct event event = {.type = EVENT_REQUEST};
    event.request.connection = 9;
    event.request.request_id = 2;
    event.request.node = 0;
    event.request.message = &request;
    step(&event);
}

static int setup(void **state)
{
    (void)state;
    memset(&node, 0, sizeof node);
    node.topology = topology_of_one();
    node_start(1, 1024);
    log_answer(node.log_read, COLUMBA_OK, slice_of(NULL, 0));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    core_destroy(node.core);
    topology_destroy(node.topology);
    return 0;
}

/* A start after a crash: only the disk's content is known, as `packed` pairs. */
static void node_restart(void)
{
    core_destroy(node.core);
    node_start(2, 1024);
}

#define X4(byte) byte, byte, byte, byte
#define X16(byte) X4(byte), X4(byte), X4(byte), X4(byte)

static const uint8_t arrival_key[] = {LOCAL_ARRIVAL, 0, 0, 1, 0, 0, 0, 0, 1};
/* Two messages of one batch: one to two users, one to one. */
static const uint8_t arrival_value[] = {
    2,         HAPPENED_MESSAGE, X16(0xc0), X16(0x71), 0, 2, 1, X16(0xa1), 0,
    X16(0xb2), HAPPENED_MESSAGE, X16(0xc0), X16(0x72), 0, 1, 0, X16(0xb2)};

static const struct write *write_of_type(enum effect_type type)
{
    for (uint32_t i = 0; i < node.write_count; i++) {
        if (node.writes[i].type == type) {
            return &node.writes[i];
        }
    }
    return NULL;
}

static void assert_bytes(const uint8_t *bytes, size_t size, const uint8_t *expected,
                         size_t expected_size)
{
    assert_int_equal(size, expected_size);
    assert_memory_equal(bytes, expected, size);
}

static void two_messages_arrive(void)
{
    const struct id users[] = {id_of(0xa1), id_of(0xb2)};
    fan_out(0x71, users, 2);
    assert_int_equal(node.write_count, 0);
    fan_out(0x72, users + 1, 1);
    assert_int_equal(node.write_count, 0);
    assert_int_equal(node.replies, 0);
    commit();
    assert_int_equal(node.replies, 2);
}

static void a_batch_of_events_is_one_row_with_these_bytes(void **state)
{
    (void)state;
    two_messages_arrive();
    assert_int_equal(node.write_count, 1);
    const struct write *row = write_of_type(EFFECT_PUT);
    assert_bytes(row->key, row->key_size, arrival_key, sizeof arrival_key);
    assert_bytes(row->value, row->value_size, arrival_value, sizeof arrival_value);
}

/* What a fold of 0xb2's two messages writes. */
static void assert_folded(bool row_goes)
{
    static const uint8_t log_value[] = {
        2, HAPPENED_MESSAGE, 0, X16(0xc0), X16(0x71), HAPPENED_MESSAGE, 0, X16(0xc0), X16(0x72)};
    const struct write *put = write_of_type(EFFECT_PUT);
    assert_non_null(put);
    assert_int_equal(put->key[0], LOCAL_LOG);
    assert_bytes(put->value, put->value_size, log_value, sizeof log_value);
    const struct write *merge = write_of_type(EFFECT_MERGE);
    assert_non_null(merge);
    assert_int_equal(row_key_table(slice_of(merge->key, merge->key_size)), TABLE_INBOX);
    const struct write *remove = write_of_type(EFFECT_REMOVE);
    assert_int_equal(remove != NULL, row_goes);
    if (row_goes) {
        assert_bytes(remove->key, remove->key_size, arrival_key, sizeof arrival_key);
    }
}

static void a_read_folds_and_waits_until_it_is_durable(void **state)
{
    (void)state;
    two_messages_arrive();
    inbox_read(0xb2);
    assert_folded(false);
    assert_int_equal(node.row_read, 0);
    commit();
    assert_int_not_equal(node.row_read, 0);
    /* The other user's event was the last of the row. */
    inbox_read(0xa1);
    assert_non_null(write_of_type(EFFECT_REMOVE));
    commit();
    /* Nothing new: nothing to wait for. */
    inbox_read(0xb2);
    assert_int_equal(node.write_count, 0);
    assert_int_not_equal(node.row_read, 0);
    assert_false(core_has_writes(node.core));
}

static void a_read_waits_for_the_fold_of_another(void **state)
{
    (void)state;
    two_messages_arrive();
    inbox_read(0xb2);
    struct event committed = {.type = EVENT_COMMITTED};
    committed.committed.batch = core_batch_close(node.core);
    keep_effects();
    /* The first one's rows are on their way to the disk, and the store does not show them yet. */
    inbox_read(0xb2);
    assert_int_equal(node.row_read, 0);
    step(&committed);
    assert_int_not_equal(node.row_read, 0);
    assert_true(core_has_writes(node.core));
    node.row_read = 0;
    commit();
    assert_int_not_equal(node.row_read, 0);
}

static struct slice packed_row(uint8_t *buffer, size_t size, const uint8_t *value,
                               size_t value_size)
{
    struct writer writer = writer_of(buffer, size);
    writer_sized(&writer, slice_of(arrival_key, sizeof arrival_key));
    writer_sized(&writer, slice_of(value, value_size));
    return writer_done(&writer);
}

static void a_start_finds_what_was_not_folded(void **state)
{
    (void)state;
    uint8_t buffer[512];
    node_restart();
    uint64_t read_id = node.log_read;
    /* Who reads now waits: nobody knows yet what is unfolded. */
    inbox_read(0xb2);
    assert_int_equal(node.row_read, 0);
    assert_int_equal(node.write_count, 0);
    log_answer(read_id, COLUMBA_OK,
               packed_row(buffer, sizeof buffer, arrival_value, sizeof arrival_value));
    assert_folded(false);
    commit();
    assert_int_not_equal(node.row_read, 0);
    inbox_read(0xa1);
    assert_non_null(write_of_type(EFFECT_REMOVE));
}

static void events_may_come_before_all_is_read_back(void **state)
{
    (void)state;
    uint8_t buffer[512];
    const struct id user = id_of(0xb2);
    node_restart();
    uint64_t read_id = node.log_read;
    fan_out(0x73, &user, 1);
    log_answer(read_id, COLUMBA_OK,
               packed_row(buffer, sizeof buffer, arrival_value, sizeof arrival_value));
    /* The row that was open is written, its own start's sequence in its key. */
    assert_int_equal(write_of_type(EFFECT_PUT)->key[3], 2);
    inbox_read(0xb2);
    assert_int_equal(write_of_type(EFFECT_PUT)->value_size, 1 + 3 * 34);
}

static void a_log_that_cannot_be_read_refuses_and_is_tried_again(void **state)
{
    (void)state;
    uint8_t buffer[512];
    node_restart();
    uint64_t read_id = node.log_read;
    inbox_read(0xb2);
    log_answer(read_id, ERR_CORRUPT, slice_of(NULL, 0));
    assert_int_equal(node.replies, 1);
    assert_int_equal(node.reply_error, ERR_OVERLOADED);
    core_now(node.core, node.now_ms += 1000, TEST_UNIX_MS + 1000);
    step(&(struct event){.type = EVENT_TICK});
    assert_int_not_equal(node.log_read, 0);
    log_answer(node.log_read, COLUMBA_OK,
               packed_row(buffer, sizeof buffer, arrival_value, sizeof arrival_value));
    inbox_read(0xb2);
    assert_folded(false);
}

static void rows_that_make_no_sense_do_no_harm(void **state)
{
    (void)state;
    uint8_t buffer[512];
    uint8_t value[sizeof arrival_value];
    memcpy(value, arrival_value, sizeof value);
    for (size_t size = 0; size < sizeof value; size++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            value[size] ^= (uint8_t)(1u << bit);
            node_restart();
            log_answer(node.log_read, COLUMBA_OK,
                       packed_row(buffer, sizeof buffer, value, sizeof value));
            inbox_read(0xb2);
            value[size] ^= (uint8_t)(1u << bit);
        }
        node_restart();
        log_answer(node.log_read, COLUMBA_OK, packed_row(buffer, sizeof buffer, value, size));
        inbox_read(0xb2);
    }
}

/* Memory is bounded whoever reads: the oldest are folded, and their row goes. */
static void a_crowded_tail_folds_the_oldest(void **state)
{
    (void)state;
    core_destroy(node.core);
    node_start(1, 64);
    log_answer(node.log_read, COLUMBA_OK, slice_of(NULL, 0));
    bool folded = false;
    for (uint8_t i = 0; i < 200; i++) {
        const struct id user = id_of(i);
        fan_out(0x71, &user, 1);
        if (write_of_type(EFFECT_REMOVE) != NULL) {
            folded = true;
        }
        commit();
        assert_int_equal(node.reply_error, COLUMBA_OK);
        struct core_counters counters;
        core_counters_get(node.core, &counters);
        assert_true(counters.log_unfolded <= 64);
    }
    assert_true(folded);
}

/* The same where few rows hold many events. */
static void a_tail_of_large_rows_makes_room_too(void **state)
{
    (void)state;
    struct id users[20];
    core_destroy(node.core);
    node_start(1, 64);
    log_answer(node.log_read, COLUMBA_OK, slice_of(NULL, 0));
    for (uint8_t batch = 0; batch < 20; batch++) {
        for (uint8_t i = 0; i < 20; i++) {
            users[i] = id_of((uint8_t)(batch * 5 + i));
        }
        fan_out(batch, users, 20);
        commit();
        assert_int_equal(node.reply_error, COLUMBA_OK);
    }
}

static void a_long_tail_is_folded_without_a_reader(void **state)
{
    (void)state;
    const struct id user = id_of(0xb2);
    uint32_t events = 0;
    do {
        fan_out((uint8_t)events, &user, 1);
        events++;
    } while (write_of_type(EFFECT_MERGE) == NULL && events <= USER_LOG_TAIL_MAX);
    assert_true(events <= USER_LOG_TAIL_MAX && events >= USER_LOG_TAIL_MAX / 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_batch_of_events_is_one_row_with_these_bytes),
        TEST(a_read_folds_and_waits_until_it_is_durable),
        TEST(a_read_waits_for_the_fold_of_another),
        TEST(a_start_finds_what_was_not_folded),
        TEST(events_may_come_before_all_is_read_back),
        TEST(a_log_that_cannot_be_read_refuses_and_is_tried_again),
        TEST(rows_that_make_no_sense_do_no_harm),
        TEST(a_crowded_tail_folds_the_oldest),
        TEST(a_tail_of_large_rows_makes_room_too),
        TEST(a_long_tail_is_folded_without_a_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
