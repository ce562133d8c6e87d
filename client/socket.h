/*
 * A connection's socket: bytes are gathered while a turn lasts and leave in one write; what comes
 * in is read in large chunks and taken apart where it lies. Whatever is wrong with it (closed,
 * refused, bytes that are no frame) closes it and tells the core why.
 */
#ifndef COLUMBA_CLIENT_SOCKET_H
#define COLUMBA_CLIENT_SOCKET_H

#include "client/library.h"

/* A read takes up to this; buffers begin with it. */
#define SOCKET_CHUNK_BYTES (64u * KIB)
/* Reads of one socket in a turn, so that one busy node does not keep the others waiting. */
#define SOCKET_READS_MAX 16u

struct socket_buffer {
    uint8_t *data;
    size_t begin;
    size_t end;
    size_t capacity;
};

struct socket {
    int fd; /* -1: closed, to be freed at the end of the turn */
    uint32_t number;
    bool is_connecting;
    bool wants_write;
    struct list dirty; /* in client->dirty, or once closed in client->dead */
    struct socket_buffer in;
    struct socket_buffer out;
};

#endif
