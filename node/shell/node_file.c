#include "node/shell/node_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum columba_error node_file_read(const char *directory, json_t **out_json,
                                  char out_text[NODE_FILE_TEXT_BYTES])
{
    char path[PATH_MAX];
    json_error_t problem;
    snprintf(path, sizeof path, "%s/node.json", directory);
    FILE *file = fopen(path, "rbe");
    if (file == NULL && errno == ENOENT) {
        *out_json = NULL;
        return COLUMBA_OK;
    }
    if (file == NULL) {
        snprintf(out_text, NODE_FILE_TEXT_BYTES, "cannot read node.json: %s", strerror(errno));
        return ERR_IO;
    }
    json_t *json = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    fclose(file);
    if (!json_is_object(json)) {
        json_decref(json);
        snprintf(out_text, NODE_FILE_TEXT_BYTES,
                 "node.json is damaged (%.150s); bring back a copy of it", problem.text);
        return ERR_CORRUPT;
    }
    *out_json = json;
    return COLUMBA_OK;
}

static bool file_write(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (file < 0) {
        return false;
    }
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t written = write(file, text, left);
        if (written <= 0) {
            break;
        }
        text += written;
        left -= (size_t)written;
    }
    bool done = left == 0 && fsync(file) == 0;
    return close(file) == 0 && done;
}

static bool name_sync(const char *directory)
{
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool done = fsync(file) == 0;
    close(file);
    return done;
}

enum columba_error node_file_write(const char *directory, const json_t *json,
                                   char out_text[NODE_FILE_TEXT_BYTES])
{
    char path[PATH_MAX];
    char beside[PATH_MAX];
    snprintf(path, sizeof path, "%s/node.json", directory);
    snprintf(beside, sizeof beside, "%s/node.json.new", directory);
    char *text = json_dumps(json, JSON_INDENT(2));
    if (text == NULL) {
        snprintf(out_text, NODE_FILE_TEXT_BYTES, "out of memory");
        return ERR_NO_MEMORY;
    }
    bool done = file_write(beside, text) && rename(beside, path) == 0 && name_sync(directory);
    int why = errno;
    free(text);
    if (!done) {
        snprintf(out_text, NODE_FILE_TEXT_BYTES, "cannot write node.json: %s", strerror(why));
        return ERR_IO;
    }
    return COLUMBA_OK;
}
