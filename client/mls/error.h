/* The MLS library's one error enum; what each means stands in error_table.h. */
#ifndef COLUMBA_MLS_ERROR_H
#define COLUMBA_MLS_ERROR_H

#include "client/mls/error_table.h"

#if defined(__GNUC__)
#define MLS_MUST_CHECK __attribute__((warn_unused_result))
#else
#define MLS_MUST_CHECK
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum mls_error {
#define X(name, text) MLS_ERR_##name,
    MLS_ERROR_TABLE(X)
#undef X
};

#define MLS_OK MLS_ERR_OK

/* "STALE_EPOCH"; "UNKNOWN" for a number that is no error. */
const char *mls_error_name(enum mls_error error);
/* The table's sentence. */
const char *mls_error_text(enum mls_error error);

#ifdef __cplusplus
}
#endif

#endif
