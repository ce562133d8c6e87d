/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef COLUMBA_BASE_UTF8_H
#define COLUMBA_BASE_UTF8_H

#include <stdbool.h>

#include "base/slice.h"

/* How long the character at the start is, 1 to 4; 0: none begins there, or it is cut. */
size_t utf8_length(struct slice text);
bool utf8_is_valid(struct slice text);

#endif
