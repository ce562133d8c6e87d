/*
 * The limit of open files: raised as far as the system allows, and told where it is too low for the
 * connections that are configured. Better a sentence at the start than refused connections at
 * night; and a node that could serve hardly anybody does not start.
 */
#ifndef COLUMBA_NODE_SHELL_OPEN_FILES_H
#define COLUMBA_NODE_SHELL_OPEN_FILES_H

#include <stdint.h>

#include "base/log.h"

/* What a node opens besides connections and the engine's files: log, sockets, handles. */
#define OPEN_FILES_OTHER 64u
/* With fewer connections for clients than this a node is of no use. */
#define OPEN_FILES_CONNECTIONS_MIN 8u

/* The limit that holds now. */
uint64_t open_files_raise(void);
/* `limit` is too low for the wanted connections beside `other` files. */
void open_files_warn(struct log *log, uint64_t limit, uint64_t wanted, uint64_t other);
/* The same, so low that the node cannot start. out_text: CONFIG_PROBLEM_BYTES. */
void open_files_refuse(char *out_text, uint64_t limit, uint64_t wanted, uint64_t other);

#endif
