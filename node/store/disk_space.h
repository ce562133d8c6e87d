/*
 * The room on the disk of a directory, against a reserve. What is under way when the reserve is
 * reached still has to find room: the writes gathered, the memtables that are flushed, and what a
 * compaction writes before it deletes. So the reserve should be several times the memtables' size.
 *
 * Failure: a file system that does not tell its free space is never short of it.
 */
#ifndef COLUMBA_NODE_STORE_DISK_SPACE_H
#define COLUMBA_NODE_STORE_DISK_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct disk_space {
    const char *directory; /* must outlive it */
    uint64_t reserve_bytes;
    atomic_bool is_short;
};

/* reserve_bytes 0: a twentieth of the disk, at most DISK_RESERVE_MAX_BYTES. */
void disk_space_init(struct disk_space *disk, const char *directory, uint64_t reserve_bytes);
/* Asks the file system. Once short, it is so until a quarter of the reserve is free above it. */
bool disk_space_is_short(struct disk_space *disk);

#define DISK_RESERVE_MAX_BYTES (UINT64_C(1) << 30)

#endif
