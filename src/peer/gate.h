/* SPDX-License-Identifier: MIT */
/* What can be known of where a proxy connects to for us. The policy judges addresses of sockets
 * (policy.h), but behind a proxy it sees the proxy's only. What is left:
 *
 *     a number in the URL                    ─▶ the policy says
 *     localhost and what ends with it        ─▶ as 127.0.0.1
 *     a name that resolves here, too         ─▶ each of its addresses must be allowed
 *     a name that does not resolve here      ─▶ rules for names, and ports; else the proxy is
 *                                               trusted: where it alone knows the names, nothing
 *                                               else could be fetched at all
 *
 * So a name that the proxy resolves to something else than this machine does gets through. Who
 * gives a peer a proxy lets others reach through it what the proxy reaches by name. */
#ifndef DDM_PEER_GATE_H
#define DDM_PEER_GATE_H

#include "io/loop.h"
#include "swarm/policy.h"

struct gate;
struct gate_question;
typedef void gate_fn(void *arg, enum policy_verdict verdict);

int gate_new(struct gate **ret, struct loop *loop, const struct policy *policy);
struct gate *gate_free(struct gate *gate); /* nobody is answered any more */

/* Asks for where a URL leads. `answer` is called once, never from within this call, and the
 * question is gone then. Names are looked up on the thread pool; what came out serves for a minute.
 * -1 without memory, or where too many lookups are on their way. */
int gate_ask(struct gate_question **ret, struct gate *gate, const char *url, gate_fn *answer,
             void *arg);
struct gate_question *gate_drop(struct gate_question *question); /* NULL allowed; returns NULL */

#endif
