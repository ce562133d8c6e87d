/* The host's disk: what is kept on it, and that it is full. */
#include "tests/sim/host.h"

#include <stdlib.h>

#include "base/assert.h"

/* As often as the daemon looks. */
#define DISK_LOOK_US 200000u

static struct host_disk *disk_make(const struct host *host, bool accepts_loss)
{
    struct host_disk *disk = calloc(1, sizeof *disk);
    COLUMBA_ASSERT(disk != NULL);
    counted_memory_init(&disk->memory);
    disk->engine = engine_memory_open(&disk->memory.memory);
    COLUMBA_ASSERT(disk->engine != NULL);
    disk->gathering = disk->engine->table->batch_create(disk->engine);
    disk->committing = disk->engine->table->batch_create(disk->engine);
    COLUMBA_ASSERT(disk->gathering != NULL && disk->committing != NULL);
    host_directory_make(host, disk, accepts_loss);
    return disk;
}

static void disk_destroy(struct host *host, struct host_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    const struct engine_table *table = disk->engine->table;
    table->batch_destroy(disk->gathering);
    table->batch_destroy(disk->committing);
    table->close(disk->engine);
    if (disk->memory.blocks != 0) {
        findings_add(&host->world->findings, "host %u: the engine leaks %llu blocks, %llu B",
                     host->index, (unsigned long long)disk->memory.blocks,
                     (unsigned long long)disk->memory.bytes);
    }
    free(disk);
}

/* The batches change places when one is committed; which is which means nothing while down. */
static void disk_mount(struct host *host, struct host_disk *disk)
{
    host->disk = disk;
    host->engine = disk->engine;
    host->gathering = disk->gathering;
    host->committing = disk->committing;
}

void host_disk_create(struct host *host)
{
    disk_mount(host, disk_make(host, false));
    host->disk->is_admitted = true; /* the cluster is new */
}

void host_disk_destroy(struct host *host)
{
    disk_destroy(host, host->disk);
    disk_destroy(host, host->lost_disk);
}

void host_disk_take(struct host *host)
{
    COLUMBA_ASSERT(host->state == HOST_DOWN && host->lost_disk == NULL);
    trace_note(&host->world->trace, "host %u: the disk is empty", host->index);
    host->lost_disk = host->disk;
    disk_mount(host, disk_make(host, false));
}

void host_disk_replace(struct host *host)
{
    COLUMBA_ASSERT(host->state == HOST_DOWN && host->lost_disk == NULL);
    trace_note(&host->world->trace, "host %u: the disk is empty, on purpose", host->index);
    disk_destroy(host, host->disk);
    disk_mount(host, disk_make(host, true));
}

void host_disk_return(struct host *host)
{
    COLUMBA_ASSERT(host->state == HOST_DOWN && host->lost_disk != NULL);
    trace_note(&host->world->trace, "host %u: the disk is back", host->index);
    disk_destroy(host, host->disk);
    disk_mount(host, host->lost_disk);
    engine_memory_set_full(host->engine, false);
    host->lost_disk = NULL;
}

/* What a core takes as a replica. */
static uint64_t applied(const struct host *host)
{
    struct core_counters counters;
    core_counters_get(host->core, &counters);
    return counters.replica_writes + counters.log_events;
}

static void check_refusals(struct host *host)
{
    uint64_t taken = applied(host) - host->applied_while_full;
    if (taken > 0) {
        findings_add(&host->world->findings, "host %u took %llu writes while its disk was full",
                     host->index, (unsigned long long)taken);
    }
    host->applied_while_full += taken;
}

void host_disk_look(struct host *host)
{
    uint64_t now_us = world_now_us(host->world);
    bool is_full = host->engine->table->is_full(host->engine);
    if (host->is_disk_full) {
        check_refusals(host);
    }
    if (now_us < host->disk_looked_us + DISK_LOOK_US || is_full == host->is_disk_full) {
        return;
    }
    trace_note(&host->world->trace, "host %u: the disk %s", host->index,
               is_full ? "is full" : "has room again");
    host->disk_looked_us = now_us;
    host->is_disk_full = is_full;
    core_step(host->core, &(struct event){.type = EVENT_DISK, .disk = {.is_full = is_full}});
    host_effects_drain(host);
    host->applied_while_full = applied(host);
}
