#include "client/mls/psk.h"

#include <sodium.h>

#include "base/bytes.h"
#include "client/mls/label.h"

void mls_read_psk_id(struct reader *reader, struct mls_psk_id *out)
{
    const uint8_t *start = reader->at;
    uint8_t type = reader_u8(reader);
    *out = (struct mls_psk_id){.type = (enum mls_psk_type)type};
    if (type == MLS_PSK_EXTERNAL) {
        out->external_id = mls_read_vector(reader);
    } else if (type == MLS_PSK_RESUMPTION) {
        uint8_t usage = reader_u8(reader);
        reader->failed = reader->failed || usage < MLS_PSK_APPLICATION || usage > MLS_PSK_BRANCH;
        out->usage = (enum mls_psk_usage)usage;
        out->group_id = mls_read_vector(reader);
        out->epoch = reader_u64(reader);
    } else {
        reader->failed = true;
    }
    out->nonce = mls_read_vector(reader);
    out->encoded = mls_read_since(reader, start);
}

void mls_write_psk_id(struct mls_buffer *buffer, const struct mls_psk_id *id)
{
    mls_write_u8(buffer, (uint8_t)id->type);
    if (id->type == MLS_PSK_EXTERNAL) {
        mls_write_vector(buffer, id->external_id);
    } else {
        mls_write_u8(buffer, (uint8_t)id->usage);
        mls_write_vector(buffer, id->group_id);
        mls_write_u64(buffer, id->epoch);
    }
    mls_write_vector(buffer, id->nonce);
}

void mls_psk_secret_start(const struct mls_suite *suite, uint8_t *psk_secret)
{
    memset(psk_secret, 0, suite->hash_bytes);
}

void mls_psk_secret_step(const struct mls_suite *suite, uint8_t *psk_secret, struct slice id,
                         uint16_t index, uint16_t count, struct slice psk)
{
    static const uint8_t zero[MLS_HASH_MAX_BYTES];
    uint8_t extracted[MLS_HASH_MAX_BYTES];
    uint8_t input[MLS_HASH_MAX_BYTES];
    uint8_t length[2];
    uint8_t width[4];
    uint8_t position[4];
    size_t n = suite->hash_bytes;
    mls_extract(suite, slice_of(zero, n), psk, extracted);
    /* ExpandWithLabel whose context is PSKLabel, in parts: the id may be long. */
    static const char label[] = "MLS 1.0 derived psk";
    uint8_t label_size = (uint8_t)(sizeof(label) - 1);
    bytes_put_u16_be(length, (uint16_t)n);
    bytes_put_u16_be(position, index);
    bytes_put_u16_be(position + 2, count);
    struct slice info[] = {
        slice_of(length, 2),
        slice_of(&label_size, 1),
        slice_of(label, label_size),
        slice_of(width, mls_length_put(width, id.size + sizeof(position))),
        id,
        slice_of(position, sizeof(position)),
    };
    mls_expand(suite, extracted, info, sizeof(info) / sizeof(info[0]), input, n);
    mls_extract(suite, slice_of(input, n), slice_of(psk_secret, n), extracted);
    memcpy(psk_secret, extracted, n);
    sodium_memzero(extracted, sizeof(extracted));
    sodium_memzero(input, sizeof(input));
}
