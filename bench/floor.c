#include "bench/floor.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "base/bytes.h"
#include "base/histogram.h"
#include "base/limits.h"
#include "node/store/engine.h"
#include "node/store/key.h"
#include "node/store/row.h"

#define REPLICAS 3u
#define BODY_BYTES_MAX (16u * KIB)
/* What a message's content holds beside the body: format, times, sender's name. */
#define ENVELOPE_BYTES 24u
#define OUTBOX_BYTES 32u
#define LOG_BYTES 40u

struct replica {
    char directory[PATH_MAX];
    struct engine *engine;
    struct engine_batch *batch;
};

struct floor {
    const struct bench_floor_options *options;
    struct replica replicas[REPLICAS];
    struct histogram commits_us;
    uint64_t random;
    uint64_t sequence;
    uint64_t ops;
    double seconds;
    uint8_t content[ENVELOPE_BYTES + BODY_BYTES_MAX];
    char *text;
};

/* One send's keys and values, the same at each replica. */
struct send {
    struct key_bytes message;
    struct slice row;
    struct key_bytes outbox;
    struct key_bytes logs[2];
    uint8_t row_bytes[ENVELOPE_BYTES + BODY_BYTES_MAX + 64];
    uint8_t outbox_bytes[OUTBOX_BYTES];
    uint8_t log_bytes[LOG_BYTES];
};

void bench_floor_defaults(struct bench_floor_options *out_options)
{
    *out_options = (struct bench_floor_options){
        .seconds = 30,
        .sends_per_batch = 64,
        .body_bytes = 256,
        .conversations = 10000,
        .memtable_bytes = 64 * MIB,
        .block_cache_bytes = 64 * MIB,
        .background_threads = 1,
        .seed = 1,
    };
}

static uint64_t random_next(struct floor *floor)
{
    uint64_t z = (floor->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double now_s(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

/* A partition and its token, spread as hashes are. */
static struct id partition_of(uint64_t number, uint64_t kind, uint64_t *out_token)
{
    uint8_t name[16];
    bytes_put_u64_be(name, number);
    bytes_put_u64_be(name + 8, kind);
    struct id id = id_of_name(ID_USER, slice_of(name, sizeof(name)));
    *out_token = bytes_get_u64_be(id.bytes) * 0x9e3779b97f4a7c15u;
    return id;
}

static void message_key_make(struct floor *floor, uint64_t conversation, struct send *send)
{
    struct row_key key = {.table = TABLE_MESSAGE, .clustering_size = ID_BYTES};
    key.partition = partition_of(conversation, 0, &key.token);
    uint64_t unix_ms = 1700000000000u + floor->ops / 16;
    struct id id = message_id_make(unix_ms, random_next(floor), &key.partition);
    clustering_of_id(TABLE_MESSAGE, &id, key.clustering);
    send->message = row_key_encode(&key);
    memcpy(send->log_bytes, id.bytes, ID_BYTES);
    memcpy(send->outbox_bytes, id.bytes, ID_BYTES);
}

static void send_make(struct floor *floor, struct send *send)
{
    uint64_t conversation = random_next(floor) % floor->options->conversations;
    message_key_make(floor, conversation, send);
    bytes_put_u64_be(floor->content + ENVELOPE_BYTES, random_next(floor));
    const struct cell content = {
        .column = COLUMN_MESSAGE_CONTENT,
        .timestamp = floor->ops,
        .value = slice_of(floor->content, ENVELOPE_BYTES + floor->options->body_bytes)};
    struct row_writer row;
    row_writer_init(&row, send->row_bytes, sizeof(send->row_bytes));
    row_writer_cell(&row, &content);
    send->row = row_writer_done(&row);
    send->outbox = local_sequence_key(LOCAL_OUTBOX, ++floor->sequence);
    for (uint64_t member = 0; member < 2; member++) {
        uint64_t token;
        struct id user = partition_of(2 * conversation + member, 1, &token);
        send->logs[member] = local_log_key(token, &user, ++floor->sequence);
    }
}

static void send_add(struct replica *replica, const struct send *send)
{
    const struct engine_table *table = replica->engine->table;
    table->batch_merge(replica->batch, key_slice(&send->message), send->row);
    table->batch_put(replica->batch, key_slice(&send->outbox),
                     slice_of(send->outbox_bytes, OUTBOX_BYTES));
    for (unsigned i = 0; i < 2; i++) {
        table->batch_put(replica->batch, key_slice(&send->logs[i]),
                         slice_of(send->log_bytes, LOG_BYTES));
    }
}

static int failed(struct floor *floor, const char *what, const char *why)
{
    snprintf(floor->text, BENCH_FLOOR_TEXT_MAX_BYTES, "%s: %.500s", what, why);
    return -1;
}

static int replica_commit(struct floor *floor, struct replica *replica)
{
    const struct engine_table *table = replica->engine->table;
    double begin = now_s(CLOCK_MONOTONIC);
    if (table->commit(replica->engine, replica->batch, true) != COLUMBA_OK) {
        char text[ENGINE_TEXT_MAX_BYTES];
        table->failure(replica->engine, text);
        return failed(floor, "commit", text);
    }
    histogram_add(&floor->commits_us, (uint64_t)((now_s(CLOCK_MONOTONIC) - begin) * 1e6));
    table->batch_clear(replica->batch);
    return 0;
}

static int batch_write(struct floor *floor)
{
    struct send send = {0};
    for (uint32_t i = 0; i < floor->options->sends_per_batch; i++) {
        send_make(floor, &send);
        for (unsigned r = 0; r < REPLICAS; r++) {
            send_add(&floor->replicas[r], &send);
        }
        floor->ops++;
    }
    for (unsigned r = 0; r < REPLICAS; r++) {
        if (replica_commit(floor, &floor->replicas[r]) != 0) {
            return -1;
        }
    }
    return 0;
}

static int batches_write(struct floor *floor)
{
    double begin = now_s(CLOCK_MONOTONIC);
    while (now_s(CLOCK_MONOTONIC) - begin < floor->options->seconds) {
        if (batch_write(floor) != 0) {
            return -1;
        }
    }
    floor->seconds = now_s(CLOCK_MONOTONIC) - begin;
    return 0;
}

/* What is still to be done for the rows written belongs to their cost. */
static int replicas_settle(struct floor *floor)
{
    for (unsigned r = 0; r < REPLICAS; r++) {
        struct engine *engine = floor->replicas[r].engine;
        if (engine->table->flush(engine) != COLUMBA_OK ||
            engine->table->compact(engine) != COLUMBA_OK) {
            return failed(floor, "flush and compact", "the database refused");
        }
    }
    return 0;
}

static int replica_open(struct floor *floor, unsigned index)
{
    struct replica *replica = &floor->replicas[index];
    const struct bench_floor_options *options = floor->options;
    if (snprintf(replica->directory, PATH_MAX, "%s/floor-%u", options->directory, index) >=
        PATH_MAX) {
        return failed(floor, options->directory, "the path is too long");
    }
    if (mkdir(replica->directory, 0755) != 0) {
        int code = errno;
        int result = failed(floor, replica->directory,
                            code == EEXIST ? "it is there already, left by a run that was "
                                             "interrupted perhaps: delete it, or name another "
                                             "--directory"
                                           : strerror(code));
        replica->directory[0] = '\0';
        return result;
    }
    const struct engine_rocksdb_options engine_options = {
        .directory = replica->directory,
        .memtable_bytes = options->memtable_bytes,
        .block_cache_bytes = options->block_cache_bytes,
        .background_threads = options->background_threads,
        .open_files_max = 256,
    };
    char text[ENGINE_TEXT_MAX_BYTES];
    if (engine_rocksdb_open(&engine_options, &replica->engine, text) != COLUMBA_OK) {
        return failed(floor, "open", text);
    }
    replica->batch = replica->engine->table->batch_create(replica->engine);
    return replica->batch == NULL ? failed(floor, "open", "out of memory") : 0;
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void replica_close(struct replica *replica)
{
    if (replica->engine != NULL) {
        replica->engine->table->batch_destroy(replica->batch);
        replica->engine->table->close(replica->engine);
    }
    if (replica->directory[0] != '\0') {
        nftw(replica->directory, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static void result_fill(const struct floor *floor, double cpu_seconds,
                        struct bench_floor_result *out_result)
{
    const struct histogram *commits = &floor->commits_us;
    out_result->ops = floor->ops;
    out_result->ops_per_s = (double)floor->ops / floor->seconds;
    out_result->p50_us = (double)histogram_quantile(commits, 0.5);
    out_result->p99_us = (double)histogram_quantile(commits, 0.99);
    out_result->p999_us = (double)histogram_quantile(commits, 0.999);
    out_result->max_us = (double)commits->max;
    out_result->node_cpu_us_per_op = cpu_seconds * 1e6 / (double)floor->ops;
}

static int floor_run(struct floor *floor, struct bench_floor_result *out_result)
{
    if (floor->options->body_bytes > BODY_BYTES_MAX || floor->options->conversations == 0 ||
        floor->options->sends_per_batch == 0) {
        return failed(floor, "options", "a body of at most 16 KiB, a conversation and a send");
    }
    for (unsigned r = 0; r < REPLICAS; r++) {
        if (replica_open(floor, r) != 0) {
            return -1;
        }
    }
    double cpu_begin = cpu_s();
    if (batches_write(floor) != 0 || replicas_settle(floor) != 0) {
        return -1;
    }
    result_fill(floor, cpu_s() - cpu_begin, out_result);
    return 0;
}

int bench_floor(const struct bench_floor_options *options, struct bench_floor_result *out_result)
{
    *out_result = (struct bench_floor_result){0};
    struct floor *floor = calloc(1, sizeof(*floor));
    if (floor == NULL) {
        snprintf(out_result->text, sizeof(out_result->text), "out of memory");
        return -1;
    }
    floor->options = options;
    floor->random = options->seed;
    floor->text = out_result->text;
    for (size_t i = 0; i < sizeof(floor->content); i++) {
        floor->content[i] = (uint8_t)random_next(floor);
    }
    int result = floor_run(floor, out_result);
    for (unsigned r = 0; r < REPLICAS; r++) {
        replica_close(&floor->replicas[r]);
    }
    free(floor);
    return result;
}
