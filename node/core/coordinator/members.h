/*
 * Who is in a conversation: its row and its members, read from its replicas page by page.
 */
#ifndef COLUMBA_NODE_CORE_COORDINATOR_MEMBERS_H
#define COLUMBA_NODE_CORE_COORDINATOR_MEMBERS_H

#include "node/core/coordinator/members_cache.h"
#include "node/core/machine/op.h"
#include "node/store/row.h"

/* On the wire and on disk. */
enum conversation_kind { KIND_DIRECT = 1, KIND_GROUP = 2, KIND_BROADCAST = 3 };

/* Which members are read; by the version of the act that brought them in. */
struct members_choice {
    uint64_t only;   /* just those of this act; 0: all. Of the act that made it a channel: all */
    uint64_t before; /* just those of earlier acts; 0: all */
};

/* What was read; everything lies in the operation's arena. */
struct members_load {
    struct id conversation;
    enum consistency level;
    op_next *next;

    bool found; /* the conversation's row */
    uint32_t kind;
    struct slice name;
    uint64_t created_at_ms;
    uint64_t version;
    uint64_t channel_since; /* the version of the act that made it one; 0: it is none by decision */
    /* More members than are fanned out to; then not all of them were read. */
    bool is_channel;
    struct id *users; /* ascending */
    uint32_t count;
    struct members_choice choice;
    uint32_t users_max;
};

/*
 * Reads them at the level, into op->load; `next` is called with op->status. The members of a
 * conversation that exists are cached; one that does not exist is OK, and not found.
 */
void members_load(struct core *core, struct op *op, const struct id *conversation,
                  enum consistency level, op_next *next);

/* The same for some of the members of a channel, which are not cached. */
void members_choose(struct core *core, struct op *op, const struct id *conversation,
                    const struct members_choice *choice, op_next *next);

/* Is the member a row tells of still in? */
bool member_is_in(struct slice row);

#endif
