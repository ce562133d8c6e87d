/*
 * What a group reads from its storage when it is asked for: resumption keys of ended epochs. Each
 * read of each call fails in turn: the call says so, nothing has changed, and it works the next
 * time.
 */
#include "mls_forger.h"

#define EPOCHS 4
#define READS_MAX 32

/* A `get` that fails at a read of a given number; 0: none does. */
static bool (*real_get)(struct mls_storage *storage, struct slice key, uint8_t *out, size_t room,
                        size_t *out_size);
static size_t reads;
static size_t fail_at;

static bool counted_get(struct mls_storage *storage, struct slice key, uint8_t *out, size_t room,
                        size_t *out_size)
{
    return ++reads != fail_at && real_get(storage, key, out, room, out_size);
}

static void use_storage(struct world_client *client)
{
    world_client_use_storage(client);
    real_get = client->storage->storage.get;
    client->storage->storage.get = counted_get;
}

static void update(struct world_client *by, struct world_client *const others[2])
{
    struct mls_commit_options options = {.with_path = true};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(by->group, &options, &bundle), MLS_OK);
    for (size_t i = 0; i < 2; i++) {
        world_take_commit(others[i], mls_buffer_done(&bundle.commit));
    }
    assert_int_equal(mls_group_merge(by->group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
}

/* ann and bob keep their groups in storages, cleo has hers in memory; some epochs have ended. */
static int open_worn(void **state)
{
    static struct world_client m[4];
    static const char *const names[4] = {"ann", "bob", "cleo", "dan"};
    world_seed(41);
    for (size_t i = 0; i < 4; i++) {
        world_client_open(&m[i], names[i]);
    }
    ann = &m[0];
    bob = &m[1];
    cleo = &m[2];
    dan = &m[3];
    use_storage(ann);
    use_storage(bob);
    world_group(m, 3);
    for (size_t i = 0; i < EPOCHS; i++) {
        update(cleo, (struct world_client *const[]){ann, bob});
    }
    arena_init(&arena, memory_system(), 1u << 24);
    fail_at = 0;
    *state = m;
    return 0;
}

static int close_worn(void **state)
{
    struct world_client *m = *state;
    for (size_t i = 0; i < 4; i++) {
        world_client_close(&m[i]);
    }
    arena_clear(&arena);
    assert_int_equal(world_memory()->live, 0);
    return 0;
}

/* cleo proposes the key of an epoch that ended. */
static void propose_key(uint64_t epoch)
{
    uint8_t nonce[MLS_HASH_MAX_BYTES] = {(uint8_t)epoch};
    struct mls_psk_id id = {.type = MLS_PSK_RESUMPTION,
                            .usage = MLS_PSK_APPLICATION,
                            .group_id = mls_group_id(cleo->group),
                            .epoch = epoch,
                            .nonce = slice_of(nonce, sizeof(nonce))};
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_PSK, .psk = &id};
    struct mls_buffer content = mls_buffer_of(memory());
    mls_write_proposal(&content, &proposal);
    struct mls_buffer message =
        forge(cleo, MLS_CONTENT_PROPOSAL, as_member(cleo), mls_buffer_done(&content));
    struct world_client *others[] = {ann, bob};
    for (size_t i = 0; i < 2; i++) {
        struct mls_event event;
        assert_int_equal(mls_group_process(others[i]->group, mls_buffer_done(&message), &event),
                         MLS_OK);
        mls_event_clear(&event);
    }
    mls_buffer_clear(&message);
    mls_buffer_clear(&content);
}

/* The state without what only a storage has. */
static struct mls_buffer state_of(struct world_client *client)
{
    fail_at = 0;
    struct mls_buffer state = world_save(client);
    reads = 0;
    return state;
}

typedef enum mls_error (*call_function)(struct world_client *client, void *context);

/* How many reads the call makes; it has succeeded once then. */
static size_t fail_each_read(struct world_client *client, call_function call, void *context)
{
    struct mls_buffer before = state_of(client);
    for (size_t at = 1; at < READS_MAX; at++) {
        reads = 0;
        fail_at = at;
        enum mls_error error = call(client, context);
        if (error == MLS_OK) {
            size_t made = reads;
            assert_int_equal(made, at - 1);
            mls_buffer_clear(&before);
            return made;
        }
        assert_int_equal(error, MLS_ERR_STORAGE);
        struct mls_buffer after = state_of(client);
        assert_true(slice_equal(mls_buffer_done(&before), mls_buffer_done(&after)));
        mls_buffer_clear(&after);
    }
    fail();
    return 0;
}

static enum mls_error commit(struct world_client *client, void *context)
{
    return mls_group_commit(client->group, NULL, context);
}

static enum mls_error take(struct world_client *client, void *context)
{
    const struct mls_commit_bundle *bundle = context;
    struct mls_event event;
    enum mls_error error =
        mls_group_process(client->group, mls_buffer_done(&bundle->commit), &event);
    mls_event_clear(&event);
    return error;
}

static void a_commit_over_keys_of_ended_epochs(void **state)
{
    (void)state;
    struct mls_commit_bundle bundle;
    uint64_t now = mls_group_epoch(ann->group);
    propose_key(now - 1);
    propose_key(now - 3);
    propose_key(now);
    assert_int_equal(fail_each_read(ann, commit, &bundle), 2);
    assert_int_equal(fail_each_read(bob, take, &bundle), 2);
    assert_int_equal(mls_group_merge(ann->group, MLS_STAGED_OWN), MLS_OK);
    assert_int_equal(mls_group_merge(bob->group, MLS_STAGED_RECEIVED), MLS_OK);
    world_agree(ann, 2);
    mls_commit_bundle_clear(&bundle);
}

/* The key that proves membership is of an epoch that bob has left since. */
static enum mls_error follow(struct world_client *client, void *context)
{
    struct mls_join_options options = {.predecessor = client->group};
    return mls_group_join(client->identity, &client->package, 1, mls_buffer_done(context), &options,
                          &dan->group);
}

static void a_branch_of_an_ended_epoch(void **state)
{
    (void)state;
    struct mls_group *branch = NULL;
    struct mls_buffer welcome;
    struct slice package = world_package(bob);
    assert_int_equal(
        mls_group_succeed(ann->group, MLS_SUCCESSOR_BRANCH, NULL, &package, 1, &branch, &welcome),
        MLS_OK);
    update(cleo, (struct world_client *const[]){ann, bob});
    assert_int_equal(fail_each_read(bob, follow, &welcome), 1);
    assert_true(slice_equal(mls_group_authenticator(branch), mls_group_authenticator(dan->group)));
    mls_group_destroy(branch);
    mls_buffer_clear(&welcome);
}

static enum mls_error save(struct world_client *client, void *context)
{
    return mls_group_save(client->group, context);
}

static void a_blob_of_all(void **state)
{
    (void)state;
    struct mls_buffer blob;
    assert_true(fail_each_read(bob, save, &blob) >= EPOCHS);
    mls_buffer_clear(&blob);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_over_keys_of_ended_epochs, open_worn, close_worn),
        cmocka_unit_test_setup_teardown(a_branch_of_an_ended_epoch, open_worn, close_worn),
        cmocka_unit_test_setup_teardown(a_blob_of_all, open_worn, close_worn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
