/*
 * The table of members: rows in fixed slots, an index by host id, an order by host id, and lists
 * through the rows. Nothing is allocated but the members' states; a full table gives up its oldest
 * dead member for a new living one.
 *
 * Slots are stable as long as their member is in the table.
 */
#ifndef COLUMBA_GOSSIP_MEMBERS_H
#define COLUMBA_GOSSIP_MEMBERS_H

#include "gossip/gossip.h"
#include "gossip/packet.h"

#define GOSSIP_NONE UINT16_MAX
/* A power of two at twice the members: searches stay short. */
#define GOSSIP_INDEX_SIZE (2u * NODES_MAX)
_Static_assert((GOSSIP_INDEX_SIZE & (GOSSIP_INDEX_SIZE - 1)) == 0, "the index masks hashes");
_Static_assert(NODES_MAX < GOSSIP_NONE, "slots are 16 bits");

enum gossip_link {
    GOSSIP_LINK_STATUS,  /* the suspects, or the dead and left: oldest first */
    GOSSIP_LINK_NEWS,    /* what is to be told to others */
    GOSSIP_LINK_CHANGES, /* what is to be told to the caller */
    GOSSIP_LINK_COUNT
};

struct gossip_list {
    uint16_t first;
    uint16_t last;
};

/* What judging a record looks at comes first: tables of many nodes in one process do not stay in
 * caches. */
struct gossip_row {
    struct id host;
    uint64_t incarnation;
    uint64_t generation;
    uint64_t state_generation; /* the life that `state` is of */
    struct gossip_state state;
    uint8_t status;
    uint8_t news_list; /* how often it was sent, or GOSSIP_NOT_NEWS */
    bool is_state_news;
    bool is_used;
    bool status_changed;
    bool state_changed;
    uint8_t reprieves; /* times its suspicion was prolonged because we were late ourselves */
    uint8_t suspecters_count;
    uint32_t suspecters[GOSSIP_SUSPECTERS_MAX];
    struct gossip_address address;
    uint64_t since_ms;
    uint64_t suspected_until_ms; /* not dead before, whatever the suspicion's length says */
    uint16_t next[GOSSIP_LINK_COUNT];
    uint16_t previous[GOSSIP_LINK_COUNT];
};

struct gossip_members {
    struct memory *memory;
    uint64_t hash_seed;
    uint16_t count;
    uint16_t status_counts[4];
    uint16_t free_first; /* through next[GOSSIP_LINK_STATUS] */
    uint16_t free_untouched;
    struct gossip_list suspects;
    struct gossip_list departed;
    struct gossip_list changes;
    uint16_t order[NODES_MAX];
    uint16_t index[GOSSIP_INDEX_SIZE];
    struct gossip_row rows[NODES_MAX];
};

void gossip_members_init(struct gossip_members *members, struct memory *memory, uint64_t hash_seed);
void gossip_members_clear(struct gossip_members *members);

/* GOSSIP_NONE: not there. */
uint16_t gossip_members_find(const struct gossip_members *members, const struct id *host);
/* Adds an alive row with the given host; it must not be there. GOSSIP_NONE: full. */
uint16_t gossip_members_add(struct gossip_members *members, const struct id *host);
/* The row must be in no list but its status's. */
void gossip_members_remove(struct gossip_members *members, uint16_t slot);
/* The one door for a row's status: keeps counts and lists. */
void gossip_members_set_status(struct gossip_members *members, uint16_t slot,
                               enum gossip_status status);
/* Place in the order of the first member at or after the id; count if none. */
uint16_t gossip_members_place(const struct gossip_members *members, const struct id *host);
/* The next in the order from `place` on, around, that has this status and is not `except`. */
uint16_t gossip_members_from(const struct gossip_members *members, uint16_t place,
                             enum gossip_status status, uint16_t except);

void gossip_list_init(struct gossip_list *list);
void gossip_list_append(struct gossip_members *members, struct gossip_list *list,
                        enum gossip_link link, uint16_t slot);
void gossip_list_prepend(struct gossip_members *members, struct gossip_list *list,
                         enum gossip_link link, uint16_t slot);
void gossip_list_remove(struct gossip_members *members, struct gossip_list *list,
                        enum gossip_link link, uint16_t slot);

/* What this node can tell of a row. */
struct gossip_record gossip_row_record(const struct gossip_row *row);
/* The version it has of the row's present life: 0 while it only has an earlier one's. */
uint64_t gossip_row_version(const struct gossip_row *row);

#endif
