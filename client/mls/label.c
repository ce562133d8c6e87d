#include "client/mls/label.h"

#include <sodium.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "client/mls/hpke.h"

#define LABEL_PREFIX "MLS 1.0 "
/* With its prefix; an application brings labels of its own to the exporter. */
#define LABEL_MAX_BYTES (MLS_LABEL_MAX_BYTES + 8u)
/* What a signature covers on the stack; larger content goes to the heap. */
#define SIGN_STACK_BYTES 1024u

/* "MLS 1.0 " + label as a vector. */
struct full_label {
    uint8_t bytes[4 + LABEL_MAX_BYTES];
    size_t size;
};

static struct full_label full_label_of(const char *label)
{
    struct full_label full;
    size_t prefix = sizeof(LABEL_PREFIX) - 1;
    size_t size = strlen(label);
    COLUMBA_ASSERT(prefix + size <= LABEL_MAX_BYTES);
    size_t width = mls_length_put(full.bytes, prefix + size);
    memcpy(full.bytes + width, LABEL_PREFIX, prefix);
    memcpy(full.bytes + width + prefix, label, size);
    full.size = width + prefix + size;
    return full;
}

void mls_extract(const struct mls_suite *suite, struct slice salt, struct slice ikm, uint8_t *out)
{
    suite->mac(salt, &ikm, 1, out);
}

void mls_expand(const struct mls_suite *suite, const uint8_t *secret, const struct slice *info,
                size_t count, uint8_t *out, size_t size)
{
    COLUMBA_ASSERT(count <= MLS_EXPAND_PARTS_MAX && size <= 255 * suite->hash_bytes);
    struct slice parts[MLS_EXPAND_PARTS_MAX + 2];
    uint8_t block[MLS_HASH_MAX_BYTES];
    uint8_t counter = 0;
    memcpy(parts + 1, info, count * sizeof(*info));
    parts[count + 1] = slice_of(&counter, 1);
    for (size_t done = 0; done < size;) {
        parts[0] = slice_of(block, counter == 0 ? 0 : suite->hash_bytes);
        counter++;
        suite->mac(slice_of(secret, suite->hash_bytes), parts, count + 2, block);
        size_t step = size - done < suite->hash_bytes ? size - done : suite->hash_bytes;
        memcpy(out + done, block, step);
        done += step;
    }
    sodium_memzero(block, sizeof(block));
}

void mls_expand_with_label(const struct mls_suite *suite, const uint8_t *secret, const char *label,
                           struct slice context, uint8_t *out, size_t size)
{
    uint8_t length[2];
    uint8_t context_length[4];
    struct full_label full = full_label_of(label);
    bytes_put_u16_be(length, (uint16_t)size);
    struct slice info[] = {
        slice_of(length, sizeof(length)),
        slice_of(full.bytes, full.size),
        slice_of(context_length, mls_length_put(context_length, context.size)),
        context,
    };
    mls_expand(suite, secret, info, sizeof(info) / sizeof(info[0]), out, size);
}

void mls_derive_secret(const struct mls_suite *suite, const uint8_t *secret, const char *label,
                       uint8_t *out)
{
    mls_expand_with_label(suite, secret, label, slice_of(NULL, 0), out, suite->hash_bytes);
}

void mls_derive_tree_secret(const struct mls_suite *suite, const uint8_t *secret, const char *label,
                            uint32_t generation, uint8_t *out, size_t size)
{
    uint8_t context[4];
    bytes_put_u32_be(context, generation);
    mls_expand_with_label(suite, secret, label, slice_of(context, sizeof(context)), out, size);
}

void mls_ref_hash(const struct mls_suite *suite, const char *label, struct slice value,
                  uint8_t *out)
{
    uint8_t label_length[4];
    uint8_t value_length[4];
    struct slice text = slice_of_text(label);
    struct slice parts[] = {
        slice_of(label_length, mls_length_put(label_length, text.size)),
        text,
        slice_of(value_length, mls_length_put(value_length, value.size)),
        value,
    };
    suite->hash(parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* SignContent, on the stack where it fits. The caller releases what is not on the stack. */
static uint8_t *sign_content(struct memory *memory, const char *label, const struct slice *parts,
                             size_t count, uint8_t *stack, size_t *out_size)
{
    struct full_label full = full_label_of(label);
    uint8_t length[4];
    size_t content = 0;
    for (size_t i = 0; i < count; i++) {
        content += parts[i].size;
    }
    size_t width = mls_length_put(length, content);
    size_t size = full.size + width + content;
    uint8_t *bytes = size <= SIGN_STACK_BYTES ? stack : memory_allocate(memory, size);
    if (bytes == NULL) {
        return NULL;
    }
    uint8_t *at = bytes;
    memcpy(at, full.bytes, full.size);
    memcpy(at + full.size, length, width);
    at += full.size + width;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0) {
            memcpy(at, parts[i].data, parts[i].size);
            at += parts[i].size;
        }
    }
    *out_size = size;
    return bytes;
}

enum mls_error mls_sign_with_label(const struct mls_suite *suite, struct memory *memory,
                                   const uint8_t *private_key, const char *label,
                                   const struct slice *parts, size_t count, uint8_t *out_signature)
{
    uint8_t stack[SIGN_STACK_BYTES];
    size_t size = 0;
    uint8_t *content = sign_content(memory, label, parts, count, stack, &size);
    if (content == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    suite->sign(private_key, slice_of(content, size), out_signature);
    if (content != stack) {
        memory_release(memory, content);
    }
    return MLS_OK;
}

enum mls_error mls_verify_with_label(const struct mls_suite *suite, struct memory *memory,
                                     struct slice public_key, const char *label,
                                     const struct slice *parts, size_t count,
                                     struct slice signature, enum mls_error otherwise)
{
    uint8_t stack[SIGN_STACK_BYTES];
    size_t size = 0;
    if (public_key.size != suite->signature_public_bytes ||
        signature.size != suite->signature_bytes) {
        return otherwise;
    }
    uint8_t *content = sign_content(memory, label, parts, count, stack, &size);
    if (content == NULL) {
        return MLS_ERR_NO_MEMORY;
    }
    bool valid = suite->verify(public_key.data, slice_of(content, size), signature.data);
    if (content != stack) {
        memory_release(memory, content);
    }
    return valid ? MLS_OK : otherwise;
}

/* EncryptContext is HPKE's info, given in parts. */
void mls_encrypt_context(const struct mls_suite *suite, const char *label, struct slice context,
                         uint8_t *out_hash)
{
    uint8_t length[4];
    struct full_label full = full_label_of(label);
    struct slice info[] = {
        slice_of(full.bytes, full.size),
        slice_of(length, mls_length_put(length, context.size)),
        context,
    };
    mls_hpke_info_hash(suite, info, sizeof(info) / sizeof(info[0]), out_hash);
}

bool mls_encrypt_to(const struct mls_suite *suite, struct slice public_key,
                    const uint8_t *context_hash, struct slice plaintext, const uint8_t *ephemeral,
                    uint8_t *out_kem_output, uint8_t *out_ciphertext)
{
    struct mls_hpke hpke;
    if (!mls_hpke_send(&hpke, suite, public_key, context_hash, ephemeral, out_kem_output)) {
        return false;
    }
    mls_hpke_seal(&hpke, slice_of(NULL, 0), plaintext, out_ciphertext);
    mls_hpke_clear(&hpke);
    return true;
}

bool mls_decrypt_with_label(const struct mls_suite *suite, const uint8_t *private_key,
                            const char *label, struct slice context, struct slice kem_output,
                            struct slice ciphertext, uint8_t *out)
{
    uint8_t context_hash[MLS_HASH_MAX_BYTES];
    struct mls_hpke hpke;
    mls_encrypt_context(suite, label, context, context_hash);
    if (!mls_hpke_receive(&hpke, suite, kem_output, private_key, context_hash)) {
        return false;
    }
    bool opened = mls_hpke_open(&hpke, slice_of(NULL, 0), ciphertext, out);
    mls_hpke_clear(&hpke);
    return opened;
}
