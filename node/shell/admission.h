/*
 * Admission: whether this node may be counted as a replica with the data directory it has.
 *
 * A node with a directory that nobody has met asks every other node before it listens: whoever
 * remembers another one refuses its greeting with ERR_WIPED. Nodes that cannot be reached, or do
 * not answer within ADMISSION_WAIT_MS, are not waited for: in a fresh cluster nobody is there yet.
 * They are greeted again later, and their refusal ends the node then.
 *
 * Failure: the node ends with a sentence that says what to do. What a node that is not there could
 * have said is not known: a cluster that lost a directory while its witnesses are down takes the
 * empty one for a first start.
 */
#ifndef COLUMBA_NODE_SHELL_ADMISSION_H
#define COLUMBA_NODE_SHELL_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define ADMISSION_WAIT_MS 3000u

struct node;
struct data_identity;

/* Peers have been started, nothing listens yet. Runs the loop until the others have been asked.
 * ERR_WIPED, ERR_IO, ERR_CANCELLED (stopped meanwhile): out_text (CONFIG_PROBLEM_BYTES). */
enum columba_error admission_ask(struct node *node, char *out_text);
/* Whether another node may be counted as a replica with the data directory it says it has. False:
 * out_why says why not, and the log has been told. */
bool admission_check(struct node *node, uint16_t index, const struct data_identity *told,
                     const char **out_why);
/* Another node has refused this one's greeting with ERR_WIPED: the node ends. */
void admission_refused(struct node *node, uint16_t peer);

#endif
