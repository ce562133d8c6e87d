#include "tests/sim/forgery.h"

#include "base/assert.h"
#include "node/store/key.h"
#include "node/store/row.h"
#include "ring/token.h"
#include "tests/sim/model.h"

#define ROW_BYTES 64u

void forgery_write(struct world *world, struct random *random, uint32_t conversation,
                   bool is_broken, uint8_t *buffer, struct message *out_message)
{
    static const uint8_t garbage[] = {9, 9, 9};
    const struct model_user *user = &world->model->users[0];
    uint64_t unix_ms = UNIX_EPOCH_MS + world_now_us(world) / MICROSECONDS_PER_MS;
    struct id id = message_id_make(unix_ms, random_u64(random), &user->id);
    uint8_t clustering[ID_BYTES];
    struct cell cell = {
        .column = COLUMN_MESSAGE_CONTENT, .timestamp = 1, .value = slice_of_text("forged")};
    struct row_writer row;
    row_writer_init(&row, buffer, ROW_BYTES);
    row_writer_cell(&row, &cell);
    clustering_of_id(TABLE_MESSAGE, &id, clustering);
    struct packed_row packed = {.table = TABLE_MESSAGE,
                                .clustering = slice_of(clustering, ID_BYTES),
                                .row = row_writer_done(&row)};
    if (is_broken) {
        packed.row = slice_of(garbage, sizeof garbage);
    }
    struct writer writer = writer_of(buffer + ROW_BYTES, FORGERY_BYTES - ROW_BYTES);
    packed_row_write(&writer, &packed);
    COLUMBA_ASSERT(!writer.failed);
    *out_message = (struct message){.type = MESSAGE_WRITE};
    out_message->write = (struct message_write){
        .topology_version = world->topology->version,
        .partition_kind = PARTITION_CONVERSATION,
        .partition = world->model->conversations[conversation].id,
        .packed = writer_done(&writer),
    };
}
