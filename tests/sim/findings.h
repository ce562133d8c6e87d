/*
 * What a run found wrong. The first few are kept as sentences, all are counted.
 */
#ifndef COLUMBA_SIM_FINDINGS_H
#define COLUMBA_SIM_FINDINGS_H

#include <stdint.h>

#define FINDINGS_KEPT 8u
#define FINDING_MAX_BYTES 400u

struct schedule;

struct findings {
    const struct schedule *schedule;
    uint64_t count;
    char text[FINDINGS_KEPT][FINDING_MAX_BYTES];
};

void findings_init(struct findings *findings, const struct schedule *schedule);
__attribute__((format(printf, 2, 3))) void findings_add(struct findings *findings,
                                                        const char *format, ...);

#endif
