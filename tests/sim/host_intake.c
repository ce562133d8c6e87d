/* What a host refuses: the limits that the daemon has as well (intake.h), by the same code. */
#include "tests/sim/host.h"

#include <stdlib.h>

#include "base/assert.h"

/* A request that is under way, until its answer leaves. */
struct taken {
    struct list node;
    uint64_t connection;
    uint64_t request_id;
    struct intake_ticket ticket;
};

void host_intake_start(struct host *host)
{
    COLUMBA_ASSERT(list_is_empty(&host->taken));
    intake_init(&host->intake, &host->world->plan.intake);
}

void host_intake_stop(struct host *host)
{
    list_for_each_safe(node, &host->taken)
    {
        list_remove(node);
        free(container_of(node, struct taken, node));
    }
}

static void taken_remember(struct host *host, uint64_t connection, uint64_t request_id,
                           const struct intake_ticket *ticket)
{
    struct taken *taken = malloc(sizeof *taken);
    COLUMBA_ASSERT(taken != NULL);
    *taken = (struct taken){.connection = connection, .request_id = request_id, .ticket = *ticket};
    list_append(&host->taken, &taken->node);
}

bool host_intake_take(struct host *host, struct host_link *link, const struct frame *frame)
{
    struct intake_ticket ticket;
    const char *text;
    if (frame->type == MESSAGE_OUTBOX_DONE) {
        return true; /* nobody waits for an answer */
    }
    link->asker.side = link->node == NODE_NONE ? INTAKE_CLIENTS : INTAKE_NODES;
    enum columba_error error =
        intake_take(&host->intake, &link->asker, (enum message_type)frame->type,
                    frame->payload_bytes, &ticket, &text);
    if (error == COLUMBA_OK) {
        taken_remember(host, link->connection, frame->request_id, &ticket);
        return true;
    }
    struct message status = {.type = MESSAGE_STATUS,
                             .status = {.error = error, .text = slice_of_text(text)}};
    host_frame_send(host, link->connection, frame->request_id, &status);
    return false;
}

void host_intake_answered(struct host *host, uint64_t connection, uint64_t request_id)
{
    list_for_each(node, &host->taken)
    {
        struct taken *taken = container_of(node, struct taken, node);
        if (taken->connection == connection && taken->request_id == request_id) {
            struct host_link *link = host_link_find(host, connection);
            intake_give_back(&host->intake, link == NULL ? NULL : &link->asker, &taken->ticket);
            list_remove(node);
            free(taken);
            return;
        }
    }
}
