/* SPDX-License-Identifier: MIT */
#include "peer/traffic.h"

#include "base/error.h"
#include "base/util.h"
#include "io/socket.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OVERHEAD    0.06                /* of headers below HTTP, and what was sent again */
#define REPLIES     0.04                /* acknowledgements of what goes the other way */
#define BUFFER      (4.0 * 1024 * 1024) /* the kernel's, of a connection */
#define SMOOTHING   5                   /* s */
#define OWN_PART    10                  /* others are not told from a tenth of ours */
#define TEXT_MAX    ((size_t)64 * 1024)
#define DEVICES_MAX DDM_INTERFACES_MAX

/* What is left of `all` when `own` and what may wait are taken off. */
static double excess(double *waiting, double all, double own, unsigned connections)
{
    double most = BUFFER * connections + OVERHEAD * MIB;
    *waiting += all - own;
    double over = MAX(*waiting - most, 0.0);
    *waiting = MAX(MIN(*waiting, most), -most);
    return over;
}

bool traffic_sample(struct traffic_usage *u, const struct traffic *all, const struct traffic *own,
                    unsigned connections, int64_t now)
{
    double seconds = (double)(now - u->sampled_at) / (double)SEC;
    bool first = u->sampled_at == 0;
    /* A counter that went back is one of another interface. */
    bool other = all->received < u->all.received || all->sent < u->all.sent;
    double in = (double)(all->received - u->all.received), out = (double)(all->sent - u->all.sent);
    double fetched = (double)(own->received - u->own.received);
    double served = (double)(own->sent - u->own.sent);
    u->all = *all;
    u->own = *own;
    u->sampled_at = now;
    if (first || other || seconds <= 0)
        return u->busy_at != 0 && now - u->busy_at < TRAFFIC_QUIET;
    double over =
        excess(&u->waiting[0], in, fetched * (1 + OVERHEAD) + served * REPLIES, connections) +
        excess(&u->waiting[1], out, served * (1 + OVERHEAD) + fetched * REPLIES, connections);
    double weight = MIN(seconds / SMOOTHING, 1.0);
    u->rate += (over / seconds - u->rate) * weight;
    double busy = MAX((double)TRAFFIC_BUSY, (fetched + served) / seconds / OWN_PART);
    if (u->rate > busy)
        u->busy_at = now;
    return u->busy_at != 0 && now - u->busy_at < TRAFFIC_QUIET;
}

/* ---- the kernel's counters ---- */

struct traffic_reader {
    int counters, routes, routes6; /* of /proc/net; < 0: none */
    const char *const *interfaces;
    char text[TEXT_MAX];
};

struct devices {
    char names[DEVICES_MAX][SOCKET_DEVICE_SIZE];
    unsigned count;
};

static bool read_text(struct traffic_reader *r, int fd)
{
    size_t have = 0;
    ssize_t n = 0;
    while (fd >= 0 && have < sizeof r->text - 1 &&
           (n = pread(fd, r->text + have, sizeof r->text - 1 - have, (off_t)have)) > 0)
        have += (size_t)n;
    r->text[have] = '\0';
    return fd >= 0 && n >= 0;
}

static void add_device(struct devices *d, const char *name)
{
    for (unsigned i = 0; i < d->count; i++)
        if (strcmp(d->names[i], name) == 0)
            return;
    if (d->count < DEVICES_MAX)
        snprintf(d->names[d->count++], SOCKET_DEVICE_SIZE, "%s", name);
}

static void find_default_routes(struct traffic_reader *r, struct devices *ret)
{
    char device[SOCKET_DEVICE_SIZE], to[40];
    unsigned mask, length, flags;
    if (read_text(r, r->routes))
        for (char *rest = r->text, *line; (line = strsep(&rest, "\n"));)
            if (sscanf(line, "%15s %8s %*s %x %*s %*s %*s %x", device, to, &flags, &mask) == 4 &&
                mask == 0 && strcmp(to, "00000000") == 0 && flags & 1)
                add_device(ret, device);
    if (read_text(r, r->routes6))
        for (char *rest = r->text, *line; (line = strsep(&rest, "\n"));)
            if (sscanf(line, "%32s %x %*s %*s %*s %*s %*s %*s %x %15s", to, &length, &flags,
                       device) == 4 &&
                length == 0 && flags & 1 && strcmp(device, "lo") != 0)
                add_device(ret, device);
}

static void find_devices(struct traffic_reader *r, struct devices *ret)
{
    char device[SOCKET_DEVICE_SIZE];
    ret->count = 0;
    if (!r->interfaces || !r->interfaces[0])
        find_default_routes(r, ret);
    for (const char *const *i = r->interfaces; i && *i; i++)
        add_device(ret, socket_device(device, *i) ? device : *i);
}

static bool is_device(const struct devices *d, const char *name)
{
    for (unsigned i = 0; i < d->count; i++)
        if (strcmp(d->names[i], name) == 0)
            return true;
    return false;
}

bool traffic_read(struct traffic_reader *r, struct traffic *ret)
{
    struct traffic sum = { 0, 0 };
    struct devices devices;
    find_devices(r, &devices);
    if (!read_text(r, r->counters))
        return false;
    for (char *rest = r->text, *line; (line = strsep(&rest, "\n"));) {
        char *colon = strchr(line, ':');
        uint64_t received, sent;
        if (!colon)
            continue;
        *colon = '\0';
        line += strspn(line, " ");
        if (is_device(&devices, line) &&
            sscanf(colon + 1, "%" SCNu64 " %*s %*s %*s %*s %*s %*s %*s %" SCNu64, &received,
                   &sent) == 2) {
            sum.received += received;
            sum.sent += sent;
        }
    }
    *ret = sum;
    return true;
}

int traffic_reader_new(struct traffic_reader **ret, const char *const *interfaces,
                       struct ddm_error *err)
{
    struct traffic_reader *r = calloc(1, sizeof *r);
    struct traffic unused;
    if (!r)
        return error_memory(err);
    r->interfaces = interfaces;
    r->counters = open("/proc/net/dev", O_RDONLY | O_CLOEXEC);
    r->routes = open("/proc/net/route", O_RDONLY | O_CLOEXEC);
    r->routes6 = open("/proc/net/ipv6_route", O_RDONLY | O_CLOEXEC);
    if (!traffic_read(r, &unused)) {
        traffic_reader_free(r);
        return error_set(err, DDM_E_FAIL, "this system does not tell what its interfaces carry");
    }
    *ret = r;
    return 0;
}

struct traffic_reader *traffic_reader_free(struct traffic_reader *r)
{
    if (r) {
        closep(&r->counters);
        closep(&r->routes);
        closep(&r->routes6);
        free(r);
    }
    return NULL;
}
