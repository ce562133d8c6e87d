#include "node/shell/admission.h"

#include <inttypes.h>

#include "base/assert.h"
#include "node/shell/node.h"

static void wiped_tell(const struct node *node, char *out_text)
{
    const struct directory *directory = &node->directory;
    const struct topology_node *peer = &node->topology->nodes[node->wiped_says];
    const char *fresh = directory->identity.accepts_loss
                            ? "It was made before the one the others know: is this machine's clock "
                              "right? Empty it and start the node with --accept-data-loss again"
                            : "Bring back the directory it had. If that is lost for good, empty "
                              "this one and start the node once with --accept-data-loss: what it "
                              "had acknowledged is then only on the other nodes";
    snprintf(out_text, CONFIG_PROBLEM_BYTES,
             "%s refuses this node: data directory %s is not the one that node %s had, so it lacks "
             "what it had acknowledged, and counted as a replica it would make reads miss it. %s",
             (const char *)peer->name.data, directory->path, node->config->node_name, fresh);
}

static bool all_are_asked(const struct node *node)
{
    for (uint16_t i = 0; i < node->topology->node_count; i++) {
        if (i != node->self && !node->peers[i].is_asked) {
            return false;
        }
    }
    return true;
}

enum columba_error admission_ask(struct node *node, char *out_text)
{
    COLUMBA_ASSERT(!node->listener.is_open);
    uint64_t until_ns = uv_hrtime() + ADMISSION_WAIT_MS * UINT64_C(1000000);
    while (node->mode == NODE_NORMAL && !node->is_wiped && !all_are_asked(node) &&
           uv_hrtime() < until_ns) {
        uv_run(&node->loop, UV_RUN_ONCE);
    }
    if (node->is_wiped) {
        wiped_tell(node, out_text);
        return ERR_WIPED;
    }
    if (node->mode != NODE_NORMAL) {
        snprintf(out_text, CONFIG_PROBLEM_BYTES, "stopped before it was ready");
        return ERR_CANCELLED;
    }
    turn_begin(node);
    return directory_admit(&node->directory, out_text);
}

void admission_refused(struct node *node, uint16_t peer)
{
    char text[CONFIG_PROBLEM_BYTES];
    if (node->is_wiped) {
        return;
    }
    node->is_wiped = true;
    node->wiped_says = peer;
    if (!node->listener.is_open) {
        return;
    }
    wiped_tell(node, text);
    log_error(node->log, "wiped", "%s", text);
    node->has_failed = true;
    node->end(node);
}

/* It may greet again and again, and whoever is at its address can. */
static void wiped_warn(struct node *node, const char *name)
{
    uint64_t left_out;
    if (log_limit_allows(&node->wiped_told, node_now_ms(node), &left_out)) {
        log_warning(node->log, "peer_wiped",
                    "%s has another data directory than it had, so it lacks what it had "
                    "acknowledged; it is not counted as a replica (%llu more like it were not "
                    "logged)",
                    name, (unsigned long long)left_out);
    }
}

bool admission_check(struct node *node, uint16_t index, const struct data_identity *told,
                     const char **out_why)
{
    const struct topology_node *peer = &node->topology->nodes[index];
    const char *name = (const char *)peer->name.data;
    enum identity_verdict verdict;
    if (directory_meet(&node->directory, &peer->host_id, told, &verdict) != COLUMBA_OK) {
        log_error(node->log, "peer_not_remembered",
                  "cannot write down in %s which data directory %s has, so it is not counted as a "
                  "replica: look at the disk",
                  node->directory.path, name);
        *out_why = "this node cannot write down which data directory the other one has";
        return false;
    }
    if (verdict == IDENTITY_WIPED) {
        node->counters.peers_wiped++;
        wiped_warn(node, name);
        *out_why = "its data directory is not the one it had";
        return false;
    }
    if (verdict == IDENTITY_REPLACED) {
        log_warning(node->log, "peer_replaced",
                    "%s has lost its data directory and has a new one, on purpose: it lacks what "
                    "it had acknowledged",
                    name);
    }
    return true;
}
