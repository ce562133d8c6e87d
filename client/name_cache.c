#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/library.h"

/* A conversation's name never changes, so what is here is true; a newer name takes the place of
 * another one that fell on it. Ids are hashes already. */

static struct name_cache_entry *entry_of(struct columba_client *client, const struct id *id)
{
    return &client->names[bytes_get_u64_be(id->bytes) & (NAME_CACHE_SIZE - 1)];
}

const char *name_cache_find(struct columba_client *client, const struct id *id)
{
    if (client->names == NULL) {
        return NULL;
    }
    const struct name_cache_entry *entry = entry_of(client, id);
    return entry->name != NULL && id_equal(&entry->id, id) ? entry->name : NULL;
}

void name_cache_put(struct columba_client *client, const struct id *id, struct slice name)
{
    if (client->names == NULL) {
        client->names = calloc(NAME_CACHE_SIZE, sizeof(client->names[0]));
    }
    if (client->names == NULL || name.size == 0 || name_cache_find(client, id) != NULL) {
        return;
    }
    char *copy = strndup((const char *)name.data, name.size);
    if (copy == NULL) {
        return;
    }
    struct name_cache_entry *entry = entry_of(client, id);
    free(entry->name);
    *entry = (struct name_cache_entry){*id, copy};
}

void name_cache_destroy(struct columba_client *client)
{
    for (uint32_t i = 0; client->names != NULL && i < NAME_CACHE_SIZE; i++) {
        free(client->names[i].name);
    }
    free(client->names);
}
