/* What a user of MLS groups relies on, through the door that users use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>

#include "mls_world.h"

#include "client/mls/extension.h"

#define CREW 5

struct crew {
    struct world_client member[CREW];
};

static int crew_open(void **state)
{
    struct crew *crew = calloc(1, sizeof(*crew));
    static const char *const names[CREW] = {"ann", "bob", "cleo", "dan", "eve"};
    world_seed(7);
    for (size_t i = 0; i < CREW; i++) {
        world_client_open(&crew->member[i], names[i]);
    }
    *state = crew;
    return 0;
}

static int crew_close(void **state)
{
    struct crew *crew = *state;
    for (size_t i = 0; i < CREW; i++) {
        world_client_close(&crew->member[i]);
    }
    free(crew);
    assert_int_equal(world_memory()->live, 0);
    return 0;
}

static struct mls_commit_bundle commit(struct world_client *client,
                                       const struct mls_commit_options *options)
{
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(client->group, options, &bundle), MLS_OK);
    return bundle;
}

/* What came from outside is aside until the application wants it. */
static void take_up_first(struct world_client *client)
{
    size_t index = 0;
    struct mls_proposal_view view;
    assert_int_equal(mls_group_pending_proposals(client->group), 0);
    assert_true(mls_group_next_proposal(client->group, &index, &view));
    assert_true(view.is_aside && view.sender != MLS_FROM_MEMBER);
    assert_int_equal(mls_group_set_aside(client->group, view.reference, false), MLS_OK);
    assert_int_equal(mls_group_pending_proposals(client->group), 1);
}

static void all_take(struct world_client *clients, size_t count, size_t committer,
                     struct mls_commit_bundle *bundle)
{
    for (size_t i = 0; i < count; i++) {
        if (i != committer && clients[i].group != NULL && mls_group_is_active(clients[i].group)) {
            world_take_commit(&clients[i], mls_buffer_done(&bundle->commit));
        }
    }
    assert_int_equal(mls_group_merge(clients[committer].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(bundle);
    world_agree(clients, count);
}

static enum mls_error process(struct world_client *client, const struct mls_buffer *message)
{
    struct mls_event event;
    enum mls_error error = mls_group_process(client->group, mls_buffer_done(message), &event);
    mls_event_clear(&event);
    return error;
}

static void members_talk_and_agree(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    world_group(m, CREW);
    world_agree(m, CREW);
    for (size_t i = 0; i < CREW; i++) {
        world_talk(m, CREW, i);
    }
    struct mls_commit_options update = {.with_path = true};
    for (size_t i = 0; i < CREW; i++) {
        struct mls_commit_bundle bundle = commit(&m[i], &update);
        all_take(m, CREW, i, &bundle);
        world_talk(m, CREW, (i + 1) % CREW);
    }
}

static void a_removed_member_is_told_and_reads_no_more(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_event event;
    struct mls_buffer message;
    world_group(m, 3);
    uint32_t leaf = mls_group_own_leaf(m[1].group);
    struct mls_commit_options options = {.remove = &leaf, .remove_count = 1};
    struct mls_commit_bundle bundle = commit(&m[0], &options);
    assert_int_equal(mls_group_process(m[1].group, mls_buffer_done(&bundle.commit), &event),
                     MLS_OK);
    assert_true(event.removes_us);
    mls_event_clear(&event);
    assert_true(mls_group_is_active(m[1].group));
    assert_int_equal(mls_group_merge(m[1].group, MLS_STAGED_RECEIVED), MLS_OK);
    assert_false(mls_group_is_active(m[1].group));
    all_take(m, 3, 0, &bundle);
    assert_int_equal(mls_group_encrypt(m[0].group, slice_of_text("x"), slice_of(NULL, 0), &message),
                     MLS_OK);
    assert_int_equal(process(&m[1], &message), MLS_ERR_GROUP_CLOSED);
    mls_buffer_clear(&message);
    world_reload(&m[1]);
    assert_false(mls_group_is_active(m[1].group));
    world_talk(m, 3, 2);
}

static void a_commit_can_be_discarded(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_commit_options update = {.with_path = true};
    world_group(m, 3);
    struct mls_commit_bundle lost = commit(&m[0], &update);
    struct mls_commit_bundle won = commit(&m[1], &update);
    struct mls_commit_bundle again;
    assert_int_equal(mls_group_commit(m[0].group, &update, &again), MLS_ERR_COMMIT_STAGED);
    world_talk(m, 3, 0);
    /* The winner's commit takes the loser's place. */
    world_take_commit(&m[0], mls_buffer_done(&won.commit));
    assert_false(mls_group_has_staged(m[0].group, MLS_STAGED_OWN));
    world_take_commit(&m[2], mls_buffer_done(&won.commit));
    assert_int_equal(mls_group_merge(m[1].group, MLS_STAGED_OWN), MLS_OK);
    world_agree(m, 3);
    assert_int_equal(process(&m[2], &lost.commit), MLS_ERR_STALE_EPOCH);
    mls_commit_bundle_clear(&lost);
    mls_commit_bundle_clear(&won);
    struct mls_commit_bundle third = commit(&m[0], &update);
    assert_int_equal(mls_group_discard(m[0].group, MLS_STAGED_OWN), MLS_OK);
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_ERR_NOTHING_STAGED);
    mls_commit_bundle_clear(&third);
    world_talk(m, 3, 0);
}

static void a_received_commit_leaves_no_trace_until_merged(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_commit_options update = {.with_path = true};
    world_group(m, 3);
    struct mls_commit_bundle bundle = commit(&m[0], &update);
    struct mls_buffer before = world_save(&m[1]);
    assert_int_equal(process(&m[1], &bundle.commit), MLS_OK);
    struct mls_buffer after = world_save(&m[1]);
    assert_true(slice_equal(mls_buffer_done(&before), mls_buffer_done(&after)));
    struct mls_credential_view member;
    uint32_t leaf = 0;
    size_t count = 0;
    for (; mls_group_next_staged_member(m[1].group, MLS_STAGED_RECEIVED, &leaf, &member); leaf++) {
        count++;
    }
    assert_int_equal(count, 3);
    world_reload(&m[1]);
    leaf = 0;
    assert_false(mls_group_next_staged_member(m[1].group, MLS_STAGED_RECEIVED, &leaf, &member));
    all_take(m, 3, 0, &bundle);
    mls_buffer_clear(&before);
    mls_buffer_clear(&after);
}

static void messages_may_come_late_and_out_of_order(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer message[6];
    static const size_t order[6] = {3, 0, 5, 1, 4, 2};
    world_group(m, 2);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(
            mls_group_encrypt(m[0].group, slice_of_text("late"), slice_of(NULL, 0), &message[i]),
            MLS_OK);
    }
    assert_int_equal(process(&m[1], &message[order[0]]), MLS_OK);
    struct mls_commit_options update = {.with_path = true};
    struct mls_commit_bundle bundle = commit(&m[1], &update);
    all_take(m, 2, 1, &bundle);
    for (size_t i = 1; i < 6; i++) {
        assert_int_equal(process(&m[1], &message[order[i]]), MLS_OK);
        assert_int_equal(process(&m[1], &message[order[i]]), MLS_ERR_REPLAYED);
        world_reload(&m[1]);
    }
    for (size_t i = 0; i < 6; i++) {
        mls_buffer_clear(&message[i]);
    }
}

static void limits_of_lateness_are_named(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer first;
    struct mls_buffer message;
    world_group(m, 2);
    assert_int_equal(
        mls_group_encrypt(m[0].group, slice_of_text("first"), slice_of(NULL, 0), &first), MLS_OK);
    for (uint32_t i = 0; i < MLS_OUT_OF_ORDER_MAX; i++) {
        assert_int_equal(
            mls_group_encrypt(m[0].group, slice_of_text("skipped"), slice_of(NULL, 0), &message),
            MLS_OK);
        mls_buffer_clear(&message);
    }
    assert_int_equal(
        mls_group_encrypt(m[0].group, slice_of_text("now"), slice_of(NULL, 0), &message), MLS_OK);
    assert_int_equal(process(&m[1], &message), MLS_OK);
    assert_int_equal(process(&m[1], &first), MLS_ERR_REPLAYED);
    mls_buffer_clear(&message);
    mls_buffer_clear(&first);
    for (uint32_t i = 0; i <= MLS_FORWARD_MAX + 1; i++) {
        assert_int_equal(
            mls_group_encrypt(m[0].group, slice_of_text("x"), slice_of(NULL, 0), &message), MLS_OK);
        if (i <= MLS_FORWARD_MAX) {
            mls_buffer_clear(&message);
        }
    }
    assert_int_equal(process(&m[1], &message), MLS_ERR_TOO_FAR_AHEAD);
    mls_buffer_clear(&message);
}

static void old_epochs_are_read_for_a_while(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer old;
    struct mls_commit_options update = {.with_path = true};
    world_group(m, 2);
    assert_int_equal(mls_group_encrypt(m[0].group, slice_of_text("old"), slice_of(NULL, 0), &old),
                     MLS_OK);
    for (size_t i = 0; i < MLS_PAST_EPOCHS_DEFAULT + 1; i++) {
        struct mls_commit_bundle bundle = commit(&m[i % 2], &update);
        if (i == 0) {
            assert_int_equal(process(&m[1], &bundle.commit), MLS_OK);
        }
        all_take(m, 2, i % 2, &bundle);
    }
    assert_int_equal(process(&m[1], &old), MLS_ERR_STALE_EPOCH);
    mls_buffer_clear(&old);
}

static void errors_tell_what_is_wrong(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_commit_options update = {.with_path = true, .coat = MLS_COAT_PUBLIC};
    struct mls_buffer message;
    world_group(m, 3);
    struct mls_commit_bundle bundle = commit(&m[0], &update);
    assert_int_equal(process(&m[0], &bundle.commit), MLS_OK);
    world_take_commit(&m[1], mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_encrypt(m[1].group, slice_of_text("x"), slice_of(NULL, 0), &message),
                     MLS_OK);
    assert_int_equal(process(&m[2], &message), MLS_ERR_FUTURE_EPOCH);
    assert_int_equal(process(&m[1], &message), MLS_ERR_OWN_MESSAGE);
    mls_buffer_clear(&message);
    assert_int_equal(process(&m[1], &bundle.commit), MLS_ERR_STALE_EPOCH);
    world_create(&m[3], "another group");
    assert_int_equal(process(&m[3], &bundle.commit), MLS_ERR_WRONG_GROUP);
    assert_int_equal(mls_group_export(m[0].group, "label", slice_of(NULL, 0), NULL, 1u << 20),
                     MLS_ERR_ARGUMENT);
    mls_commit_bundle_clear(&bundle);
}

static void proposals_by_reference_are_committed(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer proposal;
    struct mls_buffer message;
    world_group(m, 4);
    struct mls_proposal_options proposals[] = {
        {.kind = MLS_PROPOSE_UPDATE},
        {.kind = MLS_PROPOSE_REMOVE,
         .leaf = mls_group_own_leaf(m[3].group),
         .coat = MLS_COAT_PUBLIC},
        {.kind = MLS_PROPOSE_ADD, .key_package = world_package(&m[4])},
    };
    for (size_t p = 0; p < 3; p++) {
        assert_int_equal(mls_group_propose(m[1].group, &proposals[p], &proposal), MLS_OK);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(i == 1 ? MLS_OK : process(&m[i], &proposal), MLS_OK);
        }
        assert_int_equal(process(&m[0], &proposal), MLS_ERR_REPLAYED);
        mls_buffer_clear(&proposal);
    }
    assert_int_equal(mls_group_pending_proposals(m[0].group), 3);
    assert_int_equal(mls_group_encrypt(m[0].group, slice_of_text("x"), slice_of(NULL, 0), &message),
                     MLS_ERR_PROPOSALS_PENDING);
    world_reload(&m[0]);
    world_reload(&m[1]);
    struct mls_commit_bundle bundle = commit(&m[0], NULL);
    world_reload(&m[0]);
    struct mls_join_options options = {0};
    assert_int_equal(mls_group_join(m[4].identity, &m[4].package, 1,
                                    mls_buffer_done(&bundle.welcome), &options, &m[4].group),
                     MLS_OK);
    for (size_t i = 1; i < 4; i++) {
        world_take_commit(&m[i], mls_buffer_done(&bundle.commit));
    }
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    assert_false(mls_group_is_active(m[3].group));
    world_agree(m, CREW);
    world_talk(m, CREW, 1);
    world_talk(m, CREW, 4);
}

static void outsiders_join_and_resync(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer info;
    struct mls_buffer joining;
    world_group(m, 3);
    assert_int_equal(mls_group_info(m[2].group, true, &info), MLS_OK);
    assert_int_equal(
        mls_group_join_external(m[3].identity, mls_buffer_done(&info), NULL, &m[3].group, &joining),
        MLS_OK);
    mls_buffer_clear(&info);
    for (size_t i = 0; i < 3; i++) {
        world_take_commit(&m[i], mls_buffer_done(&joining));
    }
    mls_buffer_clear(&joining);
    world_agree(m, CREW);
    world_talk(m, CREW, 3);

    /* One has lost its state; the tree comes beside the info this time. */
    struct mls_buffer tree;
    uint32_t leaf = mls_group_own_leaf(m[1].group);
    mls_group_destroy(m[1].group);
    m[1].group = NULL;
    assert_int_equal(mls_group_info(m[3].group, false, &info), MLS_OK);
    assert_int_equal(mls_group_tree(m[3].group, &tree), MLS_OK);
    assert_int_equal(
        mls_group_join_external(m[1].identity, mls_buffer_done(&info), NULL, &m[1].group, &joining),
        MLS_ERR_TREE_MISSING);
    struct mls_join_options options = {.ratchet_tree = mls_buffer_done(&tree), .resync = true};
    assert_int_equal(mls_group_join_external(m[1].identity, mls_buffer_done(&info), &options,
                                             &m[1].group, &joining),
                     MLS_OK);
    assert_int_equal(mls_group_own_leaf(m[1].group), leaf);
    world_take_commit(&m[0], mls_buffer_done(&joining));
    world_take_commit(&m[2], mls_buffer_done(&joining));
    world_take_commit(&m[3], mls_buffer_done(&joining));
    mls_buffer_clear(&info);
    mls_buffer_clear(&tree);
    mls_buffer_clear(&joining);
    world_agree(m, CREW);
    world_talk(m, CREW, 1);
}

static void a_shared_key_is_mixed_in(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct slice id = slice_of_text("password of the day");
    struct mls_psk psk = {.id = id, .secret = slice_of_text("swordfish")};
    struct mls_commit_options options = {.psk_ids = &id, .psk_count = 1};
    world_group(m, 3);
    assert_int_equal(mls_group_add_psk(m[0].group, &psk), MLS_OK);
    assert_int_equal(mls_group_add_psk(m[1].group, &psk), MLS_OK);
    struct slice package = world_package(&m[3]);
    options.add = &package;
    options.add_count = 1;
    struct mls_commit_bundle bundle = commit(&m[0], &options);
    assert_int_equal(process(&m[2], &bundle.commit), MLS_ERR_PSK_UNKNOWN);
    struct mls_join_options joining = {.psks = &psk, .psk_count = 1};
    assert_int_equal(mls_group_join(m[3].identity, &m[3].package, 1,
                                    mls_buffer_done(&bundle.welcome), NULL, &m[3].group),
                     MLS_ERR_PSK_UNKNOWN);
    assert_int_equal(mls_group_join(m[3].identity, &m[3].package, 1,
                                    mls_buffer_done(&bundle.welcome), &joining, &m[3].group),
                     MLS_OK);
    assert_int_equal(mls_group_add_psk(m[2].group, &psk), MLS_OK);
    struct world_client *three = m;
    world_take_commit(&three[1], mls_buffer_done(&bundle.commit));
    world_take_commit(&three[2], mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    world_agree(m, CREW);
    world_reload(&m[0]);
}

static void a_server_may_propose_a_removal(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct world_client *server = &m[4];
    struct mls_buffer extensions = mls_buffer_of(&world_memory()->memory);
    struct mls_buffer proposal;
    world_group(m, 3);
    assert_int_equal(mls_extensions_add_sender(server->identity, &extensions), MLS_OK);
    struct slice list = mls_buffer_done(&extensions);
    struct mls_commit_options options = {.extensions = &list};
    struct mls_commit_bundle bundle = commit(&m[0], &options);
    all_take(m, 3, 0, &bundle);
    assert_true(slice_equal(mls_group_extensions(m[2].group), list));
    struct mls_proposal_options removal = {.kind = MLS_PROPOSE_REMOVE,
                                           .leaf = mls_group_own_leaf(m[2].group)};
    assert_int_equal(mls_external_propose(server->identity, mls_group_id(m[0].group),
                                          mls_group_epoch(m[0].group), 0, &removal, &proposal),
                     MLS_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(process(&m[i], &proposal), MLS_OK);
    }
    mls_buffer_clear(&proposal);
    assert_int_equal(mls_external_propose(server->identity, mls_group_id(m[0].group),
                                          mls_group_epoch(m[0].group), 1, &removal, &proposal),
                     MLS_OK);
    assert_int_equal(process(&m[0], &proposal), MLS_ERR_EXTERNAL_SENDER_UNKNOWN);
    mls_buffer_clear(&proposal);
    assert_int_equal(mls_external_propose(m[3].identity, mls_group_id(m[0].group),
                                          mls_group_epoch(m[0].group), 0, &removal, &proposal),
                     MLS_OK);
    assert_int_equal(process(&m[0], &proposal), MLS_ERR_BAD_SIGNATURE);
    mls_buffer_clear(&proposal);
    take_up_first(&m[1]);
    struct mls_commit_bundle removing = commit(&m[1], NULL);
    all_take(m, 3, 1, &removing);
    assert_false(mls_group_is_active(m[2].group));
    mls_buffer_clear(&extensions);
}

static void a_newcomer_may_ask_to_be_added(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer proposal;
    world_group(m, 2);
    (void)world_package(&m[2]);
    assert_int_equal(mls_external_propose_self(m[2].identity, m[2].package,
                                               mls_group_id(m[0].group),
                                               mls_group_epoch(m[0].group), &proposal),
                     MLS_OK);
    assert_int_equal(process(&m[0], &proposal), MLS_OK);
    assert_int_equal(process(&m[1], &proposal), MLS_OK);
    mls_buffer_clear(&proposal);
    take_up_first(&m[1]);
    struct mls_commit_bundle bundle = commit(&m[1], NULL);
    assert_int_equal(mls_group_join(m[2].identity, &m[2].package, 1,
                                    mls_buffer_done(&bundle.welcome), NULL, &m[2].group),
                     MLS_OK);
    world_take_commit(&m[0], mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(m[1].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    world_agree(m, 3);
    world_talk(m, 3, 2);
}

static void a_group_is_reinitialised(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer welcome;
    struct mls_buffer message;
    struct mls_group *next[3] = {NULL};
    struct mls_reinit_options reinit = {
        .group_id = slice_of_text("the next group"), .version = 1, .suite = SUITE};
    struct mls_commit_options options = {.reinit = &reinit};
    world_group(m, 3);
    struct mls_commit_bundle bundle = commit(&m[0], &options);
    for (size_t i = 1; i < 3; i++) {
        world_take_commit(&m[i], mls_buffer_done(&bundle.commit));
    }
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    assert_int_equal(mls_group_encrypt(m[0].group, slice_of_text("x"), slice_of(NULL, 0), &message),
                     MLS_ERR_GROUP_CLOSED);
    world_reload(&m[1]);
    struct slice packages[] = {world_package(&m[0]), world_package(&m[2])};
    assert_int_equal(
        mls_group_succeed(m[1].group, MLS_SUCCESSOR_REINIT, NULL, packages, 1, &next[1], &welcome),
        MLS_ERR_SUCCESSOR_MEMBERS);
    assert_int_equal(
        mls_group_succeed(m[1].group, MLS_SUCCESSOR_REINIT, NULL, packages, 2, &next[1], &welcome),
        MLS_OK);
    for (size_t i = 0; i < 3; i += 2) {
        struct mls_join_options joining = {.predecessor = m[i].group};
        assert_int_equal(mls_group_join(m[i].identity, &m[i].package, 1, mls_buffer_done(&welcome),
                                        &joining, &next[i]),
                         MLS_OK);
    }
    mls_buffer_clear(&welcome);
    for (size_t i = 0; i < 3; i++) {
        mls_group_destroy(m[i].group);
        m[i].group = next[i];
        assert_int_equal(mls_group_epoch(next[i]), 1);
    }
    world_agree(m, 3);
    world_talk(m, 3, 2);
}

static void some_members_branch_off(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_buffer welcome;
    struct mls_group *branch[2] = {NULL};
    world_group(m, 4);
    struct slice packages[] = {world_package(&m[1]), world_package(&m[4])};
    struct mls_group_options options = {.group_id = slice_of_text("the two of us")};
    assert_int_equal(mls_group_succeed(m[0].group, MLS_SUCCESSOR_BRANCH, &options, packages, 2,
                                       &branch[0], &welcome),
                     MLS_ERR_SUCCESSOR_MEMBERS);
    struct mls_group_options same = {.group_id = mls_group_id(m[0].group)};
    assert_int_equal(mls_group_succeed(m[0].group, MLS_SUCCESSOR_BRANCH, &same, packages, 1,
                                       &branch[0], &welcome),
                     MLS_ERR_GROUP_KNOWN);
    assert_int_equal(mls_group_succeed(m[0].group, MLS_SUCCESSOR_BRANCH, &options, packages, 1,
                                       &branch[0], &welcome),
                     MLS_OK);
    struct mls_join_options joining = {.predecessor = m[1].group};
    assert_int_equal(mls_group_join(m[1].identity, &m[1].package, 1, mls_buffer_done(&welcome),
                                    &joining, &branch[1]),
                     MLS_OK);
    mls_buffer_clear(&welcome);
    assert_true(
        slice_equal(mls_group_authenticator(branch[0]), mls_group_authenticator(branch[1])));
    mls_group_destroy(branch[0]);
    mls_group_destroy(branch[1]);
    world_agree(m, 4);
}

static void a_last_resort_package_says_so(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    struct mls_key_package_options options = {
        .last_resort = true, .application_id = slice_of_text("phone"), .lifetime_s = 3600};
    struct mls_key_package *package = NULL;
    struct mls_key_package *loaded = NULL;
    struct mls_buffer blob;
    assert_int_equal(mls_key_package_create(m[1].identity, &options, &package), MLS_OK);
    assert_true(mls_key_package_is_last_resort(package));
    assert_int_equal(mls_key_package_save(package, &blob), MLS_OK);
    assert_int_equal(mls_key_package_load(&m[1].environment, mls_buffer_done(&blob), &loaded),
                     MLS_OK);
    assert_true(mls_key_package_is_last_resort(loaded));
    mls_buffer_clear(&blob);
    mls_key_package_destroy(package);
    world_create(&m[0], "group");
    struct slice message = mls_key_package_message(loaded);
    struct mls_commit_options adding = {.add = &message, .add_count = 1};
    struct mls_commit_bundle bundle = commit(&m[0], &adding);
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    assert_int_equal(mls_group_join(m[1].identity, &loaded, 1, mls_buffer_done(&bundle.welcome),
                                    NULL, &m[1].group),
                     MLS_OK);
    mls_commit_bundle_clear(&bundle);
    mls_key_package_destroy(loaded);
    world_agree(m, 2);
    struct mls_commit_options update = {.with_path = true};
    bundle = commit(&m[1], &update);
    all_take(m, 2, 1, &bundle);
}

static void exported_secrets_agree_and_differ_by_label(void **state)
{
    struct world_client *m = ((struct crew *)*state)->member;
    uint8_t a[48];
    uint8_t b[48];
    uint8_t c[48];
    world_group(m, 2);
    assert_int_equal(mls_group_export(m[0].group, "one", slice_of_text("ctx"), a, 48), MLS_OK);
    assert_int_equal(mls_group_export(m[1].group, "one", slice_of_text("ctx"), b, 48), MLS_OK);
    assert_int_equal(mls_group_export(m[1].group, "two", slice_of_text("ctx"), c, 48), MLS_OK);
    assert_memory_equal(a, b, 48);
    assert_memory_not_equal(a, c, 48);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, crew_open, crew_close)
    const struct CMUnitTest tests[] = {
        T(members_talk_and_agree),
        T(a_removed_member_is_told_and_reads_no_more),
        T(a_commit_can_be_discarded),
        T(a_received_commit_leaves_no_trace_until_merged),
        T(messages_may_come_late_and_out_of_order),
        T(limits_of_lateness_are_named),
        T(old_epochs_are_read_for_a_while),
        T(errors_tell_what_is_wrong),
        T(proposals_by_reference_are_committed),
        T(outsiders_join_and_resync),
        T(a_shared_key_is_mixed_in),
        T(a_server_may_propose_a_removal),
        T(a_newcomer_may_ask_to_be_added),
        T(a_group_is_reinitialised),
        T(some_members_branch_off),
        T(a_last_resort_package_says_so),
        T(exported_secrets_agree_and_differ_by_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
