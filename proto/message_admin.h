/*
 * What an administrator asks of a node.
 * message.h says how to read the table.
 */
#ifndef COLUMBA_PROTO_MESSAGE_ADMIN_H
#define COLUMBA_PROTO_MESSAGE_ADMIN_H

#include <stdint.h>

#include "base/slice.h"

#define ADMIN_MESSAGES(X)                                                                          \
    X(ADMIN, 40, admin, Admin) /* -> ADMIN_REPLY */                                                \
    X(ADMIN_REPLY, 41, admin_reply, AdminReply)

struct message_admin {
    struct slice command;
    const struct slice *arguments;
    uint32_t argument_count;
};

struct message_admin_reply {
    struct slice json;
};

#endif
