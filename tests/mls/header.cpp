// The MLS library's header in a C++ program: it compiles without a warning and links as C.
#include <cstring>

#include <sodium.h>

#include "client/mls/mls.h"

int main()
{
    mls_environment environment = {};
    mls_identity *identity = nullptr;
    mls_group *group = nullptr;
    mls_buffer message = mls_buffer_of(nullptr);
    const uint16_t suite = MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519;
    bool works =
        mls_identity_create(&environment, suite, slice_of_text("ann"), &identity) == MLS_OK &&
        sodium_init() == 1 && // it was already
        mls_group_create(identity, nullptr, &group) == MLS_OK &&
        mls_group_encrypt(group, slice_of_text("text"), slice_of(nullptr, 0), &message) == MLS_OK &&
        std::strcmp(mls_error_name(MLS_ERR_IDENTITY), "IDENTITY") == 0;
    mls_buffer_clear(&message);
    mls_group_destroy(group);
    mls_identity_destroy(identity);
    return works ? 0 : 1;
}
