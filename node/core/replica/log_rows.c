#include "node/core/replica/log_rows.h"

#include "node/core/replica/user_log.h"

void log_rows_begin(struct log_rows_reader *reader, struct slice packed)
{
    *reader =
        (struct log_rows_reader){.rows = reader_of(packed), .row = reader_of(slice_of(NULL, 0))};
}

static bool row_begin(struct log_rows_reader *reader)
{
    reader->sequence = reader_u64(&reader->rows);
    reader->row = reader_of(reader_sized(&reader->rows));
    reader->place = 0;
    if (reader->rows.failed || reader_u8(&reader->row) != USER_LOG_FORMAT || reader->row.failed) {
        reader->failed = true;
    }
    return !reader->failed;
}

bool log_rows_next(struct log_rows_reader *reader, struct log_rows_event *out_event)
{
    while (!reader->failed && reader_left(&reader->row) == 0) {
        if (reader_left(&reader->rows) == 0 || !row_begin(reader)) {
            return false;
        }
    }
    struct log_rows_event event = {.sequence = reader->sequence, .place = reader->place++};
    event.kind = reader_u8(&reader->row);
    event.is_own = (reader_u8(&reader->row) & USER_LOG_FLAG_OWN) != 0;
    event.conversation = reader_id(&reader->row);
    event.message = reader_id(&reader->row);
    reader->failed = reader->failed || reader->row.failed;
    *out_event = event;
    return !reader->failed;
}

bool log_rows_are_valid(struct slice packed, uint64_t after, uint64_t up_to)
{
    struct log_rows_reader reader;
    struct log_rows_event event;
    uint64_t newest = after;
    log_rows_begin(&reader, packed);
    while (log_rows_next(&reader, &event)) {
        bool is_new_row = event.place == 0;
        if (event.sequence > up_to || (is_new_row && event.sequence <= newest)) {
            return false;
        }
        newest = event.sequence;
    }
    return !reader.failed;
}
