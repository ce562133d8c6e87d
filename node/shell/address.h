/*
 * An address and port as written in the configuration: `127.0.0.1:7411`, `[::1]:7411`, or without
 * the port. Literals only: a node's address must not depend on what a name server says today.
 */
#ifndef COLUMBA_NODE_SHELL_ADDRESS_H
#define COLUMBA_NODE_SHELL_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_HOST_BYTES 46u
/* "[" host "]:65535" */
#define ADDRESS_TEXT_BYTES (ADDRESS_HOST_BYTES + 8u)
#define ADDRESS_PORT_DEFAULT 7411u

struct address {
    char host[ADDRESS_HOST_BYTES]; /* as the system writes it: equal addresses, equal texts */
    uint16_t port;
    bool is_ipv6;
};

/* False: not a literal, or a port outside 1 … 65,535. */
bool address_parse(const char *text, struct address *out_address);
void address_format(const struct address *address, char *out_text);
bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *address);
/* 0.0.0.0 and ::, which can be listened on but not connected to. */
bool address_is_wildcard(const struct address *address);

union address_socket {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_storage storage;
};

void address_to_socket(const struct address *address, union address_socket *out_socket);
bool address_of_socket(const struct sockaddr *socket, struct address *out_address);

#endif
