/* SPDX-License-Identifier: MIT */
/* The token's file is this user's alone, or it is not used. */
#include "swarm/membership.h"

#include "base/str.h"
#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

struct place {
    char top[64], folder[128], file[160];
};

static int setup(void **state)
{
    static struct place place;
    strcpy(place.top, "/tmp/ddm-token-XXXXXX");
    if (!mkdtemp(place.top))
        return -1;
    snprintf(place.folder, sizeof place.folder, "%s/a/b", place.top);
    snprintf(place.file, sizeof place.file, "%s/swarm.token", place.folder);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    _cleanup_free_ char *command = str_format("rm -rf '%s'", place->top);
    return command ? system(command) : -1;
}

static struct token made(unsigned char first)
{
    struct token token = { .key_count = 1, .keys[0].secret = { first, 2, 3 } };
    return token;
}

static unsigned mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static unsigned files_in(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void refuse(const struct place *place, const char *words)
{
    struct token token = made(99), before = token;
    struct ddm_error error = { 0 };
    assert_int_equal(membership_read_token(place->folder, &token, &error), -DDM_E_PERMISSION);
    assert_int_equal(error.code, DDM_E_PERMISSION);
    if (!strstr(error.message, words) || !strstr(error.message, place->folder))
        fail_msg("'%s' does not say '%s', or where", error.message, words);
    assert_memory_equal(&token, &before, sizeof token);
}

static void write_one(const struct place *place, unsigned char first)
{
    struct token token = made(first);
    assert_int_equal(membership_write_token(place->folder, &token, NULL), 0);
}

static void it_comes_back_and_nobody_else_can_read_it(void **state)
{
    struct place *place = *state;
    struct token token;
    mode_t mask = umask(0);
    assert_false(membership_exists(place->folder));
    write_one(place, 7);
    umask(mask);
    assert_true(membership_exists(place->folder));
    assert_int_equal(membership_read_token(place->folder, &token, NULL), 0);
    assert_int_equal(token.keys[0].secret[0], 7);
    assert_int_equal(mode_of(place->folder), 0700);
    assert_int_equal(mode_of(place->file), 0600);
    write_one(place, 8);
    assert_int_equal(membership_read_token(place->folder, &token, NULL), 0);
    assert_int_equal(token.keys[0].secret[0], 8);
    assert_int_equal(files_in(place->folder), 1);
}

static void the_first_one_is_not_replaced(void **state)
{
    struct place *place = *state;
    struct token token = made(1), other = made(2), back;
    struct ddm_error error;
    assert_int_equal(membership_create_token(place->folder, &token, &error), 0);
    assert_int_equal(membership_create_token(place->folder, &other, &error), -DDM_E_PERMISSION);
    assert_int_equal(membership_read_token(place->folder, &back, &error), 0);
    assert_int_equal(back.keys[0].secret[0], 1);
    assert_int_equal(files_in(place->folder), 1);
}

static void without_one_it_says_what_to_do(void **state)
{
    struct place *place = *state;
    refuse(place, "ddm swarm init");
    write_one(place, 1);
    assert_int_equal(unlink(place->file), 0);
    refuse(place, "ddm swarm join");
}

static void what_others_can_read_is_refused(void **state)
{
    static const unsigned modes[] = { 0640, 0604, 0660, 0606, 0644, 0620, 0601 };
    struct place *place = *state;
    struct token token;
    write_one(place, 1);
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        assert_int_equal(chmod(place->file, modes[i]), 0);
        refuse(place, "chmod 600");
    }
    assert_int_equal(chmod(place->file, 0400), 0);
    assert_int_equal(membership_read_token(place->folder, &token, NULL), 0);
}

static void a_folder_that_others_can_write_is_refused(void **state)
{
    struct place *place = *state;
    struct token token = made(1);
    struct ddm_error error;
    write_one(place, 1);
    assert_int_equal(chmod(place->folder, 0770), 0);
    refuse(place, "chmod 700");
    assert_int_equal(chmod(place->folder, 0777), 0);
    refuse(place, "chmod 700");
    assert_int_equal(membership_write_token(place->folder, &token, &error), -DDM_E_PERMISSION);
    assert_int_equal(chmod(place->folder, 0755), 0);
    assert_int_equal(membership_read_token(place->folder, &token, NULL), 0);
}

static void a_link_is_not_followed(void **state)
{
    struct place *place = *state;
    struct token token = made(5), back;
    _cleanup_free_ char *other = str_format("%s/other", place->top);
    write_one(place, 1);
    assert_int_equal(rename(place->file, other), 0);
    assert_int_equal(symlink(other, place->file), 0);
    assert_true(membership_exists(place->folder));
    refuse(place, "symbolic link");
    assert_int_equal(membership_create_token(place->folder, &token, NULL), -DDM_E_PERMISSION);
    /* Writing replaces the link, and leaves what it led to. */
    assert_int_equal(membership_write_token(place->folder, &token, NULL), 0);
    assert_int_equal(membership_read_token(place->folder, &back, NULL), 0);
    assert_int_equal(back.keys[0].secret[0], 5);
    assert_int_equal(rename(other, place->file), 0);
    assert_int_equal(membership_read_token(place->folder, &back, NULL), 0);
    assert_int_equal(back.keys[0].secret[0], 1);
}

static void what_is_no_file_is_refused(void **state)
{
    struct place *place = *state;
    write_one(place, 1);
    assert_int_equal(unlink(place->file), 0);
    assert_int_equal(mkfifo(place->file, 0600), 0);
    refuse(place, "not a file");
    assert_int_equal(unlink(place->file), 0);
    assert_int_equal(mkdir(place->file, 0700), 0);
    refuse(place, "not a file");
}

static void put(const struct place *place, const void *data, size_t length)
{
    _cleanup_close_ int fd = open(place->file, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), (ssize_t)length);
}

static void broken_ones_are_refused(void **state)
{
    struct place *place = *state;
    struct token token = made(1);
    static char large[100000];
    memset(large, 'A', sizeof large);
    write_one(place, 1);
    _cleanup_free_ char *text = token_format(&token);
    put(place, text, strlen(text) - 1);
    refuse(place, "cut off");
    text[20] ^= 1;
    put(place, text, strlen(text));
    refuse(place, "mistyped");
    put(place, "", 0);
    refuse(place, "no token");
    put(place, "a\0b", 3);
    refuse(place, "no token");
    put(place, large, sizeof large);
    refuse(place, "token");
}

static void where_it_cannot_be_written(void **state)
{
    struct place *place = *state;
    struct token token = made(1);
    struct ddm_error error;
    _cleanup_free_ char *in_file = str_format("%s/x", place->file);
    write_one(place, 1);
    assert_int_equal(membership_write_token(in_file, &token, &error), -DDM_E_DISK);
    assert_false(membership_exists(in_file));
    assert_non_null(strstr(error.message, in_file));
    assert_int_equal(membership_write_token("/proc/ddm", &token, &error), -DDM_E_DISK);
}

#define with_place(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_place(it_comes_back_and_nobody_else_can_read_it),
        with_place(the_first_one_is_not_replaced),
        with_place(without_one_it_says_what_to_do),
        with_place(what_others_can_read_is_refused),
        with_place(a_folder_that_others_can_write_is_refused),
        with_place(a_link_is_not_followed),
        with_place(what_is_no_file_is_refused),
        with_place(broken_ones_are_refused),
        with_place(where_it_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
