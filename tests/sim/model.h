/*
 * What the users asked for and were told, and what follows from it for every answer: the oracle.
 *
 * Rules it holds the cluster to:
 *   - a row read was written by somebody, with exactly these bytes, in this conversation;
 *   - a send whose every attempt was refused is never seen; one with an unknown outcome may be;
 *   - once a message is known (acknowledged at QUORUM or above, or returned by a QUORUM read),
 * every QUORUM read of its place that starts later returns it;
 *   - what is known to be deleted is never shown again, and of a message that was edited no older
 *     text than the newest that is known;
 *   - markers likewise: known values never fall, and every value was asked for by somebody;
 *   - of two bodies that were sent under one id, one is known at most, for ever;
 *   - a conversation or membership that is known is never denied.
 *
 * Times are the world's. Nothing here looks into a node.
 */
#ifndef COLUMBA_SIM_MODEL_H
#define COLUMBA_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/message.h"
#include "ring/consistency.h"
#include "tests/sim/findings.h"

#define NEVER UINT64_MAX
#define MODEL_NAME_BYTES 24u

struct model_user {
    char name[MODEL_NAME_BYTES];
    struct id id;
};

struct model_asked {
    struct id value;
    bool is_refused; /* for sure: it must not be seen because of this try */
};

/* A value that only grows, and since when it is known to have reached at least that. */
struct model_mark {
    struct model_asked *asked; /* every try to set a value */
    uint32_t asked_count;
    struct id *known; /* ascending, in the order they became known */
    uint64_t *known_at_us;
    uint32_t known_count;
};

struct model_member {
    uint32_t user;
    uint64_t known_at_us; /* NEVER: perhaps not a member yet */
    uint64_t asked_at_us; /* when adding them was first tried */
    struct model_mark marker;
    struct model_mark read_up_to; /* the same as the conversation's members show it */
    struct model_mark last;       /* newest message in the inbox; nothing is asked */
};

/* An edit or a deletion, and its attempts. */
struct model_change {
    struct id id;
    bool is_asked;
    uint32_t attempts_open;
    bool is_possible;     /* an attempt was acknowledged, or ended without a clear word */
    uint64_t asked_at_us; /* first */
    uint64_t known_at_us; /* NEVER: not known */
};

struct model_edit {
    struct model_edit *next;
    struct model_change change;
    size_t content_size;
    uint8_t content[];
};

struct model_message {
    struct id id;
    uint32_t sender;
    uint32_t attempts_open;
    uint64_t asked_at_us;
    uint64_t known_at_us;        /* NEVER: not known to exist */
    bool is_acknowledged;        /* at any level */
    bool is_unknown;             /* an attempt ended without a clear word */
    bool is_imported;            /* fanned out to nobody */
    bool may_be_lost;            /* it was below a quorum when a host lost its disk */
    bool is_rival;               /* another body of the id of a message, and not in the list */
    struct model_message *other; /* … of which this one has it; NULL: none */
    /* Somebody sent another body under this id after it was known: below a quorum a replica that
     * had missed the message may show that one, until a read has settled it. */
    bool has_rival;
    struct model_edit *edits; /* newest first */
    struct model_change deletion;
    bool is_deleted_at_end; /* the audit found it so */
    size_t content_size;
    uint8_t content[];
};

struct model_conversation {
    char name[MODEL_NAME_BYTES];
    struct id id;
    uint64_t known_at_us;
    bool is_asked;
    struct model_member *members;
    uint32_t member_count;
    uint32_t first_count; /* of the members: those it is created with; the others come later */
    struct model_message **messages; /* ascending by id */
    uint32_t message_count;
    uint32_t message_capacity;
};

struct model {
    struct findings *findings;
    struct model_user *users;
    uint32_t user_count;
    struct model_conversation *conversations;
    uint32_t conversation_count;
};

struct model *model_create(struct findings *findings, uint32_t user_count,
                           uint32_t conversation_count);
void model_destroy(struct model *model);
/* A planned member: nobody has asked for it yet. */
void model_member_add(struct model *model, uint32_t conversation, uint32_t user, bool is_first);
/* How many of the planned members the next creation names: at first those it begins with, then
 * one more than are known. Not above member_count. */
uint32_t model_members_next(const struct model_conversation *conversation);
/* NULL: not planned. */
struct model_member *model_member(struct model *model, uint32_t conversation, uint32_t user);
/* UINT32_MAX: unknown. */
uint32_t model_user_by_id(const struct model *model, const struct id *id);
uint32_t model_conversation_by_id(const struct model *model, const struct id *id);

/* Creating a conversation with these planned members. */
void model_create_asked(struct model *model, uint32_t conversation, uint32_t member_count,
                        uint64_t now_us);
void model_create_known(struct model *model, uint32_t conversation, uint32_t member_count,
                        uint64_t now_us);

struct model_message *model_message_add(struct model *model, uint32_t conversation, uint32_t sender,
                                        const struct id *id, struct slice content, uint64_t now_us);
/* Another body under the id of a message that has none yet. */
struct model_message *model_rival_add(struct model_message *message, struct slice content,
                                      uint64_t now_us);
/* The one of the id's bodies that has this content; NULL: none. */
struct model_message *model_body(struct model_message *message, struct slice content);
/* A QUORUM answer showed or acknowledged it. */
void model_message_known(struct model *model, struct model_message *message, uint64_t now_us);
/* A replica is gone for good, with what only it had: what was acknowledged below a quorum, or had
 * an unknown outcome, and has not been read at QUORUM. */
void model_weak_forget(struct model *model);
/* NULL: no such message was ever sent there. */
struct model_message *model_message(const struct model_conversation *conversation,
                                    const struct id *id);

/* The place of this id among the messages, or where it belongs. */
uint32_t model_message_place(const struct model_conversation *conversation, const struct id *id);

enum model_outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_UNKNOWN };
void model_send_begin(struct model_message *message);
void model_send_end(struct model *model, struct model_message *message, enum model_outcome outcome,
                    bool is_quorum, uint64_t now_us);
/* Every attempt so far was refused: of this body, and of any body of its id. */
bool model_body_is_refused(const struct model_message *message);
bool model_message_is_refused(const struct model_message *message);

/* model_change.c */
struct model_edit *model_edit_add(struct model_message *message, const struct id *change,
                                  struct slice content, uint64_t now_us);
void model_edits_free(struct model_message *message);
void model_change_begin(struct model_change *change, uint64_t now_us);
void model_change_end(struct model_change *change, enum model_outcome outcome, bool is_quorum,
                      uint64_t now_us);
/* Never tried, or every attempt so far was refused. */
bool model_change_is_refused(const struct model_change *change);

/* A mark-read: asked before it is tried, known when acknowledged at QUORUM. */
uint32_t model_mark_asked(struct model_mark *mark, const struct id *value);
/* `ask` is what model_mark_asked returned. */
void model_mark_refused(struct model_mark *mark, uint32_t ask);
void model_mark_known(struct model_mark *mark, const struct id *value, uint64_t now_us);
/* The greatest value known before `start_us`; zero: none. */
struct id model_mark_floor(const struct model_mark *mark, uint64_t start_us);

/* What a read was asked and when. */
struct model_read {
    uint64_t start_us;
    bool is_quorum;
    const char *who; /* for findings */
};

/* model_change.c: what a row says of changes, and what is known when a quorum has shown it. */
void model_row_changes(struct model *model, const struct model_read *read,
                       struct model_message *message, const struct message_history_row *row);
void model_changes_known(struct model_message *message, const struct message_history_row *row,
                         uint64_t now_us);

void model_history_seen(struct model *model, const struct model_read *read,
                        const struct message_history_read *asked,
                        const struct message_history *answer, uint64_t now_us);
void model_inbox_seen(struct model *model, const struct model_read *read,
                      const struct message_inbox_read *asked, const struct message_inbox *answer,
                      uint64_t now_us);
void model_members_seen(struct model *model, const struct model_read *read,
                        const struct message_members_read *asked,
                        const struct message_members *answer, uint64_t now_us);

/* Is this level a quorum of one data centre's replicas? */
bool model_level_is_quorum(uint32_t level);

#endif
