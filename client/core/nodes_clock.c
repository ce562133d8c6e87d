#include "client/core/nodes_clock.h"

#include "base/assert.h"

/* The nodes' time is worked out anew this often at most. */
#define CLOCK_STEP_MS 100u
/* Past the year 6400 there is no time, as far as ids are concerned (48 bits): whoever says so is
 * not believed. Also keeps all arithmetic far from overflow. */
#define CLOCK_UNIX_MAX_MS (UINT64_C(1) << 47)

void nodes_clock_init(struct nodes_clock *clock)
{
    *clock = (struct nodes_clock){.is_due = true};
}

void nodes_clock_device(struct nodes_clock *clock, uint64_t now_ms, uint64_t unix_ms)
{
#ifdef COLUMBA_BUG_device_clock_rules
    clock->offset_ms = (int64_t)unix_ms - (int64_t)now_ms;
#endif
    if (!clock->follows_nodes && unix_ms > 0 && unix_ms < CLOCK_UNIX_MAX_MS) {
        clock->device_offset_ms = (int64_t)unix_ms - (int64_t)now_ms;
        clock->offset_ms = clock->device_offset_ms;
    }
}

void nodes_clock_vote(struct nodes_clock *clock, struct clock_vote *vote, uint64_t now_ms,
                      uint64_t unix_ms)
{
    if (unix_ms == 0 || unix_ms >= CLOCK_UNIX_MAX_MS) {
        return;
    }
    clock->is_due = clock->is_due || !vote->is_cast || now_ms >= clock->next_ms;
    vote->offset_ms = (int64_t)unix_ms - (int64_t)now_ms;
    vote->is_cast = true;
}

bool nodes_clock_is_due(const struct nodes_clock *clock)
{
    return clock->is_due;
}

static void offset_insert(int64_t *sorted, unsigned count, int64_t offset_ms)
{
    unsigned at = count;
    while (at > 0 && sorted[at - 1] > offset_ms) {
        sorted[at] = sorted[at - 1];
        at--;
    }
    sorted[at] = offset_ms;
}

void nodes_clock_count(struct nodes_clock *clock, uint64_t now_ms, const int64_t *offsets_ms,
                       unsigned count)
{
    int64_t sorted[CLOCK_VOTES_MAX + 1];
    COLUMBA_ASSERT(count <= CLOCK_VOTES_MAX);
    clock->is_due = false;
    clock->next_ms = now_ms + CLOCK_STEP_MS;
    if (count == 0) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        offset_insert(sorted, i, offsets_ms[i]);
    }
    if (count % 2 == 0) {
        offset_insert(sorted, count++, clock->device_offset_ms);
    }
    clock->follows_nodes = true;
    clock->offset_ms = sorted[count / 2];
    hlc_settle(&clock->stamps, nodes_clock_unix_ms(clock, now_ms), CLOCK_CLIENT_DRAG_MAX_MS);
}

void nodes_clock_follow(struct nodes_clock *clock, uint64_t now_ms, uint64_t stamp)
{
    hlc_follow(&clock->stamps, stamp, nodes_clock_unix_ms(clock, now_ms), CLOCK_CLIENT_DRAG_MAX_MS);
}

uint64_t nodes_clock_unix_ms(const struct nodes_clock *clock, uint64_t now_ms)
{
    int64_t unix_ms = (int64_t)now_ms + clock->offset_ms;
    return unix_ms > 0 ? (uint64_t)unix_ms : 0;
}

uint64_t nodes_clock_stamp(struct nodes_clock *clock, uint64_t now_ms)
{
    return hlc_next(&clock->stamps, nodes_clock_unix_ms(clock, now_ms));
}
