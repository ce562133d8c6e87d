/* Commits and update paths on the wire (RFC 9420 sections 7.6 and 12.4). */
#ifndef COLUMBA_MLS_COMMIT_H
#define COLUMBA_MLS_COMMIT_H

#include "client/mls/proposal.h"

struct mls_proposal_or_ref {
    bool is_reference;
    union {
        struct mls_proposal proposal;
        struct slice reference;
    };
};

struct mls_path_node {
    struct slice encryption_key;
    struct slice ciphertexts; /* the vector's content: kem output and ciphertext, each a vector */
    uint32_t ciphertext_count;
};

struct mls_update_path {
    struct mls_leaf_node leaf;
    struct mls_path_node *nodes;
    uint32_t node_count;
};

struct mls_commit {
    struct mls_proposal_or_ref *proposals;
    uint32_t proposal_count;
    bool has_path;
    struct mls_update_path path;
};

enum mls_error mls_read_commit(struct reader *reader, struct arena *arena, struct mls_commit *out);
void mls_write_commit(struct mls_buffer *buffer, const struct mls_commit *commit);

enum mls_error mls_read_update_path(struct reader *reader, struct arena *arena,
                                    struct mls_update_path *out);
void mls_write_update_path(struct mls_buffer *buffer, const struct mls_update_path *path);
/* The n-th ciphertext of a path node; n is below ciphertext_count. */
void mls_path_node_ciphertext(const struct mls_path_node *node, uint32_t n,
                              struct slice *out_kem_output, struct slice *out_ciphertext);

#endif
