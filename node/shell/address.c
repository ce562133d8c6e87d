#include "node/shell/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "node/shell/units.h"

/* Splits `[host]:port`, `host:port`, `[host]`, `host`. A bare IPv6 literal has several colons. */
static bool text_split(const char *text, char *out_host, const char **out_port)
{
    const char *host = text;
    const char *host_end;
    const char *rest;
    if (*text == '[') {
        host = text + 1;
        host_end = strchr(host, ']');
        if (host_end == NULL) {
            return false;
        }
        rest = host_end + 1;
    } else {
        const char *colon = strchr(text, ':');
        bool is_ipv4 = colon == NULL || strchr(colon + 1, ':') == NULL;
        host_end = is_ipv4 && colon != NULL ? colon : text + strlen(text);
        rest = host_end;
    }
    size_t size = (size_t)(host_end - host);
    if (size == 0 || size >= ADDRESS_HOST_BYTES || (*rest != '\0' && *rest != ':')) {
        return false;
    }
    memcpy(out_host, host, size);
    out_host[size] = '\0';
    *out_port = *rest == ':' ? rest + 1 : NULL;
    return true;
}

bool address_parse(const char *text, struct address *out_address)
{
    char host[ADDRESS_HOST_BYTES];
    const char *port_text;
    uint64_t port = ADDRESS_PORT_DEFAULT;
    if (!text_split(text, host, &port_text)) {
        return false;
    }
    if (port_text != NULL && (!units_parse_number(port_text, &port) || port == 0 || port > 65535)) {
        return false;
    }
    struct in_addr ipv4;
    struct in6_addr ipv6;
    struct address address = {.port = (uint16_t)port};
    if (inet_pton(AF_INET, host, &ipv4) == 1) {
        inet_ntop(AF_INET, &ipv4, address.host, sizeof address.host);
    } else if (inet_pton(AF_INET6, host, &ipv6) == 1) {
        address.is_ipv6 = true;
        inet_ntop(AF_INET6, &ipv6, address.host, sizeof address.host);
    } else {
        return false;
    }
    *out_address = address;
    return true;
}

void address_format(const struct address *address, char *out_text)
{
    snprintf(out_text, ADDRESS_TEXT_BYTES, address->is_ipv6 ? "[%s]:%u" : "%s:%u", address->host,
             (unsigned)address->port);
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool address_is_loopback(const struct address *address)
{
    return address->is_ipv6 ? strcmp(address->host, "::1") == 0
                            : strncmp(address->host, "127.", 4) == 0;
}

bool address_is_wildcard(const struct address *address)
{
    return strcmp(address->host, address->is_ipv6 ? "::" : "0.0.0.0") == 0;
}

void address_to_socket(const struct address *address, union address_socket *out_socket)
{
    memset(out_socket, 0, sizeof *out_socket);
    int done;
    if (address->is_ipv6) {
        out_socket->ipv6.sin6_family = AF_INET6;
        out_socket->ipv6.sin6_port = htons(address->port);
        done = inet_pton(AF_INET6, address->host, &out_socket->ipv6.sin6_addr);
    } else {
        out_socket->ipv4.sin_family = AF_INET;
        out_socket->ipv4.sin_port = htons(address->port);
        done = inet_pton(AF_INET, address->host, &out_socket->ipv4.sin_addr);
    }
    COLUMBA_ASSERT(done == 1);
}

bool address_of_socket(const struct sockaddr *socket, struct address *out_address)
{
    struct address address = {0};
    if (socket->sa_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)socket;
        inet_ntop(AF_INET, &ipv4->sin_addr, address.host, sizeof address.host);
        address.port = ntohs(ipv4->sin_port);
    } else if (socket->sa_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)socket;
        address.is_ipv6 = true;
        inet_ntop(AF_INET6, &ipv6->sin6_addr, address.host, sizeof address.host);
        address.port = ntohs(ipv6->sin6_port);
    } else {
        return false;
    }
    *out_address = address;
    return true;
}
