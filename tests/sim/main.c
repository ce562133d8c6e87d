/*
 * columba-sim: whole clusters in one thread on virtual time, from one seed.
 *
 * Each seed is a run (world.h). A seed that finds something is printed with what it found and the
 * command that replays it. Exit codes: 0 nothing found, 1 usage, 2 found something.
 */
#include <inttypes.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>
#include <sodium.h>

#include "tests/sim/world.h"

enum { EXIT_USAGE = 1, EXIT_FOUND = 2 };

struct arguments {
    long long seed;
    int seeds;
    int nodes;
    double minutes;
    int trace;
    int check_determinism;
    int stop_at_first;
    char *format;
    char *with;
    char *without;
    uint32_t extras;
};

struct totals {
    uint64_t seeds;
    uint64_t failed;
    uint64_t sends_acknowledged;
    uint64_t reads;
    uint64_t crashes;
    uint64_t orphaned;
    uint64_t takeovers;
    uint64_t trace_events;
    uint64_t virtual_us;
    uint64_t first_failed;
};

static bool is_json(const struct arguments *arguments)
{
    return arguments->format != NULL && strcmp(arguments->format, "json") == 0;
}

static const struct {
    const char *name;
    bool is_default;
} extras[EXTRA_COUNT] = {
#define X(name, text, is_default) {text, is_default},
    WORLD_EXTRAS(X)
#undef X
};

/* Sets or clears what the list names. */
static bool extras_parse(const char *names, bool is_set, uint32_t *extras_set)
{
    while (names != NULL && *names != '\0') {
        size_t size = strcspn(names, ",");
        uint32_t i = 0;
        while (i < EXTRA_COUNT &&
               (strlen(extras[i].name) != size || memcmp(extras[i].name, names, size) != 0)) {
            i++;
        }
        if (i == EXTRA_COUNT) {
            fprintf(stderr, "columba-sim: there is no fault named %.*s\n", (int)size, names);
            return false;
        }
        *extras_set = is_set ? *extras_set | 1u << i : *extras_set & ~(1u << i);
        names += size + (names[size] == ',');
    }
    return true;
}

static bool extras_choose(struct arguments *arguments)
{
    for (uint32_t i = 0; i < EXTRA_COUNT; i++) {
        arguments->extras |= extras[i].is_default ? 1u << i : 0;
    }
    return extras_parse(arguments->with, true, &arguments->extras) &&
           extras_parse(arguments->without, false, &arguments->extras);
}

static bool parse(int argc, const char **argv, struct arguments *out_arguments)
{
    struct arguments *a = out_arguments;
    struct poptOption options[] = {
        {"seed", 's', POPT_ARG_LONGLONG, &a->seed, 0, "First seed", "S"},
        {"seeds", 'n', POPT_ARG_INT, &a->seeds, 0, "How many seeds, one after the other", "N"},
        {"nodes", 0, POPT_ARG_INT, &a->nodes, 0, "Nodes of the cluster (the seed decides)", "N"},
        {"minutes", 0, POPT_ARG_DOUBLE, &a->minutes, 0, "Virtual minutes of faults and load (1)",
         "M"},
        {"with", 0, POPT_ARG_STRING, &a->with, 0, "Extra faults, by name, with commas", "NAMES"},
        {"without", 0, POPT_ARG_STRING, &a->without, 0, "Faults to leave out", "NAMES"},
        {"trace", 0, POPT_ARG_NONE, &a->trace, 0, "Print every event", NULL},
        {"check-determinism", 0, POPT_ARG_NONE, &a->check_determinism, 0,
         "Run each seed twice and compare the traces", NULL},
        {"stop", 0, POPT_ARG_NONE, &a->stop_at_first, 0, "Stop at the first seed that fails", NULL},
        {"format", 0, POPT_ARG_STRING, &a->format, 0, "Output: text or json", "FORMAT"},
        POPT_AUTOHELP POPT_TABLEEND,
    };
    poptContext context = poptGetContext("columba-sim", argc, argv, options, 0);
    int code = poptGetNextOpt(context);
    bool is_good = code == -1 && poptPeekArg(context) == NULL && a->seeds >= 1 && a->seed >= 0 &&
                   a->nodes >= 0 && a->nodes <= (int)HOSTS_MAX && a->minutes >= 0 &&
                   (a->format == NULL || is_json(a) || strcmp(a->format, "text") == 0);
    if (code < -1) {
        fprintf(stderr, "columba-sim: %s: %s\n", poptBadOption(context, POPT_BADOPTION_NOALIAS),
                poptStrerror(code));
    } else if (!is_good) {
        fprintf(stderr, "columba-sim: a value is out of range; see --help\n");
    }
    poptFreeContext(context);
    return is_good && extras_choose(a);
}

static void print_findings(const struct arguments *arguments, uint64_t seed,
                           const struct findings *findings)
{
    fprintf(stderr, "seed %" PRIu64 ": %" PRIu64 " found\n", seed, findings->count);
    for (uint64_t i = 0; i < findings->count && i < FINDINGS_KEPT; i++) {
        fprintf(stderr, "  %s\n", findings->text[i]);
    }
    fprintf(stderr, "replay: columba-sim --seed %" PRIu64, seed);
    if (arguments->nodes != 0) {
        fprintf(stderr, " --nodes %d", arguments->nodes);
    }
    if (arguments->minutes > 0) {
        fprintf(stderr, " --minutes %g", arguments->minutes);
    }
    if (arguments->with != NULL) {
        fprintf(stderr, " --with %s", arguments->with);
    }
    if (arguments->without != NULL) {
        fprintf(stderr, " --without %s", arguments->without);
    }
    fprintf(stderr, " --trace\n");
}

static void run_seed(const struct arguments *arguments, uint64_t seed,
                     struct world_result *out_result)
{
    struct world_options options = {
        .seed = seed,
        .nodes = (uint32_t)arguments->nodes,
        .minutes = arguments->minutes,
        .extras = arguments->extras,
        .lines = arguments->trace ? stdout : NULL,
    };
    world_run(&options, out_result);
    if (!arguments->check_determinism) {
        return;
    }
    struct world_result again;
    options.lines = NULL;
    world_run(&options, &again);
    if (again.trace_hash != out_result->trace_hash) {
        struct findings *findings = &out_result->findings;
        uint64_t place = findings->count++;
        if (place < FINDINGS_KEPT) {
            snprintf(findings->text[place], FINDING_MAX_BYTES,
                     "the same seed gave two traces: %016" PRIx64 " and %016" PRIx64,
                     out_result->trace_hash, again.trace_hash);
        }
    }
}

static void totals_add(struct totals *totals, uint64_t seed, const struct world_result *result)
{
    totals->seeds++;
    if (result->findings.count > 0 && totals->failed++ == 0) {
        totals->first_failed = seed;
    }
    totals->sends_acknowledged += result->sends_acknowledged;
    totals->reads += result->reads;
    totals->crashes += result->crashes;
    totals->orphaned += result->orphaned;
    totals->takeovers += result->takeovers;
    totals->trace_events += result->trace_events;
    totals->virtual_us += result->virtual_us;
}

static void print_progress(const struct arguments *arguments, const struct totals *totals)
{
    if (isatty(STDERR_FILENO) && !arguments->trace) {
        fprintf(stderr, "\r%" PRIu64 " of %d seeds, %" PRIu64 " failed ", totals->seeds,
                arguments->seeds, totals->failed);
        if (totals->seeds == (uint64_t)arguments->seeds) {
            fprintf(stderr, "\n");
        }
    }
}

static void print_json(const struct totals *totals, const struct world_result *last)
{
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, last->trace_hash);
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s}", "seeds",
                  (json_int_t)totals->seeds, "failed", (json_int_t)totals->failed,
                  "sends_acknowledged", (json_int_t)totals->sends_acknowledged, "reads",
                  (json_int_t)totals->reads, "crashes", (json_int_t)totals->crashes, "orphaned",
                  (json_int_t)totals->orphaned, "takeovers", (json_int_t)totals->takeovers,
                  "events", (json_int_t)totals->trace_events, "virtual_seconds",
                  (double)totals->virtual_us / MICROSECONDS_PER_SECOND, "trace_hash", hash);
    if (totals->failed > 0) {
        json_object_set_new(object, "first_failed", json_integer((json_int_t)totals->first_failed));
    }
    json_dumpf(object, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(object);
}

static void arguments_clear(struct arguments *arguments)
{
    free(arguments->format);
    free(arguments->with);
    free(arguments->without);
}

static void print_text(const struct totals *totals, const struct world_result *last)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " failed; %.0f virtual s, %" PRIu64 " events, %" PRIu64
           " sends acknowledged, %" PRIu64 " reads, %" PRIu64 " crashes, %" PRIu64
           " coordinators struck after an acknowledgement, %" PRIu64 " takeovers\n",
           totals->seeds, totals->failed, (double)totals->virtual_us / MICROSECONDS_PER_SECOND,
           totals->trace_events, totals->sends_acknowledged, totals->reads, totals->crashes,
           totals->orphaned, totals->takeovers);
    printf("trace %016" PRIx64 "\n", last->trace_hash);
}

int main(int argc, const char **argv)
{
    struct arguments arguments = {.seed = 1, .seeds = 1};
    if (!parse(argc, argv, &arguments)) {
        arguments_clear(&arguments);
        return EXIT_USAGE;
    }
    if (sodium_init() < 0) {
        fprintf(stderr, "columba-sim: libsodium does not start\n");
        return EXIT_FOUND;
    }
    struct totals totals = {0};
    struct world_result result;
    for (int i = 0; i < arguments.seeds; i++) {
        uint64_t seed = (uint64_t)arguments.seed + (uint64_t)i;
        run_seed(&arguments, seed, &result);
        totals_add(&totals, seed, &result);
        print_progress(&arguments, &totals);
        if (result.findings.count > 0) {
            print_findings(&arguments, seed, &result.findings);
        }
        if (totals.failed > 0 && arguments.stop_at_first) {
            break;
        }
    }
    if (is_json(&arguments)) {
        print_json(&totals, &result);
    } else {
        print_text(&totals, &result);
    }
    arguments_clear(&arguments);
    return totals.failed > 0 ? EXIT_FOUND : 0;
}
