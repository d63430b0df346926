/* SPDX-License-Identifier: MIT */
/* libmicrohttpd with an external epoll descriptor inside the loop.
 *
 *     loop_watch(epoll fd), deferred calls, timer ─▶ MHD_run ─▶ httpd_on_request …, streams
 */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/httpd_internal.h"
#include "io/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define BACKLOG 256

static void run(void *arg)
{
    struct httpd *h = arg;
    MHD_run(h->daemon);
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
        loop_timer_stop(h->timer);
    else if (ms == 0)
        loop_defer_call(h->defer);
    else
        loop_timer_start(h->timer, (int64_t)MIN(ms, 60000ULL) * MSEC, false);
}

static void on_ready(void *arg, int events)
{
    run(arg);
}

static int listen_on(const struct httpd_config *config, uint16_t *ret_port, struct ddm_error *err)
{
    const struct sockaddr *sa = config->listen;
    struct address shown = { .port = ntohs(sa->sa_family == AF_INET6
                                               ? ((const struct sockaddr_in6 *)sa)->sin6_port
                                               : ((const struct sockaddr_in *)sa)->sin_port) };
    char text[ADDRESS_TEXT_SIZE];
    socket_host(shown.host, sa);
    int on = 1, off = 0;
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (sa->sa_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    if (fd < 0 || bind(fd, sa, config->listen_length) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &length) < 0) {
        int r = error_set(err, DDM_E_NETWORK, "cannot listen on %s: %s",
                          address_format(text, &shown), strerror(errno));
        if (fd >= 0)
            close(fd);
        return r;
    }
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
}

/* A NUL would end the text before its end: it becomes another control character, which no route and
 * no value takes. */
static size_t unescape(void *arg, struct MHD_Connection *connection, char *text)
{
    for (char *p = text; (p = strstr(p, "%00")); p += 3)
        p[2] = '1';
    return MHD_http_unescape(text);
}

static int start_daemon(struct httpd *h, const struct httpd_config *config, int fd)
{
    struct MHD_OptionItem tls[3];
    httpd_tls_options(h->tls, tls);
    h->daemon = MHD_start_daemon(
        (h->tls ? MHD_USE_TLS : 0) | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, httpd_on_accept,
        h, httpd_on_request, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
        httpd_on_completed, NULL, MHD_OPTION_NOTIFY_CONNECTION, httpd_on_connection, h,
        MHD_OPTION_URI_LOG_CALLBACK, httpd_on_target, h, MHD_OPTION_UNESCAPE_CALLBACK, unescape,
        NULL, MHD_OPTION_ARRAY, tls, MHD_OPTION_CONNECTION_LIMIT, httpd_connections_ceiling(h),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(h->idle_time / SEC),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPD_CONNECTION_MEMORY,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!h->daemon) {
        close(fd);
        return -1;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || loop_watch_new(&h->watch, h->loop, info->epoll_fd, on_ready, h) < 0 ||
        loop_timer_new(&h->timer, h->loop, run, h) < 0 ||
        loop_defer_new(&h->defer, h->loop, run, h) < 0)
        return -1;
    return loop_watch_set(h->watch, LOOP_READ);
}

int httpd_new(struct httpd **ret, struct loop *loop, const struct httpd_config *config,
              struct ddm_error *err)
{
    uint16_t port = 0;
    int fd = listen_on(config, &port, err);
    if (fd < 0)
        return fd;
    struct httpd *h = calloc(1, sizeof *h);
    if (!h) {
        close(fd);
        return error_memory(err);
    }
    h->loop = loop;
    h->routes = config->routes;
    h->arg = config->arg;
    h->error_body = config->error_body;
    h->port = port;
    h->tls = config->tls;
    list_init(&h->requests);
    httpd_guard_init(h);
    if (httpd_connections_init(h, config->max_connections, config->idle_timeout) < 0) {
        close(fd);
        httpd_free(h);
        return error_memory(err);
    }
    if (start_daemon(h, config, fd) < 0) {
        httpd_free(h);
        return error_set(err, DDM_E_FAIL, "the HTTP server did not start");
    }
    *ret = h;
    return 0;
}

void httpd_quiesce(struct httpd *httpd)
{
    MHD_socket fd = MHD_quiesce_daemon(httpd->daemon);
    if (fd >= 0)
        close(fd);
}

unsigned httpd_active(const struct httpd *httpd)
{
    return httpd->active;
}

uint16_t httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

struct httpd *httpd_free(struct httpd *httpd)
{
    if (!httpd)
        return NULL;
    list_foreach (r, &httpd->requests, struct httpd_request, link) {
        r->gone = true;
        httpd_resume(r); /* libmicrohttpd does not stop with suspended connections */
    }
    loop_watch_free(httpd->watch);
    if (httpd->daemon)
        MHD_stop_daemon(httpd->daemon);
    httpd_connections_release(httpd);
    loop_timer_free(httpd->timer);
    loop_defer_free(httpd->defer);
    free(httpd);
    return NULL;
}
