#include "node/store/rocksdb_status.h"

#include <rocksdb/c.h>
#include <stdio.h>

struct status_row {
    const char *begin; /* RocksDB's Status::ToString begins with its code */
    enum columba_error error;
};

static const struct status_row status_rows[] = {
    {"Corruption", ERR_CORRUPT},
    {"Result incomplete", ERR_OVERLOADED},
    {"IO error: lock ", ERR_IN_USE},
    {"IO error: While lock file", ERR_IN_USE},
};

static enum columba_error status_error(const char *text)
{
    for (size_t i = 0; i < sizeof(status_rows) / sizeof(status_rows[0]); i++) {
        if (strncmp(text, status_rows[i].begin, strlen(status_rows[i].begin)) == 0) {
            return status_rows[i].error;
        }
    }
    return ERR_IO;
}

enum columba_error rocksdb_status_take(char *errptr, char *out_text)
{
    if (errptr == NULL) {
        return COLUMBA_OK;
    }
    enum columba_error error = status_error(errptr);
    if (out_text != NULL) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "%s", errptr);
    }
    rocksdb_free(errptr);
    return error;
}
