/*
 * Calls under way: a bounded number of them, and of their bytes, at once. A caller submits one
 * future after the other; where the bounds are reached, submitting waits until there is room.
 */
#ifndef COLUMBA_CLIENT_TOOLS_FLIGHT_H
#define COLUMBA_CLIENT_TOOLS_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>

#include <columba.h>

struct flight;

/* The future is done; it is destroyed afterwards. May submit the next one. */
typedef void (*flight_landed)(struct flight *flight, struct columba_future *future, void *job);

struct flight {
    struct columba_client *client;
    size_t calls_max;
    size_t bytes_max;
    size_t calls;
    size_t bytes;
};

/* Takes the future over; `job` goes to `landed`. False: the future is NULL (no memory). Does not
 * wait, so that it may be called from `landed`. */
bool flight_submit(struct flight *flight, struct columba_future *future, size_t bytes,
                   flight_landed landed, void *job);
/* Waits until there is room for one more call. */
void flight_wait_for_room(struct flight *flight);
/* Waits until nothing is under way. */
void flight_wait_for_all(struct flight *flight);

#endif
