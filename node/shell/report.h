/*
 * Reports: what the administration commands tell, as JSON (shapes: admin.h). Each returns a new
 * object that the caller owns; NULL: out of memory.
 */
#ifndef COLUMBA_NODE_SHELL_REPORT_H
#define COLUMBA_NODE_SHELL_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "base/id.h"
#include "ring/token.h"

struct node;

json_t *report_node(const struct node *node, uint16_t index);
json_t *report_status(const struct node *node);
json_t *report_ring(const struct node *node);
json_t *report_describecluster(const struct node *node);
json_t *report_endpoints(const struct node *node, enum partition_kind kind, const char *name,
                         const struct id *id);
json_t *report_info(struct node *node);
json_t *report_version(const struct node *node);

json_t *report_text(struct slice text);

#endif
