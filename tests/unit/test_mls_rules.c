/*
 * The rules for key packages, leaf nodes, proposals and their lists, each broken by itself. That
 * the forger is right in all else is checked first: an unbroken forgery gets as far as the
 * confirmation tag.
 */
#include "mls_forger.h"

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

static void assert_judged_as_multiplied(const uint8_t *key)
{
    static const uint8_t any_private[MLS_KEM_MAX_BYTES] = {1};
    uint8_t shared[MLS_KEM_MAX_BYTES];
    assert_int_equal(mls_kem_key_is_usable(suite(), slice_of(key, MLS_KEM_MAX_BYTES)),
                     suite()->kem_shared(any_private, key, shared));
}

static void a_key_is_usable_if_it_gives_a_secret(void **state)
{
    (void)state;
    uint8_t key[MLS_KEM_MAX_BYTES];
    for (size_t i = 0; i < UNUSABLE_KEYS; i++) {
        memcpy(key, unusable_key(i).data, sizeof(key));
        assert_judged_as_multiplied(key);
        for (size_t bit = 0; bit < 8 * sizeof(key); bit++) {
            key[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_judged_as_multiplied(key);
            key[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    /* All that stand for 0 to 18, and those around them. */
    memset(key, 0xff, sizeof(key));
    key[31] = 0x7f;
    for (size_t low = 0xe0; low <= 0xff; low++) {
        key[0] = (uint8_t)low;
        assert_judged_as_multiplied(key);
    }
}

/* Whoever encrypts to such a key cannot: let in, it would stop all who commit or welcome. */
static void keys_that_nothing_can_be_sealed_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNUSABLE_KEYS; i++) {
        struct mls_leaf_node leaf = view_of(dan).leaf;
        leaf.encryption_key = unusable_key(i);
        assert_int_equal(judge_leaf(leaf), MLS_ERR_KEY_UNUSABLE);
        struct mls_key_package_view view = view_of(dan);
        view.init_key = unusable_key(i);
        assert_int_equal(judge_add(resigned(dan, view, true, true)), MLS_ERR_KEY_UNUSABLE);
        leaf = *mls_tree_leaf(ann->group->current->tree, 0);
        leaf.source = MLS_LEAF_UPDATE;
        leaf.encryption_key = unusable_key(i);
        assert_int_equal(judge_update(leaf, true), MLS_ERR_KEY_UNUSABLE);
    }
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
    struct mls_buffer senders = mls_buffer_of(memory());
    assert_int_equal(mls_extensions_add_sender(dan->identity, &senders), MLS_OK);
    struct mls_proposal_or_ref list[] = {by_value((struct mls_proposal){
        .type = MLS_PROPOSAL_CONTEXT_EXTENSIONS, .extensions = mls_buffer_done(&senders)})};
    assert_int_equal(judge_list(list, 1), MLS_ERR_LEAF_CREDENTIAL_REFUSED);
    mls_buffer_clear(&senders);
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
        T(a_key_is_usable_if_it_gives_a_secret),
        T(keys_that_nothing_can_be_sealed_to),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
