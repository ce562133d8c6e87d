/*
 * The data directory: whose it is, how often it was started, and which directories the other nodes
 * had.
 *
 *   lock       held (flock) as long as the process lives; holds its id, for people
 *   node.json  format; what ownership follows from; the start counter; the directory's own id; the
 *              start in which the store was last opened; the other nodes' directories, by host id
 *   store/     the storage engine's, with its own format version; holds a row with the directory's
 *              id and the start counter
 *
 * At first start the configuration decides; later it has to agree. The start counter is counted up
 * durably before it is given out: replica-local sequences begin with it. Store and node.json know
 * of each other, so that a store that was emptied, replaced or put back from an older copy is not
 * taken for what the cluster relies on, nor an older node.json.
 *
 * Another node's directory is remembered, durably, before that node is counted as a replica
 * (node/store/data_identity.h).
 */
#ifndef COLUMBA_NODE_SHELL_DIRECTORY_H
#define COLUMBA_NODE_SHELL_DIRECTORY_H

#include <jansson.h>
#include <stdint.h>

#include "node/shell/cluster.h"
#include "node/store/data_identity.h"
#include "node/store/engine.h"

#define DIRECTORY_FORMAT 2u
#define DIRECTORY_PATH_BYTES 1200u
/* The start counter is the 24 high bits of replica-local sequences. */
#define DIRECTORY_STARTS_MAX ((UINT64_C(1) << 24) - 1)

struct directory {
    char path[DIRECTORY_PATH_BYTES];
    char store_path[DIRECTORY_PATH_BYTES];
    uint64_t start_count; /* 1 at the first start */
    struct data_identity identity;
    bool is_admitted; /* the other nodes have been asked about it */
    bool is_volatile; /* nothing of its store outlives the process (engine: memory) */
    json_t *record;   /* node.json */
    int lock;         /* file descriptor; -1: none */
};

struct directory_options {
    const struct config *config;
    const struct cluster *cluster;
    bool accepts_loss; /* an empty directory takes the place of one that is lost */
};

/* ERR_IN_USE, ERR_NEWER_FORMAT, ERR_OLDER_FORMAT, ERR_CONFIGURATION (another node's, or other
 * ownership), ERR_CORRUPT, ERR_IO: out_text (CONFIG_PROBLEM_BYTES) says what to do. */
enum columba_error directory_open(struct directory *directory,
                                  const struct directory_options *options, char *out_text);
/* Once the store is open, before anything is written to it: is it this directory's, and as new as
 * it was? ERR_CORRUPT, ERR_IO, …: out_text (CONFIG_PROBLEM_BYTES) says what to do. */
enum columba_error directory_store_check(struct directory *directory, struct engine *engine,
                                         char *out_text);
/* The other nodes know of no other directory of this node. ERR_IO. */
enum columba_error directory_admit(struct directory *directory, char *out_text);
/* What another node says of itself. FIRST and REPLACED: it is remembered now. ERR_IO: it could not
 * be. */
enum columba_error directory_meet(struct directory *directory, const struct id *host,
                                  const struct data_identity *told,
                                  enum identity_verdict *out_verdict);
void directory_close(struct directory *directory);

#endif
