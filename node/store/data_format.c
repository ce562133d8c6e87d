#include "node/store/data_format.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FORMAT_TEXT_MAX_BYTES 256u
#define TITLE "columba data directory\n"
#define FORMAT_LINE "format "
#define WRITER_LINE "written by "

struct format_file {
    unsigned long format;
    char writer[64]; /* "columba 0.1.0" */
};

static bool path_join(const char *directory, const char *name, char out_path[PATH_MAX])
{
    return snprintf(out_path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX;
}

static enum columba_error io_error(const char *what, const char *path, char *out_text)
{
    snprintf(out_text, ENGINE_TEXT_MAX_BYTES, "cannot %s %.300s: %s", what, path, strerror(errno));
    return ERR_IO;
}

static bool format_parse(const char *text, struct format_file *out_file)
{
    if (strncmp(text, TITLE FORMAT_LINE, sizeof(TITLE FORMAT_LINE) - 1) != 0) {
        return false;
    }
    char *end;
    const char *number = text + sizeof(TITLE FORMAT_LINE) - 1;
    struct format_file file = {.format = strtoul(number, &end, 10)};
    if (end == number || file.format == 0 ||
        strncmp(end, "\n" WRITER_LINE, sizeof("\n" WRITER_LINE) - 1) != 0) {
        return false;
    }
    const char *writer = end + sizeof("\n" WRITER_LINE) - 1;
    size_t size = strcspn(writer, "\n");
    if (size == 0 || size >= sizeof(file.writer) || writer[size] != '\n') {
        return false;
    }
    memcpy(file.writer, writer, size);
    *out_file = file;
    return true;
}

static enum columba_error format_judge(const char *directory, const char *text, char *out_text)
{
    struct format_file file;
    if (!format_parse(text, &file)) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "%.300s/" DATA_FORMAT_FILE " is damaged: this is no data directory of Columba, or"
                 " its disk has lost data; restore it from a backup or give another directory",
                 directory);
        return ERR_CORRUPT;
    }
    if (file.format > DATA_FORMAT) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "%.250s was written by %s in format %lu; this is columba " COLUMBA_VERSION
                 ", which reads up to format %u: start that version or a newer one, or give"
                 " another data directory",
                 directory, file.writer, file.format, DATA_FORMAT);
        return ERR_NEWER_FORMAT;
    }
    if (file.format < DATA_FORMAT) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "%.250s was written by %s in format %lu; this is columba " COLUMBA_VERSION
                 ", which reads format %u only: start that version, or give another data directory",
                 directory, file.writer, file.format, DATA_FORMAT);
        return ERR_OLDER_FORMAT;
    }
    return COLUMBA_OK;
}

static enum columba_error file_write_synced(const char *path, const char *text, char *out_text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        return io_error("create", path, out_text);
    }
    size_t size = strlen(text);
    enum columba_error error = COLUMBA_OK;
    if (write(fd, text, size) != (ssize_t)size || fsync(fd) != 0) {
        error = io_error("write", path, out_text);
    }
    close(fd);
    return error;
}

enum columba_error data_directory_sync(const char *directory, char *out_text)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return io_error("open", directory, out_text);
    }
    enum columba_error error = fsync(fd) == 0 ? COLUMBA_OK : io_error("sync", directory, out_text);
    close(fd);
    return error;
}

/* Written under another name first: a FORMAT file is whole or not there. */
static enum columba_error format_write(const char *directory, const char *path, char *out_text)
{
    char text[FORMAT_TEXT_MAX_BYTES];
    snprintf(text, sizeof(text), TITLE FORMAT_LINE "%u\n" WRITER_LINE "columba %s\n", DATA_FORMAT,
             COLUMBA_VERSION);
    char fresh[PATH_MAX];
    if (!path_join(directory, DATA_FORMAT_FILE ".new", fresh)) {
        errno = ENAMETOOLONG;
        return io_error("use", directory, out_text);
    }
    enum columba_error error = file_write_synced(fresh, text, out_text);
    if (error == COLUMBA_OK && rename(fresh, path) != 0) {
        error = io_error("create", path, out_text);
    }
    return error == COLUMBA_OK ? data_directory_sync(directory, out_text) : error;
}

static enum columba_error directory_claim(const char *directory, const char *path, char *out_text)
{
    char database[PATH_MAX];
    if (path_join(directory, "CURRENT", database) && access(database, F_OK) == 0) {
        snprintf(out_text, ENGINE_TEXT_MAX_BYTES,
                 "%.300s holds a database but no " DATA_FORMAT_FILE
                 " file: it is not Columba's; give another data directory",
                 directory);
        return ERR_CORRUPT;
    }
    return format_write(directory, path, out_text);
}

enum columba_error data_format_check(const char *directory, char *out_text)
{
    char path[PATH_MAX];
    if (!path_join(directory, DATA_FORMAT_FILE, path)) {
        errno = ENAMETOOLONG;
        return io_error("use", directory, out_text);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? directory_claim(directory, path, out_text)
                               : io_error("open", path, out_text);
    }
    char text[FORMAT_TEXT_MAX_BYTES] = "";
    ssize_t size = read(fd, text, sizeof(text) - 1);
    enum columba_error error =
        size < 0 ? io_error("read", path, out_text) : format_judge(directory, text, out_text);
    close(fd);
    return error;
}
