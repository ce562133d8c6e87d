/*
 * Plays scenes (scene.h) on pure cores and compares with what they say.
 *
 *     columba-golden FILE…             compares
 *     columba-golden --update FILE…    writes the results anew
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/golden/scene.h"

static char *file_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return NULL;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    COLUMBA_ASSERT(out != NULL);
    for (int c = getc(file); c != EOF; c = getc(file)) {
        putc(c, out);
    }
    fclose(out);
    fclose(file);
    return text;
}

static int file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) == EOF || fclose(file) != 0) {
        perror(path);
        return 2;
    }
    return 0;
}

/* Prints the first line that differs. */
static int compare(const char *path, const char *expected, const char *played)
{
    unsigned number = 1;
    while (*expected != '\0' || *played != '\0') {
        size_t length = strcspn(expected, "\n");
        size_t played_length = strcspn(played, "\n");
        if (length != played_length || memcmp(expected, played, length) != 0) {
            fprintf(stderr, "%s:%u: expected %.*s\n%s:%u: played   %.*s\n", path, number,
                    (int)length, expected, path, number, (int)played_length, played);
            return 2;
        }
        expected += length + (expected[length] == '\n' ? 1 : 0);
        played += played_length + (played[played_length] == '\n' ? 1 : 0);
        number++;
    }
    return 0;
}

static int scene_run(const char *path, bool is_update)
{
    char *script = file_read(path);
    if (script == NULL) {
        return 2;
    }
    char *played = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&played, &size);
    COLUMBA_ASSERT(out != NULL);
    int result = scene_play(path, script, out) == 0 ? 0 : 2;
    fclose(out);
    if (result == 0) {
        result = is_update ? file_write(path, played) : compare(path, script, played);
    }
    free(played);
    free(script);
    return result;
}

int main(int argc, char **argv)
{
    bool is_update = argc > 1 && strcmp(argv[1], "--update") == 0;
    int first = is_update ? 2 : 1;
    if (argc <= first) {
        fprintf(stderr, "usage: columba-golden [--update] FILE…\n");
        return 1;
    }
    int result = 0;
    for (int i = first; i < argc; i++) {
        int one = scene_run(argv[i], is_update);
        result = one != 0 ? one : result;
    }
    return result;
}
