#include "client/tools/columbactl_tables.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>

const char *show_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

void show_bytes(const json_t *value, char *out_text)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;
    if (!json_is_number(value)) {
        snprintf(out_text, SHOW_BYTES, "?");
        return;
    }
    double size = json_number_value(value);
    while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        size /= 1024;
        unit++;
    }
    snprintf(out_text, SHOW_BYTES, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

const char *show_state(const json_t *node)
{
    const char *state = show_text(node, "state");
    if (strcmp(state, "up") == 0 || strcmp(state, "suspect") == 0) {
        if (json_is_true(json_object_get(node, "clock_wrong"))) {
            return "UA";
        }
        return json_is_true(json_object_get(node, "disk_full")) ? "UF" : "UN";
    }
    return strcmp(state, "left") == 0 ? "DL" : "DN";
}

static void number_text(const json_t *value, char *out_text)
{
    if (json_is_integer(value)) {
        snprintf(out_text, SHOW_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else {
        snprintf(out_text, SHOW_BYTES, "?");
    }
}

static void share_text(const json_t *value, char *out_text)
{
    if (json_is_number(value)) {
        snprintf(out_text, SHOW_BYTES, "%.1f%%", 100 * json_number_value(value));
    } else {
        snprintf(out_text, SHOW_BYTES, "?");
    }
}

static void print_underlined(const char *label, const char *name)
{
    int width = printf("%s%s", label, name);
    putchar('\n');
    for (int i = 0; i < width; i++) {
        putchar('=');
    }
    putchar('\n');
}

static void print_and_free(struct libscols_table *table)
{
    scols_print_table(table);
    scols_unref_table(table);
}

/* --- status ------------------------------------------------------------------------------------
 */

static void status_row(struct libscols_table *table, const json_t *node)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char load[SHOW_BYTES];
    char tokens[SHOW_BYTES];
    char owns[SHOW_BYTES];
    show_bytes(json_object_get(node, "load_bytes"), load);
    number_text(json_object_get(node, "tokens"), tokens);
    share_text(json_object_get(node, "owns"), owns);
    scols_line_set_data(line, 0, show_state(node));
    scols_line_set_data(line, 1, show_text(node, "address"));
    scols_line_set_data(line, 2, load);
    scols_line_set_data(line, 3, tokens);
    scols_line_set_data(line, 4, owns);
    scols_line_set_data(line, 5, show_text(node, "host_id"));
    scols_line_set_data(line, 6, show_text(node, "rack"));
}

static void status_of_datacenter(const json_t *nodes, const char *datacenter)
{
    struct libscols_table *table = scols_new_table();
    size_t i;
    const json_t *node;
    print_underlined("Datacenter: ", datacenter);
    puts("Status=Up/Down\n|/ State=Normal/Leaving/Joining/Moving/Aside (wrong clock)/Full (disk)");
    scols_table_new_column(table, "--", 0, 0);
    scols_table_new_column(table, "Address", 0, 0);
    scols_table_new_column(table, "Load", 0, 0);
    scols_table_new_column(table, "Tokens", 0, 0);
    scols_table_new_column(table, "Owns (effective)", 0, 0);
    scols_table_new_column(table, "Host ID", 0, 0);
    scols_table_new_column(table, "Rack", 0, 0);
    json_array_foreach(nodes, i, node)
    {
        if (strcmp(show_text(node, "datacenter"), datacenter) == 0) {
            status_row(table, node);
        }
    }
    print_and_free(table);
}

/* Calls `print` once for each data centre; nodes come sorted by it. */
static void each_datacenter(const json_t *answer,
                            void (*print)(const json_t *answer, const char *datacenter))
{
    const char *last = NULL;
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(answer, "nodes"), i, node)
    {
        const char *datacenter = show_text(node, "datacenter");
        if (!last || strcmp(last, datacenter) != 0) {
            if (last) {
                putchar('\n');
            }
            print(answer, datacenter);
        }
        last = datacenter;
    }
}

static void clock_print(const json_t *node)
{
    json_int_t offset_ms = json_integer_value(json_object_get(node, "clock_offset_ms"));
    if (offset_ms == 0) {
        return;
    }
    json_int_t away_ms = offset_ms < 0 ? -offset_ms : offset_ms;
    printf("\n%s: its clock is %" JSON_INTEGER_FORMAT ".%d s %s the other nodes'%s\n",
           show_text(node, "name"), away_ms / 1000, (int)(away_ms % 1000 / 100),
           offset_ms < 0 ? "behind" : "ahead of",
           json_is_true(json_object_get(node, "clock_wrong"))
               ? ": it takes no requests from clients until that is mended"
               : "");
}

static void status_print(const json_t *answer, const char *datacenter)
{
    status_of_datacenter(json_object_get(answer, "nodes"), datacenter);
}

void show_status(const json_t *answer)
{
    size_t i;
    const json_t *node;
    each_datacenter(answer, status_print);
    json_array_foreach(json_object_get(answer, "nodes"), i, node)
    {
        clock_print(node);
    }
}

/* --- ring --------------------------------------------------------------------------------------
 */

static const json_t *find_node(const json_t *nodes, const char *name)
{
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        if (strcmp(show_text(node, "name"), name) == 0) {
            return node;
        }
    }
    return NULL;
}

static void ring_row(struct libscols_table *table, const json_t *node, const char *token)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    char load[SHOW_BYTES];
    char owns[SHOW_BYTES];
    show_bytes(json_object_get(node, "load_bytes"), load);
    share_text(json_object_get(node, "owns"), owns);
    scols_line_set_data(line, 0, show_text(node, "address"));
    scols_line_set_data(line, 1, show_text(node, "rack"));
    scols_line_set_data(line, 2, show_state(node)[0] == 'U' ? "Up" : "Down");
    scols_line_set_data(line, 3, show_state(node)[1] == 'L' ? "Leaving" : "Normal");
    scols_line_set_data(line, 4, load);
    scols_line_set_data(line, 5, owns);
    scols_line_set_data(line, 6, token);
}

static void ring_print(const json_t *answer, const char *datacenter)
{
    const json_t *nodes = json_object_get(answer, "nodes");
    struct libscols_table *table = scols_new_table();
    size_t i;
    const json_t *range;
    print_underlined("Datacenter: ", datacenter);
    scols_table_new_column(table, "Address", 0, 0);
    scols_table_new_column(table, "Rack", 0, 0);
    scols_table_new_column(table, "Status", 0, 0);
    scols_table_new_column(table, "State", 0, 0);
    scols_table_new_column(table, "Load", 0, 0);
    scols_table_new_column(table, "Owns", 0, 0);
    scols_table_new_column(table, "Token", 0, SCOLS_FL_RIGHT);
    json_array_foreach(json_object_get(answer, "ranges"), i, range)
    {
        const json_t *node = find_node(nodes, show_text(range, "node"));
        if (node && strcmp(show_text(node, "datacenter"), datacenter) == 0) {
            ring_row(table, node, show_text(range, "token"));
        }
    }
    print_and_free(table);
}

void show_ring(const json_t *answer)
{
    each_datacenter(answer, ring_print);
}

/* --- the small ones ----------------------------------------------------------------------------
 */

void show_endpoints(const json_t *answer)
{
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(answer, "replicas"), i, node)
    {
        puts(show_text(node, "address"));
    }
}

void show_version(const json_t *answer)
{
    printf("ReleaseVersion: %s\n", show_text(answer, "version"));
}

void show_gossip(const json_t *answer)
{
    size_t i;
    const json_t *node;
    json_array_foreach(json_object_get(answer, "nodes"), i, node)
    {
        const char *key;
        json_t *value;
        printf("%s/%s\n", show_text(node, "name"), show_text(node, "address"));
        printf("  STATUS:%s\n", show_text(node, "state"));
        printf("  INCARNATION:%" JSON_INTEGER_FORMAT "\n",
               json_integer_value(json_object_get(node, "incarnation")));
        json_object_foreach(json_object_get(node, "values"), key, value)
        {
            printf("  %s:%s\n", key, json_string_value(value));
        }
    }
}
