/* SPDX-License-Identifier: MIT */
/* Where a peer may connect to for others. Asked with the address of the socket, after DNS and after
 * every redirect, so that no name, no spelling of a number and no answer of a name server that
 * changes gets around it: what is judged is what is connected to.
 *
 *     a rule denies host or address              ─▶ no (deny wins over all)
 *     a rule allows host or address              ─▶ the address is right
 *     public unicast, and not this machine's own ─▶ the address is right
 *     a rule that allows names the port          ─▶ the port is right
 *     a port of the scheme, or above 1023        ─▶ the port is right
 *     address and port are right                 ─▶ yes, else no
 *
 * Rules are in policy_rule.h. A host that is allowed may lead anywhere: its owner said so. A rule
 * without ports leaves those as they are: --allow 10.0.0.0/8 opens the web servers in there, not
 * their mail servers; 10.0.0.0/8:1-65535 opens all.
 *
 * *Addresses*: special-purpose ranges after the IANA registries (RFC 6890) are no origins, nor are
 * metadata services of clouds (most of them lie in those ranges), nor is any address of this very
 * machine: what listens there may take it for a friend. IPv4 within IPv6 (mapped, or behind the
 * well-known NAT64 prefix) is judged as the IPv4 address that it is. A NAT64 with a prefix of its
 * network's own cannot be told from other public addresses: it has to refuse private ones itself.
 *
 * *Ports*: below 1024 only those on which the schemes are spoken. Who asks a peer chooses the
 * path, some headers and, over FTP, name and password: enough to say something to a mail, printer
 * or shell server, in somebody else's name. Above, those that browsers block for the same reason.
 * The data of FTP comes from wherever the server says, on the address of its other connection
 * (CURLOPT_FTP_SKIP_PASV_IP), and counts as that one, but for ports below 1024.
 *
 * Behind a proxy the socket's address is the proxy's, and where that connects to cannot be seen:
 * what can be known of it is asked in peer/gate.h. */
#ifndef DDM_SWARM_POLICY_H
#define DDM_SWARM_POLICY_H

#include "ddm/ddm.h"

#include <sys/socket.h>

struct policy;

struct policy_config {
    const char *allow, *deny; /* rules, as rules_parse() takes them; may be NULL */
    bool any_port;            /* all ports are right that no rule denies */
};

/* What rules_parse() says of the rules. */
int policy_new(struct policy **ret, const struct policy_config *config, struct ddm_error *err);
struct policy *policy_free(struct policy *policy); /* NULL allowed; returns NULL */

struct policy_target {
    const char *url;                /* that the connection is for; NULL: not known, and its host and
                                     * port are not looked at */
    const struct sockaddr *address; /* NULL: not known yet, or only to a proxy */
};

enum policy_verdict {
    POLICY_ALLOWED,
    POLICY_DENIED,  /* by a rule */
    POLICY_PORT,    /* not one for this scheme */
    POLICY_ADDRESS, /* not public */
    POLICY_URL,     /* cannot be taken apart */
};

/* The machine's own addresses are looked up every few seconds. */
enum policy_verdict policy_judge(const struct policy *policy, const struct policy_target *target);
/* For people; without anything of the target: a name's address may be nobody else's business. */
const char *policy_reason(enum policy_verdict verdict);

/* The same of an address alone. */
bool policy_allows(const struct policy *policy, const struct sockaddr *address);

/* Whether a host (name or number) is loopback: "localhost", 127.0.0.0/8 (mapped ones too), ::1. No
 * DNS; false for the empty host, which stands for all addresses. */
bool policy_host_is_loopback(const char *host);

#endif
