#include "client/core/seal.h"

#include <sodium.h>

#include "base/assert.h"
#include "base/cursor.h"

#define OFFSET_KEY_ID 1u
#define OFFSET_NONCE (OFFSET_KEY_ID + SEAL_KEY_ID_BYTES)
#define OFFSET_CIPHERTEXT (OFFSET_NONCE + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
#define PLACE_MAX_BYTES                                                                            \
    (1u + SEAL_KEY_ID_BYTES + 2u * ID_BYTES + 17u + 2u + NAME_MAX_BYTES + 2u +                     \
     CONTENT_MEDIA_URL_MAX_BYTES + 1u)

_Static_assert(OFFSET_CIPHERTEXT + crypto_aead_xchacha20poly1305_ietf_ABYTES == SEAL_OVERHEAD_BYTES,
               "the form as described");
_Static_assert(SEAL_APPLICATION_KEY_BYTES == crypto_kdf_KEYBYTES, "the key the derivation takes");

enum { SUBKEY_ENCRYPTION = 1, SUBKEY_NONCE = 2, SUBKEY_ID = 3 };

static const char kdf_context[crypto_kdf_CONTEXTBYTES + 1] = "columba1";

void seal_key_init(struct seal_key *key, const uint8_t *application_key)
{
    uint8_t id[crypto_kdf_BYTES_MIN];
    crypto_kdf_derive_from_key(key->encryption, sizeof(key->encryption), SUBKEY_ENCRYPTION,
                               kdf_context, application_key);
    crypto_kdf_derive_from_key(key->nonce, sizeof(key->nonce), SUBKEY_NONCE, kdf_context,
                               application_key);
    crypto_kdf_derive_from_key(id, sizeof(id), SUBKEY_ID, kdf_context, application_key);
    memcpy(key->id, id, sizeof(key->id));
}

void seal_key_clear(struct seal_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

static struct slice place_encode(const struct seal_key *key, const struct seal_place *place,
                                 uint8_t *buffer)
{
    struct writer writer = writer_of(buffer, PLACE_MAX_BYTES);
    writer_u8(&writer, SEAL_VERSION);
    writer_bytes(&writer, slice_of(key->id, sizeof(key->id)));
    writer_id(&writer, place->conversation);
    writer_id(&writer, place->message);
    writer_u8(&writer, place->content->type);
    writer_u64(&writer, place->content->epoch);
    writer_u64(&writer, place->content->created_at_ms);
    writer_sized(&writer, place->content->sender);
    writer_sized(&writer, place->content->media_url);
    if (place->use != SEAL_USE_BODY) {
        writer_u8(&writer, (uint8_t)place->use);
    }
    COLUMBA_ASSERT(!writer.failed);
    return writer_done(&writer);
}

static void nonce_make(const struct seal_key *key, struct slice place, struct slice plaintext,
                       uint8_t *out_nonce)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key->nonce, sizeof(key->nonce),
                            crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    crypto_generichash_update(&state, place.data, place.size);
    crypto_generichash_update(&state, plaintext.data, plaintext.size);
    crypto_generichash_final(&state, out_nonce, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
}

void seal_body(const struct seal_key *key, const struct seal_place *place, struct slice plaintext,
               uint8_t *out_sealed)
{
    uint8_t buffer[PLACE_MAX_BYTES];
    struct slice bound = place_encode(key, place, buffer);
    out_sealed[0] = SEAL_VERSION;
    memcpy(out_sealed + OFFSET_KEY_ID, key->id, sizeof(key->id));
    nonce_make(key, bound, plaintext, out_sealed + OFFSET_NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out_sealed + OFFSET_CIPHERTEXT, NULL, plaintext.data,
                                               plaintext.size, bound.data, bound.size, NULL,
                                               out_sealed + OFFSET_NONCE, key->encryption);
}

enum seal_result seal_open(const struct seal_key *key, const struct seal_place *place,
                           struct slice sealed, uint8_t *out_plaintext)
{
    if (sealed.size < SEAL_OVERHEAD_BYTES || sealed.data[0] != SEAL_VERSION) {
        return SEAL_UNKNOWN_FORM;
    }
    if (memcmp(sealed.data + OFFSET_KEY_ID, key->id, sizeof(key->id)) != 0) {
        return SEAL_OTHER_KEY;
    }
    uint8_t buffer[PLACE_MAX_BYTES];
    struct slice bound = place_encode(key, place, buffer);
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out_plaintext, NULL, NULL, sealed.data + OFFSET_CIPHERTEXT, sealed.size - OFFSET_CIPHERTEXT,
        bound.data, bound.size, sealed.data + OFFSET_NONCE, key->encryption);
    return failed ? SEAL_ALTERED : SEAL_OPENED;
}

const char *seal_result_text(enum seal_result result)
{
    switch (result) {
    case SEAL_OPENED:
        return "";
    case SEAL_UNKNOWN_FORM:
        return "the body is not sealed in a form this version knows";
    case SEAL_OTHER_KEY:
        return "the message was sealed with another key";
    case SEAL_ALTERED:
        return "the message was altered, or put in another's place, after it was sealed";
    }
    return "";
}
