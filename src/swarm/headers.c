/* SPDX-License-Identifier: MIT */
#include "swarm/headers.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What frames a request, what DDM asks for in its own way, what is meant for the next hop, and what
 * says in the peer's name who asks. One that ends with '-' stands for all that begin so. */
static const char *const forbidden[] = {
    "Host",   "Connection", "Content-",  "Transfer-Encoding", "TE",     "Trailer",    "Upgrade",
    "Expect", "Range",      "If-",       "Accept-Encoding",   "Proxy-", "Keep-Alive", "HTTP2-",
    "Via",    "Forwarded",  "X-Real-IP", "X-Forwarded-",
};

/* RFC 9110, 5.6.2 */
static bool is_token(const char *text)
{
    return *text && text[strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

static bool is_value(const char *text)
{
    size_t left = strlen(text);
    uint32_t code;
    if (left == 0 || text[0] == ' ' || text[left - 1] == ' ')
        return false;
    for (size_t n; left > 0; text += n, left -= n) {
        n = str_utf8_next(text, left, &code);
        if (n == 0 || str_is_control(code))
            return false;
    }
    return true;
}

static bool is_forbidden(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
        size_t length = strlen(forbidden[i]);
        bool prefix = forbidden[i][length - 1] == '-';
        if (strncasecmp(name, forbidden[i], length) == 0 && (prefix || name[length] == '\0'))
            return true;
    }
    return false;
}

/* As strcasecmp of a name with that of a line. */
static int compare(const char *name, const char *line)
{
    size_t length = strcspn(line, ":");
    int order = strncasecmp(name, line, length);
    return order ? order : (int)(strlen(name) > length);
}

int headers_add(char headers[static MESSAGE_HEADERS_SIZE], const char *name, const char *value,
                struct ddm_error *err)
{
    if (!is_token(name))
        return error_set(err, DDM_E_USAGE, "a header has a name that is not valid");
    if (is_forbidden(name))
        return error_set(err, DDM_E_USAGE, "the header %.100s is not one that peers take", name);
    if (!is_value(value))
        return error_set(err, DDM_E_USAGE, "the header %.100s has a value that is not valid", name);
    char *at = headers;
    for (; *at; at += strcspn(at, "\n") + 1) {
        int order = compare(name, at);
        if (order == 0)
            return error_set(err, DDM_E_USAGE, "the header %.100s is there twice", name);
        if (order < 0)
            break;
    }
    size_t rest = strlen(at) + 1, length = strlen(name) + strlen(value) + strlen(": \n");
    if (length > MESSAGE_HEADERS_SIZE - (size_t)(at - headers) - rest)
        return error_set(err, DDM_E_USAGE, "the headers have more than %d bytes",
                         MESSAGE_HEADERS_SIZE - 1);
    memmove(at + length, at, rest);
    at = stpcpy(stpcpy(stpcpy(at, name), ": "), value);
    *at = '\n';
    return 0;
}

char **headers_split(const char *headers)
{
    size_t count = 0, size = strlen(headers) + 1;
    for (const char *c = headers; *c; c++)
        count += *c == '\n';
    char **list = malloc((count + 1) * sizeof *list + size);
    if (!list)
        return NULL;
    char *text = (char *)(list + count + 1);
    memcpy(text, headers, size);
    for (size_t i = 0; i < count; i++) {
        list[i] = text;
        text += strcspn(text, "\n");
        *text++ = '\0';
    }
    list[count] = NULL;
    return list;
}
