/* What a node may answer to a question, and what nobody believes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "client/core/answer.h"

static struct message question, answer;

static void assert_believed(void)
{
    assert_null(answer_problem(&question, &answer));
}

static void assert_wrong(const char *text)
{
    const char *problem = answer_problem(&question, &answer);
    assert_non_null(problem);
    assert_non_null(strstr(problem, text));
}

static struct id number(uint8_t n)
{
    return (struct id){{n}};
}

/* --- pages of messages ----------------------------------------------------------------------- */

static struct message_history_row messages[PAGE_MAX_ROWS + 1];

/* Ids `count` … 1, newest first. */
static void history(uint32_t limit, uint32_t count)
{
    question = (struct message){.type = MESSAGE_HISTORY_READ, .history_read = {.limit = limit}};
    answer = (struct message){.type = MESSAGE_HISTORY,
                              .history = {.rows = messages, .row_count = count}};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = count - i;
        messages[i].message = (struct id){{(uint8_t)(n >> 8), (uint8_t)n}};
    }
}

static void a_page_has_at_most_the_rows_asked_for(void **state)
{
    (void)state;
    history(10, 10);
    assert_believed();
    history(10, 11);
    assert_wrong("more rows");
    history(0, 50);
    assert_believed();
    history(0, 51);
    assert_wrong("more rows");
    history(UINT32_MAX, PAGE_MAX_ROWS);
    assert_believed();
    history(UINT32_MAX, PAGE_MAX_ROWS + 1);
    assert_wrong("more rows");
}

static void a_page_is_in_the_order_asked_for(void **state)
{
    (void)state;
    history(10, 5);
    question.history_read.oldest_first = true;
    assert_wrong("out of order");
    history(10, 5);
    messages[2] = messages[1];
    assert_wrong("out of order");
    history(10, 2);
    question.history_read.oldest_first = true;
    messages[0].message = number(1);
    messages[1].message = number(2);
    assert_believed();
    messages[1].message = number(1);
    assert_wrong("out of order");
}

static void a_page_lies_within_its_bounds(void **state)
{
    (void)state;
    history(10, 3);
    struct id first = messages[0].message, last = messages[2].message;
    question.history_read.before = first;
    assert_wrong("not asked for");
    question.history_read.before = number(200);
    assert_believed();
    question.history_read.after = last;
    assert_wrong("not asked for");
}

static void there_is_no_more_after_nothing(void **state)
{
    (void)state;
    history(10, 0);
    assert_believed();
    answer.history.more = true;
    assert_wrong("next one");
    history(10, 3); /* large bodies: fewer rows than asked for, and more */
    answer.history.more = true;
    assert_believed();
}

/* --- inboxes, members, conversations --------------------------------------------------------- */

static void an_inbox_goes_on_where_it_was_left(void **state)
{
    (void)state;
    struct message_inbox_row rows[] = {{.conversation = number(3), .last = number(9)},
                                       {.conversation = number(5), .last = number(7)}};
    question = (struct message){.type = MESSAGE_INBOX_READ};
    answer = (struct message){.type = MESSAGE_INBOX,
                              .inbox = {.rows = rows, .row_count = 2, .more = true}};
    assert_believed();
    question.inbox_read.after = number(3); /* the same page again, for ever */
    question.inbox_read.after_last = number(9);
    assert_wrong("out of order");
    question.inbox_read.after = number(4); /* of one newest message */
    assert_believed();
    question.inbox_read.after_last = number(10);
    question.inbox_read.after = number(1);
    assert_believed();
    rows[1].last = number(9); /* now the higher conversation comes first */
    assert_wrong("out of order");
    rows[1].conversation = number(2);
    assert_believed();
    rows[1].conversation = number(3);
    assert_wrong("out of order");
    rows[1].last = number(12);
    assert_wrong("out of order");
    answer.inbox.row_count = 0;
    assert_wrong("next one");
    question.inbox_read.limit = 1;
    rows[1].last = number(7);
    answer.inbox.row_count = 2;
    assert_wrong("more rows");
}

static void a_member_has_the_id_of_the_name(void **state)
{
    (void)state;
    const struct slice alice = slice_of_text("alice"), bob = slice_of_text("bob");
    struct message_member_row rows[] = {{.user = id_of_name(ID_USER, alice), .name = alice},
                                        {.user = id_of_name(ID_USER, bob), .name = bob}};
    question = (struct message){.type = MESSAGE_MEMBERS_READ};
    answer = (struct message){.type = MESSAGE_MEMBERS, .members = {.rows = rows, .row_count = 2}};
    assert_believed();
    rows[1].name = slice_of_text("mallory");
    assert_wrong("name");
    rows[1].name = slice_of(NULL, 0);
    assert_believed();
    rows[1].user = rows[0].user;
    assert_wrong("out of order");
}

static void a_conversation_is_the_one_asked_for(void **state)
{
    (void)state;
    const struct slice garden = slice_of_text("garden");
    struct id id = id_of_name(ID_CONVERSATION, garden);
    question = (struct message){.type = MESSAGE_CONVERSATION_GET,
                                .conversation_get = {.conversation = id}};
    answer = (struct message){.type = MESSAGE_CONVERSATION,
                              .conversation = {.conversation = id, .name = garden}};
    assert_believed();
    answer.conversation.name = slice_of_text("shed");
    assert_wrong("name");
    answer.conversation.conversation = number(1);
    assert_wrong("another conversation");
}

static void an_answer_is_of_the_kind_of_its_question(void **state)
{
    (void)state;
    question = (struct message){.type = MESSAGE_SEND};
    answer = (struct message){.type = MESSAGE_STATUS};
    assert_believed();
    answer.type = MESSAGE_HISTORY;
    assert_wrong("does not belong");
    question.type = MESSAGE_HISTORY_READ;
    answer.type = MESSAGE_STATUS; /* "done", and no page */
    assert_wrong("does not belong");
    question.type = MESSAGE_ADMIN;
    answer = (struct message){.type = MESSAGE_ADMIN_REPLY,
                              .admin_reply = {.json = slice_of_text("{\"a\":\"\xff\"}")}};
    assert_wrong("UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_has_at_most_the_rows_asked_for),
        cmocka_unit_test(a_page_is_in_the_order_asked_for),
        cmocka_unit_test(a_page_lies_within_its_bounds),
        cmocka_unit_test(there_is_no_more_after_nothing),
        cmocka_unit_test(an_inbox_goes_on_where_it_was_left),
        cmocka_unit_test(a_member_has_the_id_of_the_name),
        cmocka_unit_test(a_conversation_is_the_one_asked_for),
        cmocka_unit_test(an_answer_is_of_the_kind_of_its_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
