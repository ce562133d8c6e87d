/*
 * The YAML side of the configuration: a document walked with the table of options in hand. What is
 * not known is an error at its line; what was not given keeps line 0.
 */
#ifndef COLUMBA_NODE_SHELL_CONFIG_FILE_H
#define COLUMBA_NODE_SHELL_CONFIG_FILE_H

#include "node/shell/config.h"

/* What is being loaded, and where its problem goes. */
struct config_load {
    const char *name; /* of the file */
    struct config *config;
    struct config_problem *problem;
    uint32_t nodes_line;
    uint32_t replication_line;
};

/* Reads every option that the document gives, into load->config. ERR_CONFIGURATION with the
 * problem, ERR_NO_MEMORY. */
enum columba_error config_file_read(struct config_load *load, struct slice yaml);

/* Writes the problem (line 0: of the file as a whole) and returns ERR_CONFIGURATION. */
__attribute__((format(printf, 3, 4))) enum columba_error config_fail(const struct config_load *load,
                                                                     uint32_t line,
                                                                     const char *format, ...);

#endif
