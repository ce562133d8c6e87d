/* Key packages on the wire (RFC 9420 section 10): a view of encoded bytes. */
#ifndef COLUMBA_MLS_KEY_PACKAGE_VIEW_H
#define COLUMBA_MLS_KEY_PACKAGE_VIEW_H

#include "client/mls/leaf_node.h"

#define MLS_VERSION_10 1u

struct mls_key_package_view {
    uint16_t version;
    uint16_t suite;
    struct slice init_key;
    struct mls_leaf_node leaf;
    struct slice extensions;
    struct slice signature;
    struct slice signed_part;
    struct slice encoded;
};

void mls_read_key_package(struct reader *reader, struct mls_key_package_view *out);
/* From a whole KeyPackage message. */
enum mls_error mls_key_package_read(struct slice message, struct mls_key_package_view *out);
void mls_write_key_package_fields(struct mls_buffer *buffer,
                                  const struct mls_key_package_view *view);
void mls_write_key_package(struct mls_buffer *buffer, const struct mls_key_package_view *view);

/* The rules of 10.1 that need no group: version, suite, keys, source, both signatures. */
enum mls_error mls_key_package_check(const struct mls_suite *suite, struct memory *memory,
                                     const struct mls_key_package_view *view);
/* KeyPackageRef (5.2). */
void mls_key_package_ref(const struct mls_suite *suite, const struct mls_key_package_view *view,
                         uint8_t *out_ref);

#endif
