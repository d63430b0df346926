/* SPDX-License-Identifier: MIT */
/* The network of a world in motion: requests go out, bytes come in. It knows nothing of plans; the
 * client in front of it (download.c) nothing of links.
 *
 *     net_request ──▶ waiting ──first byte──▶ running ──all of it──▶ done, the connection is idle
 *                        │                       │                        │
 *                        │ dead link: GONE       │ reset: GONE            └──▶ taken by the next
 *                        │ liar: WRONG, …        │                             request of its link
 *                        └───── net_close ───────┴──▶ draining: what is under way comes for nothing
 *
 * - A fresh connection costs its round trips, and starts with ten segments per round trip, doubling
 *   with each until it has its share. One that is used again goes on where it was, unless it was
 *   idle for more than a second.
 * - What a transfer gets is its max-min fair share of its link, the group, the LAN and the origin
 *   (net_share.c). Several connections over one bottleneck get several shares, as with TCP.
 * - Bytes flow continuously, and are delivered every quantum, in packets at least, and to the byte
 *   at the end of the range or where the client said that it will look up.
 * - The receiver never limits: what comes is taken. */
#ifndef DDM_TESTS_SIM_NET_H
#define DDM_TESTS_SIM_NET_H

#include "heap.h"
#include "plan/plan.h"
#include "world.h"

struct net;

/* A request under way, on its connection. */
struct flow;

/* The flow is over after `failed` and `done`, and after net_close. */
struct net_ops {
    void (*head)(void *arg, void *user); /* a good reply begins */
    void (*data)(void *arg, void *user, uint64_t length);
    void (*failed)(void *arg, void *user, enum plan_failure failure, int64_t retry_after);
    void (*done)(void *arg, void *user); /* all of the range was delivered */
};

struct net *net_new(const struct world *world, const struct net_ops *ops, void *arg);
struct net *net_free(struct net *net);

/* Asks for [begin, end) over a link. `user` comes back with each call. */
struct flow *net_request(struct net *net, size_t link, uint64_t begin, uint64_t end, void *user);

/* The client has use for that many bytes of the range only: its lease was cut there. It notices
 * with the block of data that holds the last of them. */
void net_look_up_at(struct net *net, struct flow *flow, uint64_t bytes);

/* The client closes the connection. */
void net_close(struct net *net, struct flow *flow);

/* Delivers more often: what is left is so little that it matters where exactly each transfer is. */
void net_finer(struct net *net, bool finer);

/* When something happens next; makes it happen. In between the client may act at any time, if it
 * says when that is. */
int64_t net_next(struct net *net);
void net_step(struct net *net);
void net_set_now(struct net *net, int64_t now);

/* Bytes that crossed a link and were never delivered. */
uint64_t net_lost_bytes(const struct net *net);

#endif
