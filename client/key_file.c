#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/library.h"

/* 64 digits, and white space around them; anything longer is no key. */
#define KEY_FILE_MAX_BYTES 256u

static ssize_t file_read(const char *path, uint8_t *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    size_t used = 0;
    ssize_t got = 0;
    while (used < size && (got = read(fd, buffer + used, size - used)) > 0) {
        used += (size_t)got;
    }
    int failed = errno;
    close(fd);
    errno = failed;
    return got < 0 ? -1 : (ssize_t)used;
}

static bool key_from_digits(const uint8_t *bytes, size_t size, uint8_t *out_key)
{
    size_t got = 0;
    int failed = sodium_hex2bin(out_key, SEAL_APPLICATION_KEY_BYTES, (const char *)bytes, size,
                                " \t\r\n", &got, NULL);
    return failed == 0 && got == SEAL_APPLICATION_KEY_BYTES;
}

enum columba_error key_file_read(const char *path, uint8_t *out_key, char *out_text,
                                 size_t text_size)
{
    uint8_t bytes[KEY_FILE_MAX_BYTES];
    enum columba_error error = COLUMBA_OK;
    ssize_t size = file_read(path, bytes, sizeof(bytes));
    if (size < 0) {
        snprintf(out_text, text_size, "key file %s: %s", path, strerror(errno));
        error = ERR_IO;
    } else if (size == SEAL_APPLICATION_KEY_BYTES) {
        memcpy(out_key, bytes, SEAL_APPLICATION_KEY_BYTES);
    } else if (!key_from_digits(bytes, (size_t)size, out_key)) {
        snprintf(out_text, text_size, "key file %s: neither 64 hexadecimal digits nor 32 raw bytes",
                 path);
        error = ERR_INVALID;
    }
    sodium_memzero(bytes, sizeof(bytes));
    return error;
}
