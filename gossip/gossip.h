/*
 * Gossip: who is in the cluster, who of them is alive, and what each says about itself.
 *
 * SWIM (Das, Gupta, Motivala 2002) finds out who is alive: each probe interval a node pings one
 * other, asks a few more to ping it when no answer comes, and then spreads a suspicion that the
 * suspect can refute by a higher incarnation. Lifeguard (Dadgar, Phillips, Currey 2017) keeps slow
 * observers from accusing healthy nodes. News ride on the packets of the probing, so a node's
 * traffic does not grow with the cluster. A push-pull exchange with a random member spreads each
 * node's application state and repairs whatever news were lost.
 *
 * A member's record is a value that merges: the higher (incarnation, state) wins, on every node and
 * in any order of arrival; only the node itself raises its incarnation.
 *
 * The object is pure: time comes in as monotonic milliseconds, randomness as a seed, memory as a
 * source, packets as bytes. The caller's loop:
 *
 *     on a datagram:      gossip_receive(g, now, &from, bytes), then drain
 *     at gossip_next_deadline(g), or when something else woke it:  gossip_tick(g, now), then drain
 *     drain:              while (gossip_packet_next(…)) send;  while (gossip_change_next(…)) act
 *
 * Datagrams may be lost, reordered, repeated or damaged; what cannot be understood is counted and
 * dropped. Packets are not authenticated: whoever can send from inside the network can lie. What a
 * lie can do is bounded: hosts that do not belong to the cluster are not taken in, and an
 * incarnation far ahead of the time is not believed, so a node that is declared dead by a forged
 * packet refutes it, and is not kept out for good.
 *
 * The caller may tell the wall clock's time as well (gossip_wall). Then it bounds incarnations, and
 * the nodes compare their clocks (clocks.h).
 *
 * Not thread-safe: one thread at a time. Out parameters are untouched on failure.
 */
#ifndef COLUMBA_GOSSIP_GOSSIP_H
#define COLUMBA_GOSSIP_GOSSIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/slice.h"
#include "gossip/state.h"

/* Below the smallest common MTU (1,500 less IPv6 and UDP headers), with room for a tunnel. */
#define GOSSIP_PACKET_MAX_BYTES 1400u
/* Packets waiting to be drained; a call puts fewer, more are dropped as the network would. */
#define GOSSIP_PACKETS_MAX 32u
/* Addresses to find the first members by. */
#define GOSSIP_SEEDS_MAX 64u

struct gossip;

struct gossip_address {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest are 0 */
    uint16_t port;     /* host order, never 0 */
};

bool gossip_address_equal(const struct gossip_address *a, const struct gossip_address *b);

/* In the order in which they win over each other at one incarnation. */
enum gossip_status {
    GOSSIP_ALIVE = 0,
    GOSSIP_SUSPECT = 1, /* did not answer; treat it as alive, the last word is not spoken */
    GOSSIP_DEAD = 2,
    GOSSIP_LEFT = 3, /* said goodbye */
};

/* "alive", "suspect", "dead", "left". */
const char *gossip_status_text(enum gossip_status status);

struct gossip_config {
    struct id host;
    struct gossip_address address;      /* where others reach this node */
    uint64_t cluster_hash;              /* of the cluster's name: others' packets are dropped */
    const struct gossip_address *seeds; /* copied; this node's own address may be among them */
    size_t seeds_count;
    uint64_t random_seed;
    /* Must be higher than in this host's earlier lives (Unix milliseconds at start will do). Where
     * it is not, the node finds out from the others and goes above, only later. */
    uint64_t incarnation;
    /* The hosts that may be members, ascending; copied. None: whoever says so is one. */
    const struct id *hosts;
    size_t hosts_count;

    /* The rest is set by gossip_config_defaults. */
    uint32_t probe_interval_ms;
    uint32_t probe_timeout_ms;      /* no answer for so long: ask others to ping; < interval */
    uint32_t indirect_probes;       /* how many are asked */
    uint32_t suspicion_periods;     /* shortest suspicion = interval * (this + log2(members) / 2) */
    uint32_t suspicion_stretch;     /* longest, while nobody confirms it = shortest * this */
    uint32_t retransmit_factor;     /* a piece of news is sent this * log2(members) times */
    uint32_t sync_interval_ms;      /* between two push-pull exchanges */
    uint32_t reconnect_interval_ms; /* between two attempts at a dead member or an unheard seed */
    uint64_t forget_ms;             /* dead or left for so long: out of the table */
};

/*
 * Sets every parameter from one: 1,000 in production, 200 on loopback. Zeroes the rest.
 * With 200, on a loopback cluster of three, a killed node is dead for all within 2.5 s, and one
 * whose loop stalls for 400 ms is suspected at most.
 */
void gossip_config_defaults(struct gossip_config *config, uint32_t probe_interval_ms);

/*
 * Copies the configuration. ERR_INVALID: a parameter is 0 or out of range. ERR_NO_MEMORY.
 * `memory` must outlive the object.
 */
enum columba_error gossip_create(struct memory *memory, const struct gossip_config *config,
                                 uint64_t now_ms, struct gossip **out_gossip);
/* Takes NULL. */
void gossip_destroy(struct gossip *gossip);

/* What the wall clock shows; to be told before receive and tick, whenever it is known. */
void gossip_wall(struct gossip *gossip, uint64_t now_ms, uint64_t unix_ms);
/* `from` is the datagram's source: answers go there. Time that runs backwards stands still. */
void gossip_receive(struct gossip *gossip, uint64_t now_ms, const struct gossip_address *from,
                    struct slice packet);
/* Does everything that is due. Harmless when called early. */
void gossip_tick(struct gossip *gossip, uint64_t now_ms);
/* When gossip_tick has something to do; may lie in the past. Changes with every call. */
uint64_t gossip_next_deadline(const struct gossip *gossip);

/* The bytes are valid until the next call of any function but gossip_packet_next's next. */
bool gossip_packet_next(struct gossip *gossip, struct gossip_address *out_to,
                        struct slice *out_packet);

struct gossip_change {
    struct id host;
    struct gossip_address address;
    enum gossip_status status;
    uint64_t incarnation;
    bool status_changed; /* since this member's last change; true when it is new */
    bool state_changed;  /* its application state: ask gossip_member_find */
};

/*
 * What changed about others, the newest word for each: several changes of one member between two
 * drains are one, and nothing is ever dropped. A status that changed there and back is not
 * reported, except that a new incarnation is (the node may have restarted).
 */
bool gossip_change_next(struct gossip *gossip, struct gossip_change *out_change);

struct gossip_member {
    struct id host;
    struct gossip_address address;
    enum gossip_status status;
    uint64_t generation;  /* the incarnation its present life began with */
    uint64_t incarnation; /* >= generation; raised by each refutation */
    uint64_t since_ms;    /* when this node learned the status, on this node's clock */
    uint64_t state_version;
    struct slice state[GOSSIP_KEY_COUNT]; /* data NULL where never set */
};

struct gossip_clock {
    bool is_wrong;     /* the majority's clocks are more than CLOCK_WRONG_MS away */
    int64_t offset_ms; /* this node's wall clock less the median of the others' */
    uint32_t compared; /* so many others */
};

/* This node's wall clock, compared with the others'. */
struct gossip_clock gossip_clock(const struct gossip *gossip);
/* This node's wall clock less another's. False: that one is not known. */
bool gossip_clock_of(const struct gossip *gossip, const struct id *host, int64_t *out_offset_ms);

/* The node itself, and everyone it has heard of, the dead and the left included; by host id.
 * Slices are valid until the next call of receive, tick, or a function that sets. */
size_t gossip_member_count(const struct gossip *gossip);
struct gossip_member gossip_member_at(const struct gossip *gossip, size_t index);
bool gossip_member_find(const struct gossip *gossip, const struct id *host,
                        struct gossip_member *out_member);
/* Cheaper than gossip_member_find: false for a host never heard of. */
bool gossip_status_of(const struct gossip *gossip, const struct id *host,
                      enum gossip_status *out_status);
/* Alive or suspect, the node itself included. */
size_t gossip_alive_count(const struct gossip *gossip);

/* Sets a value of this node, to be told to all. An equal value costs nothing. ERR_TOO_LARGE,
 * ERR_NO_MEMORY (the old value stays). */
enum columba_error gossip_state_set(struct gossip *gossip, enum gossip_key key, struct slice value);

/* A connection to the host broke: it is probed at once instead of in its turn. */
void gossip_hint_unreachable(struct gossip *gossip, uint64_t now_ms, const struct id *host);

/* Says goodbye: puts packets for several members, who spread it. The object keeps answering, as a
 * member that left; it is final. */
void gossip_leave(struct gossip *gossip, uint64_t now_ms);

/* clang-format off */
#define GOSSIP_COUNTER_TABLE(X)                                                                    \
    X(packets_sent)                                                                                \
    X(packets_dropped)       /* the queue of outgoing packets was full */                          \
    X(packets_received)      /* those below included */                                            \
    X(packets_malformed)                                                                           \
    X(packets_damaged)       /* wrong checksum */                                                  \
    X(packets_other_version)                                                                       \
    X(packets_other_cluster)                                                                       \
    X(packets_misdirected)   /* meant for another host, or from ourselves */                       \
    X(probes)                                                                                      \
    X(probes_indirect)       /* no direct answer in time */                                        \
    X(probes_failed)         /* no answer at all */                                                \
    X(suspicions_raised)     /* by this node itself */                                             \
    X(suspicions_refuted)    /* heard suspicions that ended well */                                \
    X(deaths_declared)       /* by this node's own clock */                                        \
    X(deaths_heard)                                                                                \
    X(deaths_revoked)        /* dead members that came back in the same life */                    \
    X(refutations)           /* of suspicions or deaths about this node */                         \
    X(strangers_refused)     /* hosts that do not belong to the cluster */                         \
    X(incarnations_refused)  /* too far ahead of the time to be believed */                        \
    X(clocks_heard)          /* answers that told another's clock */                               \
    X(members_refused)       /* the table is full of living members */                             \
    X(host_conflicts)        /* another address claims this node's host id */                      \
    X(memory_refused)        /* a state or member was not stored for lack of memory */             \
    X(stalls)                /* ticks that came so late that judgement was put off */
/* clang-format on */

struct gossip_counters {
#define X(name) uint64_t name;
    GOSSIP_COUNTER_TABLE(X)
#undef X
};

const struct gossip_counters *gossip_counters(const struct gossip *gossip);
/* Lifeguard's local health: 0 is well; each step lengthens this node's patience. */
unsigned gossip_health(const struct gossip *gossip);

#endif
