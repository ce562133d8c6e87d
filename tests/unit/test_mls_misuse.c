/*
 * What callers get wrong, and what they may rely on then: outputs of a call that failed are empty,
 * so that clearing or destroying them is always right; a callback cannot change the group that it
 * is called for; of two objects over one storage only one writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>

#include "mls_world.h"

#define GARBAGE 0xa5

static struct slice none(void)
{
    return slice_of(NULL, 0);
}

/* -- outputs -- */

/* Everything that a call may put something into, as a caller's stack has it. */
struct outputs {
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
    struct mls_buffer buffer;
    struct mls_buffer second;
    struct mls_commit_bundle bundle;
    struct mls_event event;
    struct mls_message_view message;
    struct mls_key_package_details details;
    struct mls_staged_view staged;
};

static struct outputs *soiled(void)
{
    static struct outputs outputs;
    memset(&outputs, GARBAGE, sizeof(outputs));
    return &outputs;
}

static void expect_empty(struct mls_buffer *buffer)
{
    assert_null(buffer->data);
    assert_int_equal(buffer->size, 0);
    mls_buffer_clear(buffer);
}

static void makers_leave_nothing(void **state)
{
    (void)state;
    struct world_client ann;
    struct outputs *out = soiled();
    world_client_open(&ann, "ann");
    struct slice name = slice_of_text("name");
    assert_int_equal(mls_identity_create(NULL, 999, name, &out->identity), MLS_ERR_SUITE);
    assert_null(out->identity);
    out = soiled();
    assert_int_equal(mls_identity_load(NULL, SUITE, name, name, &out->identity), MLS_ERR_ARGUMENT);
    assert_null(out->identity);
    world_memory()->allocations = 0;
    world_memory()->fail_at = 1;
    assert_int_equal(mls_key_package_create(ann.identity, NULL, &out->package), MLS_ERR_NO_MEMORY);
    world_memory()->fail_at = 0;
    assert_null(out->package);
    out = soiled();
    assert_int_equal(mls_key_package_load(NULL, name, &out->package), MLS_ERR_STATE_MALFORMED);
    assert_null(out->package);
    out = soiled();
    assert_int_equal(mls_key_package_from_keys(NULL, name, none(), none(), &out->package),
                     MLS_ERR_SUITE);
    assert_null(out->package);
    struct mls_group_options options = {.extensions = name};
    assert_int_equal(mls_group_create(ann.identity, &options, &out->group), MLS_ERR_ARGUMENT);
    assert_null(out->group);
    out = soiled();
    assert_int_not_equal(mls_group_join(ann.identity, NULL, 0, name, NULL, &out->group), MLS_OK);
    assert_null(out->group);
    out = soiled();
    assert_int_not_equal(
        mls_group_join_external(ann.identity, name, NULL, &out->group, &out->buffer), MLS_OK);
    assert_null(out->group);
    expect_empty(&out->buffer);
    out = soiled();
    assert_int_not_equal(mls_group_load(ann.identity, name, NULL, &out->group), MLS_OK);
    assert_null(out->group);
    out = soiled();
    assert_int_not_equal(mls_group_load(ann.identity, none(), NULL, &out->group), MLS_OK);
    assert_null(out->group);
    out = soiled();
    assert_int_not_equal(mls_group_restore(ann.identity, NULL, 0, NULL, &out->group), MLS_OK);
    assert_null(out->group);
    world_client_close(&ann);
}

static void views_are_empty(void **state)
{
    (void)state;
    struct world_client ann;
    struct outputs *out = soiled();
    world_client_open(&ann, "ann");
    world_create(&ann, "group");
    assert_int_not_equal(mls_peek(slice_of_text("what?"), &out->message), MLS_OK);
    assert_null(out->message.group_id.data);
    assert_int_not_equal(mls_peek_key_package(slice_of_text("what?"), &out->details), MLS_OK);
    assert_null(out->details.credential.identity.data);
    assert_int_equal(mls_group_look_at_staged(ann.group, MLS_STAGED_OWN, &out->staged),
                     MLS_ERR_NOTHING_STAGED);
    assert_null(out->staged.hash.data);
    struct slice reference = slice_of_text("nobody");
    assert_int_not_equal(
        mls_welcome_select(slice_of_text("what?"), &reference, 1, NULL, &out->buffer), MLS_OK);
    expect_empty(&out->buffer);
    world_client_close(&ann);
}

/* bob was removed: all that would send or change anything says so. */
static void closed_groups_hand_out_nothing(void **state)
{
    (void)state;
    struct world_client two[2];
    struct mls_commit_options removal = {.remove = (uint32_t[]){1}, .remove_count = 1};
    struct mls_commit_bundle bundle;
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    world_group(two, 2);
    assert_int_equal(mls_group_commit(two[0].group, &removal, &bundle), MLS_OK);
    world_take_commit(&two[1], mls_buffer_done(&bundle.commit));
    mls_commit_bundle_clear(&bundle);
    struct mls_group *group = two[1].group;
    struct outputs *out = soiled();
    assert_int_equal(mls_group_encrypt(group, none(), none(), &out->buffer), MLS_ERR_GROUP_CLOSED);
    expect_empty(&out->buffer);
    struct mls_proposal_options update = {.kind = MLS_PROPOSE_UPDATE};
    out = soiled();
    assert_int_equal(mls_group_propose(group, &update, &out->buffer), MLS_ERR_GROUP_CLOSED);
    expect_empty(&out->buffer);
    assert_int_equal(mls_group_commit(group, NULL, &out->bundle), MLS_ERR_GROUP_CLOSED);
    expect_empty(&out->bundle.commit);
    expect_empty(&out->bundle.welcome);
    expect_empty(&out->bundle.group_info);
    assert_int_equal(mls_group_info(group, true, &out->buffer), MLS_ERR_GROUP_CLOSED);
    expect_empty(&out->buffer);
    out = soiled();
    assert_int_equal(
        mls_group_succeed(group, MLS_SUCCESSOR_BRANCH, NULL, NULL, 0, &out->group, &out->buffer),
        MLS_ERR_GROUP_CLOSED);
    assert_null(out->group);
    expect_empty(&out->buffer);
    assert_int_not_equal(mls_group_process(group, slice_of_text("what?"), &out->event), MLS_OK);
    expect_empty(&out->event.storage);
    expect_empty(&out->event.sender_storage);
    assert_int_equal(out->event.data.size, 0);
    world_client_close(&two[0]);
    world_client_close(&two[1]);
}

static void refused_calls_hand_out_nothing(void **state)
{
    (void)state;
    struct world_client ann;
    struct mls_buffer proposal;
    struct mls_commit_bundle bundle;
    struct mls_proposal_options update = {.kind = MLS_PROPOSE_UPDATE};
    world_client_open(&ann, "ann");
    world_create(&ann, "group");
    assert_int_equal(mls_group_propose(ann.group, &update, &proposal), MLS_OK);
    struct outputs *out = soiled();
    assert_int_equal(mls_group_encrypt(ann.group, none(), none(), &out->buffer),
                     MLS_ERR_PROPOSALS_PENDING);
    expect_empty(&out->buffer);
    struct mls_proposal_options absent = {.kind = MLS_PROPOSE_REMOVE, .leaf = 7};
    out = soiled();
    assert_int_equal(mls_group_propose(ann.group, &absent, &out->buffer), MLS_ERR_REMOVED_BLANK);
    expect_empty(&out->buffer);
    struct mls_commit_options staged = {.leave_pending = true, .with_path = true};
    assert_int_equal(mls_group_commit(ann.group, &staged, &bundle), MLS_OK);
    assert_int_equal(mls_group_commit(ann.group, &staged, &out->bundle), MLS_ERR_COMMIT_STAGED);
    expect_empty(&out->bundle.commit);
    expect_empty(&out->bundle.welcome);
    expect_empty(&out->bundle.group_info);
    out = soiled();
    struct mls_proposal_options broken = {.kind = MLS_PROPOSE_ADD, .key_package = none()};
    assert_int_not_equal(mls_external_propose(ann.identity, none(), 0, 0, &broken, &out->buffer),
                         MLS_OK);
    expect_empty(&out->buffer);
    mls_commit_bundle_clear(&bundle);
    mls_buffer_clear(&proposal);
    world_client_close(&ann);
}

/* -- callbacks -- */

struct meddler {
    struct world_client client;
    size_t calls;
};

/* All that changes a group. */
static void meddle(struct mls_group *group)
{
    struct outputs *out = soiled();
    struct mls_psk psk = {.id = slice_of_text("id"), .secret = slice_of_text("secret")};
    struct mls_proposal_options update = {.kind = MLS_PROPOSE_UPDATE};
    assert_int_equal(mls_group_encrypt(group, none(), none(), &out->buffer), MLS_ERR_REENTERED);
    expect_empty(&out->buffer);
    out = soiled();
    assert_int_equal(mls_group_propose(group, &update, &out->buffer), MLS_ERR_REENTERED);
    expect_empty(&out->buffer);
    assert_int_equal(mls_group_commit(group, NULL, &out->bundle), MLS_ERR_REENTERED);
    expect_empty(&out->bundle.commit);
    assert_int_equal(mls_group_process(group, none(), &out->event), MLS_ERR_REENTERED);
    expect_empty(&out->event.storage);
    for (int kind = MLS_STAGED_OWN; kind <= MLS_STAGED_RECEIVED; kind++) {
        assert_int_equal(mls_group_merge(group, (enum mls_staged_kind)kind), MLS_ERR_REENTERED);
        assert_int_equal(mls_group_discard(group, (enum mls_staged_kind)kind), MLS_ERR_REENTERED);
    }
    assert_int_equal(mls_group_add_psk(group, &psk), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_remove_psk(group, psk.id), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_set_aside(group, none(), true), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_clear_proposals(group), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_set_padding(group, 0), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_set_past_epochs(group, 0), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_set_next_identity(group, NULL), MLS_ERR_REENTERED);
    assert_int_equal(mls_group_erase(group), MLS_ERR_REENTERED);
}

static bool meddling_attend(struct world_storage *storage, const struct mls_outcome *outcome)
{
    struct meddler *meddler = storage->attend_context;
    (void)outcome;
    if (meddler->client.group != NULL) {
        meddler->calls++;
        meddle(meddler->client.group);
        assert_true(mls_group_member_count(meddler->client.group) > 0);
    }
    return true;
}

static bool meddling_accepts(void *context, const struct mls_credential_view *credential,
                             const struct mls_credential_view *old)
{
    struct meddler *meddler = context;
    (void)credential;
    (void)old;
    if (meddler->client.group != NULL) {
        meddler->calls++;
        meddle(meddler->client.group);
    }
    return true;
}

static void meddler_open(struct meddler *meddler, const char *name)
{
    *meddler = (struct meddler){0};
    world_client_open(&meddler->client, name);
    mls_identity_destroy(meddler->client.identity);
    meddler->client.environment.context = meddler;
    meddler->client.environment.random = NULL;
    meddler->client.environment.now_s = NULL;
    meddler->client.environment.accepts = meddling_accepts;
    assert_int_equal(mls_identity_create(&meddler->client.environment, SUITE, slice_of_text(name),
                                         &meddler->client.identity),
                     MLS_OK);
    world_client_use_storage(&meddler->client);
    meddler->client.storage->attend = meddling_attend;
    meddler->client.storage->attend_context = meddler;
}

static void callbacks_do_not_change_the_group(void **state)
{
    (void)state;
    struct meddler meddler;
    struct world_client two[2];
    meddler_open(&meddler, "mel");
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    world_create(&meddler.client, "group");
    struct world_client *members[] = {&meddler.client, &two[0]};
    world_add(&meddler.client, &two[0], members, 1);
    world_add(&two[0], &two[1], members, 2);
    size_t calls = meddler.calls;
    struct mls_buffer message;
    struct mls_event event;
    assert_int_equal(mls_group_encrypt(meddler.client.group, none(), none(), &message), MLS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mls_group_process(two[i].group, mls_buffer_done(&message), &event),
                         MLS_OK);
        mls_event_clear(&event);
    }
    mls_buffer_clear(&message);
    assert_int_equal(mls_group_encrypt(two[1].group, none(), none(), &message), MLS_OK);
    assert_int_equal(mls_group_process(meddler.client.group, mls_buffer_done(&message), &event),
                     MLS_OK);
    mls_event_clear(&event);
    mls_buffer_clear(&message);
    assert_int_equal(meddler.calls, calls + 2);
    assert_true(calls > 4);
    world_reload(&meddler.client);
    assert_int_equal(mls_group_encrypt(meddler.client.group, none(), none(), &message), MLS_OK);
    assert_int_equal(mls_group_process(two[1].group, mls_buffer_done(&message), &event), MLS_OK);
    mls_event_clear(&event);
    mls_buffer_clear(&message);
    struct mls_group *group = meddler.client.group;
    meddler.client.group = NULL;
    assert_int_equal(mls_group_erase(group), MLS_OK);
    world_client_close(&meddler.client);
    world_client_close(&two[0]);
    world_client_close(&two[1]);
}

/* -- two objects over one storage -- */

static void of_two_objects_the_last_one_writes(void **state)
{
    (void)state;
    struct world_client two[2];
    struct mls_buffer message;
    struct mls_event event;
    struct mls_commit_bundle bundle;
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    world_client_use_storage(&two[0]);
    world_group(two, 2);
    struct mls_group *old = two[0].group;
    two[0].group = world_restore(&two[0]);
    struct mls_buffer before = world_save(&two[0]);
    assert_int_equal(mls_group_encrypt(old, slice_of_text("one"), none(), &message),
                     MLS_ERR_REPLACED);
    assert_int_equal(mls_group_commit(old, NULL, &bundle), MLS_ERR_REPLACED);
    assert_int_equal(mls_group_set_padding(old, 0), MLS_ERR_REPLACED);
    assert_int_equal(mls_group_erase(old), MLS_ERR_REPLACED);
    world_talk(two, 2, 1);
    mls_group_destroy(old);
    assert_int_equal(mls_group_encrypt(two[0].group, slice_of_text("two"), none(), &message),
                     MLS_OK);
    assert_int_equal(mls_group_process(two[1].group, mls_buffer_done(&message), &event), MLS_OK);
    mls_event_clear(&event);
    mls_buffer_clear(&message);
    mls_buffer_clear(&before);
    world_client_close(&two[0]);
    world_client_close(&two[1]);
}

/* A join from outside over the old records: where it failed the old group goes on; where nobody
 * knows, neither does, until one is restored. */
static void a_join_that_failed_leaves_the_old_object(void **state)
{
    (void)state;
    struct world_client two[2];
    struct mls_buffer info;
    struct mls_buffer commit;
    struct mls_group *joined = NULL;
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    world_client_use_storage(&two[1]);
    world_group(two, 2);
    struct world_storage *storage = two[1].storage;
    struct mls_join_options options = {.storage = &storage->storage, .resync = true};
    assert_int_equal(mls_group_info(two[0].group, true, &info), MLS_OK);
    storage->lose_commits = true;
    storage->operations = 0;
    storage->fail_at = 1;
    assert_int_equal(mls_group_join_external(two[1].identity, mls_buffer_done(&info), &options,
                                             &joined, &commit),
                     MLS_ERR_STORAGE);
    storage->fail_at = 0;
    storage->lose_commits = false;
    world_talk(two, 2, 1);
    storage->lie_commits = true;
    assert_int_equal(mls_group_join_external(two[1].identity, mls_buffer_done(&info), &options,
                                             &joined, &commit),
                     MLS_ERR_STORAGE);
    storage->lie_commits = false;
    struct mls_buffer message;
    assert_int_equal(mls_group_encrypt(two[1].group, none(), none(), &message), MLS_ERR_REPLACED);
    world_reload(&two[1]);
    assert_int_equal(mls_group_encrypt(two[1].group, none(), none(), &message), MLS_OK);
    mls_buffer_clear(&message);
    mls_buffer_clear(&info);
    world_client_close(&two[0]);
    world_client_close(&two[1]);
}

/* -- wrong values -- */

static void the_same_proposal_twice(void **state)
{
    (void)state;
    struct world_client m[3];
    struct mls_buffer first;
    struct mls_buffer second;
    struct mls_proposal_options removal = {.kind = MLS_PROPOSE_REMOVE, .leaf = 2};
    for (size_t i = 0; i < 3; i++) {
        world_client_open(&m[i], "member");
    }
    world_group(m, 3);
    assert_int_equal(mls_group_propose(m[0].group, &removal, &first), MLS_OK);
    assert_int_equal(mls_group_propose(m[0].group, &removal, &second), MLS_ERR_REPLAYED);
    assert_int_equal(mls_group_pending_proposals(m[0].group), 1);
    mls_buffer_clear(&first);
    mls_buffer_clear(&second);
    for (size_t i = 0; i < 3; i++) {
        world_client_close(&m[i]);
    }
}

static void a_text_beyond_the_limit(void **state)
{
    (void)state;
    struct world_client ann;
    struct mls_buffer message;
    struct mls_commit_bundle bundle;
    size_t size = MLS_CONTENT_MAX_BYTES + 1;
    uint8_t *text = calloc(1, size);
    assert_non_null(text);
    world_client_open(&ann, "ann");
    world_create(&ann, "group");
    assert_int_equal(mls_group_encrypt(ann.group, slice_of(text, size), none(), &message),
                     MLS_ERR_LIMIT);
    assert_int_equal(
        mls_group_encrypt(ann.group, slice_of(text, size - 1), slice_of_text("x"), &message),
        MLS_ERR_LIMIT);
    assert_int_equal(mls_group_encrypt(ann.group, slice_of(text, size - 1), none(), &message),
                     MLS_OK);
    assert_true(message.size <= MLS_MESSAGE_MAX_BYTES);
    mls_buffer_clear(&message);
    struct mls_commit_options options = {.authenticated_data = slice_of(text, size)};
    assert_int_equal(mls_group_commit(ann.group, &options, &bundle), MLS_ERR_LIMIT);
    struct mls_proposal_options update = {.kind = MLS_PROPOSE_UPDATE,
                                          .authenticated_data = slice_of(text, size)};
    assert_int_equal(mls_group_propose(ann.group, &update, &message), MLS_ERR_LIMIT);
    free(text);
    world_client_close(&ann);
}

/* A package that everybody would refuse is not made. */
static void lifetimes_that_nobody_takes(void **state)
{
    (void)state;
    struct world_client ann;
    struct mls_key_package *package = NULL;
    const uint64_t refused[] = {UINT64_MAX, MLS_LIFETIME_MAX_S + 1, MLS_LIFETIME_MAX_S};
    world_client_open(&ann, "ann");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct mls_key_package_options options = {.lifetime_s = refused[i]};
        assert_int_equal(mls_key_package_create(ann.identity, &options, &package),
                         MLS_ERR_LEAF_LIFETIME);
        assert_null(package);
    }
    struct mls_key_package_options longest = {.lifetime_s =
                                                  MLS_LIFETIME_MAX_S - MLS_LIFETIME_MARGIN_S};
    assert_int_equal(mls_key_package_create(ann.identity, &longest, &package), MLS_OK);
    mls_key_package_destroy(package);
    world_client_close(&ann);
}

/* Where leaves must be short-lived, our own are by default. */
static void a_default_lifetime_is_within_the_limit(void **state)
{
    (void)state;
    struct world_client two[2];
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    for (size_t i = 0; i < 2; i++) {
        mls_identity_destroy(two[i].identity);
        two[i].environment.lifetime_max_s = UINT64_C(24) * 3600;
        assert_int_equal(mls_identity_create(&two[i].environment, SUITE, slice_of_text("name"),
                                             &two[i].identity),
                         MLS_OK);
    }
    world_group(two, 2);
    world_talk(two, 2, 0);
    world_client_close(&two[0]);
    world_client_close(&two[1]);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makers_leave_nothing),
        cmocka_unit_test(views_are_empty),
        cmocka_unit_test(closed_groups_hand_out_nothing),
        cmocka_unit_test(refused_calls_hand_out_nothing),
        cmocka_unit_test(callbacks_do_not_change_the_group),
        cmocka_unit_test(of_two_objects_the_last_one_writes),
        cmocka_unit_test(a_join_that_failed_leaves_the_old_object),
        cmocka_unit_test(the_same_proposal_twice),
        cmocka_unit_test(a_text_beyond_the_limit),
        cmocka_unit_test(lifetimes_that_nobody_takes),
        cmocka_unit_test(a_default_lifetime_is_within_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
