/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface, driven by the loop:
 *
 *     loop_watch ─ready─▶ curl_multi_socket_action ─▶ header and write callbacks ─▶ ops
 *     loop_timer ─────────────▲                             (depth > 0 meanwhile)
 *     after each: curl_multi_info_read until NULL ─▶ on_done
 *
 * libcurl must not be entered again from its own callbacks, so starts, resumes and cancels that
 * come from within one (depth > 0) wait in their lists for the deferred call. What a request says
 * becomes libcurl's options in fetch_curl.c, what comes back is judged in fetch_reply.c. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/fetch_internal.h"
#include "io/head.h"
#include "io/socket.h"
#include "io/url.h"

#include <string.h>

#define BUFFER_MEMORY     (8L * 1024 * 1024) /* for the buffers of all fetches together */
#define BUFFER_MIN        (32L * 1024)
#define BUFFER_MAX        (512L * 1024) /* of one recv(): the larger, the fewer wake-ups */
#define MAX_CONNECTIONS   256L          /* kept alive in all */
#define CONNECTION_MEMORY (64 * 1024)   /* of one, most of it TLS; and of a request */
#define NUDGE_EVERY       (20 * MSEC)
#define PATIENCE_POLL     (100 * MSEC) /* is the name known, was the request taken? */

/* ---- one fetch ---- */

static void fetch_destroy(struct fetch *f)
{
    f->fetcher->count--;
    list_remove(&f->link);
    list_remove(&f->switching);
    if (f->easy)
        curl_easy_cleanup(f->easy);
    fetch_curl_release(&f->options);
    loop_timer_free(f->impatience);
    loop_timer_free(f->nudge);
    free(f->interface);
    free(f->url);
    free(f);
}

/* ---- the multi handle ---- */

static void begin(struct fetch *f);

/* It came to its end, good or bad. */
static void end(struct fetch *f, CURLcode c)
{
    struct fetcher *fr = f->fetcher;
    enum fetch_end how = FETCH_ENDED;
    curl_multi_remove_handle(fr->multi, f->easy);
    list_remove(&f->link);
    fr->depth++; /* a cancel of this one from its own callback waits, and dies with it */
    if (!f->gone)
        how = fetch_reply_finish(f, c);
    fr->depth--;
    f->waits = how == FETCH_WAITS && !f->gone;
    if (f->waits)
        list_push_back(&fr->running, &f->link);
    else if (how == FETCH_AGAIN && !f->gone)
        begin(f);
    else
        fetch_destroy(f);
}

static void drain(struct fetcher *fr)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(fr->multi, &left));) {
        struct fetch *f = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        end(f, m->data.result);
    }
}

static void act(struct fetcher *fr, curl_socket_t fd, int what)
{
    int running;
    fr->depth++;
    curl_multi_socket_action(fr->multi, fd, what, &running);
    fr->depth--;
    drain(fr);
}

static void on_timeout(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct fetcher *fr = arg;
    if (ms < 0)
        loop_timer_stop(fr->timer);
    else if (ms == 0)
        loop_defer_call(fr->expired); /* a timer of no length would go before the sockets */
    else
        loop_timer_start(fr->timer, ms * MSEC, false);
    return 0;
}

struct socket_watch {
    struct fetcher *fetcher;
    struct loop_watch *watch;
    curl_socket_t fd;
};

static void on_socket(void *arg, int events)
{
    struct socket_watch *s = arg;
    act(s->fetcher, s->fd,
        (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

/* Of two that race for a connection the loser goes when the winner is set already. */
static void set_current(struct fetch *f, curl_socket_t fd, int what)
{
    if (what != CURL_POLL_REMOVE)
        f->socket = fd;
    else if (f->socket == fd)
        f->socket = CURL_SOCKET_BAD;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct fetcher *fr = arg;
    struct socket_watch *s = socket_arg;
    struct fetch *f = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&f) == CURLE_OK && f)
        set_current(f, fd, what);
    if (what == CURL_POLL_REMOVE) {
        if (s)
            loop_watch_free(s->watch);
        free(s);
        curl_multi_assign(fr->multi, fd, NULL);
        return 0;
    }
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s || loop_watch_new(&s->watch, fr->loop, fd, on_socket, s) < 0) {
            free(s);
            return -1;
        }
        s->fetcher = fr;
        s->fd = fd;
        curl_multi_assign(fr->multi, fd, s);
    }
    int events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    return loop_watch_set(s->watch, events);
}

static void begin(struct fetch *f)
{
    struct fetcher *fr = f->fetcher;
    list_remove(&f->link);
    list_push_back(&fr->running, &f->link);
    f->begun = loop_now();
    if (f->impatience)
        loop_timer_start(f->impatience, f->patience, false);
    if (f->nudge)
        loop_timer_start(f->nudge, NUDGE_EVERY, false);
    if (curl_multi_add_handle(fr->multi, f->easy) != CURLM_OK)
        end(f, CURLE_OUT_OF_MEMORY);
}

static bool is_connected(const struct fetch *f)
{
    curl_off_t connect = 0, request = 0; /* µs after the start; 0: not yet */
    curl_easy_getinfo(f->easy, CURLINFO_CONNECT_TIME_T, &connect);
    curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &request);
    return connect > 0 || request > 0;
}

/* Whether the other side has the request as far as TCP can tell. */
static bool is_taken(const struct fetch *f)
{
    return is_connected(f) &&
           (f->socket == CURL_SOCKET_BAD || socket_unacknowledged(f->socket) == 0);
}

/* Nobody answers: libcurl's own limit would count the time that the name took, too, and knows
 * nothing of kept connections whose way has gone. */
static void on_impatience(void *arg)
{
    struct fetch *f = arg;
    curl_off_t lookup = 0;
    curl_easy_getinfo(f->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup);
    int64_t left = f->begun + lookup * USEC + f->patience - loop_now();
    bool connected = is_connected(f);
    if (is_taken(f)) {
        f->impatience = loop_timer_free(f->impatience);
    } else if (left > 0) {
        loop_timer_start(f->impatience, left, false);
    } else if (connected ? socket_unacknowledged(f->socket) == 1 : lookup == 0) {
        loop_timer_start(f->impatience, PATIENCE_POLL, false);
    } else {
        f->given_up = true;
        end(f, CURLE_OPERATION_TIMEDOUT);
    }
}

/* libcurl (7.88) waits for the handshake of FTPS's connection for data, and does not look at the
 * other one, on which the server waits for the command to begin with it. Pausing and going on makes
 * it look at both. */
static void on_nudge(void *arg)
{
    struct fetch *f = arg;
    struct fetcher *fr = f->fetcher;
    if (f->head_told) {
        f->nudge = loop_timer_free(f->nudge);
        return;
    }
    loop_timer_start(f->nudge, NUDGE_EVERY, false);
    if (f->gone || f->paused || !is_connected(f))
        return;
    fr->depth++;
    curl_easy_pause(f->easy, CURLPAUSE_RECV);
    curl_easy_pause(f->easy, CURLPAUSE_CONT);
    fr->depth--;
    drain(fr);
}

static void on_deferred(void *arg)
{
    struct fetcher *fr = arg;
    list_foreach (f, &fr->cancelled, struct fetch, link) {
        curl_multi_remove_handle(fr->multi, f->easy);
        fetch_destroy(f);
    }
    while (!list_empty(&fr->starting))
        begin(list_entry(fr->starting.next, struct fetch, link));
    while (!list_empty(&fr->switching)) {
        struct fetch *f = list_entry(fr->switching.next, struct fetch, switching);
        list_remove(&f->switching);
        if (f->waits) {
            if (!f->paused)
                end(f, CURLE_OK);
            continue;
        }
        fr->depth++;
        CURLcode c = curl_easy_pause(f->easy, f->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
        fr->depth--;
        /* Without a connection yet there is nothing to pause; a block that had been refused was
         * aborted: nobody else says so. */
        if (c != CURLE_OK && c != CURLE_BAD_FUNCTION_ARGUMENT)
            end(f, c);
    }
    drain(fr);
}

int fetcher_new(struct fetcher **ret, struct loop *loop)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -DDM_E_FAIL;
    struct fetcher *fr = calloc(1, sizeof *fr);
    if (!fr)
        return -DDM_E_FAIL;
    fr->loop = loop;
    list_init(&fr->running);
    list_init(&fr->starting);
    list_init(&fr->switching);
    list_init(&fr->cancelled);
    fr->multi = curl_multi_init();
    if (!fr->multi || loop_timer_new(&fr->timer, loop, on_timeout, fr) < 0 ||
        loop_defer_new(&fr->expired, loop, on_timeout, fr) < 0 ||
        loop_defer_new(&fr->defer, loop, on_deferred, fr) < 0) {
        fetcher_free(fr);
        return -DDM_E_FAIL;
    }
    curl_multi_setopt(fr->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(fr->multi, CURLMOPT_SOCKETDATA, fr);
    curl_multi_setopt(fr->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(fr->multi, CURLMOPT_TIMERDATA, fr);
    curl_multi_setopt(fr->multi, CURLMOPT_MAXCONNECTS, MAX_CONNECTIONS);
    *ret = fr;
    return 0;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return NULL;
    struct list *lists[] = { &fetcher->running, &fetcher->starting, &fetcher->cancelled };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        list_foreach (f, lists[i], struct fetch, link) {
            f->gone = true;
            curl_multi_remove_handle(fetcher->multi, f->easy);
            fetch_destroy(f);
        }
    if (fetcher->multi)
        curl_multi_cleanup(fetcher->multi);
    if (fetcher->share)
        curl_share_cleanup(fetcher->share);
    loop_timer_free(fetcher->timer);
    loop_defer_free(fetcher->defer);
    loop_defer_free(fetcher->expired);
    free(fetcher);
    return NULL;
}

/* ---- starting one ---- */

static long buffer_size(const struct fetcher *fr)
{
    long share = MIN(BUFFER_MEMORY / (long)(fr->count + 1), BUFFER_MAX);
    return fr->block > 0 ? fr->block : MAX(share, BUFFER_MIN);
}

uint64_t fetcher_memory(unsigned fetches)
{
    uint64_t sum = (fetches + (uint64_t)MAX_CONNECTIONS) * CONNECTION_MEMORY;
    for (unsigned n = 1; n <= fetches; n++)
        sum += (uint64_t)MAX(MIN(BUFFER_MEMORY / (long)n, BUFFER_MAX), BUFFER_MIN);
    return sum;
}

void fetcher_set_block(struct fetcher *fetcher, size_t bytes)
{
    fetcher->block = (long)MIN(MAX(bytes, (size_t)KIB), (size_t)BUFFER_MIN);
}

/* Without the share each connection has a handshake of its own, no more. */
void fetcher_set_tls(struct fetcher *fetcher, const struct tls_files *files)
{
    fetcher->tls = files;
    fetcher->share = curl_share_init();
    if (fetcher->share)
        curl_share_setopt(fetcher->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

bool fetcher_has_tls(const struct fetcher *fetcher)
{
    return fetcher->tls != NULL;
}

static int prepare(struct fetch *f, const struct fetch_request *request)
{
    char host[ADDRESS_HOST_SIZE];
    f->easy = curl_easy_init();
    f->url = strdup(request->url);
    f->interface = request->interface ? strdup(request->interface) : NULL;
    if (!f->easy || !f->url || (request->interface && !f->interface))
        return -1;
    f->socket = f->data_socket = CURL_SOCKET_BAD;
    f->patience = request->patience;
    if (f->patience > 0 && loop_timer_new(&f->impatience, f->fetcher->loop, on_impatience, f) < 0)
        return -1;
    fetch_reply_connect(f);
    curl_easy_setopt(f->easy, CURLOPT_BUFFERSIZE, buffer_size(f->fetcher));
    if (f->fetcher->share)
        curl_easy_setopt(f->easy, CURLOPT_SHARE, f->fetcher->share);
    if (fetch_curl_set(f->easy, &f->options, request, f->fetcher->tls) < 0)
        return -1;
    if (strcmp(f->options.scheme, "ftps") == 0 &&
        loop_timer_new(&f->nudge, f->fetcher->loop, on_nudge, f) < 0)
        return -1;
    url_host(host, f->url);
    if (f->options.login && strcmp(host, f->fetcher->digest_host) == 0)
        fetch_curl_use_digest(f->easy, &f->options);
    return 0;
}

static int check(const struct fetch_request *request, struct ddm_error *err)
{
    const struct fetch_profile *profile = request->profile;
    int r = url_check(request->url, err);
    for (const char *const *h = profile ? profile->headers : NULL; r == 0 && h && *h; h++)
        r = fetch_check_header(*h, err);
    if (r == 0 && profile && profile->proxy)
        r = fetch_check_proxy(profile->proxy, err);
    return r;
}

int fetch_start(struct fetch **ret, struct fetcher *fetcher, const struct fetch_request *request,
                const struct fetch_ops *ops, void *arg, struct ddm_error *err)
{
    int r = check(request, err);
    if (r < 0)
        return r;
    struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        return error_memory(err);
    list_init(&f->link);
    list_init(&f->switching);
    f->fetcher = fetcher;
    fetcher->count++;
    f->ops = ops;
    f->arg = arg;
    f->allow = request->allow;
    f->profile = request->profile ? *request->profile : (struct fetch_profile){ 0 };
    f->no_proxy = request->no_proxy && !f->profile.proxy;
    f->begin = request->begin;
    f->end = request->end;
    fetch_head_clear(&f->head);
    fetch_ftp_clear(&f->ftp);
    if (prepare(f, request) < 0) {
        fetch_destroy(f);
        return error_memory(err);
    }
    list_push_back(&fetcher->starting, &f->link);
    loop_defer_call(fetcher->defer);
    *ret = f;
    return 0;
}

static void switch_soon(struct fetch *fetch, bool paused)
{
    if (fetch->gone)
        return;
    fetch->paused = paused;
    list_remove(&fetch->switching);
    list_push_back(&fetch->fetcher->switching, &fetch->switching);
    loop_defer_call(fetch->fetcher->defer);
}

void fetch_pause(struct fetch *fetch)
{
    switch_soon(fetch, true);
}

void fetch_resume(struct fetch *fetch)
{
    switch_soon(fetch, false);
}

struct fetch *fetch_cancel(struct fetch *fetch)
{
    if (!fetch || fetch->gone)
        return NULL;
    struct fetcher *fr = fetch->fetcher;
    fetch->gone = true;
    list_remove(&fetch->switching);
    list_remove(&fetch->link);
    if (fr->depth > 0) {
        list_push_back(&fr->cancelled, &fetch->link);
        loop_defer_call(fr->defer);
    } else {
        curl_multi_remove_handle(fr->multi, fetch->easy); /* does nothing before it was added */
        fetch_destroy(fetch);
    }
    return NULL;
}
