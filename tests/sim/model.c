/* The model's own state: who exists, who belongs where, what was sent. */
#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

static void *grow(void *array, size_t count, size_t size)
{
    void *grown = realloc(array, (count == 0 ? 1 : count) * size);
    COLUMBA_ASSERT(grown != NULL);
    return grown;
}

static void name_users(struct model *model)
{
    for (uint32_t i = 0; i < model->user_count; i++) {
        struct model_user *user = &model->users[i];
        snprintf(user->name, sizeof user->name, "user-%u", i);
        user->id = id_of_name(ID_USER, slice_of_text(user->name));
    }
}

static void name_conversations(struct model *model)
{
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        struct model_conversation *conversation = &model->conversations[i];
        snprintf(conversation->name, sizeof conversation->name, "room-%u", i);
        conversation->id = id_of_name(ID_CONVERSATION, slice_of_text(conversation->name));
        conversation->known_at_us = NEVER;
    }
}

struct model *model_create(struct findings *findings, uint32_t user_count,
                           uint32_t conversation_count)
{
    struct model *model = calloc(1, sizeof *model);
    COLUMBA_ASSERT(model != NULL);
    model->findings = findings;
    model->users = calloc(user_count, sizeof *model->users);
    model->conversations = calloc(conversation_count, sizeof *model->conversations);
    COLUMBA_ASSERT(model->users != NULL && model->conversations != NULL);
    model->user_count = user_count;
    model->conversation_count = conversation_count;
    name_users(model);
    name_conversations(model);
    return model;
}

static void mark_clear(struct model_mark *mark)
{
    free(mark->asked);
    free(mark->known);
    free(mark->known_at_us);
}

static void conversation_clear(struct model_conversation *conversation)
{
    for (uint32_t i = 0; i < conversation->member_count; i++) {
        mark_clear(&conversation->members[i].marker);
        mark_clear(&conversation->members[i].read_up_to);
        mark_clear(&conversation->members[i].last);
    }
    for (uint32_t i = 0; i < conversation->message_count; i++) {
        model_edits_free(conversation->messages[i]);
        free(conversation->messages[i]->other);
        free(conversation->messages[i]);
    }
    free(conversation->members);
    free(conversation->messages);
}

void model_destroy(struct model *model)
{
    if (model == NULL) {
        return;
    }
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        conversation_clear(&model->conversations[i]);
    }
    free(model->conversations);
    free(model->users);
    free(model);
}

void model_member_add(struct model *model, uint32_t conversation_index, uint32_t user,
                      bool is_first)
{
    struct model_conversation *conversation = &model->conversations[conversation_index];
    conversation->members =
        grow(conversation->members, conversation->member_count + 1, sizeof *conversation->members);
    conversation->members[conversation->member_count++] =
        (struct model_member){.user = user, .known_at_us = NEVER, .asked_at_us = NEVER};
    conversation->first_count += is_first;
}

uint32_t model_members_next(const struct model_conversation *conversation)
{
    uint32_t known = 0;
    while (known < conversation->member_count &&
           conversation->members[known].known_at_us != NEVER) {
        known++;
    }
    if (known < conversation->first_count) {
        return conversation->first_count;
    }
    return known < conversation->member_count ? known + 1 : known;
}

struct model_member *model_member(struct model *model, uint32_t conversation_index, uint32_t user)
{
    struct model_conversation *conversation = &model->conversations[conversation_index];
    for (uint32_t i = 0; i < conversation->member_count; i++) {
        if (conversation->members[i].user == user) {
            return &conversation->members[i];
        }
    }
    return NULL;
}

uint32_t model_user_by_id(const struct model *model, const struct id *id)
{
    for (uint32_t i = 0; i < model->user_count; i++) {
        if (id_equal(&model->users[i].id, id)) {
            return i;
        }
    }
    return UINT32_MAX;
}

uint32_t model_conversation_by_id(const struct model *model, const struct id *id)
{
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        if (id_equal(&model->conversations[i].id, id)) {
            return i;
        }
    }
    return UINT32_MAX;
}

void model_create_asked(struct model *model, uint32_t conversation_index, uint32_t member_count,
                        uint64_t now_us)
{
    struct model_conversation *conversation = &model->conversations[conversation_index];
    conversation->is_asked = true;
    for (uint32_t i = 0; i < member_count; i++) {
        struct model_member *member = &conversation->members[i];
        member->asked_at_us = now_us < member->asked_at_us ? now_us : member->asked_at_us;
    }
}

void model_create_known(struct model *model, uint32_t conversation_index, uint32_t member_count,
                        uint64_t now_us)
{
    struct model_conversation *conversation = &model->conversations[conversation_index];
    if (conversation->known_at_us == NEVER) {
        conversation->known_at_us = now_us;
    }
    for (uint32_t i = 0; i < member_count; i++) {
        struct model_member *member = &conversation->members[i];
        member->known_at_us = now_us < member->known_at_us ? now_us : member->known_at_us;
    }
}

uint32_t model_message_place(const struct model_conversation *conversation, const struct id *id)
{
    uint32_t low = 0;
    uint32_t high = conversation->message_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (id_compare(&conversation->messages[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct model_message *model_message(const struct model_conversation *conversation,
                                    const struct id *id)
{
    uint32_t place = model_message_place(conversation, id);
    if (place < conversation->message_count && id_equal(&conversation->messages[place]->id, id)) {
        return conversation->messages[place];
    }
    return NULL;
}

struct model_message *model_message_add(struct model *model, uint32_t conversation_index,
                                        uint32_t sender, const struct id *id, struct slice content,
                                        uint64_t now_us)
{
    struct model_conversation *conversation = &model->conversations[conversation_index];
    struct model_message *message = malloc(sizeof *message + content.size);
    COLUMBA_ASSERT(message != NULL);
    *message = (struct model_message){
        .id = *id,
        .sender = sender,
        .asked_at_us = now_us,
        .known_at_us = NEVER,
        .content_size = content.size,
    };
    memcpy(message->content, content.data, content.size);
    if (conversation->message_count == conversation->message_capacity) {
        conversation->message_capacity = 64 + 2 * conversation->message_capacity;
        conversation->messages = grow(conversation->messages, conversation->message_capacity,
                                      sizeof(struct model_message *));
    }
    uint32_t place = model_message_place(conversation, id);
    memmove(&conversation->messages[place + 1], &conversation->messages[place],
            (conversation->message_count - place) * sizeof(struct model_message *));
    conversation->messages[place] = message;
    conversation->message_count++;
    return message;
}

struct model_message *model_rival_add(struct model_message *message, struct slice content,
                                      uint64_t now_us)
{
    COLUMBA_ASSERT(message->other == NULL && !message->is_rival);
    struct model_message *rival = malloc(sizeof *rival + content.size);
    COLUMBA_ASSERT(rival != NULL);
    *rival = (struct model_message){
        .id = message->id,
        .sender = message->sender,
        .asked_at_us = now_us,
        .known_at_us = NEVER,
        .is_rival = true,
        .other = message,
        .content_size = content.size,
    };
    memcpy(rival->content, content.data, content.size);
    message->other = rival;
    return rival;
}

struct model_message *model_body(struct model_message *message, struct slice content)
{
    struct model_message *bodies[] = {message, message->other};
    for (uint32_t i = 0; i < 2; i++) {
        if (bodies[i] != NULL &&
            slice_equal(content, slice_of(bodies[i]->content, bodies[i]->content_size))) {
            return bodies[i];
        }
    }
    return NULL;
}

static bool is_known(const struct model_message *message)
{
    return message != NULL && message->known_at_us != NEVER;
}

void model_message_known(struct model *model, struct model_message *message, uint64_t now_us)
{
    if (!is_known(message) && is_known(message->other)) {
        char text[ID_TEXT_BYTES];
        id_to_text(&message->id, text);
        findings_add(model->findings, "two bodies of %s are known, the other since %.6f s", text,
                     (double)message->other->known_at_us / 1e6);
    }
    message->known_at_us = now_us < message->known_at_us ? now_us : message->known_at_us;
}

static void weak_forget(struct model_message *message)
{
    if (message != NULL && message->known_at_us == NEVER) {
        message->may_be_lost = !model_body_is_refused(message);
        message->is_unknown = message->is_unknown || message->is_acknowledged;
        message->is_acknowledged = false;
    }
}

void model_weak_forget(struct model *model)
{
    for (uint32_t i = 0; i < model->conversation_count; i++) {
        const struct model_conversation *conversation = &model->conversations[i];
        for (uint32_t k = 0; k < conversation->message_count; k++) {
            weak_forget(conversation->messages[k]);
            weak_forget(conversation->messages[k]->other);
        }
    }
}

void model_send_begin(struct model_message *message)
{
    message->attempts_open++;
}

void model_send_end(struct model *model, struct model_message *message, enum model_outcome outcome,
                    bool is_quorum, uint64_t now_us)
{
    COLUMBA_ASSERT(message->attempts_open > 0);
    message->attempts_open--;
    message->is_unknown = message->is_unknown || outcome == OUTCOME_UNKNOWN;
    if (outcome == OUTCOME_DONE) {
        message->is_acknowledged = true;
        if (is_quorum) {
            model_message_known(model, message, now_us);
        }
    }
    if (model_body_is_refused(message) && message->known_at_us != NEVER) {
        findings_add(model->findings, "a send of user %u was refused, but had been seen",
                     message->sender);
    }
}

bool model_body_is_refused(const struct model_message *message)
{
    return message->attempts_open == 0 && !message->is_unknown && !message->is_acknowledged;
}

bool model_message_is_refused(const struct model_message *message)
{
    return model_body_is_refused(message) &&
           (message->other == NULL || model_body_is_refused(message->other));
}

uint32_t model_mark_asked(struct model_mark *mark, const struct id *value)
{
    mark->asked = grow(mark->asked, mark->asked_count + 1, sizeof *mark->asked);
    mark->asked[mark->asked_count] = (struct model_asked){.value = *value};
    return mark->asked_count++;
}

void model_mark_refused(struct model_mark *mark, uint32_t ask)
{
    mark->asked[ask].is_refused = true;
}

void model_mark_known(struct model_mark *mark, const struct id *value, uint64_t now_us)
{
    if (mark->known_count > 0 && id_compare(value, &mark->known[mark->known_count - 1]) <= 0) {
        return;
    }
    mark->known = grow(mark->known, mark->known_count + 1, sizeof *mark->known);
    mark->known_at_us = grow(mark->known_at_us, mark->known_count + 1, sizeof(uint64_t));
    mark->known[mark->known_count] = *value;
    mark->known_at_us[mark->known_count++] = now_us;
}

struct id model_mark_floor(const struct model_mark *mark, uint64_t start_us)
{
    for (uint32_t i = mark->known_count; i > 0; i--) {
        if (mark->known_at_us[i - 1] < start_us) {
            return mark->known[i - 1];
        }
    }
    return (struct id){0};
}

bool model_level_is_quorum(uint32_t level)
{
    return level == CONSISTENCY_QUORUM || level == CONSISTENCY_LOCAL_QUORUM ||
           level == CONSISTENCY_EACH_QUORUM || level == CONSISTENCY_ALL;
}
