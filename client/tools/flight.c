#include "client/tools/flight.h"

#include <stdlib.h>

struct passenger {
    struct flight *flight;
    flight_landed landed;
    void *job;
    size_t bytes;
};

static void on_done(struct columba_future *future, void *user)
{
    struct passenger passenger = *(struct passenger *)user;
    free(user);
    passenger.flight->calls--;
    passenger.flight->bytes -= passenger.bytes;
    passenger.landed(passenger.flight, future, passenger.job);
    columba_future_destroy(future);
}

bool flight_submit(struct flight *flight, struct columba_future *future, size_t bytes,
                   flight_landed landed, void *job)
{
    struct passenger *passenger = malloc(sizeof(*passenger));
    if (!future || !passenger) {
        columba_future_destroy(future);
        free(passenger);
        return false;
    }
    *passenger = (struct passenger){.flight = flight, .landed = landed, .job = job, .bytes = bytes};
    flight->calls++;
    flight->bytes += bytes;
    columba_future_set_callback(future, on_done, passenger);
    return true;
}

void flight_wait_for_room(struct flight *flight)
{
    while (flight->calls >= flight->calls_max || flight->bytes >= flight->bytes_max) {
        columba_dispatch(flight->client, -1);
    }
}

void flight_wait_for_all(struct flight *flight)
{
    while (flight->calls > 0) {
        columba_dispatch(flight->client, -1);
    }
}
