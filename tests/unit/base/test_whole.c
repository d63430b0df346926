/* SPDX-License-Identifier: MIT */
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static int open_file(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    int fd = dup(fileno(file));
    assert_int_equal(fclose(file), 0);
    assert_true(fd >= 0);
    return fd;
}

static void test_what_was_written_is_read(void **state)
{
    int fd = open_file();
    char back[5] = "";
    size_t done = 0;
    assert_int_equal(whole_write(fd, 1000, "hallo", 5, &done), 0);
    assert_int_equal(done, 5);
    assert_int_equal(whole_read(fd, 1000, back, 5), 0);
    assert_memory_equal(back, "hallo", 5);
    assert_int_equal(whole_read(fd, 0, back, 0), 0);
    assert_int_equal(whole_read(fd, 1001, back, 5), ENODATA);
    close(fd);
    assert_int_equal(whole_read(fd, 1000, back, 5), EBADF);
    assert_int_equal(whole_write(fd, 0, "x", 1, &done), EBADF);
    assert_int_equal(done, 0);
}

/* The first call takes what there is room for, the second one fails. */
static void test_a_full_disk_takes_a_part(void **state)
{
    int fd = open_file();
    size_t done = 0;
    struct rlimit was, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = (struct rlimit){ .rlim_cur = 3, .rlim_max = was.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = whole_write(fd, 0, "hallo", 5, &done);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(error, EFBIG);
    assert_int_equal(done, 3);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_read),
        cmocka_unit_test(test_a_full_disk_takes_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
