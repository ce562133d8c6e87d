/* The MLS library's limits, each with its reason. */
#ifndef COLUMBA_MLS_LIMITS_H
#define COLUMBA_MLS_LIMITS_H

#include "base/limits.h"

/* One protocol object. A welcome for 10,000 members with its tree is some 5 MB. */
#define MLS_MESSAGE_MAX_BYTES (64u * MIB)
/* The data and the authenticated data of a message of our own: the message has room for them,
 * whatever its padding, its group id and its signature. */
#define MLS_CONTENT_MAX_BYTES (32u * MIB)
/* What parsing one message may allocate for its lists. */
#define MLS_PARSE_ARENA_MAX_BYTES (64u * MIB)
/* Leaves of a tree, and so the depth of every walk: 2^20 leaves have 20 levels of parents. */
#define MLS_LEAVES_MAX (1u << 20)
#define MLS_DEPTH_MAX 20u
/* A joiner is shown trees by strangers, and a blank node takes one byte there but some 150 here. So
 * up to this many nodes may all be blank, as in a group that shrank from 32,768 members; in a
 * larger tree one node of so many must not be. */
#define MLS_SPARSE_NODES_MAX (1u << 16)
#define MLS_SPARSE_NODES_EACH 16u
/* Proposals in one commit: 10,000 members added at once, and as many pending by reference. */
#define MLS_PROPOSALS_MAX 16384u
/* Pending proposals together: those 10,000 adds, and a member that sends large ones for nothing
 * takes no more memory and storage than this. */
#define MLS_PENDING_MAX_BYTES (8u * MIB)
/* Entries of one list of extensions; they are searched one by one. */
#define MLS_EXTENSIONS_MAX 64u
/* Entries of one list of capabilities; searched one by one too. */
#define MLS_CAPABILITIES_MAX 256u
/* Pre-shared keys in one commit or welcome. */
#define MLS_PSKS_MAX 256u
/* Recipients of one welcome. */
#define MLS_WELCOME_MAX 65536u

/* How far ahead of the last message of a sender a message may be: a member must not be able to
 * make others derive keys for minutes. */
#define MLS_FORWARD_MAX 2000u
/* Keys kept for messages of one sender that were overtaken by later ones. */
#define MLS_OUT_OF_ORDER_MAX 128u
/* Epochs whose messages can still be read after they ended. */
#define MLS_PAST_EPOCHS_MAX 8u
#define MLS_PAST_EPOCHS_DEFAULT 3u
/* Epochs whose resumption key is kept (8.6 asks for a limit). 32 bytes each. */
#define MLS_RESUMPTION_EPOCHS_MAX 256u

/* The longest time a leaf may claim to be valid (7.2 asks for a limit): a year and a month. */
#define MLS_LIFETIME_MAX_S (395ull * 24 * 3600)
/* What we claim for our own key packages, and how far back, for clocks that are behind. */
#define MLS_LIFETIME_DEFAULT_S (84ull * 24 * 3600)
#define MLS_LIFETIME_MARGIN_S 3600ull

/* Content is padded to a multiple of this unless the group is told otherwise. */
#define MLS_PADDING_DEFAULT_BYTES 32u
#define MLS_PADDING_MAX_BYTES (64u * KIB)

#ifndef __cplusplus
_Static_assert((1u << MLS_DEPTH_MAX) == MLS_LEAVES_MAX, "the depth is that of the largest tree");
_Static_assert(MLS_OUT_OF_ORDER_MAX <= MLS_FORWARD_MAX, "kept keys come from steps taken");
#endif

#endif
