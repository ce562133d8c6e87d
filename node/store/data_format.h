/*
 * The format of a data directory, told by a file of text named FORMAT in it:
 *
 *   columba data directory
 *   format 5
 *   written by columba 0.1.0
 *
 * It is written before anything else and read before anything else, so that an old program never
 * touches what a newer one wrote.
 */
#ifndef COLUMBA_NODE_STORE_DATA_FORMAT_H
#define COLUMBA_NODE_STORE_DATA_FORMAT_H

#include "base/error.h"
#include "node/store/engine.h"

#define DATA_FORMAT 5u
#define DATA_FORMAT_FILE "FORMAT"
/* The end of every sentence about a store that lacks what it had acknowledged. */
#define DATA_LOSS_ADVICE                                                                           \
    "What is missing had been acknowledged: bring it back; or, if it is lost for good, empty the " \
    "node's data directory and start the node once with --accept-data-loss"

/*
 * Checks the directory's format, or claims an empty directory for ours, durably. out_text
 * (ENGINE_TEXT_MAX_BYTES) is set on failure: ERR_NEWER_FORMAT; ERR_OLDER_FORMAT; ERR_CORRUPT: a
 * file that is not a FORMAT file, or a database without one; ERR_IO.
 */
enum columba_error data_format_check(const char *directory, char *out_text);
/* The names of its files are durable afterwards. ERR_IO. */
enum columba_error data_directory_sync(const char *directory, char *out_text);

#endif
