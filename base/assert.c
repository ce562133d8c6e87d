#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void columba_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "columba: assertion failed: %s (%s:%d). This is a bug in Columba.\n",
            expression, file, line);
    abort();
}
