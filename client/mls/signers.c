/*
 * Who signs at a leaf of a past epoch. Trees of past epochs are not kept: a past epoch lists only
 * the leaves at which the next epoch has another signature key or credential, so what it costs is
 * what its commit changed. A look-up goes on through the later epochs' lists to today's tree.
 */
#include "client/mls/group.h"

static bool is_same(const struct mls_leaf_node *a, const struct mls_leaf_node *b)
{
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return slice_equal(a->signature_key, b->signature_key) &&
           slice_equal(a->credential.encoded, b->credential.encoded);
}

void mls_signers_note(const struct mls_tree *before, const struct mls_tree *after,
                      struct mls_buffer *out)
{
    for (uint32_t i = 0; i < before->leaf_width; i++) {
        const struct mls_leaf_node *old = mls_tree_leaf(before, i);
        if (is_same(old, mls_tree_leaf(after, i))) {
            continue;
        }
        mls_write_u32(out, i);
        mls_write_u8(out, old != NULL);
        if (old != NULL) {
            mls_write_vector(out, old->signature_key);
            mls_write_u16(out, old->credential.type);
            mls_write_vector(out, old->credential.content);
        }
    }
}

/* One entry of a list. */
struct entry {
    uint32_t leaf;
    bool is_member;
    struct mls_credential_view credential;
};

static void read_entry(struct reader *reader, struct entry *out)
{
    *out = (struct entry){.leaf = reader_u32(reader)};
    out->is_member = mls_read_optional(reader);
    if (out->is_member) {
        out->credential.signature_key = mls_read_vector(reader);
        out->credential.type = reader_u16(reader);
        out->credential.identity = mls_read_vector(reader);
    }
}

bool mls_signers_are_valid(struct slice list, uint32_t leaf_width)
{
    struct reader reader = reader_of(list);
    struct entry entry;
    uint32_t least = 0;
    while (reader_left(&reader) > 0) {
        read_entry(&reader, &entry);
        if (reader.failed || entry.leaf < least || entry.leaf >= leaf_width) {
            return false;
        }
        least = entry.leaf + 1;
    }
    return true;
}

static bool find_entry(struct slice list, uint32_t leaf, struct entry *out)
{
    struct reader reader = reader_of(list);
    while (reader_left(&reader) > 0) {
        read_entry(&reader, out);
        if (reader.failed || out->leaf >= leaf) {
            return !reader.failed && out->leaf == leaf;
        }
    }
    return false;
}

bool mls_group_find_signer(const struct mls_group *group, const struct mls_epoch *epoch,
                           uint32_t leaf, struct mls_credential_view *out)
{
    const struct mls_tree *tree = epoch->tree;
    if (tree == NULL && leaf >= epoch->secret_tree->leaf_width) {
        return false;
    }
    for (size_t i = 0; i < group->past_count && tree == NULL; i++) {
        struct entry entry;
        const struct mls_epoch *past = group->past[i];
        if (past->context.epoch >= epoch->context.epoch &&
            find_entry(mls_buffer_done(&past->signers), leaf, &entry)) {
            *out = entry.credential;
            return entry.is_member;
        }
    }
    const struct mls_leaf_node *today =
        mls_tree_leaf(tree == NULL ? group->current->tree : tree, leaf);
    if (today != NULL) {
        *out = mls_credential_of(today);
    }
    return today != NULL;
}
