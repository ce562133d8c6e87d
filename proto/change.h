/*
 * What is stored of a change to a message: the record of who made it, and the edit itself. Both are
 * one cell each; the message's own content (content.h) is never touched.
 *
 *   record  [format u8 = 1][kind u8][message 16][actor's name sized]
 *   edit    [format u8 = 1][number varint][content of content.h, to the end]
 *
 * An edit's content is made and sealed by its sender; its number is the coordinator's: one more
 * than that of the edit it found. Edits that raced carry the same number.
 */
#ifndef COLUMBA_PROTO_CHANGE_H
#define COLUMBA_PROTO_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "base/error.h"
#include "base/id.h"
#include "base/slice.h"

/* On the wire and on disk. */
enum change_kind {
    CHANGE_EDIT = 1,
    CHANGE_DELETION = 2,
    CHANGE_REACTION = 3, /* of the actor; an empty one takes it back */
    CHANGE_COLUMN = 4,   /* an application's; an empty one removes it */
};

struct change_record {
    uint8_t kind; /* enum change_kind */
    struct id message;
    struct slice actor; /* name (base/name.h) */
};

size_t change_record_size(const struct change_record *record);
/* Writes change_record_size bytes. */
void change_record_encode(const struct change_record *record, uint8_t *out_bytes);
/* A view into `bytes`. ERR_MALFORMED. */
enum columba_error change_record_decode(struct slice bytes, struct change_record *out_record);

struct edit {
    uint64_t number; /* from 1 */
    struct slice content;
};

size_t edit_size(const struct edit *edit);
/* Writes edit_size bytes. */
void edit_encode(const struct edit *edit, uint8_t *out_bytes);
/* A view into `bytes`; the content is content_decode's to check. ERR_MALFORMED. */
enum columba_error edit_decode(struct slice bytes, struct edit *out_edit);

/*
 * A mark: what a reaction or a column holds. [flags u8: 1 sealed][value]; empty: taken back.
 */
#define MARK_SEALED 1u

/*
 * A message's marks, as a page carries them, one after the other:
 *
 *   [kind u8: 4 reaction, 5 column][flags u8 = 1][stamp u64][key sized][mark sized]
 *
 * The key is the user's id (16 bytes) or the column's name. These are the stored cells as they are
 * (node/store/row.h); the stamp is of no concern to a reader.
 */
enum mark_kind { MARK_REACTION = 4, MARK_COLUMN = 5 };

struct mark {
    uint8_t kind; /* enum mark_kind */
    bool is_sealed;
    struct slice key;
    struct slice value; /* empty: taken back */
};

struct mark_reader {
    struct reader reader;
};
void mark_reader_init(struct mark_reader *marks, struct slice bytes);
/* Views into the bytes. False at the end and on damage; mark_reader_failed tells which. */
bool mark_next(struct mark_reader *marks, struct mark *out_mark);
bool mark_reader_failed(const struct mark_reader *marks);

#endif
