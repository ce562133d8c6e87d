#include "gossip/clocks.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"

/* Right again: well within what makes it wrong, so that it does not go to and fro. */
#define RIGHT_AGAIN_MS (CLOCK_WRONG_MS / 2)

_Static_assert(GOSSIP_CLOCK_ROUND_MAX_MS / 2 < CLOCK_WARN_MS, "a long way is no warning");

void gossip_clocks_wall(struct gossip_clocks *clocks, uint64_t now_ms, uint64_t unix_ms)
{
    clocks->has_wall = true;
    clocks->base_ms = (int64_t)(unix_ms - now_ms);
}

static void sample_remove(struct gossip_clocks *clocks, size_t at)
{
    COLUMBA_ASSERT(at < clocks->count);
    clocks->count--;
    memmove(&clocks->samples[at], &clocks->samples[at + 1],
            (clocks->count - at) * sizeof clocks->samples[0]);
}

static size_t sample_find(const struct gossip_clocks *clocks, const struct id *host)
{
    size_t at = 0;
    while (at < clocks->count && !id_equal(&clocks->samples[at].host, host)) {
        at++;
    }
    return at;
}

bool gossip_clocks_hear(struct gossip_clocks *clocks, const struct id *host, uint64_t asked_ms,
                        uint64_t now_ms, uint64_t unix_ms)
{
    COLUMBA_ASSERT(asked_ms <= now_ms);
    uint64_t round_ms = now_ms - asked_ms;
    if (round_ms > GOSSIP_CLOCK_ROUND_MAX_MS || unix_ms == 0 || unix_ms > INT64_MAX / 2) {
        return false;
    }
    size_t at = sample_find(clocks, host);
    if (at < clocks->count) {
        sample_remove(clocks, at);
    } else if (clocks->count == GOSSIP_CLOCKS_MAX) {
        sample_remove(clocks, 0);
    }
    clocks->samples[clocks->count++] = (struct gossip_clock_sample){
        .host = *host,
        .base_ms = (int64_t)(unix_ms - (asked_ms + round_ms / 2)),
        .at_ms = now_ms,
    };
    return true;
}

static void offsets_sort(int64_t *offsets, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int64_t moved = offsets[i];
        size_t at = i;
        for (; at > 0 && offsets[at - 1] > moved; at--) {
            offsets[at] = offsets[at - 1];
        }
        offsets[at] = moved;
    }
}

/* Ours less each of the others', in order. Ours itself would be 0. */
static size_t offsets_make(const struct gossip_clocks *clocks, bool with_ours, int64_t *out_offsets)
{
    size_t count = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        out_offsets[count++] = clocks->base_ms - clocks->samples[i].base_ms;
    }
    if (with_ours) {
        out_offsets[count++] = 0;
    }
    offsets_sort(out_offsets, count);
    return count;
}

static uint64_t distance(int64_t offset_ms)
{
    return offset_ms < 0 ? (uint64_t)-offset_ms : (uint64_t)offset_ms;
}

/* Of two in the middle the one nearer to ours, or the one further away. */
static int64_t median(const int64_t *offsets, size_t count, bool is_nearer)
{
    if (count == 0) {
        return 0;
    }
    int64_t low = offsets[(count - 1) / 2];
    int64_t high = offsets[count / 2];
    return (distance(low) <= distance(high)) == is_nearer ? low : high;
}

void gossip_clocks_judge(struct gossip_clocks *clocks, uint64_t now_ms)
{
    while (clocks->count > 0 && now_ms > clocks->samples[0].at_ms + GOSSIP_CLOCK_AGE_MAX_MS) {
        sample_remove(clocks, 0);
    }
    if (!clocks->has_wall || clocks->count == 0) {
        return;
    }
    int64_t offsets[GOSSIP_CLOCKS_MAX + 1];
    size_t count = offsets_make(clocks, true, offsets);
    if (clocks->is_wrong) {
        clocks->is_wrong = distance(median(offsets, count, false)) > RIGHT_AGAIN_MS;
    } else {
        clocks->is_wrong = distance(median(offsets, count, true)) > CLOCK_WRONG_MS;
    }
}

int64_t gossip_clocks_offset_ms(const struct gossip_clocks *clocks)
{
    int64_t offsets[GOSSIP_CLOCKS_MAX + 1];
    size_t count = clocks->has_wall ? offsets_make(clocks, false, offsets) : 0;
    return median(offsets, count, true);
}

bool gossip_clocks_find(const struct gossip_clocks *clocks, const struct id *host,
                        int64_t *out_offset_ms)
{
    size_t at = sample_find(clocks, host);
    if (at == clocks->count || !clocks->has_wall) {
        return false;
    }
    *out_offset_ms = clocks->base_ms - clocks->samples[at].base_ms;
    return true;
}

uint64_t gossip_clocks_unix_ms(const struct gossip_clocks *clocks, uint64_t now_ms)
{
    if (!clocks->has_wall) {
        return 0;
    }
    int64_t offset_ms = gossip_clocks_offset_ms(clocks);
    int64_t base_ms = clocks->base_ms;
    if (clocks->is_wrong || offset_ms < 0) {
        base_ms -= offset_ms;
    }
    int64_t unix_ms = base_ms + (int64_t)now_ms;
    return unix_ms > 0 ? (uint64_t)unix_ms : 0;
}
