#include "proto/message.h"

const char *message_type_name(uint32_t type)
{
    switch (type) {
#define X(name, number, member, Type)                                                              \
    case MESSAGE_##name:                                                                           \
        return #name;
        MESSAGE_TYPES(X)
#undef X
    default:
        return "UNKNOWN";
    }
}
