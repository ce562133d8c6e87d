/*
 * Room on the disk: looked at a few times a second, and told to the core, the others (gossip) and
 * the log when it changes. A node that starts on a full disk starts in that state.
 */
#ifndef COLUMBA_NODE_SHELL_DISK_H
#define COLUMBA_NODE_SHELL_DISK_H

#include <stdbool.h>
#include <uv.h>

/* Between two looks a node writes less than any sensible reserve. */
#define DISK_LOOK_MS 200u

struct node;

struct disk {
    uv_timer_t timer;
    bool is_open;
    bool is_full;
};

/* Looks once, then again and again. */
void disk_watch(struct node *node);
void disk_close(struct node *node);

#endif
