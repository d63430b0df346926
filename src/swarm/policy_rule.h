/* SPDX-License-Identifier: MIT */
/* The rules of --allow and --deny, and addresses as they are compared with them.
 *
 *     RULE   PLACE[:PORT[-PORT]]
 *     PLACE  NUMBER[/BITS]        10.0.0.0/8  10.0.0.7:8080  10.0.0.0/8:80-99
 *            [NUMBER[/BITS]]      IPv6 with ports: [fd00::1]:443  [fd00::/8]:443
 *            NAME                 example.org  nas.lan:8080
 *            *.NAME               all below it, at any depth, not NAME itself
 *
 * Names are ASCII (an international one in its xn-- form) and compared without case. An address is
 * written in full: what else libcurl would take for a number ("127.1", "0x7f000001") is an error,
 * and no name, so that nobody believes to have denied what he has not. */
#ifndef DDM_SWARM_POLICY_RULE_H
#define DDM_SWARM_POLICY_RULE_H

#include "base/address.h"
#include "ddm/ddm.h"

#include <sys/socket.h>

/* An address: 16 bytes, IPv4 in its mapped form (::ffff:a.b.c.d), so that a network of either kind
 * is a prefix of bits. */
struct ip {
    unsigned char bytes[16];
    bool v4;
};

struct rule {
    char host[ADDRESS_HOST_SIZE]; /* in lower case; begins with '.' where "*." stood; empty: a
                                   * network */
    struct ip ip;
    unsigned bits;        /* of `ip`, 0..128 */
    uint16_t first, last; /* ports; 0, 0: none were said */
};

/* Rules, separated by commas or blanks; *ret is malloc'ed. -DDM_E_USAGE names the one that is wrong
 * and why, in one line. */
int rules_parse(struct rule **ret, size_t *ret_count, const char *text, struct ddm_error *err);

/* IPv4 within IPv6 (mapped) comes out as IPv4. False for other families. */
bool ip_from_sockaddr(struct ip *ret, const struct sockaddr *address);
/* A number as inet_pton takes it; -1 where it is none. */
int ip_parse(struct ip *ret, const char *text);
bool ip_equal(const struct ip *a, const struct ip *b);
/* The IPv4 address that a NAT64 would connect to (RFC 6052, the well-known prefix 64:ff9b::/96). */
bool ip_behind_nat64(struct ip *ret, const struct ip *ip);

/* Whether a rule is of an address, or of a host as url_place() makes it. Ports are not looked at.
 */
bool rule_is_of_ip(const struct rule *rule, const struct ip *ip);
bool rule_is_of_host(const struct rule *rule, const char *host);

#endif
