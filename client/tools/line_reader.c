#include "client/tools/line_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZLIB_BUFFER_BYTES (128u << 10)

static int fail(struct line_reader *reader, const char *what)
{
    snprintf(reader->problem, sizeof(reader->problem), "%s", what);
    return -1;
}

int line_reader_open(struct line_reader *reader, const char *path)
{
    *reader = (struct line_reader){0};
    errno = 0;
    if (strcmp(path, "-") == 0) {
        int copy = dup(STDIN_FILENO);
        reader->file = copy < 0 ? NULL : gzdopen(copy, "rb");
    } else {
        reader->file = gzopen(path, "rb");
    }
    if (!reader->file) {
        return fail(reader, errno ? strerror(errno) : "out of memory");
    }
    gzbuffer(reader->file, ZLIB_BUFFER_BYTES);
    reader->buffer = malloc(LINE_MAX_BYTES + 1);
    return reader->buffer ? 0 : fail(reader, "out of memory");
}

void line_reader_close(struct line_reader *reader)
{
    if (reader->file) {
        gzclose(reader->file);
    }
    free(reader->buffer);
    reader->file = NULL;
    reader->buffer = NULL;
}

/* Moves what is left to the front and reads on. 0; -1: failed. */
static int fill(struct line_reader *reader)
{
    memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    int got = gzread(reader->file, reader->buffer + reader->end,
                     (unsigned)(LINE_MAX_BYTES - reader->end));
    int code = Z_OK;
    const char *text = gzerror(reader->file, &code);
    if (got < 0 || (got == 0 && code == Z_BUF_ERROR)) {
        if (code == Z_ERRNO) {
            return fail(reader, strerror(errno));
        }
        return fail(reader, got == 0 ? "the compressed file ends too early" : text);
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
