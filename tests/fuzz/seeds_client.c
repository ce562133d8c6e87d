/* Writes the seeds of fuzz_client into a directory: good answers to its calls, alone and together,
 * and some that nearly are. */
#include <stdio.h>

#include "base/id.h"
#include "proto/content.h"
#include "tests/fuzz/client_calls.h"

static uint8_t seed[16384];
static size_t seed_size;

static void seed_begin(void)
{
    seed[0] = 0;
    seed_size = 1;
}

static void seed_answer(const struct message *message)
{
    uint8_t bytes[4096];
    struct slice payload = client_calls_encode(message, bytes, sizeof(bytes));
    size_t size = payload.size + 1;
    const uint8_t head[] = {0, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)message->type};
    memcpy(seed + seed_size, head, sizeof(head));
    memcpy(seed + seed_size + sizeof(head), payload.data, payload.size);
    seed_size += sizeof(head) + payload.size;
}

static void seed_end(const char *directory, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    COLUMBA_ASSERT(file != NULL);
    COLUMBA_ASSERT(fwrite(seed, 1, seed_size, file) == seed_size);
    fclose(file);
}

static struct message history(struct slice *content)
{
    static uint8_t bytes[256];
    static struct message_history_row row;
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct content hello = {.type = CONTENT_TYPE_TEXT,
                            .created_at_ms = 1700000000000,
                            .sender = slice_of_text("alice"),
                            .body = slice_of_text("hello"),
                            .media_url = slice_of_text("https://x")};
    content_encode(&hello, bytes);
    *content = slice_of(bytes, content_size(&hello));
    row = (struct message_history_row){.message = message_id_make(1700000000000, 1, &alice),
                                       .content = *content};
    return (struct message){.type = MESSAGE_HISTORY,
                            .history = {.rows = &row, .row_count = 1, .more = true}};
}

static struct message members(void)
{
    static struct message_member_row rows[1];
    struct slice alice = slice_of_text("alice");
    rows[0] = (struct message_member_row){.user = id_of_name(ID_USER, alice), .name = alice};
    return (struct message){.type = MESSAGE_MEMBERS, .members = {.rows = rows, .row_count = 1}};
}

static struct message inbox(void)
{
    static struct message_inbox_row row;
    row = (struct message_inbox_row){
        .conversation = id_of_name(ID_CONVERSATION, slice_of_text("garden")), .unread = 3};
    return (struct message){.type = MESSAGE_INBOX, .inbox = {.rows = &row, .row_count = 1}};
}

static struct message conversation(const char *name)
{
    struct id id = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    return (struct message){.type = MESSAGE_CONVERSATION,
                            .conversation = {.conversation = id, .name = slice_of_text(name)}};
}

/* In the order of client_calls_make; then the inbox looks up its names. */
static void all_good(const struct message *page)
{
    struct message done = {.type = MESSAGE_STATUS};
    struct message in = inbox(), who = members(), garden = conversation("garden");
    struct message json = {.type = MESSAGE_ADMIN_REPLY,
                           .admin_reply = {.json = slice_of_text("{}")}};
    seed_answer(&done);
    seed_answer(page);
    seed_answer(&in);
    seed_answer(&who);
    seed_answer(&garden);
    seed_answer(page);
    seed_answer(&json);
    seed_answer(&garden);
    seed_answer(&done);
}

int main(int argc, char **argv)
{
    struct slice content;
    struct message page = history(&content);
    struct message welcome = client_calls_welcome();
    struct message refusal = {
        .type = MESSAGE_STATUS,
        .status = {
            .error = ERR_OVERLOADED, .text = slice_of_text("full"), .needed = 2, .received = 1}};
    struct message other = conversation("shed");
    if (argc != 2) {
        fprintf(stderr, "usage: seeds_client DIRECTORY\n");
        return 1;
    }
    seed_begin();
    all_good(&page);
    seed_end(argv[1], "all-good");
    seed_begin();
    seed[0] = 1;
    seed_answer(&welcome);
    all_good(&page);
    seed_end(argv[1], "greeting");
    seed_begin();
    for (unsigned i = 0; i < CLIENT_CALLS_COUNT; i++) {
        seed_answer(&refusal);
    }
    seed_end(argv[1], "refusals");
    seed_begin();
    for (unsigned i = 0; i < CLIENT_CALLS_COUNT; i++) {
        seed_answer(&other);
    }
    seed_end(argv[1], "another-conversation");
    page.history.row_count = 0;
    seed_begin();
    all_good(&page);
    seed_end(argv[1], "more-of-nothing");
    return 0;
}
