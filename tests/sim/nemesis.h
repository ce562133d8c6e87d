/*
 * What goes wrong, and when: drawn from its own stream of chance. Each seed has its own climate:
 * some kinds of fault never come, some often ("swarm testing", Groce et al., 2012), because faults
 * that all come together hide one another.
 */
#ifndef COLUMBA_SIM_NEMESIS_H
#define COLUMBA_SIM_NEMESIS_H

#include <stdint.h>

#include "tests/sim/world.h"

struct nemesis *nemesis_create(struct world *world);
void nemesis_destroy(struct nemesis *nemesis);
void nemesis_start(struct nemesis *nemesis);
/* No more faults: everything is healed, resumed and started. */
void nemesis_stop(struct nemesis *nemesis);
/* A host went down by itself; it will be started again. */
void nemesis_host_fell(struct nemesis *nemesis, uint16_t host);

#endif
