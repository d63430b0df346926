/* SPDX-License-Identifier: MIT */
#include "audit.h"

#include <stdlib.h>

#define DEEP_LINKS 100

void audit_begin(struct audit *audit, const struct world *world)
{
    *audit = (struct audit){ .world = world, .deep = world->link_count <= DEEP_LINKS };
}

void audit_release(struct audit *audit)
{
    rangeset_release(&audit->came);
}

const char *audit_lent(struct audit *audit, const struct plan *plan, plan_source source,
                       plan_lease lease, struct range range, int64_t now)
{
    struct plan_source_info info;
    const struct world *world = audit->world;
    plan_source_get(plan, source, now, &info);
    if (range.begin >= range.end)
        return "an empty range";
    if (lease <= audit->last)
        return "its number was used before";
    audit->last = lease;
    if (info.leases > world->connections)
        return "more leases than slots";
    if (rangeset_run_end(plan_done_set(plan), range.begin) != range.begin)
        return "its first byte is done already";
    if (world->window > 0 && range.end > audit->frontier + world->window)
        return "past the window";
    return NULL;
}

void audit_brought(struct audit *audit, uint64_t at, uint64_t taken, uint64_t length)
{
    uint64_t added = taken;
    if (audit->deep && rangeset_add(&audit->came, at, at + taken, &added) < 0)
        abort();
    audit->taken += added;
    audit->delivered += length;
}

const char *audit_end(const struct audit *audit, const struct plan *plan)
{
    uint64_t done = plan_done_bytes(plan), size = audit->world->size;
    if (done != size)
        return "bytes are missing";
    if (audit->delivered != done + plan_wasted_bytes(plan))
        return "done and wasted are not what was delivered";
    if (audit->deep && (audit->taken != size || !rangeset_contains(&audit->came, 0, size)))
        return "what was taken is not the file";
    return NULL;
}

bool audit_more_to_come(const struct world *world, int64_t now)
{
    for (size_t i = 0; i < world->link_count; i++)
        if (world->links[i].joins > now && world->links[i].joins != NEVER)
            return true;
    return false;
}
