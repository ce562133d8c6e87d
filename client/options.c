#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/library.h"
#include "ring/consistency.h"

static enum columba_error_code option_wrong(struct columba_options *options,
                                            enum columba_error code, const char *text)
{
    if (options != NULL) {
        snprintf(options->error, sizeof(options->error), "%s", text);
    }
    return (enum columba_error_code)code;
}

struct columba_options *columba_options_create(void)
{
    struct columba_options *options = calloc(1, sizeof(*options));
    if (options == NULL) {
        return NULL;
    }
    struct client_config defaults;
    client_config_defaults(&defaults);
    options->timeout_ms = defaults.timeout_ms;
    options->connections_per_node = defaults.connections_per_node;
    options->requests_max = defaults.requests_max;
    if (columba_options_set_contacts(options, "127.0.0.1") != COLUMBA_ERROR_OK) {
        columba_options_destroy(options);
        return NULL;
    }
    return options;
}

void columba_options_destroy(struct columba_options *options)
{
    if (options == NULL) {
        return;
    }
    sodium_free(options->key); /* wipes */
    free(options->contact_text);
    free(options);
}

const char *columba_options_error(const struct columba_options *options)
{
    return options != NULL ? options->error : "there are no options (NULL)";
}

enum columba_error_code columba_options_set_contacts(struct columba_options *options,
                                                     const char *contacts)
{
    struct client_contact parsed[CLIENT_CONTACTS_MAX];
    uint32_t count = 0;
    if (options == NULL || contacts == NULL) {
        return option_wrong(options, ERR_INVALID, "no contacts were given (NULL)");
    }
    char *text = strdup(contacts);
    if (text == NULL) {
        return option_wrong(options, ERR_NO_MEMORY, error_text(ERR_NO_MEMORY));
    }
    const char *wrong = contacts_parse(text, parsed, &count);
    if (wrong != NULL) {
        free(text);
        snprintf(options->error, sizeof(options->error), "contacts \"%s\": %s", contacts, wrong);
        return COLUMBA_ERROR_INVALID;
    }
    free(options->contact_text);
    options->contact_text = text;
    options->contact_count = count;
    memcpy(options->contacts, parsed, count * sizeof(parsed[0]));
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_consistency(struct columba_options *options,
                                                        enum columba_consistency level)
{
    enum consistency known;
    bool is_level =
        level == COLUMBA_CONSISTENCY_DEFAULT ||
        (consistency_from_number((uint32_t)level, &known) && known != CONSISTENCY_SERIAL);
    if (!is_level || options == NULL) {
        return option_wrong(options, ERR_INVALID, "there is no such consistency level");
    }
    options->consistency = level;
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_timeout_ms(struct columba_options *options,
                                                       uint32_t timeout_ms)
{
    if (timeout_ms == 0 || options == NULL) {
        return option_wrong(options, ERR_INVALID, "a timeout is at least 1 ms");
    }
    options->timeout_ms = timeout_ms;
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_cluster_name(struct columba_options *options,
                                                         const char *name)
{
    if (options == NULL || name == NULL || strlen(name) > COLUMBA_NAME_MAX_BYTES) {
        return option_wrong(options, ERR_INVALID, "a cluster's name has at most 512 bytes");
    }
    snprintf(options->cluster_name, sizeof(options->cluster_name), "%s", name);
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_connections_per_node(struct columba_options *options,
                                                                 uint32_t count)
{
    if (options == NULL || count == 0 || count > CLIENT_CONNECTIONS_PER_NODE_MAX) {
        return option_wrong(options, ERR_INVALID, "connections to each node: 1 to 8");
    }
    options->connections_per_node = count;
    return COLUMBA_ERROR_OK;
}

/* Their futures take a few KiB each. */
#define REQUESTS_LIMIT (1u << 20)

enum columba_error_code columba_options_set_requests_max(struct columba_options *options,
                                                         uint32_t count)
{
    if (options == NULL || count == 0 || count > REQUESTS_LIMIT) {
        return option_wrong(options, ERR_INVALID, "calls under way: 1 to 1,048,576");
    }
    options->requests_max = count;
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_administrator(struct columba_options *options)
{
    options->is_administrator = true;
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_key(struct columba_options *options, const uint8_t *key)
{
    if (options == NULL || key == NULL) {
        return option_wrong(options, ERR_INVALID, "no key was given (NULL)");
    }
    if (sodium_init() < 0) {
        return option_wrong(options, ERR_INTERNAL, "libsodium cannot be used here");
    }
    struct seal_key *locked = options->key;
    if (locked == NULL) {
        locked = sodium_malloc(sizeof(*locked));
    }
    if (locked == NULL) {
        return option_wrong(options, ERR_NO_MEMORY, "no locked memory for the key (see ulimit -l)");
    }
    seal_key_init(locked, key);
    options->key = locked;
    return COLUMBA_ERROR_OK;
}

enum columba_error_code columba_options_set_key_file(struct columba_options *options,
                                                     const char *path)
{
    uint8_t key[SEAL_APPLICATION_KEY_BYTES];
    if (options == NULL || path == NULL) {
        return option_wrong(options, ERR_INVALID, "no key file was given (NULL)");
    }
    enum columba_error error = key_file_read(path, key, options->error, sizeof(options->error));
    if (error != COLUMBA_OK) {
        return (enum columba_error_code)error;
    }
    enum columba_error_code set = columba_options_set_key(options, key);
    sodium_memzero(key, sizeof(key));
    return set;
}

enum columba_error_code columba_options_set_log(struct columba_options *options,
                                                columba_log_callback callback, void *user)
{
    if (options == NULL) {
        return COLUMBA_ERROR_INVALID;
    }
    options->log = callback;
    options->log_user = user;
    return COLUMBA_ERROR_OK;
}
