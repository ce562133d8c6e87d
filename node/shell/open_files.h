/*
 * The limit of open files: raised as far as the system allows, and told where it is too low for the
 * connections that are configured. Better a warning at the start than refused connections at night.
 */
#ifndef COLUMBA_NODE_SHELL_OPEN_FILES_H
#define COLUMBA_NODE_SHELL_OPEN_FILES_H

#include <stdint.h>

#include "base/log.h"

/* What a node opens besides connections and the engine's files: log, sockets, handles. */
#define OPEN_FILES_OTHER 64u

/* The limit that holds now. */
uint64_t open_files_raise(void);
/* How many of the wanted connections the limit allows, beside the engine's files; warns where that
 * is not all of them. */
uint64_t open_files_connections(struct log *log, uint64_t limit, uint64_t wanted,
                                uint64_t engine_files);

#endif
