/*
 * The scene for tests of the validation rules of RFC 9420. A forger is a member who signs whatever
 * it is told: its messages are right in all but the one thing, and must get that rule's error.
 */
#ifndef COLUMBA_TESTS_MLS_FORGER_H
#define COLUMBA_TESTS_MLS_FORGER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>

#include "mls_world.h"

#include "client/mls/commit_make.h"
#include "client/mls/extension.h"
#include "client/mls/hpke.h"
#include "client/mls/label.h"
#include "client/mls/tree_hash.h"

#define FIVE 5

/* ann forges, bob judges, cleo is there too; dan and eve are outside. */
static struct world_client *ann;
static struct world_client *bob;
static struct world_client *cleo;
static struct world_client *dan;
static struct world_client *eve;
static struct arena arena;

static inline int five_open(void **state)
{
    static struct world_client m[FIVE];
    static const char *const names[FIVE] = {"ann", "bob", "cleo", "dan", "eve"};
    world_seed(13);
    for (size_t i = 0; i < FIVE; i++) {
        world_client_open(&m[i], names[i]);
    }
    ann = &m[0];
    bob = &m[1];
    cleo = &m[2];
    dan = &m[3];
    eve = &m[4];
    world_group(m, 3);
    (void)world_package(dan);
    (void)world_package(eve);
    arena_init(&arena, memory_system(), 1u << 24);
    *state = m;
    return 0;
}

static inline int five_close(void **state)
{
    struct world_client *m = *state;
    for (size_t i = 0; i < FIVE; i++) {
        world_client_close(&m[i]);
    }
    arena_clear(&arena);
    assert_int_equal(world_memory()->live, 0);
    return 0;
}

static inline struct memory *memory(void)
{
    return &world_memory()->memory;
}

static inline const struct mls_suite *suite(void)
{
    return ann->identity->suite;
}

static inline struct slice nothing(void)
{
    return slice_of(NULL, 0);
}

/* What bob says of a message; his state must stay as it was unless he takes it. */
static inline enum mls_error judge_by(struct world_client *judge, struct mls_buffer *message)
{
    struct mls_event event;
    struct mls_buffer before = world_save(judge);
    enum mls_error error = mls_group_process(judge->group, mls_buffer_done(message), &event);
    mls_event_clear(&event);
    if (error != MLS_OK) {
        struct mls_buffer after = world_save(judge);
        assert_true(slice_equal(mls_buffer_done(&before), mls_buffer_done(&after)));
        mls_buffer_clear(&after);
    }
    mls_buffer_clear(&before);
    mls_buffer_clear(message);
    return error;
}

/* Points of small order (RFC 7748, 6.1): 0, 1, both of order 8, -1, and others that stand for 0 and
 * 1; the highest bit does not count. */
#define UNUSABLE_KEYS 8

static inline struct slice unusable_key(size_t number)
{
    static const uint8_t keys[UNUSABLE_KEYS][32] = {
        {0},
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
         0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
         0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
         0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
         0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
         0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80},
    };
    return slice_of(keys[number], sizeof(keys[number]));
}

/* -- forged contents -- */

static inline struct mls_buffer forge(struct world_client *forger, enum mls_content_type type,
                                      struct mls_sender sender, struct slice content)
{
    struct mls_group *group = forger->group;
    struct mls_outgoing outgoing;
    struct mls_buffer message;
    struct mls_secret_step step;
    bool has_step;
    uint8_t tag[MLS_HASH_MAX_BYTES] = {0};
    mls_outgoing_init(&outgoing, group, group->current, type, MLS_COAT_PUBLIC, nothing());
    mls_buffer_clear(&outgoing.frame);
    outgoing.sender = sender;
    mls_write_frame_head(&outgoing.frame, mls_group_id(group), mls_group_epoch(group), sender,
                         nothing(), type);
    mls_write_bytes(&outgoing.frame, content);
    assert_int_equal(mls_outgoing_sign(&outgoing, group), MLS_OK);
    assert_int_equal(
        mls_outgoing_protect(&outgoing, group,
                             type == MLS_CONTENT_COMMIT ? slice_of(tag, sizeof(tag)) : nothing(),
                             &message, &step, &has_step),
        MLS_OK);
    mls_outgoing_clear(&outgoing);
    return message;
}

static inline struct mls_sender as_member(const struct world_client *client)
{
    return (struct mls_sender){.type = MLS_SENDER_MEMBER,
                               .index = client->group->current->own_leaf};
}

static inline struct mls_buffer forge_commit_from(struct mls_sender sender,
                                                  const struct mls_commit *commit)
{
    struct mls_buffer content = mls_buffer_of(memory());
    mls_write_commit(&content, commit);
    struct mls_buffer message = forge(ann, MLS_CONTENT_COMMIT, sender, mls_buffer_done(&content));
    mls_buffer_clear(&content);
    return message;
}

static inline struct mls_proposal_or_ref by_value(struct mls_proposal proposal)
{
    return (struct mls_proposal_or_ref){.proposal = proposal};
}

static inline struct mls_proposal_or_ref by_reference(const struct mls_pending *pending)
{
    return (struct mls_proposal_or_ref){.is_reference = true,
                                        .reference = slice_of(pending->ref, sizeof(pending->ref))};
}

/* A path of ann's as it would be for these proposals, read back from a real commit. */
static struct mls_authenticated real;

static inline struct mls_commit *real_path(void)
{
    struct mls_commit_options options = {.with_path = true, .coat = MLS_COAT_PUBLIC};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(ann->group, &options, &bundle), MLS_OK);
    assert_int_equal(mls_group_discard(ann->group, MLS_STAGED_OWN), MLS_OK);
    struct slice kept;
    assert_int_equal(arena_copy(&arena, mls_buffer_done(&bundle.commit), &kept), 0);
    mls_commit_bundle_clear(&bundle);
    assert_int_equal(mls_read_public_message(kept, &arena, &real), MLS_OK);
    return &real.frame.commit;
}

/* bob's verdict on a commit of these proposals without a path. */
static inline enum mls_error judge_list(struct mls_proposal_or_ref *list, uint32_t count)
{
    struct mls_commit commit = {.proposals = list, .proposal_count = count};
    struct mls_buffer message = forge_commit_from(as_member(ann), &commit);
    return judge_by(bob, &message);
}

/* -- forged key packages and leaves -- */

static inline struct mls_key_package_view view_of(struct world_client *client)
{
    return client->package->view;
}

static inline struct mls_key_package_view *resigned(struct world_client *client,
                                                    struct mls_key_package_view view,
                                                    bool sign_leaf, bool sign_package)
{
    struct mls_buffer fields = mls_buffer_of(memory());
    uint8_t *signatures = arena_allocate(&arena, 2 * MLS_SIGNATURE_MAX_BYTES);
    struct mls_key_package_view *out = arena_allocate(&arena, sizeof(*out));
    assert_true(signatures != NULL && out != NULL);
    if (sign_leaf) {
        mls_write_leaf_fields(&fields, &view.leaf);
        assert_int_equal(mls_leaf_node_sign(suite(), memory(), client->identity->private_key,
                                            MLS_LEAF_KEY_PACKAGE, mls_buffer_done(&fields),
                                            nothing(), 0, signatures),
                         MLS_OK);
        view.leaf.signature = slice_of(signatures, suite()->signature_bytes);
        mls_buffer_clear(&fields);
    }
    if (sign_package) {
        mls_write_key_package_fields(&fields, &view);
        struct slice signed_part = mls_buffer_done(&fields);
        assert_int_equal(mls_sign_with_label(suite(), memory(), client->identity->private_key,
                                             "KeyPackageTBS", &signed_part, 1,
                                             signatures + MLS_SIGNATURE_MAX_BYTES),
                         MLS_OK);
        view.signature = slice_of(signatures + MLS_SIGNATURE_MAX_BYTES, suite()->signature_bytes);
        mls_buffer_clear(&fields);
    }
    *out = view;
    return out;
}

static inline enum mls_error judge_add(const struct mls_key_package_view *package)
{
    struct mls_proposal_or_ref list[] = {
        by_value((struct mls_proposal){.type = MLS_PROPOSAL_ADD, .add = package})};
    return judge_list(list, 1);
}

/* dan's package with a changed leaf, rightly signed. */
static inline enum mls_error judge_leaf(struct mls_leaf_node leaf)
{
    struct mls_key_package_view view = view_of(dan);
    view.leaf = leaf;
    return judge_add(resigned(dan, view, true, true));
}

static inline struct slice types(uint16_t a, uint16_t b)
{
    struct mls_buffer buffer = mls_buffer_of(memory());
    struct slice kept;
    mls_write_u16(&buffer, a);
    if (b != 0) {
        mls_write_u16(&buffer, b);
    }
    assert_int_equal(arena_copy(&arena, mls_buffer_done(&buffer), &kept), 0);
    mls_buffer_clear(&buffer);
    return kept;
}

static inline struct slice extension_list(uint16_t type, const char *data, bool twice)
{
    struct mls_buffer buffer = mls_buffer_of(memory());
    struct slice kept;
    mls_write_extension(&buffer, type, slice_of_text(data));
    if (twice) {
        mls_write_extension(&buffer, type, slice_of_text(data));
    }
    assert_int_equal(arena_copy(&arena, mls_buffer_done(&buffer), &kept), 0);
    mls_buffer_clear(&buffer);
    return kept;
}

static inline struct slice required(uint16_t extension, uint16_t proposal, uint16_t credential)
{
    struct mls_buffer data = mls_buffer_of(memory());
    struct mls_buffer list = mls_buffer_of(memory());
    struct slice kept;
    mls_write_types(&data, &extension, extension != 0);
    mls_write_types(&data, &proposal, proposal != 0);
    mls_write_types(&data, &credential, credential != 0);
    mls_write_extension(&list, MLS_EXTENSION_REQUIRED_CAPABILITIES, mls_buffer_done(&data));
    assert_int_equal(arena_copy(&arena, mls_buffer_done(&list), &kept), 0);
    mls_buffer_clear(&data);
    mls_buffer_clear(&list);
    return kept;
}

/* An update of cleo's, pending with all. */
static inline const struct mls_pending *update_of_cleo(void)
{
    struct mls_proposal_options options = {.kind = MLS_PROPOSE_UPDATE};
    struct mls_buffer proposal;
    struct mls_event event;
    assert_int_equal(mls_group_propose(cleo->group, &options, &proposal), MLS_OK);
    struct world_client *others[] = {ann, bob};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mls_group_process(others[i]->group, mls_buffer_done(&proposal), &event),
                         MLS_OK);
        mls_event_clear(&event);
    }
    mls_buffer_clear(&proposal);
    return &ann->group->pending[0];
}

#endif
