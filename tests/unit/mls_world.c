#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mls_world.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "client/mls/group.h"

/* -- memory -- */

static void *counted_allocate(struct memory *memory, size_t size)
{
    struct world_memory *world = (struct world_memory *)memory;
    if (++world->allocations == world->fail_at) {
        return NULL;
    }
    world->live++;
    world->bytes += size;
    return malloc(size);
}

static void counted_release(struct memory *memory, void *block)
{
    struct world_memory *world = (struct world_memory *)memory;
    world->live--;
    free(block);
}

struct world_memory *world_memory(void)
{
    static struct world_memory world = {
        .memory = {.allocate = counted_allocate, .release = counted_release}};
    return &world;
}

/* -- randomness: a stream cipher over a seed -- */

static uint8_t random_key[crypto_stream_chacha20_KEYBYTES];
static uint64_t random_count;

void world_seed(uint64_t seed)
{
    memset(random_key, 0, sizeof(random_key));
    memcpy(random_key, &seed, sizeof(seed));
    random_count = 0;
}

static void world_fill(void *context, void *out, size_t size)
{
    (void)context;
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    random_count++;
    memcpy(nonce, &random_count, sizeof(random_count));
    crypto_stream_chacha20(out, size, nonce, random_key);
}

uint32_t world_random(uint32_t below)
{
    uint32_t value;
    world_fill(NULL, &value, sizeof(value));
    return value % below;
}

static uint64_t world_now_s(void *context)
{
    (void)context;
    return WORLD_NOW_S;
}

/* -- storage -- */

/* Notes are the caller's own records, beside the group's. */
#define NOTE '!'

static bool counted(struct world_storage *storage)
{
    return ++storage->operations != storage->fail_at;
}

static uint8_t *copy_of(struct slice bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    assert_non_null(copy);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

static bool note_change(struct world_storage *storage, struct slice key, uint8_t *value,
                        size_t value_size)
{
    storage->changes =
        realloc(storage->changes, (storage->change_count + 1) * sizeof(*storage->changes));
    assert_non_null(storage->changes);
    storage->changes[storage->change_count++] =
        (struct world_entry){copy_of(key), key.size, value, value_size};
    return true;
}

static bool storage_begin(struct mls_storage *base)
{
    struct world_storage *storage = (struct world_storage *)base;
    assert_false(storage->open);
    storage->open = true;
    storage->mark = storage->change_count;
    return counted(storage);
}

static bool storage_put(struct mls_storage *base, struct slice key, struct slice value)
{
    struct world_storage *storage = (struct world_storage *)base;
    assert_true(storage->open);
    storage->puts++;
    storage->put_bytes += key.size + value.size;
    return counted(storage) && note_change(storage, key, copy_of(value), value.size);
}

bool world_note(struct world_storage *storage, struct slice key, struct slice value)
{
    uint8_t name[256] = {NOTE};
    assert_true(storage->open && key.size < sizeof(name));
    memcpy(name + 1, key.data, key.size);
    return counted(storage) &&
           note_change(storage, slice_of(name, key.size + 1), copy_of(value), value.size);
}

static bool storage_erase(struct mls_storage *base, struct slice key)
{
    struct world_storage *storage = (struct world_storage *)base;
    assert_true(storage->open);
    return counted(storage) && note_change(storage, key, NULL, 0);
}

/* No key: all records of the group. */
static bool storage_erase_all(struct mls_storage *base)
{
    struct world_storage *storage = (struct world_storage *)base;
    assert_true(storage->open);
    return counted(storage) && note_change(storage, slice_of(NULL, 0), NULL, 0);
}

static size_t entry_find(const struct world_storage *storage, const struct world_entry *wanted);

static bool storage_get(struct mls_storage *base, struct slice key, uint8_t *out, size_t room,
                        size_t *out_size)
{
    struct world_storage *storage = (struct world_storage *)base;
    struct world_entry wanted = {.key = (uint8_t *)(uintptr_t)key.data, .key_size = key.size};
    size_t at = entry_find(storage, &wanted);
    *out_size = at < storage->count ? storage->entries[at].value_size : 0;
    assert_true(*out_size <= room);
    if (*out_size > 0) {
        memcpy(out, storage->entries[at].value, *out_size);
    }
    return counted(storage);
}

static bool storage_attend(struct mls_storage *base, const struct mls_outcome *outcome)
{
    struct world_storage *storage = (struct world_storage *)base;
    assert_true(storage->open);
    return counted(storage) && (storage->attend == NULL || storage->attend(storage, outcome));
}

static void entry_clear(struct world_entry *entry)
{
    free(entry->key);
    free(entry->value);
}

static void storage_abandon(struct mls_storage *base)
{
    struct world_storage *storage = (struct world_storage *)base;
    while (storage->change_count > storage->mark) {
        entry_clear(&storage->changes[--storage->change_count]);
    }
    storage->open = false;
}

static size_t entry_find(const struct world_storage *storage, const struct world_entry *wanted)
{
    size_t at = 0;
    while (at < storage->count &&
           !slice_equal(slice_of(storage->entries[at].key, storage->entries[at].key_size),
                        slice_of(wanted->key, wanted->key_size))) {
        at++;
    }
    return at;
}

const struct world_entry *world_find_note(const struct world_storage *storage, struct slice key)
{
    uint8_t name[256] = {NOTE};
    assert_true(key.size < sizeof(name));
    memcpy(name + 1, key.data, key.size);
    struct world_entry wanted = {.key = name, .key_size = key.size + 1};
    size_t at = entry_find(storage, &wanted);
    return at < storage->count ? &storage->entries[at] : NULL;
}

static bool is_note(const struct world_entry *entry)
{
    return entry->key[0] == NOTE;
}

static void drop_group(struct world_storage *storage)
{
    size_t kept = 0;
    for (size_t i = 0; i < storage->count; i++) {
        if (is_note(&storage->entries[i])) {
            storage->entries[kept++] = storage->entries[i];
        } else {
            entry_clear(&storage->entries[i]);
        }
    }
    storage->count = kept;
}

static void apply_change(struct world_storage *storage, struct world_entry change)
{
    if (change.key_size == 0) {
        drop_group(storage);
        entry_clear(&change);
        return;
    }
    size_t at = entry_find(storage, &change);
    if (at < storage->count) {
        entry_clear(&storage->entries[at]);
        storage->entries[at] = storage->entries[--storage->count];
    }
    if (change.value == NULL) {
        entry_clear(&change);
        return;
    }
    storage->entries = realloc(storage->entries, (storage->count + 1) * sizeof(*storage->entries));
    assert_non_null(storage->entries);
    storage->entries[storage->count++] = change;
}

void world_settle(struct world_storage *storage)
{
    for (size_t i = 0; i < storage->change_count; i++) {
        apply_change(storage, storage->changes[i]);
    }
    storage->change_count = 0;
    storage->mark = 0;
}

/* The client dies: what is not durable is lost. */
static void lose_changes(struct world_storage *storage)
{
    storage->mark = 0;
    storage_abandon(&storage->storage);
}

static bool storage_commit(struct mls_storage *base)
{
    struct world_storage *storage = (struct world_storage *)base;
    bool lies = storage->lie_commits || storage->operations + 1 == storage->lie_at;
    if (!counted(storage) || storage->lose_commits) {
        storage_abandon(base);
        return false;
    }
    if (!storage->holds) {
        world_settle(storage);
    }
    storage->open = false;
    return !lies;
}

struct world_storage *world_storage_open(void)
{
    struct world_storage *storage = calloc(1, sizeof(*storage));
    assert_non_null(storage);
    storage->storage = (struct mls_storage){
        .begin = storage_begin,
        .put = storage_put,
        .erase = storage_erase,
        .commit = storage_commit,
        .abandon = storage_abandon,
        .erase_all = storage_erase_all,
        .get = storage_get,
        .attend = storage_attend,
    };
    return storage;
}

void world_storage_close(struct world_storage *storage)
{
    if (storage == NULL) {
        return;
    }
    lose_changes(storage);
    for (size_t i = 0; i < storage->count; i++) {
        entry_clear(&storage->entries[i]);
    }
    free(storage->entries);
    free(storage->changes);
    free(storage);
}

/* -- clients -- */

void world_client_open(struct world_client *client, const char *name)
{
    *client = (struct world_client){0};
    client->environment = (struct mls_environment){
        .memory = &world_memory()->memory,
        .guarded = &world_memory()->memory,
        .random = world_fill,
        .now_s = world_now_s,
        .policy = {.takes_open_members = true, .takes_outside_proposals = true},
    };
    assert_int_equal(
        mls_identity_create(&client->environment, SUITE, slice_of_text(name), &client->identity),
        MLS_OK);
}

void world_client_close(struct world_client *client)
{
    mls_group_destroy(client->group);
    mls_key_package_destroy(client->package);
    mls_identity_destroy(client->identity);
    world_storage_close(client->storage);
    *client = (struct world_client){0};
}

void world_use_policy(struct world_client *client)
{
    client->identity->environment.policy = client->environment.policy;
    if (client->group != NULL) {
        client->group->environment.policy = client->environment.policy;
    }
}

void world_client_use_storage(struct world_client *client)
{
    client->storage = world_storage_open();
}

static struct mls_storage *storage_of(struct world_client *client)
{
    return client->storage == NULL ? NULL : &client->storage->storage;
}

struct slice world_package(struct world_client *client)
{
    mls_key_package_destroy(client->package);
    client->package = NULL;
    assert_int_equal(mls_key_package_create(client->identity, NULL, &client->package), MLS_OK);
    return mls_key_package_message(client->package);
}

void world_create(struct world_client *client, const char *group_id)
{
    struct mls_group_options options = {.group_id = slice_of_text(group_id),
                                        .storage = storage_of(client)};
    assert_int_equal(mls_group_create(client->identity, &options, &client->group), MLS_OK);
}

void world_take_commit(struct world_client *client, struct slice commit)
{
    struct mls_event event;
    assert_int_equal(mls_group_process(client->group, commit, &event), MLS_OK);
    assert_int_equal(event.type, MLS_EVENT_COMMIT);
    mls_event_clear(&event);
    assert_int_equal(mls_group_merge(client->group, MLS_STAGED_RECEIVED), MLS_OK);
}

void world_join(struct world_client *client, struct slice welcome)
{
    struct mls_join_options options = {.storage = storage_of(client)};
    assert_int_equal(
        mls_group_join(client->identity, &client->package, 1, welcome, &options, &client->group),
        MLS_OK);
}

void world_add(struct world_client *committer, struct world_client *joiner,
               struct world_client *const *members, size_t count)
{
    struct slice package = world_package(joiner);
    struct mls_commit_options options = {.add = &package, .add_count = 1, .with_path = true};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(committer->group, &options, &bundle), MLS_OK);
    for (size_t i = 0; i < count; i++) {
        if (members[i] != NULL && members[i] != committer && members[i] != joiner) {
            world_take_commit(members[i], mls_buffer_done(&bundle.commit));
        }
    }
    assert_int_equal(mls_group_merge(committer->group, MLS_STAGED_OWN), MLS_OK);
    world_join(joiner, mls_buffer_done(&bundle.welcome));
    mls_commit_bundle_clear(&bundle);
}

void world_group(struct world_client *clients, size_t count)
{
    struct slice *packages = calloc(count, sizeof(*packages));
    struct mls_commit_bundle bundle;
    assert_non_null(packages);
    world_create(&clients[0], "a group");
    for (size_t i = 1; i < count; i++) {
        packages[i - 1] = world_package(&clients[i]);
    }
    struct mls_commit_options options = {.add = packages, .add_count = count - 1};
    assert_int_equal(mls_group_commit(clients[0].group, &options, &bundle), MLS_OK);
    assert_int_equal(mls_group_merge(clients[0].group, MLS_STAGED_OWN), MLS_OK);
    for (size_t i = 1; i < count; i++) {
        world_join(&clients[i], mls_buffer_done(&bundle.welcome));
    }
    mls_commit_bundle_clear(&bundle);
    free(packages);
}

void world_agree(struct world_client *clients, size_t count)
{
    const struct world_client *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct mls_group *group = clients[i].group;
        if (group == NULL || !mls_group_is_active(group)) {
            continue;
        }
        if (first == NULL) {
            first = &clients[i];
        }
        assert_int_equal(mls_group_epoch(group), mls_group_epoch(first->group));
        assert_true(
            slice_equal(mls_group_authenticator(group), mls_group_authenticator(first->group)));
    }
}

void world_talk(struct world_client *clients, size_t count, size_t sender)
{
    static const char text[] = "a message to all of you";
    struct mls_buffer message;
    struct mls_event event;
    assert_int_equal(mls_group_encrypt(clients[sender].group, slice_of_text(text),
                                       slice_of_text("in the open"), &message),
                     MLS_OK);
    for (size_t i = 0; i < count; i++) {
        if (i == sender || clients[i].group == NULL || !mls_group_is_active(clients[i].group)) {
            continue;
        }
        assert_int_equal(mls_group_process(clients[i].group, mls_buffer_done(&message), &event),
                         MLS_OK);
        assert_true(slice_equal(event.data, slice_of_text(text)));
        assert_true(slice_equal(event.authenticated_data, slice_of_text("in the open")));
        assert_int_equal(event.sender_index, mls_group_own_leaf(clients[sender].group));
        mls_event_clear(&event);
    }
    mls_buffer_clear(&message);
}

struct mls_buffer world_save(const struct world_client *client)
{
    struct mls_buffer blob;
    assert_int_equal(mls_group_save(client->group, &blob), MLS_OK);
    return blob;
}

struct mls_group *world_restore(struct world_client *client)
{
    struct world_storage *storage = client->storage;
    struct mls_record *records = calloc(storage->count + 1, sizeof(*records));
    struct mls_group *group = NULL;
    size_t count = 0;
    assert_non_null(records);
    for (size_t i = 0; i < storage->count; i++) {
        const struct world_entry *entry = &storage->entries[i];
        if (!is_note(entry)) {
            records[count].key = slice_of(entry->key, entry->key_size);
            records[count++].value = slice_of(entry->value, entry->value_size);
        }
    }
    if (count > 0) {
        assert_int_equal(
            mls_group_restore(client->identity, records, count, &storage->storage, &group), MLS_OK);
    }
    free(records);
    return group;
}

static void reload_records(struct world_client *client)
{
    mls_group_destroy(client->group);
    lose_changes(client->storage);
    client->group = world_restore(client);
    assert_non_null(client->group);
}

void world_reload(struct world_client *client)
{
    if (client->storage != NULL) {
        reload_records(client);
        return;
    }
    struct mls_buffer blob = world_save(client);
    mls_group_destroy(client->group);
    client->group = NULL;
    assert_int_equal(mls_group_load(client->identity, mls_buffer_done(&blob), NULL, &client->group),
                     MLS_OK);
    struct mls_buffer again = world_save(client);
    assert_true(slice_equal(mls_buffer_done(&blob), mls_buffer_done(&again)));
    mls_buffer_clear(&blob);
    mls_buffer_clear(&again);
}
