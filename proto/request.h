/*
 * The requests of clients, a line each. From this table follow the core's dispatch, what a client
 * accepts as an answer, whose right is asked for, and by which limit a request is counted.
 *
 * X(NAME, member, ANSWER, MAY, CLASS)
 *   NAME, member   as in MESSAGE_TYPES; the core's handler is request_<member>
 *   ANSWER         the type that answers it; STATUS may always come instead, as a refusal
 *   MAY            whose right it is: SENDER (the user who wrote it), USER (whose inbox it is),
 *                  MEMBER (who is in the conversation), ANYBODY, IMPORTER
 *   CLASS          READ, WRITE, BULK
 */
#ifndef COLUMBA_PROTO_REQUEST_H
#define COLUMBA_PROTO_REQUEST_H

#include "proto/message.h"

#define CLIENT_REQUESTS(X)                                                                         \
    X(SEND, send, STATUS, SENDER, WRITE)                                                           \
    X(CHANGE, change, STATUS, SENDER, WRITE)                                                       \
    X(CONVERSATION_CREATE, conversation_create, STATUS, ANYBODY, WRITE)                            \
    X(CONVERSATION_GET, conversation_get, CONVERSATION, MEMBER, READ)                              \
    X(MEMBERS_READ, members_read, MEMBERS, MEMBER, READ)                                           \
    X(HISTORY_READ, history_read, HISTORY, MEMBER, READ)                                           \
    X(INBOX_READ, inbox_read, INBOX, USER, READ)                                                   \
    X(MARK_READ, mark_read, STATUS, USER, WRITE)                                                   \
    X(HISTORY_IMPORT, history_import, STATUS, IMPORTER, BULK)                                      \
    X(INBOX_IMPORT, inbox_import, STATUS, IMPORTER, BULK)                                          \
    X(SYNC, sync, SYNC_EVENTS, USER, READ)

enum request_may {
    REQUEST_MAY_ANYBODY = 1,
    REQUEST_MAY_SENDER,
    REQUEST_MAY_USER,
    REQUEST_MAY_MEMBER,
    REQUEST_MAY_IMPORTER,
};
enum request_class { REQUEST_CLASS_READ = 1, REQUEST_CLASS_WRITE, REQUEST_CLASS_BULK };

struct request_kind {
    enum message_type type;
    enum message_type answer;
    enum request_may may;
    enum request_class class;
};

/* NULL: not a client's request. */
const struct request_kind *request_kind_of(uint32_t type);

#endif
