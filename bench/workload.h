/*
 * What the benchmark does to the cluster: its conversations, their members and messages, the sends
 * and reads over them. Conversation i has the name PREFIX-i and members PREFIX-i-0 …; bodies are
 * random bytes, so that compression gains nothing (as with sealed bodies).
 */
#ifndef COLUMBA_BENCH_WORKLOAD_H
#define COLUMBA_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <columba.h>

#include "bench/load.h"
#include "client/tools/tool.h"

struct workload {
    struct columba_client *client;
    struct tool *tool; /* says what went wrong */
    const char *prefix;
    uint32_t conversations;
    uint32_t members;
    uint32_t body_bytes;
    uint32_t page_rows;
    uint32_t messages; /* of each conversation, before reading */
    uint32_t read_percent;
    uint64_t random;
    uint8_t *pool; /* random bytes that bodies are cut from */
};

enum workload_kind { WORKLOAD_SEND = 0, WORKLOAD_READ = 1 };

/* False: no memory (said). */
bool workload_init(struct workload *workload);
void workload_clear(struct workload *workload);
/* Makes the conversations; with `with_messages`, what is to be read. May be run again. */
bool workload_prepare(struct workload *workload, bool with_messages);

/* load_issue functions; the context is the workload. */
struct columba_future *workload_send(struct load *load, void *context, uint64_t number,
                                     uint32_t *out_kind);
struct columba_future *workload_read(struct load *load, void *context, uint64_t number,
                                     uint32_t *out_kind);
struct columba_future *workload_mixed(struct load *load, void *context, uint64_t number,
                                      uint32_t *out_kind);

#endif
