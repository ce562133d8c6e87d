/*
 * A peer: the connection we make to each other node, for our requests and its answers. (Its own
 * requests come on a connection it makes to us.)
 *
 *   WAITING     for the next attempt: after a failure ever longer, with jitter; at once when the
 *               peer greets us or gossip hears from it
 *   CONNECTING
 *   GREETING    HELLO is sent, WELCOME is awaited
 *   READY       requests go out, answers come in
 *   CLOSING     until the old handle is gone; then WAITING
 *   STOPPED
 *
 * The core hears of every change between READY and the rest, and of what gossip says. A request to
 * a peer that is not READY, or has too much unsent, is refused and counted: a queue for a node that
 * is gone would only hold what nobody waits for any more.
 */
#ifndef COLUMBA_NODE_SHELL_PEER_H
#define COLUMBA_NODE_SHELL_PEER_H

#include "node/shell/stream.h"

#define PEER_BACKOFF_FIRST_MS 50u
#define PEER_BACKOFF_MAX_MS 2000u
/* A connection whose data are not acknowledged for this long is given up: after a partition the
 * system itself would wait for minutes. */
#define PEER_UNACKNOWLEDGED_MS 10000u

enum peer_state {
    PEER_WAITING,
    PEER_CONNECTING,
    PEER_GREETING,
    PEER_READY,
    PEER_CLOSING,
    PEER_STOPPED,
};

struct peer {
    struct stream stream;
    uv_connect_t connect;
    uv_timer_t retry;
    struct node *node;
    uint16_t index;
    enum peer_state state;
    uint32_t backoff_ms;
    uint32_t failures;   /* since it was last READY */
    bool is_asked;       /* it has answered a greeting once, or could not be reached */
    bool is_alive;       /* what gossip says */
    bool is_told_tokens; /* that its tokens are others than ours: once is enough */
    bool is_stopping;
};

/* Makes peers for all other nodes and starts connecting. */
enum columba_error peers_start(struct node *node);
/* Closes all; the memory is freed by peers_clear, after the loop has let go. */
void peers_stop(struct node *node);
void peers_clear(struct node *node);

/* ERR_UNAVAILABLE: it is not READY. ERR_OVERLOADED: too much is unsent. */
enum columba_error peer_send(struct node *node, uint16_t index, uint64_t request_id,
                             const struct message *message);
/* The peer has connected to us: it is there. */
void peer_greeted(struct node *node, uint16_t index);
/* What gossip says. */
void peer_alive_set(struct node *node, uint16_t index, bool is_alive);
bool peer_is_ready(const struct node *node, uint16_t index);

#endif
