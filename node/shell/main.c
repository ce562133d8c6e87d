/*
 * columbad: the node.
 *
 *     columbad --config FILE            runs until SIGTERM, SIGINT or SIGHUP, then drains
 *     columbad --config FILE --accept-data-loss
 *     columbad --config FILE --check-config
 *     columbad [--config FILE] --print-config
 *
 * Exit codes: 0 done, 1 usage or configuration, 2 the node could not start or had to stop.
 */
#include <popt.h>
#include <stdarg.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "node/shell/log_stderr.h"
#include "node/shell/node.h"

enum { EXIT_DONE = 0, EXIT_USAGE = 1, EXIT_FAILED = 2 };

struct arguments {
    char *config_path;
    int accept_data_loss;
    int check_config;
    int print_config;
    int version;
};

/* What stands in a configuration or an argument does not steer the terminal. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[2 * CONFIG_PROBLEM_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    utf8_hide(text);
    fprintf(stderr, "%s\n", text);
}

static int arguments_wrong(poptContext context, const char *what, const char *why)
{
    say("columbad: %s%s%s", what, *why != '\0' ? ": " : "", why);
    poptPrintUsage(context, stderr, 0);
    return EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int arguments_read(int argc, const char **argv, struct arguments *out_arguments)
{
    struct poptOption table[] = {
        {"config", 'c', POPT_ARG_STRING, &out_arguments->config_path, 0,
         "the node's configuration (YAML)", "FILE"},
        {"accept-data-loss", 0, POPT_ARG_NONE, &out_arguments->accept_data_loss, 0,
         "let an empty data directory take the place of this node's, which is lost", NULL},
        {"check-config", 0, POPT_ARG_NONE, &out_arguments->check_config, 0,
         "check the configuration and exit", NULL},
        {"print-config", 0, POPT_ARG_NONE, &out_arguments->print_config, 0,
         "print every option with its text and its value in effect, and exit", NULL},
        {"version", 0, POPT_ARG_NONE, &out_arguments->version, 0, "print the version and exit",
         NULL},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    poptContext context = poptGetContext("columbad", argc, argv, table, 0);
    int result = poptGetNextOpt(context);
    int code = -1;
    if (result < -1) {
        code = arguments_wrong(context, poptBadOption(context, POPT_BADOPTION_NOALIAS),
                               poptStrerror(result));
    } else if (poptPeekArg(context) != NULL) {
        code = arguments_wrong(context, poptPeekArg(context), "not an option");
    } else if (out_arguments->version) {
        printf("columbad %s\n", COLUMBA_VERSION);
        code = EXIT_DONE;
    } else if (out_arguments->config_path == NULL && !out_arguments->print_config) {
        code = arguments_wrong(context, "--config FILE must be given", "");
    }
    poptFreeContext(context);
    return code;
}

static int node_serve(const struct config *config, bool accepts_data_loss)
{
    struct log log = log_stderr(config);
    struct node_options options = {.config = config,
                                   .log = &log,
                                   .handles_signals = true,
                                   .accepts_data_loss = accepts_data_loss};
    struct node *node;
    char text[CONFIG_PROBLEM_BYTES];
    enum columba_error error = node_create(&options, &node, text);
    if (error != COLUMBA_OK) {
        log_error(&log, "start_failed", "%s", text);
        return error == ERR_CONFIGURATION ? EXIT_USAGE : EXIT_FAILED;
    }
    error = node_run(node);
    node_destroy(node);
    return error == COLUMBA_OK ? EXIT_DONE : EXIT_FAILED;
}

/* What only shows when the cluster is made of it counts as well. */
static int config_check(const char *path, const struct config *config)
{
    struct cluster cluster;
    char text[CONFIG_PROBLEM_BYTES];
    if (cluster_init(&cluster, config, text) != COLUMBA_OK) {
        say("columbad: %s: %s", path, text);
        return EXIT_USAGE;
    }
    for (uint8_t i = 0; i < cluster.topology->datacenter_count; i++) {
        if (cluster_lacks_nodes(&cluster, i, text)) {
            fprintf(stderr, "columbad: %s: %s\n", path, text);
        }
    }
    cluster_clear(&cluster);
    say("%s: the configuration is valid", path);
    return EXIT_DONE;
}

/* What --print-config shows without a file: the two options that have no default, and the rest. */
static const char example[] = "node_name: node1\ndata_directory: /var/lib/columba\n";

static int config_serve(const struct arguments *arguments)
{
    struct config config;
    struct config_problem problem;
    int code = EXIT_DONE;
    enum columba_error error =
        arguments->config_path == NULL
            ? config_parse(&config, "the defaults", slice_of_text(example), &problem)
            : config_load(&config, arguments->config_path, &problem);
    if (error != COLUMBA_OK) {
        say("columbad: %s", problem.text);
        return EXIT_USAGE;
    }
    if (arguments->print_config) {
        config_print(&config, stdout);
    } else if (arguments->check_config) {
        code = config_check(arguments->config_path, &config);
    } else {
        code = node_serve(&config, arguments->accept_data_loss != 0);
    }
    config_clear(&config);
    return code;
}

int main(int argc, const char **argv)
{
    struct arguments arguments = {0};
    if (sodium_init() < 0) {
        fputs("columbad: libsodium cannot be used here\n", stderr);
        return EXIT_FAILED;
    }
    int code = arguments_read(argc, argv, &arguments);
    if (code < 0) {
        code = config_serve(&arguments);
    }
    free(arguments.config_path);
    return code;
}
