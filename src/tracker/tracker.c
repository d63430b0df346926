/* SPDX-License-Identifier: MIT */
/* The daemon around the registry: HTTP in front, the clock behind.
 *
 *     PUT, DELETE, GET ─▶ handlers ─▶ registry ◀─ expire, every second
 *     SIGINT, SIGTERM ─▶ loop_stop ─▶ all is freed, exit code 0
 *
 * Every reply is made at once; there is nothing to finish at the end. */
#include "tracker/tracker.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "io/httpd.h"
#include "io/loop.h"
#include "io/sandbox.h"
#include "io/socket.h"
#include "swarm/messages.h"
#include "tracker/registry.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXPIRE_EVERY   (1 * SEC)
#define OBJECT_KEY_MAX 256
#define JSON           "application/json"
#define PROGRAM        (28 * MIB) /* and its libraries, of which most is never touched */
#define SLACK          8          /* 1/8 of what is allocated lies between the rest */

struct tracker {
    struct loop *loop;
    struct httpd *httpd;
    struct registry *registry;
    struct membership *membership;
    struct loop_timer *expiry;
    struct loop_signal *on_int, *on_term;
    uint32_t ttl; /* s */
    int64_t started;
    struct {
        uint64_t announces, lists, joins, leaves, expiries, reports;
    } counts;
};

/* "ID at HOST:PORT", for the log. */
static const char *describe(char out[static ADDRESS_TEXT_SIZE + MESSAGE_ID_SIZE + 8],
                            const char *id, const struct address *at)
{
    char text[ADDRESS_TEXT_SIZE];
    snprintf(out, ADDRESS_TEXT_SIZE + MESSAGE_ID_SIZE + 8, "%s at %s", id,
             address_format(text, at));
    return out;
}

#define DESCRIBE(id, at) describe((char[ADDRESS_TEXT_SIZE + MESSAGE_ID_SIZE + 8]){ 0 }, id, at)

/* `json` is malloc'ed, or NULL where the memory ran out. */
static void reply_json(struct httpd_request *request, char *json)
{
    if (json)
        httpd_reply(request, 200, JSON, json);
    else
        httpd_reply_error(request, 500, "memory", "out of memory");
}

/* The id in the path; NULL where it is none, and the request is answered then. A member speaks for
 * itself only, except that it may report others. */
static const char *peer_id(struct httpd_request *request, bool own)
{
    const char *id = httpd_segment(request), *member = httpd_member(request);
    if (own && member && message_id_valid(id) && strcmp(id, member) != 0) {
        httpd_reply_error(request, 403, "not_you", "your certificate is of node %s", member);
        return NULL;
    }
    if (message_id_valid(id))
        return id;
    httpd_reply_error(request, 400, "bad_id", "a peer's id is 1 to %d of A-Z a-z 0-9 _ -",
                      MESSAGE_ID_SIZE - 1);
    return NULL;
}

static void log_news(struct tracker *t, const char *id, const struct registry_news *news)
{
    if (*news->replaced)
        log_info("tracker", "peer %s is gone: replaced by %s", news->replaced, id);
    if (news->joined)
        log_info("tracker", "peer %s joined", DESCRIBE(id, &news->at));
    else if (news->moved)
        log_info("tracker", "peer %s moved there", DESCRIBE(id, &news->at));
    t->counts.joins += news->joined;
}

static void put_peer(void *arg, struct httpd_request *request)
{
    struct tracker *t = arg;
    struct message_announce announce;
    struct registry_news news;
    struct ddm_error err;
    char remote[ADDRESS_HOST_SIZE];
    size_t length;
    const char *body = httpd_body(request, &length), *id = peer_id(request, true);
    if (!id)
        return;
    if (message_announce_decode(&announce, body, length, &err) < 0) {
        httpd_reply_error(request, 400, "bad_request", "%s", err.message);
        return;
    }
    socket_host(remote, httpd_remote(request));
    if (registry_announce(t->registry, id, &announce, remote, loop_now(), &news) < 0) {
        log_warn("tracker", "no room for peer %s", id);
        httpd_reply_error(request, 503, "full", "there are %d peers already", REGISTRY_MAX_PEERS);
        return;
    }
    t->counts.announces++;
    log_news(t, id, &news);
    struct message_announced answer = { .interval = MAX(t->ttl / 3, 1u), .ttl = t->ttl };
    reply_json(request, message_announced_encode(&answer));
}

static void delete_peer(void *arg, struct httpd_request *request)
{
    struct tracker *t = arg;
    struct address at;
    const char *id = peer_id(request, true);
    if (!id)
        return;
    if (registry_remove(t->registry, id, &at)) {
        t->counts.leaves++;
        log_info("tracker", "peer %s left", DESCRIBE(id, &at));
    }
    httpd_reply(request, 204, NULL, NULL);
}

/* Who reports is who is at the other end, by its address: whoever has the key can have any number
 * of names. */
static void post_report(void *arg, struct httpd_request *request)
{
    struct tracker *t = arg;
    struct message_report report;
    struct message_peer peer;
    struct ddm_error err;
    char remote[ADDRESS_HOST_SIZE];
    bool is_new;
    size_t length;
    const char *body = httpd_body(request, &length), *id = peer_id(request, false);
    if (!id)
        return;
    if (message_report_decode(&report, body, length, &err) < 0) {
        httpd_reply_error(request, 400, "bad_request", "%s", err.message);
        return;
    }
    socket_host(remote, httpd_remote(request));
    if (!registry_report(t->registry, id, remote, loop_now(), &is_new, &peer)) {
        httpd_reply_error(request, 404, "unknown_peer", "there is no peer %s", id);
        return;
    }
    t->counts.reports += is_new;
    if (is_new)
        log_warn("tracker", "peer %s was reported by %s (%s): %s; %u reported it so far",
                 DESCRIBE(id, &peer.at), remote, report.reporter, report.reason, peer.reports);
    httpd_reply(request, 204, NULL, NULL);
}

static void get_peers(void *arg, struct httpd_request *request)
{
    struct tracker *t = arg;
    _cleanup_free_ struct message_peer *peers = NULL;
    size_t count;
    uint64_t limit = REGISTRY_ALL;
    const char *key = httpd_query(request, "object"), *text = httpd_query(request, "limit");
    if (text && str_to_u64(text, &limit) < 0) {
        httpd_reply_error(request, 400, "bad_limit", "\"limit\" must be a whole number");
        return;
    }
    if (key && (strlen(key) > OBJECT_KEY_MAX || !message_text_valid(key))) {
        httpd_reply_error(request, 400, "bad_object",
                          "\"object\" has at most %d bytes, and no control characters",
                          OBJECT_KEY_MAX);
        return;
    }
    t->counts.lists++;
    char *json = NULL;
    if (registry_list(t->registry, key, MIN(limit, (uint64_t)REGISTRY_ALL), loop_now(), &peers,
                      &count) == 0)
        json = message_peers_encode(peers, count);
    reply_json(request, json);
}

static uint64_t memory_bound(const struct tracker *t)
{
    uint64_t allocated = httpd_memory(t->httpd) + registry_memory();
    return PROGRAM + allocated + allocated / SLACK;
}

static void get_status(void *arg, struct httpd_request *request)
{
    struct tracker *t = arg;
    _cleanup_free_ struct message_peer *peers = NULL;
    int64_t now = loop_now();
    struct httpd_counters http;
    httpd_count(t->httpd, &http);
    struct message_tracker_status status = { .connections = http.connections,
                                             .memory_limit = memory_bound(t),
                                             .version = DDM_VERSION,
                                             .uptime = now - t->started,
                                             .ttl = t->ttl,
                                             .reports = t->counts.reports };
    char *json = NULL;
    if (registry_list(t->registry, NULL, REGISTRY_ALL, now, &peers, &status.peer_count) == 0) {
        status.peers = peers;
        json = message_tracker_status_encode(&status);
    }
    reply_json(request, json);
}

static void get_metrics(void *arg, struct httpd_request *request)
{
    struct tracker *t = arg;
    int64_t now = loop_now();
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        reply_json(request, NULL);
        return;
    }
    struct httpd_counters http;
    httpd_count(t->httpd, &http);
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        { "connections", "gauge", "Connections that are open.", http.connections },
        { "connections_refused_total", "counter", "There was no room for them.", http.refused },
        { "connections_ended_total", "counter", "Took too long, or made room.", http.ended },
        { "memory_limit_bytes", "gauge", "No more will ever be needed.", memory_bound(t) },
        { "peers", "gauge", "Peers that are alive.", registry_count(t->registry, now) },
        { "uptime_seconds", "gauge", "Since the start.", (uint64_t)((now - t->started) / SEC) },
        { "announces_total", "counter", "Announces and heartbeats taken.", t->counts.announces },
        { "lists_total", "counter", "Lists of peers given out.", t->counts.lists },
        { "joins_total", "counter", "Peers that joined.", t->counts.joins },
        { "leaves_total", "counter", "Peers that left by themselves.", t->counts.leaves },
        { "expiries_total", "counter", "Peers that were not heard of.", t->counts.expiries },
        { "reports_total", "counter", "Reports of wrong bytes.", t->counts.reports },
    };
    fprintf(out, "# HELP ddm_build_info What runs here.\n# TYPE ddm_build_info gauge\n"
                 "ddm_build_info{role=\"tracker\",version=\"" DDM_VERSION "\"} 1\n");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        fprintf(
            out, "# HELP ddm_tracker_%s %s\n# TYPE ddm_tracker_%s %s\nddm_tracker_%s %" PRIu64 "\n",
            rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name, rows[i].value);
    bool failed = fclose(out) != 0;
    if (failed)
        free(TAKE(text));
    if (text)
        httpd_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", text);
    else
        reply_json(request, NULL);
}

static void get_healthz(void *arg, struct httpd_request *request)
{
    reply_json(request, strdup("{\"status\":\"ok\"}"));
}

static const struct httpd_route routes[] = {
    { "PUT", "/v1/peers/{}", MESSAGE_BODY_MAX, put_peer },
    { "DELETE", "/v1/peers/{}", 0, delete_peer },
    { "POST", "/v1/peers/{}/reports", MESSAGE_BODY_MAX, post_report },
    { "GET", "/v1/peers", 0, get_peers },
    { "GET", "/v1/status", 0, get_status },
    { "GET", "/v1/metrics", 0, get_metrics },
    { "GET", "/v1/healthz", 0, get_healthz },
    { "GET", "/status", 0, get_status },
    { "GET", "/metrics", 0, get_metrics },
    { "GET", "/healthz", 0, get_healthz },
    {},
};

static void expire(void *arg)
{
    struct tracker *t = arg;
    struct message_peer peer;
    int64_t now = loop_now();
    while (registry_expire(t->registry, now, &peer)) {
        t->counts.expiries++;
        log_info("tracker", "peer %s is gone: not heard of for %" PRId64 " s",
                 DESCRIBE(peer.id, &peer.at), peer.age / SEC);
    }
}

static void stop(void *arg, int number)
{
    struct tracker *t = arg;
    log_info("tracker", "ending: %s", strsignal(number));
    loop_stop(t->loop);
}

static void tracker_release(struct tracker *t)
{
    httpd_free(t->httpd);
    if (t->membership)
        membership_watch(t->membership, NULL);
    loop_timer_free(t->expiry);
    loop_signal_free(t->on_int);
    loop_signal_free(t->on_term);
    loop_free(t->loop);
    registry_free(t->registry);
}

static int prepare(struct tracker *t, struct ddm_error *err)
{
    t->registry = registry_new(t->ttl * SEC);
    if (!t->registry || loop_new(&t->loop) < 0)
        return error_memory(err);
    if (loop_timer_new(&t->expiry, t->loop, expire, t) < 0 ||
        loop_signal_new(&t->on_int, t->loop, SIGINT, stop, t) < 0 ||
        loop_signal_new(&t->on_term, t->loop, SIGTERM, stop, t) < 0)
        return error_memory(err);
    if (t->membership && membership_watch(t->membership, t->loop) < 0)
        return error_memory(err);
    t->started = loop_now();
    loop_timer_start(t->expiry, EXPIRE_EVERY, true);
    return 0;
}

static int listen_on(struct tracker *t, const struct tracker_options *options,
                     struct ddm_error *err)
{
    struct sockaddr_storage listen;
    struct httpd_config config = { .routes = routes,
                                   .arg = t,
                                   .error_body = message_error,
                                   .max_connections = options->max_connections,
                                   .tls = membership_tls(t->membership) };
    int r = socket_resolve_listen(&listen, &config.listen_length, &options->listen, err);
    if (r < 0)
        return r;
    config.listen = (const struct sockaddr *)&listen;
    r = httpd_new(&t->httpd, t->loop, &config, err);
    if (r < 0)
        return r;
    struct address at = { .port = httpd_port(t->httpd) };
    char text[ADDRESS_TEXT_SIZE];
    socket_host(at.host, config.listen);
    log_info("tracker", "listening on %s", address_format(text, &at));
    log_info("tracker", "memory: at most %llu MiB",
             (unsigned long long)((memory_bound(t) + MIB - 1) / MIB));
    return 0;
}

/* Certificates are renewed in the state folder. */
static int enter_sandbox(const struct tracker *t, struct ddm_error *err)
{
    const char *const writable[] = { t->membership ? membership_folder(t->membership) : NULL,
                                     NULL };
    return sandbox_enter(&(struct sandbox_config){ .name = "tracker", .writable = writable }, err);
}

enum ddm_code tracker_run(const struct tracker_options *options, struct ddm_error *err)
{
    _cleanup_(tracker_release) struct tracker t = { .ttl = MAX(options->ttl, 1u),
                                                    .membership = options->membership };
    int r = prepare(&t, err);
    if (r == 0)
        r = listen_on(&t, options, err);
    if (r == 0)
        r = enter_sandbox(&t, err);
    if (r < 0)
        return (enum ddm_code) - r;
    loop_run(t.loop);
    return DDM_OK;
}
