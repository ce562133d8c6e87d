#include "node/shell/requests.h"

#include <stdlib.h>

#include "base/assert.h"

#define FREE_NONE UINT32_MAX

enum columba_error requests_init(struct requests *requests, uint32_t capacity)
{
    /* calloc of this size takes pages only when they are touched. */
    struct request *places = calloc(capacity, sizeof *places);
    if (places == NULL) {
        return ERR_NO_MEMORY;
    }
    *requests = (struct requests){.places = places, .capacity = capacity, .free = FREE_NONE};
    return COLUMBA_OK;
}

void requests_clear(struct requests *requests)
{
    free(requests->places);
    *requests = (struct requests){0};
}

static struct request *place_take(struct requests *requests)
{
    if (requests->free != FREE_NONE) {
        struct request *request = &requests->places[requests->free];
        requests->free = request->next_free;
        return request;
    }
    if (requests->used < requests->capacity) {
        return &requests->places[requests->used++];
    }
    return NULL;
}

struct request *requests_take(struct requests *requests, struct connection *connection,
                              struct list *of_connection, uint64_t asked_id, uint8_t type,
                              uint64_t now_ns)
{
    COLUMBA_ASSERT(type != 0);
    struct request *request = place_take(requests);
    if (request == NULL) {
        return NULL;
    }
    request->connection = connection;
    request->asked_id = asked_id;
    request->started_ns = now_ns;
    request->generation++;
    request->type = type;
    list_append(of_connection, &request->of_connection);
    requests->count++;
    return request;
}

uint64_t requests_id(const struct requests *requests, const struct request *request)
{
    return (uint64_t)request->generation << 32 | (uint64_t)(request - requests->places);
}

struct request *requests_find(struct requests *requests, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= requests->used) {
        return NULL;
    }
    struct request *request = &requests->places[index];
    return request->type != 0 && request->generation == (uint32_t)(id >> 32) ? request : NULL;
}

void requests_release(struct requests *requests, struct request *request)
{
    COLUMBA_ASSERT(request->type != 0 && requests->count > 0);
    list_remove(&request->of_connection);
    request->connection = NULL;
    request->type = 0;
    request->next_free = requests->free;
    requests->free = (uint32_t)(request - requests->places);
    requests->count--;
}

struct request *requests_stale(struct requests *requests, uint32_t *cursor, uint64_t before_ns)
{
    for (uint32_t i = *cursor; i < requests->used; i++) {
        struct request *request = &requests->places[i];
        if (request->type != 0 && request->type != MESSAGE_ADMIN &&
            request->started_ns < before_ns) {
            *cursor = i + 1;
            return request;
        }
    }
    *cursor = requests->used;
    return NULL;
}
