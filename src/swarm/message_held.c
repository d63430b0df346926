/* SPDX-License-Identifier: MIT */
#include "swarm/message_held.h"

#include "base/str.h"

#include <jansson.h>
#include <string.h>

static bool is_range(uint64_t begin, uint64_t end, uint64_t size)
{
    return begin < end && end <= size;
}

static bool read_number(const json_t *value, uint64_t *ret)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static int add_ranges(struct rangeset *ret, uint64_t size, const json_t *ranges)
{
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        const json_t *pair = json_array_get(ranges, i);
        uint64_t begin, end;
        if (!read_number(json_array_get(pair, 0), &begin) ||
            !read_number(json_array_get(pair, 1), &end) || !is_range(begin, end, size))
            return -1;
        if (rangeset_add(ret, begin, end, NULL) < 0)
            return -1;
    }
    return 0;
}

int message_held_decode(struct rangeset *ret, uint64_t size, const char *json, size_t length)
{
    json_t *object = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
    uint64_t told;
    int r = -1;
    if (read_number(json_object_get(object, "size"), &told) && told == size)
        r = add_ranges(ret, size, json_object_get(object, "ranges"));
    json_decref(object);
    return r;
}

int message_held_short(struct rangeset *ret, uint64_t size, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, ","), first = strcspn(text, "-");
        uint64_t begin, end;
        if (first < length && str_to_u64_n(text, first, &begin) == 0 &&
            str_to_u64_n(text + first + 1, length - first - 1, &end) == 0 &&
            is_range(begin, end, size) && rangeset_add(ret, begin, end, NULL) < 0)
            return -1;
        text += length;
        text += *text == ',';
    }
    return 0;
}
