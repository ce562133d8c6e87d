#include "node/shell/open_files.h"

#include <stdio.h>
#include <sys/resource.h>

#include "node/shell/config.h"

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

void open_files_warn(struct log *log, uint64_t limit, uint64_t wanted, uint64_t other)
{
    log_warning(log, "open_files",
                "the limit of open files is %llu: too low for %llu connections "
                "(limits.connections_max); %llu are taken. Raise it (ulimit -Hn, LimitNOFILE=) to "
                "%llu",
                (unsigned long long)limit, (unsigned long long)wanted,
                (unsigned long long)(limit - other), (unsigned long long)(wanted + other));
}

void open_files_refuse(char *out_text, uint64_t limit, uint64_t wanted, uint64_t other)
{
    snprintf(out_text, CONFIG_PROBLEM_BYTES,
             "the limit of open files is %llu, and %llu are needed before the first client can "
             "connect. Raise it (ulimit -Hn, LimitNOFILE=) to %llu for %llu connections "
             "(limits.connections_max), or to %llu at least; limits.engine_open_files can be "
             "lowered as well",
             (unsigned long long)limit, (unsigned long long)other,
             (unsigned long long)(wanted + other), (unsigned long long)wanted,
             (unsigned long long)(OPEN_FILES_CONNECTIONS_MIN + other));
}
