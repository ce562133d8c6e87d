#include "client/resolver.h"

#include <ares.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/assert.h"
#include "client/socket.h"

struct lookup {
    struct list link; /* in resolver->lookups */
    struct columba_client *client;
    uint32_t number;
    bool is_wanted;
};

void resolver_init(struct resolver *resolver)
{
    *resolver = (struct resolver){.channel = NULL};
    list_init(&resolver->lookups);
}

static void lookups_forget_all(struct resolver *resolver)
{
    list_for_each_safe(link, &resolver->lookups)
    {
        container_of(link, struct lookup, link)->is_wanted = false;
    }
}

static void channel_close(struct resolver *resolver)
{
    if (resolver->channel != NULL) {
        ares_destroy(resolver->channel); /* every look-up is told, and frees itself */
        resolver->channel = NULL;
    }
}

void resolver_clear(struct resolver *resolver)
{
    lookups_forget_all(resolver);
    channel_close(resolver);
    COLUMBA_ASSERT(list_is_empty(&resolver->lookups));
}

/* c-ares says which of its sockets it wants to hear of. All have one mark: which of them it was is
 * found out in resolver_turn. */
static void sockets_watch(void *data, ares_socket_t fd, int readable, int writable)
{
    struct columba_client *client = data;
    struct epoll_event event = {.events = (readable ? (uint32_t)EPOLLIN : 0u) |
                                          (writable ? (uint32_t)EPOLLOUT : 0u),
                                .data.ptr = &client->resolver};
    if (!readable && !writable) {
        epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    } else if (epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) {
        epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int channel_open(struct columba_client *client)
{
    struct resolver *resolver = &client->resolver;
    struct ares_options options = {.timeout = RESOLVER_TIMEOUT_MS,
                                   .tries = RESOLVER_TRIES,
                                   .sock_state_cb = sockets_watch,
                                   .sock_state_cb_data = client};
    if (resolver->is_stale && list_is_empty(&resolver->lookups)) {
        channel_close(resolver);
    }
    if (resolver->channel != NULL) {
        return ARES_SUCCESS;
    }
    resolver->is_stale = false;
    return ares_init_options(&resolver->channel, &options,
                             ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
}

static void addresses_take(const struct ares_addrinfo *found, struct addresses *out_addresses)
{
    *out_addresses = (struct addresses){.count = 0};
    for (const struct ares_addrinfo_node *node = found->nodes;
         node != NULL && out_addresses->count < ADDRESSES_MAX; node = node->ai_next) {
        struct address *address = &out_addresses->at[out_addresses->count];
        if (node->ai_addrlen <= sizeof(address->bytes)) {
            memcpy(&address->bytes, node->ai_addr, node->ai_addrlen);
            address->size = node->ai_addrlen;
            out_addresses->count++;
        }
    }
}

static void lookup_done(void *argument, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup *lookup = argument;
    struct columba_client *client = lookup->client;
    uint32_t number = lookup->number;
    bool is_wanted = lookup->is_wanted;
    struct addresses addresses = {.count = 0};
    (void)timeouts;
    list_remove(&lookup->link);
    free(lookup);
    if (status == ARES_SUCCESS) {
        addresses_take(found, &addresses);
        ares_freeaddrinfo(found);
    } else {
        client->resolver.is_stale = true;
    }
    if (is_wanted && addresses.count > 0) {
        socket_found(client, number, &addresses);
    } else if (is_wanted) {
        char why[256];
        snprintf(why, sizeof(why), "its name cannot be looked up: %s",
                 status == ARES_SUCCESS ? "it has no address" : ares_strerror(status));
        socket_not_found(client, number, why);
    }
}

void resolver_ask(struct columba_client *client, uint32_t number, const char *host, uint16_t port)
{
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NUMERICSERV};
    char service[8];
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    int failed = lookup == NULL ? ARES_ENOMEM : channel_open(client);
    if (failed != ARES_SUCCESS) {
        free(lookup);
        socket_not_found(client, number, ares_strerror(failed));
        return;
    }
    *lookup = (struct lookup){.client = client, .number = number, .is_wanted = true};
    list_init(&lookup->link);
    list_append(&client->resolver.lookups, &lookup->link);
    snprintf(service, sizeof(service), "%u", port);
    ares_getaddrinfo(client->resolver.channel, host, service, &hints, lookup_done, lookup);
}

void resolver_forget(struct columba_client *client, uint32_t number)
{
    list_for_each_safe(link, &client->resolver.lookups)
    {
        struct lookup *lookup = container_of(link, struct lookup, link);
        lookup->is_wanted = lookup->is_wanted && lookup->number != number;
    }
}

void resolver_turn(struct columba_client *client)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd ready[ARES_GETSOCK_MAXNUM];
    nfds_t count = 0;
    if (client->resolver.channel == NULL || list_is_empty(&client->resolver.lookups)) {
        return;
    }
    /* The low half says which of the sockets are to be read, the high half which to be written. */
    unsigned wanted =
        (unsigned)ares_getsock(client->resolver.channel, sockets, ARES_GETSOCK_MAXNUM);
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        int events = ((wanted >> i & 1) != 0 ? POLLIN : 0) |
                     ((wanted >> (i + ARES_GETSOCK_MAXNUM) & 1) != 0 ? POLLOUT : 0);
        if (events != 0) {
            ready[count++] = (struct pollfd){.fd = sockets[i], .events = (short)events};
        }
    }
    if (poll(ready, count, 0) < 0) {
        count = 0;
    }
    for (nfds_t i = 0; i < count; i++) {
        bool reads = (ready[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
        bool writes = (ready[i].revents & POLLOUT) != 0;
        ares_process_fd(client->resolver.channel, reads ? ready[i].fd : ARES_SOCKET_BAD,
                        writes ? ready[i].fd : ARES_SOCKET_BAD);
    }
    /* What has waited for too long. */
    ares_process_fd(client->resolver.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

uint64_t resolver_due_ms(const struct columba_client *client, uint64_t now_ms)
{
    struct timeval wait;
    if (client->resolver.channel == NULL || list_is_empty(&client->resolver.lookups) ||
        ares_timeout(client->resolver.channel, NULL, &wait) == NULL) {
        return UINT64_MAX;
    }
    return now_ms + (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000 + 1;
}
