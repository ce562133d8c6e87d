/*
 * Application state: what every node tells all others about itself, a few small values under fixed
 * keys. Each value carries the version at which its node set it, so two nodes can exchange just
 * what the other lacks (van Renesse et al., "Efficient Reconciliation and Flow Control for
 * Anti-Entropy Protocols", 2008, and the gossip of Cassandra).
 *
 * A member's values are kept in one packed block: most members have few and short ones.
 */
#ifndef COLUMBA_GOSSIP_STATE_H
#define COLUMBA_GOSSIP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/slice.h"

/*
 * X(NAME, number, text, max_bytes). Numbers travel on the wire and never change meaning; a value
 * under a number that is not in the table (a newer node sent it) is kept and passed on unseen.
 * Numbers are big-endian bytes, texts are UTF-8, as `columbactl gossipinfo` shows them.
 */
/* clang-format off */
#define GOSSIP_KEY_TABLE(X)                                                                        \
    X(STATUS,           0, "status",           16) /* NORMAL, DRAINING, CLOCK_WRONG */             \
    X(DATACENTER,       1, "datacenter",       64)                                                 \
    X(RACK,             2, "rack",             64)                                                 \
    X(LOAD_BYTES,       3, "load_bytes",        8) /* u64: bytes on disk */                        \
    X(TOPOLOGY_VERSION, 4, "topology_version",  8) /* u64 */                                       \
    X(RELEASE_VERSION,  5, "release_version",  32)                                                 \
    X(ADDRESS,          6, "address",          64) /* HOST:PORT where the node serves */           \
    X(TOKENS_HASH,      7, "tokens_hash",       8) /* u64: equal where the tokens are */           \
    X(NAME,             8, "name",             64) /* the node's name in the configuration */      \
    X(HTTP_ADDRESS,     9, "http_address",     64) /* HOST:PORT of health and metrics */          \
    X(CLOCK_OFFSET,    10, "clock_offset_ms",   8) /* i64: less the others'; 0: near */
/* clang-format on */

enum gossip_key {
#define X(name, number, text, max_bytes) GOSSIP_##name = (number),
    GOSSIP_KEY_TABLE(X)
#undef X
        GOSSIP_KEY_COUNT
};

/* "load_bytes"; NULL for a number that is not in the table. */
const char *gossip_key_text(enum gossip_key key);
/* The most bytes its value may have. */
size_t gossip_key_max_bytes(enum gossip_key key);

/* All values of a node with key, version and length: fits a packet next to other contents, so a
 * delta is never cut within a node. */
#define GOSSIP_STATE_MAX_BYTES 640u

/* The packed values: key u8, version varint, value sized; ascending by key. The same on the wire.
 * `version` is the highest its node had set when this was told. */
struct gossip_state {
    uint64_t version;
    uint8_t *block;
    uint16_t size;
    uint16_t capacity;
};

void gossip_state_clear(struct gossip_state *state, struct memory *memory);

/* True if the bytes are packed values, in order, each within its key's bound, none newer than
 * `version`. */
bool gossip_state_is_valid(struct slice packed, uint64_t version);

/*
 * Takes the higher version of each key (`replace`: only what is new), and `version`. `packed` must
 * be valid. ERR_TOO_LARGE: together more than GOSSIP_STATE_MAX_BYTES. ERR_NO_MEMORY. On failure
 * the state is as before.
 */
enum columba_error gossip_state_merge(struct gossip_state *state, struct memory *memory,
                                      struct slice packed, uint64_t version, bool replace);

/* Data NULL where the key was never set. A view into the block. */
struct slice gossip_state_get(const struct gossip_state *state, enum gossip_key key);

/* The values set after version `after`, packed; returns the bytes' number. `out` has room for
 * GOSSIP_STATE_MAX_BYTES. */
size_t gossip_state_after(const struct gossip_state *state, uint64_t after, uint8_t *out);

#endif
