/*
 * A large group under random operations: adds, updates, removes, external joins and resyncs,
 * proposals, discarded and lost commits, messages lost, late and out of order, crashes and reloads
 * in the middle. After every epoch all members must agree.
 *
 * COLUMBA_MLS_RANDOM="members steps seed" runs another size; the long form is "200 3000 1".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "mls_world.h"

#define MEMBERS_MAX 400u
#define LATE_MAX 64u

/* A message on its way: to all who were members when it was sent, each in its own time. */
struct letter {
    struct mls_buffer message;
    uint64_t epoch;
    size_t sender;
    uint8_t key[MLS_SIGNATURE_KEY_MAX_BYTES]; /* of the sender */
    bool read[MEMBERS_MAX];
};

struct town {
    struct world_client client[MEMBERS_MAX]; /* without a group: not a member */
    size_t size;
    bool reserved[MEMBERS_MAX]; /* about to be added */
    struct letter late[LATE_MAX];
    size_t late_count;
    size_t born;
    size_t epochs;
    size_t counts[16];
};

enum deed {
    DEED_UPDATE,
    DEED_ADD,
    DEED_REMOVE,
    DEED_EXTERNAL,
    DEED_RESYNC,
    DEED_PROPOSE,
    DEED_DISCARD,
    DEED_SEND,
    DEED_DELIVER,
    DEED_RELOAD,
};

static bool is_member(const struct town *town, size_t i)
{
    return town->client[i].group != NULL;
}

static size_t member_count(const struct town *town)
{
    size_t count = 0;
    for (size_t i = 0; i < town->size; i++) {
        count += is_member(town, i);
    }
    return count;
}

static size_t any_member(const struct town *town)
{
    size_t i = world_random((uint32_t)town->size);
    while (!is_member(town, i)) {
        i = (i + 1) % town->size;
    }
    return i;
}

/* Somebody new in an empty place; the size of the town if there is none. */
static size_t newcomer(struct town *town)
{
    size_t i = world_random((uint32_t)town->size);
    for (size_t step = 0; step < town->size; step++, i = (i + 1) % town->size) {
        if (!is_member(town, i) && !town->reserved[i]) {
            char name[32];
            (void)snprintf(name, sizeof(name), "client-%zu", ++town->born);
            world_client_close(&town->client[i]);
            world_client_open(&town->client[i], name);
            if (world_random(4) == 0) {
                world_client_use_storage(&town->client[i]);
            }
            return i;
        }
    }
    return town->size;
}

static void leave(struct world_client *client)
{
    mls_group_destroy(client->group);
    client->group = NULL;
}

/* Everyone takes the commit, some after a crash that made them take it twice. */
static void spread(struct town *town, size_t from, struct slice commit)
{
    for (size_t i = 0; i < town->size; i++) {
        struct world_client *client = &town->client[i];
        if (i == from || client->group == NULL) {
            continue;
        }
        if (world_random(20) == 0) {
            struct mls_event event;
            assert_int_equal(mls_group_process(client->group, commit, &event), MLS_OK);
            mls_event_clear(&event);
            world_reload(client);
        }
        world_take_commit(client, commit);
        if (!mls_group_is_active(client->group)) {
            leave(client);
        }
    }
    town->epochs++;
}

static struct mls_commit_bundle make(struct town *town, size_t by,
                                     const struct mls_commit_options *options)
{
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(town->client[by].group, options, &bundle), MLS_OK);
    return bundle;
}

static void finish(struct town *town, size_t by, struct mls_commit_bundle *bundle)
{
    if (world_random(8) == 0) {
        world_reload(&town->client[by]);
    }
    spread(town, by, mls_buffer_done(&bundle->commit));
    assert_int_equal(mls_group_merge(town->client[by].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(bundle);
}

static void do_update(struct town *town)
{
    size_t by = any_member(town);
    struct mls_commit_options options = {.with_path = true, .coat = (enum mls_coat)world_random(2)};
    struct mls_commit_bundle bundle = make(town, by, &options);
    finish(town, by, &bundle);
}

static void do_add(struct town *town)
{
    size_t joiner[4];
    struct slice packages[4];
    size_t count = 0;
    size_t wanted = 1 + world_random(4);
    size_t by = any_member(town);
    while (count < wanted) {
        size_t i = newcomer(town);
        if (i == town->size) {
            break;
        }
        town->reserved[i] = true;
        joiner[count] = i;
        packages[count++] = world_package(&town->client[i]);
    }
    if (count == 0) {
        return;
    }
    struct mls_commit_options options = {
        .add = packages, .add_count = count, .with_path = world_random(2) == 0};
    struct mls_commit_bundle bundle = make(town, by, &options);
    struct mls_buffer welcome = bundle.welcome;
    bundle.welcome = mls_buffer_of(welcome.memory);
    finish(town, by, &bundle);
    for (size_t k = 0; k < count; k++) {
        struct world_client *client = &town->client[joiner[k]];
        struct mls_join_options joining = {
            .storage = client->storage == NULL ? NULL : &client->storage->storage};
        assert_int_equal(mls_group_join(client->identity, &client->package, 1,
                                        mls_buffer_done(&welcome), &joining, &client->group),
                         MLS_OK);
        town->reserved[joiner[k]] = false;
    }
    mls_buffer_clear(&welcome);
}

static void do_remove(struct town *town)
{
    uint32_t leaves[3];
    size_t count = 0;
    size_t by = any_member(town);
    size_t members = member_count(town);
    for (size_t k = 0; k < 3 && members > 3; k++) {
        size_t i = any_member(town);
        uint32_t leaf = mls_group_own_leaf(town->client[i].group);
        bool seen = i == by;
        for (size_t s = 0; s < count; s++) {
            seen = seen || leaves[s] == leaf;
        }
        if (!seen) {
            leaves[count++] = leaf;
        }
    }
    struct mls_commit_options options = {
        .remove = leaves, .remove_count = count, .with_path = true};
    struct mls_commit_bundle bundle = make(town, by, &options);
    finish(town, by, &bundle);
}

static void join_from_outside(struct town *town, size_t i, bool resync)
{
    struct mls_buffer info;
    struct mls_buffer commit;
    struct world_client *client = &town->client[i];
    assert_int_equal(mls_group_info(town->client[any_member(town)].group, true, &info), MLS_OK);
    struct mls_join_options options = {.resync = resync};
    assert_int_equal(mls_group_join_external(client->identity, mls_buffer_done(&info), &options,
                                             &client->group, &commit),
                     MLS_OK);
    spread(town, i, mls_buffer_done(&commit));
    mls_buffer_clear(&info);
    mls_buffer_clear(&commit);
}

static void do_external(struct town *town)
{
    size_t i = newcomer(town);
    if (i < town->size) {
        world_storage_close(town->client[i].storage);
        town->client[i].storage = NULL;
        join_from_outside(town, i, false);
    }
}

/* A member whose state is lost comes back in place of itself. */
static void do_resync(struct town *town)
{
    size_t i = any_member(town);
    if (member_count(town) < 2) {
        return;
    }
    leave(&town->client[i]);
    world_storage_close(town->client[i].storage);
    town->client[i].storage = NULL;
    join_from_outside(town, i, true);
}

/* Some proposals by several members, then a commit of one of them all. */
static void do_propose(struct town *town)
{
    for (size_t count = 1 + world_random(4); count > 0; count--) {
        size_t by = any_member(town);
        size_t about = any_member(town);
        struct mls_buffer proposal;
        struct mls_proposal_options options = {.kind = MLS_PROPOSE_UPDATE,
                                               .coat = (enum mls_coat)world_random(2)};
        if (about != by && world_random(3) == 0 && member_count(town) > 4) {
            options.kind = MLS_PROPOSE_REMOVE;
            options.leaf = mls_group_own_leaf(town->client[about].group);
        }
        assert_int_equal(mls_group_propose(town->client[by].group, &options, &proposal), MLS_OK);
        for (size_t i = 0; i < town->size; i++) {
            struct mls_event event;
            if (i != by && is_member(town, i)) {
                assert_int_equal(
                    mls_group_process(town->client[i].group, mls_buffer_done(&proposal), &event),
                    MLS_OK);
                mls_event_clear(&event);
            }
        }
        mls_buffer_clear(&proposal);
    }
    size_t by = any_member(town);
    struct mls_commit_bundle bundle = make(town, by, NULL);
    finish(town, by, &bundle);
}

static void do_discard(struct town *town)
{
    size_t by = any_member(town);
    struct mls_commit_options options = {.with_path = true};
    struct mls_commit_bundle bundle = make(town, by, &options);
    if (world_random(2) == 0) {
        world_reload(&town->client[by]);
    }
    assert_int_equal(mls_group_discard(town->client[by].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
}

static void do_send(struct town *town)
{
    size_t by = any_member(town);
    if (town->late_count == LATE_MAX) {
        mls_buffer_clear(&town->late[0].message);
        memmove(&town->late[0], &town->late[1], (LATE_MAX - 1) * sizeof(town->late[0]));
        town->late_count--;
    }
    struct letter *letter = &town->late[town->late_count++];
    *letter = (struct letter){.sender = by, .epoch = mls_group_epoch(town->client[by].group)};
    struct slice key = mls_identity_signature_key(town->client[by].identity);
    assert_true(key.size <= sizeof(letter->key));
    memcpy(letter->key, key.data, key.size);
    for (size_t i = 0; i < town->size; i++) {
        letter->read[i] = i == by || !is_member(town, i);
    }
    assert_int_equal(mls_group_encrypt(town->client[by].group, slice_of_text("dear all"),
                                       slice_of(NULL, 0), &letter->message),
                     MLS_OK);
}

/* Whether the sender is a member today, in whatever place. */
static bool sender_is_known(const struct mls_group *group, const struct letter *letter)
{
    struct mls_credential_view member;
    for (uint32_t leaf = 0; mls_group_next_member(group, &leaf, &member); leaf++) {
        if (memcmp(member.signature_key.data, letter->key, member.signature_key.size) == 0) {
            return true;
        }
    }
    return false;
}

/* One letter to some who have not read it. Those who joined later in a place cannot. */
static void do_deliver(struct town *town)
{
    if (town->late_count == 0) {
        return;
    }
    struct letter *letter = &town->late[world_random((uint32_t)town->late_count)];
    for (size_t i = 0; i < town->size; i++) {
        struct mls_event event;
        if (!is_member(town, i) || world_random(3) == 0) {
            continue;
        }
        enum mls_error error =
            mls_group_process(town->client[i].group, mls_buffer_done(&letter->message), &event);
        uint64_t age = mls_group_epoch(town->client[i].group) - letter->epoch;
        if (error == MLS_OK) {
            assert_false(letter->read[i]);
            assert_true(sender_is_known(town->client[i].group, letter));
            letter->read[i] = true;
        } else if (error == MLS_ERR_SENDER_REMOVED) {
            assert_false(sender_is_known(town->client[i].group, letter));
        } else if (!letter->read[i]) {
            /* Too old, or of before this member's time. */
            assert_true(error == MLS_ERR_STALE_EPOCH);
            assert_true(age > 0);
        }
        mls_event_clear(&event);
    }
}

static void forget_readers(struct town *town)
{
    /* A place whose holder changed has nobody left who must read what came before. */
    for (size_t l = 0; l < town->late_count; l++) {
        for (size_t i = 0; i < town->size; i++) {
            if (!is_member(town, i)) {
                town->late[l].read[i] = true;
            }
        }
    }
}

static void step(struct town *town)
{
    static const struct {
        enum deed deed;
        uint32_t weight;
        void (*run)(struct town *town);
    } deeds[] = {{DEED_UPDATE, 8, do_update},   {DEED_ADD, 14, do_add},
                 {DEED_REMOVE, 6, do_remove},   {DEED_EXTERNAL, 4, do_external},
                 {DEED_RESYNC, 3, do_resync},   {DEED_PROPOSE, 6, do_propose},
                 {DEED_DISCARD, 4, do_discard}, {DEED_SEND, 30, do_send},
                 {DEED_DELIVER, 30, do_deliver}};
    uint32_t total = 0;
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        total += deeds[i].weight;
    }
    uint32_t pick = world_random(total);
    size_t at = 0;
    while (pick >= deeds[at].weight) {
        pick -= deeds[at++].weight;
    }
    size_t epochs = town->epochs;
    deeds[at].run(town);
    town->counts[deeds[at].deed]++;
    if (world_random(10) == 0) {
        world_reload(&town->client[any_member(town)]);
    }
    forget_readers(town);
    if (town->epochs != epochs) {
        world_agree(town->client, town->size);
    }
}

static void a_large_group_stays_in_agreement(void **state)
{
    (void)state;
    size_t members = 40;
    size_t steps = 220;
    unsigned long seed = 1;
    const char *wanted = getenv("COLUMBA_MLS_RANDOM");
    if (wanted != NULL) {
        (void)sscanf(wanted, "%zu %zu %lu", &members, &steps, &seed);
    }
    struct town *town = calloc(1, sizeof(*town));
    assert_non_null(town);
    assert_true(members >= 4 && members <= MEMBERS_MAX);
    town->size = members;
    world_seed(seed);
    (void)newcomer(town);
    for (size_t i = 0; i < members; i++) {
        if (town->client[i].identity != NULL) {
            world_create(&town->client[i], "the town");
        }
    }
    for (size_t i = 0; i < steps; i++) {
        step(town);
    }
    printf("seed %lu: %zu members at the end, %zu born, %zu epochs\n", seed, member_count(town),
           town->born, town->epochs);
    assert_true(town->epochs > steps / 5);
    for (size_t l = 0; l < town->late_count; l++) {
        mls_buffer_clear(&town->late[l].message);
    }
    for (size_t i = 0; i < members; i++) {
        world_client_close(&town->client[i]);
    }
    free(town);
    assert_int_equal(world_memory()->live, 0);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_group_stays_in_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
