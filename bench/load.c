#include "bench/load.h"
#include "client/tools/printable.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Due calls are issued together once in this time: waking for each of ten thousand a second would
 * cost the nodes' own cores. What it delays counts as latency. */
#define QUANTUM_US 250u
/* Longest sleep, so that the window's edges and the progress line are on time. */
#define SLEEP_MAX_US 50000u
#define DRAW_INTERVAL_US 500000u
/* How long calls may still take after the end before they count as errors. */
#define DRAIN_US 15000000u

uint64_t load_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static bool is_measured(const struct load *load, uint64_t at_us)
{
    return at_us >= load->measure_from_us && at_us < load->measure_to_us;
}

static void count_error(struct load *load, const struct load_op *op,
                        const struct columba_error_info *error)
{
    if (is_measured(load, op->due_us)) {
        load->errors++;
    }
    if (load->problems_shown++ < LOAD_PROBLEMS_SHOWN) {
        fprintf(stderr, "%s: %s: ", load->program, columba_error_name(error->code));
        printable_put(stderr, error->text);
        fputc('\n', stderr);
    }
}

static void op_done(struct columba_future *future, void *user)
{
    struct load_op *op = user;
    struct load *load = op->load;
    uint64_t now_us = load_now_us();
    if (columba_future_code(future) != COLUMBA_ERROR_OK) {
        count_error(load, op, columba_future_error(future));
    } else {
        if (is_measured(load, op->due_us)) {
            histogram_add(&load->latencies[op->kind], now_us - op->due_us);
        }
        load->done += is_measured(load, now_us);
        load->total++;
    }
    columba_future_destroy(future);
    op->next_free = load->free_ops;
    load->free_ops = op;
    load->in_flight--;
}

static bool issue_one(struct load *load, uint64_t due_us)
{
    struct load_op *op = load->free_ops;
    struct columba_future *future = load->issue(load, load->context, load->issued, &op->kind);
    if (!future) {
        fprintf(stderr, "%s: out of memory\n", load->program);
        return false;
    }
    load->free_ops = op->next_free;
    load->issued++;
    load->in_flight++;
    op->due_us = due_us;
    columba_future_set_callback(future, op_done, op);
    return true;
}

static uint64_t due_us(const struct load *load, uint64_t number)
{
    return load->start_us + (uint64_t)((double)number * 1e6 / load->options.rate_per_s);
}

/* Issues what is due. False: no memory. */
static bool issue_due(struct load *load, uint64_t now_us)
{
    bool is_open = load->options.rate_per_s > 0;
    while (load->free_ops && (!is_open || due_us(load, load->issued) <= now_us)) {
        if (!issue_one(load, is_open ? due_us(load, load->issued) : now_us)) {
            return false;
        }
    }
    return true;
}

static void sleep_until_something(struct load *load, uint64_t now_us)
{
    uint64_t sleep_us = SLEEP_MAX_US;
    if (load->options.rate_per_s > 0 && load->free_ops) {
        uint64_t next_us = due_us(load, load->issued);
        sleep_us = next_us > now_us + QUANTUM_US ? next_us - now_us : QUANTUM_US;
        sleep_us = sleep_us < SLEEP_MAX_US ? sleep_us : SLEEP_MAX_US;
    }
    struct pollfd ready = {.fd = columba_fd(load->client), .events = POLLIN};
    struct timespec timeout = {.tv_sec = 0, .tv_nsec = (long)sleep_us * 1000};
    ppoll(&ready, 1, &timeout, NULL);
}

static void draw(struct load *load, uint64_t now_us)
{
    if (now_us - load->drawn_us < DRAW_INTERVAL_US || isatty(STDERR_FILENO) != 1) {
        return;
    }
    load->drawn_us = now_us;
    double elapsed_s = (double)(now_us - load->start_us) / 1e6;
    bool is_warming_up = now_us < load->measure_from_us;
    fprintf(stderr, "\r%s %s%.0f s  %.0f/s  p99 %.1f ms  %" PRIu64 " errors\033[K", load->label,
            is_warming_up ? "(warming up) " : "", elapsed_s, (double)load->total / elapsed_s,
            (double)histogram_quantile(&load->latencies[0], 0.99) / 1000, load->errors);
}

/* Issues and waits until `until_us`. */
static bool drive(struct load *load, uint64_t until_us)
{
    uint64_t now_us = load_now_us();
    while (now_us < until_us) {
        if (!issue_due(load, now_us)) {
            return false;
        }
        columba_dispatch(load->client, 0);
        now_us = load_now_us();
        if (!load->free_ops || load->options.rate_per_s > 0) {
            sleep_until_something(load, now_us);
            now_us = load_now_us();
        }
        draw(load, now_us);
    }
    return true;
}

static bool drain(struct load *load)
{
    uint64_t until_us = load_now_us() + DRAIN_US;
    while (load->in_flight > 0 && load_now_us() < until_us) {
        columba_dispatch(load->client, 100);
    }
    load->errors += load->in_flight;
    if (isatty(STDERR_FILENO) == 1) {
        fputs("\r\033[K", stderr);
    }
    return load->in_flight == 0;
}

static bool prepare(struct load *load)
{
    load->ops = calloc(load->options.in_flight_max, sizeof(*load->ops));
    if (!load->ops) {
        fprintf(stderr, "%s: out of memory\n", load->program);
        return false;
    }
    for (uint32_t i = load->options.in_flight_max; i-- > 0;) {
        load->ops[i].load = load;
        load->ops[i].next_free = load->free_ops;
        load->free_ops = &load->ops[i];
    }
    return node_cpu_find(&load->cpu_from, load->client, load->program) &&
           node_cpu_copy_nodes(&load->cpu_to, &load->cpu_from);
}

bool load_run(struct load *load)
{
    if (!prepare(load)) {
        return false;
    }
    load->start_us = load_now_us();
    load->measure_from_us = load->start_us + (uint64_t)(load->options.warmup_s * 1e6);
    load->measure_to_us = load->measure_from_us + (uint64_t)(load->options.seconds * 1e6);
    if (!drive(load, load->measure_from_us)) {
        return false;
    }
    node_cpu_ask(&load->cpu_from, load->client);
    load->cpu_from.operations = load->total;
    if (!drive(load, load->measure_to_us)) {
        return false;
    }
    node_cpu_ask(&load->cpu_to, load->client);
    load->cpu_to.operations = load->total;
    drain(load);
    return node_cpu_finish(&load->cpu_from) && node_cpu_finish(&load->cpu_to);
}

void load_clear(struct load *load)
{
    node_cpu_clear(&load->cpu_from);
    node_cpu_clear(&load->cpu_to);
    free(load->ops);
}
