/*
 * Secrets must not steer: private keys, path secrets and all that is derived from them are marked
 * undefined under valgrind, which then reports every branch and every address that depends on them.
 *
 * What becomes public on purpose is marked defined where it does: ciphertexts, public keys,
 * signatures, the plaintext of messages, and the one-bit verdicts of openings and comparisons.
 * Verdicts and outputs pass through the row of the cipher suite and mls_secret_equal, which this
 * program wraps. Inside libsodium a verdict is branched on before it can be marked; its code is
 * left out (tests/mls/valgrind.supp).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>

#ifdef HAVE_VALGRIND
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_MAKE_MEM_UNDEFINED(address, size) ((void)(address), (void)(size))
#define VALGRIND_MAKE_MEM_DEFINED(address, size) ((void)(address), (void)(size))
#define VALGRIND_GET_VBITS(address, marks, size) ((void)(address), (void)(marks), (void)(size))
#endif

#include "client/mls/mls.h"
#include "client/mls/suite.h"

/* Private keys, path secrets and epoch secrets are of this size; nothing public that we branch on
 * is. */
#define SECRET_BYTES 32u

const struct mls_suite *__real_mls_suite_find(uint16_t id);
const struct mls_suite *__wrap_mls_suite_find(uint16_t id);
bool __real_mls_secret_equal(struct slice a, struct slice b);
bool __wrap_mls_secret_equal(struct slice a, struct slice b);

static const struct mls_suite *real;

static void publish(void *bytes, size_t size)
{
    VALGRIND_MAKE_MEM_DEFINED(bytes, size);
}

static void seal(const uint8_t *key, const uint8_t *nonce, struct slice aad, struct slice plaintext,
                 uint8_t *out)
{
    real->aead_seal(key, nonce, aad, plaintext, out);
    publish(out, plaintext.size + real->aead_tag_bytes);
}

/* The content of messages is parsed; what is of the size of a secret is one. */
static bool open(const uint8_t *key, const uint8_t *nonce, struct slice aad,
                 struct slice ciphertext, uint8_t *out)
{
    bool opened = real->aead_open(key, nonce, aad, ciphertext, out);
    size_t size = ciphertext.size - real->aead_tag_bytes;
    publish(&opened, sizeof(opened));
    if (size != SECRET_BYTES) {
        publish(out, size);
    }
    return opened;
}

static void kem_public(const uint8_t *private_key, uint8_t *out_public)
{
    real->kem_public(private_key, out_public);
    publish(out_public, real->kem_public_bytes);
}

static bool kem_shared(const uint8_t *private_key, const uint8_t *public_key, uint8_t *out_shared)
{
    bool valid = real->kem_shared(private_key, public_key, out_shared);
    publish(&valid, sizeof(valid));
    return valid;
}

static void signature_keys(const uint8_t *seed, uint8_t *out_public, uint8_t *out_private)
{
    real->signature_keys(seed, out_public, out_private);
    publish(out_public, real->signature_public_bytes);
}

static void sign(const uint8_t *private_key, struct slice message, uint8_t *out_signature)
{
    real->sign(private_key, message, out_signature);
    publish(out_signature, real->signature_bytes);
}

static bool verify(const uint8_t *public_key, struct slice message, const uint8_t *signature)
{
    bool valid = real->verify(public_key, message, signature);
    publish(&valid, sizeof(valid));
    return valid;
}

/* Bare hashes are of what the group agrees on in the open: trees, transcripts, references. */
static void hash(const struct slice *parts, size_t count, uint8_t *out_digest)
{
    real->hash(parts, count, out_digest);
    publish(out_digest, real->hash_bytes);
}

const struct mls_suite *__wrap_mls_suite_find(uint16_t id)
{
    static struct mls_suite watched;
    real = __real_mls_suite_find(id);
    if (real == NULL) {
        return NULL;
    }
    watched = *real;
    watched.aead_seal = seal;
    watched.aead_open = open;
    watched.kem_public = kem_public;
    watched.kem_shared = kem_shared;
    watched.signature_keys = signature_keys;
    watched.sign = sign;
    watched.verify = verify;
    watched.hash = hash;
    return &watched;
}

bool __wrap_mls_secret_equal(struct slice a, struct slice b)
{
    bool equal = __real_mls_secret_equal(a, b);
    publish(&equal, sizeof(equal));
    return equal;
}

static void secret_random(void *context, void *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
    if (size == SECRET_BYTES) {
        VALGRIND_MAKE_MEM_UNDEFINED(out, size);
    }
}

static bool is_marked(const uint8_t *bytes, size_t size)
{
    uint8_t marks[64] = {0};
    bool marked = false;
    assert_true(size <= sizeof(marks));
    VALGRIND_GET_VBITS(bytes, marks, size);
    for (size_t i = 0; i < size; i++) {
        marked = marked || marks[i] == 0xff;
    }
    return marked;
}

struct client {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_key_package *package;
    struct mls_group *group;
};

static void client_open(struct client *client, const char *name)
{
    *client = (struct client){
        .environment = {.random = secret_random, .policy = {.takes_open_members = true}}};
    assert_int_equal(mls_identity_create(&client->environment,
                                         MLS_SUITE_X25519_CHACHA20POLY1305_SHA256_ED25519,
                                         slice_of_text(name), &client->identity),
                     MLS_OK);
    assert_int_equal(mls_key_package_create(client->identity, NULL, &client->package), MLS_OK);
}

static void client_close(struct client *client)
{
    mls_group_destroy(client->group);
    mls_key_package_destroy(client->package);
    mls_identity_destroy(client->identity);
}

/* What has been sent is public. */
static struct slice sent(struct mls_buffer *message)
{
    publish(message->data, message->size);
    return mls_buffer_done(message);
}

static void take(struct client *client, struct mls_buffer *message)
{
    struct mls_event event;
    assert_int_equal(mls_group_process(client->group, sent(message), &event), MLS_OK);
    if (event.type == MLS_EVENT_COMMIT) {
        assert_int_equal(mls_group_merge(client->group, MLS_STAGED_RECEIVED), MLS_OK);
    }
    mls_event_clear(&event);
}

static void talk(struct client *from, struct client *to)
{
    struct mls_buffer message;
    assert_int_equal(mls_group_encrypt(from->group, slice_of_text("a secret of thirty bytes or so"),
                                       slice_of(NULL, 0), &message),
                     MLS_OK);
    take(to, &message);
    mls_buffer_clear(&message);
}

static void update(struct client *from, struct client *to, enum mls_coat coat)
{
    struct mls_commit_options options = {.with_path = true, .coat = coat};
    struct mls_commit_bundle bundle;
    assert_int_equal(mls_group_commit(from->group, &options, &bundle), MLS_OK);
    take(to, &bundle.commit);
    assert_int_equal(mls_group_merge(from->group, MLS_STAGED_OWN), MLS_OK);
    mls_commit_bundle_clear(&bundle);
}

static void no_branch_depends_on_a_secret(void **state)
{
    (void)state;
    struct client ann;
    struct client bob;
    struct client cleo;
    struct mls_commit_bundle bundle;
    struct mls_buffer info;
    struct mls_buffer joining;
    uint8_t exported[32];
    client_open(&ann, "ann");
    client_open(&bob, "bob");
    client_open(&cleo, "cleo");
    struct mls_group_options named = {.group_id = slice_of_text("watched")};
    assert_int_equal(mls_group_create(ann.identity, &named, &ann.group), MLS_OK);
    struct slice package = mls_key_package_message(bob.package);
    struct mls_commit_options adding = {.add = &package, .add_count = 1, .with_path = true};
    assert_int_equal(mls_group_commit(ann.group, &adding, &bundle), MLS_OK);
    assert_int_equal(mls_group_merge(ann.group, MLS_STAGED_OWN), MLS_OK);
    assert_int_equal(
        mls_group_join(bob.identity, &bob.package, 1, sent(&bundle.welcome), NULL, &bob.group),
        MLS_OK);
    mls_commit_bundle_clear(&bundle);
    talk(&ann, &bob);
    talk(&bob, &ann);
    update(&bob, &ann, MLS_COAT_PRIVATE);
    update(&ann, &bob, MLS_COAT_PUBLIC);
    talk(&bob, &ann);
    assert_int_equal(mls_group_info(bob.group, true, &info), MLS_OK);
    assert_int_equal(
        mls_group_join_external(cleo.identity, sent(&info), NULL, &cleo.group, &joining), MLS_OK);
    take(&ann, &joining);
    mls_buffer_clear(&joining);
    mls_buffer_clear(&info);
    talk(&cleo, &ann);
    assert_int_equal(mls_group_export(ann.group, "x", slice_of(NULL, 0), exported, 32), MLS_OK);
    /* The marks have come all the way: the check has looked at what it should. */
    assert_true(is_marked(exported, sizeof(exported)));
    client_close(&ann);
    client_close(&bob);
    client_close(&cleo);
}

int main(void)
{
    if (!RUNNING_ON_VALGRIND) {
        printf("skipped: not under valgrind, or built without its headers\n");
        return 77;
    }
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_branch_depends_on_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
