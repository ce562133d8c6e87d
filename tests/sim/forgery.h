/*
 * A fragment that nobody has the right to write: a message that was never sent, into a conversation
 * that exists. Whoever stores it is found by the first read, or when the replicas are compared.
 */
#ifndef COLUMBA_SIM_FORGERY_H
#define COLUMBA_SIM_FORGERY_H

#include "proto/message.h"
#include "tests/sim/random.h"
#include "tests/sim/world.h"

#define FORGERY_BYTES 256u

/* `buffer` has FORGERY_BYTES, and must live as long as the message. `is_broken`: what is in it is
 * no row. */
void forgery_write(struct world *world, struct random *random, uint32_t conversation,
                   bool is_broken, uint8_t *buffer, struct message *out_message);

#endif
