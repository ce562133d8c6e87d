/*
 * Groups that follow a group (RFC 9420 sections 11.2 and 11.3): a reinitialised one takes its place
 * with new parameters, a branch is made of some of its members. Both start from a commit that
 * injects a resumption key of the old group, which proves membership there.
 *
 * Members of the two groups are matched by their credentials, byte for byte.
 */
#include <sodium.h>
#include <stdlib.h>

#include "client/mls/commit_make.h"

/* -- members -- */

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static size_t list_credentials(const struct mls_tree *tree, struct slice *out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < tree->leaf_width; i++) {
        const struct mls_leaf_node *leaf = mls_tree_leaf(tree, i);
        if (leaf != NULL) {
            out[count++] = leaf->credential.encoded;
        }
    }
    qsort(out, count, sizeof(*out), by_bytes);
    return count;
}

/* Whether each member of one tree is in the other. */
static enum mls_error check_subset(const struct mls_tree *some, const struct mls_tree *all)
{
    struct slice *list = memory_allocate(all->memory, all->member_count * sizeof(*list));
    if (list == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    size_t count = list_credentials(all, list);
    enum mls_error error = MLS_OK;
    for (uint32_t i = 0; i < some->leaf_width && error == MLS_OK; i++) {
        const struct mls_leaf_node *leaf = mls_tree_leaf(some, i);
        if (leaf != NULL &&
            bsearch(&leaf->credential.encoded, list, count, sizeof(*list), by_bytes) == NULL) {
            error = MLS_ERR_SUCCESSOR_MEMBERS;
        }
    }
    memory_release(all->memory, list);
    return error;
}

/* -- parameters -- */

static enum mls_error read_reinit(const struct mls_group *group, struct arena *arena,
                                  const struct mls_reinit **out)
{
    struct mls_proposal proposal;
    struct reader reader = reader_of(mls_buffer_done(&group->reinit));
    if (group->state != MLS_GROUP_REINITIALISED) {
        return MLS_ERR_SUCCESSOR_PARAMETERS;
    }
    enum mls_error error = mls_read_proposal(&reader, arena, &proposal);
    if (error == MLS_OK) {
        *out = proposal.reinit;
    }
    return error;
}

bool mls_group_next_parameters(const struct mls_group *group, struct mls_reinit_options *out)
{
    struct arena arena;
    const struct mls_reinit *reinit = NULL;
    arena_init(&arena, group->memory, MLS_PARSE_ARENA_MAX_BYTES);
    bool found = read_reinit(group, &arena, &reinit) == MLS_OK;
    if (found) {
        *out = (struct mls_reinit_options){
            .group_id = reinit->group_id,
            .version = reinit->version,
            .suite = reinit->suite,
            .extensions = reinit->extensions,
        };
    }
    arena_clear(&arena);
    return found;
}

static enum mls_error check_reinit(const struct mls_group *predecessor,
                                   const struct mls_epoch *epoch)
{
    struct arena arena;
    const struct mls_reinit *reinit = NULL;
    arena_init(&arena, predecessor->memory, MLS_PARSE_ARENA_MAX_BYTES);
    enum mls_error error = read_reinit(predecessor, &arena, &reinit);
    if (error == MLS_OK &&
        (!slice_equal(reinit->group_id, epoch->context.group_id) ||
         reinit->version != epoch->context.version || reinit->suite != epoch->context.suite ||
         !slice_equal(reinit->extensions, epoch->context.extensions))) {
        error = MLS_ERR_SUCCESSOR_PARAMETERS;
    }
    arena_clear(&arena);
    return error == MLS_OK ? check_subset(predecessor->current->tree, epoch->tree) : error;
}

static enum mls_error check_branch(const struct mls_group *predecessor,
                                   const struct mls_epoch *epoch)
{
    if (epoch->context.version != predecessor->current->context.version ||
        epoch->context.suite != predecessor->current->context.suite) {
        return MLS_ERR_SUCCESSOR_PARAMETERS;
    }
    /* Messages and resumption keys are told apart by the group's id, so it is unique (12.4.3.1). */
    if (slice_equal(epoch->context.group_id, mls_group_id(predecessor))) {
        return MLS_ERR_GROUP_KNOWN;
    }
    return check_subset(epoch->tree, predecessor->current->tree);
}

enum mls_error mls_successor_check(const struct mls_group *predecessor,
                                   const struct mls_psk_id *psks, uint32_t psk_count,
                                   const struct mls_epoch *epoch)
{
    for (uint32_t i = 0; i < psk_count; i++) {
        if (psks[i].type != MLS_PSK_RESUMPTION || psks[i].usage == MLS_PSK_APPLICATION) {
            continue;
        }
        if (epoch->context.epoch != 1) {
            return MLS_ERR_SUCCESSOR_EPOCH;
        }
        /* Its secret was found, so there is a predecessor, and the id names it. */
        return psks[i].usage == MLS_PSK_REINIT ? check_reinit(predecessor, epoch)
                                               : check_branch(predecessor, epoch);
    }
    return MLS_OK;
}

/* -- making one -- */

static enum mls_error found(const struct mls_group *group, const struct mls_group_options *options,
                            enum mls_successor_kind kind, struct mls_group **out)
{
    struct mls_group_options chosen = *options;
    struct arena arena;
    const struct mls_reinit *reinit = NULL;
    enum mls_error error = MLS_OK;
    chosen.storage = NULL;
    arena_init(&arena, group->memory, MLS_PARSE_ARENA_MAX_BYTES);
    if (kind == MLS_SUCCESSOR_REINIT) {
        error = read_reinit(group, &arena, &reinit);
        if (error == MLS_OK && reinit->suite != group->suite->id) {
            error = MLS_ERR_SUITE;
        }
        if (error == MLS_OK) {
            chosen.group_id = reinit->group_id;
            chosen.extensions = reinit->extensions;
        }
    } else if (group->state != MLS_GROUP_ACTIVE) {
        error = MLS_ERR_GROUP_CLOSED;
    }
    if (error == MLS_OK) {
        error = mls_group_create(group->identity, &chosen, out);
    }
    arena_clear(&arena);
    return error;
}

static enum mls_error add_members(const struct mls_group *group, struct mls_group *next,
                                  enum mls_successor_kind kind, const struct slice *packages,
                                  size_t package_count, struct mls_commit_bundle *bundle)
{
    struct mls_commit_options options = {
        .add = packages,
        .add_count = package_count,
        .with_path = true,
    };
    struct mls_successor_psk psk = {
        .group = group,
        .id = {.type = MLS_PSK_RESUMPTION,
               .usage = kind == MLS_SUCCESSOR_REINIT ? MLS_PSK_REINIT : MLS_PSK_BRANCH,
               .group_id = mls_group_id(group),
               .epoch = mls_group_epoch(group)},
    };
    enum mls_error error = mls_group_commit_as(next, &options, &psk, bundle);
    if (error == MLS_OK) {
        next->past_max = 0;
        error = mls_group_merge(next, MLS_STAGED_OWN);
        next->past_max = MLS_PAST_EPOCHS_DEFAULT;
    }
    if (error == MLS_OK) {
        error = mls_successor_check(group, &psk.id, 1, next->current);
    }
    return error;
}

enum mls_error mls_group_succeed(const struct mls_group *group, enum mls_successor_kind kind,
                                 const struct mls_group_options *options,
                                 const struct slice *packages, size_t package_count,
                                 struct mls_group **out, struct mls_buffer *out_welcome)
{
    static const struct mls_group_options defaults;
    const struct mls_group_options *chosen = options == NULL ? &defaults : options;
    struct mls_group *next = NULL;
    struct mls_commit_bundle bundle = {
        .commit = mls_buffer_of(group->memory),
        .welcome = mls_buffer_of(group->memory),
        .group_info = mls_buffer_of(group->memory),
    };
    *out_welcome = mls_buffer_of(group->memory);
    *out = NULL;
    enum mls_error error = found(group, chosen, kind, &next);
    if (error == MLS_OK) {
        error = add_members(group, next, kind, packages, package_count, &bundle);
    }
    if (error == MLS_OK) {
        next->storage = chosen->storage;
        struct mls_outcome outcome = {
            .call = MLS_CALL_SUCCEED,
            .welcome = mls_buffer_done(&bundle.welcome),
        };
        error = mls_group_store_all(next, &outcome);
    }
    if (error == MLS_OK) {
        *out_welcome = bundle.welcome;
        bundle.welcome = mls_buffer_of(group->memory);
        *out = next;
    } else {
        mls_group_destroy(next);
    }
    mls_commit_bundle_clear(&bundle);
    return error;
}
