/*
 * An intrusive doubly linked list: the node lives in the object, so linking never allocates. The
 * head is a node of its own; an unlinked node points at itself.
 */
#ifndef COLUMBA_BASE_LIST_H
#define COLUMBA_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define list_for_each(node, head)                                                                  \
    for (struct list *node = (head)->next; node != (head); node = node->next)

/* The body may unlink `node`. */
#define list_for_each_safe(node, head)                                                             \
    for (struct list *node = (head)->next, *node##_after = node->next; node != (head);             \
         node = node##_after, node##_after = node->next)

static inline void list_init(struct list *node)
{
    node->next = node;
    node->previous = node;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_after(struct list *place, struct list *node)
{
    node->next = place->next;
    node->previous = place;
    place->next->previous = node;
    place->next = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert_after(head->previous, node);
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}

static inline void list_remove(struct list *node)
{
    node->next->previous = node->previous;
    node->previous->next = node->next;
    list_init(node);
}

#endif
