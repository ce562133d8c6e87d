#include "tests/sim/findings.h"

#include <stdarg.h>
#include <stdio.h>

#include "tests/sim/schedule.h"

void findings_init(struct findings *findings, const struct schedule *schedule)
{
    *findings = (struct findings){.schedule = schedule};
}

void findings_add(struct findings *findings, const char *format, ...)
{
    uint64_t place = findings->count++;
    if (place >= FINDINGS_KEPT) {
        return;
    }
    char *text = findings->text[place];
    int used =
        snprintf(text, FINDING_MAX_BYTES,
                 "at %.6f s: ", (double)findings->schedule->now_us / MICROSECONDS_PER_SECOND);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, FINDING_MAX_BYTES - (size_t)used, format, arguments);
    va_end(arguments);
}
