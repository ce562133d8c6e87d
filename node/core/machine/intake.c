#include "node/core/machine/intake.h"

#include "base/assert.h"
#include "proto/request.h"

void intake_init(struct intake *intake, const struct intake_limits *limits)
{
    *intake = (struct intake){.limits = *limits};
}

/* ---- connections ---- */

bool intake_greeting_take(struct intake *intake)
{
    uint32_t places = intake->limits.sides[INTAKE_CLIENTS].connections + INTAKE_GREETINGS_SPARE;
    uint32_t taken = intake->sides[INTAKE_CLIENTS].connections + intake->greetings;
    intake->greetings++;
    return taken < places;
}

void intake_greeting_give_back(struct intake *intake)
{
    COLUMBA_ASSERT(intake->greetings > 0);
    intake->greetings--;
}

bool intake_place_take(struct intake *intake, enum intake_side side)
{
    struct intake_totals *now = &intake->sides[side];
    if (now->connections >= intake->limits.sides[side].connections) {
        return false;
    }
    now->connections++;
    return true;
}

void intake_place_give_back(struct intake *intake, enum intake_side side)
{
    COLUMBA_ASSERT(intake->sides[side].connections > 0);
    intake->sides[side].connections--;
}

/* ---- requests ---- */

static bool is_clients_read(enum message_type type)
{
    const struct request_kind *kind = request_kind_of(type);
    return kind != NULL && kind->class == REQUEST_CLASS_READ;
}

/* Requests that bring nothing for the disk. (An inbox read folds first, and that is written.) */
static bool is_without_writes(enum message_type type)
{
    return type == MESSAGE_READ || type == MESSAGE_ADMIN ||
           (is_clients_read(type) && type != MESSAGE_INBOX_READ);
}

static bool has_large_answer(enum message_type type)
{
    return type == MESSAGE_READ || is_clients_read(type);
}

static const char *refusal_of(const struct intake *intake, enum intake_side side,
                              enum message_type type, uint32_t bytes)
{
    const struct intake_side_limits *limits = &intake->limits.sides[side];
    const struct intake_totals *now = &intake->sides[side];
    if (!is_without_writes(type) && intake->batch_bytes > intake->limits.batch_bytes) {
        return "too many writes wait for the disk of this node (limits.batch_max)";
    }
    if (now->requests >= limits->requests) {
        return "too many requests are under way on this node (limits.requests)";
    }
    if (now->request_bytes + bytes > limits->request_bytes) {
        return "requests under way take too much memory of this node (limits.request_bytes)";
    }
    if (has_large_answer(type) && now->unsent_bytes > limits->unsent_bytes) {
        return "unsent answers take too much memory of this node (limits.output_max)";
    }
    return NULL;
}

enum columba_error intake_take(struct intake *intake, struct intake_asker *asker,
                               enum message_type type, uint32_t bytes,
                               struct intake_ticket *out_ticket, const char **out_text)
{
    enum intake_side side = type == MESSAGE_ADMIN ? INTAKE_ADMINISTRATION : asker->side;
    const char *refusal = refusal_of(intake, side, type, bytes);
    if (refusal != NULL) {
        *out_text = refusal;
        return ERR_OVERLOADED;
    }
    asker->requests++;
    intake->sides[side].requests++;
    intake->sides[side].request_bytes += bytes;
    *out_ticket = (struct intake_ticket){.side = side, .bytes = bytes};
    return COLUMBA_OK;
}

void intake_give_back(struct intake *intake, struct intake_asker *asker,
                      const struct intake_ticket *ticket)
{
    struct intake_totals *now = &intake->sides[ticket->side];
    COLUMBA_ASSERT(now->requests > 0 && now->request_bytes >= ticket->bytes);
    now->requests--;
    now->request_bytes -= ticket->bytes;
    if (asker != NULL) {
        COLUMBA_ASSERT(asker->requests > 0);
        asker->requests--;
    }
}

/* ---- answers ---- */

bool intake_is_half_full(const struct intake *intake, enum intake_side side)
{
    return intake->sides[side].unsent_bytes > intake->limits.sides[side].unsent_bytes / 2;
}

static bool output_is_full(const struct intake *intake, enum intake_side side,
                           uint64_t unsent_bytes, bool stalls)
{
    const struct intake_side_limits *limits = &intake->limits.sides[side];
    return unsent_bytes > limits->asker_unsent_bytes ||
           (stalls && intake_is_half_full(intake, side));
}

bool intake_is_full(const struct intake *intake, const struct intake_asker *asker,
                    uint64_t unsent_bytes, bool stalls)
{
    return asker->requests >= intake->limits.sides[asker->side].asker_requests ||
           output_is_full(intake, asker->side, unsent_bytes, stalls);
}

bool intake_has_room(const struct intake *intake, const struct intake_asker *asker,
                     uint64_t unsent_bytes, bool stalls)
{
    uint32_t limit = intake->limits.sides[asker->side].asker_requests;
    return asker->requests <= limit - limit / 4 &&
           !output_is_full(intake, asker->side, unsent_bytes, stalls);
}

bool intake_answer_fits(const struct intake *intake, enum intake_side side, uint64_t bytes)
{
    return bytes <= INTAKE_SMALL_ANSWER_BYTES ||
           intake->sides[side].unsent_bytes + bytes <= intake->limits.sides[side].unsent_bytes;
}

bool intake_send_fits(const struct intake *intake, uint64_t peer_unsent_bytes)
{
    const struct intake_side_limits *limits = &intake->limits.sides[INTAKE_NODES];
    return peer_unsent_bytes <= limits->asker_unsent_max_bytes &&
           intake->sides[INTAKE_NODES].unsent_bytes <= limits->unsent_bytes;
}

bool intake_is_overrun(const struct intake *intake, enum intake_side side, uint64_t unsent_bytes)
{
    return unsent_bytes > intake->limits.sides[side].asker_unsent_max_bytes;
}

bool intake_is_short(const struct intake *intake, enum intake_side side)
{
    /* A page less: what is refused for want of memory never fills the last of it. */
    uint64_t limit = intake->limits.sides[side].unsent_bytes;
    return intake->sides[side].unsent_bytes > limit - limit / 4;
}

void intake_unsent_change(struct intake *intake, enum intake_side side, int64_t bytes)
{
    uint64_t *unsent_bytes = &intake->sides[side].unsent_bytes;
    COLUMBA_ASSERT(bytes >= 0 || *unsent_bytes >= (uint64_t)-bytes);
    *unsent_bytes += (uint64_t)bytes;
}

/* ---- the disk ---- */

void intake_write(struct intake *intake, uint64_t bytes)
{
    intake->batch_bytes += bytes;
}

void intake_batch_handed(struct intake *intake)
{
    intake->batch_bytes = 0;
}

bool intake_read_take(struct intake *intake)
{
    if (intake->reads >= intake->limits.reads) {
        return false;
    }
    intake->reads++;
    return true;
}

void intake_read_give_back(struct intake *intake)
{
    COLUMBA_ASSERT(intake->reads > 0);
    intake->reads--;
}
