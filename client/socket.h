/*
 * A connection's socket: bytes are gathered while a turn lasts and leave in one write; what comes
 * in is read in large chunks and taken apart where it lies. Whatever is wrong with it (closed,
 * refused, bytes that are no frame) closes it and tells the core why.
 */
#ifndef COLUMBA_CLIENT_SOCKET_H
#define COLUMBA_CLIENT_SOCKET_H

#include <sys/socket.h>

#include "client/library.h"

/* A read takes up to this; buffers begin with it. */
#define SOCKET_CHUNK_BYTES (64u * KIB)
/* Reads of one socket in a turn, so that one busy node does not keep the others waiting. */
#define SOCKET_READS_MAX 16u

/* Addresses of one name that are tried. */
#define ADDRESSES_MAX 8u
/* One that does not answer for this long gives way to the next; the core gives a connection three
 * seconds in all. */
#define ADDRESS_STEP_MS 900u

struct address {
    struct sockaddr_storage bytes;
    socklen_t size;
};

struct addresses {
    struct address at[ADDRESSES_MAX];
    unsigned count;
    unsigned next; /* the first that was not tried */
};

struct socket_buffer {
    uint8_t *data;
    size_t begin;
    size_t end;
    size_t capacity;
};

struct socket {
    int fd; /* -1: its name is being looked up, or closed and to be freed at the end of the turn */
    uint32_t number;
    bool is_connecting;
    bool wants_write;
    struct addresses *addresses; /* while connecting */
    uint64_t step_ms;            /* when the next address is tried */
    struct list connecting;      /* in client->connecting */
    struct list dirty;           /* in client->dirty, or once closed in client->dead */
    struct socket_buffer in;
    struct socket_buffer out;
};

/* What a name has turned out to be. */
void socket_found(struct columba_client *client, uint32_t number,
                  const struct addresses *addresses);
void socket_not_found(struct columba_client *client, uint32_t number, const char *why);

#endif
