/*
 * The vector runner: one function for each shape of published test vector. A case passes, fails
 * (and says where), or is skipped because its cipher suite is not supported.
 */
#ifndef COLUMBA_MLS_TOOLS_VECTORS_H
#define COLUMBA_MLS_TOOLS_VECTORS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "client/mls/codec.h"
#include "client/mls/suite.h"

struct vector_case {
    json_t *json;
    struct arena arena; /* holds whatever the case parsed; reset between cases */
    struct memory *memory;
    const struct mls_suite *suite; /* where the case names one we have */
    const char *failed_at;         /* function and line of the first expectation that failed */
    int failed_line;
    const char *reason;
};

/* True: it passed. */
typedef bool vector_run(struct vector_case *vector);

#define VECTOR_EXPECT(vector, condition)                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            return vector_fail((vector), #condition, __func__, __LINE__);                          \
        }                                                                                          \
    } while (0)

/* Always false. */
bool vector_fail(struct vector_case *vector, const char *reason, const char *function, int line);
/* A hex string, decoded into the arena; empty where there is none. */
struct slice vector_hex(struct vector_case *vector, const json_t *object, const char *key);
struct slice vector_hex_value(struct vector_case *vector, const json_t *value);
uint64_t vector_number(const json_t *object, const char *key);
/* Whether the bytes are those that the object has in hex. */
bool vector_equals(struct vector_case *vector, const json_t *object, const char *key,
                   const void *bytes, size_t size);

vector_run vector_crypto_basics, vector_deserialization, vector_tree_math, vector_key_schedule,
    vector_psk_secret, vector_transcript_hashes, vector_secret_tree, vector_message_protection,
    vector_welcome, vector_tree_operations, vector_tree_validation, vector_treekem, vector_messages,
    vector_passive_client, vector_hpke;

#endif
