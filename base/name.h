/*
 * What may name a user or a conversation, judged alike by the client library and by nodes: two
 * names that look the same have to be the same bytes, because an id is a hash of them.
 *
 *   - 1 to NAME_MAX_BYTES of UTF-8 (RFC 3629);
 *   - no character that is no text: control characters (C0, DEL, C1), line and paragraph
 *     separators, and the marks that override or isolate the direction of what follows, with which
 *     a name could dress up as another;
 *   - in Normalization Form C (Unicode Standard Annex #15), and with no more than
 *     NAME_MARKS_MAX combining marks in a row, as in its Stream-Safe Text Format. That bound also
 *     keeps the check within its own buffers: it allocates nothing.
 */
#ifndef COLUMBA_BASE_NAME_H
#define COLUMBA_BASE_NAME_H

#include "base/slice.h"

#define NAME_MARKS_MAX 30u

/* The same in one sentence, for who asks without saying which name. */
#define NAME_RULE                                                                                  \
    "has to be 1 to 512 bytes of UTF-8 text in Normalization Form C, without control characters"

/* NULL: it may be a name. Else what is wrong with it, to be put after "the name …". */
const char *name_problem(struct slice name);

#endif
