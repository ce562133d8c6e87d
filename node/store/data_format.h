/*
 * The format of a data directory, told by a file of text named FORMAT in it:
 *
 *   columba data directory
 *   format 1
 *   written by columba 0.1.0
 *
 * It is written before anything else and read before anything else, so that an old program never
 * touches what a newer one wrote.
 */
#ifndef COLUMBA_NODE_STORE_DATA_FORMAT_H
#define COLUMBA_NODE_STORE_DATA_FORMAT_H

#include "base/error.h"
#include "node/store/engine.h"

#define DATA_FORMAT 1u
#define DATA_FORMAT_FILE "FORMAT"

/*
 * Checks the directory's format, or claims an empty directory for ours, durably. out_text
 * (ENGINE_TEXT_MAX_BYTES) is set on failure: ERR_NEWER_FORMAT; ERR_CORRUPT: a file that is not a
 * FORMAT file, or a database without one; ERR_IO.
 */
enum columba_error data_format_check(const char *directory, char *out_text);

#endif
