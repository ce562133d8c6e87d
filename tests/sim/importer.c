#include "tests/sim/importer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "proto/content.h"
#include "tests/sim/actor.h"
#include "tests/sim/caller.h"
#include "tests/sim/model.h"

#define BATCHES_MAX 12u
#define BATCH_ROWS_MAX 30u
#define PAUSE_MEAN_US 400000u
#define AGAIN_PERMILLE 200u
#define OTHER_BODY_PERMILLE 500u
/* The past begins this long before the run. */
#define PAST_MS 3600000u
#define MEMBERS_MAX 16u

struct importer {
    struct world *world;
    struct caller caller;
    struct random random;
    uint32_t conversation;
    struct model_message *messages[BATCHES_MAX][BATCH_ROWS_MAX]; /* NULL: not written yet */
    uint32_t batch_rows[BATCHES_MAX];
    uint32_t batch_count;
    uint32_t batch;   /* the one under way */
    uint32_t next;    /* the first that is not acknowledged */
    uint64_t past_ms; /* of the newest message so far */
    uint32_t asks[MEMBERS_MAX];
    struct model_message *rival; /* what the batch under way has in place of what was written */
    bool is_done;
};

static void step(void *context, uint64_t argument);

static struct model_conversation *conversation_of(const struct importer *importer)
{
    return &importer->world->model->conversations[importer->conversation];
}

static void step_later(struct importer *importer)
{
    schedule_after(&importer->world->schedule,
                   1 + random_exponential(&importer->random, PAUSE_MEAN_US), step, importer, 0);
}

static uint16_t any_host(struct importer *importer)
{
    return (uint16_t)random_below(&importer->random, importer->world->plan.node_count);
}

/* History. */

static struct model_message *message_write(struct importer *importer)
{
    struct world *world = importer->world;
    const struct model_conversation *conversation = conversation_of(importer);
    uint32_t place = (uint32_t)random_below(&importer->random, conversation->first_count);
    const struct model_user *user = &world->model->users[conversation->members[place].user];
    importer->past_ms += 1 + random_below(&importer->random, 5000);
    char body[64];
    int used =
        snprintf(body, sizeof body, "of the past, at %llu", (unsigned long long)importer->past_ms);
    struct content content = {
        .type = CONTENT_TYPE_TEXT,
        .created_at_ms = importer->past_ms,
        .sender = slice_of_text(user->name),
        .body = slice_of(body, (size_t)used),
    };
    uint8_t bytes[ACTOR_CONTENT_MAX_BYTES];
    COLUMBA_ASSERT(content_size(&content) <= sizeof bytes);
    content_encode(&content, bytes);
    struct id id = message_id_make(importer->past_ms, random_u64(&importer->random), &user->id);
    struct model_message *message =
        model_message_add(world->model, importer->conversation, conversation->members[place].user,
                          &id, slice_of(bytes, content_size(&content)), world_now_us(world));
    message->is_imported = true;
    return message;
}

static void batch_done(void *context, const struct message *answer)
{
    struct importer *importer = context;
    struct world *world = importer->world;
    enum model_outcome outcome = actor_outcome(answer);
    bool some_differ = outcome == OUTCOME_DONE && answer->status.differing > 0;
    if (importer->rival != NULL) {
        /* What is stored is kept, and the import of the rest is done all the same. */
        enum model_outcome of_rival = outcome == OUTCOME_REFUSED ? outcome : OUTCOME_UNKNOWN;
        model_send_end(world->model, importer->rival, of_rival, true, world_now_us(world));
    }
    for (uint32_t i = 0; i < importer->batch_rows[importer->batch]; i++) {
        if (importer->rival != NULL &&
            importer->messages[importer->batch][i] == importer->rival->other) {
            continue;
        }
        /* "Some differ" and are kept as they are: this one, if it has another body. */
        struct model_message *message = importer->messages[importer->batch][i];
        bool may_differ = some_differ && message->other != NULL;
        model_send_end(world->model, message, may_differ ? OUTCOME_UNKNOWN : outcome, true,
                       world_now_us(world));
    }
    if (outcome == OUTCOME_DONE && importer->batch == importer->next) {
        importer->next++;
    }
    importer->rival = NULL;
    step_later(importer);
}

/* A later export of the same history, in which somebody has changed a body. */
static void rival_choose(struct importer *importer, uint32_t batch)
{
    static const uint8_t changed[] = "changed";
    uint32_t place = (uint32_t)random_below(&importer->random, importer->batch_rows[batch]);
    struct model_message *message = importer->messages[batch][place];
    struct content content;
    uint8_t bytes[ACTOR_CONTENT_MAX_BYTES];
    if (!world_has_rivals(importer->world) || message == NULL || message->other != NULL ||
        !random_chance(&importer->random, OTHER_BODY_PERMILLE)) {
        return;
    }
    enum columba_error error =
        content_decode(slice_of(message->content, message->content_size), &content);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    content.body = slice_of(changed, sizeof changed);
    content_encode(&content, bytes);
    importer->rival = model_rival_add(message, slice_of(bytes, content_size(&content)),
                                      world_now_us(importer->world));
    importer->rival->is_imported = true;
}

static void batch_send(struct importer *importer, uint32_t batch)
{
    struct message_history_row rows[BATCH_ROWS_MAX];
    uint32_t count = importer->batch_rows[batch];
    rival_choose(importer, batch);
    for (uint32_t i = 0; i < count; i++) {
        struct model_message **message = &importer->messages[batch][i];
        if (*message == NULL) {
            *message = message_write(importer);
        }
        const struct model_message *body = *message;
        if (importer->rival != NULL && importer->rival == body->other) {
            body = importer->rival;
        }
        model_send_begin(body == importer->rival ? importer->rival : *message);
        rows[i] = (struct message_history_row){.message = body->id};
        rows[i].content = slice_of(body->content, body->content_size);
    }
    struct message request = {.type = MESSAGE_HISTORY_IMPORT};
    request.history_import.conversation = conversation_of(importer)->id;
    request.history_import.rows = rows;
    request.history_import.row_count = count;
    request.history_import.consistency = CONSISTENCY_QUORUM;
    importer->batch = batch;
    caller_call(&importer->caller, any_host(importer), &request, CALL_TIMEOUT_US, batch_done,
                importer);
}

/* Inboxes. */

static uint32_t inbox_count(const struct importer *importer)
{
    uint32_t count = conversation_of(importer)->first_count;
    return count < MEMBERS_MAX ? count : MEMBERS_MAX;
}

static void inboxes_done(void *context, const struct message *answer)
{
    struct importer *importer = context;
    struct model_conversation *conversation = conversation_of(importer);
    enum model_outcome outcome = actor_outcome(answer);
    for (uint32_t i = 0; i < inbox_count(importer); i++) {
        struct model_mark *marker = &conversation->members[i].marker;
        if (outcome == OUTCOME_DONE) {
            struct id newest = marker->asked[importer->asks[i]].value;
            model_mark_known(marker, &newest, world_now_us(importer->world));
        } else if (outcome == OUTCOME_REFUSED) {
            model_mark_refused(marker, importer->asks[i]);
        }
    }
    importer->is_done = outcome == OUTCOME_DONE;
    step_later(importer);
}

static void inboxes_send(struct importer *importer)
{
    struct message_inbox_import_row rows[MEMBERS_MAX];
    struct model_conversation *conversation = conversation_of(importer);
    uint32_t last = importer->batch_count - 1;
    const struct id *newest = &importer->messages[last][importer->batch_rows[last] - 1]->id;
    for (uint32_t i = 0; i < inbox_count(importer); i++) {
        struct model_member *member = &conversation->members[i];
        importer->asks[i] = model_mark_asked(&member->marker, newest);
        rows[i] = (struct message_inbox_import_row){
            .user = importer->world->model->users[member->user].id,
            .conversation = conversation->id,
            .last = *newest,
            .marker = *newest,
        };
    }
    struct message request = {.type = MESSAGE_INBOX_IMPORT};
    request.inbox_import.rows = rows;
    request.inbox_import.row_count = inbox_count(importer);
    request.inbox_import.consistency = CONSISTENCY_QUORUM;
    caller_call(&importer->caller, any_host(importer), &request, CALL_TIMEOUT_US, inboxes_done,
                importer);
}

static void step(void *context, uint64_t argument)
{
    (void)argument;
    struct importer *importer = context;
    if (importer->is_done || importer->world->is_over) {
        return;
    }
    if (conversation_of(importer)->known_at_us == NEVER) {
        step_later(importer);
    } else if (importer->next > 0 && random_chance(&importer->random, AGAIN_PERMILLE)) {
        batch_send(importer, (uint32_t)random_below(&importer->random, importer->next));
    } else if (importer->next < importer->batch_count) {
        batch_send(importer, importer->next);
    } else {
        inboxes_send(importer);
    }
}

struct importer *importer_create(struct world *world, uint32_t endpoint, uint32_t conversation)
{
    struct importer *importer = calloc(1, sizeof *importer);
    COLUMBA_ASSERT(importer != NULL);
    importer->world = world;
    importer->conversation = conversation;
    importer->past_ms = UNIX_EPOCH_MS - PAST_MS;
    random_init(&importer->random, world->options.seed, STREAM_IMPORTER);
    importer->batch_count = (uint32_t)random_between(&importer->random, 1, BATCHES_MAX);
    for (uint32_t i = 0; i < importer->batch_count; i++) {
        importer->batch_rows[i] = (uint32_t)random_between(&importer->random, 1, BATCH_ROWS_MAX);
    }
    caller_init(&importer->caller, world, endpoint, 0);
    return importer;
}

void importer_destroy(struct importer *importer)
{
    if (importer != NULL) {
        caller_clear(&importer->caller);
        free(importer);
    }
}

void importer_start(struct importer *importer)
{
    step_later(importer);
}

bool importer_is_done(const struct importer *importer)
{
    return importer->is_done || conversation_of(importer)->known_at_us == NEVER;
}
