#include "client/mls/leaf_node.h"

#include "base/bytes.h"
#include "client/mls/extension.h"
#include "client/mls/label.h"

void mls_read_credential(struct reader *reader, struct mls_credential *out)
{
    const uint8_t *start = reader->at;
    out->type = reader_u16(reader);
    /* Every type we can parse has one vector; the type of an unknown one has no known end. */
    if (out->type != MLS_CREDENTIAL_BASIC && out->type != MLS_CREDENTIAL_X509) {
        reader->failed = true;
    }
    out->content = mls_read_vector(reader);
    if (out->type == MLS_CREDENTIAL_X509) {
        struct reader chain = reader_of(out->content);
        while (reader_left(&chain) > 0) {
            (void)mls_read_vector(&chain);
        }
        reader->failed = reader->failed || chain.failed;
    }
    out->encoded = mls_read_since(reader, start);
}

static void read_source(struct reader *reader, struct mls_leaf_node *out)
{
    uint8_t source = reader_u8(reader);
    switch (source) {
    case MLS_LEAF_KEY_PACKAGE:
        out->not_before_s = reader_u64(reader);
        out->not_after_s = reader_u64(reader);
        break;
    case MLS_LEAF_UPDATE:
        break;
    case MLS_LEAF_COMMIT:
        out->parent_hash = mls_read_vector(reader);
        break;
    default:
        reader->failed = true;
        return;
    }
    out->source = (enum mls_leaf_source)source;
}

void mls_read_leaf_node(struct reader *reader, struct mls_leaf_node *out)
{
    const uint8_t *start = reader->at;
    *out = (struct mls_leaf_node){.encryption_key = mls_read_vector(reader)};
    out->signature_key = mls_read_vector(reader);
    mls_read_credential(reader, &out->credential);
    out->capabilities.versions = mls_read_types(reader);
    out->capabilities.suites = mls_read_types(reader);
    out->capabilities.extensions = mls_read_types(reader);
    out->capabilities.proposals = mls_read_types(reader);
    out->capabilities.credentials = mls_read_types(reader);
    read_source(reader, out);
    out->extensions = mls_read_extensions(reader);
    out->signed_part = mls_read_since(reader, start);
    out->signature = mls_read_vector(reader);
    out->encoded = mls_read_since(reader, start);
}

void mls_write_leaf_fields(struct mls_buffer *buffer, const struct mls_leaf_node *leaf)
{
    mls_write_vector(buffer, leaf->encryption_key);
    mls_write_vector(buffer, leaf->signature_key);
    mls_write_u16(buffer, leaf->credential.type);
    mls_write_vector(buffer, leaf->credential.content);
    mls_write_vector(buffer, leaf->capabilities.versions);
    mls_write_vector(buffer, leaf->capabilities.suites);
    mls_write_vector(buffer, leaf->capabilities.extensions);
    mls_write_vector(buffer, leaf->capabilities.proposals);
    mls_write_vector(buffer, leaf->capabilities.credentials);
    mls_write_u8(buffer, (uint8_t)leaf->source);
    if (leaf->source == MLS_LEAF_KEY_PACKAGE) {
        mls_write_u64(buffer, leaf->not_before_s);
        mls_write_u64(buffer, leaf->not_after_s);
    } else if (leaf->source == MLS_LEAF_COMMIT) {
        mls_write_vector(buffer, leaf->parent_hash);
    }
    mls_write_vector(buffer, leaf->extensions);
}

void mls_write_leaf_node(struct mls_buffer *buffer, const struct mls_leaf_node *leaf)
{
    mls_write_leaf_fields(buffer, leaf);
    mls_write_vector(buffer, leaf->signature);
}

/* LeafNodeTBS: the fields and, once the leaf belongs to a group, group and index. */
struct leaf_tbs {
    uint8_t id_length[4];
    uint8_t index[4];
    struct slice parts[4];
    size_t count;
};

static void leaf_tbs_init(struct leaf_tbs *tbs, enum mls_leaf_source source, struct slice fields,
                          struct slice group_id, uint32_t leaf_index)
{
    tbs->parts[0] = fields;
    tbs->count = 1;
    if (source != MLS_LEAF_KEY_PACKAGE) {
        bytes_put_u32_be(tbs->index, leaf_index);
        tbs->parts[1] = slice_of(tbs->id_length, mls_length_put(tbs->id_length, group_id.size));
        tbs->parts[2] = group_id;
        tbs->parts[3] = slice_of(tbs->index, sizeof(tbs->index));
        tbs->count = 4;
    }
}

enum mls_error mls_leaf_node_sign(const struct mls_suite *suite, struct memory *memory,
                                  const uint8_t *private_key, enum mls_leaf_source source,
                                  struct slice fields, struct slice group_id, uint32_t leaf_index,
                                  uint8_t *out_signature)
{
    struct leaf_tbs tbs;
    leaf_tbs_init(&tbs, source, fields, group_id, leaf_index);
    return mls_sign_with_label(suite, memory, private_key, "LeafNodeTBS", tbs.parts, tbs.count,
                               out_signature);
}

enum mls_error mls_leaf_node_verify(const struct mls_suite *suite, struct memory *memory,
                                    const struct mls_leaf_node *leaf, struct slice group_id,
                                    uint32_t leaf_index)
{
    struct leaf_tbs tbs;
    leaf_tbs_init(&tbs, leaf->source, leaf->signed_part, group_id, leaf_index);
    return mls_verify_with_label(suite, memory, leaf->signature_key, "LeafNodeTBS", tbs.parts,
                                 tbs.count, leaf->signature, MLS_ERR_LEAF_SIGNATURE);
}
