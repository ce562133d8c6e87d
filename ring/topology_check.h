/*
 * What can be wrong with a topology's spec before anything of it is copied: sizes, names,
 * addresses, ports, levels. What only shows when nodes are compared with each other (double ids,
 * names, addresses, tokens) is found while the topology is built.
 */
#ifndef COLUMBA_RING_TOPOLOGY_CHECK_H
#define COLUMBA_RING_TOPOLOGY_CHECK_H

#include "ring/topology.h"

/* ERR_INVALID with the problem, or COLUMBA_OK. */
enum columba_error topology_check(const struct topology_spec *spec,
                                  struct topology_problem *problem);

#endif
