/* SPDX-License-Identifier: MIT */
/* The server and the fetcher against each other, over loopback. */
#include "io/httpd.h"

#include "base/str.h"
#include "base/util.h"
#include "io/fetch.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAM_SIZE ((uint64_t)3000000)
#define DEADLINE    (20 * SEC)

struct fixture {
    struct loop *loop;
    struct httpd *httpd;
    struct fetcher *fetcher;
    struct loop_timer *deadline, *later;
    struct httpd_request *kept; /* that is answered later */
    uint64_t allowed;           /* how much of the stream may be read */
    unsigned closed, gone;
    uint64_t cut_at; /* 0: never */
    /* What the client saw. */
    struct fetch *fetch;
    long status;
    char body[4096];
    uint64_t length;
    int code, pauses;
    bool wrong_byte, done, cancel_on_data;
};

static char byte_at(uint64_t position)
{
    return (char)(position * 7 + position / 1000);
}

static ssize_t read_stream(void *arg, uint64_t position, char *buf, size_t size)
{
    struct fixture *f = arg;
    if (f->cut_at && position >= f->cut_at)
        return -1;
    uint64_t end = MIN(STREAM_SIZE, f->allowed);
    size_t n = (size_t)MIN((uint64_t)size, end - position);
    for (size_t i = 0; i < n; i++)
        buf[i] = byte_at(position + i);
    return (ssize_t)n;
}

static void on_closed(void *arg)
{
    struct fixture *f = arg;
    f->closed++;
    f->kept = NULL;
    if (f->cancel_on_data)
        loop_stop(f->loop);
}

static const struct httpd_stream_ops stream_ops = { read_stream, on_closed };

static void handle_stream(void *arg, struct httpd_request *request)
{
    struct fixture *f = arg;
    f->kept = request;
    httpd_reply_stream(request, 206, "application/octet-stream", STREAM_SIZE, &stream_ops, f);
}

static void handle_echo(void *arg, struct httpd_request *request)
{
    size_t length;
    const char *body = httpd_body(request, &length);
    const char *query = httpd_query(request, "q");
    httpd_set_header(request, "Retry-After", "3");
    httpd_reply(
        request, 200, "text/plain",
        str_format("%s|%s|%.*s", httpd_segment(request), query ? query : "", (int)length, body));
}

static void answer_later(void *arg)
{
    struct fixture *f = arg;
    if (f->kept)
        httpd_reply_error(f->kept, 409, "late", "here it is: \"%d\"", 1);
}

static void on_gone(void *arg)
{
    struct fixture *f = arg;
    f->gone++;
    loop_stop(f->loop);
}

static void handle_later(void *arg, struct httpd_request *request)
{
    struct fixture *f = arg;
    f->kept = request;
    httpd_set_gone(request, on_gone, f);
    loop_timer_start(f->later, 30 * MSEC, false);
}

static void handle_never(void *arg, struct httpd_request *request)
{
    httpd_set_gone(request, on_gone, arg);
    struct fixture *f = arg;
    f->fetch = fetch_cancel(f->fetch);
}

static const struct httpd_route routes[] = {
    { "GET", "/stream", 0, handle_stream },
    { "PUT", "/echo/{}", 100, handle_echo },
    { "POST", "/later", 10, handle_later },
    { "GET", "/never", 0, handle_never },
    { NULL },
};

static char *error_body(const char *code, const char *message)
{
    return str_format("%s: %s", code, message);
}

static void too_late(void *arg)
{
    fail_msg("the loop did not come to its end");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct ddm_error err;
    struct httpd_config config = { .listen = (struct sockaddr *)&at,
                                   .listen_length = sizeof at,
                                   .routes = routes,
                                   .arg = f,
                                   .error_body = error_body };
    *state = f;
    f->allowed = UINT64_MAX;
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(fetcher_new(&f->fetcher, f->loop), 0);
    assert_int_equal(httpd_new(&f->httpd, f->loop, &config, &err), 0);
    assert_int_equal(loop_timer_new(&f->later, f->loop, answer_later, f), 0);
    assert_int_equal(loop_timer_new(&f->deadline, f->loop, too_late, f), 0);
    loop_timer_start(f->deadline, DEADLINE, false);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fetcher_free(f->fetcher);
    httpd_free(f->httpd);
    loop_free(f->loop);
    free(f);
    return 0;
}

static int on_head(void *arg, const struct fetch_head *head)
{
    struct fixture *f = arg;
    f->status = head->status;
    return 0;
}

static int on_data(void *arg, const char *data, size_t length)
{
    struct fixture *f = arg;
    if (f->cancel_on_data) {
        f->fetch = fetch_cancel(f->fetch);
        return 0;
    }
    if (f->pauses > 0 && f->length > 100000) {
        f->pauses--;
        fetch_resume(f->fetch);
        return FETCH_PAUSE;
    }
    for (size_t i = 0; i < length; i++) {
        if (f->length + i < sizeof f->body - 1)
            f->body[f->length + i] = data[i];
        f->wrong_byte |= data[i] != byte_at(f->length + i);
    }
    f->length += length;
    return 0;
}

static void on_done(void *arg, const struct fetch_result *result)
{
    struct fixture *f = arg;
    f->code = result->code;
    f->done = true;
    f->fetch = NULL;
    loop_stop(f->loop);
}

static const struct fetch_ops ops = { on_head, on_data, on_done };

static void request(struct fixture *f, const char *method, const char *path, const char *body)
{
    char url[200];
    struct ddm_error err = { 0 };
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", httpd_port(f->httpd), path);
    struct fetch_request r = { .url = url, .method = method, .body = body, .no_proxy = true };
    f->status = 0;
    f->length = 0;
    f->done = false;
    memset(f->body, 0, sizeof f->body);
    assert_int_equal(fetch_start(&f->fetch, f->fetcher, &r, &ops, f, &err), 0);
    loop_run(f->loop);
}

static void test_routes(void **state)
{
    struct fixture *f = *state;
    request(f, "PUT", "/echo/some-one?q=a%26b", "hello");
    assert_int_equal(f->status, 200);
    assert_string_equal(f->body, "some-one|a&b|hello");
    request(f, "PUT", "/echo/some%20one", "hello");
    assert_int_equal(f->status, 400); /* no path has escapes */
    request(f, NULL, "/nothing", NULL);
    assert_int_equal(f->status, 404);
    assert_string_equal(f->body, "not_found: no such path");
    request(f, NULL, "/echo/x", NULL);
    assert_int_equal(f->status, 405);
    request(f, NULL, "/echo/x/y", NULL);
    assert_int_equal(f->status, 404);
    request(f, NULL, "/echo/", NULL);
    assert_int_equal(f->status, 404);
}

static void test_bodies_have_a_bound(void **state)
{
    struct fixture *f = *state;
    char body[20000];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    request(f, "PUT", "/echo/x", body); /* announced as too large */
    assert_int_equal(f->status, 413);
    body[101] = '\0'; /* small enough to be read to its end */
    request(f, "PUT", "/echo/x", body);
    assert_int_equal(f->status, 413);
    body[100] = '\0';
    request(f, "PUT", "/echo/x", body);
    assert_int_equal(f->status, 200);
}

static void test_an_answer_may_come_later(void **state)
{
    struct fixture *f = *state;
    request(f, "POST", "/later", "{}");
    assert_int_equal(f->status, 409);
    assert_string_equal(f->body, "late: here it is: \"1\"");
    assert_int_equal(f->gone, 0);
}

static void test_a_stream(void **state)
{
    struct fixture *f = *state;
    request(f, NULL, "/stream", NULL);
    assert_int_equal(f->code, 0);
    assert_int_equal(f->status, 206);
    assert_int_equal(f->length, STREAM_SIZE);
    assert_false(f->wrong_byte);
}

static void test_a_stream_with_pauses(void **state)
{
    struct fixture *f = *state;
    f->pauses = 50;
    request(f, NULL, "/stream", NULL);
    assert_int_equal(f->pauses, 0);
    assert_int_equal(f->length, STREAM_SIZE);
    assert_false(f->wrong_byte);
}

static void allow_more(void *arg)
{
    struct fixture *f = arg;
    f->allowed += 100000;
    if (f->kept)
        httpd_stream_resume(f->kept);
}

static void test_a_stream_that_waits_for_its_bytes(void **state)
{
    struct fixture *f = *state;
    struct loop_timer *timer = NULL;
    f->allowed = 0;
    loop_timer_new(&timer, f->loop, allow_more, f);
    loop_timer_start(timer, MSEC, true);
    request(f, NULL, "/stream", NULL);
    assert_int_equal(f->length, STREAM_SIZE);
    assert_false(f->wrong_byte);
    loop_timer_free(timer);
}

static void test_a_stream_that_is_cut(void **state)
{
    struct fixture *f = *state;
    f->cut_at = 500000;
    request(f, NULL, "/stream", NULL);
    assert_int_equal(f->code, -DDM_E_NETWORK);
    assert_true(f->length >= 500000 && f->length < STREAM_SIZE);
    assert_int_equal(f->closed, 1);
}

/* Both while it has bytes to send and while it waits for some. */
static void test_a_reader_that_goes_away_is_noticed(void **state)
{
    struct fixture *f = *state;
    f->cancel_on_data = true;
    f->allowed = 100000;
    request(f, NULL, "/stream", NULL);
    assert_int_equal(f->closed, 1);
    assert_false(f->done);
    request(f, NULL, "/never", NULL);
    assert_int_equal(f->gone, 1);
    assert_false(f->done);
}

static void stop_with_one_connection(void *arg)
{
    struct fixture *f = arg;
    struct httpd_counters counters;
    httpd_count(f->httpd, &counters);
    if (counters.connections == 1)
        loop_stop(f->loop);
}

/* Long before the time for idle connections, which is longer than DEADLINE. */
static void await_one_connection(struct fixture *f)
{
    struct loop_timer *timer = NULL;
    assert_int_equal(loop_timer_new(&timer, f->loop, stop_with_one_connection, f), 0);
    loop_timer_start(timer, MSEC, true);
    loop_run(f->loop);
    loop_timer_free(timer);
}

/* Of which there is an older one, that goes on. */
static void test_a_stream_that_fails_frees_its_connection(void **state)
{
    static const char idle[] = "GET /nothing HTTP/1.1\r\nHost: ddm\r\n\r\n";
    struct fixture *f = *state;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(httpd_port(f->httpd)) };
    int older = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(older, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(older, idle, strlen(idle)), (ssize_t)strlen(idle));
    await_one_connection(f);
    f->cut_at = 500000;
    request(f, NULL, "/stream", NULL);
    await_one_connection(f);
    f->cut_at = 0;
    f->cancel_on_data = true;
    f->allowed = 100000;
    request(f, NULL, "/stream", NULL);
    await_one_connection(f);
    close(older);
}

static bool allow_none(void *arg, const struct fetch_way *way)
{
    return false;
}

static void test_an_address_that_is_not_allowed(void **state)
{
    struct fixture *f = *state;
    char url[100];
    struct ddm_error err;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/stream", httpd_port(f->httpd));
    struct fetch_request r = { .url = url, .allow = allow_none };
    assert_int_equal(fetch_start(&f->fetch, f->fetcher, &r, &ops, f, &err), 0);
    loop_run(f->loop);
    assert_int_equal(f->code, -DDM_E_PERMISSION);
    assert_int_equal(f->status, 0);
}

static void test_a_port_in_use_is_named(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(httpd_port(f->httpd)) };
    struct httpd_config config = { .listen = (struct sockaddr *)&at,
                                   .listen_length = sizeof at,
                                   .routes = routes,
                                   .error_body = error_body };
    struct httpd *other = NULL;
    struct ddm_error err;
    char expected[80];
    snprintf(expected, sizeof expected, "cannot listen on 127.0.0.1:%u: Address already in use",
             httpd_port(f->httpd));
    assert_int_equal(httpd_new(&other, f->loop, &config, &err), -DDM_E_NETWORK);
    assert_string_equal(err.message, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_routes),
        TEST(test_bodies_have_a_bound),
        TEST(test_an_answer_may_come_later),
        TEST(test_a_stream),
        TEST(test_a_stream_with_pauses),
        TEST(test_a_stream_that_waits_for_its_bytes),
        TEST(test_a_stream_that_is_cut),
        TEST(test_a_reader_that_goes_away_is_noticed),
        TEST(test_a_stream_that_fails_frees_its_connection),
        TEST(test_an_address_that_is_not_allowed),
        TEST(test_a_port_in_use_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
