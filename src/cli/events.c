/* SPDX-License-Identifier: MIT */
/* The only file of the command line that knows jansson. */
#include "cli/events.h"

#include "base/str.h"
#include "base/util.h"

#include <jansson.h>

/* Digits of a time: milliseconds today. */
#define ENCODE_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(13))

static const char *const type_names[] = {
    [DDM_EVENT_START] = "start",   [DDM_EVENT_SOURCE] = "source", [DDM_EVENT_PROGRESS] = "progress",
    [DDM_EVENT_NOTICE] = "notice", [DDM_EVENT_DONE] = "done",     [DDM_EVENT_ERROR] = "error",
};

/* Text from elsewhere need not be UTF-8: what is not becomes '?' byte by byte. */
static json_t *text_value(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    if (value)
        return value;
    _cleanup_free_ char *ascii = str_format("%s", text);
    for (char *c = ascii; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return ascii ? json_string(ascii) : NULL;
}

static json_t *number_value(uint64_t number)
{
    return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

static json_t *seconds_value(int64_t ns)
{
    return json_real((double)(ns / MSEC) / 1000);
}

static json_t *source_value(const struct ddm_source_info *source)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", text_value(source->name));
    json_object_set_new(object, "kind",
                        json_string(source->kind == DDM_SOURCE_PEER ? "peer" : "origin"));
    json_object_set_new(object, "state", json_string(ddm_source_state_name(source->state)));
    json_object_set_new(object, "bytes", number_value(source->bytes));
    json_object_set_new(object, "rate", number_value(source->rate));
    json_object_set_new(object, "leases", json_integer(source->leases));
    json_object_set_new(object, "shares_own", json_boolean(source->shares_own));
    json_object_set_new(object, "why", text_value(source->why));
    return object;
}

static void add_sources(json_t *object, const struct ddm_event *event)
{
    json_t *array = json_array();
    for (size_t i = 0; i < event->source_count; i++)
        json_array_append_new(array, source_value(&event->sources[i]));
    json_object_set_new(object, "sources", array);
}

static void add_error(json_t *object, const struct ddm_error *error, const char *part)
{
    json_object_set_new(object, "code", json_string(ddm_code_name(error->code)));
    json_object_set_new(object, "exit", json_integer(error->code));
    json_object_set_new(object, "message", text_value(error->message));
    json_object_set_new(object, "part", text_value(part));
}

char *event_encode(const struct ddm_event *event, int64_t time)
{
    json_t *object = json_object();
    json_object_set_new(object, "event", json_string(type_names[event->type]));
    json_object_set_new(object, "time", seconds_value(time));
    json_object_set_new(object, "elapsed", seconds_value(event->elapsed));
    json_object_set_new(object, "url", text_value(event->url));
    json_object_set_new(object, "path", text_value(event->path));
    json_object_set_new(object, "size",
                        event->size == DDM_SIZE_UNKNOWN ? json_null() : number_value(event->size));
    json_object_set_new(object, "done", number_value(event->done));
    json_object_set_new(object, "wasted", number_value(event->wasted));
    json_object_set_new(object, "rate", number_value(event->rate));
    switch (event->type) {
    case DDM_EVENT_START:
    case DDM_EVENT_PROGRESS:
    case DDM_EVENT_DONE:
        add_sources(object, event);
        break;
    case DDM_EVENT_SOURCE:
        json_object_set_new(object, "source", source_value(event->source));
        break;
    case DDM_EVENT_NOTICE:
        json_object_set_new(object, "text", text_value(event->text));
        break;
    case DDM_EVENT_ERROR:
        add_error(object, event->error, event->part);
        break;
    }
    char *text = json_dumps(object, ENCODE_FLAGS);
    json_decref(object);
    return text;
}

char *event_encode_error(const char *url, const struct ddm_error *error, int64_t time)
{
    const struct ddm_event event = {
        .type = DDM_EVENT_ERROR,
        .url = url,
        .size = DDM_SIZE_UNKNOWN,
        .error = error,
    };
    return event_encode(&event, time);
}
