/*
 * The table of application state's keys.
 */
#include "gossip/state.h"

static const struct {
    const char *text;
    size_t max_bytes;
} keys[GOSSIP_KEY_COUNT] = {
#define X(name, number, text, max_bytes) [number] = {text, max_bytes},
    GOSSIP_KEY_TABLE(X)
#undef X
};

const char *gossip_key_text(enum gossip_key key)
{
    return (unsigned)key < GOSSIP_KEY_COUNT ? keys[key].text : NULL;
}

size_t gossip_key_max_bytes(enum gossip_key key)
{
    return (unsigned)key < GOSSIP_KEY_COUNT ? keys[key].max_bytes : 0;
}
