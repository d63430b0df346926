/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface, driven by the loop:
 *
 *     loop_watch ─ready─▶ curl_multi_socket_action ─▶ header and write callbacks ─▶ ops
 *     loop_timer ─────────────▲                             (depth > 0 meanwhile)
 *     after each: curl_multi_info_read until NULL ─▶ on_done
 *
 * libcurl must not be entered again from its own callbacks, so starts, resumes and cancels that
 * come from within one (depth > 0) wait in their lists for the deferred call. What a request says
 * becomes libcurl's options in fetch_curl.c. */
#include "io/fetch.h"

#include "base/error.h"
#include "base/list.h"
#include "base/str.h"
#include "base/util.h"
#include "io/fetch_curl.h"
#include "io/head.h"
#include "io/socket.h"
#include "io/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_MEMORY   (8L * 1024 * 1024) /* for the buffers of all fetches together */
#define BUFFER_MIN      (32L * 1024)
#define BUFFER_MAX      (512L * 1024) /* of one recv(): the larger, the fewer wake-ups */
#define MAX_CONNECTIONS 256L          /* kept alive in all */
#define PATIENCE_POLL   (100 * MSEC)  /* is the name known, was the request taken? */

struct fetcher {
    CURLM *multi;
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_defer *defer, *expired;
    unsigned depth;      /* inside libcurl */
    unsigned count;      /* fetches that exist */
    struct list running; /* added to the multi handle */
    struct list starting, switching, cancelled;
};

struct fetch {
    struct list link;      /* running, starting or cancelled */
    struct list switching; /* in the list of that name: to be paused or resumed */
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *headers;
    char *interface;               /* NULL: the kernel's choice */
    struct loop_timer *impatience; /* NULL: none, or the request was taken */
    int64_t patience, begun;
    bool given_up;
    curl_socket_t socket; /* that it last waited for */
    const struct fetch_ops *ops;
    void *arg;
    bool (*allow)(void *arg, const struct sockaddr *address, unsigned redirects);
    struct fetch_head head;
    bool head_told;
    bool paused;    /* as asked for */
    bool gone;      /* cancelled: no calls any more */
    int abort_code; /* what the caller's callback returned */
    bool interface_gone;
    char denied[ADDRESS_HOST_SIZE];
    char reason[CURL_ERROR_SIZE];
};

/* ---- one fetch ---- */

static void fetch_destroy(struct fetch *f)
{
    f->fetcher->count--;
    list_remove(&f->link);
    list_remove(&f->switching);
    if (f->easy)
        curl_easy_cleanup(f->easy);
    curl_slist_free_all(f->headers);
    loop_timer_free(f->impatience);
    free(f->interface);
    free(f);
}

static size_t on_header_line(char *line, size_t one, size_t length, void *arg)
{
    struct fetch *f = arg;
    if (!f->head_told) /* else it is a trailer */
        fetch_head_line(&f->head, line, length);
    return length;
}

static int tell_head(struct fetch *f)
{
    curl_off_t length = -1;
    f->head_told = true;
    if (!f->head.http &&
        curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) == CURLE_OK &&
        length >= 0)
        f->head.length = (uint64_t)length;
    return f->ops->on_head ? f->ops->on_head(f->arg, &f->head) : 0;
}

static size_t on_body(char *data, size_t one, size_t length, void *arg)
{
    struct fetch *f = arg;
    if (f->gone)
        return 0;
    int r = f->head_told ? 0 : tell_head(f);
    if (r == 0 && !f->gone)
        r = f->ops->on_data(f->arg, data, length);
    if (f->gone)
        return 0;
    if (r == FETCH_PAUSE)
        return CURL_WRITEFUNC_PAUSE;
    if (r < 0)
        f->abort_code = r;
    return r < 0 ? 0 : length;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *f = arg;
    long redirects = 0;
    curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    if (f->allow && (f->gone || !f->allow(f->arg, &address->addr, (unsigned)redirects))) {
        socket_host(f->denied, &address->addr);
        return CURL_SOCKET_BAD;
    }
    int fd = socket_open(address->family, address->socktype, address->protocol, f->interface);
    f->interface_gone = f->interface && fd < 0 && errno == ENODEV;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Why it failed, with the host in it. */
static void describe(struct fetch *f, CURLcode c, const char *url, char *out, size_t size)
{
    char host[ADDRESS_HOST_SIZE];
    url_host(host, url);
    if (f->denied[0])
        snprintf(out, size, "%s: address %s is not public and not allowed here", host, f->denied);
    else if (f->interface_gone)
        snprintf(out, size, "cannot connect to %s: there is no interface %s any more", host,
                 f->interface);
    else if (f->given_up)
        snprintf(out, size, "%s: no answer within %.1f s", host, (double)f->patience / (double)SEC);
    else
        fetch_curl_reason(f->easy, c, f->reason, host, out, size);
}

static void finish(struct fetch *f, CURLcode c)
{
    char message[sizeof(f->reason) + 300] = "";
    struct fetch_result result = { .status = f->head.status, .message = message };
    curl_off_t first = 0, before = 0;
    char *url = NULL;
    curl_easy_getinfo(f->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &before);
    curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url);
    result.connected = (first > 0 || before > 0) && !f->given_up;

    int abort_code = f->abort_code;
    if (c == CURLE_OK && !f->head_told) /* no body came: the head was not told yet */
        abort_code = tell_head(f);
    if (abort_code < 0) {
        result.code = abort_code;
    } else if (c != CURLE_OK) {
        result.code = f->denied[0] ? -DDM_E_PERMISSION : fetch_curl_code(c);
        describe(f, c, url ? url : "", message, sizeof message);
    }
    if (!f->gone) {
        f->gone = true;
        f->ops->on_done(f->arg, &result);
    }
}

/* ---- the multi handle ---- */

/* It came to its end, good or bad. */
static void end(struct fetch *f, CURLcode c)
{
    struct fetcher *fr = f->fetcher;
    curl_multi_remove_handle(fr->multi, f->easy);
    list_remove(&f->link);
    fr->depth++; /* a cancel of this one from its own callback waits, and dies with it */
    if (!f->gone)
        finish(f, c);
    fr->depth--;
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
        fr->depth++;
        curl_easy_pause(f->easy, f->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
        fr->depth--;
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
    return MAX(share, BUFFER_MIN);
}

/* What libcurl calls, and with what. */
static void connect_callbacks(struct fetch *f)
{
    CURL *e = f->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->reason);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, buffer_size(f->fetcher));
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, f);
}

static int prepare(struct fetch *f, const struct fetch_request *request)
{
    f->easy = curl_easy_init();
    f->interface = request->interface ? strdup(request->interface) : NULL;
    if (!f->easy || (request->interface && !f->interface))
        return -1;
    f->socket = CURL_SOCKET_BAD;
    f->patience = request->patience;
    if (f->patience > 0 && loop_timer_new(&f->impatience, f->fetcher->loop, on_impatience, f) < 0)
        return -1;
    connect_callbacks(f);
    return fetch_curl_set(f->easy, &f->headers, request);
}

int fetch_start(struct fetch **ret, struct fetcher *fetcher, const struct fetch_request *request,
                const struct fetch_ops *ops, void *arg, struct ddm_error *err)
{
    int r = url_check(request->url, err);
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
    fetch_head_clear(&f->head);
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
