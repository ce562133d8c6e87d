#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/codec.h"
#include "proto/content.h"
#include "tests/unit/directory.h"
#include "tests/unit/shell_cluster.h"

/* ---- nodes ---- */

static void line_drop(struct log *log, const char *line, size_t size)
{
    (void)log;
    if (getenv("COLUMBA_TEST_LOG") != NULL) {
        fwrite(line, 1, size, stderr);
    }
}

static uint64_t wall_ms(struct log *log)
{
    (void)log;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* A port that was free a moment ago. */
static uint16_t port_find(int *out_socket)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    *out_socket = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(*out_socket >= 0);
    assert_int_equal(bind(*out_socket, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(*out_socket, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void ports_find(struct shell_cluster *cluster)
{
    int sockets[SHELL_NODES_MAX];
    for (unsigned i = 0; i < cluster->count; i++) {
        cluster->nodes[i].port = port_find(&sockets[i]);
    }
    for (unsigned i = 0; i < cluster->count; i++) {
        close(sockets[i]);
    }
}

static void config_make(struct shell_cluster *cluster, unsigned index, const char *options)
{
    char yaml[8192];
    static struct config_problem problem;
    int used = snprintf(yaml, sizeof yaml,
                        "cluster_name: test\nnode_name: node%u\ndata_directory: %s/node%u\n"
                        "engine: memory\nprobe_interval: 50ms\n%s\nnodes:\n",
                        index, cluster->directory, index, options);
    for (unsigned i = 0; i < cluster->count; i++) {
        used += snprintf(yaml + used, sizeof yaml - (size_t)used,
                         "  - {name: node%u, address: \"%s:%u\", rack: r%u}\n", i,
                         cluster->hosts[i] == NULL ? "127.0.0.1" : cluster->hosts[i],
                         cluster->nodes[i].port, i);
    }
    snprintf(yaml + used, sizeof yaml - (size_t)used, "keyspace: {replication_factor: %u}\n",
             cluster->count);
    if (config_parse(&cluster->nodes[index].config, "test", slice_of_text(yaml), &problem) !=
        COLUMBA_OK) {
        fail_msg("%s", problem.text);
    }
}

void shell_config_make(struct shell_cluster *cluster, unsigned index, const char *options)
{
    config_clear(&cluster->nodes[index].config);
    config_make(cluster, index, options);
}

static void *node_thread(void *context)
{
    struct shell_node *node = context;
    node->result = node_run(node->node);
    return NULL;
}

/* ---- engines ---- */

struct shell_slowness shell_slowness;

void shell_slowness_end(void)
{
    shell_slowness.commit_ms = 0;
    shell_slowness.disk_ms = 0;
    shell_slowness.flushes = 0;
    shell_slowness.unsynced = 0;
}

static struct engine_table fast;

static void wait_ms(uint32_t ms)
{
    if (ms > 0) {
        usleep(ms * 1000u);
    }
}

static enum columba_error slow_commit(struct engine *engine, struct engine_batch *batch, bool sync)
{
    wait_ms(shell_slowness.commit_ms);
    enum columba_error error = fast.commit(engine, batch, sync);
    if (error == COLUMBA_OK) {
        shell_slowness.unsynced = sync ? 0 : shell_slowness.unsynced + 1;
    }
    return error;
}

static enum columba_error counted_sync(struct engine *engine)
{
    enum columba_error error = fast.sync(engine);
    if (error == COLUMBA_OK) {
        shell_slowness.unsynced = 0;
    }
    return error;
}

static enum columba_error slow_read(enum engine_tier tier)
{
    if (shell_slowness.disk_ms > 0 && tier == TIER_MEMORY) {
        return ERR_OVERLOADED;
    }
    wait_ms(shell_slowness.disk_ms);
    return COLUMBA_OK;
}

static enum columba_error slow_get(struct engine *engine, enum engine_space space,
                                   enum engine_tier tier, struct slice key, struct arena *arena,
                                   struct slice *out_value)
{
    enum columba_error error = slow_read(tier);
    return error != COLUMBA_OK ? error : fast.get(engine, space, tier, key, arena, out_value);
}

static enum columba_error slow_scan(struct engine *engine, const struct engine_scan *scan)
{
    enum columba_error error = slow_read(scan->tier);
    return error != COLUMBA_OK ? error : fast.scan(engine, scan);
}

static enum columba_error counted_flush(struct engine *engine)
{
    shell_slowness.flushes++;
    return fast.flush(engine);
}

/* Around the lock, not within it: whoever waits for the disk must not hold up the others. */
static struct engine *slow_engine_open(struct engine *memory_engine)
{
    static struct engine_table table;
    struct engine *engine = engine_locked_open(memory_engine);
    assert_non_null(engine);
    if (fast.commit == NULL) {
        fast = *engine->table;
        table = fast;
        table.commit = slow_commit;
        table.sync = counted_sync;
        table.get = slow_get;
        table.scan = slow_scan;
        table.flush = counted_flush;
    }
    engine->table = &table;
    return engine;
}

struct log shell_log(void)
{
    return (struct log){.level = LOG_DEBUG, .write = line_drop, .now_unix_ms = wall_ms};
}

static void node_start(struct shell_node *node, uint32_t fail_commit)
{
    char text[CONFIG_PROBLEM_BYTES];
    node->memory_engine = engine_memory_open(memory_system());
    engine_memory_fail_commit(node->memory_engine, fail_commit);
    struct node_options options = {
        .config = &node->config,
        .log = &node->log,
        .engine = slow_engine_open(node->memory_engine),
        .request_patience_ms = node->request_patience_ms,
    };
    node->log = shell_log();
    if (node_create(&options, &node->node, text) != COLUMBA_OK) {
        fail_msg("%s", text);
    }
    assert_int_equal(pthread_create(&node->thread, NULL, node_thread, node), 0);
    node->is_running = true;
}

bool shell_node_sees_all(struct shell_cluster *cluster, unsigned index)
{
    struct shell_client client;
    shell_client_connect_as(&client, cluster->nodes[index].port, ROLE_ADMINISTRATOR);
    json_t *status = shell_client_admin(&client, "status");
    json_t *nodes = json_object_get(status, "nodes");
    size_t up = 0;
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        json_t *node = json_array_get(nodes, i);
        up += strcmp(json_string_value(json_object_get(node, "state")), "up") == 0 &&
              json_is_true(json_object_get(node, "connected"));
    }
    json_decref(status);
    shell_client_close(&client);
    return up == cluster->count;
}

void shell_cluster_start_first(struct shell_cluster *cluster, unsigned count, unsigned started,
                               const char *options)
{
    *cluster = (struct shell_cluster){.count = count, .directory = directory_create()};
    ports_find(cluster);
    for (unsigned i = 0; i < count; i++) {
        config_make(cluster, i, options);
    }
    for (unsigned i = 0; i < started; i++) {
        node_start(&cluster->nodes[i], 0);
    }
}

void shell_cluster_start(struct shell_cluster *cluster, unsigned count, const char *options)
{
    shell_cluster_start_first(cluster, count, count, options);
    for (unsigned i = 0; i < count && count > 1; i++) {
        for (unsigned tries = 0; !shell_node_sees_all(cluster, i); tries++) {
            assert_true(tries < 2000);
            usleep(5000);
        }
    }
}

void shell_cluster_start_failing(struct shell_cluster *cluster, uint32_t k)
{
    *cluster = (struct shell_cluster){.count = 1, .directory = directory_create()};
    ports_find(cluster);
    config_make(cluster, 0, "");
    node_start(&cluster->nodes[0], k);
}

void shell_node_start(struct shell_node *node)
{
    node_start(node, 0);
}

void shell_node_join(struct shell_node *node)
{
    if (!node->is_running) {
        return;
    }
    pthread_join(node->thread, NULL);
    node->is_running = false;
    node_destroy(node->node);
}

void shell_node_stop(struct shell_node *node)
{
    if (node->is_running) {
        node_stop(node->node);
        shell_node_join(node);
    }
}

void shell_cluster_stop(struct shell_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->count; i++) {
        shell_node_stop(&cluster->nodes[i]);
        config_clear(&cluster->nodes[i].config);
    }
    directory_destroy(cluster->directory);
}

/* ---- client ---- */

int shell_socket_bound(uint32_t host, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
    int made = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    assert_true(made >= 0);
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(made, (struct sockaddr *)&address, (socklen_t)sizeof address), 0);
    return made;
}

void shell_client_adopt(struct shell_client *client, int connected)
{
    struct timeval patience = {.tv_sec = 20};
    *client = (struct shell_client){.bytes = malloc(SHELL_CLIENT_BYTES), .socket = connected};
    assert_non_null(client->bytes);
    arena_init(&client->arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

void shell_client_open(struct shell_client *client, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    shell_client_adopt(client, socket(AF_INET, SOCK_STREAM, 0));
    assert_true(client->socket >= 0);
    assert_int_equal(
        connect(client->socket, (struct sockaddr *)&address, (socklen_t)sizeof address), 0);
}

void shell_client_close(struct shell_client *client)
{
    close(client->socket);
    arena_clear(&client->arena);
    free(client->bytes);
}

void shell_client_write(struct shell_client *client, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t written = send(client->socket, at, size, MSG_NOSIGNAL);
        if (written <= 0) {
            return; /* the node has closed; what it said is still to be read */
        }
        at += written;
        size -= (size_t)written;
    }
}

void shell_client_send(struct shell_client *client, const struct message *message,
                       uint64_t request_id)
{
    struct codec_encoding encoding;
    arena_reset(&client->arena);
    assert_int_equal(codec_prepare(message, &client->arena, &encoding), COLUMBA_OK);
    codec_encode(&encoding, request_id, 0, client->bytes);
    shell_client_write(client, client->bytes, FRAME_HEADER_BYTES + encoding.payload_bytes);
}

static bool bytes_receive(struct shell_client *client, uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t got = recv(client->socket, out, size, 0);
        if (got < 0 && errno == EAGAIN) {
            fail_msg("the node says nothing");
        }
        if (got <= 0) {
            return false;
        }
        out += got;
        size -= (size_t)got;
    }
    return true;
}

bool shell_client_receive(struct shell_client *client, struct message *out_message,
                          uint64_t *out_request_id)
{
    struct frame frame;
    if (!bytes_receive(client, client->bytes, FRAME_HEADER_BYTES)) {
        return false;
    }
    assert_int_equal(frame_header_decode(client->bytes, &frame), COLUMBA_OK);
    uint8_t *payload = client->bytes + FRAME_HEADER_BYTES;
    assert_true(bytes_receive(client, payload, frame.payload_bytes));
    arena_reset(&client->arena);
    assert_int_equal(codec_decode(frame.type, slice_of(payload, frame.payload_bytes),
                                  &client->arena, out_message),
                     COLUMBA_OK);
    if (out_request_id != NULL) {
        *out_request_id = frame.request_id;
    }
    return true;
}

struct message shell_client_ask(struct shell_client *client, const struct message *message)
{
    struct message answer;
    shell_client_send(client, message, 7);
    if (!shell_client_receive(client, &answer, NULL)) {
        fail_msg("no answer to %s", message_type_name(message->type));
    }
    return answer;
}

struct message shell_hello(enum peer_role role, unsigned index)
{
    char name[16];
    snprintf(name, sizeof name, "node%u", index);
    return (struct message){
        .type = MESSAGE_HELLO,
        .hello = {.protocol_min = PROTOCOL_VERSION_MIN,
                  .protocol_max = PROTOCOL_VERSION_MAX,
                  .role = role,
                  .cluster_name = slice_of_text("test"),
                  .host_id = id_of_name(ID_HOST, slice_of_text(name)),
                  .software = slice_of_text("test"),
                  .directory_id = id_of_name(ID_HOST, slice_of_text(name))},
    };
}

void shell_client_connect_as(struct shell_client *client, uint16_t port, enum peer_role role)
{
    struct message hello = shell_hello(role, 0);
    shell_client_open(client, port);
    struct message answer = shell_client_ask(client, &hello);
    assert_int_equal(answer.type, MESSAGE_WELCOME);
}

void shell_client_connect(struct shell_client *client, uint16_t port)
{
    shell_client_connect_as(client, port, ROLE_CLIENT);
}

json_t *shell_client_admin(struct shell_client *client, const char *command)
{
    struct message ask = {.type = MESSAGE_ADMIN, .admin = {.command = slice_of_text(command)}};
    struct message answer = shell_client_ask(client, &ask);
    assert_int_equal(answer.type, MESSAGE_ADMIN_REPLY);
    json_t *json = json_loadb((const char *)answer.admin_reply.json.data,
                              answer.admin_reply.json.size, 0, NULL);
    assert_non_null(json);
    return json;
}

uint64_t shell_counter(uint16_t port, const char *name)
{
    struct shell_client client;
    shell_client_connect_as(&client, port, ROLE_ADMINISTRATOR);
    json_t *info = shell_client_admin(&client, "info");
    json_t *value = json_object_get(json_object_get(info, "shell"), name);
    assert_true(json_is_integer(value));
    uint64_t count = (uint64_t)json_integer_value(value);
    json_decref(info);
    shell_client_close(&client);
    return count;
}

void shell_frame_header(uint8_t *out_header, uint8_t type, struct slice payload)
{
    memcpy(out_header + FRAME_HEADER_BYTES, payload.data, payload.size);
    struct frame frame = {.payload_bytes = (uint32_t)payload.size, .type = type, .request_id = 7};
    frame_header_encode(out_header, &frame);
}

void shell_conversation_create(struct shell_client *client, const char *name, const char *first,
                               const char *second)
{
    struct message_member members[] = {{.name = slice_of_text(first)},
                                       {.name = slice_of_text(second)}};
    struct message create = {
        .type = MESSAGE_CONVERSATION_CREATE,
        .conversation_create = {.name = slice_of_text(name), .members = members, .member_count = 2},
    };
    struct message answer = shell_client_ask(client, &create);
    assert_int_equal(answer.type, MESSAGE_STATUS);
    assert_int_equal(answer.status.error, COLUMBA_OK);
}

const char *shell_room(unsigned number, char out_name[SHELL_ROOM_BYTES])
{
    snprintf(out_name, SHELL_ROOM_BYTES, "room %u", number);
    return out_name;
}

void shell_rooms_create(struct shell_client *client, unsigned count)
{
    char name[SHELL_ROOM_BYTES];
    for (unsigned i = 0; i < count; i++) {
        shell_conversation_create(client, shell_room(i, name), "alice", "bob");
    }
}

struct message shell_send_make(const char *conversation, const char *sender, const char *text,
                               uint8_t *content_buffer)
{
    static _Atomic uint64_t counter;
    struct id sender_id = id_of_name(ID_USER, slice_of_text(sender));
    struct content content = {
        .type = CONTENT_TYPE_TEXT,
        .created_at_ms = wall_ms(NULL),
        .sender = slice_of_text(sender),
        .body = slice_of_text(text),
    };
    content_encode(&content, content_buffer);
    return (struct message){
        .type = MESSAGE_SEND,
        .send = {.conversation = id_of_name(ID_CONVERSATION, slice_of_text(conversation)),
                 .message = message_id_make(wall_ms(NULL), ++counter, &sender_id),
                 .content = slice_of(content_buffer, content_size(&content))},
    };
}
