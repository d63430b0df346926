/* SPDX-License-Identifier: MIT */
/* The daemon around the relay: routes, announcements, signals.
 *
 *     start ─▶ serving ──SIGINT/SIGTERM──▶ leaving: remove sent, no new requests ─▶ end
 *                                          (at most LEAVE_TIME; the second signal ends it at once)
 */
#include "peer/peer.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "io/sandbox.h"
#include "io/socket.h"
#include "peer/bound.h"
#include "peer/cache.h"
#include "peer/opening.h"
#include "peer/relay.h"
#include "swarm/cache_folder.h"
#include "swarm/identity.h"
#include "swarm/tracker_client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define STORE_DEFAULT (16 * MIB)
#define LEAVE_TIME    (10 * SEC) /* for what is being served when the signal comes */
#define LEAVE_POLL    (50 * MSEC)
#define MAX_TRACKERS  8

struct peer {
    const struct peer_options *options;
    char node_id[MESSAGE_ID_SIZE], host_id[MESSAGE_ID_SIZE];
    struct loop *loop;
    struct fetcher *outside; /* origins: every connection is checked by the policy */
    struct fetcher *inside;  /* trackers: a connection pool of its own */
    struct policy *policy;
    char *cache_folder;
    struct cache *cache; /* NULL: what is fetched is kept in memory only */
    struct relay *relay;
    struct httpd *httpd;
    struct opening *opening;
    struct bound bound;
    struct announcer *announcers[MAX_TRACKERS];
    size_t announcer_count;
    struct loop_signal *signals[2];
    struct loop_timer *leave_timer;
    int64_t started, leave_until;
    unsigned leaving; /* removes that are not answered yet */
    bool local_names; /* of trackers: in .local */
};

/* ---- routes ---- */

static void reply_closed(struct peer *peer, struct httpd_request *request)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)opening_wait(peer->opening));
    httpd_set_header(request, "Retry-After", seconds);
    httpd_reply_error(request, 503, "closed", "%s", opening_why_closed(peer->opening));
}

static void handle_fetch(void *arg, struct httpd_request *request)
{
    struct peer *peer = arg;
    struct message_fetch wanted;
    struct ddm_error err;
    size_t length;
    const char *body = httpd_body(request, &length);
    relay_tell_uplinks(peer->relay, request);
    if (peer->leave_until) {
        httpd_set_header(request, "Connection", "close");
        httpd_reply_error(request, 503, "leaving", "this peer is leaving");
    } else if (opening_why_closed(peer->opening)) {
        reply_closed(peer, request);
    } else if (message_fetch_decode(&wanted, body, length, &err) < 0) {
        httpd_reply_error(request, 400, "bad_request", "%s", err.message);
    } else if (wanted.begin >= wanted.end) {
        httpd_reply_error(request, 416, "range", "the range is empty: begin must be below end");
    } else {
        relay_serve(peer->relay, request, &wanted);
    }
}

static void handle_held(void *arg, struct httpd_request *request)
{
    struct peer *peer = arg;
    relay_serve_held(peer->relay, request, httpd_segment(request));
}

static struct cache_counters count_cache(const struct peer *peer)
{
    struct cache_counters c = { 0 };
    if (peer->cache)
        cache_count(peer->cache, &c);
    return c;
}

static void handle_status(void *arg, struct httpd_request *request)
{
    struct peer *peer = arg;
    struct relay_counters c;
    struct httpd_counters http;
    struct cache_counters cache = count_cache(peer);
    relay_count(peer->relay, &c);
    httpd_count(peer->httpd, &http);
    httpd_reply(request, 200, "application/json",
                message_peer_status_encode(&(struct message_peer_status){
                    .version = DDM_VERSION,
                    .host_id = peer->host_id,
                    .interfaces = peer->options->interfaces,
                    .uptime = loop_now() - peer->started,
                    .active = c.active,
                    .requests = c.requests,
                    .served = c.served,
                    .fetched = c.fetched,
                    .rate = c.rate,
                    .stored = c.stored,
                    .store_limit = c.store_limit,
                    .closed = opening_why_closed(peer->opening),
                    .limits = { .places = c.places,
                                .clients = c.clients,
                                .connections = http.connections,
                                .max_connections = http.max_connections,
                                .rate = peer->options->limit_rate,
                                .rate_lan = peer->options->limit_rate_lan,
                                .memory = peer->bound.total },
                    .cache = { .bytes = cache.bytes,
                               .limit = cache.limit,
                               .objects = cache.objects,
                               .hits = c.hits,
                               .loaded = cache.loaded,
                               .evicted = cache.evicted,
                               .failed = cache.failed,
                               .skipped = cache.skipped },
                }));
}

static void handle_metrics(void *arg, struct httpd_request *request)
{
    struct peer *peer = arg;
    struct relay_counters c;
    struct httpd_counters http;
    struct cache_counters cache = count_cache(peer);
    relay_count(peer->relay, &c);
    httpd_count(peer->httpd, &http);
    const struct {
        const char *name, *type;
        uint64_t value;
    } rows[] = {
        { "requests_total", "counter", c.requests },
        { "served_bytes_total", "counter", c.served },
        { "fetched_bytes_total", "counter", c.fetched },
        { "active_requests", "gauge", c.active },
        { "uplink_bytes_per_second", "gauge", c.rate },
        { "store_bytes", "gauge", c.stored },
        { "open", "gauge", !opening_why_closed(peer->opening) },
        { "connections", "gauge", http.connections },
        { "connections_refused_total", "counter", http.refused },
        { "connections_ended_total", "counter", http.ended },
        { "memory_limit_bytes", "gauge", peer->bound.total },
        { "hits_total", "counter", c.hits },
        { "cache_bytes", "gauge", cache.bytes },
        { "cache_objects", "gauge", cache.objects },
        { "cache_loaded_bytes_total", "counter", cache.loaded },
        { "cache_evicted_total", "counter", cache.evicted },
        { "cache_failed_total", "counter", cache.failed },
        { "cache_skipped_bytes_total", "counter", cache.skipped },
    };
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; out && i < ARRAY_SIZE(rows); i++)
        fprintf(out, "# TYPE ddm_peer_%s %s\nddm_peer_%s %llu\n", rows[i].name, rows[i].type,
                rows[i].name, (unsigned long long)rows[i].value);
    if (!out || fclose(out) != 0) {
        free(text);
        httpd_reply_error(request, 500, "memory", "out of memory");
        return;
    }
    httpd_reply(request, 200, "text/plain; version=0.0.4", text);
}

static void handle_health(void *arg, struct httpd_request *request)
{
    httpd_reply(request, 200, "text/plain", strdup("ok\n"));
}

static const struct httpd_route routes[] = {
    { "POST", "/v1/fetch", MESSAGE_BODY_MAX, handle_fetch },
    { "GET", "/v1/objects/{}", 0, handle_held },
    { "GET", "/v1/status", 0, handle_status },
    { "GET", "/metrics", 0, handle_metrics },
    { "GET", "/healthz", 0, handle_health },
    { NULL },
};

/* ---- the tracker ---- */

static void describe(void *arg, struct message_announce *ret)
{
    struct peer *peer = arg;
    struct relay_counters c;
    relay_count(peer->relay, &c);
    *ret = (struct message_announce){ .port = httpd_port(peer->httpd),
                                      .rate = relay_tell_rate(peer->relay),
                                      .load = c.active };
    str_copy(ret->host_id, sizeof ret->host_id, peer->host_id);
    str_copy(ret->version, sizeof ret->version, DDM_VERSION);
    if (peer->options->advertise)
        str_copy(ret->address, sizeof ret->address, peer->options->advertise);
}

static int announce_to(struct peer *peer, const struct address *tracker, struct ddm_error *err)
{
    struct announcer_config config = {
        .tracker = *tracker, .node_id = peer->node_id, .describe = describe, .arg = peer
    };
    const char *end = strrchr(tracker->host, '.');
    peer->local_names |= end && strcasecmp(end, ".local") == 0;
    if (peer->announcer_count == MAX_TRACKERS)
        return error_set(err, DDM_E_USAGE, "more than %d trackers", MAX_TRACKERS);
    int r = announcer_new(&peer->announcers[peer->announcer_count], peer->loop, peer->inside,
                          &config, err);
    peer->announcer_count += r == 0;
    return r;
}

/* Those of the options; else those that the swarm's token names. */
static int start_announcers(struct peer *peer, struct ddm_error *err)
{
    const char *const *t = peer->options->trackers;
    const struct membership *membership = peer->options->membership;
    int r = 0;
    for (; r == 0 && t && *t; t++) {
        struct address tracker;
        r = address_parse(&tracker, *t, 7070, err);
        if (r == 0)
            r = announce_to(peer, &tracker, err);
    }
    if (!peer->options->trackers && membership)
        for (size_t i = 0; r == 0 && i < membership_token(membership)->tracker_count; i++)
            r = announce_to(peer, &membership_token(membership)->trackers[i], err);
    return r;
}

/* ---- open or closed ---- */

static void count_own(void *arg, struct traffic *ret_own, unsigned *ret_connections)
{
    struct peer *peer = arg;
    struct relay_counters c;
    relay_count(peer->relay, &c);
    *ret_own = (struct traffic){ .received = c.fetched, .sent = c.served };
    *ret_connections = c.active;
}

static void on_opening(void *arg)
{
    struct peer *peer = arg;
    const char *why = opening_why_closed(peer->opening);
    log_info("peer", why ? "closed: %s" : "open%s", why ? why : "");
    relay_hold(peer->relay, opening_in_use(peer->opening));
    for (size_t i = 0; i < peer->announcer_count; i++)
        announcer_set_open(peer->announcers[i], !why);
}

static int start_opening(struct peer *peer, struct ddm_error *err)
{
    const struct peer_options *o = peer->options;
    struct opening_config config = { .loop = peer->loop,
                                     .idle_only = o->idle_only,
                                     .interfaces = o->interfaces,
                                     .count = count_own,
                                     .changed = on_opening,
                                     .arg = peer };
    int r = hours_parse(&config.hours, o->hours, err);
    return r < 0 ? r : opening_new(&peer->opening, &config, err);
}

/* ---- leaving ---- */

static void end_if_ready(void *arg)
{
    struct peer *peer = arg;
    bool quiet = httpd_active(peer->httpd) == 0 && peer->leaving == 0;
    if (quiet || loop_now() >= peer->leave_until)
        loop_stop(peer->loop);
}

static void on_left(void *arg)
{
    ((struct peer *)arg)->leaving--;
}

static void on_signal(void *arg, int number)
{
    struct peer *peer = arg;
    if (peer->leave_until) {
        log_warn("peer", "leaving now");
        loop_stop(peer->loop);
        return;
    }
    unsigned active = httpd_active(peer->httpd);
    log_info("peer", "leaving%s", active ? " when what is being served is through" : "");
    peer->leave_until = loop_now() + LEAVE_TIME;
    httpd_quiesce(peer->httpd);
    peer->leaving = (unsigned)peer->announcer_count;
    for (size_t i = 0; i < peer->announcer_count; i++)
        announcer_leave(peer->announcers[i], on_left, peer);
    loop_timer_start(peer->leave_timer, LEAVE_POLL, true);
}

/* ---- the process ---- */

/* Of a member: that of its certificate, which no other peer may use meanwhile. */
static int take_id(struct peer *peer, struct ddm_error *err)
{
    struct membership *membership = peer->options->membership;
    if (!membership)
        return identity_node(peer->node_id, err);
    str_copy(peer->node_id, sizeof peer->node_id, membership_node_id(membership));
    return membership_claim(membership, "peer", err);
}

/* Only a folder that somebody asked for must be usable. */
static int start_cache(struct peer *peer, struct ddm_error *err)
{
    const struct peer_options *o = peer->options;
    struct ddm_error why;
    char size[32];
    if (o->cache_size == 0)
        return 0;
    char *folder = o->cache_folder ? strdup(o->cache_folder) : cache_folder_default();
    peer->cache_folder = folder;
    if (!folder)
        return 0;
    int r = cache_new(&peer->cache, peer->loop, folder, o->cache_size, &why);
    if (r < 0 && o->cache_folder)
        return error_set(err, DDM_E_DISK, "--cache-dir: %s", why.message);
    if (r < 0)
        log_warn("peer", "nothing is kept on disk: %s", why.message);
    else if (!peer->cache)
        log_warn("peer", "nothing is kept on disk: another peer has its cache in %s", folder);
    else
        log_info("peer", "the cache in %s has %s at most", folder,
                 str_bytes(size, sizeof size, count_cache(peer).limit));
    return 0;
}

static int start(struct peer *peer, struct ddm_error *err)
{
    const struct peer_options *o = peer->options;
    struct sockaddr_storage listen;
    socklen_t length;
    struct policy_config rules = { .allow = o->allow, .deny = o->deny };
    int r = o->proxy ? fetch_check_proxy(o->proxy, err) : 0;
    if (r == 0)
        r = policy_new(&peer->policy, &rules, err);
    if (r == 0)
        r = take_id(peer, err);
    if (r == 0)
        r = socket_resolve_listen(&listen, &length, &o->listen, err);
    if (r < 0)
        return r;
    if (o->host_id)
        str_copy(peer->host_id, sizeof peer->host_id, o->host_id);
    else
        identity_host(peer->host_id);
    if (loop_new(&peer->loop) < 0 || fetcher_new(&peer->outside, peer->loop) < 0 ||
        fetcher_new(&peer->inside, peer->loop) < 0 ||
        loop_timer_new(&peer->leave_timer, peer->loop, end_if_ready, peer) < 0 ||
        loop_signal_new(&peer->signals[0], peer->loop, SIGINT, on_signal, peer) < 0 ||
        loop_signal_new(&peer->signals[1], peer->loop, SIGTERM, on_signal, peer) < 0)
        return error_memory(err);
    if (o->membership)
        fetcher_set_tls(peer->inside, tls_node_files(membership_tls(o->membership)));
    if (o->membership && membership_watch(o->membership, peer->loop) < 0)
        return error_memory(err);
    r = start_cache(peer, err);
    if (r < 0)
        return r;
    struct relay_config relay = { .fetcher = peer->outside,
                                  .policy = peer->policy,
                                  .memory = o->memory ? o->memory : STORE_DEFAULT,
                                  .interfaces = o->interfaces,
                                  .proxy = o->proxy,
                                  .limit_rate = o->limit_rate,
                                  .limit_rate_lan = o->limit_rate_lan,
                                  .loop = peer->loop,
                                  .cache = peer->cache,
                                  .signing = o->signing };
    r = relay_new(&peer->relay, &relay, err);
    if (r == 0)
        r = start_opening(peer, err);
    if (r < 0)
        return r;
    struct httpd_config config = { .listen = (struct sockaddr *)&listen,
                                   .listen_length = length,
                                   .routes = routes,
                                   .arg = peer,
                                   .error_body = message_error,
                                   .max_connections = o->max_connections,
                                   .tls = membership_tls(o->membership) };
    r = httpd_new(&peer->httpd, peer->loop, &config, err);
    return r < 0 ? r : start_announcers(peer, err);
}

/* Nothing is read or written from here on but the cache, the state folder (certificates are renewed
 * there) and what the system's libraries need. */
static int enter_sandbox(const struct peer *peer, struct ddm_error *err)
{
    const struct peer_options *o = peer->options;
    const char *home = getenv("HOME"), *writable[3] = { NULL };
    size_t count = 0;
    if (peer->cache)
        writable[count++] = peer->cache_folder;
    if (o->membership)
        writable[count++] = membership_folder(o->membership);
    _cleanup_free_ char *hosts = str_format("%s/.ssh/known_hosts", home ? home : "");
    struct sandbox_config config = { .name = "peer",
                                     .writable = writable,
                                     .readable = (const char *const[]){ hosts, NULL },
                                     .devices = o->interfaces != NULL,
                                     .local_sockets = peer->local_names };
    return hosts ? sandbox_enter(&config, err) : error_memory(err);
}

static void stop(struct peer *peer)
{
    for (size_t i = 0; i < peer->announcer_count; i++)
        announcer_free(peer->announcers[i]);
    httpd_free(peer->httpd);
    opening_free(peer->opening);
    if (peer->options->membership)
        membership_watch(peer->options->membership, NULL);
    relay_free(peer->relay);
    cache_free(peer->cache);
    fetcher_free(peer->outside);
    fetcher_free(peer->inside);
    if (peer->loop)
        loop_free(peer->loop);
    policy_free(peer->policy);
    free(peer->cache_folder);
}

static void tell_limits(struct peer *peer)
{
    char text[BOUND_TEXT_SIZE];
    struct relay_counters c;
    relay_count(peer->relay, &c);
    uint64_t cache = peer->cache ? cache_memory(peer->cache, c.store_limit) : 0;
    bound_find(&peer->bound, peer->httpd, c.places, c.store_limit + cache);
    log_info("peer", "memory: %s", bound_describe(text, &peer->bound));
    if (opening_why_closed(peer->opening))
        on_opening(peer);
}

enum ddm_code peer_run(const struct peer_options *options, struct ddm_error *err)
{
    struct peer peer = { .options = options, .started = loop_now() };
    unsetenv("no_proxy"); /* libcurl heeds them beside a proxy that it is given */
    unsetenv("NO_PROXY");
    int r = start(&peer, err);
    if (r == 0)
        r = enter_sandbox(&peer, err);
    if (r == 0) {
        char text[ADDRESS_TEXT_SIZE];
        struct address at = options->listen;
        at.port = httpd_port(peer.httpd);
        log_info("peer", "listening on %s", address_format(text, &at));
        tell_limits(&peer);
        loop_run(peer.loop);
        log_info("peer", "ended");
    }
    stop(&peer);
    return (enum ddm_code) - r;
}
