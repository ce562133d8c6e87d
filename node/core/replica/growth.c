#include "node/core/replica/growth.h"

#include "base/assert.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/latch.h"
#include "node/core/machine/partition.h"
#include "node/core/state.h"
#include "node/store/key.h"
#include "node/store/row.h"

/* A fragment that waits for its row: the state of its operation. */
struct growth {
    struct message_write write; /* its rows lie in the operation's arena */
    struct answer_to to;
    struct latch_claim claim;
    growth_gather *gather;
};

bool growth_row(struct slice packed, struct packed_row *out_row)
{
    struct packed_reader reader;
    packed_reader_init(&reader, packed);
    while (packed_reader_next(&reader, out_row)) {
        if (row_growth_bytes(out_row->row) > 0) {
            return true;
        }
    }
    return false;
}

static void growth_end(struct core *core, struct op *op)
{
    struct growth *growth = op->request;
    latch_release(core, &growth->claim);
    op_end(core, op);
}

static void growth_refuse(struct core *core, struct op *op, enum columba_error error)
{
    const struct growth *growth = op->request;
    answer_written(core, &growth->to, &(struct message_written){.error = error});
    growth_end(core, op);
}

static enum columba_error growth_judge(const struct growth *growth, struct slice packed,
                                       struct arena *arena)
{
    struct packed_reader reader;
    struct packed_row stored = {.table = 0};
    struct packed_row row;
    bool grows = growth_row(growth->write.packed, &row);
    COLUMBA_ASSERT(grows);
    packed_reader_init(&reader, packed);
    if (!packed_reader_next(&reader, &stored)) {
        stored.row = slice_of(NULL, 0);
    }
    return row_growth_judge(row.table, stored.row, row.row, arena);
}

/* Others look when what was gathered can be read: until it is durable the latch is held. */
static void row_read(struct core *core, struct op *op, const struct event *event)
{
    const struct growth *growth = op->request;
    enum columba_error error = event->read_done.error;
    if (error == COLUMBA_OK) {
        error = growth_judge(growth, event->read_done.packed, &op->arena);
    }
    if (error == COLUMBA_OK) {
        error = growth->gather(core, &growth->write, &growth->to);
    }
    if (error != COLUMBA_OK) {
        growth_refuse(core, op, error);
    } else if (batch_has_room(&core->batch)) {
        batch_wait_op(&core->batch, op, growth_end);
    } else {
        growth_end(core, op);
    }
}

static void row_ask(struct core *core, struct op *op)
{
    const struct growth *growth = op->request;
    struct packed_row row;
    bool grows = growth_row(growth->write.packed, &row);
    COLUMBA_ASSERT(grows);
    struct partition partition = partition_conversation(&core->cluster, &growth->write.partition);
    struct row_key key = {.token = partition.token,
                          .partition = growth->write.partition,
                          .table = row.table,
                          .clustering_size = (uint8_t)row.clustering.size};
    memcpy(key.clustering, row.clustering.data, row.clustering.size);
    op->read_done = row_read;
    if (!effects_read_row(&core->effects, op_reference(op), &key)) {
        growth_refuse(core, op, ERR_NO_MEMORY);
    }
}

bool growth_begin(struct core *core, const struct message_write *write, const struct answer_to *to,
                  growth_gather *gather)
{
    struct op *op = op_begin(core);
    struct growth *growth = op == NULL ? NULL : op_allocate(op, sizeof(*growth));
    if (growth == NULL) {
        if (op != NULL) {
            op_end(core, op);
        }
        return false;
    }
    op->request = growth;
    growth->write = *write;
    growth->to = *to;
    growth->gather = gather;
    if (!op_keep(op, write->packed, &growth->write.packed) ||
        !latch_take(core, &growth->claim, op, &growth->write.partition, row_ask)) {
        op_end(core, op);
        return false;
    }
    return true;
}
