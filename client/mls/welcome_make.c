/* The welcome for the members that a commit adds (RFC 9420 section 12.4.3). */
#include <sodium.h>

#include "client/mls/commit_make.h"
#include "client/mls/label.h"

static enum mls_error seal_info(struct mls_maker *maker, bool with_tree, struct mls_buffer *out)
{
    const struct mls_suite *suite = maker->group->suite;
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    struct mls_buffer info = mls_buffer_of(maker->group->memory);
    enum mls_error error =
        mls_epoch_write_info(maker->group, maker->staged->epoch, false, with_tree, &info);
    uint8_t *sealed =
        error == MLS_OK ? mls_buffer_extend(out, info.size + suite->aead_tag_bytes) : NULL;
    if (sealed != NULL) {
        mls_schedule_welcome_key(suite, maker->guarded->welcome, key, nonce);
        suite->aead_seal(key, nonce, slice_of(NULL, 0), mls_buffer_done(&info), sealed);
        sodium_memzero(key, sizeof(key));
    }
    mls_buffer_clear(&info);
    return error == MLS_OK && sealed == NULL ? MLS_ERR_NO_MEMORY : error;
}

/* The path secret of the lowest node that is above both us and a new member. */
static const uint8_t *shared_path_secret(const struct mls_maker *maker, uint32_t leaf)
{
    if (!maker->has_path) {
        return NULL;
    }
    for (uint32_t i = 0; i < maker->filtered.count; i++) {
        if (mls_node_covers(maker->filtered.node[i], leaf)) {
            return maker->guarded->path.path_secret[i];
        }
    }
    return NULL;
}

static void write_secrets(const struct mls_maker *maker, uint32_t leaf, struct mls_buffer *out)
{
    size_t n = maker->group->suite->hash_bytes;
    const uint8_t *path_secret = shared_path_secret(maker, leaf);
    mls_write_vector(out, slice_of(maker->guarded->joiner, n));
    mls_write_u8(out, path_secret != NULL);
    if (path_secret != NULL) {
        mls_write_vector(out, slice_of(path_secret, n));
    }
    size_t mark = mls_write_open(out);
    for (uint32_t i = 0; i < maker->change.psk_count; i++) {
        mls_write_bytes(out, maker->change.psks[i]->encoded);
    }
    mls_write_close(out, mark);
}

static enum mls_error write_entry(const struct mls_maker *maker, uint32_t index,
                                  const uint8_t *context_hash, struct mls_buffer *secrets,
                                  struct mls_buffer *out)
{
    const struct mls_suite *suite = maker->group->suite;
    const struct mls_key_package_view *package = maker->change.added_packages[index];
    uint8_t ref[MLS_HASH_MAX_BYTES];
    uint8_t ephemeral[MLS_KEM_MAX_BYTES];
    uint8_t kem_output[MLS_KEM_MAX_BYTES];
    secrets->size = 0;
    write_secrets(maker, maker->change.added.items[index], secrets);
    mls_key_package_ref(suite, package, ref);
    mls_environment_random(&maker->group->environment, ephemeral, suite->kem_private_bytes);
    mls_write_vector(out, slice_of(ref, suite->hash_bytes));
    size_t output_at = out->size;
    mls_write_vector(out, slice_of(ref, suite->kem_public_bytes));
    uint8_t length[4];
    size_t sealed_size = secrets->size + suite->aead_tag_bytes;
    mls_write_bytes(out, slice_of(length, mls_length_put(length, sealed_size)));
    uint8_t *sealed = mls_buffer_extend(out, sealed_size);
    if (sealed == NULL || secrets->failed) {
        return MLS_ERR_NO_MEMORY;
    }
    bool done = mls_encrypt_to(suite, package->init_key, context_hash, mls_buffer_done(secrets),
                               ephemeral, kem_output, sealed);
    sodium_memzero(ephemeral, sizeof(ephemeral));
    memcpy(out->data + output_at + mls_length_size(suite->kem_public_bytes), kem_output,
           suite->kem_public_bytes);
    return done ? MLS_OK : MLS_ERR_MALFORMED;
}

enum mls_error mls_maker_welcome(struct mls_maker *maker, bool with_tree, struct mls_buffer *out)
{
    const struct mls_suite *suite = maker->group->suite;
    uint8_t context_hash[MLS_HASH_MAX_BYTES];
    struct mls_buffer info = mls_buffer_of(maker->group->memory);
    struct mls_buffer secrets = mls_buffer_of(maker->group->memory);
    *out = mls_buffer_of(maker->group->memory);
    enum mls_error error = seal_info(maker, with_tree, &info);
    if (error == MLS_OK) {
        mls_encrypt_context(suite, "Welcome", mls_buffer_done(&info), context_hash);
        mls_write_message_head(out, MLS_WIRE_WELCOME);
        mls_write_u16(out, suite->id);
        size_t mark = mls_write_open(out);
        for (uint32_t i = 0; i < maker->change.added.count && error == MLS_OK; i++) {
            error = write_entry(maker, i, context_hash, &secrets, out);
        }
        mls_write_close(out, mark);
        mls_write_vector(out, mls_buffer_done(&info));
    }
    if (error == MLS_OK && out->failed) {
        error = MLS_ERR_NO_MEMORY;
    }
    if (error != MLS_OK) {
        mls_buffer_clear(out);
    }
    mls_buffer_clear(&info);
    mls_buffer_clear(&secrets);
    return error;
}
