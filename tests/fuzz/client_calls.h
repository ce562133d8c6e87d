/* The calls that fuzz_client makes, and the WELCOME that lets it get to them; also what its seeds
 * are made from. */
#ifndef COLUMBA_TESTS_FUZZ_CLIENT_CALLS_H
#define COLUMBA_TESTS_FUZZ_CLIENT_CALLS_H

#include <stdlib.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/limits.h"
#include "columba.h"
#include "proto/codec.h"

#define CLIENT_CALLS_ROUNDS_MAX 8u
#define CLIENT_CALLS_COUNT 7u

static struct columba_future *client_calls[CLIENT_CALLS_ROUNDS_MAX * CLIENT_CALLS_COUNT];
static unsigned client_call_count;

static inline struct message client_calls_welcome(void)
{
    static const uint64_t token = 0;
    static struct message_node node;
    static struct message_factor factor;
    struct slice text = slice_of_text("one");
    node = (struct message_node){.host_id = {{1}},
                                 .name = text,
                                 .address = slice_of_text("127.0.0.1"),
                                 .port = 7411,
                                 .datacenter = text,
                                 .rack = text,
                                 .tokens = &token,
                                 .token_count = 1};
    factor = (struct message_factor){text, 1};
    return (struct message){.type = MESSAGE_WELCOME,
                            .welcome = {.protocol = PROTOCOL_VERSION_MAX,
                                        .host_id = {{1}},
                                        .cluster_name = text,
                                        .unix_ms = 1700000000000,
                                        .topology_version = 1,
                                        .nodes = &node,
                                        .node_count = 1,
                                        .keyspace = text,
                                        .factors = &factor,
                                        .factor_count = 1,
                                        .read_consistency = 4,
                                        .write_consistency = 4,
                                        .fanout_members_max = 1024}};
}

/* The payload, in `bytes`. */
static inline struct slice client_calls_encode(const struct message *message, uint8_t *bytes,
                                               size_t size)
{
    struct arena arena;
    struct codec_encoding encoding;
    arena_init(&arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    COLUMBA_ASSERT(codec_prepare(message, &arena, &encoding) == COLUMBA_OK);
    COLUMBA_ASSERT(FRAME_HEADER_BYTES + encoding.payload_bytes <= size);
    codec_encode(&encoding, 1, 1, bytes);
    arena_clear(&arena);
    return slice_of(bytes + FRAME_HEADER_BYTES, encoding.payload_bytes);
}

static inline struct columba_client *client_calls_client(void)
{
    struct columba_options *options = columba_options_create();
    COLUMBA_ASSERT(columba_options_set_contacts(options, "127.0.0.1") == COLUMBA_ERROR_OK);
    struct columba_client *client = columba_client_create(options, NULL);
    columba_options_destroy(options);
    COLUMBA_ASSERT(client != NULL);
    client_call_count = 0;
    return client;
}

static inline void client_calls_add(struct columba_future *future)
{
    COLUMBA_ASSERT(future != NULL);
    client_calls[client_call_count++] = future;
}

static inline void client_calls_make(struct columba_client *client)
{
    const char *const arguments[] = {"a"};
    if (client_call_count + CLIENT_CALLS_COUNT > CLIENT_CALLS_ROUNDS_MAX * CLIENT_CALLS_COUNT) {
        return;
    }
    client_calls_add(
        columba_send(client,
                     &(struct columba_message_send){
                         .from = "alice", .to = "garden", .body = "hello", .body_bytes = 5},
                     NULL));
    client_calls_add(
        columba_history(client, &(struct columba_history_read){.conversation = "garden"}, NULL));
    client_calls_add(columba_inbox(client, &(struct columba_inbox_read){.user = "alice"}, NULL));
    client_calls_add(
        columba_members(client, &(struct columba_members_read){.conversation = "garden"}, NULL));
    client_calls_add(columba_conversation_get(client, "garden", NULL));
    client_calls_add(columba_mark_read(client, "alice", "garden", NULL, NULL));
    client_calls_add(columba_admin(client, NULL, "info", arguments, 1, NULL));
}

/* Reads every byte that the library hands out. */
static inline unsigned client_calls_look(struct columba_client *client)
{
    unsigned sum = 0;
    (void)client;
    for (unsigned i = 0; i < client_call_count; i++) {
        struct columba_future *future = client_calls[i];
        const struct columba_history_page *history = columba_future_history(future);
        for (size_t k = 0; history != NULL && k < history->count; k++) {
            sum += (unsigned)strlen(history->messages[k].from);
            sum += (unsigned)strlen(history->messages[k].media_url);
            sum += ((const uint8_t *)history->messages[k].body)[history->messages[k].body_bytes];
        }
        const struct columba_inbox_page *inbox = columba_future_inbox(future);
        for (size_t k = 0; inbox != NULL && k < inbox->count; k++) {
            sum += (unsigned)strlen(inbox->entries[k].name);
        }
        const struct columba_member_page *members = columba_future_members(future);
        for (size_t k = 0; members != NULL && k < members->count; k++) {
            sum += (unsigned)strlen(members->members[k].name);
        }
        const struct columba_conversation *conversation = columba_future_conversation(future);
        sum += conversation != NULL ? (unsigned)strlen(conversation->name) : 0;
        sum += columba_future_json(future) != NULL ? 1 : 0;
        sum += (unsigned)strlen(columba_future_error(future)->text);
        columba_future_destroy(future);
    }
    return sum;
}

#endif
