/* SPDX-License-Identifier: MIT */
#include "sink_fixture.h"

static unsigned checked;
static struct ddm_error checked_error;

static void on_checked(void *arg, const struct ddm_error *error)
{
    struct fixture *f = arg;
    checked++;
    checked_error = *error;
    loop_stop(f->loop);
}

static void test_a_file_is_verified(void **state)
{
    struct fixture *f = *state;
    struct sink_verify *v = NULL;
    char md5[DIGEST_HEX_SIZE];
    digest_once("md5", f->data, SIZE, md5, sizeof md5);
    struct sink_checksum checksums[] = { { "sha-256", f->hex }, { "md5", md5 } };
    checked = 0;
    assert_int_equal(sink_verify_file(&v, f->loop, f->path, checksums, 2, on_checked, f, &f->error),
                     -DDM_E_DISK);
    int fd = open(f->path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, f->data, SIZE), SIZE);
    close(fd);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(
            sink_verify_file(&v, f->loop, f->path, checksums, 2, on_checked, f, &f->error), 0);
        assert_int_equal(checked, round);
        loop_run(f->loop);
        assert_int_equal(checked, round + 1);
        assert_int_equal(checked_error.code, round ? DDM_E_CHECKSUM : DDM_OK);
        md5[7] = md5[7] == '0' ? '1' : '0';
    }
    assert_int_equal(sink_verify_file(&v, f->loop, f->path, checksums, 2, on_checked, f, &f->error),
                     0);
    v = sink_verify_cancel(v); /* before its first turn, */
    assert_int_equal(sink_verify_file(&v, f->loop, f->path, checksums, 2, on_checked, f, &f->error),
                     0);
    struct loop_defer *pass;
    assert_int_equal(loop_defer_new(&pass, f->loop, (loop_timer_fn *)loop_stop, f->loop), 0);
    for (int i = 0; i < 2; i++) {
        loop_defer_call(pass);
        loop_run(f->loop);
    }
    v = sink_verify_cancel(v); /* and in the middle of one */
    loop_defer_free(pass);
    f->loop = loop_free(f->loop);
    assert_int_equal(checked, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_file_is_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
