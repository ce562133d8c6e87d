/*
 * columba-mls-peer NAME: one MLS client driven by JSON lines, to be put into a group with clients
 * of other makes. One object a line in, one out; bytes are hex; an answer with "error" means that
 * nothing has changed. Operations stand in the table at the end.
 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/mls/mls.h"

#define PACKAGES_MAX 64u
#define PSKS_MAX 64u
#define EXPORT_LABEL "columba interop"
#define EXPORT_BYTES 32u

struct peer {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *packages[PACKAGES_MAX];
    size_t package_count;
    struct mls_group *group;
    struct mls_psk psks[PSKS_MAX]; /* their bytes are freed with the peer */
    size_t psk_count;
};

/* Bytes that a request brought; freed by the request. */
struct bytes {
    uint8_t *data;
    size_t size;
};

static uint64_t now_s(void *context)
{
    struct timespec now;
    (void)context;
    /* time() may be a tick behind, and then a package made just now is not valid yet. */
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec;
}

static json_t *failure(const char *text)
{
    return json_pack("{s:s}", "error", text);
}

static json_t *failed(enum mls_error error)
{
    return json_pack("{s:s+++}", "error", mls_error_name(error), ": ", mls_error_text(error), "");
}

static bool bytes_read(const json_t *value, struct bytes *out)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return false;
    }
    size_t length = strlen(text);
    out->data = malloc(length / 2 + 1);
    if (out->data == NULL ||
        sodium_hex2bin(out->data, length / 2 + 1, text, length, NULL, &out->size, NULL) != 0 ||
        out->size * 2 != length) {
        free(out->data);
        out->data = NULL;
        return false;
    }
    return true;
}

static struct slice bytes_slice(const struct bytes *bytes)
{
    return slice_of(bytes->data, bytes->size);
}

static json_t *hex_of(struct slice bytes)
{
    char *text = malloc(2 * bytes.size + 1);
    if (text == NULL) {
        return NULL;
    }
    json_t *value = json_string(sodium_bin2hex(text, 2 * bytes.size + 1, bytes.data, bytes.size));
    free(text);
    return value;
}

static json_t *hex_taken(struct mls_buffer *buffer)
{
    json_t *value = buffer->size == 0 ? json_null() : hex_of(mls_buffer_done(buffer));
    mls_buffer_clear(buffer);
    return value;
}

static json_t *state_of(struct peer *peer)
{
    uint8_t exported[EXPORT_BYTES];
    uint32_t leaf = 0;
    struct mls_credential_view member;
    json_t *members = json_array();
    while (mls_group_next_member(peer->group, &leaf, &member)) {
        json_array_append_new(members, json_integer(leaf++));
    }
    json_t *state =
        json_pack("{s:I,s:b,s:I,s:o}", "epoch", (json_int_t)mls_group_epoch(peer->group), "active",
                  mls_group_is_active(peer->group), "leaf",
                  (json_int_t)mls_group_own_leaf(peer->group), "members", members);
    enum mls_error error =
        mls_group_export(peer->group, EXPORT_LABEL, slice_of(NULL, 0), exported, sizeof(exported));
    json_object_set_new(state, "authenticator", hex_of(mls_group_authenticator(peer->group)));
    json_object_set_new(state, "exported",
                        hex_of(slice_of(exported, error == MLS_OK ? sizeof(exported) : 0)));
    return state;
}

static json_t *answer(struct peer *peer, enum mls_error error)
{
    return error == MLS_OK ? state_of(peer) : failed(error);
}

static json_t *do_key_package(struct peer *peer, const json_t *request)
{
    (void)request;
    struct mls_key_package *package = NULL;
    if (peer->package_count == PACKAGES_MAX) {
        return failure("too many key packages");
    }
    enum mls_error error = mls_key_package_create(peer->identity, NULL, &package);
    if (error != MLS_OK) {
        return failed(error);
    }
    peer->packages[peer->package_count++] = package;
    return json_pack("{s:o}", "key_package", hex_of(mls_key_package_message(package)));
}

/* A client has one group; a new one takes the place of the old. */
static void set_group(struct peer *peer, struct mls_group *group)
{
    mls_group_destroy(peer->group);
    peer->group = group;
}

/* A group gets the keys that are known when it is made. */
static enum mls_error give_psks(struct peer *peer)
{
    enum mls_error error = MLS_OK;
    for (size_t i = 0; i < peer->psk_count && error == MLS_OK; i++) {
        error = mls_group_add_psk(peer->group, &peer->psks[i]);
    }
    return error;
}

static json_t *do_create(struct peer *peer, const json_t *request)
{
    struct bytes id = {0};
    struct mls_group *group = NULL;
    if (!bytes_read(json_object_get(request, "group_id"), &id)) {
        return failure("no group_id");
    }
    struct mls_group_options options = {.group_id = bytes_slice(&id)};
    enum mls_error error = mls_group_create(peer->identity, &options, &group);
    free(id.data);
    if (error == MLS_OK) {
        set_group(peer, group);
        error = give_psks(peer);
    }
    return answer(peer, error);
}

/* A list of byte strings in hex. */
struct byte_list {
    struct bytes *bytes;
    struct slice *slices;
    size_t count;
};

static bool byte_list_read(const json_t *list, struct byte_list *out)
{
    size_t count = json_array_size(list);
    *out = (struct byte_list){
        .bytes = calloc(count + 1, sizeof(*out->bytes)),
        .slices = calloc(count + 1, sizeof(*out->slices)),
    };
    if (out->bytes == NULL || out->slices == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!bytes_read(json_array_get(list, i), &out->bytes[i])) {
            return false;
        }
        out->slices[i] = bytes_slice(&out->bytes[i]);
        out->count++;
    }
    return true;
}

static void byte_list_clear(struct byte_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->bytes[i].data);
    }
    free(list->bytes);
    free(list->slices);
}

/* The lists of a commit request. */
struct commit_request {
    struct byte_list add;
    struct byte_list psk;
    uint32_t *remove;
    size_t remove_count;
    struct bytes extensions;
    struct slice extension_list;
    bool has_extensions;
};

static bool commit_request_read(const json_t *request, struct commit_request *out)
{
    const json_t *removed = json_object_get(request, "remove");
    const json_t *extensions = json_object_get(request, "extensions");
    size_t remove_count = json_array_size(removed);
    *out = (struct commit_request){.remove = calloc(remove_count + 1, sizeof(*out->remove))};
    if (!byte_list_read(json_object_get(request, "add"), &out->add) ||
        !byte_list_read(json_object_get(request, "psk"), &out->psk) || out->remove == NULL) {
        return false;
    }
    for (size_t i = 0; i < remove_count; i++) {
        out->remove[i] = (uint32_t)json_integer_value(json_array_get(removed, i));
        out->remove_count++;
    }
    out->has_extensions = json_is_string(extensions);
    if (out->has_extensions && !bytes_read(extensions, &out->extensions)) {
        return false;
    }
    out->extension_list = bytes_slice(&out->extensions);
    return true;
}

static void commit_request_clear(struct commit_request *request)
{
    byte_list_clear(&request->add);
    byte_list_clear(&request->psk);
    free(request->remove);
    free(request->extensions.data);
}

static json_t *do_commit(struct peer *peer, const json_t *request)
{
    struct commit_request lists;
    struct mls_commit_bundle bundle;
    const json_t *path = json_object_get(request, "path");
    json_t *out = NULL;
    if (!commit_request_read(request, &lists)) {
        out = failure("add: key packages, psk: ids, extensions: a list; all in hex");
    } else {
        struct mls_commit_options options = {
            .add = lists.add.slices,
            .add_count = lists.add.count,
            .psk_ids = lists.psk.slices,
            .psk_count = lists.psk.count,
            .extensions = lists.has_extensions ? &lists.extension_list : NULL,
            .remove = lists.remove,
            .remove_count = lists.remove_count,
            .with_path = path == NULL || json_is_true(path),
        };
        enum mls_error error = mls_group_commit(peer->group, &options, &bundle);
        out = error != MLS_OK ? failed(error)
                              : json_pack("{s:o,s:o}", "commit", hex_taken(&bundle.commit),
                                          "welcome", hex_taken(&bundle.welcome));
        if (error == MLS_OK) {
            mls_commit_bundle_clear(&bundle);
        }
    }
    commit_request_clear(&lists);
    return out;
}

static json_t *do_merge(struct peer *peer, const json_t *request)
{
    (void)request;
    return answer(peer, mls_group_merge(peer->group, MLS_STAGED_OWN));
}

static json_t *do_discard(struct peer *peer, const json_t *request)
{
    (void)request;
    return answer(peer, mls_group_discard(peer->group, MLS_STAGED_OWN));
}

static json_t *do_propose(struct peer *peer, const json_t *request)
{
    const char *kind = json_string_value(json_object_get(request, "kind"));
    struct mls_proposal_options options = {.kind = MLS_PROPOSE_UPDATE};
    struct mls_buffer proposal;
    struct bytes given = {0};
    if (kind != NULL && strcmp(kind, "add") == 0) {
        options.kind = MLS_PROPOSE_ADD;
        if (!bytes_read(json_object_get(request, "key_package"), &given)) {
            return failure("no key_package");
        }
        options.key_package = bytes_slice(&given);
    } else if (kind != NULL && strcmp(kind, "psk") == 0) {
        options.kind = MLS_PROPOSE_PSK;
        if (!bytes_read(json_object_get(request, "psk"), &given)) {
            return failure("no psk");
        }
        options.psk_id = bytes_slice(&given);
    } else if (kind != NULL && strcmp(kind, "extensions") == 0) {
        options.kind = MLS_PROPOSE_EXTENSIONS;
        if (!bytes_read(json_object_get(request, "extensions"), &given)) {
            return failure("no extensions");
        }
        options.extensions = bytes_slice(&given);
    } else if (kind != NULL && strcmp(kind, "remove") == 0) {
        options.kind = MLS_PROPOSE_REMOVE;
        options.leaf = (uint32_t)json_integer_value(json_object_get(request, "leaf"));
    } else if (kind == NULL || strcmp(kind, "update") != 0) {
        return failure("kind: add, remove, update, psk or extensions");
    }
    enum mls_error error = mls_group_propose(peer->group, &options, &proposal);
    free(given.data);
    return error == MLS_OK ? json_pack("{s:o}", "proposal", hex_taken(&proposal)) : failed(error);
}

static json_t *do_join(struct peer *peer, const json_t *request)
{
    struct bytes welcome = {0};
    struct mls_group *group = NULL;
    if (!bytes_read(json_object_get(request, "welcome"), &welcome)) {
        return failure("no welcome");
    }
    struct mls_join_options options = {.psks = peer->psks, .psk_count = peer->psk_count};
    enum mls_error error = mls_group_join(peer->identity, peer->packages, peer->package_count,
                                          bytes_slice(&welcome), &options, &group);
    free(welcome.data);
    if (error == MLS_OK) {
        set_group(peer, group);
    }
    return answer(peer, error);
}

static json_t *do_group_info(struct peer *peer, const json_t *request)
{
    (void)request;
    struct mls_buffer info;
    enum mls_error error = mls_group_info(peer->group, true, &info);
    return error == MLS_OK ? json_pack("{s:o}", "group_info", hex_taken(&info)) : failed(error);
}

static json_t *do_external_join(struct peer *peer, const json_t *request)
{
    struct bytes info = {0};
    struct mls_group *group = NULL;
    struct mls_buffer commit;
    if (!bytes_read(json_object_get(request, "group_info"), &info)) {
        return failure("no group_info");
    }
    struct mls_join_options options = {
        .psks = peer->psks,
        .psk_count = peer->psk_count,
        .resync = json_is_true(json_object_get(request, "resync")),
    };
    enum mls_error error =
        mls_group_join_external(peer->identity, bytes_slice(&info), &options, &group, &commit);
    free(info.data);
    if (error != MLS_OK) {
        return failed(error);
    }
    set_group(peer, group);
    return json_pack("{s:o}", "commit", hex_taken(&commit));
}

/* What comes from outside is committed here as everything else is. */
static enum mls_error take_up_newest(struct peer *peer)
{
    struct mls_proposal_view newest;
    size_t index = 0;
    while (mls_group_next_proposal(peer->group, &index, &newest)) {
    }
    return mls_group_set_aside(peer->group, newest.reference, false);
}

/* A commit is merged at once: the one who drives us delivers only those that won. */
static json_t *handled(struct peer *peer, struct mls_event *event)
{
    json_t *out = NULL;
    enum mls_error error = MLS_OK;
    switch (event->type) {
    case MLS_EVENT_APPLICATION:
        out = json_pack("{s:s,s:o}", "type", "application", "data", hex_of(event->data));
        break;
    case MLS_EVENT_PROPOSAL:
        error = event->is_aside ? take_up_newest(peer) : MLS_OK;
        out = error == MLS_OK ? json_pack("{s:s}", "type", "proposal") : failed(error);
        break;
    case MLS_EVENT_COMMIT:
    case MLS_EVENT_OWN_COMMIT:
        error = mls_group_merge(peer->group, event->type == MLS_EVENT_COMMIT ? MLS_STAGED_RECEIVED
                                                                             : MLS_STAGED_OWN);
        out = answer(peer, error);
        if (error == MLS_OK) {
            json_object_set_new(out, "type", json_string("commit"));
        }
        break;
    }
    return out;
}

static json_t *do_handle(struct peer *peer, const json_t *request)
{
    struct bytes message = {0};
    struct mls_event event;
    if (!bytes_read(json_object_get(request, "message"), &message)) {
        return failure("no message");
    }
    enum mls_error error = mls_group_process(peer->group, bytes_slice(&message), &event);
    free(message.data);
    if (error != MLS_OK) {
        return failed(error);
    }
    json_t *out = handled(peer, &event);
    mls_event_clear(&event);
    return out;
}

static json_t *do_encrypt(struct peer *peer, const json_t *request)
{
    struct bytes data = {0};
    struct mls_buffer message;
    if (!bytes_read(json_object_get(request, "data"), &data)) {
        return failure("no data");
    }
    enum mls_error error =
        mls_group_encrypt(peer->group, bytes_slice(&data), slice_of(NULL, 0), &message);
    free(data.data);
    return error == MLS_OK ? json_pack("{s:o}", "message", hex_taken(&message)) : failed(error);
}

static json_t *do_add_psk(struct peer *peer, const json_t *request)
{
    struct bytes id = {0};
    struct bytes secret = {0};
    if (peer->psk_count == PSKS_MAX || !bytes_read(json_object_get(request, "id"), &id) ||
        !bytes_read(json_object_get(request, "secret"), &secret)) {
        free(id.data);
        return failure("id and secret, and not too many");
    }
    struct mls_psk psk = {.id = bytes_slice(&id), .secret = bytes_slice(&secret)};
    peer->psks[peer->psk_count++] = psk;
    enum mls_error error = peer->group == NULL ? MLS_OK : mls_group_add_psk(peer->group, &psk);
    return error == MLS_OK ? json_object() : failed(error);
}

static json_t *do_self_add(struct peer *peer, const json_t *request)
{
    struct bytes info = {0};
    struct mls_message_view view;
    struct mls_buffer proposal;
    if (!bytes_read(json_object_get(request, "group_info"), &info)) {
        return failure("no group_info");
    }
    json_t *made = do_key_package(peer, request);
    enum mls_error error = mls_peek(bytes_slice(&info), &view);
    if (error == MLS_OK) {
        error = mls_external_propose_self(peer->identity, peer->packages[peer->package_count - 1],
                                          view.group_id, view.epoch, &proposal);
    }
    json_decref(made);
    free(info.data);
    return error == MLS_OK ? json_pack("{s:o}", "proposal", hex_taken(&proposal)) : failed(error);
}

static json_t *do_extensions(struct peer *peer, const json_t *request)
{
    (void)request;
    return json_pack("{s:o}", "extensions", hex_of(mls_group_extensions(peer->group)));
}

static json_t *do_state(struct peer *peer, const json_t *request)
{
    (void)request;
    return state_of(peer);
}

struct operation {
    const char *name;
    json_t *(*run)(struct peer *peer, const json_t *request);
    bool needs_group;
};

static const struct operation operations[] = {
    {"key_package", do_key_package, false},
    {"create", do_create, false},
    {"commit", do_commit, true},
    {"merge", do_merge, true},
    {"discard", do_discard, true},
    {"propose", do_propose, true},
    {"join", do_join, false},
    {"group_info", do_group_info, true},
    {"external_join", do_external_join, false},
    {"handle", do_handle, true},
    {"encrypt", do_encrypt, true},
    {"add_psk", do_add_psk, false},
    {"self_add", do_self_add, false},
    {"extensions", do_extensions, true},
    {"state", do_state, true},
};

static json_t *run(struct peer *peer, const json_t *request)
{
    const char *name = json_string_value(json_object_get(request, "op"));
    for (size_t i = 0; name != NULL && i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (strcmp(operations[i].name, name) == 0) {
            if (operations[i].needs_group && peer->group == NULL) {
                return failure("no group");
            }
            return operations[i].run(peer, request);
        }
    }
    return failure("unknown op");
}

static void serve(struct peer *peer)
{
    char *line = NULL;
    size_t capacity = 0;
    json_error_t parse_error;
    while (getline(&line, &capacity, stdin) > 0) {
        json_t *request = json_loads(line, 0, &parse_error);
        json_t *out = request == NULL ? failure(parse_error.text) : run(peer, request);
        char *text = json_dumps(out, JSON_COMPACT);
        printf("%s\n", text == NULL ? "{\"error\":\"no memory\"}" : text);
        fflush(stdout);
        free(text);
        json_decref(out);
        json_decref(request);
    }
    free(line);
}

int main(int argc, char **argv)
{
    /* Other makes may claim to be valid for ever. */
    struct peer peer = {
        .environment = {.now_s = now_s,
                        .lifetime_max_s = UINT64_MAX,
                        .policy = {.takes_open_members = true, .takes_outside_proposals = true}}};
    const char *name = argc > 1 ? argv[1] : "columba";
    if (sodium_init() < 0 ||
        mls_identity_create(&peer.environment, MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
                            slice_of_text(name), &peer.identity) != MLS_OK) {
        fprintf(stderr, "columba-mls-peer: cannot start\n");
        return 1;
    }
    serve(&peer);
    mls_group_destroy(peer.group);
    for (size_t i = 0; i < peer.package_count; i++) {
        mls_key_package_destroy(peer.packages[i]);
    }
    for (size_t i = 0; i < peer.psk_count; i++) {
        free((void *)(uintptr_t)peer.psks[i].id.data);
        free((void *)(uintptr_t)peer.psks[i].secret.data);
    }
    mls_identity_destroy(peer.identity);
    return 0;
}
