/*
 * A device's positions in its row, for when it comes without any: of several values the latest
 * wins, which is what its first bytes say.
 *
 *   [stamp u64]([host 16][incarnation u64][sequence u64][skip u32])*
 */
#include "base/cursor.h"
#include "base/hlc.h"
#include "node/core/coordinator/read.h"
#include "node/core/coordinator/sync.h"
#include "node/core/coordinator/write.h"
#include "node/core/state.h"
#include "node/store/row.h"

#define POSITION_BYTES (ID_BYTES + 8u + 8u + 4u)
#define VALUE_MAX_BYTES (8u + REPLICAS_MAX * POSITION_BYTES)
/* Beside the value: what packing a row of one cell takes. */
#define ROW_BYTES 96u

static const struct id *host_at(const struct core *core, const struct partition *user, unsigned i)
{
    return &core->cluster.topology->nodes[user->replicas->node[i]].host_id;
}

static void value_take(struct core *core, struct session *session, struct slice value)
{
    struct partition user = partition_user(&core->cluster, &session->user);
    struct reader reader = reader_of(value);
    reader_u64(&reader);
    while (reader_left(&reader) > 0) {
        struct id host = reader_id(&reader);
        struct session_position position = {.incarnation = reader_u64(&reader)};
        position.sequence = reader_u64(&reader);
        position.skip = reader_u32(&reader);
        for (unsigned i = 0; !reader.failed && i < session->position_count; i++) {
            if (id_equal(host_at(core, &user, i), &host)) {
                session->positions[i] = position;
            }
        }
    }
}

static void positions_loaded(struct core *core, struct op *op)
{
    struct sync *sync = op->request;
    struct session *session = session_find(&core->sessions, &sync->user, &sync->device);
    struct packed_reader reader;
    struct packed_row row;
    struct cell cell;
    if (op->status.error == COLUMBA_OK && session != NULL) {
        packed_reader_init(&reader, op->read->packed);
        bool is_known = packed_reader_next(&reader, &row) &&
                        row_find(row.row, COLUMN_POSITION_CONFIRMED, &cell);
        for (unsigned i = 0; i < session->position_count; i++) {
            /* A device that is new has nothing of what came before. */
            session->positions[i] =
                (struct session_position){.sequence = is_known ? 0 : UINT64_MAX};
        }
        if (is_known) {
            value_take(core, session, cell.value);
        }
        session->must_store = !is_known;
    }
    sync->stored(core, op);
}

void sync_positions_load(struct core *core, struct op *op, op_next *done)
{
    struct sync *sync = op->request;
    uint8_t key[1 + ID_BYTES] = {ID_BYTES};
    memcpy(key + 1, sync->device.bytes, ID_BYTES);
    struct message_read query = {.table = TABLE_POSITION,
                                 .keys = slice_of(key, sizeof(key)),
                                 .limit_rows = 1,
                                 .limit_bytes = PAGE_MAX_BYTES};
    struct partition user = partition_user(&core->cluster, &sync->user);
    sync->stored = done;
    read_start(core, op, &user, &query, CONSISTENCY_QUORUM, positions_loaded);
}

static struct slice value_make(struct core *core, const struct session *session, uint8_t *buffer)
{
    struct partition user = partition_user(&core->cluster, &session->user);
    struct writer writer = writer_of(buffer, VALUE_MAX_BYTES);
    writer_u64(&writer, hlc_next(&core->hlc, core->unix_ms));
    for (unsigned i = 0; i < session->position_count; i++) {
        const struct session_position *position = &session->positions[i];
        writer_id(&writer, host_at(core, &user, i));
        writer_u64(&writer, position->incarnation);
        writer_u64(&writer, position->sequence);
        writer_u32(&writer, position->skip);
    }
    return writer_done(&writer);
}

static struct slice fragment_make(struct core *core, const struct session *session)
{
    uint8_t value[VALUE_MAX_BYTES];
    uint8_t bytes[VALUE_MAX_BYTES + ROW_BYTES];
    uint8_t *buffer = effects_allocate(&core->effects, sizeof(bytes) + ROW_BYTES);
    if (buffer == NULL) {
        return slice_of(NULL, 0);
    }
    struct row_writer row;
    row_writer_init(&row, bytes, sizeof(bytes));
    row_writer_cell(&row, &(struct cell){.column = COLUMN_POSITION_CONFIRMED,
                                         .value = value_make(core, session, value)});
    struct writer packed = writer_of(buffer, sizeof(bytes) + ROW_BYTES);
    packed_row_write(&packed,
                     &(struct packed_row){.table = TABLE_POSITION,
                                          .clustering = slice_of(session->device.bytes, ID_BYTES),
                                          .row = row_writer_done(&row)});
    return writer_done(&packed);
}

void sync_positions_store(struct core *core, struct op *op, const struct session *session,
                          op_next *done)
{
    struct message_write write = {.packed = fragment_make(core, session)};
    struct partition user = partition_user(&core->cluster, &session->user);
    if (write.packed.size == 0) {
        op->status.error = ERR_NO_MEMORY;
        done(core, op);
        return;
    }
    write_start(core, op, &user, &write, CONSISTENCY_QUORUM, done);
}
