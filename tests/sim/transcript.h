/*
 * Messages, events and effects as lines that a reviewer can read. Bytes are shown as their size,
 * ids as their first digits, names as they are; numbers that only tell requests apart are left out.
 */
#ifndef COLUMBA_SIM_TRANSCRIPT_H
#define COLUMBA_SIM_TRANSCRIPT_H

#include <stdio.h>

#include "proto/message.h"

/* " SEND 9f2c01d4 in 1b0a77e2, 40 B, QUORUM", without a line end. */
void transcript_message(FILE *out, const struct message *message);

#endif
