/*
 * Effects: what the core wants to have done after a step (core.h).
 */
#ifndef COLUMBA_NODE_CORE_EFFECT_H
#define COLUMBA_NODE_CORE_EFFECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "node/store/scan.h"

struct message;

enum effect_type {
    EFFECT_REPLY = 1, /* answer a request, on its connection; dropped if that is gone */
    EFFECT_SEND,      /* a request to a peer; may be lost (the core has timeouts) */
    EFFECT_MERGE,     /* into the open batch: rows space */
    EFFECT_PUT,       /* into the open batch: local space */
    EFFECT_REMOVE,    /* into the open batch: local space */
    EFFECT_READ,      /* scan; answered by EVENT_READ_DONE, in any order */
};

struct effect {
    enum effect_type type;
    union {
        struct {
            uint64_t connection;
            uint64_t request_id;
            const struct message *message;
        } reply;
        struct {
            uint16_t node;
            uint64_t request_id;
            const struct message *message;
        } send;
        struct {
            struct slice key;
            struct slice value; /* empty for EFFECT_REMOVE */
        } write;
        struct {
            uint64_t read_id;
            struct read_query query; /* its slices: copy them if the read goes to another thread */
        } read;
    };
};

#endif
