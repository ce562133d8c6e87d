#include "base/error.h"

#include <stddef.h>

struct error_row {
    const char *name;
    const char *text;
    uint32_t number;
    bool retryable;
};

static const struct error_row error_rows[] = {
#define X(row_name, row_number, row_retryable, row_text)                                           \
    {.name = #row_name, .text = row_text, .number = row_number, .retryable = row_retryable},
    COLUMBA_ERROR_TABLE(X)
#undef X
};

static const struct error_row *error_row_find(uint32_t number)
{
    for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
        if (error_rows[i].number == number) {
            return &error_rows[i];
        }
    }
    return NULL;
}

const char *error_name(enum columba_error error)
{
    const struct error_row *row = error_row_find((uint32_t)error);
    return row == NULL ? "UNKNOWN" : row->name;
}

const char *error_text(enum columba_error error)
{
    const struct error_row *row = error_row_find((uint32_t)error);
    return row == NULL ? "an error this version does not know" : row->text;
}

bool error_is_retryable(enum columba_error error)
{
    const struct error_row *row = error_row_find((uint32_t)error);
    return row != NULL && row->retryable;
}

enum columba_error error_from_number(uint32_t number)
{
    return error_row_find(number) == NULL ? ERR_INTERNAL : (enum columba_error)number;
}
