/* SPDX-License-Identifier: MIT */
#include "base/private_file.h"

#include "base/str.h"
#include "base/util.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char top[64], folder[128], file[160];
};

static int setup(void **state)
{
    static struct place place;
    strcpy(place.top, "/tmp/ddm-private-XXXXXX");
    if (!mkdtemp(place.top))
        return -1;
    snprintf(place.folder, sizeof place.folder, "%s/a/b", place.top);
    snprintf(place.file, sizeof place.file, "%s/name", place.folder);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    const struct place *place = *state;
    _cleanup_free_ char *command = str_format("rm -rf '%s'", place->top);
    return command ? system(command) : -1;
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
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count;
}

static void put(const struct place *place, const char *text)
{
    assert_int_equal(private_file_write(place->folder, "name", text, strlen(text), NULL), 0);
}

static void expect(const struct place *place, const char *text)
{
    _cleanup_free_ char *there = NULL;
    struct ddm_error err;
    assert_int_equal(private_file_read(place->folder, "name", 100, &there, &err), 0);
    assert_string_equal(there, text);
}

static void refuse(const struct place *place, int code, const char *words)
{
    char *there = NULL;
    struct ddm_error err = { 0 };
    assert_int_equal(private_file_read(place->folder, "name", 100, &there, &err), code);
    assert_null(there);
    assert_non_null(strstr(err.message, words));
    assert_non_null(strstr(err.message, place->file));
}

static void test_it_and_its_folder_are_this_users_whatever_the_umask_is(void **state)
{
    static const mode_t masks[] = { 0, 022, 0777 };
    const struct place *place = *state;
    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        mode_t was = umask(masks[i]);
        put(place, "secret");
        umask(was);
        assert_int_equal(mode_of(place->file), 0600);
        assert_int_equal(mode_of(place->folder) & 077, 0);
        expect(place, "secret");
    }
}

static void test_another_one_takes_its_place_and_nothing_else_is_left(void **state)
{
    const struct place *place = *state;
    put(place, "old, and longer");
    put(place, "new");
    expect(place, "new");
    assert_int_equal(files_in(place->folder), 1);
}

static void test_what_a_killed_one_left_is_no_trap(void **state)
{
    const struct place *place = *state;
    _cleanup_free_ char *left = str_format("%s/.name.%ld", place->folder, (long)gettid());
    put(place, "old");
    assert_int_equal(symlink("/tmp/ddm-private-elsewhere", left), 0);
    put(place, "new");
    expect(place, "new");
    assert_int_not_equal(access("/tmp/ddm-private-elsewhere", F_OK), 0);
}

static void test_a_link_in_its_place_is_replaced_not_followed(void **state)
{
    const struct place *place = *state;
    _cleanup_free_ char *target = str_format("%s/target", place->top);
    put(place, "old");
    assert_int_equal(rename(place->file, target), 0);
    assert_int_equal(symlink(target, place->file), 0);
    refuse(place, -DDM_E_PERMISSION, "symbolic link");
    put(place, "new");
    expect(place, "new");
    assert_int_equal(unlink(place->file), 0);
    assert_int_equal(rename(target, place->file), 0);
    expect(place, "old");
}

static void test_one_that_others_may_read_is_refused(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0620, 0601, 0644 };
    const struct place *place = *state;
    put(place, "secret");
    for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
        assert_int_equal(chmod(place->file, modes[i]), 0);
        refuse(place, -DDM_E_PERMISSION, "chmod 600");
    }
}

static void test_what_is_no_file_is_refused_and_does_not_block(void **state)
{
    const struct place *place = *state;
    assert_int_equal(private_folder_make(place->folder, NULL), 0);
    assert_int_equal(mkfifo(place->file, 0600), 0);
    refuse(place, -DDM_E_PERMISSION, "no regular file");
    assert_int_equal(unlink(place->file), 0);
    assert_int_equal(mkdir(place->file, 0700), 0);
    refuse(place, -DDM_E_PERMISSION, "no regular file");
}

static void test_the_limit_is_the_last_size_that_fits(void **state)
{
    const struct place *place = *state;
    char text[102] = "";
    memset(text, 'x', 101);
    assert_int_equal(private_file_write(place->folder, "name", text, 101, NULL), 0);
    refuse(place, -DDM_E_DISK, "larger than 100 bytes");
    text[100] = '\0';
    put(place, text);
    expect(place, text);
    put(place, "");
    expect(place, "");
}

static void test_where_there_is_none_is_no_error(void **state)
{
    const struct place *place = *state;
    char *there = NULL;
    assert_int_equal(private_file_read(place->folder, "name", 100, &there, NULL), 1);
    put(place, "x");
    assert_int_equal(private_file_read(place->file, "below", 100, &there, NULL), 1);
}

static void test_of_several_that_create_it_one_wins(void **state)
{
    const struct place *place = *state;
    assert_int_equal(private_file_create(place->folder, "name", "one", 3, NULL), 0);
    assert_int_equal(private_file_create(place->folder, "name", "two", 3, NULL), 1);
    expect(place, "one");
    assert_int_equal(mode_of(place->file), 0600);
    assert_int_equal(files_in(place->folder), 1);
}

static void test_a_full_disk_leaves_the_old_one(void **state)
{
    const struct place *place = *state;
    struct rlimit was, small;
    struct ddm_error err;
    put(place, "old");
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = (struct rlimit){ .rlim_cur = 4, .rlim_max = was.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int r = private_file_write(place->folder, "name", "new one", 7, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_int_equal(r, -DDM_E_DISK);
    expect(place, "old");
    assert_int_equal(files_in(place->folder), 1);
}

static void test_a_folder_that_cannot_be_made_is_said(void **state)
{
    const struct place *place = *state;
    struct ddm_error err = { 0 };
    put(place, "a file");
    assert_int_equal(private_file_write(place->file, "below", "x", 1, &err), -DDM_E_DISK);
    assert_non_null(strstr(err.message, place->file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_and_its_folder_are_this_users_whatever_the_umask_is,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_one_takes_its_place_and_nothing_else_is_left,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_killed_one_left_is_no_trap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_link_in_its_place_is_replaced_not_followed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_one_that_others_may_read_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_file_is_refused_and_does_not_block, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_limit_is_the_last_size_that_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_where_there_is_none_is_no_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_of_several_that_create_it_one_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_full_disk_leaves_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_folder_that_cannot_be_made_is_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
