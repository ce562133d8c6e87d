/*
 * libcolumba: the client of Columba, a distributed message store for chat.
 *
 * The whole use of it:
 *
 *     struct columba_options *options = columba_options_create();
 *     columba_options_set_contacts(options, "127.0.0.1,127.0.0.2");
 *     struct columba_client *client = columba_client_create(options, NULL);
 *     columba_options_destroy(options);
 *
 *     struct columba_future *sent = columba_send(
 *         client, &(struct columba_message_send){.from = "alice", .to = "garden", .body = "hello",
 *                                        .body_bytes = 5}, NULL);
 *     if (columba_future_wait(sent) != COLUMBA_ERROR_OK) {
 *         fprintf(stderr, "%s\n", columba_future_error(sent)->text);
 *     }
 *     columba_future_destroy(sent);
 *     columba_client_destroy(client);
 *
 * Futures. Every call that asks the cluster returns a future at once and never blocks. A future is
 * done exactly once, with a result or an error; a call that was refused before anything was sent
 * (an argument out of its limits, say) returns a future that is done already. NULL comes back only
 * when memory has run out. The caller owns the future and destroys it; what a future's getters
 * return belongs to the future and lives as long as it does. Arguments are copied: they may go as
 * soon as the call has returned.
 *
 * Getting the result, in the way that suits the program:
 *   - columba_future_wait blocks until it is done;
 *   - columba_future_set_callback: the callback runs inside columba_dispatch;
 *   - columba_event_next: futures without a callback come in one queue, in the order in which
 *     they were done.
 *
 * Event loops. The library has no threads of its own. It has one file descriptor (columba_fd) that
 * is readable when there is something to do; then columba_dispatch does it. Nothing happens, and no
 * callback runs, outside columba_dispatch and columba_future_wait (which dispatches). With the
 * adapter in columba_uv.h that is all a libuv program needs; with poll it is
 *
 *     struct pollfd ready = {.fd = columba_fd(client), .events = POLLIN};
 *     poll(&ready, 1, -1);
 *     columba_dispatch(client, 0);
 *
 * Threads. A client, its options and its futures belong to one thread at a time; different clients
 * are independent of each other. columba_wake alone may be called from any thread. A callback may
 * call anything but columba_dispatch, columba_future_wait and columba_client_destroy.
 *
 * Processes. After fork() the client belongs to the parent. In the child every call on it is
 * refused at once (INVALID), nothing blocks, and columba_client_destroy frees its memory and closes
 * the child's descriptors, without a callback and without a word to the nodes. A child that wants
 * to talk to the cluster makes a client of its own.
 *
 * Retries. Every call but columba_admin is idempotent, and the library repeats it on another node
 * when a connection breaks, a node does not answer, or the error is one that passes (with
 * exponential backoff and jitter) until the call's timeout is over. UNAVAILABLE (too few replicas
 * are alive) is asked of one more node and then reported at once. A call that ends in an error may
 * be repeated by the caller: a send with the id of the first attempt, so that there is one message.
 *
 * Names of users and conversations are UTF-8 in Unicode's Normalization Form C, 1 to
 * COLUMBA_NAME_MAX_BYTES bytes, without control characters, line separators and marks that override
 * the direction of text; others are refused (INVALID), by nodes too. The id of a user or
 * conversation is a cryptographic hash of its name, so nobody can make another name with it. Times
 * are Unix milliseconds. Text handed in is NUL-terminated; bodies have a length.
 *
 * Structs. Set what is not used to zero. Those that calls take begin with their size: leave it 0,
 * or say sizeof to have what a later version adds; those that come back, and those in arrays, have
 * room in reserve. So a program goes on working with later versions of the library, and an older
 * library refuses (INVALID) what it does not know instead of passing it over. NULL where something
 * is needed is INVALID as well, never a crash; getters of NULL return NULL, 0 or INVALID.
 *
 * Encryption. With an application key (columba_options_set_key…) bodies are sealed before they
 * leave the process and opened after they come back: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha),
 * bound to conversation, message id, sender, type, epoch and time, so that a node can neither read
 * a body nor pass it off as another message. Sender, time, type and media URL stay readable for
 * the nodes. The same message sealed twice gives the same bytes, so a repeated send is the same
 * message; whoever can read the database may see that two stored copies are equal, nothing more.
 */
#ifndef COLUMBA_H
#define COLUMBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columba_error_table.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define COLUMBA_API __attribute__((visibility("default")))
#else
#define COLUMBA_API
#endif

/* Of this header; columba_version_number tells the library's. */
#define COLUMBA_VERSION_MAJOR 0
#define COLUMBA_VERSION_MINOR 1
#define COLUMBA_VERSION_PATCH 0
#define COLUMBA_VERSION_NUMBER                                                                     \
    (COLUMBA_VERSION_MAJOR * 1000000 + COLUMBA_VERSION_MINOR * 1000 + COLUMBA_VERSION_PATCH)

#define COLUMBA_PORT_DEFAULT 7411
#define COLUMBA_NAME_MAX_BYTES 512
/* A body, before sealing. */
#define COLUMBA_BODY_MAX_BYTES 65472
#define COLUMBA_MEDIA_URL_MAX_BYTES 2048
/* Rows of one page, and of one import call. */
#define COLUMBA_PAGE_MAX_ROWS 1000
/* Rows of one page of an inbox. */
#define COLUMBA_INBOX_MAX_ROWS 1000
/* The last time a message may carry: the end of the year 9999. */
#define COLUMBA_TIME_MAX_MS INT64_C(253402300799999)
#define COLUMBA_IMPORT_MAX_ROWS 1000
/* An import call: for each message its body, sender and media URL, and 160 bytes, together at most
 * this. */
#define COLUMBA_IMPORT_MAX_BYTES 786432
/* Members given to one columba_conversation_create; repeat it for more. */
#define COLUMBA_MEMBERS_MAX 100000
#define COLUMBA_KEY_BYTES 32
#define COLUMBA_REACTION_MAX_BYTES 64
#define COLUMBA_COLUMN_MAX_BYTES 4096
#define COLUMBA_COLUMN_NAME_MAX_BYTES 64

struct columba_client;
struct columba_options;
struct columba_future;

/* --- errors: codes, and what comes with them -------------------------------------------------- */

/* COLUMBA_ERROR_OK is 0. Every code, with its meaning, stands in columba_error_table.h:
 *   the cluster could not do it now: UNAVAILABLE, TIMEOUT, OVERLOADED, OUTCOME_UNKNOWN,
 *     SHUTTING_DOWN, CLOCK_WRONG, NO_NODE, DISCONNECTED, UNDECIDED (of a message)
 *   it cannot be done as it is: INVALID, TOO_LARGE, UNKNOWN_CONVERSATION, NOT_A_MEMBER,
 *     CLOCK_AHEAD, ID_CONFLICT, WRONG_SENDER, NOT_FOUND, CANCELLED, UNKNOWN_MESSAGE,
 *     NOT_THE_SENDER, MESSAGE_DELETED
 *   the other side does not speak as we do: MALFORMED, PROTOCOL_VERSION, WRONG_CLUSTER,
 *     NOT_SUPPORTED
 *   here: NO_MEMORY, WRONG_KEY, IO, INTERNAL */
enum columba_error_code {
#define X(name, number, retryable, text) COLUMBA_ERROR_##name = (number),
    COLUMBA_ERROR_TABLE(X)
#undef X
};

#define COLUMBA_ERROR_TEXT_BYTES 512

struct columba_error_info {
    enum columba_error_code code;
    /* How many replicas the consistency level needs and how many answered (for UNAVAILABLE: are
     * alive); both 0 where that does not apply. */
    uint32_t needed;
    uint32_t received;
    /* The same call may succeed later without a change. */
    bool retryable;
    /* A write that failed may have been applied all the same, now or later. */
    bool outcome_unknown;
    /* One sentence: what happened, to which thing, what to do. Empty for OK. */
    char text[COLUMBA_ERROR_TEXT_BYTES];
    uint64_t reserved[4]; /* for later versions */
};

/* "UNAVAILABLE"; "UNKNOWN" for a number that is no code. Static. */
COLUMBA_API const char *columba_error_name(enum columba_error_code code);
/* The table's sentence for it. Static. */
COLUMBA_API const char *columba_error_text(enum columba_error_code code);

/* "0.1.0", of the library that was loaded. */
COLUMBA_API const char *columba_version(void);
/* The same as COLUMBA_VERSION_NUMBER: 1000 for 0.1.0, 2003004 for 2.3.4. */
COLUMBA_API uint32_t columba_version_number(void);

/* --- ids: of users, conversations and messages ------------------------------------------------ */

/* 16 bytes; of messages a UUIDv7 (RFC 9562), of users and conversations a hash of the name. All
 * zero stands for "none". Message ids order by time (memcmp). */
struct columba_id {
    uint8_t bytes[16];
};

#define COLUMBA_ID_TEXT_BYTES 37

/* 8-4-4-4-12 hexadecimal digits and a NUL: COLUMBA_ID_TEXT_BYTES. */
COLUMBA_API void columba_id_to_text(const struct columba_id *id, char *out_text);
/* False, and out_id untouched, if `text` is not in that form. */
COLUMBA_API bool columba_id_from_text(const char *text, struct columba_id *out_id);
COLUMBA_API bool columba_id_is_zero(const struct columba_id *id);
COLUMBA_API struct columba_id columba_user_id(const char *name);
COLUMBA_API struct columba_id columba_conversation_id(const char *name);
COLUMBA_API uint64_t columba_message_id_unix_ms(const struct columba_id *message);
/* An id with the caller's own time and distinguishing bits (the low 42 of `bits`, which order ids
 * within a millisecond), for messages whose id must come out the same each time they are imported.
 * It only serves messages of this sender. */
COLUMBA_API struct columba_id columba_message_id_make(uint64_t unix_ms, uint64_t bits,
                                                      const char *sender);

/* --- client: options, life, dispatch ---------------------------------------------------------- */

/* Numbers as in Cassandra's native protocol. DEFAULT: what the keyspace says. */
enum columba_consistency {
    COLUMBA_CONSISTENCY_DEFAULT = 0,
    COLUMBA_CONSISTENCY_ONE = 1,
    COLUMBA_CONSISTENCY_TWO = 2,
    COLUMBA_CONSISTENCY_THREE = 3,
    COLUMBA_CONSISTENCY_QUORUM = 4,
    COLUMBA_CONSISTENCY_ALL = 5,
    COLUMBA_CONSISTENCY_LOCAL_QUORUM = 6,
    COLUMBA_CONSISTENCY_EACH_QUORUM = 7,
    COLUMBA_CONSISTENCY_LOCAL_ONE = 10,
};

/* "quorum", "LOCAL_QUORUM", …, in any case. False: no such level. */
COLUMBA_API bool columba_consistency_from_name(const char *name,
                                               enum columba_consistency *out_level);
/* "QUORUM"; "DEFAULT"; "UNKNOWN". Static. */
COLUMBA_API const char *columba_consistency_name(enum columba_consistency level);

/* NULL when memory has run out. */
COLUMBA_API struct columba_options *columba_options_create(void);
/* Takes NULL. Clients made from it live on. */
COLUMBA_API void columba_options_destroy(struct columba_options *options);

/* The setters return COLUMBA_ERROR_OK, or what is wrong with the value, with a sentence in
 * columba_options_error (which lives until the next call on these options). */
COLUMBA_API const char *columba_options_error(const struct columba_options *options);

/* "HOST[:PORT],…": nodes to begin with (any of the cluster; the rest is learned from them), at
 * most 64. HOST is an IPv4 address, an IPv6 address (in brackets if a port follows), or a host
 * name, which is looked up (/etc/hosts and DNS, without blocking) when it is connected to; all its
 * addresses are tried. Default: 127.0.0.1. INVALID. */
COLUMBA_API enum columba_error_code columba_options_set_contacts(struct columba_options *options,
                                                                 const char *contacts);
/* For calls that do not name a level. */
COLUMBA_API enum columba_error_code columba_options_set_consistency(struct columba_options *options,
                                                                    enum columba_consistency level);
/* A call's time, retries included; default 10,000. 0 is INVALID. */
COLUMBA_API enum columba_error_code columba_options_set_timeout_ms(struct columba_options *options,
                                                                   uint32_t timeout_ms);
/* Only talk to nodes of this cluster (WRONG_CLUSTER otherwise). Default: any. */
COLUMBA_API enum columba_error_code columba_options_set_cluster_name(
    struct columba_options *options, const char *name);
/* Connections to each node, 1 to 8; default 1. */
COLUMBA_API enum columba_error_code columba_options_set_connections_per_node(
    struct columba_options *options, uint32_t count);
/* Calls under way at once; more are refused with OVERLOADED. Default 16,384. */
COLUMBA_API enum columba_error_code columba_options_set_requests_max(
    struct columba_options *options, uint32_t count);
/* The client is for columba_admin only (other calls: NOT_SUPPORTED), and nodes keep a few places
 * for such clients when all of the others are taken. */
COLUMBA_API enum columba_error_code columba_options_set_administrator(
    struct columba_options *options);
/* The application key: COLUMBA_KEY_BYTES bytes, copied into locked memory and wiped with it. */
COLUMBA_API enum columba_error_code columba_options_set_key(struct columba_options *options,
                                                            const uint8_t *key);
/* The key from a file that holds 64 hexadecimal digits (white space around them is passed over),
 * or exactly 32 raw bytes. `head -c 32 /dev/urandom > FILE` makes one. IO, INVALID. */
COLUMBA_API enum columba_error_code columba_options_set_key_file(struct columba_options *options,
                                                                 const char *path);

enum columba_log_level { COLUMBA_LOG_INFO = 1, COLUMBA_LOG_WARNING = 2 };

/* `text` is one line without its end, and lives until the callback returns. */
typedef void (*columba_log_callback)(enum columba_log_level level, const char *text, void *user);

/* What the client does of its own accord: nodes that come and go, connections that are given up,
 * names that cannot be looked up. Runs inside columba_dispatch, columba_future_wait and calls; it
 * may not call the library. NULL: nobody listens (the default). */
COLUMBA_API enum columba_error_code columba_options_set_log(struct columba_options *options,
                                                            columba_log_callback callback,
                                                            void *user);

/* A client; it connects when the first call needs it to. NULL on failure, with
 * the reason in out_error (which may be NULL): NO_MEMORY, IO (no file descriptors left). */
COLUMBA_API struct columba_client *columba_client_create(const struct columba_options *options,
                                                         struct columba_error_info *out_error);
/* Closes the connections. Futures that are not done become done with CANCELLED. Callbacks that have
 * not run yet run now, after everything else is gone: they may look at futures and destroy them,
 * and do nothing else with the library. All futures stay valid until they are destroyed. Takes
 * NULL. */
COLUMBA_API void columba_client_destroy(struct columba_client *client);

/* The one descriptor to poll for reading. It belongs to the client. */
COLUMBA_API int columba_fd(const struct columba_client *client);
/* Does what there is to do, and runs callbacks: at once with timeout_ms 0; else waits up to
 * timeout_ms for something to do, -1 for ever. What was asked since the last dispatch leaves now,
 * in one write for each connection. Returns the number of futures that got done. -1: no client, or
 * one of another process. */
COLUMBA_API int columba_dispatch(struct columba_client *client, int timeout_ms);

/* Makes a columba_dispatch or columba_future_wait of this client that waits, or waits next, return
 * from waiting. From any thread, and from signal handlers; the one call for which this holds. The
 * client has to live until it has returned. */
COLUMBA_API void columba_wake(struct columba_client *client);

/* --- future: results, callbacks and events ---------------------------------------------------- */

typedef void (*columba_callback)(struct columba_future *future, void *user);

/* At most one; runs once, inside a dispatch, also when the future was done before, or inside
 * columba_client_destroy. */
COLUMBA_API void columba_future_set_callback(struct columba_future *future,
                                             columba_callback callback, void *user);
/* Something of the caller's to find again; NULL at first (set_callback sets it too). */
COLUMBA_API void columba_future_set_user(struct columba_future *future, void *user);
COLUMBA_API void *columba_future_user(const struct columba_future *future);

COLUMBA_API bool columba_future_is_done(const struct columba_future *future);
/* Dispatches until the future is done; returns its code. INVALID, and it is not done: from inside a
 * callback. columba_wake does not end it. */
COLUMBA_API enum columba_error_code columba_future_wait(struct columba_future *future);
/* Of a future that is done; before, INTERNAL. */
COLUMBA_API enum columba_error_code columba_future_code(const struct columba_future *future);
/* Never NULL. Code OK and an empty text where all went well or it is not done yet. */
COLUMBA_API const struct columba_error_info *columba_future_error(
    const struct columba_future *future);
/* Forgets the result. A call under way is abandoned: what it asked may or may not be carried
 * out, and no callback runs. Takes NULL. */
COLUMBA_API void columba_future_destroy(struct columba_future *future);

enum columba_event_type {
    COLUMBA_EVENT_DONE = 1,  /* `future`, which has no callback, is done */
    COLUMBA_EVENT_NODE_UP,   /* `text`: the node that can be reached now */
    COLUMBA_EVENT_NODE_DOWN, /* `text`: the node and why it cannot be reached */
};

struct columba_event {
    enum columba_event_type type;
    struct columba_future *future;
    const char *text;     /* until the next columba_event_next or dispatch */
    uint64_t reserved[4]; /* for later versions */
};

/* The next event, false if there is none. Events of futures wait until they are taken, the future
 * was waited for, given a callback, or destroyed; of nodes' events the newest 64 are kept. */
COLUMBA_API bool columba_event_next(struct columba_client *client, struct columba_event *out_event);

/* --- call: what calls have in common; reaching nodes ------------------------------------------ */

/* Given to every call; NULL: all of it by default. */
struct columba_call {
    size_t size;                          /* 0, or sizeof */
    enum columba_consistency consistency; /* DEFAULT: the client's */
    uint32_t timeout_ms;                  /* 0: the client's */
};

/* Done when a first node has been reached and knows us: it tells early what is wrong, and from then
 * on ids carry the nodes' time. Before, they carry the device's: where that clock may be wrong,
 * wait for this before the first send. NO_NODE, PROTOCOL_VERSION, WRONG_CLUSTER, TIMEOUT. */
COLUMBA_API struct columba_future *columba_connect(struct columba_client *client,
                                                   const struct columba_call *call);

/* A round trip to a node: "HOST[:PORT]" of any node of the cluster, its name, or NULL for any.
 * NO_NODE, TIMEOUT, NOT_FOUND (no such node). */
COLUMBA_API struct columba_future *columba_ping(struct columba_client *client, const char *node,
                                                const struct columba_call *call);

/* --- send: messages --------------------------------------------------------------------------- */

#define COLUMBA_TYPE_TEXT 1
#define COLUMBA_TYPE_IMAGE 2
#define COLUMBA_TYPE_FILE 3
#define COLUMBA_TYPE_AUDIO 4
#define COLUMBA_TYPE_VIDEO 5
#define COLUMBA_TYPE_SYSTEM 6

struct columba_message_send {
    size_t size;      /* 0, or sizeof */
    const char *from; /* user */
    const char *to;   /* conversation */
    const void *body;
    size_t body_bytes;
    uint8_t type;          /* 0: COLUMBA_TYPE_TEXT */
    const char *media_url; /* NULL: none */
    /* NULL: the library makes one. To repeat a send whose outcome is not known, give the id it
     * had, and the same body and created_at_ms. */
    const struct columba_id *message;
    uint64_t created_at_ms; /* 0: the time in the id; at most COLUMBA_TIME_MAX_MS */
};

/* Sends a message. columba_future_message has its id, as soon as the call returned. Errors:
 * UNKNOWN_CONVERSATION, NOT_A_MEMBER, TOO_LARGE, CLOCK_AHEAD, ID_CONFLICT, WRONG_SENDER, INVALID
 * (a name), and those of any call. */
COLUMBA_API struct columba_future *columba_send(struct columba_client *client,
                                                const struct columba_message_send *send,
                                                const struct columba_call *call);
/* The message id of a columba_send; zero if it was refused for its arguments. */
COLUMBA_API struct columba_id columba_future_message(const struct columba_future *future);

/* --- change: messages that were sent -------------------------------------------------------- */

struct columba_message_edit {
    size_t size;      /* 0, or sizeof */
    const char *from; /* the message's sender */
    const char *conversation;
    struct columba_id message;
    const void *body; /* in the old one's place */
    size_t body_bytes;
    uint8_t type;          /* 0: COLUMBA_TYPE_TEXT */
    const char *media_url; /* NULL: none */
    /* NULL: the library makes one. To repeat an edit whose outcome is not known, give the id it had
     * (columba_future_change), and the same body and edited_at_ms. */
    const struct columba_id *change;
    uint64_t edited_at_ms; /* 0: the time in the change's id; at most COLUMBA_TIME_MAX_MS */
};

/* Puts another text in the place of a message's, sealed like it if a key is set. Of two edits the
 * later one is shown; each has the number of the one it followed, and one more, so two that raced
 * count as one. Repeated with the change's id it is one edit, and never takes the place of a later
 * one. Members with a log of their own are told. Errors: UNKNOWN_MESSAGE, NOT_THE_SENDER (somebody
 * else sent it), MESSAGE_DELETED, UNKNOWN_CONVERSATION, NOT_A_MEMBER, TOO_LARGE, CLOCK_AHEAD,
 * WRONG_SENDER (the change's id was made for somebody else), ID_CONFLICT (it names another change),
 * INVALID, and those of any call. */
COLUMBA_API struct columba_future *columba_edit(struct columba_client *client,
                                                const struct columba_message_edit *edit,
                                                const struct columba_call *call);

struct columba_message_delete {
    size_t size;      /* 0, or sizeof */
    const char *from; /* the message's sender */
    const char *conversation;
    struct columba_id message;
    const struct columba_id *change; /* as in columba_message_edit */
};

/* Deletes a message for everyone, for good: neither its text nor an edit's is returned by anything
 * again, whatever came at the same time or comes later. A page shows that it stood there and who
 * sent it; it is not unread any more. Deleting what is deleted is OK. Errors: as columba_edit's,
 * but MESSAGE_DELETED. */
COLUMBA_API struct columba_future *columba_delete(struct columba_client *client,
                                                  const struct columba_message_delete *delete_,
                                                  const struct columba_call *call);
struct columba_message_react {
    size_t size;      /* 0, or sizeof */
    const char *from; /* who reacts: any member */
    const char *conversation;
    struct columba_id message;
    const char *reaction;            /* at most COLUMBA_REACTION_MAX_BYTES; NULL or "": take back */
    const struct columba_id *change; /* as in columba_message_edit */
};

/* A member's one reaction to a message, in the place of an earlier one; sealed if a key is set.
 * Errors: as columba_edit's, but NOT_THE_SENDER; TOO_LARGE also if the message carries as many
 * reactions and columns as it can (36 KiB). */
COLUMBA_API struct columba_future *columba_react(struct columba_client *client,
                                                 const struct columba_message_react *react,
                                                 const struct columba_call *call);

struct columba_message_column {
    size_t size;      /* 0, or sizeof */
    const char *from; /* any member */
    const char *conversation;
    struct columba_id message;
    const char *name; /* 1 to COLUMBA_COLUMN_NAME_MAX_BYTES bytes, as names of users */
    const void *value;
    size_t value_bytes;              /* at most COLUMBA_COLUMN_MAX_BYTES; 0: remove the column */
    const struct columba_id *change; /* as in columba_message_edit */
};

/* A column of the application's on a message: whoever sets it last wins. The value is sealed if a
 * key is set, the name is not. Errors: as columba_react's. */
COLUMBA_API struct columba_future *columba_set_column(struct columba_client *client,
                                                      const struct columba_message_column *column,
                                                      const struct columba_call *call);
/* The id of the change that a columba_edit, _delete, _react or _set_column makes, as soon as the
 * call returned; zero if it was refused for its arguments. */
COLUMBA_API struct columba_id columba_future_change(const struct columba_future *future);

/* --- conversation: conversations and their members -------------------------------------------- */

enum columba_kind {
    COLUMBA_KIND_BY_MEMBERS = 0, /* two: direct; more: group; over the fan-out limit: broadcast */
    COLUMBA_KIND_DIRECT = 1,
    COLUMBA_KIND_GROUP = 2,
    COLUMBA_KIND_BROADCAST = 3,
};

struct columba_conversation_new {
    size_t size; /* 0, or sizeof */
    const char *name;
    const char *const *members; /* users; at most COLUMBA_MEMBERS_MAX in one call */
    size_t member_count;
    enum columba_kind kind;
    uint64_t created_at_ms; /* 0: now */
};

/* Creates a conversation. One that exists gets the members it lacks; nobody is removed. Done when
 * all members are in; broken off, it may be repeated. */
COLUMBA_API struct columba_future *columba_conversation_create(
    struct columba_client *client, const struct columba_conversation_new *create,
    const struct columba_call *call);

struct columba_conversation {
    struct columba_id id;
    const char *name;
    enum columba_kind kind;
    uint64_t created_at_ms;
    uint64_t membership_version;
    bool is_channel;      /* more members than a message is fanned out to; unread is not counted */
    uint64_t reserved[4]; /* for later versions */
};

/* UNKNOWN_CONVERSATION. */
COLUMBA_API struct columba_future *columba_conversation_get(struct columba_client *client,
                                                            const char *name,
                                                            const struct columba_call *call);
/* Of a columba_conversation_get that is done; NULL otherwise. */
COLUMBA_API const struct columba_conversation *columba_future_conversation(
    const struct columba_future *future);

struct columba_members_read {
    size_t size; /* 0, or sizeof */
    const char *conversation;
    const struct columba_id *after; /* exclusive, a user's id; NULL: from the start */
    uint32_t limit;                 /* 0: COLUMBA_PAGE_MAX_ROWS */
};

struct columba_member {
    struct columba_id user;
    const char *name;
    struct columba_id delivered_up_to; /* message ids; zero: none yet */
    struct columba_id read_up_to;
    uint64_t reserved[4]; /* for later versions */
};

struct columba_member_page {
    const struct columba_member *members; /* by user id */
    size_t count;
    bool more;            /* go on after the last one */
    uint64_t reserved[4]; /* for later versions */
};

/* UNKNOWN_CONVERSATION. */
COLUMBA_API struct columba_future *columba_members(struct columba_client *client,
                                                   const struct columba_members_read *read,
                                                   const struct columba_call *call);
/* Of a columba_members that is done; NULL otherwise. */
COLUMBA_API const struct columba_member_page *columba_future_members(
    const struct columba_future *future);

/* --- history: pages of messages --------------------------------------------------------------- */

struct columba_history_read {
    size_t size; /* 0, or sizeof */
    const char *conversation;
    const struct columba_id *before; /* exclusive; NULL: no bound */
    const struct columba_id *after;  /* exclusive; NULL: no bound */
    uint32_t limit;                  /* 0: 50; at most COLUMBA_PAGE_MAX_ROWS */
    bool oldest_first;               /* else newest first */
};

struct columba_reaction {
    struct columba_id user;
    const char *text; /* "" with a problem */
    bool is_encrypted;
    enum columba_error_code problem; /* OK, WRONG_KEY */
    uint64_t reserved[2];            /* for later versions */
};

struct columba_column {
    const char *name;
    const void *value; /* followed by a NUL that is not counted */
    size_t value_bytes;
    bool is_encrypted;
    enum columba_error_code problem; /* OK, WRONG_KEY */
    uint64_t reserved[2];            /* for later versions */
};

struct columba_message {
    struct columba_id id;
    const char *from;
    const void *body; /* opened; followed by a NUL that is not counted */
    size_t body_bytes;
    const char *media_url; /* "" if there is none */
    uint64_t created_at_ms;
    uint64_t epoch;
    uint8_t type;
    /* It was stored sealed. With a key set, false means that whoever runs the nodes could read it
     * and could have written it. */
    bool is_encrypted;
    /* OK; WRONG_KEY: sealed, and no key is set, or with another key, or it was altered
     * (problem_text says which): body is empty then. MALFORMED: a stored message that does not
     * parse. UNDECIDED: two bodies were sent under its id, and a replica that would tell which one
     * stays is away; read again later: the same body then stays for ever. Its `from` is "" and
     * created_at_ms the id's. */
    enum columba_error_code problem;
    const char *problem_text; /* "" for OK */
    /* Edited so often (edits that raced count once), the last time then; body, type, media_url,
     * epoch and is_encrypted are the newest edit's. 0: never. */
    uint32_t edit_number;
    bool is_deleted; /* for everyone: nothing is left but id and from; created_at_ms is the id's */
    uint64_t edited_at_ms;
    const struct columba_reaction *reactions; /* by user id */
    size_t reaction_count;
    const struct columba_column *columns; /* of the application, by name */
    size_t column_count;
    uint64_t reserved[4]; /* for later versions */
};

struct columba_history_page {
    const struct columba_message *messages; /* in the order asked for */
    size_t count;
    /* The bound was not reached: go on with before (or after) set to the last one's id. A page may
     * hold fewer than asked for and there are more all the same, when bodies are large. */
    bool more;
    uint64_t reserved[4]; /* for later versions */
};

/* UNKNOWN_CONVERSATION. */
COLUMBA_API struct columba_future *columba_history(struct columba_client *client,
                                                   const struct columba_history_read *read,
                                                   const struct columba_call *call);
/* Of a columba_history that is done; NULL otherwise. */
COLUMBA_API const struct columba_history_page *columba_future_history(
    const struct columba_future *future);

/* --- inbox: what is new for a user ------------------------------------------------------------ */

/* Where a page of an inbox ended: for the next columba_inbox of the same user, and nothing else. */
struct columba_inbox_cursor {
    uint8_t bytes[40];
};

struct columba_inbox_read {
    size_t size; /* 0, or sizeof */
    const char *user;
    const struct columba_inbox_cursor *cursor; /* a page's `next`; NULL: the first page */
    uint32_t limit;                            /* 0: 100; at most COLUMBA_INBOX_MAX_ROWS */
};

struct columba_inbox_entry {
    struct columba_id conversation;
    const char *name;         /* the conversation's; "" if it cannot be found out now */
    struct columba_id last;   /* newest message; zero: none yet */
    struct columba_id marker; /* read up to here; zero: nothing */
    uint32_t unread;
    bool unread_is_at_least; /* there may be more than `unread` */
    bool has_unread;         /* false: a channel, whose unread messages are not counted */
    uint64_t reserved[4];    /* for later versions */
};

struct columba_inbox_page {
    const struct columba_inbox_entry *entries; /* newest `last` first, from page to page */
    size_t count;                              /* may be less than `limit` where others follow */
    bool more; /* go on with `next`; what gets a message meanwhile is at the front again */
    struct columba_inbox_cursor next;
    uint64_t reserved[4]; /* for later versions */
};

COLUMBA_API struct columba_future *columba_inbox(struct columba_client *client,
                                                 const struct columba_inbox_read *read,
                                                 const struct columba_call *call);
/* Of a columba_inbox that is done; NULL otherwise. */
COLUMBA_API const struct columba_inbox_page *columba_future_inbox(
    const struct columba_future *future);

/* Moves the user's read marker up to a message, or to the newest one if up_to is NULL; it never
 * moves back. UNKNOWN_CONVERSATION. */
COLUMBA_API struct columba_future *columba_mark_read(struct columba_client *client,
                                                     const char *user, const char *conversation,
                                                     const struct columba_id *up_to,
                                                     const struct columba_call *call);

/* --- session: what comes for a user, told to a device ----------------------------------------- */

/* A device that listens. It is told every message that its user gets, whether it was there or not:
 * where it is, is known by its cursor, which it may keep, and by the nodes under its name.
 *
 *     struct columba_session *session = columba_session_open(
 *         client, &(struct columba_session_new){.user = "alice", .device = "phone"}, NULL);
 *     for (;;) {
 *         struct columba_future *next = columba_session_next(session, NULL);
 *         if (columba_future_wait(next) == COLUMBA_ERROR_OK) {
 *             const struct columba_session_page *page = columba_future_session(next);
 *             … show and store page->events, and page->cursor with them …
 *         }
 *         columba_future_destroy(next);
 *     }
 *
 * Nothing is taken as received before the application has asked for the next page (or closed the
 * session): a program that ends before that gets the page again. Within a session an event comes
 * once, as long as not more than some thousands lie between; in the next session some may come
 * again (of the last seconds, or after a node has started anew), with the same message id. A later
 * session of the same device ends the earlier one, whose columba_session_next is DISPLACED. Events
 * of one conversation mostly come in the order of their ids, not always: sort by id. A message
 * whose body cannot be read now comes with the problem UNDECIDED: columba_history has it later.
 * Edits are not told, columba_history has them; messages of channels do not come. A session belongs
 * to its client and is destroyed before it. */
struct columba_session;

struct columba_session_new {
    size_t size; /* 0, or sizeof */
    const char *user;
    const char *device; /* a name, of one of this user's devices */
    /* A page's, from an earlier session of this device. None (0 bytes): the nodes know where the
     * device is; one that they do not know is told what comes from now on. */
    const void *cursor;
    size_t cursor_bytes;
};

/* NULL on failure, with the reason in out_error (which may be NULL): INVALID, NO_MEMORY. Asks
 * nothing yet. */
COLUMBA_API struct columba_session *columba_session_open(struct columba_client *client,
                                                         const struct columba_session_new *open,
                                                         struct columba_error_info *out_error);

enum columba_session_event_type {
    COLUMBA_SESSION_MESSAGE = 1,
    COLUMBA_SESSION_DELETED, /* for everyone: `message` has its id and sender */
};

struct columba_session_event {
    enum columba_session_event_type type;
    struct columba_id conversation;
    const char *name;               /* the conversation's; "" if it cannot be found out now */
    struct columba_message message; /* as in a history, without reactions and columns */
    bool is_own;                    /* sent by this user */
    uint64_t reserved[4];           /* for later versions */
};

struct columba_session_page {
    const struct columba_session_event *events;
    size_t count; /* may be 0 */
    /* Everything that a quorum of nodes had for this user when the session began has come. */
    bool is_complete;
    const void *cursor; /* where the device is with this page */
    size_t cursor_bytes;
    uint64_t reserved[4]; /* for later versions */
};

/* The next events, as soon as there are some (or after a while none); confirms the page before. It
 * has no timeout unless the call says one. When a node goes, another one is asked. One at a time
 * (INVALID). DISPLACED; NO_NODE, UNAVAILABLE and other errors pass: ask again. */
COLUMBA_API struct columba_future *columba_session_next(struct columba_session *session,
                                                        const struct columba_call *call);
/* Of a columba_session_next that is done; NULL otherwise. */
COLUMBA_API const struct columba_session_page *columba_future_session(
    const struct columba_future *future);
/* Confirms the last page, and the nodes remember it; the session asks no more. */
COLUMBA_API struct columba_future *columba_session_close(struct columba_session *session,
                                                         const struct columba_call *call);
/* Without a word to the nodes. A page under way is CANCELLED. Takes NULL. */
COLUMBA_API void columba_session_destroy(struct columba_session *session);

/* --- import: history that was written elsewhere ----------------------------------------------- */

struct columba_import_message {
    struct columba_id id; /* columba_message_id_make, the same each time */
    const char *from;
    const void *body;
    size_t body_bytes;
    uint64_t created_at_ms;
    uint8_t type;          /* 0: COLUMBA_TYPE_TEXT */
    const char *media_url; /* NULL: none */
    uint64_t reserved[2];  /* zero */
};

/* Stores messages as they are, sealed if a key is set, without telling anybody: no unread, no
 * fan-out. What is there already stays as it is. All or nothing is not promised: a call that failed
 * is repeated. At most COLUMBA_IMPORT_MAX_ROWS and COLUMBA_IMPORT_MAX_BYTES (TOO_LARGE). */
COLUMBA_API struct columba_future *columba_history_import(
    struct columba_client *client, const char *conversation,
    const struct columba_import_message *messages, size_t count, const struct columba_call *call);
/* Of a columba_history_import that is done: how many of its messages differ from what is stored
 * under their ids. What is stored was kept. 0 otherwise. */
COLUMBA_API uint32_t columba_future_differing(const struct columba_future *future);

struct columba_import_inbox {
    const char *user;
    const char *conversation;
    struct columba_id last;   /* newest message */
    struct columba_id marker; /* read up to here */
    bool is_channel;          /* unread messages are not counted */
    uint64_t reserved[2];     /* zero */
};

/* Writes inbox rows of any users; what is there already is only ever moved forward. At most
 * COLUMBA_IMPORT_MAX_ROWS. */
COLUMBA_API struct columba_future *columba_inbox_import(struct columba_client *client,
                                                        const struct columba_import_inbox *rows,
                                                        size_t count,
                                                        const struct columba_call *call);

/* --- admin: questions to one node ------------------------------------------------------------- */

/* Asks one node: "HOST[:PORT]" of any node of the cluster, its name, or NULL for the first contact
 * that answers. Never repeated by the library. INVALID: an unknown command or wrong arguments;
 * NOT_FOUND: no such node. */
COLUMBA_API struct columba_future *columba_admin(struct columba_client *client, const char *node,
                                                 const char *command, const char *const *arguments,
                                                 size_t argument_count,
                                                 const struct columba_call *call);
/* The answer, one JSON object, of a columba_admin that is done; NULL otherwise. */
COLUMBA_API const char *columba_future_json(const struct columba_future *future);

#ifdef __cplusplus
}
#endif

#endif
