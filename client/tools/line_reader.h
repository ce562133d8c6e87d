/*
 * Lines of a file, plain or gzip, or of standard input ("-", either of the two).
 */
#ifndef COLUMBA_CLIENT_TOOLS_LINE_READER_H
#define COLUMBA_CLIENT_TOOLS_LINE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "client/tools/byte_source.h"

/* A body of 64 KiB with every byte escaped (\u0000), and names likewise, fits four times over. */
#define LINE_MAX_BYTES (2u << 20)

struct line_reader {
    struct byte_source source;
    char *buffer;
    size_t begin; /* of what was read and not yet handed out */
    size_t end;
    int at_end;
    uint64_t number; /* of the line handed out last, from 1 */
};

enum line_result {
    LINE_OK,
    LINE_TOO_LONG, /* passed over; the next call goes on behind it */
    LINE_END,
    LINE_FAILED, /* the reason stands in `problem` */
};

/* 0, or -1 with the reason in source.problem. Either way line_reader_close lets everything go. */
int line_reader_open(struct line_reader *reader, const char *path);
void line_reader_close(struct line_reader *reader);
/* The next line without its end, followed by a NUL; valid until the next call. */
enum line_result line_reader_next(struct line_reader *reader, char **out_line,
                                  size_t *out_line_bytes);

#endif
