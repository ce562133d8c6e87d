/*
 * The importer brings an old conversation's history: messages of the past in batches, some of them
 * twice, then the members' inbox rows, each request until it is acknowledged, faults or not. What
 * it brings is fanned out to nobody and is read already.
 */
#ifndef COLUMBA_SIM_IMPORTER_H
#define COLUMBA_SIM_IMPORTER_H

#include <stdbool.h>

#include "tests/sim/world.h"

struct importer;

struct importer *importer_create(struct world *world, uint32_t endpoint, uint32_t conversation);
void importer_destroy(struct importer *importer);
void importer_start(struct importer *importer);
/* Everything is brought and acknowledged. */
bool importer_is_done(const struct importer *importer);

#endif
