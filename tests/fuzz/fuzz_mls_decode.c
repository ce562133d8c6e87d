/*
 * Any bytes as any MLS object: an error, or an object that encodes to the bytes it was read from.
 * The first byte chooses the kind.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "client/mls/group.h"
#include "client/mls/limits.h"
#include "client/mls/tree_hash.h"
#include "client/mls/welcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct slice input, struct mls_buffer *again)
{
    COLUMBA_ASSERT(!again->failed);
    COLUMBA_ASSERT(slice_equal(mls_buffer_done(again), input));
    mls_buffer_clear(again);
}

static void decode_tree(struct slice input)
{
    static const uint8_t hash_key[16];
    struct mls_tree *tree = NULL;
    struct mls_buffer again = mls_buffer_of(memory_system());
    const struct mls_suite *suite =
        mls_suite_find(MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519);
    if (mls_tree_decode(memory_system(), suite, hash_key, input, &tree) != MLS_OK) {
        return;
    }
    (void)mls_tree_root_hash(tree);
    (void)mls_tree_check_parents(tree);
    mls_tree_encode(tree, &again);
    compare(input, &again);
    mls_tree_destroy(tree);
}

static void decode_commit(struct slice input, struct arena *arena)
{
    struct mls_commit commit;
    struct mls_buffer again = mls_buffer_of(memory_system());
    struct reader reader = reader_of(input);
    if (mls_read_commit(&reader, arena, &commit) == MLS_OK && reader_is_done(&reader)) {
        mls_write_commit(&again, &commit);
        compare(input, &again);
    }
}

static void decode_proposal(struct slice input, struct arena *arena)
{
    struct mls_proposal proposal;
    struct mls_buffer again = mls_buffer_of(memory_system());
    struct reader reader = reader_of(input);
    if (mls_read_proposal(&reader, arena, &proposal) == MLS_OK && reader_is_done(&reader)) {
        mls_write_proposal(&again, &proposal);
        compare(input, &again);
    }
}

static void decode_secrets(struct slice input, struct arena *arena)
{
    struct mls_group_secrets secrets;
    struct mls_buffer again = mls_buffer_of(memory_system());
    struct reader reader = reader_of(input);
    if (mls_read_group_secrets(&reader, arena, &secrets) == MLS_OK && reader_is_done(&reader)) {
        mls_write_group_secrets(&again, &secrets);
        compare(input, &again);
    }
}

static bool write_again(enum mls_wire_format format, struct slice input, struct reader *reader,
                        struct arena *arena, struct mls_buffer *again)
{
    struct mls_authenticated message;
    struct mls_private_message sealed;
    struct mls_welcome welcome;
    struct mls_group_info info;
    struct mls_key_package_view package;
    switch (format) {
    case MLS_WIRE_PUBLIC_MESSAGE:
        if (mls_read_public_message(input, arena, &message) != MLS_OK) {
            return false;
        }
        mls_write_frame(again, &message.frame);
        mls_write_auth(again, message.signature, slice_of(NULL, 0));
        if (message.frame.content_type == MLS_CONTENT_COMMIT) {
            mls_write_vector(again, message.confirmation_tag);
        }
        if (message.frame.sender.type == MLS_SENDER_MEMBER) {
            mls_write_vector(again, message.membership_tag);
        }
        return true;
    case MLS_WIRE_PRIVATE_MESSAGE:
        if (mls_read_private_message(reader, &sealed) != MLS_OK) {
            return false;
        }
        mls_write_private_message(again, &sealed);
        return true;
    case MLS_WIRE_WELCOME:
        mls_read_welcome(reader, &welcome);
        mls_write_welcome(again, &welcome);
        return reader_is_done(reader);
    case MLS_WIRE_GROUP_INFO:
        mls_read_group_info(reader, &info);
        mls_write_group_info(again, &info);
        return reader_is_done(reader);
    case MLS_WIRE_KEY_PACKAGE:
        mls_read_key_package(reader, &package);
        mls_write_key_package(again, &package);
        return reader_is_done(reader);
    }
    return false;
}

static void decode_message(struct slice input, struct arena *arena)
{
    enum mls_wire_format format;
    struct mls_buffer again = mls_buffer_of(memory_system());
    struct reader reader = reader_of(input);
    if (mls_read_message_head(&reader, &format) != MLS_OK) {
        return;
    }
    mls_write_message_head(&again, format);
    if (write_again(format, input, &reader, arena, &again)) {
        compare(input, &again);
    }
    mls_buffer_clear(&again);
}

/* What needs no group: each answers, and what it answers is within the message. */
static void peek(struct slice input)
{
    struct mls_message_view view;
    struct mls_key_package_details details;
    struct mls_buffer part;
    struct slice references[8];
    size_t count = 0;
    size_t index = 0;
    if (mls_peek(input, &view) == MLS_OK) {
        COLUMBA_ASSERT(view.group_id.size <= input.size);
        COLUMBA_ASSERT(view.authenticated_data.size <= input.size);
    }
    (void)mls_peek_key_package(input, &details);
    while (count < 8 && mls_peek_welcome(input, &index, &references[count])) {
        count++;
    }
    if (mls_welcome_select(input, references, count, NULL, &part) == MLS_OK) {
        COLUMBA_ASSERT(mls_peek(mls_buffer_done(&part), &view) == MLS_OK);
        COLUMBA_ASSERT(view.recipients >= count);
        mls_buffer_clear(&part);
    }
    (void)mls_party_read(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size < 1) {
        return 0;
    }
    struct slice input = slice_of(data + 1, size - 1);
    arena_init(&arena, memory_system(), MLS_PARSE_ARENA_MAX_BYTES);
    switch (data[0] % 6) {
    case 0:
        decode_message(input, &arena);
        break;
    case 1:
        decode_tree(input);
        break;
    case 2:
        decode_commit(input, &arena);
        break;
    case 3:
        decode_proposal(input, &arena);
        break;
    case 4:
        decode_secrets(input, &arena);
        break;
    default:
        peek(input);
        break;
    }
    arena_clear(&arena);
    return 0;
}
