#include "bench/mls_cost.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/mls_store.h"

#define SUITE MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519

struct member {
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
    struct mls_store store;
};

static void must(enum mls_error error, const char *what)
{
    if (error != MLS_OK) {
        fprintf(stderr, "columba-bench mls: %s: %s\n", what, mls_error_text(error));
        exit(1);
    }
}

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* -- what the process has -- */

struct usage {
    size_t resident_bytes;
    size_t maps;
};

static struct usage usage_now(void)
{
    struct usage usage = {0};
    size_t total = 0;
    size_t pages = 0;
    int byte;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%zu %zu", &total, &pages) == 2) {
            usage.resident_bytes = pages * (size_t)sysconf(_SC_PAGESIZE);
        }
        (void)fclose(file);
    }
    file = fopen("/proc/self/maps", "r");
    while (file != NULL && (byte = fgetc(file)) != EOF) {
        usage.maps += byte == '\n';
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return usage;
}

/* -- a group of two -- */

static void member_open(struct member *member, const char *name)
{
    mls_store_init(&member->store);
    must(mls_identity_create(NULL, SUITE, slice_of_text(name), &member->identity), "identity");
    must(mls_key_package_create(member->identity, NULL, &member->package), "key package");
}

static void member_close(struct member *member)
{
    mls_group_destroy(member->group);
    mls_key_package_destroy(member->package);
    mls_identity_destroy(member->identity);
    mls_store_clear(&member->store);
}

static void commit(struct member *from, struct member *to, const struct mls_commit_options *options)
{
    struct mls_commit_bundle bundle;
    must(mls_group_commit(from->group, options, &bundle), "commit");
    if (to->group != NULL) {
        struct mls_event event;
        must(mls_group_process(to->group, mls_buffer_done(&bundle.commit), &event), "process");
        mls_event_clear(&event);
        must(mls_group_merge(to->group, MLS_STAGED_RECEIVED), "merge");
    }
    must(mls_group_merge(from->group, MLS_STAGED_OWN), "merge");
    if (to->group == NULL) {
        struct mls_join_options join = {.storage = &to->store.storage};
        must(mls_group_join(to->identity, &to->package, 1, mls_buffer_done(&bundle.welcome), &join,
                            &to->group),
             "join");
    }
    mls_commit_bundle_clear(&bundle);
}

static void talk(struct member *from, struct member *to)
{
    static const uint8_t text[200];
    struct mls_buffer message;
    struct mls_event event;
    must(mls_group_encrypt(from->group, slice_of(text, sizeof(text)), slice_of(NULL, 0), &message),
         "encrypt");
    must(mls_group_process(to->group, mls_buffer_done(&message), &event), "decrypt");
    mls_event_clear(&event);
    mls_buffer_clear(&message);
}

static void two_open(struct member two[2])
{
    two[0] = (struct member){0};
    two[1] = (struct member){0};
    member_open(&two[0], "ann");
    member_open(&two[1], "bob");
    struct mls_group_options options = {.storage = &two[0].store.storage};
    must(mls_group_create(two[0].identity, &options, &two[0].group), "create");
    struct slice package = mls_key_package_message(two[1].package);
    struct mls_commit_options adding = {.add = &package, .add_count = 1, .with_path = true};
    commit(&two[0], &two[1], &adding);
    talk(&two[0], &two[1]);
    talk(&two[1], &two[0]);
}

static void use_for_a_year(const struct bench_mls_scale *scale, struct member two[2])
{
    struct mls_commit_options update = {.with_path = true};
    for (unsigned epoch = 0; epoch < scale->year_epochs; epoch++) {
        for (unsigned i = 0; i < scale->year_messages; i++) {
            talk(&two[i % 2], &two[(i + 1) % 2]);
        }
        commit(&two[epoch % 2], &two[(epoch + 1) % 2], &update);
    }
    talk(&two[0], &two[1]);
    talk(&two[1], &two[0]);
}

/* -- many of them -- */

/* `count` groups with the records of one; gives the time that loading one takes. */
static double load_all(struct mls_store *stores, size_t count, struct mls_identity *identity,
                       struct mls_group **out)
{
    double start = now_us();
    for (size_t i = 0; i < count; i++) {
        must(mls_store_restore(&stores[i], identity, &out[i]), "restore");
    }
    return (now_us() - start) / (double)count;
}

static void drop_all(struct mls_group **groups, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mls_group_destroy(groups[i]);
    }
}

/* The groups alone: their records stay where one member has them. */
static void bench_memory(const char *what, struct member *member, size_t count)
{
    struct mls_group **groups = calloc(count, sizeof(struct mls_group *));
    COLUMBA_ASSERT(groups != NULL);
    uint64_t writer = member->store.storage.writer;
    (void)malloc_trim(0);
    struct usage before = usage_now();
    for (size_t i = 0; i < count; i++) {
        must(mls_store_restore(&member->store, member->identity, &groups[i]), "restore");
    }
    struct usage after = usage_now();
    printf("%zu groups of two loaded, %s: %.1f MB resident (%.1f MB for them), %zu memory maps "
           "(%zu for them); %zu records of %.1f KB each\n",
           count, what, (double)after.resident_bytes / 1e6,
           (double)after.resident_bytes / 1e6 - (double)before.resident_bytes / 1e6, after.maps,
           after.maps - before.maps, member->store.count,
           (double)mls_store_bytes(&member->store) / 1e3);
    drop_all(groups, count);
    free(groups);
    member->store.storage.writer = writer;
}

static void bench_store(const struct member *member, size_t count, size_t held_count)
{
    COLUMBA_ASSERT(held_count <= count);
    struct mls_store *stores = calloc(count, sizeof(*stores));
    struct mls_group **groups = calloc(held_count, sizeof(struct mls_group *));
    COLUMBA_ASSERT(stores != NULL && groups != NULL);
    for (size_t i = 0; i < count; i++) {
        mls_store_copy(&member->store, &stores[i]);
    }
    double start = now_us();
    for (size_t i = 0; i < count; i++) {
        struct mls_group *group = NULL;
        must(mls_store_restore(&stores[i * 7919 % count], member->identity, &group), "restore");
        mls_group_destroy(group);
    }
    double one = (now_us() - start) / (double)count;
    double held = load_all(stores, held_count, member->identity, groups);
    printf("%zu groups in one store: loading any one %.0f us; %zu loaded at once: %.0f us each, "
           "%zu memory maps\n",
           count, one, held_count, held, usage_now().maps);
    drop_all(groups, held_count);
    for (size_t i = 0; i < count; i++) {
        mls_store_clear(&stores[i]);
    }
    free(groups);
    free(stores);
}

void bench_mls_cost(const struct bench_mls_scale *scale)
{
    struct member two[2];
    char worn[64];
    (void)snprintf(worn, sizeof(worn), "after %u epochs and %u messages", scale->year_epochs,
                   scale->year_epochs * scale->year_messages);
    two_open(two);
    bench_memory("new", &two[0], scale->loaded_groups);
    use_for_a_year(scale, two);
    bench_memory(worn, &two[0], scale->loaded_groups);
    bench_store(&two[0], scale->stored_groups, scale->held_groups);
    member_close(&two[0]);
    member_close(&two[1]);
}
