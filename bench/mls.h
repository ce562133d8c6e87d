/* columba-bench mls: what the encryption of groups costs, on one core. */
#ifndef COLUMBA_BENCH_MLS_H
#define COLUMBA_BENCH_MLS_H

#include <stddef.h>

#define BENCH_MLS_SIZES_MAX 8

/* How often each thing is done, and with how many. */
struct bench_mls_scale {
    size_t loaded_groups;
    size_t stored_groups;
    size_t held_groups; /* of those that are stored */
    unsigned year_epochs;
    unsigned year_messages; /* in each epoch */
    unsigned message_rounds;
};

/* That of the README's table. */
extern const struct bench_mls_scale bench_mls_full;

/* Arguments are sizes of groups, BENCH_MLS_SIZES_MAX at most; without any, 1000 and 10000. Returns
 * the exit status. */
int bench_mls(const struct bench_mls_scale *scale, int argc, const char **argv);

#endif
