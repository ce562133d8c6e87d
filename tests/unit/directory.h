/* A directory of a test's own, gone afterwards with all it holds. */
#ifndef COLUMBA_TESTS_UNIT_DIRECTORY_H
#define COLUMBA_TESTS_UNIT_DIRECTORY_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline char *directory_create(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/columba-test-XXXXXX", parent == NULL ? "/tmp" : parent) < 0) {
        abort();
    }
    if (mkdtemp(path) == NULL) {
        perror(path);
        abort();
    }
    return path;
}

static inline int directory_remove_entry(const char *path, const struct stat *status, int type,
                                         struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static inline void directory_destroy(char *path)
{
    if (nftw(path, directory_remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        perror(path);
        abort();
    }
    free(path);
}

#endif
