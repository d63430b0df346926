/* SPDX-License-Identifier: MIT */
#include "swarm/policy_rule.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", \t\n"
#define LETTERS    "abcdefghijklmnopqrstuvwxyz"

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };
static const unsigned char nat64_prefix[12] = { 0x00, 0x64, 0xff, 0x9b };

/* ---- addresses ---- */

static struct ip ip_from_v6(const void *bytes)
{
    struct ip ip = {};
    memcpy(ip.bytes, bytes, sizeof ip.bytes);
    ip.v4 = memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0;
    return ip;
}

static struct ip ip_from_v4(const void *bytes)
{
    struct ip ip = { .v4 = true };
    memcpy(ip.bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(ip.bytes + 12, bytes, 4);
    return ip;
}

bool ip_from_sockaddr(struct ip *ret, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        *ret = ip_from_v4(&((const struct sockaddr_in *)address)->sin_addr);
    else if (address->sa_family == AF_INET6)
        *ret = ip_from_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
    else
        return false;
    return true;
}

int ip_parse(struct ip *ret, const char *text)
{
    unsigned char bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1)
        *ret = ip_from_v4(bytes);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *ret = ip_from_v6(bytes);
    else
        return -1;
    return 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ip_behind_nat64(struct ip *ret, const struct ip *ip)
{
    if (memcmp(ip->bytes, nat64_prefix, sizeof nat64_prefix) != 0)
        return false;
    *ret = ip_from_v4(ip->bytes + 12);
    return true;
}

/* ---- what a rule is of ---- */

bool rule_is_of_ip(const struct rule *rule, const struct ip *ip)
{
    unsigned whole = rule->bits / 8, rest = rule->bits % 8;
    if (*rule->host || rule->ip.v4 != ip->v4 || memcmp(rule->ip.bytes, ip->bytes, whole) != 0)
        return false;
    return rest == 0 || (rule->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

bool rule_is_of_host(const struct rule *rule, const char *host)
{
    size_t length = strlen(host), n = strlen(rule->host);
    if (*rule->host == '.')
        return length > n && strcmp(host + length - n, rule->host) == 0;
    return *rule->host && strcmp(host, rule->host) == 0;
}

/* ---- parsing ---- */

/* One rule, taken apart in a copy; what is not there is NULL. */
struct parts {
    char *place, *bits, *ports;
};

static char *cut(char *text, char at)
{
    char *found = strchr(text, at);
    if (found)
        *found++ = '\0';
    return found;
}

/* What may stand behind a place: "/BITS", ":PORTS", both or nothing; -1 for anything else. */
static int split_tail(struct parts *parts, char *tail)
{
    if (*tail == '/' && !parts->bits)
        parts->bits = tail + 1;
    else if (*tail == ':')
        parts->ports = tail + 1;
    else
        return *tail ? -1 : 0;
    *tail = '\0';
    if (!parts->ports)
        parts->ports = cut(tail + 1, ':');
    return 0;
}

/* A bare IPv6 address has colons of its own, and so no ports. */
static int split(struct parts *ret, char *text)
{
    struct parts parts = { .place = text };
    char *colon = strchr(text, ':'), *slash = strchr(text, '/');
    if (*text == '[') {
        char *tail = cut(text, ']');
        parts.place = text + 1;
        parts.bits = cut(parts.place, '/');
        if (!tail || !strchr(parts.place, ':') || split_tail(&parts, tail) < 0)
            return -1;
    } else if (slash) {
        *slash = '\0';
        parts.bits = slash + 1;
        parts.ports = cut(parts.bits, ':');
    } else if (colon && !strchr(colon + 1, ':')) {
        parts.ports = cut(text, ':');
    }
    *ret = parts;
    return 0;
}

static int parse_bits(struct rule *rule, const struct parts *parts)
{
    unsigned most = strchr(parts->place, ':') ? 128 : 32;
    uint64_t bits = most;
    if (parts->bits && (str_to_u64(parts->bits, &bits) < 0 || bits > most))
        return -1;
    rule->bits = (unsigned)bits + (128 - most);
    return rule->ip.v4 && rule->bits < 96 ? -1 : 0; /* cuts into the mapped prefix: neither kind */
}

static int parse_ports(struct rule *rule, char *text)
{
    uint64_t first, last;
    char *dash = cut(text, '-');
    if (str_to_u64(text, &first) < 0 || str_to_u64(dash ? dash : text, &last) < 0 || first < 1 ||
        first > last || last > UINT16_MAX)
        return -1;
    rule->first = (uint16_t)first;
    rule->last = (uint16_t)last;
    return 0;
}

/* Whether a resolver would take a host for a number: its last label is one. */
static bool ends_with_number(const char *host)
{
    const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;
    if (last[0] == '0' && last[1] == 'x' && !last[2 + strspn(last + 2, "0123456789abcdef")])
        return true;
    return !last[strspn(last, "0123456789")];
}

static bool is_name(const char *host)
{
    if (!*host || *host == '.' || strstr(host, "..") || host[strspn(host, LETTERS "0123456789-_.")])
        return false;
    return true;
}

/* Why it is none, or NULL. */
static const char *parse_host(struct rule *rule, char *text)
{
    bool below = str_starts_with(text, "*.");
    char *name = below ? text + 2 : text;
    size_t length = strlen(name);
    for (char *c = name; *c; c++) {
        if ((unsigned char)*c >= 0x80)
            return "write a name in ASCII (xn--…)";
        *c = (char)tolower((unsigned char)*c);
    }
    if (length > 1 && name[length - 1] == '.')
        name[length - 1] = '\0';
    if (!is_name(name))
        return "it is no network, address or host (10.0.0.0/8, [fd00::1]:443, *.example.org)";
    if (ends_with_number(name))
        return "write an address in full (127.0.0.1)";
    snprintf(rule->host, sizeof rule->host, "%s%s", below ? "." : "", name);
    return NULL;
}

/* Why it is none, or NULL. */
static const char *parse_rule(struct rule *rule, char *text)
{
    struct parts parts;
    if (split(&parts, text) < 0)
        return "a ']' is missing, or something strange stands behind it";
    bool number = ip_parse(&rule->ip, parts.place) == 0;
    const char *why = NULL;
    if (number && parse_bits(rule, &parts) < 0)
        why = "the number of bits is wrong (10.0.0.0/8)";
    else if (!number && (parts.bits || strchr(parts.place, ':')))
        why = "it is no network (10.0.0.0/8, fd00::/8)";
    else if (!number)
        why = parse_host(rule, parts.place);
    if (!why && parts.ports && parse_ports(rule, parts.ports) < 0)
        why = "ports are 1 to 65535, a range is like 80-99";
    return why;
}

int rules_parse(struct rule **ret, size_t *ret_count, const char *text, struct ddm_error *err)
{
    size_t count = 0;
    char copy[ADDRESS_HOST_SIZE];
    _cleanup_free_ struct rule *list = NULL;
    for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
        size_t length = strcspn(text, SEPARATORS);
        struct rule *longer = realloc(list, (count + 1) * sizeof *list);
        if (!longer)
            return error_memory(err);
        list = longer;
        list[count] = (struct rule){ 0 };
        snprintf(copy, sizeof copy, "%.*s", (int)MIN(length, sizeof copy), text);
        const char *why =
            length >= sizeof copy ? "it is too long" : parse_rule(&list[count++], copy);
        if (why)
            return error_set(err, DDM_E_USAGE, "\"%.*s\": %s", (int)MIN(length, (size_t)100), text,
                             why);
        text += length;
    }
    *ret = TAKE(list);
    *ret_count = count;
    return 0;
}
