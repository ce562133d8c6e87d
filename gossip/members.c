/*
 * The table of members: see members.h. The index is open addressing with linear steps; a removal
 * moves later entries back, so there are no markers to skip.
 */
#include "gossip/members.h"

#include "base/assert.h"
#include "base/bytes.h"

void gossip_members_init(struct gossip_members *members, struct memory *memory, uint64_t hash_seed)
{
    members->memory = memory;
    members->hash_seed = hash_seed | 1;
    members->count = 0;
    memset(members->status_counts, 0, sizeof members->status_counts);
    members->free_first = GOSSIP_NONE;
    members->free_untouched = 0;
    gossip_list_init(&members->suspects);
    gossip_list_init(&members->departed);
    gossip_list_init(&members->changes);
    memset(members->index, 0xff, sizeof members->index);
}

void gossip_members_clear(struct gossip_members *members)
{
    for (uint16_t i = 0; i < members->count; i++) {
        gossip_state_clear(&members->rows[members->order[i]].state, members->memory);
    }
    members->count = 0;
}

static uint16_t index_home(const struct gossip_members *members, const struct id *host)
{
    uint64_t mixed = bytes_get_u64_be(host->bytes) ^ bytes_get_u64_be(host->bytes + 8);
    mixed = (mixed ^ (mixed >> 32)) * members->hash_seed;
    return (uint16_t)((mixed >> 40) & (GOSSIP_INDEX_SIZE - 1));
}

static uint16_t index_step(uint16_t at)
{
    return (uint16_t)((at + 1u) & (GOSSIP_INDEX_SIZE - 1));
}

/* Where the host is, or the free place where it belongs. */
static uint16_t index_place(const struct gossip_members *members, const struct id *host)
{
    uint16_t at = index_home(members, host);
    while (members->index[at] != GOSSIP_NONE &&
           !id_equal(&members->rows[members->index[at]].host, host)) {
        at = index_step(at);
    }
    return at;
}

static void index_remove(struct gossip_members *members, const struct id *host)
{
    uint16_t hole = index_place(members, host);
    uint16_t at = hole;
    for (;;) {
        members->index[hole] = GOSSIP_NONE;
        uint16_t distance;
        do {
            at = index_step(at);
            if (members->index[at] == GOSSIP_NONE) {
                return;
            }
            uint16_t home = index_home(members, &members->rows[members->index[at]].host);
            distance = (uint16_t)((at - home) & (GOSSIP_INDEX_SIZE - 1));
        } while (distance < (uint16_t)((at - hole) & (GOSSIP_INDEX_SIZE - 1)));
        members->index[hole] = members->index[at];
        hole = at;
    }
}

uint16_t gossip_members_find(const struct gossip_members *members, const struct id *host)
{
    return members->index[index_place(members, host)];
}

uint16_t gossip_members_place(const struct gossip_members *members, const struct id *host)
{
    uint16_t low = 0;
    uint16_t high = members->count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (id_compare(&members->rows[members->order[middle]].host, host) < 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    return low;
}

static uint16_t slot_take(struct gossip_members *members)
{
    uint16_t slot = members->free_first;
    if (slot != GOSSIP_NONE) {
        members->free_first = members->rows[slot].next[GOSSIP_LINK_STATUS];
    } else {
        slot = members->free_untouched++;
    }
    return slot;
}

uint16_t gossip_members_add(struct gossip_members *members, const struct id *host)
{
    if (members->count == NODES_MAX) {
        return GOSSIP_NONE;
    }
    uint16_t slot = slot_take(members);
    struct gossip_row *row = &members->rows[slot];
    *row = (struct gossip_row){.host = *host, .status = GOSSIP_ALIVE, .is_used = true};
    row->news_list = UINT8_MAX;
    uint16_t place = gossip_members_place(members, host);
    size_t behind = (size_t)(members->count - place);
    memmove(&members->order[place + 1], &members->order[place], behind * sizeof members->order[0]);
    members->order[place] = slot;
    members->index[index_place(members, host)] = slot;
    members->count++;
    members->status_counts[GOSSIP_ALIVE]++;
    return slot;
}

static struct gossip_list *status_list(struct gossip_members *members, enum gossip_status status)
{
    if (status == GOSSIP_ALIVE) {
        return NULL;
    }
    return status == GOSSIP_SUSPECT ? &members->suspects : &members->departed;
}

void gossip_members_remove(struct gossip_members *members, uint16_t slot)
{
    gossip_members_set_status(members, slot, GOSSIP_ALIVE);
    members->status_counts[GOSSIP_ALIVE]--;
    struct gossip_row *row = &members->rows[slot];
    uint16_t place = gossip_members_place(members, &row->host);
    index_remove(members, &row->host);
    members->count--;
    size_t behind = (size_t)(members->count - place);
    memmove(&members->order[place], &members->order[place + 1], behind * sizeof members->order[0]);
    gossip_state_clear(&row->state, members->memory);
    row->is_used = false;
    row->next[GOSSIP_LINK_STATUS] = members->free_first;
    members->free_first = slot;
}

void gossip_members_set_status(struct gossip_members *members, uint16_t slot,
                               enum gossip_status status)
{
    struct gossip_row *row = &members->rows[slot];
    struct gossip_list *old = status_list(members, row->status);
    struct gossip_list *new = status_list(members, status);
    if (old != NULL) {
        gossip_list_remove(members, old, GOSSIP_LINK_STATUS, slot);
    }
    if (new != NULL) {
        gossip_list_append(members, new, GOSSIP_LINK_STATUS, slot);
    }
    members->status_counts[row->status]--;
    members->status_counts[status]++;
    row->status = (uint8_t)status;
}

uint16_t gossip_members_from(const struct gossip_members *members, uint16_t place,
                             enum gossip_status status, uint16_t except)
{
    for (uint16_t i = 0; i < members->count; i++) {
        uint16_t slot = members->order[(place + i) % members->count];
        if (members->rows[slot].status == status && slot != except) {
            return slot;
        }
    }
    return GOSSIP_NONE;
}

void gossip_list_init(struct gossip_list *list)
{
    *list = (struct gossip_list){GOSSIP_NONE, GOSSIP_NONE};
}

void gossip_list_append(struct gossip_members *members, struct gossip_list *list,
                        enum gossip_link link, uint16_t slot)
{
    struct gossip_row *row = &members->rows[slot];
    row->previous[link] = list->last;
    row->next[link] = GOSSIP_NONE;
    if (list->last == GOSSIP_NONE) {
        list->first = slot;
    } else {
        members->rows[list->last].next[link] = slot;
    }
    list->last = slot;
}

void gossip_list_prepend(struct gossip_members *members, struct gossip_list *list,
                         enum gossip_link link, uint16_t slot)
{
    struct gossip_row *row = &members->rows[slot];
    row->previous[link] = GOSSIP_NONE;
    row->next[link] = list->first;
    if (list->first == GOSSIP_NONE) {
        list->last = slot;
    } else {
        members->rows[list->first].previous[link] = slot;
    }
    list->first = slot;
}

void gossip_list_remove(struct gossip_members *members, struct gossip_list *list,
                        enum gossip_link link, uint16_t slot)
{
    struct gossip_row *row = &members->rows[slot];
    uint16_t next = row->next[link];
    uint16_t previous = row->previous[link];
    if (previous == GOSSIP_NONE) {
        list->first = next;
    } else {
        members->rows[previous].next[link] = next;
    }
    if (next == GOSSIP_NONE) {
        list->last = previous;
    } else {
        members->rows[next].previous[link] = previous;
    }
}

uint64_t gossip_row_version(const struct gossip_row *row)
{
    return row->state_generation == row->generation ? row->state.version : 0;
}

struct gossip_record gossip_row_record(const struct gossip_row *row)
{
    struct gossip_record record = {
        .host = row->host,
        .generation = row->generation,
        .incarnation = row->incarnation,
        .version = gossip_row_version(row),
        .address = row->address,
        .status = row->status,
    };
    if (row->status == GOSSIP_SUSPECT) {
        record.suspecters_count = row->suspecters_count;
        memcpy(record.suspecters, row->suspecters, sizeof record.suspecters);
    }
    return record;
}
