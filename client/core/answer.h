/*
 * An answer judged by its question: a node may be broken or hostile, and what it says is believed
 * only where it can be an answer to what it was asked. Whoever uses an answer that passed may rely
 * on
 *
 *   - its kind: the one of this question (a STATUS that is no success is judged elsewhere);
 *   - pages: not more rows than asked for, in the order asked for, each once, within the bounds
 *     asked for; `more` only after at least one row, so that going on from the last row makes way;
 *   - names: they are names (base/name.h), and those whose ids they came with;
 *   - JSON: UTF-8.
 */
#ifndef COLUMBA_CLIENT_CORE_ANSWER_H
#define COLUMBA_CLIENT_CORE_ANSWER_H

#include "proto/message.h"

/* Rows of a page of history where the question names no limit. */
#define ANSWER_HISTORY_ROWS_DEFAULT 50u

/* NULL: it may be believed. Else what is wrong, as the end of "it answered with …". */
const char *answer_problem(const struct message *question, const struct message *answer);

#endif
