/*
 * What the library tells, and what it lets go: messages looked at without a group, staged commits,
 * who invited and who removed us, keys that change or are forgotten, groups that are erased.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>

#include "client/mls/frame.h"
#include "client/mls/welcome.h"
#include "mls_cast.h"

#define CREW 4

static int crew_open(void **state)
{
    static struct world_client m[CREW];
    static const char *const names[CREW] = {"ann", "bob", "cleo", "dan"};
    world_seed(53);
    cast_enter(m, names, CREW);
    for (size_t i = 0; i < CREW; i++) {
        world_client_use_storage(&m[i]);
    }
    *state = m;
    return 0;
}

static int crew_close(void **state)
{
    cast_leave(*state, CREW);
    return 0;
}

static struct mls_commit_bundle commit(struct world_client *by,
                                       const struct mls_commit_options *options)
{
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(by->group, options, &bundle), MLS_OK);
    return bundle;
}

static bool is_named(const struct mls_credential_view *credential, const char *name)
{
    return slice_equal(credential->identity, slice_of_text(name));
}

/* -- messages -- */

static void a_message_tells_where_it_belongs(void **state)
{
    struct world_client *m = *state;
    struct mls_message_view view;
    struct mls_buffer info;
    world_group(m, 2);
    struct mls_buffer message = cast_encrypt(&m[0], "text");
    assert_int_equal(mls_peek(mls_buffer_done(&message), &view), MLS_OK);
    assert_int_equal(view.kind, MLS_MESSAGE_PRIVATE);
    assert_int_equal(view.content, MLS_IS_APPLICATION);
    assert_int_equal(view.epoch, 1);
    assert_true(slice_equal(view.group_id, slice_of_text("a group")));
    assert_true(slice_equal(view.authenticated_data, slice_of_text("aad")));
    for (size_t size = 0; size < message.size; size++) {
        assert_int_not_equal(mls_peek(slice_of(message.data, size), &view), MLS_OK);
    }
    assert_int_equal(mls_group_info(m[0].group, true, &info), MLS_OK);
    assert_int_equal(mls_peek(mls_buffer_done(&info), &view), MLS_OK);
    assert_int_equal(view.kind, MLS_MESSAGE_GROUP_INFO);
    assert_int_equal(view.epoch, 1);
    assert_int_equal(view.suite, SUITE);
    m[0].environment.policy.takes_open_members = true;
    world_use_policy(&m[0]);
    struct mls_commit_options open = {.coat = MLS_COAT_PUBLIC};
    struct mls_commit_bundle bundle = commit(&m[0], &open);
    assert_int_equal(mls_peek(mls_buffer_done(&bundle.commit), &view), MLS_OK);
    assert_int_equal(view.kind, MLS_MESSAGE_PUBLIC);
    assert_int_equal(view.content, MLS_IS_COMMIT);
    assert_int_equal(view.sender, MLS_FROM_MEMBER);
    mls_commit_bundle_clear(&bundle);
    mls_buffer_clear(&message);
    mls_buffer_clear(&info);
}

static void a_key_package_tells_whose_it_is(void **state)
{
    struct world_client *m = *state;
    struct mls_key_package_details details;
    struct mls_message_view view;
    struct slice package = world_package(&m[1]);
    assert_int_equal(mls_peek(package, &view), MLS_OK);
    assert_int_equal(view.kind, MLS_MESSAGE_KEY_PACKAGE);
    assert_int_equal(mls_peek_key_package(package, &details), MLS_OK);
    assert_true(is_named(&details.credential, "bob"));
    assert_true(
        slice_equal(details.credential.signature_key, mls_identity_signature_key(m[1].identity)));
    assert_true(slice_equal(slice_of(details.reference, details.reference_size),
                            mls_key_package_reference(m[1].package)));
    assert_int_equal(details.not_before_s, WORLD_NOW_S - MLS_LIFETIME_MARGIN_S);
    assert_int_equal(details.not_after_s, WORLD_NOW_S + MLS_LIFETIME_DEFAULT_S);
    assert_false(details.is_last_resort);
    uint8_t *copy = test_malloc(package.size);
    memcpy(copy, package.data, package.size);
    copy[package.size - 1] ^= 1;
    assert_int_equal(mls_peek_key_package(slice_of(copy, package.size), &details),
                     MLS_ERR_KEY_PACKAGE_SIGNATURE);
    test_free(copy);
}

/* Neither a reference that is named twice nor an entry that is there twice stands for another. */
static void every_reference_of_a_welcome_is_looked_for(void **state)
{
    struct world_client *m = *state;
    struct slice package = world_package(&m[1]);
    struct mls_commit_options adds = {.add = &package, .add_count = 1};
    (void)world_package(&m[2]);
    world_create(&m[0], "a group");
    struct mls_commit_bundle bundle = commit(&m[0], &adds);
    struct slice here = mls_key_package_reference(m[1].package);
    struct slice there = mls_key_package_reference(m[2].package);
    struct slice twice[] = {here, here};
    struct mls_buffer part;
    struct mls_buffer doubled = mls_buffer_of(memory_system());
    struct mls_welcome welcome;
    assert_int_equal(mls_welcome_select(mls_buffer_done(&bundle.welcome), twice, 2, NULL, &part),
                     MLS_OK);
    assert_true(slice_equal(mls_buffer_done(&part), mls_buffer_done(&bundle.welcome)));
    mls_buffer_clear(&part);
    struct reader reader = reader_of(mls_buffer_done(&bundle.welcome));
    enum mls_wire_format format;
    assert_int_equal(mls_read_message_head(&reader, &format), MLS_OK);
    mls_read_welcome(&reader, &welcome);
    struct mls_buffer entries = mls_buffer_of(memory_system());
    mls_write_bytes(&entries, welcome.secrets);
    mls_write_bytes(&entries, welcome.secrets);
    welcome.secrets = mls_buffer_done(&entries);
    mls_write_message_head(&doubled, format);
    mls_write_welcome(&doubled, &welcome);
    struct slice pair[] = {here, there};
    assert_int_equal(mls_welcome_select(mls_buffer_done(&doubled), pair, 2, NULL, &part),
                     MLS_ERR_NOT_FOR_US);
    assert_int_equal(mls_welcome_select(mls_buffer_done(&doubled), pair, 1, NULL, &part), MLS_OK);
    mls_buffer_clear(&part);
    mls_buffer_clear(&entries);
    mls_buffer_clear(&doubled);
    mls_commit_bundle_clear(&bundle);
}

static void each_newcomer_can_get_a_welcome_of_its_own(void **state)
{
    struct world_client *m = *state;
    struct mls_message_view view;
    struct slice reference;
    size_t index = 0;
    struct slice packages[] = {world_package(&m[1]), world_package(&m[2]), world_package(&m[3])};
    struct mls_commit_options adds = {.add = packages, .add_count = 3};
    world_create(&m[0], "a group");
    struct mls_commit_bundle bundle = commit(&m[0], &adds);
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    struct slice welcome = mls_buffer_done(&bundle.welcome);
    for (size_t i = 1; i < CREW; i++) {
        assert_true(mls_peek_welcome(welcome, &index, &reference));
        assert_true(slice_equal(reference, mls_key_package_reference(m[i].package)));
    }
    assert_false(mls_peek_welcome(welcome, &index, &reference));
    struct slice pair[] = {mls_key_package_reference(m[1].package),
                           mls_key_package_reference(m[2].package)};
    struct slice alone = mls_key_package_reference(m[3].package);
    struct mls_buffer two;
    struct mls_buffer one;
    struct mls_buffer none;
    assert_int_equal(mls_welcome_select(welcome, pair, 2, NULL, &two), MLS_OK);
    assert_int_equal(mls_welcome_select(welcome, &alone, 1, NULL, &one), MLS_OK);
    assert_int_equal(mls_welcome_select(mls_buffer_done(&two), &alone, 1, NULL, &none),
                     MLS_ERR_NOT_FOR_US);
    assert_int_equal(mls_peek(mls_buffer_done(&one), &view), MLS_OK);
    assert_int_equal(view.recipients, 1);
    struct mls_group *group = NULL;
    assert_int_equal(
        mls_group_join(m[3].identity, &m[3].package, 1, mls_buffer_done(&two), NULL, &group),
        MLS_ERR_NOT_FOR_US);
    world_join(&m[1], mls_buffer_done(&two));
    world_join(&m[2], mls_buffer_done(&two));
    world_join(&m[3], mls_buffer_done(&one));
    world_agree(m, 4);
    world_talk(m, 4, 3);
    mls_buffer_clear(&one);
    mls_buffer_clear(&two);
    mls_commit_bundle_clear(&bundle);
}

/* -- commits -- */

static void a_staged_commit_tells_all_that_it_changes(void **state)
{
    struct world_client *m = *state;
    struct mls_staged_view staged;
    struct mls_proposal_view view;
    struct mls_event event;
    size_t index = 0;
    uint32_t gone = 2;
    struct slice extensions = slice_of(NULL, 0);
    struct slice id = slice_of_text("key");
    struct mls_psk psk = {.id = id, .secret = slice_of_text("secret")};
    world_group(m, 3);
    assert_int_equal(mls_group_add_psk(m[0].group, &psk), MLS_OK);
    assert_int_equal(mls_group_add_psk(m[1].group, &psk), MLS_OK);
    struct slice package = world_package(&m[3]);
    struct mls_commit_options options = {.add = &package,
                                         .add_count = 1,
                                         .remove = &gone,
                                         .remove_count = 1,
                                         .psk_ids = &id,
                                         .psk_count = 1,
                                         .extensions = &extensions};
    struct mls_commit_bundle bundle = commit(&m[0], &options);
    assert_int_equal(mls_group_process(m[1].group, mls_buffer_done(&bundle.commit), &event),
                     MLS_OK);
    mls_event_clear(&event);
    world_reload(&m[0]);
    for (size_t i = 0; i < 2; i++) {
        enum mls_staged_kind kind = i == 0 ? MLS_STAGED_OWN : MLS_STAGED_RECEIVED;
        assert_int_equal(mls_group_look_at_staged(m[i].group, kind, &staged), MLS_OK);
        assert_int_equal(staged.epoch, 2);
        assert_int_equal(staged.sender, MLS_FROM_MEMBER);
        assert_int_equal(staged.committer, 0);
        assert_true(is_named(&staged.before, "ann") && is_named(&staged.after, "ann"));
        assert_true(staged.has_path && !staged.removes_us && !staged.reinitialises);
        assert_int_equal(staged.proposal_count, 4);
        index = 0;
        assert_true(mls_group_next_staged_proposal(m[i].group, kind, &index, &view));
        assert_true(view.kind == MLS_PROPOSE_REMOVE && view.leaf == 2);
        assert_true(is_named(&view.credential, "cleo") && is_named(&view.sender_credential, "ann"));
        assert_true(mls_group_next_staged_proposal(m[i].group, kind, &index, &view));
        assert_true(view.kind == MLS_PROPOSE_ADD && is_named(&view.credential, "dan"));
        assert_true(mls_group_next_staged_proposal(m[i].group, kind, &index, &view));
        assert_true(view.kind == MLS_PROPOSE_PSK && slice_equal(view.psk_id, id));
        assert_true(mls_group_next_staged_proposal(m[i].group, kind, &index, &view));
        assert_int_equal(view.kind, MLS_PROPOSE_EXTENSIONS);
        assert_false(mls_group_next_staged_proposal(m[i].group, kind, &index, &view));
    }
    assert_int_equal(mls_group_look_at_staged(m[2].group, MLS_STAGED_OWN, &staged),
                     MLS_ERR_NOTHING_STAGED);
    mls_commit_bundle_clear(&bundle);
}

/* -- invited and removed -- */

static void who_invited_and_who_removed_us_is_known(void **state)
{
    struct world_client *m = *state;
    struct mls_party_view party;
    world_group(m, 3);
    assert_false(mls_group_inviter(m[0].group, &party));
    assert_true(mls_group_inviter(m[2].group, &party));
    assert_true(party.kind == MLS_FROM_MEMBER && party.index == 0);
    assert_true(is_named(&party.credential, "ann"));
    assert_int_equal(mls_group_closed(m[2].group, &party), MLS_NOT_CLOSED);
    uint32_t gone = 2;
    struct mls_commit_options removal = {.remove = &gone, .remove_count = 1};
    struct mls_commit_bundle bundle = commit(&m[1], &removal);
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mls_group_closed(m[2].group, &party), MLS_CLOSED_REMOVED);
        assert_true(party.kind == MLS_FROM_MEMBER && party.index == 1);
        assert_true(is_named(&party.credential, "bob"));
        assert_true(mls_group_inviter(m[2].group, &party));
        assert_true(is_named(&party.credential, "ann"));
        world_reload(&m[2]);
    }
    mls_commit_bundle_clear(&bundle);
}

static void a_reinitialised_group_tells_what_follows(void **state)
{
    struct world_client *m = *state;
    struct mls_party_view party;
    struct mls_reinit_options next;
    struct mls_reinit_options wanted = {
        .group_id = slice_of_text("the next"), .version = 1, .suite = SUITE};
    struct mls_commit_options options = {.reinit = &wanted};
    world_group(m, 2);
    assert_false(mls_group_next_parameters(m[0].group, &next));
    struct mls_commit_bundle bundle = commit(&m[0], &options);
    world_take_commit(&m[1], mls_buffer_done(&bundle.commit));
    world_reload(&m[0]);
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(mls_group_closed(m[i].group, &party), MLS_CLOSED_REINITIALISED);
        assert_true(is_named(&party.credential, "ann"));
        assert_true(mls_group_next_parameters(m[i].group, &next));
        assert_true(slice_equal(next.group_id, wanted.group_id) && next.suite == SUITE);
    }
    mls_commit_bundle_clear(&bundle);
}

static void what_was_sent_before_a_removal_is_still_read(void **state)
{
    struct world_client *m = *state;
    uint32_t gone = 2;
    struct mls_commit_options removal = {.remove = &gone, .remove_count = 1};
    world_group(m, 3);
    struct mls_buffer older = cast_encrypt(&m[0], "an epoch ago");
    struct mls_commit_bundle bundle = commit(&m[0], NULL);
    world_take_commit(&m[1], mls_buffer_done(&bundle.commit));
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
    struct mls_buffer late = cast_encrypt(&m[0], "sent before, read after");
    struct mls_buffer later = cast_encrypt(&m[0], "and one that it reads after a restart");
    bundle = commit(&m[1], &removal);
    world_take_commit(&m[0], mls_buffer_done(&bundle.commit));
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    struct mls_buffer after = cast_encrypt(&m[0], "not for who is gone");
    assert_int_equal(cast_process(&m[2], &late), MLS_OK);
    assert_int_equal(cast_process(&m[2], &late), MLS_ERR_REPLAYED);
    world_reload(&m[2]);
    assert_int_equal(cast_process(&m[2], &late), MLS_ERR_REPLAYED);
    assert_int_equal(cast_process(&m[2], &later), MLS_OK);
    assert_int_equal(cast_process(&m[2], &older), MLS_OK);
    assert_int_equal(cast_process(&m[2], &after), MLS_ERR_GROUP_CLOSED);
    assert_int_equal(cast_process(&m[2], &bundle.commit), MLS_ERR_GROUP_CLOSED);
    struct mls_buffer none;
    assert_int_equal(mls_group_encrypt(m[2].group, slice_of_text("x"), slice_of(NULL, 0), &none),
                     MLS_ERR_GROUP_CLOSED);
    mls_buffer_clear(&none);
    mls_buffer_clear(&late);
    mls_buffer_clear(&later);
    mls_buffer_clear(&older);
    mls_buffer_clear(&after);
    mls_commit_bundle_clear(&bundle);
}

static void without_past_epochs_a_removal_takes_all(void **state)
{
    struct world_client *m = *state;
    uint32_t gone = 2;
    struct mls_commit_options removal = {.remove = &gone, .remove_count = 1};
    world_group(m, 3);
    assert_int_equal(mls_group_set_past_epochs(m[2].group, 0), MLS_OK);
    struct mls_buffer late = cast_encrypt(&m[0], "too late");
    struct mls_commit_bundle bundle = commit(&m[1], &removal);
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    assert_int_equal(cast_process(&m[2], &late), MLS_ERR_GROUP_CLOSED);
    world_reload(&m[2]);
    assert_int_equal(cast_process(&m[2], &late), MLS_ERR_GROUP_CLOSED);
    mls_buffer_clear(&late);
    mls_commit_bundle_clear(&bundle);
}

/* -- keys -- */

static void another_identity_is_refused(void **state)
{
    struct world_client *m = *state;
    struct mls_group *group = NULL;
    world_create(&m[0], "a group");
    struct slice package = world_package(&m[1]);
    struct mls_commit_options adds = {.add = &package, .add_count = 1};
    struct mls_commit_bundle bundle = commit(&m[0], &adds);
    struct slice welcome = mls_buffer_done(&bundle.welcome);
    assert_int_equal(mls_group_join(m[2].identity, &m[1].package, 1, welcome, NULL, &group),
                     MLS_ERR_IDENTITY);
    struct mls_buffer blob = world_save(&m[0]);
    assert_int_equal(mls_group_load(m[2].identity, mls_buffer_done(&blob), NULL, &group),
                     MLS_ERR_IDENTITY);
    mls_buffer_clear(&blob);
    mls_commit_bundle_clear(&bundle);
}

/* The new identity of bob's, whose name stays. */
static struct mls_identity *renewed(struct world_client *client)
{
    struct mls_identity *identity = NULL;
    assert_int_equal(
        mls_identity_create(&client->environment, SUITE, slice_of_text("bob"), &identity), MLS_OK);
    return identity;
}

/* From now on the client has this identity. */
static void become(struct world_client *client, struct mls_identity *identity)
{
    mls_identity_destroy(client->identity);
    client->identity = identity;
    world_reload(client);
}

static void a_signature_key_is_changed_by_a_commit(void **state)
{
    struct world_client *m = *state;
    struct mls_credential_view member;
    struct mls_commit_options path = {.with_path = true};
    uint32_t leaf = 1;
    world_group(m, 3);
    struct mls_identity *next = renewed(&m[1]);
    assert_int_equal(mls_group_set_next_identity(m[1].group, next), MLS_OK);
    struct mls_buffer before = cast_encrypt(&m[1], "under the old key");
    struct mls_commit_bundle bundle = commit(&m[1], &path);
    world_reload(&m[1]);
    assert_int_equal(mls_group_merge(m[1].group, MLS_STAGED_OWN), MLS_ERR_IDENTITY);
    assert_int_equal(mls_group_set_next_identity(m[1].group, next), MLS_OK);
    assert_int_equal(mls_group_merge(m[1].group, MLS_STAGED_OWN), MLS_OK);
    world_take_commit(&m[0], mls_buffer_done(&bundle.commit));
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    become(&m[1], next);
    assert_true(mls_group_next_member(m[0].group, &leaf, &member));
    assert_true(slice_equal(member.signature_key, mls_identity_signature_key(next)));
    world_agree(m, 3);
    world_talk(m, 3, 1);
    assert_int_equal(cast_process(&m[0], &before), MLS_OK);
    mls_buffer_clear(&before);
    mls_commit_bundle_clear(&bundle);
}

static void a_signature_key_is_changed_by_an_update(void **state)
{
    struct world_client *m = *state;
    struct mls_buffer proposal;
    struct mls_proposal_options update = {.kind = MLS_PROPOSE_UPDATE};
    world_group(m, 3);
    struct mls_identity *next = renewed(&m[1]);
    assert_int_equal(mls_group_set_next_identity(m[1].group, next), MLS_OK);
    assert_int_equal(mls_group_propose(m[1].group, &update, &proposal), MLS_OK);
    assert_int_equal(cast_process(&m[0], &proposal), MLS_OK);
    assert_int_equal(cast_process(&m[2], &proposal), MLS_OK);
    struct mls_commit_bundle bundle = commit(&m[0], NULL);
    assert_int_equal(mls_group_merge(m[0].group, MLS_STAGED_OWN), MLS_OK);
    world_take_commit(&m[1], mls_buffer_done(&bundle.commit));
    world_take_commit(&m[2], mls_buffer_done(&bundle.commit));
    become(&m[1], next);
    world_agree(m, 3);
    world_talk(m, 3, 1);
    mls_buffer_clear(&proposal);
    mls_commit_bundle_clear(&bundle);
}

static void a_member_does_not_change_its_name(void **state)
{
    struct world_client *m = *state;
    struct mls_commit_options path = {.with_path = true};
    world_group(m, 3);
    assert_int_equal(mls_group_set_next_identity(m[1].group, m[3].identity), MLS_OK);
    struct mls_commit_bundle bundle = commit(&m[1], &path);
    assert_int_equal(cast_process(&m[0], &bundle.commit), MLS_ERR_LEAF_CREDENTIAL_REFUSED);
    mls_commit_bundle_clear(&bundle);
}

static void a_shared_key_is_forgotten(void **state)
{
    struct world_client *m = *state;
    struct mls_commit_bundle bundle;
    struct slice ids[] = {slice_of_text("one"), slice_of_text("two"), slice_of_text("three")};
    world_create(&m[0], "a group");
    for (size_t i = 0; i < 3; i++) {
        struct mls_psk psk = {.id = ids[i], .secret = slice_of_text("secret of a shared key")};
        assert_int_equal(mls_group_add_psk(m[0].group, &psk), MLS_OK);
    }
    assert_int_equal(mls_group_remove_psk(m[0].group, slice_of_text("four")), MLS_ERR_PSK_UNKNOWN);
    assert_int_equal(mls_group_remove_psk(m[0].group, ids[0]), MLS_OK);
    world_reload(&m[0]);
    for (size_t i = 0; i < 3; i++) {
        struct mls_commit_options options = {.psk_ids = &ids[i], .psk_count = 1};
        enum mls_error error = mls_group_commit(m[0].group, &options, &bundle);
        assert_int_equal(error, i == 0 ? MLS_ERR_PSK_UNKNOWN : MLS_OK);
        if (error == MLS_OK) {
            assert_int_equal(mls_group_discard(m[0].group, MLS_STAGED_OWN), MLS_OK);
            mls_commit_bundle_clear(&bundle);
        }
    }
    assert_int_equal(mls_group_remove_psk(m[0].group, ids[1]), MLS_OK);
    assert_int_equal(mls_group_remove_psk(m[0].group, ids[2]), MLS_OK);
    for (size_t i = 0; i < m[0].storage->count; i++) {
        const struct world_entry *entry = &m[0].storage->entries[i];
        assert_null(memmem(entry->value, entry->value_size, "secret of", 9));
    }
}

static void an_erased_group_leaves_nothing(void **state)
{
    struct world_client *m = *state;
    world_group(m, 2);
    struct mls_commit_bundle bundle = commit(&m[0], NULL);
    m[0].storage->lose_commits = true;
    assert_int_equal(mls_group_erase(m[0].group), MLS_ERR_STORAGE);
    m[0].storage->lose_commits = false;
    assert_int_equal(mls_group_erase(m[0].group), MLS_OK);
    m[0].group = NULL;
    assert_int_equal(m[0].storage->count, 0);
    mls_commit_bundle_clear(&bundle);
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
#define T(name) cmocka_unit_test_setup_teardown(name, crew_open, crew_close)
    const struct CMUnitTest tests[] = {
        T(a_message_tells_where_it_belongs),
        T(a_key_package_tells_whose_it_is),
        T(each_newcomer_can_get_a_welcome_of_its_own),
        T(every_reference_of_a_welcome_is_looked_for),
        T(a_staged_commit_tells_all_that_it_changes),
        T(who_invited_and_who_removed_us_is_known),
        T(a_reinitialised_group_tells_what_follows),
        T(what_was_sent_before_a_removal_is_still_read),
        T(without_past_epochs_a_removal_takes_all),
        T(another_identity_is_refused),
        T(a_signature_key_is_changed_by_a_commit),
        T(a_signature_key_is_changed_by_an_update),
        T(a_member_does_not_change_its_name),
        T(a_shared_key_is_forgotten),
        T(an_erased_group_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
