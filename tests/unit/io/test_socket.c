/* SPDX-License-Identifier: MIT */
/* What can be said of any machine: it has a loopback device, and no documentation addresses. */
#include "base/error.h"
#include "base/util.h"
#include "io/socket.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_ADDRESS "192.0.2.77"
#define NO_DEVICE  "ddm-no-device"

static void the_device_of_an_address(void **state)
{
    static const char *const none[] = {
        NO_ADDRESS, "2001:db8::77", "lo",     "localhost",          "",
        "127.1",    "127.0.0.1%lo", "::1%lo", "::ffff:127.0.0.1%lo"
    };
    static const char *const loopback[] = { "127.0.0.1", "::ffff:127.0.0.1" };
    char device[SOCKET_DEVICE_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(loopback); i++) {
        memset(device, 0, sizeof device);
        assert_true(socket_device(device, loopback[i]));
        assert_string_equal(device, "lo");
    }
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        if (socket_device(device, none[i]))
            fail_msg("'%s' has the device %s", none[i], device);
}

static int check(const char *const *interfaces, struct ddm_error *err)
{
    *err = (struct ddm_error){ 0 };
    return socket_check_interfaces(interfaces, err);
}

static void interfaces_that_are_there(void **state)
{
    struct ddm_error err;
    assert_int_equal(check(NULL, &err), 0);
    assert_int_equal(check((const char *const[]){ NULL }, &err), 0);
    assert_int_equal(check((const char *const[]){ "lo", NULL }, &err), 1);
    assert_int_equal(check((const char *const[]){ "127.0.0.1", NULL }, &err), 1);
}

static void interfaces_that_are_not(void **state)
{
    const char *const lists[][DDM_INTERFACES_MAX + 2] = {
        { NO_DEVICE },          { NO_ADDRESS },        { "lo", NO_DEVICE },   { "" },
        { "lo", "lo" },         { "lo", "127.0.0.1" }, { "127.0.0.1", "lo" }, { "127.0.0.1%lo" },
        { "::ffff:127.0.0.1" },
    };
    struct ddm_error err;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        assert_int_equal(check(lists[i], &err), -DDM_E_USAGE);
        assert_true(err.message[0]);
    }
    assert_int_equal(check(lists[0], &err), -DDM_E_USAGE);
    assert_non_null(strstr(err.message, NO_DEVICE));
    assert_non_null(strstr(err.message, "lo")); /* what there is instead */
}

/* What an old kernel says; the rest goes on to the real one. */
static bool forbidden;

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    if (forbidden && level == SOL_SOCKET && name == SO_BINDTODEVICE) {
        errno = EPERM;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

static void binding_is_not_allowed(void **state)
{
    struct ddm_error err;
    forbidden = true;
    assert_int_equal(check((const char *const[]){ "lo", NULL }, &err), -DDM_E_PERMISSION);
    assert_non_null(strstr(err.message, "'lo'"));
    assert_int_equal(check((const char *const[]){ NULL }, &err), 0);
    forbidden = false;
}

static void sockets(void **state)
{
    _cleanup_close_ int any = socket_open(AF_INET, SOCK_STREAM, 0, NULL);
    assert_true(any >= 0);
    _cleanup_close_ int loopback = socket_open(AF_INET, SOCK_STREAM, 0, "127.0.0.1");
    assert_true(loopback >= 0);
    errno = 0;
    assert_int_equal(socket_open(AF_INET, SOCK_STREAM, 0, NO_DEVICE), -1);
    assert_int_equal(errno, ENODEV);
    errno = 0;
    assert_int_equal(socket_open(AF_INET, SOCK_STREAM, 0, NO_ADDRESS), -1);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(socket_unacknowledged(any), 0);
    assert_int_equal(socket_unacknowledged(-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_device_of_an_address),
        cmocka_unit_test(interfaces_that_are_there),
        cmocka_unit_test(interfaces_that_are_not),
        cmocka_unit_test(binding_is_not_allowed),
        cmocka_unit_test(sockets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
