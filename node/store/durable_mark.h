/*
 * Up to which write the database's log was synced: a file beside it, read at the next opening. A
 * log that ends before that was deleted or cut, and what it held had been acknowledged. (A database
 * cannot see that by itself: a log that ends early looks like one that was not written further.)
 *
 *   two slots, MARK_SLOT_BYTES apart: [magic u64][sequence u64][XXH3-64 of both]; big-endian
 *
 * Happy path: after each sync of the log its sequence is written into one slot, without a sync of
 * its own: the page cache keeps it when the process dies. It is synced once a second, in the other
 * slot in turn, so that a torn slot leaves the one before it.
 *
 * Failure: power loss may leave a mark that is up to a second old; then a log that lost no more
 * than that second's writes is taken as whole. A mark that cannot be written stays where it was:
 * it is only ever too low, never too high.
 */
#ifndef COLUMBA_NODE_STORE_DURABLE_MARK_H
#define COLUMBA_NODE_STORE_DURABLE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define DURABLE_MARK_FILE "DURABLE"

struct durable_mark {
    int fd; /* -1: not open */
    uint64_t sequence;
    uint64_t synced_ns; /* by the monotonic clock */
    uint64_t synced_sequence;
    unsigned slot;
};

/*
 * Opens the mark of a database, or makes one (sequence 0), durably, for a database that is new.
 * ERR_CORRUPT: it is missing although there is a database, it is damaged, or the database that it
 * speaks of is gone. ERR_IO. out_text (ENGINE_TEXT_MAX_BYTES) says what to do.
 */
enum columba_error durable_mark_open(struct durable_mark *mark, const char *directory,
                                     bool has_database, char *out_text);
/* The log is synced up to this sequence; it never falls. */
void durable_mark_set(struct durable_mark *mark, uint64_t sequence);
/* Synced first. May be called twice. */
void durable_mark_close(struct durable_mark *mark);

#endif
