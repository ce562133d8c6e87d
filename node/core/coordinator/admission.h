/*
 * Admission: may this user act in this conversation? Answered from the coordinator's cache, or by a
 * read of the members. Below a quorum a replica that is behind may deny what a quorum knows, so a
 * denial is confirmed at the keyspace's level.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_ADMISSION_H
#define COLUMBA_NODE_CORE_COORDINATOR_ADMISSION_H

#include "node/core/machine/op.h"

struct admission {
    struct id conversation;
    struct id user; /* zero: anybody, it is enough that the conversation exists */
    /* The result, on OK. */
    bool is_channel;
    uint64_t membership_version; /* at which the members were loaded */

    op_next *next;
    bool load_confirms;   /* the conversation is read at the keyspace's level: a denial counts */
    bool member_confirms; /* the same, of a channel's member */
};

/* Would admission_begin answer from the cache, at once? */
bool admission_is_cached(struct core *core, const struct id *conversation, const struct id *user);

/* `user` may be NULL for anybody. `next` is called with op->status: OK, UNKNOWN_CONVERSATION,
 * NOT_A_MEMBER, or why it could not be found out; on OK op->admission has the result. */
void admission_begin(struct core *core, struct op *op, const struct id *conversation,
                     const struct id *user, op_next *next);

#endif
