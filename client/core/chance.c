#include "base/random.h"
#include "client/core/internal.h"

/* Ids and jitter have to differ, not to be secret. */
uint64_t client_random(struct client *client)
{
    return random_split(&client->random_state);
}

uint64_t client_jitter(struct client *client, uint64_t delay_ms)
{
    uint64_t half = delay_ms / 2;
    return delay_ms - half + client_random(client) % (half + 1);
}
