/*
 * verify FILE: {"messages", "missing", "extra", "different", "conversations", "bad_lines"}
 *
 * Reads every conversation of the file from its first message to its last, page by page, several
 * at a time, and walks through page and file together: by id it is known whether a message of the
 * file is missing or one was added, then sender, text and time are compared. Pages must come in
 * ascending order. Exit 0 only if nothing is missing, extra, different or, with a key, unsealed,
 * and every line of the file was good.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/tools/chat_alignment.h"
#include "client/tools/chat_log.h"
#include "client/tools/chat_options.h"
#include "client/tools/columba_commands.h"
#include "client/tools/flight.h"
#include "client/tools/progress.h"

/* Conversations read at once; each has one page under way. */
#define CALLS_MAX 16u
#define TIMEOUT_MS 30000u

struct verify {
    struct tool *tool;
    struct chat_log log;
    struct flight flight;
    uint64_t missing;
    uint64_t extra;
    uint64_t different;
    uint64_t unsealed; /* stored in plain text although a key is set */
    uint64_t problems;
    uint64_t progress;
    bool has_failed; /* a conversation could not be read to its end */
    bool is_aborted;
};

/* The walk through one conversation. */
struct walk {
    struct verify *verify;
    const struct chat_conversation *conversation;
    size_t next; /* message of the file that is expected */
    struct columba_id after;
    bool has_after;
};

static const struct columba_call call = {.timeout_ms = TIMEOUT_MS};

/* Names a difference, the first of them only: a wrong key makes every message one. */
static void point_out(struct walk *walk, const struct columba_id *id, const char *what)
{
    if (walk->verify->problems++ < CHAT_PROBLEMS_SHOWN) {
        char text[COLUMBA_ID_TEXT_BYTES];
        columba_id_to_text(id, text);
        tool_say(walk->verify->tool, "%s: message %s: %s", walk->conversation->name, text, what);
    }
}

/* What differs; NULL if nothing does. */
static const char *difference(const struct chat_message *expected,
                              const struct columba_message *got)
{
    if (got->problem != COLUMBA_ERROR_OK) {
        return got->problem_text[0] ? got->problem_text : columba_error_text(got->problem);
    }
    if (got->is_deleted) {
        return "deleted since";
    }
    if (strcmp(got->from, expected->sender) != 0) {
        return "another sender";
    }
    if (got->created_at_ms != expected->ts_ms) {
        return "another time";
    }
    if (got->body_bytes != expected->text_bytes ||
        memcmp(got->body, expected->text, expected->text_bytes) != 0) {
        return "another text";
    }
    if (got->type != expected->type) {
        return "another type";
    }
    if (strcmp(got->media_url, expected->media_url ? expected->media_url : "") != 0) {
        return "another media URL";
    }
    return NULL;
}

static int order(const struct columba_id *a, const struct columba_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* All that the file has below `id` (NULL: to its end) was not there. */
static void skip_missing(struct walk *walk, const struct columba_id *id)
{
    const struct chat_conversation *conversation = walk->conversation;
    while (walk->next < conversation->message_count &&
           (!id || order(&conversation->messages[walk->next].id, id) < 0)) {
        walk->verify->missing++;
        point_out(walk, &conversation->messages[walk->next].id, "missing");
        walk->next++;
    }
}

static void compare(struct walk *walk, const struct columba_message *got)
{
    struct verify *verify = walk->verify;
    const struct chat_conversation *conversation = walk->conversation;
    if (walk->has_after && order(&got->id, &walk->after) <= 0) {
        verify->different++;
        point_out(walk, &got->id, "out of order");
        return;
    }
    walk->after = got->id;
    walk->has_after = true;
    skip_missing(walk, &got->id);
    if (walk->next == conversation->message_count ||
        order(&conversation->messages[walk->next].id, &got->id) != 0) {
        verify->extra++;
        point_out(walk, &got->id, "not in the file");
        return;
    }
    const char *what = difference(&conversation->messages[walk->next], got);
    if (what) {
        verify->different++;
        point_out(walk, &got->id, what);
    }
    if (verify->tool->key_file && !got->is_encrypted) {
        verify->unsealed++;
        point_out(walk, &got->id, "not sealed");
    }
    walk->next++;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void page_landed(struct flight *flight, struct columba_future *future, void *user);

static void read_page(struct walk *walk)
{
    const struct columba_history_read read = {.conversation = walk->conversation->name,
                                              .after = walk->has_after ? &walk->after : NULL,
                                              .limit = COLUMBA_PAGE_MAX_ROWS,
                                              .oldest_first = true};
    struct flight *flight = &walk->verify->flight;
    if (!flight_submit(flight, columba_history(flight->client, &read, &call), 0, page_landed,
                       walk)) {
        tool_say(walk->verify->tool, "out of memory");
        walk->verify->has_failed = true;
        free(walk);
    }
}

static void page_failed(struct walk *walk, const struct columba_error_info *error)
{
    struct verify *verify = walk->verify;
    if (error->code != COLUMBA_ERROR_UNKNOWN_CONVERSATION) {
        verify->has_failed = true;
        if (!verify->is_aborted) {
            char doing[COLUMBA_NAME_MAX_BYTES + 32];
            snprintf(doing, sizeof(doing), "reading %s", walk->conversation->name);
            tool_say_error(verify->tool, doing, error);
        }
        verify->is_aborted |= error->retryable || error->code >= COLUMBA_ERROR_MALFORMED;
    }
    skip_missing(walk, NULL);
    free(walk);
}

static void page_landed(struct flight *flight, struct columba_future *future, void *user)
{
    struct walk *walk = user;
    (void)flight;
    if (columba_future_code(future) != COLUMBA_ERROR_OK) {
        page_failed(walk, columba_future_error(future));
        return;
    }
    const struct columba_history_page *page = columba_future_history(future);
    size_t before = walk->next;
    for (size_t i = 0; i < page->count; i++) {
        compare(walk, &page->messages[i]);
    }
    walk->verify->progress += walk->next - before;
    progress_set(walk->verify->progress);
    if (page->more && page->count > 0) {
        read_page(walk);
        return;
    }
    skip_missing(walk, NULL);
    free(walk);
}

static void read_conversations(struct verify *verify)
{
    progress_begin("verify", verify->log.message_count);
    for (size_t i = 0; i < verify->log.conversation_count; i++) {
        struct walk *walk = calloc(1, sizeof(*walk));
        if (!walk) {
            tool_say(verify->tool, "out of memory");
            verify->has_failed = true;
            break;
        }
        walk->verify = verify;
        walk->conversation = &verify->log.conversations[i];
        if (verify->is_aborted) {
            skip_missing(walk, NULL);
            free(walk);
            continue;
        }
        read_page(walk);
        flight_wait_for_room(&verify->flight);
    }
    flight_wait_for_all(&verify->flight);
    progress_end();
}

/* --- the outcome -------------------------------------------------------------------------------
 */

static enum tool_exit finish(struct verify *verify)
{
    struct tool *tool = verify->tool;
    if (verify->problems > CHAT_PROBLEMS_SHOWN) {
        tool_say(tool, "… %" PRIu64 " more differences", verify->problems - CHAT_PROBLEMS_SHOWN);
    }
    if (verify->unsealed > 0) {
        tool_say(tool,
                 "%" PRIu64 " messages are stored unsealed although a key is set: whoever runs "
                 "the nodes can read them and could have written them",
                 verify->unsealed);
    }
    if (tool->is_json) {
        tool_print_json(tool,
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "messages",
                                  (json_int_t)verify->log.message_count, "missing",
                                  (json_int_t)verify->missing, "extra", (json_int_t)verify->extra,
                                  "different", (json_int_t)verify->different, "conversations",
                                  (json_int_t)verify->log.conversation_count, "bad_lines",
                                  (json_int_t)verify->log.bad_lines, "unsealed",
                                  (json_int_t)verify->unsealed));
    } else {
        printf("%zu messages, %" PRIu64 " missing, %" PRIu64 " extra, %" PRIu64 " different\n",
               verify->log.message_count, verify->missing, verify->extra, verify->different);
    }
    bool is_good = !verify->has_failed && verify->missing == 0 && verify->extra == 0 &&
                   verify->different == 0 && verify->unsealed == 0 && verify->log.bad_lines == 0;
    return is_good ? TOOL_DONE : TOOL_FAILED;
}

static enum tool_exit run(struct verify *verify, struct chat_options *options)
{
    enum tool_exit result;
    struct tool *tool = verify->tool;
    if (!chat_options_read(options, tool, tool->arguments[0], &verify->log, &result) ||
        !tool_connect(tool, &result)) {
        return result;
    }
    verify->flight =
        (struct flight){.client = tool->client, .calls_max = CALLS_MAX, .bytes_max = SIZE_MAX};
    if (!chat_align(&verify->log, tool, &verify->flight, &call)) {
        return TOOL_FAILED;
    }
    read_conversations(verify);
    return finish(verify);
}

enum tool_exit verify_command(struct tool *tool, int argc, const char **argv)
{
    struct chat_options options = {0};
    struct verify verify = {.tool = tool};
    const struct poptOption table[] = {CHAT_OPTIONS(&options), POPT_TABLEEND};
    enum tool_exit result;
    if (tool_parse(tool, argc, argv, table, 1, 1, &result)) {
        result = run(&verify, &options);
        chat_log_clear(&verify.log);
    }
    chat_options_clear(&options);
    return result;
}
