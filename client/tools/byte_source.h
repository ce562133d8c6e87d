/*
 * The bytes of a file or of standard input ("-"), plain or gzip (any number of members, one behind
 * the other).
 *
 * The end of the compressed data is the end of the file: what follows it and is no gzip member is
 * an error that says how much is not read. A byte order mark at the start of the text is passed
 * over; text in UTF-16 is an error.
 */
#ifndef COLUMBA_CLIENT_TOOLS_BYTE_SOURCE_H
#define COLUMBA_CLIENT_TOOLS_BYTE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <zlib.h>

#define BYTE_SOURCE_PROBLEM_BYTES 256

struct byte_source {
    int fd;
    bool is_compressed;
    bool has_begun;
    bool at_end; /* of the file */
    uint8_t *input;
    size_t input_begin; /* of what was read and not yet used */
    size_t input_end;
    z_stream inflater;
    char problem[BYTE_SOURCE_PROBLEM_BYTES];
};

/* False: the reason stands in `problem`. Either way byte_source_close lets everything go. */
bool byte_source_open(struct byte_source *source, const char *path);
void byte_source_close(struct byte_source *source);
/* Up to `size` bytes; 0 at the end; -1: failed, the reason stands in `problem`. */
ssize_t byte_source_read(struct byte_source *source, void *out_bytes, size_t size);

#endif
