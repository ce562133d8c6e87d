#include "node/shell/pace.h"

/* A measurement's weight is one in this many: one busy window is no load yet. */
#define SMOOTHING 4u

bool pace_is_due(const struct pace *pace, uint64_t now_ns)
{
    return now_ns - pace->window_began_ns >= PACE_WINDOW_NS;
}

void pace_measure(struct pace *pace, uint64_t now_ns, uint64_t cpu_ns)
{
    uint64_t elapsed_ns = now_ns - pace->window_began_ns;
    if (elapsed_ns == 0) {
        return;
    }
    uint64_t used_ns = cpu_ns > pace->window_cpu_ns ? cpu_ns - pace->window_cpu_ns : 0;
    uint64_t permille = used_ns * 1000u / elapsed_ns;
    /* A long window was a wait: what lay before it says nothing about now. */
    bool is_fresh = elapsed_ns >= SMOOTHING * (uint64_t)PACE_WINDOW_NS;
    uint64_t before = is_fresh ? permille : pace->load_permille;
    pace->load_permille = (uint32_t)((before * (SMOOTHING - 1) + permille) / SMOOTHING);
    pace->window_began_ns = now_ns;
    pace->window_cpu_ns = cpu_ns;
}

uint64_t pace_wait_ns(const struct pace *pace, uint64_t began_ns, uint64_t now_ns, uint64_t max_ns)
{
    if (pace->load_permille <= PACE_FREE_PERMILLE) {
        return 0;
    }
    uint64_t above = pace->load_permille - PACE_FREE_PERMILLE;
    uint64_t range = PACE_FULL_PERMILLE - PACE_FREE_PERMILLE;
    uint64_t spacing_ns = above >= range ? max_ns : max_ns * above / range;
    uint64_t passed_ns = now_ns - began_ns;
    return passed_ns >= spacing_ns ? 0 : spacing_ns - passed_ns;
}
