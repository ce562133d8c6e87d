/*
 * Local health (Lifeguard): how much this node has cause to doubt itself.
 */
#include "gossip/parts.h"

#define HEALTH_WORST 8u
/* Few members: a death must be found within a bound (see gossip_config_defaults). */
#define HEALTH_WORST_FEW 2u
#define FEW_MEMBERS 5u
_Static_assert(HEALTH_WORST + 1 < GOSSIP_PROBES_MAX, "there is always a free probe in its turn");

void gossip_health_move(struct gossip *gossip, int step)
{
    size_t living = gossip_alive_count(gossip);
    unsigned worst = living <= FEW_MEMBERS ? HEALTH_WORST_FEW : HEALTH_WORST;
    if (step < 0 && gossip->health > 0) {
        gossip->health--;
    } else if (step > 0) {
        gossip->health++;
    }
    gossip->health = gossip->health < worst ? gossip->health : worst;
}

unsigned gossip_health(const struct gossip *gossip)
{
    return gossip->health;
}
