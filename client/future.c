#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "client/library.h"

static struct columba_future *future_kept(struct columba_client *client)
{
    if (list_is_empty(&client->kept)) {
        return NULL;
    }
    struct list *link = client->kept.next;
    list_remove(link);
    client->kept_count--;
    return container_of(link, struct columba_future, link);
}

static void future_reset(struct columba_future *future, struct columba_client *client)
{
    future->client = client;
    future->is_done = false;
    future->callback = NULL;
    future->user = NULL;
    future->error.code = COLUMBA_ERROR_OK;
    future->error.needed = 0;
    future->error.received = 0;
    future->error.retryable = false;
    future->error.outcome_unknown = false;
    future->error.text[0] = '\0';
    future->bytes = 0;
    future->more = NULL;
    future->more_count = 0;
    future->state = NULL;
    future->session = NULL;
    future->message = (struct columba_id){{0}};
    future->result_kind = RESULT_NONE;
    future->first.future = future;
    future->first.index = 0;
    future->first.is_under_way = false;
    future->first.request.state = 0;
    list_init(&future->done_link);
    if (client != NULL) {
        list_append(&client->futures, &future->link);
    }
}

struct columba_future *future_create(struct columba_client *client)
{
    struct columba_future *future = client != NULL ? future_kept(client) : NULL;
    if (future == NULL) {
        future = calloc(1, sizeof(*future));
        if (future == NULL) {
            return NULL;
        }
        list_init(&future->link);
        arena_init(&future->arena, memory_system(), FUTURE_ARENA_MAX_BYTES);
    }
    future_reset(future, client);
    return future;
}

void future_free(struct columba_future *future)
{
    arena_clear(&future->arena);
    list_remove(&future->link);
    free(future);
}

void future_cancel_parts(struct columba_future *future)
{
    struct client *core = future->client->core;
    if (future->first.is_under_way) {
        client_cancel(core, &future->first.request);
        future->first.is_under_way = false;
    }
    for (uint32_t i = 0; i < future->more_count; i++) {
        if (future->more[i].is_under_way) {
            client_cancel(core, &future->more[i].request);
            future->more[i].is_under_way = false;
        }
    }
}

static void session_leave(struct columba_future *future)
{
    if (future->session != NULL) {
        session_forget(future->session);
        future->session = NULL;
    }
}

void future_done(struct columba_future *future)
{
    struct columba_client *client = future->client;
    COLUMBA_ASSERT(!future->is_done);
    session_leave(future);
    if (client == NULL) {
        future->is_done = true;
        return;
    }
    future_cancel_parts(future);
    future->is_done = true;
    client->call_bytes -= future->bytes;
    future->bytes = 0;
    client->done_count++;
    list_append(future->callback != NULL ? &client->callbacks : &client->events,
                &future->done_link);
}

void future_fail(struct columba_future *future, const struct client_error *error)
{
    error_fill(&future->error, error->code, "%s", error->text);
    future->error.needed = error->needed;
    future->error.received = error->received;
    future->error.outcome_unknown = error->outcome_unknown;
    future_done(future);
}

void future_refuse(struct columba_future *future, enum columba_error code, const char *format, ...)
{
    char text[COLUMBA_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    error_fill(&future->error, code, "%s", text);
    future_done(future);
}

/* --- the interface --------------------------------------------------------------------------- */

void columba_future_destroy(struct columba_future *future)
{
    if (future == NULL) {
        return;
    }
    struct columba_client *client = future->client;
    session_leave(future);
    list_remove(&future->done_link);
    if (client == NULL) {
        future_free(future);
        return;
    }
    if (!future->is_done) {
        future_cancel_parts(future);
        client->call_bytes -= future->bytes;
    }
    list_remove(&future->link);
    if (client->kept_count >= FUTURES_KEPT_MAX) {
        future_free(future);
        return;
    }
    arena_reset(&future->arena);
    list_prepend(&client->kept, &future->link);
    client->kept_count++;
}

void columba_future_set_callback(struct columba_future *future, columba_callback callback,
                                 void *user)
{
    if (future == NULL) {
        return;
    }
    future->callback = callback;
    future->user = user;
    if (future->is_done && future->client != NULL) {
        list_remove(&future->done_link);
        list_append(callback != NULL ? &future->client->callbacks : &future->client->events,
                    &future->done_link);
        library_wake(future->client);
    }
}

void columba_future_set_user(struct columba_future *future, void *user)
{
    if (future != NULL) {
        future->user = user;
    }
}

void *columba_future_user(const struct columba_future *future)
{
    return future != NULL ? future->user : NULL;
}

bool columba_future_is_done(const struct columba_future *future)
{
    return future == NULL || future->is_done;
}

enum columba_error_code columba_future_code(const struct columba_future *future)
{
    if (future == NULL) {
        return COLUMBA_ERROR_INVALID;
    }
    return future->is_done ? future->error.code : COLUMBA_ERROR_INTERNAL;
}

enum columba_error_code columba_future_wait(struct columba_future *future)
{
    if (future == NULL) {
        return COLUMBA_ERROR_INVALID;
    }
    while (!future->is_done) {
        if (!library_is_own(future->client)) {
            future_refuse(future, ERR_INVALID, FORKED_TEXT);
            break;
        }
        if (future->client->is_dispatching) {
            return COLUMBA_ERROR_INVALID;
        }
        columba_dispatch(future->client, -1);
    }
    if (future->callback == NULL) {
        list_remove(&future->done_link);
    }
    return future->error.code;
}

const struct columba_error_info *columba_future_error(const struct columba_future *future)
{
    static const struct columba_error_info none = {
        .code = COLUMBA_ERROR_INVALID,
        .text = "there is no future (NULL): memory had run out, or it was never made"};
    return future != NULL ? &future->error : &none;
}

struct columba_id columba_future_message(const struct columba_future *future)
{
    return future != NULL ? future->message : (struct columba_id){{0}};
}

static bool has_result(const struct columba_future *future, enum result_kind kind)
{
    return future != NULL && future->is_done && future->error.code == COLUMBA_ERROR_OK &&
           future->result_kind == kind;
}

uint32_t columba_future_differing(const struct columba_future *future)
{
    return has_result(future, RESULT_DIFFERING) ? future->result.differing : 0;
}

const struct columba_conversation *columba_future_conversation(const struct columba_future *future)
{
    return has_result(future, RESULT_CONVERSATION) ? &future->result.conversation : NULL;
}

const struct columba_member_page *columba_future_members(const struct columba_future *future)
{
    return has_result(future, RESULT_MEMBERS) ? &future->result.members : NULL;
}

const struct columba_history_page *columba_future_history(const struct columba_future *future)
{
    return has_result(future, RESULT_HISTORY) ? &future->result.history : NULL;
}

const struct columba_inbox_page *columba_future_inbox(const struct columba_future *future)
{
    return has_result(future, RESULT_INBOX) ? &future->result.inbox : NULL;
}

const char *columba_future_json(const struct columba_future *future)
{
    return has_result(future, RESULT_JSON) ? future->result.json : NULL;
}

const struct columba_session_page *columba_future_session(const struct columba_future *future)
{
    return has_result(future, RESULT_SESSION) ? &future->result.session : NULL;
}
