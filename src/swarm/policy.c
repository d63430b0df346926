/* SPDX-License-Identifier: MIT */
/* Every address becomes 16 bytes, IPv4 in its mapped form (::ffff:a.b.c.d), so that a network of
 * either kind is a prefix of bits. Judged in this order:
 *
 *     in a network that the owner allows ─▶ yes
 *     IPv4: in one of `special`          ─▶ no, else yes
 *     IPv6: not global unicast, or in one of `special` ─▶ no, else yes
 */
#include "swarm/policy.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What is not the public internet: IANA's special-purpose registries, multicast and the reserved
 * class E; of IPv6 only what lies within global_unicast has to be named. 2001::/23 as a whole: the
 * few global services in it are no origins. 2002::/16 would tunnel to any IPv4 address. */
static const char special[] = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 "
                              "172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 "
                              "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
                              "224.0.0.0/4 240.0.0.0/4 "
                              "2001::/23 2001:db8::/32 2002::/16 3fff::/20";
static const char global_unicast[] = "2000::/3";

#define SEPARATORS ", \t\n"

struct ip {
    unsigned char bytes[16];
    bool v4;
};

struct network {
    struct ip ip;
    unsigned bits;
};

struct policy {
    struct network *allowed, *special;
    size_t allowed_count, special_count;
    struct network global;
};

static const unsigned char mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };
static const unsigned char nat64_prefix[12] = { 0x00, 0x64, 0xff, 0x9b };

/* IPv4 within IPv6 comes out as IPv4. */
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

static int parse_ip(struct ip *ret, const char *text)
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

/* ADDRESS or ADDRESS/BITS, `length` bytes of text. */
static int parse_network(struct network *ret, const char *text, size_t length)
{
    char copy[64];
    struct network result;
    if (length >= sizeof copy)
        return -1;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    if (parse_ip(&result.ip, copy) < 0)
        return -1;
    unsigned most = strchr(copy, ':') ? 128 : 32;
    uint64_t bits = most;
    if (slash && (str_to_u64(slash + 1, &bits) < 0 || bits > most))
        return -1;
    result.bits = (unsigned)bits + (128 - most);
    if (result.ip.v4 && result.bits < 96) /* cuts into the mapped prefix: neither kind */
        return -1;
    *ret = result;
    return 0;
}

static int parse_list(struct network **ret, size_t *ret_count, const char *text,
                      struct ddm_error *err)
{
    size_t count = 0;
    _cleanup_free_ struct network *list = calloc(strlen(text) / 2 + 1, sizeof *list);
    if (!list)
        return error_memory(err);
    for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
        size_t length = strcspn(text, SEPARATORS);
        if (parse_network(&list[count++], text, length) < 0)
            return error_set(err, DDM_E_USAGE, "\"%.*s\" is no network (like 10.0.0.0/8)",
                             (int)MIN(length, (size_t)100), text);
        text += length;
    }
    *ret = TAKE(list);
    *ret_count = count;
    return 0;
}

static bool contains(const struct network *network, const struct ip *ip)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (network->ip.v4 != ip->v4 || memcmp(network->ip.bytes, ip->bytes, whole) != 0)
        return false;
    return rest == 0 || (network->ip.bytes[whole] ^ ip->bytes[whole]) >> (8 - rest) == 0;
}

static bool any_contains(const struct network *list, size_t count, const struct ip *ip)
{
    for (size_t i = 0; i < count; i++)
        if (contains(&list[i], ip))
            return true;
    return false;
}

static void policy_freep(struct policy **policy)
{
    policy_free(*policy);
}

int policy_new(struct policy **ret, const char *allow, struct ddm_error *err)
{
    _cleanup_(policy_freep) struct policy *policy = calloc(1, sizeof *policy);
    if (!policy)
        return error_memory(err);
    int r = parse_list(&policy->allowed, &policy->allowed_count, allow ? allow : "", err);
    if (r == 0)
        r = parse_list(&policy->special, &policy->special_count, special, err);
    if (r == 0)
        r = parse_network(&policy->global, global_unicast, strlen(global_unicast));
    if (r < 0)
        return r;
    *ret = TAKE(policy);
    return 0;
}

struct policy *policy_free(struct policy *policy)
{
    if (policy) {
        free(policy->allowed);
        free(policy->special);
        free(policy);
    }
    return NULL;
}

bool policy_allows(const struct policy *policy, const struct sockaddr *address)
{
    struct ip ip;
    if (address->sa_family == AF_INET)
        ip = ip_from_v4(&((const struct sockaddr_in *)address)->sin_addr);
    else if (address->sa_family == AF_INET6)
        ip = ip_from_v6(&((const struct sockaddr_in6 *)address)->sin6_addr);
    else
        return false;
    if (any_contains(policy->allowed, policy->allowed_count, &ip))
        return true;
    if (memcmp(ip.bytes, nat64_prefix, sizeof nat64_prefix) == 0) {
        ip = ip_from_v4(ip.bytes + 12);
        if (any_contains(policy->allowed, policy->allowed_count, &ip))
            return true;
    }
    return (ip.v4 || contains(&policy->global, &ip)) &&
           !any_contains(policy->special, policy->special_count, &ip);
}

bool policy_host_is_loopback(const char *host)
{
    static const unsigned char one[16] = { [15] = 1 };
    struct ip ip;
    if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0)
        return true;
    if (parse_ip(&ip, host) < 0)
        return false;
    return ip.v4 ? ip.bytes[12] == 127 : memcmp(ip.bytes, one, sizeof one) == 0;
}
