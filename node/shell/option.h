/*
 * One row of the table of options at run time: its value in a struct config set from text, told as
 * text, and what it allows.
 */
#ifndef COLUMBA_NODE_SHELL_OPTION_H
#define COLUMBA_NODE_SHELL_OPTION_H

#include "node/shell/config.h"

enum option_kind {
    OPTION_TEXT,
    OPTION_BOOL,
    OPTION_NUMBER,
    OPTION_BYTES,
    OPTION_DURATION,
    OPTION_CHOICE,
};

struct option {
    enum option_kind kind;
    const char *key;
    const char *initial; /* NULL: must be given */
    uint64_t min;
    uint64_t max;
    const char *choices;
    const char *text;
    size_t offset;
};

extern const struct option options[CONFIG_OPTION_COUNT];

#define OPTION_TEXT_BYTES 1200u

/* ERR_CONFIGURATION: not one of the values it allows. ERR_NO_MEMORY. */
enum columba_error option_set(const struct option *option, struct config *config,
                              const char *value);
/* The value in effect, as it would be written. out_text: OPTION_TEXT_BYTES. */
void option_format(const struct option *option, const struct config *config, char *out_text);
/* Text as YAML, in double quotes where it could be read as something else. out_text:
 * OPTION_TEXT_BYTES. */
void option_text_format(const char *value, char *out_text);
/* "a size from 1MiB to 16GiB". out_text: OPTION_TEXT_BYTES. */
void option_allowed(const struct option *option, char *out_text);

#endif
