/*
 * How the fields of every message are written, below its struct: from these tables follow both
 * directions of the codec and the checks before decoding. The order is that of the numbers in the
 * schema (*.proto), which count from 1 without a gap; the member names are those of the structs and
 * of the schema.
 *
 * F(kind, member, …):
 *   ID, BYTES, U32, U64, BOOL, ERROR      (member)
 *   BOOL_AS                               (member, its name in the schema)
 *   FIXED64S                              (array, count, most elements)
 *   IDS                                   (array, count, most elements, element made of ids only)
 *   TEXTS                                 (array of slices, count, most elements)
 *   ROWS                                  (array, count, most elements, row's name, row's type)
 */
#ifndef COLUMBA_PROTO_FIELDS_H
#define COLUMBA_PROTO_FIELDS_H

#include "proto/message.h"

/* X(name in the schema, PREFIX of the table, member): what stands inside messages. The messages
 * themselves are MESSAGE_TYPES. */
#define CODEC_ROWS(X) SESSION_ROWS(X) CLIENT_ROWS(X) SYNC_ROWS(X)

#endif
