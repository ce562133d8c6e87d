#include "tests/sim/schedule.h"

#include <stdlib.h>

#include "base/assert.h"

void schedule_init(struct schedule *schedule)
{
    *schedule = (struct schedule){0};
}

void schedule_clear(struct schedule *schedule)
{
    free(schedule->entries);
    *schedule = (struct schedule){0};
}

static bool is_before(const struct schedule_entry *a, const struct schedule_entry *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void sift_up(struct schedule *schedule, size_t index)
{
    struct schedule_entry entry = schedule->entries[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!is_before(&entry, &schedule->entries[parent])) {
            break;
        }
        schedule->entries[index] = schedule->entries[parent];
        index = parent;
    }
    schedule->entries[index] = entry;
}

static void sift_down(struct schedule *schedule, struct schedule_entry entry)
{
    size_t index = 0;
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= schedule->count) {
            break;
        }
        if (child + 1 < schedule->count &&
            is_before(&schedule->entries[child + 1], &schedule->entries[child])) {
            child++;
        }
        if (!is_before(&schedule->entries[child], &entry)) {
            break;
        }
        schedule->entries[index] = schedule->entries[child];
        index = child;
    }
    schedule->entries[index] = entry;
}

void schedule_at(struct schedule *schedule, uint64_t at_us, schedule_callback run, void *context,
                 uint64_t argument)
{
    if (schedule->count == schedule->capacity) {
        schedule->capacity = schedule->capacity == 0 ? 1024 : 2 * schedule->capacity;
        schedule->entries =
            realloc(schedule->entries, schedule->capacity * sizeof *schedule->entries);
        COLUMBA_ASSERT(schedule->entries != NULL);
    }
    schedule->entries[schedule->count] = (struct schedule_entry){
        .at_us = at_us > schedule->now_us ? at_us : schedule->now_us,
        .order = schedule->next_order++,
        .run = run,
        .context = context,
        .argument = argument,
    };
    sift_up(schedule, schedule->count++);
}

void schedule_after(struct schedule *schedule, uint64_t delay_us, schedule_callback run,
                    void *context, uint64_t argument)
{
    schedule_at(schedule, schedule->now_us + delay_us, run, context, argument);
}

bool schedule_run_next(struct schedule *schedule, uint64_t until_us)
{
    if (schedule->count == 0 || schedule->entries[0].at_us > until_us) {
        schedule->now_us = until_us > schedule->now_us ? until_us : schedule->now_us;
        return false;
    }
    struct schedule_entry due = schedule->entries[0];
    schedule->count--;
    if (schedule->count > 0) {
        sift_down(schedule, schedule->entries[schedule->count]);
    }
    schedule->now_us = due.at_us;
    schedule->events_run++;
    due.run(due.context, due.argument);
    return true;
}
