/* SPDX-License-Identifier: MIT */
/* The only file of the command line that knows jansson. */
#include "cli/events.h"

#include "base/str.h"
#include "base/util.h"

#include <jansson.h>
#include <string.h>

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
    int64_t milliseconds = ns / MSEC;
    return json_real((double)milliseconds / 1000);
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

static void add_error(json_t *object, const struct ddm_event *event)
{
    const struct ddm_error *error = event->error;
    json_object_set_new(object, "code", json_string(ddm_code_name(error->code)));
    json_object_set_new(object, "exit", json_integer(error->code));
    json_object_set_new(object, "message", text_value(error->message));
    json_object_set_new(object, "part", text_value(event->part));
    json_object_set_new(object, "resumable", json_boolean(event->resumable));
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
    json_object_set_new(object, "restored", number_value(event->restored));
    json_object_set_new(object, "wasted", number_value(event->wasted));
    json_object_set_new(object, "rate", number_value(event->rate));
    switch (event->type) {
    case DDM_EVENT_DONE:
        json_object_set_new(object, "already", json_boolean(event->already));
        add_sources(object, event);
        break;
    case DDM_EVENT_START:
    case DDM_EVENT_PROGRESS:
        add_sources(object, event);
        break;
    case DDM_EVENT_SOURCE:
        json_object_set_new(object, "source", source_value(event->source));
        break;
    case DDM_EVENT_NOTICE:
        json_object_set_new(object, "text", text_value(event->text));
        break;
    case DDM_EVENT_ERROR:
        add_error(object, event);
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

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static uint64_t number_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number > 0 ? (uint64_t)number : 0;
}

static void read_source(struct ddm_source_info *ret, const json_t *object)
{
    const char *kind = text_of(object, "kind"), *state = text_of(object, "state");
    const char *name = text_of(object, "name");
    *ret = (struct ddm_source_info){
        .name = name ? name : "",
        .kind = kind && strcmp(kind, "peer") == 0 ? DDM_SOURCE_PEER : DDM_SOURCE_ORIGIN,
        .bytes = number_of(object, "bytes"),
        .rate = number_of(object, "rate"),
        .shares_own = json_is_true(json_object_get(object, "shares_own")),
        .why = text_of(object, "why"),
    };
    for (unsigned i = DDM_SOURCE_IDLE; state && i <= DDM_SOURCE_EXCLUDED; i++)
        if (strcmp(state, ddm_source_state_name((enum ddm_source_state)i)) == 0)
            ret->state = (enum ddm_source_state)i;
}

static int read_sources(struct event_copy *copy, const json_t *array)
{
    size_t count = json_array_size(array);
    if (count == 0)
        return 0;
    copy->sources = calloc(count, sizeof *copy->sources);
    if (!copy->sources)
        return -1;
    for (size_t i = 0; i < count; i++)
        read_source(&copy->sources[i], json_array_get(array, i));
    copy->event.sources = copy->sources;
    copy->event.source_count = count;
    return 0;
}

static int read_type(enum ddm_event_type *ret, const json_t *object)
{
    const char *name = text_of(object, "event");
    for (unsigned i = 0; name && i < ARRAY_SIZE(type_names); i++) {
        if (strcmp(name, type_names[i]) == 0) {
            *ret = (enum ddm_event_type)i;
            return 0;
        }
    }
    return -1;
}

/* What belongs to one type; -1 where that is missing. */
static int read_rest(struct event_copy *copy, const json_t *object)
{
    struct ddm_event *event = &copy->event;
    const char *message = text_of(object, "message");
    const json_t *source = json_object_get(object, "source");
    uint64_t code = number_of(object, "exit");
    event->text = text_of(object, "text");
    event->already = json_is_true(json_object_get(object, "already"));
    event->part = text_of(object, "part");
    event->resumable = json_is_true(json_object_get(object, "resumable"));
    if (json_is_object(source)) {
        read_source(&copy->source, source);
        event->source = &copy->source;
    }
    if (message && code > DDM_OK && code <= DDM_E_PERMISSION) {
        copy->error.code = (enum ddm_code)code;
        str_copy(copy->error.message, sizeof copy->error.message, message);
        event->error = &copy->error;
    }
    if (read_sources(copy, json_object_get(object, "sources")) < 0)
        return -1;
    return (event->type == DDM_EVENT_NOTICE && !event->text) ||
                   (event->type == DDM_EVENT_SOURCE && !event->source) ||
                   (event->type == DDM_EVENT_ERROR && !event->error)
               ? -1
               : 0;
}

struct event_copy *event_decode(const char *line, size_t length)
{
    struct event_copy *copy = calloc(1, sizeof *copy);
    json_t *object = copy ? json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!copy || !json_is_object(object) || read_type(&copy->event.type, object) < 0) {
        json_decref(object);
        free(copy);
        return NULL;
    }
    copy->document = object;
    copy->event.url = text_of(object, "url");
    copy->event.path = text_of(object, "path");
    copy->event.size = json_is_integer(json_object_get(object, "size")) ? number_of(object, "size")
                                                                        : DDM_SIZE_UNKNOWN;
    copy->event.done = number_of(object, "done");
    copy->event.restored = number_of(object, "restored");
    copy->event.wasted = number_of(object, "wasted");
    copy->event.rate = number_of(object, "rate");
    copy->event.elapsed =
        (int64_t)(json_number_value(json_object_get(object, "elapsed")) * (double)SEC);
    return read_rest(copy, object) == 0 ? copy : event_copy_free(copy);
}

struct event_copy *event_copy_free(struct event_copy *copy)
{
    if (copy) {
        json_decref(copy->document);
        free(copy->sources);
        free(copy);
    }
    return NULL;
}
