#include <sodium.h>

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

struct mls_environment mls_environment_filled(const struct mls_environment *environment)
{
    struct mls_environment filled = {0};
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

static struct mls_credential_view view_of(const struct mls_leaf_node *leaf)
{
    return (struct mls_credential_view){
        .type = leaf->credential.type,
        .identity = leaf->credential.content,
        .signature_key = leaf->signature_key,
    };
}

bool mls_environment_accepts(const struct mls_environment *environment,
                             const struct mls_leaf_node *leaf, const struct mls_leaf_node *old)
{
    if (environment->accepts == NULL) {
        return true;
    }
    struct mls_credential_view credential = view_of(leaf);
    if (old == NULL) {
        return environment->accepts(environment->context, &credential, NULL);
    }
    struct mls_credential_view before = view_of(old);
    return environment->accepts(environment->context, &credential, &before);
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
