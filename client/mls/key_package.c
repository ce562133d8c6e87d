#include <sodium.h>

#include "client/mls/extension.h"
#include "client/mls/group.h"
#include "client/mls/label.h"

#define BLOB_VERSION 1u

static struct mls_key_package *allocate(const struct mls_environment *environment,
                                        const struct mls_suite *suite)
{
    struct mls_key_package *package = memory_allocate_zero(environment->memory, sizeof(*package));
    if (package == NULL) {
        return NULL;
    }
    package->memory = environment->memory;
    package->suite = suite;
    package->message = mls_buffer_of(environment->memory);
    mls_secret_pool_init(&package->pool, environment->guarded);
    package->init_private = mls_secret_take(&package->pool, suite->kem_private_bytes);
    package->encryption_private = mls_secret_take(&package->pool, suite->kem_private_bytes);
    if (package->init_private == NULL || package->encryption_private == NULL) {
        mls_key_package_destroy(package);
        return NULL;
    }
    return package;
}

void mls_key_package_destroy(struct mls_key_package *package)
{
    if (package == NULL) {
        return;
    }
    mls_buffer_clear(&package->message);
    mls_secret_give(&package->pool, package->init_private, package->suite->kem_private_bytes);
    mls_secret_give(&package->pool, package->encryption_private, package->suite->kem_private_bytes);
    memory_release(package->memory, package);
}

enum mls_error mls_key_package_read(struct slice message, struct mls_key_package_view *out)
{
    enum mls_wire_format format;
    struct reader reader = reader_of(message);
    enum mls_error error = mls_read_message_head(&reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    if (format != MLS_WIRE_KEY_PACKAGE) {
        return MLS_ERR_WIRE_FORMAT;
    }
    mls_read_key_package(&reader, out);
    return reader_is_done(&reader) ? MLS_OK : MLS_ERR_MALFORMED;
}

/* Reads the package's own message into its view. */
static enum mls_error look_at_message(struct mls_key_package *package)
{
    struct slice nothing;
    if (package->message.failed) {
        return MLS_ERR_NO_MEMORY;
    }
    enum mls_error error = mls_key_package_read(mls_buffer_done(&package->message), &package->view);
    if (error != MLS_OK) {
        return error;
    }
    package->last_resort =
        mls_extension_find(package->view.extensions, MLS_EXTENSION_LAST_RESORT, &nothing);
    mls_key_package_ref(package->suite, &package->view, package->reference);
    return MLS_OK;
}

static enum mls_error write_message(struct mls_key_package *package,
                                    const struct mls_identity *identity,
                                    const struct mls_key_package_options *options)
{
    const struct mls_suite *suite = identity->suite;
    uint8_t init_public[MLS_KEM_MAX_BYTES];
    uint8_t encryption_public[MLS_KEM_MAX_BYTES];
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    struct mls_buffer *out = &package->message;
    struct mls_buffer extensions = mls_buffer_of(package->memory);
    suite->kem_public(package->init_private, init_public);
    suite->kem_public(package->encryption_private, encryption_public);
    if (options->application_id.size > 0) {
        size_t mark;
        mls_write_u16(&extensions, MLS_EXTENSION_APPLICATION_ID);
        mark = mls_write_open(&extensions);
        mls_write_vector(&extensions, options->application_id);
        mls_write_close(&extensions, mark);
    }
    struct mls_own_leaf leaf = {
        .source = MLS_LEAF_KEY_PACKAGE,
        .encryption_key = slice_of(encryption_public, suite->kem_public_bytes),
        .lifetime_s = options->lifetime_s,
        .extensions = mls_buffer_done(&extensions),
        .last_resort = options->last_resort,
    };
    mls_write_message_head(out, MLS_WIRE_KEY_PACKAGE);
    size_t start = out->size;
    mls_write_u16(out, MLS_VERSION_10);
    mls_write_u16(out, suite->id);
    mls_write_vector(out, slice_of(init_public, suite->kem_public_bytes));
    enum mls_error error = mls_identity_write_leaf(identity, &leaf, out);
    size_t mark = mls_write_open(out);
    if (options->last_resort) {
        mls_write_extension(out, MLS_EXTENSION_LAST_RESORT, slice_of(NULL, 0));
    }
    mls_write_close(out, mark);
    if (error == MLS_OK && (out->failed || extensions.failed)) {
        error = MLS_ERR_NO_MEMORY;
    }
    if (error == MLS_OK) {
        struct slice signed_part = slice_of(out->data + start, out->size - start);
        error = mls_sign_with_label(suite, package->memory, identity->private_key, "KeyPackageTBS",
                                    &signed_part, 1, signature);
    }
    mls_write_vector(out, slice_of(signature, suite->signature_bytes));
    mls_buffer_clear(&extensions);
    return error;
}

enum mls_error mls_key_package_create(const struct mls_identity *identity,
                                      const struct mls_key_package_options *options,
                                      struct mls_key_package **out)
{
    static const struct mls_key_package_options defaults;
    const struct mls_environment *environment = &identity->environment;
    *out = NULL;
    options = options == NULL ? &defaults : options;
    if (environment->now_s != NULL && options->lifetime_s > mls_identity_lifetime_max_s(identity)) {
        return MLS_ERR_LEAF_LIFETIME;
    }
    struct mls_key_package *package = allocate(environment, identity->suite);
    if (package == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    size_t size = identity->suite->kem_private_bytes;
    mls_environment_random(environment, package->init_private, size);
    mls_environment_random(environment, package->encryption_private, size);
    enum mls_error error = write_message(package, identity, options);
    if (error == MLS_OK) {
        error = look_at_message(package);
    }
    if (error != MLS_OK) {
        mls_key_package_destroy(package);
        return error;
    }
    *out = package;
    return MLS_OK;
}

struct slice mls_key_package_message(const struct mls_key_package *package)
{
    return mls_buffer_done(&package->message);
}

bool mls_key_package_is_last_resort(const struct mls_key_package *package)
{
    return package->last_resort;
}

struct slice mls_key_package_reference(const struct mls_key_package *package)
{
    return slice_of(package->reference, package->suite->hash_bytes);
}

/* The private keys must be those of the public keys in the message. */
static enum mls_error check_keys(const struct mls_key_package *package)
{
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    const struct mls_suite *suite = package->suite;
    suite->kem_public(package->init_private, public_key);
    if (!slice_equal(slice_of(public_key, suite->kem_public_bytes), package->view.init_key)) {
        return MLS_ERR_ARGUMENT;
    }
    suite->kem_public(package->encryption_private, public_key);
    if (!slice_equal(slice_of(public_key, suite->kem_public_bytes),
                     package->view.leaf.encryption_key)) {
        return MLS_ERR_ARGUMENT;
    }
    return MLS_OK;
}

/* The cipher suite stands behind the head and the version. */
static const struct mls_suite *suite_of(struct slice message)
{
    struct reader reader = reader_of(message);
    (void)reader_u32(&reader);
    (void)reader_u16(&reader);
    uint16_t id = reader_u16(&reader);
    return reader.failed ? NULL : mls_suite_find(id);
}

enum mls_error mls_key_package_from_keys(const struct mls_environment *environment,
                                         struct slice message, struct slice init_key,
                                         struct slice encryption_key, struct mls_key_package **out)
{
    struct mls_environment filled = mls_environment_filled(environment);
    const struct mls_suite *suite = suite_of(message);
    *out = NULL;
    if (suite == NULL) {
        return MLS_ERR_SUITE;
    }
    if (init_key.size != suite->kem_private_bytes ||
        encryption_key.size != suite->kem_private_bytes) {
        return MLS_ERR_ARGUMENT;
    }
    struct mls_key_package *package = allocate(&filled, suite);
    if (package == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    memcpy(package->init_private, init_key.data, init_key.size);
    memcpy(package->encryption_private, encryption_key.data, encryption_key.size);
    mls_write_bytes(&package->message, message);
    enum mls_error error = look_at_message(package);
    if (error == MLS_OK) {
        error = check_keys(package);
    }
    if (error != MLS_OK) {
        mls_key_package_destroy(package);
        return error;
    }
    *out = package;
    return MLS_OK;
}

enum mls_error mls_key_package_save(const struct mls_key_package *package, struct mls_buffer *out)
{
    size_t size = package->suite->kem_private_bytes;
    *out = mls_buffer_of(package->memory);
    mls_write_u16(out, BLOB_VERSION);
    mls_write_vector(out, mls_buffer_done(&package->message));
    mls_write_vector(out, slice_of(package->init_private, size));
    mls_write_vector(out, slice_of(package->encryption_private, size));
    if (out->failed) {
        mls_buffer_clear(out);
        return MLS_ERR_NO_MEMORY;
    }
    return MLS_OK;
}

enum mls_error mls_key_package_load(const struct mls_environment *environment, struct slice blob,
                                    struct mls_key_package **out)
{
    struct reader reader = reader_of(blob);
    uint16_t version = reader_u16(&reader);
    struct slice message = mls_read_vector(&reader);
    struct slice init_key = mls_read_vector(&reader);
    struct slice encryption_key = mls_read_vector(&reader);
    *out = NULL;
    if (!reader_is_done(&reader)) {
        return MLS_ERR_STATE_MALFORMED;
    }
    if (version != BLOB_VERSION) {
        return MLS_ERR_STATE_VERSION;
    }
    return mls_key_package_from_keys(environment, message, init_key, encryption_key, out);
}
