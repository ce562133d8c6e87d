/*
 * The data model: every table and every column, with its merge rule. Numbers are on disk and on
 * the wire and never change meaning.
 *
 * A row is a sparse map from column (and, for some columns, a sub-key) to a cell; merging two
 * versions of a row is commutative, associative and idempotent, so every way in which data moves
 * is the same act. Rules:
 *
 *   LWW    the higher timestamp wins; ties by the greater value
 *   FIRST  the lower timestamp wins; ties by the lower XXH3-64 of the value, then the lesser value
 *   MAX    the greater value wins (fixed-width big-endian values), whatever the timestamps
 *   SET    union of fixed-width elements (sorted 16-byte ids)
 *   DEAD   a deletion that nothing outlives: once present, it is the row's only cell, whatever else
 *          there was or comes; the lower timestamp wins, ties by the lesser value
 *
 * MAX and SET cells always carry timestamp 0, and only LWW and FIRST cells may expire: a stamp that
 * no rule asks would make replicas differ that hold the same.
 *
 * The inbox has one rule across columns: unread and deleted ids at or below the greater of `marker`
 * and `floor` are dropped; more than UNREAD_IDS_MAX ids of either set drop its lowest, and `floor`
 * becomes the highest dropped one; a floor at or below the marker is dropped. That is still a join:
 * the result is a function of the unions of all ids and the greatest marker. So an id stays in the
 * unread set when it is deleted; what is unread are the ids that are in the one set and not in the
 * other (inbox_unread_count).
 */
#ifndef COLUMBA_NODE_STORE_SCHEMA_H
#define COLUMBA_NODE_STORE_SCHEMA_H

#include <stdint.h>

#include "base/limits.h"

/* A message's content or a group's commit: a body and its envelope. */
#define ROW_CONTENT_MAX_BYTES (BODY_MAX_BYTES + 4u * KIB)

/* Who changed which message, and how. */
#define CHANGE_RECORD_MAX_BYTES (NAME_MAX_BYTES + 128u)

/* X(NAME, number, bytes of clustering): tables of rows that merge, keyed by partition. */
#define SCHEMA_TABLES(X)                                                                           \
    X(CONVERSATION, 1, 0)                                                                          \
    X(MEMBER, 2, 16)   /* user id */                                                               \
    X(MESSAGE, 3, 16)  /* message id, bits inverted: newest first */                               \
    X(CHANGE, 5, 16)   /* change id */                                                             \
    X(HANDSHAKE, 4, 8) /* epoch, u64 big-endian */                                                 \
    X(USER, 16, 0)                                                                                 \
    X(DEVICE, 17, 16)      /* device id */                                                         \
    X(KEY_PACKAGE, 18, 32) /* device id, reference */                                              \
    X(INBOX, 19, 16)       /* conversation id */                                                   \
    X(POSITION, 20, 16)    /* device id */

/*
 * X(TABLE, NAME, number, RULE, value's least bytes, value's most bytes, sub-key). Column numbers
 * are unique within a table. The sizes let the whole of a row's columns without sub-keys fit its
 * limit, so merging valid rows cannot fail for size.
 */
#define SCHEMA_COLUMNS(X)                                                                          \
    X(CONVERSATION, KIND, 1, LWW, 1, 1, NONE)                /* 1 direct, 2 group, 3 broadcast */  \
    X(CONVERSATION, NAME, 2, FIRST, 0, NAME_MAX_BYTES, NONE) /* UTF-8 */                           \
    X(CONVERSATION, CREATED_AT, 3, FIRST, 8, 8, NONE)        /* Unix ms */                         \
    X(CONVERSATION, MEMBERSHIP_VERSION, 4, MAX, 8, 8, NONE) /* hybrid time of the newest change */ \
    X(CONVERSATION, EPOCH, 5, MAX, 8, 8, NONE)                                                     \
    X(CONVERSATION, RETENTION, 6, LWW, 8, 8, NONE)       /* seconds */                             \
    X(CONVERSATION, CHANNEL_SINCE, 7, FIRST, 8, 8, NONE) /* membership version of the change */    \
    X(MEMBER, NAME, 1, FIRST, 0, NAME_MAX_BYTES, NONE)   /* the user's name, UTF-8 */              \
    X(MEMBER, ROLE, 2, LWW, 1, 1, NONE)                  /* 1 member, 2 admin */                   \
    X(MEMBER, JOINED_AT, 3, LWW, 8, 8, NONE)             /* Unix ms */                             \
    X(MEMBER, LEFT_AT, 4, LWW, 8, 8, NONE)               /* Unix ms; 0: not left */                \
    X(MEMBER, DELIVERED_UP_TO, 5, MAX, 16, 16, NONE)     /* message id */                          \
    X(MEMBER, READ_UP_TO, 6, MAX, 16, 16, NONE)          /* message id */                          \
    X(MESSAGE, CONTENT, 1, FIRST, 1, ROW_CONTENT_MAX_BYTES, NONE) /* proto/content.h, one cell */  \
    X(MESSAGE, EDITED, 2, LWW, 0, ROW_CONTENT_MAX_BYTES, NONE)    /* proto/change.h: an edit */    \
    X(MESSAGE, DELETED, 3, DEAD, 0, NAME_MAX_BYTES, NONE)         /* the sender's name */          \
    X(MESSAGE, REACTION, 4, LWW, 0, REACTION_MARK_MAX_BYTES, ID)  /* sub-key: user id */           \
    X(MESSAGE, APPLICATION, 5, LWW, 0, COLUMN_MARK_MAX_BYTES, NAME) /* sub-key: its name */        \
    X(CHANGE, RECORD, 1, FIRST, 0, CHANGE_RECORD_MAX_BYTES, NONE)   /* proto/change.h: a record */ \
    X(HANDSHAKE, COMMIT, 1, FIRST, 0, ROW_CONTENT_MAX_BYTES, NONE)                                 \
    X(USER, NAME, 1, FIRST, 0, NAME_MAX_BYTES, NONE)                                               \
    X(USER, PROFILE, 2, LWW, 0, 16384, NONE)                                                       \
    X(DEVICE, PROFILE, 1, LWW, 0, 16384, NONE)                                                     \
    X(KEY_PACKAGE, PACKAGE, 1, FIRST, 0, 16384, NONE)                                              \
    X(INBOX, LAST, 1, MAX, 16, 16, NONE)   /* newest message id */                                 \
    X(INBOX, MARKER, 2, MAX, 16, 16, NONE) /* read up to this message id */                        \
    X(INBOX, FLOOR, 3, MAX, 16, 16, NONE) /* unread ids up to this one are not counted any more */ \
    X(INBOX, UNREAD, 4, SET, 16, UNREAD_IDS_MAX * 16, NONE)  /* message ids, ascending */          \
    X(INBOX, FLAGS, 5, LWW, 1, 1, NONE)                      /* INBOX_FLAG_… */                  \
    X(INBOX, DELETED, 6, SET, 16, UNREAD_IDS_MAX * 16, NONE) /* message ids, ascending */          \
    X(POSITION, CONFIRMED, 1, MAX, 1, 4096, NONE)

enum table {
#define X(name, number, clustering_bytes) TABLE_##name = (number),
    SCHEMA_TABLES(X)
#undef X
};

enum column {
#define X(table, name, number, rule, least, most, subkey) COLUMN_##table##_##name = (number),
    SCHEMA_COLUMNS(X)
#undef X
};

/* Bits of INBOX.FLAGS. */
enum inbox_flag {
    INBOX_FLAG_MUTED = 1,
    INBOX_FLAG_ARCHIVED = 2,
    INBOX_FLAG_PINNED = 4,
    INBOX_FLAG_MARKED_UNREAD = 8,
    INBOX_FLAG_CHANNEL = 16, /* unread messages are not counted */
};

/* The stamp of a message's content that a read has settled between replicas that held different
 * ones: before any other, and the same on all of them. */
#define CONTENT_SETTLED 0u

enum subkey_kind { SUBKEY_NONE = 0, SUBKEY_ID, SUBKEY_NAME };
#define SUBKEY_NAME_MAX_BYTES 64u

enum merge_rule { RULE_NONE = 0, RULE_LWW, RULE_FIRST, RULE_MAX, RULE_SET, RULE_DEAD };

struct column_spec {
    uint8_t rule;   /* enum merge_rule */
    uint8_t subkey; /* enum subkey_kind */
    uint32_t value_min_bytes;
    uint32_t value_max_bytes;
};

/* NULL: no such table or column. */
const struct column_spec *schema_column(uint8_t table, uint8_t column);

/* Replica-local tables (space LOCAL): one replica's own bookkeeping, under keys of its own. */
enum local_table {
    LOCAL_META = 1,    /* clustering: a name */
    LOCAL_OUTBOX = 2,  /* clustering: sequence, u64 */
    LOCAL_LOG = 3,     /* clustering: token u64, user id, sequence u64 */
    LOCAL_ARRIVAL = 4, /* clustering: sequence, u64; events that are not in their users' logs yet */
};

#endif
