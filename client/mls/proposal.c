#include "client/mls/proposal.h"

#include "client/mls/extension.h"

static enum mls_error read_add(struct reader *reader, struct arena *arena, struct mls_proposal *out)
{
    struct mls_key_package_view *view = arena_allocate_zero(arena, sizeof(*view));
    if (view == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_read_key_package(reader, view);
    out->add = view;
    return MLS_OK;
}

static enum mls_error read_update(struct reader *reader, struct arena *arena,
                                  struct mls_proposal *out)
{
    struct mls_leaf_node *leaf = arena_allocate_zero(arena, sizeof(*leaf));
    if (leaf == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_read_leaf_node(reader, leaf);
    out->update = leaf;
    return MLS_OK;
}

static enum mls_error read_psk(struct reader *reader, struct arena *arena, struct mls_proposal *out)
{
    struct mls_psk_id *psk = arena_allocate_zero(arena, sizeof(*psk));
    if (psk == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    mls_read_psk_id(reader, psk);
    out->psk = psk;
    return MLS_OK;
}

static enum mls_error read_reinit(struct reader *reader, struct arena *arena,
                                  struct mls_proposal *out)
{
    struct mls_reinit *reinit = arena_allocate_zero(arena, sizeof(*reinit));
    if (reinit == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    reinit->group_id = mls_read_vector(reader);
    reinit->version = reader_u16(reader);
    reinit->suite = reader_u16(reader);
    reinit->extensions = mls_read_extensions(reader);
    out->reinit = reinit;
    return MLS_OK;
}

static enum mls_error read_body(struct reader *reader, struct arena *arena,
                                struct mls_proposal *out)
{
    switch (out->type) {
    case MLS_PROPOSAL_ADD:
        return read_add(reader, arena, out);
    case MLS_PROPOSAL_UPDATE:
        return read_update(reader, arena, out);
    case MLS_PROPOSAL_REMOVE:
        out->removed = reader_u32(reader);
        return MLS_OK;
    case MLS_PROPOSAL_PSK:
        return read_psk(reader, arena, out);
    case MLS_PROPOSAL_REINIT:
        return read_reinit(reader, arena, out);
    case MLS_PROPOSAL_EXTERNAL_INIT:
        out->kem_output = mls_read_vector(reader);
        return MLS_OK;
    case MLS_PROPOSAL_CONTEXT_EXTENSIONS:
        out->extensions = mls_read_extensions(reader);
        return MLS_OK;
    }
    return MLS_ERR_PROPOSAL_TYPE;
}

enum mls_error mls_read_proposal(struct reader *reader, struct arena *arena,
                                 struct mls_proposal *out)
{
    const uint8_t *start = reader->at;
    uint16_t type = reader_u16(reader);
    if (reader->failed) {
        return MLS_ERR_MALFORMED;
    }
    *out = (struct mls_proposal){.type = (enum mls_proposal_type)type};
    enum mls_error error = read_body(reader, arena, out);
    out->encoded = mls_read_since(reader, start);
    return error == MLS_OK && reader->failed ? MLS_ERR_MALFORMED : error;
}

void mls_write_proposal(struct mls_buffer *buffer, const struct mls_proposal *proposal)
{
    mls_write_u16(buffer, (uint16_t)proposal->type);
    switch (proposal->type) {
    case MLS_PROPOSAL_ADD:
        mls_write_key_package(buffer, proposal->add);
        break;
    case MLS_PROPOSAL_UPDATE:
        mls_write_leaf_node(buffer, proposal->update);
        break;
    case MLS_PROPOSAL_REMOVE:
        mls_write_u32(buffer, proposal->removed);
        break;
    case MLS_PROPOSAL_PSK:
        mls_write_psk_id(buffer, proposal->psk);
        break;
    case MLS_PROPOSAL_REINIT:
        mls_write_vector(buffer, proposal->reinit->group_id);
        mls_write_u16(buffer, proposal->reinit->version);
        mls_write_u16(buffer, proposal->reinit->suite);
        mls_write_vector(buffer, proposal->reinit->extensions);
        break;
    case MLS_PROPOSAL_EXTERNAL_INIT:
        mls_write_vector(buffer, proposal->kem_output);
        break;
    case MLS_PROPOSAL_CONTEXT_EXTENSIONS:
        mls_write_vector(buffer, proposal->extensions);
        break;
    }
}

bool mls_proposal_is_default(uint16_t type)
{
    return type >= MLS_PROPOSAL_ADD && type <= MLS_PROPOSAL_CONTEXT_EXTENSIONS;
}

bool mls_proposal_needs_path(enum mls_proposal_type type)
{
    return type == MLS_PROPOSAL_UPDATE || type == MLS_PROPOSAL_REMOVE ||
           type == MLS_PROPOSAL_EXTERNAL_INIT || type == MLS_PROPOSAL_CONTEXT_EXTENSIONS;
}

bool mls_proposal_may_be_external(enum mls_proposal_type type)
{
    return type != MLS_PROPOSAL_UPDATE && type != MLS_PROPOSAL_EXTERNAL_INIT;
}
