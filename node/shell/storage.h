/* Which engine a node keeps its rows in, as the configuration says. */
#ifndef COLUMBA_NODE_SHELL_STORAGE_H
#define COLUMBA_NODE_SHELL_STORAGE_H

#include "node/shell/config.h"
#include "node/store/engine.h"

/* out_text (CONFIG_PROBLEM_BYTES) says what is wrong and what to do. */
enum columba_error storage_open(const struct config *config, const char *directory,
                                struct engine **out_engine, char *out_text);

#endif
