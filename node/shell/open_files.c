#include "node/shell/open_files.h"

#include <sys/resource.h>

uint64_t open_files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return OPEN_FILES_OTHER;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur;
}

uint64_t open_files_connections(struct log *log, uint64_t limit, uint64_t wanted,
                                uint64_t engine_files)
{
    uint64_t other = engine_files + OPEN_FILES_OTHER;
    uint64_t possible = limit > other ? limit - other : 0;
    if (possible >= wanted) {
        return wanted;
    }
    log_warning(log, "open_files",
                "the limit of open files is %llu: too low for %llu connections "
                "(limits.connections_max); %llu are taken. Raise it (ulimit -Hn, LimitNOFILE=) to "
                "%llu",
                (unsigned long long)limit, (unsigned long long)wanted, (unsigned long long)possible,
                (unsigned long long)(wanted + other));
    return possible;
}
