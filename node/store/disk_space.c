#include "node/store/disk_space.h"

#include <sys/statvfs.h>

#define RESERVE_DISK_SHARE 20u

void disk_space_init(struct disk_space *disk, const char *directory, uint64_t reserve_bytes)
{
    disk->directory = directory;
    disk->reserve_bytes = reserve_bytes;
    atomic_init(&disk->is_short, false);
}

static uint64_t reserve_of(const struct disk_space *disk, uint64_t disk_bytes)
{
    if (disk->reserve_bytes != 0) {
        return disk->reserve_bytes;
    }
    uint64_t share = disk_bytes / RESERVE_DISK_SHARE;
    return share < DISK_RESERVE_MAX_BYTES ? share : DISK_RESERVE_MAX_BYTES;
}

bool disk_space_is_short(struct disk_space *disk)
{
    struct statvfs space;
    if (statvfs(disk->directory, &space) != 0) {
        return false;
    }
    uint64_t free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    uint64_t reserve = reserve_of(disk, (uint64_t)space.f_blocks * space.f_frsize);
    uint64_t needed = atomic_load(&disk->is_short) ? reserve + reserve / 4 : reserve;
    bool is_short = free_bytes < needed;
    atomic_store(&disk->is_short, is_short);
    return is_short;
}
