#include "tests/golden/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/change.h"
#include "proto/content.h"
#include "ring/consistency.h"
#include "tests/golden/stage.h"

#define WORDS_MAX 40u
#define NAMES_MAX 64u

struct named_id {
    char name[32];
    struct id id;
};

struct scene {
    struct stage *stage; /* made at the first command that needs it */
    FILE *out;
    uint32_t group_max;
    char *words[WORDS_MAX + 1]; /* of the command; the rest are NULL */
    unsigned word_count;
    struct named_id names[NAMES_MAX];
    unsigned name_count;
};

static struct stage *stage_of(struct scene *scene)
{
    if (scene->stage == NULL) {
        scene->stage = stage_create(scene->out, scene->group_max);
    }
    return scene->stage;
}

static struct id user(const char *name)
{
    return id_of_name(ID_USER, slice_of_text(name));
}

static struct id conversation(const char *name)
{
    return id_of_name(ID_CONVERSATION, slice_of_text(name));
}

static uint16_t node_at(const struct scene *scene, unsigned word)
{
    uint16_t node = scene->word_count > word ? stage_node(scene->words[word]) : NODE_NONE;
    COLUMBA_ASSERT(node != NODE_NONE);
    return node;
}

static const char *word_at(const struct scene *scene, unsigned word)
{
    COLUMBA_ASSERT(scene->word_count > word);
    return scene->words[word];
}

static uint32_t level_in(const struct scene *scene, unsigned from)
{
    enum consistency level;
    for (unsigned i = from; i < scene->word_count; i++) {
        if (consistency_from_name(slice_of_text(scene->words[i]), &level)) {
            return level;
        }
    }
    return 0;
}

static struct named_id *named(struct scene *scene, const char *name)
{
    for (unsigned i = 0; i < scene->name_count; i++) {
        if (strcmp(scene->names[i].name, name) == 0) {
            return &scene->names[i];
        }
    }
    return NULL;
}

/* "as M" gives a new id a name, "again M" takes that one; neither: a new one. */
static struct id message_id_in(struct scene *scene, const char *sender, bool *out_again)
{
    struct id sender_id = user(sender);
    const char *how = scene->word_count > 2 ? scene->words[scene->word_count - 2] : "";
    *out_again = strcmp(how, "again") == 0;
    if (*out_again) {
        struct named_id *known = named(scene, scene->words[scene->word_count - 1]);
        COLUMBA_ASSERT(known != NULL);
        return known->id;
    }
    struct id id = stage_message_id(stage_of(scene), &sender_id);
    if (strcmp(how, "as") == 0) {
        COLUMBA_ASSERT(scene->name_count < NAMES_MAX);
        struct named_id *entry = &scene->names[scene->name_count++];
        snprintf(entry->name, sizeof entry->name, "%s", scene->words[scene->word_count - 1]);
        entry->id = id;
    }
    return id;
}

static struct slice content_of(struct scene *scene, const char *sender, const char *text,
                               uint8_t *buffer, size_t size)
{
    struct content content = {.type = CONTENT_TYPE_TEXT,
                              .created_at_ms = stage_unix_ms(stage_of(scene)),
                              .sender = slice_of_text(sender),
                              .body = slice_of_text(text)};
    COLUMBA_ASSERT(content_size(&content) <= size);
    content_encode(&content, buffer);
    return slice_of(buffer, content_size(&content));
}

static void play_create(struct scene *scene)
{
    struct message_member members[WORDS_MAX];
    struct message request = {.type = MESSAGE_CONVERSATION_CREATE};
    for (unsigned i = 3; i < scene->word_count; i++) {
        members[i - 3].name = slice_of_text(scene->words[i]);
    }
    request.conversation_create.name = slice_of_text(word_at(scene, 2));
    request.conversation_create.members = members;
    request.conversation_create.member_count = scene->word_count - 3;
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_send(struct scene *scene)
{
    uint8_t bytes[512];
    bool again;
    const char *sender = word_at(scene, 2);
    struct message request = {.type = MESSAGE_SEND};
    request.send.conversation = conversation(word_at(scene, 3));
    request.send.message = message_id_in(scene, sender, &again);
    request.send.content = content_of(scene, sender, word_at(scene, 4), bytes, sizeof bytes);
    request.send.consistency = level_in(scene, 5);
    (void)again;
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void change_ask(struct scene *scene, uint32_t kind, struct slice content, unsigned level_at)
{
    bool again;
    const char *actor = word_at(scene, 2);
    const struct named_id *message = named(scene, word_at(scene, 4));
    COLUMBA_ASSERT(message != NULL);
    struct message request = {.type = MESSAGE_CHANGE};
    request.change.conversation = conversation(word_at(scene, 3));
    request.change.message = message->id;
    request.change.kind = kind;
    request.change.actor = slice_of_text(actor);
    request.change.content = content;
    request.change.consistency = level_in(scene, level_at);
    request.change.change = message_id_in(scene, actor, &again);
    (void)again;
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_edit(struct scene *scene)
{
    uint8_t bytes[512];
    struct slice content =
        content_of(scene, word_at(scene, 2), word_at(scene, 5), bytes, sizeof bytes);
    change_ask(scene, CHANGE_EDIT, content, 6);
}

static void play_delete(struct scene *scene)
{
    change_ask(scene, CHANGE_DELETION, slice_of(NULL, 0), 5);
}

static void play_react(struct scene *scene)
{
    uint8_t mark[32] = {0}; /* its flags: not sealed */
    struct slice text = slice_of_text(word_at(scene, 5));
    COLUMBA_ASSERT(text.size < sizeof mark);
    memcpy(mark + 1, text.data, text.size);
    change_ask(scene, CHANGE_REACTION, slice_of(mark, text.size == 0 ? 0 : 1 + text.size), 6);
}

static void play_import(struct scene *scene)
{
    uint8_t bytes[512];
    bool again;
    const char *sender = word_at(scene, 3);
    struct message_history_row row = {.message = message_id_in(scene, sender, &again)};
    row.content = content_of(scene, sender, word_at(scene, 4), bytes, sizeof bytes);
    struct message request = {.type = MESSAGE_HISTORY_IMPORT};
    request.history_import.conversation = conversation(word_at(scene, 2));
    request.history_import.rows = &row;
    request.history_import.row_count = 1;
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_history(struct scene *scene)
{
    struct message request = {.type = MESSAGE_HISTORY_READ};
    request.history_read.conversation = conversation(word_at(scene, 2));
    request.history_read.consistency = level_in(scene, 3);
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_get(struct scene *scene)
{
    struct message request = {.type = MESSAGE_CONVERSATION_GET};
    request.conversation_get.conversation = conversation(word_at(scene, 2));
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_inbox(struct scene *scene)
{
    struct message request = {.type = MESSAGE_INBOX_READ};
    request.inbox_read.user = user(word_at(scene, 2));
    request.inbox_read.consistency = level_in(scene, 3);
    for (unsigned i = 3; i + 1 < scene->word_count; i++) {
        if (strcmp(scene->words[i], "limit") == 0) {
            request.inbox_read.limit = (uint32_t)strtoul(word_at(scene, i + 1), NULL, 10);
        } else if (strcmp(scene->words[i], "after") == 0) {
            const struct named_id *last = named(scene, word_at(scene, i + 1));
            COLUMBA_ASSERT(last != NULL);
            request.inbox_read.after_last = last->id;
            request.inbox_read.after = conversation(word_at(scene, i + 2));
        }
    }
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_mark(struct scene *scene)
{
    const struct named_id *up_to = named(scene, word_at(scene, 4));
    COLUMBA_ASSERT(up_to != NULL);
    struct message request = {.type = MESSAGE_MARK_READ};
    request.mark_read.user = user(word_at(scene, 2));
    request.mark_read.conversation = conversation(word_at(scene, 3));
    request.mark_read.up_to = up_to->id;
    stage_ask(stage_of(scene), node_at(scene, 1), &request);
}

static void play_group_max(struct scene *scene)
{
    COLUMBA_ASSERT(scene->stage == NULL);
    scene->group_max = (uint32_t)strtoul(word_at(scene, 1), NULL, 10);
}

static void play_wait(struct scene *scene)
{
    stage_wait(stage_of(scene), strtoull(word_at(scene, 1), NULL, 10));
}

static void play_kill(struct scene *scene)
{
    stage_node_dies(stage_of(scene), node_at(scene, 1));
}

static void play_back(struct scene *scene)
{
    stage_node_returns(stage_of(scene), node_at(scene, 1));
}

static void play_restart(struct scene *scene)
{
    stage_node_restarts(stage_of(scene), node_at(scene, 1));
}

static void play_cut(struct scene *scene)
{
    stage_link_set(stage_of(scene), node_at(scene, 1), node_at(scene, 2), true);
}

static void play_join(struct scene *scene)
{
    stage_link_set(stage_of(scene), node_at(scene, 1), node_at(scene, 2), false);
}

static void play_hold(struct scene *scene)
{
    stage_node_hold(stage_of(scene), node_at(scene, 1));
}

static void play_release(struct scene *scene)
{
    stage_node_release(stage_of(scene), node_at(scene, 1));
}

static void play_full(struct scene *scene)
{
    stage_node_full(stage_of(scene), node_at(scene, 1), true);
}

static void play_freed(struct scene *scene)
{
    stage_node_full(stage_of(scene), node_at(scene, 1), false);
}

static void play_clock_wrong(struct scene *scene)
{
    stage_clock_judged(stage_of(scene), node_at(scene, 1), false);
}

static void play_clock_right(struct scene *scene)
{
    stage_clock_judged(stage_of(scene), node_at(scene, 1), true);
}

static void play_fail_commits(struct scene *scene)
{
    stage_commits_fail(stage_of(scene), node_at(scene, 1));
}

static const struct {
    const char *word;
    void (*play)(struct scene *scene);
} commands[] = {
    {"group-max", play_group_max},
    {"create", play_create},
    {"send", play_send},
    {"edit", play_edit},
    {"delete", play_delete},
    {"react", play_react},
    {"import", play_import},
    {"history", play_history},
    {"get", play_get},
    {"inbox", play_inbox},
    {"mark", play_mark},
    {"kill", play_kill},
    {"back", play_back},
    {"restart", play_restart},
    {"cut", play_cut},
    {"join", play_join},
    {"hold", play_hold},
    {"release", play_release},
    {"full", play_full},
    {"freed", play_freed},
    {"fail-commits", play_fail_commits},
    {"wait", play_wait},
    {"clock-wrong", play_clock_wrong},
    {"clock-right", play_clock_right},
};

/* Splits in place at spaces, "…" is one word, # ends the command. */
static void words_split(struct scene *scene, char *line)
{
    scene->word_count = 0;
    memset(scene->words, 0, sizeof scene->words);
    for (char *at = line; scene->word_count < WORDS_MAX;) {
        at += strspn(at, " ");
        if (*at == '\0' || *at == '#') {
            return;
        }
        bool is_quoted = *at == '"';
        char *word = is_quoted ? ++at : at;
        at += strcspn(at, is_quoted ? "\"" : " ");
        scene->words[scene->word_count++] = word;
        if (*at == '\0') {
            return;
        }
        *at++ = '\0';
    }
}

static int command_play(struct scene *scene, char *line)
{
    words_split(scene, line);
    for (size_t i = 0; scene->word_count > 0 && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(scene->words[0], commands[i].word) == 0) {
            commands[i].play(scene);
            return 0;
        }
    }
    return -1;
}

static int line_play(struct scene *scene, const char *name, unsigned number, char *line)
{
    bool is_result = strncmp(line, "  ", 2) == 0;
    if (is_result) {
        return 0;
    }
    fprintf(scene->out, "%s\n", line);
    if (line[0] == '>' && command_play(scene, line + 1) != 0) {
        fprintf(stderr, "%s:%u: this is no command (tests/golden/scene.h)\n", name, number);
        return -1;
    }
    return 0;
}

int scene_play(const char *name, const char *script, FILE *out)
{
    struct scene scene = {.out = out, .group_max = FANOUT_MEMBERS_DEFAULT};
    char *lines = strdup(script);
    COLUMBA_ASSERT(lines != NULL);
    int result = 0;
    unsigned number = 0;
    for (char *line = lines; result == 0 && *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n' ? 1 : 0);
        line[length] = '\0';
        result = line_play(&scene, name, ++number, line);
        line = next;
    }
    free(lines);
    if (scene.stage != NULL) {
        stage_destroy(scene.stage);
    }
    return result;
}
