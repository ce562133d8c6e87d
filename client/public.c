#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/library.h"
#include "ring/consistency.h"

/* The parts of the interface that need no client. */

_Static_assert(sizeof(struct columba_id) == sizeof(struct id), "ids are copied as they are");
_Static_assert(COLUMBA_NAME_MAX_BYTES == NAME_MAX_BYTES, "the public limits are the limits");
_Static_assert(COLUMBA_BODY_MAX_BYTES == PLAINTEXT_MAX_BYTES, "the public limits are the limits");
_Static_assert(COLUMBA_MEDIA_URL_MAX_BYTES == CONTENT_MEDIA_URL_MAX_BYTES, "likewise");
_Static_assert(COLUMBA_PAGE_MAX_ROWS == PAGE_MAX_ROWS, "likewise");
_Static_assert(COLUMBA_IMPORT_MAX_ROWS == WRITE_MAX_ROWS, "likewise");
_Static_assert(COLUMBA_IMPORT_MAX_BYTES == WRITE_MAX_BYTES, "likewise");
_Static_assert(COLUMBA_ERROR_TEXT_BYTES == CLIENT_TEXT_BYTES, "texts are copied whole");
_Static_assert(COLUMBA_PORT_DEFAULT == CLIENT_PORT_DEFAULT, "likewise");
_Static_assert(COLUMBA_KEY_BYTES == SEAL_APPLICATION_KEY_BYTES, "likewise");

struct columba_id id_out(const struct id *id)
{
    struct columba_id out;
    memcpy(out.bytes, id->bytes, sizeof(out.bytes));
    return out;
}

struct id id_in(const struct columba_id *id)
{
    struct id in;
    memcpy(in.bytes, id->bytes, sizeof(in.bytes));
    return in;
}

void error_fill(struct columba_error_info *out_error, enum columba_error code, const char *format,
                ...)
{
    out_error->code = (enum columba_error_code)code;
    out_error->needed = 0;
    out_error->received = 0;
    out_error->retryable = error_is_retryable(code);
    out_error->outcome_unknown = false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out_error->text, sizeof(out_error->text), format, arguments);
    va_end(arguments);
}

const char *columba_error_name(enum columba_error_code code)
{
    return error_name((enum columba_error)code);
}

const char *columba_error_text(enum columba_error_code code)
{
    return error_text((enum columba_error)code);
}

const char *columba_version(void)
{
    return COLUMBA_VERSION;
}

uint32_t columba_version_number(void)
{
    return COLUMBA_VERSION_NUMBER;
}

void columba_id_to_text(const struct columba_id *id, char *out_text)
{
    if (id == NULL || out_text == NULL) {
        return;
    }
    struct id in = id_in(id);
    id_to_text(&in, out_text);
}

bool columba_id_from_text(const char *text, struct columba_id *out_id)
{
    struct id id;
    if (text == NULL || out_id == NULL || !id_from_text(text, &id)) {
        return false;
    }
    *out_id = id_out(&id);
    return true;
}

bool columba_id_is_zero(const struct columba_id *id)
{
    if (id == NULL) {
        return true;
    }
    struct id in = id_in(id);
    return id_is_zero(&in);
}

static struct slice text_or_empty(const char *text)
{
    return slice_of_text(text != NULL ? text : "");
}

struct columba_id columba_user_id(const char *name)
{
    struct id id = id_of_name(ID_USER, text_or_empty(name));
    return id_out(&id);
}

struct columba_id columba_conversation_id(const char *name)
{
    struct id id = id_of_name(ID_CONVERSATION, text_or_empty(name));
    return id_out(&id);
}

uint64_t columba_message_id_unix_ms(const struct columba_id *message)
{
    if (message == NULL) {
        return 0;
    }
    struct id id = id_in(message);
    return message_id_unix_ms(&id);
}

struct columba_id columba_message_id_make(uint64_t unix_ms, uint64_t bits, const char *sender)
{
    struct id user = id_of_name(ID_USER, text_or_empty(sender));
    struct id id = message_id_make(unix_ms, bits, &user);
    return id_out(&id);
}

bool columba_consistency_from_name(const char *name, enum columba_consistency *out_level)
{
    enum consistency level;
    bool found = consistency_from_name(text_or_empty(name), &level);
    if (!found || level == CONSISTENCY_SERIAL || out_level == NULL) {
        return false;
    }
    *out_level = (enum columba_consistency)level;
    return true;
}

const char *columba_consistency_name(enum columba_consistency level)
{
    return level == COLUMBA_CONSISTENCY_DEFAULT ? "DEFAULT"
                                                : consistency_name((enum consistency)level);
}
