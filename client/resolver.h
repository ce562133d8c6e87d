/*
 * Names of hosts become addresses here, by c-ares: /etc/hosts and DNS, on the client's own
 * descriptor and within its dispatches, so that a name server that does not answer delays nothing
 * but the connection that waits for it. (Other sources of the C library, such as mDNS, are not
 * asked: they block.)
 *
 *     resolver_ask  ->  once, perhaps before it returns:
 *                       socket_found(addresses) or socket_not_found(why), unless resolver_forget
 *
 * The name servers are read from /etc/resolv.conf when the first name is asked for, and again after
 * a look-up that failed.
 */
#ifndef COLUMBA_CLIENT_RESOLVER_H
#define COLUMBA_CLIENT_RESOLVER_H

#include "client/library.h"

/* A name server gets this long for an answer, and is asked so often. */
#define RESOLVER_TIMEOUT_MS 1000
#define RESOLVER_TRIES 3

void resolver_init(struct resolver *resolver);
/* Ends every look-up without a word. */
void resolver_clear(struct resolver *resolver);
void resolver_ask(struct columba_client *client, uint32_t number, const char *host, uint16_t port);
/* The answer is of no use any more. */
void resolver_forget(struct columba_client *client, uint32_t number);
/* Something happened on its sockets, or its time has come. */
void resolver_turn(struct columba_client *client);
/* UINT64_MAX: nothing is waited for. */
uint64_t resolver_due_ms(const struct columba_client *client, uint64_t now_ms);

#endif
