/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef COLUMBA_BASE_UTF8_H
#define COLUMBA_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* How long the character at the start is, 1 to 4; 0: none begins there, or it is cut. */
size_t utf8_length(struct slice text);
bool utf8_is_valid(struct slice text);
/* The character at the start, and how long it is; 0: none begins there. */
size_t utf8_character(struct slice text, uint32_t *out_character);
/* False for what does more to a terminal or a log than show a sign: controls (C0, DEL, C1), line
 * and paragraph separators, overrides of direction, hidden annotations and tags. */
bool utf8_is_shown(uint32_t character);
/* Puts '?' in the place of whatever is not shown or is no UTF-8. */
void utf8_hide(char *text);

#endif
