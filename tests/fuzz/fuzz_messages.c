/* SPDX-License-Identifier: MIT */
/* Every decoder of messages, on the same bytes. What one takes must keep the promises of its
 * struct, and must come out the same after another turn through encoder and decoder. */
#include "base/str.h"
#include "swarm/headers.h"
#include "swarm/messages.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void require_clean(const char *text, size_t size)
{
    size_t left = strnlen(text, size);
    require(left < size);
    for (size_t n; left > 0; text += n, left -= n) {
        uint32_t code;
        n = str_utf8_next(text, left, &code);
        require(n > 0 && !str_is_control(code));
    }
}

static void check_error(const char *json, size_t length)
{
    struct message_error e;
    if (!message_error_decode(&e, json, length))
        return;
    require_clean(e.code, sizeof e.code);
    require_clean(e.message, sizeof e.message);
    require(*e.code && e.retry_after >= 0 && e.origin_status >= 0 && e.origin_status <= 999);
    char *again = message_origin_error(e.code, e.message, e.origin_status, e.retry_after);
    struct message_error f;
    require(again && message_error_decode(&f, again, strlen(again)));
    require(strcmp(e.message, f.message) == 0 && e.origin_status == f.origin_status &&
            e.retry_after == f.retry_after);
    free(again);
}

static void check_announce(const char *json, size_t length)
{
    struct message_announce a, b;
    struct ddm_error err;
    if (message_announce_decode(&a, json, length, &err) < 0) {
        require(err.code == DDM_E_USAGE);
        require_clean(err.message, sizeof err.message);
        return;
    }
    require(a.port > 0 && message_id_valid(a.host_id) && a.rate <= INT64_MAX);
    require_clean(a.version, sizeof a.version);
    require(!strpbrk(a.address, "/@?# []"));
    char *again = message_announce_encode(&a);
    require(again && message_announce_decode(&b, again, strlen(again), NULL) == 0);
    require(a.port == b.port && a.rate == b.rate && a.load == b.load &&
            strcmp(a.host_id, b.host_id) == 0 && strcmp(a.address, b.address) == 0 &&
            strcmp(a.version, b.version) == 0);
    free(again);
}

static void check_announced(const char *json, size_t length)
{
    struct message_announced a, b;
    if (message_announced_decode(&a, json, length, NULL) < 0)
        return;
    require(a.interval > 0 && a.ttl > 0);
    char *again = message_announced_encode(&a);
    require(again && message_announced_decode(&b, again, strlen(again), NULL) == 0);
    require(a.interval == b.interval && a.ttl == b.ttl);
    free(again);
}

static void check_peers(const char *json, size_t length)
{
    struct message_peer *a = NULL, *b = NULL;
    size_t count = 0, count_again = 0;
    if (message_peers_decode(&a, &count, json, length, NULL) < 0) {
        require(!a);
        return;
    }
    for (size_t i = 0; i < count; i++)
        require(message_id_valid(a[i].id) && *a[i].at.host && a[i].at.port > 0 && a[i].age >= 0);
    char *again = message_peers_encode(a, count);
    require(again && message_peers_decode(&b, &count_again, again, strlen(again), NULL) == 0);
    require(count == count_again);
    for (size_t i = 0; i < count; i++)
        require(strcmp(a[i].id, b[i].id) == 0 && strcmp(a[i].at.host, b[i].at.host) == 0 &&
                a[i].at.port == b[i].at.port && a[i].age == b[i].age &&
                a[i].reports == b[i].reports);
    free(again);
    free(a);
    free(b);
}

/* What goes to origins: a name and a value a line, nothing that could begin another. */
static void check_headers(const char *headers)
{
    char sorted[MESSAGE_HEADERS_SIZE] = "";
    char **lines = headers_split(headers);
    require(lines && (!*headers || headers[strlen(headers) - 1] == '\n'));
    for (char **line = lines; *line; line++) {
        require_clean(*line, MESSAGE_HEADERS_SIZE);
        char *value = strstr(*line, ": ");
        require(value && value[2]);
        *value = '\0';
        require(!**line || !strchr(*line, ' '));
        require(strcasecmp(*line, "Host") != 0 && strncasecmp(*line, "If-", 3) != 0);
        require(headers_add(sorted, *line, value + 2, NULL) == 0);
    }
    require(strcmp(sorted, headers) == 0);
    free(lines);
}

static void check_fetch(const char *json, size_t length)
{
    static struct message_fetch a, b;
    if (message_fetch_decode(&a, json, length, NULL) < 0)
        return;
    require(*a.url && !strchr(a.url, ' '));
    require_clean(a.url, sizeof a.url);
    require_clean(a.etag, sizeof a.etag);
    require_clean(a.last_modified, sizeof a.last_modified);
    require(a.begin <= INT64_MAX && a.end <= INT64_MAX && a.uplink < DDM_INTERFACES_MAX);
    check_headers(a.headers);
    char *again = message_fetch_encode(&a);
    require(again && message_fetch_decode(&b, again, strlen(again), NULL) == 0);
    require(strcmp(a.url, b.url) == 0 && a.begin == b.begin && a.end == b.end && a.size == b.size &&
            a.uplink == b.uplink && strcmp(a.etag, b.etag) == 0 &&
            strcmp(a.last_modified, b.last_modified) == 0 && strcmp(a.headers, b.headers) == 0);
    free(again);
}

static void check_report(const char *json, size_t length)
{
    struct message_report a, b;
    if (message_report_decode(&a, json, length, NULL) < 0)
        return;
    require(message_id_valid(a.reporter) && *a.reason);
    require_clean(a.reason, sizeof a.reason);
    char *again = message_report_encode(&a);
    require(again && message_report_decode(&b, again, strlen(again), NULL) == 0);
    require(strcmp(a.reporter, b.reporter) == 0 && strcmp(a.reason, b.reason) == 0);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_error((const char *)data, size);
    check_announce((const char *)data, size);
    check_announced((const char *)data, size);
    check_peers((const char *)data, size);
    check_fetch((const char *)data, size);
    check_report((const char *)data, size);
    return 0;
}
