/* SPDX-License-Identifier: MIT */
#include "swarm/policy.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/loop.h"
#include "io/url.h"
#include "swarm/policy_rule.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is not the public internet: IANA's special-purpose registries, multicast and the reserved
 * class E; of IPv6 only what lies within global_unicast has to be named. 2001::/23 as a whole
 * (Teredo and ORCHID are in it): the few global services in it are no origins. 2002::/16 (6to4)
 * would tunnel to any IPv4 address. 168.63.129.16 is what Azure's machines have their metadata and
 * their certificates from. */
static const char special[] = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 "
                              "172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 "
                              "192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
                              "224.0.0.0/4 240.0.0.0/4 168.63.129.16 "
                              "2001::/23 2001:db8::/32 2002::/16 3fff::/20";
static const char global_unicast[] = "2000::/3";

/* Below 1024, by scheme. 81 and 591 are where people put a second web server; 20 and 989 are the
 * data ports of FTP. */
#define FIRST_FREE_PORT 1024
static const struct {
    const char *scheme;
    uint16_t ports[5];
} usual_ports[] = {
    { "http", { 80, 443, 81, 591 } },
    { "https", { 443, 80, 81, 591 } },
    { "ftp", { 21 } },
    { "ftps", { 990, 21 } },
    { "sftp", { 22 } },
};
static const uint16_t data_ports[] = { 20, 989 };

/* The "bad ports" of the Fetch standard above those (2.9). */
static const uint16_t blocked_ports[] = { 1719, 1720, 1723, 2049, 3659, 4045, 4190,
                                          5060, 5061, 6000, 6566, 6665, 6666, 6667,
                                          6668, 6669, 6679, 6697, 10080 };

#define OWN_KNOWN_FOR (5 * SEC)

/* Of this machine. */
struct own {
    struct own_ip {
        struct ip ip, mask;
    } * list;
    size_t count;
    int64_t until; /* known so long; 0: never were */
};

struct policy {
    struct rule *allowed, *denied, *special, *global;
    size_t allowed_count, denied_count, special_count, global_count;
    bool any_port;
    struct own *own;
};

static void policy_freep(struct policy **policy)
{
    policy_free(*policy);
}

int policy_new(struct policy **ret, const struct policy_config *config, struct ddm_error *err)
{
    _cleanup_(policy_freep) struct policy *p = calloc(1, sizeof *p);
    if (!p || !(p->own = calloc(1, sizeof *p->own)))
        return error_memory(err);
    struct {
        struct rule **rules;
        size_t *count;
        const char *text;
    } lists[] = { { &p->allowed, &p->allowed_count, config->allow },
                  { &p->denied, &p->denied_count, config->deny },
                  { &p->special, &p->special_count, special },
                  { &p->global, &p->global_count, global_unicast } };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const char *text = lists[i].text ? lists[i].text : "";
        int r = rules_parse(lists[i].rules, lists[i].count, text, err);
        if (r < 0)
            return r;
    }
    p->any_port = config->any_port;
    *ret = TAKE(p);
    return 0;
}

struct policy *policy_free(struct policy *policy)
{
    if (policy) {
        free(policy->allowed);
        free(policy->denied);
        free(policy->special);
        free(policy->global);
        if (policy->own)
            free(policy->own->list);
        free(policy->own);
        free(policy);
    }
    return NULL;
}

/* ---- addresses ---- */

/* Of the link that the address is on: the router guards what else is there. Without one: all. */
static bool read_mask(struct ip *ret, const struct ifaddrs *i)
{
    if (!i->ifa_netmask || !ip_from_sockaddr(ret, i->ifa_netmask))
        memset(ret->bytes, 0xff, sizeof ret->bytes);
    else if (i->ifa_addr->sa_family == AF_INET)
        memset(ret->bytes, 0xff, 12);
    return true;
}

static bool is_on_link(const struct own_ip *own, const struct ip *ip)
{
    unsigned differs = 0, any = 0;
    for (size_t i = 0; i < sizeof ip->bytes; i++) {
        differs |= (unsigned)((own->ip.bytes[i] ^ ip->bytes[i]) & own->mask.bytes[i]);
        any |= own->mask.bytes[i];
    }
    return own->ip.v4 == ip->v4 && any && differs == 0;
}

static int read_own(struct own *own)
{
    struct ifaddrs *list;
    size_t most = 0, count = 0;
    if (getifaddrs(&list) < 0)
        return -1;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        most++;
    struct own_ip *found = calloc(most + 1, sizeof *found);
    for (const struct ifaddrs *i = list; found && i; i = i->ifa_next)
        count += i->ifa_addr && ip_from_sockaddr(&found[count].ip, i->ifa_addr) &&
                 read_mask(&found[count].mask, i);
    freeifaddrs(list);
    if (!found)
        return -1;
    free(own->list);
    own->list = found;
    own->count = count;
    return 0;
}

/* What was known stays where it cannot be asked again; where nothing ever was, any may be one. */
static bool is_own(struct own *own, const struct ip *ip)
{
    int64_t now = loop_now();
    if ((own->until == 0 || now >= own->until) && read_own(own) == 0)
        own->until = now + OWN_KNOWN_FOR;
    for (size_t i = 0; i < own->count; i++)
        if (is_on_link(&own->list[i], ip))
            return true;
    return own->until == 0;
}

static bool any_is_of(const struct rule *rules, size_t count, const struct ip *ip)
{
    for (size_t i = 0; i < count; i++)
        if (rule_is_of_ip(&rules[i], ip))
            return true;
    return false;
}

/* ---- one question ---- */

struct question {
    const struct url_place *place; /* NULL: not known */
    const struct ip *ip, *inner;   /* NULL: not known; inner: behind NAT64, NULL: none */
    bool scoped;                   /* the address holds on one link only */
    uint16_t port;                 /* of the URL, else of the socket; 0: not known */
    uint16_t socket_port;          /* where it differs: of the data of FTP; else the same */
};

static bool is_public(const struct policy *policy, const struct question *q)
{
    const struct ip *ip = q->inner ? q->inner : q->ip;
    return !q->scoped && (ip->v4 || any_is_of(policy->global, policy->global_count, ip)) &&
           !any_is_of(policy->special, policy->special_count, ip) && !is_own(policy->own, ip);
}

static bool is_in(const uint16_t *ports, size_t count, uint16_t port)
{
    for (size_t i = 0; i < count; i++)
        if (ports[i] == port)
            return true;
    return false;
}

static bool is_usual_port(const char *scheme, uint16_t port)
{
    if (port >= FIRST_FREE_PORT)
        return !is_in(blocked_ports, ARRAY_SIZE(blocked_ports), port);
    for (size_t i = 0; i < ARRAY_SIZE(usual_ports); i++)
        if (strcmp(usual_ports[i].scheme, scheme) == 0)
            return port && is_in(usual_ports[i].ports, ARRAY_SIZE(usual_ports[i].ports), port);
    return false;
}

static bool is_of_place(const struct rule *rule, const struct question *q)
{
    return (q->place && rule_is_of_host(rule, q->place->host)) ||
           (q->ip && rule_is_of_ip(rule, q->ip)) || (q->inner && rule_is_of_ip(rule, q->inner));
}

static bool is_of_port(const struct rule *rule, uint16_t port)
{
    return rule->first == 0 || (rule->first <= port && port <= rule->last);
}

/* A port that is not known may be the one. */
static bool is_denied(const struct policy *policy, const struct question *q)
{
    for (size_t i = 0; i < policy->denied_count; i++) {
        const struct rule *rule = &policy->denied[i];
        if (is_of_place(rule, q) &&
            (q->port == 0 || is_of_port(rule, q->port) || is_of_port(rule, q->socket_port)))
            return true;
    }
    return false;
}

static enum policy_verdict judge(const struct policy *policy, const struct question *q)
{
    bool address = !q->ip, port = policy->any_port || !q->place;
    if (is_denied(policy, q))
        return POLICY_DENIED;
    for (size_t i = 0; i < policy->allowed_count; i++) {
        const struct rule *rule = &policy->allowed[i];
        bool may_be = !q->ip && !*rule->host; /* what it leads to may be in there */
        if (!is_of_port(rule, q->port) || !(may_be || is_of_place(rule, q)))
            continue;
        address = true;
        port |= rule->first != 0;
    }
    if (!port && !is_usual_port(q->place->scheme, q->port))
        return POLICY_PORT;
    if (q->port != q->socket_port && q->socket_port < FIRST_FREE_PORT &&
        !is_in(data_ports, ARRAY_SIZE(data_ports), q->socket_port))
        return POLICY_PORT;
    return address || is_public(policy, q) ? POLICY_ALLOWED : POLICY_ADDRESS;
}

static uint16_t port_of(const struct sockaddr *address)
{
    return ntohs(address->sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

enum policy_verdict policy_judge(const struct policy *policy, const struct policy_target *target)
{
    struct url_place place;
    struct ip ip, inner;
    struct question q = { 0 };
    if (target->url && !url_place(&place, target->url))
        return POLICY_URL;
    if (target->address) {
        if (!ip_from_sockaddr(&ip, target->address))
            return POLICY_ADDRESS;
        q.ip = &ip;
        q.inner = ip_behind_nat64(&inner, &ip) ? &inner : NULL;
        q.scoped = target->address->sa_family == AF_INET6 &&
                   ((const struct sockaddr_in6 *)target->address)->sin6_scope_id != 0;
        q.port = port_of(target->address);
    }
    q.socket_port = q.port;
    if (target->url) {
        q.place = &place;
        q.port = place.port;
        if (!target->address || q.socket_port == 0)
            q.socket_port = q.port;
    }
    return judge(policy, &q);
}

const char *policy_reason(enum policy_verdict verdict)
{
    switch (verdict) {
    case POLICY_ALLOWED:
        break;
    case POLICY_DENIED:
        return "the owner of this peer denies it";
    case POLICY_PORT:
        return "the port is not one for this kind of URL";
    case POLICY_ADDRESS:
        return "the address is not public and not allowed here";
    case POLICY_URL:
        return "the URL cannot be judged";
    }
    return "it is not allowed here";
}

bool policy_allows(const struct policy *policy, const struct sockaddr *address)
{
    return policy_judge(policy, &(struct policy_target){ .address = address }) == POLICY_ALLOWED;
}

bool policy_host_is_loopback(const char *host)
{
    static const unsigned char one[16] = { [15] = 1 };
    struct ip ip;
    if (strcasecmp(host, "localhost") == 0 || strcasecmp(host, "localhost.") == 0)
        return true;
    if (ip_parse(&ip, host) < 0)
        return false;
    return ip.v4 ? ip.bytes[12] == 127 : memcmp(ip.bytes, one, sizeof one) == 0;
}
