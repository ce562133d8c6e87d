#include "node/shell/clock_watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "node/shell/node.h"

/* A smaller step is told with the next packet. */
#define STEP_MIN_MS 100
/* Near again: half of what makes it away, so that the log does not fill. */
#define NEAR_MS (CLOCK_WARN_MS / 2)
/* Away, or near, for so many probes: at a start a single other node is compared first. */
#define SETTLE_PROBES 5u
/* The others are told again when it changed by so much. */
#define PUBLISH_STEP_MS 1000

static uint64_t size_of(int64_t offset_ms)
{
    return offset_ms < 0 ? (uint64_t)-offset_ms : (uint64_t)offset_ms;
}

static int64_t base_now(const struct node *node)
{
    return (int64_t)(node->turn.unix_ms - node_now_ms(node));
}

void clock_watch_tell(struct node *node)
{
    COLUMBA_ASSERT(node->gossiper.gossip != NULL);
    node->clock_watch.is_told = true;
    node->clock_watch.base_ms = base_now(node);
    gossip_wall(node->gossiper.gossip, node_now_ms(node), node->turn.unix_ms);
}

void clock_watch_turn(struct node *node)
{
    if (node->clock_watch.is_told && node->gossiper.is_open &&
        size_of(base_now(node) - node->clock_watch.base_ms) >= STEP_MIN_MS) {
        clock_watch_tell(node);
        clock_watch_judge(node);
    }
}

/* "600.0 s behind": how this node's clock stands to the others'. */
static void offset_text(int64_t offset_ms, char *out_text, size_t size)
{
    uint64_t away_ms = size_of(offset_ms);
    snprintf(out_text, size, "%" PRIu64 ".%" PRIu64 " s %s", away_ms / 1000, away_ms % 1000 / 100,
             offset_ms < 0 ? "behind" : "ahead of");
}

static void core_tell(struct node *node, bool is_trusted, const char *away)
{
    char text[160];
    struct event event = {.type = EVENT_CLOCK};
    snprintf(text, sizeof text,
             "this node's clock is %s those of the other nodes: it takes no requests until that is "
             "mended; ask another node",
             away);
    event.clock_judged.is_trusted = is_trusted;
    event.clock_judged.text = slice_of_text(text);
    turn_event(node, &event);
}

static void wrong_changed(struct node *node, const struct gossip_clock *clock, const char *away)
{
    node->clock_watch.is_wrong = clock->is_wrong;
    core_tell(node, !clock->is_wrong, away);
    gossiper_status_set(node);
    if (clock->is_wrong) {
        log_error(node->log, "clock_wrong",
                  "this node's clock is %s those of the other nodes (%" PRIu32
                  " compared): it takes no requests from clients until that is mended. See to its "
                  "time service (chrony, systemd-timesyncd, ntpd)",
                  away, clock->compared);
    } else {
        log_info(node->log, "clock_right",
                 "this node's clock agrees with the other nodes' again: it takes requests");
    }
}

static void away_changed(struct node *node, const struct gossip_clock *clock, const char *away)
{
    node->clock_watch.is_away = !node->clock_watch.is_away;
    node->clock_watch.differs_since_ms = 0;
    if (clock->is_wrong) {
        return; /* told already */
    }
    if (!node->clock_watch.is_away) {
        log_info(node->log, "clock_near", "this node's clock is near the other nodes' again");
    } else if (clock->compared < 2) {
        log_warning(node->log, "clock_away",
                    "this node's clock is %s that of the other node: two do not tell whose is "
                    "wrong. See to the time service of both",
                    away);
    } else {
        log_warning(node->log, "clock_away",
                    "this node's clock is %s most of the other nodes' (%" PRIu32
                    " compared): at %u s it would take no more requests. See to its time service",
                    away, clock->compared, CLOCK_WRONG_MS / 1000);
    }
}

static bool away_has_changed(struct node *node, int64_t offset_ms)
{
    struct clock_watch *watch = &node->clock_watch;
    uint64_t limit_ms = watch->is_away ? NEAR_MS : CLOCK_WARN_MS;
    uint64_t now_ms = node_now_ms(node);
    if ((size_of(offset_ms) > limit_ms) == watch->is_away) {
        watch->differs_since_ms = 0;
        return false;
    }
    if (watch->differs_since_ms == 0) {
        watch->differs_since_ms = now_ms;
    }
    return now_ms >= watch->differs_since_ms + SETTLE_PROBES * node->config->probe_interval_ms;
}

static void publish(struct node *node, int64_t offset_ms)
{
    struct clock_watch *watch = &node->clock_watch;
    int64_t told_ms = watch->is_away || watch->is_wrong ? offset_ms : 0;
    if (size_of(told_ms - watch->published_ms) >= PUBLISH_STEP_MS ||
        (told_ms == 0) != (watch->published_ms == 0)) {
        watch->published_ms = told_ms;
        gossiper_clock_set(node, told_ms);
    }
}

void clock_watch_judge(struct node *node)
{
    struct clock_watch *watch = &node->clock_watch;
    struct gossip_clock clock = gossip_clock(node->gossiper.gossip);
    char away[48];
    offset_text(clock.offset_ms, away, sizeof away);
    if (clock.is_wrong != watch->is_wrong) {
        wrong_changed(node, &clock, away);
    }
    if (away_has_changed(node, clock.offset_ms)) {
        away_changed(node, &clock, away);
    }
    publish(node, clock.offset_ms);
}

json_t *clock_watch_report(const struct node *node)
{
    struct gossip_clock clock = gossip_clock(node->gossiper.gossip);
    return json_pack("{s:I, s:I, s:b}", "offset_ms", (json_int_t)clock.offset_ms, "compared",
                     (json_int_t)clock.compared, "wrong", clock.is_wrong);
}
