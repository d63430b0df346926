/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/util.h"
#include "io/httpd.h"
#include "swarm/tracker_client.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct world {
    struct loop *loop;
    struct httpd *httpd;
    struct fetcher *fetcher;
    struct address tracker;
    unsigned came;
    char id[MESSAGE_ID_SIZE];
    struct message_report report;
};

static void on_report(void *arg, struct httpd_request *request)
{
    struct world *w = arg;
    size_t length;
    const char *body = httpd_body(request, &length);
    w->came++;
    str_copy(w->id, sizeof w->id, httpd_segment(request));
    assert_int_equal(message_report_decode(&w->report, body, length, NULL), 0);
    httpd_reply(request, 200, "text/plain", strdup("nobody reads this"));
    loop_stop(w->loop);
}

static const struct httpd_route routes[] = {
    { "POST", "/v1/peers/{}/reports", MESSAGE_BODY_MAX, on_report },
    { NULL },
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct httpd_config config = { .listen = (struct sockaddr *)&any,
                                   .listen_length = sizeof any,
                                   .routes = routes,
                                   .arg = w,
                                   .error_body = message_error };
    *state = w;
    if (!w || loop_new(&w->loop) < 0 || fetcher_new(&w->fetcher, w->loop) < 0 ||
        httpd_new(&w->httpd, w->loop, &config, NULL) < 0)
        return -1;
    w->tracker = (struct address){ .host = "127.0.0.1", .port = httpd_port(w->httpd) };
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    fetcher_free(w->fetcher);
    httpd_free(w->httpd);
    loop_free(w->loop);
    free(w);
    return 0;
}

static const struct message_report liar = { .reporter = "host-1", .reason = "wrong_bytes" };

static void it_comes_to_the_tracker(void **state)
{
    struct world *w = *state;
    assert_int_equal(report_send(w->fetcher, &w->tracker, "peer-1", &liar), 0);
    loop_run(w->loop);
    assert_int_equal(w->came, 1);
    assert_string_equal(w->id, "peer-1");
    assert_string_equal(w->report.reporter, "host-1");
    assert_string_equal(w->report.reason, "wrong_bytes");
}

/* The sanitizer would tell of what is left behind. */
static void it_goes_with_the_fetcher(void **state)
{
    struct world *w = *state;
    assert_int_equal(report_send(w->fetcher, &w->tracker, "peer-1", &liar), 0);
    w->fetcher = fetcher_free(w->fetcher);
    assert_int_equal(w->came, 0);
}

static void a_report_that_is_none_is_not_sent(void **state)
{
    struct world *w = *state;
    struct message_report bad = { .reporter = "\xff", .reason = "x" };
    assert_true(report_send(w->fetcher, &w->tracker, "peer-1", &bad) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_comes_to_the_tracker, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_with_the_fetcher, setup, teardown),
        cmocka_unit_test_setup_teardown(a_report_that_is_none_is_not_sent, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
