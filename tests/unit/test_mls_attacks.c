/*
 * What somebody would try who was removed, was never a member, or is one: each attack is played
 * through the public interface, and the promise that it would break is what is checked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>

#include "mls_world.h"

#define CAST 5

/* ann, bob and mal are in a group; the newcomers are outside. */
struct cast {
    struct world_client ann;
    struct world_client bob;
    struct world_client mal;
    struct world_client newcomer;
    struct world_client other;
};

static int cast_open(void **state)
{
    static union {
        struct cast cast;
        struct world_client all[CAST];
    } stage;
    static const char *const names[CAST] = {"ann", "bob", "mal", "newcomer", "other"};
    world_seed(31);
    for (size_t i = 0; i < CAST; i++) {
        world_client_open(&stage.all[i], names[i]);
        stage.all[i].environment.policy = (struct mls_policy){0};
        world_use_policy(&stage.all[i]);
    }
    *state = &stage.cast;
    return 0;
}

static int cast_close(void **state)
{
    struct world_client *all = *state;
    for (size_t i = 0; i < CAST; i++) {
        world_client_close(&all[i]);
    }
    assert_int_equal(world_memory()->live, 0);
    return 0;
}

static enum mls_error process(struct world_client *client, const struct mls_buffer *message)
{
    struct mls_event event;
    enum mls_error error = mls_group_process(client->group, mls_buffer_done(message), &event);
    mls_event_clear(&event);
    return error;
}

static struct mls_buffer encrypted(struct world_client *client, const char *text)
{
    struct mls_buffer message;
    assert_int_equal(
        mls_group_encrypt(client->group, slice_of_text(text), slice_of(NULL, 0), &message), MLS_OK);
    return message;
}

/* One commit that removes a member and adds another, who so gets the place. */
static void replace(struct world_client *by, struct world_client *witness, uint32_t leaf,
                    struct world_client *newcomer)
{
    struct slice package = world_package(newcomer);
    struct mls_commit_options options = {
        .add = &package, .add_count = 1, .remove = &leaf, .remove_count = 1};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(by->group, &options, &bundle), MLS_OK);
    world_take_commit(witness, mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(by->group, MLS_STAGED_OWN), MLS_OK);
    world_join(newcomer, mls_buffer_done(&bundle.welcome));
    assert_int_equal(mls_group_own_leaf(newcomer->group), leaf);
    mls_commit_bundle_clear(&bundle);
}

static void commit_alone(struct world_client *by, struct world_client *witness)
{
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(by->group, NULL, &bundle), MLS_OK);
    world_take_commit(witness, mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(by->group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
}

static void a_removed_member_does_not_go_on_writing(void **state)
{
    struct cast *m = *state;
    world_group(&m->ann, 3);
    uint32_t place = mls_group_own_leaf(m->mal.group);
    replace(&m->ann, &m->bob, place, &m->newcomer);
    struct mls_buffer message = encrypted(&m->mal, "it is me, the newcomer");
    assert_int_equal(process(&m->bob, &message), MLS_ERR_SENDER_REMOVED);
    world_reload(&m->bob);
    assert_int_equal(process(&m->bob, &message), MLS_ERR_SENDER_REMOVED);
    commit_alone(&m->ann, &m->bob);
    assert_int_equal(process(&m->bob, &message), MLS_ERR_SENDER_REMOVED);
    /* The same from who staged the removal, and was restored before it merged. */
    assert_int_equal(process(&m->ann, &message), MLS_ERR_SENDER_REMOVED);
    mls_buffer_clear(&message);
}

static void a_removal_that_was_staged_is_known_after_a_restart(void **state)
{
    struct cast *m = *state;
    world_group(&m->ann, 3);
    uint32_t place = mls_group_own_leaf(m->mal.group);
    struct mls_commit_options options = {.remove = &place, .remove_count = 1};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(m->ann.group, &options, &bundle), MLS_OK);
    world_reload(&m->ann);
    assert_int_equal(mls_group_merge(m->ann.group, MLS_STAGED_OWN), MLS_OK);
    struct mls_buffer message = encrypted(&m->mal, "still here");
    assert_int_equal(process(&m->ann, &message), MLS_ERR_SENDER_REMOVED);
    mls_buffer_clear(&message);
    mls_commit_bundle_clear(&bundle);
}

static void where_late_messages_are_wanted_the_event_names_who_wrote(void **state)
{
    struct cast *m = *state;
    struct mls_event event;
    m->bob.environment.policy.takes_removed_senders = true;
    world_use_policy(&m->bob);
    world_group(&m->ann, 3);
    uint32_t place = mls_group_own_leaf(m->mal.group);
    struct mls_buffer message = encrypted(&m->mal, "sent in time");
    replace(&m->ann, &m->bob, place, &m->newcomer);
    assert_int_equal(mls_group_process(m->bob.group, mls_buffer_done(&message), &event), MLS_OK);
    assert_int_equal(event.sender_index, place);
    assert_true(slice_equal(event.credential.identity, slice_of_text("mal")));
    assert_true(
        slice_equal(event.credential.signature_key, mls_identity_signature_key(m->mal.identity)));
    mls_event_clear(&event);
    mls_buffer_clear(&message);
}

/* Whoever came back with its old key is a member, in whatever place. */
static void a_member_that_resynced_is_no_removed_one(void **state)
{
    struct cast *m = *state;
    struct mls_buffer info;
    struct mls_buffer joining;
    struct mls_join_options options = {.resync = true};
    world_group(&m->ann, 3);
    struct mls_buffer message = encrypted(&m->mal, "before I lost my state");
    assert_int_equal(mls_group_info(m->ann.group, true, &info), MLS_OK);
    mls_group_destroy(m->mal.group);
    assert_int_equal(mls_group_join_external(m->mal.identity, mls_buffer_done(&info), &options,
                                             &m->mal.group, &joining),
                     MLS_OK);
    world_take_commit(&m->bob, mls_buffer_done(&joining));
    assert_int_equal(process(&m->bob, &message), MLS_OK);
    mls_buffer_clear(&message);
    mls_buffer_clear(&joining);
    mls_buffer_clear(&info);
}

static void what_the_servers_could_read_is_refused(void **state)
{
    struct cast *m = *state;
    struct mls_buffer message;
    struct mls_commit_bundle bundle;
    struct mls_proposal_options proposal = {.kind = MLS_PROPOSE_UPDATE, .coat = MLS_COAT_PUBLIC};
    struct mls_commit_options commit = {.coat = MLS_COAT_PUBLIC};
    world_group(&m->ann, 3);
    assert_int_equal(mls_group_propose(m->ann.group, &proposal, &message), MLS_ERR_OPEN_MESSAGE);
    assert_int_equal(mls_group_commit(m->ann.group, &commit, &bundle), MLS_ERR_OPEN_MESSAGE);
    m->ann.environment.policy.takes_open_members = true;
    world_use_policy(&m->ann);
    assert_int_equal(mls_group_propose(m->ann.group, &proposal, &message), MLS_OK);
    assert_int_equal(process(&m->bob, &message), MLS_ERR_OPEN_MESSAGE);
    mls_buffer_clear(&message);
    assert_int_equal(mls_group_commit(m->ann.group, &commit, &bundle), MLS_OK);
    assert_int_equal(process(&m->bob, &bundle.commit), MLS_ERR_OPEN_MESSAGE);
    mls_commit_bundle_clear(&bundle);
}

static void joins_from_outside_can_be_refused_whole(void **state)
{
    struct cast *m = *state;
    struct mls_buffer info;
    struct mls_buffer joining;
    world_group(&m->ann, 3);
    assert_int_equal(mls_group_info(m->ann.group, true, &info), MLS_OK);
    assert_int_equal(mls_group_join_external(m->newcomer.identity, mls_buffer_done(&info), NULL,
                                             &m->newcomer.group, &joining),
                     MLS_OK);
    m->bob.environment.policy.refuses_outside_joins = true;
    world_use_policy(&m->bob);
    assert_int_equal(process(&m->bob, &joining), MLS_ERR_OPEN_MESSAGE);
    assert_int_equal(process(&m->ann, &joining), MLS_OK);
    mls_buffer_clear(&joining);
    mls_buffer_clear(&info);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, cast_open, cast_close)
    const struct CMUnitTest tests[] = {
        T(a_removed_member_does_not_go_on_writing),
        T(a_removal_that_was_staged_is_known_after_a_restart),
        T(where_late_messages_are_wanted_the_event_names_who_wrote),
        T(a_member_that_resynced_is_no_removed_one),
        T(what_the_servers_could_read_is_refused),
        T(joins_from_outside_can_be_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
