/*
 * The gossiper: membership (gossip/) on a UDP socket at the node's own address and port. It feeds
 * packets and time in, sends what comes out, tells the peers who is alive, and keeps what the other
 * nodes say about themselves.
 */
#ifndef COLUMBA_NODE_SHELL_GOSSIPER_H
#define COLUMBA_NODE_SHELL_GOSSIPER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/slice.h"
#include "gossip/gossip.h"
#include "node/shell/log_limit.h"

/* How often a node tells the others how much it stores. */
#define GOSSIPER_LOAD_MS 5000u

struct node;

enum gossiper_view { VIEW_UNKNOWN, VIEW_UP, VIEW_SUSPECT, VIEW_DOWN, VIEW_LEFT };

/* Those above. */
struct gossiper_table {
    /* What gossip says of a node has changed. */
    void (*alive_changed)(struct node *node, uint16_t index, bool is_alive);
    /* The others are to be told what time it is here. */
    void (*clock_due)(struct node *node);
    /* Packets have come: what this node's clock is worth may have changed. */
    void (*clocks_compared)(struct node *node);
};

struct gossiper {
    const struct gossiper_table *table;
    struct gossip *gossip;
    uv_udp_t udp;
    uv_timer_t timer;
    uint64_t load_due_ms;
    struct log_limit member_lines;
    bool is_open;
    uint8_t packet[GOSSIP_PACKET_MAX_BYTES + 1]; /* a longer one is seen to be too long */
};

/* ERR_IN_USE, ERR_IO: out_text (CONFIG_PROBLEM_BYTES) says why. */
enum columba_error gossiper_open(struct node *node, const struct gossiper_table *table,
                                 char *out_text);
/* Tells the others that this node goes. */
void gossiper_leave(struct node *node);
void gossiper_close(struct node *node);
void gossiper_clear(struct node *node);
/* For the turn: does what is due, so that a busy loop cannot starve it. */
void gossiper_turn(struct node *node);

/* The connection to a node was lost: it is looked at sooner. */
void gossiper_unreachable(struct node *node, uint16_t index);

/* Tells the others whether this node takes requests. */
void gossiper_status_set(struct node *node);
/* Tells the others how far this node's clock is from theirs; 0: near. */
void gossiper_clock_set(struct node *node, int64_t offset_ms);

enum gossiper_view gossiper_view_of(const struct node *node, uint16_t index);
/* "up", "suspect", …: as in admin.h. */
const char *gossiper_view_name(enum gossiper_view view);

/* What the node says of itself. False, empty: not heard yet. The slice is valid until the next
 * packet. */
bool gossiper_load(const struct node *node, uint16_t index, uint64_t *out_bytes);
bool gossiper_clock(const struct node *node, uint16_t index, int64_t *out_offset_ms);
bool gossiper_stands_aside(const struct node *node, uint16_t index);
bool gossiper_disk_is_full(const struct node *node, uint16_t index);
struct slice gossiper_version(const struct node *node, uint16_t index);
/* The answer of `gossipinfo` (admin.h); the caller's. NULL: out of memory. */
json_t *gossiper_report(const struct node *node);

#endif
