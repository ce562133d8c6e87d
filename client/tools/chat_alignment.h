/*
 * Where a chat log begins or ends within a stamp, its places there are counted from what is
 * already stored: a file that overlaps with one imported before gives its messages the ids they
 * have, and new ones stand before or behind them.
 *
 * Asked are, for each conversation, the first page of its first and of its last stamp. The place
 * of most agreement wins: hashes of sender and text stand in the ids, so no key is needed.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_ALIGNMENT_H
#define COLUMBA_CLIENT_TOOLS_CHAT_ALIGNMENT_H

#include "client/tools/chat_log.h"
#include "client/tools/flight.h"
#include "client/tools/tool.h"

/* False: the cluster could not be asked (said). */
bool chat_align(struct chat_log *log, struct tool *tool, struct flight *flight,
                const struct columba_call *call);

#endif
