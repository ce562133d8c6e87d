/*
 * A scripted run of three pure cores: one send, its fan-out, reads, a node down, two nodes down.
 * The transcript must equal the committed one; a changed protocol shows up as a readable diff.
 *
 *     columba-golden FILE             compares
 *     columba-golden --update FILE    writes it anew
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/content.h"
#include "ring/consistency.h"
#include "tests/golden/stage.h"

static struct id user(const char *name)
{
    return id_of_name(ID_USER, slice_of_text(name));
}

static struct id conversation(void)
{
    return id_of_name(ID_CONVERSATION, slice_of_text("lunch"));
}

static void create(struct stage *stage)
{
    static const struct message_member members[] = {{{(const uint8_t *)"alice", 5}},
                                                    {{(const uint8_t *)"bob", 3}}};
    struct message request = {.type = MESSAGE_CONVERSATION_CREATE};
    request.conversation_create.name = slice_of_text("lunch");
    request.conversation_create.members = members;
    request.conversation_create.member_count = 2;
    stage_scene(stage, "alice makes a conversation with bob");
    stage_ask(stage, 0, &request);
}

static struct id send_text(struct stage *stage, uint16_t node, const char *text, uint32_t level,
                           const struct id *again)
{
    uint8_t bytes[256];
    struct id sender = user("alice");
    struct content content = {
        .type = CONTENT_TYPE_TEXT,
        .created_at_ms = stage_unix_ms(stage),
        .sender = slice_of_text("alice"),
        .body = slice_of_text(text),
    };
    COLUMBA_ASSERT(content_size(&content) <= sizeof bytes);
    content_encode(&content, bytes);
    struct message request = {.type = MESSAGE_SEND};
    request.send = (struct message_send){
        .conversation = conversation(),
        .message = again != NULL ? *again : stage_message_id(stage, &sender),
        .content = slice_of(bytes, content_size(&content)),
        .consistency = level,
        .retry = again != NULL,
    };
    stage_ask(stage, node, &request);
    return request.send.message;
}

static void read_history(struct stage *stage, uint16_t node, uint32_t level)
{
    struct message request = {.type = MESSAGE_HISTORY_READ};
    request.history_read.conversation = conversation();
    request.history_read.consistency = level;
    stage_ask(stage, node, &request);
}

static void read_inbox(struct stage *stage, uint16_t node, const char *name)
{
    struct message request = {.type = MESSAGE_INBOX_READ};
    request.inbox_read.user = user(name);
    request.inbox_read.consistency = CONSISTENCY_QUORUM;
    stage_ask(stage, node, &request);
}

static void mark_read(struct stage *stage, uint16_t node, const char *name, const struct id *up_to)
{
    struct message request = {.type = MESSAGE_MARK_READ};
    request.mark_read.user = user(name);
    request.mark_read.conversation = conversation();
    request.mark_read.up_to = *up_to;
    request.mark_read.consistency = CONSISTENCY_QUORUM;
    stage_ask(stage, node, &request);
}

static void play_healthy(struct stage *stage)
{
    create(stage);
    stage_scene(stage, "alice sends; every replica writes, then the members' logs are written");
    struct id first = send_text(stage, 0, "soup?", CONSISTENCY_QUORUM, NULL);
    stage_scene(stage, "the same message again, through another node, changes nothing");
    send_text(stage, 1, "soup?", CONSISTENCY_QUORUM, &first);
    stage_scene(stage, "bob reads the conversation, then the inbox, and marks it as read");
    read_history(stage, 2, CONSISTENCY_QUORUM);
    read_inbox(stage, 1, "bob");
    mark_read(stage, 1, "bob", &first);
    read_inbox(stage, 0, "bob");
}

static void play_faults(struct stage *stage)
{
    stage_scene(stage, "one node is down: QUORUM goes on, ALL fails at once");
    stage_node_dies(stage, 2);
    send_text(stage, 0, "or noodles?", CONSISTENCY_QUORUM, NULL);
    send_text(stage, 0, "everybody?", CONSISTENCY_ALL, NULL);
    stage_scene(stage, "it is back and behind: a read at ALL repairs it before it answers");
    stage_node_returns(stage, 2);
    read_history(stage, 0, CONSISTENCY_ALL);
    stage_scene(stage, "two nodes are down: QUORUM fails at once, ONE works");
    stage_node_dies(stage, 1);
    stage_node_dies(stage, 2);
    send_text(stage, 0, "hello?", CONSISTENCY_QUORUM, NULL);
    read_history(stage, 0, CONSISTENCY_QUORUM);
    read_history(stage, 0, CONSISTENCY_ONE);
}

static char *play_script(size_t *out_size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, out_size);
    COLUMBA_ASSERT(out != NULL);
    struct stage *stage = stage_create(out);
    play_healthy(stage);
    play_faults(stage);
    stage_destroy(stage);
    fclose(out);
    return text;
}

static int update(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(text, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        return 2;
    }
    return 0;
}

/* Prints the first line that differs. */
static int compare(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return 2;
    }
    char expected[1024];
    char *rest = text;
    unsigned number = 1;
    int result = 0;
    while (result == 0 && fgets(expected, sizeof expected, file) != NULL) {
        size_t size = strlen(expected);
        if (strncmp(rest, expected, size) != 0) {
            fprintf(stderr, "%s:%u: expected %s%s:%u: played   %.*s\n", path, number, expected,
                    path, number, (int)strcspn(rest, "\n"), rest);
            result = 2;
        } else {
            rest += size;
        }
        number++;
    }
    if (result == 0 && *rest != '\0') {
        fprintf(stderr, "%s ends before: %.*s\n", path, (int)strcspn(rest, "\n"), rest);
        result = 2;
    }
    fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    bool is_update = argc == 3 && strcmp(argv[1], "--update") == 0;
    if (argc != 2 && !is_update) {
        fprintf(stderr, "usage: columba-golden [--update] FILE\n");
        return 1;
    }
    size_t size = 0;
    char *text = play_script(&size);
    int result = is_update ? update(argv[2], text, size) : compare(argv[1], text);
    free(text);
    return result;
}
