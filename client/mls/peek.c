/*
 * Messages as whoever carries or stores them sees them: what they are and where they belong,
 * without a group and without a key. Of a message nothing but the form is verified.
 */
#include "client/mls/extension.h"
#include "client/mls/group.h"
#include "client/mls/label.h"

static enum mls_error peek_public(struct reader *reader, struct mls_message_view *out)
{
    struct mls_frame frame;
    enum mls_error error = mls_read_frame_head(reader, &frame);
    if (error == MLS_OK) {
        out->group_id = frame.group_id;
        out->epoch = frame.epoch;
        out->content = (enum mls_content)frame.content_type;
        out->sender = mls_event_sender_of(frame.sender.type);
        out->sender_index = frame.sender.index;
        out->authenticated_data = frame.authenticated_data;
    }
    return error;
}

static enum mls_error peek_private(struct reader *reader, struct mls_message_view *out)
{
    struct mls_private_message message;
    enum mls_error error = mls_read_private_message(reader, &message);
    if (error == MLS_OK) {
        out->group_id = message.group_id;
        out->epoch = message.epoch;
        out->content = (enum mls_content)message.content_type;
        out->authenticated_data = message.authenticated_data;
    }
    return error;
}

static enum mls_error peek_info(struct reader *reader, struct mls_message_view *out)
{
    struct mls_group_info info;
    mls_read_group_info(reader, &info);
    out->group_id = info.context.group_id;
    out->epoch = info.context.epoch;
    out->suite = info.context.suite;
    return reader_is_done(reader) ? MLS_OK : MLS_ERR_MALFORMED;
}

static enum mls_error peek_welcome(struct reader *reader, struct mls_message_view *out)
{
    struct mls_welcome welcome;
    mls_read_welcome(reader, &welcome);
    out->suite = welcome.suite;
    out->recipients = welcome.secret_count;
    return reader_is_done(reader) ? MLS_OK : MLS_ERR_MALFORMED;
}

static enum mls_error peek_package(struct reader *reader, struct mls_message_view *out)
{
    struct mls_key_package_view package;
    mls_read_key_package(reader, &package);
    out->suite = package.suite;
    return reader_is_done(reader) ? MLS_OK : MLS_ERR_MALFORMED;
}

enum mls_error mls_peek(struct slice message, struct mls_message_view *out)
{
    enum mls_wire_format format;
    struct reader reader = reader_of(message);
    struct mls_message_view view = {0};
    *out = view;
    enum mls_error error = mls_read_message_head(&reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    view.kind = (enum mls_message_kind)format;
    switch (format) {
    case MLS_WIRE_PUBLIC_MESSAGE:
        error = peek_public(&reader, &view);
        break;
    case MLS_WIRE_PRIVATE_MESSAGE:
        error = peek_private(&reader, &view);
        break;
    case MLS_WIRE_WELCOME:
        error = peek_welcome(&reader, &view);
        break;
    case MLS_WIRE_GROUP_INFO:
        error = peek_info(&reader, &view);
        break;
    case MLS_WIRE_KEY_PACKAGE:
        error = peek_package(&reader, &view);
        break;
    }
    if (error == MLS_OK) {
        *out = view;
    }
    return error;
}

enum mls_error mls_peek_key_package(struct slice message, struct mls_key_package_details *out)
{
    struct slice nothing;
    struct mls_key_package_view package;
    *out = (struct mls_key_package_details){0};
    enum mls_error error = mls_key_package_read(message, &package);
    const struct mls_suite *suite = error == MLS_OK ? mls_suite_find(package.suite) : NULL;
    if (error == MLS_OK && suite == NULL) {
        error = MLS_ERR_SUITE;
    }
    if (error == MLS_OK) {
        error = mls_key_package_check(suite, memory_system(), &package);
    }
    if (error != MLS_OK) {
        return error;
    }
    *out = (struct mls_key_package_details){
        .suite = package.suite,
        .credential = mls_credential_of(&package.leaf),
        .not_before_s = package.leaf.not_before_s,
        .not_after_s = package.leaf.not_after_s,
        .is_last_resort =
            mls_extension_find(package.extensions, MLS_EXTENSION_LAST_RESORT, &nothing),
        .reference_size = suite->hash_bytes,
    };
    mls_key_package_ref(suite, &package, out->reference);
    return MLS_OK;
}

bool mls_peek_welcome(struct slice message, size_t *index, struct slice *out_reference)
{
    enum mls_wire_format format;
    struct mls_welcome welcome;
    struct mls_welcome_entry entry;
    struct reader reader = reader_of(message);
    if (mls_read_message_head(&reader, &format) != MLS_OK || format != MLS_WIRE_WELCOME) {
        return false;
    }
    mls_read_welcome(&reader, &welcome);
    if (!reader_is_done(&reader) || *index > welcome.secrets.size) {
        return false;
    }
    struct reader rest =
        reader_of(slice_of(welcome.secrets.data + *index, welcome.secrets.size - *index));
    if (!mls_welcome_entry_next(&rest, &entry)) {
        return false;
    }
    *index = welcome.secrets.size - reader_left(&rest);
    *out_reference = entry.new_member;
    return true;
}

/* -- a part of a welcome -- */

static bool is_wanted(struct slice reference, const struct slice *references, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(reference, references[i])) {
            return true;
        }
    }
    return false;
}

static bool has_entry(const struct mls_welcome *welcome, struct slice reference)
{
    struct mls_welcome_entry entry;
    struct reader entries = reader_of(welcome->secrets);
    while (mls_welcome_entry_next(&entries, &entry)) {
        if (slice_equal(entry.new_member, reference)) {
            return true;
        }
    }
    return false;
}

static bool has_entries(const struct mls_welcome *welcome, const struct slice *references,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!has_entry(welcome, references[i])) {
            return false;
        }
    }
    return true;
}

/* Each entry is sealed by itself to one package, under the group info that all share. */
enum mls_error mls_welcome_select(struct slice message, const struct slice *references,
                                  size_t count, struct memory *memory, struct mls_buffer *out)
{
    enum mls_wire_format format;
    struct mls_welcome welcome;
    struct mls_welcome_entry entry;
    struct reader reader = reader_of(message);
    *out = mls_buffer_of(memory == NULL ? memory_system() : memory);
    enum mls_error error = mls_read_message_head(&reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    if (format != MLS_WIRE_WELCOME) {
        return MLS_ERR_WIRE_FORMAT;
    }
    mls_read_welcome(&reader, &welcome);
    if (!reader_is_done(&reader)) {
        return MLS_ERR_MALFORMED;
    }
    if (!has_entries(&welcome, references, count)) {
        return MLS_ERR_NOT_FOR_US;
    }
    mls_write_message_head(out, MLS_WIRE_WELCOME);
    mls_write_u16(out, welcome.suite);
    size_t mark = mls_write_open(out);
    struct reader entries = reader_of(welcome.secrets);
    while (mls_welcome_entry_next(&entries, &entry)) {
        if (is_wanted(entry.new_member, references, count)) {
            mls_write_vector(out, entry.new_member);
            mls_write_vector(out, entry.kem_output);
            mls_write_vector(out, entry.ciphertext);
        }
    }
    mls_write_close(out, mark);
    mls_write_vector(out, welcome.encrypted_group_info);
    if (out->failed) {
        mls_buffer_clear(out);
        return MLS_ERR_NO_MEMORY;
    }
    return MLS_OK;
}
