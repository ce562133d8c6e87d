#include "node/shell/option.h"

#include <inttypes.h>
#include <string.h>

#include "node/shell/units.h"

const struct option options[CONFIG_OPTION_COUNT] = {
#define X(kind_name, member, key_text, initial_text, min_value, max_value, choice_text, doc)       \
    [CONFIG_##member] = {.kind = OPTION_##kind_name,                                               \
                         .key = key_text,                                                          \
                         .initial = initial_text,                                                  \
                         .min = min_value,                                                         \
                         .max = max_value,                                                         \
                         .choices = choice_text,                                                   \
                         .text = doc,                                                              \
                         .offset = offsetof(struct config, member)},
    CONFIG_TABLE(X)
#undef X
};

static void *option_place(const struct option *option, struct config *config)
{
    return (char *)config + option->offset;
}

static const void *option_place_const(const struct option *option, const struct config *config)
{
    return (const char *)config + option->offset;
}

static enum columba_error text_set(const struct option *option, struct config *config,
                                   const char *value)
{
    size_t size = strlen(value);
    if (size < option->min || size > option->max) {
        return ERR_CONFIGURATION;
    }
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return ERR_CONFIGURATION;
        }
    }
    struct slice copy;
    if (arena_copy(&config->arena, slice_of(value, size + 1), &copy) != 0) {
        return ERR_NO_MEMORY;
    }
    const char **place = option_place(option, config);
    *place = (const char *)copy.data;
    return COLUMBA_OK;
}

static enum columba_error bool_set(const struct option *option, struct config *config,
                                   const char *value)
{
    bool *place = option_place(option, config);
    if (strcmp(value, "true") == 0) {
        *place = true;
    } else if (strcmp(value, "false") == 0) {
        *place = false;
    } else {
        return ERR_CONFIGURATION;
    }
    return COLUMBA_OK;
}

static enum columba_error quantity_set(const struct option *option, struct config *config,
                                       const char *value,
                                       bool (*parse)(const char *text, uint64_t *out_value))
{
    uint64_t number;
    if (!parse(value, &number) || number < option->min || number > option->max) {
        return ERR_CONFIGURATION;
    }
    uint64_t *place = option_place(option, config);
    *place = number;
    return COLUMBA_OK;
}

static enum columba_error choice_set(const struct option *option, struct config *config,
                                     const char *value)
{
    size_t size = strlen(value);
    uint32_t index = 0;
    for (const char *at = option->choices;; index++) {
        size_t length = strcspn(at, "|");
        if (length == size && memcmp(at, value, size) == 0) {
            uint32_t *place = option_place(option, config);
            *place = index;
            return COLUMBA_OK;
        }
        if (at[length] == '\0') {
            return ERR_CONFIGURATION;
        }
        at += length + 1;
    }
}

enum columba_error option_set(const struct option *option, struct config *config, const char *value)
{
    switch (option->kind) {
    case OPTION_TEXT:
        return text_set(option, config, value);
    case OPTION_BOOL:
        return bool_set(option, config, value);
    case OPTION_NUMBER:
        return quantity_set(option, config, value, units_parse_number);
    case OPTION_BYTES:
        return quantity_set(option, config, value, units_parse_bytes);
    case OPTION_DURATION:
        return quantity_set(option, config, value, units_parse_duration);
    case OPTION_CHOICE:
        return choice_set(option, config, value);
    }
    return ERR_INTERNAL;
}

static void choice_format(const struct option *option, uint32_t index, char *out_text)
{
    const char *at = option->choices;
    for (; index > 0; index--) {
        at += strcspn(at, "|") + 1;
    }
    snprintf(out_text, OPTION_TEXT_BYTES, "%.*s", (int)strcspn(at, "|"), at);
}

void option_text_format(const char *value, char *out_text)
{
    size_t plain = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_.");
    if (plain > 0 && value[plain] == '\0') {
        snprintf(out_text, OPTION_TEXT_BYTES, "%s", value);
        return;
    }
    char *at = out_text;
    char *end = out_text + OPTION_TEXT_BYTES - 3;
    *at++ = '"';
    for (; *value != '\0' && at < end; value++) {
        if (*value == '"' || *value == '\\') {
            *at++ = '\\';
        }
        *at++ = *value;
    }
    *at++ = '"';
    *at = '\0';
}

void option_format(const struct option *option, const struct config *config, char *out_text)
{
    const void *place = option_place_const(option, config);
    switch (option->kind) {
    case OPTION_TEXT:
        option_text_format(*(const char *const *)place, out_text);
        return;
    case OPTION_BOOL:
        snprintf(out_text, OPTION_TEXT_BYTES, "%s", *(const bool *)place ? "true" : "false");
        return;
    case OPTION_NUMBER:
        snprintf(out_text, OPTION_TEXT_BYTES, "%" PRIu64, *(const uint64_t *)place);
        return;
    case OPTION_BYTES:
        units_format_bytes(*(const uint64_t *)place, out_text);
        return;
    case OPTION_DURATION:
        units_format_duration(*(const uint64_t *)place, out_text);
        return;
    case OPTION_CHOICE:
        choice_format(option, *(const uint32_t *)place, out_text);
        return;
    }
}

static void choices_allowed(const struct option *option, char *out_text)
{
    size_t used = (size_t)snprintf(out_text, OPTION_TEXT_BYTES, "one of ");
    for (const char *at = option->choices;;) {
        size_t length = strcspn(at, "|");
        used +=
            (size_t)snprintf(out_text + used, OPTION_TEXT_BYTES - used, "%.*s", (int)length, at);
        if (at[length] == '\0') {
            return;
        }
        used += (size_t)snprintf(out_text + used, OPTION_TEXT_BYTES - used, ", ");
        at += length + 1;
    }
}

void option_allowed(const struct option *option, char *out_text)
{
    char min[UNITS_TEXT_BYTES];
    char max[UNITS_TEXT_BYTES];
    switch (option->kind) {
    case OPTION_TEXT:
        snprintf(out_text, OPTION_TEXT_BYTES,
                 "text of %" PRIu64 " to %" PRIu64 " bytes without control characters", option->min,
                 option->max);
        return;
    case OPTION_BOOL:
        snprintf(out_text, OPTION_TEXT_BYTES, "true or false");
        return;
    case OPTION_NUMBER:
        snprintf(out_text, OPTION_TEXT_BYTES, "a whole number from %" PRIu64 " to %" PRIu64,
                 option->min, option->max);
        return;
    case OPTION_BYTES:
        units_format_bytes(option->min, min);
        units_format_bytes(option->max, max);
        snprintf(out_text, OPTION_TEXT_BYTES,
                 "a size from %s to %s, with its unit (" UNITS_SIZES ")", min, max);
        return;
    case OPTION_DURATION:
        units_format_duration(option->min, min);
        units_format_duration(option->max, max);
        snprintf(out_text, OPTION_TEXT_BYTES,
                 "a duration from %s to %s, with its unit (" UNITS_DURATIONS ")", min, max);
        return;
    case OPTION_CHOICE:
        choices_allowed(option, out_text);
        return;
    }
}
