/*
 * Any bytes to a group: as a message, as the content of a message that a member has signed, as a
 * welcome, a group info or a stored state. No crash, and a group that refused is as it was.
 * The first byte chooses.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/assert.h"
#include "client/mls/group.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SUITE MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519

struct client {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
};

/* Signs, and reads. */
static struct client ann;
static struct client bob;
static struct mls_buffer bob_before;

/* The same every time, so that a finding can be replayed. */
static void counted_random(void *context, void *out, size_t size)
{
    static uint64_t count;
    uint8_t key[crypto_stream_chacha20_KEYBYTES] = {1};
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
    client->environment = (struct mls_environment){
        .guarded = memory_system(),
        .random = counted_random,
        .policy = {.takes_open_members = true, .takes_outside_proposals = true}};
    must(mls_identity_create(&client->environment, SUITE, slice_of_text(name), &client->identity));
    must(mls_key_package_create(client->identity, NULL, &client->package));
}

static void prepare(void)
{
    struct mls_commit_bundle bundle;
    if (ann.identity != NULL) {
        return;
    }
    COLUMBA_ASSERT(sodium_init() >= 0);
    client_open(&ann, "ann");
    client_open(&bob, "bob");
    struct mls_group_options named = {.group_id = slice_of_text("fuzz")};
    must(mls_group_create(ann.identity, &named, &ann.group));
    struct slice package = mls_key_package_message(bob.package);
    struct mls_commit_options adding = {.add = &package, .add_count = 1, .with_path = true};
    must(mls_group_commit(ann.group, &adding, &bundle));
    must(mls_group_merge(ann.group, MLS_STAGED_OWN));
    must(mls_group_join(bob.identity, &bob.package, 1, mls_buffer_done(&bundle.welcome), NULL,
                        &bob.group));
    mls_commit_bundle_clear(&bundle);
    must(mls_group_save(bob.group, &bob_before));
}

static void put_back(void)
{
    mls_group_destroy(bob.group);
    bob.group = NULL;
    must(mls_group_load(bob.identity, mls_buffer_done(&bob_before), NULL, &bob.group));
}

/* What was taken can be looked at. */
static void look_around(void)
{
    struct mls_staged_view staged;
    struct mls_proposal_view view;
    size_t pending = 0;
    size_t index = 0;
    size_t covered = 0;
    while (mls_group_next_proposal(bob.group, &pending, &view)) {
        must(mls_group_set_aside(bob.group, view.reference, !view.is_aside));
    }
    if (mls_group_look_at_staged(bob.group, MLS_STAGED_RECEIVED, &staged) == MLS_OK) {
        while (mls_group_next_staged_proposal(bob.group, MLS_STAGED_RECEIVED, &index, &view)) {
            covered++;
        }
        COLUMBA_ASSERT(covered == staged.proposal_count);
    }
}

static void process(struct slice message)
{
    struct mls_event event;
    struct mls_buffer after;
    enum mls_error error = mls_group_process(bob.group, message, &event);
    mls_event_clear(&event);
    if (error == MLS_OK) {
        look_around();
        if (mls_group_has_staged(bob.group, MLS_STAGED_RECEIVED)) {
            (void)mls_group_merge(bob.group, MLS_STAGED_RECEIVED);
        }
        put_back();
        return;
    }
    must(mls_group_save(bob.group, &after));
    COLUMBA_ASSERT(slice_equal(mls_buffer_done(&after), mls_buffer_done(&bob_before)));
    mls_buffer_clear(&after);
}

/* A public message with this content, rightly signed and tagged by ann. */
static void process_signed(enum mls_content_type type, struct slice content)
{
    struct mls_outgoing outgoing;
    struct mls_buffer message;
    struct mls_secret_step step;
    bool has_step;
    uint8_t tag[MLS_HASH_MAX_BYTES] = {0};
    mls_outgoing_init(&outgoing, ann.group, ann.group->current, type, MLS_COAT_PUBLIC,
                      slice_of(NULL, 0));
    mls_write_bytes(&outgoing.frame, content);
    must(mls_outgoing_sign(&outgoing, ann.group));
    must(mls_outgoing_protect(&outgoing, ann.group,
                              type == MLS_CONTENT_COMMIT ? slice_of(tag, sizeof(tag))
                                                         : slice_of(NULL, 0),
                              &message, &step, &has_step));
    process(mls_buffer_done(&message));
    mls_buffer_clear(&message);
    mls_outgoing_clear(&outgoing);
}

static void join(struct slice message)
{
    struct mls_group *group = NULL;
    if (mls_group_join(bob.identity, &bob.package, 1, message, NULL, &group) == MLS_OK) {
        mls_group_destroy(group);
    }
}

static void join_external(struct slice message)
{
    struct mls_group *group = NULL;
    struct mls_buffer commit;
    if (mls_group_join_external(bob.identity, message, NULL, &group, &commit) == MLS_OK) {
        mls_group_destroy(group);
    }
    mls_buffer_clear(&commit);
}

static void load(struct slice blob)
{
    struct mls_group *group = NULL;
    struct mls_buffer again;
    if (mls_group_load(bob.identity, blob, NULL, &group) == MLS_OK) {
        must(mls_group_save(group, &again));
        mls_buffer_clear(&again);
        mls_group_destroy(group);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size < 1) {
        return 0;
    }
    struct slice input = slice_of(data + 1, size - 1);
    switch (data[0] % 6) {
    case 0:
        process(input);
        break;
    case 1:
        join(input);
        break;
    case 2:
        process_signed(MLS_CONTENT_COMMIT, input);
        break;
    case 3:
        process_signed(MLS_CONTENT_PROPOSAL, input);
        break;
    case 4:
        join_external(input);
        break;
    default:
        load(input);
        break;
    }
    return 0;
}
