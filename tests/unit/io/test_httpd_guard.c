/* SPDX-License-Identifier: MIT */
/* The guard, asked over loopback with requests as they are sent. */
#include "base/str.h"
#include "base/util.h"
#include "io/httpd.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct httpd *httpd;
    struct loop_watch *watch;
    struct loop_timer *deadline;
    int fd;
    char reply[4096];
    size_t length;
};

static void handle(void *arg, struct httpd_request *request)
{
    httpd_reply(request, 200, "text/plain", strdup("ok"));
}

static const struct httpd_route routes[] = {
    { "GET", "/v1/status", 0, handle },
    { "POST", "/v1/fetch", 100, handle },
    { "GET", "/v1/peers/{}", 0, handle },
    { NULL },
};

static char *error_body(const char *code, const char *message)
{
    return str_format("%s: %s", code, message);
}

static void too_late(void *arg)
{
    fail_msg("no reply");
}

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct ddm_error err;
    struct httpd_config config = { .listen = (struct sockaddr *)&at,
                                   .listen_length = sizeof at,
                                   .routes = routes,
                                   .arg = f,
                                   .error_body = error_body };
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(httpd_new(&f->httpd, f->loop, &config, &err), 0);
    assert_int_equal(loop_timer_new(&f->deadline, f->loop, too_late, f), 0);
    loop_timer_start(f->deadline, 20 * SEC, false);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    httpd_free(f->httpd);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_readable(void *arg, int events)
{
    struct fixture *f = arg;
    ssize_t n = recv(f->fd, f->reply + f->length, sizeof f->reply - 1 - f->length, MSG_DONTWAIT);
    f->length += n > 0 ? (size_t)n : 0;
    f->reply[f->length] = '\0';
    if (n <= 0 || strstr(f->reply, "\r\n\r\n"))
        loop_stop(f->loop);
}

/* The status of the reply; 0: the connection was closed. */
static int ask(struct fixture *f, const char *request)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(httpd_port(f->httpd)) };
    int status = 0;
    f->length = 0;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(f->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(send(f->fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    assert_int_equal(loop_watch_new(&f->watch, f->loop, f->fd, on_readable, f), 0);
    assert_int_equal(loop_watch_set(f->watch, LOOP_READ), 0);
    loop_run(f->loop);
    loop_watch_free(f->watch);
    close(f->fd);
    sscanf(f->reply, "HTTP/1.%*c %d", &status);
    return f->length ? status : 0;
}

#define EXPECT(f, status, request)                                                                 \
    do {                                                                                           \
        int got_ = ask(f, request);                                                                \
        if (got_ != (status))                                                                      \
            fail_msg("%d, not %d: %s", got_, status, request);                                     \
    } while (0)

static void test_hosts(void **state)
{
    struct fixture *f = *state;
    static const char *const known[] = {
        "127.0.0.1", "10.1.2.3:7071", "[::1]:7071",
        "[fe80::1]", "localhost",     "LOCALHOST:80",
        "ddm",       "ddm:7070",      "0123456789abcdef0123456789abcdef"
    };
    static const char *const unknown[] = { "evil.example",
                                           "evil.example:7071",
                                           "",
                                           "127.0.0.1.nip.io",
                                           "0x7f.1",
                                           "2130706433",
                                           "localhost.",
                                           "ddm.evil.example",
                                           "[evil]",
                                           "[::1",
                                           "127.0.0.1:x",
                                           "127.0.0.1:123456",
                                           "127.0.0.1 evil",
                                           "0123456789abcdef" };
    char request[200];
    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        snprintf(request, sizeof request, "GET /v1/status HTTP/1.1\r\nHost: %s\r\n\r\n", known[i]);
        EXPECT(f, 200, request);
    }
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        snprintf(request, sizeof request, "GET /v1/status HTTP/1.1\r\nHost: %s\r\n\r\n",
                 unknown[i]);
        EXPECT(f, 421, request);
    }
    EXPECT(f, 200, "GET /v1/status HTTP/1.0\r\n\r\n");
    EXPECT(f, 400, "GET /v1/status HTTP/1.1\r\n\r\n");
    EXPECT(f, 400, "GET /v1/status HTTP/1.1\r\nHost: ddm\r\nHost: evil\r\n\r\n");
}

static void test_this_machine_has_a_name(void **state)
{
    struct fixture *f = *state;
    char name[64] = "", request[200];
    assert_int_equal(gethostname(name, sizeof name - 1), 0);
    snprintf(request, sizeof request, "GET /v1/status HTTP/1.1\r\nHost: %s:1\r\n\r\n", name);
    EXPECT(f, 200, request);
    snprintf(request, sizeof request, "GET /v1/status HTTP/1.1\r\nHost: %sx\r\n\r\n", name);
    EXPECT(f, 421, request);
}

#define GET  "GET /v1/status HTTP/1.1\r\nHost: 10.0.0.1:7071\r\n"
#define POST "POST /v1/fetch HTTP/1.1\r\nHost: ddm\r\n"

static void test_origins(void **state)
{
    struct fixture *f = *state;
    EXPECT(f, 200, GET "Origin: http://10.0.0.1:7071\r\n\r\n");
    EXPECT(f, 200, GET "Origin: https://10.0.0.1:7071\r\nSec-Fetch-Site: same-origin\r\n\r\n");
    EXPECT(f, 200, GET "Sec-Fetch-Site: none\r\n\r\n");
    EXPECT(f, 403, GET "Origin: null\r\n\r\n");
    EXPECT(f, 403, GET "Origin: \r\n\r\n");
    EXPECT(f, 403, GET "Origin: http://10.0.0.1\r\n\r\n");
    EXPECT(f, 403, GET "Origin: http://evil.example\r\n\r\n");
    EXPECT(f, 403, GET "Origin: ftp://10.0.0.1:7071\r\n\r\n");
    EXPECT(f, 403, GET "Sec-Fetch-Site: cross-site\r\n\r\n");
    EXPECT(f, 403, GET "Sec-Fetch-Site: same-site\r\n\r\n");
}

static void test_bodies_are_json(void **state)
{
    struct fixture *f = *state;
    EXPECT(f, 200, POST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT(f, 200,
           POST "Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 2\r\n"
                "\r\n{}");
    EXPECT(f, 415, POST "Content-Length: 2\r\n\r\n{}");
    EXPECT(f, 415, POST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT(f, 415, POST "Content-Type: application/jsonp\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT(f, 415,
           POST "Content-Type: application/x-www-form-urlencoded\r\n"
                "Content-Length: 3\r\n\r\na=b");
}

static void test_framing(void **state)
{
    struct fixture *f = *state;
    EXPECT(f, 400, POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT(f, 400, POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    EXPECT(f, 411, POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    EXPECT(f, 411, POST "Transfer-Encoding: identity\r\n\r\n");
    EXPECT(f, 400, POST "Content-Length : 2\r\n\r\n{}");
}

static void test_targets(void **state)
{
    struct fixture *f = *state;
    EXPECT(f, 400, "GET http://10.0.0.1/ HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 400, "CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 400, "OPTIONS * HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 405, "OPTIONS /v1/fetch HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 405, "TRACE /nothing HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 404, "GET //v1/status HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 404, "GET /v1//status HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 404, "GET /v1/../v1/status HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 404, "GET /v1/peers/.. HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 404, "GET /v1/peers/.?x HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 200, "GET /v1/peers/...?x HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 400, "GET /v1/%2e%2e/status HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 400, "GET /v1/status%00x HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 400, "GET /v1\\status HTTP/1.1\r\nHost: ddm\r\n\r\n");
    EXPECT(f, 400, "GET /v1/peers/\xff HTTP/1.1\r\nHost: ddm\r\n\r\n");
    char request[3000];
    snprintf(request, sizeof request, "GET /%02000d HTTP/1.1\r\nHost: ddm\r\n\r\n", 7);
    EXPECT(f, 414, request);
}

static void test_headers(void **state)
{
    struct fixture *f = *state;
    char request[6000] = "GET /v1/status HTTP/1.1\r\nHost: ddm\r\n";
    for (int i = 0; i < 70; i++)
        strcat(request, "X-Y: z\r\n");
    strcat(request, "\r\n");
    EXPECT(f, 431, request);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ROW(test_hosts),   ROW(test_this_machine_has_a_name),
        ROW(test_origins), ROW(test_bodies_are_json),
        ROW(test_framing), ROW(test_targets),
        ROW(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
