/*
 * The disk, looked at a few times a second. Room: told to the core, the others (gossip) and the log
 * when it changes; a node that starts on a full disk starts in that state. Damage: what the engine
 * could not read is counted, and told in one line with file and range, not more often than once in
 * DISK_DAMAGE_TOLD_MS.
 */
#ifndef COLUMBA_NODE_SHELL_DISK_H
#define COLUMBA_NODE_SHELL_DISK_H

#include <stdbool.h>
#include <uv.h>

/* Between two looks a node writes less than any sensible reserve. */
#define DISK_LOOK_MS 200u

#define DISK_DAMAGE_TOLD_MS 60000u

struct node;

struct disk {
    uv_timer_t timer;
    bool is_open;
    bool is_full;
    uint64_t damage_told;   /* how often there was damage, when it was told last … */
    uint64_t damage_due_ms; /* … and when it may be told again */
};

/* Looks once, then again and again. */
void disk_watch(struct node *node);
void disk_close(struct node *node);

#endif
