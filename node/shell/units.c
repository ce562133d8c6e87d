/* One table for each kind of unit, largest first; parsing and formatting both read it. */
#include "node/shell/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
    bool is_printed;
};

static const struct unit size_units[] = {
    {"TiB", UINT64_C(1) << 40, true},
    {"TB", UINT64_C(1000000000000), false},
    {"GiB", UINT64_C(1) << 30, true},
    {"GB", 1000000000u, false},
    {"MiB", 1u << 20, true},
    {"MB", 1000000u, false},
    {"KiB", 1u << 10, true},
    {"KB", 1000u, false},
    {"B", 1, true},
    {NULL, 0, false},
};

static const struct unit duration_units[] = {
    {"d", 86400000u, true}, {"h", 3600000u, true}, {"m", 60000u, true},
    {"s", 1000u, true},     {"ms", 1, true},       {NULL, 0, false},
};

/* Reads the digits at the front. */
static bool digits_parse(const char **at, uint64_t *out_number)
{
    const char *text = *at;
    if (*text < '0' || *text > '9') {
        return false;
    }
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    *at = text;
    *out_number = number;
    return true;
}

static bool quantity_parse(const char *text, const struct unit *units, uint64_t *out_value)
{
    uint64_t number;
    if (!digits_parse(&text, &number)) {
        return false;
    }
    if (number == 0 && *text == '\0') {
        *out_value = 0;
        return true;
    }
    while (*text == ' ') {
        text++;
    }
    for (; units->name != NULL; units++) {
        if (strcmp(text, units->name) == 0) {
            if (number > UINT64_MAX / units->factor) {
                return false;
            }
            *out_value = number * units->factor;
            return true;
        }
    }
    return false;
}

bool units_parse_bytes(const char *text, uint64_t *out_bytes)
{
    return quantity_parse(text, size_units, out_bytes);
}

bool units_parse_duration(const char *text, uint64_t *out_ms)
{
    return quantity_parse(text, duration_units, out_ms);
}

bool units_parse_number(const char *text, uint64_t *out_number)
{
    uint64_t number;
    if (!digits_parse(&text, &number) || *text != '\0') {
        return false;
    }
    *out_number = number;
    return true;
}

static void quantity_format(uint64_t value, const struct unit *units, char *out_text)
{
    while (!units->is_printed ||
           (units->factor > 1 && (value == 0 || value % units->factor != 0))) {
        units++;
    }
    snprintf(out_text, UNITS_TEXT_BYTES, "%" PRIu64 "%s", value / units->factor, units->name);
}

void units_format_bytes(uint64_t bytes, char *out_text)
{
    quantity_format(bytes, size_units, out_text);
}

void units_format_duration(uint64_t duration_ms, char *out_text)
{
    quantity_format(duration_ms, duration_units, out_text);
}
