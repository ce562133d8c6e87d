#include "client/mls/commit.h"

#include "base/assert.h"
#include "client/mls/limits.h"

static enum mls_error read_proposal_or_ref(struct reader *reader, struct arena *arena,
                                           struct mls_proposal_or_ref *out)
{
    uint8_t type = reader_u8(reader);
    if (reader->failed || type < 1 || type > 2) {
        return MLS_ERR_MALFORMED;
    }
    out->is_reference = type == 2;
    if (out->is_reference) {
        out->reference = mls_read_vector(reader);
        return reader->failed ? MLS_ERR_MALFORMED : MLS_OK;
    }
    return mls_read_proposal(reader, arena, &out->proposal);
}

/* The array grows in the arena by doubling; the limit keeps it small. */
static enum mls_error read_proposals(struct slice list, struct arena *arena, struct mls_commit *out)
{
    struct reader reader = reader_of(list);
    uint32_t capacity = 0;
    out->proposals = NULL;
    out->proposal_count = 0;
    while (reader_left(&reader) > 0) {
        if (out->proposal_count == capacity) {
            uint32_t grown = capacity == 0 ? 4 : capacity * 2;
            struct mls_proposal_or_ref *array = arena_allocate_array(arena, grown, sizeof(*array));
            if (out->proposal_count >= MLS_PROPOSALS_MAX) {
                return MLS_ERR_LIMIT;
            }
            if (array == NULL) {
                return MLS_ERR_NO_MEMORY;
            }
            if (capacity > 0) {
                memcpy(array, out->proposals, capacity * sizeof(*array));
            }
            out->proposals = array;
            capacity = grown;
        }
        enum mls_error error =
            read_proposal_or_ref(&reader, arena, &out->proposals[out->proposal_count]);
        if (error != MLS_OK) {
            return error;
        }
        out->proposal_count++;
    }
    return reader.failed ? MLS_ERR_MALFORMED : MLS_OK;
}

static void read_path_node(struct reader *reader, struct mls_path_node *out)
{
    out->encryption_key = mls_read_vector(reader);
    out->ciphertexts = mls_read_vector(reader);
    out->ciphertext_count = 0;
    struct reader inner = reader_of(out->ciphertexts);
    while (reader_left(&inner) > 0) {
        (void)mls_read_vector(&inner);
        (void)mls_read_vector(&inner);
        out->ciphertext_count++;
    }
    reader->failed = reader->failed || inner.failed;
}

enum mls_error mls_read_update_path(struct reader *reader, struct arena *arena,
                                    struct mls_update_path *out)
{
    mls_read_leaf_node(reader, &out->leaf);
    struct slice list = mls_read_vector(reader);
    if (reader->failed) {
        return MLS_ERR_MALFORMED;
    }
    struct reader inner = reader_of(list);
    out->node_count = 0;
    out->nodes = arena_allocate_array(arena, MLS_DEPTH_MAX, sizeof(*out->nodes));
    if (out->nodes == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    while (reader_left(&inner) > 0) {
        if (out->node_count == MLS_DEPTH_MAX) {
            return MLS_ERR_PATH_LENGTH;
        }
        read_path_node(&inner, &out->nodes[out->node_count++]);
    }
    return inner.failed ? MLS_ERR_MALFORMED : MLS_OK;
}

enum mls_error mls_read_commit(struct reader *reader, struct arena *arena, struct mls_commit *out)
{
    struct slice list = mls_read_vector(reader);
    if (reader->failed) {
        return MLS_ERR_MALFORMED;
    }
    enum mls_error error = read_proposals(list, arena, out);
    if (error != MLS_OK) {
        return error;
    }
    out->has_path = mls_read_optional(reader);
    if (reader->failed) {
        return MLS_ERR_MALFORMED;
    }
    return out->has_path ? mls_read_update_path(reader, arena, &out->path) : MLS_OK;
}

void mls_write_update_path(struct mls_buffer *buffer, const struct mls_update_path *path)
{
    mls_write_leaf_node(buffer, &path->leaf);
    size_t mark = mls_write_open(buffer);
    for (uint32_t i = 0; i < path->node_count; i++) {
        mls_write_vector(buffer, path->nodes[i].encryption_key);
        mls_write_vector(buffer, path->nodes[i].ciphertexts);
    }
    mls_write_close(buffer, mark);
}

void mls_write_commit(struct mls_buffer *buffer, const struct mls_commit *commit)
{
    size_t mark = mls_write_open(buffer);
    for (uint32_t i = 0; i < commit->proposal_count; i++) {
        const struct mls_proposal_or_ref *item = &commit->proposals[i];
        mls_write_u8(buffer, item->is_reference ? 2 : 1);
        if (item->is_reference) {
            mls_write_vector(buffer, item->reference);
        } else {
            mls_write_proposal(buffer, &item->proposal);
        }
    }
    mls_write_close(buffer, mark);
    mls_write_u8(buffer, commit->has_path);
    if (commit->has_path) {
        mls_write_update_path(buffer, &commit->path);
    }
}

void mls_path_node_ciphertext(const struct mls_path_node *node, uint32_t n,
                              struct slice *out_kem_output, struct slice *out_ciphertext)
{
    struct reader reader = reader_of(node->ciphertexts);
    COLUMBA_ASSERT(n < node->ciphertext_count);
    for (uint32_t i = 0; i <= n; i++) {
        *out_kem_output = mls_read_vector(&reader);
        *out_ciphertext = mls_read_vector(&reader);
    }
}
