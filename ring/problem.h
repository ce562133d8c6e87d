/* Puts together the sentence of a struct topology_problem: cut at its end, always terminated. */
#ifndef COLUMBA_RING_PROBLEM_H
#define COLUMBA_RING_PROBLEM_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "ring/topology.h"

void problem_add(struct topology_problem *problem, const char *text);
/* In double quotes; bytes that are not printable ASCII become '?'. */
void problem_add_quoted(struct topology_problem *problem, struct slice text);
void problem_add_number(struct topology_problem *problem, uint64_t number);
/* `what` "name" `rest`, as the whole sentence. */
enum columba_error problem_about(struct topology_problem *problem, const char *what,
                                 struct slice name, const char *rest);
/* `what` "first" and "second" `rest`. */
enum columba_error problem_about_both(struct topology_problem *problem, const char *what,
                                      struct slice first, struct slice second, const char *rest);

#endif
