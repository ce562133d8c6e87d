/*
 * Every error the MLS library returns: name and the sentence it stands for. The rules of RFC 9420
 * have a code each, so that a caller (and a test) can tell which one a message broke.
 */
#ifndef COLUMBA_MLS_ERROR_TABLE_H
#define COLUMBA_MLS_ERROR_TABLE_H

#define MLS_ERROR_TABLE(X)                                                                         \
    X(OK, "no error")                                                                              \
    /* The caller and its resources. */                                                            \
    X(NO_MEMORY, "an allocation failed")                                                           \
    X(ARGUMENT, "an argument is not usable")                                                       \
    X(IDENTITY, "another identity than the group or the key package was made with")                \
    X(STORAGE, "the storage did not take the change")                                              \
    X(LIMIT, "a named limit was reached")                                                          \
    X(COMMIT_STAGED, "a commit of our own is staged: merge or discard it first")                   \
    X(NOTHING_STAGED, "no such commit is staged")                                                  \
    X(PROPOSALS_PENDING, "proposals are pending: commit before sending data (12.4)")               \
    X(GROUP_CLOSED, "we were removed, or the group was reinitialised")                             \
    /* Bytes and where they belong. */                                                             \
    X(MALFORMED, "the bytes are no valid encoding")                                                \
    X(VERSION, "another protocol version")                                                         \
    X(SUITE, "a cipher suite that is not supported, or another than the group's")                  \
    X(WIRE_FORMAT, "a message of a kind that does not belong here")                                \
    X(WRONG_GROUP, "the message is of another group")                                              \
    X(STALE_EPOCH, "the message is of an epoch that is over")                                      \
    X(FUTURE_EPOCH, "the message is of an epoch that has not been reached")                        \
    X(OWN_MESSAGE, "the message is our own")                                                       \
    X(OWN_COMMIT, "a commit of our own, but not the one that is staged: join again from outside")  \
    /* Authenticity of a message. */                                                               \
    X(NOT_A_MEMBER, "the sender is not a member of the group")                                     \
    X(SENDER_REMOVED, "the sender of a message of an ended epoch is no longer a member")           \
    X(OPEN_MESSAGE, "a message in the open that the group is set not to take or send")             \
    X(BAD_SIGNATURE, "the signature on the message is not valid")                                  \
    X(BAD_MEMBERSHIP_TAG, "the membership tag is not valid")                                       \
    X(BAD_CONFIRMATION_TAG, "the confirmation tag is not valid")                                   \
    X(BAD_CIPHERTEXT, "the ciphertext does not open")                                              \
    X(BAD_PADDING, "the padding is not all zero")                                                  \
    X(REPLAYED, "the message was taken before, or its key was given up")                           \
    X(TOO_FAR_AHEAD, "the generation is further ahead than the forward limit")                     \
    X(EXTERNAL_SENDER_UNKNOWN, "no such external sender in the group")                             \
    X(SENDER_CONTENT, "this kind of sender may not send this kind of content")                     \
    /* Leaf nodes (7.3). */                                                                        \
    X(LEAF_SIGNATURE, "the signature on a leaf node is not valid")                                 \
    X(LEAF_CREDENTIAL_REFUSED, "the application refuses a credential")                             \
    X(LEAF_SUITE_UNLISTED, "a leaf does not list the group's version or cipher suite")             \
    X(LEAF_CREDENTIAL_UNLISTED, "a leaf does not list the type of its own credential")             \
    X(LEAF_CREDENTIAL_UNSUPPORTED, "a credential type in use is not supported by every member")    \
    X(LEAF_REQUIRED_CAPABILITY, "a leaf lacks a capability the group requires")                    \
    X(LEAF_GROUP_EXTENSION, "a leaf does not support an extension of the group")                   \
    X(LEAF_EXTENSION_UNLISTED, "a leaf has an extension it does not list")                         \
    X(LEAF_LIFETIME, "a leaf is not yet or no longer valid, or valid for too long")                \
    X(LEAF_SOURCE, "a leaf was made for another purpose")                                          \
    X(LEAF_KEY_UNCHANGED, "an update keeps the old encryption key")                                \
    X(ENCRYPTION_KEY_TAKEN, "an encryption key is in use twice")                                   \
    X(SIGNATURE_KEY_TAKEN, "a signature key is in use twice")                                      \
    X(KEY_UNUSABLE, "a public key with which every private key gives an all-zero secret")          \
    X(EXTENSION_REPEATED, "a list holds two extensions of one type")                               \
    /* Key packages (10.1). */                                                                     \
    X(KEY_PACKAGE_SIGNATURE, "the signature on a key package is not valid")                        \
    X(KEY_PACKAGE_SUITE, "a key package is for another cipher suite")                              \
    X(KEY_PACKAGE_VERSION, "a key package is for another protocol version")                        \
    X(KEY_PACKAGE_INIT_KEY, "a key package's init key is its encryption key")                      \
    /* Proposals and their lists (12.1, 12.2). */                                                  \
    X(UNKNOWN_PROPOSAL, "a commit refers to a proposal we do not have")                            \
    X(PROPOSAL_TYPE, "a proposal type that is not supported")                                      \
    X(REMOVED_BLANK, "a remove names no member")                                                   \
    X(UPDATE_BY_COMMITTER, "a commit covers an update of the committer")                           \
    X(COMMITTER_REMOVED, "a commit removes its committer")                                         \
    X(LEAF_CHANGED_TWICE, "two proposals change one leaf")                                         \
    X(PSK_UNKNOWN, "a pre-shared key we do not have")                                              \
    X(PSK_NONCE, "a pre-shared key's nonce has the wrong length")                                  \
    X(PSK_USAGE, "a resumption key used for something it is not for")                              \
    X(PSK_REPEATED, "two proposals name one pre-shared key")                                       \
    X(CONTEXT_EXTENSIONS_REPEATED, "two proposals replace the group's extensions")                 \
    X(REQUIRED_CAPABILITIES, "not every member has the newly required capabilities")               \
    X(REINIT_VERSION, "a reinit to an older protocol version")                                     \
    X(REINIT_NOT_ALONE, "a reinit together with other proposals")                                  \
    X(EXTERNAL_INIT_MISPLACED, "an external init in a member's commit")                            \
    /* Commits and paths (7.5, 7.9, 12.4). */                                                      \
    X(PATH_REQUIRED, "the commit needs a path and has none")                                       \
    X(PATH_LENGTH, "the path has not as many nodes as the filtered direct path")                   \
    X(PATH_CIPHERTEXTS, "a path node has not as many ciphertexts as the resolution has keys")      \
    X(PATH_KEY_TAKEN, "a key of the path is already in the tree")                                  \
    X(PATH_KEY_MISMATCH, "a path secret does not lead to the public key that was sent")            \
    X(PARENT_HASH, "a parent hash is not valid")                                                   \
    X(NO_PATH_KEY, "we hold no key for the path")                                                  \
    X(EXTERNAL_INIT_COUNT, "an external commit must have exactly one external init")               \
    X(EXTERNAL_REMOVE_COUNT, "an external commit may have one remove at most")                     \
    X(EXTERNAL_PROPOSAL_TYPE, "a proposal that may not be in an external commit")                  \
    X(EXTERNAL_REFERENCE, "an external commit may not refer to proposals")                         \
    /* Group info and welcome (12.4.3). */                                                         \
    X(NOT_FOR_US, "the welcome is for none of our key packages")                                   \
    X(TREE_MISSING, "there is no ratchet tree in the message nor beside it")                       \
    X(TREE_MALFORMED, "the ratchet tree is not well formed")                                       \
    X(TREE_HASH, "the ratchet tree is not the one that was hashed")                                \
    X(UNMERGED_LEAVES, "a list of unmerged leaves is not valid")                                   \
    X(GROUP_INFO_SIGNATURE, "the signature on the group info is not valid")                        \
    X(SIGNER_BLANK, "the signer of the group info is not in the tree")                             \
    X(LEAF_MISSING, "our leaf is not in the tree")                                                 \
    X(GROUP_KNOWN, "we are in a group of this id already")                                         \
    X(EXTERNAL_KEY_MISSING, "the group info has no external key")                                  \
    X(PSK_COMBINATION, "a reinit or branch key stands beside another of its kind")                 \
    X(SUCCESSOR_EPOCH, "a reinitialised or branched group must start at epoch 1")                  \
    X(SUCCESSOR_PARAMETERS, "the new group has not the parameters that were announced")            \
    X(SUCCESSOR_MEMBERS, "the new group has not the members it should have")                       \
    /* Our own stored state. */                                                                    \
    X(STATE_VERSION, "stored by another version of this library: join the group again (resync)")   \
    X(STATE_MALFORMED, "the stored state is damaged")                                              \
    /* Objects used wrongly. */                                                                    \
    X(REENTERED, "a callback of the group tries to change it: do it after the call")               \
    X(REPLACED, "the storage has another group object's records: destroy this one")

#endif
