/* What may name a user or a conversation: text that can be one sequence of bytes only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/name.h"

static const char *problem(const char *name)
{
    return name_problem(slice_of_text(name));
}

static void text_of_any_language_is_a_name(void **state)
{
    (void)state;
    const char *names[] = {"alice",
                           "Alice B. (work)",
                           "J\xc3\xbcrgen",                        /* ü as one character */
                           "\xe1\xba\xbf",                         /* ế */
                           "\xed\x95\x9c\xea\xb8\x80",             /* Hangul syllables */
                           "\xd9\x85\xd8\xad\xd9\x85\xd8\xaf",     /* Arabic */
                           "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8", /* Devanagari, with a mark */
                           "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", /* joined emoji */
                           "q\xcc\xa3\xcc\x87"}; /* marks in their order */
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(problem(names[i]));
    }
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    const char *controls[] = {"a\nb", "\x1b[31m", "\x7f", "a\tb", "\xc2\x80", "\xc2\x9b", "\x01"};
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        assert_string_equal(problem(controls[i]), "contains a control character");
    }
    assert_string_equal(name_problem(slice_of("alice\0evil", 10)), "contains a control character");
    assert_non_null(problem("a\xe2\x80\xa8z"));
    assert_non_null(problem("a\xe2\x80\xa9z"));
    const char *directions[] = {"\xe2\x80\xaa",
                                ("a\xe2\x80\xae"
                                 "b"),
                                "\xe2\x81\xa6", "\xe2\x81\xa9"};
    for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
        assert_non_null(problem(directions[i]));
    }
    assert_string_equal(problem("\xc3("), "is not UTF-8");
}

/* The same letters in two forms would be two users who look alike. */
static void one_form_of_each_text_is_a_name(void **state)
{
    (void)state;
    const char *others[] = {"Ju\xcc\x88rgen",                       /* u and a mark */
                            "q\xcc\x87\xcc\xa3",                    /* marks in another order */
                            "\xe2\x84\xab",                         /* the Ångström sign */
                            "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", /* Hangul by letters */
                            "\xef\xa4\x80"};                        /* compatibility ideograph */
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_string_equal(problem(others[i]), "is not in Unicode's Normalization Form C");
    }
}

static void names_have_limits(void **state)
{
    (void)state;
    static char name[NAME_MAX_BYTES + 2];
    memset(name, 'a', NAME_MAX_BYTES);
    assert_null(problem(name));
    name[NAME_MAX_BYTES] = 'a';
    assert_non_null(problem(name));
    assert_string_equal(problem(""), "is missing");
}

/* What could make the check allocate is refused before it would. */
static void marks_cannot_be_piled_up(void **state)
{
    (void)state;
    char name[2 + 2 * (NAME_MARKS_MAX + 1)] = "x";
    for (size_t i = 0; i < NAME_MARKS_MAX + 1; i++) {
        memcpy(name + 1 + 2 * i, "\xcc\xa3", 2);
    }
    assert_non_null(name_problem(slice_of(name, 1 + 2 * (NAME_MARKS_MAX + 1))));
    assert_null(name_problem(slice_of(name, 1 + 2 * NAME_MARKS_MAX)));
    /* The longest decomposition there is, as often as it fits. */
    static char long_name[NAME_MAX_BYTES];
    for (size_t i = 0; i + 3 <= sizeof(long_name); i += 3) {
        memcpy(long_name + i, "\xe1\xbe\x82", 3); /* U+1F82 */
    }
    assert_null(name_problem(slice_of(long_name, sizeof(long_name) / 3 * 3)));
    /* It has not even a form in NFC of its own, and grows to three times its bytes. */
    for (size_t i = 0; i + 4 <= sizeof(long_name); i += 4) {
        memcpy(long_name + i, "\xf0\x9d\x85\xa0", 4); /* U+1D160 */
    }
    assert_non_null(name_problem(slice_of(long_name, sizeof(long_name))));
    for (size_t i = 0; i + 3 <= sizeof(long_name); i += 3) {
        memcpy(long_name + i, "\xe0\xbd\xb3", 3); /* U+0F73: class 0, and two marks */
    }
    assert_string_equal(name_problem(slice_of(long_name, sizeof(long_name) / 3 * 3)),
                        "has too many combining marks in a row");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_any_language_is_a_name),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(one_form_of_each_text_is_a_name),
        cmocka_unit_test(names_have_limits),
        cmocka_unit_test(marks_cannot_be_piled_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
