#include "client/mls/secret_tree.h"

#include <sodium.h>

#include "base/assert.h"
#include "client/mls/label.h"

static void ratchet_clear(struct memory *memory, struct mls_secret_pool *pool,
                          struct mls_ratchet *ratchet)
{
    for (uint32_t i = 0; i < ratchet->skipped_count; i++) {
        mls_secret_give(pool, ratchet->skipped[i].key_nonce, MLS_MESSAGE_KEY_BYTES);
    }
    memory_release(memory, ratchet->skipped);
    mls_secret_give(pool, ratchet->secret, MLS_HASH_MAX_BYTES);
    *ratchet = (struct mls_ratchet){.generation = 0};
}

void mls_sender_ratchets_destroy(struct memory *memory, struct mls_secret_pool *pool,
                                 struct mls_sender_ratchets *ratchets)
{
    if (ratchets == NULL) {
        return;
    }
    for (size_t kind = 0; kind < MLS_RATCHET_KINDS; kind++) {
        ratchet_clear(memory, pool, &ratchets->ratchet[kind]);
    }
    memory_release(memory, ratchets);
}

enum mls_error mls_secret_tree_create_empty(struct memory *memory, struct mls_secret_pool *pool,
                                            const struct mls_suite *suite, uint32_t leaf_width,
                                            struct mls_secret_tree **out)
{
    struct mls_secret_tree *tree = memory_allocate_zero(memory, sizeof(*tree));
    if (tree == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    tree->memory = memory;
    tree->pool = pool;
    tree->suite = suite;
    tree->leaf_width = leaf_width;
    tree->node_secrets =
        memory_allocate_zero(memory, mls_node_count(leaf_width) * sizeof(uint8_t *));
    tree->senders = memory_allocate_zero(memory, leaf_width * sizeof(*tree->senders));
    if (tree->node_secrets == NULL || tree->senders == NULL) {
        memory_release(memory, tree->node_secrets);
        memory_release(memory, tree->senders);
        memory_release(memory, tree);
        return MLS_ERR_NO_MEMORY;
    }
    *out = tree;
    return MLS_OK;
}

enum mls_error mls_secret_tree_create(struct memory *memory, struct mls_secret_pool *pool,
                                      const struct mls_suite *suite, uint32_t leaf_width,
                                      const uint8_t *encryption_secret,
                                      struct mls_secret_tree **out)
{
    struct mls_secret_tree *tree = NULL;
    enum mls_error error = mls_secret_tree_create_empty(memory, pool, suite, leaf_width, &tree);
    if (error == MLS_OK) {
        error = mls_secret_tree_put_node(tree, mls_node_root(leaf_width), encryption_secret);
    }
    if (error != MLS_OK) {
        mls_secret_tree_destroy(tree);
        return error;
    }
    *out = tree;
    return MLS_OK;
}

void mls_secret_tree_destroy(struct mls_secret_tree *tree)
{
    if (tree == NULL) {
        return;
    }
    for (uint32_t i = 0; i < mls_node_count(tree->leaf_width); i++) {
        mls_secret_give(tree->pool, tree->node_secrets[i], MLS_HASH_MAX_BYTES);
    }
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        mls_sender_ratchets_destroy(tree->memory, tree->pool, tree->senders[i]);
    }
    memory_release(tree->memory, tree->node_secrets);
    memory_release(tree->memory, tree->senders);
    memory_release(tree->memory, tree);
}

enum mls_error mls_secret_tree_put_node(struct mls_secret_tree *tree, uint32_t node,
                                        const uint8_t *secret)
{
    COLUMBA_ASSERT(node < mls_node_count(tree->leaf_width) && tree->node_secrets[node] == NULL);
    uint8_t *copy = mls_secret_take(tree->pool, MLS_HASH_MAX_BYTES);
    if (copy == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    memcpy(copy, secret, tree->suite->hash_bytes);
    tree->node_secrets[node] = copy;
    return MLS_OK;
}

void mls_secret_tree_put_sender(struct mls_secret_tree *tree, uint32_t leaf,
                                struct mls_sender_ratchets *ratchets)
{
    COLUMBA_ASSERT(leaf < tree->leaf_width && tree->senders[leaf] == NULL);
    tree->senders[leaf] = ratchets;
}

/* Room for one more, at the place of a generation. */
static enum mls_error open_place(struct mls_secret_tree *tree, struct mls_ratchet *ratchet,
                                 uint32_t generation, uint32_t *out_at)
{
    if (ratchet->skipped_count == ratchet->skipped_room) {
        uint32_t room = ratchet->skipped_room == 0 ? 4 : 2 * ratchet->skipped_room;
        struct mls_skipped_key *grown = memory_allocate(tree->memory, room * sizeof(*grown));
        if (grown == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
        if (ratchet->skipped_count > 0) {
            memcpy(grown, ratchet->skipped, ratchet->skipped_count * sizeof(*grown));
        }
        memory_release(tree->memory, ratchet->skipped);
        ratchet->skipped = grown;
        ratchet->skipped_room = room;
    }
    uint32_t at = ratchet->skipped_count;
    while (at > 0 && ratchet->skipped[at - 1].generation > generation) {
        at--;
    }
    *out_at = at;
    return at > 0 && ratchet->skipped[at - 1].generation == generation ? MLS_ERR_STATE_MALFORMED
                                                                       : MLS_OK;
}

enum mls_error mls_secret_tree_put_skipped(struct mls_secret_tree *tree, uint32_t leaf,
                                           enum mls_ratchet_kind kind, uint32_t generation,
                                           const uint8_t *key_nonce)
{
    uint32_t at = 0;
    if (leaf >= tree->leaf_width || tree->senders[leaf] == NULL) {
        return MLS_ERR_STATE_MALFORMED;
    }
    struct mls_ratchet *ratchet = &tree->senders[leaf]->ratchet[kind];
    if (ratchet->skipped_count == MLS_OUT_OF_ORDER_MAX ||
        (generation >= ratchet->generation && !ratchet->exhausted)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    uint8_t *copy = mls_secret_take_copy(tree->pool, key_nonce, MLS_MESSAGE_KEY_BYTES);
    enum mls_error error =
        copy == NULL ? MLS_ERR_NO_MEMORY : open_place(tree, ratchet, generation, &at);
    if (error != MLS_OK) {
        mls_secret_give(tree->pool, copy, MLS_MESSAGE_KEY_BYTES);
        return error;
    }
    memmove(&ratchet->skipped[at + 1], &ratchet->skipped[at],
            (ratchet->skipped_count - at) * sizeof(*ratchet->skipped));
    ratchet->skipped[at] = (struct mls_skipped_key){.generation = generation, .key_nonce = copy};
    ratchet->skipped_count++;
    return MLS_OK;
}

enum mls_error mls_secret_tree_next(const struct mls_secret_tree *tree, uint32_t leaf,
                                    enum mls_ratchet_kind kind, uint32_t *out_generation)
{
    COLUMBA_ASSERT(leaf < tree->leaf_width);
    const struct mls_sender_ratchets *sender = tree->senders[leaf];
    if (sender != NULL && sender->ratchet[kind].exhausted) {
        return MLS_ERR_REPLAYED;
    }
    *out_generation = sender == NULL ? 0 : sender->ratchet[kind].generation;
    return MLS_OK;
}

/* Both ratchets of a sender from the secret of its leaf. */
static enum mls_error ratchets_create(struct mls_secret_tree *tree, const uint8_t *leaf_secret,
                                      struct mls_sender_ratchets **out)
{
    static const char *const labels[MLS_RATCHET_KINDS] = {"handshake", "application"};
    struct mls_sender_ratchets *ratchets = memory_allocate_zero(tree->memory, sizeof(*ratchets));
    if (ratchets == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    for (size_t kind = 0; kind < MLS_RATCHET_KINDS; kind++) {
        uint8_t *secret = mls_secret_take(tree->pool, MLS_HASH_MAX_BYTES);
        if (secret == NULL) {
            mls_sender_ratchets_destroy(tree->memory, tree->pool, ratchets);
            return MLS_ERR_NO_MEMORY;
        }
        mls_derive_secret(tree->suite, leaf_secret, labels[kind], secret);
        ratchets->ratchet[kind].secret = secret;
    }
    *out = ratchets;
    return MLS_OK;
}

/*
 * From the lowest secret above a leaf down to it. The secrets beside the way are kept in the step;
 * those on it are only passed through.
 */
static enum mls_error descend(struct mls_secret_tree *tree, struct mls_secret_step *step)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    uint8_t child[MLS_HASH_MAX_BYTES];
    uint32_t level = 0;
    uint32_t depth = mls_node_level(mls_node_root(tree->leaf_width));
    while (level < depth && tree->node_secrets[mls_node_at_level(step->leaf, level)] == NULL) {
        level++;
    }
    step->top = mls_node_at_level(step->leaf, level);
    if (tree->node_secrets[step->top] == NULL) {
        return MLS_ERR_REPLAYED;
    }
    memcpy(secret, tree->node_secrets[step->top], tree->suite->hash_bytes);
    enum mls_error error = MLS_OK;
    while (level > 0 && error == MLS_OK) {
        uint32_t node = mls_node_at_level(step->leaf, level);
        bool goes_right = mls_node_at_level(step->leaf, level - 1) == mls_node_right(node);
        uint8_t *beside = mls_secret_take(tree->pool, MLS_HASH_MAX_BYTES);
        if (beside == NULL) {
            error = MLS_ERR_NO_MEMORY;
            break;
        }
        level--;
        step->copath[level] = beside;
        mls_expand_with_label(tree->suite, secret, "tree",
                              slice_of_text(goes_right ? "left" : "right"), beside,
                              tree->suite->hash_bytes);
        mls_expand_with_label(tree->suite, secret, "tree",
                              slice_of_text(goes_right ? "right" : "left"), child,
                              tree->suite->hash_bytes);
        memcpy(secret, child, sizeof(secret));
    }
    if (error == MLS_OK) {
        error = ratchets_create(tree, secret, &step->fresh);
    }
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(child, sizeof(child));
    return error;
}

/* Key and nonce of a generation, one after the other. */
static void derive_key(const struct mls_suite *suite, const uint8_t *secret, uint32_t generation,
                       uint8_t *out_key, uint8_t *out_nonce)
{
    mls_derive_tree_secret(suite, secret, "nonce", generation, out_nonce, suite->aead_nonce_bytes);
    mls_derive_tree_secret(suite, secret, "key", generation, out_key, suite->aead_key_bytes);
}

/* Appends the keys of generations that are skipped; only the newest are worth keeping. */
static enum mls_error skip_to(struct mls_secret_tree *tree, struct mls_ratchet *next,
                              uint32_t generation)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    enum mls_error error = MLS_OK;
    while (next->generation < generation && error == MLS_OK) {
        if (generation - next->generation <= MLS_OUT_OF_ORDER_MAX) {
            uint8_t *kept = mls_secret_take(tree->pool, MLS_MESSAGE_KEY_BYTES);
            if (kept == NULL) {
                error = MLS_ERR_NO_MEMORY;
                break;
            }
            derive_key(tree->suite, next->secret, next->generation, kept,
                       kept + MLS_AEAD_KEY_MAX_BYTES);
            next->skipped[next->skipped_count++] =
                (struct mls_skipped_key){.generation = next->generation, .key_nonce = kept};
        }
        mls_derive_tree_secret(tree->suite, next->secret, "secret", next->generation, secret,
                               tree->suite->hash_bytes);
        memcpy(next->secret, secret, tree->suite->hash_bytes);
        next->generation++;
    }
    sodium_memzero(secret, sizeof(secret));
    return error;
}

/* Room for the keys that were kept and those that this step keeps. */
static uint32_t skipped_room(uint32_t kept, uint32_t ahead)
{
    return ahead >= MLS_OUT_OF_ORDER_MAX || kept + ahead > MLS_OUT_OF_ORDER_MAX
               ? MLS_OUT_OF_ORDER_MAX
               : kept + ahead;
}

/* The ratchet after a message of a generation that lies ahead; its key goes into the step. */
static enum mls_error step_forward(struct mls_secret_tree *tree, const struct mls_ratchet *ratchet,
                                   struct mls_secret_step *step)
{
    struct mls_ratchet *next = &step->next;
    uint8_t secret[MLS_HASH_MAX_BYTES];
    uint32_t ahead = step->generation - ratchet->generation;
    next->generation = ratchet->generation;
    next->secret = mls_secret_take_copy(tree->pool, ratchet->secret, MLS_HASH_MAX_BYTES);
    if (next->secret == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    if (ahead > 0) {
        next->skipped_room = skipped_room(ratchet->skipped_count, ahead);
        next->skipped = memory_allocate(tree->memory, next->skipped_room * sizeof(*next->skipped));
        if (next->skipped == NULL) {
            return MLS_ERR_NO_MEMORY;
        }
    }
    enum mls_error error = skip_to(tree, next, step->generation);
    if (error != MLS_OK) {
        return error;
    }
    derive_key(tree->suite, next->secret, next->generation, step->key, step->nonce);
    mls_derive_tree_secret(tree->suite, next->secret, "secret", next->generation, secret,
                           tree->suite->hash_bytes);
    memcpy(next->secret, secret, tree->suite->hash_bytes);
    sodium_memzero(secret, sizeof(secret));
    next->exhausted = next->generation == UINT32_MAX;
    next->generation += !next->exhausted;
    return MLS_OK;
}

static enum mls_error find_skipped(const struct mls_ratchet *ratchet, struct mls_secret_step *step)
{
    for (uint32_t i = 0; i < ratchet->skipped_count; i++) {
        if (ratchet->skipped[i].generation == step->generation) {
            const uint8_t *kept = ratchet->skipped[i].key_nonce;
            memcpy(step->key, kept, MLS_AEAD_KEY_MAX_BYTES);
            memcpy(step->nonce, kept + MLS_AEAD_KEY_MAX_BYTES, MLS_AEAD_NONCE_MAX_BYTES);
            step->was_skipped = true;
            return MLS_OK;
        }
    }
    return MLS_ERR_REPLAYED;
}

enum mls_error mls_secret_tree_find(struct mls_secret_tree *tree, uint32_t leaf,
                                    enum mls_ratchet_kind kind, uint32_t generation,
                                    struct mls_secret_step *out)
{
    COLUMBA_ASSERT(leaf < tree->leaf_width);
    *out = (struct mls_secret_step){.leaf = leaf, .kind = kind, .generation = generation};
    enum mls_error error = MLS_OK;
    const struct mls_sender_ratchets *sender = tree->senders[leaf];
    if (sender == NULL) {
        if (generation > MLS_FORWARD_MAX) {
            return MLS_ERR_TOO_FAR_AHEAD;
        }
        error = descend(tree, out);
        sender = out->fresh;
    }
    if (error == MLS_OK) {
        const struct mls_ratchet *ratchet = &sender->ratchet[kind];
        if (generation < ratchet->generation || ratchet->exhausted) {
            error = find_skipped(ratchet, out);
        } else if (generation - ratchet->generation > MLS_FORWARD_MAX) {
            error = MLS_ERR_TOO_FAR_AHEAD;
        } else {
            error = step_forward(tree, ratchet, out);
        }
    }
    if (error != MLS_OK) {
        mls_secret_tree_drop(tree, out);
    }
    return error;
}

void mls_secret_tree_drop(struct mls_secret_tree *tree, struct mls_secret_step *step)
{
    for (uint32_t level = 0; level < MLS_DEPTH_MAX; level++) {
        mls_secret_give(tree->pool, step->copath[level], MLS_HASH_MAX_BYTES);
    }
    mls_sender_ratchets_destroy(tree->memory, tree->pool, step->fresh);
    ratchet_clear(tree->memory, tree->pool, &step->next);
    sodium_memzero(step, sizeof(*step));
}

/* The secrets beside the way take the place of the one they came from. */
static void consume_nodes(struct mls_secret_tree *tree, struct mls_secret_step *step)
{
    mls_secret_give(tree->pool, tree->node_secrets[step->top], MLS_HASH_MAX_BYTES);
    tree->node_secrets[step->top] = NULL;
    for (uint32_t level = 0; level < MLS_DEPTH_MAX; level++) {
        if (step->copath[level] != NULL) {
            uint32_t sibling = mls_node_sibling(mls_node_at_level(step->leaf, level));
            tree->node_secrets[sibling] = step->copath[level];
            step->copath[level] = NULL;
        }
    }
    tree->senders[step->leaf] = step->fresh;
    step->fresh = NULL;
}

static void forget_skipped(struct mls_secret_tree *tree, struct mls_ratchet *ratchet, uint32_t at)
{
    mls_secret_give(tree->pool, ratchet->skipped[at].key_nonce, MLS_MESSAGE_KEY_BYTES);
    ratchet->skipped_count--;
    memmove(&ratchet->skipped[at], &ratchet->skipped[at + 1],
            (ratchet->skipped_count - at) * sizeof(*ratchet->skipped));
}

/* The kept keys of before and of this step, oldest first, in the step's array. */
static void merge_skipped(struct mls_secret_tree *tree, struct mls_ratchet *ratchet,
                          struct mls_ratchet *next)
{
    if (next->skipped == NULL) {
        return;
    }
    while (ratchet->skipped_count + next->skipped_count > next->skipped_room) {
        forget_skipped(tree, ratchet, 0);
    }
    memmove(next->skipped + ratchet->skipped_count, next->skipped,
            next->skipped_count * sizeof(*next->skipped));
    if (ratchet->skipped_count > 0) {
        memcpy(next->skipped, ratchet->skipped, ratchet->skipped_count * sizeof(*next->skipped));
    }
    memory_release(tree->memory, ratchet->skipped);
    ratchet->skipped = next->skipped;
    ratchet->skipped_room = next->skipped_room;
    ratchet->skipped_count += next->skipped_count;
    next->skipped = NULL;
    next->skipped_count = 0;
}

static void consume_step(struct mls_secret_tree *tree, struct mls_ratchet *ratchet,
                         struct mls_secret_step *step)
{
    if (step->was_skipped) {
        for (uint32_t i = 0; i < ratchet->skipped_count; i++) {
            if (ratchet->skipped[i].generation == step->generation) {
                forget_skipped(tree, ratchet, i);
                return;
            }
        }
        return;
    }
    merge_skipped(tree, ratchet, &step->next);
    mls_secret_give(tree->pool, ratchet->secret, MLS_HASH_MAX_BYTES);
    ratchet->secret = step->next.secret;
    ratchet->generation = step->next.generation;
    ratchet->exhausted = step->next.exhausted;
    step->next.secret = NULL;
}

void mls_secret_tree_consume(struct mls_secret_tree *tree, struct mls_secret_step *step)
{
    if (step->fresh != NULL) {
        consume_nodes(tree, step);
    }
    consume_step(tree, &tree->senders[step->leaf]->ratchet[step->kind], step);
    mls_secret_tree_drop(tree, step);
}
