#include <string.h>

#include "client/library.h"

/* Calls to one node. Its name may be one that only the cluster knows, so they wait for a first
 * connection where there was none, and are addressed then. */

struct node_call {
    const char *node; /* NULL: any, or the first contact */
    struct message message;
    part_done done;
    bool is_admin;
};

/* Names of commands and their arguments. */
#define ADMIN_TEXTS_MAX_BYTES (4u * KIB)
#define ADMIN_ARGUMENTS_MAX 16u

/* False: no such node; the future is refused. */
static bool node_choose(struct columba_future *future, const struct node_call *state,
                        uint32_t *out_node)
{
    struct client *core = future->client->core;
    if (state->node != NULL) {
        if (!client_node_find(core, slice_of_text(state->node), out_node)) {
            future_refuse(future, ERR_NOT_FOUND,
                          "the cluster has no node %s; name one as columbactl status shows it",
                          state->node);
            return false;
        }
        return true;
    }
    *out_node = CLIENT_NODE_ANY;
    /* So that several commands in a row see the same node. Where it cannot be reached, any. */
    uint32_t contact;
    if (state->is_admin &&
        client_node_find(core, slice_of_text(future->client->first_contact), &contact) &&
        client_node_is_connected(core, contact)) {
        *out_node = contact;
    }
    return true;
}

static void node_call_submit(struct columba_future *future)
{
    const struct node_call *state = future->state;
    struct part *part = &future->first;
    uint32_t node = CLIENT_NODE_ANY;
    if (!node_choose(future, state, &node)) {
        return;
    }
    future->step = state->done;
    part->request = (struct client_request){.message = state->message,
                                            .node = node,
                                            .not_idempotent = state->is_admin,
                                            .no_attempt_timeout = state->is_admin};
    call_submit(future, part);
}

static void node_call_connected(struct part *part, const struct message *answer)
{
    (void)answer;
    if (call_part_ok(part)) {
        node_call_submit(part->future);
    }
}

static void node_call_begin(struct columba_future *future)
{
    const struct node_call *state = future->state;
    uint32_t node;
    bool is_address = state->node != NULL &&
                      client_node_find(future->client->core, slice_of_text(state->node), &node);
    if (is_address || client_is_ready(future->client->core)) {
        node_call_submit(future);
        return;
    }
    future->step = node_call_connected;
    future->first.request =
        (struct client_request){.node = CLIENT_NODE_ANY, .wait_for_connection = true};
    call_submit(future, &future->first);
}

/* NULL: the future is refused. */
static struct node_call *node_call_create(struct columba_future *future, const char *node,
                                          part_done done)
{
    struct node_call *state = arena_allocate_zero(&future->arena, sizeof(*state));
    if (state == NULL) {
        future_refuse(future, ERR_NO_MEMORY, "%s", error_text(ERR_NO_MEMORY));
        return NULL;
    }
    state->done = done;
    if (node != NULL) {
        state->node = call_copy(future, slice_of_text(node));
        if (state->node == NULL) {
            return NULL;
        }
    }
    future->state = state;
    return state;
}

/* --- connect, ping --------------------------------------------------------------------------- */

struct columba_future *columba_connect(struct columba_client *client,
                                       const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    future->first.request =
        (struct client_request){.node = CLIENT_NODE_ANY, .wait_for_connection = true};
    call_submit(future, &future->first);
    return call_end(future);
}

struct columba_future *columba_ping(struct columba_client *client, const char *node,
                                    const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, call_done_plain);
    if (!call_is_begun(future)) {
        return future;
    }
    struct node_call *state = node_call_create(future, node, call_done_plain);
    if (state != NULL) {
        state->message = (struct message){.type = MESSAGE_PING, .ping = {.token = 1}};
        node_call_begin(future);
    }
    return call_end(future);
}

/* --- admin ----------------------------------------------------------------------------------- */

static void admin_done(struct part *part, const struct message *answer)
{
    struct columba_future *future = part->future;
    if (!call_part_ok(part)) {
        return;
    }
    future->result.json = call_copy(future, answer->admin_reply.json);
    if (future->result.json != NULL) {
        future->result_kind = RESULT_JSON;
        future_done(future);
    }
}

static bool admin_texts(struct columba_future *future, struct node_call *state, const char *command,
                        const char *const *arguments, size_t count)
{
    struct slice *copies = call_allocate(future, count, sizeof(copies[0]));
    size_t bytes = strlen(command);
    const char *command_copy =
        copies == NULL ? NULL : call_copy(future, slice_of(command, strlen(command)));
    if (command_copy == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (arguments[i] == NULL) {
            future_refuse(future, ERR_INVALID, "argument %zu of the command is NULL", i + 1);
            return false;
        }
        bytes += strlen(arguments[i]);
        const char *copy = call_copy(future, slice_of_text(arguments[i]));
        if (copy == NULL) {
            return false;
        }
        copies[i] = slice_of_text(copy);
    }
    if (bytes > ADMIN_TEXTS_MAX_BYTES) {
        future_refuse(future, ERR_TOO_LARGE, "the command's arguments are too long");
        return false;
    }
    state->message = (struct message){.type = MESSAGE_ADMIN,
                                      .admin = {.command = slice_of_text(command_copy),
                                                .arguments = copies,
                                                .argument_count = (uint32_t)count}};
    return true;
}

struct columba_future *columba_admin(struct columba_client *client, const char *node,
                                     const char *command, const char *const *arguments,
                                     size_t argument_count, const struct columba_call *call)
{
    struct columba_future *future = call_begin(client, call, admin_done);
    if (!call_is_begun(future)) {
        return future;
    }
    struct node_call *state = node_call_create(future, node, admin_done);
    if (state != NULL && (command == NULL || (arguments == NULL && argument_count > 0))) {
        future_refuse(future, ERR_INVALID, "the command, or its arguments, are missing (NULL)");
    } else if (state != NULL && argument_count > ADMIN_ARGUMENTS_MAX) {
        future_refuse(future, ERR_INVALID, "a command takes at most %u arguments",
                      ADMIN_ARGUMENTS_MAX);
    } else if (state != NULL) {
        state->is_admin = true;
        if (admin_texts(future, state, command, arguments, argument_count)) {
            node_call_begin(future);
        }
    }
    return call_end(future);
}
