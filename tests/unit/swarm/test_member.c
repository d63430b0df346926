/* SPDX-License-Identifier: MIT */
#include "swarm/member.h"

#include "io/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID "0123456789abcdef0123456789abcdef"

static struct loop *loop;
static struct fetcher *plain, *secure;
static const struct tls_files files = { "node.crt", "node.key", "ca.crt" };

static int setup(void **state)
{
    if (loop_new(&loop) < 0 || fetcher_new(&plain, loop) < 0 || fetcher_new(&secure, loop) < 0)
        return -1;
    fetcher_set_tls(secure, &files);
    return 0;
}

static int teardown(void **state)
{
    fetcher_free(plain);
    fetcher_free(secure);
    loop_free(loop);
    return 0;
}

static void expect(const struct fetcher *fetcher, const char *at, const char *id, const char *url,
                   const char *connect_to)
{
    struct member_request member;
    struct address address;
    assert_int_equal(address_parse(&address, at, 0, NULL), 0);
    member_request(&member, fetcher, &address, id, "/v1/x");
    assert_string_equal(member.request.url, url);
    assert_string_equal(member.request.connect_to, connect_to);
    assert_true(member.request.no_proxy);
    assert_ptr_equal(member.request.url, member.url);
}

static void test_a_member_is_asked_by_its_name_at_its_address(void **state)
{
    expect(secure, "10.0.0.1:7071", ID, "https://" ID ":7071/v1/x", "10.0.0.1:7071");
    expect(secure, "10.0.0.1:7071", NULL, "https://ddm:7071/v1/x", "10.0.0.1:7071");
    expect(secure, "10.0.0.1:7071", "", "https://ddm:7071/v1/x", "10.0.0.1:7071");
    expect(secure, "[fd00::1]:7071", ID, "https://" ID ":7071/v1/x", "[fd00::1]:7071");
    expect(secure, "lab1:7070", NULL, "https://ddm:7070/v1/x", "lab1:7070");
}

static void test_without_a_key_the_name_says_nothing(void **state)
{
    expect(plain, "10.0.0.1:7071", ID, "http://ddm:7071/v1/x", "10.0.0.1:7071");
    expect(plain, "[::1]:7071", NULL, "http://ddm:7071/v1/x", "[::1]:7071");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_member_is_asked_by_its_name_at_its_address),
        cmocka_unit_test(test_without_a_key_the_name_says_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
