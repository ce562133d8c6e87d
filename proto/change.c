#include "proto/change.h"

#include "base/assert.h"
#include "base/cursor.h"
#include "base/name.h"

#define CHANGE_FORMAT 1u

size_t change_record_size(const struct change_record *record)
{
    return 2 + ID_BYTES + varint_size(record->actor.size) + record->actor.size;
}

void change_record_encode(const struct change_record *record, uint8_t *out_bytes)
{
    size_t size = change_record_size(record);
    struct writer writer = writer_of(out_bytes, size);
    writer_u8(&writer, CHANGE_FORMAT);
    writer_u8(&writer, record->kind);
    writer_id(&writer, &record->message);
    writer_sized(&writer, record->actor);
    COLUMBA_ASSERT(writer_done(&writer).size == size);
}

enum columba_error change_record_decode(struct slice bytes, struct change_record *out_record)
{
    struct reader reader = reader_of(bytes);
    uint8_t format = reader_u8(&reader);
    struct change_record record = {.kind = reader_u8(&reader)};
    record.message = reader_id(&reader);
    record.actor = reader_sized(&reader);
    if (!reader_is_done(&reader) || format != CHANGE_FORMAT || record.kind == 0 ||
        name_problem(record.actor) != NULL) {
        return ERR_MALFORMED;
    }
    *out_record = record;
    return COLUMBA_OK;
}

size_t edit_size(const struct edit *edit)
{
    return 1 + varint_size(edit->number) + edit->content.size;
}

void edit_encode(const struct edit *edit, uint8_t *out_bytes)
{
    size_t size = edit_size(edit);
    struct writer writer = writer_of(out_bytes, size);
    writer_u8(&writer, CHANGE_FORMAT);
    writer_varint(&writer, edit->number);
    writer_bytes(&writer, edit->content);
    COLUMBA_ASSERT(writer_done(&writer).size == size);
}

enum columba_error edit_decode(struct slice bytes, struct edit *out_edit)
{
    struct reader reader = reader_of(bytes);
    uint8_t format = reader_u8(&reader);
    struct edit edit = {.number = reader_varint(&reader)};
    if (reader.failed || format != CHANGE_FORMAT || edit.number == 0) {
        return ERR_MALFORMED;
    }
    edit.content = slice_of(reader.at, reader_left(&reader));
    *out_edit = edit;
    return COLUMBA_OK;
}

void mark_reader_init(struct mark_reader *marks, struct slice bytes)
{
    marks->reader = reader_of(bytes);
}

bool mark_next(struct mark_reader *marks, struct mark *out_mark)
{
    struct reader *reader = &marks->reader;
    if (reader->failed || reader->at == reader->end) {
        return false;
    }
    struct mark mark = {.kind = reader_u8(reader)};
    uint8_t flags = reader_u8(reader);
    (void)reader_u64(reader);
    mark.key = reader_sized(reader);
    struct slice stored = reader_sized(reader);
    bool is_known = mark.kind == MARK_REACTION || mark.kind == MARK_COLUMN;
    bool is_valid = flags == 1 && is_known && mark.key.size > 0 &&
                    (mark.kind != MARK_REACTION || mark.key.size == ID_BYTES) &&
                    (stored.size == 0 || (stored.data[0] & ~MARK_SEALED) == 0);
    if (reader->failed || !is_valid) {
        reader->failed = true;
        return false;
    }
    if (stored.size > 0) {
        mark.is_sealed = (stored.data[0] & MARK_SEALED) != 0;
        mark.value = slice_of(stored.data + 1, stored.size - 1);
    }
    *out_mark = mark;
    return true;
}

bool mark_reader_failed(const struct mark_reader *marks)
{
    return marks->reader.failed;
}
