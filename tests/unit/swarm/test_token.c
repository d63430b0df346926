/* SPDX-License-Identifier: MIT */
/* Every token that is not whole and right is noticed, and what is wrong with it is said. */
#include "swarm/token.h"

#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those above */
#include <cmocka.h>

#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define ODD  "!+/=.,~^'\"<&\x01\x7f\xc3"

static struct token made(size_t keys, const char *const *trackers)
{
    struct token token = { .key_count = keys };
    for (size_t i = 0; i < keys; i++)
        for (size_t k = 0; k < TLS_SECRET_SIZE; k++)
            token.keys[i].secret[k] = (unsigned char)(37 * i + 11 * k + 200);
    if (keys == 2)
        token.keys[1].ends = 1800000000;
    for (; trackers && *trackers; trackers++)
        assert_int_equal(
            address_parse(&token.trackers[token.tracker_count++], *trackers, 7070, NULL), 0);
    return token;
}

/* A short one, whose last character has bits that say nothing, and longer ones. */
static struct token sample(unsigned number)
{
    static const char *const one[] = { "10.0.0.2", NULL };
    static const char *const many[] = {
        "lab1.example:7000", "[fe80::1%eth0]:1", "10.0.0.2:65535", "[2001:db8::7]:7070", "a", NULL
    };
    static const char *const *const trackers[] = { NULL, one, many };
    return made(1 + number % 2, trackers[number / 2]);
}
enum { SAMPLES = 6 };

static void assert_equal(const struct token *a, const struct token *b)
{
    assert_int_equal(a->key_count, b->key_count);
    assert_int_equal(a->tracker_count, b->tracker_count);
    for (size_t i = 0; i < a->key_count; i++) {
        assert_memory_equal(a->keys[i].secret, b->keys[i].secret, TLS_SECRET_SIZE);
        assert_true(a->keys[i].ends == b->keys[i].ends);
    }
    for (size_t i = 0; i < a->tracker_count; i++) {
        assert_string_equal(a->trackers[i].host, b->trackers[i].host);
        assert_int_equal(a->trackers[i].port, b->trackers[i].port);
    }
}

/* It is refused with these words, nothing is touched, and the message does not tell the token. */
static void refuse(const char *text, const char *words)
{
    struct token token, before;
    struct ddm_error error = { 0 };
    memset(&token, 0x5a, sizeof token);
    before = token;
    assert_int_equal(token_parse(&token, text, &error), -DDM_E_USAGE);
    assert_int_equal(error.code, DDM_E_USAGE);
    if (words && !strstr(error.message, words))
        fail_msg("'%s' does not say '%s': %s", error.message, words, text);
    assert_memory_equal(&token, &before, sizeof token);
    const char *body = strchr(text, '_');
    for (; body && strlen(body) >= 8; body++) {
        char part[9];
        str_copy(part, sizeof part, body);
        assert_null(strstr(error.message, part));
    }
}

static void it_comes_back(void **state)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct token token = sample(i), again;
        _cleanup_free_ char *text = token_format(&token);
        assert_non_null(text);
        assert_true(str_starts_with(text, TOKEN_PREFIX));
        assert_int_equal(strspn(text, SAFE), strlen(text));
        assert_int_equal(token_parse(&again, text, NULL), 0);
        assert_equal(&token, &again);
    }
}

/* Written down once: other versions of the program must read it, too. */
static void it_has_this_format(void **state)
{
    struct token token = sample(2), again;
    const char *expected =
        "ddm1_AcjT3un0_woVICs2QUxXYm14g46ZpK-6xdDb5vH8BxIdAAAAAAAAAAABDTEwLjAuMC4yOjcwNzD5i68t";
    _cleanup_free_ char *text = token_format(&token);
    assert_string_equal(text, expected);
    assert_int_equal(token_parse(&again, expected, NULL), 0);
    assert_equal(&token, &again);
}

static void white_space_does_not_count(void **state)
{
    struct token token = sample(4), again;
    _cleanup_free_ char *text = token_format(&token);
    _cleanup_free_ char *framed = str_format(" \t\r\n%s \n\n", text);
    _cleanup_free_ char *broken = str_format("%.30s\r\n  %.20s\n%s\n", text, text + 30, text + 50);
    assert_int_equal(token_parse(&again, framed, NULL), 0);
    assert_int_equal(token_parse(&again, broken, NULL), 0);
    assert_equal(&token, &again);
}

static void every_cut_is_noticed(void **state)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct token token = sample(i);
        _cleanup_free_ char *text = token_format(&token);
        for (size_t length = strlen(text) - 1; length > 0; length--) {
            text[length] = '\0';
            refuse(text, "cut off");
        }
        refuse("", "no token");
    }
}

static void a_cut_beginning_is_noticed(void **state)
{
    struct token token = sample(4);
    _cleanup_free_ char *text = token_format(&token);
    for (const char *rest = text + 1; *rest; rest++)
        refuse(rest, "beginning");
}

static void every_mistyped_character_is_noticed(void **state)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct token token = sample(i);
        _cleanup_free_ char *text = token_format(&token);
        for (char *c = text + strlen(TOKEN_PREFIX); *c; c++) {
            char right = *c;
            for (const char *wrong = SAFE ODD; *wrong; wrong++) {
                if (*wrong == right)
                    continue;
                *c = *wrong;
                refuse(text, strchr(SAFE, *wrong) ? NULL : "mistyped");
            }
            *c = right;
        }
    }
}

/* Of the prefix: another version, or nothing that is known. */
static void a_mistyped_beginning_is_noticed(void **state)
{
    struct token token = sample(0);
    _cleanup_free_ char *text = token_format(&token);
    for (size_t i = 0; i < strlen(TOKEN_PREFIX); i++) {
        char right = text[i];
        for (const char *wrong = SAFE ODD; *wrong; wrong++) {
            if (*wrong == right)
                continue;
            text[i] = *wrong;
            refuse(text, i == 3 && strchr("23456789", *wrong) ? "newer version" : "not a token");
        }
        text[i] = right;
    }
}

static void every_missing_swapped_or_doubled_character_is_noticed(void **state)
{
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct token token = sample(i);
        _cleanup_free_ char *text = token_format(&token);
        for (size_t at = 0; text[at]; at++) {
            _cleanup_free_ char *missing = str_format("%.*s%s", (int)at, text, text + at + 1);
            refuse(missing, NULL);
            for (const char *more = SAFE; *more; more++) {
                _cleanup_free_ char *added =
                    str_format("%.*s%c%s", (int)at + 1, text, *more, text + at + 1);
                refuse(added, NULL);
            }
            if (!text[at + 1] || text[at] == text[at + 1])
                continue;
            _cleanup_free_ char *swapped = strdup(text);
            swapped[at] = text[at + 1];
            swapped[at + 1] = text[at];
            refuse(swapped, NULL);
        }
    }
}

static void other_things_are_no_tokens(void **state)
{
    char long_one[TOKEN_MAX + 10];
    memset(long_one, 'A', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    refuse("", "no token was given");
    refuse(" \n\t ", "no token was given");
    refuse("hello", "not a token");
    refuse("https://example.org/", "not a token");
    refuse("ddm0_AAAA", "not a token");
    refuse("ddm01_AAAA", "not a token");
    refuse("DDM1_AAAA", "not a token");
    refuse("ddm2_AAAA", "newer version (ddm2)");
    refuse("ddm17_", "newer version (ddm17)");
    refuse("ddm_AAAA", "not a token");
    refuse("ddm1", "cut off");
    refuse("ddm1_", "cut off");
    refuse(long_one, "too long");
    memcpy(long_one, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
    long_one[TOKEN_MAX] = '\0';
    refuse(long_one, "mistyped");
}

/* With a right checksum, so only somebody who means it can make them. */
static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *host;
        uint16_t port;
    } bad[] = { { "", 7070 }, { "a", 0 },    { "a b", 1 }, { "a\nb", 1 },
                { "a/b", 1 }, { "[::1", 1 }, { "a@b", 1 }, { "10.0.0.256", 1 } };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct token token = made(1, NULL);
        token.tracker_count = 1;
        str_copy(token.trackers[0].host, ADDRESS_HOST_SIZE, bad[i].host);
        token.trackers[0].port = bad[i].port;
        _cleanup_free_ char *text = token_format(&token);
        refuse(text, "tracker that cannot be");
    }
    struct token ends = made(1, NULL), never = made(2, NULL), twice = made(2, NULL);
    ends.keys[0].ends = 5;
    never.keys[1].ends = 0;
    memcpy(twice.keys[1].secret, twice.keys[0].secret, TLS_SECRET_SIZE);
    _cleanup_free_ char *ends_text = token_format(&ends), *never_text = token_format(&never),
                        *twice_text = token_format(&twice);
    refuse(ends_text, "an end that cannot be");
    refuse(never_text, "an end that cannot be");
    refuse(twice_text, "one key twice");
    never.keys[1].ends = -1;
    _cleanup_free_ char *negative = token_format(&never);
    refuse(negative, "an end that cannot be");
}

static void the_longest_one_fits(void **state)
{
    struct token token = made(2, NULL), again;
    for (token.tracker_count = 0; token.tracker_count < TOKEN_TRACKERS; token.tracker_count++) {
        struct address *address = &token.trackers[token.tracker_count];
        memset(address->host, 'h', 249);
        address->host[249] = '\0';
        address->port = 65535;
    }
    _cleanup_free_ char *text = token_format(&token);
    assert_int_equal(strlen(text), TOKEN_MAX);
    assert_int_equal(token_parse(&again, text, NULL), 0);
    assert_equal(&token, &again);
    token.trackers[0].host[249] = 'h';
    token.trackers[0].host[250] = '\0';
    assert_null(token_format(&token));
    token.tracker_count = TOKEN_TRACKERS + 1;
    assert_null(token_format(&token));
}

static void keys_are_new_and_the_old_one_ends(void **state)
{
    struct token token = { .key_count = 1 }, before;
    assert_int_equal(token_new_key(&token.keys[0], NULL), 0);
    before = token;
    assert_int_equal(token_compare(&before, &token), TOKEN_SAME);
    assert_int_equal(token_rotate(&token, 1000, NULL), 0);
    assert_int_equal(token.key_count, 2);
    assert_true(token.keys[0].ends == 0 && token.keys[1].ends == 1000);
    assert_memory_equal(token.keys[1].secret, before.keys[0].secret, TLS_SECRET_SIZE);
    assert_memory_not_equal(token.keys[0].secret, before.keys[0].secret, TLS_SECRET_SIZE);
    assert_int_equal(token_compare(&before, &token), TOKEN_NEWER);
    assert_int_equal(token_compare(&token, &before), TOKEN_OLDER);
    assert_int_equal(token_compare(&token, &token), TOKEN_SAME);

    struct token later = token;
    assert_int_equal(token_rotate(&later, 0, NULL), 0);
    assert_int_equal(later.key_count, 2);
    assert_int_equal(later.keys[1].ends, 1);
    assert_memory_equal(later.keys[1].secret, token.keys[0].secret, TLS_SECRET_SIZE);
    assert_int_equal(token_compare(&token, &later), TOKEN_NEWER);
    assert_int_equal(token_compare(&later, &before), TOKEN_FOREIGN);
    assert_int_equal(token_compare(&before, &later), TOKEN_FOREIGN);
    struct token bare = before, same = before;
    bare.key_count = same.key_count = 1;
    memset(&bare.keys[1], 0, sizeof bare.keys[1]);
    same.keys[0].secret[31] ^= 1;
    assert_int_equal(token_compare(&bare, &same), TOKEN_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_back),
        cmocka_unit_test(it_has_this_format),
        cmocka_unit_test(white_space_does_not_count),
        cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(a_cut_beginning_is_noticed),
        cmocka_unit_test(every_mistyped_character_is_noticed),
        cmocka_unit_test(a_mistyped_beginning_is_noticed),
        cmocka_unit_test(every_missing_swapped_or_doubled_character_is_noticed),
        cmocka_unit_test(other_things_are_no_tokens),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_longest_one_fits),
        cmocka_unit_test(keys_are_new_and_the_old_one_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
