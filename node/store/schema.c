/* The schema's tables as data: looked up for each cell read, so plain arrays. */
#include "node/store/schema.h"

#include <stdbool.h>

#include "node/store/key.h"
#include "node/store/row.h"

#define TABLE_NUMBER_MAX 20
#define COLUMN_NUMBER_MAX 7

static const struct column_spec columns[TABLE_NUMBER_MAX + 1][COLUMN_NUMBER_MAX + 1] = {
#define X(table, name, number, merge, least, most, subkey_)                                        \
    [TABLE_##table][number] = {.rule = RULE_##merge,                                               \
                               .subkey = SUBKEY_##subkey_,                                         \
                               .value_min_bytes = (least),                                         \
                               .value_max_bytes = (most)},
    SCHEMA_COLUMNS(X)
#undef X
};

/* One more than the bytes, so that 0 stands for "no such table". */
static const uint8_t clusterings[TABLE_NUMBER_MAX + 1] = {
#define X(name, number, clustering_bytes) [number] = (clustering_bytes) + 1,
    SCHEMA_TABLES(X)
#undef X
};

const struct column_spec *schema_column(uint8_t table, uint8_t column)
{
    if (table > TABLE_NUMBER_MAX || column > COLUMN_NUMBER_MAX ||
        columns[table][column].rule == RULE_NONE) {
        return NULL;
    }
    return &columns[table][column];
}

enum merge_rule schema_rule(uint8_t table, uint8_t column)
{
    const struct column_spec *spec = schema_column(table, column);
    return spec == NULL ? RULE_NONE : (enum merge_rule)spec->rule;
}

bool schema_table_is_known(uint8_t table)
{
    return table_clustering_bytes(table) >= 0;
}

int table_clustering_bytes(uint8_t table)
{
    return table > TABLE_NUMBER_MAX ? -1 : clusterings[table] - 1;
}
