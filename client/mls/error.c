#include "client/mls/error.h"

#include <stddef.h>

struct mls_error_row {
    const char *name;
    const char *text;
};

static const struct mls_error_row rows[] = {
#define X(row_name, row_text) {.name = #row_name, .text = row_text},
    MLS_ERROR_TABLE(X)
#undef X
};

static const struct mls_error_row *row_of(enum mls_error error)
{
    size_t index = (size_t)error;
    return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index] : NULL;
}

const char *mls_error_name(enum mls_error error)
{
    const struct mls_error_row *row = row_of(error);
    return row == NULL ? "UNKNOWN" : row->name;
}

const char *mls_error_text(enum mls_error error)
{
    const struct mls_error_row *row = row_of(error);
    return row == NULL ? "an error this version does not know" : row->text;
}
