/*
 * A message's row as clients are shown it: its content with the newest edit, or that it was
 * deleted, or that it is undecided (coordinator/settle.h).
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_MESSAGE_ROW_H
#define COLUMBA_NODE_CORE_COORDINATOR_MESSAGE_ROW_H

#include "node/store/row.h"
#include "proto/message.h"

/* Views into the packed row. False: there is no message in it. */
bool message_row_show(const struct packed_row *packed, struct message_history_row *out_row);

#endif
