#include "node/shell/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "node/shell/node_file.h"
#include "node/shell/ownership.h"
#include "node/shell/store_mark.h"

#define WIPED_ADVICE                                                                               \
    "If the data are lost for good, empty the directory and start the node once with "             \
    "--accept-data-loss"

__attribute__((format(printf, 4, 5))) static enum columba_error directory_fail(
    const struct directory *directory, enum columba_error error, char *out_text, const char *format,
    ...)
{
    int used = snprintf(out_text, CONFIG_PROBLEM_BYTES, "data directory %s: ", directory->path);
    if (used > 0 && (unsigned)used < CONFIG_PROBLEM_BYTES) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(out_text + used, CONFIG_PROBLEM_BYTES - (unsigned)used, format, arguments);
        va_end(arguments);
    }
    return error;
}

/* ---- making and locking ---- */

static enum columba_error path_make(const struct directory *directory, const char *path,
                                    char *out_text)
{
    char partial[DIRECTORY_PATH_BYTES];
    snprintf(partial, sizeof partial, "%s", path);
    for (char *at = partial + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char separator = *at;
        *at = '\0';
        if (mkdir(partial, 0750) != 0 && errno != EEXIST) {
            return directory_fail(directory, ERR_IO, out_text, "cannot make %s: %s", partial,
                                  strerror(errno));
        }
        if (separator == '\0') {
            return COLUMBA_OK;
        }
        *at = separator;
    }
}

static enum columba_error lock_refused(const struct directory *directory, int lock, char *out_text)
{
    char holder[32] = "";
    ssize_t size = pread(lock, holder, sizeof holder - 1, 0);
    holder[size > 0 ? size : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return directory_fail(directory, ERR_IN_USE, out_text,
                          "in use by another node (process %s); stop that one, or give this node a "
                          "data_directory of its own",
                          *holder != '\0' ? holder : "unknown");
}

static enum columba_error lock_take(struct directory *directory, char *out_text)
{
    char path[DIRECTORY_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/lock", directory->path);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock < 0) {
        return directory_fail(directory, ERR_IO, out_text, "cannot open %s: %s", path,
                              strerror(errno));
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        enum columba_error error = lock_refused(directory, lock, out_text);
        close(lock);
        return error;
    }
    char holder[32];
    int size = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, holder, (size_t)size, 0) != size) {
        close(lock);
        return directory_fail(directory, ERR_IO, out_text, "cannot write %s: %s", path,
                              strerror(errno));
    }
    directory->lock = lock;
    return COLUMBA_OK;
}

/* ---- the record ---- */

static enum columba_error record_write(const struct directory *directory, char *out_text)
{
    char why[NODE_FILE_TEXT_BYTES];
    enum columba_error error = node_file_write(directory->path, directory->record, why);
    return error == COLUMBA_OK ? error : directory_fail(directory, error, out_text, "%s", why);
}

static bool id_read(const json_t *record, const char *key, struct id *out_id)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text != NULL && id_from_text(text, out_id) && !id_is_zero(out_id);
}

/* The counter of starts up to `most`. False: no such number stands there. */
static bool count_read(const json_t *record, const char *key, uint64_t least, uint64_t *out_count)
{
    const json_t *value = json_object_get(record, key);
    json_int_t count = json_integer_value(value);
    if (!json_is_integer(value) || count < (json_int_t)least ||
        count > (json_int_t)DIRECTORY_STARTS_MAX) {
        return false;
    }
    *out_count = (uint64_t)count;
    return true;
}

static enum columba_error part_damaged(const struct directory *directory, const char *key,
                                       char *out_text)
{
    return directory_fail(directory, ERR_CORRUPT, out_text,
                          "%s in node.json is missing or cannot be right: without it, numbers "
                          "would be used twice or another's data taken for one's own. Bring back a "
                          "copy of node.json. " WIPED_ADVICE,
                          key);
}

static enum columba_error format_check(const struct directory *directory, const json_t *was,
                                       char *out_text)
{
    json_int_t format = json_integer_value(json_object_get(was, "format"));
    if (format > (json_int_t)DIRECTORY_FORMAT) {
        return directory_fail(directory, ERR_NEWER_FORMAT, out_text,
                              "written by a newer version (format %lld, this one knows %u); start "
                              "it with that version",
                              (long long)format, DIRECTORY_FORMAT);
    }
    if (format < (json_int_t)DIRECTORY_FORMAT) {
        return directory_fail(directory, ERR_OLDER_FORMAT, out_text,
                              "written by an older version (format %lld, this one reads %u only); "
                              "start it with that version, or give another data_directory",
                              (long long)format, DIRECTORY_FORMAT);
    }
    return COLUMBA_OK;
}

static bool known_is_valid(const json_t *known)
{
    const char *host;
    json_t *value;
    struct id id;
    if (!json_is_object(known)) {
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)known, host, value)
    {
        if (!id_from_text(host, &id) || json_string_value(value) == NULL ||
            !id_from_text(json_string_value(value), &id) || id_is_zero(&id)) {
            return false;
        }
    }
    return true;
}

/* What stands in a directory that was started before. */
static enum columba_error record_take(struct directory *directory, const json_t *was,
                                      char *out_text)
{
    uint64_t store_start;
    if (!count_read(was, "start_count", 1, &directory->start_count) ||
        directory->start_count == DIRECTORY_STARTS_MAX) {
        return part_damaged(directory, "start_count", out_text);
    }
    if (!count_read(was, "store_start", 0, &store_start) || store_start > directory->start_count) {
        return part_damaged(directory, "store_start", out_text);
    }
    if (!id_read(was, "directory_id", &directory->identity.id)) {
        return part_damaged(directory, "directory_id", out_text);
    }
    if (!json_is_boolean(json_object_get(was, "accepts_loss")) ||
        !json_is_boolean(json_object_get(was, "is_admitted"))) {
        return part_damaged(directory, "accepts_loss or is_admitted", out_text);
    }
    if (!known_is_valid(json_object_get(was, "known"))) {
        return part_damaged(directory, "known", out_text);
    }
    if (directory->is_volatile && store_start > 0) {
        return directory_fail(directory, ERR_CONFIGURATION, out_text,
                              "holds a store on the disk, which engine: memory would leave aside; "
                              "give another data_directory");
    }
    directory->identity.accepts_loss = json_is_true(json_object_get(was, "accepts_loss"));
    directory->is_admitted = json_is_true(json_object_get(was, "is_admitted"));
    return COLUMBA_OK;
}

/* A UUIDv7, so that of two directories the later one is known. */
static enum columba_error identity_make(struct directory *directory, const struct id *host,
                                        char *out_text)
{
    struct timespec now;
    uint64_t random;
    clock_gettime(CLOCK_REALTIME, &now);
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        return directory_fail(directory, ERR_IO, out_text, "no random numbers: %s",
                              strerror(errno));
    }
    uint64_t unix_ms = (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
    directory->identity.id = message_id_make(unix_ms, random, host);
    return COLUMBA_OK;
}

static enum columba_error record_set(struct directory *directory, const json_t *was, json_t *record)
{
    char id_text[ID_TEXT_BYTES];
    id_to_text(&directory->identity.id, id_text);
    const json_t *known = json_object_get(was, "known");
    const json_t *store_start = json_object_get(was, "store_start");
    json_t *added =
        json_pack("{s:i, s:I, s:o, s:s, s:b, s:b, s:o}", "format", (int)DIRECTORY_FORMAT,
                  "start_count", (json_int_t)directory->start_count, "store_start",
                  store_start == NULL ? json_integer(0) : json_deep_copy(store_start),
                  "directory_id", id_text, "accepts_loss", (int)directory->identity.accepts_loss,
                  "is_admitted", (int)directory->is_admitted, "known",
                  known == NULL ? json_object() : json_deep_copy(known));
    bool done = record != NULL && added != NULL && json_object_update(record, added) == 0;
    json_decref(added);
    directory->record = record;
    return done ? COLUMBA_OK : ERR_NO_MEMORY;
}

static enum columba_error record_check(struct directory *directory, const json_t *was,
                                       const json_t *ownership, char *out_text)
{
    char differs[OWNERSHIP_TEXT_BYTES];
    enum columba_error error = format_check(directory, was, out_text);
    if (error == COLUMBA_OK && !ownership_agrees(was, ownership, differs)) {
        error = directory_fail(directory, ERR_CONFIGURATION, out_text, "%s", differs);
    }
    return error == COLUMBA_OK ? record_take(directory, was, out_text) : error;
}

/* The counter is counted up, durably. */
static enum columba_error start_count(struct directory *directory,
                                      const struct directory_options *options, const json_t *was,
                                      char *out_text)
{
    const struct topology *topology = options->cluster->topology;
    const struct id *host = &topology->nodes[options->cluster->self].host_id;
    json_t *ownership = ownership_describe(options->config, options->cluster);
    enum columba_error error =
        was == NULL ? COLUMBA_OK : record_check(directory, was, ownership, out_text);
    if (error == COLUMBA_OK && (was == NULL || directory->is_volatile)) {
        error = identity_make(directory, host, out_text);
    }
    if (error != COLUMBA_OK) {
        json_decref(ownership);
        return error;
    }
    directory->start_count++;
    if (directory->is_volatile || (options->accepts_loss && !directory->is_admitted)) {
        directory->identity.accepts_loss = true;
    }
    if (record_set(directory, was, ownership) != COLUMBA_OK) {
        return directory_fail(directory, ERR_NO_MEMORY, out_text, "out of memory");
    }
    return record_write(directory, out_text);
}

static enum columba_error record_open(struct directory *directory,
                                      const struct directory_options *options, char *out_text)
{
    char why[NODE_FILE_TEXT_BYTES];
    json_t *was = NULL;
    enum columba_error error = node_file_read(directory->path, &was, why);
    if (error != COLUMBA_OK) {
        return directory_fail(directory, error, out_text, "%s", why);
    }
    if (was == NULL && access(directory->store_path, F_OK) == 0) {
        return directory_fail(
            directory, ERR_CORRUPT, out_text,
            "node.json is missing although there is a store: without the start counter in it, "
            "numbers would be used twice. Bring back a copy of it");
    }
    error = start_count(directory, options, was, out_text);
    json_decref(was);
    return error;
}

/* ---- opening and closing ---- */

enum columba_error directory_open(struct directory *directory,
                                  const struct directory_options *options, char *out_text)
{
    struct directory made = {.lock = -1, .is_volatile = options->config->engine == ENGINE_MEMORY};
    snprintf(made.path, sizeof made.path, "%s", options->config->data_directory);
    snprintf(made.store_path, sizeof made.store_path, "%.*s/store",
             (int)(sizeof made.store_path - sizeof "/store"), made.path);
    enum columba_error error = path_make(&made, made.path, out_text);
    if (error == COLUMBA_OK) {
        error = lock_take(&made, out_text);
    }
    if (error == COLUMBA_OK) {
        error = record_open(&made, options, out_text);
    }
    if (error == COLUMBA_OK) {
        error = path_make(&made, made.store_path, out_text);
    }
    if (error != COLUMBA_OK) {
        directory_close(&made);
        return error;
    }
    *directory = made;
    return COLUMBA_OK;
}

void directory_close(struct directory *directory)
{
    if (directory->lock >= 0) {
        close(directory->lock);
    }
    json_decref(directory->record);
    directory->record = NULL;
    directory->lock = -1;
}

/* ---- the store's mark ---- */

/* What is wrong with the store, if anything; `mark` NULL: it has none. */
static enum columba_error mark_judge(const struct directory *directory,
                                     const struct store_mark *mark, char *out_text)
{
    uint64_t store_start =
        (uint64_t)json_integer_value(json_object_get(directory->record, "store_start"));
    if (mark == NULL) {
        return store_start == 0
                   ? COLUMBA_OK
                   : directory_fail(directory, ERR_CORRUPT, out_text,
                                    "its store has been emptied: what it had "
                                    "acknowledged is not there. Bring it back. " WIPED_ADVICE);
    }
    if (!id_equal(&mark->directory_id, &directory->identity.id)) {
        return directory_fail(
            directory, ERR_CORRUPT, out_text,
            "its store is another data directory's. Bring back its own. " WIPED_ADVICE);
    }
    if (mark->start_count >= directory->start_count) {
        return directory_fail(directory, ERR_CORRUPT, out_text,
                              "node.json is older than the store (start %" PRIu64 " after start "
                              "%" PRIu64 "): numbers would be used twice. Bring back the newest "
                              "copy of node.json",
                              directory->start_count, mark->start_count);
    }
    if (mark->start_count < store_start) {
        return directory_fail(directory, ERR_CORRUPT, out_text,
                              "its store is older than node.json (of start %" PRIu64 ", it was "
                              "opened in start %" PRIu64 "): what came after is not there. Bring "
                              "back the newest store. " WIPED_ADVICE,
                              mark->start_count, store_start);
    }
    return COLUMBA_OK;
}

static enum columba_error store_mark_write(struct directory *directory, struct engine *engine,
                                           char *out_text)
{
    const struct store_mark mark = {.directory_id = directory->identity.id,
                                    .start_count = directory->start_count};
    enum columba_error error = store_mark_set(engine, &mark);
    if (error != COLUMBA_OK) {
        return directory_fail(directory, error, out_text, "cannot write to the store: %s",
                              error_text(error));
    }
    json_object_set_new(directory->record, "store_start",
                        json_integer((json_int_t)directory->start_count));
    return record_write(directory, out_text);
}

enum columba_error directory_store_check(struct directory *directory, struct engine *engine,
                                         char *out_text)
{
    if (directory->is_volatile) {
        return COLUMBA_OK;
    }
    struct store_mark mark;
    enum columba_error error = store_mark_get(engine, &mark);
    if (error != COLUMBA_OK && error != ERR_NOT_FOUND) {
        return directory_fail(directory, error, out_text,
                              "cannot read its store: %s. " WIPED_ADVICE, error_text(error));
    }
    error = mark_judge(directory, error == COLUMBA_OK ? &mark : NULL, out_text);
    return error == COLUMBA_OK ? store_mark_write(directory, engine, out_text) : error;
}

/* ---- the other nodes ---- */

enum columba_error directory_admit(struct directory *directory, char *out_text)
{
    COLUMBA_ASSERT(!directory->is_admitted);
    directory->is_admitted = true;
    json_object_set_new(directory->record, "is_admitted", json_true());
    return record_write(directory, out_text);
}

static enum columba_error peer_remember(struct directory *directory, const char *host_text,
                                        const struct id *id)
{
    char id_text[ID_TEXT_BYTES];
    char why[NODE_FILE_TEXT_BYTES];
    json_t *known = json_object_get(directory->record, "known");
    json_t *before = json_incref(json_object_get(known, host_text));
    id_to_text(id, id_text);
    json_object_set_new(known, host_text, json_string(id_text));
    enum columba_error error = node_file_write(directory->path, directory->record, why);
    if (error != COLUMBA_OK && before == NULL) {
        json_object_del(known, host_text);
    } else if (error != COLUMBA_OK) {
        json_object_set(known, host_text, before);
    }
    json_decref(before);
    return error;
}

enum columba_error directory_meet(struct directory *directory, const struct id *host,
                                  const struct data_identity *told,
                                  enum identity_verdict *out_verdict)
{
    char host_text[ID_TEXT_BYTES];
    struct id known;
    id_to_text(host, host_text);
    bool is_known = id_read(json_object_get(directory->record, "known"), host_text, &known);
    enum identity_verdict verdict = data_identity_judge(is_known ? &known : NULL, told);
    enum columba_error error = COLUMBA_OK;
    if (verdict == IDENTITY_FIRST || verdict == IDENTITY_REPLACED) {
        error = peer_remember(directory, host_text, &told->id);
    }
    if (error == COLUMBA_OK) {
        *out_verdict = verdict;
    }
    return error;
}
