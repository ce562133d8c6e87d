/* Who plays in the tests of MLS that need several clients, and what they all do. */
#ifndef COLUMBA_TESTS_UNIT_MLS_CAST_H
#define COLUMBA_TESTS_UNIT_MLS_CAST_H

#include "mls_world.h"

/* Under the strictest policy. */
static inline void cast_enter(struct world_client *clients, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        world_client_open(&clients[i], names[i]);
        clients[i].environment.policy = (struct mls_policy){0};
        world_use_policy(&clients[i]);
    }
}

/* They leave nothing behind. */
static inline void cast_leave(struct world_client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        world_client_close(&clients[i]);
    }
    assert_int_equal(world_memory()->live, 0);
}

static inline enum mls_error cast_process(struct world_client *client,
                                          const struct mls_buffer *message)
{
    struct mls_event event;
    enum mls_error error = mls_group_process(client->group, mls_buffer_done(message), &event);
    mls_event_clear(&event);
    return error;
}

/* With authenticated data, as real messages have it. */
static inline struct mls_buffer cast_encrypt(struct world_client *client, const char *text)
{
    struct mls_buffer message;
    assert_int_equal(
        mls_group_encrypt(client->group, slice_of_text(text), slice_of_text("aad"), &message),
        MLS_OK);
    return message;
}

#endif
