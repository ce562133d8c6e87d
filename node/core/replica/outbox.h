/*
 * A replica's outbox: the messages it stored that are not yet known to have reached the logs of
 * their members. Durable as one row for each commit batch (all entries that batch brought); in
 * memory a table of entries. The coordinator that fans out says `done`; when all entries of a row
 * are done the row is removed. An entry that stays is taken over by the conversation's replicas,
 * by rank: read the message at QUORUM (which repairs it), load the members, fan out, say `done`.
 * Fan-out is idempotent, so two that do it are no harm.
 *
 *   waiting --done--> gone
 *      |  ^--taken over, not reached all: waits again, longer
 *
 *   row    [format u8 = 2] entry*;  entry  [kind u8][conversation 16][message 16][sender 16]
 *
 * At start the rows are read back and their entries wait as if they had just come.
 */
#ifndef COLUMBA_NODE_CORE_REPLICA_OUTBOX_H
#define COLUMBA_NODE_CORE_REPLICA_OUTBOX_H

#include <stdbool.h>

#include "base/id.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/slice.h"
#include "node/core/machine/recovery.h"

#define OUTBOX_ROW_FORMAT 2u
#define OUTBOX_ENTRY_BYTES (1u + 3u * ID_BYTES)
/* Entries in one row; a batch that brings more opens another. */
#define OUTBOX_ROW_ENTRIES_MAX 1024u
/* Take-overs under way at once: they must not crowd out clients. */
#define OUTBOX_TAKEOVERS_MAX 64u
/* Between two tries of the same entry, at most. */
#define OUTBOX_BACKOFF_MAX_MS 60000u
/* After a take-over found no room among the operations. */
#define OUTBOX_PAUSE_MS 100u
/* Entries come from the memory source in chunks of this many. */
#define OUTBOX_CHUNK_ENTRIES 512u

struct core;
struct message_outbox_done;

struct outbox_row;

struct outbox_entry {
    struct id conversation;
    struct id message;
    struct id sender;
    uint8_t kind;          /* enum happening */
    struct list in_bucket; /* or in the free list */
    struct list in_queue;  /* by due_ms within a backoff class */
    struct outbox_row *row;
    uint64_t due_ms;
    uint32_t tries;
};

struct outbox_row {
    uint64_t sequence;
    uint32_t entries; /* in the stored value */
    uint32_t live;    /* of them, not yet done */
    struct list link; /* free list */
};

/* Retries wait 1, 2, 4, … times the delay: one queue for each, so each is in order. */
#define OUTBOX_QUEUES 8u

struct outbox {
    struct list *buckets;
    uint32_t bucket_count;
    struct list free_entries;
    struct list free_rows;
    struct list queues[OUTBOX_QUEUES];
    struct outbox_chunk *chunks;
    uint32_t free_count;
    uint32_t count;
    uint32_t capacity;
    uint64_t paused_until_ms; /* no take-overs before */
    uint64_t sequence;
    struct outbox_row *open_row;
    uint8_t *open_bytes; /* the open row's value so far */
    struct recovery recovery;
};

int outbox_init(struct outbox *outbox, struct memory *memory, uint32_t capacity,
                uint64_t start_count);
void outbox_clear(struct outbox *outbox, struct memory *memory);
/* Room for one more entry, in memory and in the open row? May take memory. */
bool outbox_has_room(struct outbox *outbox, struct memory *memory);
/* There must be room. An entry that is there already is left as it is. */
void outbox_add(struct core *core, const struct id *conversation, const struct id *message,
                const struct id *sender, uint8_t kind);
void outbox_done(struct core *core, const struct id *conversation, const struct id *message);
void outbox_done_all(struct core *core, const struct message_outbox_done *done);
/* An entry that is due to be taken over; it counts as tried and waits again, longer. NULL: none. */
struct outbox_entry *outbox_try_next(struct core *core);
/* There was no room for it: that was no try, and none is made for a moment. */
void outbox_pause(struct core *core, struct outbox_entry *entry);
/* Puts the open row into the batch that is about to be closed. */
void outbox_batch_close(struct core *core);
/* Reads the rows back; called once at start. */
void outbox_recover(struct core *core);
void outbox_tick(struct core *core);
/* When the first entry is due; UINT64_MAX: none. */
uint64_t outbox_next_due_ms(const struct outbox *outbox);

#endif
