/* SPDX-License-Identifier: MIT */
/* Intrusive circular doubly linked list: a head and its members are the same struct.
 * A member that is in no list points to itself after list_init or list_remove. */
#ifndef DDM_BASE_LIST_H
#define DDM_BASE_LIST_H

#include "base/util.h"

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Safe on a node that is in no list, if it was initialised. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#define list_entry(node, type, member) container_of(node, type, member)

/* The body may remove the current member, but no other. */
#define list_foreach(var, head, type, member)                                                      \
    for (struct list *node_##var = (head)->next, *next_##var = node_##var->next;                   \
         node_##var != (head); node_##var = next_##var, next_##var = node_##var->next)             \
        for (type *var = list_entry(node_##var, type, member); var; var = NULL)

#endif
