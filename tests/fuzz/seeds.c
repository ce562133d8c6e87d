/*
 * columba-fuzz-seeds DIRECTORY: inputs for each fuzz target to begin with, in a folder of the
 * target's name. They are made, not kept: a change of a format changes them too.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "gossip/packet.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "proto/codec.h"
#include "proto/content.h"
#include "tests/unit/message_samples.h"

#define SEED_MAX_BYTES 8192u

static const char *directory;

static void fail(const char *path)
{
    fprintf(stderr, "columba-fuzz-seeds: %s: %s\n", path, strerror(errno));
    exit(1);
}

static void folder_make(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        fail(path);
    }
}

/* The n-th seed of the target. */
static void seed(const char *target, unsigned number, struct slice bytes)
{
    char path[4096];
    int used = snprintf(path, sizeof path, "%s/%s", directory, target);
    COLUMBA_ASSERT(used > 0 && (size_t)used < sizeof path - 16);
    folder_make(path);
    snprintf(path + used, sizeof path - (size_t)used, "/%u", number);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes.data, 1, bytes.size, file) != bytes.size ||
        fclose(file) != 0) {
        fail(path);
    }
}

/* frame: whole frames; message: a type and a payload. */
static void seeds_of_messages(void)
{
    struct arena arena;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        static uint8_t bytes[SEED_MAX_BYTES];
        struct codec_encoding encoding;
        enum columba_error error = codec_prepare(&sample_messages[i], &arena, &encoding);
        COLUMBA_ASSERT(error == COLUMBA_OK);
        COLUMBA_ASSERT(FRAME_HEADER_BYTES + encoding.payload_bytes <= sizeof bytes);
        codec_encode(&encoding, i, i, bytes);
        seed("frame", i, slice_of(bytes, FRAME_HEADER_BYTES + encoding.payload_bytes));
        bytes[FRAME_HEADER_BYTES - 1] = (uint8_t)sample_messages[i].type;
        seed("message", i, slice_of(bytes + FRAME_HEADER_BYTES - 1, encoding.payload_bytes + 1));
        arena_reset(&arena);
    }
    arena_clear(&arena);
}

static void seed_of_content(unsigned number, bool is_encrypted, const char *body)
{
    struct content content = {.type = CONTENT_TYPE_TEXT,
                              .is_encrypted = is_encrypted,
                              .created_at_ms = 1700000000000 * number,
                              .sender = slice_of_text("alice"),
                              .body = slice_of_text(body)};
    uint8_t bytes[512];
    COLUMBA_ASSERT(content_size(&content) <= sizeof bytes);
    content_encode(&content, bytes);
    seed("content", number, slice_of(bytes, content_size(&content)));
}

static void seeds_of_contents(void)
{
    seed_of_content(0, false, "");
    seed_of_content(1, false, "a body");
    seed_of_content(2, true, "0123456789012345678901234567890123456789");
}

/* A row with every column of its table, each with the least value it may have. */
static struct slice row_of_table(uint8_t table, uint64_t timestamp, uint8_t *buffer, size_t size)
{
    static const uint8_t zeroes[64];
    struct row_writer writer;
    row_writer_init(&writer, buffer, size);
    for (unsigned column = 1; column < 16; column++) {
        const struct column_spec *spec = schema_column(table, (uint8_t)column);
        if (spec == NULL || spec->value_min_bytes > sizeof zeroes) {
            continue;
        }
        bool has_stamp =
            spec->rule == RULE_LWW || spec->rule == RULE_FIRST || spec->rule == RULE_DEAD;
        struct cell cell = {.column = (uint8_t)column,
                            .timestamp = has_stamp ? timestamp : 0,
                            .value = slice_of(zeroes, spec->value_min_bytes)};
        if (spec->subkey == SUBKEY_ID) {
            cell.subkey = slice_of(zeroes, ID_BYTES);
        } else if (spec->subkey == SUBKEY_NAME) {
            cell.subkey = slice_of_text("name");
        }
        row_writer_cell(&writer, &cell);
    }
    return row_writer_done(&writer);
}

/* row: packed rows, keys, and two rows to be merged. */
static void seeds_of_rows(void)
{
    unsigned number = 0;
    for (uint8_t table = 1; table < 32; table++) {
        uint8_t rows[2][1024];
        uint8_t bytes[3 * 1024];
        uint8_t clustering[KEY_CLUSTERING_MAX_BYTES] = {table};
        int clustering_bytes = table_clustering_bytes(table);
        if (clustering_bytes < 0) {
            continue;
        }
        struct slice a = row_of_table(table, 1, rows[0], sizeof rows[0]);
        struct slice b = row_of_table(table, 2, rows[1], sizeof rows[1]);
        struct writer writer = writer_of(bytes, sizeof bytes);
        struct packed_row packed = {
            .table = table, .clustering = slice_of(clustering, (size_t)clustering_bytes), .row = a};
        packed_row_write(&writer, &packed);
        packed.row = b;
        packed_row_write(&writer, &packed);
        seed("row", number++, writer_done(&writer));
        writer = writer_of(bytes, sizeof bytes);
        writer_u8(&writer, table);
        writer_u8(&writer, (uint8_t)(a.size >> 8));
        writer_u8(&writer, (uint8_t)a.size);
        writer_bytes(&writer, a);
        writer_bytes(&writer, b);
        seed("row", number++, writer_done(&writer));
        struct row_key key = {
            .token = 7, .table = table, .clustering_size = (uint8_t)clustering_bytes};
        struct key_bytes key_bytes = row_key_encode(&key);
        seed("row", number++, key_slice(&key_bytes));
    }
}

/* gossip: [length] [kind, and what follows the sender's record] of each packet. */
static void seeds_of_gossip(void)
{
    uint8_t record[128];
    struct gossip_record other = {.generation = 2,
                                  .incarnation = 3,
                                  .version = 4,
                                  .address = {.family = 4, .bytes = {127, 0, 0, 3}, .port = 3},
                                  .status = GOSSIP_ALIVE};
    other.host.bytes[0] = 3;
    struct writer record_writer = writer_of(record, sizeof record);
    gossip_record_write(&record_writer, &other);
    struct slice other_bytes = writer_done(&record_writer);
    for (uint8_t kind = GOSSIP_PING; kind <= GOSSIP_EXCHANGE; kind++) {
        uint8_t bytes[256];
        struct writer writer = writer_of(bytes, sizeof bytes);
        writer_u8(&writer, 0); /* the length, at the end */
        writer_u8(&writer, kind);
        writer_u8(&writer, 0);
        writer_u32(&writer, 1);
        writer_id(&writer, &other.host);
        if (kind == GOSSIP_SYNC || kind == GOSSIP_EXCHANGE) {
            writer_u8(&writer, 1);
        }
        writer_bytes(&writer, other_bytes);
        struct slice seed_bytes = writer_done(&writer);
        bytes[0] = (uint8_t)(seed_bytes.size - 1);
        seed("gossip", kind, seed_bytes);
    }
}

static void seeds_of_configurations(void)
{
    static const char *const texts[] = {
        "cluster_name: columba\n"
        "node_name: node1\n"
        "data_directory: /var/lib/columba/node1\n"
        "nodes:\n"
        "  - {name: node1, address: 127.0.0.1:7411, datacenter: dc1, rack: rack1}\n"
        "  - {name: node2, address: '[::1]:7411', datacenter: dc1, rack: rack2}\n"
        "keyspace:\n"
        "  name: chat\n"
        "  replication: {dc1: 2}\n",
        "cluster_name: columba\n"
        "node_name: node1\n"
        "data_directory: /tmp/a\n"
        "commit_sync: periodic\n"
        "limits:\n"
        "  requests: 100\n"
        "nodes:\n"
        "  - {name: node1, address: 127.0.0.1:7411, datacenter: dc1, rack: rack1}\n"
        "keyspace:\n"
        "  name: chat\n"
        "  replication: {dc1: 1}\n",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        seed("config", i, slice_of_text(texts[i]));
    }
}

/* core: what the bytes say stands in fuzz_core.c. */
static void seeds_of_the_core(void)
{
    enum { ASK, SETTLE, ECHO, ANSWER, REQUEST, FALSE_ANSWER, COMMIT, READ, TIME, PEER };
    /* Up to three questions are out at once; each is served by its peer, and the answer arrives. */
#define ROUND ECHO, 0, ECHO, 1, SETTLE, 0, ANSWER, 0, 0, ANSWER, 1, 0, SETTLE, 0
    static const uint8_t creates[] = {ASK, 0, 0, SETTLE, 0, ROUND, ROUND};
    static const uint8_t sends[] = {ASK, 0, 0,      SETTLE, 0,     ROUND, ROUND, ASK,
                                    1,   0, SETTLE, 0,      ROUND, ROUND, ROUND, ROUND};
    static const uint8_t reads[] = {ASK, 0,      0,      SETTLE, 0,     ROUND,  ROUND, ASK,
                                    1,   0,      SETTLE, 0,      ROUND, ROUND,  ASK,   2,
                                    5,   SETTLE, 0,      ROUND,  ASK,   3,      0,     SETTLE,
                                    0,   ROUND,  ASK,    5,      0,     SETTLE, 0,     ROUND};
    static const uint8_t lies[] = {
        ASK, 0, 0,       SETTLE, 0, ECHO,   0, SETTLE,       0,   ANSWER, 0,
        1,   6, ASK,     2,      5, SETTLE, 0, FALSE_ANSWER, 1,   2,      7,
        9,   1, REQUEST, 1,      2, 0,      0, TIME,         200, PEER,   6};
#undef ROUND
    seed("core", 0, slice_of(creates, sizeof creates));
    seed("core", 1, slice_of(sends, sizeof sends));
    seed("core", 2, slice_of(reads, sizeof reads));
    seed("core", 3, slice_of(lies, sizeof lies));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: columba-fuzz-seeds DIRECTORY\n");
        return 1;
    }
    directory = argv[1];
    folder_make(directory);
    seeds_of_messages();
    seeds_of_contents();
    seeds_of_rows();
    seeds_of_gossip();
    seeds_of_configurations();
    seeds_of_the_core();
    return 0;
}
