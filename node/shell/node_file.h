/*
 * node.json: read whole and written whole. It is written beside, synced, renamed, and the name is
 * synced too: after a crash there is the old one or the new one.
 */
#ifndef COLUMBA_NODE_SHELL_NODE_FILE_H
#define COLUMBA_NODE_SHELL_NODE_FILE_H

#include <jansson.h>

#include "base/error.h"

#define NODE_FILE_TEXT_BYTES 256u

/* NULL in out_json: there is none. ERR_IO, ERR_CORRUPT: out_text says why. */
enum columba_error node_file_read(const char *directory, json_t **out_json,
                                  char out_text[NODE_FILE_TEXT_BYTES]);
/* ERR_NO_MEMORY, ERR_IO: out_text says why. */
enum columba_error node_file_write(const char *directory, const json_t *json,
                                   char out_text[NODE_FILE_TEXT_BYTES]);

#endif
