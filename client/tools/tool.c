#include "client/tools/tool.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool option_set(struct tool *tool, struct columba_options *options, const char *name,
                       enum columba_error_code code, enum tool_exit *out_exit)
{
    if (code == COLUMBA_ERROR_OK) {
        return true;
    }
    /* A wrong value is the caller's; a key file that cannot be read is the machine's. */
    *out_exit = code == COLUMBA_ERROR_INVALID ? TOOL_USAGE : TOOL_FAILED;
    tool_say(tool, "%s: %s", name, columba_options_error(options));
    return false;
}

static bool options_fill(struct tool *tool, struct columba_options *options,
                         enum tool_exit *out_exit)
{
    const char *contact = tool->contact ? tool->contact : getenv("COLUMBA_CONTACT");
    const char *name = tool->contact ? "--contact" : "COLUMBA_CONTACT";
    if (contact && contact[0] &&
        !option_set(tool, options, name, columba_options_set_contacts(options, contact),
                    out_exit)) {
        return false;
    }
    if (tool->is_administrator) {
        columba_options_set_administrator(options);
    }
    if (tool->consistency) {
        enum columba_consistency level;
        if (!columba_consistency_from_name(tool->consistency, &level)) {
            *out_exit =
                tool_wrong(tool, "--consistency: there is no level '%s'", tool->consistency);
            return false;
        }
        if (!option_set(tool, options, "--consistency",
                        columba_options_set_consistency(options, level), out_exit)) {
            return false;
        }
    }
    if (tool->timeout_ms > 0 &&
        !option_set(tool, options, "--timeout",
                    columba_options_set_timeout_ms(options, tool->timeout_ms), out_exit)) {
        return false;
    }
    return !tool->key_file ||
           option_set(tool, options, "--key-file",
                      columba_options_set_key_file(options, tool->key_file), out_exit);
}

struct columba_options *tool_options(struct tool *tool, enum tool_exit *out_exit)
{
    struct columba_options *options = columba_options_create();
    if (!options) {
        tool_say(tool, "out of memory");
        *out_exit = TOOL_FAILED;
        return NULL;
    }
    if (!options_fill(tool, options, out_exit)) {
        columba_options_destroy(options);
        return NULL;
    }
    return options;
}

bool tool_connect(struct tool *tool, enum tool_exit *out_exit)
{
    struct columba_options *options = tool_options(tool, out_exit);
    if (!options) {
        return false;
    }
    struct columba_error_info error;
    tool->client = columba_client_create(options, &error);
    columba_options_destroy(options);
    if (!tool->client) {
        tool_say_error(tool, "starting", &error);
        *out_exit = TOOL_FAILED;
        return false;
    }
    return true;
}

void tool_clear(struct tool *tool)
{
    columba_client_destroy(tool->client);
    poptFreeContext(tool->context);
    free(tool->contact);
    free(tool->consistency);
    free(tool->key_file);
    free(tool->format);
    free(tool->timeout);
    json_decref(tool->error);
}

/* Names and texts are UTF-8, whatever the terminal's locale: in another one tables would show
 * escapes in place of letters. */
static void set_locale(void)
{
    setlocale(LC_ALL, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
}

enum tool_exit tool_run(struct tool *tool, int argc, const char **argv,
                        const struct tool_command *commands, size_t count)
{
    set_locale();
    int left_count = 0;
    const char **left = NULL;
    enum tool_exit result =
        tool_parse_globals(tool, argc, argv, commands, count, &left_count, &left);
    if (result == TOOL_DONE && left_count > 0) {
        const struct tool_command *command = tool_find_command(tool, commands, count, left[0]);
        result = TOOL_USAGE;
        if (command) {
            tool->command = command->name;
            tool->usage = command->arguments;
            result = command->run(tool, left_count, left);
        }
    }
    tool_print_failure(tool, result);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        tool_say(tool, "standard output cannot be written");
        result = TOOL_FAILED;
    }
    tool_clear(tool);
    return result;
}
