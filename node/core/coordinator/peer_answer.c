#include "node/core/coordinator/peer_answer.h"

#include "base/cursor.h"
#include "base/limits.h"
#include "node/core/replica/log_rows.h"
#include "node/store/activity.h"
#include "node/store/key.h"
#include "node/store/row.h"

#define DIGEST_BYTES 16u

/* A refusal must not pass for success, nor what does not answer the question for a refusal. */
static enum columba_error refusal(const struct message *message, enum columba_error otherwise)
{
    bool is_refusal = message->type == MESSAGE_STATUS && message->status.error != COLUMBA_OK;
#ifdef COLUMBA_BUG_any_answer_is_success
    otherwise = COLUMBA_OK;
#endif
    return is_refusal ? message->status.error : otherwise;
}

struct message_written peer_written(const struct message *message)
{
    if (message->type == MESSAGE_WRITTEN) {
        return message->written;
    }
    /* It may have stored what it was given all the same. */
    return (struct message_written){.error = refusal(message, ERR_OUTCOME_UNKNOWN)};
}

/* The place of a row among the query's, as the store orders them. */
static int place_compare(uint8_t table_a, struct slice a, uint8_t table_b, struct slice b)
{
    return table_a != table_b ? (int)table_a - (int)table_b : slice_compare(a, b);
}

static bool row_is_in_range(const struct message_read *query, const struct packed_row *row)
{
    uint32_t last = query->table_last == 0 ? query->table : query->table_last;
    if (row->table < query->table || row->table > last) {
        return false;
    }
    if (row->table == query->table && slice_compare(row->clustering, query->begin) < 0) {
        return false;
    }
    return row->table != last || query->end.size == 0 ||
           slice_compare(row->clustering, query->end) < 0;
}

static bool row_follows(const struct message_read *query, const struct packed_row *before,
                        const struct packed_row *row)
{
    int order = place_compare(before->table, before->clustering, row->table, row->clustering);
    return (query->flags & READ_BACKWARDS) != 0 ? order > 0 : order < 0;
}

/* Is the row one of the query's keys, and behind those that were met before? */
static bool row_is_among(struct reader *keys, const struct packed_row *row)
{
    while (reader_left(keys) > 0) {
        if (slice_equal(reader_sized(keys), row->clustering)) {
            return true;
        }
    }
    return false;
}

static enum columba_error page_check(const struct message_rows *rows,
                                     const struct message_read *query)
{
    struct packed_reader reader;
    struct packed_row before = {.table = 0};
    struct packed_row row;
    uint32_t count = 0;
    struct reader keys = reader_of(query->keys);
    packed_reader_init(&reader, rows->packed);
    while (packed_reader_next(&reader, &row)) {
        if (++count > rows->row_count || !row_is_in_range(query, &row) ||
            (count > 1 && !row_follows(query, &before, &row)) ||
            (query->keys.size > 0 && !row_is_among(&keys, &row)) ||
            row_check(row.table, row.row) != COLUMBA_OK) {
            return ERR_BAD_ANSWER;
        }
        before = row;
    }
    bool is_whole = !packed_reader_failed(&reader) && count == rows->row_count;
    return is_whole ? COLUMBA_OK : ERR_BAD_ANSWER;
}

/* Listed rows, each behind the one before, the first behind the query's place. */
static enum columba_error activity_check(const struct message_rows *rows,
                                         const struct message_read *query)
{
    struct packed_reader reader;
    struct packed_row row;
    struct activity_place place, before;
    bool has_before = query->begin.size == sizeof(before.bytes);
    uint32_t count = 0;
    if (has_before) {
        memcpy(before.bytes, query->begin.data, sizeof(before.bytes));
    }
    packed_reader_init(&reader, rows->packed);
    while (packed_reader_next(&reader, &row)) {
        if (++count > rows->row_count || row_check(row.table, row.row) != COLUMBA_OK ||
            !activity_place_of_row(&row, &place) ||
            (has_before && !activity_is_behind(&place, &before))) {
            return ERR_BAD_ANSWER;
        }
        before = place;
        has_before = true;
    }
    /* An empty page that is not the last one would not say where to go on. */
    bool is_whole =
        !packed_reader_failed(&reader) && count == rows->row_count && (count > 0 || !rows->more);
    return is_whole ? COLUMBA_OK : ERR_BAD_ANSWER;
}

enum columba_error peer_rows_check(const struct message *message, const struct message_read *query,
                                   bool is_own)
{
    if (message->type != MESSAGE_ROWS) {
        return refusal(message, ERR_BAD_ANSWER);
    }
    const struct message_rows *rows = &message->rows;
    if (rows->error != COLUMBA_OK) {
        return rows->error;
    }
    if ((query->flags & READ_DIGEST) != 0) {
        return rows->digest.size == DIGEST_BYTES && rows->packed.size == 0 ? COLUMBA_OK
                                                                           : ERR_BAD_ANSWER;
    }
    /* One row may pass the limit in bytes, so that any row can be read. */
    if (rows->digest.size != 0 || rows->row_count > query->limit_rows ||
        rows->packed.size > query->limit_bytes + INBOX_ROW_MAX_BYTES + KEY_MAX_BYTES + 16u) {
        return ERR_BAD_ANSWER;
    }
#ifdef COLUMBA_BUG_peers_are_believed
    is_own = true;
#endif
    if (is_own) {
        return COLUMBA_OK;
    }
    return (query->flags & READ_BY_ACTIVITY) != 0 ? activity_check(rows, query)
                                                  : page_check(rows, query);
}

enum columba_error peer_log_check(const struct message *message,
                                  const struct message_log_read *query)
{
    if (message->type != MESSAGE_LOG) {
        return refusal(message, ERR_BAD_ANSWER);
    }
    const struct message_log *log = &message->log;
    if (log->error != COLUMBA_OK) {
        return log->error;
    }
    uint64_t after = log->incarnation == query->incarnation && !query->only_end ? query->after : 0;
    bool has_rows = log->packed.size > 0;
    /* A page that is not the last one has to say where to go on. */
    bool is_answer = log->incarnation != 0 && log->up_to >= after && log->up_to < UINT64_MAX &&
                     (has_rows || !log->more) && (!has_rows || !query->only_end) &&
                     log_rows_are_valid(log->packed, after, log->up_to);
    return is_answer ? COLUMBA_OK : ERR_BAD_ANSWER;
}
