/*
 * Devices that listen, on three nodes, in any order of everything that is under way: messages are
 * sent, frames lost, nodes started anew, devices cut off, moved to other nodes, stopped between the
 * receipt of an answer and the storing of it, and displaced by later sessions of their own.
 *
 *   - a device that has heard that it is complete, when all is calm, has every message that was
 *     acknowledged (before, a fan-out may still be under way);
 *   - it is given nothing that was never sent, and no other body;
 *   - a session that a later one has displaced is told so, and gets nothing any more.
 *
 *     test_sync [SEED [SCHEDULES]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/random.h"
#include "proto/content.h"
#include "race_world.h"

#define MESSAGES_MAX 64u
#define DEVICES 2u
#define STEPS 220u
#define CALLS_MAX 4096u
#define SCHEDULES 150u
#define ROUNDS_MAX 200u

struct device {
    struct id id;
    uint64_t session;
    struct message_position positions[4];
    uint32_t position_count;
    bool has_cursor;
    uint64_t has;  /* a bit a message */
    uint64_t call; /* under way; 0: none */
    bool is_complete;
    uint16_t node;
};

struct call {
    uint32_t message; /* of a send */
    struct device *device;
    uint64_t session;
};

struct scene {
    struct race_world *world;
    struct random random;
    struct id conversation;
    struct id user;
    struct id messages[MESSAGES_MAX];
    uint32_t message_count;
    uint64_t acked;
    struct device devices[DEVICES];
    struct call calls[CALLS_MAX];
    uint64_t call_count;
    uint64_t sessions;
    bool stores; /* false: devices stop before they have stored what they got */
    bool is_made;
    const char *violation;
};

static struct scene scene;

static uint32_t chance(uint32_t bound)
{
    return (uint32_t)random_below(&scene.random, bound);
}

static void expect(bool holds, const char *otherwise)
{
    if (!holds && scene.violation == NULL) {
        scene.violation = otherwise;
        race_note(scene.world, "VIOLATION: %s", otherwise);
    }
}

static uint64_t call_make(struct call call)
{
    assert_true(scene.call_count + 1 < CALLS_MAX);
    scene.calls[++scene.call_count] = call;
    return scene.call_count;
}

/* ---- messages ---- */

static struct slice content_of(uint32_t number, uint8_t *buffer)
{
    char text[16];
    snprintf(text, sizeof text, "text %u", number);
    struct content content = {.type = CONTENT_TYPE_TEXT,
                              .created_at_ms = RACE_START_UNIX_MS,
                              .sender = slice_of_text("alice"),
                              .body = slice_of_text(text)};
    content_encode(&content, buffer);
    return slice_of(buffer, content_size(&content));
}

static void message_send(void)
{
    if (scene.message_count == MESSAGES_MAX) {
        return;
    }
    uint8_t buffer[128];
    uint32_t number = scene.message_count++;
    struct id sender = id_of_name(ID_USER, slice_of_text("alice"));
    scene.messages[number] = message_id_make(race_unix_ms(scene.world), number, &sender);
    struct message message = {.type = MESSAGE_SEND};
    message.send = (struct message_send){.conversation = scene.conversation,
                                         .message = scene.messages[number],
                                         .content = content_of(number, buffer)};
    race_ask(scene.world, (uint16_t)chance(RACE_NODES), call_make((struct call){.message = number}),
             &message);
}

/* ---- devices ---- */

static void device_ask(struct device *device)
{
    struct message message = {.type = MESSAGE_SYNC};
    device->call = call_make((struct call){.device = device, .session = device->session});
    message.sync = (struct message_sync){.user = scene.user,
                                         .device = device->id,
                                         .session = device->session,
                                         .has_cursor = device->has_cursor,
                                         .positions = device->positions,
                                         .position_count = device->position_count,
                                         .limit = 1 + chance(4)};
    race_ask(scene.world, device->node, device->call, &message);
}

static void device_open(struct device *device, uint16_t node)
{
    device->session = ++scene.sessions;
    device->node = node;
    device->is_complete = false;
    device->call = 0;
    device_ask(device);
}

static uint32_t message_find(const struct id *message)
{
    uint32_t number = 0;
    while (number < scene.message_count && !id_equal(&scene.messages[number], message)) {
        number++;
    }
    return number;
}

static void events_take(struct device *device, const struct message_sync_events *answer)
{
    uint64_t has = device->has;
    for (uint32_t i = 0; i < answer->event_count; i++) {
        uint8_t buffer[128];
        uint32_t number = message_find(&answer->events[i].message);
        expect(number < scene.message_count, "a message that was never sent");
        if (number == scene.message_count) {
            return;
        }
        struct slice body = answer->events[i].content;
        expect(body.size == 0 || slice_equal(body, content_of(number, buffer)), "another body");
        has |= UINT64_C(1) << number;
    }
    if (!scene.stores) {
        return; /* it stops here, and comes again with what it had */
    }
    device->has = has;
    assert_true(answer->position_count <= 4);
    memcpy(device->positions, answer->positions,
           answer->position_count * sizeof(device->positions[0]));
    device->position_count = answer->position_count;
    device->has_cursor = true;
    if (answer->is_complete) {
        device->is_complete = true;
    }
}

static void answered(void *context, uint64_t number, const struct message *message)
{
    (void)context;
    const struct call *call = &scene.calls[number];
    if (number == 0 || call->device == NULL) {
        if (message->type == MESSAGE_STATUS && message->status.error == COLUMBA_OK) {
            scene.is_made = true;
            scene.acked |= number == 0 ? 0 : UINT64_C(1) << call->message;
        }
        return;
    }
    struct device *device = call->device;
    if (device->call != number) {
        return; /* the connection that it was to come on is gone */
    }
    device->call = 0;
    if (message->type == MESSAGE_SYNC_EVENTS) {
        events_take(device, &message->sync_events);
    }
}

/* ---- what happens ---- */

static struct device *some_device(void)
{
    return &scene.devices[chance(DEVICES)];
}

static void some_device_asks(void)
{
    struct device *device = some_device();
    if (device->call == 0) {
        device_ask(device);
    }
}

/* Its connection breaks: it asks again, here or elsewhere, in the same session. */
static void some_device_is_cut_off(void)
{
    struct device *device = some_device();
    device->node = (uint16_t)chance(RACE_NODES);
    device_ask(device);
}

static void some_device_starts_anew(void)
{
    device_open(some_device(), (uint16_t)chance(RACE_NODES));
}

static void devices_stop_storing(void)
{
    scene.stores = !scene.stores;
}

static void some_parcel(void)
{
    uint32_t count = race_parcels(scene.world);
    if (count > 0) {
        race_deliver(scene.world, chance(count));
    }
}

static void some_loss(void)
{
    uint32_t count = race_parcels(scene.world);
    if (count > 0) {
        race_lose(scene.world, chance(count));
    }
}

static void some_commit(void)
{
    race_commit(scene.world, (uint16_t)chance(RACE_NODES));
}

static void some_time(void)
{
    static const uint32_t ms[] = {1, 60, 500, 2100, 5100, 15100, 61000};
    race_wait(scene.world, ms[chance(sizeof ms / sizeof ms[0])]);
}

static void some_restart(void)
{
    uint16_t node = (uint16_t)chance(RACE_NODES);
    for (uint32_t i = 0; i < DEVICES; i++) {
        if (scene.devices[i].node == node) {
            scene.devices[i].call = 0;
        }
    }
    race_restart(scene.world, node, chance(2) == 1, 0);
}

static void some_gossip(void)
{
    uint16_t node = (uint16_t)chance(RACE_NODES);
    race_gossip(scene.world, node, (uint16_t)((node + 1 + chance(RACE_NODES - 1)) % RACE_NODES),
                chance(2) == 1);
}

static void some_step(void)
{
    static const struct {
        uint32_t weight;
        void (*happens)(void);
    } acts[] = {{60, some_parcel},
                {24, some_commit},
                {16, message_send},
                {20, some_device_asks},
                {8, some_device_is_cut_off},
                {2, some_device_starts_anew},
                {10, some_loss},
                {4, devices_stop_storing},
                {3, some_time},
                {1, some_restart},
                {4, some_gossip}};
    uint32_t pick = chance(152);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (pick < acts[i].weight) {
            acts[i].happens();
            return;
        }
        pick -= acts[i].weight;
    }
}

/* ---- from the beginning to the end ---- */

static void conversation_create(void)
{
    const struct message_member members[] = {{slice_of_text("alice")}, {slice_of_text("bob")}};
    struct message message = {.type = MESSAGE_CONVERSATION_CREATE};
    message.conversation_create.name = slice_of_text("garden");
    message.conversation_create.members = members;
    message.conversation_create.member_count = 2;
    race_ask(scene.world, 0, 0, &message);
    race_settle(scene.world);
    assert_true(scene.is_made);
}

static void device_catch_up(struct device *device, uint16_t node)
{
    device_open(device, node);
    for (uint32_t round = 0; round < ROUNDS_MAX && !device->is_complete; round++) {
        race_settle(scene.world);
        if (device->call == 0) {
            race_wait(scene.world, 100);
            device_ask(device);
        }
    }
    race_settle(scene.world);
    expect(device->is_complete, "a device does not get to the end of a calm cluster");
}

static void calm(void)
{
    scene.stores = true;
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        for (uint16_t peer = 0; peer < RACE_NODES; peer++) {
            if (node != peer) {
                race_gossip(scene.world, node, peer, true);
            }
        }
    }
    for (uint32_t i = 0; i < 8; i++) {
        race_settle(scene.world);
        race_wait(scene.world, 5100);
    }
    race_settle(scene.world);
}

static const char *scene_play(uint64_t seed, FILE *trace)
{
    memset(&scene, 0, sizeof scene);
    random_init(&scene.random, seed);
    scene.stores = true;
    scene.conversation = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    scene.user = id_of_name(ID_USER, slice_of_text("bob"));
    struct race_options options = {
        .fanout_members_max = 100, .recent_messages = 1024, .answered = answered, .trace = trace};
    for (uint16_t i = 0; i < RACE_NODES; i++) {
        options.handles[i] = i;
    }
    scene.world = race_world_create(&options);
    conversation_create();
    for (uint8_t i = 0; i < DEVICES; i++) {
        scene.devices[i].id.bytes[0] = (uint8_t)(i + 1);
        device_catch_up(&scene.devices[i], (uint16_t)chance(RACE_NODES));
    }
    for (uint32_t step = 0; step < STEPS && scene.violation == NULL; step++) {
        some_step();
    }
    calm();
    /* With one node gone a quorum is two, and what one of them alone has must come from it. */
    uint16_t gone = (uint16_t)chance(RACE_NODES);
    race_gossip(scene.world, (uint16_t)((gone + 1) % RACE_NODES), gone, false);
    race_gossip(scene.world, (uint16_t)((gone + 2) % RACE_NODES), gone, false);
    for (uint8_t i = 0; i < DEVICES && scene.violation == NULL; i++) {
        device_catch_up(&scene.devices[i], (uint16_t)((gone + 1 + chance(2)) % RACE_NODES));
        expect((scene.acked & ~scene.devices[i].has) == 0,
               "a device is complete and lacks what was acknowledged");
    }
    race_world_destroy(scene.world);
    return scene.violation;
}

static void in_any_order_nothing_is_missed(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        const char *violation = scene_play(seed, NULL);
        if (violation != NULL) {
            scene_play(seed, stderr);
            fail_msg("seed %llu: %s", (unsigned long long)seed, violation);
        }
    }
}

static void begin_calm(void)
{
    memset(&scene, 0, sizeof scene);
    random_init(&scene.random, 7);
    scene.stores = true;
    scene.conversation = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    scene.user = id_of_name(ID_USER, slice_of_text("bob"));
    struct race_options options = {
        .fanout_members_max = 100, .recent_messages = 1024, .answered = answered};
    for (uint16_t i = 0; i < RACE_NODES; i++) {
        options.handles[i] = i;
    }
    scene.world = race_world_create(&options);
    conversation_create();
    scene.devices[0].id.bytes[0] = 1;
    scene.devices[1].id.bytes[0] = 2;
}

static void what_comes_is_handed_on_at_once(void **state)
{
    (void)state;
    begin_calm();
    struct device *device = &scene.devices[0];
    device_catch_up(device, 1);
    for (uint32_t i = 0; i < 20; i++) {
        device_ask(device);
        race_settle(scene.world);
        assert_int_not_equal(device->call, 0); /* nothing there: it waits */
        message_send();
        race_settle(scene.world);
        assert_int_equal(device->call, 0);
        assert_true(device->has == scene.acked);
    }
    assert_null(scene.violation);
    race_world_destroy(scene.world);
}

/* Two of three nodes have the message and its events for good, the device's has not. */
static void nothing_is_handed_on_before_it_is_durable(void **state)
{
    (void)state;
    begin_calm();
    struct device *device = &scene.devices[0];
    device_catch_up(device, 1);
    device_ask(device);
    race_settle(scene.world);
    message_send();
    for (uint32_t i = 0; i < 100; i++) {
        while (race_parcels(scene.world) > 0) {
            race_deliver(scene.world, 0);
        }
        race_commit(scene.world, (uint16_t)((device->node + 1) % RACE_NODES));
        race_commit(scene.world, (uint16_t)((device->node + 2) % RACE_NODES));
    }
    assert_int_equal(scene.acked, 1);
    assert_int_not_equal(device->call, 0);
    race_settle(scene.world);
    assert_int_equal(device->call, 0);
    assert_int_equal(device->has, 1);
    race_world_destroy(scene.world);
}

static void a_new_device_gets_nothing_of_before_and_is_known_from_then_on(void **state)
{
    (void)state;
    begin_calm();
    message_send();
    race_settle(scene.world);
    struct device *device = &scene.devices[0];
    device_catch_up(device, 1);
    assert_true(device->has == 0);
    /* It goes without a word, and forgets all; what comes meanwhile is its. */
    message_send();
    message_send();
    race_settle(scene.world);
    device->has_cursor = false;
    device->position_count = 0;
    device_catch_up(device, 1);
    assert_true(device->has == 6);
    assert_null(scene.violation);
    race_world_destroy(scene.world);
}

/* The answer is lost with its connection, or the device stops before it has stored it. */
static void what_was_not_confirmed_comes_again(void **state)
{
    (void)state;
    begin_calm();
    struct device *device = &scene.devices[0];
    device_catch_up(device, 1);
    scene.stores = false;
    for (uint32_t i = 0; i < 3; i++) {
        message_send();
        race_settle(scene.world);
        device_ask(device);
        race_settle(scene.world);
        assert_int_equal(device->call, 0);
        assert_int_equal(device->has, 0);
    }
    scene.stores = true;
    for (uint32_t i = 0; i < 8 && device->has != 7; i++) {
        device_ask(device);
        race_settle(scene.world);
    }
    assert_int_equal(device->has, 7);
    race_world_destroy(scene.world);
}

static enum columba_error displaced_error;

static void displaced_answered(void *context, uint64_t number, const struct message *message)
{
    if (number == 1 && message->type == MESSAGE_STATUS && scene.devices[0].session == 2) {
        displaced_error = message->status.error;
    }
    answered(context, number, message);
}

static void a_later_session_displaces_on_every_node(void **state)
{
    (void)state;
    begin_calm();
    race_world_destroy(scene.world);
    struct race_options options = {
        .fanout_members_max = 100, .recent_messages = 1024, .answered = displaced_answered};
    for (uint16_t i = 0; i < RACE_NODES; i++) {
        options.handles[i] = i;
    }
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        scene.call_count = 0;
        scene.sessions = 0;
        displaced_error = COLUMBA_OK;
        scene.world = race_world_create(&options);
        conversation_create();
        struct device *device = &scene.devices[0];
        *device = (struct device){.session = 1, .node = 0};
        device->id.bytes[0] = 1;
        device_ask(device); /* complete */
        race_settle(scene.world);
        scene.call_count = 0;
        device_ask(device); /* waits */
        race_settle(scene.world);
        assert_int_equal(device->call, 1);
        device->session = 2;
        device->node = node;
        device_ask(device);
        race_settle(scene.world);
        assert_int_equal(displaced_error, ERR_DISPLACED);
        /* And the earlier one is refused from now on. */
        struct device before = *device;
        before.session = 1;
        before.node = 0;
        struct call *refused = &scene.calls[scene.call_count + 1];
        device_ask(&before);
        refused->device = &before;
        race_settle(scene.world);
        assert_int_equal(before.call, 0);
        race_world_destroy(scene.world);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        uint64_t seed = strtoull(argv[1], NULL, 10);
        uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
        for (uint64_t i = 0; i < count; i++) {
            const char *violation = scene_play(seed + i, count == 1 ? stdout : NULL);
            if (violation != NULL) {
                printf("seed %llu: %s\n", (unsigned long long)(seed + i), violation);
                return 1;
            }
        }
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_handed_on_at_once),
        cmocka_unit_test(nothing_is_handed_on_before_it_is_durable),
        cmocka_unit_test(a_new_device_gets_nothing_of_before_and_is_known_from_then_on),
        cmocka_unit_test(what_was_not_confirmed_comes_again),
        cmocka_unit_test(a_later_session_displaces_on_every_node),
        cmocka_unit_test(in_any_order_nothing_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
