/* What the tests of the library share: a client, a node with real sockets that it talks to, and the
 * calls that most of them make. */
#ifndef COLUMBA_TESTS_LIBRARY_WORLD_H
#define COLUMBA_TESTS_LIBRARY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "columba.h"
#include "fake_node.h"

static struct fake_node *node;
static struct columba_client *client;

static inline struct columba_client *client_to(uint16_t port, const uint8_t *key)
{
    char contact[32];
    struct columba_error_info error;
    struct columba_options *options = columba_options_create();
    assert_non_null(options);
    snprintf(contact, sizeof(contact), "127.0.0.1:%u", port);
    assert_int_equal(columba_options_set_contacts(options, contact), COLUMBA_ERROR_OK);
    if (key != NULL) {
        assert_int_equal(columba_options_set_key(options, key), COLUMBA_ERROR_OK);
    }
    struct columba_client *made = columba_client_create(options, &error);
    columba_options_destroy(options);
    assert_non_null(made);
    return made;
}

static inline void begin(enum fake_fault fault, const uint8_t *key)
{
    node = fake_start(fault);
    client = client_to(node->port, key);
}

static inline void end(void)
{
    columba_client_destroy(client);
    fake_stop(node);
}

static inline struct columba_future *send_text(const char *text)
{
    const struct columba_message_send send = {
        .from = "alice", .to = "garden", .body = text, .body_bytes = strlen(text)};
    return columba_send(client, &send, NULL);
}

static inline enum columba_error_code finish(struct columba_future *future)
{
    enum columba_error_code code = columba_future_wait(future);
    columba_future_destroy(future);
    return code;
}

static inline struct columba_future *read_garden(void)
{
    const struct columba_history_read read = {.conversation = "garden"};
    return columba_history(client, &read, NULL);
}

static inline bool was_heard(const char *text)
{
    return memmem(node->heard, node->heard_bytes, text, strlen(text)) != NULL;
}

static const uint8_t key_one[COLUMBA_KEY_BYTES] = {1};
static const uint8_t key_two[COLUMBA_KEY_BYTES] = {2};

static inline void refused_as_invalid(struct columba_future *future)
{
    assert_non_null(future);
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_INVALID);
    assert_true(strlen(columba_future_error(future)->text) > 0);
    columba_future_destroy(future);
}

static inline void every_call_refused_for(struct columba_client *whose)
{
    const struct columba_message_send send = {.from = "alice", .to = "garden"};
    const struct columba_conversation_new create = {.name = "garden"};
    const struct columba_history_read history = {.conversation = "garden"};
    const struct columba_members_read members = {.conversation = "garden"};
    const struct columba_inbox_read inbox = {.user = "alice"};
    refused_as_invalid(columba_connect(whose, NULL));
    refused_as_invalid(columba_ping(whose, NULL, NULL));
    refused_as_invalid(columba_send(whose, &send, NULL));
    refused_as_invalid(columba_conversation_create(whose, &create, NULL));
    refused_as_invalid(columba_conversation_get(whose, "garden", NULL));
    refused_as_invalid(columba_members(whose, &members, NULL));
    refused_as_invalid(columba_history(whose, &history, NULL));
    refused_as_invalid(columba_inbox(whose, &inbox, NULL));
    refused_as_invalid(columba_mark_read(whose, "alice", "garden", NULL, NULL));
    refused_as_invalid(columba_history_import(whose, "garden", NULL, 1, NULL));
    refused_as_invalid(columba_inbox_import(whose, NULL, 1, NULL));
    refused_as_invalid(columba_admin(whose, NULL, "info", NULL, 0, NULL));
}

#endif
