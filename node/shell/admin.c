#include "node/shell/admin.h"

#include <stdlib.h>

#include "base/name.h"
#include "node/shell/job.h"
#include "node/shell/node.h"
#include "node/shell/report.h"

/* One command that was asked for. */
struct call {
    struct node *node;
    struct request *request;
    const struct slice *arguments;
    uint32_t argument_count;
    const char *usage;
};

static void answer_json(struct node *node, struct request *request, json_t *report)
{
    char *text = report == NULL ? NULL : json_dumps(report, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(report);
    if (text == NULL) {
        request_refuse(node, request, ERR_NO_MEMORY, "the report could not be made");
        return;
    }
    struct message reply = {
        .type = MESSAGE_ADMIN_REPLY,
        .admin_reply = {.json = slice_of_text(text)},
    };
    request_answer(node, request, &reply);
    free(text);
}

static void answer_usage(const struct call *call)
{
    char text[128];
    snprintf(text, sizeof text, "usage: %s", call->usage);
    request_refuse(call->node, call->request, ERR_INVALID, text);
}

/* ---- reports ---- */

static void status_run(const struct call *call)
{
    answer_json(call->node, call->request, report_status(call->node));
}

static void ring_run(const struct call *call)
{
    answer_json(call->node, call->request, report_ring(call->node));
}

static void info_run(const struct call *call)
{
    answer_json(call->node, call->request, report_info(call->node));
}

static void describecluster_run(const struct call *call)
{
    answer_json(call->node, call->request, report_describecluster(call->node));
}

static void gossipinfo_run(const struct call *call)
{
    answer_json(call->node, call->request, gossiper_report(call->node));
}

static void version_run(const struct call *call)
{
    answer_json(call->node, call->request, report_version(call->node));
}

static void getendpoints_run(const struct call *call)
{
    if (call->argument_count != 2) {
        answer_usage(call);
        return;
    }
    struct slice kind = call->arguments[0];
    struct slice name = call->arguments[1];
    bool is_user = slice_equal(kind, slice_of_text("user"));
    if ((!is_user && !slice_equal(kind, slice_of_text("conversation"))) ||
        name_problem(name) != NULL) {
        answer_usage(call);
        return;
    }
    char text[NAME_MAX_BYTES + 1];
    struct id id;
    snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
    if (!id_from_text(text, &id)) {
        id = id_of_name(is_user ? ID_USER : ID_CONVERSATION, name);
    }
    answer_json(
        call->node, call->request,
        report_endpoints(call->node, is_user ? PARTITION_USER : PARTITION_CONVERSATION, text, &id));
}

/* ---- work ---- */

static void job_answer(struct job *job)
{
    if (job->error != COLUMBA_OK) {
        request_refuse(job->node, job->request, job->error, "the storage engine could not do it");
        return;
    }
    answer_json(job->node, job->request,
                json_pack("{s:b, s:I}", "done", 1, "elapsed_ms", (json_int_t)job_elapsed_ms(job)));
}

static void job_run_for(const struct call *call, job_work work)
{
    if (job_start(call->node, work, call->request, job_answer) != COLUMBA_OK) {
        request_refuse(call->node, call->request, ERR_NO_MEMORY, "");
    }
}

static void flush_run(const struct call *call)
{
    job_run_for(call, job_flush);
}

static void compact_run(const struct call *call)
{
    job_run_for(call, job_compact);
}

static void drain_run(const struct call *call)
{
    drain_request(call->node, call->request);
}

void admin_answer_drained(struct node *node, struct request *request)
{
    uint64_t elapsed_ms = node_now_ms(node) - node->drain.begun_ms;
    answer_json(node, request,
                json_pack("{s:b, s:I, s:I}", "done", 1, "elapsed_ms", (json_int_t)elapsed_ms,
                          "requests_left", (json_int_t)node->drain.requests_left));
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    const char *usage;
    void (*run)(const struct call *call);
} commands[] = {
#define X(name, usage) {#name, usage, name##_run},
    ADMIN_COMMANDS(X)
#undef X
};

static void answer_unknown(struct node *node, struct request *request)
{
    static const char text[] = "unknown command; there are:"
#define X(name, usage) " " #name
        ADMIN_COMMANDS(X)
#undef X
        ;
    request_refuse(node, request, ERR_INVALID, text);
}

void admin_handle(struct node *node, struct request *request, const struct message_admin *admin)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!slice_equal(admin->command, slice_of_text(commands[i].name))) {
            continue;
        }
        struct call call = {
            .node = node,
            .request = request,
            .arguments = admin->arguments,
            .argument_count = admin->argument_count,
            .usage = commands[i].usage,
        };
        bool takes_arguments = commands[i].run == getendpoints_run;
        if (admin->argument_count > 0 && !takes_arguments) {
            answer_usage(&call);
        } else {
            commands[i].run(&call);
        }
        return;
    }
    answer_unknown(node, request);
}
