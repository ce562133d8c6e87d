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
#include <stdlib.h>

#include "mls_cast.h"

#include "client/mls/tree.h"

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
    cast_enter(stage.all, names, CAST);
    *state = &stage.cast;
    return 0;
}

static int cast_close(void **state)
{
    cast_leave(*state, CAST);
    return 0;
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
    struct mls_buffer message = cast_encrypt(&m->mal, "it is me, the newcomer");
    assert_int_equal(cast_process(&m->bob, &message), MLS_ERR_SENDER_REMOVED);
    world_reload(&m->bob);
    assert_int_equal(cast_process(&m->bob, &message), MLS_ERR_SENDER_REMOVED);
    commit_alone(&m->ann, &m->bob);
    assert_int_equal(cast_process(&m->bob, &message), MLS_ERR_SENDER_REMOVED);
    /* The same from who staged the removal, and was restored before it merged. */
    assert_int_equal(cast_process(&m->ann, &message), MLS_ERR_SENDER_REMOVED);
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
    struct mls_buffer message = cast_encrypt(&m->mal, "still here");
    assert_int_equal(cast_process(&m->ann, &message), MLS_ERR_SENDER_REMOVED);
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
    struct mls_buffer message = cast_encrypt(&m->mal, "sent in time");
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
    struct mls_buffer message = cast_encrypt(&m->mal, "before I lost my state");
    assert_int_equal(mls_group_info(m->ann.group, true, &info), MLS_OK);
    mls_group_destroy(m->mal.group);
    assert_int_equal(mls_group_join_external(m->mal.identity, mls_buffer_done(&info), &options,
                                             &m->mal.group, &joining),
                     MLS_OK);
    world_take_commit(&m->bob, mls_buffer_done(&joining));
    assert_int_equal(cast_process(&m->bob, &message), MLS_OK);
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
    assert_int_equal(cast_process(&m->bob, &message), MLS_ERR_OPEN_MESSAGE);
    mls_buffer_clear(&message);
    assert_int_equal(mls_group_commit(m->ann.group, &commit, &bundle), MLS_OK);
    assert_int_equal(cast_process(&m->bob, &bundle.commit), MLS_ERR_OPEN_MESSAGE);
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
    assert_int_equal(cast_process(&m->bob, &joining), MLS_ERR_OPEN_MESSAGE);
    assert_int_equal(cast_process(&m->ann, &joining), MLS_OK);
    mls_buffer_clear(&joining);
    mls_buffer_clear(&info);
}

/* Sends what the newcomer asks for, in the open, to both. */
static void ask_to_be_added(struct cast *m)
{
    struct mls_buffer proposal;
    (void)world_package(&m->newcomer);
    assert_int_equal(mls_external_propose_self(m->newcomer.identity, m->newcomer.package,
                                               mls_group_id(m->ann.group),
                                               mls_group_epoch(m->ann.group), &proposal),
                     MLS_OK);
    assert_int_equal(cast_process(&m->ann, &proposal), MLS_ERR_OPEN_MESSAGE);
    m->ann.environment.policy.takes_outside_proposals = true;
    m->bob.environment.policy.takes_outside_proposals = true;
    world_use_policy(&m->ann);
    world_use_policy(&m->bob);
    assert_int_equal(cast_process(&m->ann, &proposal), MLS_OK);
    assert_int_equal(cast_process(&m->bob, &proposal), MLS_OK);
    mls_buffer_clear(&proposal);
}

static void an_outsider_is_not_added_unasked(void **state)
{
    struct cast *m = *state;
    struct mls_commit_bundle bundle;
    struct mls_proposal_view view;
    size_t index = 0;
    world_group(&m->ann, 2);
    ask_to_be_added(m);
    world_reload(&m->ann);
    /* It neither keeps us from sending nor gets into our commits. */
    struct mls_buffer message = cast_encrypt(&m->ann, "who is that?");
    mls_buffer_clear(&message);
    assert_int_equal(mls_group_commit(m->ann.group, NULL, &bundle), MLS_OK);
    assert_int_equal(bundle.welcome.size, 0);
    assert_int_equal(mls_group_discard(m->ann.group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    /* One can see who asks, and add it. */
    assert_true(mls_group_next_proposal(m->ann.group, &index, &view));
    assert_int_equal(view.kind, MLS_PROPOSE_ADD);
    assert_int_equal(view.sender, MLS_FROM_NEW_MEMBER);
    assert_true(slice_equal(view.credential.identity, slice_of_text("newcomer")));
    assert_true(slice_equal(view.sender_credential.identity, slice_of_text("newcomer")));
    assert_int_equal(mls_group_set_aside(m->ann.group, view.reference, false), MLS_OK);
    assert_false(mls_group_next_proposal(m->ann.group, &index, &view));
    assert_int_equal(mls_group_commit(m->ann.group, NULL, &bundle), MLS_OK);
    world_join(&m->newcomer, mls_buffer_done(&bundle.welcome));
    /* Who left it aside follows who did not. */
    world_take_commit(&m->bob, mls_buffer_done(&bundle.commit));
    mls_commit_bundle_clear(&bundle);
}

static void proposals_that_are_cleared_are_no_dead_end(void **state)
{
    struct cast *m = *state;
    struct mls_buffer proposal;
    struct mls_commit_bundle bundle;
    struct mls_proposal_view view;
    size_t index = 0;
    struct mls_proposal_options removal = {.kind = MLS_PROPOSE_REMOVE, .leaf = 2};
    world_group(&m->ann, 3);
    assert_int_equal(mls_group_propose(m->mal.group,
                                       &(struct mls_proposal_options){.kind = MLS_PROPOSE_UPDATE},
                                       &proposal),
                     MLS_OK);
    assert_int_equal(cast_process(&m->ann, &proposal), MLS_OK);
    assert_int_equal(cast_process(&m->bob, &proposal), MLS_OK);
    mls_buffer_clear(&proposal);
    assert_int_equal(mls_group_propose(m->bob.group, &removal, &proposal), MLS_OK);
    assert_int_equal(cast_process(&m->ann, &proposal), MLS_OK);
    assert_int_equal(cast_process(&m->mal, &proposal), MLS_OK);
    mls_buffer_clear(&proposal);
    /* One of two is dropped: the other is committed. */
    assert_true(mls_group_next_proposal(m->ann.group, &index, &view));
    assert_int_equal(view.kind, MLS_PROPOSE_UPDATE);
    assert_int_equal(view.leaf, 2);
    assert_true(mls_group_next_proposal(m->ann.group, &index, &view));
    assert_int_equal(view.kind, MLS_PROPOSE_REMOVE);
    assert_true(slice_equal(view.sender_credential.identity, slice_of_text("bob")));
    assert_true(slice_equal(view.credential.identity, slice_of_text("mal")));
    assert_int_equal(mls_group_set_aside(m->ann.group, view.reference, true), MLS_OK);
    assert_int_equal(mls_group_pending_proposals(m->ann.group), 1);
    assert_int_equal(mls_group_set_aside(m->ann.group, slice_of_text("none"), true),
                     MLS_ERR_UNKNOWN_PROPOSAL);
    assert_int_equal(mls_group_clear_proposals(m->ann.group), MLS_OK);
    world_reload(&m->ann);
    assert_int_equal(mls_group_pending_proposals(m->ann.group), 0);
    struct mls_buffer message = cast_encrypt(&m->ann, "no longer in the way");
    mls_buffer_clear(&message);
    assert_int_equal(mls_group_commit(m->bob.group, NULL, &bundle), MLS_OK);
    world_take_commit(&m->ann, mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_member_count(m->ann.group), 2);
    mls_commit_bundle_clear(&bundle);
}

/* bob's name and a key that is not bob's. */
static void nobody_takes_a_members_place_by_its_name(void **state)
{
    struct cast *m = *state;
    struct mls_buffer info;
    struct mls_buffer joining;
    struct mls_identity *forged = NULL;
    struct mls_group *group = NULL;
    struct mls_join_options options = {.resync = true};
    world_group(&m->ann, 2);
    assert_int_equal(mls_group_info(m->ann.group, true, &info), MLS_OK);
    assert_int_equal(mls_identity_create(&m->mal.environment, SUITE, slice_of_text("bob"), &forged),
                     MLS_OK);
    uint32_t place = mls_group_own_leaf(m->bob.group);
    struct mls_join_options taking = {.replaced_leaf = &place};
    assert_int_equal(
        mls_group_join_external(forged, mls_buffer_done(&info), &taking, &group, &joining), MLS_OK);
    assert_int_equal(cast_process(&m->ann, &joining), MLS_ERR_LEAF_CREDENTIAL_REFUSED);
    mls_buffer_clear(&joining);
    mls_group_destroy(group);
    /* bob itself can. */
    assert_int_equal(mls_group_join_external(m->bob.identity, mls_buffer_done(&info), &options,
                                             &group, &joining),
                     MLS_OK);
    assert_int_equal(cast_process(&m->ann, &joining), MLS_OK);
    struct mls_staged_view staged;
    assert_int_equal(mls_group_look_at_staged(m->ann.group, MLS_STAGED_RECEIVED, &staged), MLS_OK);
    assert_true(staged.sender == MLS_FROM_NEW_MEMBER && staged.replaces && staged.replaced == 1);
    mls_buffer_clear(&joining);
    mls_buffer_clear(&info);
    mls_group_destroy(group);
    mls_identity_destroy(forged);
}

static void own_commits_are_told_apart(void **state)
{
    struct cast *m = *state;
    struct mls_event event;
    struct mls_commit_bundle first;
    struct mls_commit_bundle second;
    struct mls_commit_options path = {.with_path = true};
    world_group(&m->ann, 3);
    for (size_t coat = 0; coat < 2; coat++) {
        path.coat = coat == 0 ? MLS_COAT_PRIVATE : MLS_COAT_PUBLIC;
        m->ann.environment.policy.takes_open_members = true;
        world_use_policy(&m->ann);
        assert_int_equal(mls_group_commit(m->ann.group, &path, &first), MLS_OK);
        assert_int_equal(mls_group_discard(m->ann.group, MLS_STAGED_OWN), MLS_OK);
        assert_int_equal(cast_process(&m->ann, &first.commit), MLS_ERR_OWN_COMMIT);
        assert_int_equal(mls_group_commit(m->ann.group, &path, &second), MLS_OK);
        assert_int_equal(cast_process(&m->ann, &first.commit), MLS_ERR_OWN_COMMIT);
        world_reload(&m->ann);
        assert_int_equal(mls_group_process(m->ann.group, mls_buffer_done(&second.commit), &event),
                         MLS_OK);
        assert_int_equal(event.type, MLS_EVENT_OWN_COMMIT);
        assert_int_equal(event.is_open, coat == 1);
        assert_true(slice_equal(event.credential.identity, slice_of_text("ann")));
        mls_event_clear(&event);
        uint8_t hash[MLS_HASH_MAX_BYTES];
        struct mls_staged_view staged;
        mls_group_hash_commit(m->ann.group, mls_buffer_done(&second.commit), hash);
        assert_int_equal(mls_group_look_at_staged(m->ann.group, MLS_STAGED_OWN, &staged), MLS_OK);
        assert_true(slice_equal(staged.hash, slice_of(hash, sizeof(hash))));
        assert_int_equal(mls_group_merge(m->ann.group, MLS_STAGED_OWN), MLS_OK);
        mls_commit_bundle_clear(&first);
        mls_commit_bundle_clear(&second);
    }
}

/* -- more than anyone needs -- */

#define BIG_PROPOSAL_BYTES ((size_t)MIB)

static void large_proposals_take_no_more_than_the_bound(void **state)
{
    struct cast *m = *state;
    struct mls_buffer proposal;
    uint8_t *id = calloc(1, BIG_PROPOSAL_BYTES);
    size_t taken = 0;
    assert_non_null(id);
    world_group(&m->ann, 3);
    for (size_t i = 0; i < 300; i++) {
        struct mls_psk psk = {.id = slice_of(id, BIG_PROPOSAL_BYTES - i),
                              .secret = slice_of_text("secret")};
        struct mls_proposal_options options = {.kind = MLS_PROPOSE_PSK, .psk_id = psk.id};
        if (mls_group_propose(m->mal.group, &options, &proposal) != MLS_OK) {
            break;
        }
        taken += cast_process(&m->ann, &proposal) == MLS_OK;
        mls_buffer_clear(&proposal);
    }
    assert_in_range(taken, 1, 8 * MIB / BIG_PROPOSAL_BYTES);
    struct mls_buffer blob = world_save(&m->ann);
    assert_true(blob.size < 2ul * 8 * MIB);
    mls_buffer_clear(&blob);
    free(id);
}

/* The last entry of a list of nodes: a leaf, as it stands there. */
static struct slice list_tail(struct slice list)
{
    struct reader reader = reader_of(list);
    const uint8_t *start = list.data;
    while (reader_left(&reader) > 0) {
        start = reader.at;
        if (mls_read_optional(&reader)) {
            (void)mls_tree_skip_node(&reader);
        }
    }
    return slice_of(start, list.size - (size_t)(start - list.data));
}

/* A group info that says so much of so few. */
static void a_tree_of_blanks_takes_no_memory(void **state)
{
    struct cast *m = *state;
    struct mls_buffer info;
    struct mls_buffer joining;
    struct mls_group *group = NULL;
    const size_t blanks = 2 * (size_t)MLS_LEAVES_MAX - 2;
    struct mls_buffer tree = mls_buffer_of(&world_memory()->memory);
    world_group(&m->ann, 2);
    assert_int_equal(mls_group_info(m->ann.group, false, &info), MLS_OK);
    struct mls_buffer whole;
    assert_int_equal(mls_group_tree(m->ann.group, &whole), MLS_OK);
    /* The last leaf of the real tree, behind as many blanks as a tree can have. */
    struct reader reader = reader_of(mls_buffer_done(&whole));
    struct slice list = mls_read_vector(&reader);
    size_t mark = mls_write_open(&tree);
    for (size_t i = 0; i < blanks; i++) {
        mls_write_u8(&tree, 0);
    }
    mls_write_bytes(&tree, list_tail(list));
    mls_write_close(&tree, mark);
    struct mls_join_options options = {.ratchet_tree = mls_buffer_done(&tree)};
    world_memory()->bytes = 0;
    assert_int_equal(mls_group_join_external(m->newcomer.identity, mls_buffer_done(&info), &options,
                                             &group, &joining),
                     MLS_ERR_LIMIT);
    assert_true(world_memory()->bytes < tree.size);
    mls_buffer_clear(&tree);
    mls_buffer_clear(&whole);
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
        T(an_outsider_is_not_added_unasked),
        T(proposals_that_are_cleared_are_no_dead_end),
        T(nobody_takes_a_members_place_by_its_name),
        T(own_commits_are_told_apart),
        T(large_proposals_take_no_more_than_the_bound),
        T(a_tree_of_blanks_takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
