/*
 * A row of the store that bounds the ids of its messages: none has a time after this one. It is
 * written in the batch of the message that would pass it, some seconds ahead, so that not every
 * batch has to. LOCAL_META "ids": [format u8 = 1][Unix ms u64].
 */
#ifndef COLUMBA_NODE_STORE_ID_BOUND_H
#define COLUMBA_NODE_STORE_ID_BOUND_H

#include "node/store/engine.h"
#include "node/store/key.h"

#define ID_BOUND_BYTES (1u + 8u)

struct key_bytes id_bound_key(void);
void id_bound_encode(uint64_t unix_ms, uint8_t out_row[ID_BOUND_BYTES]);
/* 0: the store holds no message. ERR_CORRUPT: it cannot be read. */
enum columba_error id_bound_get(struct engine *engine, struct memory *memory,
                                uint64_t *out_unix_ms);

#endif
