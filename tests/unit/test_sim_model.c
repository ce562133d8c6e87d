/* The simulator's oracle: it must let right answers pass and see through wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/model.h"
#include "tests/sim/schedule.h"

#define ROWS_MAX 8u

struct scene {
    struct schedule schedule;
    struct findings findings;
    struct model *model;
    struct model_message *messages[3]; /* by id: oldest first */
    struct message_history_row rows[ROWS_MAX];
};

static struct id id_at(uint64_t ms, const struct model *model, uint32_t user)
{
    return message_id_make(1000000 + ms, ms, &model->users[user].id);
}

/* One conversation of users 0 and 1; three messages of user 0 that were acknowledged at QUORUM at
 * 10, 20 and 30 µs. */
static void scene_begin(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    schedule_init(&scene->schedule);
    findings_init(&scene->findings, &scene->schedule);
    scene->model = model_create(&scene->findings, 3, 1);
    model_member_add(scene->model, 0, 0, true);
    model_member_add(scene->model, 0, 1, true);
    model_create_asked(scene->model, 0, 2, 0);
    model_create_known(scene->model, 0, 2, 1);
    for (uint32_t i = 0; i < 3; i++) {
        struct id id = id_at(i, scene->model, 0);
        uint8_t body = (uint8_t)('a' + i);
        scene->messages[i] = model_message_add(scene->model, 0, 0, &id, slice_of(&body, 1), 10 * i);
        model_send_begin(scene->messages[i]);
        model_send_end(scene->model, scene->messages[i], OUTCOME_DONE, true, 10 * (i + 1));
    }
}

static void scene_end(struct scene *scene)
{
    model_destroy(scene->model);
    schedule_clear(&scene->schedule);
}

static struct message_history_row row_of(const struct model_message *message)
{
    return (struct message_history_row){
        .message = message->id, .content = slice_of(message->content, message->content_size)};
}

/* The newest `count` messages, as a right answer brings them. */
static struct message_history newest(struct scene *scene, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        scene->rows[i] = row_of(scene->messages[2 - i]);
    }
    return (struct message_history){.rows = scene->rows, .row_count = count, .more = count < 3};
}

static uint64_t found_in(struct scene *scene, const struct message_history *answer,
                         uint64_t start_us)
{
    struct model_read read = {.start_us = start_us, .is_quorum = true, .who = "the test"};
    struct message_history_read asked = {.conversation = scene->model->conversations[0].id};
    uint64_t before = scene->findings.count;
    model_history_seen(scene->model, &read, &asked, answer, start_us + 1);
    return scene->findings.count - before;
}

static void test_right_answers_pass(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct message_history all = newest(&scene, 3);
    assert_int_equal(found_in(&scene, &all, 100), 0);
    struct message_history page = newest(&scene, 2);
    assert_int_equal(found_in(&scene, &page, 100), 0);
    scene_end(&scene);
}

static void test_a_known_message_that_is_not_read_is_found(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct message_history lacks = newest(&scene, 2);
    lacks.more = false;
    assert_int_equal(found_in(&scene, &lacks, 100), 1);
    scene_end(&scene);
}

static void test_a_read_that_began_before_the_acknowledgement_may_miss_it(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    scene.rows[0] = row_of(scene.messages[1]);
    scene.rows[1] = row_of(scene.messages[0]);
    struct message_history early = {.rows = scene.rows, .row_count = 2};
    assert_int_equal(found_in(&scene, &early, 30), 0);
    assert_int_equal(found_in(&scene, &early, 31), 1);
    scene_end(&scene);
}

static void test_what_one_read_saw_a_later_one_must_see(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct id id = id_at(7, scene.model, 1);
    struct model_message *unsure = model_message_add(scene.model, 0, 1, &id, slice_of("x", 1), 40);
    model_send_begin(unsure);
    model_send_end(scene.model, unsure, OUTCOME_UNKNOWN, true, 50);
    struct message_history without = newest(&scene, 3);
    assert_int_equal(found_in(&scene, &without, 100), 0);
    struct message_history_row rows[4] = {row_of(unsure), scene.rows[0], scene.rows[1],
                                          scene.rows[2]};
    struct message_history with = {.rows = rows, .row_count = 4};
    assert_int_equal(found_in(&scene, &with, 200), 0);
    assert_int_equal(found_in(&scene, &without, 300), 1);
    scene_end(&scene);
}

static void test_foreign_altered_and_doubled_rows_are_found(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct message_history answer = newest(&scene, 3);
    scene.rows[0].content = slice_of("z", 1);
    assert_int_equal(found_in(&scene, &answer, 100), 1);
    answer = newest(&scene, 3);
    scene.rows[3] = scene.rows[2];
    answer.row_count = 4;
    assert_int_equal(found_in(&scene, &answer, 100), 1);
    scene.rows[3].message = (struct id){{0}};
    assert_int_equal(found_in(&scene, &answer, 100), 1);
    scene_end(&scene);
}

static void test_a_refused_send_that_is_read_is_found(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct id id = id_at(7, scene.model, 1);
    struct model_message *refused = model_message_add(scene.model, 0, 1, &id, slice_of("x", 1), 40);
    model_send_begin(refused);
    model_send_end(scene.model, refused, OUTCOME_REFUSED, true, 50);
    newest(&scene, 3);
    struct message_history_row rows[4] = {row_of(refused), scene.rows[0], scene.rows[1],
                                          scene.rows[2]};
    struct message_history with = {.rows = rows, .row_count = 4};
    assert_int_equal(found_in(&scene, &with, 100), 1);
    scene_end(&scene);
}

static uint64_t found_in_inbox(struct scene *scene, const struct id *marker, uint64_t start_us)
{
    struct model_read read = {.start_us = start_us, .is_quorum = true, .who = "the test"};
    struct message_inbox_read asked = {.user = scene->model->users[1].id};
    struct message_inbox_row row = {.conversation = scene->model->conversations[0].id,
                                    .last = scene->messages[2]->id,
                                    .marker = *marker,
                                    .has_unread = true};
    struct message_inbox answer = {.rows = &row, .row_count = 1};
    uint64_t before = scene->findings.count;
    model_inbox_seen(scene->model, &read, &asked, &answer, start_us + 1);
    return scene->findings.count - before;
}

static void test_a_marker_never_falls_and_is_never_invented(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct model_mark *mark = &model_member(scene.model, 0, 1)->marker;
    const struct id *low = &scene.messages[0]->id;
    const struct id *high = &scene.messages[1]->id;
    assert_int_equal(found_in_inbox(&scene, low, 100), 1);
    model_mark_asked(mark, low);
    model_mark_asked(mark, high);
    assert_int_equal(found_in_inbox(&scene, low, 200), 0);
    assert_int_equal(found_in_inbox(&scene, high, 300), 0);
    assert_int_equal(found_in_inbox(&scene, low, 400), 1);
    scene_end(&scene);
}

static void test_a_refused_marker_must_not_show(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    struct model_mark *mark = &model_member(scene.model, 0, 1)->marker;
    model_mark_refused(mark, model_mark_asked(mark, &scene.messages[0]->id));
    assert_int_equal(found_in_inbox(&scene, &scene.messages[0]->id, 100), 1);
    model_mark_asked(mark, &scene.messages[0]->id);
    assert_int_equal(found_in_inbox(&scene, &scene.messages[0]->id, 200), 0);
    scene_end(&scene);
}

static void test_of_two_bodies_of_an_id_one_is_known_for_ever(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    const uint8_t body = 'z';
    struct model_message *rival = model_rival_add(scene.messages[2], slice_of(&body, 1), 40);
    model_send_begin(rival);
    model_send_end(scene.model, rival, OUTCOME_UNKNOWN, true, 50);
    assert_int_equal(scene.findings.count, 0);
    struct message_history answer = newest(&scene, 3);
    assert_int_equal(found_in(&scene, &answer, 100), 0);
    scene.rows[0].content = slice_of(&body, 1);
    assert_int_equal(found_in(&scene, &answer, 200), 1);
    model_send_begin(rival);
    model_send_end(scene.model, rival, OUTCOME_DONE, true, 300);
    assert_true(scene.findings.count >= 1);
    scene_end(&scene);
}

static void test_a_body_that_was_refused_must_not_show(void **state)
{
    (void)state;
    struct scene scene;
    scene_begin(&scene);
    const uint8_t body = 'z';
    struct id id = id_at(3, scene.model, 0);
    struct model_message *message =
        model_message_add(scene.model, 0, 0, &id, slice_of((const uint8_t *)"d", 1), 40);
    struct model_message *rival = model_rival_add(message, slice_of(&body, 1), 40);
    model_send_begin(message);
    model_send_begin(rival);
    model_send_end(scene.model, message, OUTCOME_REFUSED, true, 50);
    model_send_end(scene.model, rival, OUTCOME_UNKNOWN, true, 50);
    scene.rows[0] = row_of(rival);
    struct message_history answer = {.rows = scene.rows, .row_count = 1, .more = true};
    assert_int_equal(found_in(&scene, &answer, 100), 0);
    scene.rows[0] = row_of(message);
    assert_int_equal(found_in(&scene, &answer, 200), 2); /* refused, and another is known */
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_answers_pass),
        cmocka_unit_test(test_a_known_message_that_is_not_read_is_found),
        cmocka_unit_test(test_a_read_that_began_before_the_acknowledgement_may_miss_it),
        cmocka_unit_test(test_what_one_read_saw_a_later_one_must_see),
        cmocka_unit_test(test_foreign_altered_and_doubled_rows_are_found),
        cmocka_unit_test(test_a_refused_send_that_is_read_is_found),
        cmocka_unit_test(test_a_marker_never_falls_and_is_never_invented),
        cmocka_unit_test(test_a_refused_marker_must_not_show),
        cmocka_unit_test(test_of_two_bodies_of_an_id_one_is_known_for_ever),
        cmocka_unit_test(test_a_body_that_was_refused_must_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
