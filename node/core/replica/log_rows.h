/*
 * Rows of a user's log as they travel: [sequence u64][value sized]*, ascending; a value is what
 * user_log.h says a log row is. Reading hands out one event after the other.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_LOG_ROWS_H
#define COLUMBA_NODE_CORE_REPLICA_LOG_ROWS_H

#include <stdbool.h>

#include "base/cursor.h"
#include "base/id.h"

struct log_rows_event {
    uint64_t sequence; /* of its row */
    uint32_t place;    /* in the row, from 0 */
    struct id conversation;
    struct id message;
    uint8_t kind; /* enum happening */
    bool is_own;
};

struct log_rows_reader {
    struct reader rows;
    struct reader row;
    uint64_t sequence;
    uint32_t place;
    bool failed;
};

void log_rows_begin(struct log_rows_reader *reader, struct slice packed);
/* False at the end, and where the bytes are none: reader->failed. */
bool log_rows_next(struct log_rows_reader *reader, struct log_rows_event *out_event);
/* Are these rows, each behind the one before, in (after, up_to]? */
bool log_rows_are_valid(struct slice packed, uint64_t after, uint64_t up_to);

#endif
