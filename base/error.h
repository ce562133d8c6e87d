/*
 * The one error enum. Functions that can fail return it; COLUMBA_OK is 0. Codes exist only where a
 * caller can react differently; everything else goes into the text of a struct error_detail.
 */
#ifndef COLUMBA_BASE_ERROR_H
#define COLUMBA_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error_table.h"

enum columba_error {
#define X(name, number, retryable, text) ERR_##name = (number),
    COLUMBA_ERROR_TABLE(X)
#undef X
};

#define COLUMBA_OK ERR_OK

/* "UNAVAILABLE"; "UNKNOWN" for a number that is not in the table. */
const char *error_name(enum columba_error error);
/* The table's sentence. */
const char *error_text(enum columba_error error);
bool error_is_retryable(enum columba_error error);
/* Numbers off the wire: those that are not in the table become ERR_INTERNAL. */
enum columba_error error_from_number(uint32_t number);

#endif
