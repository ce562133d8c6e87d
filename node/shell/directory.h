/*
 * The data directory: whose it is and how often it was started.
 *
 *   lock       held (flock) as long as the process lives; holds its id, for people
 *   node.json  format, cluster, node, host id, keyspace, what ownership follows from, start counter
 *   store/     the storage engine's, with its own format version
 *
 * At first start the configuration decides; later it has to agree, because data that were placed
 * under another list of nodes would be looked for where they are not. The start counter is counted
 * up durably before it is given out: replica-local sequences begin with it.
 */
#ifndef COLUMBA_NODE_SHELL_DIRECTORY_H
#define COLUMBA_NODE_SHELL_DIRECTORY_H

#include <stdint.h>

#include "node/shell/cluster.h"

#define DIRECTORY_FORMAT 1u
#define DIRECTORY_PATH_BYTES 1200u

struct directory {
    char store_path[DIRECTORY_PATH_BYTES];
    uint64_t start_count; /* 1 at the first start */
    int lock;             /* file descriptor; -1: none */
};

/* ERR_IN_USE, ERR_NEWER_FORMAT, ERR_CONFIGURATION (another node's, or other ownership),
 * ERR_CORRUPT, ERR_IO: out_text (CONFIG_PROBLEM_BYTES) says what to do. */
enum columba_error directory_open(struct directory *directory, const struct config *config,
                                  const struct cluster *cluster, char *out_text);
void directory_close(struct directory *directory);

#endif
