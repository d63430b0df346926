/* SPDX-License-Identifier: MIT */
/* The leases in memory: an array of slots, those that are free chained behind `free_slot`. A number
 * finds its slot through `buckets`: numbers are given in a row, so that taking the lowest bits is
 * as good as any hash. */
#include "plan/plan_internal.h"

#include <string.h>

#define FIRST_LEASES 16

static uint32_t *bucket_of(const struct plan *plan, plan_lease id)
{
    return &plan->buckets[id & (plan->lease_capacity - 1)];
}

static void chain_in(struct plan *plan, struct lease *lease)
{
    uint32_t *head = lease->id ? bucket_of(plan, lease->id) : &plan->free_slot;
    lease->chain = *head;
    *head = (uint32_t)(lease - plan->leases) + 1;
}

static int grow(struct plan *plan)
{
    uint32_t capacity = plan->lease_capacity ? plan->lease_capacity * 2 : FIRST_LEASES;
    struct lease *leases = reallocarray(plan->leases, capacity, sizeof(*leases));
    if (!leases)
        return -1;
    plan->leases = leases;
    uint32_t *buckets = reallocarray(plan->buckets, capacity, sizeof(*buckets));
    if (!buckets)
        return -1;
    plan->buckets = buckets;

    memset(leases + plan->lease_capacity, 0, (capacity - plan->lease_capacity) * sizeof(*leases));
    memset(buckets, 0, capacity * sizeof(*buckets));
    plan->lease_capacity = capacity;
    for (uint32_t i = capacity; i-- > 0;)
        chain_in(plan, &leases[i]);
    return 0;
}

static int reserve_cancelled(struct plan *plan, size_t count)
{
    size_t waiting = plan->cancelled_end - plan->cancelled_first;
    if (plan->cancelled_first > 0) {
        memmove(plan->cancelled, plan->cancelled + plan->cancelled_first,
                waiting * sizeof(*plan->cancelled));
        plan->cancelled_first = 0;
        plan->cancelled_end = waiting;
    }
    if (waiting + count <= plan->cancelled_capacity)
        return 0;
    size_t capacity = 2 * (waiting + count);
    plan_lease *cancelled = reallocarray(plan->cancelled, capacity, sizeof(*cancelled));
    if (!cancelled)
        return -1;
    plan->cancelled = cancelled;
    plan->cancelled_capacity = capacity;
    return 0;
}

int leases_reserve(struct plan *plan)
{
    size_t leases = (size_t)plan->lease_count + 1;
    /* Between two ranges that are free is a lease, or a range that is done: begun by a lease, too.
     * A new lease, or taking back out of the middle of what is done, makes it one more. */
    if (rangeset_reserve(&plan->free, plan->free.count + leases + plan->done.count + 1) < 0)
        return -1;
    if (reserve_cancelled(plan, leases) < 0)
        return -1;
    return plan->free_slot != 0 ? 0 : grow(plan);
}

void leases_release(struct plan *plan)
{
    free(plan->leases);
    free(plan->buckets);
    free(plan->cancelled);
}

struct lease *lease_new(struct plan *plan, plan_source source, struct range range, int64_t now)
{
    struct source *s = &plan->sources[source];
    uint32_t slot = plan->free_slot;
    struct lease *lease = &plan->leases[slot - 1];
    plan->free_slot = lease->chain;
    *lease = (struct lease){
        .id = ++plan->last_id,
        .source = source,
        .next = s->first,
        .begin = range.begin,
        .pos = range.begin,
        .end = range.end,
        .lent_at = now,
        .heard_at = now,
    };
    if (s->first)
        plan->leases[s->first - 1].prev = slot;
    s->first = slot;
    s->leases++;
    plan->lease_count++;
    chain_in(plan, lease);
    return lease;
}

struct lease *lease_find(const struct plan *plan, plan_lease id)
{
    if (id == 0 || plan->lease_capacity == 0)
        return NULL;
    uint32_t at = *bucket_of(plan, id);
    while (at != 0 && plan->leases[at - 1].id != id)
        at = plan->leases[at - 1].chain;
    return at != 0 ? &plan->leases[at - 1] : NULL;
}

void lease_drop(struct plan *plan, struct lease *lease)
{
    struct source *s = &plan->sources[lease->source];
    uint32_t slot = (uint32_t)(lease - plan->leases) + 1;

    *(lease->prev ? &plan->leases[lease->prev - 1].next : &s->first) = lease->next;
    if (lease->next)
        plan->leases[lease->next - 1].prev = lease->prev;
    s->leases--;
    plan->lease_count--;

    uint32_t *at = bucket_of(plan, lease->id);
    while (*at != slot)
        at = &plan->leases[*at - 1].chain;
    *at = lease->chain;
    lease->id = 0;
    chain_in(plan, lease);
}

void lease_queue_cancelled(struct plan *plan, plan_lease id)
{
    plan->cancelled[plan->cancelled_end++] = id;
}

bool plan_take_cancelled(struct plan *plan, plan_lease *ret)
{
    if (plan->cancelled_first == plan->cancelled_end)
        return false;
    *ret = plan->cancelled[plan->cancelled_first++];
    return true;
}
