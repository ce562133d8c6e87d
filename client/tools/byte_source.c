#include "client/tools/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

#define INPUT_BYTES (128u << 10)
/* RFC 1952: the largest window, and gzip's header. */
#define GZIP_WINDOW_BITS (15 + 16)

__attribute__((format(printf, 2, 3))) static bool fail(struct byte_source *source,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(source->problem, sizeof(source->problem), format, arguments);
    va_end(arguments);
    return false;
}

bool byte_source_open(struct byte_source *source, const char *path)
{
    struct stat about;
    *source = (struct byte_source){.fd = -1};
    source->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0) {
        return fail(source, "%s", strerror(errno));
    }
    if (fstat(source->fd, &about) == 0 && S_ISDIR(about.st_mode)) {
        return fail(source, "it is a folder: --format slack reads those of Slack");
    }
    source->input = malloc(INPUT_BYTES);
    return source->input ? true : fail(source, "out of memory");
}

void byte_source_close(struct byte_source *source)
{
    if (source->is_compressed) {
        inflateEnd(&source->inflater);
    }
    if (source->fd >= 0) {
        close(source->fd);
    }
    free(source->input);
    *source = (struct byte_source){.fd = -1};
}

/* Reads until at least `least` bytes are there or the file ends. */
static bool fill(struct byte_source *source, size_t least)
{
    COLUMBA_ASSERT(least <= INPUT_BYTES);
    size_t left = source->input_end - source->input_begin;
    memmove(source->input, source->input + source->input_begin, left);
    source->input_begin = 0;
    source->input_end = left;
    while (source->input_end < least && !source->at_end) {
        ssize_t got =
            read(source->fd, source->input + source->input_end, INPUT_BYTES - source->input_end);
        if (got < 0 && errno != EINTR) {
            return fail(source, "%s", strerror(errno));
        }
        source->at_end = got == 0;
        source->input_end += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static size_t available(const struct byte_source *source)
{
    return source->input_end - source->input_begin;
}

static bool begins_with(const struct byte_source *source, const char *bytes, size_t size)
{
    return available(source) >= size &&
           memcmp(source->input + source->input_begin, bytes, size) == 0;
}

static bool is_gzip(const struct byte_source *source)
{
    return begins_with(source, "\x1f\x8b", 2);
}

/* Says how much stands behind the compressed data. */
static bool count_rest(struct byte_source *source)
{
    uint64_t rest = 0;
    do {
        rest += available(source);
        source->input_begin = source->input_end;
        if (!fill(source, 1)) {
            return false;
        }
    } while (available(source) > 0);
    return fail(source,
                "%" PRIu64 " bytes after the end of the compressed data are no gzip data and would "
                "not be read; take them out, or compress them too",
                rest);
}

static ssize_t read_compressed(struct byte_source *source, void *out_bytes, size_t size)
{
    z_stream *inflater = &source->inflater;
    inflater->next_out = out_bytes;
    inflater->avail_out = (uInt)size;
    while (inflater->avail_out == (uInt)size) {
        if (available(source) < 2 && !fill(source, 2)) {
            return -1;
        }
        inflater->next_in = source->input + source->input_begin;
        inflater->avail_in = (uInt)available(source);
        int code = inflate(inflater, Z_NO_FLUSH);
        source->input_begin = source->input_end - inflater->avail_in;
        if (code == Z_STREAM_END) {
            if (!fill(source, 2)) {
                return -1;
            }
            if (available(source) == 0) {
                inflater->next_in = NULL;
                ssize_t got = (ssize_t)(size - inflater->avail_out);
                source->at_end = true;
                inflateEnd(inflater);
                source->is_compressed = false;
                return got;
            }
            if (!is_gzip(source)) {
                return count_rest(source) ? 0 : -1;
            }
            inflateReset(inflater);
        } else if (code == Z_BUF_ERROR && source->at_end) {
            fail(source, "the compressed file ends too early");
            return -1;
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            fail(source, "the compressed data are damaged: %s",
                 inflater->msg ? inflater->msg : zError(code));
            return -1;
        }
    }
    return (ssize_t)(size - inflater->avail_out);
}

static ssize_t read_plain(struct byte_source *source, void *out_bytes, size_t size)
{
    if (available(source) == 0 && !fill(source, 1)) {
        return -1;
    }
    size_t taken = available(source) < size ? available(source) : size;
    memcpy(out_bytes, source->input + source->input_begin, taken);
    source->input_begin += taken;
    return (ssize_t)taken;
}

static bool begin(struct byte_source *source)
{
    source->has_begun = true;
    if (!fill(source, 4)) {
        return false;
    }
    if (begins_with(source, "PK\x03\x04", 4)) {
        return fail(source, "this is a zip archive: unpack it first");
    }
    if (!is_gzip(source)) {
        return true;
    }
    if (inflateInit2(&source->inflater, GZIP_WINDOW_BITS) != Z_OK) {
        return fail(source, "out of memory");
    }
    source->is_compressed = true;
    return true;
}

/* What the text begins with, of which `size` bytes are there. Returns how many are passed over;
 * -1: failed. */
static ssize_t mark_at(struct byte_source *source, const uint8_t *bytes, size_t size)
{
    if (size >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0)) {
        fail(source, "this is UTF-16: make UTF-8 of it with iconv -f UTF-16 -t UTF-8");
        return -1;
    }
    return size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static ssize_t read_some(struct byte_source *source, void *out_bytes, size_t size)
{
    return source->is_compressed ? read_compressed(source, out_bytes, size)
                                 : read_plain(source, out_bytes, size);
}

ssize_t byte_source_read(struct byte_source *source, void *out_bytes, size_t size)
{
    bool is_first = !source->has_begun;
    COLUMBA_ASSERT(size >= 4 || !is_first);
    if (is_first && !begin(source)) {
        return -1;
    }
    ssize_t got = read_some(source, out_bytes, size);
    while (is_first && got > 0 && got < 3) {
        ssize_t more = read_some(source, (uint8_t *)out_bytes + got, size - (size_t)got);
        if (more <= 0) {
            got = more < 0 ? more : got;
            break;
        }
        got += more;
    }
    if (!is_first || got <= 0) {
        return got;
    }
    ssize_t mark_bytes = mark_at(source, out_bytes, (size_t)got);
    if (mark_bytes > 0) {
        memmove(out_bytes, (uint8_t *)out_bytes + mark_bytes, (size_t)(got - mark_bytes));
        /* Nothing but the mark: what comes next is the answer, be it the end. */
        return got > mark_bytes ? got - mark_bytes : read_some(source, out_bytes, size);
    }
    return mark_bytes < 0 ? -1 : got;
}
