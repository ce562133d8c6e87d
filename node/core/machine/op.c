#include "node/core/machine/op.h"

#include "base/assert.h"
#include "node/core/machine/sm.h"
#include "node/core/state.h"

#define INDEX_BITS 24
#define GENERATION_BITS 24
#define PHASE_BITS 16

static const uint16_t moves[] = {
    [OP_FREE] = SM_TO(OP_RUNNING), [OP_RUNNING] = SM_TO(OP_ENDED), [OP_ENDED] = SM_TO(OP_FREE)};

int op_table_init(struct op_table *table, struct memory *memory, const struct core_config *config)
{
    COLUMBA_ASSERT(config->operations_max > 0 && config->operations_max < 1u << INDEX_BITS);
    *table = (struct op_table){.capacity = config->operations_max, .memory = memory};
    memory_budget_init(&table->arenas, memory, config->operations_bytes_max);
    table->durations_ms[DEADLINE_WRITE] = config->write_timeout_ms;
    table->durations_ms[DEADLINE_READ] = config->read_timeout_ms;
    table->ops = memory_allocate(memory, table->capacity * sizeof(struct op));
    list_init(&table->free);
    list_init(&table->ended);
    for (int class = 0; class < DEADLINE_CLASSES; class ++) {
        list_init(&table->deadlines[class]);
    }
    return table->ops == NULL ? -1 : 0;
}

void op_table_clear(struct op_table *table)
{
    for (uint32_t i = 0; i < table->never_used; i++) {
        arena_clear(&table->ops[i].arena);
    }
    if (table->memory != NULL) {
        memory_release(table->memory, table->ops);
    }
    table->ops = NULL;
}

void op_table_recycle(struct op_table *table)
{
    while (!list_is_empty(&table->ended)) {
        struct op *op = container_of(table->ended.next, struct op, link);
        sm_move(&op->state, moves, OP_FREE);
        list_remove(&op->link);
        arena_reset(&op->arena);
        list_prepend(&table->free, &op->link);
    }
}

uint64_t op_table_next_due_ms(const struct op_table *table)
{
    uint64_t due_ms = UINT64_MAX;
    for (int class = 0; class < DEADLINE_CLASSES; class ++) {
        const struct list *head = &table->deadlines[class];
        if (!list_is_empty(head)) {
            uint64_t first_ms = container_of(head->next, struct op, link)->deadline_ms;
            due_ms = first_ms < due_ms ? first_ms : due_ms;
        }
    }
    return due_ms;
}

static struct op *op_take(struct op_table *table)
{
    if (!list_is_empty(&table->free)) {
        struct op *op = container_of(table->free.next, struct op, link);
        list_remove(&op->link);
        return op;
    }
    if (table->never_used == table->capacity) {
        return NULL;
    }
    struct op *op = &table->ops[table->never_used];
    *op = (struct op){.index = table->never_used++};
    arena_init(&op->arena, &table->arenas.memory, OP_ARENA_MAX_BYTES);
    return op;
}

/* What idle operations have kept must not keep out the next. True: there is memory for it. */
static bool memory_make(struct op_table *table)
{
    while (memory_budget_is_short(&table->arenas) && !list_is_empty(&table->free)) {
        struct op *op = container_of(table->free.previous, struct op, link);
        if (op->arena.newest == NULL) {
            break;
        }
        arena_clear(&op->arena);
        list_remove(&op->link);
        list_prepend(&table->free, &op->link);
    }
    return !memory_budget_is_short(&table->arenas);
}

struct op *op_begin(struct core *core)
{
    struct op *op = memory_make(&core->ops) ? op_take(&core->ops) : NULL;
    if (op == NULL) {
        return NULL;
    }
    COLUMBA_ASSERT(op->state == OP_FREE);
    uint32_t generation = (op->generation + 1) & ((1u << GENERATION_BITS) - 1);
    *op = (struct op){
        .index = op->index, .generation = generation == 0 ? 1 : generation, .arena = op->arena};
    sm_move(&op->state, moves, OP_RUNNING);
    list_init(&op->link);
    core->ops.running++;
    return op;
}

struct op *op_begin_coordinated(struct core *core)
{
    const struct op_table *table = &core->ops;
    COLUMBA_ASSERT(table->running <= table->capacity);
    return table->running < table->capacity - table->capacity / 4 ? op_begin(core) : NULL;
}

void op_end(struct core *core, struct op *op)
{
    sm_move(&op->state, moves, OP_ENDED);
    COLUMBA_ASSERT(core->ops.running > 0);
    core->ops.running--;
    list_remove(&op->link);
    /* Effects of this step may still point into the arena: it is emptied before its next use. */
    list_append(&core->ops.ended, &op->link);
}

op_ref op_reference(const struct op *op)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    return (op_ref)op->index << (GENERATION_BITS + PHASE_BITS) |
           (op_ref)op->generation << PHASE_BITS | op->phase;
}

void op_phase_next(struct op *op)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    op->phase++;
}

struct op *op_find(struct core *core, op_ref reference)
{
    uint64_t index = reference >> (GENERATION_BITS + PHASE_BITS);
    if (index >= core->ops.never_used) {
        return NULL;
    }
    struct op *op = &core->ops.ops[index];
    return op->state == OP_RUNNING && op_reference(op) == reference ? op : NULL;
}

void op_deadline_set(struct core *core, struct op *op, enum deadline_class class,
                     op_next *timed_out)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    list_remove(&op->link);
    op->deadline_ms = core->now_ms + core->ops.durations_ms[class];
#ifdef COLUMBA_BUG_late_deadlines
    op->deadline_ms += 9 * core->ops.durations_ms[class];
#endif
    op->timed_out = timed_out;
    list_append(&core->ops.deadlines[class], &op->link);
}

void op_deadline_clear(struct op *op)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    list_remove(&op->link);
}

static void deadline_class_run(struct core *core, enum deadline_class class)
{
    struct list *head = &core->ops.deadlines[class];
    while (!list_is_empty(head)) {
        struct op *op = container_of(head->next, struct op, link);
        if (op->deadline_ms > core->now_ms) {
            return;
        }
        COLUMBA_ASSERT(op->state == OP_RUNNING && op->timed_out != NULL);
        list_remove(&op->link);
        op->timed_out(core, op);
    }
}

void op_deadlines_run(struct core *core)
{
    for (int class = 0; class < DEADLINE_CLASSES; class ++) {
        deadline_class_run(core, (enum deadline_class) class);
    }
}

void *op_allocate(struct op *op, size_t size)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    return arena_allocate_zero(&op->arena, size);
}

bool op_keep(struct op *op, struct slice bytes, struct slice *out_kept)
{
    COLUMBA_ASSERT(op->state == OP_RUNNING);
    return arena_copy(&op->arena, bytes, out_kept) == 0;
}
