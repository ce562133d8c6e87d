/*
 * Messaging Layer Security (RFC 9420): a state machine for one client's side of its groups.
 *
 * Nothing here does I/O, reads a clock or keeps a global: memory, randomness, time and storage are
 * given in an mls_environment. Messages are byte strings in and out; carrying them, in one order
 * that all members see, is the caller's task (14).
 *
 * The happy path of a client:
 *   mls_identity_create       once: its signature key and credential
 *   mls_key_package_create    some, published for others to add it by
 *   mls_group_create, mls_group_join or mls_group_join_external
 *   mls_group_encrypt         for each message sent
 *   mls_group_process         for each message received
 *   mls_group_commit          to change the group; then mls_group_merge once the commit won its
 *                             epoch, or mls_group_discard where another did
 *
 * Commits have two phases. Making or receiving one only stages the epoch it leads to; until it is
 * merged the group stays in its epoch and goes on sending and receiving there. A received commit
 * leaves no trace until it is merged, so it can be processed again after a crash.
 *
 * Ownership: what a function creates the caller destroys. Output bytes are in an mls_buffer that
 * the caller clears. A slice given in is not kept past the call; a slice handed out is a view that
 * lives until the object it came from changes. An identity must outlive its groups.
 *
 * Errors: every function that can fail returns an mls_error (error_table.h). One that fails leaves
 * all its objects as they were, byte for byte, and its outputs empty; so a message that was
 * refused may be tried again. NO_MEMORY and STORAGE can come from any of them.
 *
 * Durability: with an mls_storage, a change is committed there before its effect is handed out: a
 * ciphertext is returned only once the step that its key came from is durable, so a crash cannot
 * make a (key, nonce) be used twice. The caller's own records (a text that was read, a message or
 * commit that is to be sent) join the same transaction through `attend`, so that neither is durable
 * without the other. Without a storage, the caller saves the group itself before it sends anything.
 *
 * libsodium is started (sodium_init) by the library.
 *
 * Languages: C and C++ may include this; structs are filled in field by field there.
 *
 * Threads: an object and what was created from it belong to one thread at a time.
 *
 * Callbacks may look at the group that they are called for. A call there that would change it gets
 * REENTERED, and it is not to be destroyed there.
 */
#ifndef COLUMBA_MLS_MLS_H
#define COLUMBA_MLS_MLS_H

#include "client/mls/buffer.h"
#include "client/mls/error.h"
#include "client/mls/limits.h"
#include "client/mls/suite.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A member, as the application judges it: section 5.3. */
struct mls_credential_view {
    uint16_t type; /* 1 basic, 2 x509 */
    struct slice identity;
    struct slice signature_key;
};

/*
 * What is taken, and from whom: all zero is the strictest that lets a lost client come back. To be
 * the same for all members of a group: who refuses a proposal cannot follow a commit that covers
 * it.
 */
struct mls_policy {
    /* Members' proposals and commits as PublicMessage too, which the delivery service can read. */
    bool takes_open_members;
    /* Proposals of external senders, and of clients who ask to be added; in the open always. */
    bool takes_outside_proposals;
    /* External commits, in the open always, are refused. */
    bool refuses_outside_joins;
    /* Messages of ended epochs from senders who were removed since. */
    bool takes_removed_senders;
};

/* What a client runs in; wherever one is asked for, NULL is one of all defaults. It is copied; what
 * it points to must stay. */
struct mls_environment {
    struct memory *memory;  /* NULL: the heap */
    struct memory *guarded; /* for secrets; NULL: libsodium's guarded pages */
    void *context;          /* given to the functions below */
    /* NULL: libsodium's generator. */
    void (*random)(void *context, void *out, size_t size);
    /* Seconds since 1970. NULL: lifetimes are not checked. */
    uint64_t (*now_s)(void *context);
    /* The longest a leaf may claim to be valid (7.2); 0: MLS_LIFETIME_MAX_S. */
    uint64_t lifetime_max_s;
    struct mls_policy policy;
    /* The authentication service (5.3.1): whether a new credential is what it claims and, where
     * `old` is not NULL, may follow it. NULL: all are accepted. */
    bool (*accepts)(void *context, const struct mls_credential_view *credential,
                    const struct mls_credential_view *old);
};

struct mls_event;
struct mls_commit_bundle;

enum mls_call {
    MLS_CALL_OTHER, /* settings, keys, proposals that are dropped */
    MLS_CALL_CREATE,
    MLS_CALL_JOIN, /* the key package that was used can be forgotten now */
    MLS_CALL_JOIN_EXTERNAL,
    MLS_CALL_SUCCEED,
    MLS_CALL_LOAD,
    MLS_CALL_ENCRYPT,
    MLS_CALL_PROPOSE,
    MLS_CALL_COMMIT,
    MLS_CALL_PROCESS,
    MLS_CALL_MERGE_OWN,
    MLS_CALL_MERGE_RECEIVED,
    MLS_CALL_DISCARD,
    MLS_CALL_ERASE,
};

/* What a call is about to hand out. Views live for the call of `attend` only. */
struct mls_outcome {
    enum mls_call call;
    struct slice group_id;
    uint64_t epoch;                         /* that the group is in after the call */
    struct slice message;                   /* to be sent, of encrypt, propose, join_external */
    struct slice welcome;                   /* to be sent, of succeed */
    const struct mls_commit_bundle *bundle; /* to be sent, of commit; else NULL */
    const struct mls_event *event;          /* of process; else NULL */
};

/*
 * Where one group's records are kept. All changes of one call are between a begin and a commit,
 * which makes them durable, all or none, in their order; abandon takes the place of commit where
 * the call failed. False: it did not work. Calls that change no record, as a received commit that
 * is only staged, begin nothing.
 *
 * A storage may make one transaction of several calls, for whoever reads many messages at once: it
 * says true to their commits and makes them durable later, all together, and `get` sees what is not
 * durable yet. Nothing may be sent before that; where it fails, destroy the groups and restore
 * them.
 *
 * Where a commit says false although it may be durable, destroy the group and restore it: until
 * then it goes on as if nothing of it were, and only never uses again the keys of what it had made.
 *
 * The records are one object's at a time: two that wrote them would use keys twice. Of several on
 * one mls_storage only the last that was created, joined, loaded or restored there can change
 * anything; the others get REPLACED. Two mls_storages over the same records are for the caller to
 * prevent.
 */
struct mls_storage {
    bool (*begin)(struct mls_storage *storage);
    bool (*put)(struct mls_storage *storage, struct slice key, struct slice value);
    bool (*erase)(struct mls_storage *storage, struct slice key);
    bool (*commit)(struct mls_storage *storage);
    void (*abandon)(struct mls_storage *storage);
    /* Every record of the group that there is. */
    bool (*erase_all)(struct mls_storage *storage);
    /* Reads one record, outside of a transaction: the key of an epoch long ended, when a proposal
     * names it. *out_size is 0 where there is none; more than `room` does not happen. */
    bool (*get)(struct mls_storage *storage, struct slice key, uint8_t *out, size_t room,
                size_t *out_size);
    /* The last before commit, for records of the caller's own in the same transaction. False: the
     * call fails, and changes nothing. NULL: there are none. */
    bool (*attend)(struct mls_storage *storage, const struct mls_outcome *outcome);
    uint64_t writer; /* the library's: 0 at first */
};

/* Records whose keys begin with this byte or a later one are only read by `get`: where keys are in
 * order, a walk over a group's records for mls_group_restore can end there. */
#define MLS_RECORD_UNREAD 'Z'

struct mls_record {
    struct slice key;
    struct slice value;
};

/* ---- Identity: a signature key pair and a credential (5.3) ---- */

struct mls_identity;

enum mls_error MLS_MUST_CHECK mls_identity_create(const struct mls_environment *environment,
                                                  uint16_t suite, struct slice basic_identity,
                                                  struct mls_identity **out);
/* From a seed that mls_identity_seed gave before. */
enum mls_error MLS_MUST_CHECK mls_identity_load(const struct mls_environment *environment,
                                                uint16_t suite, struct slice basic_identity,
                                                struct slice seed, struct mls_identity **out);
/* NULL is fine. */
void mls_identity_destroy(struct mls_identity *identity);
/* Secret: whoever has it signs as this client. */
struct slice mls_identity_seed(const struct mls_identity *identity);
struct slice mls_identity_signature_key(const struct mls_identity *identity);
/* Lists a group extension or proposal type that the application understands (7.2). LIMIT. */
enum mls_error MLS_MUST_CHECK mls_identity_support_extension(struct mls_identity *identity,
                                                             uint16_t type);

/* ---- Key packages (10) ---- */

struct mls_key_package;

struct mls_key_package_options {
    uint64_t lifetime_s;         /* 0: MLS_LIFETIME_DEFAULT_S, or the longest allowed; without a
                                    clock: for ever */
    bool last_resort;            /* may be used more than once, when no other is left */
    struct slice application_id; /* empty: none */
};

/* `options` may be NULL. LEAF_LIFETIME: longer than `lifetime_max_s` allows. */
enum mls_error MLS_MUST_CHECK mls_key_package_create(const struct mls_identity *identity,
                                                     const struct mls_key_package_options *options,
                                                     struct mls_key_package **out);
/* NULL is fine. Destroy a package once a group was joined with it, unless it is a last resort. */
void mls_key_package_destroy(struct mls_key_package *package);
/* The MLSMessage to publish. */
struct slice mls_key_package_message(const struct mls_key_package *package);
bool mls_key_package_is_last_resort(const struct mls_key_package *package);
/* KeyPackageRef (5.2), by which a welcome names it. */
struct slice mls_key_package_reference(const struct mls_key_package *package);
/* With its private keys, as one secret blob, and back. */
enum mls_error MLS_MUST_CHECK mls_key_package_save(const struct mls_key_package *package,
                                                   struct mls_buffer *out);
enum mls_error MLS_MUST_CHECK mls_key_package_load(const struct mls_environment *environment,
                                                   struct slice blob, struct mls_key_package **out);
enum mls_error MLS_MUST_CHECK mls_key_package_from_keys(const struct mls_environment *environment,
                                                        struct slice message, struct slice init_key,
                                                        struct slice encryption_key,
                                                        struct mls_key_package **out);

/* ---- Groups ---- */

struct mls_group;

/* Whom something comes from: a member, a sender that the group's extensions name, a newcomer. */
enum mls_event_sender {
    MLS_FROM_MEMBER = 1,
    MLS_FROM_EXTERNAL = 2,
    MLS_FROM_NEW_MEMBER = 3,
};

struct mls_reinit_options {
    struct slice group_id;
    uint16_t version;
    uint16_t suite;
    struct slice extensions;
};

struct mls_psk {
    struct slice id;
    struct slice secret;
};

struct mls_group_options {
    struct slice group_id;       /* empty: 32 random bytes */
    struct slice extensions;     /* the content of a list of extensions (13); empty: none */
    struct mls_storage *storage; /* NULL: none; else what was in it goes */
};

/* Section 11: a group of one, in epoch 0. `options` may be NULL. */
enum mls_error MLS_MUST_CHECK mls_group_create(struct mls_identity *identity,
                                               const struct mls_group_options *options,
                                               struct mls_group **out);

struct mls_join_options {
    struct slice ratchet_tree;  /* where the message does not carry it; empty: none */
    const struct mls_psk *psks; /* external keys that may be asked for */
    size_t psk_count;
    struct mls_group *predecessor; /* of a reinitialised or branched group; NULL: none */
    /* Whether we are in a group of this id already (12.4.3). NULL: not asked. */
    bool (*knows_group)(void *context, struct slice group_id);
    struct mls_storage
        *storage; /* NULL: none; else what was in it goes, of a group of before too */
    bool resync;  /* external joins: take the place of our leaf of before */
    /* External joins: take the place of this leaf, whose key we lost; where nobody judges the
     * change of credential (`accepts`), members refuse it. NULL: none. */
    const uint32_t *replaced_leaf;
    struct slice authenticated_data;
};

/*
 * Section 12.4.3.1. Looks for whichever package the welcome names. NOT_FOR_US, TREE_MISSING,
 * PSK_UNKNOWN, GROUP_INFO_SIGNATURE, BAD_CONFIRMATION_TAG, and what is wrong with the tree.
 */
enum mls_error MLS_MUST_CHECK mls_group_join(struct mls_identity *identity,
                                             struct mls_key_package *const *packages,
                                             size_t package_count, struct slice welcome,
                                             const struct mls_join_options *options,
                                             struct mls_group **out);
/*
 * Section 12.4.3.2, from a GroupInfo message. The group is in the new epoch at once; out_commit is
 * for the members. Destroy the group where the commit lost its epoch, and start again from a newer
 * group info; the same storage will do. Group and commit become durable together where the storage
 * attends.
 */
enum mls_error MLS_MUST_CHECK mls_group_join_external(struct mls_identity *identity,
                                                      struct slice group_info,
                                                      const struct mls_join_options *options,
                                                      struct mls_group **out,
                                                      struct mls_buffer *out_commit);
/* NULL is fine. Wipes all secrets. */
void mls_group_destroy(struct mls_group *group);
/* Destroys the group and erases its records: nothing of it is left here. STORAGE: it is still
 * there. */
enum mls_error MLS_MUST_CHECK mls_group_erase(struct mls_group *group);

struct slice mls_group_id(const struct mls_group *group);
uint64_t mls_group_epoch(const struct mls_group *group);
/* False: removed, or reinitialised. */
bool mls_group_is_active(const struct mls_group *group);

enum mls_closed {
    MLS_NOT_CLOSED,
    MLS_CLOSED_REMOVED,       /* we were; what was sent before that can still be read */
    MLS_CLOSED_REINITIALISED, /* another group follows (11.2) */
};
/* Somebody, with the credential that it had then. */
struct mls_party_view {
    enum mls_event_sender kind; /* 0: nobody */
    uint32_t index;             /* leaf, in the epoch of then */
    struct mls_credential_view credential;
};
/*
 * The identity that our next leaf is made with: by our commits with a path, and by update
 * proposals. The group goes on under it once such a commit was merged, so it must outlive the group
 * too; the old one is needed until then. It is not stored: after a restore with the old identity,
 * give it again before the commit is merged. NULL: none. SUITE.
 */
enum mls_error MLS_MUST_CHECK mls_group_set_next_identity(struct mls_group *group,
                                                          struct mls_identity *identity);
/* Why, and whose commit did it. The view lives as long as the group. */
enum mls_closed mls_group_closed(const struct mls_group *group, struct mls_party_view *out_by);
/* The parameters of the group that follows a reinitialised one. False: there are none. */
bool mls_group_next_parameters(const struct mls_group *group, struct mls_reinit_options *out);
/* Whose welcome we came by. False: we came by none. The view lives as long as the group. */
bool mls_group_inviter(const struct mls_group *group, struct mls_party_view *out);
uint32_t mls_group_own_leaf(const struct mls_group *group);
uint32_t mls_group_member_count(const struct mls_group *group);
/* Steps over members by leaf index: start with 0, go on with *leaf + 1. False: no more. */
bool mls_group_next_member(const struct mls_group *group, uint32_t *leaf,
                           struct mls_credential_view *out);
/* The group context's list of extensions (8.1). */
struct slice mls_group_extensions(const struct mls_group *group);
/* Section 8.7; empty once the group is closed. */
struct slice mls_group_authenticator(const struct mls_group *group);
/* Section 8.5. GROUP_CLOSED, ARGUMENT. */
enum mls_error MLS_MUST_CHECK mls_group_export(const struct mls_group *group, const char *label,
                                               struct slice context, uint8_t *out, size_t size);
/* A key for later PSK proposals that name it; replaces one of the same id. */
enum mls_error MLS_MUST_CHECK mls_group_add_psk(struct mls_group *group, const struct mls_psk *psk);
/* Forgets it. PSK_UNKNOWN. */
enum mls_error MLS_MUST_CHECK mls_group_remove_psk(struct mls_group *group, struct slice id);
/* Content is padded to a multiple of this; 0: not at all. LIMIT. */
enum mls_error MLS_MUST_CHECK mls_group_set_padding(struct mls_group *group, size_t bytes);
/* How many ended epochs can still be read; at most MLS_PAST_EPOCHS_MAX. Applies from the next
 * merge on. LIMIT. */
enum mls_error MLS_MUST_CHECK mls_group_set_past_epochs(struct mls_group *group, size_t count);
/* The public state for others (12.4.3): a GroupInfo message with external_pub and, if wanted, the
 * ratchet tree. GROUP_CLOSED. */
enum mls_error MLS_MUST_CHECK mls_group_info(const struct mls_group *group, bool with_tree,
                                             struct mls_buffer *out);
/* The content of a ratchet_tree extension, for joins that are given it out of band. */
enum mls_error MLS_MUST_CHECK mls_group_tree(const struct mls_group *group, struct mls_buffer *out);

/* ---- Sending ---- */

/* An application message (6.3). GROUP_CLOSED, PROPOSALS_PENDING, LIMIT (MLS_CONTENT_MAX_BYTES). */
enum mls_error MLS_MUST_CHECK mls_group_encrypt(struct mls_group *group, struct slice data,
                                                struct slice authenticated_data,
                                                struct mls_buffer *out);

enum mls_coat {
    MLS_COAT_PRIVATE = 0, /* PrivateMessage */
    MLS_COAT_PUBLIC = 1,  /* PublicMessage: the delivery service can read it. OPEN_MESSAGE */
};

enum mls_propose_kind {
    MLS_PROPOSE_ADD,
    MLS_PROPOSE_UPDATE,
    MLS_PROPOSE_REMOVE,
    MLS_PROPOSE_PSK,
    MLS_PROPOSE_REINIT,
    MLS_PROPOSE_EXTENSIONS,
    MLS_PROPOSE_EXTERNAL_INIT, /* in external commits, which we look at; none is made so */
};

struct mls_proposal_options {
    enum mls_propose_kind kind;
    struct slice key_package; /* add: a KeyPackage message */
    uint32_t leaf;            /* remove */
    struct slice psk_id;      /* psk: an external key we have */
    struct slice extensions;  /* extensions */
    struct mls_reinit_options reinit;
    enum mls_coat coat;
    struct slice authenticated_data;
};

/* A proposal by itself (12.1); it is pending here too. REPLAYED: the same one is already. Else the
 * error names the rule it breaks. */
enum mls_error MLS_MUST_CHECK mls_group_propose(struct mls_group *group,
                                                const struct mls_proposal_options *options,
                                                struct mls_buffer *out);
/* One proposal, pending or covered by a commit. What does not belong to its kind is zero. */
struct mls_proposal_view {
    enum mls_propose_kind kind;
    enum mls_event_sender sender;
    uint32_t sender_index; /* leaf of a member, index of an external sender */
    struct mls_credential_view sender_credential; /* as it is in the current epoch */
    struct slice reference;                       /* pending: by which it is named here */
    bool is_aside;                                /* pending: our commits leave it out */
    uint32_t leaf;                                /* update, remove: whose */
    struct mls_credential_view credential; /* add, update: that there will be; remove: whose */
    struct slice key_package;              /* add: the KeyPackage, without the head of a message */
    bool is_resumption_psk;                /* psk: of this group and epoch: */
    struct slice psk_group_id;
    uint64_t psk_epoch;
    struct slice psk_id; /* psk: external */
    struct slice extensions;
    struct mls_reinit_options reinit;
};

/* Steps over the pending proposals, in the order of their arrival: start with 0. False: no more. */
bool mls_group_next_proposal(const struct mls_group *group, size_t *index,
                             struct mls_proposal_view *out);
/*
 * Whether our commits leave out a pending proposal. One that is aside does not keep us from sending
 * either, and stays known until the epoch ends, as another member's commit may cover it. Those
 * from outside are aside at first. UNKNOWN_PROPOSAL.
 */
enum mls_error MLS_MUST_CHECK mls_group_set_aside(struct mls_group *group, struct slice reference,
                                                  bool aside);
/* Sets all of them aside. */
enum mls_error MLS_MUST_CHECK mls_group_clear_proposals(struct mls_group *group);
/* Those that are not aside. */
size_t mls_group_pending_proposals(const struct mls_group *group);

struct mls_commit_options {
    const struct slice *add; /* KeyPackage messages */
    size_t add_count;
    const uint32_t *remove; /* leaf indices */
    size_t remove_count;
    const struct slice *psk_ids; /* external keys we have */
    size_t psk_count;
    const struct slice *extensions;          /* NULL: they stay */
    const struct mls_reinit_options *reinit; /* NULL: none */
    bool leave_pending;                      /* commit nothing of what was proposed before */
    bool with_path;                          /* also where the RFC does not ask for one */
    bool omit_tree;                          /* the welcome without the ratchet tree */
    enum mls_coat coat;
    struct slice authenticated_data;
};

/* Three parts of one change: to be accepted, or not, together. */
struct mls_commit_bundle {
    struct mls_buffer commit;
    struct mls_buffer welcome;    /* empty where nobody was added */
    struct mls_buffer group_info; /* of the new epoch, with external_pub; without the tree where
                                     omit_tree */
};
void mls_commit_bundle_clear(struct mls_commit_bundle *bundle);

/*
 * Section 12.4.1: commits pending proposals and those given, and stages the next epoch. Pending
 * proposals that cannot be in one commit with the others are left out (12.2). `options` may be
 * NULL. COMMIT_STAGED, GROUP_CLOSED, or the rule that is broken.
 */
enum mls_error MLS_MUST_CHECK mls_group_commit(struct mls_group *group,
                                               const struct mls_commit_options *options,
                                               struct mls_commit_bundle *out);

enum mls_staged_kind {
    MLS_STAGED_OWN,
    MLS_STAGED_RECEIVED,
};

/* What a staged commit changes. Views live until it is merged or discarded. */
struct mls_staged_view {
    struct slice hash; /* of the commit message, by which a delivery service can name it */
    uint64_t epoch;    /* that it leads to */
    enum mls_event_sender sender;      /* MLS_FROM_NEW_MEMBER: an external commit */
    uint32_t committer;                /* its leaf in that epoch */
    struct mls_credential_view before; /* the committer's, now; empty for a newcomer */
    struct mls_credential_view after;  /* and then; empty where the commit removes us */
    bool replaces;                     /* an external commit takes a leaf's place: */
    uint32_t replaced;
    bool has_path;
    bool removes_us;
    bool reinitialises;
    struct slice extensions; /* of the group then */
    size_t proposal_count;
};
/* NOTHING_STAGED. */
enum mls_error MLS_MUST_CHECK mls_group_look_at_staged(const struct mls_group *group,
                                                       enum mls_staged_kind kind,
                                                       struct mls_staged_view *out);
/* Steps over the proposals it covers, in its order: start with 0. False: no more. */
bool mls_group_next_staged_proposal(const struct mls_group *group, enum mls_staged_kind kind,
                                    size_t *index, struct mls_proposal_view *out);
/* The hash that a commit message is named by; `out` has MLS_HASH_MAX_BYTES. */
void mls_group_hash_commit(const struct mls_group *group, struct slice commit, uint8_t *out);

/* The members there will be: what the application judges a staged commit by. Steps as
 * mls_group_next_member does. False: no more, or nothing is staged, or it removes us. */
bool mls_group_next_staged_member(const struct mls_group *group, enum mls_staged_kind kind,
                                  uint32_t *leaf, struct mls_credential_view *out);
/* Enters the staged epoch (14). NOTHING_STAGED; IDENTITY: our leaf there is of an identity that was
 * not given (mls_group_set_next_identity). */
enum mls_error MLS_MUST_CHECK mls_group_merge(struct mls_group *group, enum mls_staged_kind kind);
/* Forgets it. */
enum mls_error MLS_MUST_CHECK mls_group_discard(struct mls_group *group, enum mls_staged_kind kind);
bool mls_group_has_staged(const struct mls_group *group, enum mls_staged_kind kind);

/* ---- Receiving ---- */

enum mls_event_type {
    MLS_EVENT_APPLICATION,
    MLS_EVENT_PROPOSAL, /* it is pending now */
    MLS_EVENT_COMMIT,   /* it is staged now */
    /* The very commit of ours that is staged: it won its epoch, merge MLS_STAGED_OWN. Another of
     * ours is the error OWN_COMMIT. */
    MLS_EVENT_OWN_COMMIT,
};

struct mls_event {
    enum mls_event_type type;
    enum mls_event_sender sender;
    uint32_t sender_index; /* leaf of a member, index of an external sender */
    uint64_t epoch;        /* that the message was sent in */
    /* Of the sender, in that epoch: what it has there now may be another member's. */
    struct mls_credential_view credential;
    bool is_open;      /* it came as a PublicMessage, which the delivery service can read */
    struct slice data; /* application */
    struct slice authenticated_data;
    uint16_t proposal_type;    /* proposal */
    bool is_aside;             /* proposal: from outside; see mls_group_set_aside */
    bool removes_us;           /* commit */
    struct mls_buffer storage; /* what the slices view; mls_event_clear frees it */
    struct mls_buffer sender_storage;
};
void mls_event_clear(struct mls_event *event);

/*
 * Takes one PublicMessage or PrivateMessage (6, 12.1, 12.4.2). Among the errors: WRONG_GROUP,
 * STALE_EPOCH, FUTURE_EPOCH, OWN_MESSAGE, OWN_COMMIT, NOT_A_MEMBER, SENDER_REMOVED, OPEN_MESSAGE,
 * BAD_SIGNATURE, BAD_MEMBERSHIP_TAG, BAD_CIPHERTEXT, REPLAYED, TOO_FAR_AHEAD, UNKNOWN_PROPOSAL,
 * BAD_CONFIRMATION_TAG, and one for each rule that a proposal or commit can break.
 */
enum mls_error MLS_MUST_CHECK mls_group_process(struct mls_group *group, struct slice message,
                                                struct mls_event *out);

/* ---- Looking at messages without a group ---- */

enum mls_message_kind {
    MLS_MESSAGE_PUBLIC = 1,
    MLS_MESSAGE_PRIVATE = 2,
    MLS_MESSAGE_WELCOME = 3,
    MLS_MESSAGE_GROUP_INFO = 4,
    MLS_MESSAGE_KEY_PACKAGE = 5,
};

enum mls_content {
    MLS_IS_APPLICATION = 1,
    MLS_IS_PROPOSAL = 2,
    MLS_IS_COMMIT = 3,
};

/* What a message says of itself; nothing of it is verified. Views of the message. */
struct mls_message_view {
    enum mls_message_kind kind;
    uint16_t suite;                  /* welcome, group info, key package */
    struct slice group_id;           /* public, private, group info */
    uint64_t epoch;                  /* public, private, group info */
    enum mls_content content;        /* public, private */
    struct slice authenticated_data; /* public, private */
    enum mls_event_sender sender;    /* public */
    uint32_t sender_index;           /* public */
    uint32_t recipients;             /* welcome: how many */
};
/* MALFORMED, VERSION, WIRE_FORMAT. */
enum mls_error MLS_MUST_CHECK mls_peek(struct slice message, struct mls_message_view *out);

struct mls_key_package_details {
    uint16_t suite;
    struct mls_credential_view credential;
    uint64_t not_before_s;
    uint64_t not_after_s;
    bool is_last_resort;
    uint8_t reference[MLS_HASH_MAX_BYTES]; /* KeyPackageRef (5.2) */
    size_t reference_size;
};
/* Verifies its signatures and keys too; whether the credential is true and the lifetime holds is
 * for the caller. */
enum mls_error MLS_MUST_CHECK mls_peek_key_package(struct slice message,
                                                   struct mls_key_package_details *out);
/* Steps over the KeyPackageRefs that a welcome is for: start with 0. False: no more, or no
 * welcome. */
bool mls_peek_welcome(struct slice message, size_t *index, struct slice *out_reference);
/*
 * The welcome for some of its recipients, by their KeyPackageRefs: one for each, or one for each
 * place that they are reached at, so that nobody is told who else was added. `memory` may be NULL.
 * A reference may be named twice. NOT_FOR_US: it has none for one of them.
 */
enum mls_error MLS_MUST_CHECK mls_welcome_select(struct slice message,
                                                 const struct slice *references, size_t count,
                                                 struct memory *memory, struct mls_buffer *out);

/* ---- From outside a group (12.1.8) ---- */

/* A proposal by an external sender, as number `sender_index` of the group's external_senders. Kinds
 * add, remove and extensions. */
enum mls_error MLS_MUST_CHECK mls_external_propose(const struct mls_identity *identity,
                                                   struct slice group_id, uint64_t epoch,
                                                   uint32_t sender_index,
                                                   const struct mls_proposal_options *options,
                                                   struct mls_buffer *out);
/* A client asks to be added by this package of its own. */
enum mls_error MLS_MUST_CHECK mls_external_propose_self(const struct mls_identity *identity,
                                                        const struct mls_key_package *package,
                                                        struct slice group_id, uint64_t epoch,
                                                        struct mls_buffer *out);
/* Appends an external_senders extension of one sender to a list of extensions. */
enum mls_error MLS_MUST_CHECK mls_extensions_add_sender(const struct mls_identity *sender,
                                                        struct mls_buffer *list);

/* ---- Successors ---- */

enum mls_successor_kind {
    MLS_SUCCESSOR_REINIT, /* 11.2: after a merged reinit, with its parameters */
    MLS_SUCCESSOR_BRANCH, /* 11.3: some members, same parameters, a new group id */
};

/*
 * Makes the group that follows, already in its epoch 1, and the welcome for its other members.
 * SUCCESSOR_PARAMETERS, SUCCESSOR_MEMBERS, SUITE; GROUP_KNOWN: a branch with the id of its origin.
 */
enum mls_error MLS_MUST_CHECK mls_group_succeed(const struct mls_group *group,
                                                enum mls_successor_kind kind,
                                                const struct mls_group_options *options,
                                                const struct slice *packages, size_t package_count,
                                                struct mls_group **out,
                                                struct mls_buffer *out_welcome);

/* ---- State ---- */

/* The whole group as one secret blob. Two groups in the same state give the same bytes. A received
 * commit that is staged is not in it. */
enum mls_error MLS_MUST_CHECK mls_group_save(const struct mls_group *group, struct mls_buffer *out);
/* STATE_VERSION, STATE_MALFORMED, IDENTITY. `storage` may be NULL; else it has the group's records
 * then, in place of what was in it. */
enum mls_error MLS_MUST_CHECK mls_group_load(struct mls_identity *identity, struct slice blob,
                                             struct mls_storage *storage, struct mls_group **out);
/* The same from the records of a storage, in any order. It is not written. */
enum mls_error MLS_MUST_CHECK mls_group_restore(struct mls_identity *identity,
                                                const struct mls_record *records,
                                                size_t record_count, struct mls_storage *storage,
                                                struct mls_group **out);

#ifdef __cplusplus
}
#endif

#endif
