/* What is sent through the library is read, with and without a key. */
#include "library_world.h"

#include "proto/content.h"

/* --- sending and reading --------------------------------------------------------------------- */

static void what_is_sent_is_read(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_future *sent = send_text("hello");
    struct columba_id id = columba_future_message(sent);
    assert_false(columba_id_is_zero(&id));
    assert_int_equal(finish(sent), COLUMBA_ERROR_OK);

    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->count, 1);
    assert_false(page->more);
    const struct columba_message *message = &page->messages[0];
    assert_memory_equal(&message->id, &id, sizeof(id));
    assert_string_equal(message->from, "alice");
    assert_string_equal(message->body, "hello");
    assert_int_equal(message->body_bytes, 5);
    assert_string_equal(message->media_url, "");
    assert_int_equal(message->type, COLUMBA_TYPE_TEXT);
    assert_int_equal(message->created_at_ms, columba_message_id_unix_ms(&id));
    assert_false(message->is_encrypted);
    assert_int_equal(message->problem, COLUMBA_ERROR_OK);
    assert_null(columba_future_inbox(read));
    columba_future_destroy(read);
    end();
}

static const struct columba_message *newest(struct columba_future *read)
{
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    assert_true(columba_future_history(read)->count > 0);
    return &columba_future_history(read)->messages[0];
}

static struct columba_id edited(const struct columba_id *message, const char *text)
{
    const struct columba_message_edit edit = {.from = "alice",
                                              .conversation = "garden",
                                              .message = *message,
                                              .body = text,
                                              .body_bytes = strlen(text)};
    struct columba_future *future = columba_edit(client, &edit, NULL);
    struct columba_id change = columba_future_change(future);
    assert_false(columba_id_is_zero(&change));
    assert_int_equal(finish(future), COLUMBA_ERROR_OK);
    return change;
}

static void expect_edit(const char *text, uint32_t number)
{
    struct columba_future *read = read_garden();
    const struct columba_message *message = newest(read);
    assert_int_equal(message->problem, COLUMBA_ERROR_OK);
    assert_string_equal(message->body, text);
    assert_string_equal(message->from, "alice");
    assert_int_equal(message->edit_number, number);
    assert_int_equal(message->edited_at_ms > 0, number > 0);
    assert_false(message->is_deleted);
    columba_future_destroy(read);
}

static void an_edit_takes_the_place_of_the_text_and_a_deletion_of_everything(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    struct columba_future *sent = send_text("the pigeons are in the loft");
    struct columba_id id = columba_future_message(sent);
    assert_int_equal(finish(sent), COLUMBA_ERROR_OK);
    expect_edit("the pigeons are in the loft", 0);
    struct columba_id first = edited(&id, "the pigeons have left");
    expect_edit("the pigeons have left", 1);
    struct columba_id second = edited(&id, "the pigeons are back");
    assert_memory_not_equal(&first, &second, sizeof(first));
    expect_edit("the pigeons are back", 2);
    /* An edit does not pass for what was sent, nor the other way round. */
    struct fake_row *row = &node->rows[0];
    uint8_t *body = row->content;
    size_t body_size = row->size;
    row->content = row->edited;
    row->size = row->edited_size;
    row->edited = NULL;
    row->edited_size = 0;
    struct columba_future *read = read_garden();
    assert_int_equal(newest(read)->problem, COLUMBA_ERROR_WRONG_KEY);
    columba_future_destroy(read);
    row->edited = body;
    row->edited_size = body_size;
    read = read_garden();
    assert_int_equal(newest(read)->problem, COLUMBA_ERROR_WRONG_KEY);
    columba_future_destroy(read);

    const struct columba_message_delete gone = {
        .from = "alice", .conversation = "garden", .message = id};
    assert_int_equal(finish(columba_delete(client, &gone, NULL)), COLUMBA_ERROR_OK);
    read = read_garden();
    const struct columba_message *message = newest(read);
    assert_true(message->is_deleted);
    assert_string_equal(message->from, "alice");
    assert_int_equal(message->body_bytes, 0);
    assert_int_equal(message->created_at_ms, columba_message_id_unix_ms(&id));
    assert_int_equal(message->problem, COLUMBA_ERROR_OK);
    columba_future_destroy(read);
    assert_false(was_heard("pigeons"));
    end();
}

static void reactions_and_columns_are_shown_and_sealed(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    struct columba_future *sent = send_text("the loft is full");
    struct columba_id id = columba_future_message(sent);
    assert_int_equal(finish(sent), COLUMBA_ERROR_OK);
    struct columba_message_react react = {
        .from = "bob", .conversation = "garden", .message = id, .reaction = "a pigeon laughs"};
    assert_int_equal(finish(columba_react(client, &react, NULL)), COLUMBA_ERROR_OK);
    react.from = "alice";
    react.reaction = NULL; /* taken back */
    assert_int_equal(finish(columba_react(client, &react, NULL)), COLUMBA_ERROR_OK);
    struct columba_message_column column = {.from = "bob",
                                            .conversation = "garden",
                                            .message = id,
                                            .name = "x.label",
                                            .value = "secret label",
                                            .value_bytes = 12};
    assert_int_equal(finish(columba_set_column(client, &column, NULL)), COLUMBA_ERROR_OK);
    struct columba_future *read = read_garden();
    const struct columba_message *message = newest(read);
    struct columba_id bob = columba_user_id("bob");
    assert_int_equal(message->reaction_count, 1);
    assert_string_equal(message->reactions[0].text, "a pigeon laughs");
    assert_memory_equal(&message->reactions[0].user, &bob, sizeof(bob));
    assert_true(message->reactions[0].is_encrypted);
    assert_int_equal(message->column_count, 1);
    assert_string_equal(message->columns[0].name, "x.label");
    assert_int_equal(message->columns[0].value_bytes, 12);
    assert_memory_equal(message->columns[0].value, "secret label", 13);
    columba_future_destroy(read);
    /* Under another's name it does not open. */
    node->rows[0].marks[12] ^= 1;
    read = read_garden();
    assert_int_equal(newest(read)->reactions[0].problem, COLUMBA_ERROR_WRONG_KEY);
    assert_string_equal(newest(read)->reactions[0].text, "");
    columba_future_destroy(read);
    assert_false(was_heard("pigeon"));
    assert_false(was_heard("secret"));

    static char large[COLUMBA_COLUMN_MAX_BYTES + 1];
    column.value = large;
    column.value_bytes = sizeof(large);
    assert_int_equal(finish(columba_set_column(client, &column, NULL)), COLUMBA_ERROR_TOO_LARGE);
    column.value_bytes = 1;
    column.name = "";
    assert_int_equal(finish(columba_set_column(client, &column, NULL)), COLUMBA_ERROR_INVALID);
    memset(large, 'x', COLUMBA_REACTION_MAX_BYTES + 1);
    react.reaction = large;
    assert_int_equal(finish(columba_react(client, &react, NULL)), COLUMBA_ERROR_TOO_LARGE);
    end();
}

/* The others of its page are read as ever. */
static void what_is_undecided_has_a_problem_of_its_own(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(send_text("first")), COLUMBA_ERROR_OK);
    assert_int_equal(finish(send_text("second")), COLUMBA_ERROR_OK);
    node->rows[1].size = 0;
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->count, 2);
    unsigned undecided = page->messages[0].problem == COLUMBA_ERROR_OK ? 1 : 0;
    const struct columba_message *message = &page->messages[undecided];
    assert_int_equal(message->problem, COLUMBA_ERROR_UNDECIDED);
    assert_true(message->problem_text[0] != '\0');
    assert_int_equal(message->body_bytes, 0);
    assert_string_equal(message->from, "");
    assert_int_equal(message->created_at_ms, columba_message_id_unix_ms(&message->id));
    assert_int_equal(page->messages[1 - undecided].problem, COLUMBA_ERROR_OK);
    assert_string_equal(page->messages[1 - undecided].body, "first");
    columba_future_destroy(read);
    end();
}

static void a_change_without_a_message_is_refused(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct columba_message_edit edit = {.from = "alice", .conversation = "garden"};
    struct columba_future *future = columba_edit(client, &edit, NULL);
    struct columba_id none = columba_future_change(future);
    assert_true(columba_id_is_zero(&none));
    assert_int_equal(finish(future), COLUMBA_ERROR_INVALID);
    edit.message = columba_message_id_make(1000, 1, "alice");
    assert_int_equal(finish(columba_edit(client, &edit, NULL)), COLUMBA_ERROR_UNKNOWN_MESSAGE);
    edit.from = "";
    assert_int_equal(finish(columba_edit(client, &edit, NULL)), COLUMBA_ERROR_INVALID);
    edit.from = "alice";
    edit.body_bytes = 5; /* at NULL */
    assert_int_equal(finish(columba_edit(client, &edit, NULL)), COLUMBA_ERROR_INVALID);
    assert_int_equal(finish(columba_edit(client, NULL, NULL)), COLUMBA_ERROR_INVALID);
    assert_int_equal(finish(columba_delete(client, NULL, NULL)), COLUMBA_ERROR_INVALID);
    end();
}

static void every_call_brings_its_result(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(columba_connect(client, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(finish(columba_ping(client, NULL, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(finish(columba_ping(client, "node1", NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(finish(columba_ping(client, "node7", NULL)), COLUMBA_ERROR_NOT_FOUND);

    struct columba_future *got = columba_conversation_get(client, "a garden", NULL);
    assert_int_equal(columba_future_wait(got), COLUMBA_ERROR_OK);
    const struct columba_conversation *found = columba_future_conversation(got);
    struct columba_id id = columba_conversation_id("a garden");
    assert_memory_equal(&found->id, &id, sizeof(id));
    assert_string_equal(found->name, "a garden");
    assert_int_equal(found->kind, COLUMBA_KIND_GROUP);
    assert_int_equal(found->membership_version, 9);
    columba_future_destroy(got);

    const struct columba_members_read members_read = {.conversation = "garden"};
    struct columba_future *members = columba_members(client, &members_read, NULL);
    assert_int_equal(columba_future_wait(members), COLUMBA_ERROR_OK);
    assert_int_equal(columba_future_members(members)->count, 2);
    assert_string_equal(columba_future_members(members)->members[1].name, "bob");
    columba_future_destroy(members);

    const char *arguments[] = {"conversation", "garden"};
    struct columba_future *admin =
        columba_admin(client, "node1", "getendpoints", arguments, 2, NULL);
    assert_int_equal(columba_future_wait(admin), COLUMBA_ERROR_OK);
    assert_string_equal(columba_future_json(admin), "{\"done\":true}");
    columba_future_destroy(admin);
    end();
}

static void a_large_conversation_is_made_in_several_requests(void **state)
{
    (void)state;
    static char names[2500][16];
    static const char *members[2500];
    begin(FAKE_WELL, NULL);
    for (int i = 0; i < 2500; i++) {
        snprintf(names[i], sizeof(names[i]), "user%d", i);
        members[i] = names[i];
    }
    struct columba_conversation_new create = {
        .name = "channel", .members = members, .member_count = 2500};
    assert_int_equal(finish(columba_conversation_create(client, &create, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(node->asked[MESSAGE_CONVERSATION_CREATE], 3);
    assert_int_equal(node->reads, 2500);
    assert_int_equal(node->last_kind, COLUMBA_KIND_BROADCAST);
    create.member_count = 2;
    assert_int_equal(finish(columba_conversation_create(client, &create, NULL)), COLUMBA_ERROR_OK);
    assert_int_equal(node->last_kind, COLUMBA_KIND_BY_MEMBERS);
    end();
}

static int by_id_of_name(const void *a, const void *b)
{
    struct columba_id x = columba_conversation_id(a), y = columba_conversation_id(b);
    return memcmp(&x, &y, sizeof(x));
}

static int by_activity(const void *a, const void *b)
{
    const struct message_inbox_row *row = b;
    return fake_inbox_order(row, &((const struct message_inbox_row *)a)->last,
                            &((const struct message_inbox_row *)a)->conversation);
}

static void fill_inbox(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        snprintf(node->inbox_names[i], sizeof(node->inbox_names[i]), "room %u", i);
    }
    qsort(node->inbox_names, count, sizeof(node->inbox_names[0]), by_id_of_name);
    for (uint32_t i = 0; i < count; i++) {
        node->inbox[i] = (struct message_inbox_row){
            .conversation = id_of_name(ID_CONVERSATION, slice_of_text(node->inbox_names[i])),
            .last = {{(uint8_t)(7 * i)}},
            .unread = i,
            .has_unread = true};
    }
    qsort(node->inbox, count, sizeof(node->inbox[0]), by_activity);
    node->inbox_count = count;
}

/* Page by page, newest first. */
static void read_whole_inbox(void)
{
    struct columba_inbox_read read = {.user = "alice"};
    struct columba_inbox_cursor next;
    struct columba_id before = {{0}};
    bool seen[300] = {false}, more = true;
    while (more) {
        struct columba_future *inbox = columba_inbox(client, &read, NULL);
        assert_int_equal(columba_future_wait(inbox), COLUMBA_ERROR_OK);
        const struct columba_inbox_page *page = columba_future_inbox(inbox);
        assert_int_equal(page->count, 100);
        for (size_t i = 0; i < page->count; i++) {
            const struct columba_inbox_entry *entry = &page->entries[i];
            assert_string_equal(entry->name, node->inbox_names[entry->unread]);
            assert_false(seen[entry->unread]);
            seen[entry->unread] = true;
            bool is_first = columba_id_is_zero(&before);
            assert_true(is_first || memcmp(&before, &entry->last, sizeof(before)) >= 0);
            before = entry->last;
        }
        more = page->more;
        next = page->next;
        read.cursor = &next;
        columba_future_destroy(inbox);
    }
    for (int i = 0; i < 300; i++) {
        assert_true(seen[i]);
    }
}

/* Some of the 300 fall on one place of the cache: they are looked up again, never mixed up. */
static void an_inbox_comes_with_names_that_are_looked_up_once(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    fill_inbox(300);
    for (int round = 0; round < 2; round++) {
        read_whole_inbox();
        assert_in_range(node->asked[MESSAGE_CONVERSATION_GET], 300, round == 0 ? 300 : 360);
    }
    assert_int_equal(node->asked[MESSAGE_INBOX_READ], 6);
    end();
}

static void marking_without_an_id_marks_the_newest(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(columba_mark_read(client, "bob", "garden", NULL, NULL)),
                     COLUMBA_ERROR_OK);
    assert_int_equal(node->asked[MESSAGE_MARK_READ], 0); /* nothing there to be read */
    struct columba_future *sent = send_text("newest");
    struct columba_id id = columba_future_message(sent);
    finish(sent);
    assert_int_equal(finish(columba_mark_read(client, "bob", "garden", NULL, NULL)),
                     COLUMBA_ERROR_OK);
    assert_memory_equal(&node->last_up_to, &id, sizeof(id));
    end();
}

/* --- encryption ------------------------------------------------------------------------------ */

static void with_a_key_no_plaintext_leaves_the_process(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    assert_int_equal(finish(send_text("the pigeons are in the loft")), COLUMBA_ERROR_OK);
    struct columba_import_message import = {.id = columba_message_id_make(1000, 1, "alice"),
                                            .from = "alice",
                                            .body = "imported secret",
                                            .body_bytes = 15};
    assert_int_equal(finish(columba_history_import(client, "garden", &import, 1, NULL)),
                     COLUMBA_ERROR_OK);
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->count, 2);
    assert_string_equal(page->messages[0].body, "the pigeons are in the loft");
    assert_string_equal(page->messages[1].body, "imported secret");
    assert_true(page->messages[0].is_encrypted);
    columba_future_destroy(read);
    assert_false(was_heard("pigeons"));
    assert_false(was_heard("secret"));
    assert_true(was_heard("alice"));
    end();
}

static void expect_problem(const uint8_t *key, const char *text)
{
    struct columba_client *other = client_to(node->port, key);
    const struct columba_history_read read = {.conversation = "garden"};
    struct columba_future *future = columba_history(other, &read, NULL);
    assert_int_equal(columba_future_wait(future), COLUMBA_ERROR_OK);
    const struct columba_message *message = &columba_future_history(future)->messages[0];
    assert_int_equal(message->problem, COLUMBA_ERROR_WRONG_KEY);
    assert_non_null(strstr(message->problem_text, text));
    assert_int_equal(message->body_bytes, 0);
    assert_string_equal(message->from, "alice");
    columba_future_destroy(future);
    columba_client_destroy(other);
}

static void without_the_right_key_a_message_stays_closed_and_says_why(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    assert_int_equal(finish(send_text("hello")), COLUMBA_ERROR_OK);
    expect_problem(NULL, "no key was given");
    expect_problem(key_two, "another key");
    node->rows[0].content[node->rows[0].size - 2] ^= 1;
    expect_problem(key_one, "altered");
    end();
}

static void an_unencrypted_message_is_marked_as_such(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    assert_int_equal(finish(send_text("in the clear")), COLUMBA_ERROR_OK);
    columba_client_destroy(client);
    client = client_to(node->port, key_one);
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    assert_false(columba_future_history(read)->messages[0].is_encrypted);
    assert_string_equal(columba_future_history(read)->messages[0].body, "in the clear");
    columba_future_destroy(read);
    end();
}

static void a_repeated_send_is_the_same_bytes(void **state)
{
    (void)state;
    begin(FAKE_WELL, key_one);
    struct columba_id id = columba_message_id_make(1700000000000, 7, "alice");
    for (int i = 0; i < 2; i++) {
        const struct columba_message_send send = {
            .from = "alice", .to = "garden", .body = "once", .body_bytes = 4, .message = &id};
        assert_int_equal(finish(columba_send(client, &send, NULL)), COLUMBA_ERROR_OK);
    }
    assert_int_equal(node->rows[0].size, node->rows[1].size);
    assert_memory_equal(node->rows[0].content, node->rows[1].content, node->rows[0].size);
    end();
}

static void what_a_node_makes_up_does_not_pass_for_a_message(void **state)
{
    (void)state;
    begin(FAKE_WELL, NULL);
    struct id garden = id_of_name(ID_CONVERSATION, slice_of_text("garden"));
    struct id alice = id_of_name(ID_USER, slice_of_text("alice"));
    struct id id = message_id_make(1, 1, &alice);
    uint8_t bytes[64];
    struct content forged = {.sender = slice_of_text("bob"), .body = slice_of_text("from bob")};
    content_encode(&forged, bytes);
    fake_store(node, &garden, &id, slice_of(bytes, content_size(&forged)));
    struct id later = message_id_make(2, 1, &alice);
    fake_store(node, &garden, &later, slice_of_text("no content at all"));
    struct columba_future *read = read_garden();
    assert_int_equal(columba_future_wait(read), COLUMBA_ERROR_OK);
    const struct columba_history_page *page = columba_future_history(read);
    assert_int_equal(page->messages[0].problem, COLUMBA_ERROR_MALFORMED);
    assert_int_equal(page->messages[1].problem, COLUMBA_ERROR_MALFORMED);
    assert_int_equal(page->messages[1].body_bytes, 0);
    columba_future_destroy(read);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_is_read),
        cmocka_unit_test(an_edit_takes_the_place_of_the_text_and_a_deletion_of_everything),
        cmocka_unit_test(reactions_and_columns_are_shown_and_sealed),
        cmocka_unit_test(what_is_undecided_has_a_problem_of_its_own),
        cmocka_unit_test(a_change_without_a_message_is_refused),
        cmocka_unit_test(every_call_brings_its_result),
        cmocka_unit_test(a_large_conversation_is_made_in_several_requests),
        cmocka_unit_test(an_inbox_comes_with_names_that_are_looked_up_once),
        cmocka_unit_test(marking_without_an_id_marks_the_newest),
        cmocka_unit_test(with_a_key_no_plaintext_leaves_the_process),
        cmocka_unit_test(without_the_right_key_a_message_stays_closed_and_says_why),
        cmocka_unit_test(an_unencrypted_message_is_marked_as_such),
        cmocka_unit_test(a_repeated_send_is_the_same_bytes),
        cmocka_unit_test(what_a_node_makes_up_does_not_pass_for_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
