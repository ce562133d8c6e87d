/*
 * Identifiers: 16 bytes each. Conversations, users and hosts are named by a cryptographic hash of
 * their name (base/name.h), so keys have a fixed width; messages by a UUIDv7 (RFC 9562, section
 * 5.7).
 *
 * The last 32 bits of a message id are a hash of the first 96 and the sender's id, so a node can
 * tell an id that was made for somebody else. That finds mistakes, and is no proof: an id that fits
 * another sender is found in minutes by trying. What is left for randomness and the counter within
 * a millisecond is 42 bits.
 */
#ifndef COLUMBA_BASE_ID_H
#define COLUMBA_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define ID_BYTES 16u
/* 8-4-4-4-12 hexadecimal digits and the final NUL. */
#define ID_TEXT_BYTES 37u

struct id {
    uint8_t bytes[ID_BYTES];
};

/* What is being named: the same name makes different ids for different kinds. */
enum id_kind { ID_USER = 1, ID_CONVERSATION = 2, ID_HOST = 3, ID_DEVICE = 4 };

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_BYTES) == 0;
}

static inline int id_compare(const struct id *a, const struct id *b)
{
    return memcmp(a->bytes, b->bytes, ID_BYTES);
}

bool id_is_zero(const struct id *id);

/* False, and nothing is set: the bytes are not as many as an id has. */
static inline bool id_from_slice(struct slice bytes, struct id *out_id)
{
    if (bytes.size != ID_BYTES) {
        return false;
    }
    memcpy(out_id->bytes, bytes.data, ID_BYTES);
    return true;
}

/* BLAKE2b with 16 bytes of output, personalised by "columba name" and the kind (RFC 7693,
 * section 2.5): nobody can make two names with one id. */
struct id id_of_name(enum id_kind kind, struct slice name);

/* out_text: ID_TEXT_BYTES, always terminated. */
void id_to_text(const struct id *id, char *out_text);
/* The same form back; true if it was one. Upper and lower case hexadecimal. */
bool id_from_text(const char *text, struct id *out_id);

/* `random` supplies the 42 free bits (its low ones). unix_ms is cut to 48 bits. */
struct id message_id_make(uint64_t unix_ms, uint64_t random, const struct id *sender);
/* The id that follows `previous` in the same millisecond: free bits plus one; carries into the
 * time. */
struct id message_id_next(const struct id *previous, const struct id *sender);
uint64_t message_id_unix_ms(const struct id *id);
/* Version 7, the RFC's variant. */
bool message_id_is_valid(const struct id *id);
bool message_id_is_of_sender(const struct id *id, const struct id *sender);

#endif
