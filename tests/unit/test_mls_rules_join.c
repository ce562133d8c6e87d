/*
 * The rules for capabilities, paths, external commits, trees, group infos, welcomes and successors,
 * each broken by itself.
 */
#include "mls_forger.h"

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

/* bob's own update is committed after bob has lost its private key. */
static void a_path_needs_a_key_to_open_it(void **state)
{
    (void)state;
    struct mls_proposal_options options = {.kind = MLS_PROPOSE_UPDATE};
    struct mls_buffer proposal;
    struct mls_commit_bundle bundle;
    struct mls_event event;
    assert_int_equal(mls_group_propose(bob->group, &options, &proposal), MLS_OK);
    assert_int_equal(mls_group_process(ann->group, mls_buffer_done(&proposal), &event), MLS_OK);
    mls_event_clear(&event);
    mls_buffer_clear(&proposal);
    struct mls_pending *pending = &bob->group->pending[0];
    mls_secret_give(&bob->group->pool, pending->update_private, MLS_KEM_MAX_BYTES);
    pending->update_private = NULL;
    assert_int_equal(mls_group_commit(ann->group, NULL, &bundle), MLS_OK);
    assert_int_equal(judge_by(bob, &bundle.commit), MLS_ERR_NO_PATH_KEY);
    mls_commit_bundle_clear(&bundle);
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

static void keys_that_nothing_can_be_sealed_to(void **state)
{
    (void)state;
    struct mls_commit *commit = real_path();
    commit->path.nodes[0].encryption_key = unusable_key(0);
    assert_int_equal(judge_path(commit), MLS_ERR_KEY_UNUSABLE);
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    commit = real_path();
    commit->path.leaf.encryption_key = unusable_key(1);
    resign_path(commit, signature);
    assert_int_equal(judge_path(commit), MLS_ERR_KEY_UNUSABLE);
    commit = external_commit();
    commit->proposals[0].proposal.kem_output = unusable_key(2);
    assert_int_equal(judge_external(commit), MLS_ERR_KEY_UNUSABLE);
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

static void spoil_parent_key(struct mls_tree *tree)
{
    put_parent(tree, 3, unusable_key(3), tree->nodes[3]->parent.parent_hash, nothing());
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
    assert_int_equal(judge_tree(spoil_parent_key), MLS_ERR_KEY_UNUSABLE);
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

static void parameters_of_group_infos(void **state)
{
    (void)state;
    struct mls_group_context *context = &ann->group->current->context;
    for (int other = 0; other < 2; other++) {
        struct mls_buffer info = mls_buffer_of(memory());
        context->version = other == 0 ? 2 : 1;
        context->suite = other == 0 ? SUITE : 1;
        mls_write_message_head(&info, MLS_WIRE_GROUP_INFO);
        assert_int_equal(mls_epoch_write_info(ann->group, ann->group->current, true, true, &info),
                         MLS_OK);
        assert_int_equal(join_eve(mls_buffer_done(&info), NULL),
                         other == 0 ? MLS_ERR_VERSION : MLS_ERR_SUITE);
        mls_buffer_clear(&info);
    }
    context->suite = SUITE;
}

/* A key of one leaf written over that of another. */
static void keys_are_in_a_tree_once(void **state)
{
    (void)state;
    struct mls_buffer info;
    struct mls_buffer tree;
    const struct mls_leaf_node *one = mls_tree_leaf(ann->group->current->tree, 1);
    const struct mls_leaf_node *two = mls_tree_leaf(ann->group->current->tree, 2);
    struct slice keys[2][2] = {{one->encryption_key, two->encryption_key},
                               {one->signature_key, two->signature_key}};
    assert_int_equal(mls_group_info(ann->group, false, &info), MLS_OK);
    for (size_t kind = 0; kind < 2; kind++) {
        assert_int_equal(mls_group_tree(ann->group, &tree), MLS_OK);
        uint8_t *place = memmem(tree.data, tree.size, keys[kind][1].data, keys[kind][1].size);
        assert_non_null(place);
        memcpy(place, keys[kind][0].data, keys[kind][0].size);
        struct mls_join_options options = {.ratchet_tree = mls_buffer_done(&tree)};
        assert_int_equal(join_eve(mls_buffer_done(&info), &options),
                         kind == 0 ? MLS_ERR_ENCRYPTION_KEY_TAKEN : MLS_ERR_SIGNATURE_KEY_TAKEN);
        mls_buffer_clear(&tree);
    }
    mls_buffer_clear(&info);
}

static void padding_is_zero(void **state)
{
    (void)state;
    struct mls_outgoing outgoing;
    struct mls_secret_step step;
    struct mls_buffer message;
    bool has_step = false;
    mls_outgoing_init(&outgoing, ann->group, ann->group->current, MLS_CONTENT_APPLICATION,
                      MLS_COAT_PRIVATE, nothing());
    mls_write_vector(&outgoing.frame, slice_of_text("data"));
    assert_int_equal(mls_outgoing_sign(&outgoing, ann->group), MLS_OK);
    /* An application message has no tag, so what stands there is padding. */
    assert_int_equal(
        mls_outgoing_protect(&outgoing, ann->group, slice_of_text("x"), &message, &step, &has_step),
        MLS_OK);
    mls_secret_tree_drop(ann->group->current->secret_tree, &step);
    mls_outgoing_clear(&outgoing);
    assert_int_equal(judge_by(bob, &message), MLS_ERR_BAD_PADDING);
}

/* A welcome by ann for `added`, sealed to the package of `recipient`, with so many branch keys. */
static struct mls_buffer forge_welcome(const struct world_client *added,
                                       const struct world_client *recipient, uint32_t psks)
{
    struct mls_maker maker;
    struct mls_buffer commit;
    struct mls_buffer welcome;
    struct mls_secret_step step;
    bool has_step = false;
    struct mls_psk_id id = {.type = MLS_PSK_RESUMPTION,
                            .usage = MLS_PSK_BRANCH,
                            .group_id = mls_group_id(ann->group),
                            .epoch = mls_group_epoch(ann->group)};
    assert_int_equal(mls_maker_init(&maker, ann->group, ann->group->current), MLS_OK);
    maker.change.items = arena_allocate_array(&maker.arena, 4, sizeof(*maker.change.items));
    maker.change.usage = MLS_PSK_BRANCH;
    for (uint32_t i = 0; i < psks; i++) {
        assert_int_equal(mls_maker_append_psk(&maker, &id), MLS_OK);
    }
    maker.change.items[maker.change.count++] = (struct mls_item){
        .proposal = {.type = MLS_PROPOSAL_ADD, .add = &added->package->view},
        .sender = as_member(ann),
    };
    assert_int_equal(
        mls_change_apply(ann->group, maker.from, &maker.change, maker.staged->epoch->tree), MLS_OK);
    maker.change.added_packages[0] = &recipient->package->view;
    memcpy(maker.guarded->init, maker.from->secrets->init, sizeof(maker.guarded->init));
    assert_int_equal(
        mls_maker_finish(&maker, MLS_COAT_PUBLIC, nothing(), &commit, &step, &has_step), MLS_OK);
    assert_int_equal(mls_maker_welcome(&maker, true, &welcome), MLS_OK);
    mls_buffer_clear(&commit);
    mls_maker_clear(&maker);
    return welcome;
}

static enum mls_error join_by(struct world_client *client, struct mls_buffer *welcome)
{
    struct mls_group *group = NULL;
    struct mls_join_options options = {.predecessor = bob->group};
    enum mls_error error = mls_group_join(client->identity, &client->package, 1,
                                          mls_buffer_done(welcome), &options, &group);
    mls_group_destroy(group);
    mls_buffer_clear(welcome);
    return error;
}

static void forged_welcomes(void **state)
{
    (void)state;
    struct mls_buffer welcome = forge_welcome(dan, dan, 0);
    assert_int_equal(join_by(dan, &welcome), MLS_OK);
    welcome = forge_welcome(dan, eve, 0);
    assert_int_equal(join_by(eve, &welcome), MLS_ERR_LEAF_MISSING);
    welcome = forge_welcome(dan, dan, 2);
    assert_int_equal(join_by(dan, &welcome), MLS_ERR_PSK_COMBINATION);
    /* One is right by itself, but this group is not at its first epoch. */
    welcome = forge_welcome(dan, dan, 1);
    assert_int_equal(join_by(dan, &welcome), MLS_ERR_SUCCESSOR_EPOCH);
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
    assert_int_equal(mls_successor_check(ann->group, &psk, 1, &epoch), MLS_ERR_GROUP_KNOWN);
    epoch.context.group_id = slice_of_text("a branch");
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
        T(required_capabilities),
        T(paths),
        T(a_path_secret_must_lead_to_its_key),
        T(a_path_needs_a_key_to_open_it),
        T(keys_that_nothing_can_be_sealed_to),
        T(external_commits),
        T(trees_of_group_infos),
        T(group_infos),
        T(parameters_of_group_infos),
        T(keys_are_in_a_tree_once),
        T(padding_is_zero),
        T(forged_welcomes),
        T(welcomes),
        T(successors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
