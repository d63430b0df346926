/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/util.h"
#include "swarm/messages.h"

#include <stdio.h>
#include <string.h>

static void ids(void **state)
{
    char longest[MESSAGE_ID_SIZE + 1];
    memset(longest, 'a', sizeof longest);
    longest[MESSAGE_ID_SIZE - 1] = '\0';
    assert_true(message_id_valid(longest));
    longest[MESSAGE_ID_SIZE - 1] = 'a';
    longest[MESSAGE_ID_SIZE] = '\0';
    assert_false(message_id_valid(longest));
    assert_true(message_id_valid("aZ09_-"));
    assert_false(message_id_valid(""));
    assert_false(message_id_valid("a b"));
    assert_false(message_id_valid("a/b"));
    assert_false(message_id_valid("\xc3\xa4"));
}

static void errors(void **state)
{
    struct message_error e = { 0 };
    _cleanup_free_ char *plain = message_error("busy", "too \"much\"\n\xff");
    assert_string_equal(plain, "{\"error\":\"busy\",\"message\":\"too \\\"much\\\"??\"}");
    assert_true(message_error_decode(&e, plain, strlen(plain)));
    assert_string_equal(e.code, "busy");
    assert_string_equal(e.message, "too \"much\"??");
    assert_int_equal(e.origin_status, 0);
    assert_int_equal(e.retry_after, 0);

    _cleanup_free_ char *origin = message_origin_error("origin", "not found", 404, 0);
    assert_string_equal(origin, "{\"error\":\"origin\",\"message\":\"not found\",\"status\":404}");
    assert_true(message_error_decode(&e, origin, strlen(origin)));
    assert_int_equal(e.origin_status, 404);
    assert_int_equal(e.retry_after, 0);

    _cleanup_free_ char *busy = message_origin_error("origin", "busy", 503, 2 * SEC + 1);
    assert_true(message_error_decode(&e, busy, strlen(busy)));
    assert_int_equal(e.origin_status, 503);
    assert_int_equal(e.retry_after, 3 * SEC);

    static const char full[] = "{\"error\":\"x\",\"retry_after\":7,\"status\":\"404\",\"more\":{}}";
    assert_true(message_error_decode(&e, full, strlen(full)));
    assert_string_equal(e.message, "");
    assert_int_equal(e.origin_status, 0);
    assert_int_equal(e.retry_after, 7 * SEC);

    static const char *const none[] = {
        "",
        "<html>",
        "[]",
        "null",
        "{}",
        "{\"error\":7}",
        "{\"error\":\"A b\"}",
        "{\"error\":\"x\"} y",
        "{\"error\":\"x\",\"error\":\"y\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_false(message_error_decode(&e, none[i], strlen(none[i])));
    assert_string_equal(e.code, "x");
}

static void a_long_error_message_is_cut(void **state)
{
    struct message_error e;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    _cleanup_free_ char *json = str_format("{\"error\":\"a\",\"message\":\"%s\"}", text);
    assert_true(message_error_decode(&e, json, strlen(json)));
    assert_int_equal(strlen(e.message), sizeof e.message - 1);
    _cleanup_free_ char *encoded = message_error("a", text);
    assert_true(strlen(encoded) < 500);
}

static void announces_there_and_back(void **state)
{
    struct message_announce a = { .port = 7071,
                                  .host_id = "h-1",
                                  .address = "fe80::1",
                                  .version = "0.1.0",
                                  .rate = INT64_MAX,
                                  .load = UINT32_MAX };
    struct message_announce b = { 0 };
    _cleanup_free_ char *full = message_announce_encode(&a);
    assert_int_equal(message_announce_decode(&b, full, strlen(full), NULL), 0);
    assert_int_equal(b.port, 7071);
    assert_string_equal(b.host_id, "h-1");
    assert_string_equal(b.address, "fe80::1");
    assert_string_equal(b.version, "0.1.0");
    assert_true(b.rate == INT64_MAX);
    assert_int_equal(b.load, UINT32_MAX);

    struct message_announce small = { .port = 1, .host_id = "h" };
    _cleanup_free_ char *least = message_announce_encode(&small);
    assert_string_equal(least, "{\"port\":1,\"host_id\":\"h\"}");
    assert_int_equal(message_announce_decode(&b, least, strlen(least), NULL), 0);
    assert_string_equal(b.address, "");
    assert_int_equal(b.rate, 0);

    a.rate = UINT64_MAX;
    assert_null(message_announce_encode(&a));
}

static void announces_that_are_none(void **state)
{
    static const char *const cases[] = {
        "",
        "{",
        "7",
        "[]",
        "{\"port\":7071}",
        "{\"host_id\":\"h\"}",
        "{\"port\":0,\"host_id\":\"h\"}",
        "{\"port\":65536,\"host_id\":\"h\"}",
        "{\"port\":-1,\"host_id\":\"h\"}",
        "{\"port\":1.0,\"host_id\":\"h\"}",
        "{\"port\":\"1\",\"host_id\":\"h\"}",
        "{\"port\":true,\"host_id\":\"h\"}",
        "{\"port\":99999999999999999999,\"host_id\":\"h\"}",
        "{\"port\":1,\"host_id\":\"\"}",
        "{\"port\":1,\"host_id\":\"a b\"}",
        "{\"port\":1,\"host_id\":7}",
        "{\"port\":1,\"host_id\":\"h\\u0000\"}",
        "{\"port\":1,\"host_id\":\"h\",\"address\":\"a b\"}",
        "{\"port\":1,\"host_id\":\"h\",\"address\":\"a:80\"}",
        "{\"port\":1,\"host_id\":\"h\",\"address\":\"[::1]\"}",
        "{\"port\":1,\"host_id\":\"h\",\"address\":\"a/../\"}",
        "{\"port\":1,\"host_id\":\"h\",\"version\":\"a\\nb\"}",
        "{\"port\":1,\"host_id\":\"h\",\"version\":\"01234567890123456789012345678901\"}",
        "{\"port\":1,\"host_id\":\"h\",\"rate\":-1}",
        "{\"port\":1,\"host_id\":\"h\",\"rate\":1.5}",
        "{\"port\":1,\"host_id\":\"h\",\"load\":4294967296}",
        "{\"port\":1,\"port\":1,\"host_id\":\"h\"}",
        "{\"port\":1,\"host_id\":\"h\"}{}",
    };
    struct message_announce a = { .port = 77 };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ddm_error err = { 0 };
        if (message_announce_decode(&a, cases[i], strlen(cases[i]), &err) != -DDM_E_USAGE)
            fail_msg("%s was taken", cases[i]);
        assert_int_equal(err.code, DDM_E_USAGE);
        assert_true(*err.message && !strchr(err.message, '\n'));
    }
    assert_int_equal(a.port, 77);
    static const char more[] = "{\"port\":1,\"host_id\":\"h\",\"address\":\"\",\"future\":[1,{}]}";
    assert_int_equal(message_announce_decode(&a, more, strlen(more), NULL), 0);
}

static void answers_to_announces(void **state)
{
    struct message_announced a = { .interval = 10, .ttl = 30 }, b = { 0 };
    _cleanup_free_ char *json = message_announced_encode(&a);
    assert_string_equal(json, "{\"interval\":10,\"ttl\":30}");
    assert_int_equal(message_announced_decode(&b, json, strlen(json), NULL), 0);
    assert_int_equal(b.interval, 10);
    assert_int_equal(b.ttl, 30);
    static const char zero[] = "{\"interval\":0,\"ttl\":30}", half[] = "{\"interval\":1}";
    assert_int_equal(message_announced_decode(&b, zero, strlen(zero), NULL), -DDM_E_USAGE);
    assert_int_equal(message_announced_decode(&b, half, strlen(half), NULL), -DDM_E_USAGE);
}

static void lists_of_peers(void **state)
{
    struct message_peer peers[] = {
        { .id = "a",
          .at = { "10.0.0.1", 7071 },
          .age = 1234567890,
          .reports = 2,
          .announce = { .host_id = "h", .version = "1", .rate = 5, .load = 2, .port = 1 } },
        { .id = "b", .at = { "fe80::1", 1 }, .announce = { .host_id = "h2" } },
    };
    _cleanup_free_ struct message_peer *got = NULL;
    size_t count = 0;
    _cleanup_free_ char *json = message_peers_encode(peers, 2);
    assert_int_equal(message_peers_decode(&got, &count, json, strlen(json), NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(got[0].id, "a");
    assert_string_equal(got[0].at.host, "10.0.0.1");
    assert_int_equal(got[0].at.port, 7071);
    assert_int_equal(got[0].announce.port, 7071);
    assert_int_equal(got[0].announce.rate, 5);
    assert_int_equal(got[0].announce.load, 2);
    assert_int_equal(got[0].age, 1234 * MSEC);
    assert_int_equal(got[0].reports, 2);
    assert_int_equal(got[1].reports, 0); /* not said */
    assert_string_equal(got[1].at.host, "fe80::1");
    _cleanup_free_ char *none = message_peers_encode(NULL, 0);
    assert_string_equal(none, "{\"peers\":[]}");
}

static void peers_that_are_wrong_are_left_out(void **state)
{
    static const char json[] =
        "{\"peers\":[7,{},null,{\"id\":\"a b\",\"address\":\"h\",\"port\":1,\"host_id\":\"h\"},"
        "{\"id\":\"a\",\"address\":\"\",\"port\":1,\"host_id\":\"h\"},"
        "{\"id\":\"a\",\"address\":\"x@y\",\"port\":1,\"host_id\":\"h\"},"
        "{\"id\":\"a\",\"address\":\"h\",\"port\":0,\"host_id\":\"h\"},"
        "{\"id\":\"a\",\"address\":\"h\",\"port\":1,\"host_id\":\"h\",\"reports\":-1},"
        "{\"id\":\"ok\",\"address\":\"h\",\"port\":1,\"host_id\":\"h\",\"age_ms\":-5}]}";
    _cleanup_free_ struct message_peer *got = NULL;
    size_t count = 0;
    assert_int_equal(message_peers_decode(&got, &count, json, strlen(json), NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(got[0].id, "ok");
    assert_int_equal(got[0].age, 0);

    static const char *const bad[] = { "", "{}", "[]", "{\"peers\":{}}", "{\"peers\":null}" };
    struct message_peer *untouched = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(message_peers_decode(&untouched, &count, bad[i], strlen(bad[i]), NULL),
                         -DDM_E_USAGE);
    assert_null(untouched);
}

static void fetches_there_and_back(void **state)
{
    static struct message_fetch a = { .url = "http://h/\xc3\xa4?x=\"1\"",
                                      .begin = 5,
                                      .end = 9,
                                      .size = 9,
                                      .etag = "W/\"x\"",
                                      .last_modified = "Mon, 01 Jan 2024 00:00:00 GMT",
                                      .uplink = 7,
                                      .headers = "Cookie: a=\"b\"\nX-Key: \xc3\xa4\n" };
    static struct message_fetch b;
    _cleanup_free_ char *json = message_fetch_encode(&a);
    assert_int_equal(message_fetch_decode(&b, json, strlen(json), NULL), 0);
    assert_string_equal(b.url, a.url);
    assert_int_equal(b.begin, 5);
    assert_int_equal(b.end, 9);
    assert_int_equal(b.size, 9);
    assert_string_equal(b.etag, a.etag);
    assert_string_equal(b.last_modified, a.last_modified);
    assert_int_equal(b.uplink, 7);
    assert_string_equal(b.headers, a.headers);
    assert_non_null(
        strstr(json, "\"headers\":{\"Cookie\":\"a=\\\"b\\\"\",\"X-Key\":\"\xc3\xa4\"}"));

    a.uplink = 0;
    a.size = DDM_SIZE_UNKNOWN;
    *a.etag = '\0';
    *a.last_modified = '\0';
    *a.headers = '\0';
    _cleanup_free_ char *least = message_fetch_encode(&a);
    assert_null(strstr(least, "size"));
    assert_null(strstr(least, "uplink"));
    assert_null(strstr(least, "headers"));
    assert_int_equal(message_fetch_decode(&b, least, strlen(least), NULL), 0);
    assert_true(b.size == DDM_SIZE_UNKNOWN);
    assert_int_equal(b.uplink, 0);
    assert_string_equal(b.etag, "");
    assert_string_equal(b.headers, "");
    a.end = DDM_SIZE_UNKNOWN;
    assert_null(message_fetch_encode(&a));
}

static void headers_of_fetches_come_sorted(void **state)
{
    static const char one[] = "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":"
                              "{\"X\":\"1\",\"Cookie\":\"2\",\"b\":\"3\"}}";
    static const char none[] = "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{}}";
    static struct message_fetch fetch;
    assert_int_equal(message_fetch_decode(&fetch, one, strlen(one), NULL), 0);
    assert_string_equal(fetch.headers, "b: 3\nCookie: 2\nX: 1\n");
    assert_int_equal(message_fetch_decode(&fetch, none, strlen(none), NULL), 0);
    assert_string_equal(fetch.headers, "");
}

static void headers_that_are_not_valid_are_not_encoded(void **state)
{
    static const char *const cases[] = { "X\n",          "X:1\n", "Host: x\n",
                                         "A: 1\nA: 2\n", "A: \n", ": 1\n" };
    static struct message_fetch fetch = { .url = "http://h/", .end = 1 };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        str_copy(fetch.headers, sizeof fetch.headers, cases[i]);
        if (message_fetch_encode(&fetch))
            fail_msg("%s was taken", cases[i]);
    }
}

static void fetches_that_are_none(void **state)
{
    static const char *const cases[] = {
        "{\"begin\":0,\"end\":1}",
        "{\"url\":\"\",\"begin\":0,\"end\":1}",
        "{\"url\":\"http://h/a b\",\"begin\":0,\"end\":1}",
        "{\"url\":\"http://h/\\r\\nX: y\",\"begin\":0,\"end\":1}",
        "{\"url\":\"http://h/\",\"end\":1}",
        "{\"url\":\"http://h/\",\"begin\":0}",
        "{\"url\":\"http://h/\",\"begin\":-1,\"end\":1}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":9223372036854775808}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"etag\":\"a\\nb\"}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"etag\":null}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"uplink\":8}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"uplink\":-1}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"uplink\":\"1\"}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"uplink\":1.0}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":[]}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":\"X: y\"}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":null}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":1}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":null}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":\"\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":\"a\\nb\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":\"a\\u0000b\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X y\":\"a\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"\":\"a\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"host\":\"a\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":\"a\",\"x\":\"a\"}}",
        "{\"url\":\"http://h/\",\"begin\":0,\"end\":1,\"headers\":{\"X\":\"a\",\"X\":\"a\"}}",
    };
    static struct message_fetch fetch = { .begin = 77 };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (message_fetch_decode(&fetch, cases[i], strlen(cases[i]), NULL) != -DDM_E_USAGE)
            fail_msg("%s was taken", cases[i]);
    assert_int_equal(fetch.begin, 77);
}

static void a_url_has_its_limit(void **state)
{
    static struct message_fetch fetch;
    static char url[MESSAGE_URL_SIZE + 1];
    memset(url, 'u', MESSAGE_URL_SIZE - 1);
    _cleanup_free_ char *fits = str_format("{\"url\":\"%s\",\"begin\":0,\"end\":1}", url);
    assert_int_equal(message_fetch_decode(&fetch, fits, strlen(fits), NULL), 0);
    assert_int_equal(strlen(fetch.url), MESSAGE_URL_SIZE - 1);
    url[MESSAGE_URL_SIZE - 1] = 'u';
    _cleanup_free_ char *over = str_format("{\"url\":\"%s\",\"begin\":0,\"end\":1}", url);
    assert_int_equal(message_fetch_decode(&fetch, over, strlen(over), NULL), -DDM_E_USAGE);
}

static void reports_there_and_back(void **state)
{
    struct message_report a = { .reporter = "host-1", .reason = "wrong_bytes" }, b = { 0 };
    _cleanup_free_ char *json = message_report_encode(&a);
    assert_string_equal(json, "{\"reporter\":\"host-1\",\"reason\":\"wrong_bytes\"}");
    assert_int_equal(message_report_decode(&b, json, strlen(json), NULL), 0);
    assert_string_equal(b.reporter, "host-1");
    assert_string_equal(b.reason, "wrong_bytes");
}

static void reports_that_are_none(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "{\"reporter\":\"h\"}",
        "{\"reason\":\"x\"}",
        "{\"reporter\":\"a b\",\"reason\":\"x\"}",
        "{\"reporter\":\"\",\"reason\":\"x\"}",
        "{\"reporter\":\"h\",\"reason\":\"\"}",
        "{\"reporter\":\"h\",\"reason\":\"A b\"}",
        "{\"reporter\":\"h\",\"reason\":\"a\\nb\"}",
        "{\"reporter\":\"h\",\"reason\":7}",
        ("{\"reporter\":\"h\",\"reason\":"
         "\"0123456789012345678901234567890123456789012345678901234567890123\"}"),
    };
    struct message_report report = { .reporter = "before" };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (message_report_decode(&report, cases[i], strlen(cases[i]), NULL) != -DDM_E_USAGE)
            fail_msg("%s was taken", cases[i]);
    assert_string_equal(report.reporter, "before");
}

static void statuses(void **state)
{
    struct message_peer peer = { .id = "a", .at = { "h", 1 }, .announce = { .host_id = "h" } };
    struct message_tracker_status t = { "1", 2 * SEC, 30, 7, &peer, 1 };
    _cleanup_free_ char *tracker = message_tracker_status_encode(&t);
    assert_string_equal(tracker, "{\"role\":\"tracker\",\"version\":\"1\",\"uptime\":2,\"ttl\":30,"
                                 "\"connections\":0,\"memory_limit\":0,\"reports\":7,\"peers\":[{"
                                 "\"id\":\"a\",\"address\":\"h\",\"port\":1,\"host_id\":\"h\","
                                 "\"age_ms\":0}]}");
    const char *const interfaces[] = { "eth0", "10.0.0.7", NULL };
    struct message_peer_status p = { .version = "1",
                                     .host_id = "h",
                                     .interfaces = interfaces,
                                     .uptime = 3 * SEC,
                                     .active = 4,
                                     .requests = 5,
                                     .served = 6,
                                     .fetched = 7,
                                     .rate = 8,
                                     .stored = 9,
                                     .store_limit = 10,
                                     .limits = { 11, 12, 13, 14, 15, 16, 17 },
                                     .cache = { 18, 19, 20, 21, 22, 23, 24, 25 } };
    _cleanup_free_ char *text = message_peer_status_encode(&p);
    assert_string_equal(text, "{\"role\":\"peer\",\"version\":\"1\",\"host_id\":\"h\","
                              "\"interfaces\":[\"eth0\",\"10.0.0.7\"],\"uptime\":3,\"active\":4,"
                              "\"requests\":5,\"served\":6,\"fetched\":7,\"rate\":8,"
                              "\"stored\":9,\"store_limit\":10,\"closed\":null,"
                              "\"limits\":{\"places\":11,\"clients\":12,\"connections\":13,"
                              "\"max_connections\":14,\"rate\":15,\"rate_lan\":16,"
                              "\"memory\":17},"
                              "\"cache\":{\"bytes\":18,\"limit\":19,\"objects\":20,\"hits\":21,"
                              "\"loaded\":22,\"evicted\":23,\"failed\":24,\"skipped\":25}}");
    p.interfaces = NULL;
    _cleanup_free_ char *without = message_peer_status_encode(&p);
    assert_non_null(strstr(without, "\"interfaces\":[],"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(errors),
        cmocka_unit_test(a_long_error_message_is_cut),
        cmocka_unit_test(announces_there_and_back),
        cmocka_unit_test(announces_that_are_none),
        cmocka_unit_test(answers_to_announces),
        cmocka_unit_test(lists_of_peers),
        cmocka_unit_test(peers_that_are_wrong_are_left_out),
        cmocka_unit_test(fetches_there_and_back),
        cmocka_unit_test(headers_of_fetches_come_sorted),
        cmocka_unit_test(headers_that_are_not_valid_are_not_encoded),
        cmocka_unit_test(fetches_that_are_none),
        cmocka_unit_test(a_url_has_its_limit),
        cmocka_unit_test(reports_there_and_back),
        cmocka_unit_test(reports_that_are_none),
        cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
