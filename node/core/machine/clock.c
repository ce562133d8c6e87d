#include "node/core/machine/clock.h"

#include <string.h>

#include "base/assert.h"
#include "node/core/machine/answer.h"
#include "node/core/state.h"

static bool is_from_node(const struct event *event)
{
    return event->type == EVENT_ANSWER || event->request.node != NODE_NONE;
}

void clock_follow(struct core *core, const struct event *event)
{
    if (event->clock == 0) {
        return;
    }
    COLUMBA_ASSERT(event->type == EVENT_REQUEST || event->type == EVENT_ANSWER);
    uint64_t ahead_max_ms = is_from_node(event) ? CLOCK_NODE_DRAG_MAX_MS : CLOCK_CLIENT_DRAG_MAX_MS;
    if (!hlc_follow(&core->hlc, event->clock, core->unix_ms, ahead_max_ms)) {
        core->counters.clocks_refused++;
    }
}

static void text_keep(struct core *core, struct slice text)
{
    size_t size = text.size < sizeof core->clock_text ? text.size : sizeof core->clock_text - 1;
    if (size > 0) {
        memcpy(core->clock_text, text.data, size);
    }
    core->clock_text[size] = '\0';
}

void clock_judged(struct core *core, const struct event *event)
{
    core->clock_is_wrong = !event->clock_judged.is_trusted;
    if (core->clock_is_wrong) {
        text_keep(core, event->clock_judged.text);
    } else {
        /* Stamps from the time when it was ahead would drag the others. */
        hlc_settle(&core->hlc, core->unix_ms, CLOCK_NODE_DRAG_MAX_MS);
    }
}

bool clock_refuses(struct core *core, const struct event *event)
{
    if (!core->clock_is_wrong) {
        return false;
    }
    core->counters.clock_wrong++;
    core_refuse(core, event->request.connection, event->request.request_id, ERR_CLOCK_WRONG,
                core->clock_text);
    return true;
}
