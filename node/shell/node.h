/*
 * A node: it owns everything the daemon consists of, and starts and stops it in order.
 *
 *     node_create      topology, data directory, engine, core, sockets; nothing is answered yet
 *     node_run         until it was stopped: by a signal, node_stop, or a failed commit
 *     node_destroy
 *
 *   NORMAL    everything is answered
 *   DRAINING  it has left the cluster's view; requests taken are answered, new ones refused
 *   DRAINED   nothing is under way, all is flushed; ADMIN is still answered
 *   STOPPING  handles are being closed
 *
 * Threads: the one that calls node_run is the core thread; node_stop may be called from any.
 */
#ifndef COLUMBA_NODE_SHELL_NODE_H
#define COLUMBA_NODE_SHELL_NODE_H

#include <uv.h>

#include "base/log.h"
#include "base/random.h"
#include "node/core/core.h"
#include "node/shell/admission.h"
#include "node/shell/clock_watch.h"
#include "node/shell/cluster.h"
#include "node/shell/committer.h"
#include "node/shell/config.h"
#include "node/shell/connection.h"
#include "node/shell/counters.h"
#include "node/shell/directory.h"
#include "node/shell/disk.h"
#include "node/shell/drain.h"
#include "node/shell/gossiper.h"
#include "node/shell/greeting.h"
#include "node/shell/handshake.h"
#include "node/shell/latencies.h"
#include "node/shell/listener.h"
#include "node/shell/log_limit.h"
#include "node/shell/peer.h"
#include "node/shell/readers.h"
#include "node/shell/requests.h"
#include "node/shell/stream.h"
#include "node/shell/turn.h"

#define NODE_SOFTWARE "columba " COLUMBA_VERSION
#define NODE_KEEPALIVE_SECONDS 60u
#define NODE_SIGNALS 3u
/* Beyond twice both timeouts; then the core has forgotten the request. */
#define NODE_REQUEST_PATIENCE_MS 30000u
/* Deadlines of connections are looked at this often, or four times in the shortest. */
#define NODE_SWEEP_MAX_MS 1000u
/* Reports of a large cluster, to a few administrators. */
#define NODE_ADMINISTRATION_OUTPUT_BYTES (16u * MIB)

enum node_mode { NODE_NORMAL, NODE_DRAINING, NODE_DRAINED, NODE_STOPPING };

struct node {
    const struct config *config;
    struct log *log;
    enum node_mode mode;
    void (*end)(struct node *node); /* closes everything; for those below */
    bool has_failed;     /* a commit failed, or it was refused as wiped: exit with an error */
    bool is_wiped;       /* another node knows it by another data directory (admission.h) … */
    uint16_t wiped_says; /* … and this is the one */

    struct cluster cluster;
    struct topology *topology; /* the cluster's */
    uint64_t ids_bound_ms;     /* of the store, at the start */
    uint16_t self;
    struct directory directory;
    struct engine *engine;
    struct core *core;

    uv_loop_t loop;
    bool has_handles;
    struct turn turn;
    struct committer committer;
    struct readers readers;
    struct intake intake;
    struct stream_shared streams;
    struct arena decode_arena;
    struct requests requests;

    struct listener listener;
    struct connections connections;
    uint64_t connections_max; /* of clients: what the limit of open files allows */
    uint64_t open_files_max;
    struct peer *peers; /* by the topology's index */
    struct gossiper gossiper;
    struct clock_watch clock_watch;
    struct drain drain;
    struct disk disk;

    uv_timer_t sweep;
    uv_async_t stop;
    uv_signal_t signals[NODE_SIGNALS];
    bool has_signals;

    struct log_limit strangers[STRANGER_KINDS];
    struct log_limit wiped_told;

    struct greeting greeting;

    struct shell_counters counters;
    struct latencies latencies;
    uint64_t request_patience_ms; /* a request older than this was forgotten by the core */
    uint64_t started_ns;
    struct random random; /* for jitter */
};

struct node_options {
    const struct config *config; /* must outlive the node */
    struct log *log;
    bool handles_signals;   /* SIGTERM, SIGINT and SIGHUP stop it */
    bool accepts_data_loss; /* an empty data directory takes the place of one that is lost */
    struct engine *engine;  /* NULL: as the configuration says; else the node's from now on */
    /* 0: NODE_REQUEST_PATIENCE_MS. */
    uint32_t request_patience_ms;
};

/* ERR_CONFIGURATION, ERR_IN_USE, ERR_WIPED, ERR_IO, …: out_text (CONFIG_PROBLEM_BYTES) says what
 * and what to do. */
enum columba_error node_create(const struct node_options *options, struct node **out_node,
                               char *out_text);
/* ERR_IO: a commit failed, or another node refused this one (admission.h). */
enum columba_error node_run(struct node *node);
/* Drains, then ends node_run. */
void node_stop(struct node *node);
void node_destroy(struct node *node);

static inline uint64_t node_now_ms(const struct node *node)
{
    return node->turn.now_ns / 1000000u;
}

static inline uint64_t node_clock(struct node *node)
{
    return core_clock(node->core);
}

static inline const struct address *node_address(const struct node *node, uint16_t index)
{
    return &node->cluster.addresses[index];
}

#endif
