#include "node/core/op.h"

#include "base/assert.h"
#include "node/core/state.h"

#define INDEX_BITS 24
#define GENERATION_BITS 24
#define PHASE_BITS 16

int op_table_init(struct op_table *table, struct memory *memory, uint32_t capacity)
{
    COLUMBA_ASSERT(capacity > 0 && capacity < 1u << INDEX_BITS);
    *table = (struct op_table){.capacity = capacity};
    table->ops = memory_allocate(memory, capacity * sizeof(struct op));
    if (table->ops == NULL) {
        return -1;
    }
    list_init(&table->free);
    for (int class = 0; class < DEADLINE_CLASSES; class ++) {
        list_init(&table->deadlines[class]);
    }
    return 0;
}

void op_table_clear(struct op_table *table, struct memory *memory)
{
    for (uint32_t i = 0; i < table->never_used; i++) {
        arena_clear(&table->ops[i].arena);
    }
    memory_release(memory, table->ops);
    table->ops = NULL;
}

static struct op *op_take(struct core *core)
{
    struct op_table *table = &core->ops;
    if (!list_is_empty(&table->free)) {
        struct op *op = container_of(table->free.next, struct op, link);
        list_remove(&op->link);
        return op;
    }
    if (table->never_used == table->capacity) {
        return NULL;
    }
    struct op *op = &table->ops[table->never_used];
    op->index = table->never_used++;
    op->generation = 0;
    arena_init(&op->arena, core->memory, OP_ARENA_MAX_BYTES);
    return op;
}

struct op *op_begin(struct core *core)
{
    struct op *op = op_take(core);
    if (op == NULL) {
        return NULL;
    }
    uint32_t index = op->index;
    uint32_t generation = (op->generation + 1) & ((1u << GENERATION_BITS) - 1);
    struct arena arena = op->arena;
    memset(op, 0, offsetof(struct op, write));
    op->write.done = NULL;
    op->read.done = NULL;
    op->fanout.done = NULL;
    op->index = index;
    op->generation = generation == 0 ? 1 : generation;
    op->arena = arena;
    op->running = true;
    list_init(&op->link);
    list_init(&op->read.awaiting);
    core->ops.running++;
    return op;
}

void op_end(struct core *core, struct op *op)
{
    COLUMBA_ASSERT(op->running);
    op->running = false;
    core->ops.running--;
    list_remove(&op->read.awaiting);
    list_remove(&op->link);
    /* Effects of this step may still point into the arena: it is emptied before its next use. */
    list_append(&core->ops_ended, &op->link);
}

op_ref op_reference(const struct op *op)
{
    return (op_ref)op->index << (GENERATION_BITS + PHASE_BITS) |
           (op_ref)op->generation << PHASE_BITS | op->phase;
}

void op_phase_next(struct op *op)
{
    op->phase++;
}

struct op *op_find(struct core *core, op_ref reference)
{
    uint64_t index = reference >> (GENERATION_BITS + PHASE_BITS);
    if (index >= core->ops.never_used) {
        return NULL;
    }
    struct op *op = &core->ops.ops[index];
    return op->running && op_reference(op) == reference ? op : NULL;
}

static uint64_t deadline_duration_ms(const struct core *core, enum deadline_class class)
{
    return class == DEADLINE_WRITE ? core->config.write_timeout_ms : core->config.read_timeout_ms;
}

void op_deadline_set(struct core *core, struct op *op, enum deadline_class class,
                     void (*timed_out)(struct core *core, struct op *op))
{
    list_remove(&op->link);
    op->deadline_ms = core->now_ms + deadline_duration_ms(core, class);
    op->timed_out = timed_out;
    list_append(&core->ops.deadlines[class], &op->link);
}

void op_deadline_clear(struct op *op)
{
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

bool op_keep(struct op *op, struct slice bytes, struct slice *out_kept)
{
    return arena_copy(&op->arena, bytes, out_kept) == 0;
}
