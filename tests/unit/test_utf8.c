/* What counts as UTF-8, and what only looks like it (RFC 3629). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/utf8.h"

static size_t length_of(const char *bytes)
{
    return utf8_length(slice_of_text(bytes));
}

static void characters_of_every_length_are_found(void **state)
{
    (void)state;
    assert_int_equal(length_of("a"), 1);
    assert_int_equal(length_of("\xc2\x80"), 2);
    assert_int_equal(length_of("\xdf\xbf"), 2);
    assert_int_equal(length_of("\xe0\xa0\x80"), 3);
    assert_int_equal(length_of("\xef\xbf\xbf"), 3);
    assert_int_equal(length_of("\xf0\x90\x80\x80"), 4);
    assert_int_equal(length_of("\xf4\x8f\xbf\xbf"), 4);
    assert_true(utf8_is_valid(slice_of_text("gr\xc3\xbc\xc3\x9f"
                                            "e \xf0\x9f\x95\x8a")));
    assert_true(utf8_is_valid(slice_of(NULL, 0)));
}

static void what_only_looks_like_it_is_refused(void **state)
{
    (void)state;
    const char *wrong[] = {
        "\x80",     /* begins in the middle */
        "\xc0\xaf", /* overlong */
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3", /* cut */
        "\xe2\x82",
        "\xf0\x9f\x95",
        "\xc3(",
        "\xe2\x82(",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(length_of(wrong[i]), 0);
        assert_false(utf8_is_valid(slice_of_text(wrong[i])));
    }
}

static void hides(const char *text, const char *expected)
{
    char copy[64];
    snprintf(copy, sizeof(copy), "%s", text);
    utf8_hide(copy);
    assert_string_equal(copy, expected);
}

static void what_steers_a_terminal_is_hidden(void **state)
{
    (void)state;
    hides("Gr\u00fc\u00dfe \U0001f469\u200d\U0001f680",
          "Gr\u00fc\u00dfe \U0001f469\u200d\U0001f680");
    hides("\x1b[31m\x07\x7f\n", "?[31m???");
    hides("\xc2\x9b"
          "31m \u202e \u2067 \u2028",
          "?31m ? ? ?");
    hides("\x9b \xe2\x82", "? ??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_every_length_are_found),
        cmocka_unit_test(what_only_looks_like_it_is_refused),
        cmocka_unit_test(what_steers_a_terminal_is_hidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
