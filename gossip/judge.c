/*
 * What was heard, and what we found out ourselves, against what is held. For others: the higher
 * (incarnation, status) wins, so every node ends with the same record whatever the order of
 * arrival. For ourselves: nobody knows better, so whatever would win over our own record is
 * answered with a higher incarnation.
 *
 * A dead or left member that we have never heard of is not taken in: else the departed would be
 * passed around for ever, as each node forgets them at another time.
 */
#include "gossip/parts.h"

#include "base/assert.h"

void gossip_judge_init(struct gossip *gossip)
{
    const struct gossip_config *config = &gossip->config;
    gossip->self = gossip_members_add(&gossip->members, &config->host);
    struct gossip_row *row = gossip_row(gossip, gossip->self);
    row->address = config->address;
    row->generation = config->incarnation;
    row->incarnation = config->incarnation;
    row->state_generation = config->incarnation;
    row->since_ms = gossip->now_ms;
}

static void change_note(struct gossip *gossip, uint16_t slot, bool is_status)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    if (slot == gossip->self) {
        return;
    }
    if (!row->status_changed && !row->state_changed) {
        gossip_list_append(&gossip->members, &gossip->members.changes, GOSSIP_LINK_CHANGES, slot);
    }
    if (is_status) {
        row->status_changed = true;
    } else {
        row->state_changed = true;
    }
}

void gossip_judge_status(struct gossip *gossip, uint16_t slot, enum gossip_status status)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    bool joins_probing = status <= GOSSIP_SUSPECT && row->status > GOSSIP_SUSPECT;
    gossip_members_set_status(&gossip->members, slot, status);
    row->since_ms = gossip->now_ms;
    if (status == GOSSIP_SUSPECT) {
        gossip_suspect_started(gossip, slot);
    }
    if (joins_probing) {
        gossip_round_join(gossip, slot);
    }
    change_note(gossip, slot, true);
    gossip_news_add(gossip, slot, false);
}

void gossip_judge_silent(struct gossip *gossip, uint16_t slot)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    uint32_t tag = gossip_tag(&gossip->config.host);
    COLUMBA_ASSERT(slot != gossip->self && row->status <= GOSSIP_SUSPECT);
    if (row->status == GOSSIP_SUSPECT) {
        gossip_suspect_confirm(gossip, slot, &tag, 1);
        return;
    }
    row->suspecters[0] = tag;
    row->suspecters_count = 1;
    gossip->counters.suspicions_raised++;
    gossip_judge_status(gossip, slot, GOSSIP_SUSPECT);
}

void gossip_judge_suspects(struct gossip *gossip)
{
    if (gossip->now_ms < gossip->suspects_at_ms) {
        return;
    }
    uint16_t slot = gossip->members.suspects.first;
    while (slot != GOSSIP_NONE) {
        uint16_t after = gossip_row(gossip, slot)->next[GOSSIP_LINK_STATUS];
        if (gossip_suspect_is_over(gossip, slot)) {
            gossip->counters.deaths_declared++;
            gossip_judge_status(gossip, slot, GOSSIP_DEAD);
        }
        slot = after;
    }
    gossip_suspect_plan(gossip);
}

void gossip_judge_forget(struct gossip *gossip, uint16_t slot)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    COLUMBA_ASSERT(slot != gossip->self);
    gossip_news_remove(gossip, slot);
    if (row->status_changed || row->state_changed) {
        gossip_list_remove(&gossip->members, &gossip->members.changes, GOSSIP_LINK_CHANGES, slot);
    }
    gossip_members_remove(&gossip->members, slot);
}

static void count_turn(struct gossip *gossip, const struct gossip_row *row,
                       const struct gossip_record *record)
{
    struct gossip_counters *counters = &gossip->counters;
    bool is_alive = record->status == GOSSIP_ALIVE;
    counters->suspicions_refuted += row->status == GOSSIP_SUSPECT && is_alive;
    counters->deaths_revoked +=
        row->status == GOSSIP_DEAD && is_alive && record->generation == row->generation;
    counters->deaths_heard += record->status == GOSSIP_DEAD;
}

static void row_take(struct gossip *gossip, uint16_t slot, const struct gossip_record *record)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    row->generation = record->generation;
    row->incarnation = record->incarnation;
    row->address = record->address;
    row->suspecters_count = record->suspecters_count;
    memcpy(row->suspecters, record->suspecters, sizeof row->suspecters);
    gossip_judge_status(gossip, slot, record->status);
}

static void member_join(struct gossip *gossip, const struct gossip_record *record)
{
    struct gossip_members *members = &gossip->members;
    if (record->status > GOSSIP_SUSPECT) {
        return;
    }
    uint16_t oldest = members->departed.first;
    if (members->count == NODES_MAX && oldest != GOSSIP_NONE && oldest != gossip->self) {
        gossip_judge_forget(gossip, oldest);
    }
    uint16_t slot = gossip_members_add(members, &record->host);
    if (slot == GOSSIP_NONE) {
        gossip->counters.members_refused++;
        return;
    }
    gossip_round_join(gossip, slot);
    row_take(gossip, slot, record);
}

static uint64_t incarnation_after(uint64_t incarnation)
{
    return incarnation < GOSSIP_INCARNATION_MAX ? incarnation + 1 : GOSSIP_INCARNATION_MAX;
}

/* An earlier life of ours left traces that our present one does not win over. */
static bool is_from_earlier_life(const struct gossip_row *self, const struct gossip_record *record)
{
    if (record->generation != self->generation) {
        return record->generation > self->generation;
    }
    return record->version > self->state.version || record->incarnation > self->incarnation;
}

/* Not further ahead than a clock may have been wrong, or than refutations raise. */
static bool is_believable(const struct gossip *gossip, uint64_t held, uint64_t incarnation)
{
    uint64_t unix_ms = gossip_clocks_unix_ms(&gossip->clocks, gossip->now_ms);
    return unix_ms == 0 || incarnation <= unix_ms + GOSSIP_INCARNATION_AHEAD_MS ||
           incarnation <= held + GOSSIP_INCARNATION_RAISES;
}

void gossip_judge_own(struct gossip *gossip)
{
    struct gossip_row *self = gossip_row(gossip, gossip->self);
    uint64_t unix_ms = gossip_clocks_unix_ms(&gossip->clocks, gossip->now_ms);
    if (!is_believable(gossip, unix_ms + GOSSIP_INCARNATION_AHEAD_MS, self->incarnation)) {
        /* We began by a clock that was far ahead, and is not any more. */
        self->generation = unix_ms;
        self->state_generation = self->generation;
        self->incarnation = self->generation;
    }
}

static void judge_self(struct gossip *gossip, const struct gossip_record *record)
{
    struct gossip_row *self = gossip_row(gossip, gossip->self);
    bool wins = record->incarnation > self->incarnation ||
                (record->incarnation == self->incarnation && record->status > self->status);
    bool is_earlier = is_from_earlier_life(self, record);
    if (record->incarnation >= self->incarnation &&
        !gossip_address_equal(&record->address, &self->address)) {
        gossip->counters.host_conflicts++;
    }
    if (!wins && !is_earlier) {
        return;
    }
    if (is_earlier) {
        self->generation = incarnation_after(record->generation);
        self->state_generation = self->generation;
    } else if (record->status == GOSSIP_SUSPECT || record->status == GOSSIP_DEAD) {
        gossip_health_move(gossip, 1);
    }
    if (wins) {
        self->incarnation = incarnation_after(record->incarnation);
    }
    if (self->incarnation < self->generation) {
        self->incarnation = self->generation;
    }
    gossip->counters.refutations++;
}

/* Of a member in the table. */
static void judge_member(struct gossip *gossip, uint16_t slot, const struct gossip_record *record)
{
    struct gossip_row *row = gossip_row(gossip, slot);
    if (record->incarnation < row->incarnation) {
        return;
    }
    if (record->incarnation == row->incarnation && record->status <= row->status) {
        if (record->status == GOSSIP_SUSPECT && row->status == GOSSIP_SUSPECT) {
            gossip_suspect_confirm(gossip, slot, record->suspecters, record->suspecters_count);
        }
        return;
    }
    count_turn(gossip, row, record);
    row_take(gossip, slot, record);
}

void gossip_judge(struct gossip *gossip, const struct gossip_record *record)
{
    uint16_t slot = gossip_members_find(&gossip->members, &record->host);
    uint64_t held = slot == GOSSIP_NONE ? 0 : gossip_row(gossip, slot)->incarnation;
    if (!is_believable(gossip, held, record->incarnation)) {
        gossip->counters.incarnations_refused++;
    } else if (slot == gossip->self) {
        judge_self(gossip, record);
    } else if (slot != GOSSIP_NONE) {
        judge_member(gossip, slot, record);
    } else if (gossip_knows_host(gossip, &record->host)) {
        member_join(gossip, record);
    } else {
        gossip->counters.strangers_refused++;
    }
}

bool gossip_judge_wants(struct gossip *gossip, const struct gossip_record *record)
{
    uint16_t slot = gossip_members_find(&gossip->members, &record->host);
    if (slot == GOSSIP_NONE || slot == gossip->self) {
        return false;
    }
    const struct gossip_row *row = gossip_row(gossip, slot);
    return record->generation == row->generation && record->version > gossip_row_version(row);
}

void gossip_judge_delta(struct gossip *gossip, const struct gossip_delta *delta)
{
    uint16_t slot = gossip_members_find(&gossip->members, &delta->host);
    if (slot == GOSSIP_NONE || slot == gossip->self) {
        return;
    }
    struct gossip_row *row = gossip_row(gossip, slot);
    uint64_t have = gossip_row_version(row);
    if (delta->generation != row->generation || delta->version <= have || delta->base > have) {
        return;
    }
    bool replace = row->state_generation != row->generation;
    enum columba_error error = gossip_state_merge(&row->state, gossip->members.memory,
                                                  delta->packed, delta->version, replace);
    if (error != COLUMBA_OK) {
        gossip->counters.memory_refused++;
        return;
    }
    row->state_generation = row->generation;
    change_note(gossip, slot, false);
    gossip_news_add(gossip, slot, true);
}
