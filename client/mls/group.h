/*
 * The inside of a group, for the files that implement mls.h. See there for what it promises.
 */
#ifndef COLUMBA_MLS_GROUP_H
#define COLUMBA_MLS_GROUP_H

#include "client/mls/frame.h"
#include "client/mls/mls.h"
#include "client/mls/schedule.h"
#include "client/mls/secret_pool.h"
#include "client/mls/secret_tree.h"
#include "client/mls/tree.h"
#include "client/mls/treekem.h"
#include "client/mls/welcome.h"

#define MLS_SUPPORTED_MAX 16u

struct mls_identity {
    struct mls_environment environment;
    const struct mls_suite *suite;
    struct mls_secret_pool pool;
    uint8_t *seed;        /* in the pool */
    uint8_t *private_key; /* in the pool */
    uint8_t public_key[MLS_SIGNATURE_KEY_MAX_BYTES];
    struct mls_buffer basic_identity;
    uint16_t supported[MLS_SUPPORTED_MAX]; /* extensions beside the default ones */
    size_t supported_count;
};

struct mls_key_package {
    struct memory *memory;
    const struct mls_suite *suite;
    struct mls_secret_pool pool;
    uint8_t *init_private;
    uint8_t *encryption_private;
    struct mls_buffer message;
    struct mls_key_package_view view; /* of the message */
    uint8_t reference[MLS_HASH_MAX_BYTES];
    bool last_resort;
};

/* One epoch, current, staged or past. A past one has no tree, and no secrets but those that read
 * its messages. */
struct mls_epoch {
    struct mls_index_list
        removed; /* of a past one: leaves that its last commit removed, ascending */
    struct mls_tree *tree;
    struct mls_group_context context; /* of context_bytes */
    struct mls_buffer context_bytes;
    uint8_t interim[MLS_HASH_MAX_BYTES]; /* interim transcript hash */
    struct mls_epoch_secrets *secrets;   /* in the pool; NULL in a past one */
    uint8_t *sender_data;                /* of a past one, in the pool */
    struct mls_buffer signers;           /* of a past one: signers.c */
    struct mls_secret_tree *secret_tree;
    uint32_t own_leaf;
    uint8_t *keys[MLS_DEPTH_MAX + 1]; /* private keys on our path by level, in the pool */
};

struct mls_staged {
    struct mls_epoch *epoch;          /* NULL: it removes us */
    struct mls_buffer reinit;         /* the encoded ReInit proposal, if it covers one */
    struct mls_index_list removed;    /* leaves, ascending */
    uint8_t hash[MLS_HASH_MAX_BYTES]; /* of the commit message */
    enum mls_sender_type sender;
    uint32_t committer; /* its leaf in the epoch that comes */
    bool has_path;
    struct mls_buffer proposals; /* those it covers, as proposal_view.c writes them */
    uint32_t proposal_count;
    struct mls_buffer closer; /* the committer, where it closes the group */
    bool was_sealed;          /* received as a PrivateMessage, under this key: */
    uint32_t sender_leaf;
    uint32_t generation;
};

/* A proposal that was received or made in this epoch, and not yet committed. */
struct mls_pending {
    uint8_t ref[MLS_HASH_MAX_BYTES];
    struct mls_buffer authenticated;
    uint8_t *update_private; /* of our own updates, in the pool */
    bool is_aside;           /* not for our commits */
};

enum mls_group_state {
    MLS_GROUP_ACTIVE = 0,
    MLS_GROUP_REMOVED = 1,
    MLS_GROUP_REINITIALISED = 2,
};

struct mls_resumption {
    uint64_t epoch;
    uint8_t *psk; /* in the pool */
};

struct mls_known_psk {
    struct mls_buffer id;
    uint8_t *secret; /* in the pool */
    size_t size;
};

struct mls_group {
    struct mls_environment environment;
    struct mls_identity *identity;
    struct mls_identity *next_identity; /* of the next leaf we make; NULL: the same */
    struct memory *memory;
    const struct mls_suite *suite;
    struct mls_secret_pool pool;
    uint8_t hash_key[16]; /* of tables that others' bytes go into */
    struct mls_storage *storage;
    uint64_t writer; /* the object's own number: the last that took the storage writes there */
    bool is_entered; /* a call that changes the group is under way */
    enum mls_group_state state;
    size_t padding_bytes;
    size_t past_max;
    struct mls_epoch *current;
    struct mls_epoch *past[MLS_PAST_EPOCHS_MAX]; /* oldest first */
    size_t past_count;
    struct mls_staged *own;
    struct mls_staged *received;
    struct mls_pending *pending;
    size_t pending_count;
    size_t pending_capacity;
    size_t pending_aside;
    size_t pending_bytes;
    uint32_t *pending_slots; /* open addressing, twice the capacity: 1 + index, 0: empty */
    struct mls_resumption *resumption; /* of ended epochs, oldest first; none with a storage */
    size_t resumption_count;
    size_t resumption_room;
    struct mls_known_psk *psks;
    size_t psk_count;
    struct mls_buffer reinit;  /* the ReInit proposal that closed the group */
    struct mls_buffer closer;  /* who committed what closed it: a mls_party */
    struct mls_buffer inviter; /* whose welcome we came by: another */
};

/* -- group.c -- */
/* Around every call that changes the group. REENTERED: one is under way, and this one comes from a
 * callback of its. */
enum mls_error mls_group_enter(struct mls_group *group);
void mls_group_leave(struct mls_group *group);

/* -- environment.c -- */
void mls_environment_random(const struct mls_environment *environment, void *out, size_t size);
/* 0: there is no clock. */
uint64_t mls_environment_now_s(const struct mls_environment *environment);
/* The longest that a leaf may claim to be valid. */
uint64_t mls_environment_lifetime_max_s(const struct mls_environment *environment);
struct mls_environment mls_environment_filled(const struct mls_environment *environment);
/* A leaf's credential; empty for NULL. */
struct mls_credential_view mls_credential_of(const struct mls_leaf_node *leaf);
/* That of the external sender of this number, by a group's extensions. False: there is none. */
bool mls_external_sender_of(struct slice extensions, uint32_t index,
                            struct mls_credential_view *out);
/* A newcomer's leaf, and a leaf in place of another (5.3.1). */
bool mls_environment_accepts(const struct mls_environment *environment,
                             const struct mls_leaf_node *leaf);
bool mls_environment_accepts_change(const struct mls_environment *environment,
                                    const struct mls_leaf_node *leaf,
                                    const struct mls_leaf_node *old, bool from_outside);

/* The same of an external sender (5.3.1). */
bool mls_environment_accepts_sender(const struct mls_environment *environment,
                                    struct slice signature_key,
                                    const struct mls_credential *credential);

/* -- party.c: somebody and its credential, as it was then -- */
void mls_party_write(const struct mls_party_view *party, struct mls_buffer *out);
/* Empty where nobody was written. */
struct mls_party_view mls_party_read(struct slice encoded);

/* -- identity.c: a leaf node of our own -- */
/* The longest from now on that a leaf of ours can be valid. */
uint64_t mls_identity_lifetime_max_s(const struct mls_identity *identity);
struct mls_own_leaf {
    enum mls_leaf_source source;
    struct slice encryption_key;
    struct slice parent_hash;
    uint64_t lifetime_s;
    struct slice extensions;
    struct slice group_id;
    uint32_t leaf;
    bool last_resort;
};
/* Appends the signed leaf node. */
enum mls_error mls_identity_write_leaf(const struct mls_identity *identity,
                                       const struct mls_own_leaf *leaf, struct mls_buffer *out);

/* -- group.c -- */
struct mls_group *mls_group_allocate(struct mls_identity *identity, struct mls_storage *storage);
/* The identity that our next leaf is made with. */
struct mls_identity *mls_group_leaf_identity(const struct mls_group *group);
/* That of our leaf in an epoch, current or staged. NULL: it was not given. */
struct mls_identity *mls_group_identity_in(const struct mls_group *group,
                                           const struct mls_epoch *epoch);
struct mls_epoch *mls_epoch_create(struct mls_group *group);
/* Without room for the secrets that a past one has not. */
struct mls_epoch *mls_epoch_create_past(struct mls_group *group);
static inline const uint8_t *mls_epoch_sender_data(const struct mls_epoch *epoch)
{
    return epoch->secrets == NULL ? epoch->sender_data : epoch->secrets->sender_data;
}
/* NULL is fine. */
void mls_epoch_destroy(struct mls_group *group, struct mls_epoch *epoch);
/* Writes the context of an epoch whose tree is final. */
enum mls_error mls_epoch_set_context(struct mls_group *group, struct mls_epoch *epoch,
                                     struct slice group_id, uint64_t number,
                                     struct slice confirmed_hash, struct slice extensions);
/* The secret tree, from the encryption secret, which is wiped. */
enum mls_error mls_epoch_grow_secrets(struct mls_group *group, struct mls_epoch *epoch);
/* Keeps a private key for our node at a level, instead of what was there. */
enum mls_error mls_epoch_put_key(struct mls_group *group, struct mls_epoch *epoch, uint32_t level,
                                 const uint8_t *private_key);
void mls_epoch_drop_keys(struct mls_group *group, struct mls_epoch *epoch);
/* The private keys of `from` whose nodes are still those of `to`'s tree. */
enum mls_error mls_epoch_inherit_keys(struct mls_group *group, const struct mls_epoch *from,
                                      struct mls_epoch *to);
/* Wipes all that is not needed to read messages of an epoch that ended; its sender_data is there
 * already. */
void mls_epoch_retire(struct mls_group *group, struct mls_epoch *epoch);
/* Whether the member at this leaf of a past epoch was removed since and is not back. */
bool mls_group_sender_is_gone(const struct mls_group *group, const struct mls_epoch *epoch,
                              uint32_t leaf);
/* OPEN_MESSAGE: such a sender's messages are not taken in the open. */
enum mls_error mls_group_check_open(const struct mls_group *group, enum mls_sender_type sender);
/* NULL is fine. */
void mls_staged_destroy(struct mls_group *group, struct mls_staged *staged);
/* The epoch of this number, if its messages can still be read. */
struct mls_epoch *mls_group_find_epoch(const struct mls_group *group, uint64_t number);
/* Every record, in place of what was in the storage. Of the outcome, what the group itself does
 * not know. */
enum mls_error mls_group_store_all(struct mls_group *group, const struct mls_outcome *outcome);
/* The meta record alone. */
enum mls_error mls_group_store_settings(struct mls_group *group);

/* -- leaf_check.c: section 7.3 -- */
struct mls_leaf_rules {
    const struct mls_environment *environment;
    const struct mls_suite *suite;
    struct slice extensions; /* of the group context */
    bool is_sending;         /* the leaf goes into a message of ours: lifetimes must hold */
};
/* The rules one leaf can break by itself; its signature is not looked at. */
enum mls_error mls_leaf_check(const struct mls_leaf_rules *rules, const struct mls_leaf_node *leaf,
                              enum mls_leaf_source source);
/* As a tree may hold it, from whatever source. */
enum mls_error mls_leaf_check_any(const struct mls_leaf_rules *rules,
                                  const struct mls_leaf_node *leaf);
/* The rules about all members together: credential types and, where the extensions are new,
 * their support. */
enum mls_error mls_tree_check_members(const struct mls_tree *tree, struct slice extensions,
                                      bool extensions_are_new);

struct mls_change;

/* -- proposal_view.c -- */
enum mls_event_sender mls_event_sender_of(enum mls_sender_type type);
/* Whether what was stored of them can be read: looking at them later cannot fail. */
bool mls_pending_is_valid(const struct mls_group *group, const struct mls_pending *pending);
bool mls_staged_is_valid(const struct mls_group *group, const struct mls_staged *staged);
/* Notes in a staged commit what it covers. */
enum mls_error mls_staged_note(struct mls_staged *staged, const struct mls_change *change,
                               bool has_path, struct mls_sender sender, uint32_t committer);

/* -- pending.c -- */
const struct mls_pending *mls_group_find_pending(const struct mls_group *group, struct slice ref);
/* Room in the list and a copy of the proposal. LIMIT. */
enum mls_error mls_group_prepare_pending(struct mls_group *group, struct slice authenticated,
                                         struct mls_pending *out);
/* Puts it at the end of the list. Cannot fail. */
void mls_group_append_pending(struct mls_group *group, const struct mls_pending *pending);
/* Forgets them; the list keeps its room. */
void mls_group_drop_pending(struct mls_group *group);
void mls_group_release_pending(struct mls_group *group);

/* -- proposal_list.c: section 12.2 and 12.3 -- */
struct mls_item {
    struct mls_proposal proposal;
    struct mls_sender sender;
    const struct mls_pending *pending; /* NULL: by value */
    bool checked;                      /* its signatures were verified before */
};

/* What is to be committed and what comes of it. Lists live in the arena. */
struct mls_change {
    struct arena *arena;
    struct mls_item *items;
    uint32_t count;
    bool is_external;         /* an external commit */
    bool is_sending;          /* a commit of ours */
    uint32_t committer;       /* of a member's commit */
    enum mls_psk_usage usage; /* APPLICATION, or what the founding commit of a successor is for */
    /* What comes of it: */
    struct slice extensions;
    bool extensions_are_new;
    bool needs_path;
    bool removes_us;
    const uint8_t *own_update; /* the private key of our update, if it covers one */
    struct mls_index_list added;
    const struct mls_key_package_view **added_packages;
    const struct mls_psk_id **psks;
    uint32_t psk_count;
    const struct mls_reinit *reinit;
    struct slice reinit_encoded;
    struct slice kem_output;       /* of an external init */
    struct mls_index_list removed; /* ascending */
    bool has_removed_leaf;         /* external: a resync */
    const struct mls_leaf_node *removed_leaf;
};
/* Checks the list against the current epoch, then applies it to `tree`, a clone of its tree. */
enum mls_error mls_change_apply(const struct mls_group *group, const struct mls_epoch *epoch,
                                struct mls_change *change, struct mls_tree *tree);
/* The rules for one proposal by itself, on arrival. */
enum mls_error mls_proposal_check(const struct mls_group *group, const struct mls_epoch *epoch,
                                  const struct mls_proposal *proposal, struct mls_sender sender,
                                  bool is_sending);

/* -- signers.c -- */
/* Appends the signers of `before` that `after` has not. Failure is in the buffer. */
void mls_signers_note(const struct mls_tree *before, const struct mls_tree *after,
                      struct mls_buffer *out);
bool mls_signers_are_valid(struct slice list, uint32_t leaf_width);
/* Who signs at a leaf of the current epoch, a staged or a past one. False: nobody. */
bool mls_group_find_signer(const struct mls_group *group, const struct mls_epoch *epoch,
                           uint32_t leaf, struct mls_credential_view *out);

/* -- resumption.c -- */
/* Room for one more in memory. */
enum mls_error mls_resumption_prepare(struct mls_group *group);
/* A key in the pool joins the list; the oldest leaves where it is full. Cannot fail. */
void mls_resumption_push(struct mls_group *group, uint64_t epoch, uint8_t *psk);
/* A copy of a key at its place in the list. STATE_MALFORMED. */
enum mls_error mls_resumption_insert(struct mls_group *group, uint64_t epoch, const uint8_t *psk);
void mls_resumption_clear(struct mls_group *group);
/* The key of this epoch, from wherever it is, if it is kept. STORAGE. */
enum mls_error mls_resumption_find(const struct mls_group *group, uint64_t epoch, uint8_t *out,
                                   bool *out_found);

/* -- psk_store.c -- */
/* mls_group_add_psk without the record. */
enum mls_error mls_group_put_psk(struct mls_group *group, const struct mls_psk *psk);
struct mls_psk_sources {
    const struct mls_group *group;
    const struct mls_group *predecessor;
    const struct mls_psk *psks;
    size_t psk_count;
};
/* psk_secret of a list (8.4). PSK_UNKNOWN. */
enum mls_error mls_psk_combine(const struct mls_suite *suite, const struct mls_psk_sources *sources,
                               const struct mls_psk_id *const *ids, uint32_t count,
                               uint8_t *out_psk_secret);

/* -- epoch_next.c: the end of a commit's way, the same for who made it and who takes it -- */
struct mls_next {
    const struct mls_epoch *from;
    struct mls_epoch *to; /* has tree, own leaf and keys */
    struct slice extensions;
    uint16_t wire_format;
    struct slice frame;
    struct slice signature;
    const uint8_t *init_secret;
    const uint8_t *commit_secret;
    const uint8_t *psk_secret;
};
/* Fills in context, secrets and interim hash. out_tag: what the confirmation tag must be.
 * out_joiner and out_welcome may be NULL. */
enum mls_error mls_epoch_advance(struct mls_group *group, const struct mls_next *next,
                                 uint8_t *out_tag, uint8_t *out_joiner, uint8_t *out_welcome);
/* The context under which a path is sealed, in `buffer`. */
enum mls_error mls_provisional_context(struct mls_group *group, const struct mls_epoch *from,
                                       struct mls_tree *tree, struct slice extensions,
                                       struct mls_buffer *buffer);

/* -- protect.c -- */
struct mls_outgoing {
    struct mls_epoch *epoch;
    struct mls_sender sender;
    enum mls_content_type type;
    enum mls_wire_format format;
    struct slice authenticated_data;
    struct mls_buffer frame; /* head and content */
    size_t content_at;       /* where the content starts */
    uint8_t signature[MLS_SIGNATURE_MAX_BYTES];
    struct mls_buffer auth;
};
void mls_outgoing_init(struct mls_outgoing *out, struct mls_group *group, struct mls_epoch *epoch,
                       enum mls_content_type type, enum mls_coat coat, struct slice aad);
void mls_outgoing_clear(struct mls_outgoing *out);
enum mls_error mls_outgoing_sign(struct mls_outgoing *out, struct mls_group *group);
/* Writes the message. For a PrivateMessage `step` is the one it used, to be stored and consumed by
 * the caller; otherwise it is left alone and *out_has_step is false. */
enum mls_error mls_outgoing_protect(struct mls_outgoing *out, struct mls_group *group,
                                    struct slice tag, struct mls_buffer *message,
                                    struct mls_secret_step *step, bool *out_has_step);
/* wire format, frame and auth: AuthenticatedContent. */
void mls_outgoing_write_authenticated(const struct mls_outgoing *out, struct mls_buffer *buffer);

/* -- info.c -- */
/* A signed GroupInfo of an epoch, without the head of a message. */
enum mls_error mls_epoch_write_info(const struct mls_group *group, struct mls_epoch *epoch,
                                    bool with_external_pub, bool with_tree, struct mls_buffer *out);

/* -- commit_take.c -- */
enum mls_error mls_group_take_commit(struct mls_group *group,
                                     const struct mls_authenticated *message, struct arena *arena,
                                     struct mls_staged **out);
bool mls_commit_is_external(const struct mls_authenticated *message);

/* -- join_info.c: what both ways of joining make of a GroupInfo -- */
/* Checks tree and signature; the epoch has tree, context and interim hash then. Errors as
 * mls_group_join has them. */
enum mls_error mls_group_open_info(struct mls_group *group, const struct mls_group_info *info,
                                   const struct mls_join_options *options, struct mls_epoch *epoch);

/* -- successor.c -- */
/* Rules for joining a group that follows another (11.2, 11.3). `psks` are those of the welcome. */
enum mls_error mls_successor_check(const struct mls_group *predecessor,
                                   const struct mls_psk_id *psks, uint32_t psk_count,
                                   const struct mls_epoch *epoch);

/* -- transaction.c and state.c: the records of a group -- */
struct mls_transaction {
    struct mls_group *group;
    struct mls_storage *storage; /* NULL: all of this does nothing */
    struct mls_outcome outcome;  /* for the caller to fill in; where the group is, is */
    bool failed;
    bool no_memory;
    bool is_replaced; /* the storage is another object's now: nothing was begun */
    bool is_unsure;   /* the commit failed: it may be durable all the same */
};
enum mls_store_mode {
    MLS_STORE_NEW,    /* with all secrets */
    MLS_STORE_PAST,   /* with the few that an ended epoch keeps */
    MLS_STORE_CLOSED, /* the last one of a group that removed us: what reads its late messages */
};
/* Every record of the group, in the order of a blob; resumption keys come from `source`. */
enum mls_error mls_store_group(struct mls_transaction *transaction, const struct mls_group *source);
void mls_transaction_begin(struct mls_transaction *transaction, struct mls_group *group);
void mls_store_meta(struct mls_transaction *transaction);
void mls_store_epoch(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                     enum mls_store_mode mode);
/* The nodes in which one tree differs from the other; `before` may be NULL. */
void mls_store_tree(struct mls_transaction *transaction, const struct mls_tree *before,
                    const struct mls_tree *after);
void mls_store_secret_tree(struct mls_transaction *transaction, const struct mls_epoch *epoch);
void mls_store_resumption(struct mls_transaction *transaction, uint64_t epoch, const uint8_t *psk);
void mls_store_psk(struct mls_transaction *transaction, size_t index);
void mls_erase_psk(struct mls_transaction *transaction, size_t index);
/* The sender's ratchets and the nodes above as they are once the step is consumed. */
void mls_store_step(struct mls_transaction *transaction, const struct mls_epoch *epoch,
                    const struct mls_secret_step *step);
void mls_store_staged(struct mls_transaction *transaction, const struct mls_staged *staged);
void mls_store_pending(struct mls_transaction *transaction, const struct mls_pending *pending,
                       size_t index);
void mls_erase_epoch(struct mls_transaction *transaction, const struct mls_epoch *epoch);
/* What `before` has of them. */
void mls_erase_staged(struct mls_transaction *transaction, const struct mls_group *before);
void mls_erase_pending(struct mls_transaction *transaction, const struct mls_group *before);
void mls_erase_all(struct mls_transaction *transaction);
/* Commits, or abandons what failed. STORAGE, NO_MEMORY. */
enum mls_error mls_transaction_end(struct mls_transaction *transaction, enum mls_error error);
/* The same for a message of ours, which used up the key of a step. The step is consumed once it is
 * durable or may be; otherwise it is dropped. */
enum mls_error mls_transaction_end_sending(struct mls_transaction *transaction,
                                           struct mls_epoch *epoch, struct mls_secret_step *step,
                                           bool has_step);

#endif
