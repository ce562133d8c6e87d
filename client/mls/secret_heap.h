/*
 * Guarded memory of a whole process: pages that are locked, kept out of core dumps and fenced by
 * libsodium.
 *
 * sodium_malloc costs four memory maps and whole pages each time, and the kernel has a limit of
 * some 65,000 maps: so few large regions are taken, and handed out in blocks. All groups,
 * identities and key packages share them.
 *
 * A block is wiped when it is released. Where the system locks no more memory, regions are left
 * unlocked; the rest holds.
 */
#ifndef COLUMBA_MLS_SECRET_HEAP_H
#define COLUMBA_MLS_SECRET_HEAP_H

#include "base/memory.h"

/* The largest block. */
#define MLS_SECRET_BLOCK_MAX_BYTES 2048u

/* Shared, thread-safe, never freed. */
struct memory *mls_guarded_memory(void);

#endif
