/* SPDX-License-Identifier: MIT */
#include "peer/cache.h"

#include "base/util.h"
#include "base/whole.h"
#include "swarm/cache_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define BLOCK EXTENT_LENGTH_MAX
#define SIZE  (8 * BLOCK)
#define LIMIT (1024 * MIB)

struct fixture {
    char directory[64], path[80];
    int folder;
    struct loop *loop;
    struct loop_timer *tick;
    struct cache *cache;
    struct cache_object *object;
    struct cache_counters count;
    unsigned opened, loads;
    uint64_t loaded_begin;
    size_t loaded;
    char got[SIZE], data[SIZE];
};

/* Keys differ in their first digit. */
static const char *key_of(char digit)
{
    static char key[OBJECT_KEY_SIZE];
    memset(key, digit, sizeof key - 1);
    return key;
}

static void on_tick(void *arg)
{
    loop_stop(((struct fixture *)arg)->loop);
}

static void on_open(void *arg)
{
    ((struct fixture *)arg)->opened++;
}

static void on_load(void *arg, uint64_t begin, const char *data, size_t length)
{
    struct fixture *f = arg;
    f->loads++;
    f->loaded_begin = begin;
    f->loaded = length;
    assert_true(length <= sizeof f->got);
    memcpy(f->got, data, length);
}

static void run_once(struct fixture *f)
{
    loop_timer_start(f->tick, 2 * MSEC, false);
    loop_run(f->loop);
}

/* Opens the folder, in a loop of its own. */
static void start(struct fixture *f, uint64_t limit)
{
    struct ddm_error error;
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(loop_timer_new(&f->tick, f->loop, on_tick, f), 0);
    assert_int_equal(cache_new(&f->cache, f->loop, f->path, limit, &error), 0);
    assert_non_null(f->cache);
}

/* As a peer that ends. */
static void end(struct fixture *f)
{
    f->object = cache_close(f->object);
    f->cache = cache_free(f->cache);
    f->loop = loop_free(f->loop);
}

static void restart(struct fixture *f, uint64_t limit)
{
    end(f);
    start(f, limit);
}

static void open_object(struct fixture *f, char digit)
{
    assert_int_equal(
        cache_open(&f->object, f->cache, key_of(digit), "http://a.example/f", SIZE, on_open, f), 0);
    while (!cache_is_open(f->object))
        run_once(f);
    cache_set_origin(f->object, "\"1\"", "");
}

static void save(struct fixture *f, uint64_t begin, uint64_t end_)
{
    for (uint64_t at = begin; at < end_;) {
        uint64_t next = MIN((at / BLOCK + 1) * BLOCK, end_);
        cache_save(f->object, at, f->data + at, (size_t)(next - at));
        at = next;
    }
}

static void wait_for(struct fixture *f, uint64_t total)
{
    while (cache_extents(f->object)->total < total)
        run_once(f);
    assert_int_equal(cache_extents(f->object)->total, total);
}

/* How much of [begin, end) is there and right, and it is the right bytes. */
static size_t load(struct fixture *f, uint64_t begin, uint64_t end_)
{
    struct cache_load *l = NULL;
    unsigned loads = f->loads;
    assert_int_equal(cache_load(&l, f->object, begin, end_, on_load, f), 0);
    while (f->loads == loads)
        run_once(f);
    assert_memory_equal(f->got, f->data + f->loaded_begin, f->loaded);
    return f->loaded;
}

static const struct cache_counters *count(struct fixture *f)
{
    cache_count(f->cache, &f->count);
    return &f->count;
}

static bool is_there(struct fixture *f, char digit, const char *ending)
{
    char name[CACHE_NAME_SIZE];
    return faccessat(f->folder, cache_name(name, key_of(digit), ending), F_OK, 0) == 0;
}

static void spoil(struct fixture *f, char digit, uint64_t at)
{
    char name[CACHE_NAME_SIZE], byte;
    size_t done;
    int fd = openat(f->folder, cache_name(name, key_of(digit), CACHE_DATA), O_RDWR);
    assert_int_equal(whole_read(fd, at, &byte, 1), 0);
    byte ^= 0x10;
    assert_int_equal(whole_write(fd, at, &byte, 1, &done), 0);
    close(fd);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *tmp = getenv("TMPDIR");
    snprintf(f->directory, sizeof f->directory, "%.40s/ddm-cache-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof f->path, "%s/in/cache", f->directory);
    for (size_t i = 0; i < SIZE; i++)
        f->data[i] = (char)(i * 7 + i / 1013 + 1);
    start(f, LIMIT);
    f->folder = open(f->path, O_RDONLY | O_DIRECTORY);
    assert_true(f->folder >= 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char name[120];
    end(f);
    for (const char *digit = "0123456789abcdef"; *digit; digit++)
        assert_int_equal(cache_remove(f->folder, key_of(*digit), false), 0);
    assert_int_equal(unlinkat(f->folder, ".lock", 0), 0);
    close(f->folder);
    assert_int_equal(rmdir(f->path), 0); /* nothing else is left */
    snprintf(name, sizeof name, "%s/in", f->directory);
    assert_int_equal(rmdir(name), 0);
    assert_int_equal(rmdir(f->directory), 0);
    free(f);
    return 0;
}

static void test_what_was_saved_can_be_loaded(void **state)
{
    struct fixture *f = *state;
    open_object(f, 'a');
    assert_int_equal(f->opened, 0); /* there was nothing to wait for */
    save(f, 1000, 3 * BLOCK + 5);
    wait_for(f, 3 * BLOCK + 5 - 1000);
    assert_int_equal(load(f, 1500, 1600), BLOCK - 1000); /* the whole extent */
    assert_int_equal(f->loaded_begin, 1000);
    assert_int_equal(load(f, 2 * BLOCK, 3 * BLOCK + 5), BLOCK + 5);
    assert_int_equal(count(f)->objects, 1);
    assert_int_equal(count(f)->bytes, 3 * BLOCK + 4096); /* as a disk has it */
}

static void test_it_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    open_object(f, 'a');
    save(f, 1000, 3 * BLOCK);
    restart(f, LIMIT); /* at once: nothing was recorded yet */
    assert_true(cache_knows(f->cache, key_of('a')));
    open_object(f, 'a');
    assert_int_equal(f->opened, 1);
    assert_int_equal(cache_extents(f->object)->total, 3 * BLOCK - 1000);
    assert_string_equal(cache_origin(f->object)->etag, "\"1\"");
    assert_string_equal(cache_origin(f->object)->url, "http://a.example/f");
    assert_int_equal(load(f, 1000, 3 * BLOCK), 3 * BLOCK - 1000);
    save(f, 4 * BLOCK, 5 * BLOCK);
    restart(f, LIMIT);
    open_object(f, 'a');
    assert_int_equal(cache_extents(f->object)->total, 4 * BLOCK - 1000);
}

static void test_only_what_is_missing_is_written(void **state)
{
    struct fixture *f = *state;
    open_object(f, 'a');
    save(f, 100, 200);
    save(f, 100, 200); /* on its way */
    wait_for(f, 100);
    spoil(f, 'a', 150);
    save(f, 50, 250); /* around it */
    wait_for(f, 200);
    assert_int_equal(cache_extents(f->object)->count, 3);
    assert_int_equal(count(f)->bytes, 3 * 4096);
    assert_int_equal(load(f, 50, 250), 50); /* so the wrong one is still wrong */
}

static void test_a_wrong_bit_is_never_given_away(void **state)
{
    struct fixture *f = *state;
    open_object(f, 'a');
    save(f, 0, 4 * BLOCK);
    wait_for(f, 4 * BLOCK);
    while (!is_there(f, 'a', CACHE_JOURNAL)) /* which will be appended to */
        run_once(f);
    spoil(f, 'a', 2 * BLOCK + 9);
    assert_int_equal(load(f, 0, 4 * BLOCK), 2 * BLOCK); /* those before it */
    assert_int_equal(count(f)->failed, 1);
    assert_null(extents_at(cache_extents(f->object), 2 * BLOCK));
    assert_int_equal(cache_extents(f->object)->total, 3 * BLOCK);
    restart(f, LIMIT); /* that is recorded, too */
    open_object(f, 'a');
    assert_int_equal(cache_extents(f->object)->total, 3 * BLOCK);
    save(f, 2 * BLOCK, 3 * BLOCK);
    wait_for(f, 4 * BLOCK);
    assert_int_equal(load(f, 0, 4 * BLOCK), 4 * BLOCK);
}

static void test_a_load_that_nobody_wants_tells_nobody(void **state)
{
    struct fixture *f = *state;
    struct cache_load *l = NULL;
    open_object(f, 'a');
    save(f, 0, BLOCK);
    wait_for(f, BLOCK);
    assert_int_equal(cache_load(&l, f->object, 0, BLOCK, on_load, f), 0);
    cache_load_drop(l);
    f->object = cache_close(f->object);
    restart(f, LIMIT);
    assert_int_equal(f->loads, 0);
    open_object(f, 'a');
    assert_int_equal(cache_load(&l, f->object, BLOCK, 2 * BLOCK, on_load, f), -1); /* not there */
}

static void test_objects_go_in_the_order_of_their_use(void **state)
{
    struct fixture *f = *state;
    restart(f, 7 * BLOCK);
    for (const char *digit = "abc"; *digit; digit++) {
        open_object(f, *digit);
        save(f, 0, 2 * BLOCK);
        wait_for(f, 2 * BLOCK);
        f->object = cache_close(f->object);
    }
    open_object(f, 'a'); /* used last */
    f->object = cache_close(f->object);
    assert_int_equal(cache_set_pinned(f->folder, key_of('b'), true), 0);
    open_object(f, 'd');
    save(f, 0, 2 * BLOCK);
    wait_for(f, 2 * BLOCK);
    assert_int_equal(count(f)->evicted, 1);
    assert_true(cache_knows(f->cache, key_of('a')));
    assert_true(cache_knows(f->cache, key_of('b'))); /* used longest ago, but pinned */
    assert_false(cache_knows(f->cache, key_of('c')));
    while (is_there(f, 'c', CACHE_DATA))
        run_once(f);
    assert_false(is_there(f, 'c', CACHE_JOURNAL));
}

static void test_what_is_open_is_not_evicted(void **state)
{
    struct fixture *f = *state;
    restart(f, 5 * BLOCK);
    open_object(f, 'a');
    save(f, 0, 2 * BLOCK);
    wait_for(f, 2 * BLOCK);
    struct cache_object *a = f->object;
    open_object(f, 'b');
    save(f, 0, SIZE);
    wait_for(f, 3 * BLOCK);
    assert_int_equal(count(f)->evicted, 0);
    assert_int_equal(count(f)->skipped, SIZE - 3 * BLOCK);
    assert_int_equal(count(f)->bytes, 5 * BLOCK);
    assert_int_equal(cache_extents(a)->total, 2 * BLOCK);
    cache_close(a); /* now it may go */
    save(f, 0, SIZE);
    wait_for(f, 5 * BLOCK);
    assert_int_equal(count(f)->evicted, 1);
}

static void test_single_bytes_count_as_the_disk_counts_them(void **state)
{
    struct fixture *f = *state;
    restart(f, 4 * 4096);
    open_object(f, 'a');
    for (uint64_t at = 0; at < 10 * 4096; at += 4096)
        save(f, at, at + 1);
    wait_for(f, 4);
    assert_int_equal(count(f)->bytes, 4 * 4096);
    assert_int_equal(count(f)->skipped, 6);
}

static void test_a_smaller_bound_holds_from_the_start(void **state)
{
    struct fixture *f = *state;
    open_object(f, 'a');
    save(f, 0, 4 * BLOCK);
    restart(f, 2 * BLOCK);
    assert_false(cache_knows(f->cache, key_of('a')));
    while (is_there(f, 'a', CACHE_DATA))
        run_once(f);
}

static void test_what_another_process_removes_has_gone(void **state)
{
    struct fixture *f = *state;
    open_object(f, 'a');
    save(f, 0, 2 * BLOCK);
    wait_for(f, 2 * BLOCK);
    f->object = cache_close(f->object);
    while (!is_there(f, 'a', CACHE_JOURNAL))
        run_once(f);
    assert_int_equal(cache_remove(f->folder, key_of('a'), false), 0);
    open_object(f, 'a');
    assert_int_equal(cache_extents(f->object)->total, 0);
    assert_int_equal(count(f)->bytes, 0);
    save(f, 0, BLOCK);
    restart(f, LIMIT);
    open_object(f, 'a');
    assert_int_equal(cache_extents(f->object)->total, BLOCK);
    assert_int_equal(load(f, 0, BLOCK), BLOCK);
}

static void test_one_folder_has_one_cache(void **state)
{
    struct fixture *f = *state;
    struct cache *other = NULL;
    struct ddm_error error;
    assert_int_equal(cache_new(&other, f->loop, f->path, LIMIT, &error), 0);
    assert_null(other);
}

static void test_what_is_left_of_an_object_is_removed(void **state)
{
    struct fixture *f = *state;
    char name[CACHE_NAME_SIZE];
    close(openat(f->folder, cache_name(name, key_of('1'), CACHE_DATA), O_WRONLY | O_CREAT, 0600));
    close(
        openat(f->folder, cache_name(name, key_of('2'), CACHE_JOURNAL), O_WRONLY | O_CREAT, 0600));
    close(openat(f->folder, cache_name(name, key_of('3'), CACHE_NEW), O_WRONLY | O_CREAT, 0600));
    close(openat(f->folder, cache_name(name, key_of('4'), CACHE_PIN), O_WRONLY | O_CREAT, 0600));
    close(openat(f->folder, "somebody's", O_WRONLY | O_CREAT, 0600));
    restart(f, LIMIT);
    assert_false(is_there(f, '1', CACHE_DATA));
    assert_false(is_there(f, '2', CACHE_JOURNAL));
    assert_false(is_there(f, '3', CACHE_NEW));
    assert_false(is_there(f, '4', CACHE_PIN));
    assert_int_equal(unlinkat(f->folder, "somebody's", 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_saved_can_be_loaded),
        TEST(test_it_outlives_the_process),
        TEST(test_only_what_is_missing_is_written),
        TEST(test_a_wrong_bit_is_never_given_away),
        TEST(test_a_load_that_nobody_wants_tells_nobody),
        TEST(test_objects_go_in_the_order_of_their_use),
        TEST(test_what_is_open_is_not_evicted),
        TEST(test_single_bytes_count_as_the_disk_counts_them),
        TEST(test_a_smaller_bound_holds_from_the_start),
        TEST(test_what_another_process_removes_has_gone),
        TEST(test_one_folder_has_one_cache),
        TEST(test_what_is_left_of_an_object_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
