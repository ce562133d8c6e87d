/*
 * The intake of a node: how much may be under way, and what happens to what comes on top of it.
 * Both shells ask here, so the simulator meets every refusal that a daemon makes.
 *
 * Three sides ask a node for something, each with places of its own, so that none can take those
 * of another: clients, other nodes, administrators. Limits hold for one asker, for all of a side,
 * and (what the disk has to take) for the node.
 *
 *   of one asker   requests and unsent answers: beyond them it is not read from, so that more wait
 *                  in its socket; answers far beyond them: it is cut off
 *   of a side      requests, their bytes, memory of unsent answers: beyond them OVERLOADED. From
 *                  half of that memory on, who does not take its answers is not read from either;
 *                  beyond it a large answer becomes OVERLOADED; who is slow to take them is cut
 *                  off to make room
 *   of a side      connections: beyond them refused. Those that have not said yet whose they are
 *                  share the clients' places and a few spare ones, where the oldest gives way
 *   of the node    bytes gathered for the commit to come, reads that wait for the disk
 *
 * Pure: a shell tells it what comes and goes, and does what it says.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_INTAKE_H
#define COLUMBA_NODE_CORE_MACHINE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "proto/message.h"

enum intake_side { INTAKE_CLIENTS, INTAKE_NODES, INTAKE_ADMINISTRATION, INTAKE_SIDES };

/* Administration under way at once: it is rare, and a compaction among it takes long. */
#define INTAKE_ADMINISTRATION_REQUESTS 64u
#define INTAKE_ADMINISTRATION_CONNECTIONS 8u
/* Connections of one other node: one, and an old one whose end was not noticed yet. */
#define INTAKE_CONNECTIONS_OF_NODE 2u
/* Connections that may say who they are while all places of clients are taken. */
#define INTAKE_GREETINGS_SPARE 64u
/* An answer up to this size leaves whatever the memory: refusing it would be one as well. */
#define INTAKE_SMALL_ANSWER_BYTES 4096u
/* Who has not taken what was written to it for this long has to make room when memory is short. */
#define INTAKE_STALL_MS 1000u

struct intake_side_limits {
    uint32_t connections;
    uint32_t asker_requests;
    uint32_t requests;
    uint64_t request_bytes;
    uint64_t asker_unsent_bytes;     /* above: not read from */
    uint64_t asker_unsent_max_bytes; /* above: cut off */
    uint64_t unsent_bytes;
};

struct intake_limits {
    struct intake_side_limits sides[INTAKE_SIDES];
    uint64_t batch_bytes;
    uint32_t reads;
};

struct intake_totals {
    uint32_t connections;
    uint32_t requests;
    uint64_t request_bytes;
    uint64_t unsent_bytes; /* memory that unsent answers take */
};

struct intake {
    struct intake_limits limits;
    struct intake_totals sides[INTAKE_SIDES];
    uint32_t greetings; /* connections that have not said who they are */
    uint64_t batch_bytes;
    uint32_t reads;
};

/* One connection. */
struct intake_asker {
    enum intake_side side;
    uint32_t requests;
};

/* What a request takes until it is answered. */
struct intake_ticket {
    enum intake_side side;
    uint32_t bytes;
};

void intake_init(struct intake *intake, const struct intake_limits *limits);

/* A connection has come. False: there is no room: the oldest that has not said who it is has to be
 * ended (it still counts, until that is told), and this one may stay. */
bool intake_greeting_take(struct intake *intake);
void intake_greeting_give_back(struct intake *intake);
/* It has said whose it is. False: that side has no place left, and the connection is refused. */
bool intake_place_take(struct intake *intake, enum intake_side side);
void intake_place_give_back(struct intake *intake, enum intake_side side);

/* A request of `bytes` has come. COLUMBA_OK: it is under way, and the ticket is to be given back
 * once. ERR_OVERLOADED: it is to be answered with that and *out_text, which names the limit. */
enum columba_error intake_take(struct intake *intake, struct intake_asker *asker,
                               enum message_type type, uint32_t bytes,
                               struct intake_ticket *out_ticket, const char **out_text);
/* It was answered or given up. `asker` is NULL once its connection has closed. */
void intake_give_back(struct intake *intake, struct intake_asker *asker,
                      const struct intake_ticket *ticket);

/* Whether no more is read from the asker for now. `unsent_bytes`: its unsent answers; `stalls`: its
 * socket did not take them at once. */
bool intake_is_full(const struct intake *intake, const struct intake_asker *asker,
                    uint64_t unsent_bytes, bool stalls);
/* Whether one that is not read from may be again: some way below the limit, because stopping and
 * starting to read costs something. */
bool intake_has_room(const struct intake *intake, const struct intake_asker *asker,
                     uint64_t unsent_bytes, bool stalls);
/* From here on answers are written at once, not when the turn ends. */
bool intake_is_half_full(const struct intake *intake, enum intake_side side);
/* Whether an answer of `bytes` may be kept until it is sent; else it is OVERLOADED. */
bool intake_answer_fits(const struct intake *intake, enum intake_side side, uint64_t bytes);
/* Whether a request to another node may be kept until it is sent; else it is dropped. */
bool intake_send_fits(const struct intake *intake, uint64_t peer_unsent_bytes);
/* Whether its unsent answers cut the asker off. */
bool intake_is_overrun(const struct intake *intake, enum intake_side side, uint64_t unsent_bytes);
/* Memory is short: clients that are slow to take (INTAKE_STALL_MS) are cut off, the slowest first,
 * until it is half full. */
bool intake_is_short(const struct intake *intake, enum intake_side side);
/* Memory for unsent answers has grown or shrunk. */
void intake_unsent_change(struct intake *intake, enum intake_side side, int64_t bytes);

/* Bytes for the open batch; and that it was handed to the disk. */
void intake_write(struct intake *intake, uint64_t bytes);
void intake_batch_handed(struct intake *intake);
/* A read that has to wait for the disk. False: it is answered with ERR_OVERLOADED. */
bool intake_read_take(struct intake *intake);
void intake_read_give_back(struct intake *intake);

#endif
