/*
 * columba-mls-vectors FILE-OR-DIR…: runs every vector file it knows by its shape, prints a line
 * for each with its number of published cases and, last, "N passed, N failed, N skipped". Exits 0
 * only if none failed and some passed.
 *
 * Cases of a cipher suite we lack are skipped, except where the case needs no more of its suite
 * than its hash and that hash is SHA-256: the published tree operations name suite 1.
 */
#include "client/mls/tools/vectors.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/mls/limits.h"

#define FILES_MAX 1024

struct shape {
    const char *name;
    const char *keys[3]; /* a case of this shape has all of them */
    vector_run *run;
    bool needs_hash_only;
};

static const struct shape shapes[] = {
    {"crypto-basics", {"derive_tree_secret", "ref_hash"}, vector_crypto_basics, false},
    {"deserialization", {"vlbytes_header", "length"}, vector_deserialization, false},
    {"tree-math", {"n_leaves", "n_nodes"}, vector_tree_math, false},
    {"key-schedule", {"initial_init_secret", "epochs"}, vector_key_schedule, false},
    {"psk-secret", {"psks", "psk_secret"}, vector_psk_secret, false},
    {"transcript-hashes", {"interim_transcript_hash_before"}, vector_transcript_hashes, false},
    {"secret-tree", {"sender_data", "leaves"}, vector_secret_tree, false},
    {"message-protection", {"application_priv", "commit_priv"}, vector_message_protection, false},
    {"welcome", {"signer_pub", "welcome"}, vector_welcome, false},
    {"tree-operations", {"tree_before", "tree_after"}, vector_tree_operations, true},
    {"tree-validation", {"tree_hashes", "resolutions"}, vector_tree_validation, false},
    {"treekem", {"update_paths", "ratchet_tree"}, vector_treekem, false},
    {"messages", {"mls_welcome", "mls_key_package"}, vector_messages, false},
    {"passive-client", {"initial_epoch_authenticator"}, vector_passive_client, false},
    {"hpke", {"kem_id", "exporter_secret", "encryptions"}, vector_hpke, false},
};

struct tally {
    unsigned passed;
    unsigned failed;
    unsigned skipped;
};

bool vector_fail(struct vector_case *vector, const char *reason, const char *function, int line)
{
    if (vector->reason == NULL) {
        vector->reason = reason;
        vector->failed_at = function;
        vector->failed_line = line;
    }
    return false;
}

struct slice vector_hex_value(struct vector_case *vector, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = text == NULL ? 0 : strlen(text) / 2;
    uint8_t *bytes = arena_allocate(&vector->arena, size + 1);
    size_t written = 0;
    if (text == NULL || bytes == NULL ||
        sodium_hex2bin(bytes, size + 1, text, strlen(text), NULL, &written, NULL) != 0) {
        return slice_of("", 0);
    }
    return slice_of(bytes, written);
}

struct slice vector_hex(struct vector_case *vector, const json_t *object, const char *key)
{
    return vector_hex_value(vector, json_object_get(object, key));
}

uint64_t vector_number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key));
}

bool vector_equals(struct vector_case *vector, const json_t *object, const char *key,
                   const void *bytes, size_t size)
{
    return json_is_string(json_object_get(object, key)) &&
           slice_equal(vector_hex(vector, object, key), slice_of(bytes, size));
}

static const struct shape *shape_of(const json_t *json)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        bool matches = true;
        for (size_t k = 0; k < 3 && shapes[i].keys[k] != NULL; k++) {
            matches = matches && json_object_get(json, shapes[i].keys[k]) != NULL;
        }
        if (matches) {
            return &shapes[i];
        }
    }
    return NULL;
}

/* Suites 1 to 3 hash with SHA-256 (17.1). */
static const struct mls_suite *suite_for(const struct shape *shape, const json_t *json)
{
    const json_t *named = json_object_get(json, "cipher_suite");
    uint64_t id = named == NULL ? MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519
                                : vector_number(json, "cipher_suite");
    if (shape->needs_hash_only && id >= 1 && id <= 3) {
        id = MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519;
    }
    return id > UINT16_MAX ? NULL : mls_suite_find((uint16_t)id);
}

static void run_case(const struct shape *shape, json_t *json, size_t number, struct tally *tally)
{
    struct vector_case vector = {.json = json, .memory = memory_system()};
    vector.suite = suite_for(shape, json);
    if (vector.suite == NULL) {
        tally->skipped++;
        return;
    }
    arena_init(&vector.arena, memory_system(), MLS_PARSE_ARENA_MAX_BYTES);
    if (shape->run(&vector)) {
        tally->passed++;
    } else if (vector.reason != NULL && strcmp(vector.reason, "skip") == 0) {
        tally->skipped++;
    } else {
        tally->failed++;
        printf("  case %zu failed: %s:%d: %s\n", number, vector.failed_at, vector.failed_line,
               vector.reason);
    }
    arena_clear(&vector.arena);
}

static void run_json(const char *path, json_t *root, struct tally *total)
{
    json_t *first = json_is_array(root) ? json_array_get(root, 0) : root;
    const struct shape *shape = shape_of(first);
    struct tally tally = {0};
    if (shape == NULL) {
        printf("%s: not a shape of vectors we know\n", path);
        return;
    }
    if (json_is_array(root)) {
        for (size_t i = 0; i < json_array_size(root); i++) {
            run_case(shape, json_array_get(root, i), i, &tally);
        }
    } else {
        run_case(shape, root, 0, &tally);
    }
    unsigned run = tally.passed + tally.failed;
    printf("%s: %s: %u of %u cases passed, %u skipped\n", path, shape->name, tally.passed, run,
           tally.skipped);
    total->passed += tally.passed;
    total->failed += tally.failed;
    total->skipped += tally.skipped;
}

static void run_file(const char *path, struct tally *total)
{
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) {
        printf("%s: cannot be read: %s (line %d)\n", path, error.text, error.line);
        total->failed++;
        return;
    }
    run_json(path, root, total);
    json_decref(root);
    fflush(stdout);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_directory(const char *path, struct tally *total)
{
    char *names[FILES_MAX];
    size_t count = 0;
    DIR *directory = opendir(path);
    struct dirent *entry;
    if (directory == NULL) {
        printf("%s: cannot be opened\n", path);
        total->failed++;
        return;
    }
    while (count < FILES_MAX && (entry = readdir(directory)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".json") == 0) {
            names[count] = strdup(entry->d_name);
            count += names[count] != NULL;
        }
    }
    closedir(directory);
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        char file[4096];
        (void)snprintf(file, sizeof(file), "%s/%s", path, names[i]);
        run_file(file, total);
        free(names[i]);
    }
}

int main(int argc, char **argv)
{
    struct tally total = {0};
    if (argc < 2 || sodium_init() < 0) {
        fprintf(stderr, "usage: columba-mls-vectors DIR...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            run_directory(argv[i], &total);
        } else {
            run_file(argv[i], &total);
        }
    }
    printf("%u passed, %u failed, %u skipped\n", total.passed, total.failed, total.skipped);
    return total.failed == 0 && total.passed > 0 ? 0 : 1;
}
