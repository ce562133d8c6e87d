#include "tests/sim/caller.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "proto/codec.h"

/* By then hosts have found each other. */
#define CALLER_STARTED_US (8u * MICROSECONDS_PER_SECOND)
/* Every hop, commit and read on the way at the longest that is drawn, and a little over. */
#define CALLER_UNHINDERED_MAX_US (1u * MICROSECONDS_PER_SECOND)

struct call {
    struct list node;
    uint64_t request_id;
    uint16_t host;
    bool is_sent;
    bool is_quorum_read;
    bool may_have_rival;
    uint64_t asked_at_us;
    caller_done done;
    void *context;
    size_t size;
    uint8_t bytes[];
};

static bool is_quorum_read(const struct message *request)
{
    return (request->type == MESSAGE_HISTORY_READ &&
            request->history_read.consistency == CONSISTENCY_QUORUM) ||
           (request->type == MESSAGE_MEMBERS_READ &&
            request->members_read.consistency == CONSISTENCY_QUORUM);
}

/* Another body under the same id, of which neither gets a quorum, hinders a send. */
static bool may_have_rival(const struct world *world, const struct message *request)
{
    return world_has(world, EXTRA_TWO_BODIES) &&
           (request->type == MESSAGE_SEND || request->type == MESSAGE_HISTORY_IMPORT);
}

/* Is this a call that nothing may delay, and that nothing but the request may refuse? */
static bool is_unhindered(const struct world *world, const struct call *call)
{
    if (call->asked_at_us < CALLER_STARTED_US || world->plan.climate == CLIMATE_FOUL) {
        return false;
    }
    return world->plan.climate == CLIMATE_FAIR ||
           (call->host != world->plan.slow_host && call->is_quorum_read);
}

/* TWO is more than a single replica can give. */
static bool is_needlessly_unavailable(const struct world *world, const struct message *answer)
{
    return answer->status.error == ERR_UNAVAILABLE &&
           answer->status.needed <= world->plan.replication_factor;
}

/* A conflict is told as soon as a quorum cannot be reached any more; a replica that has not
 * answered yet may have taken the body all the same. */
static bool is_needlessly_unknown(const struct call *call, const struct message *answer)
{
    return answer->status.outcome_unknown && answer->status.error != ERR_ID_CONFLICT &&
           !call->may_have_rival;
}

static void check_call(struct world *world, const struct call *call, const struct message *answer)
{
    if (!is_unhindered(world, call)) {
        return;
    }
    uint64_t took_us = world_now_us(world) - call->asked_at_us;
    if (answer == NULL || took_us > CALLER_UNHINDERED_MAX_US) {
        findings_add(&world->findings, "host %u: a call took %.3f s although nothing hindered it",
                     call->host, (double)took_us / MICROSECONDS_PER_SECOND);
    }
    if (answer != NULL && answer->type == MESSAGE_STATUS &&
        (answer->status.error == ERR_TIMEOUT || is_needlessly_unavailable(world, answer) ||
         answer->status.error == ERR_OVERLOADED || is_needlessly_unknown(call, answer))) {
        findings_add(&world->findings, "host %u: %s although nothing hindered it", call->host,
                     error_name(answer->status.error));
    }
}

static void call_end(struct world *world, struct call *call, const struct message *answer)
{
    check_call(world, call, answer);
    list_remove(&call->node);
    call->done(call->context, answer);
    free(call);
}

uint64_t caller_unix_ms(struct caller *caller)
{
    uint64_t true_ms = UNIX_EPOCH_MS + world_now_us(caller->world) / MICROSECONDS_PER_MS;
    return hlc_unix_ms(hlc_next(&caller->clock, (uint64_t)((int64_t)true_ms + caller->skew_ms)));
}

static struct call *encode(struct caller *caller, const struct message *request)
{
    struct codec_encoding encoding;
    arena_reset(&caller->arena);
    enum columba_error error = codec_prepare(request, &caller->arena, &encoding);
    COLUMBA_ASSERT(error == COLUMBA_OK);
    size_t size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    struct call *call = malloc(sizeof *call + size);
    COLUMBA_ASSERT(call != NULL);
    *call = (struct call){.request_id = ++caller->next_request_id, .size = size};
    caller_unix_ms(caller);
    codec_encode(&encoding, call->request_id, caller->clock.last, call->bytes);
    return call;
}

static void hello_send(struct caller *caller, uint64_t connection)
{
    struct message hello = {.type = MESSAGE_HELLO};
    hello.hello.protocol_min = PROTOCOL_VERSION_MIN;
    hello.hello.protocol_max = PROTOCOL_VERSION_MAX;
    hello.hello.role = ROLE_CLIENT;
    hello.hello.software = slice_of_text("caller");
    struct call *call = encode(caller, &hello);
    network_send(caller->world->network, connection, caller->endpoint,
                 slice_of(call->bytes, call->size));
    free(call);
}

static void send_waiting(struct caller *caller, uint16_t host)
{
    list_for_each(node, &caller->calls)
    {
        struct call *call = container_of(node, struct call, node);
        if (call->host == host && !call->is_sent) {
            call->is_sent = true;
            network_send(caller->world->network, caller->lines[host].connection, caller->endpoint,
                         slice_of(call->bytes, call->size));
        }
    }
}

static uint16_t host_of(const struct caller *caller, uint64_t connection)
{
    for (uint16_t host = 0; host < caller->world->plan.node_count; host++) {
        if (caller->lines[host].connection == connection) {
            return host;
        }
    }
    return NODE_NONE;
}

static void lose_calls(struct caller *caller, uint16_t host)
{
    bool again = true;
    while (again) {
        again = false;
        list_for_each(node, &caller->calls)
        {
            struct call *call = container_of(node, struct call, node);
            if (call->host == host) {
                call_end(caller->world, call, NULL);
                again = true;
                break;
            }
        }
    }
}

static void on_closed(void *context, uint64_t connection)
{
    struct caller *caller = context;
    uint16_t host = host_of(caller, connection);
    if (host != NODE_NONE) {
        caller->lines[host] = (struct caller_line){0};
        lose_calls(caller, host);
    }
}

static void on_opened(void *context, uint64_t connection)
{
    struct caller *caller = context;
    if (host_of(caller, connection) != NODE_NONE) {
        hello_send(caller, connection);
    }
}

static void take_answer(struct caller *caller, const struct frame *frame,
                        const struct message *answer)
{
    list_for_each(node, &caller->calls)
    {
        struct call *call = container_of(node, struct call, node);
        if (call->request_id == frame->request_id) {
            call_end(caller->world, call, answer);
            return;
        }
    }
}

static void refuse(struct caller *caller, uint64_t connection)
{
    network_close(caller->world->network, connection, caller->endpoint);
    on_closed(caller, connection);
}

static void on_frame(void *context, uint64_t connection, struct slice bytes)
{
    struct caller *caller = context;
    struct frame frame;
    struct message message;
    struct slice payload =
        slice_of(bytes.data + FRAME_HEADER_BYTES, bytes.size - FRAME_HEADER_BYTES);
    uint16_t host = host_of(caller, connection);
    if (host == NODE_NONE) {
        return;
    }
    arena_reset(&caller->arena);
    if (frame_header_decode(bytes.data, &frame) != COLUMBA_OK ||
        !frame_is_intact(bytes.data, payload) ||
        codec_decode(frame.type, payload, &caller->arena, &message) != COLUMBA_OK) {
        refuse(caller, connection);
        return;
    }
    caller_unix_ms(caller);
    hlc_follow(&caller->clock, frame.clock, hlc_unix_ms(caller->clock.last), CLOCK_AHEAD_MAX_MS);
    if (message.type == MESSAGE_WELCOME) {
        caller->lines[host].is_ready = true;
        send_waiting(caller, host);
        return;
    }
    take_answer(caller, &frame, &message);
}

static void on_accepted(void *context, uint64_t connection, uint32_t from)
{
    (void)context;
    (void)from;
    COLUMBA_ASSERT(connection == 0); /* nobody connects to a client */
}

static void on_datagram(void *context, uint32_t from, struct slice bytes)
{
    (void)context;
    (void)from;
    (void)bytes;
}

void caller_init(struct caller *caller, struct world *world, uint32_t endpoint, int64_t skew_ms)
{
    *caller = (struct caller){.world = world, .endpoint = endpoint, .skew_ms = skew_ms};
    list_init(&caller->calls);
    arena_init(&caller->arena, memory_system(), DECODE_ARENA_MAX_BYTES);
    network_attach(world->network, endpoint,
                   (struct network_handler){
                       .context = caller,
                       .accepted = on_accepted,
                       .opened = on_opened,
                       .frame = on_frame,
                       .closed = on_closed,
                       .datagram = on_datagram,
                   });
}

void caller_clear(struct caller *caller)
{
    list_for_each_safe(node, &caller->calls)
    {
        free(container_of(node, struct call, node));
    }
    list_init(&caller->calls);
    arena_clear(&caller->arena);
}

static void time_is_up(void *context, uint64_t request_id)
{
    struct caller *caller = context;
    list_for_each(node, &caller->calls)
    {
        struct call *call = container_of(node, struct call, node);
        if (call->request_id == request_id) {
            call_end(caller->world, call, NULL);
            return;
        }
    }
}

void caller_call(struct caller *caller, uint16_t host, const struct message *request,
                 uint64_t timeout_us, caller_done done, void *context)
{
    struct call *call = encode(caller, request);
    call->host = host;
    call->is_quorum_read = is_quorum_read(request);
    call->may_have_rival = may_have_rival(caller->world, request);
    call->asked_at_us = world_now_us(caller->world);
    call->done = done;
    call->context = context;
    list_append(&caller->calls, &call->node);
    schedule_after(&caller->world->schedule, timeout_us, time_is_up, caller, call->request_id);
    struct caller_line *line = &caller->lines[host];
    if (line->connection == 0) {
        line->connection = network_connect(caller->world->network, caller->endpoint, host);
    } else if (line->is_ready) {
        send_waiting(caller, host);
    }
}
