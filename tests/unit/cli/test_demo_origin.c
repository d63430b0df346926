/* SPDX-License-Identifier: MIT */
#include "cli/demo_origin.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

/* Every cut of the content is the same content. */
static void test_content(void **state)
{
    char whole[200], part[200];
    demo_content(whole, 1000, sizeof whole);
    for (size_t begin = 0; begin < 20; begin++) {
        for (size_t length = 0; length < 40; length++) {
            demo_content(part, 1000 + begin, length);
            assert_memory_equal(part, whole + begin, length);
        }
    }
    demo_content(part, DEMO_SIZE - sizeof part, sizeof part);
    assert_memory_not_equal(part, whole, sizeof part);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_content) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
