/*
 * MLS clients for tests: deterministic randomness, a clock that stands still, memory and storage
 * that can be made to fail.
 */
#ifndef COLUMBA_TESTS_MLS_WORLD_H
#define COLUMBA_TESTS_MLS_WORLD_H

#include "client/mls/mls.h"

#define WORLD_NOW_S 1800000000ull
#define SUITE MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519

/* Counts what is out; fails the allocation whose number is `fail_at` (0: none). */
struct world_memory {
    struct memory memory;
    size_t allocations;
    size_t live;
    size_t bytes; /* handed out since it was last set to 0 */
    size_t fail_at;
};

struct world_entry {
    uint8_t *key;
    size_t key_size;
    uint8_t *value; /* NULL: erased */
    size_t value_size;
};

/* Records survive what the client does not; what is not committed does not survive. */
struct world_storage {
    struct mls_storage storage;
    struct world_entry *entries;
    size_t count;
    struct world_entry *changes;
    size_t change_count;
    bool open;
    size_t operations;
    size_t fail_at;    /* the operation of that number fails; 0: none */
    bool lose_commits; /* commits answer no and keep nothing */
    size_t lie_at;     /* the operation of that number, a commit, keeps all and answers no */
    bool lie_commits;  /* all do */
    bool holds;        /* commits answer yes, and wait for world_settle */
    size_t mark;       /* where the changes of the call under way begin */
    size_t puts;       /* of the group */
    size_t put_bytes;  /* keys and values */
    bool (*attend)(struct world_storage *storage, const struct mls_outcome *outcome);
    void *attend_context;
};

struct world_client {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
    struct world_storage *storage; /* NULL: none */
};

struct world_memory *world_memory(void);
void world_seed(uint64_t seed);
uint32_t world_random(uint32_t below);

void world_client_open(struct world_client *client, const char *name);
void world_client_close(struct world_client *client);
/* The policy in `environment` from now on. */
void world_use_policy(struct world_client *client);
void world_client_use_storage(struct world_client *client);
/* A fresh package in place of the last. */
struct slice world_package(struct world_client *client);
void world_create(struct world_client *client, const char *group_id);
/* Adds `joiner`; the others in `members` (NULLs are skipped) take the commit. */
void world_add(struct world_client *committer, struct world_client *joiner,
               struct world_client *const *members, size_t count);
void world_join(struct world_client *client, struct slice welcome);
/* A group of them all, by one commit of the first. */
void world_group(struct world_client *clients, size_t count);
void world_take_commit(struct world_client *client, struct slice commit);
/* All agree on epoch, authenticator and tree. */
void world_agree(struct world_client *clients, size_t count);
/* One sends, all others read. */
void world_talk(struct world_client *clients, size_t count, size_t sender);
struct mls_buffer world_save(const struct world_client *client);
/* Forgets the group and makes it again from its storage, or from a blob. */
void world_reload(struct world_client *client);

/* What is held becomes durable. */
void world_settle(struct world_storage *storage);
/* A record of the caller's own; `attend` puts them. */
bool world_note(struct world_storage *storage, struct slice key, struct slice value);
/* NULL: there is none. The value has a byte at its end that is not counted. */
const struct world_entry *world_find_note(const struct world_storage *storage, struct slice key);
/* The group that the storage has, or NULL. */
struct mls_group *world_restore(struct world_client *client);

struct world_storage *world_storage_open(void);
void world_storage_close(struct world_storage *storage);

#endif
