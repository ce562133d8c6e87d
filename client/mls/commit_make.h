/*
 * Making a commit (RFC 9420 section 12.4.1), step by step; the steps are the same for a member's
 * commit and for that of a client who joins from outside.
 *
 *   mls_maker_init        a clone of the tree to work on
 *   (the caller writes proposals into `list` and applies them to the clone)
 *   mls_maker_make_path   where the commit has one
 *   mls_maker_finish      signs, advances to the next epoch, protects
 *
 * What was made is in `staged`; the caller takes it (and sets it NULL) or clears all.
 */
#ifndef COLUMBA_MLS_COMMIT_MAKE_H
#define COLUMBA_MLS_COMMIT_MAKE_H

#include "client/mls/group.h"

struct mls_maker_secrets {
    struct mls_path_secrets path;
    uint8_t init[MLS_HASH_MAX_BYTES];
    uint8_t psk[MLS_HASH_MAX_BYTES];
    uint8_t joiner[MLS_HASH_MAX_BYTES];
    uint8_t welcome[MLS_HASH_MAX_BYTES];
};

struct mls_maker {
    struct mls_group *group;
    struct mls_epoch *from;
    struct arena arena;
    struct mls_change change;
    struct mls_buffer list; /* the content of the vector of ProposalOrRef */
    struct mls_buffer path; /* the UpdatePath */
    bool has_path;
    struct mls_buffer provisional;
    struct mls_filtered_path filtered;
    struct mls_psk_sources sources;
    struct mls_maker_secrets *guarded; /* in the pool; all zero at first */
    struct mls_staged *staged;
    uint8_t tag[MLS_HASH_MAX_BYTES];
};

/* Clear it whatever comes of it. */
enum mls_error mls_maker_init(struct mls_maker *maker, struct mls_group *group,
                              struct mls_epoch *from);
void mls_maker_clear(struct mls_maker *maker);
enum mls_error mls_maker_make_path(struct mls_maker *maker);
/* guarded->init is what the schedule starts from. */
enum mls_error mls_maker_finish(struct mls_maker *maker, enum mls_coat coat, struct slice aad,
                                struct mls_buffer *out_commit, struct mls_secret_step *step,
                                bool *out_has_step);
/* welcome_make.c: the welcome for those who were added. */
enum mls_error mls_maker_welcome(struct mls_maker *maker, bool with_tree, struct mls_buffer *out);

/* commit_member.c: a proposal of a pre-shared key under a fresh nonce. */
enum mls_error mls_maker_append_psk(struct mls_maker *maker, struct mls_psk_id *id);

/* The resumption key that ties a new group to the one before it. */
struct mls_successor_psk {
    const struct mls_group *group;
    struct mls_psk_id id;
};
/* mls_group_commit without its checks; `successor` may be NULL. */
enum mls_error mls_group_commit_as(struct mls_group *group,
                                   const struct mls_commit_options *options,
                                   const struct mls_successor_psk *successor,
                                   struct mls_commit_bundle *out);

#endif
