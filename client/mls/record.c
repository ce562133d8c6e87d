#include "client/mls/state.h"

/* Which numbers a kind of record has in its name. */
struct shape {
    bool has_epoch;
    bool has_index;
    bool has_ratchet;
    bool has_generation;
};

static bool shape_of(enum mls_record_kind kind, struct shape *out)
{
    *out = (struct shape){false};
    switch (kind) {
    case MLS_RECORD_META:
    case MLS_RECORD_INVITER:
    case MLS_RECORD_STAGED:
        return true;
    case MLS_RECORD_EPOCH:
        out->has_epoch = true;
        return true;
    case MLS_RECORD_TREE:
    case MLS_RECORD_RESUMPTION:
    case MLS_RECORD_PSK:
    case MLS_RECORD_PENDING:
        out->has_index = true;
        return true;
    case MLS_RECORD_NODE:
        *out = (struct shape){.has_epoch = true, .has_index = true};
        return true;
    case MLS_RECORD_RATCHET:
        *out = (struct shape){.has_epoch = true, .has_index = true, .has_ratchet = true};
        return true;
    case MLS_RECORD_SKIPPED:
        *out = (struct shape){true, true, true, true};
        return true;
    }
    return false;
}

struct slice mls_record_key(struct mls_record_id id, struct mls_record_name *out)
{
    struct shape shape;
    struct writer writer = writer_of(out->bytes, sizeof(out->bytes));
    (void)shape_of(id.kind, &shape);
    writer_u8(&writer, (uint8_t)id.kind);
    if (shape.has_epoch) {
        writer_u64(&writer, id.epoch);
    }
    if (shape.has_index) {
        writer_u32(&writer, id.index);
    }
    if (shape.has_ratchet) {
        writer_u8(&writer, (uint8_t)id.ratchet);
    }
    if (shape.has_generation) {
        writer_u32(&writer, id.generation);
    }
    return writer_done(&writer);
}

bool mls_record_read_key(struct slice key, struct mls_record_id *out)
{
    struct shape shape;
    struct reader reader = reader_of(key);
    *out = (struct mls_record_id){.kind = (enum mls_record_kind)reader_u8(&reader)};
    if (reader.failed || !shape_of(out->kind, &shape)) {
        return false;
    }
    out->epoch = shape.has_epoch ? reader_u64(&reader) : 0;
    out->index = shape.has_index ? reader_u32(&reader) : 0;
    uint8_t ratchet = shape.has_ratchet ? reader_u8(&reader) : 0;
    out->generation = shape.has_generation ? reader_u32(&reader) : 0;
    out->ratchet = (enum mls_ratchet_kind)ratchet;
    return reader_is_done(&reader) && ratchet < MLS_RATCHET_KINDS;
}
