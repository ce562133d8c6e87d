/* The host's turns: what came in is taken together, then timers, then the commit. */
#include "tests/sim/host.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/nemesis.h"

#define TURN_DELAY_MAX_US 200u
#define TURNS_BETWEEN_CHECKS 64u

struct input *host_input(struct host *host, enum input_type type, struct slice bytes)
{
    struct input *input = malloc(sizeof *input + bytes.size);
    COLUMBA_ASSERT(input != NULL);
    *input = (struct input){.type = type, .size = bytes.size};
    if (bytes.size > 0) {
        memcpy(input->bytes, bytes.data, bytes.size);
    }
    list_append(&host->inputs, &input->node);
    host_turn_soon(host);
    return input;
}

void host_inputs_clear(struct host *host)
{
    list_for_each_safe(node, &host->inputs)
    {
        list_remove(node);
        free(container_of(node, struct input, node));
    }
}

static void step_committed(struct host *host, const struct input *input)
{
    struct event event = {.type = EVENT_COMMITTED};
    event.committed.batch = input->number;
    event.committed.error = input->error;
    core_step(host->core, &event);
    host->is_stopping = host->is_stopping || input->error != COLUMBA_OK;
}

static void step_read_done(struct host *host, const struct input *input)
{
    struct event event = {.type = EVENT_READ_DONE};
    event.read_done.read_id = input->number;
    event.read_done.error = input->error;
    event.read_done.packed = slice_of(input->bytes, input->size);
    event.read_done.row_count = input->row_count;
    event.read_done.more = input->more;
    core_step(host->core, &event);
}

static void step_unsent(struct host *host, const struct input *input)
{
    struct message status = {.type = MESSAGE_STATUS, .status = {.error = input->error}};
    struct event event = {.type = EVENT_ANSWER};
    event.answer.node = (uint16_t)input->from;
    event.answer.request_id = input->number;
    event.answer.message = &status;
    core_step(host->core, &event);
}

static void take_input(struct host *host, const struct input *input)
{
    switch (input->type) {
    case INPUT_COMMITTED:
        step_committed(host, input);
        break;
    case INPUT_READ_DONE:
        step_read_done(host, input);
        break;
    case INPUT_UNSENT:
        step_unsent(host, input);
        break;
    case INPUT_DATAGRAM:
        host_gossip_input(host, input);
        break;
    default:
        host_link_input(host, input);
        break;
    }
    host_effects_drain(host);
}

static void take_inputs(struct host *host)
{
    while (!list_is_empty(&host->inputs) && !host->is_dying) {
        struct input *input = container_of(host->inputs.next, struct input, node);
        list_remove(&input->node);
        take_input(host, input);
        free(input);
    }
}

static void check_caps(const struct host *host)
{
    struct core_counters counters;
    core_counters_get(host->core, &counters);
    const struct core_config *config = &host->world->plan.core;
    if (counters.operations > config->operations_max) {
        findings_add(&host->world->findings, "host %u: %llu operations, the cap is %u", host->index,
                     (unsigned long long)counters.operations, config->operations_max);
    }
    if (counters.outbox_entries > config->outbox_entries_max) {
        findings_add(&host->world->findings, "host %u: %llu outbox entries, the cap is %u",
                     host->index, (unsigned long long)counters.outbox_entries,
                     config->outbox_entries_max);
    }
}

static void timer_fires(void *context, uint64_t life);

static void arm_timer(struct host *host)
{
    uint64_t core_ms = core_next_deadline_ms(host->core);
    uint64_t gossip_ms = gossip_next_deadline(host->gossip);
    uint64_t deadline_ms = core_ms < gossip_ms ? core_ms : gossip_ms;
    uint64_t now_ms = host_monotonic_ms(host);
    uint64_t wait_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 1;
    uint64_t at_us = world_now_us(host->world) + wait_ms * MICROSECONDS_PER_MS;
    if (at_us < host->timer_at_us) {
        host->timer_at_us = at_us;
        schedule_at(&host->world->schedule, at_us, timer_fires, host, host->life);
    }
}

static void turn_timers(struct host *host)
{
    if (host->is_tick_due) {
        host->is_tick_due = false;
        core_step(host->core, &(struct event){.type = EVENT_TICK});
        host_effects_drain(host);
    }
    host_gossip_tick(host);
    core_turn_end(host->core);
    host_effects_drain(host);
}

static void turn(struct host *host)
{
    core_now(host->core, host_monotonic_ms(host), host_unix_ms(host));
    host_clock_tell(host);
    host_clock_judge(host);
    host_disk_look(host);
    do {
        take_inputs(host);
        turn_timers(host);
    } while (!list_is_empty(&host->inputs) && !host->is_dying);
    host_commit_start(host);
    if (host->turns++ % TURNS_BETWEEN_CHECKS == 0) {
        check_caps(host);
        host_requests_check(host);
    }
    if (host->is_dying || host->is_stopping || host->is_refused) {
        host_crash(host, false);
        nemesis_host_fell(host->world->nemesis, host->index);
    } else {
        arm_timer(host);
    }
}

static void turn_due(void *context, uint64_t life)
{
    struct host *host = context;
    if (life != host->life) {
        return;
    }
    host->has_turn = false;
    if (host->state == HOST_UP) {
        turn(host);
    }
}

static void timer_fires(void *context, uint64_t life)
{
    struct host *host = context;
    if (life == host->life) {
        host->timer_at_us = UINT64_MAX;
        host->is_tick_due = true;
        host_turn_soon(host);
    }
}

void host_turn_soon(struct host *host)
{
    if (host->state == HOST_UP && !host->has_turn) {
        host->has_turn = true;
        uint64_t delay_us = 1 + random_below(&host->random, TURN_DELAY_MAX_US);
        schedule_after(&host->world->schedule, delay_us, turn_due, host, host->life);
    }
}
