/*
 * Sizes and durations as people write them: `64MiB`, `200ms`, `30d`. A number always carries its
 * unit (0 may stand alone), so that nobody has to guess whether 30 are seconds or days.
 *
 *   sizes      B, KiB, MiB, GiB, TiB (and KB, MB, GB, TB: powers of ten)
 *   durations  ms, s, m, h, d
 */
#ifndef COLUMBA_NODE_SHELL_UNITS_H
#define COLUMBA_NODE_SHELL_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNITS_TEXT_BYTES 32u
#define UNITS_SIZES "B, KiB, MiB, GiB, TiB, KB, MB, GB or TB"
#define UNITS_DURATIONS "ms, s, m, h or d"

/* False: not a whole number, no unit, an unknown one, or too large for 64 bits. */
bool units_parse_bytes(const char *text, uint64_t *out_bytes);
bool units_parse_duration(const char *text, uint64_t *out_ms);
/* Digits only. */
bool units_parse_number(const char *text, uint64_t *out_number);

/* In the largest unit that loses nothing. out_text: UNITS_TEXT_BYTES. */
void units_format_bytes(uint64_t bytes, char *out_text);
void units_format_duration(uint64_t duration_ms, char *out_text);

#endif
