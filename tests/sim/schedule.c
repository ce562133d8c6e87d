#include "tests/sim/schedule.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"

struct schedule_entry {
    struct heap_node due;
    schedule_callback run;
    void *context;
    uint64_t argument;
    struct schedule_entry *next_spare;
};

void schedule_init(struct schedule *schedule)
{
    *schedule = (struct schedule){0};
    heap_init(&schedule->due, memory_system());
}

static struct schedule_entry *entry_of(struct heap_node *node)
{
    return container_of(node, struct schedule_entry, due);
}

void schedule_clear(struct schedule *schedule)
{
    for (uint32_t i = 0; i < schedule->due.count; i++) {
        free(entry_of(schedule->due.nodes[i]));
    }
    while (schedule->spare != NULL) {
        struct schedule_entry *entry = schedule->spare;
        schedule->spare = entry->next_spare;
        free(entry);
    }
    heap_clear(&schedule->due);
    schedule_init(schedule);
}

static struct schedule_entry *entry_take(struct schedule *schedule)
{
    struct schedule_entry *entry = schedule->spare;
    if (entry != NULL) {
        schedule->spare = entry->next_spare;
        return entry;
    }
    entry = malloc(sizeof *entry);
    COLUMBA_ASSERT(entry != NULL);
    return entry;
}

void schedule_at(struct schedule *schedule, uint64_t at_us, schedule_callback run, void *context,
                 uint64_t argument)
{
    if (schedule->due.count == schedule->due.capacity) {
        uint32_t capacity = schedule->due.capacity == 0 ? 1024 : 2 * schedule->due.capacity;
        bool has_room = heap_reserve(&schedule->due, capacity);
        COLUMBA_ASSERT(has_room);
    }
    struct schedule_entry *entry = entry_take(schedule);
    *entry = (struct schedule_entry){.run = run, .context = context, .argument = argument};
    heap_node_init(&entry->due);
    heap_insert(&schedule->due, &entry->due, at_us > schedule->now_us ? at_us : schedule->now_us);
}

void schedule_after(struct schedule *schedule, uint64_t delay_us, schedule_callback run,
                    void *context, uint64_t argument)
{
    schedule_at(schedule, schedule->now_us + delay_us, run, context, argument);
}

bool schedule_run_next(struct schedule *schedule, uint64_t until_us)
{
    struct heap_node *first = heap_first(&schedule->due);
    if (first == NULL || first->at > until_us) {
        schedule->now_us = until_us > schedule->now_us ? until_us : schedule->now_us;
        return false;
    }
    struct schedule_entry *entry = entry_of(first);
    struct schedule_entry due = *entry;
    heap_remove(&schedule->due, first);
    entry->next_spare = schedule->spare;
    schedule->spare = entry;
    schedule->now_us = due.due.at;
    schedule->events_run++;
    due.run(due.context, due.argument);
    return true;
}
