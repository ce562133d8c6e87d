#include "base/hlc.h"

uint64_t hlc_next(struct hlc *clock, uint64_t now_unix_ms)
{
    uint64_t wall = hlc_of_unix_ms(now_unix_ms);
    clock->last = wall > clock->last ? wall : clock->last + 1;
    return clock->last;
}

bool hlc_follow(struct hlc *clock, uint64_t heard, uint64_t now_unix_ms, uint64_t ahead_max_ms)
{
    if (hlc_unix_ms(heard) > now_unix_ms + ahead_max_ms) {
        return false;
    }
    if (heard > clock->last) {
        clock->last = heard;
    }
    return true;
}

void hlc_settle(struct hlc *clock, uint64_t now_unix_ms, uint64_t ahead_max_ms)
{
    uint64_t highest = hlc_of_unix_ms(now_unix_ms + ahead_max_ms);
    if (clock->last > highest) {
        clock->last = hlc_of_unix_ms(now_unix_ms);
    }
}
