#include "node/core/machine/recovery.h"

#include "base/assert.h"
#include "base/cursor.h"
#include "node/core/state.h"
#include "node/store/key.h"

static bool rows_query(struct core *core, struct op *op)
{
    const struct recovery *recovery = op->request;
    struct key_bytes begin = local_sequence_key(recovery->kind->table, recovery->from);
    /* Only what earlier starts left: this start's rows are in memory already. */
    struct key_bytes end =
        local_sequence_key(recovery->kind->table, core->config.start_count << SEQUENCE_COUNT_BITS);
    struct read_query query = {.space = SPACE_LOCAL,
                               .begin = key_slice(&begin),
                               .end = key_slice(&end),
                               .limit_rows = PAGE_MAX_ROWS,
                               .limit_bytes = PAGE_MAX_BYTES};
    return effects_read(&core->effects, op_reference(op), &query);
}

static bool rows_take(struct core *core, struct recovery *recovery, struct slice packed)
{
    bool room = true;
    struct reader reader = reader_of(packed);
    while (room && reader_left(&reader) > 0) {
        uint64_t sequence;
        struct slice key = reader_sized(&reader);
        struct slice value = reader_sized(&reader);
        if (!reader.failed && local_sequence_key_decode(recovery->kind->table, key, &sequence)) {
            room = recovery->kind->row(core, sequence, value);
            recovery->from = room ? sequence + 1 : sequence;
        }
    }
    return room;
}

static void try_end(struct core *core, struct op *op)
{
    struct recovery *recovery = op->request;
    COLUMBA_ASSERT(recovery->is_reading);
    recovery->is_reading = false;
    op_end(core, op);
    if (recovery->kind->ended != NULL) {
        recovery->kind->ended(core);
    }
}

static void rows_read(struct core *core, struct op *op, const struct event *event)
{
    struct recovery *recovery = op->request;
    bool taken =
        event->read_done.error == COLUMBA_OK && rows_take(core, recovery, event->read_done.packed);
    if (taken && event->read_done.more && rows_query(core, op)) {
        return;
    }
    if (taken && !event->read_done.more) {
        recovery->from = UINT64_MAX;
    }
    try_end(core, op);
}

void recovery_try(struct core *core, struct recovery *recovery, const struct recovery_kind *kind)
{
    if (recovery->is_reading || recovery_is_whole(recovery)) {
        return;
    }
    struct op *op = op_begin(core);
    if (op == NULL) {
        return;
    }
    recovery->kind = kind;
    op->request = recovery;
    op->read_done = rows_read;
    recovery->is_reading = rows_query(core, op);
    if (!recovery->is_reading) {
        op_end(core, op);
    }
}
