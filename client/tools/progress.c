#include "client/tools/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* As often as an eye follows. */
#define DRAW_INTERVAL_MS 100
#define BAR_CELLS 30

static struct {
    const char *label;
    uint64_t total;
    int64_t started_ms;
    int64_t drawn_ms;
    bool is_active;
    bool is_visible;
} bar;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(const char *label, uint64_t total)
{
    progress_hide();
    bar.label = label;
    bar.total = total;
    bar.started_ms = now_ms();
    bar.drawn_ms = 0;
    bar.is_active = isatty(STDERR_FILENO) == 1;
}

void progress_set(uint64_t done)
{
    if (!bar.is_active) {
        return;
    }
    int64_t now = now_ms();
    if (now - bar.drawn_ms < DRAW_INTERVAL_MS && done < bar.total) {
        return;
    }
    bar.drawn_ms = now;
    bar.is_visible = true;
    int filled = bar.total ? (int)(done * BAR_CELLS / bar.total) : BAR_CELLS;
    int64_t elapsed = now - bar.started_ms;
    uint64_t rate = elapsed > 0 ? done * 1000 / (uint64_t)elapsed : 0;
    fprintf(stderr, "\r%s [%.*s%*s] %" PRIu64 "/%" PRIu64 "  %" PRIu64 "/s\033[K", bar.label,
            filled, "##############################", BAR_CELLS - filled, "", done, bar.total,
            rate);
}

void progress_hide(void)
{
    if (bar.is_visible) {
        fputs("\r\033[K", stderr);
        bar.is_visible = false;
        bar.drawn_ms = 0;
    }
}

void progress_end(void)
{
    progress_hide();
    bar.is_active = false;
}
