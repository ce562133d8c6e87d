#include "base/assert.h"
#include "client/core/answer.h"
#include "client/core/internal.h"
#include "proto/request.h"

/*
 * The life of a request: IDLE, then routed: WAITING for a connection, or QUEUED on one, SENT, and
 * from there an answer ends it (DONE), or a failure that passes leads to another attempt, at once
 * or after BACKOFF. While it is not DONE it holds a slot; its place in the heap is the time of its
 * deadline, of the end of its attempt or of its backoff, whichever comes first.
 */

static bool is_write(const struct client_request *request)
{
    const struct request_kind *kind = request_kind_of(request->message.type);
    /* What is no request of clients is an administrator's command, or a PING. */
    return kind != NULL ? kind->class != REQUEST_CLASS_READ
                        : request->message.type == MESSAGE_ADMIN;
}

/* --- slots ----------------------------------------------------------------------------------- */

static bool slots_grow(struct client *client)
{
    uint32_t count = client->slot_count == 0 ? 64 : client->slot_count * 2;
    if (count > client->config.requests_max) {
        count = client->config.requests_max;
    }
    if (count <= client->slot_count) {
        return false;
    }
    struct client_slot *slots = memory_allocate(client->memory, count * sizeof(slots[0]));
    if (slots == NULL || !heap_reserve(&client->due, count)) {
        memory_release(client->memory, slots);
        return false;
    }
    if (client->slot_count > 0) {
        memcpy(slots, client->slots, client->slot_count * sizeof(slots[0]));
    }
    for (uint32_t i = client->slot_count; i < count; i++) {
        slots[i] = (struct client_slot){.next_free = i + 1 < count ? i + 1 : SLOT_NONE};
    }
    client->free_slot = client->slot_count;
    client->slot_count = count;
    memory_release(client->memory, client->slots);
    client->slots = slots;
    return true;
}

static bool slot_take(struct client *client, struct client_request *request)
{
    if (client->free_slot == SLOT_NONE && !slots_grow(client)) {
        return false;
    }
    request->slot = client->free_slot;
    struct client_slot *slot = &client->slots[request->slot];
    client->free_slot = slot->next_free;
    slot->request = request;
    client->in_flight++;
    return true;
}

/* The node that the request was routed to is rid of it, answered or not. */
static void node_leave(struct client *client, struct client_request *request)
{
    if (request->counted_at != CLIENT_NODE_ANY) {
        client->nodes[request->counted_at]->requests--;
        request->counted_at = CLIENT_NODE_ANY;
    }
}

static void slot_give_back(struct client *client, struct client_request *request)
{
    if (request->slot == SLOT_NONE) {
        return;
    }
    heap_remove(&client->due, &request->due);
    struct client_slot *slot = &client->slots[request->slot];
    node_leave(client, request);
    slot->request = NULL;
    slot->next_free = client->free_slot;
    client->free_slot = request->slot;
    request->slot = SLOT_NONE;
    client->in_flight--;
}

/* --- ends ------------------------------------------------------------------------------------ */

static void request_finish(struct client *client, struct client_request *request)
{
    list_remove(&request->link);
    slot_give_back(client, request);
    if (request->error.code != COLUMBA_OK && request->may_be_applied) {
        request->error.outcome_unknown = true;
    }
    request->state = REQUEST_DONE;
    list_append(&client->completed, &request->link);
}

static struct text error_set(struct client_request *request, enum columba_error code)
{
    request->error.code = code;
    request->error.needed = 0;
    request->error.received = 0;
    request->error.outcome_unknown = false;
    return text_into(request->error.text, sizeof(request->error.text));
}

static void request_succeed(struct client *client, struct client_request *request,
                            const struct message *answer)
{
    error_set(request, COLUMBA_OK);
    request->answer = answer;
    request_finish(client, request);
}

/* The last error tells more than that time is over, where there was one. */
static void request_expire(struct client *client, struct client_request *request)
{
    if (request->error.code == COLUMBA_OK) {
        if (request->state == REQUEST_WAITING) {
            struct text text = error_set(request, ERR_NO_NODE);
            request->error.code = nodes_problem(client, request->node, &text);
        } else {
            struct text text = error_set(request, ERR_TIMEOUT);
            text_add(&text, connection_of(client, request->connection)->node->text);
            text_add(&text, " did not answer in time");
            request->may_be_applied = request->may_be_applied || is_write(request);
        }
    } else if (request->state == REQUEST_SENT && is_write(request)) {
        request->may_be_applied = true;
    }
    request_finish(client, request);
}

/* --- attempts -------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint32_t attempt_timeout_ms(const struct client *client,
                                   const struct client_request *request)
{
    return request->attempt_timeout_ms > 0 ? request->attempt_timeout_ms
                                           : client->config.attempt_timeout_ms;
}

static void request_queue(struct client *client, struct client_request *request,
                          struct connection *connection)
{
    uint64_t due_ms = request->deadline_ms;
    if (!request->no_attempt_timeout) {
        due_ms = earlier(due_ms, client->now_ms + attempt_timeout_ms(client, request));
    }
    request->state = REQUEST_QUEUED;
    request->connection = connection->number;
    request->counted_at = connection->node->index;
    connection->node->requests++;
    client->slots[request->slot].attempt++;
    heap_insert(&client->due, &request->due, due_ms);
    list_append(&connection->queued, &request->link);
    connection_mark(client, connection, 0);
}

void request_route(struct client *client, struct client_request *request)
{
    node_leave(client, request);
    struct connection *connection = routing_pick(client, request);
    if (connection != NULL && request->wait_for_connection) {
        request_succeed(client, request, NULL);
    } else if (connection != NULL) {
        request_queue(client, request, connection);
    } else {
        request->state = REQUEST_WAITING;
        heap_insert(&client->due, &request->due, request->deadline_ms);
        list_append(&client->waiting, &request->link);
    }
}

static void request_back_off(struct client *client, struct client_request *request,
                             uint64_t delay_ms)
{
    uint64_t until_ms = client->now_ms + delay_ms;
    if (until_ms >= request->deadline_ms) {
        request_finish(client, request);
        return;
    }
    node_leave(client, request);
    request->state = REQUEST_BACKOFF;
    heap_insert(&client->due, &request->due, until_ms);
}

static uint64_t retry_delay(struct client *client, const struct client_request *request)
{
    unsigned doublings = request->attempts < 7 ? request->attempts : 7;
    uint64_t delay_ms = (uint64_t)RETRY_MIN_MS << doublings;
    return client_jitter(client, earlier(delay_ms, RETRY_MAX_MS));
}

static void attempt_count(struct client *client, struct client_request *request)
{
    request->last_node = connection_of(client, request->connection)->node->index;
    request->attempts++;
}

/* Decides what an error means for the request. It has been sent and is on no list. */
static void request_failed(struct client *client, struct client_request *request)
{
    attempt_count(client, request);
    bool at_once = request->attempts <= RETRY_AT_ONCE_MAX;
    switch (request->error.code) {
    case ERR_UNAVAILABLE:
        request->unavailable_attempts++;
        if (request->unavailable_attempts >= UNAVAILABLE_ATTEMPTS_MAX || client->ready_count < 2 ||
            request->not_idempotent) {
            request_finish(client, request);
            return;
        }
        break;
    case ERR_CLOCK_AHEAD:
        request->clock_ahead_attempts++;
        if (request->clock_ahead_attempts >= CLOCK_AHEAD_ATTEMPTS_MAX || client->ready_count < 2) {
            request_finish(client, request);
            return;
        }
        break;
    case ERR_SHUTTING_DOWN:
    case ERR_CLOCK_WRONG:
    case ERR_BAD_ANSWER:
    case ERR_DISCONNECTED:
    case ERR_STALE_TOPOLOGY:
        break;
    case ERR_NOT_A_REPLICA: /* where it goes is not connected yet */
    case ERR_OVERLOADED:
    case ERR_DISK_FULL:
    case ERR_TIMEOUT:
    case ERR_OUTCOME_UNKNOWN:
        at_once = false;
        break;
    default:
        request_finish(client, request);
        return;
    }
    if (request->not_idempotent) {
        request_finish(client, request);
    } else if (at_once) {
        request_route(client, request);
    } else {
        request_back_off(client, request, retry_delay(client, request));
    }
}

void request_disconnected(struct client *client, struct client_request *request, const char *reason)
{
    const struct connection *connection = connection_of(client, request->connection);
    struct text text = error_set(request, ERR_DISCONNECTED);
    text_add(&text, "the connection to ");
    text_add(&text, connection->node->text);
    text_add(&text, " was lost before the answer: ");
    text_add(&text, reason);
    request->may_be_applied = request->may_be_applied || is_write(request);
    request_failed(client, request);
}

/* Asked and not answered for as long as an attempt may take: another node may do better. */
static void request_attempt_over(struct client *client, struct client_request *request)
{
    struct connection *connection = connection_of(client, request->connection);
    uint64_t asked_ms = client->now_ms - attempt_timeout_ms(client, request);
    struct text text = error_set(request, ERR_TIMEOUT);
    text_add(&text, connection->node->text);
    text_add(&text, " did not answer within ");
    text_add_number(&text, attempt_timeout_ms(client, request));
    text_add(&text, " ms");
    request->may_be_applied = request->may_be_applied || is_write(request);
    list_remove(&request->link);
    if (connection->heard_ms <= asked_ms) {
        connection_mark_silent(client, connection);
    }
    attempt_count(client, request);
    if (request->not_idempotent) {
        request_finish(client, request);
    } else {
        request_route(client, request);
    }
}

/* --- answers --------------------------------------------------------------------------------- */

static void status_received(struct client *client, struct connection *connection,
                            struct client_request *request, const struct message_status *status)
{
    struct text text = error_set(request, status->error);
    if (status->text.size > 0) {
        text_add_foreign(&text, status->text);
    } else {
        text_add(&text, error_text(status->error));
    }
    request->error.needed = status->needed;
    request->error.received = status->received;
    request->may_be_applied =
        request->may_be_applied || status->outcome_unknown || status->error == ERR_OUTCOME_UNKNOWN;
    connection->node->vote.is_void = status->error == ERR_CLOCK_WRONG;
    if (status->error == ERR_SHUTTING_DOWN || status->error == ERR_CLOCK_WRONG) {
        connection->node->avoid_until_ms = client->now_ms + DRAINING_AVOID_MS;
    }
    list_remove(&request->link);
    request_failed(client, request);
}

static struct client_request *request_find(const struct client *client, uint64_t request_id,
                                           const struct connection *connection)
{
    uint32_t index = (uint32_t)request_id;
    if (request_id == CONTROL_REQUEST_ID || index >= client->slot_count) {
        return NULL;
    }
    const struct client_slot *slot = &client->slots[index];
    bool is_current = slot->request != NULL && slot->attempt == (uint32_t)(request_id >> 32) &&
                      slot->request->state == REQUEST_SENT &&
                      slot->request->connection == connection->number;
    return is_current ? slot->request : NULL;
}

bool request_answered(struct client *client, struct connection *connection, uint64_t request_id,
                      const struct message *message, struct text *out_problem)
{
    struct client_request *request = request_find(client, request_id, connection);
    if (request == NULL) {
        return true; /* of an attempt that was given up, or of a request that was cancelled */
    }
    if (message->type == MESSAGE_STATUS && message->status.error != COLUMBA_OK) {
        status_received(client, connection, request, &message->status);
        return true;
    }
    const char *problem = answer_problem(&request->message, message);
    if (problem != NULL) {
        text_add(out_problem, "it answered with ");
        text_add(out_problem, problem);
        return false;
    }
    request_succeed(client, request, message);
    return true;
}

/* --- from outside ---------------------------------------------------------------------------- */

void client_submit(struct client *client, struct client_request *request)
{
    uint32_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : client->config.timeout_ms;
    list_init(&request->link);
    request->deadline_ms = client->now_ms + timeout_ms;
    request->slot = SLOT_NONE;
    heap_node_init(&request->due);
    request->connection = CONNECTION_NONE;
    request->last_node = CLIENT_NODE_ANY;
    request->counted_at = CLIENT_NODE_ANY;
    request->attempts = 0;
    request->unavailable_attempts = 0;
    request->clock_ahead_attempts = 0;
    request->may_be_applied = false;
    request->answer = NULL;
    error_set(request, COLUMBA_OK);
    if (!slot_take(client, request)) {
        struct text text = error_set(request, ERR_OVERLOADED);
        text_add_number(&text, client->in_flight);
        text_add(&text, " requests of this client are under way; wait for some of them");
        request_finish(client, request);
        return;
    }
    request_route(client, request);
}

void client_cancel(struct client *client, struct client_request *request)
{
    if (request->state == REQUEST_IDLE) {
        return;
    }
    list_remove(&request->link);
    slot_give_back(client, request);
    request->state = REQUEST_IDLE;
}

static void list_take_all(struct list *from, struct list *into)
{
    list_init(into);
    while (!list_is_empty(from)) {
        struct list *link = from->next;
        list_remove(link);
        list_append(into, link);
    }
}

void requests_reroute_waiting(struct client *client)
{
    struct list waiting;
    list_take_all(&client->waiting, &waiting);
    list_for_each_safe(link, &waiting)
    {
        list_remove(link);
        request_route(client, container_of(link, struct client_request, link));
    }
}

void requests_fail_unreachable(struct client *client)
{
    bool all = nodes_are_unreachable(client, CLIENT_NODE_ANY);
    list_for_each_safe(link, &client->waiting)
    {
        struct client_request *request = container_of(link, struct client_request, link);
        bool one = request->node < client->node_count;
        if (one ? nodes_are_unreachable(client, request->node) : all) {
            struct text text = error_set(request, ERR_NO_NODE);
            request->error.code = nodes_problem(client, request->node, &text);
            request_finish(client, request);
        }
    }
}

static void request_due(struct client *client, struct client_request *request)
{
    heap_remove(&client->due, &request->due);
    if (client->now_ms >= request->deadline_ms) {
        request_expire(client, request);
    } else if (request->state == REQUEST_BACKOFF) {
        request_route(client, request);
    } else {
        request_attempt_over(client, request);
    }
}

void requests_tick(struct client *client)
{
    struct heap_node *first = NULL;
    while ((first = heap_first(&client->due)) != NULL && first->at <= client->now_ms) {
        request_due(client, container_of(first, struct client_request, due));
    }
}
