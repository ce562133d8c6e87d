#include "node/shell/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* One opening under way. */
struct opening {
    const struct config *config;
    const struct cluster *cluster;
    const char *path;
    char *text;
};

__attribute__((format(printf, 3, 4))) static enum columba_error opening_fail(
    const struct opening *opening, enum columba_error error, const char *format, ...)
{
    int used = snprintf(opening->text, CONFIG_PROBLEM_BYTES, "data directory %s: ", opening->path);
    if (used > 0 && (unsigned)used < CONFIG_PROBLEM_BYTES) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(opening->text + used, CONFIG_PROBLEM_BYTES - (unsigned)used, format, arguments);
        va_end(arguments);
    }
    return error;
}

static void path_join(char *out_path, const char *directory, const char *name)
{
    snprintf(out_path, DIRECTORY_PATH_BYTES, "%s/%s", directory, name);
}

/* ---- making and locking ---- */

static enum columba_error path_make(const struct opening *opening, const char *path)
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
            return opening_fail(opening, ERR_IO, "cannot make %s: %s", partial, strerror(errno));
        }
        if (separator == '\0') {
            return COLUMBA_OK;
        }
        *at = separator;
    }
}

static enum columba_error lock_refused(const struct opening *opening, int lock)
{
    char holder[32] = "";
    ssize_t size = pread(lock, holder, sizeof holder - 1, 0);
    holder[size > 0 ? size : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    return opening_fail(opening, ERR_IN_USE,
                        "in use by another node (process %s); stop that one, or give this node a "
                        "data_directory of its own",
                        *holder != '\0' ? holder : "unknown");
}

static enum columba_error lock_take(struct directory *directory, const struct opening *opening)
{
    char path[DIRECTORY_PATH_BYTES];
    path_join(path, opening->path, "lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock < 0) {
        return opening_fail(opening, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        enum columba_error error = lock_refused(opening, lock);
        close(lock);
        return error;
    }
    char holder[32];
    int size = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, holder, (size_t)size, 0) != size) {
        close(lock);
        return opening_fail(opening, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    }
    directory->lock = lock;
    return COLUMBA_OK;
}

/* ---- identity ---- */

static json_t *json_text(struct slice text)
{
    return json_stringn((const char *)text.data, text.size);
}

static json_t *nodes_describe(const struct topology *topology)
{
    json_t *nodes = json_array();
    for (uint16_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *node = &topology->nodes[i];
        json_array_append_new(
            nodes, json_pack("{s:o, s:o, s:o}", "name", json_text(node->name), "datacenter",
                             json_text(topology->datacenters[node->datacenter].name), "rack",
                             json_text(topology->racks[node->rack].name)));
    }
    return nodes;
}

/* Another version of the allocation must not pass unnoticed. */
static json_t *tokens_describe(const struct cluster *cluster)
{
    char text[ID_TEXT_BYTES];
    id_to_text(&cluster->tokens_id, text);
    return json_string(text);
}

static json_t *replication_describe(const struct topology *topology)
{
    json_t *replication = json_object();
    for (uint8_t i = 0; i < topology->datacenter_count; i++) {
        json_object_set_new(replication, (const char *)topology->datacenters[i].name.data,
                            json_integer(topology->datacenters[i].factor));
    }
    return replication;
}

static json_t *identity_describe(const struct opening *opening, uint64_t start_count)
{
    const struct topology *topology = opening->cluster->topology;
    const struct topology_node *self = &topology->nodes[opening->cluster->self];
    char host_id[ID_TEXT_BYTES];
    id_to_text(&self->host_id, host_id);
    return json_pack("{s:i, s:o, s:o, s:s, s:o, s:o, s:i, s:o, s:o, s:I}", "format",
                     (int)DIRECTORY_FORMAT, "cluster", json_text(topology->cluster_name), "node",
                     json_text(self->name), "host_id", host_id, "keyspace",
                     json_text(topology->keyspace), "replication", replication_describe(topology),
                     "num_tokens", (int)opening->config->num_tokens, "nodes",
                     nodes_describe(topology), "tokens", tokens_describe(opening->cluster),
                     "start_count", (json_int_t)start_count);
}

static enum columba_error identity_read(const struct opening *opening, json_t **out_identity)
{
    char path[DIRECTORY_PATH_BYTES];
    json_error_t problem;
    path_join(path, opening->path, "node.json");
    FILE *file = fopen(path, "rbe");
    if (file == NULL && errno == ENOENT) {
        *out_identity = NULL;
        return COLUMBA_OK;
    }
    if (file == NULL) {
        return opening_fail(opening, ERR_IO, "cannot read node.json: %s", strerror(errno));
    }
    json_t *identity = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    fclose(file);
    if (!json_is_object(identity)) {
        json_decref(identity);
        return opening_fail(opening, ERR_CORRUPT,
                            "node.json is damaged (%s); bring back a copy of it", problem.text);
    }
    *out_identity = identity;
    return COLUMBA_OK;
}

/* What ownership follows from, with the words for the case that it differs. */
static const struct {
    const char *key;
    const char *text;
} identity_parts[] = {
    {"cluster", "belongs to another cluster (cluster_name)"},
    {"node", "belongs to another node (node_name)"},
    {"host_id", "belongs to another node (host id)"},
    {"keyspace", "was made with another keyspace name"},
    {"replication", "was filled under another replication"},
    {"num_tokens", "was filled under another num_tokens"},
    {"nodes", "was filled under another list of nodes (names, data centres or racks)"},
    {"tokens", "was filled under other tokens than this version computes from the same list"},
};

static enum columba_error part_differs(const struct opening *opening, unsigned part,
                                       const json_t *was, const json_t *is)
{
    char *was_text = json_dumps(was, JSON_ENCODE_ANY | JSON_COMPACT);
    char *is_text = json_dumps(is, JSON_ENCODE_ANY | JSON_COMPACT);
    enum columba_error error = opening_fail(
        opening, ERR_CONFIGURATION,
        "%s: there it is %.400s, the configuration says %.400s. Use the configuration it was made "
        "with, or another data_directory",
        identity_parts[part].text, was_text == NULL ? "missing" : was_text,
        is_text == NULL ? "?" : is_text);
    free(was_text);
    free(is_text);
    return error;
}

static enum columba_error identity_check(const struct opening *opening, const json_t *was,
                                         const json_t *is)
{
    json_int_t format = json_integer_value(json_object_get(was, "format"));
    if (format > (json_int_t)DIRECTORY_FORMAT) {
        return opening_fail(opening, ERR_NEWER_FORMAT,
                            "written by a newer version (format %lld, this one knows %u); start it "
                            "with that version",
                            (long long)format, DIRECTORY_FORMAT);
    }
    for (unsigned i = 0; i < sizeof identity_parts / sizeof *identity_parts; i++) {
        const json_t *before = json_object_get(was, identity_parts[i].key);
        const json_t *now = json_object_get(is, identity_parts[i].key);
        if (!json_equal(before, now)) {
            return part_differs(opening, i, before, now);
        }
    }
    return COLUMBA_OK;
}

/* ---- writing ---- */

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

static bool directory_sync(const char *path)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    bool done = fsync(file) == 0;
    close(file);
    return done;
}

/* All or nothing: beside, synced, renamed, and the name synced too. */
static enum columba_error identity_write(const struct opening *opening, const json_t *identity)
{
    char path[DIRECTORY_PATH_BYTES];
    char beside[DIRECTORY_PATH_BYTES];
    path_join(path, opening->path, "node.json");
    path_join(beside, opening->path, "node.json.new");
    char *text = json_dumps(identity, JSON_INDENT(2));
    if (text == NULL) {
        return opening_fail(opening, ERR_NO_MEMORY, "out of memory");
    }
    bool done =
        file_write(beside, text) && rename(beside, path) == 0 && directory_sync(opening->path);
    free(text);
    return done ? COLUMBA_OK
                : opening_fail(opening, ERR_IO, "cannot write node.json: %s", strerror(errno));
}

static enum columba_error identity_update(struct directory *directory,
                                          const struct opening *opening)
{
    json_t *was = NULL;
    enum columba_error error = identity_read(opening, &was);
    if (error != COLUMBA_OK) {
        return error;
    }
    if (was == NULL && access(directory->store_path, F_OK) == 0) {
        return opening_fail(opening, ERR_CORRUPT,
                            "node.json is missing although there is a store: without the start "
                            "counter in it, numbers would be used twice. Bring back a copy of it");
    }
    uint64_t start_count = (uint64_t)json_integer_value(json_object_get(was, "start_count")) + 1;
    json_t *is = identity_describe(opening, start_count);
    if (is == NULL) {
        error = opening_fail(opening, ERR_NO_MEMORY, "out of memory");
    } else if (was != NULL) {
        error = identity_check(opening, was, is);
    }
    if (error == COLUMBA_OK) {
        error = identity_write(opening, is);
    }
    if (error == COLUMBA_OK) {
        directory->start_count = start_count;
    }
    json_decref(was);
    json_decref(is);
    return error;
}

enum columba_error directory_open(struct directory *directory, const struct config *config,
                                  const struct cluster *cluster, char *out_text)
{
    struct opening opening = {
        .config = config,
        .cluster = cluster,
        .path = config->data_directory,
        .text = out_text,
    };
    struct directory made = {.lock = -1};
    path_join(made.store_path, opening.path, "store");
    enum columba_error error = path_make(&opening, opening.path);
    if (error == COLUMBA_OK) {
        error = lock_take(&made, &opening);
    }
    if (error == COLUMBA_OK) {
        error = identity_update(&made, &opening);
    }
    if (error == COLUMBA_OK) {
        error = path_make(&opening, made.store_path);
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
    directory->lock = -1;
}
