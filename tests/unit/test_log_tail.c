/* The tail of users' logs against a plain model: who has what, in which order, and when a row is
 * done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "node/core/replica/log_tail.h"

#define EVENTS_MAX 64u
#define USERS 7u
#define MODEL_EVENTS 100000u
#define MODEL_ROWS 60000u

struct model_event {
    uint32_t user;
    uint32_t row;
    bool is_folded;
};

/* Everything that ever came; nothing is forgotten. */
struct model {
    struct log_tail tail;
    struct model_event events[MODEL_EVENTS];
    uint32_t count;
    uint32_t unfolded;
    uint32_t row_unfolded[MODEL_ROWS];
    bool row_told[MODEL_ROWS];
    bool row_written[MODEL_ROWS]; /* closed with something unfolded in it */
    uint32_t rows;
    bool is_open;
};

static struct model model;

static uint32_t draw(uint32_t below)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % below;
}

static struct id id_numbered(uint32_t number)
{
    struct id id = {{0}};
    memcpy(id.bytes + 4, &number, sizeof number);
    return id;
}

static uint32_t number_of(const struct id *id)
{
    uint32_t number;
    memcpy(&number, id->bytes + 4, sizeof number);
    return number;
}

static void row_done(void *context, uint64_t sequence)
{
    (void)context;
    assert_true(sequence >= 1 && sequence <= model.rows);
    assert_false(model.row_told[sequence - 1]);
    model.row_told[sequence - 1] = true;
}

static void append_one(uint32_t user)
{
    if (!model.is_open) {
        model.is_open = true;
        log_tail_row_open(&model.tail, ++model.rows);
    }
    struct id owner = id_numbered(user);
    struct id conversation = id_numbered(user * 2);
    struct id message = id_numbered(model.count);
    log_tail_append(&model.tail, &owner, &conversation, &message, 1, model.count % 3 == 0);
    model.events[model.count++] = (struct model_event){.user = user, .row = model.rows - 1};
    model.row_unfolded[model.rows - 1]++;
    model.unfolded++;
}

static void close_row(void)
{
    if (model.is_open) {
        assert_int_equal(log_tail_open_row(&model.tail)->sequence, model.rows);
        log_tail_row_close(&model.tail);
        model.row_written[model.rows - 1] = model.row_unfolded[model.rows - 1] > 0;
        model.is_open = false;
    }
    assert_null(log_tail_open_row(&model.tail));
}

/* The chain in the tail is what the model says is unfolded of this user, in order. */
static void check_user(uint32_t user)
{
    struct id id = id_numbered(user);
    const struct log_user *found = log_tail_find(&model.tail, &id);
    uint32_t at = found == NULL ? 0 : found->first;
    uint32_t count = 0;
    for (uint32_t i = 0; i < model.count; i++) {
        if (model.events[i].user != user || model.events[i].is_folded) {
            continue;
        }
        assert_non_null(found);
        const struct log_event *event = log_tail_event(&model.tail, at);
        assert_int_equal(number_of(&event->message), i);
        assert_int_equal(number_of(&event->conversation), user * 2);
        assert_int_equal(event->is_own, i % 3 == 0);
        assert_true(id_equal(log_tail_user_of(&model.tail, event), &id));
        at = event->next;
        count++;
    }
    assert_int_equal(found == NULL ? 0 : found->count, count);
}

static void fold(struct log_user *user)
{
    uint32_t number = number_of(&user->id);
    log_tail_fold(&model.tail, user, row_done, NULL);
    for (uint32_t i = 0; i < model.count; i++) {
        if (model.events[i].user == number && !model.events[i].is_folded) {
            model.events[i].is_folded = true;
            model.row_unfolded[model.events[i].row]--;
            model.unfolded--;
        }
    }
    check_user(number);
}

static void check_rows(void)
{
    for (uint32_t i = 0; i < model.rows; i++) {
        assert_int_equal(model.row_told[i], model.row_written[i] && model.row_unfolded[i] == 0);
    }
    assert_int_equal(model.tail.unfolded, model.unfolded);
}

static void check_oldest(void)
{
    uint32_t oldest = 0;
    while (oldest < model.count && model.events[oldest].is_folded) {
        oldest++;
    }
    const struct log_user *user = log_tail_oldest(&model.tail);
    if (oldest == model.count) {
        assert_null(user);
    } else {
        assert_int_equal(number_of(&user->id), model.events[oldest].user);
    }
}

static void model_begin(void)
{
    memset(&model, 0, sizeof model);
    assert_int_equal(log_tail_init(&model.tail, memory_system(), EVENTS_MAX), 0);
    /* As if it had run for long: positions wrap around soon. */
    model.tail.events_begin = model.tail.events_end = model.tail.oldest = UINT32_MAX - 100;
    model.tail.rows_begin = model.tail.rows_end = UINT32_MAX - 30;
}

static void tail_agrees_with_a_model(void **state)
{
    (void)state;
    model_begin();
    for (unsigned step = 0; step < 3000; step++) {
        uint32_t events = 1 + draw(6);
        while (log_tail_is_crowded(&model.tail, events) && model.unfolded > 0) {
            check_oldest();
            fold(log_tail_oldest(&model.tail));
        }
        if (log_tail_has_room(&model.tail, events)) {
            while (events-- > 0) {
                append_one(draw(USERS));
            }
        }
        if (draw(3) > 0) {
            close_row();
        }
        struct id someone = id_numbered(draw(USERS));
        struct log_user *user = draw(8) == 0 ? log_tail_find(&model.tail, &someone) : NULL;
        if (user != NULL) {
            fold(user);
        }
        check_user(draw(USERS));
        check_rows();
        check_oldest();
    }
    assert_true(model.count > 5000);
    log_tail_clear(&model.tail, memory_system());
}

/* A row that was closed after all of it was folded is told by nobody: it was never written. */
static void rows_that_are_done_are_told_once(void **state)
{
    (void)state;
    model_begin();
    append_one(1);
    append_one(2);
    close_row();
    append_one(1);
    struct id one = id_numbered(1);
    struct id two = id_numbered(2);
    fold(log_tail_find(&model.tail, &one));
    assert_false(model.row_told[0]);
    assert_false(model.row_told[1]);
    close_row();
    assert_false(model.row_told[1]);
    fold(log_tail_find(&model.tail, &two));
    assert_true(model.row_told[0]);
    assert_int_equal(model.tail.events_begin, model.tail.events_end);
    assert_int_equal(model.tail.rows_begin, model.tail.rows_end);
    log_tail_clear(&model.tail, memory_system());
}

/* Whoever never reads: the front is always made free again. */
static void the_tail_never_fills_for_good(void **state)
{
    (void)state;
    model_begin();
    for (uint32_t i = 0; i < 5000; i++) {
        while (log_tail_is_crowded(&model.tail, 1)) {
            fold(log_tail_oldest(&model.tail));
        }
        assert_true(log_tail_has_room(&model.tail, 1));
        append_one(i % 40);
        if (i % 2 == 1) {
            close_row();
        }
    }
    log_tail_clear(&model.tail, memory_system());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_agrees_with_a_model),
        cmocka_unit_test(rows_that_are_done_are_told_once),
        cmocka_unit_test(the_tail_never_fills_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
