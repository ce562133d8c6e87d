/*
 * Which directory a host has, and which the others had: what the daemon's shell does with its own
 * (node/shell/directory.h, admission.h), by the same judgement.
 *
 * Remembering another's directory is durable at once, as it is there. A process on a directory that
 * is not admitted asks all others before it listens. Who refuses it ends it; who is not there is
 * not waited for, and may end it later.
 */
#include "tests/sim/host.h"

#include "base/assert.h"

#define ADMISSION_WAIT_US (3u * (uint64_t)MICROSECONDS_PER_SECOND)

_Static_assert(HOSTS_MAX <= 32, "a bitmap over nodes has 32 bits");

void host_directory_make(const struct host *host, struct host_disk *disk, bool accepts_loss)
{
    uint64_t chance = world_now_us(host->world) * HOSTS_MAX + host->index;
    uint64_t unix_ms = UNIX_EPOCH_MS + world_now_us(host->world) / MICROSECONDS_PER_MS;
    disk->identity = (struct data_identity){
        .id = message_id_make(unix_ms, chance, &host->world->topology->nodes[host->index].host_id),
        .accepts_loss = accepts_loss};
}

static void listen_now(struct host *host)
{
    trace_note(&host->world->trace, "host %u listens on a directory nobody objects to",
               host->index);
    host->disk->is_admitted = true;
    host->is_listening = true;
    host->world->has_stray_node = true;
}

static void waited_enough(void *context, uint64_t life)
{
    struct host *host = context;
    if (life == host->life && !host->is_listening && !host->is_refused) {
        listen_now(host);
    }
}

void host_directory_start(struct host *host)
{
    host->peers_asked = 1u << host->index;
    host->is_refused = false;
    host->is_listening = host->disk->is_admitted;
    if (!host->is_listening) {
        schedule_after(&host->world->schedule, ADMISSION_WAIT_US, waited_enough, host, host->life);
    }
}

void host_directory_asked(struct host *host, uint16_t node)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << host->world->plan.node_count) - 1);
    host->peers_asked |= 1u << node;
    if (host->peers_asked == all && !host->is_listening && !host->is_refused) {
        listen_now(host);
    }
}

void host_directory_refused(struct host *host, uint16_t node)
{
    trace_note(&host->world->trace, "host %u: host %u refuses its directory", host->index, node);
    host->is_refused = true;
}

bool host_directory_meet(struct host *host, uint16_t node, const struct data_identity *told)
{
    struct id *known = &host->disk->known[node];
    enum identity_verdict verdict = data_identity_judge(id_is_zero(known) ? NULL : known, told);
    if (verdict == IDENTITY_FIRST || verdict == IDENTITY_REPLACED) {
        *known = told->id;
    }
    return verdict != IDENTITY_WIPED;
}

bool host_directory_is_known(const struct host *host)
{
    const struct world *world = host->world;
    for (uint16_t i = 0; i < world->plan.node_count; i++) {
        if (i != host->index &&
            !id_equal(&world->hosts[i]->disk->known[host->index], &host->disk->identity.id)) {
            return false;
        }
    }
    return true;
}
