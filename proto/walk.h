/*
 * The walk before decoding: goes over a payload's bytes with the schema in hand and refuses what
 * the unpacking must not see (bad nesting, wrong wire types, too many elements), without
 * allocating anything. What passes can only fail to unpack for want of memory.
 */
#ifndef COLUMBA_PROTO_WALK_H
#define COLUMBA_PROTO_WALK_H

#include <protobuf-c/protobuf-c.h>

#include "base/error.h"
#include "base/slice.h"

/* Messages hold rows, rows hold nothing: the schema has no deeper nesting. */
#define WALK_DEPTH_MAX 2u
#define WALK_FIELDS_MAX 16u

struct walk_shape {
    const ProtobufCMessageDescriptor *descriptor;
    /* By field number less 1: */
    const uint32_t *counts_max;           /* occurrences; for packed numbers, elements */
    const struct walk_shape *const *rows; /* the shape of a submessage, or NULL */
};

/* ERR_MALFORMED, ERR_TOO_LARGE. */
enum columba_error walk_check(const struct walk_shape *shape, struct slice payload);

#endif
