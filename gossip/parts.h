/*
 * The inside of a gossip object, and what its parts may ask of each other. Every part takes the
 * whole object; time was noted at the door (`now_ms`).
 *
 *     gossip.c   the doors: create, receive, tick, drain
 *     sync.c     the push-pull exchange, first contact, reconnecting
 *     probe.c    pinging, pinging for others
 *     judge.c    merging what was heard into the table; refuting what is said about ourselves;
 *                who is suspected, who is declared dead
 *     suspect.c  how long a suspicion lasts
 *     round.c    whose turn it is to be pinged
 *     post.c     outgoing packets and the news that ride on them
 *     health.c   local health
 *     view.c     who is known and alive
 *
 * Each calls only those below it. At the bottom: members, packet, state, address.
 */
#ifndef COLUMBA_GOSSIP_PARTS_H
#define COLUMBA_GOSSIP_PARTS_H

#include "base/random.h"
#include "gossip/clocks.h"
#include "gossip/members.h"

/* Probes that may be open at once: with local health at its worst a probe lasts 9 intervals. */
#define GOSSIP_PROBES_MAX 16u
/* Pings for others that may be open at once; the oldest gives way. A node is asked by few. */
#define GOSSIP_RELAYS_MAX 32u
/* Low bits of a sequence number say which probe or relay it belongs to. */
#define GOSSIP_SEQUENCE_SLOTS 64u
_Static_assert(GOSSIP_PROBES_MAX + GOSSIP_RELAYS_MAX <= GOSSIP_SEQUENCE_SLOTS, "slots are unique");
/* A probe or relay waits for the first, ends with the second. */
#define GOSSIP_NEVER UINT64_MAX
/* Lists of news by how often they were sent: retransmit_factor * log2(members) stays below. */
#define GOSSIP_NEWS_LISTS 64u
#define GOSSIP_NOT_NEWS UINT8_MAX
/* SYNCs whose answers may tell a clock: some are asked at once at the start. */
#define GOSSIP_SYNCS_MAX 8u
/* An incarnation begins as a start's time, on a clock that may have been wrong, and is raised by
 * one for each refutation. One that is further ahead of the time than the first, and of what is
 * held by more than the second, is not believed. The second lets a node go above what it was
 * forged. */
#define GOSSIP_INCARNATION_AHEAD_MS 86400000u
#define GOSSIP_INCARNATION_RAISES 1024u
/* Where a member is told of on leaving. */
#define GOSSIP_FAREWELLS 16u
/* Exchanges one after the other with a member that has more to tell, in one sync interval. */
#define GOSSIP_SYNC_BURST 8u
/* So many sync intervals after its start a node catches up to the last member. */
#define GOSSIP_YOUNG_SYNCS 60u

struct gossip_probe {
    bool is_open;
    bool is_reprieved;
    bool asked_others;
    uint32_t sequence;
    struct id target;
    uint64_t incarnation; /* the target's when it was pinged */
    uint64_t asked_ms;
    uint64_t indirect_at_ms;
    uint64_t fails_at_ms;
    unsigned relays; /* how many were asked */
    unsigned nacks;
};

struct gossip_relay {
    bool is_open;
    bool is_nacked;
    uint32_t sequence;
    uint32_t asker_sequence;
    struct id asker;
    struct gossip_address asker_address;
    uint64_t nack_at_ms;
    uint64_t ends_at_ms;
};

/* A SYNC whose answer will tell the other's clock. */
struct gossip_sync {
    uint32_t sequence;
    uint64_t asked_ms;
};

struct gossip_outgoing {
    struct gossip_address to;
    uint16_t size;
    uint8_t bytes[GOSSIP_PACKET_MAX_BYTES];
};

struct gossip {
    struct memory *memory;
    struct gossip_config config; /* seeds, hosts: NULL */
    struct gossip_address seeds[GOSSIP_SEEDS_MAX];
    struct gossip_counters counters;
    struct random random;
    uint64_t now_ms;
    struct gossip_clocks clocks;
    uint16_t self; /* our own row */
    bool has_left;
    unsigned health;

    uint64_t probe_at_ms;
    uint16_t probe_place;
    uint16_t probe_count;
    uint16_t probe_order[NODES_MAX];
    struct gossip_probe probes[GOSSIP_PROBES_MAX];
    struct gossip_relay relays[GOSSIP_RELAYS_MAX];
    unsigned relay_next;

    uint64_t suspects_at_ms; /* when the first suspicion may run out */

    uint64_t sync_at_ms;
    uint64_t young_until_ms; /* catching up with a cluster that knows more */
    struct id sync_begin;    /* where the next exchange begins on the circle of ids */
    struct id sync_last_begin;
    unsigned sync_burst_left;
    struct random sync_random; /* for sequences, which nobody can guess */
    unsigned sync_asked_next;
    struct gossip_sync sync_asked[GOSSIP_SYNCS_MAX];
    uint64_t reconnect_at_ms;
    uint64_t request_at_ms; /* no state is asked for before */

    uint64_t news_filled; /* bit i: news[i] is not empty */
    struct gossip_list news[GOSSIP_NEWS_LISTS];

    unsigned outgoing_first;
    unsigned outgoing_count;
    struct gossip_members members;
    struct gossip_outgoing outgoing[GOSSIP_PACKETS_MAX];
    struct id hosts[NODES_MAX]; /* the configuration's */
};

static inline struct gossip_row *gossip_row(struct gossip *gossip, uint16_t slot)
{
    return &gossip->members.rows[slot];
}

/* address.c */

/* A family we know, a port, nothing behind an IPv4 address. */
bool gossip_address_is_valid(const struct gossip_address *address);

/* view.c */

/* Bits needed to write the number of living members: log2, rounded up to the next whole. */
unsigned gossip_magnitude(const struct gossip *gossip);
/* Members alive, ourselves not counted. */
unsigned gossip_others_alive(const struct gossip *gossip);
/* Any other member that is alive, by chance; GOSSIP_NONE if there is none. */
uint16_t gossip_random_alive(struct gossip *gossip, uint16_t except);

/* The host may be a member. */
bool gossip_knows_host(const struct gossip *gossip, const struct id *host);
/* The wall clock to tell others; 0: none. */
uint64_t gossip_unix_ms(const struct gossip *gossip);

/* health.c */

/* +1: a sign that we are slow ourselves; -1: that we are well. */
void gossip_health_move(struct gossip *gossip, int step);

/* post.c */

struct gossip_post {
    struct writer writer;
    struct gossip_outgoing *outgoing;
    uint16_t to; /* GOSSIP_NONE: nobody we know */
};

/* Starts a packet up to its body. False: no room in the queue (counted). */
bool gossip_post_begin(struct gossip *gossip, enum gossip_packet_kind kind, uint16_t to,
                       const struct gossip_address *address, struct gossip_post *out_post);
/* Adds news, as many as fit, and queues the packet. */
void gossip_post_end(struct gossip *gossip, struct gossip_post *post);
/* Makes the row news, or anew. A change of state only is told half as often: the exchange finds it
 * too, and it is not urgent. */
void gossip_news_add(struct gossip *gossip, uint16_t slot, bool is_state_only);
void gossip_news_remove(struct gossip *gossip, uint16_t slot);

/* round.c */

/* A new row joins the round at a random place. */
void gossip_round_join(struct gossip *gossip, uint16_t slot);
/* The next of this round, GOSSIP_NONE at its end. */
uint16_t gossip_round_next(struct gossip *gossip);
/* A new round over all that may be alive. */
void gossip_round_begin(struct gossip *gossip);

/* suspect.c */

/* Adds suspecters; true if any is new. */
bool gossip_suspect_confirm(struct gossip *gossip, uint16_t slot, const uint32_t *suspecters,
                            size_t count);
/* A row became suspect: the clock starts. */
void gossip_suspect_started(struct gossip *gossip, uint16_t slot);
/* The row is a suspect whose time is over. */
bool gossip_suspect_is_over(const struct gossip *gossip, uint16_t slot);
/* Works out when the next suspicion may be over. */
void gossip_suspect_plan(struct gossip *gossip);
/* We were late: nobody is declared dead before `until_ms`. */
void gossip_suspect_reprieve(struct gossip *gossip, uint64_t until_ms);

/* judge.c */

/* Adds ourselves as the first row. */
void gossip_judge_init(struct gossip *gossip);
void gossip_judge(struct gossip *gossip, const struct gossip_record *record);
/* Begins our life anew when our own incarnation is one that others do not believe. */
void gossip_judge_own(struct gossip *gossip);
/* Takes what is new in a delta of somebody else's state. */
void gossip_judge_delta(struct gossip *gossip, const struct gossip_delta *delta);
/* True if the record tells of a later state than we have. */
bool gossip_judge_wants(struct gossip *gossip, const struct gossip_record *record);
/* Sets a row's status: at the same incarnation, by our own decision. */
void gossip_judge_status(struct gossip *gossip, uint16_t slot, enum gossip_status status);
/* It did not answer: raises a suspicion, or confirms that of others. */
void gossip_judge_silent(struct gossip *gossip, uint16_t slot);
/* Declares those dead whose suspicion has lasted its time. */
void gossip_judge_suspects(struct gossip *gossip);
/* Drops a row of a departed member from the table and from all lists. */
void gossip_judge_forget(struct gossip *gossip, uint16_t slot);

/* probe.c */

void gossip_probe_tick(struct gossip *gossip);
uint64_t gossip_probe_deadline(const struct gossip *gossip);
/* Pings the row out of turn, unless a probe of it is open. */
void gossip_probe_now(struct gossip *gossip, uint16_t slot);
void gossip_probe_receive(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                          const struct gossip_packet *packet);
void gossip_probe_reprieve(struct gossip *gossip, uint64_t until_ms);

/* sync.c */

void gossip_sync_tick(struct gossip *gossip);
uint64_t gossip_sync_deadline(const struct gossip *gossip);
void gossip_sync_receive(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                         const struct gossip_packet *packet);
/* Asks the sender for the states it has told of and we lack, at times. */
void gossip_sync_request(struct gossip *gossip, uint16_t sender, const struct gossip_address *from,
                         const struct gossip_packet *packet);
void gossip_sync_farewell(struct gossip *gossip);

#endif
