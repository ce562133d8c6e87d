#include "tests/sim/network.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"

#define DELAY_FLOOR_US 50u
#define STRAGGLE_MAX_US 1000000u
/* How long a stalled stream lives, and how long a silent death goes unnoticed. */
#define STALL_MIN_US 1000000u
#define STALL_MAX_US 6000000u
#define MILLION 1000000u

struct parcel {
    struct parcel *next;
    uint64_t ready_at_us;
    size_t size;
    uint8_t bytes[];
};

/* One direction of a connection. */
struct stream {
    struct parcel *first;
    struct parcel *last;
    uint64_t busy_until_us;
    uint64_t stalled_since_us;
    bool is_due; /* a delivery is scheduled */
    bool is_stalled;
};

struct connection {
    uint32_t ends[2];        /* who opened it, who was asked */
    struct stream stream[2]; /* from ends[i] */
    bool told_open[2];       /* that end has heard of it */
    bool told_closed[2];
    bool is_closing; /* one end is gone: what it sent still arrives, then it breaks */
    bool is_broken;
};

struct datagram {
    struct list node; /* in the network's list of those under way */
    uint32_t from;
    uint32_t to;
    size_t size;
    uint8_t bytes[];
};

struct network {
    struct schedule *schedule;
    struct trace *trace;
    struct random random;
    struct network_weather weather;
    struct slice canary;
    uint64_t canaries_seen;
    uint64_t frames_delivered;
    struct list datagrams;
    uint32_t endpoint_count;
    struct network_handler handlers[ENDPOINTS_MAX];
    bool is_down[ENDPOINTS_MAX];
    bool is_blocked[ENDPOINTS_MAX][ENDPOINTS_MAX];
    struct connection **connections; /* by number - 1; gone ones are NULL */
    uint64_t connection_count;
    uint64_t connection_capacity;
    uint64_t connection_first; /* all below are gone */
};

struct network *network_create(struct schedule *schedule, struct trace *trace, uint64_t seed,
                               uint32_t endpoint_count)
{
    COLUMBA_ASSERT(endpoint_count <= ENDPOINTS_MAX);
    struct network *network = calloc(1, sizeof *network);
    COLUMBA_ASSERT(network != NULL);
    network->schedule = schedule;
    network->trace = trace;
    network->endpoint_count = endpoint_count;
    list_init(&network->datagrams);
    random_init(&network->random, seed, STREAM_NETWORK);
    return network;
}

static void stream_clear(struct stream *stream)
{
    while (stream->first != NULL) {
        struct parcel *parcel = stream->first;
        stream->first = parcel->next;
        free(parcel);
    }
    stream->last = NULL;
}

static void connection_destroy(struct connection *connection)
{
    stream_clear(&connection->stream[0]);
    stream_clear(&connection->stream[1]);
    free(connection);
}

void network_destroy(struct network *network)
{
    if (network == NULL) {
        return;
    }
    for (uint64_t i = 0; i < network->connection_count; i++) {
        if (network->connections[i] != NULL) {
            connection_destroy(network->connections[i]);
        }
    }
    list_for_each_safe(node, &network->datagrams)
    {
        free(container_of(node, struct datagram, node));
    }
    free(network->connections);
    free(network);
}

void network_attach(struct network *network, uint32_t endpoint, struct network_handler handler)
{
    COLUMBA_ASSERT(endpoint < network->endpoint_count);
    network->handlers[endpoint] = handler;
}

struct network_weather *network_weather(struct network *network)
{
    return &network->weather;
}

static uint64_t hop_delay_us(struct network *network)
{
    uint64_t mean = network->weather.delay_mean_us;
    return DELAY_FLOOR_US + (mean == 0 ? 0 : random_exponential(&network->random, mean));
}

static bool happens(struct network *network, uint32_t per_million)
{
    return per_million > 0 && random_below(&network->random, MILLION) < per_million;
}

static struct connection *connection_find(const struct network *network, uint64_t number)
{
    COLUMBA_ASSERT(number >= 1 && number <= network->connection_count);
    return network->connections[number - 1];
}

/* Breaking and closing. An end that is told late goes on sending into the void until then. */

static void forget_if_over(struct network *network, uint64_t number)
{
    struct connection *connection = connection_find(network, number);
    if (connection != NULL && connection->told_closed[0] && connection->told_closed[1]) {
        connection_destroy(connection);
        network->connections[number - 1] = NULL;
    }
}

static void tell_closed(void *context, uint64_t argument)
{
    struct network *network = context;
    uint64_t number = argument >> 1;
    unsigned side = argument & 1;
    struct connection *connection = connection_find(network, number);
    if (connection == NULL || connection->told_closed[side]) {
        return;
    }
    uint32_t end = connection->ends[side];
    bool has_heard_of_it = connection->told_open[side] || side == 0;
    connection->told_closed[side] = true;
    if (!network->is_down[end] && has_heard_of_it) {
        trace_event(network->trace, "closed", connection->ends[1 - side], end, slice_of(NULL, 0));
        network->handlers[end].closed(network->handlers[end].context, number);
    }
    forget_if_over(network, number);
}

static void connection_break(struct network *network, uint64_t number, uint64_t notice_us)
{
    struct connection *connection = connection_find(network, number);
    if (connection == NULL || connection->is_broken) {
        return;
    }
    connection->is_broken = true;
    for (unsigned side = 0; side < 2; side++) {
        stream_clear(&connection->stream[side]);
        uint64_t delay_us = notice_us + hop_delay_us(network);
        schedule_after(network->schedule, delay_us, tell_closed, network, number << 1 | side);
    }
}

/* The process at this end is gone, its machine is not: what it had sent goes its way. */
static void connection_finish(struct network *network, uint64_t number, unsigned side)
{
    struct connection *connection = connection_find(network, number);
    connection->told_closed[side] = true;
    stream_clear(&connection->stream[1 - side]);
    connection->is_closing = true;
    if (connection->stream[side].first == NULL) {
        connection_break(network, number, 0);
    }
}

void network_close(struct network *network, uint64_t number, uint32_t from)
{
    const struct connection *connection = connection_find(network, number);
    if (connection != NULL) {
        connection_finish(network, number, connection->ends[0] == from ? 0 : 1);
    }
}

/* Streams. */

static void deliver_due(void *context, uint64_t argument);

static void stream_arm(struct network *network, uint64_t number, unsigned side)
{
    struct stream *stream = &connection_find(network, number)->stream[side];
    if (!stream->is_due && stream->first != NULL) {
        stream->is_due = true;
        schedule_at(network->schedule, stream->first->ready_at_us, deliver_due, network,
                    number << 1 | side);
    }
}

static void break_if_stalled(void *context, uint64_t argument)
{
    struct network *network = context;
    uint64_t number = argument >> 1;
    struct connection *connection = connection_find(network, number);
    if (connection == NULL || connection->is_broken) {
        return;
    }
    const struct stream *stream = &connection->stream[argument & 1];
    if (stream->is_stalled &&
        network->schedule->now_us - stream->stalled_since_us >= STALL_MIN_US) {
        connection_break(network, number, 0);
    }
}

static void stream_stall(struct network *network, uint64_t number, unsigned side)
{
    struct stream *stream = &connection_find(network, number)->stream[side];
    stream->is_stalled = true;
    stream->stalled_since_us = network->schedule->now_us;
    schedule_after(network->schedule, random_between(&network->random, STALL_MIN_US, STALL_MAX_US),
                   break_if_stalled, network, number << 1 | side);
}

/* The opener's first parcel is empty: it asks for the connection. So is the answer to it. */
static void hand_over(struct network *network, uint64_t number, unsigned side,
                      const struct parcel *parcel)
{
    struct connection *connection = connection_find(network, number);
    unsigned other = 1 - side;
    uint32_t from = connection->ends[side];
    uint32_t to = connection->ends[other];
    const struct network_handler *handler = &network->handlers[to];
    if (connection->told_closed[other]) {
        return;
    }
    if (parcel->size > 0) {
        network->frames_delivered++;
        trace_event(network->trace, "frame", from, to, slice_of(parcel->bytes, parcel->size));
        handler->frame(handler->context, number, slice_of(parcel->bytes, parcel->size));
        return;
    }
    connection->told_open[other] = true;
    trace_event(network->trace, side == 0 ? "accepted" : "opened", from, to, slice_of(NULL, 0));
    if (side == 0) {
        network_send(network, number, to, slice_of(NULL, 0));
        handler->accepted(handler->context, number, from);
    } else {
        handler->opened(handler->context, number);
    }
}

static void deliver_due(void *context, uint64_t argument)
{
    struct network *network = context;
    uint64_t number = argument >> 1;
    unsigned side = argument & 1;
    struct connection *connection = connection_find(network, number);
    if (connection == NULL || connection->is_broken) {
        return;
    }
    struct stream *stream = &connection->stream[side];
    uint32_t from = connection->ends[side];
    uint32_t to = connection->ends[1 - side];
    stream->is_due = false;
    if (network->is_blocked[from][to]) {
        stream_stall(network, number, side);
        return;
    }
    if (network->is_down[to]) {
        connection_break(network, number, 0);
        return;
    }
    struct parcel *parcel = stream->first;
    if (parcel == NULL) {
        return;
    }
    stream->first = parcel->next;
    stream->last = stream->first == NULL ? NULL : stream->last;
    stream_arm(network, number, side);
    if (connection->is_closing && stream->first == NULL) {
        connection_break(network, number, 0);
    }
    hand_over(network, number, side, parcel);
    free(parcel);
}

static uint64_t frame_delay_us(struct network *network)
{
    uint64_t delay_us = hop_delay_us(network);
    if (happens(network, network->weather.connection_straggle)) {
        delay_us += random_below(&network->random, STRAGGLE_MAX_US);
    }
    return delay_us;
}

static struct parcel *parcel_create(struct network *network, struct slice bytes)
{
    struct parcel *parcel = malloc(sizeof *parcel + bytes.size);
    COLUMBA_ASSERT(parcel != NULL);
    *parcel = (struct parcel){.size = bytes.size};
    if (bytes.size > 0) {
        memcpy(parcel->bytes, bytes.data, bytes.size);
        if (happens(network, network->weather.frame_corrupt)) {
            uint64_t bit = random_below(&network->random, 8 * (uint64_t)bytes.size);
            parcel->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    return parcel;
}

static void look_for_canary(struct network *network, struct slice bytes)
{
    if (network->canary.size > 0 && bytes.size >= network->canary.size &&
        memmem(bytes.data, bytes.size, network->canary.data, network->canary.size) != NULL) {
        network->canaries_seen++;
    }
}

void network_send(struct network *network, uint64_t number, uint32_t from, struct slice bytes)
{
    struct connection *connection = connection_find(network, number);
    look_for_canary(network, bytes);
    if (connection == NULL || connection->is_broken || connection->is_closing) {
        return;
    }
    unsigned side = connection->ends[0] == from ? 0 : 1;
    COLUMBA_ASSERT(connection->ends[side] == from);
    struct stream *stream = &connection->stream[side];
    struct parcel *parcel = parcel_create(network, bytes);
    uint64_t ready_us = network->schedule->now_us + frame_delay_us(network);
    stream->busy_until_us = ready_us > stream->busy_until_us ? ready_us : stream->busy_until_us;
    parcel->ready_at_us = stream->busy_until_us;
    if (stream->last != NULL) {
        stream->last->next = parcel;
    } else {
        stream->first = parcel;
    }
    stream->last = parcel;
    if (!stream->is_stalled) {
        stream_arm(network, number, side);
    }
    if (happens(network, network->weather.connection_break)) {
        connection_break(network, number, 0);
    }
}

uint64_t network_connect(struct network *network, uint32_t from, uint32_t to)
{
    if (network->connection_count == network->connection_capacity) {
        uint64_t capacity = network->connection_capacity == 0 ? 256 : network->connection_count * 2;
        network->connections = realloc(network->connections, capacity * sizeof(void *));
        COLUMBA_ASSERT(network->connections != NULL);
        network->connection_capacity = capacity;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    COLUMBA_ASSERT(connection != NULL);
    connection->ends[0] = from;
    connection->ends[1] = to;
    network->connections[network->connection_count++] = connection;
    uint64_t number = network->connection_count;
    network_send(network, number, from, slice_of(NULL, 0));
    return number;
}

/* Datagrams. */

static void deliver_datagram(void *context, uint64_t argument)
{
    struct network *network = context;
    struct datagram *datagram = (struct datagram *)(uintptr_t)argument;
    uint32_t from = datagram->from;
    uint32_t to = datagram->to;
    if (!network->is_down[to] && !network->is_blocked[from][to]) {
        const struct network_handler *handler = &network->handlers[to];
        struct slice bytes = slice_of(datagram->bytes, datagram->size);
        trace_event(network->trace, "datagram", from, to, bytes);
        handler->datagram(handler->context, from, bytes);
    }
    list_remove(&datagram->node);
    free(datagram);
}

static void send_one_datagram(struct network *network, uint32_t from, uint32_t to,
                              struct slice bytes)
{
    struct datagram *datagram = malloc(sizeof *datagram + bytes.size);
    COLUMBA_ASSERT(datagram != NULL);
    *datagram = (struct datagram){.from = from, .to = to, .size = bytes.size};
    list_append(&network->datagrams, &datagram->node);
    memcpy(datagram->bytes, bytes.data, bytes.size);
    uint64_t delay_us = hop_delay_us(network);
    if (random_chance(&network->random, network->weather.datagram_straggle)) {
        delay_us += random_below(&network->random, STRAGGLE_MAX_US);
    }
    schedule_after(network->schedule, delay_us, deliver_datagram, network,
                   (uint64_t)(uintptr_t)datagram);
}

void network_datagram(struct network *network, uint32_t from, uint32_t to, struct slice bytes)
{
    look_for_canary(network, bytes);
    if (random_chance(&network->random, network->weather.datagram_drop)) {
        return;
    }
    send_one_datagram(network, from, to, bytes);
    if (random_chance(&network->random, network->weather.datagram_duplicate)) {
        send_one_datagram(network, from, to, bytes);
    }
}

/* Endpoints and links. */

static void endpoint_leaves(struct network *network, uint64_t number, unsigned side, bool silent)
{
    if (!silent) {
        connection_finish(network, number, side);
        return;
    }
    connection_find(network, number)->told_closed[side] = true;
    connection_break(network, number, random_between(&network->random, STALL_MIN_US, STALL_MAX_US));
}

void network_down(struct network *network, uint32_t endpoint, bool silent)
{
    network->is_down[endpoint] = true;
    for (uint64_t i = network->connection_first; i < network->connection_count; i++) {
        struct connection *connection = network->connections[i];
        if (connection == NULL) {
            network->connection_first += i == network->connection_first;
            continue;
        }
        for (unsigned side = 0; side < 2; side++) {
            if (connection->ends[side] == endpoint) {
                endpoint_leaves(network, i + 1, side, silent);
            }
        }
    }
}

void network_up(struct network *network, uint32_t endpoint)
{
    network->is_down[endpoint] = false;
}

static void resume_streams(struct network *network, uint32_t from, uint32_t to)
{
    for (uint64_t i = network->connection_first; i < network->connection_count; i++) {
        struct connection *connection = network->connections[i];
        if (connection == NULL || connection->is_broken) {
            continue;
        }
        for (unsigned side = 0; side < 2; side++) {
            struct stream *stream = &connection->stream[side];
            if (stream->is_stalled && connection->ends[side] == from &&
                connection->ends[1 - side] == to) {
                stream->is_stalled = false;
                stream_arm(network, i + 1, side);
            }
        }
    }
}

void network_block(struct network *network, uint32_t from, uint32_t to, bool blocked)
{
    if (network->is_blocked[from][to] == blocked) {
        return;
    }
    network->is_blocked[from][to] = blocked;
    if (!blocked) {
        resume_streams(network, from, to);
    }
}

void network_heal(struct network *network)
{
    for (uint32_t from = 0; from < network->endpoint_count; from++) {
        for (uint32_t to = 0; to < network->endpoint_count; to++) {
            network_block(network, from, to, false);
        }
    }
}

void network_canary(struct network *network, struct slice text)
{
    network->canary = text;
}

uint64_t network_canaries_seen(const struct network *network)
{
    return network->canaries_seen;
}

uint64_t network_frames_delivered(const struct network *network)
{
    return network->frames_delivered;
}
