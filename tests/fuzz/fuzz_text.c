/* SPDX-License-Identifier: MIT */
/* The small parsers, which the first byte chooses between: dates, URLs, what FTP servers say,
 * numbers and units, and foreign text on its way to a terminal or into JSON. */
#include "base/str.h"
#include "base/util.h"
#include "cli/term.h"
#include "io/fetch_ftp.h"
#include "io/head.h"
#include "io/http_date.h"
#include "io/url.h"

#include <jansson.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void require(bool what)
{
    if (!what)
        abort();
}

/* Nothing in it moves a terminal, and all of it is UTF-8. */
static void require_clean(const char *text)
{
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        uint32_t code;
        n = str_utf8_next(text, left, &code);
        require(n > 0 && !str_is_control(code));
    }
}

/* ---- dates ---- */

/* What is a date comes out the same when it is written once more. */
static void check_date(const char *text, size_t length)
{
    struct fetch_head head;
    int64_t when = http_date_parse(text, length);
    require(when >= 0);
    fetch_head_clear(&head);
    fetch_ftp_modified(&head, when);
    if (when > 0)
        require(http_date_parse(head.last_modified, strlen(head.last_modified)) == when);
}

/* ---- FTP ---- */

static void check_ftp(const char *text, size_t length)
{
    struct fetch_ftp ftp;
    struct fetch_head head;
    fetch_ftp_clear(&ftp);
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t n = end ? (size_t)(end - text) + 1 : length;
        fetch_ftp_line(&ftp, text, n);
        text += n;
        length -= n;
    }
    fetch_head_clear(&head);
    if (!fetch_ftp_range(&ftp, 1000, 2000, 784111777, &head))
        return;
    require(head.total == ftp.size && (head.status == 206 || head.status == 416));
    if (head.status == 206)
        require(head.begin == 1000 && head.end > 1000 && head.end <= 2000 &&
                head.end <= head.total && head.length == head.end - 1000);
}

/* ---- URLs ---- */

static void check_made(char *url)
{
    if (url)
        require(strchr(url, ':') && !strpbrk(url, "\r\n"));
    free(url);
}

static void check_url(const char *text)
{
    char host[ADDRESS_HOST_SIZE], scheme[16], name[64], user[32];
    struct ddm_error err = { 0 };
    const char *newline = strchr(text, '\n');
    _cleanup_free_ char *url = newline ? strndup(text, (size_t)(newline - text)) : strdup(text);
    const char *other = newline ? newline + 1 : "";
    require(url != NULL);
    bool good = url_check(url, &err) == 0;
    if (good)
        require(url_parts(url, scheme, sizeof scheme, host, sizeof host) && *host);
    else
        require(err.code == DDM_E_USAGE && *err.message);
    url_host(host, url);
    require(strnlen(host, sizeof host) < sizeof host);
    if (url_parts(url, scheme, sizeof scheme, name, sizeof name))
        require(strlen(scheme) < sizeof scheme && strlen(name) < sizeof name && *scheme);
    if (url_login(url, user, sizeof user))
        require(strlen(user) < sizeof user);
    err = (struct ddm_error){ 0 };
    if (url_check_proxy(url, &err) < 0)
        require(err.code == DDM_E_USAGE && *err.message);
    require(!good || url_same_host(url, url));
    url_same_host(url, other);
    check_made(url_resolve(url, other));
    check_made(url_append(url, ".sha256"));
    check_made(url_sibling(url, "SHA256SUMS"));
    char *public = str_url_public(url);
    require(public != NULL);
    if (good)
        require(!url_login(public, user, sizeof user));
    free(public);
}

/* ---- numbers ---- */

static void check_numbers(const char *text)
{
    uint64_t number, bytes;
    int64_t span;
    char again[32], shown[32];
    if (str_to_u64(text, &number) == 0) {
        require(str_to_u64_n(text, strlen(text), &bytes) == 0 && bytes == number);
        snprintf(again, sizeof again, "%llu", (unsigned long long)number);
        require(str_to_u64(again, &bytes) == 0 && bytes == number);
        require(str_to_size(text, &bytes) < 0 || bytes == number);
    }
    if (str_to_size(text, &bytes) == 0)
        require(strlen(str_bytes(shown, sizeof shown, bytes)) > 0);
    if (str_to_duration(text, &span) == 0)
        require(span >= 0 && strlen(str_duration(shown, sizeof shown, span)) > 0);
}

/* ---- text for people and for programs ---- */

static void check_text(const char *text)
{
    char small[24], large[512], json[520];
    static const struct term term = { .utf8 = true };
    struct text clipped = { 0 };
    require_clean(str_printable(small, sizeof small, text));
    require_clean(str_printable(large, sizeof large, text));
    str_json_escape(small, sizeof small, text);
    str_json_escape(large, sizeof large, text);
    snprintf(json, sizeof json, "\"%s\"", large);
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    require(json_is_string(value));
    json_decref(value);
    text_add_clipped(&clipped, &term, text, 20);
    require(clipped.columns <= 20);
    if (clipped.bytes)
        require_clean(clipped.bytes);
    text_release(&clipped);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    require(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t which = data[0];
    data++;
    size--;
    char *text = malloc(size + 1); /* exactly, so that a byte too far is seen */
    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    switch (which % 5) {
    case 0:
        check_date((const char *)data, size);
        break;
    case 1:
        check_ftp((const char *)data, size);
        break;
    case 2:
        check_url(text);
        break;
    case 3:
        check_numbers(text);
        break;
    default:
        check_text(text);
    }
    free(text);
    return 0;
}
