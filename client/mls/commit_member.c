/* A member's commit: which proposals go in, and the bundle that comes out (RFC 9420 12.4.1). */
#include <sodium.h>

#include "client/mls/commit_make.h"

void mls_commit_bundle_clear(struct mls_commit_bundle *bundle)
{
    mls_buffer_clear(&bundle->commit);
    mls_buffer_clear(&bundle->welcome);
    mls_buffer_clear(&bundle->group_info);
}

/* -- pending proposals -- */

/* What one leaf has coming: a remove beats updates, the newest update beats older ones (12.2). */
struct claim {
    bool removed;
    uint32_t updates; /* one more than the item that holds the newest */
};

struct selection {
    struct mls_item *items;
    uint32_t count;
    struct claim *claims; /* by leaf */
    bool *dropped;
    uint32_t *adds; /* kept adds by signature key: open addressing, 1 + item */
    uint32_t *psks; /* kept ones */
    uint32_t mask;  /* of adds */
    uint32_t psk_count;
    bool has_extensions;
    bool has_reinit;
};

static enum mls_error read_pending(struct mls_maker *maker, const struct mls_pending *pending,
                                   struct mls_item *out)
{
    struct mls_authenticated message;
    struct reader reader = reader_of(mls_buffer_done(&pending->authenticated));
    enum mls_error error = mls_read_authenticated(&reader, &maker->arena, &message);
    if (error == MLS_OK) {
        *out = (struct mls_item){
            .proposal = message.frame.proposal,
            .sender = message.frame.sender,
            .pending = pending,
            .checked = true,
        };
    }
    return error;
}

static void claim_leaf(struct selection *selection, uint32_t at, uint32_t leaf, bool is_remove)
{
    struct claim *claim = &selection->claims[leaf];
    if (claim->removed) {
        selection->dropped[at] = true;
        return;
    }
    if (claim->updates > 0) {
        selection->dropped[claim->updates - 1] = true;
    }
    claim->removed = is_remove;
    claim->updates = at + 1;
}

/* Whether an add that stays has this signature key; if not, this one stays. */
static bool repeats_add(const struct mls_group *group, struct selection *selection, uint32_t at)
{
    uint8_t digest[crypto_shorthash_BYTES];
    uint32_t slot;
    struct slice key = selection->items[at].proposal.add->leaf.signature_key;
    (void)crypto_shorthash(digest, key.data, key.size, group->hash_key);
    memcpy(&slot, digest, sizeof(slot));
    for (slot &= selection->mask; selection->adds[slot] != 0; slot = (slot + 1) & selection->mask) {
        const struct mls_item *other = &selection->items[selection->adds[slot] - 1];
        if (slice_equal(other->proposal.add->leaf.signature_key, key)) {
            return true;
        }
    }
    selection->adds[slot] = at + 1;
    return false;
}

/* There cannot be more of them in a commit than the limit, so the list stays short. */
static bool repeats_psk(struct selection *selection, uint32_t at)
{
    for (uint32_t i = 0; i < selection->psk_count; i++) {
        if (slice_equal(selection->items[selection->psks[i]].proposal.psk->encoded,
                        selection->items[at].proposal.psk->encoded)) {
            return true;
        }
    }
    if (selection->psk_count == MLS_PSKS_MAX) {
        return true;
    }
    selection->psks[selection->psk_count++] = at;
    return false;
}

static bool repeats_flag(bool *flag)
{
    bool before = *flag;
    *flag = true;
    return before;
}

static void select_one(const struct mls_maker *maker, struct selection *selection, uint32_t at)
{
    const struct mls_item *item = &selection->items[at];
    uint32_t own = maker->from->own_leaf;
    uint32_t holder = 0;
    switch (item->proposal.type) {
    case MLS_PROPOSAL_UPDATE:
        if (item->sender.index == own) {
            selection->dropped[at] = true;
        } else {
            claim_leaf(selection, at, item->sender.index, false);
        }
        break;
    case MLS_PROPOSAL_REMOVE:
        if (item->proposal.removed == own) {
            selection->dropped[at] = true;
        } else {
            claim_leaf(selection, at, item->proposal.removed, true);
        }
        break;
    case MLS_PROPOSAL_ADD:
        selection->dropped[at] =
            (mls_tree_find_signer(maker->from->tree, item->proposal.add->leaf.signature_key,
                                  &holder) &&
             !selection->claims[holder].removed) ||
            repeats_add(maker->group, selection, at);
        break;
    case MLS_PROPOSAL_PSK:
        selection->dropped[at] = repeats_psk(selection, at);
        break;
    case MLS_PROPOSAL_CONTEXT_EXTENSIONS:
        selection->dropped[at] = repeats_flag(&selection->has_extensions);
        break;
    case MLS_PROPOSAL_REINIT:
        selection->dropped[at] = repeats_flag(&selection->has_reinit);
        break;
    case MLS_PROPOSAL_EXTERNAL_INIT:
        selection->dropped[at] = true;
        break;
    }
}

/* A reinit gives way to everything else (12.2). */
static void drop_reinits(struct selection *selection, bool others_given)
{
    uint32_t others = others_given;
    for (uint32_t i = 0; i < selection->count; i++) {
        others +=
            !selection->dropped[i] && selection->items[i].proposal.type != MLS_PROPOSAL_REINIT;
    }
    for (uint32_t i = 0; i < selection->count && others > 0; i++) {
        selection->dropped[i] =
            selection->dropped[i] || selection->items[i].proposal.type == MLS_PROPOSAL_REINIT;
    }
}

static void write_reference(struct mls_maker *maker, const struct mls_pending *pending)
{
    mls_write_u8(&maker->list, 2);
    mls_write_vector(&maker->list, slice_of(pending->ref, maker->group->suite->hash_bytes));
}

/* Takes along what can be in one commit, and can be there together with what is given by value. */
static enum mls_error take_pending(struct mls_maker *maker,
                                   const struct mls_commit_options *options)
{
    struct mls_group *group = maker->group;
    size_t count = group->pending_count;
    struct selection selection = {
        .count = (uint32_t)count,
        .items = arena_allocate_array(&maker->arena, count + 1, sizeof(*selection.items)),
        .claims = arena_allocate_zero(&maker->arena,
                                      maker->from->tree->leaf_width * sizeof(struct claim)),
        .dropped = arena_allocate_zero(&maker->arena, count + 1),
        .psks = arena_allocate_array(&maker->arena, MLS_PSKS_MAX, sizeof(*selection.psks)),
        .mask = 15,
    };
    while (selection.mask < 2 * count) {
        selection.mask = 2 * selection.mask + 1;
    }
    selection.adds =
        arena_allocate_zero(&maker->arena, (selection.mask + 1u) * sizeof(*selection.adds));
    if (selection.items == NULL || selection.claims == NULL || selection.dropped == NULL ||
        selection.psks == NULL || selection.adds == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < options->remove_count; i++) {
        if (options->remove[i] < maker->from->tree->leaf_width) {
            selection.claims[options->remove[i]].removed = true;
        }
    }
    for (uint32_t i = 0; i < selection.count; i++) {
        enum mls_error error = read_pending(maker, &group->pending[i], &selection.items[i]);
        if (error != MLS_OK) {
            return error;
        }
        if (group->pending[i].is_aside) {
            selection.dropped[i] = true;
            continue;
        }
        select_one(maker, &selection, i);
        enum mls_proposal_type type = selection.items[i].proposal.type;
        if ((type == MLS_PROPOSAL_CONTEXT_EXTENSIONS && options->extensions != NULL) ||
            options->reinit != NULL) {
            selection.dropped[i] = true;
        }
    }
    drop_reinits(&selection, options->add_count + options->remove_count + options->psk_count > 0 ||
                                 options->extensions != NULL);
    for (uint32_t i = 0; i < selection.count; i++) {
        if (!selection.dropped[i]) {
            maker->change.items[maker->change.count++] = selection.items[i];
            write_reference(maker, selection.items[i].pending);
        }
    }
    return maker->list.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}

/* -- proposals by value -- */

static void append_value(struct mls_maker *maker, struct mls_proposal proposal)
{
    struct mls_item *item = &maker->change.items[maker->change.count++];
    *item = (struct mls_item){
        .proposal = proposal,
        .sender = {.type = MLS_SENDER_MEMBER, .index = maker->from->own_leaf},
    };
    mls_write_u8(&maker->list, 1);
    mls_write_proposal(&maker->list, &proposal);
}

static enum mls_error append_add(struct mls_maker *maker, struct slice message)
{
    struct mls_key_package_view *view = arena_allocate_zero(&maker->arena, sizeof(*view));
    if (view == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = mls_key_package_read(message, view);
    if (error == MLS_OK) {
        append_value(maker, (struct mls_proposal){.type = MLS_PROPOSAL_ADD, .add = view});
    }
    return error;
}

/* Encoded once here: the key schedule and the welcome want its bytes. */
enum mls_error mls_maker_append_psk(struct mls_maker *maker, struct mls_psk_id *id)
{
    struct mls_group *group = maker->group;
    size_t n = group->suite->hash_bytes;
    uint8_t *nonce = arena_allocate(&maker->arena, n);
    struct mls_psk_id *kept = arena_allocate(&maker->arena, sizeof(*kept));
    if (nonce == NULL || kept == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_environment_random(&group->environment, nonce, n);
    *kept = *id;
    kept->nonce = slice_of(nonce, n);
    struct mls_buffer encoded = mls_buffer_of(group->memory);
    mls_write_psk_id(&encoded, kept);
    bool copied = !encoded.failed &&
                  arena_copy(&maker->arena, mls_buffer_done(&encoded), &kept->encoded) == 0;
    mls_buffer_clear(&encoded);
    if (!copied) {
        return MLS_ERR_NO_MEMORY;
    }
    append_value(maker, (struct mls_proposal){.type = MLS_PROPOSAL_PSK, .psk = kept});
    return MLS_OK;
}

static enum mls_error append_reinit(struct mls_maker *maker,
                                    const struct mls_reinit_options *options)
{
    struct mls_reinit *reinit = arena_allocate(&maker->arena, sizeof(*reinit));
    if (reinit == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    *reinit = (struct mls_reinit){
        .group_id = options->group_id,
        .version = options->version,
        .suite = options->suite,
        .extensions = options->extensions,
    };
    struct mls_proposal proposal = {.type = MLS_PROPOSAL_REINIT, .reinit = reinit};
    struct mls_buffer encoded = mls_buffer_of(maker->group->memory);
    mls_write_proposal(&encoded, &proposal);
    bool copied = !encoded.failed &&
                  arena_copy(&maker->arena, mls_buffer_done(&encoded), &proposal.encoded) == 0;
    mls_buffer_clear(&encoded);
    if (!copied) {
        return MLS_ERR_NO_MEMORY;
    }
    append_value(maker, proposal);
    return MLS_OK;
}

static enum mls_error append_values(struct mls_maker *maker,
                                    const struct mls_commit_options *options)
{
    enum mls_error error = MLS_OK;
    for (size_t i = 0; i < options->remove_count; i++) {
        append_value(maker, (struct mls_proposal){.type = MLS_PROPOSAL_REMOVE,
                                                  .removed = options->remove[i]});
    }
    for (size_t i = 0; i < options->add_count && error == MLS_OK; i++) {
        error = append_add(maker, options->add[i]);
    }
    for (size_t i = 0; i < options->psk_count && error == MLS_OK; i++) {
        struct mls_psk_id id = {.type = MLS_PSK_EXTERNAL, .external_id = options->psk_ids[i]};
        error = mls_maker_append_psk(maker, &id);
    }
    if (error == MLS_OK && options->extensions != NULL) {
        append_value(maker, (struct mls_proposal){.type = MLS_PROPOSAL_CONTEXT_EXTENSIONS,
                                                  .extensions = *options->extensions});
    }
    if (error == MLS_OK && options->reinit != NULL) {
        error = append_reinit(maker, options->reinit);
    }
    return error == MLS_OK && maker->list.failed ? MLS_ERR_NO_MEMORY : error;
}

static enum mls_error collect(struct mls_maker *maker, const struct mls_commit_options *options)
{
    size_t pending = options->leave_pending ? 0 : maker->group->pending_count;
    size_t count = pending + options->add_count + options->remove_count + options->psk_count + 2;
    if (count > MLS_PROPOSALS_MAX || options->psk_count > MLS_PSKS_MAX) {
        return MLS_ERR_LIMIT;
    }
    /* One more for a successor's resumption key. */
    maker->change.items =
        arena_allocate_array(&maker->arena, count + 1, sizeof(*maker->change.items));
    if (maker->change.items == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = pending == 0 ? MLS_OK : take_pending(maker, options);
    return error == MLS_OK ? append_values(maker, options) : error;
}

/* -- the bundle -- */

static enum mls_error make_commit(struct mls_maker *maker, const struct mls_commit_options *options,
                                  struct mls_commit_bundle *out, struct mls_secret_step *step,
                                  bool *out_has_step)
{
    struct mls_group *group = maker->group;
    struct mls_epoch *to = maker->staged->epoch;
    enum mls_error error = mls_change_apply(group, maker->from, &maker->change, to->tree);
    if (error == MLS_OK && (maker->change.needs_path || options->with_path)) {
        error = mls_maker_make_path(maker);
    }
    if (error == MLS_OK) {
        error = mls_tree_check_members(to->tree, maker->change.extensions,
                                       maker->change.extensions_are_new);
    }
    if (error == MLS_OK) {
        memcpy(maker->guarded->init, maker->from->secrets->init, sizeof(maker->guarded->init));
        error = mls_maker_finish(maker, options->coat, options->authenticated_data, &out->commit,
                                 step, out_has_step);
    }
    if (error == MLS_OK && maker->change.added.count > 0) {
        error = mls_maker_welcome(maker, !options->omit_tree, &out->welcome);
    }
    if (error == MLS_OK) {
        mls_write_message_head(&out->group_info, MLS_WIRE_GROUP_INFO);
        error = mls_epoch_write_info(group, to, true, !options->omit_tree, &out->group_info);
    }
    return error;
}

/* The staged epoch and the ratchet step become durable together; the step is done with. */
static enum mls_error stage(struct mls_group *group, struct mls_staged *staged,
                            const struct mls_commit_bundle *bundle, struct mls_secret_step *step,
                            bool has_step)
{
    struct mls_transaction transaction;
    mls_transaction_begin(&transaction, group);
    transaction.outcome.call = MLS_CALL_COMMIT;
    transaction.outcome.bundle = bundle;
    if (has_step) {
        mls_store_step(&transaction, group->current, step);
    }
    mls_store_staged(&transaction, staged);
    return mls_transaction_end_sending(&transaction, group->current, step, has_step);
}

static void bundle_init(const struct mls_group *group, struct mls_commit_bundle *out)
{
    out->commit = mls_buffer_of(group->memory);
    out->welcome = mls_buffer_of(group->memory);
    out->group_info = mls_buffer_of(group->memory);
}

enum mls_error mls_group_commit_as(struct mls_group *group,
                                   const struct mls_commit_options *options,
                                   const struct mls_successor_psk *successor,
                                   struct mls_commit_bundle *out)
{
    struct mls_maker maker;
    struct mls_secret_step step;
    bool has_step = false;
    bundle_init(group, out);
    enum mls_error error = mls_maker_init(&maker, group, group->current);
    if (error == MLS_OK) {
        error = collect(&maker, options);
    }
    if (error == MLS_OK && successor != NULL) {
        struct mls_psk_id id = successor->id;
        maker.change.usage = id.usage;
        maker.sources.predecessor = successor->group;
        error = mls_maker_append_psk(&maker, &id);
    }
    if (error == MLS_OK) {
        error = make_commit(&maker, options, out, &step, &has_step);
        if (error != MLS_OK && has_step) {
            mls_secret_tree_drop(group->current->secret_tree, &step);
        }
    }
    if (error == MLS_OK) {
        error = stage(group, maker.staged, out, &step, has_step);
    }
    if (error == MLS_OK) {
        group->own = maker.staged;
        maker.staged = NULL;
    } else {
        mls_commit_bundle_clear(out);
    }
    mls_maker_clear(&maker);
    return error;
}

static enum mls_error commit(struct mls_group *group, const struct mls_commit_options *options,
                             struct mls_commit_bundle *out)
{
    static const struct mls_commit_options defaults;
    if (group->state != MLS_GROUP_ACTIVE) {
        return MLS_ERR_GROUP_CLOSED;
    }
    if (group->own != NULL) {
        return MLS_ERR_COMMIT_STAGED;
    }
    options = options == NULL ? &defaults : options;
    if (options->authenticated_data.size > MLS_CONTENT_MAX_BYTES) {
        return MLS_ERR_LIMIT;
    }
    if (options->coat == MLS_COAT_PUBLIC &&
        mls_group_check_open(group, MLS_SENDER_MEMBER) != MLS_OK) {
        return MLS_ERR_OPEN_MESSAGE;
    }
    return mls_group_commit_as(group, options, NULL, out);
}

enum mls_error mls_group_commit(struct mls_group *group, const struct mls_commit_options *options,
                                struct mls_commit_bundle *out)
{
    bundle_init(group, out);
    enum mls_error error = mls_group_enter(group);
    if (error == MLS_OK) {
        error = commit(group, options, out);
        mls_group_leave(group);
    }
    return error;
}
