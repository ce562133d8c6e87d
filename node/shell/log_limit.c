#include "node/shell/log_limit.h"

bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t *out_left_out)
{
    if (now_ms >= limit->window_began_ms + LOG_LIMIT_WINDOW_MS) {
        limit->window_began_ms = now_ms;
        limit->lines = 0;
    }
    if (limit->lines == LOG_LIMIT_LINES) {
        limit->left_out++;
        return false;
    }
    limit->lines++;
    *out_left_out = limit->left_out;
    limit->left_out = 0;
    return true;
}
