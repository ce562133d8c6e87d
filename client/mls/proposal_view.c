/*
 * Proposals as the application looks at them: those that are pending, and those that a staged
 * commit covers. A staged commit keeps them encoded, each behind its sender:
 *
 *   u8 sender type, u32 sender index, Proposal
 */
#include "base/assert.h"
#include "client/mls/group.h"

enum mls_error mls_staged_note(struct mls_staged *staged, const struct mls_change *change,
                               bool has_path, struct mls_sender sender, uint32_t committer)
{
    staged->has_path = has_path;
    staged->sender = sender.type;
    staged->committer = committer;
    staged->proposal_count = change->count;
    for (uint32_t i = 0; i < change->count; i++) {
        mls_write_u8(&staged->proposals, (uint8_t)change->items[i].sender.type);
        mls_write_u32(&staged->proposals, change->items[i].sender.index);
        mls_write_proposal(&staged->proposals, &change->items[i].proposal);
    }
    return staged->proposals.failed ? MLS_ERR_NO_MEMORY : MLS_OK;
}

enum mls_event_sender mls_event_sender_of(enum mls_sender_type type)
{
    switch (type) {
    case MLS_SENDER_MEMBER:
        return MLS_FROM_MEMBER;
    case MLS_SENDER_EXTERNAL:
        return MLS_FROM_EXTERNAL;
    case MLS_SENDER_NEW_MEMBER_PROPOSAL:
    case MLS_SENDER_NEW_MEMBER_COMMIT:
        break;
    }
    return MLS_FROM_NEW_MEMBER;
}

static void view_add(const struct mls_key_package_view *package, struct mls_proposal_view *out)
{
    out->kind = MLS_PROPOSE_ADD;
    out->credential = mls_credential_of(&package->leaf);
    out->key_package = package->encoded;
}

static void view_psk(const struct mls_psk_id *psk, struct mls_proposal_view *out)
{
    out->kind = MLS_PROPOSE_PSK;
    out->is_resumption_psk = psk->type == MLS_PSK_RESUMPTION;
    if (out->is_resumption_psk) {
        out->psk_group_id = psk->group_id;
        out->psk_epoch = psk->epoch;
    } else {
        out->psk_id = psk->external_id;
    }
}

static void view_body(const struct mls_group *group, const struct mls_proposal *proposal,
                      struct mls_proposal_view *out)
{
    switch (proposal->type) {
    case MLS_PROPOSAL_ADD:
        view_add(proposal->add, out);
        break;
    case MLS_PROPOSAL_UPDATE:
        out->kind = MLS_PROPOSE_UPDATE;
        out->leaf = out->sender_index;
        out->credential = mls_credential_of(proposal->update);
        break;
    case MLS_PROPOSAL_REMOVE:
        out->kind = MLS_PROPOSE_REMOVE;
        out->leaf = proposal->removed;
        out->credential = mls_credential_of(mls_tree_leaf(group->current->tree, out->leaf));
        break;
    case MLS_PROPOSAL_PSK:
        view_psk(proposal->psk, out);
        break;
    case MLS_PROPOSAL_REINIT:
        out->kind = MLS_PROPOSE_REINIT;
        out->reinit = (struct mls_reinit_options){
            .group_id = proposal->reinit->group_id,
            .version = proposal->reinit->version,
            .suite = proposal->reinit->suite,
            .extensions = proposal->reinit->extensions,
        };
        break;
    case MLS_PROPOSAL_EXTERNAL_INIT:
        out->kind = MLS_PROPOSE_EXTERNAL_INIT;
        break;
    case MLS_PROPOSAL_CONTEXT_EXTENSIONS:
        out->kind = MLS_PROPOSE_EXTENSIONS;
        out->extensions = proposal->extensions;
        break;
    }
}

static void view(const struct mls_group *group, struct mls_sender sender,
                 const struct mls_proposal *proposal, struct mls_proposal_view *out)
{
    *out = (struct mls_proposal_view){
        .sender = mls_event_sender_of(sender.type),
        .sender_index = sender.index,
    };
    view_body(group, proposal, out);
    if (sender.type == MLS_SENDER_MEMBER) {
        out->sender_credential =
            mls_credential_of(mls_tree_leaf(group->current->tree, sender.index));
    } else if (sender.type == MLS_SENDER_EXTERNAL) {
        (void)mls_external_sender_of(group->current->context.extensions, sender.index,
                                     &out->sender_credential);
    } else {
        out->sender_credential = out->credential;
    }
}

/* Room for what one proposal is read into: the view copies from there, so looking cannot fail. */
struct scratch {
    struct memory memory;
    bool is_taken;
    _Alignas(max_align_t) uint8_t bytes[2 * ARENA_CHUNK_BYTES];
};

static void *scratch_allocate(struct memory *memory, size_t size)
{
    struct scratch *scratch = (struct scratch *)memory;
    if (scratch->is_taken || size > sizeof(scratch->bytes)) {
        return NULL;
    }
    scratch->is_taken = true;
    return scratch->bytes;
}

static void scratch_release(struct memory *memory, void *block)
{
    struct scratch *scratch = (struct scratch *)memory;
    COLUMBA_ASSERT(block == scratch->bytes);
    scratch->is_taken = false;
}

static void scratch_init(struct scratch *scratch, struct arena *arena)
{
    scratch->memory = (struct memory){scratch_allocate, scratch_release};
    scratch->is_taken = false;
    arena_init(arena, &scratch->memory, MLS_PARSE_ARENA_MAX_BYTES);
}

/* The views are of the pending proposal's bytes. */
static bool view_pending(const struct mls_group *group, const struct mls_pending *pending,
                         struct mls_proposal_view *out)
{
    struct scratch scratch;
    struct arena arena;
    struct mls_authenticated message;
    struct reader reader = reader_of(mls_buffer_done(&pending->authenticated));
    scratch_init(&scratch, &arena);
    bool is_read = mls_read_authenticated(&reader, &arena, &message) == MLS_OK &&
                   message.frame.content_type == MLS_CONTENT_PROPOSAL;
    if (is_read) {
        view(group, message.frame.sender, &message.frame.proposal, out);
        out->reference = slice_of(pending->ref, group->suite->hash_bytes);
        out->is_aside = pending->is_aside;
    }
    arena_clear(&arena);
    return is_read;
}

static bool next_covered(const struct mls_group *group, const struct mls_staged *staged,
                         size_t *index, struct mls_proposal_view *out)
{
    struct scratch scratch;
    struct arena arena;
    struct mls_sender sender;
    struct mls_proposal proposal;
    if (*index >= staged->proposals.size) {
        return false;
    }
    struct reader reader =
        reader_of(slice_of(staged->proposals.data + *index, staged->proposals.size - *index));
    sender.type = (enum mls_sender_type)reader_u8(&reader);
    sender.index = reader_u32(&reader);
    scratch_init(&scratch, &arena);
    bool is_read = mls_read_proposal(&reader, &arena, &proposal) == MLS_OK && !reader.failed;
    if (is_read) {
        view(group, sender, &proposal, out);
        *index = staged->proposals.size - reader_left(&reader);
    }
    arena_clear(&arena);
    return is_read;
}

bool mls_pending_is_valid(const struct mls_group *group, const struct mls_pending *pending)
{
    struct mls_proposal_view ignored;
    return view_pending(group, pending, &ignored);
}

bool mls_staged_is_valid(const struct mls_group *group, const struct mls_staged *staged)
{
    struct mls_proposal_view ignored;
    size_t index = 0;
    uint32_t count = 0;
    while (next_covered(group, staged, &index, &ignored)) {
        count++;
    }
    return index == staged->proposals.size && count == staged->proposal_count;
}

bool mls_group_next_proposal(const struct mls_group *group, size_t *index,
                             struct mls_proposal_view *out)
{
    if (*index >= group->pending_count) {
        return false;
    }
    bool is_read = view_pending(group, &group->pending[*index], out);
    COLUMBA_ASSERT(is_read);
    (*index)++;
    return true;
}

static const struct mls_staged *staged_of(const struct mls_group *group, enum mls_staged_kind kind)
{
    return kind == MLS_STAGED_OWN ? group->own : group->received;
}

bool mls_group_next_staged_proposal(const struct mls_group *group, enum mls_staged_kind kind,
                                    size_t *index, struct mls_proposal_view *out)
{
    const struct mls_staged *staged = staged_of(group, kind);
    return staged != NULL && next_covered(group, staged, index, out);
}

enum mls_error mls_group_look_at_staged(const struct mls_group *group, enum mls_staged_kind kind,
                                        struct mls_staged_view *out)
{
    const struct mls_staged *staged = staged_of(group, kind);
    const struct mls_epoch *from = group->current;
    *out = (struct mls_staged_view){0};
    if (staged == NULL) {
        return MLS_ERR_NOTHING_STAGED;
    }
    const struct mls_epoch *to = staged->epoch;
    bool is_external = staged->sender == MLS_SENDER_NEW_MEMBER_COMMIT;
    *out = (struct mls_staged_view){
        .hash = slice_of(staged->hash, group->suite->hash_bytes),
        .epoch = from->context.epoch + 1,
        .sender = mls_event_sender_of(staged->sender),
        .committer = staged->committer,
        .has_path = staged->has_path,
        .removes_us = to == NULL,
        .reinitialises = staged->reinit.size > 0,
        .extensions = to == NULL ? from->context.extensions : to->context.extensions,
        .proposal_count = staged->proposal_count,
    };
    out->replaces = is_external && staged->removed.count > 0;
    out->replaced = out->replaces ? staged->removed.items[0] : 0;
    if (!is_external) {
        out->before = mls_credential_of(mls_tree_leaf(from->tree, staged->committer));
    }
    if (to != NULL) {
        out->after = mls_credential_of(mls_tree_leaf(to->tree, staged->committer));
    }
    return MLS_OK;
}

void mls_group_hash_commit(const struct mls_group *group, struct slice commit, uint8_t *out)
{
    group->suite->hash(&commit, 1, out);
}
