#include <sodium.h>

#include "client/mls/extension.h"
#include "client/mls/group.h"

/* The reserved values that everyone must ignore (13.5); a random one keeps others honest. */
#define GREASE_VALUES 15u

enum mls_error mls_identity_load(const struct mls_environment *environment, uint16_t suite_id,
                                 struct slice basic_identity, struct slice seed,
                                 struct mls_identity **out)
{
    const struct mls_suite *suite = mls_suite_find(suite_id);
    *out = NULL;
    if (suite == NULL) {
        return MLS_ERR_SUITE;
    }
    if (seed.size != suite->signature_seed_bytes) {
        return MLS_ERR_ARGUMENT;
    }
    struct mls_environment filled = mls_environment_filled(environment);
    struct mls_identity *identity = memory_allocate_zero(filled.memory, sizeof(*identity));
    if (identity == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    identity->environment = filled;
    identity->suite = suite;
    identity->basic_identity = mls_buffer_of(filled.memory);
    mls_secret_pool_init(&identity->pool, filled.guarded);
    identity->seed = mls_secret_take_copy(&identity->pool, seed.data, seed.size);
    identity->private_key = mls_secret_take(&identity->pool, suite->signature_private_bytes);
    mls_write_bytes(&identity->basic_identity, basic_identity);
    if (identity->seed == NULL || identity->private_key == NULL ||
        identity->basic_identity.failed) {
        mls_identity_destroy(identity);
        return MLS_ERR_NO_MEMORY;
    }
    suite->signature_keys(identity->seed, identity->public_key, identity->private_key);
    *out = identity;
    return MLS_OK;
}

enum mls_error mls_identity_create(const struct mls_environment *environment, uint16_t suite_id,
                                   struct slice basic_identity, struct mls_identity **out)
{
    uint8_t seed[MLS_SIGNATURE_KEY_MAX_BYTES];
    const struct mls_suite *suite = mls_suite_find(suite_id);
    *out = NULL;
    if (suite == NULL) {
        return MLS_ERR_SUITE;
    }
    struct mls_environment filled = mls_environment_filled(environment);
    mls_environment_random(&filled, seed, suite->signature_seed_bytes);
    enum mls_error error = mls_identity_load(&filled, suite_id, basic_identity,
                                             slice_of(seed, suite->signature_seed_bytes), out);
    sodium_memzero(seed, sizeof(seed));
    return error;
}

void mls_identity_destroy(struct mls_identity *identity)
{
    if (identity == NULL) {
        return;
    }
    mls_buffer_clear(&identity->basic_identity);
    mls_secret_give(&identity->pool, identity->seed, identity->suite->signature_seed_bytes);
    mls_secret_give(&identity->pool, identity->private_key,
                    identity->suite->signature_private_bytes);
    memory_release(identity->environment.memory, identity);
}

struct slice mls_identity_seed(const struct mls_identity *identity)
{
    return slice_of(identity->seed, identity->suite->signature_seed_bytes);
}

struct slice mls_identity_signature_key(const struct mls_identity *identity)
{
    return slice_of(identity->public_key, identity->suite->signature_public_bytes);
}

enum mls_error mls_identity_support_extension(struct mls_identity *identity, uint16_t type)
{
    if (identity->supported_count == MLS_SUPPORTED_MAX) {
        return MLS_ERR_LIMIT;
    }
    if (mls_extension_is_default(type)) {
        return MLS_ERR_ARGUMENT;
    }
    identity->supported[identity->supported_count++] = type;
    return MLS_OK;
}

static uint16_t grease(const struct mls_identity *identity)
{
    uint8_t number;
    mls_environment_random(&identity->environment, &number, 1);
    return (uint16_t)(0x0a0a + 0x1010 * (number % GREASE_VALUES));
}

static void write_capabilities(const struct mls_identity *identity, bool last_resort,
                               struct mls_buffer *out)
{
    uint16_t versions[] = {MLS_VERSION_10};
    uint16_t suites[] = {identity->suite->id, grease(identity)};
    uint16_t extensions[MLS_SUPPORTED_MAX + 2];
    uint16_t proposals[] = {grease(identity)};
    uint16_t credentials[] = {MLS_CREDENTIAL_BASIC, grease(identity)};
    size_t count = 0;
    for (; count < identity->supported_count; count++) {
        extensions[count] = identity->supported[count];
    }
    if (last_resort) {
        extensions[count++] = MLS_EXTENSION_LAST_RESORT;
    }
    extensions[count++] = grease(identity);
    mls_write_types(out, versions, 1);
    mls_write_types(out, suites, 2);
    mls_write_types(out, extensions, count);
    mls_write_types(out, proposals, 1);
    mls_write_types(out, credentials, 2);
}

/* How far back a leaf is valid, for clocks that are behind. */
static uint64_t margin_s(const struct mls_environment *environment)
{
    uint64_t half = mls_environment_lifetime_max_s(environment) / 2;
    return half < MLS_LIFETIME_MARGIN_S ? half : MLS_LIFETIME_MARGIN_S;
}

uint64_t mls_identity_lifetime_max_s(const struct mls_identity *identity)
{
    const struct mls_environment *environment = &identity->environment;
    return mls_environment_lifetime_max_s(environment) - margin_s(environment);
}

static uint64_t lifetime_s(const struct mls_identity *identity, uint64_t wanted)
{
    uint64_t max = mls_identity_lifetime_max_s(identity);
    uint64_t chosen = wanted == 0 ? MLS_LIFETIME_DEFAULT_S : wanted;
    return chosen < max ? chosen : max;
}

static void write_source(const struct mls_identity *identity, const struct mls_own_leaf *leaf,
                         struct mls_buffer *out)
{
    mls_write_u8(out, (uint8_t)leaf->source);
    if (leaf->source == MLS_LEAF_COMMIT) {
        mls_write_vector(out, leaf->parent_hash);
    } else if (leaf->source == MLS_LEAF_KEY_PACKAGE) {
        uint64_t now = mls_environment_now_s(&identity->environment);
        uint64_t margin = margin_s(&identity->environment);
        bool has_clock = identity->environment.now_s != NULL;
        mls_write_u64(out, now < margin ? 0 : now - margin);
        mls_write_u64(out, has_clock ? now + lifetime_s(identity, leaf->lifetime_s) : UINT64_MAX);
    }
}

enum mls_error mls_identity_write_leaf(const struct mls_identity *identity,
                                       const struct mls_own_leaf *leaf, struct mls_buffer *out)
{
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    size_t start = out->size;
    mls_write_vector(out, leaf->encryption_key);
    mls_write_vector(out, mls_identity_signature_key(identity));
    mls_write_u16(out, MLS_CREDENTIAL_BASIC);
    mls_write_vector(out, mls_buffer_done(&identity->basic_identity));
    write_capabilities(identity, leaf->last_resort, out);
    write_source(identity, leaf, out);
    mls_write_vector(out, leaf->extensions);
    if (out->failed) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = mls_leaf_node_sign(
        identity->suite, identity->environment.memory, identity->private_key, leaf->source,
        slice_of(out->data + start, out->size - start), leaf->group_id, leaf->leaf, signature);
    mls_write_vector(out, slice_of(signature, identity->suite->signature_bytes));
    return error == MLS_OK && out->failed ? MLS_ERR_NO_MEMORY : error;
}
