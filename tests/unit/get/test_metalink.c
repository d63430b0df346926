/* SPDX-License-Identifier: MIT */
#include "ddm/ddm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MD5  "900150983cd24fb0d6963f7d28e17f72"
#define SHA1 "a9993e364706816aba3e25717850c26c9cd0d89d"

static const char text[] =
    "<metalink xmlns='urn:ietf:params:xml:ns:metalink'>"
    "<file name='../dir/f.iso'><size>150</size>"
    "<hash type='md5'>" MD5 "</hash><hash type='sha-1'>" SHA1 "</hash>"
    "<pieces length='100' type='md5'><hash>" MD5 "</hash><hash>" MD5 "</hash></pieces>"
    "<url priority='2'>http://b.example/f</url><url priority='1'>http://a.example/f</url>"
    "<url>http://c.example/f</url></file>"
    "<file><url>http://a.example/g</url></file>"
    "<file name='..'><url>http://a.example/h</url></file></metalink>";

static void test_options_of_each_file(void **state)
{
    struct ddm_metalink *m = NULL;
    assert_int_equal(ddm_metalink_new(&m, text, strlen(text), NULL), DDM_OK);
    assert_int_equal(m->count, 3);
    const struct ddm_options *o = &m->files[0];
    assert_string_equal(o->url, "http://a.example/f");
    assert_string_equal(o->mirrors[0], "http://b.example/f");
    assert_string_equal(o->mirrors[1], "http://c.example/f");
    assert_null(o->mirrors[2]);
    assert_string_equal(o->output, "f.iso");
    assert_string_equal(o->checksums[0], "sha-1=" SHA1);
    assert_string_equal(o->checksums[1], "md5=" MD5);
    assert_null(o->checksums[2]);
    assert_true(o->size == 150);
    assert_string_equal(o->piece_algorithm, "md5");
    assert_true(o->piece_length == 100);
    assert_string_equal(o->pieces[1], MD5);
    assert_null(o->pieces[2]);
    assert_null(o->directory);
    o = &m->files[1];
    assert_string_equal(o->url, "http://a.example/g");
    assert_null(o->output);
    assert_null(o->mirrors[0]);
    assert_null(o->checksums[0]);
    assert_null(o->piece_algorithm);
    assert_null(o->pieces);
    assert_true(o->size == 0 && o->piece_length == 0);
    assert_string_equal(m->files[2].output, "download"); /* nothing is left of ".." */
    assert_null(ddm_metalink_free(m));
}

/* Each file can be downloaded as it is. */
static void test_options_that_are_taken(void **state)
{
    struct ddm_metalink *m = NULL;
    assert_int_equal(ddm_metalink_new(&m, text, strlen(text), NULL), DDM_OK);
    for (size_t i = 0; i < m->count; i++) {
        struct ddm_download *d = NULL;
        struct ddm_error err;
        if (ddm_download_new(&d, &m->files[i], NULL, NULL, &err) != DDM_OK)
            fail_msg("%s", err.message);
        ddm_download_free(d);
    }
    ddm_metalink_free(m);
}

static void test_what_is_wrong(void **state)
{
    struct ddm_metalink *m = NULL;
    struct ddm_error err;
    assert_int_equal(ddm_metalink_new(&m, "<a/>", 4, &err), DDM_E_USAGE);
    assert_string_equal(err.message, "line 1: no Metalink");
    assert_int_equal(ddm_metalink_new(&m, "", 0, NULL), DDM_E_USAGE);
    assert_null(m);
    assert_null(ddm_metalink_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_of_each_file),
        cmocka_unit_test(test_options_that_are_taken),
        cmocka_unit_test(test_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
