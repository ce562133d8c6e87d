/*
 * What an administrator asks of a node.
 * message.h says how to read the table, fields.h how to read the fields.
 */
#ifndef COLUMBA_PROTO_MESSAGE_ADMIN_H
#define COLUMBA_PROTO_MESSAGE_ADMIN_H

#include <stdint.h>

#include "base/limits.h"
#include "base/slice.h"

/* An administrator's command has a handful; more is no command. */
#define ARGUMENTS_MAX 16u

#define ADMIN_MESSAGES(X)                                                                          \
    X(ADMIN, 40, admin, Admin) /* -> ADMIN_REPLY */                                                \
    X(ADMIN_REPLY, 41, admin_reply, AdminReply)

struct message_admin {
    struct slice command;
    const struct slice *arguments;
    uint32_t argument_count;
};
#define ADMIN_FIELDS(F) F(BYTES, command) F(TEXTS, arguments, argument_count, ARGUMENTS_MAX)

struct message_admin_reply {
    struct slice json;
};
#define ADMIN_REPLY_FIELDS(F) F(BYTES, json)

#endif
