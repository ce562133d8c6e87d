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
 *   DEAD   a deletion that nothing outlives: once present, always present; lower timestamp wins
 *
 * The inbox has one rule across columns: unread ids at or below the greater of `marker` and
 * `floor` are dropped; more than UNREAD_IDS_MAX ids drop the lowest, and `floor` becomes the
 * highest dropped one; a floor at or below the marker is dropped. That is still a join: the result
 * is a function of the union of all ids and the greatest marker.
 */
#ifndef COLUMBA_NODE_STORE_SCHEMA_H
#define COLUMBA_NODE_STORE_SCHEMA_H

/* X(NAME, number): tables of rows that merge, keyed by partition. */
#define SCHEMA_TABLES(X)                                                                           \
    X(CONVERSATION, 1) /* clustering: none */                                                      \
    X(MEMBER, 2)       /* clustering: user id */                                                   \
    X(MESSAGE, 3)      /* clustering: message id, bits inverted: newest first */                   \
    X(HANDSHAKE, 4)    /* clustering: epoch, u64 big-endian */                                     \
    X(USER, 16)        /* clustering: none */                                                      \
    X(DEVICE, 17)      /* clustering: device id */                                                 \
    X(KEY_PACKAGE, 18) /* clustering: device id, reference */                                      \
    X(INBOX, 19)       /* clustering: conversation id */                                           \
    X(POSITION, 20)    /* clustering: device id */

/* Columns: X(TABLE, NAME, number, RULE). Numbers are unique within a table. */
#define SCHEMA_COLUMNS(X)                                                                          \
    X(CONVERSATION, KIND, 1, LWW)               /* u8: 1 direct, 2 group, 3 broadcast */           \
    X(CONVERSATION, NAME, 2, FIRST)             /* UTF-8 */                                        \
    X(CONVERSATION, CREATED_AT, 3, FIRST)       /* Unix ms, u64 */                                 \
    X(CONVERSATION, MEMBERSHIP_VERSION, 4, MAX) /* hybrid time of the newest change, u64 */        \
    X(CONVERSATION, EPOCH, 5, MAX)              /* u64 */                                          \
    X(CONVERSATION, RETENTION, 6, LWW)          /* seconds, u64 */                                 \
    X(MEMBER, NAME, 1, FIRST)                   /* the user's name, UTF-8 */                       \
    X(MEMBER, ROLE, 2, LWW)                     /* u8: 1 member, 2 admin */                        \
    X(MEMBER, JOINED_AT, 3, LWW)                /* Unix ms, u64 */                                 \
    X(MEMBER, LEFT_AT, 4, LWW)                  /* Unix ms, u64; 0: not left */                    \
    X(MEMBER, DELIVERED_UP_TO, 5, MAX)          /* message id */                                   \
    X(MEMBER, READ_UP_TO, 6, MAX)               /* message id */                                   \
    X(MESSAGE, CONTENT, 1, FIRST)               /* proto/content.h, one cell */                    \
    X(MESSAGE, EDITED, 2, LWW)                  /* proto/content.h */                              \
    X(MESSAGE, DELETED, 3, DEAD)                /* empty */                                        \
    X(MESSAGE, REACTION, 4, LWW)                /* sub-key: user id */                             \
    X(MESSAGE, APPLICATION, 5, LWW)             /* sub-key: the application's column name */       \
    X(HANDSHAKE, COMMIT, 1, FIRST)                                                                 \
    X(USER, NAME, 1, FIRST)                                                                        \
    X(USER, PROFILE, 2, LWW)                                                                       \
    X(DEVICE, PROFILE, 1, LWW)                                                                     \
    X(KEY_PACKAGE, PACKAGE, 1, FIRST)                                                              \
    X(INBOX, LAST, 1, MAX)   /* newest message id */                                               \
    X(INBOX, MARKER, 2, MAX) /* read up to this message id */                                      \
    X(INBOX, FLOOR, 3, MAX)  /* unread ids up to this one are not counted any more */              \
    X(INBOX, UNREAD, 4, SET) /* message ids, ascending */                                          \
    X(INBOX, FLAGS, 5, LWW)  /* u8 bits: INBOX_FLAG_… */                                         \
    X(POSITION, CONFIRMED, 1, MAX)

enum table {
#define X(name, number) TABLE_##name = (number),
    SCHEMA_TABLES(X)
#undef X
};

enum column {
#define X(table, name, number, rule) COLUMN_##table##_##name = (number),
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

enum merge_rule { RULE_NONE = 0, RULE_LWW, RULE_FIRST, RULE_MAX, RULE_SET, RULE_DEAD };

/* Replica-local tables (space LOCAL): one replica's own bookkeeping, under keys of its own. */
enum local_table {
    LOCAL_META = 1,   /* clustering: a name */
    LOCAL_OUTBOX = 2, /* clustering: sequence, u64 */
    LOCAL_LOG = 3,    /* clustering: token u64, user id, sequence u64 */
    LOCAL_FOLD = 4,   /* clustering: token u64, user id; value: folded up to this sequence */
};

#endif
