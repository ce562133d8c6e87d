/*
 * What is written: a body nobody else wrote, sealed where the library is used. Plain bodies of
 * library users begin with the canary, which the network must never see.
 */
#include "tests/sim/actor.h"

#include <stdio.h>

#include "base/assert.h"

#define FILLER_MAX_BYTES 300u
#define BODY_TEXT_MAX_BYTES (FILLER_MAX_BYTES + 128u)

_Static_assert(BODY_TEXT_MAX_BYTES + SEAL_OVERHEAD_BYTES + 256u <= ACTOR_CONTENT_MAX_BYTES,
               "every content fits its buffer");

static struct slice body_write(struct actor *actor, char *buffer)
{
    int used = snprintf(buffer, BODY_TEXT_MAX_BYTES, "%sfrom %u number %llu ",
                        actor->uses_library ? WORLD_CANARY : "", actor->index,
                        (unsigned long long)actor->bodies++);
    size_t filler = (size_t)random_below(&actor->random, FILLER_MAX_BYTES);
    random_bytes(&actor->random, buffer + used, filler);
    return slice_of(buffer, (size_t)used + filler);
}

static struct slice text_write(struct actor *actor, const struct id *conversation,
                               const struct id *message, enum seal_use use, uint8_t *buffer)
{
    char text[BODY_TEXT_MAX_BYTES];
    uint8_t sealed[BODY_TEXT_MAX_BYTES + SEAL_OVERHEAD_BYTES];
    struct content content = {
        .type = CONTENT_TYPE_TEXT,
        .is_encrypted = actor->uses_library,
        .created_at_ms = caller_unix_ms(&actor->caller),
        .sender = slice_of_text(actor->world->model->users[actor->user].name),
        .body = body_write(actor, text),
    };
    if (actor->uses_library) {
        struct seal_place place = {
            .conversation = conversation, .message = message, .content = &content, .use = use};
        size_t size = content.body.size + SEAL_OVERHEAD_BYTES;
        seal_body(&actor->world->seal_key, &place, content.body, sealed);
        content.body = slice_of(sealed, size);
    }
    size_t size = content_size(&content);
    COLUMBA_ASSERT(size <= ACTOR_CONTENT_MAX_BYTES);
    content_encode(&content, buffer);
    return slice_of(buffer, size);
}

struct slice actor_content_write(struct actor *actor, const struct id *conversation,
                                 const struct id *message, uint8_t *buffer)
{
    return text_write(actor, conversation, message, SEAL_USE_BODY, buffer);
}

struct slice actor_edit_write(struct actor *actor, const struct id *conversation,
                              const struct id *message, uint8_t *buffer)
{
    return text_write(actor, conversation, message, SEAL_USE_EDIT, buffer);
}

static void text_open(struct actor *actor, const struct id *conversation, const struct id *message,
                      struct slice bytes, enum seal_use use)
{
    struct content content;
    uint8_t text[BODY_TEXT_MAX_BYTES];
    if (content_decode(bytes, &content) != COLUMBA_OK) {
        findings_add(&actor->world->findings, "actor %u read a content that does not decode",
                     actor->index);
        return;
    }
    if (!content.is_encrypted) {
        return;
    }
    struct seal_place place = {
        .conversation = conversation, .message = message, .content = &content, .use = use};
    if (content.body.size > sizeof text ||
        seal_open(&actor->world->seal_key, &place, content.body, text) != SEAL_OPENED ||
        memcmp(text, WORLD_CANARY, strlen(WORLD_CANARY)) != 0) {
        findings_add(&actor->world->findings, "actor %u read a sealed body that does not open",
                     actor->index);
    }
}

void actor_content_open(struct actor *actor, const struct id *conversation,
                        const struct message_history_row *row)
{
    if (row->is_deleted || row->is_undecided) {
        return;
    }
    text_open(actor, conversation, &row->message, row->content, SEAL_USE_BODY);
    if (row->edited.size > 0) {
        text_open(actor, conversation, &row->message, row->edited, SEAL_USE_EDIT);
    }
}
