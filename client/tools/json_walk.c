#include "client/tools/json_walk.h"

#include <stdio.h>
#include <string.h>

/* Longer than any number or literal. */
#define SCALAR_BYTES 64

static bool fail(struct json_walk *walk, const char *what)
{
    if (!walk->has_failed) {
        snprintf(walk->source.problem, sizeof(walk->source.problem), "%s", what);
    }
    walk->has_failed = true;
    return false;
}

bool json_walk_open(struct json_walk *walk, const char *path)
{
    *walk = (struct json_walk){0};
    walk->has_failed = !byte_source_open(&walk->source, path);
    return !walk->has_failed;
}

void json_walk_close(struct json_walk *walk)
{
    byte_source_close(&walk->source);
}

/* The next byte, which stays; -1: the end, or failed. */
static int look(struct json_walk *walk)
{
    if (walk->begin == walk->end && !walk->has_failed) {
        ssize_t got = byte_source_read(&walk->source, walk->buffer, sizeof(walk->buffer));
        walk->has_failed = got < 0;
        walk->begin = 0;
        walk->end = got > 0 ? (size_t)got : 0;
    }
    return walk->begin < walk->end && !walk->has_failed ? walk->buffer[walk->begin] : -1;
}

int json_walk_peek(struct json_walk *walk)
{
    int byte = look(walk);
    while (byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n') {
        walk->begin++;
        byte = look(walk);
    }
    return byte;
}

bool json_walk_take(struct json_walk *walk, char byte)
{
    if (json_walk_peek(walk) != byte) {
        return fail(walk, "the JSON document is damaged or breaks off");
    }
    walk->begin++;
    return true;
}

/* One byte at a time: the parser stops at the end of its value and has read nothing behind it. */
static size_t give_byte(void *out_byte, size_t size, void *user)
{
    struct json_walk *walk = user;
    int byte = size > 0 ? look(walk) : -1;
    if (byte < 0) {
        return walk->has_failed ? (size_t)-1 : 0;
    }
    *(uint8_t *)out_byte = (uint8_t)byte;
    walk->begin++;
    return 1;
}

/* A number or literal ends where something else begins, which must stay. */
static json_t *scalar(struct json_walk *walk)
{
    char text[SCALAR_BYTES];
    size_t size = 0;
    for (int byte = look(walk); byte > ' ' && byte != ',' && byte != ']' && byte != '}';
         byte = look(walk)) {
        if (size == sizeof(text)) {
            break;
        }
        text[size++] = (char)byte;
        walk->begin++;
    }
    return json_loadb(text, size, JSON_DECODE_ANY, NULL);
}

json_t *json_walk_value(struct json_walk *walk)
{
    json_error_t error = {.text = "no such value"};
    int byte = json_walk_peek(walk);
    bool is_scalar = byte != '{' && byte != '[' && byte != '"';
    json_t *value =
        is_scalar
            ? scalar(walk)
            : json_load_callback(give_byte, walk,
                                 JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, &error);
    if (!value) {
        char what[BYTE_SOURCE_PROBLEM_BYTES];
        snprintf(what, sizeof(what), "the JSON document is damaged: %.100s", error.text);
        fail(walk, what);
    }
    return value;
}

bool json_walk_item(struct json_walk *walk, bool *is_first)
{
    if (json_walk_peek(walk) == ']') {
        walk->begin++;
        return false;
    }
    bool is_good = *is_first || json_walk_take(walk, ',');
    *is_first = false;
    return is_good && json_walk_peek(walk) >= 0;
}

json_t *json_walk_key(struct json_walk *walk, bool *is_first)
{
    if (json_walk_peek(walk) == '}') {
        walk->begin++;
        return NULL;
    }
    if (!*is_first && !json_walk_take(walk, ',')) {
        return NULL;
    }
    *is_first = false;
    json_t *key = json_walk_value(walk);
    if (!json_is_string(key) || !json_walk_take(walk, ':')) {
        fail(walk, "the JSON document is damaged or breaks off");
        json_decref(key);
        return NULL;
    }
    return key;
}
