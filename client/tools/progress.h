/*
 * A progress bar on standard error, where that is a terminal; nothing anywhere else. Drawn at most
 * some times a second, so that it may be told of every step. There is one terminal and so one bar.
 */
#ifndef COLUMBA_CLIENT_TOOLS_PROGRESS_H
#define COLUMBA_CLIENT_TOOLS_PROGRESS_H

#include <stdint.h>

/* A bar from 0 to `total`; the one before it disappears. `label` must live on. */
void progress_begin(const char *label, uint64_t total);
void progress_set(uint64_t done);
/* Wipes it from the screen until the next progress_set, so that a message can stand there. */
void progress_hide(void);
void progress_end(void);

#endif
