#include "node/shell/log_stderr.h"

#include <time.h>
#include <unistd.h>

static void line_write(struct log *log, const char *line, size_t size)
{
    (void)log;
    /* Where the log cannot be written there is nobody to tell. */
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written;
}

static uint64_t wall_now(struct log *log)
{
    (void)log;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

struct log log_stderr(const struct config *config)
{
    return (struct log){
        .level = (enum log_level)config->log_level,
        .format = (enum log_format)config->log_format,
        .write = line_write,
        .now_unix_ms = wall_now,
    };
}
