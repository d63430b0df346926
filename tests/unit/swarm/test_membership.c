/* SPDX-License-Identifier: MIT */
/* What makes a machine a member stays the same over restarts, follows its token, and is one peer's
 * at a time. */
#include "swarm/membership.h"

#include "base/private_file.h"
#include "base/str.h"
#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int setup(void **state)
{
    strcpy(folder, "/tmp/ddm-membership-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    _cleanup_free_ char *command = str_format("rm -rf '%s'", folder);
    return command ? system(command) : -1;
}

static struct token made(unsigned char first)
{
    struct token token = { .key_count = 1, .keys[0].secret = { first, 2, 3 } };
    return token;
}

static void put_token(struct token token)
{
    assert_int_equal(membership_write_token(folder, &token, NULL), 0);
}

static void put_text(const char *name, const char *text)
{
    assert_int_equal(private_file_write(folder, name, text, strlen(text), NULL), 0);
}

static struct membership *open_it(void)
{
    struct membership *m = NULL;
    struct ddm_error err = { 0 };
    if (membership_open(&m, folder, &err) < 0)
        fail_msg("%s", err.message);
    return m;
}

static void refuse(int code, const char *words)
{
    struct membership *m = NULL;
    struct ddm_error err = { 0 };
    assert_int_equal(membership_open(&m, folder, &err), code);
    assert_null(m);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static char *file(const char *name)
{
    char *text = NULL;
    assert_int_equal(private_file_read(folder, name, 16384, &text, NULL), 0);
    return text;
}

static void test_the_node_id_stays_whatever_the_key_is(void **state)
{
    put_token(made(1));
    struct membership *m = open_it();
    _cleanup_free_ char *id = strdup(membership_node_id(m)), *kept = file("node.id");
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_memory_equal(kept, id, 32);
    membership_free(m);
    put_token(made(2));
    m = open_it();
    assert_string_equal(membership_node_id(m), id);
    membership_free(m);
}

static void test_two_folders_have_two_ids(void **state)
{
    put_token(made(1));
    struct membership *m = open_it();
    _cleanup_free_ char *id = strdup(membership_node_id(m));
    membership_free(m);
    _cleanup_free_ char *path = str_format("%s/node.id", folder);
    assert_int_equal(unlink(path), 0);
    m = open_it();
    assert_string_not_equal(membership_node_id(m), id);
    membership_free(m);
}

static void test_an_id_that_is_none_is_refused(void **state)
{
    static const char *const ids[] = { "",
                                       "\n",
                                       "0123456789abcdef0123456789abcde\n",
                                       "0123456789abcdef0123456789abcdef0\n",
                                       "0123456789ABCDEF0123456789abcdef\n",
                                       "../../../../../../../../etc/xxxx\n" };
    put_token(made(1));
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        put_text("node.id", ids[i]);
        refuse(-DDM_E_PERMISSION, "no node id");
    }
}

static void test_without_a_token_it_says_what_to_do(void **state)
{
    refuse(-DDM_E_PERMISSION, "ddm swarm init");
    assert_null(membership_tls(NULL));
    assert_null(membership_free(NULL));
}

static void test_it_follows_its_token(void **state)
{
    struct token old = made(1), both = made(2);
    both.key_count = 2;
    both.keys[1] = old.keys[0];
    both.keys[1].ends = time(NULL) + 3600;
    put_token(old);
    struct membership *m = open_it();
    _cleanup_free_ char *one = file("ca.crt");
    put_token(both);
    assert_int_equal(membership_update(m, NULL), 0);
    _cleanup_free_ char *two = file("ca.crt");
    assert_int_equal(membership_token(m)->key_count, 2);
    assert_true(strlen(two) > strlen(one));
    assert_non_null(strstr(two, one)); /* the old one besides */
    put_token(made(2));
    assert_int_equal(membership_update(m, NULL), 0);
    _cleanup_free_ char *three = file("ca.crt");
    assert_null(strstr(three, one));
    membership_free(m);
}

static void test_with_a_broken_token_what_counted_goes_on(void **state)
{
    struct ddm_error err;
    put_token(made(1));
    struct membership *m = open_it();
    _cleanup_free_ char *before = strdup(tls_node_certificate_pem(membership_tls(m)));
    put_text("swarm.token", "ddm1_garbage\n");
    assert_int_equal(membership_update(m, &err), -DDM_E_PERMISSION);
    _cleanup_free_ char *path = str_format("%s/swarm.token", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(membership_update(m, &err), -DDM_E_PERMISSION);
    assert_string_equal(tls_node_certificate_pem(membership_tls(m)), before);
    assert_int_equal(membership_token(m)->keys[0].secret[0], 1);
    put_token(made(2));
    assert_int_equal(membership_update(m, &err), 0);
    assert_string_not_equal(tls_node_certificate_pem(membership_tls(m)), before);
    membership_free(m);
}

static void test_one_process_is_the_peer(void **state)
{
    struct ddm_error err = { 0 };
    put_token(made(1));
    struct membership *first = open_it(), *second = open_it();
    assert_int_equal(membership_claim(first, "peer", &err), 0);
    assert_int_equal(membership_claim(second, "peer", &err), -DDM_E_USAGE);
    assert_non_null(strstr(err.message, "--state-dir"));
    assert_int_equal(membership_claim(second, "other", &err), 0);
    membership_free(first);
    struct membership *third = open_it();
    assert_int_equal(membership_claim(third, "peer", &err), 0);
    membership_free(second);
    membership_free(third);
}

/* In a child: opens it when `start` is closed, says so to `opened`, and compares what it has with
 * what is there when `end` is closed. */
static int be_one(const int start[2], const int opened[2], const int end[2])
{
    char byte;
    struct membership *m = NULL;
    close(start[1]);
    close(end[1]);
    if (read(start[0], &byte, 1) != 0 || membership_open(&m, folder, NULL) < 0 ||
        write(opened[1], "x", 1) != 1 || read(end[0], &byte, 1) != 0)
        return 1;
    char *id = NULL, *key = NULL;
    bool same = private_file_read(folder, "node.id", 100, &id, NULL) == 0 &&
                private_file_read(folder, "node.key", 16384, &key, NULL) == 0 &&
                strncmp(id, membership_node_id(m), 32) == 0 &&
                strcmp(key, tls_node_key_pem(membership_tls(m))) == 0;
    return same ? 0 : 2;
}

/* Whoever is first makes id and key; all of them end up with the same ones. */
static void test_processes_that_start_at_once_are_one_node(void **state)
{
    enum { COUNT = 8 };
    pid_t children[COUNT];
    int start[2], opened[2], end[2], status;
    char byte;
    put_token(made(1));
    assert_int_equal(pipe(start) | pipe(opened) | pipe(end), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(be_one(start, opened, end));
        assert_true(children[i] > 0);
    }
    close(start[0]);
    close(start[1]);
    close(opened[1]);
    for (unsigned i = 0; i < COUNT && read(opened[0], &byte, 1) == 1; i++)
        ;
    close(end[0]);
    close(end[1]);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    close(opened[0]);
}

static void put_later(void *arg)
{
    put_token(made(2));
}

static void look(void *arg)
{
    struct loop *loop = ((void **)arg)[0];
    struct membership *m = ((void **)arg)[1];
    if (membership_token(m)->keys[0].secret[0] == 2)
        loop_stop(loop);
}

static void too_late(void *arg)
{
    fail_msg("the other token was not seen");
}

static void test_the_watch_sees_another_token_by_itself(void **state)
{
    struct loop *loop;
    struct loop_timer *later, *looking, *deadline;
    put_token(made(1));
    struct membership *m = open_it();
    void *both[2];
    assert_int_equal(loop_new(&loop), 0);
    both[0] = loop;
    both[1] = m;
    assert_int_equal(loop_timer_new(&later, loop, put_later, NULL), 0);
    assert_int_equal(loop_timer_new(&looking, loop, look, both), 0);
    assert_int_equal(loop_timer_new(&deadline, loop, too_late, NULL), 0);
    assert_int_equal(membership_watch(m, loop), 0);
    loop_timer_start(later, 10 * MSEC, false);
    loop_timer_start(looking, 50 * MSEC, true);
    loop_timer_start(deadline, 40 * SEC, false);
    loop_run(loop);
    assert_int_equal(membership_watch(m, NULL), 0);
    loop_timer_free(later);
    loop_timer_free(looking);
    loop_timer_free(deadline);
    loop_free(loop);
    membership_free(m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_node_id_stays_whatever_the_key_is),
        TEST(test_two_folders_have_two_ids),
        TEST(test_an_id_that_is_none_is_refused),
        TEST(test_without_a_token_it_says_what_to_do),
        TEST(test_it_follows_its_token),
        TEST(test_with_a_broken_token_what_counted_goes_on),
        TEST(test_one_process_is_the_peer),
        TEST(test_processes_that_start_at_once_are_one_node),
        TEST(test_the_watch_sees_another_token_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
