/*
 * What is known of messages and members before they have their place in the log.
 */
#ifndef COLUMBA_CLIENT_TOOLS_CHAT_DRAFT_H
#define COLUMBA_CLIENT_TOOLS_CHAT_DRAFT_H

#include "client/tools/chat_log.h"

struct chat_draft {
    struct chat_message message;
    uint32_t conversation; /* number in the log's names */
};

struct chat_draft_member {
    uint32_t conversation;
    uint32_t member; /* number in the log's senders */
    struct columba_id marker;
    bool has_marker;
};

struct chat_draft_created {
    uint32_t conversation;
    uint64_t created_at_ms;
};

#endif
