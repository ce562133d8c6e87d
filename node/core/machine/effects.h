/*
 * The list of what must be done after a step. Effects and everything they point to live in one
 * arena that is emptied when the next step begins and all were drained.
 */
#ifndef COLUMBA_NODE_CORE_MACHINE_EFFECTS_H
#define COLUMBA_NODE_CORE_MACHINE_EFFECTS_H

#include "node/core/core.h"

/* One step may gather a full page for each of several peers and its own batch. */
#define EFFECTS_ARENA_MAX_BYTES (32u * MIB)

struct effect_node;
struct row_key;

struct effects {
    struct arena arena;
    struct effect_node *first;
    struct effect_node **last_next;
    uint64_t dropped;
};

void effects_init(struct effects *effects, struct memory *memory);
void effects_clear(struct effects *effects);
/* Empties the arena if all effects were taken. */
void effects_recycle(struct effects *effects);
bool effects_next(struct effects *effects, struct effect *out_effect);

/* Memory that lives as long as the effects of this step; NULL: none left. */
void *effects_allocate(struct effects *effects, size_t size);
/* A zeroed message of the type, to be filled in; NULL: none left (counted as dropped). */
struct message *effects_message(struct effects *effects, enum message_type type);

/* A NULL message is passed over: its drop was counted where it could not be made. */
void effects_reply(struct effects *effects, uint64_t connection, uint64_t request_id,
                   const struct message *message);
void effects_send(struct effects *effects, uint16_t node, uint64_t request_id,
                  const struct message *message);
/* These four are promises: false means there was no memory and nothing was added. */
bool effects_write(struct effects *effects, enum effect_type type, struct slice key,
                   struct slice value);
bool effects_read(struct effects *effects, uint64_t read_id, const struct read_query *query);
/* This one row. */
bool effects_read_row(struct effects *effects, uint64_t read_id, const struct row_key *key);
/* Takes back what was added since last_next was `before`, in this step. */
void effects_cut(struct effects *effects, struct effect_node **before);

#endif
