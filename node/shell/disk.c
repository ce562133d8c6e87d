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

static void disk_look(struct node *node)
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

static void look_fired(uv_timer_t *timer)
{
    struct node *node = timer->data;
    turn_begin(node);
    disk_look(node);
}

void disk_watch(struct node *node)
{
    uv_timer_init(&node->loop, &node->disk.timer);
    node->disk.timer.data = node;
    node->disk.is_open = true;
    uv_timer_start(&node->disk.timer, look_fired, DISK_LOOK_MS, DISK_LOOK_MS);
    disk_look(node);
}

void disk_close(struct node *node)
{
    if (node->disk.is_open) {
        node->disk.is_open = false;
        uv_close((uv_handle_t *)&node->disk.timer, NULL);
    }
}
