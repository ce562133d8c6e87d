/*
 * Records of groups in memory, for columba-bench mls: counts what is written. One store has the
 * records of many groups; a group's storage is a view of it.
 */
#ifndef COLUMBA_BENCH_MLS_STORE_H
#define COLUMBA_BENCH_MLS_STORE_H

#include "client/mls/mls.h"

struct mls_store_record {
    uint8_t *key;
    uint8_t *value;
    size_t key_size;
    size_t value_size;
};

/* One group's. Not copied by value once a group has it. */
struct mls_store {
    struct mls_storage storage;
    struct mls_store_record *records;
    size_t count;
    size_t room;
    size_t puts; /* since they were last set to zero */
    size_t erases;
    size_t bytes; /* of keys and values that were put */
};

void mls_store_init(struct mls_store *store);
void mls_store_clear(struct mls_store *store);
void mls_store_copy(const struct mls_store *from, struct mls_store *out);
size_t mls_store_bytes(const struct mls_store *store);
/* The group that is in it. */
enum mls_error mls_store_restore(struct mls_store *store, struct mls_identity *identity,
                                 struct mls_group **out);

#endif
