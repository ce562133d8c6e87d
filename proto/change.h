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

#include <stddef.h>

#include "base/error.h"
#include "base/id.h"
#include "base/slice.h"

/* On the wire and on disk. */
enum change_kind {
    CHANGE_EDIT = 1,
    CHANGE_DELETION = 2,
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

#endif
