/*
 * Passive clients: one that joins by a welcome and then only follows, epoch after epoch, commits
 * that others made.
 */
#include "client/mls/mls.h"
#include "client/mls/tools/vectors.h"

#define PSKS_MAX 64u

struct passive {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
};

static size_t read_psks(struct vector_case *v, struct mls_psk *out)
{
    const json_t *list = json_object_get(v->json, "external_psks");
    size_t count = json_array_size(list) < PSKS_MAX ? json_array_size(list) : PSKS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *psk = json_array_get(list, i);
        out[i].id = vector_hex(v, psk, "psk_id");
        out[i].secret = vector_hex(v, psk, "psk");
    }
    return count;
}

static bool expect_error(struct vector_case *v, enum mls_error error, const char *what, int line)
{
    static char reason[256];
    if (error == MLS_OK) {
        return true;
    }
    (void)snprintf(reason, sizeof(reason), "%s: %s", what, mls_error_name(error));
    return vector_fail(v, reason, "passive client", line);
}
#define EXPECT_OK(v, call)                                                                         \
    do {                                                                                           \
        if (!expect_error((v), (call), #call, __LINE__)) {                                         \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

static bool join(struct vector_case *v, struct passive *client)
{
    struct mls_psk psks[PSKS_MAX];
    struct mls_join_options options = {.psks = psks, .psk_count = read_psks(v, psks)};
    struct slice tree = vector_hex(v, v->json, "ratchet_tree");
    if (tree.size > 0) {
        options.ratchet_tree = tree;
    }
    client->environment.memory = v->memory;
    client->environment.policy.takes_open_members = true;
    client->environment.policy.takes_outside_proposals = true;
    EXPECT_OK(v, mls_identity_load(&client->environment, v->suite->id, slice_of("", 0),
                                   vector_hex(v, v->json, "signature_priv"), &client->identity));
    EXPECT_OK(
        v, mls_key_package_from_keys(&client->environment, vector_hex(v, v->json, "key_package"),
                                     vector_hex(v, v->json, "init_priv"),
                                     vector_hex(v, v->json, "encryption_priv"), &client->package));
    EXPECT_OK(v, mls_group_join(client->identity, &client->package, 1,
                                vector_hex(v, v->json, "welcome"), &options, &client->group));
    return true;
}

static bool authenticator_is(struct vector_case *v, const struct passive *client,
                             const json_t *object, const char *key)
{
    struct slice authenticator = mls_group_authenticator(client->group);
    VECTOR_EXPECT(v, vector_equals(v, object, key, authenticator.data, authenticator.size));
    return true;
}

static bool follow(struct vector_case *v, struct passive *client, const json_t *epoch)
{
    struct mls_event event;
    const json_t *proposals = json_object_get(epoch, "proposals");
    for (size_t i = 0; i < json_array_size(proposals); i++) {
        EXPECT_OK(v, mls_group_process(client->group,
                                       vector_hex_value(v, json_array_get(proposals, i)), &event));
        bool is_proposal = event.type == MLS_EVENT_PROPOSAL;
        mls_event_clear(&event);
        VECTOR_EXPECT(v, is_proposal);
    }
    EXPECT_OK(v, mls_group_process(client->group, vector_hex(v, epoch, "commit"), &event));
    bool is_commit = event.type == MLS_EVENT_COMMIT;
    mls_event_clear(&event);
    VECTOR_EXPECT(v, is_commit);
    EXPECT_OK(v, mls_group_merge(client->group, MLS_STAGED_RECEIVED));
    return authenticator_is(v, client, epoch, "epoch_authenticator");
}

/* The group must survive being stored and loaded, in any epoch. */
static bool reload(struct vector_case *v, struct passive *client)
{
    struct mls_buffer blob;
    struct mls_buffer again;
    struct mls_group *loaded = NULL;
    EXPECT_OK(v, mls_group_save(client->group, &blob));
    enum mls_error error = mls_group_load(client->identity, mls_buffer_done(&blob), NULL, &loaded);
    bool same = error == MLS_OK && mls_group_save(loaded, &again) == MLS_OK;
    if (same) {
        same = slice_equal(mls_buffer_done(&blob), mls_buffer_done(&again));
        mls_buffer_clear(&again);
        mls_group_destroy(client->group);
        client->group = loaded;
    }
    mls_buffer_clear(&blob);
    VECTOR_EXPECT(v, same);
    return true;
}

static bool run(struct vector_case *v, struct passive *client)
{
    const json_t *epochs = json_object_get(v->json, "epochs");
    if (!join(v, client) || !authenticator_is(v, client, v->json, "initial_epoch_authenticator")) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(epochs); i++) {
        if (!reload(v, client) || !follow(v, client, json_array_get(epochs, i))) {
            return false;
        }
    }
    return true;
}

bool vector_passive_client(struct vector_case *v)
{
    struct passive client = {0};
    bool passed = run(v, &client);
    mls_group_destroy(client.group);
    mls_key_package_destroy(client.package);
    mls_identity_destroy(client.identity);
    return passed;
}
