/*
 * What travels between programs, as plain C structs: the core and the client see these, the codec
 * (codec.h) turns them into protobuf and back. Slices and arrays are views: into the frame's bytes
 * and the decoding arena on the way in, into the sender's memory on the way out.
 *
 * Every frame also carries the sender's hybrid clock (frame.h), which the receiver follows.
 */
#ifndef COLUMBA_PROTO_MESSAGE_H
#define COLUMBA_PROTO_MESSAGE_H

#include <stdint.h>

#include "proto/message_admin.h"
#include "proto/message_client.h"
#include "proto/message_replica.h"
#include "proto/message_session.h"
#include "proto/message_sync.h"

#define PROTOCOL_VERSION_MIN 4u
#define PROTOCOL_VERSION_MAX 4u

/* X(NAME, number, member of the union, its name in the schema). Numbers are on the wire. Requests
 * below 64 come from clients, from 64 on from nodes. The answer to any request may be STATUS; a
 * STATUS with ERR_OK is the answer of requests that return nothing else. */
#define MESSAGE_TYPES(X)                                                                           \
    SESSION_MESSAGES(X) CLIENT_MESSAGES(X) ADMIN_MESSAGES(X) REPLICA_MESSAGES(X) SYNC_MESSAGES(X)

enum message_type {
#define X(name, number, member, Type) MESSAGE_##name = (number),
    MESSAGE_TYPES(X)
#undef X
};

struct message {
    enum message_type type;
    union {
#define X(name, number, member, Type) struct message_##member member;
        MESSAGE_TYPES(X)
#undef X
    };
};

/* "SEND"; "UNKNOWN". */
const char *message_type_name(uint32_t type);

#endif
