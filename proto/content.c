#include "proto/content.h"

#include "base/assert.h"
#include "base/cursor.h"
#include "base/limits.h"
#include "base/name.h"

#define FLAG_ENCRYPTED 1u

static size_t sized_size(struct slice bytes)
{
    return varint_size(bytes.size) + bytes.size;
}

size_t content_size(const struct content *content)
{
    return 3 + sizeof(uint64_t) + varint_size(content->epoch) + sized_size(content->sender) +
           sized_size(content->body) + sized_size(content->media_url);
}

void content_encode(const struct content *content, uint8_t *out_bytes)
{
    size_t size = content_size(content);
    struct writer writer = writer_of(out_bytes, size);
    writer_u8(&writer, CONTENT_FORMAT);
    writer_u8(&writer, content->is_encrypted ? FLAG_ENCRYPTED : 0);
    writer_u8(&writer, content->type);
    writer_u64(&writer, content->created_at_ms);
    writer_varint(&writer, content->epoch);
    writer_sized(&writer, content->sender);
    writer_sized(&writer, content->body);
    writer_sized(&writer, content->media_url);
    COLUMBA_ASSERT(writer_done(&writer).size == size);
}

static enum columba_error content_limits(const struct content *content)
{
    if (content->sender.size == 0) {
        return ERR_MALFORMED;
    }
    bool too_large = content->sender.size > NAME_MAX_BYTES || content->body.size > BODY_MAX_BYTES ||
                     content->media_url.size > CONTENT_MEDIA_URL_MAX_BYTES;
    if (too_large) {
        return ERR_TOO_LARGE;
    }
    return name_problem(content->sender) == NULL ? COLUMBA_OK : ERR_INVALID;
}

enum columba_error content_decode(struct slice bytes, struct content *out_content)
{
    struct reader reader = reader_of(bytes);
    uint8_t format = reader_u8(&reader);
    uint8_t flags = reader_u8(&reader);
    struct content content = {
        .is_encrypted = (flags & FLAG_ENCRYPTED) != 0,
        .type = reader_u8(&reader),
        .created_at_ms = reader_u64(&reader),
        .epoch = reader_varint(&reader),
    };
    content.sender = reader_sized(&reader);
    content.body = reader_sized(&reader);
    content.media_url = reader_sized(&reader);
    if (!reader_is_done(&reader) || format != CONTENT_FORMAT || (flags & ~FLAG_ENCRYPTED) != 0) {
        return ERR_MALFORMED;
    }
    enum columba_error error = content_limits(&content);
    if (error == COLUMBA_OK) {
        *out_content = content;
    }
    return error;
}
