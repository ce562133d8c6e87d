/*
 * A virtual network for tests: gossip objects on one virtual clock of whole milliseconds, with
 * packets that are late, lost, repeated or damaged as one seed decides. Node i is host
 * "node-i" at 10.0.0.0 + i.
 *
 *     network_init(&network, &options); … network_run(&network, 2000); … network_clear(&network);
 */
#ifndef COLUMBA_TESTS_GOSSIP_NETWORK_H
#define COLUMBA_TESTS_GOSSIP_NETWORK_H

#include "base/random.h"
#include "gossip/gossip.h"

#define NETWORK_DELAY_MAX_MS 63u
#define NETWORK_HOSTS_MAX 16u

struct network_options {
    size_t nodes;
    uint64_t seed;
    uint32_t probe_interval_ms;
    unsigned loss_permille;
    unsigned repeat_permille;
    unsigned damage_permille;
    unsigned delay_max_ms; /* 1 … this, so packets overtake each other */
    size_t seeds;          /* every node is given the first so many as seeds */
    bool not_started;      /* nodes are started by hand */
    bool has_walls;        /* the nodes are told what their wall clocks show */
    bool is_closed;        /* only the network's own nodes may be members */
};

struct network_packet;

struct network_node {
    struct gossip *gossip; /* NULL: not running */
    unsigned island;       /* only nodes of one island reach each other */
    uint64_t lives;
    uint64_t stalled_until_ms;
    uint64_t packets_sent;
    uint64_t deadline_ms;
    int64_t wall_off_ms;
};

struct network {
    struct network_options options;
    struct random random;
    uint64_t now_ms;
    uint64_t trace; /* a hash of every packet delivered, where and when */
    struct network_node *nodes;
    struct id hosts[NETWORK_HOSTS_MAX]; /* of a closed network, ascending */
    struct network_packet *due_first[NETWORK_DELAY_MAX_MS + 1];
    struct network_packet *due_last[NETWORK_DELAY_MAX_MS + 1];
    /* What observers were told of nodes that were running and in their island. */
    uint64_t false_suspicions;
    uint64_t false_deaths;
};

void network_init(struct network *network, const struct network_options *options);
void network_clear(struct network *network);

/* True time, in Unix milliseconds, at the network's time 0. */
#define NETWORK_UNIX_MS 1700000000000u

struct id network_host(size_t node);
struct gossip_address network_address(size_t node);
/* The configuration node i is started with; change it and pass it to network_start_with. */
struct gossip_config network_config(const struct network *network, size_t node,
                                    struct gossip_address *seeds);
void network_start(struct network *network, size_t node);
void network_start_with(struct network *network, size_t node, const struct gossip_config *config);
/* As kill -9 would. */
void network_kill(struct network *network, size_t node);
/* The node does nothing for so long; its packets wait, and its timers run before it reads them. */
void network_stall(struct network *network, size_t node, uint64_t duration_ms);
/* Sends and notes what a node has to say after a call that was made from outside. */
void network_drain(struct network *network, size_t node);

void network_run(struct network *network, uint64_t duration_ms);
/* Runs until done(network, argument), at most so long; returns the time it took, or UINT64_MAX. */
uint64_t network_run_until(struct network *network, uint64_t duration_max_ms,
                           bool (*done)(const struct network *network, size_t argument),
                           size_t argument);

/* -1: never heard of. */
int network_view(const struct network *network, size_t observer, size_t node);

/* Conditions over all running nodes. */
bool network_all_know_all(const struct network *network, size_t unused);
bool network_all_hold_dead(const struct network *network, size_t node);
bool network_all_hold_alive(const struct network *network, size_t node);
/* Every running node holds every running one alive, without suspicion. */
bool network_is_at_peace(const struct network *network, size_t unused);

uint64_t network_packets_sent(const struct network *network);

#endif
