#include "node/store/batch_memory.h"

#include "base/limits.h"

#define CAPACITY_MIN_BYTES (4u * KIB)

struct operation_head {
    uint32_t action;
    uint32_t key_size;
    uint32_t value_size;
};

struct engine_batch *batch_memory_create(struct memory *memory)
{
    struct engine_batch *batch = memory_allocate_zero(memory, sizeof(*batch));
    if (batch != NULL) {
        batch->memory = memory;
    }
    return batch;
}

void batch_memory_destroy(struct engine_batch *batch)
{
    if (batch != NULL) {
        memory_release(batch->memory, batch->bytes);
        memory_release(batch->memory, batch);
    }
}

void batch_memory_clear(struct engine_batch *batch)
{
    batch->size = 0;
    batch->count = 0;
    batch->is_short_of_memory = false;
}

static bool batch_reserve(struct engine_batch *batch, size_t more)
{
    size_t need = batch->size + more;
    if (need <= batch->capacity) {
        return true;
    }
    size_t capacity = batch->capacity * 2 > need ? batch->capacity * 2 : need;
    capacity = capacity > CAPACITY_MIN_BYTES ? capacity : CAPACITY_MIN_BYTES;
    uint8_t *bytes = memory_allocate(batch->memory, capacity);
    if (bytes == NULL) {
        return false;
    }
    if (batch->size > 0) {
        memcpy(bytes, batch->bytes, batch->size);
    }
    memory_release(batch->memory, batch->bytes);
    batch->bytes = bytes;
    batch->capacity = capacity;
    return true;
}

static void batch_append(struct engine_batch *batch, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(batch->bytes + batch->size, data, size);
        batch->size += size;
    }
}

void batch_memory_add(struct engine_batch *batch, const struct batch_operation *operation)
{
    const struct operation_head head = {.action = (uint32_t)operation->action,
                                        .key_size = (uint32_t)operation->key.size,
                                        .value_size = (uint32_t)operation->value.size};
    if (!batch_reserve(batch, sizeof(head) + operation->key.size + operation->value.size)) {
        batch->is_short_of_memory = true;
        return;
    }
    batch_append(batch, &head, sizeof(head));
    batch_append(batch, operation->key.data, operation->key.size);
    batch_append(batch, operation->value.data, operation->value.size);
    batch->count++;
}

bool batch_memory_next(const struct engine_batch *batch, size_t *at,
                       struct batch_operation *out_operation)
{
    if (*at == batch->size) {
        return false;
    }
    struct operation_head head;
    memcpy(&head, batch->bytes + *at, sizeof(head));
    const uint8_t *key = batch->bytes + *at + sizeof(head);
    *out_operation = (struct batch_operation){
        .action = (enum batch_action)head.action,
        .key = slice_of(key, head.key_size),
        .value = slice_of(key + head.key_size, head.value_size),
    };
    *at += sizeof(head) + head.key_size + head.value_size;
    return true;
}
