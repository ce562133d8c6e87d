/*
 * The one way of names and texts to a terminal, on standard output and standard error.
 *
 * What comes from a network, a file or an argument may hold bytes that steer a terminal (escape
 * sequences, C0 and C1 controls), that show letters in another order than they are in
 * (bidirectional overrides), or that end a line and forge the next one. None of them passes: they
 * are shown as \x1b (a byte) or \u{202e} (a character), as are bytes that are not UTF-8.
 */
#ifndef COLUMBA_CLIENT_TOOLS_PRINTABLE_H
#define COLUMBA_CLIENT_TOOLS_PRINTABLE_H

#include <stddef.h>
#include <stdio.h>

/* Writes the text on one line; with `indent` not NULL, line breaks in it stay and what follows
 * one is indented by it. */
void printable_write(FILE *out, const char *text, size_t size, const char *indent);
/* The same, of a whole text on one line. */
void printable_put(FILE *out, const char *text);
/* A copy for others to print; the caller frees it. NULL: no memory. */
char *printable_copy(const char *text);
/* Writes JSON, which is UTF-8; what is not to be shown stands as \uXXXX in it. */
void printable_json(FILE *out, const char *json);

#endif
