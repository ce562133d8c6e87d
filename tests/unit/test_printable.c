/*
 * What reaches a terminal: names and texts stay readable, and nothing in them steers it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "client/tools/printable.h"

static void shows(const char *text, const char *expected)
{
    char *shown = printable_copy(text);
    assert_non_null(shown);
    assert_string_equal(shown, expected);
    free(shown);
}

static void writing_of_any_people_stays_as_it_is(void **state)
{
    (void)state;
    shows("", "");
    shows("hello\tthere", "hello\tthere");
    shows("Grüße, 你好, שלום, 👩‍🚀", "Grüße, 你好, שלום, 👩‍🚀");
    shows("back\\slash", "back\\slash");
}

static void no_byte_steers_the_terminal(void **state)
{
    (void)state;
    shows("\x1b[31mred\x07", "\\x1b[31mred\\x07");
    shows("a\x7f", "a\\x7f");
    shows("a\r\nforged line", "a\\x0d\\x0aforged line");
    shows("c1 \xc2\x9b"
          "31m",
          "c1 \\u{9b}31m");
    shows("raw c1 \x9b"
          "31m",
          "raw c1 \\x9b31m");
    shows("cut \xe2\x82", "cut \\xe2\\x82");
    for (int byte = 1; byte < 256; byte++) {
        const char text[] = {(char)byte, '\0'};
        char *shown = printable_copy(text);
        assert_non_null(shown);
        assert_true(strcmp(shown, "\t") == 0 || strpbrk(shown, "\n\r\x1b") == NULL);
        assert_true(byte < 0x7f || strlen(shown) == 4);
        free(shown);
    }
}

static void letters_stand_in_the_order_they_are_in(void **state)
{
    (void)state;
    shows("exe\u202egpj", "exe\\u{202e}gpj");
    shows("\u2066x\u2069", "\\u{2066}x\\u{2069}");
    shows("a\u2028"
          "b",
          "a\\u{2028}b");
    shows("tag \U000e0041", "tag \\u{e0041}");
}

static char *written(const char *text, size_t size, const char *indent)
{
    char *copy = NULL;
    size_t copy_bytes = 0;
    FILE *out = open_memstream(&copy, &copy_bytes);
    assert_non_null(out);
    printable_write(out, text, size, indent);
    assert_int_equal(fclose(out), 0);
    return copy;
}

static void lines_of_a_text_are_indented_and_a_nul_is_seen(void **state)
{
    (void)state;
    char *shown = written("one\ntwo", 7, "    ");
    assert_string_equal(shown, "one\n    two");
    free(shown);
    shown = written("alice\0evil", 10, NULL);
    assert_string_equal(shown, "alice\\x00evil");
    free(shown);
}

static void json_stays_json(void **state)
{
    (void)state;
    char *copy = NULL;
    size_t copy_bytes = 0;
    FILE *out = open_memstream(&copy, &copy_bytes);
    assert_non_null(out);
    printable_json(out, "{\"a\":\"\x7f é \u202e \xc2\x9b \U000e0041\"}");
    assert_int_equal(fclose(out), 0);
    assert_string_equal(copy, "{\"a\":\"\\u007f é \\u202e \\u009b \\udb40\\udc41\"}");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_of_any_people_stays_as_it_is),
        cmocka_unit_test(no_byte_steers_the_terminal),
        cmocka_unit_test(letters_stand_in_the_order_they_are_in),
        cmocka_unit_test(lines_of_a_text_are_indented_and_a_nul_is_seen),
        cmocka_unit_test(json_stays_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
