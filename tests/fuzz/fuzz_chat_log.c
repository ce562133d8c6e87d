/*
 * Chat logs in every format: the first byte says which, the rest is the file. Whatever it holds,
 * what is read keeps the order of ids, and no name is one that nodes refuse.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/name.h"
#include "client/tools/chat_log.h"

static void say(void *user, enum chat_remark remark, uint64_t line, const char *what)
{
    (void)user;
    (void)remark;
    (void)line;
    COLUMBA_ASSERT(what[0] != '\0');
}

static void check(const struct chat_conversation *conversation)
{
    COLUMBA_ASSERT(!name_problem(slice_of_text(conversation->name)));
    for (size_t i = 0; i < conversation->message_count; i++) {
        const struct chat_message *message = &conversation->messages[i];
        COLUMBA_ASSERT(!name_problem(slice_of_text(message->sender)));
        COLUMBA_ASSERT(message->text_bytes <= COLUMBA_BODY_MAX_BYTES);
        COLUMBA_ASSERT(i == 0 || memcmp(message[-1].id.bytes, message->id.bytes, 16) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const formats[] = {"jsonl", "slack", "telegram", "whatsapp", "irc"};
    int file = size > 0 ? memfd_create("chat", 0) : -1;
    char path[64];
    if (file < 0) {
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    const struct chat_log_options options = {
        .path = path,
        .format = formats[data[0] % (sizeof(formats) / sizeof(formats[0]))],
        .date = "2024-05-01",
        .conversation = "chat",
        .now_ms = UINT64_C(1800000000000),
        .say = say};
    struct chat_log log = {0};
    if (write(file, data + 1, size - 1) == (ssize_t)(size - 1) && chat_log_read(&log, &options)) {
        for (size_t i = 0; i < log.conversation_count; i++) {
            check(&log.conversations[i]);
        }
    }
    chat_log_clear(&log);
    close(file);
    return 0;
}
