/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface, driven by the loop:
 *
 *     loop_watch ─ready─▶ curl_multi_socket_action ─▶ header and write callbacks ─▶ ops
 *     loop_timer ─────────────▲                             (depth > 0 meanwhile)
 *     after each: curl_multi_info_read until NULL ─▶ on_done
 *
 * libcurl must not be entered again from its own callbacks, so starts, resumes and cancels that
 * come from within one (depth > 0) wait in their lists for the deferred call. */
#include "io/fetch.h"

#include "base/error.h"
#include "base/list.h"
#include "base/str.h"
#include "base/util.h"
#include "io/head.h"
#include "io/socket.h"
#include "io/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define BUFFER_MEMORY   (8L * 1024 * 1024) /* for the buffers of all fetches together */
#define BUFFER_MIN      (32L * 1024)
#define BUFFER_MAX      (512L * 1024) /* of one recv(): the larger, the fewer wake-ups */
#define CONNECT_TIMEOUT 20L           /* s */
#define MAX_REDIRECTS   10L
#define MAX_CONNECTIONS 256L /* kept alive in all */

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
    const struct fetch_ops *ops;
    void *arg;
    bool (*allow)(void *arg, const struct sockaddr *address);
    struct fetch_head head;
    bool head_told;
    bool paused;    /* as asked for */
    bool gone;      /* cancelled: no calls any more */
    int abort_code; /* what the caller's callback returned */
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
    if (f->allow && (f->gone || !f->allow(f->arg, &address->addr))) {
        socket_host(f->denied, &address->addr);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int code_of(CURLcode c)
{
    switch ((int)c) {
    case CURLE_OK:
        return 0;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return -DDM_E_USAGE;
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_REMOTE_FILE_NOT_FOUND:
    case CURLE_LOGIN_DENIED:
    case CURLE_TOO_MANY_REDIRECTS:
        return -DDM_E_REFUSED;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return -DDM_E_FAIL;
    default:
        return -DDM_E_NETWORK;
    }
}

/* Why it failed, with the host in it. */
static void describe(struct fetch *f, CURLcode c, const char *url, char *out, size_t size)
{
    const char *reason = f->reason[0] ? f->reason : curl_easy_strerror(c);
    char host[ADDRESS_HOST_SIZE];
    long os_error = 0;
    url_host(host, url);
    curl_easy_getinfo(f->easy, CURLINFO_OS_ERRNO, &os_error);
    if (f->denied[0])
        snprintf(out, size, "%s: address %s is not public and not allowed here", host, f->denied);
    else if (c == CURLE_COULDNT_CONNECT && os_error > 0)
        snprintf(out, size, "cannot connect to %s: %s", host, strerror((int)os_error));
    else if (host[0] && !strstr(reason, host))
        snprintf(out, size, "%s: %s", host, reason);
    else
        snprintf(out, size, "%s", reason);
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
    result.connected = first > 0 || before > 0;

    int abort_code = f->abort_code;
    if (c == CURLE_OK && !f->head_told) /* no body came: the head was not told yet */
        abort_code = tell_head(f);
    if (abort_code < 0) {
        result.code = abort_code;
    } else if (c != CURLE_OK) {
        result.code = f->denied[0] ? -DDM_E_PERMISSION : code_of(c);
        describe(f, c, url ? url : "", message, sizeof message);
    }
    if (!f->gone) {
        f->gone = true;
        f->ops->on_done(f->arg, &result);
    }
}

/* ---- the multi handle ---- */

static void drain(struct fetcher *fr)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(fr->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct fetch *f = NULL;
        CURLcode c = m->data.result; /* m dies with the removal */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        curl_multi_remove_handle(fr->multi, f->easy);
        list_remove(&f->link);
        fr->depth++; /* a cancel of this one from its own callback waits, and dies with it */
        if (!f->gone)
            finish(f, c);
        fr->depth--;
        fetch_destroy(f);
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

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct fetcher *fr = arg;
    struct socket_watch *s = socket_arg;
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
    if (curl_multi_add_handle(fr->multi, f->easy) != CURLM_OK) {
        list_remove(&f->link);
        fr->depth++;
        finish(f, CURLE_OUT_OF_MEMORY);
        fr->depth--;
        fetch_destroy(f);
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

static int add_header(struct fetch *f, const char *line)
{
    struct curl_slist *longer = curl_slist_append(f->headers, line);
    f->headers = longer ? longer : f->headers;
    return longer ? 0 : -1;
}

static int set_range(struct fetch *f, const struct fetch_request *request)
{
    char range[64];
    if (request->end == 0)
        return 0;
    snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)request->begin,
             (unsigned long long)request->end - 1);
    return curl_easy_setopt(f->easy, CURLOPT_RANGE, range) == CURLE_OK ? 0 : -1;
}

static int set_method(struct fetch *f, const struct fetch_request *request)
{
    CURLcode c = CURLE_OK;
    if (request->body) {
        c = curl_easy_setopt(f->easy, CURLOPT_COPYPOSTFIELDS, request->body);
        if (add_header(f, "Content-Type: application/json") < 0 || add_header(f, "Expect:") < 0)
            return -1;
    }
    if (c == CURLE_OK && request->method)
        c = curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, request->method);
    return c == CURLE_OK ? 0 : -1;
}

static int set_headers(struct fetch *f, const struct fetch_request *request)
{
    for (const char *const *h = request->headers; h && *h; h++)
        if (add_header(f, *h) < 0)
            return -1;
    if (!request->decode && add_header(f, "Accept-Encoding: identity") < 0)
        return -1;
    return curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK ? 0 : -1;
}

static long buffer_size(const struct fetcher *fr)
{
    long share = MIN(BUFFER_MEMORY / (long)(fr->count + 1), BUFFER_MAX);
    return MAX(share, BUFFER_MIN);
}

static void set_options(struct fetch *f, const struct fetch_request *request)
{
    CURL *e = f->easy;
    const char *after_redirect = str_starts_with(request->url, "https:") ? "https" : "http,https";
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->reason);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "ddm/" DDM_VERSION);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
    curl_easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, after_redirect);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, request->method ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, buffer_size(f->fetcher));
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a slow resolver */
#endif
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, f);
    if (request->decode) /* asks for identity, and decodes what comes all the same */
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "identity");
    if (request->no_proxy || request->allow) /* a proxy would hide the address from `allow` */
        curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    if (request->timeout > 0)
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(request->timeout / MSEC));
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
    f->easy = curl_easy_init();
    if (!f->easy || curl_easy_setopt(f->easy, CURLOPT_URL, request->url) != CURLE_OK ||
        set_range(f, request) < 0 || set_method(f, request) < 0 || set_headers(f, request) < 0) {
        fetch_destroy(f);
        return error_memory(err);
    }
    set_options(f, request);
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
