/*
 * What a peer says is checked against what it was asked, before anything uses it. An answer of
 * another kind, of another table or range, in another order, with another count or longer than
 * allowed is an error of that replica: BAD_ANSWER, which says nothing about what it did. A STATUS
 * is a refusal.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_PEER_ANSWER_H
#define COLUMBA_NODE_CORE_COORDINATOR_PEER_ANSWER_H

#include <stdbool.h>

#include "proto/message.h"

/* An answer to a write: `error` says how it went. */
struct message_written peer_written(const struct message *message);

/* An answer to `query`; asked for a digest if the query says so. On COLUMBA_OK the message's rows
 * are what was asked for. `is_own`: from this node's own store, which knows what it reads. */
enum columba_error peer_rows_check(const struct message *message, const struct message_read *query,
                                   bool is_own);

/* An answer to a read of a log: on COLUMBA_OK it is MESSAGE_LOG, and its rows are what was asked
 * for. */
enum columba_error peer_log_check(const struct message *message,
                                  const struct message_log_read *query);

#endif
