#include <sodium.h>

#include "base/assert.h"
#include "client/mls/extension.h"
#include "client/mls/group.h"

void mls_environment_random(const struct mls_environment *environment, void *out, size_t size)
{
    if (environment->random != NULL) {
        environment->random(environment->context, out, size);
    } else {
        randombytes_buf(out, size);
    }
}

uint64_t mls_environment_now_s(const struct mls_environment *environment)
{
    return environment->now_s == NULL ? 0 : environment->now_s(environment->context);
}

uint64_t mls_environment_lifetime_max_s(const struct mls_environment *environment)
{
    return environment->lifetime_max_s == 0 ? MLS_LIFETIME_MAX_S : environment->lifetime_max_s;
}

struct mls_environment mls_environment_filled(const struct mls_environment *environment)
{
    struct mls_environment filled = {0};
    /* Once is enough, more do no harm; without it libsodium has neither guards nor fast code. */
    int sodium = sodium_init();
    COLUMBA_ASSERT(sodium >= 0);
    if (environment != NULL) {
        filled = *environment;
    }
    if (filled.memory == NULL) {
        filled.memory = memory_system();
    }
    if (filled.guarded == NULL) {
        filled.guarded = mls_guarded_memory();
    }
    return filled;
}

struct mls_credential_view mls_credential_of(const struct mls_leaf_node *leaf)
{
    if (leaf == NULL) {
        return (struct mls_credential_view){0};
    }
    return (struct mls_credential_view){
        .type = leaf->credential.type,
        .identity = leaf->credential.content,
        .signature_key = leaf->signature_key,
    };
}

bool mls_external_sender_of(struct slice extensions, uint32_t index,
                            struct mls_credential_view *out)
{
    struct slice data;
    struct slice key;
    struct slice encoded;
    struct mls_credential credential;
    if (!mls_extension_find(extensions, MLS_EXTENSION_EXTERNAL_SENDERS, &data) ||
        !mls_external_sender_find(data, index, &key, &encoded)) {
        return false;
    }
    struct reader reader = reader_of(encoded);
    mls_read_credential(&reader, &credential);
    *out = (struct mls_credential_view){
        .type = credential.type,
        .identity = credential.content,
        .signature_key = key,
    };
    return true;
}

bool mls_environment_accepts(const struct mls_environment *environment,
                             const struct mls_leaf_node *leaf)
{
    struct mls_credential_view credential = mls_credential_of(leaf);
    return environment->accepts == NULL ||
           environment->accepts(environment->context, &credential, NULL);
}

/* Where nobody judges credentials, a member may change its key but not its name, since the old key
 * signs for the new one; from outside nothing does, so there the key must be the old one too. */
bool mls_environment_accepts_change(const struct mls_environment *environment,
                                    const struct mls_leaf_node *leaf,
                                    const struct mls_leaf_node *old, bool from_outside)
{
    struct mls_credential_view credential = mls_credential_of(leaf);
    struct mls_credential_view before = mls_credential_of(old);
    if (environment->accepts != NULL) {
        return environment->accepts(environment->context, &credential, &before);
    }
    return slice_equal(leaf->credential.encoded, old->credential.encoded) &&
           (!from_outside || slice_equal(leaf->signature_key, old->signature_key));
}

bool mls_environment_accepts_sender(const struct mls_environment *environment,
                                    struct slice signature_key,
                                    const struct mls_credential *credential)
{
    struct mls_credential_view view = {
        .type = credential->type,
        .identity = credential->content,
        .signature_key = signature_key,
    };
    return environment->accepts == NULL || environment->accepts(environment->context, &view, NULL);
}
