/*
 * The validation rules of RFC 9420, each broken by itself. A forger is a member who signs whatever
 * it is told: its messages are right in all but the one thing, and must get that rule's error. That
 * the forger is otherwise right is checked first: an unbroken forgery gets as far as the
 * confirmation tag.
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

static int five_open(void **state)
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

static int five_close(void **state)
{
    struct world_client *m = *state;
    for (size_t i = 0; i < FIVE; i++) {
        world_client_close(&m[i]);
    }
    arena_clear(&arena);
    assert_int_equal(world_memory()->live, 0);
    return 0;
}

static struct memory *memory(void)
{
    return &world_memory()->memory;
}

static const struct mls_suite *suite(void)
{
    return ann->identity->suite;
}

static struct slice nothing(void)
{
    return slice_of(NULL, 0);
}

/* What bob says of a message; his state must stay as it was unless he takes it. */
static enum mls_error judge_by(struct world_client *judge, struct mls_buffer *message)
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

/* -- forged contents -- */

static struct mls_buffer forge(struct world_client *forger, enum mls_content_type type,
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

static struct mls_sender as_member(const struct world_client *client)
{
    return (struct mls_sender){.type = MLS_SENDER_MEMBER,
                               .index = client->group->current->own_leaf};
}

static struct mls_buffer forge_commit_from(struct mls_sender sender,
                                           const struct mls_commit *commit)
{
    struct mls_buffer content = mls_buffer_of(memory());
    mls_write_commit(&content, commit);
    struct mls_buffer message = forge(ann, MLS_CONTENT_COMMIT, sender, mls_buffer_done(&content));
    mls_buffer_clear(&content);
    return message;
}

static struct mls_proposal_or_ref by_value(struct mls_proposal proposal)
{
    return (struct mls_proposal_or_ref){.proposal = proposal};
}

static struct mls_proposal_or_ref by_reference(const struct mls_pending *pending)
{
    return (struct mls_proposal_or_ref){.is_reference = true,
                                        .reference = slice_of(pending->ref, sizeof(pending->ref))};
}

/* A path of ann's as it would be for these proposals, read back from a real commit. */
static struct mls_authenticated real;

static struct mls_commit *real_path(void)
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
static enum mls_error judge_list(struct mls_proposal_or_ref *list, uint32_t count)
{
    struct mls_commit commit = {.proposals = list, .proposal_count = count};
    struct mls_buffer message = forge_commit_from(as_member(ann), &commit);
    return judge_by(bob, &message);
}

/* -- forged key packages and leaves -- */

static struct mls_key_package_view view_of(struct world_client *client)
{
    return client->package->view;
}

static struct mls_key_package_view *resigned(struct world_client *client,
                                             struct mls_key_package_view view, bool sign_leaf,
                                             bool sign_package)
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

static enum mls_error judge_add(const struct mls_key_package_view *package)
{
    struct mls_proposal_or_ref list[] = {
        by_value((struct mls_proposal){.type = MLS_PROPOSAL_ADD, .add = package})};
    return judge_list(list, 1);
}

/* dan's package with a changed leaf, rightly signed. */
static enum mls_error judge_leaf(struct mls_leaf_node leaf)
{
    struct mls_key_package_view view = view_of(dan);
    view.leaf = leaf;
    return judge_add(resigned(dan, view, true, true));
}

static struct slice types(uint16_t a, uint16_t b)
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

static struct slice extension_list(uint16_t type, const char *data, bool twice)
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

static struct slice required(uint16_t extension, uint16_t proposal, uint16_t credential)
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

/* -- the rules -- */

static void an_unbroken_forgery_reaches_the_confirmation_tag(void **state)
{
    (void)state;
    struct mls_key_package_view *fine = resigned(dan, view_of(dan), true, true);
    assert_int_equal(judge_add(fine), MLS_ERR_BAD_CONFIRMATION_TAG);
    struct mls_commit *commit = real_path();
    struct mls_buffer message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_BAD_CONFIRMATION_TAG);
}

static void key_packages(void **state)
{
    (void)state;
    struct mls_key_package_view view = view_of(dan);
    view.version = 2;
    assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_KEY_PACKAGE_VERSION);
    view = view_of(dan);
    view.suite = 1;
    assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_KEY_PACKAGE_SUITE);
    view = view_of(dan);
    view.init_key = view.leaf.encryption_key;
    assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_KEY_PACKAGE_INIT_KEY);
    view = view_of(dan);
    view.signature = view.leaf.signature;
    assert_int_equal(judge_add(resigned(dan, view, true, false)), MLS_ERR_KEY_PACKAGE_SIGNATURE);
    view = view_of(dan);
    view.extensions = extension_list(0x7777, "x", true);
    assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_EXTENSION_REPEATED);
    view = view_of(dan);
    view.init_key = slice_of(view.init_key.data, 31);
    assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_MALFORMED);
}

static void leaf_nodes(void **state)
{
    (void)state;
    struct mls_key_package_view view = view_of(dan);
    view.leaf.signature = view.signature;
    assert_int_equal(judge_add(resigned(dan, view, false, true)), MLS_ERR_LEAF_SIGNATURE);

    struct mls_leaf_node leaf = view_of(dan).leaf;
    leaf.source = MLS_LEAF_UPDATE;
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_SOURCE);
    leaf = view_of(dan).leaf;
    leaf.capabilities.suites = types(1, 0);
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_SUITE_UNLISTED);
    leaf = view_of(dan).leaf;
    leaf.capabilities.versions = types(7, 0);
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_SUITE_UNLISTED);
    leaf = view_of(dan).leaf;
    leaf.capabilities.credentials = types(2, 0);
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_CREDENTIAL_UNLISTED);
    leaf = view_of(dan).leaf;
    leaf.extensions = extension_list(0x7777, "x", false);
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_EXTENSION_UNLISTED);
    leaf.capabilities.extensions = types(0x7777, 0);
    leaf.extensions = extension_list(0x7777, "x", true);
    assert_int_equal(judge_leaf(leaf), MLS_ERR_EXTENSION_REPEATED);
    leaf = view_of(dan).leaf;
    leaf.not_after_s = leaf.not_before_s + MLS_LIFETIME_MAX_S + 1;
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_LIFETIME);
    leaf = view_of(dan).leaf;
    leaf.not_after_s = leaf.not_before_s - 1;
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_LIFETIME);
    leaf = view_of(dan).leaf;
    leaf.encryption_key = mls_tree_leaf(ann->group->current->tree, 2)->encryption_key;
    assert_int_equal(judge_leaf(leaf), MLS_ERR_ENCRYPTION_KEY_TAKEN);
    leaf = view_of(dan).leaf;
    leaf.credential.type = MLS_CREDENTIAL_X509;
    leaf.credential.content = nothing();
    leaf.capabilities.credentials = types(1, 2);
    assert_int_equal(judge_leaf(leaf), MLS_ERR_LEAF_CREDENTIAL_UNSUPPORTED);
}

static void a_sender_minds_the_lifetime(void **state)
{
    (void)state;
    struct mls_key_package_view view = view_of(dan);
    view.leaf.not_after_s = WORLD_NOW_S - 1;
    struct mls_buffer message = mls_buffer_of(memory());
    struct mls_commit_bundle bundle;
    mls_write_message_head(&message, MLS_WIRE_KEY_PACKAGE);
    mls_write_key_package(&message, resigned(dan, view, true, true));
    struct slice package = mls_buffer_done(&message);
    struct mls_commit_options options = {.add = &package, .add_count = 1};
    assert_int_equal(mls_group_commit(ann->group, &options, &bundle), MLS_ERR_LEAF_LIFETIME);
    mls_buffer_clear(&message);
    /* A receiver may take what was good when it was sent. */
    assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_BAD_CONFIRMATION_TAG);
}

static void members_are_there_once(void **state)
{
    (void)state;
    struct mls_key_package_view *one = resigned(dan, view_of(dan), true, true);
    struct mls_key_package_view two = view_of(dan);
    uint8_t key[MLS_KEM_MAX_BYTES] = {9};
    two.leaf.encryption_key = slice_of(key, sizeof(key));
    struct mls_proposal_or_ref list[] = {
        by_value((struct mls_proposal){.type = MLS_PROPOSAL_ADD, .add = one}),
        by_value(
            (struct mls_proposal){.type = MLS_PROPOSAL_ADD, .add = resigned(dan, two, true, true)}),
    };
    assert_int_equal(judge_list(list, 2), MLS_ERR_SIGNATURE_KEY_TAKEN);
    struct slice again = world_package(cleo);
    struct mls_key_package_view member;
    assert_int_equal(mls_key_package_read(again, &member), MLS_OK);
    assert_int_equal(judge_add(&member), MLS_ERR_SIGNATURE_KEY_TAKEN);
}

static bool refuse_all(void *context, const struct mls_credential_view *credential,
                       const struct mls_credential_view *old)
{
    (void)context;
    (void)old;
    return !slice_equal(credential->identity, slice_of_text("dan"));
}

static void the_application_may_refuse_a_credential(void **state)
{
    (void)state;
    bob->group->environment.accepts = refuse_all;
    assert_int_equal(judge_add(resigned(dan, view_of(dan), true, true)),
                     MLS_ERR_LEAF_CREDENTIAL_REFUSED);
}

static void proposals_by_themselves(void **state)
{
    (void)state;
    uint8_t nonce[MLS_HASH_MAX_BYTES] = {1};
    struct mls_proposal_or_ref list[1] = {
        by_value((struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .removed = 3})};
    assert_int_equal(judge_list(list, 1), MLS_ERR_REMOVED_BLANK);
    list[0].proposal.removed = 1000;
    assert_int_equal(judge_list(list, 1), MLS_ERR_REMOVED_BLANK);
    struct mls_psk_id psk = {
        .type = MLS_PSK_EXTERNAL, .external_id = slice_of_text("id"), .nonce = slice_of(nonce, 31)};
    list[0] = by_value((struct mls_proposal){.type = MLS_PROPOSAL_PSK, .psk = &psk});
    assert_int_equal(judge_list(list, 1), MLS_ERR_PSK_NONCE);
    psk.nonce = slice_of(nonce, 32);
    assert_int_equal(judge_list(list, 1), MLS_ERR_PSK_UNKNOWN);
    psk = (struct mls_psk_id){.type = MLS_PSK_RESUMPTION,
                              .usage = MLS_PSK_REINIT,
                              .group_id = mls_group_id(ann->group),
                              .epoch = mls_group_epoch(ann->group),
                              .nonce = slice_of(nonce, 32)};
    assert_int_equal(judge_list(list, 1), MLS_ERR_PSK_USAGE);
    psk.usage = MLS_PSK_BRANCH;
    assert_int_equal(judge_list(list, 1), MLS_ERR_PSK_USAGE);
    psk.usage = MLS_PSK_APPLICATION;
    assert_int_equal(judge_list(list, 1), MLS_ERR_BAD_CONFIRMATION_TAG);
    struct mls_reinit reinit = {.group_id = slice_of_text("g"), .version = 0, .suite = SUITE};
    list[0] = by_value((struct mls_proposal){.type = MLS_PROPOSAL_REINIT, .reinit = &reinit});
    assert_int_equal(judge_list(list, 1), MLS_ERR_REINIT_VERSION);
    reinit.version = 1;
    reinit.extensions = extension_list(0x7777, "x", true);
    assert_int_equal(judge_list(list, 1), MLS_ERR_EXTENSION_REPEATED);
    list[0] = by_value((struct mls_proposal){.type = MLS_PROPOSAL_CONTEXT_EXTENSIONS,
                                             .extensions = extension_list(0x7777, "x", true)});
    assert_int_equal(judge_list(list, 1), MLS_ERR_EXTENSION_REPEATED);
}

static void unknown_types_are_refused(void **state)
{
    (void)state;
    struct mls_buffer content = mls_buffer_of(memory());
    size_t mark = mls_write_open(&content);
    mls_write_u8(&content, 1);
    mls_write_u16(&content, 0xf0f0);
    mls_write_close(&content, mark);
    mls_write_u8(&content, 0);
    struct mls_buffer message =
        forge(ann, MLS_CONTENT_COMMIT, as_member(ann), mls_buffer_done(&content));
    mls_buffer_clear(&content);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_PROPOSAL_TYPE);
}

static void lists_of_proposals(void **state)
{
    (void)state;
    uint8_t nonce[MLS_HASH_MAX_BYTES] = {1};
    uint8_t output[MLS_KEM_MAX_BYTES] = {9};
    struct mls_proposal remove_cleo = {.type = MLS_PROPOSAL_REMOVE, .removed = 2};
    struct mls_proposal remove_ann = {.type = MLS_PROPOSAL_REMOVE, .removed = 0};
    struct mls_reinit parameters = {.group_id = slice_of_text("g"), .version = 1, .suite = SUITE};
    struct mls_proposal reinit = {.type = MLS_PROPOSAL_REINIT, .reinit = &parameters};
    struct mls_proposal extensions = {.type = MLS_PROPOSAL_CONTEXT_EXTENSIONS};
    struct mls_proposal init = {.type = MLS_PROPOSAL_EXTERNAL_INIT,
                                .kem_output = slice_of(output, sizeof(output))};
    struct mls_psk_id id = {.type = MLS_PSK_RESUMPTION,
                            .usage = MLS_PSK_APPLICATION,
                            .group_id = mls_group_id(ann->group),
                            .epoch = mls_group_epoch(ann->group),
                            .nonce = slice_of(nonce, 32)};
    struct mls_proposal psk = {.type = MLS_PROPOSAL_PSK, .psk = &id};
    struct mls_proposal_or_ref list[2] = {by_value(remove_ann)};
    assert_int_equal(judge_list(list, 1), MLS_ERR_COMMITTER_REMOVED);
    list[0] = list[1] = by_value(remove_cleo);
    assert_int_equal(judge_list(list, 2), MLS_ERR_LEAF_CHANGED_TWICE);
    list[0] = list[1] = by_value(psk);
    assert_int_equal(judge_list(list, 2), MLS_ERR_PSK_REPEATED);
    list[0] = list[1] = by_value(extensions);
    assert_int_equal(judge_list(list, 2), MLS_ERR_CONTEXT_EXTENSIONS_REPEATED);
    list[0] = by_value(reinit);
    list[1] = by_value(remove_cleo);
    assert_int_equal(judge_list(list, 2), MLS_ERR_REINIT_NOT_ALONE);
    list[0] = by_value(init);
    assert_int_equal(judge_list(list, 1), MLS_ERR_EXTERNAL_INIT_MISPLACED);
    list[0] = (struct mls_proposal_or_ref){.is_reference = true, .reference = slice_of(nonce, 32)};
    assert_int_equal(judge_list(list, 1), MLS_ERR_UNKNOWN_PROPOSAL);
}

/* An update of cleo's, pending with all. */
static const struct mls_pending *update_of_cleo(void)
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

static void updates(void **state)
{
    (void)state;
    const struct mls_pending *pending = update_of_cleo();
    struct mls_proposal_or_ref list[2] = {
        by_reference(pending),
        by_value((struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .removed = 2})};
    assert_int_equal(judge_list(list, 2), MLS_ERR_LEAF_CHANGED_TWICE);
    assert_int_equal(judge_list(list, 1), MLS_ERR_PATH_REQUIRED);
    /* cleo commits its own update. */
    struct mls_commit own = {.proposals = list, .proposal_count = 1};
    struct mls_buffer content = mls_buffer_of(memory());
    mls_write_commit(&content, &own);
    struct mls_buffer message =
        forge(cleo, MLS_CONTENT_COMMIT, as_member(cleo), mls_buffer_done(&content));
    mls_buffer_clear(&content);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_UPDATE_BY_COMMITTER);
}

/* ann's verdict goes by the leaf alone: an update of hers with this leaf, judged by bob. */
static enum mls_error judge_update(struct mls_leaf_node leaf, bool sign)
{
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    struct mls_buffer fields = mls_buffer_of(memory());
    leaf.source = leaf.source == MLS_LEAF_COMMIT ? MLS_LEAF_COMMIT : MLS_LEAF_UPDATE;
    if (sign) {
        mls_write_leaf_fields(&fields, &leaf);
        assert_int_equal(mls_leaf_node_sign(suite(), memory(), ann->identity->private_key,
                                            leaf.source, mls_buffer_done(&fields),
                                            mls_group_id(ann->group), 0, signature),
                         MLS_OK);
        leaf.signature = slice_of(signature, suite()->signature_bytes);
        mls_buffer_clear(&fields);
    }
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_UPDATE, .update = &leaf};
    mls_write_proposal(&fields, &proposal);
    struct mls_buffer message =
        forge(ann, MLS_CONTENT_PROPOSAL, as_member(ann), mls_buffer_done(&fields));
    mls_buffer_clear(&fields);
    return judge_by(bob, &message);
}

static void leaves_of_updates(void **state)
{
    (void)state;
    uint8_t key[MLS_KEM_MAX_BYTES] = {9};
    struct mls_leaf_node leaf = *mls_tree_leaf(ann->group->current->tree, 0);
    leaf.source = MLS_LEAF_UPDATE;
    assert_int_equal(judge_update(leaf, true), MLS_ERR_LEAF_KEY_UNCHANGED);
    leaf.encryption_key = slice_of(key, sizeof(key));
    assert_int_equal(judge_update(leaf, false), MLS_ERR_LEAF_SIGNATURE);
    struct mls_leaf_node wrong = leaf;
    wrong.source = MLS_LEAF_COMMIT;
    assert_int_equal(judge_update(wrong, true), MLS_ERR_LEAF_SOURCE);
    assert_int_equal(judge_update(leaf, true), MLS_OK);
}

static void senders_and_contents(void **state)
{
    (void)state;
    struct mls_buffer extensions = mls_buffer_of(memory());
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_extensions_add_sender(ann->identity, &extensions), MLS_OK);
    struct slice list = mls_buffer_done(&extensions);
    struct mls_commit_options options = {.extensions = &list};
    assert_int_equal(mls_group_commit(ann->group, &options, &bundle), MLS_OK);
    world_take_commit(bob, mls_buffer_done(&bundle.commit));
    world_take_commit(cleo, mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(ann->group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    mls_buffer_clear(&extensions);

    struct mls_sender external = {.type = MLS_SENDER_EXTERNAL};
    struct mls_sender newcomer = {.type = MLS_SENDER_NEW_MEMBER_PROPOSAL};
    struct mls_leaf_node leaf = *mls_tree_leaf(ann->group->current->tree, 0);
    struct mls_proposal update = {.type = MLS_PROPOSAL_UPDATE, .update = &leaf};
    struct mls_proposal removal = {.type = MLS_PROPOSAL_REMOVE, .removed = 2};
    struct mls_buffer content = mls_buffer_of(memory());
    mls_write_proposal(&content, &update);
    struct mls_buffer message =
        forge(ann, MLS_CONTENT_PROPOSAL, external, mls_buffer_done(&content));
    assert_int_equal(judge_by(bob, &message), MLS_ERR_SENDER_CONTENT);
    mls_buffer_clear(&content);
    mls_write_proposal(&content, &removal);
    message = forge(ann, MLS_CONTENT_PROPOSAL, newcomer, mls_buffer_done(&content));
    assert_int_equal(judge_by(bob, &message), MLS_ERR_SENDER_CONTENT);
    external.index = 4;
    message = forge(ann, MLS_CONTENT_PROPOSAL, external, mls_buffer_done(&content));
    assert_int_equal(judge_by(bob, &message), MLS_ERR_EXTERNAL_SENDER_UNKNOWN);
    mls_buffer_clear(&content);
    mls_write_u8(&content, 0);
    mls_write_u8(&content, 0);
    external.index = 0;
    message = forge(ann, MLS_CONTENT_COMMIT, external, mls_buffer_done(&content));
    assert_int_equal(judge_by(bob, &message), MLS_ERR_SENDER_CONTENT);
    mls_buffer_clear(&content);
    mls_write_vector(&content, slice_of_text("data"));
    message = forge(ann, MLS_CONTENT_APPLICATION, as_member(ann), mls_buffer_done(&content));
    assert_int_equal(judge_by(bob, &message), MLS_ERR_WIRE_FORMAT);
    mls_buffer_clear(&content);
}

static void who_signed_and_who_is_a_member(void **state)
{
    (void)state;
    struct mls_commit empty = {.proposal_count = 0};
    struct mls_sender blank = {.type = MLS_SENDER_MEMBER, .index = 3};
    struct mls_sender someone = {.type = MLS_SENDER_MEMBER, .index = 2};
    struct mls_buffer message = forge_commit_from(blank, &empty);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_NOT_A_MEMBER);
    message = forge_commit_from(someone, &empty);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_BAD_SIGNATURE);
    message = forge_commit_from(as_member(ann), &empty);
    message.data[message.size - 1] ^= 1;
    assert_int_equal(judge_by(bob, &message), MLS_ERR_BAD_MEMBERSHIP_TAG);
    message = forge_commit_from(as_member(ann), &empty);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_PATH_REQUIRED);
}

static void required_capabilities(void **state)
{
    (void)state;
    struct mls_proposal_or_ref list[2] = {by_value((struct mls_proposal){
        .type = MLS_PROPOSAL_CONTEXT_EXTENSIONS, .extensions = required(0x7777, 0, 0)})};
    struct mls_commit *commit = real_path();
    commit->proposals = list;
    commit->proposal_count = 1;
    /* The path is ann's own leaf first, which lacks it too. */
    struct mls_buffer message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_LEAF_REQUIRED_CAPABILITY);
    assert_int_equal(mls_identity_support_extension(ann->identity, 0x7777), MLS_OK);
    commit = real_path();
    commit->proposals = list;
    commit->proposal_count = 1;
    message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_REQUIRED_CAPABILITIES);
    list[0].proposal.extensions = required(0, 0x7778, 0);
    message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_LEAF_REQUIRED_CAPABILITY);
    list[0].proposal.extensions = required(0, 0, 0x7779);
    message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_LEAF_REQUIRED_CAPABILITY);
    list[0].proposal.extensions = extension_list(0x7770, "x", false);
    message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_LEAF_GROUP_EXTENSION);
    list[0].proposal.extensions = extension_list(0x7777, "x", false);
    message = forge_commit_from(as_member(ann), commit);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_LEAF_GROUP_EXTENSION);
    /* Default types need not be listed. */
    list[0].proposal.extensions =
        required(MLS_EXTENSION_EXTERNAL_SENDERS, MLS_PROPOSAL_ADD, MLS_CREDENTIAL_BASIC);
    message = forge_commit_from(as_member(ann), commit);
    assert_int_not_equal(judge_by(bob, &message), MLS_ERR_REQUIRED_CAPABILITIES);
}

static enum mls_error judge_path(const struct mls_commit *commit)
{
    struct mls_buffer message = forge_commit_from(as_member(ann), commit);
    return judge_by(bob, &message);
}

/* ann's leaf of the path, changed and signed again. */
static void resign_path(struct mls_commit *commit, uint8_t *signature)
{
    struct mls_buffer fields = mls_buffer_of(memory());
    mls_write_leaf_fields(&fields, &commit->path.leaf);
    assert_int_equal(mls_leaf_node_sign(suite(), memory(), ann->identity->private_key,
                                        commit->path.leaf.source, mls_buffer_done(&fields),
                                        mls_group_id(ann->group), 0, signature),
                     MLS_OK);
    commit->path.leaf.signature = slice_of(signature, suite()->signature_bytes);
    mls_buffer_clear(&fields);
}

static void paths(void **state)
{
    (void)state;
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    uint8_t hash[MLS_HASH_MAX_BYTES] = {1};
    struct mls_commit *commit = real_path();
    commit->path.node_count--;
    assert_int_equal(judge_path(commit), MLS_ERR_PATH_LENGTH);
    commit = real_path();
    commit->path.nodes[0].ciphertexts = nothing();
    assert_int_equal(judge_path(commit), MLS_ERR_PATH_CIPHERTEXTS);
    commit = real_path();
    commit->path.nodes[0].encryption_key =
        mls_tree_leaf(ann->group->current->tree, 2)->encryption_key;
    assert_int_equal(judge_path(commit), MLS_ERR_PATH_KEY_TAKEN);
    commit = real_path();
    commit->path.nodes[0].encryption_key = slice_of(hash, 31);
    assert_int_equal(judge_path(commit), MLS_ERR_MALFORMED);
    commit = real_path();
    commit->path.leaf.parent_hash = slice_of(hash, sizeof(hash));
    resign_path(commit, signature);
    assert_int_equal(judge_path(commit), MLS_ERR_PARENT_HASH);
    commit = real_path();
    commit->path.leaf.signature = real.signature;
    assert_int_equal(judge_path(commit), MLS_ERR_LEAF_SIGNATURE);
    commit = real_path();
    commit->path.leaf.encryption_key = mls_tree_leaf(ann->group->current->tree, 0)->encryption_key;
    resign_path(commit, signature);
    assert_int_equal(judge_path(commit), MLS_ERR_LEAF_KEY_UNCHANGED);
    commit = real_path();
    commit->path.leaf.encryption_key = mls_tree_leaf(ann->group->current->tree, 2)->encryption_key;
    resign_path(commit, signature);
    assert_int_equal(judge_path(commit), MLS_ERR_ENCRYPTION_KEY_TAKEN);
    commit = real_path();
    commit->path.leaf.source = MLS_LEAF_UPDATE;
    resign_path(commit, signature);
    assert_int_equal(judge_path(commit), MLS_ERR_LEAF_SOURCE);
    commit = real_path();
    struct slice sealed = commit->path.nodes[0].ciphertexts;
    uint8_t *changed = arena_allocate(&arena, sealed.size);
    memcpy(changed, sealed.data, sealed.size);
    changed[sealed.size - 1] ^= 1;
    commit->path.nodes[0].ciphertexts = slice_of(changed, sealed.size);
    assert_int_equal(judge_path(commit), MLS_ERR_BAD_CIPHERTEXT);
}

static void a_path_secret_must_lead_to_its_key(void **state)
{
    (void)state;
    /* All but the secret is right: bob's ciphertext holds another one. */
    uint8_t ephemeral[MLS_KEM_MAX_BYTES] = {3};
    uint8_t output[MLS_KEM_MAX_BYTES];
    uint8_t sealed[MLS_HASH_MAX_BYTES + MLS_AEAD_TAG_MAX_BYTES];
    uint8_t secret[MLS_HASH_MAX_BYTES] = {5};
    uint8_t context_hash[MLS_HASH_MAX_BYTES];
    struct mls_maker maker;
    struct mls_commit *commit = real_path();
    /* The provisional context, from a clone that takes the same path. */
    assert_int_equal(mls_maker_init(&maker, ann->group, ann->group->current), MLS_OK);
    struct mls_tree *tree = maker.staged->epoch->tree;
    struct slice keys[MLS_DEPTH_MAX];
    uint8_t parent_hash[MLS_HASH_MAX_BYTES];
    size_t parent_hash_size = 0;
    mls_tree_filtered_path(tree, 0, &maker.filtered);
    for (uint32_t i = 0; i < maker.filtered.count; i++) {
        keys[i] = commit->path.nodes[i].encryption_key;
    }
    assert_int_equal(mls_path_merge(tree, 0, &maker.filtered, keys, parent_hash, &parent_hash_size),
                     MLS_OK);
    mls_tree_blank(tree, 0);
    struct mls_tree_node *leaf = mls_leaf_create(memory(), commit->path.leaf.encoded);
    assert_int_equal(mls_tree_fill(tree, 0, leaf), MLS_OK);
    assert_int_equal(mls_provisional_context(ann->group, ann->group->current, tree,
                                             ann->group->current->context.extensions,
                                             &maker.provisional),
                     MLS_OK);
    mls_encrypt_context(suite(), "UpdatePathNode", mls_buffer_done(&maker.provisional),
                        context_hash);
    assert_true(mls_encrypt_to(suite(), mls_tree_leaf(ann->group->current->tree, 1)->encryption_key,
                               context_hash, slice_of(secret, sizeof(secret)), ephemeral, output,
                               sealed));
    struct mls_buffer entry = mls_buffer_of(memory());
    mls_write_vector(&entry, slice_of(output, suite()->kem_public_bytes));
    mls_write_vector(&entry, slice_of(sealed, sizeof(sealed)));
    commit->path.nodes[0].ciphertexts = mls_buffer_done(&entry);
    assert_int_equal(judge_path(commit), MLS_ERR_PATH_KEY_MISMATCH);
    mls_buffer_clear(&entry);
    mls_maker_clear(&maker);
}

/* -- external commits -- */

static struct mls_authenticated outside;

static struct mls_commit *external_commit(void)
{
    struct mls_buffer info;
    struct mls_buffer joining;
    struct slice kept;
    assert_int_equal(mls_group_info(ann->group, true, &info), MLS_OK);
    assert_int_equal(
        mls_group_join_external(dan->identity, mls_buffer_done(&info), NULL, &dan->group, &joining),
        MLS_OK);
    assert_int_equal(arena_copy(&arena, mls_buffer_done(&joining), &kept), 0);
    assert_int_equal(mls_read_public_message(kept, &arena, &outside), MLS_OK);
    mls_buffer_clear(&info);
    mls_buffer_clear(&joining);
    mls_group_destroy(dan->group);
    dan->group = NULL;
    return &outside.frame.commit;
}

/* dan signs a changed external commit against ann's epoch. */
static enum mls_error judge_external(const struct mls_commit *commit)
{
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    uint8_t tag[MLS_HASH_MAX_BYTES] = {0};
    struct mls_sender sender = {.type = MLS_SENDER_NEW_MEMBER_COMMIT};
    struct mls_buffer frame = mls_buffer_of(memory());
    struct mls_buffer message = mls_buffer_of(memory());
    mls_write_frame_head(&frame, mls_group_id(ann->group), mls_group_epoch(ann->group), sender,
                         nothing(), MLS_CONTENT_COMMIT);
    mls_write_commit(&frame, commit);
    assert_int_equal(mls_frame_sign(suite(), memory(), dan->identity->private_key,
                                    MLS_WIRE_PUBLIC_MESSAGE, mls_buffer_done(&frame), sender.type,
                                    ann->group->current->context.encoded, signature),
                     MLS_OK);
    mls_write_message_head(&message, MLS_WIRE_PUBLIC_MESSAGE);
    mls_write_bytes(&message, mls_buffer_done(&frame));
    mls_write_auth(&message, slice_of(signature, suite()->signature_bytes),
                   slice_of(tag, sizeof(tag)));
    mls_buffer_clear(&frame);
    return judge_by(bob, &message);
}

static void external_commits(void **state)
{
    (void)state;
    struct mls_proposal_or_ref list[3];
    struct mls_commit *commit = external_commit();
    struct mls_proposal_or_ref init = commit->proposals[0];
    assert_int_equal(judge_external(commit), MLS_ERR_BAD_CONFIRMATION_TAG);
    commit->proposals = list;
    list[0] = list[1] = init;
    commit->proposal_count = 2;
    assert_int_equal(judge_external(commit), MLS_ERR_EXTERNAL_INIT_COUNT);
    commit->proposal_count = 0;
    assert_int_equal(judge_external(commit), MLS_ERR_EXTERNAL_INIT_COUNT);
    list[1] = by_value((struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .removed = 1});
    list[2] = by_value((struct mls_proposal){.type = MLS_PROPOSAL_REMOVE, .removed = 2});
    commit->proposal_count = 3;
    assert_int_equal(judge_external(commit), MLS_ERR_EXTERNAL_REMOVE_COUNT);
    struct mls_key_package_view view = view_of(eve);
    list[1] = by_value((struct mls_proposal){.type = MLS_PROPOSAL_ADD, .add = &view});
    commit->proposal_count = 2;
    assert_int_equal(judge_external(commit), MLS_ERR_EXTERNAL_PROPOSAL_TYPE);
    list[1] = by_reference(update_of_cleo());
    assert_int_equal(judge_external(commit), MLS_ERR_EXTERNAL_REFERENCE);
    commit->proposal_count = 1;
    commit->has_path = false;
    assert_int_equal(judge_external(commit), MLS_ERR_PATH_REQUIRED);
}

/* -- group infos and welcomes -- */

/* ann's group info over a tree of her making, signed by her; eve's verdict. */
static enum mls_error judge_tree(void (*change)(struct mls_tree *tree))
{
    struct mls_group *group = ann->group;
    struct mls_tree *whole = group->current->tree;
    struct mls_buffer whole_context = group->current->context_bytes;
    struct mls_group_context context = group->current->context;
    struct mls_tree *tree = NULL;
    struct mls_buffer info = mls_buffer_of(memory());
    struct mls_buffer joining;
    struct mls_group *joined = NULL;
    assert_int_equal(mls_tree_clone(whole, &tree), MLS_OK);
    change(tree);
    group->current->tree = tree;
    group->current->context_bytes = mls_buffer_of(memory());
    assert_int_equal(mls_epoch_set_context(group, group->current, context.group_id, context.epoch,
                                           context.confirmed_transcript_hash, context.extensions),
                     MLS_OK);
    mls_write_message_head(&info, MLS_WIRE_GROUP_INFO);
    assert_int_equal(mls_epoch_write_info(group, group->current, true, true, &info), MLS_OK);
    enum mls_error error =
        mls_group_join_external(eve->identity, mls_buffer_done(&info), NULL, &joined, &joining);
    mls_buffer_clear(&joining);
    mls_group_destroy(joined);
    mls_buffer_clear(&info);
    mls_buffer_clear(&group->current->context_bytes);
    group->current->context_bytes = whole_context;
    group->current->context = context;
    group->current->tree = whole;
    mls_tree_destroy(tree);
    return error;
}

static void change_nothing(struct mls_tree *tree)
{
    (void)tree;
}

static void put_parent(struct mls_tree *tree, uint32_t at, struct slice key, struct slice hash,
                       struct slice unmerged)
{
    struct mls_tree_node *node = mls_parent_create(tree->memory, key, hash, unmerged);
    mls_tree_blank(tree, at);
    assert_int_equal(mls_tree_fill(tree, at, node), MLS_OK);
}

static void change_parent_key(struct mls_tree *tree)
{
    uint8_t key[MLS_KEM_MAX_BYTES] = {9};
    put_parent(tree, 3, slice_of(key, sizeof(key)), tree->nodes[3]->parent.parent_hash, nothing());
}

static void change_parent_hash(struct mls_tree *tree)
{
    uint8_t hash[MLS_HASH_MAX_BYTES] = {9};
    struct slice key;
    assert_int_equal(arena_copy(&arena, mls_node_key(tree->nodes[1]), &key), 0);
    put_parent(tree, 1, key, slice_of(hash, sizeof(hash)), nothing());
}

static void change_unmerged(struct mls_tree *tree)
{
    static const uint8_t blank_leaf[4] = {0, 0, 0, 3};
    struct slice key;
    struct slice hash;
    assert_int_equal(arena_copy(&arena, mls_node_key(tree->nodes[3]), &key), 0);
    assert_int_equal(arena_copy(&arena, tree->nodes[3]->parent.parent_hash, &hash), 0);
    put_parent(tree, 3, key, hash, slice_of(blank_leaf, 4));
}

static void change_unmerged_below(struct mls_tree *tree)
{
    static const uint8_t leaf[4] = {0, 0, 0, 1};
    struct slice key;
    struct slice hash;
    assert_int_equal(arena_copy(&arena, mls_node_key(tree->nodes[3]), &key), 0);
    assert_int_equal(arena_copy(&arena, tree->nodes[3]->parent.parent_hash, &hash), 0);
    put_parent(tree, 3, key, hash, slice_of(leaf, 4));
}

static void change_signer(struct mls_tree *tree)
{
    mls_tree_blank(tree, 0);
    mls_tree_blank_path(tree, 0);
}

static void change_leaf_signature(struct mls_tree *tree)
{
    struct mls_leaf_node leaf = *mls_tree_leaf(tree, 2);
    struct mls_buffer encoded = mls_buffer_of(tree->memory);
    leaf.signature = mls_tree_leaf(tree, 1)->signature;
    mls_write_leaf_node(&encoded, &leaf);
    struct mls_tree_node *node = mls_leaf_create(tree->memory, mls_buffer_done(&encoded));
    mls_tree_blank(tree, 4);
    mls_tree_blank_path(tree, 2);
    assert_int_equal(mls_tree_fill(tree, 4, node), MLS_OK);
    mls_buffer_clear(&encoded);
}

static void trees_of_group_infos(void **state)
{
    (void)state;
    struct world_client *m = ann;
    struct mls_commit_options update = {.with_path = true};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(m->group, &update, &bundle), MLS_OK);
    assert_int_equal(mls_group_merge(m->group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    assert_int_equal(judge_tree(change_nothing), MLS_OK);
    assert_int_equal(judge_tree(change_parent_key), MLS_ERR_PARENT_HASH);
    assert_int_equal(judge_tree(change_parent_hash), MLS_ERR_PARENT_HASH);
    assert_int_equal(judge_tree(change_unmerged), MLS_ERR_UNMERGED_LEAVES);
    assert_int_equal(judge_tree(change_unmerged_below), MLS_ERR_UNMERGED_LEAVES);
    assert_int_equal(judge_tree(change_signer), MLS_ERR_SIGNER_BLANK);
    assert_int_equal(judge_tree(change_leaf_signature), MLS_ERR_LEAF_SIGNATURE);
}

static bool knows_all(void *context, struct slice group_id)
{
    (void)context;
    (void)group_id;
    return true;
}

static enum mls_error join_eve(struct slice info, const struct mls_join_options *options)
{
    struct mls_buffer joining;
    struct mls_group *group = NULL;
    enum mls_error error = mls_group_join_external(eve->identity, info, options, &group, &joining);
    mls_buffer_clear(&joining);
    mls_group_destroy(group);
    return error;
}

static void group_infos(void **state)
{
    (void)state;
    struct mls_buffer info;
    struct mls_buffer tree;
    struct mls_join_options options = {.knows_group = knows_all};
    assert_int_equal(mls_group_info(ann->group, true, &info), MLS_OK);
    assert_int_equal(join_eve(mls_buffer_done(&info), NULL), MLS_OK);
    assert_int_equal(join_eve(mls_buffer_done(&info), &options), MLS_ERR_GROUP_KNOWN);
    info.data[info.size - 1] ^= 1;
    assert_int_equal(join_eve(mls_buffer_done(&info), NULL), MLS_ERR_GROUP_INFO_SIGNATURE);
    mls_buffer_clear(&info);
    assert_int_equal(mls_group_info(ann->group, false, &info), MLS_OK);
    assert_int_equal(join_eve(mls_buffer_done(&info), NULL), MLS_ERR_TREE_MISSING);
    world_create(dan, "another");
    assert_int_equal(mls_group_tree(dan->group, &tree), MLS_OK);
    struct mls_join_options wrong = {.ratchet_tree = mls_buffer_done(&tree)};
    assert_int_equal(join_eve(mls_buffer_done(&info), &wrong), MLS_ERR_TREE_HASH);
    tree.data[1] = 7;
    assert_int_equal(join_eve(mls_buffer_done(&info), &wrong), MLS_ERR_TREE_MALFORMED);
    mls_buffer_clear(&tree);
    mls_buffer_clear(&info);
    info = mls_buffer_of(memory());
    mls_write_message_head(&info, MLS_WIRE_GROUP_INFO);
    assert_int_equal(mls_epoch_write_info(ann->group, ann->group->current, false, true, &info),
                     MLS_OK);
    assert_int_equal(join_eve(mls_buffer_done(&info), NULL), MLS_ERR_EXTERNAL_KEY_MISSING);
    mls_buffer_clear(&info);
}

static void welcomes(void **state)
{
    (void)state;
    struct slice package = mls_key_package_message(dan->package);
    struct mls_commit_options options = {.add = &package, .add_count = 1, .omit_tree = true};
    struct mls_commit_bundle bundle;
    struct mls_group *group = NULL;
    assert_int_equal(mls_group_commit(ann->group, &options, &bundle), MLS_OK);
    assert_int_equal(mls_group_join(eve->identity, &eve->package, 1,
                                    mls_buffer_done(&bundle.welcome), NULL, &group),
                     MLS_ERR_NOT_FOR_US);
    assert_int_equal(mls_group_join(dan->identity, &dan->package, 1,
                                    mls_buffer_done(&bundle.welcome), NULL, &group),
                     MLS_ERR_TREE_MISSING);
    assert_int_equal(mls_group_join(dan->identity, &dan->package, 1,
                                    mls_buffer_done(&bundle.commit), NULL, &group),
                     MLS_ERR_WIRE_FORMAT);
    bundle.welcome.data[bundle.welcome.size - 1] ^= 1;
    assert_int_equal(mls_group_join(dan->identity, &dan->package, 1,
                                    mls_buffer_done(&bundle.welcome), NULL, &group),
                     MLS_ERR_BAD_CIPHERTEXT);
    bundle.welcome.data[5] = 1;
    assert_int_equal(mls_group_join(dan->identity, &dan->package, 1,
                                    mls_buffer_done(&bundle.welcome), NULL, &group),
                     MLS_ERR_SUITE);
    mls_commit_bundle_clear(&bundle);
}

static void successors(void **state)
{
    (void)state;
    struct mls_psk_id psk = {.type = MLS_PSK_RESUMPTION, .usage = MLS_PSK_BRANCH};
    struct mls_epoch epoch = *ann->group->current;
    epoch.context.epoch = 2;
    assert_int_equal(mls_successor_check(ann->group, &psk, 1, &epoch), MLS_ERR_SUCCESSOR_EPOCH);
    epoch.context.epoch = 1;
    assert_int_equal(mls_successor_check(ann->group, &psk, 1, &epoch), MLS_OK);
    epoch.context.suite = 1;
    assert_int_equal(mls_successor_check(ann->group, &psk, 1, &epoch),
                     MLS_ERR_SUCCESSOR_PARAMETERS);
    psk.usage = MLS_PSK_REINIT;
    epoch.context.suite = SUITE;
    assert_int_equal(mls_successor_check(ann->group, &psk, 1, &epoch),
                     MLS_ERR_SUCCESSOR_PARAMETERS);
    psk.usage = MLS_PSK_BRANCH;
    world_create(dan, "another");
    assert_int_equal(mls_successor_check(dan->group, &psk, 1, &epoch), MLS_ERR_SUCCESSOR_MEMBERS);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, five_open, five_close)
    const struct CMUnitTest tests[] = {
        T(an_unbroken_forgery_reaches_the_confirmation_tag),
        T(key_packages),
        T(leaf_nodes),
        T(a_sender_minds_the_lifetime),
        T(members_are_there_once),
        T(the_application_may_refuse_a_credential),
        T(proposals_by_themselves),
        T(unknown_types_are_refused),
        T(lists_of_proposals),
        T(updates),
        T(leaves_of_updates),
        T(senders_and_contents),
        T(who_signed_and_who_is_a_member),
        T(required_capabilities),
        T(paths),
        T(a_path_secret_must_lead_to_its_key),
        T(external_commits),
        T(trees_of_group_infos),
        T(group_infos),
        T(welcomes),
        T(successors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
