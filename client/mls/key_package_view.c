#include "client/mls/key_package_view.h"

#include "client/mls/extension.h"
#include "client/mls/label.h"

void mls_read_key_package(struct reader *reader, struct mls_key_package_view *out)
{
    const uint8_t *start = reader->at;
    out->version = reader_u16(reader);
    out->suite = reader_u16(reader);
    out->init_key = mls_read_vector(reader);
    mls_read_leaf_node(reader, &out->leaf);
    out->extensions = mls_read_extensions(reader);
    out->signed_part = mls_read_since(reader, start);
    out->signature = mls_read_vector(reader);
    out->encoded = mls_read_since(reader, start);
}

void mls_write_key_package_fields(struct mls_buffer *buffer,
                                  const struct mls_key_package_view *view)
{
    mls_write_u16(buffer, view->version);
    mls_write_u16(buffer, view->suite);
    mls_write_vector(buffer, view->init_key);
    mls_write_leaf_node(buffer, &view->leaf);
    mls_write_vector(buffer, view->extensions);
}

void mls_write_key_package(struct mls_buffer *buffer, const struct mls_key_package_view *view)
{
    mls_write_key_package_fields(buffer, view);
    mls_write_vector(buffer, view->signature);
}

enum mls_error mls_key_package_check(const struct mls_suite *suite, struct memory *memory,
                                     const struct mls_key_package_view *view)
{
    if (view->version != MLS_VERSION_10) {
        return MLS_ERR_KEY_PACKAGE_VERSION;
    }
    if (view->suite != suite->id) {
        return MLS_ERR_KEY_PACKAGE_SUITE;
    }
    if (view->init_key.size != suite->kem_public_bytes) {
        return MLS_ERR_MALFORMED;
    }
    if (!mls_kem_key_is_usable(suite, view->init_key)) {
        return MLS_ERR_KEY_UNUSABLE;
    }
    if (slice_equal(view->init_key, view->leaf.encryption_key)) {
        return MLS_ERR_KEY_PACKAGE_INIT_KEY;
    }
    if (view->leaf.source != MLS_LEAF_KEY_PACKAGE) {
        return MLS_ERR_LEAF_SOURCE;
    }
    enum mls_error error = mls_extensions_check(view->extensions);
    if (error == MLS_OK) {
        error = mls_leaf_node_verify(suite, memory, &view->leaf, slice_of(NULL, 0), 0);
    }
    if (error == MLS_OK) {
        error = mls_verify_with_label(suite, memory, view->leaf.signature_key, "KeyPackageTBS",
                                      &view->signed_part, 1, view->signature,
                                      MLS_ERR_KEY_PACKAGE_SIGNATURE);
    }
    return error;
}

void mls_key_package_ref(const struct mls_suite *suite, const struct mls_key_package_view *view,
                         uint8_t *out_ref)
{
    mls_ref_hash(suite, "MLS 1.0 KeyPackage Reference", view->encoded, out_ref);
}
