/*
 * The core of a node: a pure state machine. Events go in, effects come out; it does no I/O, reads
 * no clock, draws no random number and allocates only from the memory it was given. The daemon
 * (node/shell) and the simulator are its two shells.
 *
 * The life of a shell's turn:
 *
 *     core_now(core, monotonic_ms, unix_ms)
 *     for each event:
 *         core_step(core, &event)
 *         while (core_effect_next(core, &effect))  carry it out, or copy it
 *     core_turn_end(core), and drain effects again     (what was gathered for peers leaves)
 *     if no commit is under way and core_has_writes(core):
 *         batch = core_batch_close(core), drain effects again   (the batch's outbox and log rows)
 *         hand the gathered batch to the commit thread; later: EVENT_COMMITTED(batch)
 *
 * What must precede what:
 *   - Effects are drained after every call that may make some; every slice and pointer in them is
 *     valid until the next call into the core, and those that point into the event's own bytes
 *     as long as the event is.
 *   - All EFFECT_MERGE, _PUT and _REMOVE since the last core_batch_close form one atomic batch, in
 *     their order. It is committed with sync (or as the configuration says) before EVENT_COMMITTED.
 *     Batches are committed in the order of their numbers.
 *   - An answer that promises durability is only ever made in reaction to EVENT_COMMITTED.
 *   - After EVENT_COMMITTED with an error the core takes no more writes; the shell stops the node.
 *
 * Not thread-safe: one core, one thread.
 */
#ifndef COLUMBA_NODE_CORE_CORE_H
#define COLUMBA_NODE_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "node/core/effect.h"
#include "node/core/event.h"
#include "node/store/engine.h"
#include "proto/message.h"
#include "ring/topology.h"

struct core;

struct core_config {
    uint16_t self; /* this node's handle */
    /* By position in the topology, until core_create returns; NULL: the positions are the handles.
     */
    const uint16_t *handles;
    /* How often this data directory was started, counted durably by the shell before the core is
     * made: the high bits of every replica-local sequence, so none is used twice. */
    uint64_t start_count;
    /* No message in the store has an id whose time lies after it (id_bound_get); 0: it has none. */
    uint64_t ids_bound_ms;
    /* Names this directory's users' logs: of another directory it is another number. Not 0. */
    uint64_t log_incarnation;
    uint32_t write_timeout_ms;
    uint32_t read_timeout_ms;
    /* A read that lacks an answer for this long asks one more replica. */
    uint32_t speculative_read_ms;
    uint32_t fanout_members_max;
    uint32_t operations_max; /* coordinated requests under way; more: OVERLOADED */
    /* Memory of what they hold. From three quarters of it on: OVERLOADED; beyond it they fail. */
    uint64_t operations_bytes_max;
    uint32_t outbox_entries_max; /* acknowledged messages not yet fanned out; more: OVERLOADED */
    uint32_t log_events_max; /* of users' logs, not yet folded: in memory; the oldest are folded */
    uint32_t conversations_cached_max;
    uint32_t sessions_max;      /* devices that listen on this node; more: OVERLOADED */
    uint32_t takeover_delay_ms; /* a replica takes over an outbox entry this old (times its rank) */
    /* Remembered, so that another body under an id is seen: 2^n. A fragment that holds more than
     * are not under way is OVERLOADED. */
    uint32_t recent_messages;
    uint64_t seed; /* for jitter */
};

/* The documented defaults (design: section "Defaults"). */
void core_config_defaults(struct core_config *out_config);

/* Counters, all since start: X(name, text). Shown by `columbactl info`. */
#define CORE_COUNTERS(X)                                                                           \
    X(sends, "messages accepted from clients")                                                     \
    X(changes, "CHANGE requests taken")                                                            \
    X(sends_acknowledged, "messages acknowledged at their level")                                  \
    X(reads, "coordinated reads")                                                                  \
    X(writes, "coordinated writes, sends included")                                                \
    X(unavailable, "requests refused: not enough replicas alive")                                  \
    X(timeouts, "requests that timed out")                                                         \
    X(overloaded, "requests refused: a queue was full")                                            \
    X(refused, "requests refused as not valid")                                                    \
    X(digest_mismatches, "reads whose replicas differed")                                          \
    X(read_repairs, "rows written back to replicas that were behind")                              \
    X(speculative_reads, "reads that asked one more replica")                                      \
    X(fanouts, "messages fanned out to their members")                                             \
    X(fanouts_failed, "fan-outs that did not reach a quorum of each member, to be taken over")     \
    X(takeovers, "outbox entries taken over")                                                      \
    X(outbox_entries, "outbox entries not yet done (now)")                                         \
    X(operations, "coordinated requests under way (now)")                                          \
    X(operation_bytes, "memory that they hold (now)")                                              \
    X(replica_writes, "fragments applied as a replica")                                            \
    X(replica_reads, "reads served as a replica")                                                  \
    X(log_events, "events appended to users' logs")                                                \
    X(log_unfolded, "of them not folded into inboxes yet (now)")                                   \
    X(folds, "logs folded into inboxes")                                                           \
    X(sessions, "devices that listen here (now)")                                                  \
    X(events_handed_out, "events handed to devices that listen")                                   \
    X(late_answers, "answers that came after their request had ended")                             \
    X(effects_dropped, "answers or requests given up for want of memory")                          \
    X(id_conflicts, "messages refused: another body is stored under the id")                       \
    X(looks, "messages whose id was looked up before they were taken")                             \
    X(settled, "messages whose stored bodies differed, settled by a read")                         \
    X(clocks_refused, "stamps too far ahead of the clock that were not followed")                  \
    X(clock_wrong, "requests refused: this node's clock is wrong")

struct core_counters {
#define X(name, text) uint64_t name;
    CORE_COUNTERS(X)
#undef X
};

/* The topology must outlive the core. NULL: the memory source gave none. */
struct core *core_create(struct memory *memory, const struct core_config *config,
                         const struct topology *topology);
void core_destroy(struct core *core);

/* Time, before the events that happen at it. Monotonic time never falls. */
void core_now(struct core *core, uint64_t monotonic_ms, uint64_t unix_ms);
void core_step(struct core *core, const struct event *event);
void core_turn_end(struct core *core);
bool core_effect_next(struct core *core, struct effect *out_effect);

bool core_has_writes(const struct core *core);
/* Closes the open batch and returns its number (1, 2, …). */
uint64_t core_batch_close(struct core *core);

/* When EVENT_TICK is due, by the monotonic clock. */
uint64_t core_next_deadline_ms(const struct core *core);
/* The stamp to put on the next frame that leaves. */
uint64_t core_clock(struct core *core);
/* Requests accepted but not answered, writes not yet durable: 0 is drained. */
uint64_t core_in_flight(const struct core *core);
void core_counters_get(const struct core *core, struct core_counters *out_counters);

#endif
