/*
 * A group from records of which one is damaged. The base is whole and has every kind of record: a
 * staged commit, pending proposals, past epochs, overtaken messages, pre-shared and resumption
 * keys. No crash; and a group that was restored can be used and stored.
 *
 * The input: which record, how it is changed, where, and the bytes for it. Seeds:
 * tests/fuzz/corpus/mls_records.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/cursor.h"
#include "client/mls/codec.h"
#include "client/mls/mls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SUITE MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519
#define RECORDS_MAX 128u
#define RECORD_MAX_BYTES 4096u

enum change {
    OVERWRITE, /* from the place on */
    REPLACE,   /* the whole value */
    RENAME,    /* the key, from the place on */
    CUT,       /* at the place */
    DROP,
    CHANGES,
};

struct client {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
};

static struct client ann;
static struct client bob;
static struct mls_buffer blob; /* that the records are views of */
static struct mls_record base[RECORDS_MAX];
static size_t base_count;
static struct mls_buffer message; /* to the group that is restored */

/* The same every time, so that a finding can be replayed. */
static void counted_random(void *context, void *out, size_t size)
{
    static uint64_t count;
    uint8_t key[crypto_stream_chacha20_KEYBYTES] = {2};
    uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};
    (void)context;
    count++;
    memcpy(nonce, &count, sizeof(nonce));
    crypto_stream_chacha20(out, size, nonce, key);
}

static void must(enum mls_error error)
{
    COLUMBA_ASSERT(error == MLS_OK);
}

static void client_open(struct client *client, const char *name)
{
    client->environment =
        (struct mls_environment){.guarded = memory_system(), .random = counted_random};
    must(mls_identity_create(&client->environment, SUITE, slice_of_text(name), &client->identity));
    must(mls_key_package_create(client->identity, NULL, &client->package));
}

static void commit(const struct mls_commit_options *options)
{
    struct mls_commit_bundle bundle;
    must(mls_group_commit(ann.group, options, &bundle));
    if (bob.group != NULL) {
        struct mls_event event;
        must(mls_group_process(bob.group, mls_buffer_done(&bundle.commit), &event));
        mls_event_clear(&event);
        must(mls_group_merge(bob.group, MLS_STAGED_RECEIVED));
    }
    must(mls_group_merge(ann.group, MLS_STAGED_OWN));
    if (bob.group == NULL) {
        must(mls_group_join(bob.identity, &bob.package, 1, mls_buffer_done(&bundle.welcome), NULL,
                            &bob.group));
    }
    mls_commit_bundle_clear(&bundle);
}

static void talk(bool arrives)
{
    struct mls_event event;
    mls_buffer_clear(&message);
    must(mls_group_encrypt(ann.group, slice_of_text("text"), slice_of(NULL, 0), &message));
    if (arrives) {
        must(mls_group_process(bob.group, mls_buffer_done(&message), &event));
        mls_event_clear(&event);
    }
}

static void stage_and_propose(void)
{
    struct mls_commit_options update = {.with_path = true};
    struct mls_proposal_options proposal = {.kind = MLS_PROPOSE_UPDATE};
    struct mls_buffer proposed;
    struct mls_commit_bundle bundle;
    must(mls_group_propose(bob.group, &proposal, &proposed));
    update.leave_pending = true;
    must(mls_group_commit(bob.group, &update, &bundle));
    mls_buffer_clear(&proposed);
    mls_commit_bundle_clear(&bundle);
}

/* Behind its version, a blob is keys and values by turns, up to an empty key. */
static void list_records(void)
{
    struct reader reader = reader_of(mls_buffer_done(&blob));
    (void)reader_u16(&reader);
    struct slice key = mls_read_vector(&reader);
    while (key.size > 0) {
        COLUMBA_ASSERT(base_count < RECORDS_MAX);
        base[base_count++] = (struct mls_record){key, mls_read_vector(&reader)};
        key = mls_read_vector(&reader);
    }
    COLUMBA_ASSERT(!reader.failed);
}

static void prepare(void)
{
    if (ann.identity != NULL) {
        return;
    }
    COLUMBA_ASSERT(sodium_init() >= 0);
    client_open(&ann, "ann");
    client_open(&bob, "bob");
    must(mls_group_create(ann.identity, NULL, &ann.group));
    struct slice package = mls_key_package_message(bob.package);
    struct mls_commit_options adding = {.add = &package, .add_count = 1, .with_path = true};
    struct mls_commit_options update = {.with_path = true};
    struct mls_psk psk = {slice_of_text("id"), slice_of_text("secret")};
    message = mls_buffer_of(memory_system());
    commit(&adding);
    must(mls_group_add_psk(bob.group, &psk));
    for (int epoch = 0; epoch < 3; epoch++) {
        talk(false);
        talk(false);
        talk(true);
        commit(&update);
    }
    talk(false);
    talk(true);
    stage_and_propose();
    talk(false);
    must(mls_group_save(bob.group, &blob));
    list_records();
}

static struct slice change_bytes(struct slice old, enum change change, size_t at, struct slice with,
                                 uint8_t *room)
{
    size_t size = old.size < RECORD_MAX_BYTES ? old.size : RECORD_MAX_BYTES;
    if (change == REPLACE) {
        return with;
    }
    at = size == 0 ? 0 : at % size;
    memcpy(room, old.data, size);
    if (change == CUT) {
        return slice_of(room, at);
    }
    size_t count = with.size < size - at ? with.size : size - at;
    if (count > 0) {
        memcpy(room + at, with.data, count);
    }
    return slice_of(room, size);
}

static void use(struct mls_group *group)
{
    struct mls_event event;
    struct mls_buffer saved;
    struct mls_buffer sent;
    (void)mls_group_process(group, mls_buffer_done(&message), &event);
    mls_event_clear(&event);
    if (mls_group_encrypt(group, slice_of_text("text"), slice_of(NULL, 0), &sent) == MLS_OK) {
        mls_buffer_clear(&sent);
    }
    must(mls_group_save(group, &saved));
    mls_buffer_clear(&saved);
    if (mls_group_merge(group, MLS_STAGED_OWN) == MLS_OK) {
        struct mls_commit_options update = {.with_path = true};
        struct mls_commit_bundle bundle;
        if (mls_group_commit(group, &update, &bundle) == MLS_OK) {
            mls_commit_bundle_clear(&bundle);
        }
    }
    mls_group_destroy(group);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[RECORD_MAX_BYTES];
    struct mls_record records[RECORDS_MAX];
    struct mls_group *group = NULL;
    prepare();
    if (size < 4) {
        return 0;
    }
    size_t which = data[0] % base_count;
    enum change change = (enum change)(data[1] % CHANGES);
    size_t at = (size_t)data[2] << 8 | data[3];
    struct slice with = slice_of(data + 4, size - 4);
    size_t count = base_count;
    memcpy(records, base, base_count * sizeof(*base));
    if (change == DROP) {
        records[which] = records[--count];
    } else if (change == RENAME) {
        records[which].key = change_bytes(records[which].key, OVERWRITE, at, with, room);
    } else {
        records[which].value = change_bytes(records[which].value, change, at, with, room);
    }
    if (mls_group_restore(bob.identity, records, count, NULL, &group) == MLS_OK) {
        use(group);
    }
    return 0;
}
