/* Vectors of the secret tree, message protection, welcomes, and the encoding of every message. */
#include <sodium.h>

#include "client/mls/frame.h"
#include "client/mls/label.h"
#include "client/mls/schedule.h"
#include "client/mls/secret_tree.h"
#include "client/mls/tools/vectors.h"
#include "client/mls/tree.h"
#include "client/mls/welcome.h"

static bool key_is(struct vector_case *v, const json_t *o, const struct mls_secret_step *step,
                   const char *key_name, const char *nonce_name)
{
    return vector_equals(v, o, key_name, step->key, v->suite->aead_key_bytes) &&
           vector_equals(v, o, nonce_name, step->nonce, v->suite->aead_nonce_bytes);
}

static bool check_generation(struct vector_case *v, struct mls_secret_tree *tree, uint32_t leaf,
                             const json_t *o)
{
    struct mls_secret_step step;
    uint32_t generation = (uint32_t)vector_number(o, "generation");
    VECTOR_EXPECT(v, mls_secret_tree_find(tree, leaf, MLS_RATCHET_HANDSHAKE, generation, &step) ==
                         MLS_OK);
    bool same = key_is(v, o, &step, "handshake_key", "handshake_nonce");
    mls_secret_tree_consume(tree, &step);
    VECTOR_EXPECT(v, same);
    VECTOR_EXPECT(v, mls_secret_tree_find(tree, leaf, MLS_RATCHET_APPLICATION, generation, &step) ==
                         MLS_OK);
    same = key_is(v, o, &step, "application_key", "application_nonce");
    mls_secret_tree_consume(tree, &step);
    VECTOR_EXPECT(v, same);
    VECTOR_EXPECT(v, mls_secret_tree_find(tree, leaf, MLS_RATCHET_APPLICATION, generation, &step) ==
                         MLS_ERR_REPLAYED);
    return true;
}

static bool check_sender_data(struct vector_case *v)
{
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    const json_t *o = json_object_get(v->json, "sender_data");
    struct slice secret = vector_hex(v, o, "sender_data_secret");
    struct slice ciphertext = vector_hex(v, o, "ciphertext");
    struct slice sample =
        slice_of(ciphertext.data,
                 ciphertext.size < v->suite->hash_bytes ? ciphertext.size : v->suite->hash_bytes);
    mls_expand_with_label(v->suite, secret.data, "key", sample, key, v->suite->aead_key_bytes);
    mls_expand_with_label(v->suite, secret.data, "nonce", sample, nonce,
                          v->suite->aead_nonce_bytes);
    VECTOR_EXPECT(v, vector_equals(v, o, "key", key, v->suite->aead_key_bytes));
    VECTOR_EXPECT(v, vector_equals(v, o, "nonce", nonce, v->suite->aead_nonce_bytes));
    return true;
}

static bool check_leaves(struct vector_case *v, struct mls_secret_tree *tree)
{
    const json_t *leaves = json_object_get(v->json, "leaves");
    for (size_t leaf = 0; leaf < json_array_size(leaves); leaf++) {
        const json_t *generations = json_array_get(leaves, leaf);
        for (size_t i = 0; i < json_array_size(generations); i++) {
            if (!check_generation(v, tree, (uint32_t)leaf, json_array_get(generations, i))) {
                return false;
            }
        }
    }
    return true;
}

bool vector_secret_tree(struct vector_case *v)
{
    struct mls_secret_pool pool;
    struct mls_secret_tree *tree = NULL;
    size_t leaves = json_array_size(json_object_get(v->json, "leaves"));
    struct slice secret = vector_hex(v, v->json, "encryption_secret");
    VECTOR_EXPECT(v, leaves > 0 && secret.size == v->suite->hash_bytes);
    mls_secret_pool_init(&pool, mls_guarded_memory());
    bool passed =
        check_sender_data(v) &&
        mls_secret_tree_create(v->memory, &pool, v->suite, mls_leaf_width_for((uint32_t)leaves - 1),
                               secret.data, &tree) == MLS_OK &&
        check_leaves(v, tree);
    mls_secret_tree_destroy(tree);
    return passed ? true : vector_fail(v, "secret tree", __func__, __LINE__);
}

/* The epoch that a message-protection case takes place in: two leaves, the sender is leaf 1. */
struct protection {
    struct mls_secret_pool pool;
    struct mls_secret_tree *tree;
    struct slice context;
    struct mls_buffer context_buffer;
    uint8_t signature_private[MLS_SIGNATURE_KEY_MAX_BYTES];
};

static bool protection_open(struct vector_case *v, struct protection *p)
{
    uint8_t public_key[MLS_SIGNATURE_KEY_MAX_BYTES];
    struct mls_group_context context = {
        .version = MLS_VERSION_10,
        .suite = v->suite->id,
        .group_id = vector_hex(v, v->json, "group_id"),
        .epoch = vector_number(v->json, "epoch"),
        .tree_hash = vector_hex(v, v->json, "tree_hash"),
        .confirmed_transcript_hash = vector_hex(v, v->json, "confirmed_transcript_hash"),
    };
    *p = (struct protection){.context_buffer = mls_buffer_of(v->memory)};
    mls_secret_pool_init(&p->pool, mls_guarded_memory());
    mls_write_group_context(&p->context_buffer, &context);
    p->context = mls_buffer_done(&p->context_buffer);
    v->suite->signature_keys(vector_hex(v, v->json, "signature_priv").data, public_key,
                             p->signature_private);
    return mls_secret_tree_create(v->memory, &p->pool, v->suite, 2,
                                  vector_hex(v, v->json, "encryption_secret").data,
                                  &p->tree) == MLS_OK;
}

static void protection_close(struct protection *p)
{
    mls_secret_tree_destroy(p->tree);
    mls_buffer_clear(&p->context_buffer);
}

/* The content alone, as the vector gives it. */
static bool content_is(struct vector_case *v, const struct mls_frame *frame, const char *key)
{
    struct mls_buffer buffer = mls_buffer_of(v->memory);
    bool same = false;
    switch (frame->content_type) {
    case MLS_CONTENT_APPLICATION:
        same = vector_equals(v, v->json, key, frame->application_data.data,
                             frame->application_data.size);
        break;
    case MLS_CONTENT_PROPOSAL:
        mls_write_proposal(&buffer, &frame->proposal);
        same = vector_equals(v, v->json, key, buffer.data, buffer.size);
        break;
    case MLS_CONTENT_COMMIT:
        mls_write_commit(&buffer, &frame->commit);
        same = vector_equals(v, v->json, key, buffer.data, buffer.size);
        break;
    }
    mls_buffer_clear(&buffer);
    return same;
}

static bool signature_is_valid(struct vector_case *v, const struct protection *p,
                               const struct mls_authenticated *message)
{
    return mls_frame_verify(v->suite, v->memory, message, vector_hex(v, v->json, "signature_pub"),
                            p->context) == MLS_OK;
}

static bool open_private(struct vector_case *v, struct protection *p, struct slice message,
                         const char *key)
{
    enum mls_wire_format format;
    struct mls_private_message view;
    struct mls_sender_data sender;
    struct mls_secret_step step;
    struct mls_authenticated opened;
    struct mls_buffer storage = mls_buffer_of(v->memory);
    struct reader reader = reader_of(message);
    VECTOR_EXPECT(v, mls_read_message_head(&reader, &format) == MLS_OK);
    VECTOR_EXPECT(v, format == MLS_WIRE_PRIVATE_MESSAGE);
    VECTOR_EXPECT(v, mls_read_private_message(&reader, &view) == MLS_OK);
    VECTOR_EXPECT(v, mls_private_message_open_sender(
                         v->suite, v->memory, vector_hex(v, v->json, "sender_data_secret").data,
                         &view, &sender) == MLS_OK);
    VECTOR_EXPECT(v, sender.leaf == 1);
    enum mls_ratchet_kind kind = view.content_type == MLS_CONTENT_APPLICATION
                                     ? MLS_RATCHET_APPLICATION
                                     : MLS_RATCHET_HANDSHAKE;
    VECTOR_EXPECT(v, mls_secret_tree_find(p->tree, sender.leaf, kind, sender.generation, &step) ==
                         MLS_OK);
    bool passed = mls_private_message_open(v->suite, &view, &sender, step.key, step.nonce, &storage,
                                           &v->arena, &opened) == MLS_OK &&
                  signature_is_valid(v, p, &opened) && content_is(v, &opened.frame, key);
    mls_secret_tree_drop(p->tree, &step);
    mls_buffer_clear(&storage);
    return passed ? true : vector_fail(v, key, __func__, __LINE__);
}

static bool membership_is_valid(struct vector_case *v, const struct protection *p,
                                const struct mls_authenticated *message)
{
    uint8_t tag[MLS_HASH_MAX_BYTES];
    mls_membership_tag(v->suite, vector_hex(v, v->json, "membership_key").data,
                       message->frame.encoded, p->context, message->auth, tag);
    return slice_equal(message->membership_tag, slice_of(tag, v->suite->hash_bytes));
}

static bool open_public(struct vector_case *v, struct protection *p, struct slice message,
                        const char *key)
{
    struct mls_authenticated opened;
    enum mls_wire_format format;
    struct reader head = reader_of(message);
    VECTOR_EXPECT(v, mls_read_message_head(&head, &format) == MLS_OK);
    VECTOR_EXPECT(v, mls_read_public_message(message, &v->arena, &opened) == MLS_OK);
    VECTOR_EXPECT(v, membership_is_valid(v, p, &opened));
    VECTOR_EXPECT(v, signature_is_valid(v, p, &opened));
    VECTOR_EXPECT(v, content_is(v, &opened.frame, key));
    return true;
}

/* Protects a content ourselves, as leaf 1, in both coats, and opens it again. */
static bool protect_again(struct vector_case *v, struct protection *p, enum mls_content_type type,
                          const char *key)
{
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    uint8_t tag[MLS_HASH_MAX_BYTES] = {0};
    struct slice confirmation =
        type == MLS_CONTENT_COMMIT ? slice_of(tag, v->suite->hash_bytes) : slice_of(NULL, 0);
    struct mls_sender sender = {.type = MLS_SENDER_MEMBER, .index = 1};
    struct slice group_id = vector_hex(v, v->json, "group_id");
    uint64_t epoch = vector_number(v->json, "epoch");
    struct mls_buffer frame = mls_buffer_of(v->memory);
    mls_write_frame_head(&frame, group_id, epoch, sender, slice_of("aad", 3), type);
    size_t head = frame.size;
    if (type == MLS_CONTENT_APPLICATION) {
        mls_write_vector(&frame, vector_hex(v, v->json, key));
    } else {
        mls_write_bytes(&frame, vector_hex(v, v->json, key));
    }
    struct slice content = mls_buffer_done(&frame);
    bool passed = true;
    for (int coat = MLS_WIRE_PUBLIC_MESSAGE; coat <= MLS_WIRE_PRIVATE_MESSAGE && passed; coat++) {
        struct mls_buffer auth = mls_buffer_of(v->memory);
        struct mls_buffer message = mls_buffer_of(v->memory);
        if (coat == MLS_WIRE_PUBLIC_MESSAGE && type == MLS_CONTENT_APPLICATION) {
            continue;
        }
        passed =
            mls_frame_sign(v->suite, v->memory, p->signature_private, (enum mls_wire_format)coat,
                           content, sender.type, p->context, signature) == MLS_OK;
        mls_write_auth(&auth, slice_of(signature, v->suite->signature_bytes), confirmation);
        if (coat == MLS_WIRE_PUBLIC_MESSAGE) {
            mls_write_message_head(&message, MLS_WIRE_PUBLIC_MESSAGE);
            mls_write_bytes(&message, content);
            mls_write_bytes(&message, mls_buffer_done(&auth));
            mls_membership_tag(v->suite, vector_hex(v, v->json, "membership_key").data, content,
                               p->context, mls_buffer_done(&auth), tag);
            mls_write_vector(&message, slice_of(tag, v->suite->hash_bytes));
            passed = passed && open_public(v, p, mls_buffer_done(&message), key);
        } else {
            struct mls_secret_step step;
            enum mls_ratchet_kind kind =
                type == MLS_CONTENT_APPLICATION ? MLS_RATCHET_APPLICATION : MLS_RATCHET_HANDSHAKE;
            VECTOR_EXPECT(v, mls_secret_tree_find(p->tree, 1, kind, 3, &step) == MLS_OK);
            struct mls_private_seal seal = {
                .sender_data_secret = vector_hex(v, v->json, "sender_data_secret").data,
                .key = step.key,
                .nonce = step.nonce,
                .sender_data = {.leaf = 1, .generation = 3, .reuse_guard = {1, 2, 3, 4}},
                .group_id = group_id,
                .epoch = epoch,
                .content_type = type,
                .authenticated_data = slice_of("aad", 3),
                .content = slice_of(content.data + head, content.size - head),
                .auth = mls_buffer_done(&auth),
                .padding_bytes = 64,
            };
            passed = passed &&
                     mls_private_message_seal(v->suite, v->memory, &seal, &message) == MLS_OK &&
                     open_private(v, p, mls_buffer_done(&message), key);
            mls_secret_tree_drop(p->tree, &step);
        }
        mls_buffer_clear(&auth);
        mls_buffer_clear(&message);
    }
    mls_buffer_clear(&frame);
    return passed ? true : vector_fail(v, key, __func__, __LINE__);
}

bool vector_message_protection(struct vector_case *v)
{
    struct protection p;
    bool passed = protection_open(v, &p) &&
                  open_private(v, &p, vector_hex(v, v->json, "proposal_priv"), "proposal") &&
                  open_private(v, &p, vector_hex(v, v->json, "commit_priv"), "commit") &&
                  open_private(v, &p, vector_hex(v, v->json, "application_priv"), "application") &&
                  open_public(v, &p, vector_hex(v, v->json, "proposal_pub"), "proposal") &&
                  open_public(v, &p, vector_hex(v, v->json, "commit_pub"), "commit") &&
                  protect_again(v, &p, MLS_CONTENT_PROPOSAL, "proposal") &&
                  protect_again(v, &p, MLS_CONTENT_COMMIT, "commit") &&
                  protect_again(v, &p, MLS_CONTENT_APPLICATION, "application");
    protection_close(&p);
    return passed ? true : vector_fail(v, "message protection", __func__, __LINE__);
}

static bool open_group_info(struct vector_case *v, const struct mls_welcome *welcome,
                            const struct mls_group_secrets *secrets)
{
    uint8_t zero[MLS_HASH_MAX_BYTES] = {0};
    uint8_t welcome_secret[MLS_HASH_MAX_BYTES];
    uint8_t key[MLS_AEAD_KEY_MAX_BYTES];
    uint8_t nonce[MLS_AEAD_NONCE_MAX_BYTES];
    uint8_t tag[MLS_HASH_MAX_BYTES];
    struct mls_epoch_secrets epoch;
    struct mls_group_info info;
    struct slice sealed = welcome->encrypted_group_info;
    VECTOR_EXPECT(v, sealed.size > v->suite->aead_tag_bytes);
    size_t size = sealed.size - v->suite->aead_tag_bytes;
    uint8_t *plain = arena_allocate(&v->arena, size);
    mls_schedule_welcome(v->suite, secrets->joiner_secret.data, zero, welcome_secret);
    mls_schedule_welcome_key(v->suite, welcome_secret, key, nonce);
    VECTOR_EXPECT(v, v->suite->aead_open(key, nonce, slice_of(NULL, 0), sealed, plain));
    struct reader reader = reader_of(slice_of(plain, size));
    mls_read_group_info(&reader, &info);
    VECTOR_EXPECT(v, reader_is_done(&reader));
    VECTOR_EXPECT(v, mls_group_info_verify(v->suite, v->memory, &info,
                                           vector_hex(v, v->json, "signer_pub")) == MLS_OK);
    mls_schedule_epoch(v->suite, secrets->joiner_secret.data, zero, info.context.encoded, &epoch);
    mls_confirmation_tag(v->suite, epoch.confirmation, info.context.confirmed_transcript_hash, tag);
    VECTOR_EXPECT(v, slice_equal(info.confirmation_tag, slice_of(tag, v->suite->hash_bytes)));
    return true;
}

bool vector_welcome(struct vector_case *v)
{
    struct mls_key_package_view package;
    struct mls_welcome welcome;
    struct mls_welcome_entry entry;
    struct mls_group_secrets secrets;
    uint8_t ref[MLS_HASH_MAX_BYTES];
    enum mls_wire_format format;
    struct reader reader = reader_of(vector_hex(v, v->json, "key_package"));
    VECTOR_EXPECT(v, mls_read_message_head(&reader, &format) == MLS_OK);
    VECTOR_EXPECT(v, format == MLS_WIRE_KEY_PACKAGE);
    mls_read_key_package(&reader, &package);
    VECTOR_EXPECT(v, reader_is_done(&reader));
    VECTOR_EXPECT(v, mls_key_package_check(v->suite, v->memory, &package) == MLS_OK);
    mls_key_package_ref(v->suite, &package, ref);
    reader = reader_of(vector_hex(v, v->json, "welcome"));
    VECTOR_EXPECT(v, mls_read_message_head(&reader, &format) == MLS_OK);
    VECTOR_EXPECT(v, format == MLS_WIRE_WELCOME);
    mls_read_welcome(&reader, &welcome);
    VECTOR_EXPECT(v, reader_is_done(&reader));
    struct reader entries = reader_of(welcome.secrets);
    while (mls_welcome_entry_next(&entries, &entry)) {
        if (!slice_equal(entry.new_member, slice_of(ref, v->suite->hash_bytes))) {
            continue;
        }
        VECTOR_EXPECT(v, entry.ciphertext.size > v->suite->aead_tag_bytes);
        size_t size = entry.ciphertext.size - v->suite->aead_tag_bytes;
        uint8_t *plain = arena_allocate(&v->arena, size);
        VECTOR_EXPECT(v, mls_decrypt_with_label(v->suite, vector_hex(v, v->json, "init_priv").data,
                                                "Welcome", welcome.encrypted_group_info,
                                                entry.kem_output, entry.ciphertext, plain));
        struct reader inner = reader_of(slice_of(plain, size));
        VECTOR_EXPECT(v, mls_read_group_secrets(&inner, &v->arena, &secrets) == MLS_OK);
        VECTOR_EXPECT(v, reader_is_done(&inner));
        return open_group_info(v, &welcome, &secrets);
    }
    return vector_fail(v, "no entry for the key package", __func__, __LINE__);
}

typedef enum mls_error recode(struct vector_case *v, struct reader *reader,
                              struct mls_buffer *buffer);

static enum mls_error recode_message(struct vector_case *v, struct reader *reader,
                                     struct mls_buffer *buffer)
{
    enum mls_wire_format format;
    struct slice whole = slice_of(reader->at, reader_left(reader));
    enum mls_error error = mls_read_message_head(reader, &format);
    if (error != MLS_OK) {
        return error;
    }
    mls_write_message_head(buffer, format);
    struct mls_authenticated message;
    struct mls_private_message private_message;
    struct mls_welcome welcome;
    struct mls_group_info info;
    struct mls_key_package_view package;
    switch (format) {
    case MLS_WIRE_PUBLIC_MESSAGE:
        error = mls_read_public_message(whole, &v->arena, &message);
        if (error == MLS_OK) {
            mls_write_frame(buffer, &message.frame);
            mls_write_auth(buffer, message.signature, message.confirmation_tag);
            if (message.frame.sender.type == MLS_SENDER_MEMBER) {
                mls_write_vector(buffer, message.membership_tag);
            }
            (void)reader_bytes(reader, reader_left(reader));
        }
        return error;
    case MLS_WIRE_PRIVATE_MESSAGE:
        error = mls_read_private_message(reader, &private_message);
        if (error == MLS_OK) {
            mls_write_private_message(buffer, &private_message);
        }
        return error;
    case MLS_WIRE_WELCOME:
        mls_read_welcome(reader, &welcome);
        mls_write_welcome(buffer, &welcome);
        return MLS_OK;
    case MLS_WIRE_GROUP_INFO:
        mls_read_group_info(reader, &info);
        mls_write_group_info(buffer, &info);
        return MLS_OK;
    case MLS_WIRE_KEY_PACKAGE:
        mls_read_key_package(reader, &package);
        mls_write_key_package(buffer, &package);
        return MLS_OK;
    }
    return MLS_ERR_WIRE_FORMAT;
}

static enum mls_error recode_tree(struct vector_case *v, struct reader *reader,
                                  struct mls_buffer *buffer)
{
    static const uint8_t hash_key[16];
    struct mls_tree *tree = NULL;
    struct slice encoded = reader_bytes(reader, reader_left(reader));
    enum mls_error error = mls_tree_decode(v->memory, v->suite, hash_key, encoded, &tree);
    if (error == MLS_OK) {
        mls_tree_encode(tree, buffer);
    }
    mls_tree_destroy(tree);
    return error;
}

static enum mls_error recode_group_secrets(struct vector_case *v, struct reader *reader,
                                           struct mls_buffer *buffer)
{
    struct mls_group_secrets secrets;
    enum mls_error error = mls_read_group_secrets(reader, &v->arena, &secrets);
    if (error == MLS_OK) {
        mls_write_group_secrets(buffer, &secrets);
    }
    return error;
}

static enum mls_error recode_commit(struct vector_case *v, struct reader *reader,
                                    struct mls_buffer *buffer)
{
    struct mls_commit commit;
    enum mls_error error = mls_read_commit(reader, &v->arena, &commit);
    if (error == MLS_OK) {
        mls_write_commit(buffer, &commit);
    }
    return error;
}

static bool round_trips(struct vector_case *v, const char *key, recode *run)
{
    struct slice bytes = vector_hex(v, v->json, key);
    struct reader reader = reader_of(bytes);
    struct mls_buffer buffer = mls_buffer_of(v->memory);
    bool same = run(v, &reader, &buffer) == MLS_OK && reader_is_done(&reader) &&
                slice_equal(mls_buffer_done(&buffer), bytes);
    mls_buffer_clear(&buffer);
    return same ? true : vector_fail(v, key, __func__, __LINE__);
}

/* The vectors give proposals without their type. */
static bool proposal_round_trips(struct vector_case *v, const char *key, uint16_t type)
{
    struct slice body = vector_hex(v, v->json, key);
    struct mls_buffer typed = mls_buffer_of(v->memory);
    struct mls_buffer buffer = mls_buffer_of(v->memory);
    struct mls_proposal proposal;
    mls_write_u16(&typed, type);
    mls_write_bytes(&typed, body);
    struct reader reader = reader_of(mls_buffer_done(&typed));
    bool same = mls_read_proposal(&reader, &v->arena, &proposal) == MLS_OK;
    if (same) {
        mls_write_proposal(&buffer, &proposal);
        same = reader_is_done(&reader) &&
               slice_equal(mls_buffer_done(&buffer), mls_buffer_done(&typed));
    }
    mls_buffer_clear(&typed);
    mls_buffer_clear(&buffer);
    return same ? true : vector_fail(v, key, __func__, __LINE__);
}

bool vector_messages(struct vector_case *v)
{
    return round_trips(v, "mls_welcome", recode_message) &&
           round_trips(v, "mls_group_info", recode_message) &&
           round_trips(v, "mls_key_package", recode_message) &&
           round_trips(v, "ratchet_tree", recode_tree) &&
           round_trips(v, "group_secrets", recode_group_secrets) &&
           proposal_round_trips(v, "add_proposal", MLS_PROPOSAL_ADD) &&
           proposal_round_trips(v, "update_proposal", MLS_PROPOSAL_UPDATE) &&
           proposal_round_trips(v, "remove_proposal", MLS_PROPOSAL_REMOVE) &&
           proposal_round_trips(v, "pre_shared_key_proposal", MLS_PROPOSAL_PSK) &&
           proposal_round_trips(v, "re_init_proposal", MLS_PROPOSAL_REINIT) &&
           proposal_round_trips(v, "external_init_proposal", MLS_PROPOSAL_EXTERNAL_INIT) &&
           proposal_round_trips(v, "group_context_extensions_proposal",
                                MLS_PROPOSAL_CONTEXT_EXTENSIONS) &&
           round_trips(v, "commit", recode_commit) &&
           round_trips(v, "public_message_application", recode_message) &&
           round_trips(v, "public_message_proposal", recode_message) &&
           round_trips(v, "public_message_commit", recode_message) &&
           round_trips(v, "private_message", recode_message);
}
