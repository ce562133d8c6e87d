#include "base/assert.h"
#include "client/core/internal.h"

/* A binary heap whose members know their place, so that any of them can leave. */

static void heap_put(struct client *client, uint32_t position, struct client_request *request)
{
    client->heap[position] = request;
    request->heap_position = position;
}

static void heap_rise(struct client *client, uint32_t position, struct client_request *request)
{
    while (position > 0) {
        uint32_t parent = (position - 1) / 2;
        if (client->heap[parent]->due_ms <= request->due_ms) {
            break;
        }
        heap_put(client, position, client->heap[parent]);
        position = parent;
    }
    heap_put(client, position, request);
}

static void heap_sink(struct client *client, uint32_t position, struct client_request *request)
{
    for (;;) {
        uint32_t child = 2 * position + 1;
        if (child >= client->heap_count) {
            break;
        }
        if (child + 1 < client->heap_count &&
            client->heap[child + 1]->due_ms < client->heap[child]->due_ms) {
            child++;
        }
        if (request->due_ms <= client->heap[child]->due_ms) {
            break;
        }
        heap_put(client, position, client->heap[child]);
        position = child;
    }
    heap_put(client, position, request);
}

void heap_insert(struct client *client, struct client_request *request, uint64_t due_ms)
{
    heap_remove(client, request);
    COLUMBA_ASSERT(client->heap_count < client->slot_count);
    request->due_ms = due_ms;
    heap_rise(client, client->heap_count++, request);
}

void heap_remove(struct client *client, struct client_request *request)
{
    uint32_t position = request->heap_position;
    if (position == HEAP_NONE) {
        return;
    }
    COLUMBA_ASSERT(position < client->heap_count && client->heap[position] == request);
    request->heap_position = HEAP_NONE;
    struct client_request *last = client->heap[--client->heap_count];
    if (last == request) {
        return;
    }
    if (position > 0 && last->due_ms < client->heap[(position - 1) / 2]->due_ms) {
        heap_rise(client, position, last);
    } else {
        heap_sink(client, position, last);
    }
}
