#include "proto/request.h"

#include <stddef.h>

const struct request_kind *request_kind_of(uint32_t type)
{
    static const struct request_kind kinds[] = {
#define X(name, member, answer, may, class)                                                        \
    {MESSAGE_##name, MESSAGE_##answer, REQUEST_MAY_##may, REQUEST_CLASS_##class},
        CLIENT_REQUESTS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}
