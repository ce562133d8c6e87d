#include "node/shell/disk.h"

#include "node/shell/node.h"

static void change_tell(struct node *node)
{
    if (node->disk.is_full) {
        log_error(node->log, "disk_full",
                  "the disk of %s has less free space than the reserve (disk_reserve): the node "
                  "takes no more writes, and goes on reading, until there is room",
                  node->directory.path);
    } else {
        log_info(node->log, "disk_has_room", "the disk of %s has room again: writes are taken",
                 node->directory.path);
    }
}

static void room_look(struct node *node)
{
    bool is_full = node->engine->table->is_full(node->engine);
    if (is_full == node->disk.is_full) {
        return;
    }
    node->disk.is_full = is_full;
    node->counters.disk_full = is_full;
    change_tell(node);
    turn_event(node, &(struct event){.type = EVENT_DISK, .disk = {.is_full = is_full}});
    gossiper_status_set(node);
}

static void damage_look(struct node *node)
{
    struct engine_damage damage;
    struct disk *disk = &node->disk;
    node->engine->table->damage(node->engine, &damage);
    node->counters.damage = damage.count;
    if (damage.count == disk->damage_told || node_now_ms(node) < disk->damage_due_ms) {
        return;
    }
    log_error(
        node->log, "damaged_data",
        "data in %s fail their check (%llu times since the start, %llu of them new): %s. They "
        "are never served: reads take them from the other replicas, and bookkeeping of this "
        "node that cannot be read is passed over. Look at the disk",
        node->directory.store_path, (unsigned long long)damage.count,
        (unsigned long long)(damage.count - disk->damage_told), damage.text);
    disk->damage_told = damage.count;
    disk->damage_due_ms = node_now_ms(node) + DISK_DAMAGE_TOLD_MS;
}

static void look_fired(uv_timer_t *timer)
{
    struct node *node = timer->data;
    turn_begin(node);
    room_look(node);
    damage_look(node);
}

void disk_watch(struct node *node)
{
    uv_timer_init(&node->loop, &node->disk.timer);
    node->disk.timer.data = node;
    node->disk.is_open = true;
    uv_timer_start(&node->disk.timer, look_fired, DISK_LOOK_MS, DISK_LOOK_MS);
    room_look(node);
}

void disk_close(struct node *node)
{
    if (node->disk.is_open) {
        node->disk.is_open = false;
        uv_close((uv_handle_t *)&node->disk.timer, NULL);
    }
}
