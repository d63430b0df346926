/* SPDX-License-Identifier: MIT */
#include "cli/events.h"

#include "base/util.h"

#include <jansson.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

static const struct ddm_source_info sources[] = {
    { .name = "you", .bytes = 10, .rate = 5, .state = DDM_SOURCE_LOADING, .leases = 2 },
    { .name = "10.0.0.2:7071",
      .kind = DDM_SOURCE_PEER,
      .state = DDM_SOURCE_WAITING,
      .shares_own = true,
      .why = "connection \"refused\"\n" },
};

/* An event with everything in it, as one line of JSON that was read back. */
static json_t *encode(struct ddm_event event)
{
    json_error_t error;
    event.url = "http://h/f";
    event.sources = sources;
    event.source_count = ARRAY_SIZE(sources);
    _cleanup_free_ char *text = event_encode(&event, 1700000000123 * MSEC);
    assert_non_null(text);
    assert_null(strchr(text, '\n'));
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    assert_true(json_is_object(value));
    assert_true(json_real_value(json_object_get(value, "time")) == 1700000000.123);
    assert_string_equal(json_string_value(json_object_get(value, "url")), "http://h/f");
    return value;
}

static const char *text_of(const json_t *value, const char *key)
{
    return json_string_value(json_object_get(value, key));
}

static void test_start(void **state)
{
    json_t *value = encode((struct ddm_event){ .type = DDM_EVENT_START,
                                               .path = "f",
                                               .size = 20,
                                               .done = 10,
                                               .restored = 4,
                                               .elapsed = 1500 * MSEC });
    assert_string_equal(text_of(value, "event"), "start");
    assert_string_equal(text_of(value, "path"), "f");
    assert_int_equal(json_integer_value(json_object_get(value, "size")), 20);
    assert_int_equal(json_integer_value(json_object_get(value, "done")), 10);
    assert_int_equal(json_integer_value(json_object_get(value, "restored")), 4);
    assert_true(json_real_value(json_object_get(value, "elapsed")) == 1.5);
    const json_t *peer = json_array_get(json_object_get(value, "sources"), 1);
    assert_string_equal(text_of(peer, "name"), "10.0.0.2:7071");
    assert_string_equal(text_of(peer, "kind"), "peer");
    assert_string_equal(text_of(peer, "state"), "waiting");
    assert_true(json_is_true(json_object_get(peer, "shares_own")));
    assert_true(json_is_false(
        json_object_get(json_array_get(json_object_get(value, "sources"), 0), "shares_own")));
    assert_string_equal(text_of(peer, "why"), "connection \"refused\"\n");
    json_decref(value);
}

static void test_source_and_notice(void **state)
{
    json_t *value = encode((struct ddm_event){
        .type = DDM_EVENT_SOURCE, .size = DDM_SIZE_UNKNOWN, .source = &sources[0] });
    assert_true(json_is_null(json_object_get(value, "size")));
    assert_true(json_is_null(json_object_get(value, "path")));
    assert_null(json_object_get(value, "sources"));
    assert_string_equal(text_of(json_object_get(value, "source"), "kind"), "origin");
    json_decref(value);
    value = encode((struct ddm_event){ .type = DDM_EVENT_NOTICE, .text = "bad \xff byte" });
    assert_string_equal(text_of(value, "text"), "bad ? byte");
    json_decref(value);
}

static void test_error(void **state)
{
    const struct ddm_error error = { DDM_E_NETWORK, "no way" };
    json_t *value =
        encode((struct ddm_event){ .type = DDM_EVENT_ERROR, .error = &error, .part = "f.part" });
    assert_string_equal(text_of(value, "event"), "error");
    assert_string_equal(text_of(value, "code"), "network");
    assert_int_equal(json_integer_value(json_object_get(value, "exit")), 3);
    assert_string_equal(text_of(value, "message"), "no way");
    assert_string_equal(text_of(value, "part"), "f.part");
    assert_true(json_is_false(json_object_get(value, "resumable")));
    json_decref(value);

    _cleanup_free_ char *text = event_encode_error("u", &error, 0);
    assert_non_null(strstr(text, "\"exit\":3"));
}

/* What one process writes another one reads. */
static void test_decode(void **state)
{
    const struct ddm_event done = { .type = DDM_EVENT_DONE,
                                    .url = "http://h/f",
                                    .path = "d/f",
                                    .size = 20,
                                    .done = 20,
                                    .restored = 5,
                                    .already = true,
                                    .wasted = 3,
                                    .rate = 7,
                                    .elapsed = 1500 * MSEC,
                                    .sources = sources,
                                    .source_count = ARRAY_SIZE(sources) };
    _cleanup_free_ char *text = event_encode(&done, 0);
    struct event_copy *copy = event_decode(text, strlen(text));
    assert_non_null(copy);
    const struct ddm_event *event = &copy->event;
    assert_int_equal(event->type, DDM_EVENT_DONE);
    assert_string_equal(event->url, "http://h/f");
    assert_string_equal(event->path, "d/f");
    assert_true(event->size == 20 && event->done == 20 && event->restored == 5);
    assert_true(event->already && event->wasted == 3 && event->rate == 7);
    assert_true(event->elapsed == 1500 * MSEC);
    assert_int_equal(event->source_count, 2);
    assert_string_equal(event->sources[1].name, "10.0.0.2:7071");
    assert_int_equal(event->sources[1].kind, DDM_SOURCE_PEER);
    assert_int_equal(event->sources[1].state, DDM_SOURCE_WAITING);
    assert_true(event->sources[1].shares_own);
    assert_int_equal(event->sources[0].bytes, 10);
    event_copy_free(copy);
}

static void test_decode_others(void **state)
{
    const struct ddm_error error = { DDM_E_DISK, "full" };
    _cleanup_free_ char *failed = event_encode_error("u", &error, 0);
    struct event_copy *copy = event_decode(failed, strlen(failed));
    assert_int_equal(copy->event.error->code, DDM_E_DISK);
    assert_string_equal(copy->event.error->message, "full");
    assert_true(copy->event.size == DDM_SIZE_UNKNOWN);
    assert_null(copy->event.path);
    event_copy_free(copy);

    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"event\":\"other\"}",
        "{\"event\":\"error\"}",
        "{\"event\":\"error\",\"message\":\"m\",\"exit\":99}",
        "{\"event\":\"notice\"}",
        "{\"event\":\"source\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_null(event_decode(wrong[i], strlen(wrong[i])));
    static const char odd[] = "{\"event\":\"done\",\"size\":-1,\"done\":\"x\",\"sources\":[1,{}]}";
    copy = event_decode(odd, strlen(odd));
    assert_non_null(copy);
    assert_int_equal(copy->event.size, 0);
    assert_string_equal(copy->event.sources[0].name, "");
    event_copy_free(copy);
}

static void test_names(void **state)
{
    static const char *const names[] = { "start", "source", "progress", "notice", "done", "error" };
    const struct ddm_error error = { DDM_E_FAIL, "" };
    for (unsigned type = DDM_EVENT_START; type <= DDM_EVENT_ERROR; type++) {
        json_t *value = encode(
            (struct ddm_event){ .type = type, .source = &sources[0], .text = "", .error = &error });
        assert_string_equal(text_of(value, "event"), names[type]);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start),         cmocka_unit_test(test_source_and_notice),
        cmocka_unit_test(test_error),         cmocka_unit_test(test_decode),
        cmocka_unit_test(test_decode_others), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
