/*
 * State tables: which moves a state machine may make, as data. One function moves; a move that the
 * table does not have is a bug of ours and stops the program.
 *
 *     static const uint16_t moves[] = {[IDLE] = SM_TO(BUSY), [BUSY] = SM_TO(IDLE)};
 *     sm_move(&state, moves, BUSY);
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_SM_H
#define COLUMBA_NODE_CORE_MACHINE_SM_H

#include <stdint.h>

#include "base/assert.h"

#define SM_TO(state) ((uint16_t)(1u << (state)))

static inline void sm_move(uint8_t *state, const uint16_t *moves, unsigned to)
{
    COLUMBA_ASSERT((moves[*state] & SM_TO(to)) != 0);
    *state = (uint8_t)to;
}

#endif
