/* The daemon's log: lines to standard error, each in one write, so that threads do not mix them. */
#ifndef COLUMBA_NODE_SHELL_LOG_STDERR_H
#define COLUMBA_NODE_SHELL_LOG_STDERR_H

#include "base/log.h"
#include "node/shell/config.h"

struct log log_stderr(const struct config *config);

#endif
