/*
 * First wins means first. Several bodies under one id, sent, sent again and imported through three
 * nodes, in any order of everything that is under way, with messages lost, nodes started anew,
 * clocks that differ and little memory of what was taken:
 *
 *   - at most one body is ever acknowledged at a quorum, and whoever reads at a quorum after that
 *     gets this one, for ever after;
 *   - what a read at a quorum has shown stays, acknowledged or not;
 *   - a body that was refused for certain, each time, is never shown;
 *   - who won is never told that it lost; and in the end every node answers, with one voice;
 *   - what is undecided shows no body, and is decided for whoever reaches every replica.
 *
 * A schedule is a list of numbers. One that fails is made as short as it gets, and printed step by
 * step.
 *
 *     test_first_wins [SEED [SCHEDULES]]
 */
#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/random.h"
#include "proto/content.h"
#include "race_world.h"
#include "ring/consistency.h"

#define BODIES 3u
#define NONE UINT32_MAX
#define UNDECIDED (UINT32_MAX - 1)
#define CALLS_MAX 128u
#define STEPS_MAX 90u
#define CHOICES_MAX 512u
#define FILLERS_MAX 20u
#define RECENT_MESSAGES_FEW 32u /* of each of two generations */
/* Three are more than a replica remembers; one finds room as long as not much waits to be durable.
 */
#define CROWD (RECENT_MESSAGES_FEW - 4u)
#define CROWDS_MAX 6u
/* So many meet everything that may happen. */
#define SCHEDULES_ENOUGH 1000u

/* Seconds by which a clock or an id may be off: what the nodes put up with. */
#define CLOCK_OFF_MAX_MS 4000u
#define ID_AHEAD_MAX_MS 9000u

/* ---- choices ---- */

struct choices {
    uint16_t values[CHOICES_MAX];
    uint32_t count;
    uint32_t position;
    struct random random;
    bool is_replay; /* beyond the end: 0 */
};

static uint32_t choose(struct choices *choices, uint32_t bound)
{
    if (choices->position == CHOICES_MAX ||
        (choices->is_replay && choices->position >= choices->count)) {
        return 0;
    }
    if (!choices->is_replay) {
        choices->values[choices->count++] = (uint16_t)random_below(&choices->random, 65536);
    }
    return choices->values[choices->position++] % bound;
}

/* ---- a race ---- */

enum call_kind { CALL_SEND, CALL_IMPORT, CALL_READ, CALL_OTHER };

struct call {
    enum call_kind kind;
    uint32_t body;
    uint16_t node;
    uint32_t level;
    bool is_over;
    bool is_void; /* its node died: nobody answers */
    uint32_t acked_before;
    uint32_t shown_before;
};

struct race {
    struct choices *choices;
    struct race_world *world;
    struct id conversation;
    struct id sender;
    struct id message;
    uint8_t contents[BODIES][64];
    struct slice bodies[BODIES];
    struct call calls[CALLS_MAX];
    uint32_t call_count;
    uint32_t acked; /* the body that was acknowledged at a quorum */
    uint32_t shown; /* the one that a read at a quorum has shown */
    bool may_be_stored[BODIES];
    uint32_t restarts;
    uint64_t fillers;
    uint64_t undecided; /* so often */
    uint32_t crowds;
    enum columba_error last_error;
    uint32_t last_shown;
    bool is_well; /* every node reaches every other one, and nothing is under way */
    const char *violation;
};

static void violate(struct race *race, const char *what)
{
    if (race->violation == NULL) {
        race->violation = what;
        race_note(race->world, "VIOLATION: %s", what);
    }
}

static void expect(struct race *race, bool holds, const char *otherwise)
{
    if (!holds) {
        violate(race, otherwise);
    }
}

static uint32_t body_of(const struct race *race, struct slice content)
{
    for (uint32_t i = 0; i < BODIES; i++) {
        if (slice_equal(race->bodies[i], content)) {
            return i;
        }
    }
    return NONE;
}

static bool is_certain(const struct message_status *status)
{
    return !status->outcome_unknown && status->error != ERR_TIMEOUT &&
           status->error != ERR_OUTCOME_UNKNOWN && status->error != ERR_DISCONNECTED;
}

static void write_answered(struct race *race, const struct call *call,
                           const struct message_status *status)
{
    bool has_lost = status->error == ERR_ID_CONFLICT || status->differing > 0;
    if (status->error == COLUMBA_OK && !has_lost && call->level != CONSISTENCY_ONE) {
        expect(race, race->acked == NONE || race->acked == call->body,
               "two bodies were acknowledged under one id");
        expect(race, race->shown == NONE || race->shown == call->body,
               "a body was acknowledged after a read had shown another one");
        race->acked = call->body;
    } else if (has_lost && call->level != CONSISTENCY_ALL) {
        expect(race, call->acked_before != call->body, "who had won was told that it lost");
    }
    bool was_taken = status->error == COLUMBA_OK && status->differing == 0;
    if (was_taken || !is_certain(status)) {
        race->may_be_stored[call->body] = true;
    }
}

static uint32_t shown_in(struct race *race, const struct message_history *history)
{
    for (uint32_t i = 0; i < history->row_count; i++) {
        if (id_equal(&history->rows[i].message, &race->message)) {
            if (history->rows[i].is_undecided) {
                expect(race, history->rows[i].content.size == 0,
                       "what is undecided was shown with a body");
                return UNDECIDED;
            }
            uint32_t body = body_of(race, history->rows[i].content);
            expect(race, body != NONE, "a body was shown that nobody sent");
            return body;
        }
    }
    return NONE;
}

/* Each time that it was tried, so far. */
static bool was_refused_for_certain(const struct race *race, uint32_t body)
{
    for (uint32_t i = 0; i < race->call_count; i++) {
        if (race->calls[i].body == body && !race->calls[i].is_over) {
            return false;
        }
    }
    return !race->may_be_stored[body];
}

static void read_answered(struct race *race, const struct call *call, uint32_t body)
{
    if (body == UNDECIDED) {
        race->undecided++;
        expect(race, !race->is_well, "what every replica could tell was undecided");
        return;
    }
    expect(race, call->acked_before == NONE || call->acked_before == body,
           "a read at a quorum did not show what had been acknowledged");
    expect(race, call->shown_before == NONE || call->shown_before == body,
           "a read at a quorum did not show what one before had shown");
    expect(race, body == NONE || !was_refused_for_certain(race, body),
           "a body was shown that had been refused for certain");
    race->last_shown = body;
    race->shown = body != NONE ? body : race->shown;
}

static void answered(void *context, uint64_t number, const struct message *message)
{
    struct race *race = context;
    struct call *call = &race->calls[number];
    expect(race, !call->is_over, "one question was answered twice");
    call->is_over = true;
    race->last_error = message->type == MESSAGE_STATUS ? message->status.error : COLUMBA_OK;
    if (call->kind == CALL_READ && message->type == MESSAGE_HISTORY) {
        read_answered(race, call, shown_in(race, &message->history));
    } else if (call->kind == CALL_SEND || call->kind == CALL_IMPORT) {
        write_answered(race, call, &message->status);
    }
}

static void ask(struct race *race, enum call_kind kind, uint32_t body, uint16_t node,
                const struct message *message, uint32_t level)
{
    if (race->call_count == CALLS_MAX) {
        return;
    }
    struct call *call = &race->calls[race->call_count++];
    *call = (struct call){.kind = kind,
                          .body = body,
                          .node = node,
                          .level = level,
                          .acked_before = race->acked,
                          .shown_before = race->shown};
    if (body != NONE) {
        race_note(race->world, "  body %u", body);
    }
    race_ask(race->world, node, race->call_count - 1, message);
}

static void ask_send(struct race *race, uint32_t body, uint16_t node, uint32_t level)
{
    struct message message = {.type = MESSAGE_SEND};
    message.send.conversation = race->conversation;
    message.send.message = race->message;
    message.send.content = race->bodies[body];
    message.send.consistency = level;
    ask(race, CALL_SEND, body, node, &message, level);
}

static void ask_import(struct race *race, uint32_t body, uint16_t node)
{
    struct message_history_row row = {.message = race->message, .content = race->bodies[body]};
    struct message message = {.type = MESSAGE_HISTORY_IMPORT};
    message.history_import.conversation = race->conversation;
    message.history_import.rows = &row;
    message.history_import.row_count = 1;
    ask(race, CALL_IMPORT, body, node, &message, 0);
}

static void ask_read(struct race *race, uint16_t node)
{
    struct message message = {.type = MESSAGE_HISTORY_READ};
    message.history_read.conversation = race->conversation;
    message.history_read.limit = FILLERS_MAX + CROWDS_MAX * CROWD + 1;
    message.history_read.consistency = CONSISTENCY_QUORUM;
    ask(race, CALL_READ, NONE, node, &message, 0);
}

/* Another message, which takes room in the replicas' memory. */
static void ask_filler(struct race *race, uint16_t node)
{
    if (race->fillers == FILLERS_MAX) {
        return;
    }
    uint64_t unix_ms = race_unix_ms(race->world) + choose(race->choices, ID_AHEAD_MAX_MS);
    struct message message = {.type = MESSAGE_SEND};
    message.send.conversation = race->conversation;
    message.send.message = message_id_make(unix_ms, 1000 + ++race->fillers, &race->sender);
    message.send.content = race->bodies[0];
    ask(race, CALL_OTHER, NONE, node, &message, 0);
}

/* So many others that the replicas forget what they took. They come when all before is durable: a
 * replica remembers more than can be under way. */
static void ask_crowd(struct race *race, uint16_t node)
{
    if (race->crowds == CROWDS_MAX) {
        return;
    }
    struct message_history_row rows[CROWD];
    for (uint32_t i = 0; i < CROWD; i++) {
        uint64_t number = 5000 + race->crowds * CROWD + i;
        uint64_t unix_ms = race_unix_ms(race->world) + i;
        rows[i] = (struct message_history_row){
            .message = message_id_make(unix_ms, number, &race->sender), .content = race->bodies[0]};
    }
    race->crowds++;
    struct message message = {.type = MESSAGE_HISTORY_IMPORT};
    message.history_import.conversation = race->conversation;
    message.history_import.rows = rows;
    message.history_import.row_count = CROWD;
    race_settle(race->world);
    ask(race, CALL_OTHER, NONE, node, &message, 0);
    race_settle(race->world);
}

/* ---- what may happen ---- */

static uint16_t choose_node(struct race *race)
{
    return (uint16_t)choose(race->choices, RACE_NODES);
}

static int32_t choose_clock(struct race *race)
{
    return (int32_t)choose(race->choices, 2 * CLOCK_OFF_MAX_MS) - (int32_t)CLOCK_OFF_MAX_MS;
}

static void some_parcel_is_delivered(struct race *race)
{
    uint32_t count = race_parcels(race->world);
    if (count > 0) {
        race_deliver(race->world, choose(race->choices, count));
    }
}

static void some_message_is_lost(struct race *race)
{
    uint32_t count = race_parcels(race->world);
    if (count > 0) {
        race_lose(race->world, choose(race->choices, count));
    }
}

static void some_node_commits(struct race *race)
{
    race_commit(race->world, choose_node(race));
}

static void some_body_is_sent(struct race *race)
{
    static const uint32_t levels[] = {0,
                                      0,
                                      CONSISTENCY_QUORUM,
                                      CONSISTENCY_QUORUM,
                                      CONSISTENCY_QUORUM,
                                      CONSISTENCY_ALL,
                                      CONSISTENCY_ONE};
    uint32_t body = choose(race->choices, BODIES);
    uint16_t node = choose_node(race);
    ask_send(race, body, node, levels[choose(race->choices, sizeof levels / sizeof levels[0])]);
}

static void some_body_is_imported(struct race *race)
{
    uint32_t body = choose(race->choices, BODIES);
    ask_import(race, body, choose_node(race));
}

static void somebody_reads(struct race *race)
{
    ask_read(race, choose_node(race));
}

static void something_else_is_sent(struct race *race)
{
    ask_filler(race, choose_node(race));
}

static void a_crowd_comes(struct race *race)
{
    ask_crowd(race, choose_node(race));
}

static void time_passes(struct race *race)
{
    static const uint32_t ms[] = {1, 10, 60, 60, 500, 2100, 5100};
    race_wait(race->world, ms[choose(race->choices, sizeof ms / sizeof ms[0])]);
}

static void some_node_starts_anew(struct race *race)
{
    if (race->restarts == 3) {
        return;
    }
    race->restarts++;
    uint16_t node = choose_node(race);
    for (uint32_t i = 0; i < race->call_count; i++) {
        struct call *call = &race->calls[i];
        if (call->node == node && !call->is_over) {
            call->is_void = true; /* and what it wrote may be there, for ever */
            if (call->body != NONE) {
                race->may_be_stored[call->body] = true;
            }
        }
    }
    bool tells = choose(race->choices, 2) == 1;
    race_restart(race->world, node, tells, choose_clock(race));
}

static void somebody_hears_of_somebody(struct race *race)
{
    uint16_t node = choose_node(race);
    uint16_t peer = (uint16_t)((node + 1 + choose(race->choices, RACE_NODES - 1)) % RACE_NODES);
    race_gossip(race->world, node, peer, choose(race->choices, 2) == 1);
}

static void step_choose(struct race *race)
{
    static const struct {
        uint32_t weight;
        void (*happens)(struct race *race);
    } acts[] = {
        {24, some_parcel_is_delivered},
        {9, some_node_commits},
        {6, some_body_is_sent},
        {4, somebody_reads},
        {2, some_body_is_imported},
        {2, something_else_is_sent},
        {2, some_message_is_lost},
        {1, time_passes},
        {1, some_node_starts_anew},
        {1, somebody_hears_of_somebody},
        {1, a_crowd_comes},
    };
    uint32_t pick = choose(race->choices, 53);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (pick < acts[i].weight) {
            acts[i].happens(race);
            return;
        }
        pick -= acts[i].weight;
    }
}

/* ---- from the beginning to the end ---- */

static void conversation_create(struct race *race)
{
    const struct message_member members[] = {{slice_of_text("alice")}, {slice_of_text("bob")}};
    struct message message = {.type = MESSAGE_CONVERSATION_CREATE};
    message.conversation_create.name = slice_of_text("garden");
    message.conversation_create.members = members;
    message.conversation_create.member_count = 2;
    ask(race, CALL_OTHER, NONE, 0, &message, 0);
    race_settle(race->world);
    expect(race, race->last_error == COLUMBA_OK, "the conversation was not made");
}

static void bodies_make(struct race *race)
{
    static const char *const texts[BODIES] = {"b", "a", "c"};
    for (uint32_t i = 0; i < BODIES; i++) {
        struct content content = {.type = CONTENT_TYPE_TEXT,
                                  .created_at_ms = RACE_START_UNIX_MS,
                                  .sender = slice_of_text("alice"),
                                  .body = slice_of_text(texts[i])};
        content_encode(&content, race->contents[i]);
        race->bodies[i] = slice_of(race->contents[i], content_size(&content));
    }
}

static void race_begin(struct race *race, FILE *trace)
{
    race->conversation = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    race->sender = id_of_name(ID_USER, slice_of_text("alice"));
    race->acked = race->shown = race->last_shown = NONE;
    bodies_make(race);
    struct race_options options = {.fanout_members_max = 1 + choose(race->choices, 2),
                                   .recent_messages = RECENT_MESSAGES_FEW,
                                   .answered = answered,
                                   .context = race,
                                   .trace = trace};
    uint32_t turn = choose(race->choices, RACE_NODES);
    for (uint32_t i = 0; i < RACE_NODES; i++) {
        options.handles[i] = (uint16_t)((i + turn) % RACE_NODES);
        options.ahead_ms[i] = choose_clock(race);
    }
    race->world = race_world_create(&options);
    conversation_create(race);
    /* Young nodes know nothing without a look; old ones know what is new. */
    race_wait(race->world, choose(race->choices, 2) * 60000);
    race_settle(race->world);
    race->message = message_id_make(race_unix_ms(race->world) - 1000 +
                                        choose(race->choices, ID_AHEAD_MAX_MS + 1000),
                                    1, &race->sender);
}

/* Nothing is lost any more, everybody is there, and time passes. */
static void all_is_well(struct race *race)
{
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        for (uint16_t peer = 0; peer < RACE_NODES; peer++) {
            if (peer != node) {
                race_gossip(race->world, node, peer, true);
            }
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        race_settle(race->world);
        race_wait(race->world, 5100);
    }
    race_settle(race->world);
    for (uint32_t i = 0; i < race->call_count; i++) {
        expect(race, race->calls[i].is_over || race->calls[i].is_void,
               "a question was never answered");
    }
}

/* Every node shows the same, and tells the same to those who try again. */
static void all_agree(struct race *race)
{
    race->is_well = true;
    race->call_count = race->call_count > CALLS_MAX / 2 ? CALLS_MAX / 2 : race->call_count;
    for (uint16_t node = 0; node < RACE_NODES; node++) {
        ask_read(race, node);
        race_settle(race->world);
        expect(race, race->last_error == COLUMBA_OK, "a read failed although all was well");
    }
    if (race->last_shown == NONE) {
        return;
    }
    for (uint32_t body = 0; body < BODIES; body++) {
        bool has_won = body == race->last_shown;
        ask_send(race, body, (uint16_t)(body % RACE_NODES), CONSISTENCY_QUORUM);
        race_settle(race->world);
        expect(race, race->last_error == (has_won ? COLUMBA_OK : ERR_ID_CONFLICT),
               "who tried again was told something else than what is shown");
    }
    ask_read(race, 0);
    race_settle(race->world);
}

/* In all races, so often: the test would be none if they never met it. */
static uint64_t undecided_seen;

/* The violation; NULL: none. */
static const char *race_run(struct choices *choices, FILE *trace)
{
    static struct race race;
    race = (struct race){.choices = choices};
    choices->position = 0;
    race_begin(&race, trace);
    for (unsigned i = 0; i < STEPS_MAX && race.violation == NULL; i++) {
        step_choose(&race);
    }
    if (race.violation == NULL) {
        all_is_well(&race);
    }
    if (race.violation == NULL) {
        all_agree(&race);
    }
    race_world_destroy(race.world);
    undecided_seen += race.undecided;
    return race.violation;
}

/* ---- making it short ---- */

static bool still_fails(const struct choices *choices)
{
    struct choices copy = *choices;
    return race_run(&copy, NULL) != NULL;
}

static bool shrink_remove(struct choices *choices, uint32_t from, uint32_t count)
{
    struct choices shorter = *choices;
    memmove(&shorter.values[from], &shorter.values[from + count],
            (shorter.count - from - count) * sizeof(shorter.values[0]));
    shorter.count -= count;
    if (!still_fails(&shorter)) {
        return false;
    }
    *choices = shorter;
    return true;
}

/* Choices that matter to nobody become 0. */
static void shrink_zero(struct choices *choices)
{
    for (uint32_t i = 0; i < choices->count; i++) {
        struct choices lower = *choices;
        lower.values[i] = 0;
        if (choices->values[i] != 0 && still_fails(&lower)) {
            *choices = lower;
        }
    }
}

static void shrink(struct choices *choices)
{
    choices->is_replay = true;
    for (uint32_t size = 32; size > 0; size /= 2) {
        for (uint32_t from = 0; from + size <= choices->count;) {
            if (!shrink_remove(choices, from, size)) {
                from++;
            }
        }
    }
    shrink_zero(choices);
}

/* ---- the test ---- */

static uint64_t seed_first = 1;
/* Under a sanitizer they take forty times as long. */
#ifdef __SANITIZE_ADDRESS__
static uint64_t schedules = 120;
#else
static uint64_t schedules = 1200;
#endif
static uint64_t seed_now;

static void crash_say(int number)
{
    char line[64];
    int size = snprintf(line, sizeof line, "test_first_wins: crashed in seed %llu\n",
                        (unsigned long long)seed_now);
    if (write(STDERR_FILENO, line, (size_t)size) < 0) {
        _exit(1);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void what_came_first_stays(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < schedules; i++) {
        static struct choices choices;
        seed_now = seed_first + i;
        choices = (struct choices){0};
        random_init(&choices.random, seed_now);
        const char *violation = race_run(&choices, NULL);
        if (violation != NULL) {
            shrink(&choices);
            race_run(&choices, stderr);
            fail_msg("seed %llu: %s", (unsigned long long)seed_now, violation);
        }
    }
    assert_true(undecided_seen > 0 || schedules < SCHEDULES_ENOUGH);
}

int main(int argc, char **argv)
{
    seed_first = argc > 1 ? strtoull(argv[1], NULL, 10) : seed_first;
    schedules = argc > 2 ? strtoull(argv[2], NULL, 10) : schedules;
    signal(SIGABRT, crash_say);
    /* Cores come and go: their memory is kept, not given back and faulted in each time. */
    mallopt(M_MMAP_THRESHOLD, INT_MAX);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_first_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
