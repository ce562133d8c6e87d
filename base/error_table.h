/*
 * Every error of Columba, once: X(NAME, number, retryable, text).
 *
 * The numbers travel on the wire and never change meaning. `retryable` says that the same call may
 * succeed later without any change by the caller; a call whose outcome is unknown may only be
 * repeated because it is idempotent. From this table follow the internal enum (base/error.h), the
 * public one (columba.h), names and texts.
 */
#ifndef COLUMBA_ERROR_TABLE_H
#define COLUMBA_ERROR_TABLE_H

/* clang-format off */
#define COLUMBA_ERROR_TABLE(X)                                                                        \
    X(OK,                    0, 0, "done")                                                            \
    /* The cluster could not do it now. */                                                            \
    X(UNAVAILABLE,           1, 1, "not enough replicas are alive for this consistency level")        \
    X(TIMEOUT,               2, 1, "the replicas did not answer in time")                             \
    X(OVERLOADED,            3, 1, "a bounded queue is full; slow down and try again")                \
    X(OUTCOME_UNKNOWN,       4, 1, "some replicas may have applied the write; the same call may be repeated") \
    X(SHUTTING_DOWN,         5, 1, "the node is draining; use another node")                          \
    X(NO_NODE,               6, 1, "none of the contact nodes could be reached")                      \
    X(DISCONNECTED,          7, 1, "the connection was lost before the answer")                       \
    X(STALE_TOPOLOGY,        8, 1, "the sender's topology is older than the replica's")               \
    X(DISK_FULL,             9, 1, "the disk is full: the node takes no writes until there is room")   \
    X(CLOCK_WRONG,          10, 1, "the node's clock is wrong; use another node")                     \
    X(BAD_ANSWER,           11, 1, "a replica's answer does not fit what it was asked; use another node") \
    X(UNDECIDED,            12, 1, "it is not known yet which of two bodies under this id stays; read it later") \
    /* The request cannot be done as it is. */                                                        \
    X(INVALID,              20, 0, "the request is not valid")                                        \
    X(TOO_LARGE,            21, 0, "larger than the limit")                                           \
    X(UNKNOWN_CONVERSATION, 22, 0, "there is no such conversation")                                   \
    X(NOT_A_MEMBER,         23, 0, "the sender is not a member of the conversation")                  \
    X(CLOCK_AHEAD,          24, 0, "the id or time lies too far in the future of the node's clock")   \
    X(ID_CONFLICT,          25, 0, "this message id already carries another body")                    \
    X(WRONG_SENDER,         26, 0, "this message id was made for another sender")                     \
    X(NOT_A_REPLICA,        27, 0, "the node does not own this partition")                            \
    X(NOT_FOUND,            28, 0, "there is no such thing")                                          \
    X(CANCELLED,            29, 0, "cancelled by the caller")                                         \
    X(UNKNOWN_MESSAGE,      30, 0, "the conversation has no such message")                            \
    X(NOT_THE_SENDER,       31, 0, "somebody else sent the message: only its sender may do this")     \
    X(MESSAGE_DELETED,      32, 0, "the message was deleted")                                         \
    X(DISPLACED,            33, 0, "a later session of the same device has taken the place of this one") \
    /* The other side does not speak as we do. */                                                     \
    X(MALFORMED,            40, 0, "bytes that do not form a valid message")                          \
    X(PROTOCOL_VERSION,     41, 0, "no common protocol version")                                      \
    X(WRONG_CLUSTER,        42, 0, "the node belongs to another cluster")                             \
    X(NOT_SUPPORTED,        43, 0, "this node does not know the request")                             \
    X(WIPED,                44, 0, "the node's data directory is not the one the cluster knows it by") \
    /* The library and its caller. */                                                                 \
    X(NO_MEMORY,            60, 1, "out of memory")                                                   \
    X(WRONG_KEY,            61, 0, "the key does not open this message, or the message was altered")  \
    X(IO,                   62, 0, "an input or output operation failed")                             \
    X(CONFIGURATION,        63, 0, "the configuration is not valid")                                  \
    X(CORRUPT,              64, 0, "stored bytes fail their check")                                   \
    X(IN_USE,               65, 0, "in use by another process")                                       \
    X(NEWER_FORMAT,         66, 0, "written by a newer version")                                      \
    X(INTERNAL,             67, 0, "a bug in Columba")                                                \
    X(OLDER_FORMAT,         68, 0, "written by an older version, in a format no longer read")
/* clang-format on */

#endif
