/* A batch of the engine in memory: operations one after the other in one growing buffer. */
#ifndef COLUMBA_NODE_STORE_BATCH_MEMORY_H
#define COLUMBA_NODE_STORE_BATCH_MEMORY_H

#include "base/memory.h"
#include "node/store/engine.h"

enum batch_action { BATCH_MERGE, BATCH_PUT, BATCH_REMOVE };

struct engine_batch {
    struct memory *memory;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    size_t count;
    bool is_short_of_memory; /* an operation found no room: the batch cannot be committed */
};

struct batch_operation {
    enum batch_action action;
    struct slice key;
    struct slice value;
};

struct engine_batch *batch_memory_create(struct memory *memory);
void batch_memory_destroy(struct engine_batch *batch);
void batch_memory_clear(struct engine_batch *batch);
void batch_memory_add(struct engine_batch *batch, const struct batch_operation *operation);

/* Reads from *at (0 at first) and moves it on; false at the end. Views into the batch. */
bool batch_memory_next(const struct engine_batch *batch, size_t *at,
                       struct batch_operation *out_operation);

#endif
