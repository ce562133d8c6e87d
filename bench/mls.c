/*
 * Times of group encryption. A group of thousands whose parents are all populated takes a commit of
 * every other member to grow; here the tree is grown directly, by the same merge of a path that a
 * commit makes, and two real clients work in it.
 */
#include "bench/mls.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "bench/mls_cost.h"
#include "bench/mls_store.h"
#include "client/mls/group.h"
#include "client/mls/tree_hash.h"

#define SUITE MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519
#define MESSAGE_BYTES 256u
#define MESSAGE_MEMBERS 50u
#define COMMIT_ROUNDS 9u
#define MEMBERS_MAX 100000u

const struct bench_mls_scale bench_mls_full = {
    .loaded_groups = 1000,
    .stored_groups = 100000,
    .held_groups = 20000, /* what the kernel's limit of maps once allowed was 16,000 */
    .year_epochs = 1000,
    .year_messages = 100,
    .message_rounds = 2000,
};

struct client {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
};

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(enum mls_error error, const char *what)
{
    if (error != MLS_OK) {
        fprintf(stderr, "columba-bench mls: %s: %s\n", what, mls_error_text(error));
        exit(1);
    }
}

/* Thousands of clients: their secrets need no pages of their own here. */
static void client_open(struct client *client, size_t number)
{
    char name[32];
    *client = (struct client){.environment = {.guarded = memory_system()}};
    (void)snprintf(name, sizeof(name), "member-%zu", number);
    must(mls_identity_create(&client->environment, SUITE, slice_of_text(name), &client->identity),
         "identity");
    must(mls_key_package_create(client->identity, NULL, &client->package), "key package");
}

static struct client *clients_open(size_t count)
{
    struct client *clients = calloc(count, sizeof(*clients));
    COLUMBA_ASSERT(clients != NULL);
    for (size_t i = 0; i < count; i++) {
        client_open(&clients[i], i);
    }
    return clients;
}

static void clients_close(struct client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mls_group_destroy(clients[i].group);
        mls_key_package_destroy(clients[i].package);
        mls_identity_destroy(clients[i].identity);
    }
    free(clients);
}

/* The first client makes a group and adds the next `count`; gives the time of the commit. */
static double add_all(struct client *clients, size_t count, struct mls_buffer *out_welcome)
{
    struct mls_commit_bundle bundle;
    struct slice *packages = calloc(count, sizeof(*packages));
    COLUMBA_ASSERT(packages != NULL);
    for (size_t i = 0; i < count; i++) {
        packages[i] = mls_key_package_message(clients[i + 1].package);
    }
    struct mls_commit_options options = {.add = packages, .add_count = count, .with_path = true};
    must(mls_group_create(clients[0].identity, NULL, &clients[0].group), "create");
    double start = now_us();
    must(mls_group_commit(clients[0].group, &options, &bundle), "commit");
    double took = now_us() - start;
    must(mls_group_merge(clients[0].group, MLS_STAGED_OWN), "merge");
    *out_welcome = bundle.welcome;
    bundle.welcome = mls_buffer_of(memory_system());
    mls_commit_bundle_clear(&bundle);
    free(packages);
    return took;
}

static void join(struct client *client, struct slice welcome)
{
    must(mls_group_join(client->identity, &client->package, 1, welcome, NULL, &client->group),
         "join");
}

static void bench_message(unsigned rounds)
{
    static const uint8_t data[MESSAGE_BYTES];
    struct client *clients = clients_open(MESSAGE_MEMBERS);
    struct mls_buffer welcome;
    (void)add_all(clients, MESSAGE_MEMBERS - 1, &welcome);
    join(&clients[1], mls_buffer_done(&welcome));
    mls_buffer_clear(&welcome);
    double start = now_us();
    for (unsigned i = 0; i < rounds; i++) {
        struct mls_buffer message;
        struct mls_event event;
        must(mls_group_encrypt(clients[0].group, slice_of(data, sizeof(data)), slice_of(NULL, 0),
                               &message),
             "encrypt");
        must(mls_group_process(clients[1].group, mls_buffer_done(&message), &event), "decrypt");
        mls_event_clear(&event);
        mls_buffer_clear(&message);
    }
    printf("message of %u B in a group of %u, encrypt + decrypt: %.0f us\n", MESSAGE_BYTES,
           MESSAGE_MEMBERS, (now_us() - start) / rounds);
    clients_close(clients, MESSAGE_MEMBERS);
}

/* -- a tree with all parents -- */

struct grower {
    struct mls_epoch *epoch;
    struct mls_tree *tree;
    uint8_t (*privates)[MLS_KEM_MAX_BYTES]; /* of every node */
};

/* What a commit of this leaf would do to the tree, without telling anyone. */
static void grow_path(struct grower *grower, const struct client *client, uint32_t leaf)
{
    struct mls_path_secrets secrets;
    struct mls_path_keys keys;
    struct mls_filtered_path path;
    struct slice publics[MLS_DEPTH_MAX];
    uint8_t leaf_public[MLS_KEM_MAX_BYTES];
    uint8_t parent_hash[MLS_HASH_MAX_BYTES];
    size_t parent_hash_size = 0;
    const struct mls_suite *suite = grower->tree->suite;
    mls_tree_filtered_path(grower->tree, leaf, &path);
    randombytes_buf(&secrets, sizeof(secrets));
    suite->kem_public(secrets.leaf_private, leaf_public);
    mls_path_derive(suite, 0, path.count, &secrets, &keys);
    for (uint32_t i = 0; i < path.count; i++) {
        publics[i] = slice_of(keys.node_public[i], suite->kem_public_bytes);
        memcpy(grower->privates[path.node[i]], secrets.node_private[i], MLS_KEM_MAX_BYTES);
    }
    memcpy(grower->privates[mls_node_of_leaf(leaf)], secrets.leaf_private, MLS_KEM_MAX_BYTES);
    must(mls_path_merge(grower->tree, leaf, &path, publics, parent_hash, &parent_hash_size),
         "merge path");
    struct mls_own_leaf own = {
        .source = MLS_LEAF_COMMIT,
        .encryption_key = slice_of(leaf_public, suite->kem_public_bytes),
        .parent_hash = slice_of(parent_hash, parent_hash_size),
        .group_id = grower->epoch->context.group_id,
        .leaf = leaf,
    };
    struct mls_buffer encoded = mls_buffer_of(memory_system());
    must(mls_identity_write_leaf(client->identity, &own, &encoded), "leaf");
    struct mls_tree_node *node = mls_leaf_create(memory_system(), mls_buffer_done(&encoded));
    COLUMBA_ASSERT(node != NULL);
    mls_buffer_clear(&encoded);
    mls_tree_blank(grower->tree, mls_node_of_leaf(leaf));
    must(mls_tree_fill(grower->tree, mls_node_of_leaf(leaf), node), "fill");
}

/* Puts the grown tree under the first client's epoch. */
static void adopt_tree(struct client *client, struct grower *grower)
{
    struct mls_group *group = client->group;
    struct mls_epoch *epoch = group->current;
    struct mls_buffer old = epoch->context_bytes;
    struct mls_group_context context = epoch->context;
    mls_tree_destroy(epoch->tree);
    epoch->tree = grower->tree;
    epoch->context_bytes = mls_buffer_of(memory_system());
    must(mls_epoch_set_context(group, epoch, context.group_id, context.epoch,
                               context.confirmed_transcript_hash, context.extensions),
         "context");
    mls_buffer_clear(&old);
    uint32_t depth = mls_node_level(mls_node_root(epoch->tree->leaf_width));
    for (uint32_t level = 0; level <= depth; level++) {
        uint32_t node = mls_node_at_level(epoch->own_leaf, level);
        if (epoch->tree->nodes[node] != NULL) {
            must(mls_epoch_put_key(group, epoch, level, grower->privates[node]), "key");
        }
    }
}

static void grow_tree(struct client *clients, size_t count)
{
    struct grower grower = {.epoch = clients[0].group->current};
    must(mls_tree_clone(grower.epoch->tree, &grower.tree), "clone");
    grower.privates = calloc(mls_node_count(grower.tree->leaf_width), sizeof(*grower.privates));
    COLUMBA_ASSERT(grower.privates != NULL);
    for (uint32_t leaf = 1; leaf < count; leaf += 2) {
        grow_path(&grower, &clients[leaf], leaf);
    }
    grow_path(&grower, &clients[0], 0);
    adopt_tree(&clients[0], &grower);
    free(grower.privates);
}

static uint32_t count_parents(const struct mls_tree *tree)
{
    uint32_t count = 0;
    for (uint32_t node = 1; node < mls_node_count(tree->leaf_width); node += 2) {
        count += tree->nodes[node] != NULL;
    }
    return count;
}

static void commit_once(struct client *from, struct client *to, double *out_made, double *out_taken)
{
    struct mls_commit_options options = {.with_path = true, .omit_tree = true};
    struct mls_commit_bundle bundle;
    struct mls_event event;
    double start = now_us();
    must(mls_group_commit(from->group, &options, &bundle), "commit");
    *out_made = now_us() - start;
    start = now_us();
    must(mls_group_process(to->group, mls_buffer_done(&bundle.commit), &event), "process");
    must(mls_group_merge(to->group, MLS_STAGED_RECEIVED), "merge received");
    *out_taken = now_us() - start;
    mls_event_clear(&event);
    must(mls_group_merge(from->group, MLS_STAGED_OWN), "merge");
    mls_commit_bundle_clear(&bundle);
}

/* What one commit and the messages around it write, on both sides. */
struct written {
    size_t made;
    size_t taken;
    size_t message;
    size_t message_puts;
};

static void send_to(struct client *from, struct client *to, struct mls_buffer *message)
{
    struct mls_event event;
    static const uint8_t data[MESSAGE_BYTES];
    if (message->data == NULL) {
        must(mls_group_encrypt(from->group, slice_of(data, sizeof(data)), slice_of(NULL, 0),
                               message),
             "encrypt");
    }
    if (to != NULL) {
        must(mls_group_process(to->group, mls_buffer_done(message), &event), "decrypt");
        mls_event_clear(&event);
        mls_buffer_clear(message);
    }
}

/* A message that is read while an earlier one is still to come. */
static void write_message(struct client *from, struct client *to, struct mls_store *store,
                          struct written *out)
{
    struct mls_buffer late = mls_buffer_of(memory_system());
    struct mls_buffer next = mls_buffer_of(memory_system());
    send_to(from, NULL, &late);
    send_to(from, to, &next); /* meets the sender, and keeps a key */
    store->bytes = 0;
    store->puts = 0;
    send_to(from, to, &next);
    out->message = store->bytes;
    out->message_puts = store->puts;
    send_to(from, to, &late);
}

static void write_once(struct client *from, struct client *to, struct written *out)
{
    double made;
    double taken;
    struct mls_store from_store;
    struct mls_store to_store;
    mls_store_init(&from_store);
    mls_store_init(&to_store);
    from->group->storage = &from_store.storage;
    from_store.storage.writer = from->group->writer;
    to->group->storage = &to_store.storage;
    to_store.storage.writer = to->group->writer;
    commit_once(from, to, &made, &taken);
    out->made = from_store.bytes;
    out->taken = to_store.bytes;
    write_message(from, to, &to_store, out);
    from->group->storage = NULL;
    to->group->storage = NULL;
    mls_store_clear(&from_store);
    mls_store_clear(&to_store);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return values[count / 2];
}

/* The last client joins by a welcome into the grown tree, and the two commit in turn. */
static void bench_tree(struct client *clients, size_t count)
{
    double made[COMMIT_ROUNDS];
    double taken[COMMIT_ROUNDS];
    struct client *last = &clients[count - 1];
    struct slice package = mls_key_package_message(last->package);
    struct mls_commit_options options = {.add = &package, .add_count = 1, .with_path = true};
    struct mls_commit_bundle bundle;
    grow_tree(clients, count - 1);
    must(mls_group_commit(clients[0].group, &options, &bundle), "add");
    must(mls_group_merge(clients[0].group, MLS_STAGED_OWN), "merge");
    double start = now_us();
    join(last, mls_buffer_done(&bundle.welcome));
    printf("join a group of %zu: %.1f ms\n", count, (now_us() - start) / 1e3);
    mls_commit_bundle_clear(&bundle);
    commit_once(last, &clients[0], &made[0], &taken[0]);
    for (size_t i = 0; i < COMMIT_ROUNDS; i++) {
        commit_once(&clients[0], last, &made[i], &taken[i]);
    }
    printf("commit with a path in a tree of %zu (%u parents): %.2f ms; process it: %.2f ms\n",
           count, count_parents(clients[0].group->current->tree), median(made, COMMIT_ROUNDS) / 1e3,
           median(taken, COMMIT_ROUNDS) / 1e3);
    struct written written;
    write_once(&clients[0], last, &written);
    printf("stored in a group of %zu: own commit %.1f KB; received commit %.1f KB; message %zu B "
           "in %zu put, with a key kept for an earlier one\n",
           count, (double)written.made / 1e3, (double)written.taken / 1e3, written.message,
           written.message_puts);
}

static void bench_size(size_t count)
{
    struct mls_buffer welcome;
    struct client *clients = clients_open(count + 1);
    double took = add_all(clients, count, &welcome);
    printf("add %zu members in one commit: %.0f ms\n", count, took / 1e3);
    mls_buffer_clear(&welcome);
    clients_close(clients, count + 1);
    clients = clients_open(count);
    (void)add_all(clients, count - 2, &welcome);
    mls_buffer_clear(&welcome);
    bench_tree(clients, count);
    clients_close(clients, count);
}

static bool sizes_read(int count, const char *const *sizes, size_t *out)
{
    for (int i = 0; i < count; i++) {
        out[i] = strtoul(sizes[i], NULL, 10);
        if (out[i] < 4 || out[i] > MEMBERS_MAX) {
            fprintf(stderr, "columba-bench mls: %s: a group has 4 to %u members\n", sizes[i],
                    MEMBERS_MAX);
            return false;
        }
    }
    return true;
}

int bench_mls(const struct bench_mls_scale *scale, int argc, const char **argv)
{
    size_t sizes[BENCH_MLS_SIZES_MAX] = {1000, 10000};
    COLUMBA_ASSERT(argc <= BENCH_MLS_SIZES_MAX);
    if (sodium_init() < 0) {
        return 1;
    }
    if (!sizes_read(argc, argv, sizes)) {
        return 2;
    }
    bench_mls_cost(scale);
    bench_message(scale->message_rounds);
    for (int i = 0; i < (argc > 0 ? argc : 2); i++) {
        bench_size(sizes[i]);
    }
    return 0;
}
