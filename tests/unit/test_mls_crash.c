/*
 * A small application that keeps its own records in the group's transactions: texts it has read,
 * messages it has to send. It dies at every step of its storage in turn, comes back from what was
 * durable and goes on by what its records say. No text is lost, none comes twice, no key is used
 * twice, and no group is stuck.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "mls_world.h"

#include "client/mls/group.h"

#define KEYS_MAX 64

/* How the storage fails at its step of a given number. */
enum death {
    DIES_BEFORE, /* the step is not made */
    DIES_AFTER,  /* a commit is made, and nobody learns of it */
};

struct app {
    struct world_client client;
    const char *job; /* what the call under way is for: the name of the note it leaves */
};

/* The keys of all that is durable in an outbox, and so may have been sent. */
struct key_use {
    uint64_t epoch;
    uint8_t content_type;
    uint32_t leaf;
    uint32_t generation;
};
static struct key_use keys[KEYS_MAX];
static size_t key_count;

/* -- the application's records -- */

static const struct world_entry *note(const struct app *app, const char *job)
{
    return world_find_note(app->client.storage, slice_of_text(job));
}

static struct slice note_value(const struct app *app, const char *job)
{
    const struct world_entry *entry = note(app, job);
    assert_non_null(entry);
    return slice_of(entry->value, entry->value_size);
}

/* Where the bytes are a PrivateMessage of this epoch: its key, which must be a new one. */
static void remember_key(const struct app *app, struct slice message)
{
    enum mls_wire_format format;
    struct mls_private_message view;
    struct mls_sender_data data;
    struct reader reader = reader_of(message);
    const struct mls_group *group = app->client.group;
    if (mls_read_message_head(&reader, &format) != MLS_OK || format != MLS_WIRE_PRIVATE_MESSAGE) {
        return;
    }
    assert_int_equal(mls_read_private_message(&reader, &view), MLS_OK);
    assert_int_equal(mls_private_message_open_sender(group->suite, group->memory,
                                                     group->current->secrets->sender_data, &view,
                                                     &data),
                     MLS_OK);
    struct key_use use = {view.epoch, (uint8_t)(view.content_type == MLS_CONTENT_APPLICATION),
                          data.leaf, data.generation};
    for (size_t i = 0; i < key_count; i++) {
        assert_false(keys[i].epoch == use.epoch && keys[i].content_type == use.content_type &&
                     keys[i].leaf == use.leaf && keys[i].generation == use.generation);
    }
    assert_true(key_count < KEYS_MAX);
    keys[key_count++] = use;
}

/* One note a call: what it hands out, under the name of the job. */
static bool attend(struct world_storage *storage, const struct mls_outcome *outcome)
{
    const struct app *app = storage->attend_context;
    struct slice value = slice_of_text("done");
    assert_null(note(app, app->job));
    switch (outcome->call) {
    case MLS_CALL_ENCRYPT:
    case MLS_CALL_PROPOSE:
    case MLS_CALL_JOIN_EXTERNAL:
        value = outcome->message;
        break;
    case MLS_CALL_COMMIT:
        value = mls_buffer_done(&outcome->bundle->commit);
        if (!world_note(storage, slice_of_text("welcome"),
                        mls_buffer_done(&outcome->bundle->welcome)) ||
            !world_note(storage, slice_of_text("info"),
                        mls_buffer_done(&outcome->bundle->group_info))) {
            return false;
        }
        break;
    case MLS_CALL_SUCCEED:
        value = outcome->welcome;
        break;
    case MLS_CALL_PROCESS:
        if (outcome->event->type == MLS_EVENT_APPLICATION) {
            value = outcome->event->data;
        }
        break;
    default:
        break;
    }
    return world_note(storage, slice_of_text(app->job), value);
}

static void app_open(struct app *app, const char *name)
{
    *app = (struct app){0};
    world_client_open(&app->client, name);
    world_client_use_storage(&app->client);
    app->client.storage->attend = attend;
    app->client.storage->attend_context = app;
}

static void app_restart(struct app *app)
{
    mls_group_destroy(app->client.group);
    app->client.storage->mark = 0;
    app->client.storage->storage.abandon(&app->client.storage->storage);
    app->client.group = world_restore(&app->client);
}

/* -- jobs: each is done at most once, by what the records say -- */

typedef enum mls_error (*work_function)(struct app *app, struct slice input);

static void do_job(struct app *app, const char *job, work_function work, struct slice input)
{
    app->job = job;
    for (int tries = 0; note(app, job) == NULL; tries++) {
        assert_true(tries < 3);
        enum mls_error error = work(app, input);
        assert_true(error == MLS_OK || error == MLS_ERR_STORAGE);
        if (error != MLS_OK) {
            app_restart(app);
        }
    }
    remember_key(app, note_value(app, job));
}

static enum mls_error create(struct app *app, struct slice input)
{
    struct mls_group_options options = {.group_id = input,
                                        .storage = &app->client.storage->storage};
    return mls_group_create(app->client.identity, &options, &app->client.group);
}

static enum mls_error add(struct app *app, struct slice input)
{
    struct mls_commit_options options = {.add = &input, .add_count = 1, .with_path = true};
    struct mls_commit_bundle bundle;
    enum mls_error error = mls_group_commit(app->client.group, &options, &bundle);
    mls_commit_bundle_clear(&bundle);
    return error;
}

static enum mls_error update(struct app *app, struct slice input)
{
    (void)input;
    struct mls_commit_options options = {.with_path = true};
    struct mls_commit_bundle bundle;
    enum mls_error error = mls_group_commit(app->client.group, &options, &bundle);
    mls_commit_bundle_clear(&bundle);
    return error;
}

static enum mls_error merge_own(struct app *app, struct slice input)
{
    (void)input;
    return mls_group_merge(app->client.group, MLS_STAGED_OWN);
}

static enum mls_error discard(struct app *app, struct slice input)
{
    (void)input;
    return mls_group_discard(app->client.group, MLS_STAGED_OWN);
}

static enum mls_error join(struct app *app, struct slice input)
{
    struct mls_join_options options = {.storage = &app->client.storage->storage};
    return mls_group_join(app->client.identity, &app->client.package, 1, input, &options,
                          &app->client.group);
}

static enum mls_error join_external(struct app *app, struct slice input)
{
    struct mls_join_options options = {.storage = &app->client.storage->storage, .resync = true};
    struct mls_buffer commit;
    struct mls_group *group = NULL;
    enum mls_error error =
        mls_group_join_external(app->client.identity, input, &options, &group, &commit);
    if (error == MLS_OK) {
        mls_group_destroy(app->client.group);
        app->client.group = group;
        mls_buffer_clear(&commit);
    }
    return error;
}

static enum mls_error send(struct app *app, struct slice input)
{
    struct mls_buffer message;
    enum mls_error error = mls_group_encrypt(app->client.group, input, slice_of(NULL, 0), &message);
    mls_buffer_clear(&message);
    return error;
}

static enum mls_error propose(struct app *app, struct slice input)
{
    (void)input;
    struct mls_proposal_options options = {.kind = MLS_PROPOSE_UPDATE};
    struct mls_buffer message;
    enum mls_error error = mls_group_propose(app->client.group, &options, &message);
    mls_buffer_clear(&message);
    return error;
}

static enum mls_error receive(struct app *app, struct slice input)
{
    struct mls_event event;
    enum mls_error error = mls_group_process(app->client.group, input, &event);
    mls_event_clear(&event);
    return error;
}

static enum mls_error clear_proposals(struct app *app, struct slice input)
{
    (void)input;
    return mls_group_clear_proposals(app->client.group);
}

/* The only other member. */
static enum mls_error remove_other(struct app *app, struct slice input)
{
    (void)input;
    uint32_t leaf = 1 - mls_group_own_leaf(app->client.group);
    struct mls_commit_options options = {.remove = &leaf, .remove_count = 1};
    struct mls_commit_bundle bundle;
    enum mls_error error = mls_group_commit(app->client.group, &options, &bundle);
    mls_commit_bundle_clear(&bundle);
    return error;
}

static enum mls_error take_commit(struct app *app, struct slice input)
{
    enum mls_error error = receive(app, input);
    return error == MLS_OK ? mls_group_merge(app->client.group, MLS_STAGED_RECEIVED) : error;
}

static enum mls_error add_psk(struct app *app, struct slice input)
{
    struct mls_psk psk = {.id = slice_of_text("id"), .secret = input};
    return mls_group_add_psk(app->client.group, &psk);
}

static enum mls_error add_psk_of_another(struct app *app, struct slice input)
{
    struct mls_psk psk = {.id = slice_of_text("another id"), .secret = input};
    return mls_group_add_psk(app->client.group, &psk);
}

static enum mls_error remove_psk(struct app *app, struct slice input)
{
    return mls_group_remove_psk(app->client.group, input);
}

/* The one pending proposal, into its place or out of it. */
static enum mls_error turn_aside(struct app *app, bool aside)
{
    size_t index = 0;
    struct mls_proposal_view view;
    assert_true(mls_group_next_proposal(app->client.group, &index, &view));
    assert_int_equal(view.is_aside, !aside);
    return mls_group_set_aside(app->client.group, view.reference, aside);
}

static enum mls_error set_aside(struct app *app, struct slice input)
{
    (void)input;
    return turn_aside(app, true);
}

static enum mls_error take_up(struct app *app, struct slice input)
{
    (void)input;
    return turn_aside(app, false);
}

static enum mls_error reinitialise(struct app *app, struct slice input)
{
    struct mls_reinit_options reinit = {.group_id = input, .version = 1, .suite = SUITE};
    struct mls_commit_options options = {.reinit = &reinit};
    struct mls_commit_bundle bundle;
    enum mls_error error = mls_group_commit(app->client.group, &options, &bundle);
    mls_commit_bundle_clear(&bundle);
    return error;
}

/* The next group takes the place of the last, in the same records. */
static void replace_group(struct app *app, struct mls_group *next)
{
    mls_group_destroy(app->client.group);
    app->client.group = next;
}

static enum mls_error succeed(struct app *app, struct slice input)
{
    struct mls_group_options options = {.storage = &app->client.storage->storage};
    struct mls_buffer welcome;
    struct mls_group *next = NULL;
    enum mls_error error = mls_group_succeed(app->client.group, MLS_SUCCESSOR_REINIT, &options,
                                             &input, 1, &next, &welcome);
    mls_buffer_clear(&welcome);
    if (error == MLS_OK) {
        replace_group(app, next);
    }
    return error;
}

static enum mls_error follow(struct app *app, struct slice input)
{
    struct mls_join_options options = {.storage = &app->client.storage->storage,
                                       .predecessor = app->client.group};
    struct mls_group *next = NULL;
    enum mls_error error =
        mls_group_join(app->client.identity, &app->client.package, 1, input, &options, &next);
    if (error == MLS_OK) {
        replace_group(app, next);
    }
    return error;
}

static enum mls_error erase(struct app *app, struct slice input)
{
    (void)input;
    enum mls_error error = mls_group_erase(app->client.group);
    if (error == MLS_OK) {
        app->client.group = NULL;
    }
    return error;
}

static enum mls_error set_past(struct app *app, struct slice input)
{
    (void)input;
    return mls_group_set_past_epochs(app->client.group, 2);
}

/* -- one life of two members: every call that has records -- */

static void expect_text(const struct app *app, const char *job, const char *text)
{
    assert_true(slice_equal(note_value(app, job), slice_of_text(text)));
}

/* Three texts, of which the second comes last: keys are skipped, kept and used. */
static void talk(struct app *from, struct app *to, const char *const jobs[3],
                 const char *const texts[3])
{
    static const size_t order[] = {0, 2, 1};
    for (size_t i = 0; i < 3; i++) {
        do_job(from, jobs[i], send, slice_of_text(texts[i]));
    }
    for (size_t i = 0; i < 3; i++) {
        do_job(to, jobs[order[i]], receive, note_value(from, jobs[order[i]]));
        expect_text(to, jobs[order[i]], texts[order[i]]);
    }
}

/* Another group follows, and then none. */
static void end(struct app *ann, struct app *bob)
{
    static const char *const first[] = {"10", "11", "12"};
    static const char *const texts[] = {"ten", "eleven", "twelve"};
    struct slice none = slice_of(NULL, 0);
    do_job(ann, "end", reinitialise, slice_of_text("what follows"));
    do_job(bob, "end", take_commit, note_value(ann, "end"));
    do_job(ann, "ended", merge_own, none);
    do_job(ann, "next", succeed, world_package(&bob->client));
    do_job(bob, "next", follow, note_value(ann, "next"));
    key_count = 0; /* those of the other group */
    talk(bob, ann, first, texts);
    do_job(ann, "removal", remove_other, none);
    do_job(bob, "removal", take_commit, note_value(ann, "removal"));
    do_job(ann, "removed", merge_own, none);
    app_restart(ann);
    app_restart(bob);
    assert_true(mls_group_is_active(ann->client.group));
    assert_false(mls_group_is_active(bob->client.group));
    do_job(bob, "erased", erase, none);
    app_restart(bob);
    assert_null(bob->client.group);
}

static void live(struct app *ann, struct app *bob)
{
    static const char *const first[] = {"1", "2", "3"};
    static const char *const second[] = {"4", "5", "6"};
    static const char *const third[] = {"7", "8", "9"};
    static const char *const texts[] = {"one", "two", "three"};
    struct slice none = slice_of(NULL, 0);
    do_job(ann, "create", create, slice_of_text("crashes"));
    do_job(ann, "add", add, world_package(&bob->client));
    do_job(ann, "added", merge_own, none);
    do_job(bob, "join", join, note_value(ann, "welcome"));
    talk(ann, bob, first, texts);
    do_job(bob, "proposal", propose, none);
    do_job(ann, "proposal", receive, note_value(bob, "proposal"));
    do_job(ann, "lost", update, none);
    do_job(ann, "discard", discard, none);
    do_job(ann, "update", update, none);
    do_job(bob, "update", take_commit, note_value(ann, "update"));
    do_job(ann, "updated", merge_own, none);
    talk(bob, ann, second, texts);
    do_job(ann, "psk", add_psk, slice_of_text("a secret"));
    do_job(ann, "past", set_past, none);
    do_job(ann, "another psk", add_psk_of_another, slice_of_text("another secret"));
    do_job(ann, "psk is gone", remove_psk, slice_of_text("id"));
    assert_int_equal(ann->client.group->psk_count, 1);
    do_job(bob, "resync", join_external, note_value(ann, "info"));
    do_job(ann, "resync", take_commit, note_value(bob, "resync"));
    talk(ann, bob, third, texts);
    do_job(ann, "proposed again", propose, none);
    do_job(ann, "taken back", clear_proposals, none);
    do_job(ann, "taken up", take_up, none);
    do_job(ann, "aside", set_aside, none);
    assert_int_equal(mls_group_epoch(ann->client.group), mls_group_epoch(bob->client.group));
    assert_true(slice_equal(mls_group_authenticator(ann->client.group),
                            mls_group_authenticator(bob->client.group)));
    end(ann, bob);
}

/* -- all of it, with a death at each step -- */

/* False: the storage of the one who dies had fewer steps than `at`. */
static bool live_and_die(size_t who, size_t at, enum death death)
{
    static struct app apps[2];
    world_seed(31);
    app_open(&apps[0], "ann");
    app_open(&apps[1], "bob");
    struct world_storage *storage = apps[who].client.storage;
    storage->fail_at = death == DIES_BEFORE ? at : 0;
    storage->lie_at = death == DIES_BEFORE ? 0 : at;
    live(&apps[0], &apps[1]);
    key_count = 0;
    bool reached = storage->operations >= at;
    world_client_close(&apps[0].client);
    world_client_close(&apps[1].client);
    assert_int_equal(world_memory()->live, 0);
    return reached;
}

static void die_everywhere(enum death death)
{
    for (size_t who = 0; who < 2; who++) {
        size_t at = 1;
        while (live_and_die(who, at, death)) {
            at++;
        }
        assert_true(at > 90);
    }
}

static void a_death_before_any_step_loses_nothing(void **state)
{
    (void)state;
    die_everywhere(DIES_BEFORE);
}

static void a_death_after_any_commit_loses_nothing(void **state)
{
    (void)state;
    die_everywhere(DIES_AFTER);
}

/* The application does not restart: what may be durable, and be sent, has used up its key. */
static void a_commit_of_unknown_outcome_uses_up_its_key(void **state)
{
    (void)state;
    static const work_function works[] = {send, propose, update};
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        struct app app;
        app_open(&app, "ann");
        do_job(&app, "create", create, slice_of_text("unknown"));
        struct world_storage *storage = app.client.storage;
        app.job = "first";
        storage->lie_commits = true;
        assert_int_equal(works[i](&app, slice_of_text("a text")), MLS_ERR_STORAGE);
        storage->lie_commits = false;
        do_job(&app, "second", works[i], slice_of_text("another text"));
        remember_key(&app, note_value(&app, "first"));
        key_count = 0;
        world_client_close(&app.client);
    }
}

static bool refuse(struct world_storage *storage, const struct mls_outcome *outcome)
{
    (void)storage;
    (void)outcome;
    return false;
}

/* What the caller cannot store, the library does not do. */
static void a_call_fails_with_the_callers_record(void **state)
{
    (void)state;
    static const work_function works[] = {send, propose, update, add_psk, set_past, erase};
    struct app app;
    app_open(&app, "ann");
    do_job(&app, "create", create, slice_of_text("refused"));
    struct mls_buffer before = world_save(&app.client);
    app.client.storage->attend = refuse;
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        assert_int_equal(works[i](&app, slice_of_text("text")), MLS_ERR_STORAGE);
        struct mls_buffer after = world_save(&app.client);
        assert_true(slice_equal(mls_buffer_done(&before), mls_buffer_done(&after)));
        mls_buffer_clear(&after);
    }
    mls_buffer_clear(&before);
    world_client_close(&app.client);
}

/* A group that was restored from a backup, joined again from outside, into the same storage. */
static void a_resync_replaces_what_was_stored(void **state)
{
    (void)state;
    static struct app apps[2];
    struct slice none = slice_of(NULL, 0);
    app_open(&apps[0], "ann");
    app_open(&apps[1], "bob");
    do_job(&apps[0], "create", create, slice_of_text("resync"));
    do_job(&apps[0], "add", add, world_package(&apps[1].client));
    do_job(&apps[0], "added", merge_own, none);
    do_job(&apps[1], "join", join, note_value(&apps[0], "welcome"));
    do_job(&apps[0], "update", update, none);
    do_job(&apps[1], "update", take_commit, note_value(&apps[0], "update"));
    do_job(&apps[0], "updated", merge_own, none);
    do_job(&apps[0], "1", send, slice_of_text("one"));
    do_job(&apps[1], "1", receive, note_value(&apps[0], "1"));
    do_job(&apps[1], "resync", join_external, note_value(&apps[0], "info"));
    do_job(&apps[0], "resync", take_commit, note_value(&apps[1], "resync"));
    app_restart(&apps[1]);
    do_job(&apps[0], "2", send, slice_of_text("two"));
    do_job(&apps[1], "2", receive, note_value(&apps[0], "2"));
    app_restart(&apps[1]);
    expect_text(&apps[1], "2", "two");
    key_count = 0;
    world_client_close(&apps[0].client);
    world_client_close(&apps[1].client);
}

/* A group that comes as a blob is in its storage from then on. */
static void a_loaded_group_can_be_restored(void **state)
{
    (void)state;
    struct app app;
    app_open(&app, "ann");
    do_job(&app, "create", create, slice_of_text("load"));
    struct mls_buffer blob = world_save(&app.client);
    mls_group_destroy(app.client.group);
    app.client.group = NULL;
    world_storage_close(app.client.storage);
    world_client_use_storage(&app.client);
    assert_int_equal(mls_group_load(app.client.identity, mls_buffer_done(&blob),
                                    &app.client.storage->storage, &app.client.group),
                     MLS_OK);
    app.client.storage->attend = attend;
    app.client.storage->attend_context = &app;
    do_job(&app, "1", send, slice_of_text("one"));
    app_restart(&app);
    do_job(&app, "2", send, slice_of_text("two"));
    key_count = 0;
    mls_buffer_clear(&blob);
    world_client_close(&app.client);
}

/* Many messages with one commit to the disk: after a death all of them come again, or none. */
static void several_calls_can_be_one_transaction(void **state)
{
    (void)state;
    static const char *const jobs[] = {"1", "2", "3"};
    static struct app apps[2];
    app_open(&apps[0], "ann");
    app_open(&apps[1], "bob");
    do_job(&apps[0], "create", create, slice_of_text("together"));
    do_job(&apps[0], "add", add, world_package(&apps[1].client));
    do_job(&apps[0], "added", merge_own, slice_of(NULL, 0));
    do_job(&apps[1], "join", join, note_value(&apps[0], "welcome"));
    for (size_t i = 0; i < 3; i++) {
        do_job(&apps[0], jobs[i], send, slice_of_text(jobs[i]));
    }
    struct world_storage *storage = apps[1].client.storage;
    storage->holds = true;
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < 3; i++) {
            apps[1].job = jobs[i];
            assert_int_equal(receive(&apps[1], note_value(&apps[0], jobs[i])), MLS_OK);
            assert_int_equal(receive(&apps[1], note_value(&apps[0], jobs[i])), MLS_ERR_REPLAYED);
        }
        if (again == 0) {
            app_restart(&apps[1]);
        }
    }
    world_settle(storage);
    app_restart(&apps[1]);
    for (size_t i = 0; i < 3; i++) {
        expect_text(&apps[1], jobs[i], jobs[i]);
        assert_int_equal(receive(&apps[1], note_value(&apps[0], jobs[i])), MLS_ERR_REPLAYED);
    }
    key_count = 0;
    world_client_close(&apps[0].client);
    world_client_close(&apps[1].client);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_death_before_any_step_loses_nothing),
        cmocka_unit_test(a_death_after_any_commit_loses_nothing),
        cmocka_unit_test(a_commit_of_unknown_outcome_uses_up_its_key),
        cmocka_unit_test(a_call_fails_with_the_callers_record),
        cmocka_unit_test(a_resync_replaces_what_was_stored),
        cmocka_unit_test(a_loaded_group_can_be_restored),
        cmocka_unit_test(several_calls_can_be_one_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
