/*
 * What the parts of the client core share.
 *
 * A file calls those below it, never those above (tests/tidy/circles):
 *
 *   client.c      create and destroy, ids, the order in which effects leave
 *   connection.c  the life of a connection: connect, handshake, silence, backoff
 *   request.c     the life of a request: attempts, retries, its end
 *   routing.c     which connection a request takes
 *   node.c        which nodes there are: contacts first, then what a WELCOME tells
 *   link.c        what anybody may want of a connection: to exist, to be marked
 *   nodes_clock.c the nodes' time: a vote of each, their median, stamps
 *   answer.c      whether an answer can be one to its question
 *   chance.c      random numbers from the seed
 *
 * Effects are not queued: they are what the lists and marks here say is to be done, so making one
 * never allocates.
 */
#ifndef COLUMBA_CLIENT_CORE_INTERNAL_H
#define COLUMBA_CLIENT_CORE_INTERNAL_H

#include "client/core/client.h"
#include "client/core/nodes_clock.h"
#include "client/core/text.h"
#include "ring/placement.h"
#include "ring/topology.h"

/* A host that does not answer a connection attempt in this time is given up for now. */
#define CONNECT_TIMEOUT_MS 3000u
/* If the first contact hangs, the next one is asked as well. */
#define BOOTSTRAP_STEP_MS 300u
/* Between attempts to connect, doubled each time, with jitter: a crowd of clients does not come
 * back at the same moment. */
#define RECONNECT_MIN_MS 50u
#define RECONNECT_MAX_MS 2000u
/* Between attempts of a request that was refused for the moment. */
#define RETRY_MIN_MS 25u
#define RETRY_MAX_MS 1000u
/* Attempts at once, before backing off, when nodes close or drain. */
#define RETRY_AT_ONCE_MAX 3u
/* A node that is too few replicas short says so at once; one more node is asked, which may see more
 * of them. */
#define UNAVAILABLE_ATTEMPTS_MAX 2u
/* A node that finds an id too far ahead may itself be behind; so may another one, by bad luck. */
#define CLOCK_AHEAD_ATTEMPTS_MAX 3u
/* Failed attempts in a row after which a node counts as not reachable. */
#define UNREACHABLE_FAILURES 3u
/* A silent connection is asked for a sign of life this often, and given up after that long. */
#define SILENT_PING_MS 500u
#define SILENT_CLOSE_MS 10000u
/* A draining node gets no new requests for this long. */
#define DRAINING_AVOID_MS 2000u
/* A partition's requests go to its first replica, which has it in its caches, unless that has this
 * many times the unanswered requests of another one, and so many more: it is busy with something,
 * and the coordinator decides the latency. */
#define NODE_BUSY_FACTOR 2u
#define NODE_BUSY_REQUESTS 8u
#define NODES_ENTRIES_MAX (CLIENT_CONTACTS_MAX + NODES_MAX)
/* With no connection at all, so many nodes are tried at once. */
#define WANTED_AT_ONCE_MAX 32u

/* Request ids: the slot in the low half; attempts count up the high half. */
#define CONTROL_REQUEST_ID UINT64_MAX
#define SLOT_NONE UINT32_MAX
#define CONNECTION_NONE UINT32_MAX

enum connection_state {
    CONNECTION_IDLE,       /* nobody wants it, or it waits for its retry time */
    CONNECTION_CONNECTING, /* CONNECT left */
    CONNECTION_HANDSHAKE,  /* HELLO left */
    CONNECTION_READY,
};

/* What effects are due for a connection, besides its queued requests; they leave in this order. */
enum connection_mark {
    MARK_CLOSE = 1,
    MARK_CONNECT = 2,
    MARK_HELLO = 4,
    MARK_PING = 8,
};

struct connection {
    struct client_node *node;
    struct list dirty;  /* in client->dirty if there is an effect due */
    struct list queued; /* requests to be sent */
    struct list sent;   /* requests that wait for their answer */
    uint64_t due_ms;    /* CONNECTING, HANDSHAKE: give up; IDLE and wanted: try; silent: ping */
    uint64_t heard_ms;
    uint64_t silent_since_ms;
    uint32_t number;
    uint32_t failures; /* in a row */
    enum connection_state state;
    uint8_t marks;
    bool wanted;
    bool silent;
};

enum node_news { NODE_NEWS_NONE, NODE_NEWS_UP, NODE_NEWS_DOWN };

struct client_node {
    uint32_t index;
    struct slice host;
    uint16_t port;
    uint16_t topology_index; /* TOPOLOGY_NODE_NONE: only a contact */
    struct id host_id;       /* zero: not known yet */
    bool is_alias;           /* another entry is the same node */
    bool was_up;             /* as last told by NODE_UP or NODE_DOWN */
    bool was_told;
    enum node_news news;
    struct list news_link;
    struct clock_vote vote;
    uint64_t avoid_until_ms;
    uint32_t requests; /* routed to it and not answered */
    enum columba_error last_error;
    char host_text[CLIENT_HOST_MAX_BYTES + 1];
    char text[CLIENT_HOST_MAX_BYTES + 10]; /* host:port */
    char problem[CLIENT_TEXT_BYTES];       /* of the last failure */
    char news_text[CLIENT_TEXT_BYTES];
    struct connection connections[];
};

enum request_state {
    REQUEST_IDLE,    /* the caller's */
    REQUEST_WAITING, /* for a connection: in client->waiting */
    REQUEST_QUEUED,  /* in connection->queued */
    REQUEST_SENT,    /* in connection->sent */
    REQUEST_BACKOFF, /* until due_ms */
    REQUEST_DONE,    /* in client->completed */
};

struct client_slot {
    struct client_request *request; /* NULL: free */
    uint32_t attempt;               /* counts up over all requests of the slot */
    uint32_t next_free;
};

struct client {
    struct memory *memory;
    struct client_config config;
    char cluster_name[NAME_MAX_BYTES];
    uint32_t contact_count;

    uint64_t now_ms;
    struct nodes_clock clock;
    struct id last_message;
    uint64_t random_state;

    struct topology *topology;  /* NULL before the first WELCOME */
    uint32_t *node_of_topology; /* entry of each topology node */
    uint32_t fanout_members_max;

    struct client_node **nodes;
    uint32_t node_count;
    uint32_t node_capacity;
    uint32_t ready_count; /* connections */
    uint32_t next_other;  /* where the search for any node begins */
    uint32_t bootstrap_next;
    uint64_t bootstrap_at_ms;
    uint64_t connections_due_ms; /* no connection has anything due before */

    struct client_slot *slots;
    uint32_t slot_count;
    uint32_t free_slot;
    uint32_t in_flight;
    struct heap due; /* requests, by when something is due */

    struct list waiting;
    struct list completed;
    struct list dirty;
    struct list news;

    struct message control; /* HELLO or PING on its way out */
};

/* chance.c */
uint64_t client_random(struct client *client);
/* Between half of `delay_ms` and all of it. */
uint64_t client_jitter(struct client *client, uint64_t delay_ms);

/* node.c */
struct client_node *node_add(struct client *client, struct slice host, uint16_t port);
void nodes_destroy(struct client *client);
enum columba_error node_welcomed(struct client *client, struct client_node *node,
                                 const struct message_welcome *welcome, struct text *problem);
void node_tell(struct client *client, struct client_node *node, bool is_up);
bool node_is_ready(const struct client *client, const struct client_node *node);
/* Every node, or this one, has failed often enough to say so. */
bool nodes_are_unreachable(const struct client *client, uint32_t index);
/* Why: a code and a sentence that names each node. */
enum columba_error nodes_problem(const struct client *client, uint32_t index, struct text *text);

/* link.c */
void connection_init(struct connection *connection, struct client_node *node, uint32_t number);
struct connection *connection_of(const struct client *client, uint32_t number);
void link_due(struct client *client, struct connection *connection, uint64_t due_ms);
void connection_start(struct client *client, struct connection *connection);
void connection_want(struct client *client, struct connection *connection);
void connection_mark(struct client *client, struct connection *connection, uint8_t mark);
void connection_mark_silent(struct client *client, struct connection *connection);
void connections_bootstrap(struct client *client);

/* connection.c */
void connections_tick(struct client *client);

/* request.c */
/* Finds a connection, or waits for one. */
void request_route(struct client *client, struct client_request *request);
void requests_reroute_waiting(struct client *client);
void requests_fail_unreachable(struct client *client);
/* False: what it says cannot be an answer; the connection is not worth keeping. */
bool request_answered(struct client *client, struct connection *connection, uint64_t request_id,
                      const struct message *message, struct text *out_problem);
/* Its connection has closed. */
void request_disconnected(struct client *client, struct client_request *request,
                          const char *reason);
void requests_tick(struct client *client);

/* routing.c: NULL if none is ready; says which ones are wanted. */
struct connection *routing_pick(struct client *client, const struct client_request *request);

#endif
