#include "bench/idle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "client/tools/progress.h"
#include "proto/codec.h"

#define HELLO_MAX_BYTES 512
#define ADDRESS_BYTES 256
/* Descriptors this process needs besides. */
#define DESCRIPTORS_OWN 64u
/* Handshakes under way at once, below a node's backlog. */
#define OPENING_MAX 64u
/* The allocator of the node gives back what the handshakes used only after a moment. */
#define SETTLE_SECONDS 2u

struct hello {
    uint8_t bytes[HELLO_MAX_BYTES];
    size_t size;
};

static bool make_hello(struct hello *out_hello)
{
    struct arena arena;
    struct codec_encoding encoding;
    const struct message message = {.type = MESSAGE_HELLO,
                                    .hello = {.protocol_min = PROTOCOL_VERSION_MIN,
                                              .protocol_max = PROTOCOL_VERSION_MAX,
                                              .role = ROLE_CLIENT,
                                              .software = slice_of_text("columba-bench")}};
    arena_init(&arena, memory_system(), SIZE_MAX);
    bool is_made = codec_prepare(&message, &arena, &encoding) == COLUMBA_OK &&
                   FRAME_HEADER_BYTES + encoding.payload_bytes <= HELLO_MAX_BYTES;
    if (is_made) {
        codec_encode(&encoding, 1, 0, out_hello->bytes);
        out_hello->size = FRAME_HEADER_BYTES + encoding.payload_bytes;
    }
    arena_clear(&arena);
    return is_made;
}

/* The node's answer to a question without arguments; NULL: said why. */
static json_t *ask(struct tool *tool, const char *node, const char *command)
{
    struct columba_future *asked = columba_admin(tool->client, node, command, NULL, 0, NULL);
    json_t *answer = NULL;
    if (tool_wait(tool, asked, "%s", command)) {
        answer = json_loads(columba_future_json(asked), 0, NULL);
    }
    columba_future_destroy(asked);
    return answer;
}

static bool find_self(struct tool *tool, char *out_address)
{
    json_t *info = ask(tool, NULL, "info");
    const char *address =
        json_string_value(json_object_get(json_object_get(info, "node"), "address"));
    bool is_found = address && strlen(address) < ADDRESS_BYTES;
    if (is_found) {
        strcpy(out_address, address);
    }
    json_decref(info);
    return is_found;
}

static json_int_t resident_bytes(struct tool *tool, const char *address)
{
    json_t *info = ask(tool, address, "info");
    json_int_t bytes = json_integer_value(json_object_get(info, "rss_bytes"));
    json_decref(info);
    return bytes;
}

static bool look_up(const char *address, struct addrinfo **out_found)
{
    char host[ADDRESS_BYTES];
    strcpy(host, address);
    char *colon = strrchr(host, ':');
    if (!colon) {
        return false;
    }
    *colon = '\0';
    bool is_bracketed = host[0] == '[' && colon > host + 1;
    if (is_bracketed) {
        colon[-1] = '\0';
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    return getaddrinfo(host + is_bracketed, colon + 1, &hints, out_found) == 0;
}

/* Connects and says hello; the answer is still to come. -1: errno. */
static int open_one(const struct addrinfo *to, const struct hello *hello)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (connect(fd, to->ai_addr, to->ai_addrlen) != 0 ||
                    send(fd, hello->bytes, hello->size, MSG_NOSIGNAL) != (ssize_t)hello->size)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool is_welcome(int fd)
{
    uint8_t header[FRAME_HEADER_BYTES];
    uint8_t rest[4096];
    struct frame frame;
    if (recv(fd, header, sizeof(header), MSG_WAITALL) != (ssize_t)sizeof(header) ||
        frame_header_decode(header, &frame) != COLUMBA_OK || frame.type != MESSAGE_WELCOME) {
        return false;
    }
    size_t left = frame.payload_bytes;
    while (left > 0) {
        ssize_t got = recv(fd, rest, left < sizeof(rest) ? left : sizeof(rest), 0);
        if (got <= 0) {
            return false;
        }
        left -= (size_t)got;
    }
    return true;
}

static uint32_t open_all(struct tool *tool, const struct addrinfo *to, const struct hello *hello,
                         int *fds, uint32_t count)
{
    uint32_t open_count = 0;
    uint32_t welcome_count = 0;
    progress_begin("connections", count);
    while (welcome_count < count) {
        while (open_count < count && open_count - welcome_count < OPENING_MAX) {
            fds[open_count] = open_one(to, hello);
            if (fds[open_count] < 0) {
                tool_say(tool, "connection %u: %s", open_count + 1, strerror(errno));
                return open_count;
            }
            open_count++;
        }
        if (!is_welcome(fds[welcome_count])) {
            tool_say(tool, "connection %u was not accepted (limits of the node: columbactl info)",
                     welcome_count + 1);
            return open_count;
        }
        progress_set(++welcome_count);
    }
    progress_end();
    return open_count;
}

static void print(const struct tool *tool, uint32_t count, json_int_t before, json_int_t after)
{
    double each = (double)(after - before) / (double)count;
    if (tool->is_json) {
        json_t *object = json_pack("{s:s, s:i, s:I, s:I, s:f}", "mode", "idle", "connections",
                                   (int)count, "rss_before_bytes", before, "rss_after_bytes", after,
                                   "bytes_per_connection", each);
        json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
        json_decref(object);
        return;
    }
    printf("idle: %u connections, %.2f KiB of the node's memory each (%.1f MiB before, %.1f MiB "
           "after)\n",
           count, each / 1024, (double)before / 1048576, (double)after / 1048576);
}

static bool allow_descriptors(struct tool *tool, uint32_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count + DESCRIPTORS_OWN) {
        limit.rlim_cur = count + DESCRIPTORS_OWN;
        if (limit.rlim_cur > limit.rlim_max || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            tool_say(tool, "%u connections need a higher limit of open files: ulimit -n", count);
            return false;
        }
    }
    return true;
}

bool idle_run(struct tool *tool, uint32_t connections)
{
    char address[ADDRESS_BYTES];
    struct addrinfo *to = NULL;
    struct hello hello;
    int *fds = calloc(connections, sizeof(*fds));
    uint32_t open_count = 0;
    bool is_good = fds && make_hello(&hello) && allow_descriptors(tool, connections) &&
                   find_self(tool, address) && look_up(address, &to);
    if (is_good) {
        json_int_t before = resident_bytes(tool, address);
        open_count = open_all(tool, to, &hello, fds, connections);
        sleep(SETTLE_SECONDS);
        json_int_t after = resident_bytes(tool, address);
        is_good = open_count == connections && before > 0 && after > 0;
        if (is_good) {
            print(tool, connections, before, after);
        }
    }
    for (uint32_t i = 0; i < open_count; i++) {
        close(fds[i]);
    }
    if (to) {
        freeaddrinfo(to);
    }
    free(fds);
    return is_good;
}
