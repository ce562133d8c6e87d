/* Vectors of the primitives, the codec, the key schedule and its hashes. */
#include "base/bytes.h"
#include "client/mls/frame.h"
#include "client/mls/group_context.h"
#include "client/mls/hpke.h"
#include "client/mls/label.h"
#include "client/mls/schedule.h"
#include "client/mls/tools/vectors.h"

#define EXPORT_MAX_BYTES 256u

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static bool check_derivations(struct vector_case *v)
{
    uint8_t out[EXPORT_MAX_BYTES];
    size_t n = v->suite->hash_bytes;
    const json_t *o = json_object_get(v->json, "ref_hash");
    mls_ref_hash(v->suite, text_of(o, "label"), vector_hex(v, o, "value"), out);
    VECTOR_EXPECT(v, vector_equals(v, o, "out", out, n));

    o = json_object_get(v->json, "expand_with_label");
    size_t length = (size_t)vector_number(o, "length");
    VECTOR_EXPECT(v, length <= sizeof(out));
    mls_expand_with_label(v->suite, vector_hex(v, o, "secret").data, text_of(o, "label"),
                          vector_hex(v, o, "context"), out, length);
    VECTOR_EXPECT(v, vector_equals(v, o, "out", out, length));

    o = json_object_get(v->json, "derive_secret");
    mls_derive_secret(v->suite, vector_hex(v, o, "secret").data, text_of(o, "label"), out);
    VECTOR_EXPECT(v, vector_equals(v, o, "out", out, n));

    o = json_object_get(v->json, "derive_tree_secret");
    length = (size_t)vector_number(o, "length");
    VECTOR_EXPECT(v, length <= sizeof(out));
    mls_derive_tree_secret(v->suite, vector_hex(v, o, "secret").data, text_of(o, "label"),
                           (uint32_t)vector_number(o, "generation"), out, length);
    VECTOR_EXPECT(v, vector_equals(v, o, "out", out, length));
    return true;
}

static bool check_signatures(struct vector_case *v)
{
    uint8_t public_key[MLS_SIGNATURE_KEY_MAX_BYTES];
    uint8_t private_key[MLS_SIGNATURE_KEY_MAX_BYTES];
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    const json_t *o = json_object_get(v->json, "sign_with_label");
    struct slice content = vector_hex(v, o, "content");
    VECTOR_EXPECT(v, mls_verify_with_label(v->suite, v->memory, vector_hex(v, o, "pub"),
                                           text_of(o, "label"), &content, 1,
                                           vector_hex(v, o, "signature"),
                                           MLS_ERR_BAD_SIGNATURE) == MLS_OK);
    v->suite->signature_keys(vector_hex(v, o, "priv").data, public_key, private_key);
    VECTOR_EXPECT(v, vector_equals(v, o, "pub", public_key, v->suite->signature_public_bytes));
    VECTOR_EXPECT(v, mls_sign_with_label(v->suite, v->memory, private_key, text_of(o, "label"),
                                         &content, 1, signature) == MLS_OK);
    VECTOR_EXPECT(v, vector_equals(v, o, "signature", signature, v->suite->signature_bytes));
    return true;
}

static bool check_encryption(struct vector_case *v)
{
    uint8_t plain[EXPORT_MAX_BYTES];
    uint8_t sealed[EXPORT_MAX_BYTES];
    uint8_t output[MLS_KEM_MAX_BYTES];
    uint8_t ephemeral[MLS_KEM_MAX_BYTES] = {1, 2, 3};
    uint8_t context_hash[MLS_HASH_MAX_BYTES];
    const json_t *o = json_object_get(v->json, "encrypt_with_label");
    struct slice priv = vector_hex(v, o, "priv");
    struct slice context = vector_hex(v, o, "context");
    struct slice expected = vector_hex(v, o, "plaintext");
    size_t size = expected.size + v->suite->aead_tag_bytes;
    VECTOR_EXPECT(v, size <= sizeof(sealed));
    VECTOR_EXPECT(v, mls_decrypt_with_label(v->suite, priv.data, text_of(o, "label"), context,
                                            vector_hex(v, o, "kem_output"),
                                            vector_hex(v, o, "ciphertext"), plain));
    VECTOR_EXPECT(v, slice_equal(slice_of(plain, expected.size), expected));
    mls_encrypt_context(v->suite, text_of(o, "label"), context, context_hash);
    VECTOR_EXPECT(v, mls_encrypt_to(v->suite, vector_hex(v, o, "pub"), context_hash, expected,
                                    ephemeral, output, sealed));
    VECTOR_EXPECT(v, mls_decrypt_with_label(v->suite, priv.data, text_of(o, "label"), context,
                                            slice_of(output, v->suite->kem_public_bytes),
                                            slice_of(sealed, size), plain));
    VECTOR_EXPECT(v, slice_equal(slice_of(plain, expected.size), expected));
    return true;
}

bool vector_crypto_basics(struct vector_case *v)
{
    return check_derivations(v) && check_signatures(v) && check_encryption(v);
}

bool vector_deserialization(struct vector_case *v)
{
    uint8_t length[4];
    struct slice header = vector_hex(v, v->json, "vlbytes_header");
    struct reader reader = reader_of(header);
    uint32_t size = mls_read_length(&reader);
    VECTOR_EXPECT(v, reader_is_done(&reader));
    VECTOR_EXPECT(v, size == vector_number(v->json, "length"));
    VECTOR_EXPECT(v, slice_equal(slice_of(length, mls_length_put(length, size)), header));
    return true;
}

static bool check_exporter(struct vector_case *v, const json_t *epoch,
                           const struct mls_epoch_secrets *secrets)
{
    uint8_t out[EXPORT_MAX_BYTES];
    const json_t *o = json_object_get(epoch, "exporter");
    size_t length = (size_t)vector_number(o, "length");
    VECTOR_EXPECT(v, length <= sizeof(out));
    mls_schedule_export(v->suite, secrets->exporter, text_of(o, "label"),
                        vector_hex(v, o, "context"), out, length);
    VECTOR_EXPECT(v, vector_equals(v, o, "secret", out, length));
    return true;
}

static bool check_epoch_secrets(struct vector_case *v, const json_t *epoch,
                                const struct mls_epoch_secrets *secrets)
{
    uint8_t private_key[MLS_KEM_MAX_BYTES];
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    size_t n = v->suite->hash_bytes;
    VECTOR_EXPECT(v, vector_equals(v, epoch, "init_secret", secrets->init, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "sender_data_secret", secrets->sender_data, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "encryption_secret", secrets->encryption, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "exporter_secret", secrets->exporter, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "epoch_authenticator", secrets->authenticator, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "external_secret", secrets->external, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "confirmation_key", secrets->confirmation, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "membership_key", secrets->membership, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "resumption_psk", secrets->resumption, n));
    mls_schedule_external_keys(v->suite, secrets->external, private_key, public_key);
    VECTOR_EXPECT(v,
                  vector_equals(v, epoch, "external_pub", public_key, v->suite->kem_public_bytes));
    return true;
}

static bool check_epoch(struct vector_case *v, const json_t *epoch, uint64_t number,
                        uint8_t *init_secret)
{
    struct mls_epoch_secrets secrets;
    uint8_t joiner[MLS_HASH_MAX_BYTES];
    uint8_t welcome[MLS_HASH_MAX_BYTES];
    size_t n = v->suite->hash_bytes;
    struct mls_buffer buffer = mls_buffer_of(v->memory);
    struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = v->suite->id,
        .group_id = vector_hex(v, v->json, "group_id"),
        .epoch = number,
        .tree_hash = vector_hex(v, epoch, "tree_hash"),
        .confirmed_transcript_hash = vector_hex(v, epoch, "confirmed_transcript_hash"),
    };
    mls_write_group_context(&buffer, &context);
    bool same = vector_equals(v, epoch, "group_context", buffer.data, buffer.size);
    struct slice psk_secret = vector_hex(v, epoch, "psk_secret");
    mls_schedule_joiner(v->suite, init_secret, vector_hex(v, epoch, "commit_secret").data,
                        mls_buffer_done(&buffer), joiner);
    mls_schedule_welcome(v->suite, joiner, psk_secret.data, welcome);
    mls_schedule_epoch(v->suite, joiner, psk_secret.data, mls_buffer_done(&buffer), &secrets);
    mls_buffer_clear(&buffer);
    VECTOR_EXPECT(v, same);
    VECTOR_EXPECT(v, vector_equals(v, epoch, "joiner_secret", joiner, n));
    VECTOR_EXPECT(v, vector_equals(v, epoch, "welcome_secret", welcome, n));
    memcpy(init_secret, secrets.init, n);
    return check_epoch_secrets(v, epoch, &secrets) && check_exporter(v, epoch, &secrets);
}

bool vector_key_schedule(struct vector_case *v)
{
    uint8_t init_secret[MLS_HASH_MAX_BYTES];
    struct slice initial = vector_hex(v, v->json, "initial_init_secret");
    const json_t *epochs = json_object_get(v->json, "epochs");
    VECTOR_EXPECT(v, initial.size == v->suite->hash_bytes);
    memcpy(init_secret, initial.data, initial.size);
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        if (!check_epoch(v, json_array_get(epochs, i), i, init_secret)) {
            return false;
        }
    }
    return true;
}

bool vector_psk_secret(struct vector_case *v)
{
    uint8_t secret[MLS_HASH_MAX_BYTES];
    const json_t *psks = json_object_get(v->json, "psks");
    size_t count = json_array_size(psks);
    mls_psk_secret_start(v->suite, secret);
    for (size_t i = 0; i < count; i++) {
        const json_t *psk = json_array_get(psks, i);
        struct mls_buffer buffer = mls_buffer_of(v->memory);
        struct mls_psk_id id = {
            .type = MLS_PSK_EXTERNAL,
            .external_id = vector_hex(v, psk, "psk_id"),
            .nonce = vector_hex(v, psk, "psk_nonce"),
        };
        mls_write_psk_id(&buffer, &id);
        mls_psk_secret_step(v->suite, secret, mls_buffer_done(&buffer), (uint16_t)i,
                            (uint16_t)count, vector_hex(v, psk, "psk"));
        mls_buffer_clear(&buffer);
    }
    VECTOR_EXPECT(v, vector_equals(v, v->json, "psk_secret", secret, v->suite->hash_bytes));
    return true;
}

bool vector_transcript_hashes(struct vector_case *v)
{
    struct mls_authenticated message;
    uint8_t confirmed[MLS_HASH_MAX_BYTES];
    uint8_t interim[MLS_HASH_MAX_BYTES];
    uint8_t tag[MLS_HASH_MAX_BYTES];
    size_t n = v->suite->hash_bytes;
    struct slice encoded = vector_hex(v, v->json, "authenticated_content");
    struct reader reader = reader_of(encoded);
    VECTOR_EXPECT(v, mls_read_authenticated(&reader, &v->arena, &message) == MLS_OK);
    VECTOR_EXPECT(v, reader_is_done(&reader));
    mls_transcript_confirm(v->suite, vector_hex(v, v->json, "interim_transcript_hash_before"),
                           (uint16_t)message.wire_format, message.frame.encoded, message.signature,
                           confirmed);
    mls_confirmation_tag(v->suite, vector_hex(v, v->json, "confirmation_key").data,
                         slice_of(confirmed, n), tag);
    mls_transcript_interim(v->suite, slice_of(confirmed, n), message.confirmation_tag, interim);
    VECTOR_EXPECT(v, vector_equals(v, v->json, "confirmed_transcript_hash_after", confirmed, n));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "interim_transcript_hash_after", interim, n));
    VECTOR_EXPECT(v, slice_equal(message.confirmation_tag, slice_of(tag, n)));
    return true;
}

static bool check_hpke_messages(struct vector_case *v, struct mls_hpke *sender,
                                struct mls_hpke *receiver)
{
    const json_t *list = json_object_get(v->json, "encryptions");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        uint8_t sealed[EXPORT_MAX_BYTES];
        uint8_t opened[EXPORT_MAX_BYTES];
        struct slice plain = vector_hex(v, o, "pt");
        struct slice aad = vector_hex(v, o, "aad");
        size_t size = plain.size + v->suite->aead_tag_bytes;
        VECTOR_EXPECT(v, size <= sizeof(sealed));
        mls_hpke_seal(sender, aad, plain, sealed);
        VECTOR_EXPECT(v, vector_equals(v, o, "ct", sealed, size));
        VECTOR_EXPECT(v, mls_hpke_open(receiver, aad, slice_of(sealed, size), opened));
        VECTOR_EXPECT(v, slice_equal(slice_of(opened, plain.size), plain));
    }
    list = json_object_get(v->json, "exports");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        uint8_t out[EXPORT_MAX_BYTES];
        size_t size = (size_t)vector_number(o, "L");
        VECTOR_EXPECT(v, size <= sizeof(out));
        mls_hpke_export(receiver, vector_hex(v, o, "exporter_context"), out, size);
        VECTOR_EXPECT(v, vector_equals(v, o, "exported_value", out, size));
    }
    return true;
}

bool vector_hpke(struct vector_case *v)
{
    struct mls_hpke sender;
    struct mls_hpke receiver;
    uint8_t private_key[MLS_KEM_MAX_BYTES];
    uint8_t public_key[MLS_KEM_MAX_BYTES];
    uint8_t output[MLS_KEM_MAX_BYTES];
    uint8_t info_hash[MLS_HASH_MAX_BYTES];
    size_t n = v->suite->kem_public_bytes;
    if (vector_number(v->json, "mode") != 0 ||
        vector_number(v->json, "kem_id") != v->suite->hpke_kem ||
        vector_number(v->json, "kdf_id") != v->suite->hpke_kdf ||
        vector_number(v->json, "aead_id") != v->suite->hpke_aead) {
        return vector_fail(v, "skip", __func__, __LINE__);
    }
    struct slice info = vector_hex(v, v->json, "info");
    mls_hpke_info_hash(v->suite, &info, 1, info_hash);
    mls_hpke_derive_keys(v->suite, vector_hex(v, v->json, "ikmR"), private_key, public_key);
    VECTOR_EXPECT(v, vector_equals(v, v->json, "pkRm", public_key, n));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "skRm", private_key, n));
    VECTOR_EXPECT(v, mls_hpke_send(&sender, v->suite, slice_of(public_key, n), info_hash,
                                   vector_hex(v, v->json, "skEm").data, output));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "enc", output, n));
    VECTOR_EXPECT(
        v, mls_hpke_receive(&receiver, v->suite, slice_of(output, n), private_key, info_hash));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "key", sender.key, v->suite->aead_key_bytes));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "base_nonce", receiver.base_nonce,
                                   v->suite->aead_nonce_bytes));
    VECTOR_EXPECT(v, vector_equals(v, v->json, "exporter_secret", receiver.exporter_secret,
                                   v->suite->hash_bytes));
    return check_hpke_messages(v, &sender, &receiver);
}
