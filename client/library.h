/*
 * What the parts of libcolumba share.
 *
 *   options.c, contacts.c, key_file.c   what a client is made from
 *   library.c      the client: effects of the core carried out, dispatch, events
 *   socket.c       connections: addresses, bytes in and out
 *   resolver.c     addresses of names
 *   future.c       futures
 *   call.c         what all calls have in common
 *   call_*.c       the calls, one group each
 *   name_cache.c   names of conversations, by id
 *   public.c       ids, names of errors and levels
 *
 * The core (client/core) decides; here its effects become system calls and its completions become
 * the results of futures. No code of the caller's runs but in dispatch_callbacks.
 */
#ifndef COLUMBA_CLIENT_LIBRARY_H
#define COLUMBA_CLIENT_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "client/core/client.h"
#include "client/core/seal.h"
#include "client/include/columba.h"
#include "proto/codec.h"

/* Arguments and results of one call: the largest page, opened, twice over. */
#define FUTURE_ARENA_MAX_BYTES (8u * MIB)
/* Bytes of calls under way; more are refused with OVERLOADED before memory grows. */
#define CALL_BYTES_MAX (64u * MIB)
/* Futures kept for the next calls: as many as a busy program has under way. */
#define FUTURES_KEPT_MAX 1024u
/* News of nodes that nobody took. */
#define NODE_EVENTS_MAX 64u
/* Conversation names kept; a power of two. */
#define NAME_CACHE_SIZE 4096u
/* Lookups of names that one inbox page has under way at once. */
#define NAME_LOOKUPS_MAX 64u

struct columba_options {
    struct client_contact contacts[CLIENT_CONTACTS_MAX];
    uint32_t contact_count;
    char *contact_text; /* what the contacts are views into */
    enum columba_consistency consistency;
    uint32_t timeout_ms;
    uint32_t connections_per_node;
    uint32_t requests_max;
    bool is_administrator;
    char cluster_name[COLUMBA_NAME_MAX_BYTES + 1];
    struct seal_key *key;     /* locked memory; NULL: none */
    columba_log_callback log; /* NULL: nobody listens */
    void *log_user;
    char error[COLUMBA_ERROR_TEXT_BYTES];
};

struct columba_future;

#define FORKED_TEXT                                                                                \
    "the client was made by this process's parent: after fork, make a client of its own"

/* One request of a call. */
struct part {
    struct client_request request;
    struct columba_future *future;
    uint32_t index;
    bool is_under_way;
};

/* A part has ended: answer is NULL if part->request.error says so. */
typedef void (*part_done)(struct part *part, const struct message *answer);

enum result_kind {
    RESULT_NONE,
    RESULT_CONVERSATION,
    RESULT_MEMBERS,
    RESULT_HISTORY,
    RESULT_INBOX,
    RESULT_JSON,
    RESULT_DIFFERING,
    RESULT_SESSION,
};

struct columba_future {
    struct columba_client *client; /* NULL: destroyed before */
    struct list link;              /* in client->futures */
    struct list done_link;         /* in client->callbacks or client->events */
    bool is_done;
    columba_callback callback;
    void *user;
    struct columba_error_info error;

    struct arena arena; /* arguments, then the result */
    uint64_t deadline_ms;
    uint32_t consistency;
    size_t bytes; /* counted in client->call_bytes */
    part_done step;
    struct part first;
    struct part *more; /* of calls that ask several things at once */
    uint32_t more_count;
    void *state;                     /* of calls with several steps */
    struct columba_session *session; /* that it is a page of, until it is done */

    struct columba_id message;
    enum result_kind result_kind;
    union {
        struct columba_conversation conversation;
        struct columba_member_page members;
        struct columba_history_page history;
        struct columba_inbox_page inbox;
        const char *json;
        uint32_t differing;
        struct columba_session_page session;
    } result;
};

/* Looks up names (resolver.h). */
struct resolver {
    struct ares_channeldata *channel; /* NULL: no name was asked for yet */
    struct list lookups;
    bool is_stale;
};

struct socket;

struct columba_client {
    struct client *core;
    uint8_t *owner; /* a page that the kernel wipes in a child of fork: 1 in its own process */
    columba_log_callback log;
    void *log_user;
    struct seal_key *key;
    uint32_t consistency;
    uint32_t timeout_ms;
    char first_contact[CLIENT_HOST_MAX_BYTES + 10];

    int epoll_fd;
    int timer_fd;
    int wake_fd;
    uint64_t armed_ms; /* when the timer fires; UINT64_MAX: it does not */
    bool is_woken;
    bool is_dispatching;
    uint32_t done_count; /* futures, since the dispatch began */

    struct resolver resolver;
    struct list connecting;  /* sockets that have another address to try */
    struct socket **sockets; /* by the core's connection number; NULL: not open */
    uint32_t socket_count;
    struct list dirty;     /* sockets with bytes to write */
    struct list dead;      /* sockets to be freed after the events of a turn */
    struct arena decoding; /* of the frame at hand */
    struct arena encoding;

    struct list futures;
    struct list kept; /* futures for the next calls */
    uint32_t kept_count;
    size_t call_bytes;
    struct list callbacks; /* futures that are done and whose callback is due */
    struct list events;    /* futures that are done and have none */
    struct node_event {
        enum columba_event_type type;
        char text[CLIENT_TEXT_BYTES];
    } * node_events; /* a ring */
    uint32_t node_event_first;
    uint32_t node_event_count;
    struct node_event taken_event;

    struct name_cache_entry {
        struct id id;
        char *name;
    } * names;
};

/* public.c */
struct columba_id id_out(const struct id *id);
struct id id_in(const struct columba_id *id);
void error_fill(struct columba_error_info *out_error, enum columba_error code, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

/* contacts.c: views into `text`, which is changed. NULL, or what is wrong. */
const char *contacts_parse(char *text, struct client_contact *out_contacts, uint32_t *out_count);

/* key_file.c: COLUMBA_ERROR_OK and out_key, or what is wrong in out_text. */
enum columba_error key_file_read(const char *path, uint8_t *out_key, char *out_text,
                                 size_t text_size);

/* library.c */
/* False: NULL, or this process is a child of the one that made it. */
bool library_is_own(const struct columba_client *client);
void library_log(const struct columba_client *client, enum columba_log_level level,
                 const char *text);
uint64_t library_now(struct columba_client *client); /* tells the core; returns monotonic ms */
/* Carries out what the core wants done. */
void library_effects(struct columba_client *client);
/* Something was asked outside a dispatch: the descriptor has to become readable. */
void library_wake(struct columba_client *client);

/* socket.c */
void socket_open(struct columba_client *client, uint32_t number, struct slice host, uint16_t port);
void socket_close(struct columba_client *client, uint32_t number);
void socket_send(struct columba_client *client, uint32_t number, uint64_t request_id,
                 const struct message *message);
void socket_ready(struct columba_client *client, struct socket *socket, uint32_t events);
void sockets_flush(struct columba_client *client);
/* Addresses that do not answer give way to the next ones. */
void sockets_tick(struct columba_client *client, uint64_t now_ms);
uint64_t sockets_due_ms(const struct columba_client *client);
void sockets_bury(struct columba_client *client); /* frees what was closed */
void sockets_destroy(struct columba_client *client);

/* future.c */
struct columba_future *future_create(struct columba_client *client);
void future_done(struct columba_future *future);
void future_fail(struct columba_future *future, const struct client_error *error);
__attribute__((format(printf, 3, 4))) void future_refuse(struct columba_future *future,
                                                         enum columba_error code,
                                                         const char *format, ...);
void future_cancel_parts(struct columba_future *future);
void future_free(struct columba_future *future);

/* call.c */
/* NULL without memory. A call that cannot be made is done already (call_is_begun). */
struct columba_future *call_begin(struct columba_client *client, const struct columba_call *call,
                                  part_done step);
static inline bool call_is_begun(const struct columba_future *future)
{
    return future != NULL && !future->is_done;
}
/* A copy of the arguments, a struct that begins with its size. False, and the future is refused:
 * there are none, or they say something that is not known here. */
bool call_arguments(struct columba_future *future, const void *given, void *out, size_t size);
/* False, and the future is refused. */
bool call_time(struct columba_future *future, uint64_t created_at_ms);
/* False, and the future is refused, if it is no name. */
bool call_name(struct columba_future *future, const char *what, const char *name,
               struct slice *out_name);
/* Copies into the future's arena, NUL-terminated; NULL, and the future refused, without memory. */
void *call_copy(struct columba_future *future, struct slice bytes);
void *call_allocate(struct columba_future *future, size_t count, size_t size);
/* Fills in routing and time and hands it to the core. */
void call_submit(struct columba_future *future, struct part *part);
void call_route(struct part *part, enum partition_kind kind, const struct id *partition);
/* So many requests side by side: `next` uses a part that is free, `step` hears what came of it.
 * Without memory the future is refused. */
void call_parts_begin(struct columba_future *future, uint32_t count, part_done step,
                      void (*next)(struct columba_future *future, struct part *part));
/* The end of a turn that began outside a dispatch. */
struct columba_future *call_end(struct columba_future *future);
/* The step of calls that return nothing. */
void call_done_plain(struct part *part, const struct message *answer);
/* True: goes on; false: it failed, and so does the future. */
bool call_part_ok(struct part *part);

/* A content's envelope and its body, sealed if there is a key. False: refused. */
struct call_content {
    struct slice conversation; /* name, for what is said of it */
    struct id conversation_id;
    struct id message;
    const char *from;
    const void *body;
    size_t body_bytes;
    const char *media_url;
    uint64_t created_at_ms;
    uint8_t type;
    enum seal_use use;
};
bool call_content_encode(struct columba_future *future, const struct call_content *content,
                         struct slice *out_bytes);
bool call_content_check(struct columba_future *future, const struct call_content *content,
                        struct slice *out_from);

/* call_history.c: a row as callers see it. False: no memory; the future has failed. */
bool call_message_fill(struct columba_future *future, const struct id *conversation,
                       const struct message_history_row *row, struct columba_message *out);

/* call_session.c: nothing is under way any more. */
void session_forget(struct columba_session *session);

/* name_cache.c */
const char *name_cache_find(struct columba_client *client, const struct id *id);
void name_cache_put(struct columba_client *client, const struct id *id, struct slice name);
void name_cache_destroy(struct columba_client *client);

#endif
