/*
 * Assertions state what the code relies on; a failed one is our own bug and stops the process in
 * every build. Bad input is never asserted on: it gets an error.
 */
#ifndef COLUMBA_BASE_ASSERT_H
#define COLUMBA_BASE_ASSERT_H

/* Prints expression and place, then aborts. */
_Noreturn void columba_assert_failed(const char *expression, const char *file, int line);

#define COLUMBA_ASSERT(expression)                                                                 \
    ((expression) ? (void)0 : columba_assert_failed(#expression, __FILE__, __LINE__))

#endif
