/*
 * What ownership follows from, as it stands in node.json. Data that were placed under another list
 * of nodes would be looked for where they are not, so it has to agree with the configuration.
 */
#ifndef COLUMBA_NODE_SHELL_OWNERSHIP_H
#define COLUMBA_NODE_SHELL_OWNERSHIP_H

#include <jansson.h>

#include "node/shell/cluster.h"

/* A new object, or NULL for want of memory. */
json_t *ownership_describe(const struct config *config, const struct cluster *cluster);

#define OWNERSHIP_TEXT_BYTES 1200u

/* True: `was` says the same as `is`. Else out_text says what differs and what to do. */
bool ownership_agrees(const json_t *was, const json_t *is, char out_text[OWNERSHIP_TEXT_BYTES]);

#endif
