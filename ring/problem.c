#include "ring/problem.h"

#include <string.h>

static void add_byte(struct topology_problem *problem, char byte)
{
    size_t length = strlen(problem->text);
    if (length + 1 < sizeof(problem->text)) {
        problem->text[length] = byte;
        problem->text[length + 1] = '\0';
    }
}

void problem_add(struct topology_problem *problem, const char *text)
{
    for (; *text != '\0'; text++) {
        add_byte(problem, *text);
    }
}

/* A name that is refused for its length must not push the reason out of the sentence. */
#define QUOTED_MAX_BYTES NODE_NAME_MAX_BYTES

void problem_add_quoted(struct topology_problem *problem, struct slice text)
{
    add_byte(problem, '"');
    for (size_t i = 0; i < text.size && i < QUOTED_MAX_BYTES; i++) {
        uint8_t byte = text.data[i];
        add_byte(problem, byte >= 0x20 && byte < 0x7f ? (char)byte : '?');
    }
    if (text.size > QUOTED_MAX_BYTES) {
        problem_add(problem, "...");
    }
    add_byte(problem, '"');
}

void problem_add_number(struct topology_problem *problem, uint64_t number)
{
    char digits[21];
    char *at = digits + sizeof(digits) - 1;
    *at = '\0';
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    problem_add(problem, at);
}

enum columba_error problem_about(struct topology_problem *problem, const char *what,
                                 struct slice name, const char *rest)
{
    problem->text[0] = '\0';
    problem_add(problem, what);
    problem_add(problem, " ");
    problem_add_quoted(problem, name);
    problem_add(problem, " ");
    problem_add(problem, rest);
    return ERR_INVALID;
}

enum columba_error problem_about_both(struct topology_problem *problem, const char *what,
                                      struct slice first, struct slice second, const char *rest)
{
    problem->text[0] = '\0';
    problem_add(problem, what);
    problem_add(problem, " ");
    problem_add_quoted(problem, first);
    problem_add(problem, " and ");
    problem_add_quoted(problem, second);
    problem_add(problem, " ");
    problem_add(problem, rest);
    return ERR_INVALID;
}
