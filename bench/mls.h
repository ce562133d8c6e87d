/* columba-bench mls: what the encryption of groups costs, on one core. */
#ifndef COLUMBA_BENCH_MLS_H
#define COLUMBA_BENCH_MLS_H

/* Arguments are sizes of groups; without any, 1000 and 10000. Returns the exit status. */
int bench_mls(int argc, const char **argv);

#endif
