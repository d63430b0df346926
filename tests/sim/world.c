/* SPDX-License-Identifier: MIT */
#include "world.h"

#include "base/util.h"

#include <stdlib.h>

static void *grown(void *array, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return array; /* room for the next power of two */
    void *bigger = reallocarray(array, MAX(2 * count, (size_t)1), size);
    if (!bigger)
        abort();
    return bigger;
}

struct uplink *world_add_link(struct world *world)
{
    world->links = grown(world->links, world->link_count, sizeof(*world->links));
    struct uplink *link = &world->links[world->link_count++];
    *link = (struct uplink){ .group = -1, .leaves = NEVER, .dies = NEVER, .back = NEVER };
    return link;
}

int world_add_group(struct world *world)
{
    world->groups = grown(world->groups, world->group_count, sizeof(*world->groups));
    world->groups[world->group_count] = (struct schedule){ 0 };
    return (int)world->group_count++;
}

void world_release(struct world *world)
{
    for (size_t i = 0; i < world->link_count; i++)
        schedule_release(&world->links[i].rate);
    for (size_t i = 0; i < world->group_count; i++)
        schedule_release(&world->groups[i]);
    schedule_release(&world->lan);
    schedule_release(&world->total);
    free(world->links);
    free(world->groups);
    *world = (struct world){ 0 };
}

bool uplink_is_up(const struct uplink *link, int64_t time)
{
    return time >= link->joins && time < link->leaves && (time < link->dies || time >= link->back);
}
