/*
 * The secret tree of one epoch (RFC 9420 section 9): from the encryption secret to one (key,
 * nonce) for each message of each sender.
 *
 * Happy path: mls_secret_tree_find derives the key of a message without changing the tree; once
 * the message has proved right, mls_secret_tree_consume makes the step, after which that key and
 * all that leads to it are gone (9.2). A message that proves wrong leaves no trace.
 *
 * Each node's secret lives until a sender below it is first met; then its children's take its
 * place. Each sender has two ratchets, handshake and application, each with its next generation,
 * its secret, and the keys of generations that were skipped.
 */
#ifndef COLUMBA_MLS_SECRET_TREE_H
#define COLUMBA_MLS_SECRET_TREE_H

#include "client/mls/error.h"
#include "client/mls/limits.h"
#include "client/mls/secret_pool.h"
#include "client/mls/suite.h"
#include "client/mls/tree_math.h"

enum mls_ratchet_kind {
    MLS_RATCHET_HANDSHAKE = 0,
    MLS_RATCHET_APPLICATION = 1,
    MLS_RATCHET_KINDS = 2,
};

#define MLS_MESSAGE_KEY_BYTES (MLS_AEAD_KEY_MAX_BYTES + MLS_AEAD_NONCE_MAX_BYTES)

struct mls_skipped_key {
    uint32_t generation;
    uint8_t *key_nonce; /* MLS_MESSAGE_KEY_BYTES in the pool */
};

struct mls_ratchet {
    uint32_t generation;             /* of the next key */
    bool exhausted;                  /* the last generation was used */
    uint8_t *secret;                 /* in the pool */
    struct mls_skipped_key *skipped; /* oldest first */
    uint32_t skipped_count;
    uint32_t skipped_room;
};

struct mls_sender_ratchets {
    struct mls_ratchet ratchet[MLS_RATCHET_KINDS];
};

struct mls_secret_tree {
    struct memory *memory;
    struct mls_secret_pool *pool;
    const struct mls_suite *suite;
    uint32_t leaf_width;
    uint8_t **node_secrets; /* a node's, in the pool; NULL once consumed or not yet derived */
    struct mls_sender_ratchets **senders;
};

/* What one message does to the tree, found but not yet made. */
struct mls_secret_step {
    uint32_t leaf;
    enum mls_ratchet_kind kind;
    uint32_t generation;
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    /* The rest is the tree's own. */
    struct mls_sender_ratchets *fresh; /* the sender is met for the first time */
    uint8_t *copath[MLS_DEPTH_MAX];    /* secrets of the nodes beside the way down */
    uint32_t top;                      /* the node whose secret was found on the way */
    struct mls_ratchet next;           /* the ratchet after the step */
    bool was_skipped;
};

/* `encryption_secret` is copied into the pool. */
enum mls_error mls_secret_tree_create(struct memory *memory, struct mls_secret_pool *pool,
                                      const struct mls_suite *suite, uint32_t leaf_width,
                                      const uint8_t *encryption_secret,
                                      struct mls_secret_tree **out);
/* NULL is fine. */
void mls_secret_tree_destroy(struct mls_secret_tree *tree);

/* The generation a sender's next message has; REPLAYED where the ratchet is spent. */
enum mls_error mls_secret_tree_next(const struct mls_secret_tree *tree, uint32_t leaf,
                                    enum mls_ratchet_kind kind, uint32_t *out_generation);
/*
 * Finds a key. REPLAYED: it was used or given up; TOO_FAR_AHEAD; NO_MEMORY. After success call
 * consume or drop, once.
 */
enum mls_error mls_secret_tree_find(struct mls_secret_tree *tree, uint32_t leaf,
                                    enum mls_ratchet_kind kind, uint32_t generation,
                                    struct mls_secret_step *out);
/* Cannot fail. */
void mls_secret_tree_consume(struct mls_secret_tree *tree, struct mls_secret_step *step);
void mls_secret_tree_drop(struct mls_secret_tree *tree, struct mls_secret_step *step);

/* For a stored tree: an empty one, to which nodes and senders are added. */
enum mls_error mls_secret_tree_create_empty(struct memory *memory, struct mls_secret_pool *pool,
                                            const struct mls_suite *suite, uint32_t leaf_width,
                                            struct mls_secret_tree **out);
enum mls_error mls_secret_tree_put_node(struct mls_secret_tree *tree, uint32_t node,
                                        const uint8_t *secret);
/* Takes the ratchets, whose blocks are of the tree's pool. */
void mls_secret_tree_put_sender(struct mls_secret_tree *tree, uint32_t leaf,
                                struct mls_sender_ratchets *ratchets);
/* The key of an overtaken message, for a ratchet that is there, in any order. STATE_MALFORMED. */
enum mls_error mls_secret_tree_put_skipped(struct mls_secret_tree *tree, uint32_t leaf,
                                           enum mls_ratchet_kind kind, uint32_t generation,
                                           const uint8_t *key_nonce);
/* Gives back all that the ratchets hold, and themselves. */
void mls_sender_ratchets_destroy(struct memory *memory, struct mls_secret_pool *pool,
                                 struct mls_sender_ratchets *ratchets);

#endif
