#include <string.h>

#include "base/name.h"
#include "client/library.h"
#include "ring/consistency.h"
#include "proto/content.h"

/* No struct of arguments ever grows to this; more is a size that was never set. */
#define ARGUMENTS_MAX_BYTES 4096u
/* What a message takes beside its texts; for the count of bytes under way. */
#define CALL_OVERHEAD_BYTES 256u

struct columba_future *call_begin(struct columba_client *client, const struct columba_call *call,
                                  part_done step)
{
    struct columba_future *future = future_create(client);
    if (future == NULL) {
        return NULL;
    }
    future->step = step;
    if (!library_is_own(client)) {
        future_refuse(future, ERR_INVALID, "%s",
                      client == NULL ? "there is no client (NULL)" : FORKED_TEXT);
        return future;
    }
    struct columba_call own = {.size = 0};
    enum consistency known;
    if (call != NULL && !call_arguments(future, call, &own, sizeof(own))) {
        return future;
    }
    if (own.consistency != COLUMBA_CONSISTENCY_DEFAULT &&
        (!consistency_from_number((uint32_t)own.consistency, &known) ||
         known == CONSISTENCY_SERIAL)) {
        future_refuse(future, ERR_INVALID, "there is no consistency level %d",
                      (int)own.consistency);
        return future;
    }
    future->deadline_ms =
        library_now(client) + (own.timeout_ms > 0 ? own.timeout_ms : client->timeout_ms);
    future->consistency = own.consistency != 0 ? (uint32_t)own.consistency : client->consistency;
    return future;
}

static bool is_all_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

bool call_arguments(struct columba_future *future, const void *given, void *out, size_t size)
{
    size_t said;
    if (given == NULL) {
        future_refuse(future, ERR_INVALID, "the call's arguments are missing (NULL)");
        return false;
    }
    memcpy(&said, given, sizeof(said));
    said = said == 0 ? size : said;
    bool is_known = said >= sizeof(said) && said <= ARGUMENTS_MAX_BYTES &&
                    (said <= size || is_all_zero((const uint8_t *)given + size, said - size));
    if (!is_known) {
        future_refuse(future, ERR_INVALID,
                      "the call's arguments say something that version %s of the library does not "
                      "know",
                      COLUMBA_VERSION);
        return false;
    }
    memset(out, 0, size);
    memcpy(out, given, said < size ? said : size);
    return true;
}

bool call_time(struct columba_future *future, uint64_t created_at_ms)
{
    if (created_at_ms > (uint64_t)COLUMBA_TIME_MAX_MS) {
        future_refuse(future, ERR_INVALID,
                      "created_at lies after the year 9999; it is in milliseconds since 1970");
        return false;
    }
    return true;
}

bool call_name(struct columba_future *future, const char *what, const char *name,
               struct slice *out_name)
{
    size_t size = name == NULL ? 0 : strnlen(name, COLUMBA_NAME_MAX_BYTES + 1);
    if (size > COLUMBA_NAME_MAX_BYTES) {
        future_refuse(future, ERR_TOO_LARGE, "the name of the %s has more than %u bytes", what,
                      COLUMBA_NAME_MAX_BYTES);
        return false;
    }
    const char *problem = name_problem(slice_of(name, size));
    if (problem != NULL) {
        future_refuse(future, ERR_INVALID, "the name of the %s %s", what, problem);
        return false;
    }
    *out_name = slice_of(name, size);
    return true;
}

static void refuse_no_memory(struct columba_future *future)
{
    future_refuse(future, ERR_NO_MEMORY, "%s", error_text(ERR_NO_MEMORY));
}

void *call_copy(struct columba_future *future, struct slice bytes)
{
    uint8_t *copy = arena_allocate(&future->arena, bytes.size + 1);
    if (copy == NULL) {
        refuse_no_memory(future);
        return NULL;
    }
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    copy[bytes.size] = '\0';
    return copy;
}

void *call_allocate(struct columba_future *future, size_t count, size_t size)
{
    void *block = arena_allocate_array(&future->arena, count, size);
    if (block == NULL) {
        refuse_no_memory(future);
    }
    return block;
}

void call_route(struct part *part, enum partition_kind kind, const struct id *partition)
{
    part->request.has_partition = true;
    part->request.partition_kind = kind;
    part->request.partition = *partition;
}

static bool call_has_room(struct columba_future *future)
{
    struct columba_client *client = future->client;
    size_t bytes = future->arena.used_bytes + CALL_OVERHEAD_BYTES;
    if (future->bytes == 0 && client->call_bytes + bytes > CALL_BYTES_MAX) {
        future_refuse(future, ERR_OVERLOADED,
                      "%zu MiB of calls are under way; wait for some of them",
                      client->call_bytes >> 20);
        return false;
    }
    if (future->bytes == 0) {
        future->bytes = bytes;
        client->call_bytes += bytes;
    }
    return true;
}

void call_submit(struct columba_future *future, struct part *part)
{
    struct columba_client *client = future->client;
    uint64_t now_ms = library_now(client);
    if (future->is_done || !call_has_room(future)) {
        return;
    }
    if (now_ms >= future->deadline_ms) {
        future_refuse(future, ERR_TIMEOUT, "the time for the call was over before its last step");
        return;
    }
    part->future = future;
    part->is_under_way = true;
    part->request.timeout_ms = (uint32_t)(future->deadline_ms - now_ms);
    client_submit(client->core, &part->request);
}

struct columba_future *call_end(struct columba_future *future)
{
    library_effects(future->client);
    library_wake(future->client);
    return future;
}

bool call_part_ok(struct part *part)
{
    if (part->request.error.code == COLUMBA_OK) {
        return true;
    }
    future_fail(part->future, &part->request.error);
    return false;
}

void call_parts_begin(struct columba_future *future, uint32_t count, part_done step,
                      void (*next)(struct columba_future *future, struct part *part))
{
    future->more = call_allocate(future, count, sizeof(future->more[0]));
    if (future->more == NULL) {
        return;
    }
    future->more_count = count;
    future->step = step;
    for (uint32_t i = 0; i < count; i++) {
        future->more[i].is_under_way = false;
    }
    for (uint32_t i = 0; i < count && !future->is_done; i++) {
        next(future, &future->more[i]);
    }
}

void call_done_plain(struct part *part, const struct message *answer)
{
    (void)answer;
    if (call_part_ok(part)) {
        future_done(part->future);
    }
}

/* --- contents -------------------------------------------------------------------------------- */

bool call_content_check(struct columba_future *future, const struct call_content *content,
                        struct slice *out_from)
{
    if (!call_name(future, "sender", content->from, out_from) ||
        !call_time(future, content->created_at_ms)) {
        return false;
    }
    if (content->body == NULL && content->body_bytes > 0) {
        future_refuse(future, ERR_INVALID, "a body of %zu bytes at NULL", content->body_bytes);
        return false;
    }
    if (content->body_bytes > COLUMBA_BODY_MAX_BYTES) {
        future_refuse(future, ERR_TOO_LARGE,
                      "a body of %zu bytes; at most %u fit: split it, or store it elsewhere and "
                      "send its URL",
                      content->body_bytes, COLUMBA_BODY_MAX_BYTES);
        return false;
    }
    if (content->media_url != NULL && strlen(content->media_url) > COLUMBA_MEDIA_URL_MAX_BYTES) {
        future_refuse(future, ERR_TOO_LARGE, "a media URL has at most %u bytes",
                      COLUMBA_MEDIA_URL_MAX_BYTES);
        return false;
    }
    return true;
}

static bool body_seal(struct columba_future *future, const struct call_content *from,
                      struct content *content)
{
    const struct seal_place place = {&from->conversation_id, &from->message, content, from->use};
    size_t size = from->body_bytes + SEAL_OVERHEAD_BYTES;
    uint8_t *sealed = call_allocate(future, size, 1);
    if (sealed == NULL) {
        return false;
    }
    content->is_encrypted = true;
    seal_body(future->client->key, &place, slice_of(from->body, from->body_bytes), sealed);
    content->body = slice_of(sealed, size);
    return true;
}

bool call_content_encode(struct columba_future *future, const struct call_content *from,
                         struct slice *out_bytes)
{
    struct content content = {
        .type = from->type != 0 ? from->type : COLUMBA_TYPE_TEXT,
        .created_at_ms =
            from->created_at_ms != 0 ? from->created_at_ms : message_id_unix_ms(&from->message),
        .body = slice_of(from->body, from->body_bytes),
        .media_url = slice_of_text(from->media_url != NULL ? from->media_url : ""),
    };
    if (!call_content_check(future, from, &content.sender) ||
        (future->client->key != NULL && !body_seal(future, from, &content))) {
        return false;
    }
    size_t size = content_size(&content);
    uint8_t *bytes = call_allocate(future, size, 1);
    if (bytes == NULL) {
        return false;
    }
    content_encode(&content, bytes);
    *out_bytes = slice_of(bytes, size);
    return true;
}
