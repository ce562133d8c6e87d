#include "client/tools/line_reader.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int line_reader_open(struct line_reader *reader, const char *path)
{
    *reader = (struct line_reader){0};
    if (!byte_source_open(&reader->source, path)) {
        return -1;
    }
    reader->buffer = malloc(LINE_MAX_BYTES + 1);
    if (!reader->buffer) {
        snprintf(reader->source.problem, sizeof(reader->source.problem), "out of memory");
    }
    return reader->buffer ? 0 : -1;
}

void line_reader_close(struct line_reader *reader)
{
    byte_source_close(&reader->source);
    free(reader->buffer);
    reader->buffer = NULL;
}

/* Moves what is left to the front and reads on. 0; -1: failed. */
static int fill(struct line_reader *reader)
{
    memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    ssize_t got = byte_source_read(&reader->source, reader->buffer + reader->end,
                                   LINE_MAX_BYTES - reader->end);
    if (got < 0) {
        return -1;
    }
    reader->end += (size_t)got;
    reader->at_end = got == 0;
    return 0;
}

static enum line_result hand_out(struct line_reader *reader, char *line_end, char **out_line,
                                 size_t *out_line_bytes)
{
    *out_line = reader->buffer + reader->begin;
    *out_line_bytes = (size_t)(line_end - *out_line);
    reader->begin = (size_t)(line_end - reader->buffer);
    if (reader->begin < reader->end) {
        reader->begin++; /* the line break */
    }
    *line_end = '\0';
    reader->number++;
    return LINE_OK;
}

/* Drops what is in the buffer up to the end of the line that does not fit. */
static enum line_result skip_line(struct line_reader *reader)
{
    reader->number++;
    while (!reader->at_end) {
        reader->begin = reader->end;
        if (fill(reader) != 0) {
            return LINE_FAILED;
        }
        char *line_end = memchr(reader->buffer, '\n', reader->end);
        if (line_end) {
            reader->begin = (size_t)(line_end - reader->buffer) + 1;
            break;
        }
    }
    return LINE_TOO_LONG;
}

enum line_result line_reader_next(struct line_reader *reader, char **out_line,
                                  size_t *out_line_bytes)
{
    size_t searched = 0;
    while (true) {
        size_t size = reader->end - reader->begin;
        char *line_end = memchr(reader->buffer + reader->begin + searched, '\n', size - searched);
        if (line_end) {
            return hand_out(reader, line_end, out_line, out_line_bytes);
        }
        if (reader->at_end) {
            return size == 0
                       ? LINE_END
                       : hand_out(reader, reader->buffer + reader->end, out_line, out_line_bytes);
        }
        if (size == LINE_MAX_BYTES) {
            return skip_line(reader);
        }
        searched = size;
        if (fill(reader) != 0) {
            return LINE_FAILED;
        }
    }
}
