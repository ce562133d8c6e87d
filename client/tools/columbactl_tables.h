/*
 * How `columbactl` shows the nodes' answers to people, in the layouts an operator of Cassandra
 * knows from nodetool. Members that an answer lacks (an older node) come out as "?".
 */
#ifndef COLUMBA_CLIENT_TOOLS_COLUMBACTL_TABLES_H
#define COLUMBA_CLIENT_TOOLS_COLUMBACTL_TABLES_H

#include <jansson.h>
#include <stddef.h>

void show_status(const json_t *answer);
void show_ring(const json_t *answer);
void show_info(const json_t *answer);
void show_cluster(const json_t *answer);
void show_endpoints(const json_t *answer);
void show_gossip(const json_t *answer);
void show_version(const json_t *answer);

/* A member as text; "?" if it is not there. Valid as long as the object. */
const char *show_text(const json_t *object, const char *key);
/* "104.2 KiB"; "?" for anything but a number. out_text: SHOW_BYTES. */
#define SHOW_BYTES 40
void show_bytes(const json_t *value, char *out_text);
/* "UN", "DN": up or down; normal, or leaving. */
const char *show_state(const json_t *node);

#endif
