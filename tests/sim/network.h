/*
 * The virtual network between endpoints (hosts first, then clients): connections that carry whole
 * frames in order, as TCP does, and datagrams that carry no promise at all.
 *
 * A connection breaks rather than reorders: what it carries is delayed, held back while its link is
 * blocked, and lost only when the connection breaks, from some point of the stream on. Datagrams
 * are dropped, delayed, reordered and doubled. A link is blocked in one direction at a time, so a
 * partition may be one-way. A corrupted frame arrives with a bit flipped.
 *
 * Frames are handed to an endpoint's handler; the handler may send, close and connect, as those
 * only schedule. Every delivery is traced, and every frame sent is searched for the canary.
 */
#ifndef COLUMBA_SIM_NETWORK_H
#define COLUMBA_SIM_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "tests/sim/random.h"
#include "tests/sim/schedule.h"
#include "tests/sim/trace.h"

#define ENDPOINTS_MAX 128u
/* A burst that a socket's buffer holds; a paused host loses the rest. */
#define NETWORK_BACKLOG_MAX 4096u

/* What goes wrong at the moment. All zero: a healthy network. */
struct network_weather {
    uint64_t delay_mean_us;      /* of one hop, exponential over a floor */
    uint32_t datagram_drop;      /* permille */
    uint32_t datagram_duplicate; /* permille */
    uint32_t datagram_straggle;  /* permille: delayed by up to a second */
    uint32_t connection_break;   /* permille of a permille, for each frame */
    uint32_t
        connection_straggle; /* permille of a permille, for each frame: late by up to a second */
    uint32_t frame_corrupt;  /* permille of a permille, for each frame */
};

struct network_handler {
    void *context;
    /* A connection came in; answering is optional. */
    void (*accepted)(void *context, uint64_t connection, uint32_t from);
    /* network_connect succeeded. Not called after `closed`. */
    void (*opened)(void *context, uint64_t connection);
    void (*frame)(void *context, uint64_t connection, struct slice bytes);
    /* Gone, for whatever reason but network_close by this endpoint. */
    void (*closed)(void *context, uint64_t connection);
    void (*datagram)(void *context, uint32_t from, struct slice bytes);
};

struct network;

struct network *network_create(struct schedule *schedule, struct trace *trace, uint64_t seed,
                               uint32_t endpoint_count);
void network_destroy(struct network *network);
void network_attach(struct network *network, uint32_t endpoint, struct network_handler handler);
struct network_weather *network_weather(struct network *network);

/* Never 0. Leads to `opened` or `closed`. */
uint64_t network_connect(struct network *network, uint32_t from, uint32_t to);
/* Copies. Nothing happens if the connection is gone. */
void network_send(struct network *network, uint64_t connection, uint32_t from, struct slice bytes);
void network_close(struct network *network, uint64_t connection, uint32_t from);
void network_datagram(struct network *network, uint32_t from, uint32_t to, struct slice bytes);

/* No handler of a down endpoint is called. `silent`: the machine is gone, not only the process, so
 * the other ends find out late. Connections of either kind are gone for good. */
void network_down(struct network *network, uint32_t endpoint, bool silent);
void network_up(struct network *network, uint32_t endpoint);

void network_block(struct network *network, uint32_t from, uint32_t to, bool blocked);
void network_heal(struct network *network);

/* `text` in a frame or datagram is counted from now on. */
void network_canary(struct network *network, struct slice text);
uint64_t network_canaries_seen(const struct network *network);
uint64_t network_frames_delivered(const struct network *network);

#endif
