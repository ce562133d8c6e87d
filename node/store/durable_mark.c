#include "node/store/durable_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "node/store/data_format.h"
#include "node/store/engine.h"

#define MARK_MAGIC UINT64_C(0x636f6c756d6d6b31) /* "colummk1" */
#define MARK_SLOTS 2u
/* Two blocks of any disk, so that one torn write cannot take both. */
#define MARK_SLOT_BYTES 4096u
#define MARK_BYTES 24u
#define MARK_SYNC_INTERVAL_NS UINT64_C(1000000000)

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void slot_encode(uint64_t sequence, uint8_t out_bytes[MARK_BYTES])
{
    bytes_put_u64_be(out_bytes, MARK_MAGIC);
    bytes_put_u64_be(out_bytes + 8, sequence);
    bytes_put_u64_be(out_bytes + 16, XXH3_64bits(out_bytes, 16));
}

static bool slot_decode(const uint8_t bytes[MARK_BYTES], uint64_t *out_sequence)
{
    if (bytes_get_u64_be(bytes) != MARK_MAGIC ||
        bytes_get_u64_be(bytes + 16) != XXH3_64bits(bytes, 16)) {
        return false;
    }
    *out_sequence = bytes_get_u64_be(bytes + 8);
    return true;
}

static bool slot_write(const struct durable_mark *mark, unsigned slot)
{
    uint8_t bytes[MARK_BYTES];
    slot_encode(mark->sequence, bytes);
    return pwrite(mark->fd, bytes, sizeof bytes, (off_t)slot * MARK_SLOT_BYTES) ==
           (ssize_t)sizeof bytes;
}

/* The greatest of the slots that are whole. */
static bool slots_read(struct durable_mark *mark)
{
    bool found = false;
    for (unsigned slot = 0; slot < MARK_SLOTS; slot++) {
        uint8_t bytes[MARK_BYTES];
        uint64_t sequence;
        if (pread(mark->fd, bytes, sizeof bytes, (off_t)slot * MARK_SLOT_BYTES) !=
                (ssize_t)sizeof bytes ||
            !slot_decode(bytes, &sequence)) {
            continue;
        }
        if (!found || sequence > mark->sequence) {
            mark->sequence = sequence;
            mark->slot = (slot + 1) % MARK_SLOTS;
        }
        found = true;
    }
    return found;
}

static enum columba_error mark_make(struct durable_mark *mark, const char *directory,
                                    const char *path, char *out_text)
{
    mark->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    bool done = mark->fd >= 0;
    for (unsigned slot = 0; done && slot < MARK_SLOTS; slot++) {
        done = slot_write(mark, slot);
    }
    if (!done || fsync(mark->fd) != 0) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "cannot write %.300s: %s", path, strerror(errno));
        return ERR_IO;
    }
    return data_directory_sync(directory, out_text);
}

static enum columba_error mark_read(struct durable_mark *mark, const char *path, bool has_database,
                                    char *out_text)
{
    if (!slots_read(mark) && has_database) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "%.250s is damaged: without it nobody can tell whether the write-ahead log is "
                 "whole. " DATA_LOSS_ADVICE,
                 path);
        return ERR_CORRUPT;
    }
    if (mark->sequence > 0 && !has_database) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "the database beside %.250s is gone. " DATA_LOSS_ADVICE, path);
        return ERR_CORRUPT;
    }
    return COLUMBA_OK;
}

static enum columba_error mark_open(struct durable_mark *mark, const char *directory,
                                    bool has_database, char *out_text)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/" DURABLE_MARK_FILE, directory) >= (int)sizeof path) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "the path of %.200s… is too long", directory);
        return ERR_IO;
    }
    mark->fd = open(path, O_RDWR | O_CLOEXEC);
    if (mark->fd >= 0) {
        return mark_read(mark, path, has_database, out_text);
    }
    if (errno == ENOENT && !has_database) {
        return mark_make(mark, directory, path, out_text);
    }
    int why = errno;
    snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
             "cannot open %.200s (%s): without it nobody can tell whether the write-ahead log is "
             "whole. " DATA_LOSS_ADVICE,
             path, strerror(why));
    return why == ENOENT ? ERR_CORRUPT : ERR_IO;
}

enum columba_error durable_mark_open(struct durable_mark *mark, const char *directory,
                                     bool has_database, char *out_text)
{
    struct durable_mark made = {.fd = -1};
    enum columba_error error = mark_open(&made, directory, has_database, out_text);
    if (error != COLUMBA_OK) {
        durable_mark_close(&made);
        return error;
    }
    made.synced_ns = monotonic_ns();
    made.synced_sequence = made.sequence;
    *mark = made;
    return COLUMBA_OK;
}

static void mark_sync(struct durable_mark *mark, uint64_t now_ns)
{
    if (mark->sequence != mark->synced_sequence && fdatasync(mark->fd) == 0) {
        mark->synced_sequence = mark->sequence;
        mark->slot = (mark->slot + 1) % MARK_SLOTS;
    }
    mark->synced_ns = now_ns;
}

void durable_mark_set(struct durable_mark *mark, uint64_t sequence)
{
    COLUMBA_ASSERT(mark->fd >= 0 && sequence >= mark->sequence);
    mark->sequence = sequence;
    uint64_t now_ns = monotonic_ns();
    if (slot_write(mark, mark->slot) && now_ns - mark->synced_ns >= MARK_SYNC_INTERVAL_NS) {
        mark_sync(mark, now_ns);
    }
}

void durable_mark_close(struct durable_mark *mark)
{
    if (mark->fd >= 0) {
        mark_sync(mark, mark->synced_ns);
        close(mark->fd);
    }
    mark->fd = -1;
}
