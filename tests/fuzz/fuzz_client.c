/*
 * A client fed by a server: the library as it is, but its sockets are this file, and what comes
 * back is the input's. Whatever a server says, no call may crash, hang or hand out what was not
 * checked.
 *
 *   [greeting u8: even: a good WELCOME comes first] then records of
 *   [what u8][size u16, little-endian][bytes]
 *     what 0: an answer to the oldest request that has none; 1: to a request nobody made; 2: the
 *     connection closes; 3: another round of calls. Others count as 0.
 *     bytes of an answer: type u8, payload
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "client/socket.h"
#include "tests/fuzz/client_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHAT_ANSWER, WHAT_STRAY, WHAT_CLOSE, WHAT_CALLS, WHAT_COUNT };

#define ASKED_MAX 256u
#define CONNECTIONS_MAX 8u

static struct asked {
    uint32_t connection;
    uint64_t request_id;
} asked[ASKED_MAX];
static uint32_t asked_count;
static bool is_open[CONNECTIONS_MAX];
static bool is_new[CONNECTIONS_MAX];
static bool greets;

/* --- in the place of client/socket.c --------------------------------------------------------- */

void socket_open(struct columba_client *client, uint32_t number, struct slice host, uint16_t port)
{
    (void)host;
    (void)port;
    if (number >= CONNECTIONS_MAX) {
        client_closed(client->core, number, ERR_NO_NODE, "no room");
        return;
    }
    is_open[number] = is_new[number] = true;
}

static void forget(uint32_t number)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < asked_count; i++) {
        if (asked[i].connection != number) {
            asked[kept++] = asked[i];
        }
    }
    asked_count = kept;
}

void socket_close(struct columba_client *client, uint32_t number)
{
    (void)client;
    is_open[number] = false;
    forget(number);
}

void socket_send(struct columba_client *client, uint32_t number, uint64_t request_id,
                 const struct message *message)
{
    struct codec_encoding encoding;
    arena_reset(&client->encoding);
    COLUMBA_ASSERT(codec_prepare(message, &client->encoding, &encoding) == COLUMBA_OK);
    COLUMBA_ASSERT(client_clock(client->core) > 0);
    if (asked_count < ASKED_MAX) {
        asked[asked_count++] = (struct asked){number, request_id};
    }
}

void socket_ready(struct columba_client *client, struct socket *socket, uint32_t events)
{
    (void)client;
    (void)socket;
    (void)events;
}

void sockets_flush(struct columba_client *client)
{
    (void)client;
}

void sockets_tick(struct columba_client *client, uint64_t now_ms)
{
    (void)client;
    (void)now_ms;
}

uint64_t sockets_due_ms(const struct columba_client *client)
{
    (void)client;
    return UINT64_MAX;
}

void socket_found(struct columba_client *client, uint32_t number, const struct addresses *addresses)
{
    (void)client;
    (void)number;
    (void)addresses;
}

void socket_not_found(struct columba_client *client, uint32_t number, const char *why)
{
    (void)client;
    (void)number;
    (void)why;
}

void sockets_bury(struct columba_client *client)
{
    (void)client;
}

void sockets_destroy(struct columba_client *client)
{
    (void)client;
}

/* --- the server ------------------------------------------------------------------------------ */

static void receive(struct columba_client *client, const struct asked *question, uint8_t type,
                    struct slice payload)
{
    struct message message;
    arena_reset(&client->decoding);
    if (codec_decode(type, payload, &client->decoding, &message) == COLUMBA_OK) {
        client_received(client->core, question->connection, question->request_id,
                        UINT64_C(1700000000000) << 16, &message);
    } else {
        socket_close(client, question->connection);
        client_closed(client->core, question->connection, ERR_MALFORMED, "bytes");
    }
    library_effects(client);
}

static void answer(struct columba_client *client, uint8_t type, struct slice payload)
{
    if (asked_count == 0) {
        return;
    }
    struct asked question = asked[0];
    memmove(asked, asked + 1, --asked_count * sizeof(asked[0]));
    receive(client, &question, type, payload);
}

static void connections_come_up(struct columba_client *client)
{
    for (uint32_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (!is_new[i] || !is_open[i]) {
            continue;
        }
        is_new[i] = false;
        client_connected(client->core, i);
        library_effects(client);
        if (greets && is_open[i]) {
            uint8_t bytes[512];
            struct message welcome = client_calls_welcome();
            struct slice payload = client_calls_encode(&welcome, bytes, sizeof(bytes));
            struct asked hello = {i, UINT64_MAX};
            forget(i);
            receive(client, &hello, MESSAGE_WELCOME, payload);
        }
    }
}

static void record_play(struct columba_client *client, uint8_t what, struct slice bytes)
{
    const struct asked stray = {0, 12345};
    uint8_t type = bytes.size > 0 ? bytes.data[0] : 0;
    struct slice payload = bytes.size > 0 ? slice_of(bytes.data + 1, bytes.size - 1) : bytes;
    switch (what % WHAT_COUNT) {
    case WHAT_ANSWER:
        answer(client, type, payload);
        break;
    case WHAT_STRAY:
        if (is_open[0] && !is_new[0]) {
            receive(client, &stray, type, payload);
        }
        break;
    case WHAT_CLOSE:
        if (is_open[0]) {
            socket_close(client, 0);
            client_closed(client->core, 0, ERR_DISCONNECTED, "closed");
            library_effects(client);
        }
        break;
    case WHAT_CALLS:
        client_calls_make(client);
        break;
    }
    connections_come_up(client);
}

static void play(struct columba_client *client, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        size_t length = (size_t)data[1] | (size_t)data[2] << 8;
        length = length < size - 3 ? length : size - 3;
        record_play(client, data[0], slice_of(data + 3, length));
        data += 3 + length;
        size -= 3 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    asked_count = 0;
    memset(is_open, 0, sizeof(is_open));
    memset(is_new, 0, sizeof(is_new));
    greets = data[0] % 2 == 0;
    struct columba_client *client = client_calls_client();
    client_calls_make(client);
    connections_come_up(client);
    play(client, data + 1, size - 1);
    client_calls_look(client);
    columba_client_destroy(client);
    return 0;
}
