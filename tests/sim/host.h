/*
 * A host: one simulated machine with a node on it. It does for the core what the daemon's shell
 * does: collects what comes in, takes it in turns, carries effects out, commits batches one after
 * the other, answers reads now or later, keeps connections to its peers and speaks the handshake.
 *
 * Life: host_create makes the machine with an empty disk; host_start a process on it; host_crash
 * ends that process without a word, together with everything that was only in memory and whatever
 * part of the commit under way the seed takes; host_start then makes the next process over what
 * survived. A paused host receives (its kernel does) and does nothing.
 *
 * A host's disk can be taken away and put back: a process on an empty one has another directory
 * than the others remember, and is refused by them (host_directory.c).
 *
 * Every callback made for a process carries its `life`; those of an earlier one are ignored.
 */
#ifndef COLUMBA_SIM_HOST_H
#define COLUMBA_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/list.h"
#include "gossip/gossip.h"
#include "node/core/core.h"
#include "node/core/machine/intake.h"
#include "node/store/data_identity.h"
#include "node/store/engine.h"
#include "proto/frame.h"
#include "tests/sim/counted_memory.h"
#include "tests/sim/random.h"
#include "tests/sim/world.h"

#define HOST_LINKS_MAX 256u
/* Sends that came in lately: so many may be waiting for their answer at once. */
#define HOST_SENDS_REMEMBERED 64u
/* Clients' requests whose answers are waited for; more are not watched. */
#define HOST_REQUESTS_WATCHED 256u

enum host_state { HOST_DOWN, HOST_UP, HOST_PAUSED };

enum input_type {
    INPUT_ACCEPTED,
    INPUT_OPENED,
    INPUT_FRAME,
    INPUT_CLOSED,
    INPUT_DATAGRAM,
    INPUT_COMMITTED,
    INPUT_READ_DONE,
    INPUT_UNSENT,
};

/* Something that came in and waits for a turn. */
struct input {
    struct list node;
    enum input_type type;
    uint64_t number; /* connection, batch, read, or the request that was not sent */
    uint32_t from;   /* endpoint, for ACCEPTED and DATAGRAM; node, for UNSENT */
    enum columba_error error;
    uint32_t row_count;
    bool more;
    size_t size;
    uint8_t bytes[];
};

/* A connection as the host sees it. */
struct host_link {
    uint64_t connection;
    uint32_t endpoint;
    uint16_t node; /* the peer; NODE_NONE for a client */
    bool is_outgoing;
    bool is_ready; /* the handshake is done */
    struct intake_asker asker;
};

struct host_send {
    uint64_t connection;
    uint64_t request_id;
};

/* A client's request that the core has and has not answered. */
struct host_request {
    uint64_t connection; /* 0: a free place */
    uint64_t request_id;
    uint64_t awake_us; /* how long the host had been awake when it came */
};

/* What a machine has that outlives its processes. */
struct host_disk {
    struct engine *engine;
    struct engine_batch *gathering;
    struct engine_batch *committing;
    struct counted_memory memory;
    struct data_identity identity;
    bool is_admitted; /* the others have been asked about it */
    uint64_t start_count;
    struct id known[HOSTS_MAX]; /* which directory every other host had; zero: never met */
};

struct host {
    struct world *world;
    uint16_t index;
    enum host_state state;
    struct random random;
    uint64_t life;   /* grows at every start and crash */
    int64_t skew_ms; /* of the wall clock, when it was set */
    int64_t drift_ppm;
    uint64_t clock_set_us;
    bool is_clock_wrong; /* the others' clocks say so */
    uint64_t monotonic_offset_ms;

    struct core *core;
    struct gossip *gossip;
    struct host_disk *disk;
    struct host_disk *lost_disk; /* in whose place an empty one is; NULL: none */
    struct engine *engine;       /* of the disk, as are these */
    struct engine_batch *gathering;
    struct engine_batch *committing;
    uint64_t committing_batch; /* 0: no commit is under way */
    struct counted_memory core_memory;
    struct counted_memory gossip_memory;

    struct list inputs;
    struct intake intake;
    struct list taken; /* host_intake.c */
    bool has_turn;     /* a turn is scheduled */
    uint64_t timer_at_us;
    bool is_tick_due;
    uint64_t turns;
    struct arena decoding;
    struct arena encoding;
    struct arena lying;

    struct host_link links[HOST_LINKS_MAX];
    uint32_t link_count;
    bool is_peer_alive[HOSTS_MAX];
    bool is_listening; /* the others have nothing against its directory, as far as they are there */
    bool is_refused;   /* they have: the process ends with this turn */
    uint32_t peers_asked; /* bitmap over nodes: who answered a greeting, or could not be reached */

    struct host_send sends[HOST_SENDS_REMEMBERED];
    uint32_t send_next;
    struct host_request requests[HOST_REQUESTS_WATCHED];
    uint64_t paused_us; /* in all, up to now or to the pause under way */
    uint64_t paused_at_us;
    bool is_dying;           /* a buggify point struck: nothing it does from here on happens */
    bool is_stopping;        /* a commit failed: the process ends with this turn */
    uint32_t fail_commit_in; /* the k-th commit from now fails; 0: none */
    bool is_failure_durable; /* … and yet what it wrote is on the disk */

    uint64_t slow_disk_until_us;
    uint64_t reads_fail_until_us;
    uint64_t full_until_us;    /* its shell refuses what comes in, now and then */
    uint64_t no_room_until_us; /* not even the reserve of the disk is left: commits fail */
    uint64_t disk_looked_us;
    uint64_t applied_while_full; /* as it was when the core was told that the disk is full */
    bool is_disk_full;           /* as the core was told */
    uint64_t crashes;
    uint64_t orphaned;
    uint64_t takeovers; /* of earlier lives */
};

struct host *host_create(struct world *world, uint16_t index);
void host_destroy(struct host *host);
void host_start(struct host *host);
/* `silent`: the machine goes, not just the process. */
void host_crash(struct host *host, bool silent);
void host_pause(struct host *host);
void host_resume(struct host *host);
uint64_t host_takeovers(const struct host *host);
/* No other host is held to be dead. */
bool host_sees_all(const struct host *host);

/* The host is down; the next process finds an empty disk. */
void host_disk_take(struct host *host);
/* The host is down, and its disk gone for good: the next process is started on an empty one with
 * the word that it is so. */
void host_disk_replace(struct host *host);
/* The host is down; the disk that was taken is back in its place. */
void host_disk_return(struct host *host);
/* Every other host remembers the directory that is on its disk. */
bool host_directory_is_known(const struct host *host);

/* For the files of the host. */

/* host_disk.c */
void host_disk_create(struct host *host);
void host_disk_destroy(struct host *host);
/* Looks now and then whether the disk is full, tells the core, and that a core which knows takes no
 * writes. */
void host_disk_look(struct host *host);

/* host_directory.c */
void host_directory_make(const struct host *host, struct host_disk *disk, bool accepts_loss);
void host_directory_start(struct host *host);
/* What another host says of its directory. False: it is not to be counted as a replica. */
bool host_directory_meet(struct host *host, uint16_t node, const struct data_identity *told);
/* The other host has answered a greeting, or could not be reached. */
void host_directory_asked(struct host *host, uint16_t node);
/* … or has refused it because of the directory. */
void host_directory_refused(struct host *host, uint16_t node);

uint64_t host_monotonic_ms(const struct host *host);
uint64_t host_unix_ms(const struct host *host);

/* How long the process has run, pauses aside. */
uint64_t host_awake_us(const struct host *host);

/* host_requests.c: no client waits longer for an answer than the core's timeouts add up to. */
void host_request_came(struct host *host, uint64_t connection, uint64_t request_id);
void host_request_answered(struct host *host, uint64_t connection, uint64_t request_id);
void host_requests_check(struct host *host);

/* host_turn.c */
struct input *host_input(struct host *host, enum input_type type, struct slice bytes);
void host_turn_soon(struct host *host);
void host_inputs_clear(struct host *host);

/* host_intake.c */
void host_intake_start(struct host *host);
void host_intake_stop(struct host *host);
/* False: the request was refused, and is answered. */
bool host_intake_take(struct host *host, struct host_link *link, const struct frame *frame);
void host_intake_answered(struct host *host, uint64_t connection, uint64_t request_id);

/* host_effects.c */
void host_effects_drain(struct host *host);
void host_commit_start(struct host *host);
void host_commit_interrupt(struct host *host);

/* host_links.c */
void host_links_attach(struct host *host);
void host_links_start(struct host *host);
struct host_link *host_link_find(struct host *host, uint64_t connection);
struct host_link *host_link_to_peer(struct host *host, uint16_t node);
/* Whether a peer asks on this connection. */
bool host_link_is_of_peer(struct host *host, uint64_t connection);
void host_link_input(struct host *host, const struct input *input);
void host_frame_send(struct host *host, uint64_t connection, uint64_t request_id,
                     const struct message *message);
/* host_clock.c */
void host_clock_set(struct host *host, int64_t skew_ms, int64_t drift_ppm);
/* Tells gossip the wall clock's time. */
void host_clock_tell(struct host *host);
/* Tells the core when the clock has become wrong, or right again. */
void host_clock_judge(struct host *host);

/* host_gossip.c */
void host_gossip_start(struct host *host);
void host_gossip_stop(struct host *host);
void host_gossip_input(struct host *host, const struct input *input);
void host_gossip_tick(struct host *host);
/* A connection to it broke. */
void host_gossip_unreachable(struct host *host, uint16_t node);
/* Tells the core what is known of a peer. */
void host_peer_report(struct host *host, uint16_t node);

#endif
