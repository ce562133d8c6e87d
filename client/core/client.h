/*
 * The core of a client: a pure state machine, like a node's. It decides which node a request goes
 * to, when to try again and where, when to connect, and what a caller is told; sockets, time,
 * randomness and memory are its shell's. The shells are libcolumba (client/) and the simulator.
 *
 * The life of a shell's turn:
 *
 *     client_now(client, monotonic_ms, unix_ms)
 *     for each event: client_submit, client_connected, client_received, client_closed, client_tick
 *     while (client_effect_next(client, &effect))  carry it out
 *
 *   - Effects are drained after every event or at the end of the turn, as the shell likes; but the
 *     message client_received was given has to live until then.
 *   - The message of an EFFECT_CLIENT_SEND belongs to the client and is valid until the next call;
 *     what it points to belongs to whoever submitted the request.
 *   - client_tick is due at client_next_deadline_ms; early or late ticks do no harm.
 *
 * Routing is token-aware: a request for a partition goes to a connected replica of it, in the
 * order of the ring, else to any connected node. Connections are made when somebody wants them,
 * the first one at client_create's contacts. A node that leaves requests unanswered for
 * attempt_timeout_ms is passed over while others answer.
 *
 * A request is tried again, elsewhere if possible, when its connection closes, the node stays
 * silent, or the error passes (SHUTTING_DOWN, CLOCK_WRONG, DISCONNECTED, STALE_TOPOLOGY at once;
 * OVERLOADED, TIMEOUT, OUTCOME_UNKNOWN after a backoff; UNAVAILABLE once, CLOCK_AHEAD twice), until
 * its deadline. With none of the nodes reachable it ends early (NO_NODE and the like). A request
 * that is not idempotent is tried again only while nothing was sent.
 *
 * The time is the nodes': the median of what the connected ones say, carried on the monotonic clock
 * (nodes_clock.h), so that neither a device with a wrong clock nor one node with a wrong clock
 * makes ids that lie in the past or future.
 *
 * Not thread-safe.
 */
#ifndef COLUMBA_CLIENT_CORE_CLIENT_H
#define COLUMBA_CLIENT_CORE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/slice.h"
#include "proto/message.h"
#include "ring/token.h"

#define CLIENT_PORT_DEFAULT 7411u
/* Contacts are for the first step only; the rest is learned. */
#define CLIENT_CONTACTS_MAX 64u
/* A host name as in DNS. */
#define CLIENT_HOST_MAX_BYTES 255u
#define CLIENT_CONNECTIONS_PER_NODE_MAX 8u
/* Sentences for people; what does not fit is cut. */
#define CLIENT_TEXT_BYTES 512u

struct client;

struct client_contact {
    struct slice host;
    uint16_t port;
};

struct client_config {
    const struct client_contact *contacts; /* copied; at least one */
    uint32_t contact_count;
    struct slice cluster_name; /* empty: any */
    uint32_t timeout_ms;       /* of a request that names none */
    uint32_t attempt_timeout_ms;
    uint32_t connections_per_node;
    uint32_t requests_max;
    bool is_administrator; /* has a place where clients have none; asks ADMIN only */
    uint64_t seed;         /* for jitter and message ids: has to differ between clients */
};

/* Timeout 10 s, attempt 2.5 s, 1 connection, 16,384 requests. */
void client_config_defaults(struct client_config *out_config);

/* What the caller is told when a request ends. */
struct client_error {
    enum columba_error code;
    uint32_t needed;
    uint32_t received;
    bool outcome_unknown; /* it failed, but may have been applied */
    char text[CLIENT_TEXT_BYTES];
};

#define CLIENT_NODE_ANY UINT32_MAX

/*
 * A request, embedded in whatever the shell keeps for it. Set the first group to zero or what the
 * comment says and submit; from then until its completion it belongs to the client, and what
 * `message` points to has to stay as it is.
 */
struct client_request {
    struct message message;
    bool has_partition; /* route by this partition */
    enum partition_kind partition_kind;
    struct id partition;
    bool not_idempotent;
    bool no_attempt_timeout;     /* a command that may take its time: only the deadline counts */
    bool wait_for_connection;    /* nothing is sent: completes when any node has been reached */
    uint32_t node;               /* client_node_find's, or CLIENT_NODE_ANY */
    uint32_t timeout_ms;         /* 0: the client's */
    uint32_t attempt_timeout_ms; /* 0: the client's */

    /* The client's own. */
    struct list link;
    uint64_t deadline_ms;
    struct heap_node due;
    uint32_t slot;
    uint32_t connection;
    uint32_t last_node;
    uint32_t counted_at; /* the node among whose requests this one is; CLIENT_NODE_ANY: none */
    uint16_t attempts;
    uint16_t unavailable_attempts;
    uint16_t clock_ahead_attempts;
    uint8_t state;
    bool may_be_applied;
    const struct message *answer;
    struct client_error error; /* of the last attempt; final when it completes */
};

enum client_effect_type {
    CLIENT_EFFECT_CONNECT = 1, /* then client_connected, or client_closed with the reason */
    CLIENT_EFFECT_SEND,        /* put the message on the connection, with client_clock's stamp */
    CLIENT_EFFECT_CLOSE,       /* close the connection; no event is expected */
    CLIENT_EFFECT_COMPLETE,    /* the request is the caller's again */
    CLIENT_EFFECT_NODE_UP,
    CLIENT_EFFECT_NODE_DOWN, /* it was up, or a first attempt failed */
};

struct client_effect {
    enum client_effect_type type;
    uint32_t connection; /* CONNECT, SEND, CLOSE: numbers small and used again after CLOSE */
    union {
        struct {
            struct slice host; /* literal or name */
            uint16_t port;
        } connect;
        struct {
            uint64_t request_id;
            const struct message *message;
        } send;
        struct {
            struct client_request *request;
            /* The node's answer; NULL where request->error.code is not COLUMBA_OK, and for
             * wait_for_connection. Lives as long as what client_received was given. */
            const struct message *answer;
        } complete;
        struct {
            const char *text; /* "127.0.0.1:7411" or "127.0.0.1:7411: connection refused" */
        } node;
    };
};

/* NULL: the memory source gave none. */
struct client *client_create(struct memory *memory, const struct client_config *config);
/* Completes nothing: requests under way are simply the caller's again. Takes NULL. */
void client_destroy(struct client *client);

/* Time, before the events that happen at it. Monotonic time never falls; it should go on while the
 * device sleeps. The wall clock is believed only until a node is heard. */
void client_now(struct client *client, uint64_t monotonic_ms, uint64_t unix_ms);

/* Always ends in a CLIENT_EFFECT_COMPLETE. */
void client_submit(struct client *client, struct client_request *request);
/* The caller loses interest: no completion follows, and the request is the caller's again. */
void client_cancel(struct client *client, struct client_request *request);

/* Events of connections. A connection that was closed by either side is not named again until a
 * CLIENT_EFFECT_CONNECT brings its number back. */
void client_connected(struct client *client, uint32_t connection);
void client_received(struct client *client, uint32_t connection, uint64_t request_id,
                     uint64_t clock, const struct message *message);
/* `error`: DISCONNECTED, or why the bytes were refused (MALFORMED, PROTOCOL_VERSION …). */
void client_closed(struct client *client, uint32_t connection, enum columba_error error,
                   const char *reason);
void client_tick(struct client *client);

bool client_effect_next(struct client *client, struct client_effect *out_effect);
/* By the monotonic clock; UINT64_MAX: none. */
uint64_t client_next_deadline_ms(const struct client *client);
/* The stamp for the next frame that leaves. */
uint64_t client_clock(struct client *client);
/* The nodes' time, or the device's before a node was heard. */
uint64_t client_unix_ms(const struct client *client);

/* A fresh id: above every one this client made before. */
struct id client_message_id(struct client *client, const struct id *sender);

/* A node by "HOST[:PORT]" or name. False: none of this address or name (names are known only once
 * a node has been reached: client_is_ready). */
bool client_node_find(const struct client *client, struct slice name, uint32_t *out_node);
bool client_node_is_connected(const struct client *client, uint32_t node);
/* A node has been reached at some time, so the cluster is known. */
bool client_is_ready(const struct client *client);
/* Of the keyspace; 0 before client_is_ready. */
uint32_t client_fanout_members_max(const struct client *client);
/* Requests submitted and not completed. */
uint32_t client_in_flight(const struct client *client);

#endif
