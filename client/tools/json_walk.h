/*
 * A JSON document read from its outside inwards, so that a large one needs the memory of one of
 * its parts only: objects and arrays are entered by hand, what is inside them is parsed whole.
 */
#ifndef COLUMBA_CLIENT_TOOLS_JSON_WALK_H
#define COLUMBA_CLIENT_TOOLS_JSON_WALK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/tools/byte_source.h"

#define JSON_WALK_BYTES (64u << 10)

struct json_walk {
    struct byte_source source;
    uint8_t buffer[JSON_WALK_BYTES];
    size_t begin;
    size_t end;
    bool has_failed; /* the reason stands in source.problem */
};

/* False: the reason stands in source.problem. Either way json_walk_close. */
bool json_walk_open(struct json_walk *walk, const char *path);
void json_walk_close(struct json_walk *walk);
/* The next byte that is no space, which stays; -1: the end, or failed. */
int json_walk_peek(struct json_walk *walk);
/* Takes that byte. False: another one stands there (failed). */
bool json_walk_take(struct json_walk *walk, char byte);
/* The next value, parsed whole. NULL: failed. */
json_t *json_walk_value(struct json_walk *walk);
/* In an object: the next key, or NULL at its end (which is taken) and when it failed. The caller
 * lets it go and reads the value. `is_first` is the caller's, true at first. */
json_t *json_walk_key(struct json_walk *walk, bool *is_first);
/* In an array: whether there is a next item; at the end it is taken. */
bool json_walk_item(struct json_walk *walk, bool *is_first);

#endif
