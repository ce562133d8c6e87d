/* The fields of message_admin.h; fields.h says how to read them. */
#ifndef COLUMBA_PROTO_FIELDS_ADMIN_H
#define COLUMBA_PROTO_FIELDS_ADMIN_H

#include "base/limits.h"

/* An administrator's command has a handful; more is no command. */
#define ARGUMENTS_MAX 16u

#define ADMIN_FIELDS(F) F(BYTES, command) F(TEXTS, arguments, argument_count, ARGUMENTS_MAX)

#define ADMIN_REPLY_FIELDS(F) F(BYTES, json)

#endif
