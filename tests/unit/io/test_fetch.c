/* SPDX-License-Identifier: MIT */
/* What goes out with a request, and where to, over loopback. */
#include "io/fetch.h"

#include "base/str.h"
#include "base/util.h"
#include "io/socket.h"
#include "io/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "origin.h"

#define DEADLINE (20 * SEC)
#define PAUSE    (50 * MSEC)

struct fixture {
    struct origin origin;
    struct loop *loop;
    struct fetcher *fetcher;
    struct loop_timer *deadline;
    struct fetch *fetch;
    /* What the last fetch saw. */
    struct fetch_head head;
    int heads, code;
    long status;
    char url[300], message[500], body[2000];
    size_t length;
    bool done;
    /* What `allow` was asked, and what it says. */
    unsigned asked, asked_redirects;
    unsigned asked_names;
    bool deny_names;
    bool deny_redirects, deny;
    struct loop_timer *pause; /* at its start, and then before its head comes */
    bool paused;
};

static void too_late(void *arg)
{
    fail_msg("the loop did not come to its end");
}

static void answer(struct origin *o, struct origin_connection *c)
{
    const char *text = c->text;
    int other = o->port[!c->host], own = o->port[c->host];
    if (str_starts_with(text, "CONNECT closed")) {
        origin_say(c, "HTTP/1.1 200 OK\r\n\r\n");
        origin_close(c);
    } else if (str_starts_with(text, "CONNECT"))
        origin_say(c, "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n");
    else if (str_starts_with(text, "GET /elsewhere"))
        origin_say(c,
                   "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:%d/end\r\n"
                   "Content-Length: 5\r\n\r\nmoved",
                   other);
    else if (str_starts_with(text, "GET /here"))
        origin_say(c, "HTTP/1.1 302 x\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n");
    else if (str_starts_with(text, "GET /to-file"))
        origin_say(c,
                   "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n");
    else if (str_starts_with(text, "GET /to-dict"))
        origin_say(c,
                   "HTTP/1.1 302 x\r\nLocation: dict://127.0.0.1:%d/x\r\n"
                   "Content-Length: 0\r\n\r\n",
                   own);
    else if (str_starts_with(text, "GET /to-ftp"))
        origin_say(c,
                   "HTTP/1.1 302 x\r\nLocation: ftp://127.0.0.1:%d/x\r\n"
                   "Content-Length: 0\r\n\r\n",
                   own);
    else if (str_starts_with(text, "GET /round"))
        origin_say(c, "HTTP/1.1 302 x\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
    else if (str_starts_with(text, "GET /cookie") && !strstr(text, "seen=1"))
        origin_say(c, "HTTP/1.1 302 x\r\nSet-Cookie: seen=1\r\nLocation: /cookie\r\n"
                      "Content-Length: 0\r\n\r\n");
    else if (str_starts_with(text, "GET /digest") && !strstr(text, "Authorization: Digest"))
        origin_say(c, "HTTP/1.1 401 x\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", "
                      "algorithm=MD5, qop=\"auth\"\r\nContent-Length: 2\r\n\r\nno");
    else if (str_starts_with(text, "GET /basic"))
        origin_say(c, "HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=\"r\"\r\n"
                      "Content-Length: 2\r\n\r\nno");
    else if (str_starts_with(text, "GET /part") && usleep(2 * PAUSE / USEC) == 0)
        origin_say(c, "HTTP/1.1 206 x\r\nDate: Sun, 22 Nov 2026 21:22:24 GMT\r\n"
                      "Content-Range: bytes 0-1/9\r\nETag: \"e\"\r\nContent-Length: 2\r\n\r\nok");
    else
        origin_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    origin_start(&f->origin, answer);
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(fetcher_new(&f->fetcher, f->loop), 0);
    assert_int_equal(loop_timer_new(&f->deadline, f->loop, too_late, f), 0);
    loop_timer_start(f->deadline, DEADLINE, false);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fetcher_free(f->fetcher);
    loop_timer_free(f->deadline);
    loop_free(f->loop);
    origin_stop(&f->origin);
    free(f);
    return 0;
}

static int on_head(void *arg, const struct fetch_head *head)
{
    struct fixture *f = arg;
    f->head = *head;
    f->heads++;
    str_copy(f->url, sizeof f->url, fetch_effective_url(f->fetch));
    return 0;
}

static int on_data(void *arg, const char *data, size_t length)
{
    struct fixture *f = arg;
    assert_true(f->length + length < sizeof f->body);
    memcpy(f->body + f->length, data, length);
    f->length += length;
    return 0;
}

static void on_done(void *arg, const struct fetch_result *result)
{
    struct fixture *f = arg;
    f->code = result->code;
    f->status = result->status;
    str_copy(f->message, sizeof f->message, result->message);
    f->done = true;
    loop_stop(f->loop);
}

static const struct fetch_ops ops = { on_head, on_data, on_done };

static bool allow(void *arg, const struct fetch_way *way)
{
    struct fixture *f = arg;
    char host[ADDRESS_HOST_SIZE];
    assert_true(str_starts_with(way->url, "http://"));
    if (!way->address) { /* only a proxy knows */
        f->asked_names++;
        return !f->deny_names;
    }
    socket_host(host, way->address);
    assert_string_equal(host, "127.0.0.1");
    f->asked++;
    f->asked_redirects = way->redirects;
    return !f->deny && !(f->deny_redirects && way->redirects > 0);
}

/* Fetches a path of the first host. */
static void fetch(struct fixture *f, const char *path, const struct fetch_profile *profile,
                  bool with_allow)
{
    struct ddm_error err;
    _cleanup_free_ char *url = strstr(path, "://")
                                   ? strdup(path)
                                   : str_format("http://127.0.0.1:%d%s", f->origin.port[0], path);
    struct fetch_request request = { .url = url, .profile = profile };
    if (with_allow)
        request.allow = allow;
    f->done = false;
    f->heads = 0;
    f->length = 0;
    assert_int_equal(fetch_start(&f->fetch, f->fetcher, &request, &ops, f, &err), 0);
    assert_string_equal(fetch_effective_url(f->fetch), "");
    if (f->pause) {
        fetch_pause(f->fetch);
        loop_timer_start(f->pause, PAUSE, false);
    }
    loop_run(f->loop);
    assert_true(f->done);
}

/* The last request but `back` has (or has not) this in it. */
static void assert_sent(struct fixture *f, int back, const char *text, bool sent)
{
    const char *request = f->origin.requests[f->origin.request_count - 1 - back];
    if ((strcasestr(request, text) != NULL) != sent)
        fail_msg("\"%s\" %s:\n%s", text, sent ? "was not sent" : "was sent", request);
}

/* ---- headers ---- */

static const char *const all_headers[] = { "X-Api-Key: secret",   "Cookie: a=secret",
                                           "Accept: text/x",      "Authorization: Bearer secret",
                                           "Accept-Language: eo", NULL };

static void test_secrets_stay(void **state)
{
    struct fixture *f = *state;
    struct fetch_profile profile = { .headers = all_headers };
    fetch(f, "/elsewhere", &profile, false);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->heads, 1);
    assert_int_equal(f->length, 2);
    assert_int_equal(f->origin.request_count, 2);
    assert_int_equal(f->origin.asked_host[1], 1);
    assert_sent(f, 1, "X-Api-Key: secret", true);
    assert_sent(f, 1, "Authorization: Bearer secret", true);
    assert_sent(f, 0, "secret", false);
    assert_sent(f, 0, "Accept: text/x", true);
    assert_sent(f, 0, "Accept-Language: eo", true);
    assert_sent(f, 0, "Accept-Encoding: identity", true);
    _cleanup_free_ char *where = str_format("http://127.0.0.1:%d/end", f->origin.port[1]);
    assert_string_equal(f->url, where);
}

static void test_secrets_follow_home(void **state)
{
    struct fixture *f = *state;
    struct fetch_profile profile = { .headers = all_headers };
    fetch(f, "/here", &profile, false);
    assert_sent(f, 0, "GET /end", true);
    assert_sent(f, 0, "X-Api-Key: secret", true);
    assert_sent(f, 0, "Authorization: Bearer secret", true);
}

static void test_default_headers(void **state)
{
    struct fixture *f = *state;
    static const char *const headers[] = { "Accept:", "X-Empty;", NULL };
    struct fetch_profile profile = { .headers = headers,
                                     .referer = "http://r/",
                                     .user_agent = "me" };
    fetch(f, "/", &profile, false);
    assert_sent(f, 0, "Accept: ", false);
    assert_sent(f, 0, "X-Empty:\r\n", true);
    assert_sent(f, 0, "Referer: http://r/\r\n", true);
    assert_sent(f, 0, "User-Agent: me\r\n", true);
    fetch(f, "/", NULL, false);
    assert_sent(f, 0, "Accept: */*", true);
    assert_sent(f, 0, "User-Agent: ddm/", true);
    assert_sent(f, 0, "Referer", false);
}

static void test_bad_profile(void **state)
{
    struct fixture *f = *state;
    static const char *const split[] = { "X: a\r\nRange: bytes=0-0", NULL };
    struct fetch_profile profile = { .headers = split };
    struct fetch_request request = { .url = "http://127.0.0.1/", .profile = &profile };
    struct ddm_error err;
    assert_int_equal(fetch_start(&f->fetch, f->fetcher, &request, &ops, f, &err), -DDM_E_USAGE);
    profile = (struct fetch_profile){ .proxy = "gopher://x" };
    assert_int_equal(fetch_start(&f->fetch, f->fetcher, &request, &ops, f, &err), -DDM_E_USAGE);
}

/* ---- logins and cookies ---- */

static void test_user(void **state)
{
    struct fixture *f = *state;
    struct fetch_profile profile = { .user = "u:p" };
    fetch(f, "/elsewhere", &profile, false);
    assert_sent(f, 1, "Authorization: Basic dTpw", true);
    assert_sent(f, 0, "Authorization", false);
    fetch(f, "/basic", &profile, false);
    assert_int_equal(f->status, 401);
    assert_int_equal(f->origin.request_count, 3);
}

static void test_digest(void **state)
{
    struct fixture *f = *state;
    struct fetch_profile profile = { .user = "u:p" };
    fetch(f, "/digest", &profile, false);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->heads, 1);
    assert_int_equal(f->length, 2);
    assert_memory_equal(f->body, "ok", 2);
    assert_sent(f, 0, "Authorization: Digest username=\"u\"", true);
    int before = f->origin.request_count;
    fetch(f, "/digest", &profile, false); /* it is known now: no Basic */
    assert_int_equal(f->status, 200);
    assert_int_equal(f->origin.request_count, before + 2);
    assert_sent(f, 1, "Basic", false);
    assert_int_equal(f->origin.connection_count, 1);
    fetch(f, "/digest", NULL, false);
    assert_int_equal(f->status, 401);
}

static void test_netrc(void **state)
{
    struct fixture *f = *state;
    char home[] = "/tmp/ddm-test-XXXXXX", path[sizeof home + 8];
    assert_non_null(mkdtemp(home));
    snprintf(path, sizeof path, "%s/.netrc", home);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "machine 127.0.0.1 login u password p\n");
    assert_int_equal(fclose(file), 0);
    _cleanup_free_ char *old = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    setenv("HOME", home, 1);
    struct fetch_profile profile = { .netrc = true };
    fetch(f, "/", &profile, false);
    assert_sent(f, 0, "Authorization: Basic dTpw", true);
    profile.netrc = false;
    fetch(f, "/", &profile, false);
    assert_sent(f, 0, "Authorization", false);
    if (old)
        setenv("HOME", old, 1);
    unlink(path);
    rmdir(home);
}

static void test_cookies(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/ddm-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    dprintf(fd, "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tmine\tyes\n");
    close(fd);
    struct fetch_profile profile = { .cookies = path };
    fetch(f, "/", &profile, false);
    assert_sent(f, 0, "Cookie: mine=yes", true);
    fetch(f, "/", NULL, false);
    assert_sent(f, 0, "Cookie", false);
    fetch(f, "/cookie", NULL, false); /* within one request they come back */
    assert_int_equal(f->status, 200);
    fetch(f, "/", NULL, false);
    assert_sent(f, 0, "Cookie", false);
    unlink(path);
}

/* ---- redirects ---- */

static void test_bad_redirects(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[][2] = { { "/to-file", "from http to file" },
                                            { "/to-dict", "from http to dict" },
                                            { "/to-ftp", "from http to ftp" } };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        fetch(f, paths[i][0], NULL, false);
        assert_int_equal(f->code, -DDM_E_USAGE);
        assert_int_equal(f->heads, 0);
        assert_non_null(strstr(f->message, paths[i][1]));
        assert_non_null(strstr(f->message, "refused"));
    }
    fetch(f, "/round", NULL, false);
    assert_int_equal(f->code, -DDM_E_REFUSED);
    assert_non_null(strstr(f->message, "redirects"));
}

static void test_allow_counts_redirects(void **state)
{
    struct fixture *f = *state;
    f->deny_redirects = true;
    fetch(f, "/", NULL, true);
    assert_int_equal(f->status, 200);
    fetch(f, "/elsewhere", NULL, true);
    assert_int_equal(f->code, -DDM_E_PERMISSION);
    assert_int_equal(f->asked_redirects, 1);
    assert_non_null(strstr(f->message, "127.0.0.1 is not public"));
    assert_int_equal(f->heads, 0);
}

/* The second request would take the connection of the first. */
static void test_allow_and_kept_connections(void **state)
{
    struct fixture *f = *state;
    fetch(f, "/", NULL, false);
    assert_int_equal(f->origin.connection_count, 1);
    f->deny = true;
    fetch(f, "/", NULL, true);
    assert_int_equal(f->code, -DDM_E_PERMISSION);
    assert_true(f->asked > 0);
    assert_int_equal(f->origin.request_count, 1);
    f->deny = false;
    f->deny_redirects = true;
    fetch(f, "/here", NULL, true); /* to the same host: a redirect all the same */
    assert_int_equal(f->code, -DDM_E_PERMISSION);
    assert_int_equal(f->origin.request_count, 2);
}

/* ---- proxies ---- */

static void test_proxy(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *proxy = str_format("http://u:p@127.0.0.1:%d", f->origin.port[1]);
    struct fetch_profile profile = { .proxy = proxy };
    f->deny = true; /* nobody asks for the proxy's address */
    fetch(f, "http://ddm.invalid/x", &profile, true);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->asked, 0);
    assert_true(f->asked_names > 0);
    assert_sent(f, 0, "GET http://ddm.invalid/x HTTP/1.1", true);
    assert_sent(f, 0, "Proxy-Authorization: Basic dTpw", true);
    fetch(f, "http://127.0.0.1/x", &profile, true); /* a number is one, proxy or not */
    assert_int_equal(f->code, -DDM_E_PERMISSION);
    f->deny_names = true;
    fetch(f, "http://ddm.invalid/x", &profile, true);
    assert_int_equal(f->code, -DDM_E_PERMISSION);
    assert_string_equal(f->message, "ddm.invalid is not allowed here");
    assert_int_equal(f->origin.request_count, 1);
}

static void test_proxy_of_environment(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *proxy = str_format("127.0.0.1:%d", f->origin.port[1]);
    setenv("http_proxy", proxy, 1);
    fetch(f, "http://ddm.invalid/x", NULL, false);
    assert_sent(f, 0, "GET http://ddm.invalid/x HTTP/1.1", true);
    struct fetch_profile none = { .proxy = "" };
    fetch(f, "/direct", &none, false);
    assert_sent(f, 0, "GET /direct", true);
    setenv("no_proxy", "127.0.0.1", 1);
    fetch(f, "/excepted", NULL, false);
    assert_sent(f, 0, "GET /excepted", true);
    unsetenv("no_proxy");
    unsetenv("http_proxy");
}

static void test_proxy_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct fetch_profile profile = { .proxy = "http://127.0.0.1:1" };
    fetch(f, "http://ddm.invalid/x", &profile, false);
    assert_int_equal(f->code, -DDM_E_NETWORK);
    assert_string_equal(f->message, "cannot connect to the proxy 127.0.0.1:1: Connection refused");
    _cleanup_free_ char *proxy = str_format("http://127.0.0.1:%d", f->origin.port[1]);
    profile.proxy = proxy;
    fetch(f, "https://closed.invalid/", &profile, false);
    assert_int_equal(f->code, -DDM_E_NETWORK);
    assert_int_equal(f->status, 0); /* that 200 was the proxy's */
    fetch(f, "https://ddm.invalid/", &profile, false);
    assert_int_equal(f->code, -DDM_E_REFUSED);
    assert_non_null(strstr(f->message, "ddm.invalid: the proxy 127.0.0.1:"));
    assert_non_null(strstr(f->message, "answered HTTP 403"));
}

/* It has sent its request by then; later the head has come. */
static void pause_or_go_on(void *arg)
{
    struct fixture *f = arg;
    (f->paused ? fetch_resume : fetch_pause)(f->fetch);
    if (!f->paused)
        loop_timer_start(f->pause, 2 * PAUSE, false);
    f->paused = !f->paused;
}

/* Before it has a connection, and again while its head comes. */
static void test_paused_at_its_start(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(loop_timer_new(&f->pause, f->loop, pause_or_go_on, f), 0);
    for (int connection = 0; connection < 3; connection++) { /* a new one, and a kept one */
        fetch(f, "/part", NULL, false);
        assert_string_equal(f->message, "");
        assert_int_equal(f->code, 0);
        assert_true(f->head.range);
        assert_int_equal(f->head.total, 9);
        assert_string_equal(f->head.etag, "\"e\"");
        assert_int_equal(f->length, 2);
    }
    f->pause = loop_timer_free(f->pause);
}

int main(void)
{
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    unsetenv("no_proxy");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_secrets_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_secrets_follow_home, setup, teardown),
        cmocka_unit_test_setup_teardown(test_default_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_profile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_digest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_netrc, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cookies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_redirects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allow_counts_redirects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allow_and_kept_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proxy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proxy_of_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proxy_that_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paused_at_its_start, setup, teardown),
    };
    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
