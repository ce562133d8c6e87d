/*
 * What a group costs: the records that a change writes, memory and memory maps; and that what is
 * not kept (trees of past epochs, resumption keys in memory) is found all the same.
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
#include <unistd.h>

#include "mls_world.h"

#include "client/mls/state.h"

static void count_from_here(struct world_client *client)
{
    client->storage->puts = 0;
    client->storage->put_bytes = 0;
}

static void two_open(struct world_client two[2])
{
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    world_client_use_storage(&two[0]);
    world_client_use_storage(&two[1]);
    world_group(two, 2);
}

static void two_close(struct world_client two[2])
{
    world_client_close(&two[0]);
    world_client_close(&two[1]);
}

static struct mls_buffer send(struct world_client *client)
{
    struct mls_buffer message;
    assert_int_equal(
        mls_group_encrypt(client->group, slice_of_text("text"), slice_of(NULL, 0), &message),
        MLS_OK);
    return message;
}

static void receive(struct world_client *client, struct mls_buffer *message)
{
    struct mls_event event;
    assert_int_equal(mls_group_process(client->group, mls_buffer_done(message), &event), MLS_OK);
    mls_event_clear(&event);
    mls_buffer_clear(message);
}

/* An update by the first, taken by the second. */
static void update(struct world_client *from, struct world_client *to)
{
    struct mls_commit_options options = {.with_path = true};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(from->group, &options, &bundle), MLS_OK);
    world_take_commit(to, mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(from->group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
}

/* -- what is written -- */

static void a_message_is_one_small_record(void **state)
{
    (void)state;
    enum { KEPT = 100 };
    struct world_client two[2];
    struct mls_buffer late[KEPT];
    two_open(two);
    world_talk(two, 2, 0);
    for (size_t i = 0; i < KEPT; i++) {
        late[i] = send(&two[0]);
    }
    struct mls_buffer message = send(&two[0]);
    receive(&two[1], &message); /* keeps the keys of all before it */
    message = send(&two[0]);
    count_from_here(&two[0]);
    count_from_here(&two[1]);
    receive(&two[1], &message);
    assert_int_equal(two[1].storage->puts, 1);
    assert_true(two[1].storage->put_bytes < 100);
    message = send(&two[0]);
    assert_int_equal(two[0].storage->puts, 1);
    assert_true(two[0].storage->put_bytes < 100);
    receive(&two[1], &message);
    count_from_here(&two[1]);
    for (size_t i = 0; i < KEPT; i++) {
        world_reload(&two[1]);
        receive(&two[1], &late[i]);
    }
    assert_int_equal(two[1].storage->puts, 0); /* they are only erased */
    two_close(two);
}

static size_t count_kind(const struct world_client *client, char kind)
{
    size_t count = 0;
    for (size_t i = 0; i < client->storage->count; i++) {
        count += client->storage->entries[i].key[0] == (uint8_t)kind;
    }
    return count;
}

/* The keys of the oldest are given up, in the storage too. */
static void few_keys_of_overtaken_messages_are_kept(void **state)
{
    (void)state;
    struct world_client two[2];
    two_open(two);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 100; i++) {
            struct mls_buffer lost = send(&two[0]);
            mls_buffer_clear(&lost);
        }
        struct mls_buffer message = send(&two[0]);
        receive(&two[1], &message);
        size_t kept = 100 * (round + 1);
        assert_int_equal(count_kind(&two[1], 'X'), kept < 128 ? kept : 128); /* as is promised */
        struct mls_buffer before = world_save(&two[1]);
        world_reload(&two[1]);
        struct mls_buffer after = world_save(&two[1]);
        assert_true(slice_equal(mls_buffer_done(&before), mls_buffer_done(&after)));
        mls_buffer_clear(&before);
        mls_buffer_clear(&after);
    }
    two_close(two);
}

/* A path in a tree of 1,000 is ten nodes, and nothing else of the tree is written. */
static void a_commit_writes_its_path(void **state)
{
    (void)state;
    enum { MEMBERS = 1000 };
    struct world_client *m = calloc(MEMBERS, sizeof(*m));
    struct slice *packages = calloc(MEMBERS, sizeof(*packages));
    struct mls_commit_bundle bundle;
    assert_non_null(m);
    assert_non_null(packages);
    for (size_t i = 0; i < MEMBERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "member-%zu", i);
        world_client_open(&m[i], name);
        packages[i] = world_package(&m[i]);
    }
    world_client_use_storage(&m[0]);
    world_client_use_storage(&m[MEMBERS - 1]);
    world_create(&m[0], "a thousand");
    struct mls_commit_options all = {.add = packages + 1, .add_count = MEMBERS - 1};
    assert_int_equal(mls_group_commit(m[0].group, &all, &bundle), MLS_OK);
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    struct mls_join_options join = {.storage = &m[MEMBERS - 1].storage->storage};
    assert_int_equal(mls_group_join(m[MEMBERS - 1].identity, &m[MEMBERS - 1].package, 1,
                                    mls_buffer_done(&bundle.welcome), &join, &m[MEMBERS - 1].group),
                     MLS_OK);
    mls_commit_bundle_clear(&bundle);
    update(&m[MEMBERS - 1], &m[0]);
    for (int i = 0; i < 2; i++) {
        count_from_here(&m[0]);
        count_from_here(&m[MEMBERS - 1]);
        update(&m[0], &m[MEMBERS - 1]);
        assert_true(m[0].storage->put_bytes < 6000);
        assert_true(m[MEMBERS - 1].storage->put_bytes < 4000);
    }
    world_reload(&m[0]);
    world_reload(&m[MEMBERS - 1]);
    update(&m[MEMBERS - 1], &m[0]);
    for (size_t i = 0; i < MEMBERS; i++) {
        world_client_close(&m[i]);
    }
    free(packages);
    free(m);
}

static size_t count_records(const struct world_client *client, size_t *out_unread)
{
    *out_unread = 0;
    for (size_t i = 0; i < client->storage->count; i++) {
        *out_unread += client->storage->entries[i].key[0] >= MLS_RECORD_UNREAD;
    }
    return client->storage->count - *out_unread;
}

static void a_long_use_leaves_no_weight(void **state)
{
    (void)state;
    struct world_client two[2];
    size_t records = 0;
    size_t live = 0;
    size_t unread = 0;
    two_open(two);
    for (size_t epoch = 0; epoch < 2 * MLS_RESUMPTION_EPOCHS_MAX; epoch++) {
        world_talk(two, 2, epoch % 2);
        world_talk(two, 2, (epoch + 1) % 2);
        update(&two[epoch % 2], &two[(epoch + 1) % 2]);
        if (epoch == MLS_PAST_EPOCHS_DEFAULT) {
            records = count_records(&two[0], &unread);
            live = world_memory()->live;
        }
    }
    assert_int_equal(count_records(&two[0], &unread), records);
    assert_int_equal(unread, MLS_RESUMPTION_EPOCHS_MAX);
    assert_int_equal(world_memory()->live, live);
    two_close(two);
}

/* -- what is not kept -- */

static void resumption_keys_are_found_where_they_are(void **state)
{
    (void)state;
    struct world_client two[2];
    static uint8_t keys[MLS_RESUMPTION_EPOCHS_MAX + 20][MLS_HASH_MAX_BYTES];
    size_t epochs = sizeof(keys) / sizeof(keys[0]);
    uint8_t found_key[MLS_HASH_MAX_BYTES];
    bool found = false;
    world_client_open(&two[0], "ann");
    world_client_open(&two[1], "bob");
    world_client_use_storage(&two[0]); /* bob keeps them in memory */
    world_group(two, 2);
    uint64_t first = mls_group_epoch(two[0].group);
    for (size_t i = 0; i < epochs; i++) {
        memcpy(keys[i], two[0].group->current->secrets->resumption, MLS_HASH_MAX_BYTES);
        update(&two[i % 2], &two[(i + 1) % 2]);
    }
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < epochs; i++) {
            for (size_t k = 0; k < 2; k++) {
                assert_int_equal(mls_resumption_find(two[k].group, first + i, found_key, &found),
                                 MLS_OK);
                assert_int_equal(found, i >= epochs - MLS_RESUMPTION_EPOCHS_MAX);
                assert_true(!found || memcmp(found_key, keys[i], sizeof(found_key)) == 0);
            }
        }
        world_reload(&two[0]);
        world_reload(&two[1]);
    }
    assert_null(two[0].group->resumption);
    two[0].storage->operations = 0;
    two[0].storage->fail_at = 1;
    assert_int_equal(mls_resumption_find(two[0].group, first + epochs - 2, found_key, &found),
                     MLS_ERR_STORAGE);
    two[0].storage->fail_at = 0;
    two_close(two);
}

/* Trees of past epochs, kept here only. */
struct history {
    struct mls_tree *tree;
    uint64_t epoch;
};

static void check_signers(const struct mls_group *group, const struct history *history,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct mls_epoch *epoch = mls_group_find_epoch(group, history[i].epoch);
        for (uint32_t leaf = 0; epoch != NULL && leaf < 40; leaf++) {
            const struct mls_leaf_node *member = mls_tree_leaf(history[i].tree, leaf);
            struct mls_credential_view signer;
            bool found = mls_group_find_signer(group, epoch, leaf, &signer);
            assert_int_equal(found, member != NULL);
            assert_true(!found || (slice_equal(signer.signature_key, member->signature_key) &&
                                   slice_equal(signer.identity, member->credential.content)));
        }
    }
}

static void signers_of_past_epochs_are_known(void **state)
{
    (void)state;
    enum { COMMITS = 60 };
    static struct world_client ann;
    static struct world_client others[COMMITS];
    static struct history history[COMMITS];
    world_seed(7);
    world_client_open(&ann, "ann");
    world_client_use_storage(&ann);
    world_create(&ann, "changing");
    assert_int_equal(mls_group_set_past_epochs(ann.group, MLS_PAST_EPOCHS_MAX), MLS_OK);
    for (size_t i = 0; i < COMMITS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "member-%zu", i);
        world_client_open(&others[i], name);
        assert_int_equal(mls_tree_clone(ann.group->current->tree, &history[i].tree), MLS_OK);
        history[i].epoch = mls_group_epoch(ann.group);
        struct slice package = world_package(&others[i]);
        uint32_t leaf = 1 + world_random(12);
        bool removes = mls_tree_leaf(ann.group->current->tree, leaf) != NULL;
        bool adds = world_random(3) > 0;
        struct mls_commit_options options = {.add = &package,
                                             .add_count = adds,
                                             .remove = &leaf,
                                             .remove_count = removes,
                                             .with_path = true};
        struct mls_commit_bundle bundle;
        assert_int_equal(mls_group_commit(ann.group, &options, &bundle), MLS_OK);
        world_reload(&ann);
        assert_int_equal(mls_group_merge(ann.group, MLS_STAGED_OWN), MLS_OK);
        mls_commit_bundle_clear(&bundle);
        check_signers(ann.group, history, i + 1);
        world_reload(&ann);
        check_signers(ann.group, history, i + 1);
    }
    for (size_t i = 0; i < COMMITS; i++) {
        mls_tree_destroy(history[i].tree);
        world_client_close(&others[i]);
    }
    world_client_close(&ann);
}

/* -- what the process has, where no sanitizer has its own -- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static size_t count_maps(void)
{
    size_t count = 0;
    int byte;
    FILE *file = fopen("/proc/self/maps", "r");
    assert_non_null(file);
    while ((byte = fgetc(file)) != EOF) {
        count += byte == '\n';
    }
    (void)fclose(file);
    return count;
}

static size_t resident_bytes(void)
{
    size_t total = 0;
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &total, &pages), 2);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* In all: with the program and its libraries. */
static void a_thousand_groups_are_12_megabytes_and_64_maps(void **state)
{
    (void)state;
    enum { GROUPS = 1000 };
    static struct mls_group *groups[GROUPS];
    struct mls_identity *identity = NULL;
    struct mls_group *group = NULL;
    struct mls_buffer blob;
    assert_int_equal(mls_identity_create(NULL, SUITE, slice_of_text("ann"), &identity), MLS_OK);
    assert_int_equal(mls_group_create(identity, NULL, &group), MLS_OK);
    struct mls_identity *other = NULL;
    struct mls_key_package *package = NULL;
    assert_int_equal(mls_identity_create(NULL, SUITE, slice_of_text("bob"), &other), MLS_OK);
    assert_int_equal(mls_key_package_create(other, NULL, &package), MLS_OK);
    struct slice message = mls_key_package_message(package);
    struct mls_commit_options adding = {.add = &message, .add_count = 1, .with_path = true};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(group, &adding, &bundle), MLS_OK);
    assert_int_equal(mls_group_merge(group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    assert_int_equal(mls_group_save(group, &blob), MLS_OK);
    for (size_t i = 0; i < GROUPS; i++) {
        assert_int_equal(mls_group_load(identity, mls_buffer_done(&blob), NULL, &groups[i]),
                         MLS_OK);
    }
    assert_true(resident_bytes() < 12u * 1000 * 1000);
    assert_true(count_maps() <= 64);
    for (size_t i = 0; i < GROUPS; i++) {
        mls_group_destroy(groups[i]);
    }
    mls_buffer_clear(&blob);
    mls_group_destroy(group);
    mls_key_package_destroy(package);
    mls_identity_destroy(identity);
    mls_identity_destroy(other);
}

#endif

static void records_of_another_version_are_refused(void **state)
{
    (void)state;
    struct world_client two[2];
    struct mls_group *group = NULL;
    two_open(two);
    for (size_t i = 0; i < two[0].storage->count; i++) {
        const struct world_entry *entry = &two[0].storage->entries[i];
        if (entry->key[0] != 'G') {
            continue;
        }
        struct mls_record record = {slice_of(entry->key, entry->key_size),
                                    slice_of(entry->value, entry->value_size)};
        for (uint8_t version = 0; version < MLS_STATE_VERSION; version++) {
            entry->value[0] = 0;
            entry->value[1] = version;
            assert_int_equal(mls_group_restore(two[0].identity, &record, 1, NULL, &group),
                             MLS_ERR_STATE_VERSION);
        }
    }
    assert_non_null(strstr(mls_error_text(MLS_ERR_STATE_VERSION), "join the group again"));
    two_close(two);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(a_thousand_groups_are_12_megabytes_and_64_maps),
#endif
        cmocka_unit_test(a_message_is_one_small_record),
        cmocka_unit_test(few_keys_of_overtaken_messages_are_kept),
        cmocka_unit_test(a_commit_writes_its_path),
        cmocka_unit_test(a_long_use_leaves_no_weight),
        cmocka_unit_test(resumption_keys_are_found_where_they_are),
        cmocka_unit_test(signers_of_past_epochs_are_known),
        cmocka_unit_test(records_of_another_version_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
