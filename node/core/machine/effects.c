#include "node/core/machine/effects.h"

#include "base/assert.h"
#include "base/limits.h"
#include "node/store/key.h"

struct effect_node {
    struct effect effect;
    struct effect_node *next;
};

void effects_init(struct effects *effects, struct memory *memory)
{
    arena_init(&effects->arena, memory, EFFECTS_ARENA_MAX_BYTES);
    effects->first = NULL;
    effects->last_next = &effects->first;
    effects->dropped = 0;
}

void effects_clear(struct effects *effects)
{
    arena_clear(&effects->arena);
    effects->first = NULL;
    effects->last_next = &effects->first;
}

void effects_recycle(struct effects *effects)
{
    COLUMBA_ASSERT(effects->first != NULL || effects->last_next == &effects->first);
    if (effects->first == NULL) {
        arena_reset(&effects->arena);
    }
}

bool effects_next(struct effects *effects, struct effect *out_effect)
{
    struct effect_node *node = effects->first;
    if (node == NULL) {
        return false;
    }
    *out_effect = node->effect;
    effects->first = node->next;
    if (effects->first == NULL) {
        effects->last_next = &effects->first;
    }
    return true;
}

void *effects_allocate(struct effects *effects, size_t size)
{
    return arena_allocate(&effects->arena, size);
}

struct message *effects_message(struct effects *effects, enum message_type type)
{
    struct message *message = arena_allocate_zero(&effects->arena, sizeof(*message));
    if (message == NULL) {
        effects->dropped++;
        return NULL;
    }
    message->type = type;
    return message;
}

static struct effect *effect_append(struct effects *effects, enum effect_type type)
{
    struct effect_node *node = arena_allocate(&effects->arena, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    COLUMBA_ASSERT(*effects->last_next == NULL);
    node->effect.type = type;
    node->next = NULL;
    *effects->last_next = node;
    effects->last_next = &node->next;
    return &node->effect;
}

void effects_reply(struct effects *effects, uint64_t connection, uint64_t request_id,
                   const struct message *message)
{
    if (message == NULL) {
        return;
    }
    struct effect *effect = effect_append(effects, EFFECT_REPLY);
    if (effect == NULL) {
        effects->dropped++;
        return;
    }
    COLUMBA_ASSERT(connection != 0);
    effect->reply.connection = connection;
    effect->reply.request_id = request_id;
    effect->reply.message = message;
}

void effects_send(struct effects *effects, uint16_t node, uint64_t request_id,
                  const struct message *message)
{
    if (message == NULL) {
        return;
    }
    struct effect *effect = effect_append(effects, EFFECT_SEND);
    if (effect == NULL) {
        effects->dropped++;
        return;
    }
    COLUMBA_ASSERT(node != NODE_NONE);
    effect->send.node = node;
    effect->send.request_id = request_id;
    effect->send.message = message;
}

bool effects_write(struct effects *effects, enum effect_type type, struct slice key,
                   struct slice value)
{
    COLUMBA_ASSERT(type == EFFECT_MERGE || type == EFFECT_PUT || type == EFFECT_REMOVE);
    struct slice key_copy;
    if (arena_copy(&effects->arena, key, &key_copy) != 0) {
        return false;
    }
    struct effect *effect = effect_append(effects, type);
    if (effect == NULL) {
        return false;
    }
    effect->write.key = key_copy;
    effect->write.value = value;
    return true;
}

bool effects_read(struct effects *effects, uint64_t read_id, const struct read_query *query)
{
    COLUMBA_ASSERT(read_id != 0);
    uint8_t *place = arena_allocate(&effects->arena, read_query_bytes(query));
    struct effect *effect = place == NULL ? NULL : effect_append(effects, EFFECT_READ);
    if (effect == NULL) {
        return false;
    }
    effect->read.read_id = read_id;
    effect->read.query = *query;
    read_query_move(&effect->read.query, place);
    return true;
}

bool effects_read_row(struct effects *effects, uint64_t read_id, const struct row_key *key)
{
    struct key_bytes begin = row_key_encode(key);
    struct key_bytes end = begin;
    end.bytes[end.size++] = 0;
    return effects_read(effects, read_id,
                        &(struct read_query){.space = SPACE_ROWS,
                                             .begin = key_slice(&begin),
                                             .end = key_slice(&end),
                                             .limit_rows = 1,
                                             .limit_bytes = ROW_MAX_BYTES});
}

void effects_cut(struct effects *effects, struct effect_node **before)
{
    *before = NULL;
    effects->last_next = before;
}
