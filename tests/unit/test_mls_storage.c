/*
 * Crashes and failing storage, failing memory, and messages with flipped bits: a group either makes
 * a step whole or stays as it was, byte for byte, and no key is ever used twice.
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

#include "client/mls/group.h"

#define THREE 3

static int three_open(void **state)
{
    static struct world_client m[THREE];
    static const char *const names[THREE] = {"ann", "bob", "cleo"};
    world_seed(11);
    for (size_t i = 0; i < THREE; i++) {
        world_client_open(&m[i], names[i]);
        world_client_use_storage(&m[i]);
    }
    world_group(m, THREE);
    *state = m;
    return 0;
}

static int three_close(void **state)
{
    struct world_client *m = *state;
    for (size_t i = 0; i < THREE; i++) {
        world_client_close(&m[i]);
    }
    assert_int_equal(world_memory()->live, 0);
    return 0;
}

static enum mls_error send(struct world_client *client, struct mls_buffer *out)
{
    return mls_group_encrypt(client->group, slice_of_text("hello"), slice_of(NULL, 0), out);
}

static enum mls_error process(struct world_client *client, struct slice message)
{
    struct mls_event event;
    enum mls_error error = mls_group_process(client->group, message, &event);
    mls_event_clear(&event);
    return error;
}

static void assert_unchanged(const struct world_client *client, const struct mls_buffer *before)
{
    struct mls_buffer after = world_save(client);
    assert_true(slice_equal(mls_buffer_done(before), mls_buffer_done(&after)));
    mls_buffer_clear(&after);
}

/* What is in the storage is what is in memory: the group made of it is the same. */
static void assert_stored(struct world_client *client)
{
    struct mls_buffer before = world_save(client);
    world_reload(client);
    assert_unchanged(client, &before);
    mls_buffer_clear(&before);
}

/* The generation that a message of ours went out with. */
static uint32_t generation_of(const struct world_client *sender, const struct mls_buffer *message)
{
    enum mls_wire_format format;
    struct mls_private_message view;
    struct mls_sender_data data;
    struct reader reader = reader_of(mls_buffer_done(message));
    assert_int_equal(mls_read_message_head(&reader, &format), MLS_OK);
    assert_int_equal(mls_read_private_message(&reader, &view), MLS_OK);
    assert_int_equal(mls_private_message_open_sender(sender->group->suite, sender->group->memory,
                                                     sender->group->current->secrets->sender_data,
                                                     &view, &data),
                     MLS_OK);
    return data.generation;
}

static void storage_has_what_memory_has(void **state)
{
    struct world_client *m = *state;
    struct mls_commit_options update = {.with_path = true};
    for (size_t i = 0; i < 8; i++) {
        struct mls_commit_bundle bundle;
        struct mls_buffer proposal;
        struct mls_proposal_options proposing = {.kind = MLS_PROPOSE_UPDATE};
        world_talk(m, THREE, i % THREE);
        assert_int_equal(mls_group_propose(m[(i + 1) % THREE].group, &proposing, &proposal),
                         MLS_OK);
        for (size_t k = 0; k < THREE; k++) {
            if (k != (i + 1) % THREE) {
                assert_int_equal(process(&m[k], mls_buffer_done(&proposal)), MLS_OK);
            }
            assert_stored(&m[k]);
        }
        mls_buffer_clear(&proposal);
        assert_int_equal(mls_group_commit(m[i % THREE].group, &update, &bundle), MLS_OK);
        assert_stored(&m[i % THREE]);
        for (size_t k = 0; k < THREE; k++) {
            if (k != i % THREE) {
                world_take_commit(&m[k], mls_buffer_done(&bundle.commit));
            }
        }
        assert_int_equal(mls_group_merge(m[i % THREE].group, MLS_STAGED_OWN), MLS_OK);
        mls_commit_bundle_clear(&bundle);
        for (size_t k = 0; k < THREE; k++) {
            assert_stored(&m[k]);
        }
        world_agree(m, THREE);
    }
}

/* Stop at every operation of the storage in turn, then come back from what was durable. */
static void a_crash_never_uses_a_key_twice(void **state)
{
    struct world_client *m = *state;
    uint32_t last = 0;
    bool any = false;
    for (size_t fail_at = 1; fail_at < 12; fail_at++) {
        struct mls_buffer message;
        m[0].storage->operations = 0;
        m[0].storage->fail_at = fail_at;
        enum mls_error error = send(&m[0], &message);
        m[0].storage->fail_at = 0;
        if (error == MLS_OK) {
            uint32_t generation = generation_of(&m[0], &message);
            assert_true(!any || generation > last);
            last = generation;
            any = true;
            assert_int_equal(process(&m[1], mls_buffer_done(&message)), MLS_OK);
            mls_buffer_clear(&message);
        } else {
            assert_int_equal(error, MLS_ERR_STORAGE);
            assert_null(message.data);
        }
        world_reload(&m[0]);
        assert_int_equal(send(&m[0], &message), MLS_OK);
        uint32_t generation = generation_of(&m[0], &message);
        assert_true(!any || generation > last);
        last = generation;
        any = true;
        assert_int_equal(process(&m[1], mls_buffer_done(&message)), MLS_OK);
        mls_buffer_clear(&message);
    }
}

static void a_message_is_taken_once_across_crashes(void **state)
{
    struct world_client *m = *state;
    struct mls_buffer message;
    for (size_t fail_at = 1; fail_at < 10; fail_at++) {
        assert_int_equal(send(&m[0], &message), MLS_OK);
        struct mls_buffer before = world_save(&m[1]);
        m[1].storage->operations = 0;
        m[1].storage->fail_at = fail_at;
        enum mls_error error = process(&m[1], mls_buffer_done(&message));
        m[1].storage->fail_at = 0;
        if (error != MLS_OK) {
            assert_int_equal(error, MLS_ERR_STORAGE);
            assert_unchanged(&m[1], &before);
            world_reload(&m[1]);
            assert_int_equal(process(&m[1], mls_buffer_done(&message)), MLS_OK);
        }
        world_reload(&m[1]);
        assert_int_equal(process(&m[1], mls_buffer_done(&message)), MLS_ERR_REPLAYED);
        mls_buffer_clear(&before);
        mls_buffer_clear(&message);
    }
}

static void a_failed_merge_is_no_merge(void **state)
{
    struct world_client *m = *state;
    struct mls_commit_options update = {.with_path = true};
    struct mls_commit_bundle bundle;
    enum mls_error error = MLS_ERR_STORAGE;
    assert_int_equal(mls_group_commit(m[0].group, &update, &bundle), MLS_OK);
    for (size_t fail_at = 1; error != MLS_OK; fail_at++) {
        struct mls_buffer before = world_save(&m[1]);
        assert_int_equal(process(&m[1], mls_buffer_done(&bundle.commit)), MLS_OK);
        m[1].storage->operations = 0;
        m[1].storage->fail_at = fail_at;
        error = mls_group_merge(m[1].group, MLS_STAGED_RECEIVED);
        m[1].storage->fail_at = 0;
        if (error != MLS_OK) {
            assert_unchanged(&m[1], &before);
            if (fail_at % 2 == 0) {
                world_reload(&m[1]);
            }
        }
        mls_buffer_clear(&before);
    }
    assert_stored(&m[1]);
    error = MLS_ERR_STORAGE;
    for (size_t fail_at = 1; error != MLS_OK; fail_at++) {
        m[0].storage->operations = 0;
        m[0].storage->fail_at = fail_at;
        error = mls_group_merge(m[0].group, MLS_STAGED_OWN);
        m[0].storage->fail_at = 0;
        if (error != MLS_OK && fail_at % 2 == 0) {
            world_reload(&m[0]);
        }
    }
    assert_stored(&m[0]);
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    mls_commit_bundle_clear(&bundle);
    world_agree(m, THREE);
    world_talk(m, THREE, 1);
}

static void settings_are_durable_or_unchanged(void **state)
{
    struct world_client *m = *state;
    struct mls_psk psk = {.id = slice_of_text("id"), .secret = slice_of_text("first")};
    for (int again = 0; again < 2; again++) {
        struct mls_buffer before = world_save(&m[0]);
        m[0].storage->lose_commits = true;
        assert_int_equal(mls_group_add_psk(m[0].group, &psk), MLS_ERR_STORAGE);
        assert_int_equal(mls_group_set_padding(m[0].group, 256), MLS_ERR_STORAGE);
        assert_int_equal(mls_group_set_past_epochs(m[0].group, 1), MLS_ERR_STORAGE);
        m[0].storage->lose_commits = false;
        assert_unchanged(&m[0], &before);
        mls_buffer_clear(&before);
        assert_int_equal(mls_group_add_psk(m[0].group, &psk), MLS_OK);
        assert_stored(&m[0]);
        psk.secret = slice_of_text("second");
    }
    assert_int_equal(mls_group_set_padding(m[0].group, 256), MLS_OK);
    assert_int_equal(mls_group_set_past_epochs(m[0].group, 0), MLS_OK);
    assert_int_equal(mls_group_set_past_epochs(m[0].group, 99), MLS_ERR_LIMIT);
    assert_stored(&m[0]);
    world_talk(m, THREE, 0);
}

static void nothing_used_is_left_in_the_storage(void **state)
{
    struct world_client *m = *state;
    struct mls_buffer message;
    assert_int_equal(send(&m[0], &message), MLS_OK);
    /* The key that the message is sealed under, as the receiver has it before it reads. */
    struct mls_secret_step step;
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t root[MLS_HASH_MAX_BYTES];
    struct mls_secret_tree *tree = m[1].group->current->secret_tree;
    memcpy(root, tree->node_secrets[mls_node_root(tree->leaf_width)], sizeof(root));
    assert_int_equal(mls_secret_tree_find(tree, 0, MLS_RATCHET_APPLICATION, 0, &step), MLS_OK);
    memcpy(key, step.key, sizeof(key));
    mls_secret_tree_drop(tree, &step);
    assert_int_equal(process(&m[1], mls_buffer_done(&message)), MLS_OK);
    mls_buffer_clear(&message);
    for (size_t i = 0; i < m[1].storage->count; i++) {
        const struct world_entry *entry = &m[1].storage->entries[i];
        assert_null(memmem(entry->value, entry->value_size, key, sizeof(key)));
        assert_null(memmem(entry->value, entry->value_size, root, sizeof(root)));
    }
}

static void a_damaged_state_is_refused(void **state)
{
    struct world_client *m = *state;
    struct mls_group *group = NULL;
    struct mls_buffer blob = world_save(&m[0]);
    for (size_t size = 0; size < blob.size; size++) {
        assert_int_not_equal(mls_group_load(m[0].identity, slice_of(blob.data, size), NULL, &group),
                             MLS_OK);
    }
    for (size_t at = 0; at < blob.size; at += 7) {
        blob.data[at] ^= 0x40;
        if (mls_group_load(m[0].identity, mls_buffer_done(&blob), NULL, &group) == MLS_OK) {
            mls_group_destroy(group);
        }
        blob.data[at] ^= 0x40;
    }
    assert_int_equal(
        mls_group_load(m[0].identity, slice_of(blob.data, blob.size - 1), NULL, &group),
        MLS_ERR_STATE_MALFORMED);
    blob.data[1] ^= 0x80;
    assert_int_equal(mls_group_load(m[0].identity, mls_buffer_done(&blob), NULL, &group),
                     MLS_ERR_STATE_VERSION);
    mls_buffer_clear(&blob);
}

/* -- flipped bits -- */

static void flip_all(struct world_client *reader, struct mls_buffer *message)
{
    struct mls_buffer before = world_save(reader);
    for (size_t bit = 0; bit < 8 * message->size; bit++) {
        message->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(process(reader, mls_buffer_done(message)), MLS_OK);
        assert_false(mls_group_has_staged(reader->group, MLS_STAGED_RECEIVED));
        if (bit % 16 == 0) {
            assert_unchanged(reader, &before);
        }
        message->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_unchanged(reader, &before);
    assert_int_equal(process(reader, mls_buffer_done(message)), MLS_OK);
    mls_buffer_clear(&before);
}

static void a_flipped_bit_is_refused_and_changes_nothing(void **state)
{
    struct world_client *m = *state;
    struct mls_buffer message;
    assert_int_equal(send(&m[0], &message), MLS_OK);
    flip_all(&m[1], &message);
    mls_buffer_clear(&message);
    for (int coat = 0; coat < 2; coat++) {
        struct mls_commit_options update = {.with_path = true, .coat = (enum mls_coat)coat};
        struct mls_proposal_options proposal = {.kind = MLS_PROPOSE_UPDATE,
                                                .coat = (enum mls_coat)coat};
        struct mls_commit_bundle bundle;
        assert_int_equal(mls_group_propose(m[0].group, &proposal, &message), MLS_OK);
        flip_all(&m[1], &message);
        mls_buffer_clear(&message);
        assert_int_equal(mls_group_clear_proposals(m[0].group), MLS_OK);
        assert_int_equal(mls_group_clear_proposals(m[1].group), MLS_OK);
        assert_int_equal(mls_group_commit(m[0].group, &update, &bundle), MLS_OK);
        flip_all(&m[1], &bundle.commit);
        assert_int_equal(mls_group_merge(m[1].group, MLS_STAGED_RECEIVED), MLS_OK);
        assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
        world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
        mls_commit_bundle_clear(&bundle);
        world_agree(m, THREE);
    }
}

/* -- memory that runs out -- */

/* Tries `attempt` with every allocation failing in turn until it works; gives the number. */
static size_t sweep(struct world_client *client, enum mls_error (*attempt)(struct world_client *))
{
    struct mls_buffer before = {0};
    enum mls_error error = MLS_ERR_NO_MEMORY;
    size_t fail_at = 0;
    if (client->group != NULL) {
        before = world_save(client);
    }
    while (error != MLS_OK) {
        size_t live = world_memory()->live;
        world_memory()->allocations = 0;
        world_memory()->fail_at = ++fail_at;
        error = attempt(client);
        world_memory()->fail_at = 0;
        if (error != MLS_OK) {
            assert_int_equal(error, MLS_ERR_NO_MEMORY);
            if (before.data != NULL) {
                assert_unchanged(client, &before);
            } else {
                /* Without a group nothing may stay. */
                assert_int_equal(world_memory()->live, live);
            }
        }
    }
    mls_buffer_clear(&before);
    return fail_at;
}

static struct mls_buffer kept;
static struct mls_commit_bundle kept_bundle;
static struct slice kept_package;
static struct world_client newcomer;

static enum mls_error try_send(struct world_client *client)
{
    return send(client, &kept);
}

static enum mls_error try_process(struct world_client *client)
{
    return process(client, mls_buffer_done(&kept));
}

static enum mls_error try_merge_received(struct world_client *client)
{
    return mls_group_merge(client->group, MLS_STAGED_RECEIVED);
}

static enum mls_error try_propose(struct world_client *client)
{
    struct mls_proposal_options options = {.kind = MLS_PROPOSE_UPDATE};
    return mls_group_propose(client->group, &options, &kept);
}

static enum mls_error try_commit(struct world_client *client)
{
    struct mls_commit_options options = {.add = &kept_package, .add_count = 1, .with_path = true};
    return mls_group_commit(client->group, &options, &kept_bundle);
}

static enum mls_error try_merge_own(struct world_client *client)
{
    return mls_group_merge(client->group, MLS_STAGED_OWN);
}

static enum mls_error try_join(struct world_client *client)
{
    return mls_group_join(client->identity, &client->package, 1,
                          mls_buffer_done(&kept_bundle.welcome), NULL, &client->group);
}

static enum mls_error try_join_external(struct world_client *client)
{
    struct mls_buffer joining;
    enum mls_error error = mls_group_join_external(client->identity, mls_buffer_done(&kept), NULL,
                                                   &client->group, &joining);
    mls_buffer_clear(&joining);
    return error;
}

static enum mls_error try_load(struct world_client *client)
{
    return mls_group_load(client->identity, mls_buffer_done(&kept), NULL, &client->group);
}

static enum mls_error try_load_to_storage(struct world_client *client)
{
    return mls_group_load(client->identity, mls_buffer_done(&kept), &client->storage->storage,
                          &client->group);
}

static enum mls_error try_package(struct world_client *client)
{
    return mls_key_package_create(client->identity, NULL, &client->package);
}

static struct mls_group *kept_branch;

static enum mls_error try_branch(struct world_client *client)
{
    struct mls_group_options options = {.group_id = slice_of_text("branch")};
    return mls_group_succeed(client->group, MLS_SUCCESSOR_BRANCH, &options, &kept_package, 1,
                             &kept_branch, &kept);
}

static enum mls_error try_psk(struct world_client *client)
{
    struct mls_psk psk = {.id = slice_of_text("id"), .secret = slice_of_text("secret")};
    return mls_group_add_psk(client->group, &psk);
}

static enum mls_error try_remove_psk(struct world_client *client)
{
    return mls_group_remove_psk(client->group, slice_of_text("id"));
}

static enum mls_error try_set_aside(struct world_client *client)
{
    size_t index = 0;
    struct mls_proposal_view view;
    (void)mls_group_next_proposal(client->group, &index, &view);
    return mls_group_set_aside(client->group, view.reference, !view.is_aside);
}

static enum mls_error try_clear(struct world_client *client)
{
    return mls_group_clear_proposals(client->group);
}

static enum mls_error try_select(struct world_client *client)
{
    struct mls_buffer part;
    struct slice reference = mls_key_package_reference(client->package);
    enum mls_error error = mls_welcome_select(mls_buffer_done(&kept_bundle.welcome), &reference, 1,
                                              &world_memory()->memory, &part);
    mls_buffer_clear(&part);
    return error;
}

static void every_allocation_may_fail(void **state)
{
    struct world_client *m = *state;
    size_t tries = 0;
    /* Storage of the tests is not what is tested here, and libsodium's is. */
    world_client_open(&newcomer, "dan");
    tries += sweep(&m[0], try_send);
    tries += sweep(&m[1], try_process);
    mls_buffer_clear(&kept);
    tries += sweep(&m[2], try_propose);
    tries += sweep(&m[1], try_process);
    tries += sweep(&m[0], try_process);
    tries += sweep(&m[0], try_clear);
    tries += sweep(&m[0], try_set_aside);
    mls_buffer_clear(&kept);
    tries += sweep(&newcomer, try_package);
    kept_package = mls_key_package_message(newcomer.package);
    tries += sweep(&m[0], try_commit);
    kept = kept_bundle.commit;
    tries += sweep(&m[1], try_process);
    tries += sweep(&m[2], try_process);
    tries += sweep(&m[1], try_merge_received);
    tries += sweep(&m[2], try_merge_received);
    tries += sweep(&m[0], try_merge_own);
    tries += sweep(&newcomer, try_select);
    tries += sweep(&newcomer, try_join);
    world_agree(m, THREE);
    assert_true(
        slice_equal(mls_group_authenticator(newcomer.group), mls_group_authenticator(m[0].group)));
    mls_commit_bundle_clear(&kept_bundle);
    mls_group_destroy(newcomer.group);
    newcomer.group = NULL;
    kept_package = world_package(&m[2]);
    tries += sweep(&m[0], try_branch);
    mls_group_destroy(kept_branch);
    mls_buffer_clear(&kept);
    tries += sweep(&m[0], try_psk);
    tries += sweep(&m[0], try_remove_psk);
    kept = world_save(&m[1]);
    struct world_client copy = {.identity = m[1].identity};
    tries += sweep(&copy, try_load);
    mls_group_destroy(copy.group);
    copy.group = NULL;
    world_client_use_storage(&copy);
    tries += sweep(&copy, try_load_to_storage);
    world_reload(&copy);
    mls_group_destroy(copy.group);
    world_storage_close(copy.storage);
    mls_buffer_clear(&kept);
    struct world_client outsider;
    world_client_open(&outsider, "eve");
    assert_int_equal(mls_group_info(m[2].group, true, &kept), MLS_OK);
    tries += sweep(&outsider, try_join_external);
    mls_buffer_clear(&kept);
    world_client_close(&outsider);
    world_client_close(&newcomer);
    assert_true(tries > 200);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, three_open, three_close)
    const struct CMUnitTest tests[] = {
        T(storage_has_what_memory_has),
        T(a_crash_never_uses_a_key_twice),
        T(a_message_is_taken_once_across_crashes),
        T(a_failed_merge_is_no_merge),
        T(settings_are_durable_or_unchanged),
        T(nothing_used_is_left_in_the_storage),
        T(a_damaged_state_is_refused),
        T(a_flipped_bit_is_refused_and_changes_nothing),
        T(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
