/*
 * listen USER [--device DEVICE]
 * sync USER [--device DEVICE]
 *
 *   a line for each message as it comes, under --format json an object a line:
 *   {"conversation", "conversation_id", "id", "sender", "ts_ms", "text", "own", "deleted"}
 *
 * `listen` goes on until it is interrupted; `sync` ends when everything that was there has come.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/tools/columba_commands.h"
#include "client/tools/printable.h"

#define DEVICE_DEFAULT "columba"
/* Between two questions that failed. */
#define AGAIN_MS 500

static struct columba_client *volatile listening;
static volatile sig_atomic_t is_interrupted;

static void interrupted(int signal)
{
    (void)signal;
    is_interrupted = 1;
    if (listening != NULL) {
        columba_wake(listening);
    }
}

static void print_json(const struct columba_session_event *event)
{
    const struct columba_message *message = &event->message;
    json_t *object = json_object();
    json_object_set_new(object, "conversation",
                        event->name[0] ? json_string(event->name) : json_null());
    json_object_set_new(object, "conversation_id", command_id_json(&event->conversation));
    json_object_set_new(object, "id", command_id_json(&message->id));
    json_object_set_new(object, "sender", json_string(message->from));
    json_object_set_new(object, "ts_ms", command_time_json(message->created_at_ms));
    if (message->is_deleted) {
        json_object_set_new(object, "text", json_null());
    } else {
        command_add_body(object, message);
    }
    json_object_set_new(object, "own", json_boolean(event->is_own));
    json_object_set_new(object, "deleted", json_boolean(message->is_deleted));
    if (message->problem != COLUMBA_ERROR_OK) {
        json_object_set_new(object, "problem", json_string(message->problem_text));
    }
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static void print_text(const struct columba_session_event *event)
{
    const struct columba_message *message = &event->message;
    char time[COMMAND_TIME_BYTES];
    char id[COLUMBA_ID_TEXT_BYTES];
    command_time_text(message->created_at_ms, time);
    columba_id_to_text(&event->conversation, id);
    printf("%s  ", time);
    printable_put(stdout, event->name[0] ? event->name : id);
    printf("  ");
    printable_put(stdout, message->from);
    printf(": ");
    if (message->problem != COLUMBA_ERROR_OK) {
        printf("[%s]", message->problem_text);
    } else if (message->is_deleted) {
        printf("[deleted]");
    } else {
        printable_write(stdout, message->body, message->body_bytes, "    ");
    }
    putchar('\n');
}

/* False: what was printed did not leave, and the page is not confirmed. */
static bool print_page(struct tool *tool, const struct columba_session_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        if (tool->is_json) {
            print_json(&page->events[i]);
        } else {
            print_text(&page->events[i]);
        }
        tool->has_printed = true;
    }
    if (fflush(stdout) != 0) {
        tool_say(tool, "standard output cannot be written");
        return false;
    }
    return true;
}

/* Waits; an interrupt ends it. */
static bool page_wait(struct tool *tool, const struct columba_future *next)
{
    while (!columba_future_is_done(next) && !is_interrupted) {
        columba_dispatch(tool->client, -1);
    }
    return columba_future_is_done(next);
}

enum step { STEP_ON, STEP_COMPLETE, STEP_AGAIN, STEP_FAILED };

static enum step page_take(struct tool *tool, struct columba_session *session, const char *user)
{
    struct columba_future *next = columba_session_next(session, NULL);
    enum step step = STEP_FAILED;
    if (!page_wait(tool, next)) {
        step = STEP_ON;
    } else if (columba_future_code(next) != COLUMBA_ERROR_OK) {
        const struct columba_error_info *error = columba_future_error(next);
        char doing[64];
        snprintf(doing, sizeof(doing), "listening for %.40s", user);
        tool_say_error(tool, doing, error);
        bool passes = error->retryable || error->code == COLUMBA_ERROR_NO_NODE;
        step = passes ? STEP_AGAIN : STEP_FAILED;
    } else if (print_page(tool, columba_future_session(next))) {
        step = columba_future_session(next)->is_complete ? STEP_COMPLETE : STEP_ON;
    }
    columba_future_destroy(next);
    return step;
}

/* What was printed is not to come again. */
static bool session_end(struct tool *tool, struct columba_session *session, const char *user)
{
    struct columba_future *closed = columba_session_close(session, NULL);
    bool is_closed = tool_wait(tool, closed, "ending the session of %s", user);
    columba_future_destroy(closed);
    return is_closed;
}

static bool listen_run(struct tool *tool, struct columba_session *session, const char *user,
                       bool ends_when_complete)
{
    while (!is_interrupted) {
        enum step step = page_take(tool, session, user);
        if (step == STEP_FAILED || (step == STEP_AGAIN && ends_when_complete)) {
            return false;
        }
        if (step == STEP_AGAIN && !is_interrupted) {
            columba_dispatch(tool->client, AGAIN_MS);
            usleep(AGAIN_MS * 1000);
        }
        if (step == STEP_COMPLETE && ends_when_complete) {
            break;
        }
    }
    return session_end(tool, session, user);
}

static enum tool_exit session_command(struct tool *tool, int argc, const char **argv,
                                      bool ends_when_complete)
{
    enum tool_exit result;
    char *device = NULL;
    const struct poptOption table[] = {
        {"device", 'd', POPT_ARG_STRING, &device, 0,
         "the device's name; each gets everything (" DEVICE_DEFAULT ")", "DEVICE"},
        POPT_TABLEEND,
    };
    if (!tool_parse(tool, argc, argv, table, 1, 1, &result) || !tool_connect(tool, &result)) {
        free(device);
        return result;
    }
    const char *user = tool->arguments[0];
    struct columba_error_info error;
    const struct columba_session_new open = {.user = user,
                                             .device = device ? device : DEVICE_DEFAULT};
    struct columba_session *session = columba_session_open(tool->client, &open, &error);
    if (!session) {
        tool_say_error(tool, "listening", &error);
        free(device);
        return error.code == COLUMBA_ERROR_INVALID ? TOOL_USAGE : TOOL_FAILED;
    }
    listening = tool->client;
    const struct sigaction action = {.sa_handler = interrupted};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    bool is_good = listen_run(tool, session, user, ends_when_complete);
    listening = NULL;
    columba_session_destroy(session);
    free(device);
    return is_good ? TOOL_DONE : TOOL_FAILED;
}

enum tool_exit listen_command(struct tool *tool, int argc, const char **argv)
{
    return session_command(tool, argc, argv, false);
}

enum tool_exit sync_command(struct tool *tool, int argc, const char **argv)
{
    return session_command(tool, argc, argv, true);
}
