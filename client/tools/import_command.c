/*
 * import FILE: {"messages", "conversations", "members", "bad_lines", "failed", "differing"}, and
 * "dry_run" where nothing was to be written
 *
 * For the whole file, one step after the other, each with many calls under way:
 *   0. what is stored already where the file begins and ends (chat_alignment.h)
 *   1. every conversation with its senders as members, made at the time of its first message
 *   2. which conversations are channels
 *   3. the messages
 *   4. the members' inbox rows: newest message, everything read
 *
 * Each step may be repeated without an effect, so an import that broke off is simply run again.
 * What one conversation is refused for is said, and the rest goes on; what is wrong with the
 * cluster itself ends the import.
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

/* Enough to keep three nodes busy while each waits for its disk. */
#define CALLS_MAX 32u
#define BYTES_MAX (8u << 20)
/* Rows of a call share a commit; past some hundred nothing is gained, and others wait longer. */
#define BATCH_ROWS 500u
#define BATCH_BYTES (256u << 10)
/* Of each message beside body and sender, as COLUMBA_IMPORT_MAX_BYTES counts. */
#define ROW_OVERHEAD_BYTES 160u
/* A node may restart meanwhile. */
#define TIMEOUT_MS 30000u

struct import {
    struct tool *tool;
    struct chat_log log;
    struct flight flight;
    bool *has_failed;  /* of each conversation */
    bool *is_channel;  /* of each conversation */
    uint64_t problems; /* said or not */
    uint64_t progress;
    uint64_t members;
    uint64_t differing; /* messages that are stored otherwise, which was kept */
    bool is_aborted;
    struct columba_import_inbox rows[BATCH_ROWS]; /* of step 4, not yet sent */
    size_t row_owners[BATCH_ROWS];
    size_t row_count;
};

/* One call: what it was for. */
struct job {
    struct import *import;
    size_t conversation;
    uint64_t weight;    /* progress it makes */
    size_t owner_count; /* step 4: conversations of its rows */
    size_t owners[];
};

static const struct columba_call call = {.timeout_ms = TIMEOUT_MS};

/* --- calls -------------------------------------------------------------------------------------
 */

static bool is_the_clusters(const struct columba_error_info *error)
{
    return error->retryable || error->code >= COLUMBA_ERROR_MALFORMED;
}

static void job_failed(struct job *job, const struct columba_error_info *error)
{
    struct import *import = job->import;
    import->has_failed[job->conversation] = true;
    for (size_t i = 0; i < job->owner_count; i++) {
        import->has_failed[job->owners[i]] = true;
    }
    if (import->problems++ < CHAT_PROBLEMS_SHOWN && !import->is_aborted) {
        char doing[COLUMBA_NAME_MAX_BYTES + 32];
        snprintf(doing, sizeof(doing), "importing %s",
                 import->log.conversations[job->conversation].name);
        tool_say_error(import->tool, doing, error);
    }
    import->is_aborted |= is_the_clusters(error);
}

static void job_differs(struct job *job, uint32_t count)
{
    struct import *import = job->import;
    import->differing += count;
    if (import->problems++ < CHAT_PROBLEMS_SHOWN) {
        tool_say(import->tool, "importing %s: %u messages differ from what is stored; kept",
                 import->log.conversations[job->conversation].name, count);
    }
}

static void job_landed(struct flight *flight, struct columba_future *future, void *user)
{
    struct job *job = user;
    (void)flight;
    if (columba_future_code(future) != COLUMBA_ERROR_OK) {
        job_failed(job, columba_future_error(future));
    } else if (columba_future_differing(future) > 0) {
        job_differs(job, columba_future_differing(future));
    } else if (columba_future_conversation(future)) {
        job->import->is_channel[job->conversation] =
            columba_future_conversation(future)->is_channel;
    }
    job->import->progress += job->weight;
    progress_set(job->import->progress);
    free(job);
}

/* Takes the future over, and waits for room. */
static void submit(struct import *import, struct columba_future *future, size_t bytes,
                   size_t conversation, uint64_t weight)
{
    struct job *job = malloc(sizeof(*job) + import->row_count * sizeof(size_t));
    if (job) {
        *job = (struct job){.import = import,
                            .conversation = conversation,
                            .weight = weight,
                            .owner_count = import->row_count};
        memcpy(job->owners, import->row_owners, import->row_count * sizeof(size_t));
    }
    if (!job || !flight_submit(&import->flight, future, bytes, job_landed, job)) {
        tool_say(import->tool, "out of memory");
        import->is_aborted = true;
        free(job);
    }
    flight_wait_for_room(&import->flight);
}

static void step_begin(struct import *import, const char *label, uint64_t total)
{
    import->progress = 0;
    progress_begin(label, total);
}

static void step_end(struct import *import)
{
    flight_wait_for_all(&import->flight);
    progress_end();
}

/* --- the four steps ----------------------------------------------------------------------------
 */

static uint64_t created_at(const struct chat_conversation *conversation)
{
    if (conversation->created_at_ms > 0 || conversation->message_count == 0) {
        return conversation->created_at_ms;
    }
    return conversation->messages[0].ts_ms;
}

static void create_conversation(struct import *import, size_t number, const char **names)
{
    const struct chat_conversation *conversation = &import->log.conversations[number];
    for (size_t i = 0; i < conversation->member_count; i++) {
        names[i] = conversation->members[i].name;
    }
    const struct columba_conversation_new create = {
        .name = conversation->name,
        .members = names,
        .member_count = conversation->member_count,
        .created_at_ms = created_at(conversation),
    };
    import->members += conversation->member_count;
    submit(import, columba_conversation_create(import->flight.client, &create, &call),
           conversation->member_count * COLUMBA_ID_TEXT_BYTES, number, 1);
}

static void create_conversations(struct import *import)
{
    step_begin(import, "conversations", import->log.conversation_count);
    for (size_t i = 0; i < import->log.conversation_count && !import->is_aborted; i++) {
        const char **names = calloc(import->log.conversations[i].member_count + 1, sizeof(*names));
        if (!names) {
            tool_say(import->tool, "out of memory");
            import->is_aborted = true;
            break;
        }
        create_conversation(import, i, names);
        free((void *)names);
    }
    step_end(import);
}

static void find_channels(struct import *import)
{
    step_begin(import, "channels", import->log.conversation_count);
    for (size_t i = 0; i < import->log.conversation_count && !import->is_aborted; i++) {
        if (!import->has_failed[i]) {
            submit(import,
                   columba_conversation_get(import->flight.client,
                                            import->log.conversations[i].name, &call),
                   0, i, 1);
        }
    }
    step_end(import);
}

static size_t message_bytes(const struct chat_message *message)
{
    return message->text_bytes + strlen(message->sender) +
           (message->media_url ? strlen(message->media_url) : 0) + ROW_OVERHEAD_BYTES;
}

/* Sends as many of the messages as one call takes; returns how many. */
static size_t import_batch(struct import *import, size_t number,
                           const struct chat_message *messages, size_t count)
{
    struct columba_import_message rows[BATCH_ROWS];
    size_t taken = 0;
    size_t bytes = 0;
    while (taken < count && taken < BATCH_ROWS &&
           (taken == 0 || bytes + message_bytes(&messages[taken]) <= BATCH_BYTES)) {
        const struct chat_message *message = &messages[taken];
        rows[taken++] = (struct columba_import_message){.id = message->id,
                                                        .from = message->sender,
                                                        .body = message->text,
                                                        .body_bytes = message->text_bytes,
                                                        .created_at_ms = message->ts_ms,
                                                        .type = message->type,
                                                        .media_url = message->media_url};
        bytes += message_bytes(message);
    }
    submit(import,
           columba_history_import(import->flight.client, import->log.conversations[number].name,
                                  rows, taken, &call),
           bytes, number, taken);
    return taken;
}

static void import_messages(struct import *import)
{
    step_begin(import, "messages", import->log.message_count);
    for (size_t i = 0; i < import->log.conversation_count; i++) {
        const struct chat_conversation *conversation = &import->log.conversations[i];
        size_t done = 0;
        while (done < conversation->message_count && !import->has_failed[i] &&
               !import->is_aborted) {
            done += import_batch(import, i, &conversation->messages[done],
                                 conversation->message_count - done);
        }
    }
    step_end(import);
}

static void send_inbox_rows(struct import *import)
{
    if (import->row_count > 0 && !import->is_aborted) {
        submit(import,
               columba_inbox_import(import->flight.client, import->rows, import->row_count, &call),
               import->row_count * sizeof(import->rows[0]), import->row_owners[0],
               import->row_count);
    }
    import->row_count = 0;
}

static void add_inbox_row(struct import *import, size_t number, const struct chat_member *member)
{
    const struct chat_conversation *conversation = &import->log.conversations[number];
    struct columba_id newest = conversation->messages[conversation->message_count - 1].id;
    import->row_owners[import->row_count] = number;
    import->rows[import->row_count++] =
        (struct columba_import_inbox){.user = member->name,
                                      .conversation = conversation->name,
                                      .last = newest,
                                      .marker = member->has_marker ? member->marker : newest,
                                      .is_channel = import->is_channel[number]};
    if (import->row_count == BATCH_ROWS) {
        send_inbox_rows(import);
    }
}

static void import_inboxes(struct import *import)
{
    step_begin(import, "inboxes", import->members);
    for (size_t i = 0; i < import->log.conversation_count && !import->is_aborted; i++) {
        const struct chat_conversation *conversation = &import->log.conversations[i];
        bool is_empty = conversation->message_count == 0;
        for (size_t m = 0; m < conversation->member_count && !import->has_failed[i] && !is_empty;
             m++) {
            add_inbox_row(import, i, &conversation->members[m]);
        }
    }
    send_inbox_rows(import);
    step_end(import);
}

/* --- the outcome -------------------------------------------------------------------------------
 */

static size_t count_failed(const struct import *import)
{
    size_t failed = 0;
    for (size_t i = 0; i < import->log.conversation_count; i++) {
        failed += import->has_failed[i];
    }
    return failed;
}

static void print_outcome(struct import *import, size_t failed, bool is_dry)
{
    if (import->tool->is_json) {
        json_t *outcome = json_pack(
            "{s:I, s:I, s:I, s:I, s:I, s:I}", "messages", (json_int_t)import->log.message_count,
            "conversations", (json_int_t)import->log.conversation_count, "members",
            (json_int_t)import->members, "bad_lines", (json_int_t)import->log.bad_lines, "failed",
            (json_int_t)failed, "differing", (json_int_t)import->differing);
        if (is_dry) {
            json_object_set_new(outcome, "dry_run", json_true());
        }
        tool_print_json(import->tool, outcome);
        return;
    }
    printf("%zu messages in %zu conversations with %" PRIu64 " members; %" PRIu64
           " bad lines, %zu conversations failed%s\n",
           import->log.message_count, import->log.conversation_count, import->members,
           import->log.bad_lines, failed, is_dry ? "; nothing was written (--dry-run)" : "");
}

static enum tool_exit finish(struct import *import)
{
    size_t failed = count_failed(import);
    if (import->problems > CHAT_PROBLEMS_SHOWN) {
        tool_say(import->tool, "… %" PRIu64 " more failures",
                 import->problems - CHAT_PROBLEMS_SHOWN);
    }
    if (import->is_aborted) {
        tool_say(import->tool,
                 "the import broke off; what it has done stays, and it may be run again");
        return TOOL_FAILED;
    }
    if (import->differing > 0) {
        tool_say(import->tool,
                 "%" PRIu64 " messages differ from what is stored under their ids, which was kept: "
                 "another key, another text, or a file that was changed (verify names them)",
                 import->differing);
    }
    print_outcome(import, failed, false);
    return failed > 0 || import->log.bad_lines > 0 || import->differing > 0 ? TOOL_FAILED
                                                                            : TOOL_DONE;
}

static enum tool_exit import_log(struct import *import)
{
    import->has_failed = calloc(import->log.conversation_count + 1, sizeof(bool));
    import->is_channel = calloc(import->log.conversation_count + 1, sizeof(bool));
    if (!import->has_failed || !import->is_channel) {
        tool_say(import->tool, "out of memory");
        return TOOL_FAILED;
    }
    if (!chat_align(&import->log, import->tool, &import->flight, &call)) {
        return TOOL_FAILED;
    }
    create_conversations(import);
    find_channels(import);
    import_messages(import);
    import_inboxes(import);
    return finish(import);
}

static enum tool_exit tell_only(struct import *import)
{
    for (size_t i = 0; i < import->log.conversation_count; i++) {
        import->members += import->log.conversations[i].member_count;
    }
    print_outcome(import, 0, true);
    return import->log.bad_lines > 0 ? TOOL_FAILED : TOOL_DONE;
}

/* The file is read first: what is wrong with it is known before anything is written. */
static enum tool_exit run(struct import *import, struct chat_options *options, bool is_dry)
{
    enum tool_exit result;
    struct tool *tool = import->tool;
    if (!chat_options_read(options, tool, tool->arguments[0], &import->log, &result)) {
        return result;
    }
    if (is_dry) {
        return tell_only(import);
    }
    if (!tool_connect(tool, &result)) {
        return result;
    }
    import->flight =
        (struct flight){.client = tool->client, .calls_max = CALLS_MAX, .bytes_max = BYTES_MAX};
    return import_log(import);
}

enum tool_exit import_command(struct tool *tool, int argc, const char **argv)
{
    struct chat_options options = {0};
    int is_dry = 0;
    const struct poptOption table[] = {
        CHAT_OPTIONS(&options),
        {"dry-run", 0, POPT_ARG_NONE, &is_dry, 0, "read and check FILE, write nothing", NULL},
        POPT_TABLEEND,
    };
    enum tool_exit result;
    struct import *import = calloc(1, sizeof(*import));
    if (!import) {
        tool_say(tool, "out of memory");
        return TOOL_FAILED;
    }
    if (tool_parse(tool, argc, argv, table, 1, 1, &result)) {
        import->tool = tool;
        result = run(import, &options, is_dry != 0);
        chat_log_clear(&import->log);
    }
    free(import->has_failed);
    free(import->is_channel);
    free(import);
    chat_options_clear(&options);
    return result;
}
