#include <stdlib.h>
#include <string.h>

#include "client/library.h"

/* "HOST[:PORT],…" with IPv6 addresses in brackets where a port follows. */

static bool port_parse(const char *text, uint16_t *out_port)
{
    uint32_t port = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(*text - '0');
        if (port > UINT16_MAX) {
            return false;
        }
    }
    *out_port = (uint16_t)port;
    return port > 0;
}

static bool contact_in_brackets(char *text, struct client_contact *out)
{
    char *end = strchr(text, ']');
    if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
        return false;
    }
    out->host = slice_of(text + 1, (size_t)(end - text - 1));
    return end[1] == '\0' || port_parse(end + 2, &out->port);
}

static bool contact_parse(char *text, struct client_contact *out_contact)
{
    struct client_contact contact = {.port = CLIENT_PORT_DEFAULT};
    char *colon = strchr(text, ':');
    bool is_address_v6 = colon != NULL && strchr(colon + 1, ':') != NULL;
    bool good = true;
    if (text[0] == '[') {
        good = contact_in_brackets(text, &contact);
    } else if (colon == NULL || is_address_v6) {
        contact.host = slice_of_text(text);
    } else {
        contact.host = slice_of(text, (size_t)(colon - text));
        good = port_parse(colon + 1, &contact.port);
    }
    if (!good || contact.host.size == 0 || contact.host.size > CLIENT_HOST_MAX_BYTES) {
        return false;
    }
    *out_contact = contact;
    return true;
}

static char *trimmed(char *text)
{
    while (*text == ' ') {
        text++;
    }
    for (size_t size = strlen(text); size > 0 && text[size - 1] == ' '; size--) {
        text[size - 1] = '\0';
    }
    return text;
}

const char *contacts_parse(char *text, struct client_contact *out_contacts, uint32_t *out_count)
{
    uint32_t count = 0;
    char *rest = text;
    while (rest != NULL) {
        char *one = rest;
        rest = strchr(one, ',');
        if (rest != NULL) {
            *rest++ = '\0';
        }
        if (count == CLIENT_CONTACTS_MAX) {
            return "more than 64 contacts";
        }
        if (!contact_parse(trimmed(one), &out_contacts[count])) {
            return "a contact is HOST or HOST:PORT, contacts are separated by commas";
        }
        count++;
    }
    *out_count = count;
    return NULL;
}
