/*
 * Events: what a shell tells the core (core.h).
 */
#ifndef COLUMBA_NODE_CORE_EVENT_H
#define COLUMBA_NODE_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct message;

/* Nodes are named by handles: small numbers that stay theirs as long as the process lives, whatever
 * their position in the topology (core_config.handles). */
#define NODE_NONE UINT16_MAX

enum event_type {
    EVENT_REQUEST = 1, /* a client's or a peer's request */
    EVENT_ANSWER,      /* a peer's answer to an EFFECT_SEND */
    EVENT_COMMITTED,
    EVENT_READ_DONE,
    EVENT_PEER,    /* a peer's state changed */
    EVENT_STARTED, /* once, first: the core reads its outbox and what is left of users' logs */
    EVENT_CLOCK,   /* this node's clock was compared with the others', and may be trusted or not */
    EVENT_DISK,    /* the disk is full, or has room again: engine.h, is_full */
    EVENT_TICK,    /* nothing but time; due at core_next_deadline_ms */
};

struct event {
    enum event_type type;
    uint64_t clock; /* of the frame, for REQUEST and ANSWER; 0: none */
    union {
        struct {
            uint64_t connection; /* the shell's name for it; never reused */
            uint64_t request_id;
            uint16_t node; /* the peer, or NODE_NONE for a client */
            const struct message *message;
        } request;
        struct {
            uint16_t node;
            uint64_t request_id;
            const struct message *message;
        } answer;
        struct {
            uint64_t batch; /* this one and all before it */
            enum columba_error error;
        } committed;
        struct {
            uint64_t read_id;
            enum columba_error error; /* COLUMBA_OK, ERR_CORRUPT, ERR_IO, … */
            struct slice packed;      /* as scan_run made it */
            uint32_t row_count;
            bool more; /* a limit ended it */
        } read_done;
        struct {
            uint16_t node;
            bool alive;     /* what gossip says */
            bool connected; /* requests can reach it now */
        } peer;
        struct {
            bool is_full; /* the replica takes no more writes; it reads, folds and forgets */
        } disk;
        struct {
            bool is_trusted;   /* false: clients' requests are refused, CLOCK_WRONG */
            struct slice text; /* says how wrong it is, to those who are refused; copied */
        } clock_judged;
    };
};

#endif
