#include "node/shell/node.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/assert.h"
#include "node/shell/admin.h"
#include "node/shell/handshake.h"
#include "node/shell/open_files.h"
#include "node/shell/storage.h"
#include "node/store/data_format.h"
#include "node/store/id_bound.h"

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        seed = uv_hrtime();
    }
    return seed;
}

/* ---- ending ---- */

/* Threads end before the handles by which they wake the loop. */
static void node_close(struct node *node)
{
    if (node->mode == NODE_STOPPING || !node->has_handles) {
        return;
    }
    node->mode = NODE_STOPPING;
    listener_close(node);
    gossiper_close(node);
    peers_stop(node);
    connections_close(node);
    committer_stop(&node->committer);
    readers_stop(&node->readers);
    drain_close(node);
    disk_close(node);
    turn_close(node);
    uv_close((uv_handle_t *)&node->sweep, NULL);
    uv_close((uv_handle_t *)&node->stop, NULL);
    for (unsigned i = 0; node->has_signals && i < NODE_SIGNALS; i++) {
        uv_close((uv_handle_t *)&node->signals[i], NULL);
    }
}

/* A commit or sync failed. */
static void commit_failed(struct node *node, enum columba_error error)
{
    char said[ENGINE_TEXT_MAX_BYTES];
    node->engine->table->failure(node->engine, said);
    log_error(
        node->log, "commit_failed",
        "writing to %s failed: %s. What was written last may not be on the disk, and a second "
        "try could hide that, so the node stops; what was acknowledged is safe. Look at the "
        "disk (space, errors in the kernel's log), then start the node again",
        node->directory.store_path, *said != '\0' ? said : error_text(error));
    node->has_failed = true;
    node_close(node);
}

static const struct turn_table turn_table = {
    .reply = connection_reply,
    .send = peer_send,
    .begun = clock_watch_turn,
    .before_end = gossiper_turn,
    .resume = connections_resume,
    .commit_failed = commit_failed,
};

static const struct gossiper_table gossiper_table = {
    .alive_changed = peer_alive_set,
    .clock_due = clock_watch_tell,
    .clocks_compared = clock_watch_judge,
};

static const struct drain_table drain_table = {
    .answer = admin_answer_drained,
    .end = node_close,
};

/* ---- starting ---- */

static struct core_config core_config_of(struct node *node)
{
    const struct config *config = node->config;
    struct core_config made;
    core_config_defaults(&made);
    made.self = node->self;
    made.start_count = node->directory.start_count;
    made.ids_bound_ms = node->ids_bound_ms;
    made.log_incarnation = log_incarnation_of(&node->directory.identity);
    made.write_timeout_ms = (uint32_t)config->write_timeout_ms;
    made.read_timeout_ms = (uint32_t)config->read_timeout_ms;
    made.speculative_read_ms = (uint32_t)config->speculative_read_ms;
    made.fanout_members_max = (uint32_t)config->fanout_members_max;
    made.operations_max = (uint32_t)config->operations_max;
    made.operations_bytes_max = config->operations_bytes_max;
    made.outbox_entries_max = (uint32_t)config->outbox_entries_max;
    made.conversations_cached_max = (uint32_t)config->conversations_cached_max;
    made.takeover_delay_ms = (uint32_t)config->takeover_delay_ms;
    made.seed = random_next(&node->random);
    return made;
}

/* Without it nobody knows which ids the store may hold. */
static enum columba_error ids_bound_read(struct node *node, char *out_text)
{
    enum columba_error error = id_bound_get(node->engine, memory_system(), &node->ids_bound_ms);
    if (error != COLUMBA_OK) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES,
                 "%s: cannot read from the store which message ids it holds: %s. " DATA_LOSS_ADVICE,
                 node->directory.path, error_text(error));
    }
    return error;
}

static enum columba_error state_open(struct node *node, bool accepts_loss, char *out_text)
{
    enum columba_error error = cluster_init(&node->cluster, node->config, out_text);
    if (error != COLUMBA_OK) {
        return error;
    }
    node->topology = node->cluster.topology;
    node->self = node->cluster.self;
    const struct directory_options directory = {
        .config = node->config, .cluster = &node->cluster, .accepts_loss = accepts_loss};
    error = directory_open(&node->directory, &directory, out_text);
    if (error == COLUMBA_OK && node->engine == NULL) {
        error = storage_open(node->config, node->directory.store_path, &node->engine, out_text);
    }
    if (error == COLUMBA_OK) {
        error = directory_store_check(&node->directory, node->engine, out_text);
    }
    if (error == COLUMBA_OK) {
        error = ids_bound_read(node, out_text);
    }
    if (error != COLUMBA_OK) {
        return error;
    }
    struct core_config core_config = core_config_of(node);
    node->core = core_create(memory_system(), &core_config, node->topology);
    return node->core == NULL ? ERR_NO_MEMORY : greeting_prepare(node);
}

static void sweep_fired(uv_timer_t *timer)
{
    struct node *node = timer->data;
    turn_begin(node);
    stream_sweep(&node->streams);
    connections_sweep(node);
}

static void stop_asked(uv_async_t *async)
{
    struct node *node = async->data;
    turn_begin(node);
    drain_stop(node);
}

static void signal_arrived(uv_signal_t *handle, int signal_number)
{
    struct node *node = handle->data;
    log_info(node->log, "signal", "%s: stopping", strsignal(signal_number));
    turn_begin(node);
    drain_stop(node);
}

static uint64_t sweep_interval_ms(const struct config *config)
{
    uint64_t shortest = config->handshake_timeout_ms;
    shortest = config->frame_timeout_ms < shortest ? config->frame_timeout_ms : shortest;
    shortest = config->output_timeout_ms < shortest ? config->output_timeout_ms : shortest;
    uint64_t interval = shortest / 4 + 1;
    return interval < NODE_SWEEP_MAX_MS ? interval : NODE_SWEEP_MAX_MS;
}

static void signals_open(struct node *node)
{
    /* SIGHUP: the terminal has gone, or somebody expects a reload. A node has nothing to reload,
     * and ending without a drain is the worst of all answers. */
    static const int numbers[NODE_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    for (unsigned i = 0; i < NODE_SIGNALS; i++) {
        uv_signal_init(&node->loop, &node->signals[i]);
        node->signals[i].data = node;
        uv_signal_start(&node->signals[i], signal_arrived, numbers[i]);
    }
    node->has_signals = true;
}

/* A loop that cannot even be made (no file descriptors) is left as it is: the process ends. */
static enum columba_error handles_open(struct node *node, const struct node_options *options)
{
    uint64_t interval_ms = sweep_interval_ms(node->config);
    if (uv_loop_init(&node->loop) != 0 || turn_init(node, &turn_table) != COLUMBA_OK ||
        uv_async_init(&node->loop, &node->stop, stop_asked) != 0) {
        return ERR_NO_MEMORY;
    }
    node->has_handles = true;
    drain_init(node, &drain_table);
    uv_timer_init(&node->loop, &node->sweep);
    node->sweep.data = node->stop.data = node;
    uv_timer_start(&node->sweep, sweep_fired, interval_ms, interval_ms);
    if (options->handles_signals) {
        signals_open(node);
    }
    return COLUMBA_OK;
}

static enum columba_error threads_start(struct node *node)
{
    const struct config *config = node->config;
    struct committer_options commits = {
        .engine = node->engine,
        .sync_each = config->commit_sync == COMMIT_SYNC_BATCH,
        .sync_interval_ms = config->commit_sync_interval_ms,
        .done = &node->turn.committed,
    };
    struct readers_options reads = {
        .engine = node->engine,
        .threads = (unsigned)config->reader_threads,
        .done = &node->turn.read_done,
    };
    enum columba_error error = committer_start(&node->committer, &commits);
    return error != COLUMBA_OK ? error : readers_start(&node->readers, &reads);
}

static void intake_make(struct node *node)
{
    const struct config *config = node->config;
    struct intake_limits limits = {
        .batch_bytes = config->batch_max_bytes,
        .reads = (uint32_t)config->reads_queued_max,
    };
    limits.sides[INTAKE_CLIENTS] = (struct intake_side_limits){
        .connections = (uint32_t)node->connections_max,
        .asker_requests = (uint32_t)config->connection_requests_max,
        .requests = (uint32_t)config->requests_max,
        .request_bytes = config->request_bytes_max,
        .asker_unsent_bytes = config->connection_output_bytes,
        .asker_unsent_max_bytes = config->connection_output_max_bytes,
        .unsent_bytes = config->output_max_bytes,
    };
    limits.sides[INTAKE_ADMINISTRATION] = limits.sides[INTAKE_CLIENTS];
    limits.sides[INTAKE_ADMINISTRATION].connections = INTAKE_ADMINISTRATION_CONNECTIONS;
    limits.sides[INTAKE_ADMINISTRATION].requests = INTAKE_ADMINISTRATION_REQUESTS;
    limits.sides[INTAKE_ADMINISTRATION].unsent_bytes = NODE_ADMINISTRATION_OUTPUT_BYTES;
    limits.sides[INTAKE_NODES] = (struct intake_side_limits){
        .connections = INTAKE_CONNECTIONS_OF_NODE * node->topology->node_count,
        .asker_requests = (uint32_t)config->peer_requests_max,
        .requests = (uint32_t)config->requests_max,
        .request_bytes = config->request_bytes_max,
        .asker_unsent_bytes = config->connection_output_bytes,
        .asker_unsent_max_bytes = config->peer_output_max_bytes,
        .unsent_bytes = config->peers_output_max_bytes,
    };
    intake_init(&node->intake, &limits);
}

static void stream_begin_turn(void *node)
{
    turn_begin(node);
}

static uint64_t stream_stamp(void *node)
{
    return node_clock(node);
}

static enum columba_error buffers_make(struct node *node)
{
    const struct config *config = node->config;
    struct stream_options streams = {
        .loop = &node->loop,
        .counters = &node->counters,
        .intake = &node->intake,
        .now_ns = &node->turn.now_ns,
        .input_max_bytes = config->input_max_bytes,
        .frame_timeout_ms = config->frame_timeout_ms,
        .output_timeout_ms = config->output_timeout_ms,
        .begin = stream_begin_turn,
        .clock = stream_stamp,
        .context = node,
    };
    arena_init(&node->decode_arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    intake_make(node);
    enum columba_error error = stream_shared_init(&node->streams, &streams);
    if (error == COLUMBA_OK) {
        error = requests_init(&node->requests,
                              2 * (uint32_t)config->requests_max + INTAKE_ADMINISTRATION_REQUESTS);
    }
    return error;
}

/* What is opened beside clients' connections: the engine's files, connections to and from nodes, of
 * administrators, and of those that have not said who they are. */
static uint64_t open_files_other(const struct node *node)
{
    uint64_t of_node = 1 + INTAKE_CONNECTIONS_OF_NODE;
    return node->config->engine_open_files_max + OPEN_FILES_OTHER +
           of_node * node->topology->node_count + INTAKE_ADMINISTRATION_CONNECTIONS +
           INTAKE_GREETINGS_SPARE;
}

static enum columba_error limits_set(struct node *node, char *out_text)
{
    uint64_t wanted = node->config->connections_max;
    uint64_t other = open_files_other(node);
    uint64_t limit = open_files_raise();
    uint64_t possible = limit > other ? limit - other : 0;
    node->open_files_max = limit;
    node->connections_max = possible < wanted ? possible : wanted;
    if (possible >= wanted) {
        return COLUMBA_OK;
    }
    if (possible < OPEN_FILES_CONNECTIONS_MIN) {
        open_files_refuse(out_text, limit, wanted, other);
        return ERR_CONFIGURATION;
    }
    open_files_warn(node->log, limit, wanted, other);
    return COLUMBA_OK;
}

static void factors_warn(const struct node *node)
{
    char text[CONFIG_PROBLEM_BYTES];
    for (uint8_t i = 0; i < node->topology->datacenter_count; i++) {
        if (cluster_lacks_nodes(&node->cluster, i, text)) {
            log_warning(node->log, "replication", "%s", text);
        }
    }
}

/* Nobody may take this node for a replica before the others have been asked about its data. */
static enum columba_error network_open(struct node *node, char *out_text)
{
    turn_begin(node);
    turn_event(node, &(struct event){.type = EVENT_STARTED});
    disk_watch(node);
    enum columba_error error = peers_start(node);
    if (error == COLUMBA_OK && !node->directory.is_admitted) {
        error = admission_ask(node, out_text);
    }
    if (error == COLUMBA_OK) {
        error = listener_open(node, out_text);
    }
    if (error == COLUMBA_OK) {
        error = gossiper_open(node, &gossiper_table, out_text);
    }
    return error;
}

/* Whoever starts a node with a directory that replaces a lost one should see what that means. */
static void loss_tell(const struct node *node, bool accepts_loss)
{
    const struct directory *directory = &node->directory;
    if (directory->is_volatile) {
        return;
    }
    if (accepts_loss && !directory->identity.accepts_loss) {
        log_warning(node->log, "accept_data_loss",
                    "--accept-data-loss changes nothing: %s is a directory that was in use",
                    directory->path);
    } else if (directory->identity.accepts_loss && !directory->is_admitted) {
        log_warning(node->log, "accept_data_loss",
                    "%s takes the place of a directory that is lost: what this node had "
                    "acknowledged is only on the other nodes",
                    directory->path);
    }
}

static enum columba_error node_open(struct node *node, const struct node_options *options,
                                    char *out_text)
{
    snprintf(out_text, CONFIG_PROBLEM_BYTES, "%s", error_text(ERR_NO_MEMORY));
    enum columba_error error = state_open(node, options->accepts_data_loss, out_text);
    if (error == COLUMBA_OK) {
        loss_tell(node, options->accepts_data_loss);
        factors_warn(node);
        error = limits_set(node, out_text);
    }
    if (error == COLUMBA_OK) {
        error = buffers_make(node);
    }
    if (error == COLUMBA_OK) {
        error = handles_open(node, options);
    }
    if (error == COLUMBA_OK) {
        error = threads_start(node);
    }
    return error == COLUMBA_OK ? network_open(node, out_text) : error;
}

enum columba_error node_create(const struct node_options *options, struct node **out_node,
                               char *out_text)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "%s", error_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    node->config = options->config;
    node->log = options->log;
    node->end = node_close;
    node->engine = options->engine;
    node->request_patience_ms =
        2 * (options->config->write_timeout_ms + options->config->read_timeout_ms) +
        (options->request_patience_ms != 0 ? options->request_patience_ms
                                           : NODE_REQUEST_PATIENCE_MS);
    node->directory.lock = -1;
    random_init(&node->random, random_seed());
    node->started_ns = uv_hrtime();
    list_init(&node->connections.all);
    list_init(&node->connections.greeting);
    list_init(&node->connections.nodes);
    list_init(&node->connections.resumable);
    node->connections.greeted = handshake_hello;
    node->connections.asked = admin_handle;
    signal(SIGPIPE, SIG_IGN);
    enum columba_error error = node_open(node, options, out_text);
    if (error != COLUMBA_OK) {
        node_destroy(node);
        return error;
    }
    *out_node = node;
    return COLUMBA_OK;
}

/* ---- running and stopping ---- */

static void ready_tell(const struct node *node)
{
    char address[ADDRESS_TEXT_BYTES];
    address_format(&node->config->listen_address, address);
    log_info(node->log, "ready",
             "%s: node %s of cluster %s answers on %s, %u nodes, start %llu of %s", NODE_SOFTWARE,
             node->config->node_name, node->config->cluster_name, address,
             node->topology->node_count, (unsigned long long)node->directory.start_count,
             node->config->data_directory);
}

enum columba_error node_run(struct node *node)
{
    ready_tell(node);
    uv_run(&node->loop, UV_RUN_DEFAULT);
    if (!node->has_failed) {
        log_info(node->log, "stopped", "stopped");
    }
    return node->has_failed ? ERR_IO : COLUMBA_OK;
}

void node_stop(struct node *node)
{
    uv_async_send(&node->stop);
}

static void loop_end(struct node *node)
{
    if (!node->has_handles) {
        return;
    }
    node_close(node);
    uv_run(&node->loop, UV_RUN_DEFAULT);
    int failed = uv_loop_close(&node->loop);
    COLUMBA_ASSERT(failed == 0);
}

void node_destroy(struct node *node)
{
    if (node == NULL) {
        return;
    }
    loop_end(node);
    committer_stop(&node->committer);
    readers_stop(&node->readers);
    peers_clear(node);
    gossiper_clear(node);
    turn_clear(node);
    requests_clear(&node->requests);
    if (node->streams.dirty.next != NULL) {
        arena_clear(&node->decode_arena);
    }
    stream_shared_clear(&node->streams);
    core_destroy(node->core);
    if (node->engine != NULL) {
        node->engine->table->close(node->engine);
    }
    directory_close(&node->directory);
    cluster_clear(&node->cluster);
    greeting_clear(node);
    free(node);
}
