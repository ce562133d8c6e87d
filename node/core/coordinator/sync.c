#include "node/core/coordinator/sync.h"

#include <xxhash.h>

#include "base/assert.h"
#include "node/core/coordinator/peer_answer.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/mail.h"
#include "node/core/machine/partition.h"
#include "node/core/replica/log_rows.h"
#include "node/core/state.h"

/* The queue, in place of a replica's log. */
#define READING_QUEUE UINT8_MAX

static void sync_next(struct core *core, struct op *op);

static uint16_t bit_of(unsigned position)
{
    return (uint16_t)(1u << position);
}

/* Sessions are on replicas of their user. */
static unsigned own_position(const struct core *core, const struct session *session)
{
    struct partition user = partition_user(&core->cluster, &session->user);
    int own = partition_position(&core->cluster, &user, core->config.self);
    COLUMBA_ASSERT(own >= 0);
    return (unsigned)own;
}

static uint16_t positions_all(const struct session *session)
{
    return (uint16_t)((1u << session->position_count) - 1);
}

static void session_restart(struct session *session)
{
    session->unread = positions_all(session);
    session->covered = 0;
    session->queue_count = 0;
    session->is_complete = false;
    memset(session->recent, 0, sizeof(session->recent));
}

/* NULL: it has ended, or another question of the same device has taken its place. */
static struct session *session_of(struct core *core, struct op *op)
{
    const struct sync *sync = op->request;
    struct session *session = session_find(&core->sessions, &sync->user, &sync->device);
    bool is_its = session != NULL && session->number == sync->number &&
                  session->asking == ((uint64_t)op->generation << 32 | op->index);
    return is_its ? session : NULL;
}

static void session_rest(struct core *core, struct session *session, struct list *order)
{
    session->at_ms = core->now_ms;
    list_remove(&session->in_order);
    list_append(order, &session->in_order);
}

static void sync_refuse(struct core *core, struct op *op, struct session *session,
                        enum columba_error error)
{
    if (session != NULL) {
        session->asking = 0;
        session_rest(core, session, &core->sessions.idle);
    }
    op->status.error = error;
    op_finish(core, op);
}

/* ---- what was handed out ---- */

static uint64_t event_hash(const struct core *core, const struct session_event *event)
{
    uint8_t bytes[2 * ID_BYTES + 1];
    memcpy(bytes, event->conversation.bytes, ID_BYTES);
    memcpy(bytes + ID_BYTES, event->message.bytes, ID_BYTES);
    bytes[2 * ID_BYTES] = event->kind;
    return XXH3_64bits_withSeed(bytes, sizeof(bytes), core->config.seed);
}

static bool is_recent(const struct core *core, const struct session *session,
                      const struct session_event *event)
{
    uint64_t hash = event_hash(core, event);
    for (unsigned i = 0; i < SESSION_RECENT_MAX; i++) {
        if (session->recent[i] == hash) {
            return true;
        }
    }
    return false;
}

static void recent_add(struct core *core, struct session *session,
                       const struct session_event *event)
{
    session->recent[session->recent_next] = event_hash(core, event);
    session->recent_next = (uint8_t)((session->recent_next + 1u) % SESSION_RECENT_MAX);
}

/* ---- answers ---- */

static const struct message_position *positions_show(struct core *core,
                                                     const struct session *session)
{
    struct partition user = partition_user(&core->cluster, &session->user);
    struct message_position *positions =
        effects_allocate(&core->effects, session->position_count * sizeof(*positions));
    for (unsigned i = 0; positions != NULL && i < session->position_count; i++) {
        const struct session_position *position = &session->positions[i];
        positions[i] = (struct message_position){
            .host = core->cluster.topology->nodes[user.replicas->node[i]].host_id,
            .incarnation = position->incarnation,
            .sequence = position->sequence,
            .skip = position->skip};
    }
    return positions;
}

static void sync_answer(struct core *core, struct op *op, struct session *session, uint32_t count)
{
    const struct sync *sync = op->request;
    struct message *message = effects_message(&core->effects, MESSAGE_SYNC_EVENTS);
    struct message_sync_event *events =
        effects_allocate(&core->effects, (count + 1) * sizeof(*events));
    const struct message_position *positions = positions_show(core, session);
    if (message == NULL || events == NULL || positions == NULL) {
        sync_refuse(core, op, session, ERR_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct sync_item *item = &sync->items[i];
        events[i] = (struct message_sync_event){.kind = item->event.kind,
                                                .is_own = item->event.is_own,
                                                .conversation = item->event.conversation,
                                                .message = item->event.message,
                                                .content = item->row.content,
                                                .edited = item->row.edited,
                                                .edit_number = item->row.edit_number,
                                                .is_deleted = item->row.is_deleted,
                                                .deleted_sender = item->row.deleted_sender};
        recent_add(core, session, &item->event);
    }
    message->sync_events = (struct message_sync_events){.positions = positions,
                                                        .position_count = session->position_count,
                                                        .events = events,
                                                        .event_count = count,
                                                        .is_complete = session->is_complete};
    core->counters.events_handed_out += count;
    session->asking = 0;
    session_rest(core, session, &core->sessions.idle);
    op_reply(core, op, message);
    op_end(core, op);
}

/* ---- events with their bodies ---- */

static void items_loaded(struct core *core, struct op *op)
{
    struct sync *sync = op->request;
    struct session *session = session_of(core, op);
    op_deadline_clear(op);
    op_phase_next(op);
    if (session == NULL) {
        sync_refuse(core, op, NULL, ERR_DISPLACED);
        return;
    }
    unsigned own = sync->reading == READING_QUEUE ? own_position(core, session) : sync->reading;
    if (op->status.error != COLUMBA_OK) {
        session->unread |= bit_of(own); /* the queue's are taken: from the log, then */
        sync_refuse(core, op, session, op->status.error);
        return;
    }
    if (sync->wanted < sync->item_count) {
        session->positions[own] = sync->items[sync->wanted].before;
        session->unread |= bit_of(own);
        session->covered &= (uint16_t)~bit_of(own);
    } else if (sync->after.sequence >= session->positions[own].sequence ||
               sync->after.incarnation != session->positions[own].incarnation) {
        session->positions[own] = sync->after;
    }
    sync_answer(core, op, session, sync->wanted);
}

static bool items_make(struct op *op, uint32_t count)
{
    struct sync *sync = op->request;
    sync->items = op_allocate(op, (count + 1) * sizeof(*sync->items));
    sync->item_count = 0;
    return sync->items != NULL;
}

static void queue_take(struct core *core, struct op *op, struct session *session, uint8_t count)
{
    struct sync *sync = op->request;
    unsigned own = own_position(core, session);
    if (!items_make(op, count)) {
        sync_refuse(core, op, session, ERR_NO_MEMORY);
        return;
    }
    sync->reading = READING_QUEUE;
    sync->after = (struct session_position){.incarnation = core->config.log_incarnation,
                                            .sequence = core->sessions.durable_sequence};
    for (uint8_t i = 0; i < count; i++) {
        if (!is_recent(core, session, &session->queue[i])) {
            sync->items[sync->item_count++] =
                (struct sync_item){.event = session->queue[i], .before = session->positions[own]};
        }
    }
    session->queue_count = (uint8_t)(session->queue_count - count);
    memmove(session->queue, session->queue + count,
            session->queue_count * sizeof(session->queue[0]));
    sync_content_load(core, op, items_loaded);
}

/* ---- a replica's log ---- */

static uint32_t log_events_count(const struct message_log *log)
{
    struct log_rows_reader reader;
    struct log_rows_event event;
    uint32_t count = 0;
    log_rows_begin(&reader, log->packed);
    while (count < SYNC_EVENTS_MAX && log_rows_next(&reader, &event)) {
        count++;
    }
    return count;
}

static struct session_position position_before(const struct message_log *log,
                                               const struct log_rows_event *event)
{
    return (struct session_position){
        .incarnation = log->incarnation, .sequence = event->sequence - 1, .skip = event->place};
}

/* The page's events that the device has not got; sync->after is where it is when it has them. */
static void page_take(struct core *core, struct op *op, struct session *session,
                      const struct message_log *log)
{
    struct sync *sync = op->request;
    struct session_position was = session->positions[sync->reading];
    bool is_same = was.incarnation == log->incarnation && !sync->query.only_end;
    struct log_rows_reader reader;
    struct log_rows_event event;
    bool is_cut = false;
    sync->after =
        (struct session_position){.incarnation = log->incarnation, .sequence = log->up_to};
    log_rows_begin(&reader, log->packed);
    while (log_rows_next(&reader, &event)) {
        bool is_had = is_same && event.sequence == was.sequence + 1 && event.place < was.skip;
        struct session_event shown = {.conversation = event.conversation,
                                      .message = event.message,
                                      .kind = event.kind,
                                      .is_own = event.is_own};
        if (is_had || is_recent(core, session, &shown)) {
            continue;
        }
        if (sync->item_count == session->limit) {
            sync->after = position_before(log, &event);
            is_cut = true;
            break;
        }
        sync->items[sync->item_count++] =
            (struct sync_item){.event = shown, .before = position_before(log, &event)};
    }
    if (is_cut || log->more) {
        session->unread |= bit_of(sync->reading);
    } else {
        session->covered |= bit_of(sync->reading);
    }
}

static void log_failed(struct core *core, struct op *op, enum columba_error error)
{
    struct sync *sync = op->request;
    struct session *session = session_of(core, op);
    if (session == NULL || error == ERR_DISPLACED) {
        sync_refuse(core, op, session, ERR_DISPLACED);
        return;
    }
    session->unread |= bit_of(sync->reading);
    sync->failed |= bit_of(sync->reading);
    sync_next(core, op);
}

static void log_answered(struct core *core, struct op *op, uint16_t node,
                         const struct message *message)
{
    (void)node;
    struct sync *sync = op->request;
    op_deadline_clear(op);
    op_phase_next(op);
    enum columba_error error = peer_log_check(message, &sync->query);
    struct session *session = session_of(core, op);
    if (error != COLUMBA_OK || session == NULL) {
        log_failed(core, op, error);
        return;
    }
    if (!items_make(op, log_events_count(&message->log))) {
        sync_refuse(core, op, session, ERR_NO_MEMORY);
        return;
    }
#ifdef COLUMBA_BUG_log_read_before_listening
    session->queue_count = sync->reading == own_position(core, session) ? 0 : session->queue_count;
#endif
    page_take(core, op, session, &message->log);
    if (sync->item_count > 0 && session->is_complete &&
        sync->reading != own_position(core, session)) {
        /* The device has nearly all of these from here; it asks for the bodies that it lacks. */
        sync->wanted = sync->item_count;
        op->status.error = COLUMBA_OK;
        items_loaded(core, op);
        return;
    }
    if (sync->item_count > 0) {
        sync_content_load(core, op, items_loaded);
        return;
    }
    session->positions[sync->reading] = sync->after;
    sync_next(core, op);
}

static void log_timed_out(struct core *core, struct op *op)
{
    op_phase_next(op);
    log_failed(core, op, ERR_TIMEOUT);
}

static void log_ask(struct core *core, struct op *op, struct session *session, unsigned position)
{
    struct sync *sync = op->request;
    struct partition user = partition_user(&core->cluster, &session->user);
    uint16_t node = partition_node(&core->cluster, &user, position);
    const struct session_position *from = &session->positions[position];
    sync->reading = (uint8_t)position;
    sync->query =
        (struct message_log_read){.topology_version = core->cluster.topology->version,
                                  .user = session->user,
                                  .device = session->device,
                                  .session = session->number,
                                  .incarnation = from->incarnation,
                                  .after = from->sequence,
                                  .only_end = from->incarnation == 0 && from->sequence != 0};
    session->unread &= (uint16_t)~bit_of(position);
    if (node == core->config.self) {
        session->queue_count = 0; /* the log has them */
    }
    struct message *message = effects_message(&core->effects, MESSAGE_LOG_READ);
    if (message != NULL) {
        message->log_read = sync->query;
    }
    op->answered = log_answered;
    op_deadline_set(core, op, DEADLINE_READ, log_timed_out);
    mail_ask(core, node, op_reference(op), message);
}

/* ---- what is next ---- */

/* Whose log is to be read; this node's first. -1: nobody's who is alive. */
static int log_choose(const struct core *core, const struct sync *sync,
                      const struct session *session)
{
    struct partition user = partition_user(&core->cluster, &session->user);
    uint16_t choice =
        session->unread & partition_alive(&core->cluster, &user) & (uint16_t)~sync->failed;
    unsigned own = own_position(core, session);
    if ((choice & bit_of(own)) != 0) {
        return (int)own;
    }
    return choice == 0 ? -1 : __builtin_ctz(choice);
}

static void sync_park(struct core *core, struct op *op, struct session *session)
{
    session->asking = 0;
    session->connection = op->connection;
    session->request_id = op->request_id;
    session_rest(core, session, &core->sessions.parked);
    op->connection = 0;
    op_end(core, op);
}

static void first_stored(struct core *core, struct op *op)
{
    struct session *session = session_of(core, op);
    op_phase_next(op);
    if (session == NULL || op->status.error != COLUMBA_OK) {
        sync_refuse(core, op, session, session == NULL ? ERR_DISPLACED : op->status.error);
        return;
    }
    session->must_store = false;
    session->stored_ms = core->now_ms;
    session->is_complete = true;
    sync_answer(core, op, session, 0);
}

static void sync_complete(struct core *core, struct op *op, struct session *session)
{
    unsigned needed = consistency_quorum(core->cluster.topology);
    unsigned covered = (unsigned)__builtin_popcount(session->covered);
    if (covered < needed) {
        op->status.needed = needed;
        op->status.received = covered;
        sync_refuse(core, op, session, ERR_UNAVAILABLE);
        return;
    }
    if (session->must_store) {
        sync_positions_store(core, op, session, first_stored);
        return;
    }
    session->is_complete = true;
    sync_answer(core, op, session, 0);
}

static void sync_next(struct core *core, struct op *op)
{
    const struct sync *sync = op->request;
    struct session *session = session_of(core, op);
    if (session == NULL) {
        sync_refuse(core, op, NULL, ERR_DISPLACED);
        return;
    }
    bool reads_own = (session->unread & bit_of(own_position(core, session))) != 0;
    uint8_t durable = session_durable_events(core, session);
    int log = log_choose(core, sync, session);
    if (!reads_own && durable > 0) {
        queue_take(core, op, session, durable);
    } else if (log >= 0) {
        log_ask(core, op, session, (unsigned)log);
    } else if (reads_own) {
        sync_refuse(core, op, session, ERR_OVERLOADED); /* its own log could not be read */
    } else if (!session->is_complete) {
        sync_complete(core, op, session);
    } else if (sync->must_answer) {
        sync_answer(core, op, session, 0);
    } else {
        sync_park(core, op, session);
    }
}

/* ---- a question ---- */

static bool position_is(const struct session_position *a, const struct session_position *b)
{
    return a->incarnation == b->incarnation && a->sequence == b->sequence && a->skip == b->skip;
}

/* Takes over what the device says that it has. True: that is where it was thought to be. */
static bool positions_confirm(struct core *core, struct session *session,
                              const struct message_sync *request)
{
    struct partition user = partition_user(&core->cluster, &session->user);
    bool is_known = true;
    for (unsigned i = 0; i < session->position_count; i++) {
        const struct id *host = &core->cluster.topology->nodes[user.replicas->node[i]].host_id;
        struct session_position told = {0};
        for (uint32_t n = 0; n < request->position_count; n++) {
            const struct message_position *position = &request->positions[n];
            if (id_equal(&position->host, host)) {
                told = (struct session_position){.incarnation = position->incarnation,
                                                 .sequence = position->sequence,
                                                 .skip = position->skip};
            }
        }
        is_known = is_known && position_is(&told, &session->positions[i]);
        session->positions[i] = told;
    }
    return is_known;
}

static void stored_aside(struct core *core, struct op *op)
{
    op_end(core, op);
}

/* Nobody waits for it: what is lost is handed out once more. */
static void positions_store_aside(struct core *core, struct session *session)
{
    struct op *op =
        core->now_ms - session->stored_ms < SESSION_STORE_MS ? NULL : op_begin_coordinated(core);
    if (op != NULL) {
        session->stored_ms = core->now_ms;
        sync_positions_store(core, op, session, stored_aside);
    }
}

static void positions_known(struct core *core, struct op *op)
{
    struct session *session = session_of(core, op);
    op_phase_next(op);
    if (session == NULL || op->status.error != COLUMBA_OK) {
        sync_refuse(core, op, session, session == NULL ? ERR_DISPLACED : op->status.error);
        return;
    }
    session_restart(session);
    sync_next(core, op);
}

static void logs_compare(struct core *core, struct session *session)
{
    if (core->now_ms - session->compared_ms >= SESSION_WAIT_MS) {
        session->compared_ms = core->now_ms;
        session->unread |= positions_all(session) & (uint16_t)~bit_of(own_position(core, session));
    }
}

static struct session *session_take(struct core *core, struct op *op,
                                    const struct message_sync *request)
{
    struct session *session = session_find(&core->sessions, &request->user, &request->device);
    if (session != NULL && session->number < request->session) {
        session_remove(core, session);
        session = NULL;
    }
    if (session == NULL) {
        struct partition user = partition_user(&core->cluster, &request->user);
        session = session_create(core, &request->user, &request->device, user.replicas->count);
        if (session == NULL) {
            return NULL;
        }
        session->number = request->session;
        session->stored_ms = session->compared_ms = core->now_ms;
        session_restart(session);
    }
    if (session->asking != 0) {
        session_restart(session); /* what that question has taken is lost with it */
    }
    session_unpark(core, session, ERR_CANCELLED); /* the device asks anew */
    list_remove(&session->in_order);
    session->asking = (uint64_t)op->generation << 32 | op->index;
    session->limit = (uint16_t)request->limit;
    return session;
}

static void last_stored(struct core *core, struct op *op)
{
    const struct sync *sync = op->request;
    struct session *session = session_of(core, op);
    if (op->status.error != COLUMBA_OK || session == NULL) {
        sync_refuse(core, op, session, op->status.error);
        return;
    }
    COLUMBA_ASSERT(session->number == sync->number);
    struct message *message = effects_message(&core->effects, MESSAGE_SYNC_EVENTS);
    op_reply(core, op, message);
    op_end(core, op);
    session_remove(core, session);
}

void sync_begin(struct core *core, struct op *op, const struct message_sync *request)
{
    struct sync *sync = op->request;
    *sync = (struct sync){.user = request->user,
                          .device = request->device,
                          .number = request->session,
                          .must_answer = request->has_waited};
    struct session *session = session_take(core, op, request);
    if (session == NULL) {
        sync_refuse(core, op, NULL, ERR_OVERLOADED);
        return;
    }
    if (!request->has_cursor) {
        sync_positions_load(core, op, positions_known);
        return;
    }
#ifdef COLUMBA_BUG_confirmed_by_sending
    struct session_position handed_out[REPLICAS_MAX];
    memcpy(handed_out, session->positions, session->position_count * sizeof(handed_out[0]));
#endif
    bool is_known = positions_confirm(core, session, request);
#ifdef COLUMBA_BUG_confirmed_by_sending
    if (handed_out[0].incarnation != 0) {
        memcpy(session->positions, handed_out, session->position_count * sizeof(handed_out[0]));
        is_known = true;
    }
#endif
    if (!is_known) {
        session_restart(session);
    }
    if (request->is_last) {
        sync_positions_store(core, op, session, last_stored);
        return;
    }
    positions_store_aside(core, session);
    logs_compare(core, session);
    sync_next(core, op);
}

/* ---- those who wait ---- */

static void session_resume(struct core *core, struct session *session, bool must_answer)
{
    struct op *op = op_begin_coordinated(core);
    struct sync *sync = op == NULL ? NULL : op_allocate(op, sizeof(*sync));
    if (sync == NULL) {
        if (op != NULL) {
            op_end(core, op);
        }
        session_unpark(core, session, ERR_OVERLOADED);
        session_rest(core, session, &core->sessions.idle);
        return;
    }
    *sync = (struct sync){.user = session->user,
                          .device = session->device,
                          .number = session->number,
                          .must_answer = must_answer};
    op->request = sync;
    op->connection = session->connection;
    op->request_id = session->request_id;
    session->connection = 0;
    list_remove(&session->in_order);
    session->asking = (uint64_t)op->generation << 32 | op->index;
    sync_next(core, op);
}

void sync_go_on(struct core *core)
{
    list_for_each_safe(at, &core->sessions.waiting)
    {
        struct session *session = container_of(at, struct session, waiting);
        uint8_t durable = session_durable_events(core, session);
        if (durable == session->queue_count) {
            list_remove(&session->waiting);
        }
        if (durable > 0 && session->connection != 0) {
            session_resume(core, session, false);
        }
    }
}

static struct session *first_in(struct list *order, uint64_t before_ms)
{
    struct session *session =
        list_is_empty(order) ? NULL : container_of(order->next, struct session, in_order);
    return session != NULL && session->at_ms <= before_ms ? session : NULL;
}

void sync_tick(struct core *core)
{
    struct session *session;
    while (core->now_ms >= SESSION_WAIT_MS &&
           (session = first_in(&core->sessions.parked, core->now_ms - SESSION_WAIT_MS)) != NULL) {
        logs_compare(core, session);
        session_resume(core, session, true);
    }
    while (core->now_ms >= SESSION_IDLE_MS &&
           (session = first_in(&core->sessions.idle, core->now_ms - SESSION_IDLE_MS)) != NULL) {
        session_remove(core, session);
    }
}

uint64_t sync_next_due_ms(const struct core *core)
{
    const struct list *parked = &core->sessions.parked;
    if (list_is_empty(parked)) {
        return UINT64_MAX;
    }
    return container_of(parked->next, struct session, in_order)->at_ms + SESSION_WAIT_MS;
}
