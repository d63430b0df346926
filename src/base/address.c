/* SPDX-License-Identifier: MIT */
/* The text is split into host and port first, by its brackets and colons:
 *
 *     [HOST]        [HOST]:PORT       bracketed: an IPv6 number
 *     HOST          HOST:PORT  :PORT  at most one colon
 *     HOST                            two colons and more: an IPv6 number without a port
 *
 * then each part is checked by itself. */
#include "base/address.h"

#include "base/error.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_name(const char *host)
{
    for (const char *p = host; *p; p++)
        if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && !strchr(".-_", *p)))
            return false;
    return *host && *host != '-' && *host != '.';
}

static bool is_ipv4(const char *host)
{
    struct in_addr address;
    return inet_pton(AF_INET, host, &address) == 1;
}

/* A number, and a zone of it that is a name ("fe80::1%eth0"). */
static bool is_ipv6(const char *host)
{
    struct in6_addr address;
    char number[INET6_ADDRSTRLEN];
    size_t length = strcspn(host, "%");
    if (length >= sizeof number || (host[length] && !is_name(host + length + 1)))
        return false;
    memcpy(number, host, length);
    number[length] = '\0';
    return inet_pton(AF_INET6, number, &address) == 1;
}

static bool is_host(const char *host, bool bracketed)
{
    if (bracketed || strchr(host, ':'))
        return is_ipv6(host);
    if (!*host)
        return true;
    if (host[strspn(host, "0123456789.")] == '\0')
        return is_ipv4(host);
    return is_name(host);
}

int address_parse(struct address *ret, const char *text, uint16_t default_port,
                  struct ddm_error *err)
{
    struct address result = { .port = default_port };
    bool bracketed = *text == '[';
    const char *host = text + bracketed, *colon = strchr(text, ':');
    size_t length = strlen(host);
    const char *port = NULL; /* its colon */

    if (bracketed) {
        length = strcspn(host, "]");
        if (host[length] != ']')
            return error_set(err, DDM_E_USAGE, "address \"%s\": ']' is missing", text);
        port = host + length + 1;
        if (*port && *port != ':')
            return error_set(err, DDM_E_USAGE, "address \"%s\": junk behind ']'", text);
        port = *port ? port : NULL;
    } else if (colon && !strchr(colon + 1, ':')) {
        port = colon;
        length = (size_t)(colon - host);
    }
    if (!*text)
        return error_set(err, DDM_E_USAGE, "an address must not be empty");
    if (length >= sizeof result.host)
        return error_set(err, DDM_E_USAGE, "an address is too long");
    memcpy(result.host, host, length);
    if (!is_host(result.host, bracketed))
        return error_set(err, DDM_E_USAGE, "address \"%s\": \"%s\" is no host name or number", text,
                         result.host);
    if (port) {
        uint64_t number;
        if (str_to_u64(port + 1, &number) < 0 || number > UINT16_MAX)
            return error_set(err, DDM_E_USAGE, "address \"%s\": \"%s\" is no port", text, port + 1);
        result.port = (uint16_t)number;
    }
    *ret = result;
    return 0;
}

char *address_format(char out[static ADDRESS_TEXT_SIZE], const struct address *address)
{
    bool brackets = strchr(address->host, ':') != NULL;
    snprintf(out, ADDRESS_TEXT_SIZE, "%s%s%s:%u", brackets ? "[" : "", address->host,
             brackets ? "]" : "", address->port);
    return out;
}
