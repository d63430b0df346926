/* SPDX-License-Identifier: MIT */
/* A message is a table: each row ties a name in the JSON to a member of the struct, with its type,
 * its bounds and whether it must be there. One encoder and one decoder walk the tables:
 *
 *     struct ──encode(table)──▶ JSON object ──text──▶ … ──▶ JSON object ──decode(table)──▶ struct
 *
 * What goes beyond single members (a list) is checked in the function of the message.
 * A number that equals its `absent` and a text that is empty are left out, unless required. */
#include "swarm/messages.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "swarm/headers.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define DAY 86400

enum kind { TEXT, U16, U32, U64 };

struct field {
    const char *name;
    enum kind kind;
    bool required;
    size_t offset, size;             /* of the member */
    uint64_t min, max, absent;       /* numbers */
    bool (*valid)(const char *text); /* texts: besides their size */
};

#define TEXT_FIELD(name, type, member, required, valid)                                            \
    {                                                                                              \
        name, TEXT, required, offsetof(type, member), sizeof(((type *)0)->member), 0, 0, 0, valid  \
    }
#define NUMBER_FIELD(name, kind, type, member, required, min, max, absent)                         \
    {                                                                                              \
        name, kind, required, offsetof(type, member), 0, min, max, absent, NULL                    \
    }

/* --- what texts may be --- */

bool message_text_valid(const char *text)
{
    uint32_t code;
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        n = str_utf8_next(text, left, &code);
        if (n == 0 || str_is_control(code))
            return false;
    }
    return true;
}

static bool is_of(const char *text, const char *alphabet)
{
    return *text && text[strspn(text, alphabet)] == '\0';
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

bool message_id_valid(const char *text)
{
    return is_of(text, LOWER UPPER DIGITS "_-") && strlen(text) < MESSAGE_ID_SIZE;
}

static bool is_code(const char *text)
{
    return is_of(text, LOWER DIGITS "_-");
}

static bool is_host(const char *text)
{
    struct address address;
    return *text && address_parse(&address, text, 0, NULL) == 0 && strcmp(address.host, text) == 0;
}

static bool is_url(const char *text)
{
    return *text && message_text_valid(text) && !strchr(text, ' ');
}

/* --- the tables --- */

static const struct field announce_fields[] = {
    NUMBER_FIELD("port", U16, struct message_announce, port, true, 1, UINT16_MAX, 0),
    TEXT_FIELD("host_id", struct message_announce, host_id, true, message_id_valid),
    TEXT_FIELD("address", struct message_announce, address, false, is_host),
    TEXT_FIELD("version", struct message_announce, version, false, message_text_valid),
    NUMBER_FIELD("rate", U64, struct message_announce, rate, false, 0, INT64_MAX, 0),
    NUMBER_FIELD("load", U32, struct message_announce, load, false, 0, UINT32_MAX, 0),
    {},
};

static const struct field announced_fields[] = {
    NUMBER_FIELD("interval", U32, struct message_announced, interval, true, 1, DAY, 0),
    NUMBER_FIELD("ttl", U32, struct message_announced, ttl, true, 1, DAY, 0),
    {},
};

/* Without "age_ms", whose unit is another. */
static const struct field peer_fields[] = {
    TEXT_FIELD("id", struct message_peer, id, true, message_id_valid),
    TEXT_FIELD("address", struct message_peer, at.host, true, is_host),
    NUMBER_FIELD("port", U16, struct message_peer, at.port, true, 1, UINT16_MAX, 0),
    TEXT_FIELD("host_id", struct message_peer, announce.host_id, true, message_id_valid),
    TEXT_FIELD("version", struct message_peer, announce.version, false, message_text_valid),
    NUMBER_FIELD("rate", U64, struct message_peer, announce.rate, false, 0, INT64_MAX, 0),
    NUMBER_FIELD("load", U32, struct message_peer, announce.load, false, 0, UINT32_MAX, 0),
    NUMBER_FIELD("reports", U32, struct message_peer, reports, false, 0, UINT32_MAX, 0),
    {},
};

/* Without "headers", which are an object. */
static const struct field fetch_fields[] = {
    TEXT_FIELD("url", struct message_fetch, url, true, is_url),
    NUMBER_FIELD("begin", U64, struct message_fetch, begin, true, 0, INT64_MAX, 0),
    NUMBER_FIELD("end", U64, struct message_fetch, end, true, 1, INT64_MAX, 0),
    NUMBER_FIELD("size", U64, struct message_fetch, size, false, 1, INT64_MAX, DDM_SIZE_UNKNOWN),
    TEXT_FIELD("etag", struct message_fetch, etag, false, message_text_valid),
    TEXT_FIELD("last_modified", struct message_fetch, last_modified, false, message_text_valid),
    NUMBER_FIELD("uplink", U32, struct message_fetch, uplink, false, 0, DDM_INTERFACES_MAX - 1, 0),
    {},
};

static const struct field report_fields[] = {
    TEXT_FIELD("reporter", struct message_report, reporter, true, message_id_valid),
    TEXT_FIELD("reason", struct message_report, reason, true, is_code),
    {},
};

/* --- walking them --- */

static uint64_t load_number(const struct field *field, const void *member)
{
    return field->kind == U16   ? *(const uint16_t *)member
           : field->kind == U32 ? *(const uint32_t *)member
                                : *(const uint64_t *)member;
}

static void store_number(const struct field *field, void *member, uint64_t value)
{
    if (field->kind == U16)
        *(uint16_t *)member = (uint16_t)value;
    else if (field->kind == U32)
        *(uint32_t *)member = (uint32_t)value;
    else
        *(uint64_t *)member = value;
}

static json_t *number(uint64_t value)
{
    return value <= INT64_MAX ? json_integer((json_int_t)value) : NULL;
}

/* A new object, or NULL. */
static json_t *encode(const struct field *field, const void *message)
{
    json_t *object = json_object();
    for (; object && field->name; field++) {
        const char *member = (const char *)message + field->offset;
        bool text = field->kind == TEXT;
        if (!field->required && (text ? !*member : load_number(field, member) == field->absent))
            continue;
        json_t *value = text ? json_string(member) : number(load_number(field, member));
        if (json_object_set_new(object, field->name, value) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static int decode_text(const struct field *field, char *member, const json_t *value,
                       struct ddm_error *err)
{
    const char *text = json_string_value(value);
    if (!text)
        return error_set(err, DDM_E_USAGE, "\"%s\" must be a string", field->name);
    if (json_string_length(value) >= field->size)
        return error_set(err, DDM_E_USAGE, "\"%s\" is too long", field->name);
    if ((*text || field->required) && !field->valid(text))
        return error_set(err, DDM_E_USAGE, "\"%s\" has a value that is not allowed", field->name);
    str_copy(member, field->size, text);
    return 0;
}

static int decode_number(const struct field *field, char *member, const json_t *value,
                         struct ddm_error *err)
{
    if (!json_is_integer(value))
        return error_set(err, DDM_E_USAGE, "\"%s\" must be a whole number", field->name);
    json_int_t n = json_integer_value(value);
    if (n < 0 || (uint64_t)n < field->min || (uint64_t)n > field->max)
        return error_set(err, DDM_E_USAGE, "\"%s\" must be between %" PRIu64 " and %" PRIu64,
                         field->name, field->min, field->max);
    store_number(field, member, (uint64_t)n);
    return 0;
}

/* *message may be half filled on failure. */
static int decode(const struct field *field, void *message, const json_t *object,
                  struct ddm_error *err)
{
    if (!json_is_object(object))
        return error_set(err, DDM_E_USAGE, "a JSON object was expected");
    for (; field->name; field++) {
        char *member = (char *)message + field->offset;
        const json_t *value = json_object_get(object, field->name);
        int r = 0;
        if (!value && field->required)
            return error_set(err, DDM_E_USAGE, "\"%s\" is missing", field->name);
        if (!value && field->kind != TEXT)
            store_number(field, member, field->absent);
        else if (value && field->kind == TEXT)
            r = decode_text(field, member, value, err);
        else if (value)
            r = decode_number(field, member, value, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Text to JSON, or NULL and why. */
static json_t *parse(const char *text, size_t length, struct ddm_error *err)
{
    json_error_t why;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    if (!json) {
        char clean[sizeof why.text];
        char *near = strstr(why.text, " near "); /* what it quotes may be a secret */
        if (near)
            *near = '\0';
        error_set(err, DDM_E_USAGE, "not JSON: line %d: %s", why.line,
                  str_printable(clean, sizeof clean, why.text));
    }
    return json;
}

/* Takes over the object, which may be NULL. */
static char *finish(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* --- the messages --- */

char *message_origin_error(const char *code, const char *message, long origin_status,
                           int64_t retry_after)
{
    char clean[sizeof((struct message_error *)0)->message];
    str_printable(clean, sizeof clean, message);
    json_t *object = json_pack("{s:s, s:s}", "error", code, "message", clean);
    if (object && origin_status)
        json_object_set_new(object, "status", json_integer(origin_status));
    if (object && retry_after > 0)
        json_object_set_new(object, "retry_after", json_integer((retry_after - 1) / SEC + 1));
    return finish(object);
}

char *message_error(const char *code, const char *message)
{
    return message_origin_error(code, message, 0, 0);
}

bool message_error_decode(struct message_error *ret, const char *json, size_t length)
{
    json_auto_t *object = parse(json, length, NULL);
    const char *code = json_string_value(json_object_get(object, "error"));
    const char *message = json_string_value(json_object_get(object, "message"));
    if (!code || !is_code(code) || strlen(code) >= sizeof ret->code)
        return false;
    struct message_error result = {};
    str_copy(result.code, sizeof result.code, code);
    str_printable(result.message, sizeof result.message, message ? message : "");
    json_int_t status = json_integer_value(json_object_get(object, "status"));
    json_int_t retry_after = json_integer_value(json_object_get(object, "retry_after"));
    result.origin_status = status >= 100 && status <= 999 ? (long)status : 0;
    result.retry_after = retry_after > 0 ? MIN(retry_after, (json_int_t)DAY) * SEC : 0;
    *ret = result;
    return true;
}

char *message_announce_encode(const struct message_announce *announce)
{
    return finish(encode(announce_fields, announce));
}

int message_announce_decode(struct message_announce *ret, const char *json, size_t length,
                            struct ddm_error *err)
{
    struct message_announce result = {};
    json_auto_t *object = parse(json, length, err);
    int r = object ? decode(announce_fields, &result, object, err) : -DDM_E_USAGE;
    if (r == 0)
        *ret = result;
    return r;
}

char *message_announced_encode(const struct message_announced *announced)
{
    return finish(encode(announced_fields, announced));
}

int message_announced_decode(struct message_announced *ret, const char *json, size_t length,
                             struct ddm_error *err)
{
    struct message_announced result = {};
    json_auto_t *object = parse(json, length, err);
    int r = object ? decode(announced_fields, &result, object, err) : -DDM_E_USAGE;
    if (r == 0)
        *ret = result;
    return r;
}

/* Without memory: NULL. */
static json_t *encode_peers(const struct message_peer *peers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < count; i++) {
        json_t *peer = encode(peer_fields, &peers[i]);
        json_int_t age = MAX(peers[i].age, (int64_t)0) / MSEC;
        if (!peer || json_object_set_new(peer, "age_ms", json_integer(age)) < 0 ||
            json_array_append(list, peer) < 0) {
            json_decref(list);
            list = NULL;
        }
        json_decref(peer);
    }
    return list;
}

char *message_peers_encode(const struct message_peer *peers, size_t count)
{
    return finish(json_pack("{s:o}", "peers", encode_peers(peers, count)));
}

static int decode_peer(struct message_peer *ret, const json_t *object)
{
    int r = decode(peer_fields, ret, object, NULL);
    json_int_t age = json_integer_value(json_object_get(object, "age_ms"));
    ret->age = age > 0 ? MIN(age, (json_int_t)DAY * 1000) * MSEC : 0;
    ret->announce.port = ret->at.port;
    return r;
}

int message_peers_decode(struct message_peer **ret, size_t *ret_count, const char *json,
                         size_t length, struct ddm_error *err)
{
    json_auto_t *object = parse(json, length, err);
    if (!object)
        return -DDM_E_USAGE;
    const json_t *list = json_object_get(object, "peers");
    if (!json_is_array(list))
        return error_set(err, DDM_E_USAGE, "\"peers\" must be a list");
    size_t count = 0;
    struct message_peer *peers = calloc(json_array_size(list) + 1, sizeof *peers);
    if (!peers)
        return error_memory(err);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct message_peer peer = {};
        if (decode_peer(&peer, json_array_get(list, i)) == 0)
            peers[count++] = peer;
    }
    *ret = peers;
    *ret_count = count;
    return 0;
}

/* Without memory, or where they are not valid: NULL. */
static json_t *encode_headers(const char *headers)
{
    json_auto_t *object = json_object();
    _cleanup_free_ char **lines = headers_split(headers);
    char valid[MESSAGE_HEADERS_SIZE] = "";
    for (char **line = lines; object && line && *line; line++) {
        char *value = strstr(*line, ": ");
        if (!value)
            return NULL;
        *value = '\0';
        if (headers_add(valid, *line, value + 2, NULL) < 0 ||
            json_object_set_new(object, *line, json_string(value + 2)) < 0)
            return NULL;
    }
    return lines ? json_incref(object) : NULL;
}

static int decode_headers(char ret[static MESSAGE_HEADERS_SIZE], json_t *object,
                          struct ddm_error *err)
{
    if (object && !json_is_object(object))
        return error_set(err, DDM_E_USAGE, "\"headers\" must be an object");
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        const char *text = json_string_value(json_object_iter_value(i));
        int r = headers_add(ret, json_object_iter_key(i), text ? text : "", err);
        if (r < 0)
            return r;
    }
    return 0;
}

char *message_fetch_encode(const struct message_fetch *fetch)
{
    json_t *object = encode(fetch_fields, fetch);
    if (object && *fetch->headers &&
        json_object_set_new(object, "headers", encode_headers(fetch->headers)) < 0) {
        json_decref(object);
        return NULL;
    }
    return finish(object);
}

int message_fetch_decode(struct message_fetch *ret, const char *json, size_t length,
                         struct ddm_error *err)
{
    struct message_fetch result = {};
    json_auto_t *object = parse(json, length, err);
    int r = object ? decode(fetch_fields, &result, object, err) : -DDM_E_USAGE;
    if (r == 0)
        r = decode_headers(result.headers, json_object_get(object, "headers"), err);
    if (r < 0)
        return r;
    *ret = result;
    return 0;
}

char *message_report_encode(const struct message_report *report)
{
    return finish(encode(report_fields, report));
}

int message_report_decode(struct message_report *ret, const char *json, size_t length,
                          struct ddm_error *err)
{
    struct message_report result = {};
    json_auto_t *object = parse(json, length, err);
    int r = object ? decode(report_fields, &result, object, err) : -DDM_E_USAGE;
    if (r == 0)
        *ret = result;
    return r;
}

char *message_tracker_status_encode(const struct message_tracker_status *s)
{
    return finish(json_pack("{s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "role", "tracker",
                            "version", s->version, "uptime", (json_int_t)(s->uptime / SEC), "ttl",
                            (json_int_t)s->ttl, "connections", (json_int_t)s->connections,
                            "memory_limit", number(s->memory_limit), "reports", number(s->reports),
                            "peers", encode_peers(s->peers, s->peer_count)));
}

/* Without memory: NULL. */
static json_t *encode_texts(const char *const *texts)
{
    json_t *list = json_array();
    for (; list && texts && *texts; texts++)
        if (json_array_append_new(list, json_string(*texts)) < 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *encode_limits(const struct message_peer_status *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "places", (json_int_t)s->limits.places,
                     "clients", (json_int_t)s->limits.clients, "connections",
                     (json_int_t)s->limits.connections, "max_connections",
                     (json_int_t)s->limits.max_connections, "rate", number(s->limits.rate),
                     "rate_lan", number(s->limits.rate_lan), "memory", number(s->limits.memory));
}

static json_t *encode_cache(const struct message_cache *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "bytes", number(c->bytes), "limit",
                     number(c->limit), "objects", number(c->objects), "hits", number(c->hits),
                     "loaded", number(c->loaded), "evicted", number(c->evicted), "failed",
                     number(c->failed), "skipped", number(c->skipped));
}

char *message_peer_status_encode(const struct message_peer_status *s)
{
    return finish(
        json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s?, s:o, s:o}",
                  "role", "peer", "version", s->version, "host_id", s->host_id, "interfaces",
                  encode_texts(s->interfaces), "uptime", (json_int_t)(s->uptime / SEC), "active",
                  (json_int_t)s->active, "requests", number(s->requests), "served",
                  number(s->served), "fetched", number(s->fetched), "rate", number(s->rate),
                  "stored", number(s->stored), "store_limit", number(s->store_limit), "closed",
                  s->closed, "limits", encode_limits(s), "cache", encode_cache(&s->cache)));
}
