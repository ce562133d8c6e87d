/*
 * libcolumba on a libuv loop, in a header: include it in one file of a program that links libuv.
 *
 *     struct columba_uv adapter;
 *     columba_uv_start(&adapter, loop, client);
 *     columba_future_set_callback(columba_send(client, &send, NULL), on_sent, NULL);
 *     uv_run(loop, UV_RUN_DEFAULT);
 *
 * Callbacks run inside the loop. columba_uv_stop, then the adapter's memory is in use until the
 * loop has called `on_closed`; the client is destroyed after that. While started, the adapter
 * keeps uv_run from returning (uv_unref((uv_handle_t *)&adapter.poll) changes that).
 */
#ifndef COLUMBA_UV_H
#define COLUMBA_UV_H

#include <uv.h>

#include "columba.h"

struct columba_uv {
    uv_poll_t poll;
    struct columba_client *client;
    void (*on_closed)(struct columba_uv *adapter); /* NULL: nobody asks */
};

static inline void columba_uv_ready(uv_poll_t *poll, int status, int events)
{
    struct columba_uv *adapter = (struct columba_uv *)poll->data;
    (void)status;
    (void)events;
    columba_dispatch(adapter->client, 0);
}

/* 0, or libuv's error. */
static inline int columba_uv_start(struct columba_uv *adapter, uv_loop_t *loop,
                                   struct columba_client *client)
{
    adapter->client = client;
    adapter->on_closed = NULL;
    int failed = uv_poll_init(loop, &adapter->poll, columba_fd(client));
    adapter->poll.data = adapter;
    return failed != 0 ? failed : uv_poll_start(&adapter->poll, UV_READABLE, columba_uv_ready);
}

static inline void columba_uv_closed(uv_handle_t *handle)
{
    struct columba_uv *adapter = (struct columba_uv *)handle->data;
    if (adapter->on_closed != NULL) {
        adapter->on_closed(adapter);
    }
}

static inline void columba_uv_stop(struct columba_uv *adapter,
                                   void (*on_closed)(struct columba_uv *adapter))
{
    adapter->on_closed = on_closed;
    uv_close((uv_handle_t *)&adapter->poll, columba_uv_closed);
}

#endif
