#include "base/id.h"

#include <sodium.h>
#include <xxhash.h>

#include "base/assert.h"
#include "base/bytes.h"

/* Layout: 48 bits time, 4 version, 12 free, 2 variant, 30 free, 32 sender check. */
#define FREE_HIGH_BITS 12
#define FREE_LOW_BITS 30

bool id_is_zero(const struct id *id)
{
    static const struct id zero;
    return id_equal(id, &zero);
}

struct id id_of_name(enum id_kind kind, struct slice name)
{
    static const uint8_t salt[crypto_generichash_blake2b_SALTBYTES];
    uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES] = "columba name";
    personal[sizeof(personal) - 1] = (uint8_t)kind;
    struct id id;
    int failed = crypto_generichash_blake2b_salt_personal(id.bytes, ID_BYTES, name.data, name.size,
                                                          NULL, 0, salt, personal);
    COLUMBA_ASSERT(failed == 0);
    return id;
}

static const char hex_digits[] = "0123456789abcdef";

static bool id_text_has_dash_before(unsigned byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void id_to_text(const struct id *id, char *out_text)
{
    char *at = out_text;
    for (unsigned i = 0; i < ID_BYTES; i++) {
        if (id_text_has_dash_before(i)) {
            *at++ = '-';
        }
        *at++ = hex_digits[id->bytes[i] >> 4];
        *at++ = hex_digits[id->bytes[i] & 15];
    }
    *at = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

bool id_from_text(const char *text, struct id *out_id)
{
    struct id id;
    for (unsigned i = 0; i < ID_BYTES; i++) {
        if (id_text_has_dash_before(i) && *text++ != '-') {
            return false;
        }
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) {
            return false;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text != '\0') {
        return false;
    }
    *out_id = id;
    return true;
}

static uint32_t sender_check(const struct id *id, const struct id *sender)
{
    uint8_t bound[12 + ID_BYTES];
    memcpy(bound, id->bytes, 12);
    memcpy(bound + 12, sender->bytes, ID_BYTES);
    return (uint32_t)XXH3_64bits(bound, sizeof(bound));
}

struct id message_id_make(uint64_t unix_ms, uint64_t random, const struct id *sender)
{
    uint64_t high = (random >> FREE_LOW_BITS) & ((1u << FREE_HIGH_BITS) - 1);
    uint64_t low = random & ((1u << FREE_LOW_BITS) - 1);
    struct id id;
    bytes_put_u64_be(id.bytes, unix_ms << 16 | 0x7000u | high);
    bytes_put_u32_be(id.bytes + 8, (uint32_t)(0x80000000u | low));
    bytes_put_u32_be(id.bytes + 12, sender_check(&id, sender));
    return id;
}

struct id message_id_next(const struct id *previous, const struct id *sender)
{
    uint64_t high = bytes_get_u64_be(previous->bytes) & ((1u << FREE_HIGH_BITS) - 1);
    uint64_t low = bytes_get_u32_be(previous->bytes + 8) & ((1u << FREE_LOW_BITS) - 1);
    uint64_t next = (high << FREE_LOW_BITS | low) + 1;
    uint64_t carry_ms = next >> (FREE_HIGH_BITS + FREE_LOW_BITS);
    return message_id_make(message_id_unix_ms(previous) + carry_ms, next, sender);
}

uint64_t message_id_unix_ms(const struct id *id)
{
    return bytes_get_u64_be(id->bytes) >> 16;
}

bool message_id_is_valid(const struct id *id)
{
    return (id->bytes[6] & 0xf0) == 0x70 && (id->bytes[8] & 0xc0) == 0x80;
}

bool message_id_is_of_sender(const struct id *id, const struct id *sender)
{
    return message_id_is_valid(id) && bytes_get_u32_be(id->bytes + 12) == sender_check(id, sender);
}
