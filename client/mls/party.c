/*
 * Who invited us, and who closed a group, kept with its credential as it was then: by the time that
 * it is asked for, somebody else may have the leaf.
 */
#include "client/mls/group.h"

void mls_party_write(const struct mls_party_view *party, struct mls_buffer *out)
{
    mls_write_u8(out, (uint8_t)party->kind);
    mls_write_u32(out, party->index);
    mls_write_u16(out, party->credential.type);
    mls_write_vector(out, party->credential.identity);
    mls_write_vector(out, party->credential.signature_key);
}

struct mls_party_view mls_party_read(struct slice encoded)
{
    struct reader reader = reader_of(encoded);
    struct mls_party_view party = {.kind = (enum mls_event_sender)reader_u8(&reader)};
    party.index = reader_u32(&reader);
    party.credential.type = reader_u16(&reader);
    party.credential.identity = mls_read_vector(&reader);
    party.credential.signature_key = mls_read_vector(&reader);
    return reader_is_done(&reader) ? party : (struct mls_party_view){0};
}

bool mls_group_inviter(const struct mls_group *group, struct mls_party_view *out)
{
    *out = mls_party_read(mls_buffer_done(&group->inviter));
    return out->kind != 0;
}

enum mls_closed mls_group_closed(const struct mls_group *group, struct mls_party_view *out_by)
{
    *out_by = mls_party_read(mls_buffer_done(&group->closer));
    switch (group->state) {
    case MLS_GROUP_REMOVED:
        return MLS_CLOSED_REMOVED;
    case MLS_GROUP_REINITIALISED:
        return MLS_CLOSED_REINITIALISED;
    case MLS_GROUP_ACTIVE:
        break;
    }
    return MLS_NOT_CLOSED;
}
