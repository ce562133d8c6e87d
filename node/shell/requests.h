/*
 * Requests under way: from the frame that brought one to the answer that leaves. The core names a
 * request by the number made here (place and generation), so an answer finds its connection, the
 * asker's own number and the time it has taken with one look into an array.
 *
 * A request whose connection closes stays until the core answers; one that the core never answers
 * is given up after a while, so that a connection's count cannot stay high for good.
 */
#ifndef COLUMBA_NODE_SHELL_REQUESTS_H
#define COLUMBA_NODE_SHELL_REQUESTS_H

#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "node/core/machine/intake.h"
#include "proto/message.h"

struct connection;

struct request {
    struct list of_connection;
    struct connection *connection; /* NULL: it has closed */
    uint64_t asked_id;             /* the asker's number */
    uint64_t started_ns;
    struct intake_ticket ticket;
    uint32_t generation;
    uint32_t next_free;
    uint8_t type; /* enum message_type; 0: the place is free */
};

struct requests {
    struct request *places;
    uint32_t capacity;
    uint32_t used; /* places that were ever taken */
    uint32_t free;
    uint32_t count;
};

enum columba_error requests_init(struct requests *requests, uint32_t capacity);
void requests_clear(struct requests *requests);

/* NULL: all places are taken. */
struct request *requests_take(struct requests *requests, struct connection *connection,
                              struct list *of_connection, uint64_t asked_id, uint8_t type,
                              uint64_t now_ns);
/* The core's name for it. */
uint64_t requests_id(const struct requests *requests, const struct request *request);
/* NULL: it was given up, or answered before. */
struct request *requests_find(struct requests *requests, uint64_t id);
/* Frees the place. */
void requests_release(struct requests *requests, struct request *request);

/* The next one older than `before_ns`, ADMIN aside (those may take long); NULL: none. `cursor`
 * starts at 0. */
struct request *requests_stale(struct requests *requests, uint32_t *cursor, uint64_t before_ns);

#endif
