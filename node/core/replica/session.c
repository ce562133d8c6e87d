#include "node/core/replica/session.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "node/core/machine/answer.h"
#include "node/core/machine/partition.h"
#include "node/core/state.h"

void sessions_init(struct sessions *sessions)
{
    *sessions = (struct sessions){0};
    list_init(&sessions->parked);
    list_init(&sessions->idle);
    list_init(&sessions->waiting);
}

void sessions_clear(struct sessions *sessions, struct memory *memory)
{
    for (uint32_t i = 0; sessions->buckets != NULL && i < SESSION_BUCKETS; i++) {
        while (sessions->buckets[i] != NULL) {
            struct session *session = sessions->buckets[i];
            sessions->buckets[i] = session->next;
            memory_release(memory, session);
        }
    }
    memory_release(memory, sessions->buckets);
    sessions->buckets = NULL;
}

static struct session **bucket_of(const struct sessions *sessions, const struct id *user)
{
    /* Ids are hashes already. */
    return &sessions->buckets[bytes_get_u32_be(user->bytes) & (SESSION_BUCKETS - 1)];
}

struct session *session_find(const struct sessions *sessions, const struct id *user,
                             const struct id *device)
{
    struct session *session = sessions->buckets == NULL ? NULL : *bucket_of(sessions, user);
    while (session != NULL &&
           (!id_equal(&session->user, user) || !id_equal(&session->device, device))) {
        session = session->next;
    }
    return session;
}

static bool buckets_make(struct core *core)
{
    struct sessions *sessions = &core->sessions;
    if (sessions->buckets == NULL) {
        sessions->buckets =
            memory_allocate_zero(core->memory, SESSION_BUCKETS * sizeof(struct session *));
    }
    return sessions->buckets != NULL;
}

struct session *session_create(struct core *core, const struct id *user, const struct id *device,
                               uint8_t position_count)
{
    struct sessions *sessions = &core->sessions;
    COLUMBA_ASSERT(position_count > 0 && position_count <= REPLICAS_MAX);
    if (sessions->count >= core->config.sessions_max || !buckets_make(core)) {
        return NULL;
    }
    struct session *session = memory_allocate_zero(
        core->memory, sizeof(*session) + position_count * sizeof(session->positions[0]));
    if (session == NULL) {
        return NULL;
    }
    session->user = *user;
    session->device = *device;
    session->position_count = position_count;
    list_init(&session->in_order);
    list_init(&session->waiting);
    struct session **bucket = bucket_of(sessions, user);
    session->next = *bucket;
    *bucket = session;
    sessions->count++;
    return session;
}

void session_unpark(struct core *core, struct session *session, enum columba_error error)
{
    if (session->connection == 0) {
        return;
    }
    core_reply_status(core, session->connection, session->request_id,
                      &(struct message_status){.error = error});
    session->connection = 0;
    list_remove(&session->in_order);
}

void session_remove(struct core *core, struct session *session)
{
    struct sessions *sessions = &core->sessions;
    struct session **link = bucket_of(sessions, &session->user);
    while (*link != session) {
        link = &(*link)->next;
    }
    *link = session->next;
    session_unpark(core, session, ERR_DISPLACED);
    list_remove(&session->in_order);
    list_remove(&session->waiting);
    COLUMBA_ASSERT(sessions->count > 0);
    sessions->count--;
    memory_release(core->memory, session);
}

bool session_meets(struct core *core, const struct id *user, const struct id *device,
                   uint64_t number)
{
    struct session *session = session_find(&core->sessions, user, device);
    if (session == NULL || session->number == number) {
        return true;
    }
    if (session->number > number) {
        return false;
    }
    session_remove(core, session);
    return true;
}

static void session_queue(struct core *core, struct session *session,
                          const struct session_event *event)
{
    if (session->queue_count == SESSION_QUEUE_MAX) {
        /* Then from the log, which has this one and all before it. */
        struct partition user = partition_user(&core->cluster, &session->user);
        int own = partition_position(&core->cluster, &user, core->config.self);
        COLUMBA_ASSERT(own >= 0);
        session->unread |= (uint16_t)(1u << own);
        session->queue_count--;
    }
    session->queue[session->queue_count] = *event;
    session->queue[session->queue_count++].batch = core->batch.open;
    if (list_is_empty(&session->waiting)) {
        list_append(&core->sessions.waiting, &session->waiting);
    }
}

void sessions_note_event(struct core *core, const struct id *user,
                         const struct session_event *event)
{
    struct session *session = *bucket_of(&core->sessions, user);
    for (; session != NULL; session = session->next) {
        if (id_equal(&session->user, user)) {
            session_queue(core, session, event);
        }
    }
}

void sessions_batch_closed(struct core *core)
{
    if (core->sessions.count == 0) {
        return;
    }
    /* A sequence of the batch's own: whoever is handed its events is further than before, whatever
     * was read of the log while it was open. */
    core->user_log.sequence++;
    core->sessions.closed_sequence = core->user_log.sequence;
    core->sessions.closed_batch = core->batch.open;
}

void sessions_batch_durable(struct core *core, uint64_t batch)
{
    struct sessions *sessions = &core->sessions;
    if (batch == sessions->closed_batch) {
        sessions->durable_sequence = sessions->closed_sequence;
    }
}

uint8_t session_durable_events(const struct core *core, const struct session *session)
{
    uint8_t count = 0;
    while (count < session->queue_count && session->queue[count].batch <= core->batch.durable) {
        count++;
    }
    return count;
}
