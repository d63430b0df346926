/* SPDX-License-Identifier: MIT */
#include "io/socket.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All addresses: "::" serves IPv4 too; 0.0.0.0 where the kernel has no IPv6. */
static void any_address(struct sockaddr_storage *ret, socklen_t *ret_length, uint16_t port)
{
    _cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(ret, 0, sizeof *ret);
    if (fd >= 0) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        *ret_length = sizeof *in6;
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        *ret_length = sizeof *in;
    }
}

int socket_resolve_listen(struct sockaddr_storage *ret, socklen_t *ret_length,
                          const struct address *address, struct ddm_error *err)
{
    if (!*address->host) {
        any_address(ret, ret_length, address->port);
        return 0;
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    int r = getaddrinfo(address->host, port, &hints, &list);
    if (r != 0)
        return error_set(err, DDM_E_USAGE, "cannot listen on \"%s\": %s", address->host,
                         gai_strerror(r));
    memset(ret, 0, sizeof *ret);
    memcpy(ret, list->ai_addr, list->ai_addrlen);
    *ret_length = list->ai_addrlen;
    freeaddrinfo(list);
    return 0;
}

void socket_host(char out[static ADDRESS_HOST_SIZE], const struct sockaddr *address)
{
    const void *number = NULL;
    int family = address->sa_family;
    if (family == AF_INET) {
        number = &((const struct sockaddr_in *)address)->sin_addr;
    } else if (family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(in6);
        family = mapped ? AF_INET : AF_INET6;
        number = mapped ? &in6->s6_addr[12] : in6->s6_addr;
    }
    if (!number || !inet_ntop(family, number, out, ADDRESS_HOST_SIZE))
        out[0] = '\0';
}

/* A number in one spelling, and the device that a zone names (0: no zone). False where it is none,
 * or has a zone and is not link-local. */
static bool normalise(char out[static ADDRESS_HOST_SIZE], unsigned *ret_device, const char *host)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = { .any.sa_family = AF_INET };
    char number[ADDRESS_HOST_SIZE];
    size_t length = strcspn(host, "%");
    snprintf(number, sizeof number, "%.*s", (int)length, host);
    if (inet_pton(AF_INET, number, &address.in.sin_addr) != 1) {
        address.any.sa_family = AF_INET6;
        if (inet_pton(AF_INET6, number, &address.in6.sin6_addr) != 1)
            return false;
    }
    socket_host(out, &address.any);
    *ret_device = 0;
    if (!host[length])
        return true;
    const char *zone = host + length + 1;
    *ret_device = if_nametoindex(zone);
    if (*ret_device == 0 && zone[strspn(zone, "0123456789")] == '\0') /* or its number */
        *ret_device = (unsigned)strtoul(zone, NULL, 10);
    return *ret_device > 0 && address.any.sa_family == AF_INET6 &&
           IN6_IS_ADDR_LINKLOCAL(&address.in6.sin6_addr);
}

bool socket_device(char out[static SOCKET_DEVICE_SIZE], const char *number)
{
    char wanted[ADDRESS_HOST_SIZE];
    unsigned device;
    struct ifaddrs *list = NULL;
    bool found = false;
    if (!normalise(wanted, &device, number) || getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
        char own[ADDRESS_HOST_SIZE] = "", name[SOCKET_DEVICE_SIZE];
        if (i->ifa_addr)
            socket_host(own, i->ifa_addr);
        /* A label stands behind the name: "eth0:1". */
        snprintf(name, sizeof name, "%.*s", (int)strcspn(i->ifa_name, ":"), i->ifa_name);
        found = strcmp(own, wanted) == 0 && (device == 0 || if_nametoindex(name) == device);
        if (found)
            str_copy(out, SOCKET_DEVICE_SIZE, name);
    }
    freeifaddrs(list);
    return found;
}

/* One of those that were named. */
struct named {
    char device[SOCKET_DEVICE_SIZE];
    char address[ADDRESS_HOST_SIZE]; /* in one spelling; empty: the device as such */
};

/* A mapped address is none of this machine's: libcurl would look it up as a name. */
static bool find_named(struct named *ret, const char *interface)
{
    unsigned zone;
    *ret = (struct named){ 0 };
    if (if_nametoindex(interface) > 0) {
        str_copy(ret->device, sizeof ret->device, interface);
        return true;
    }
    return socket_device(ret->device, interface) && normalise(ret->address, &zone, interface) &&
           !(strchr(interface, ':') && strchr(ret->address, '.'));
}

static int error_interface(const char *interface, struct ddm_error *err)
{
    char all[200] = "";
    struct if_nameindex *list = if_nameindex();
    for (const struct if_nameindex *i = list; i && i->if_index; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", i->if_name);
    }
    if_freenameindex(list);
    return error_set(err, DDM_E_USAGE,
                     "interface '%.100s': this machine has neither such a device nor such an "
                     "address (its devices are %s)",
                     interface, all);
}

/* Two addresses of one device may be two ways; a device and its address, or the same twice, not. */
static int check_pair(const struct named *a, const char *a_name, const struct named *b,
                      const char *b_name, struct ddm_error *err)
{
    if (strcmp(a->device, b->device) != 0)
        return 0;
    if (strcmp(a->address, b->address) == 0)
        return error_set(err, DDM_E_USAGE, "interface '%s' is named twice", b_name);
    if (a->address[0] && b->address[0])
        return 0;
    return error_set(err, DDM_E_USAGE,
                     "interface '%s': that is '%s', which is named too: one uplink, not two",
                     b_name, a_name);
}

/* Sockets must be bound to devices; libcurl would go on without that, over whatever uplink. */
static int check_permission(const struct named *named, const char *name, struct ddm_error *err)
{
#ifdef SO_BINDTODEVICE
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, named->device,
                   (socklen_t)strlen(named->device) + 1) < 0 &&
        errno == EPERM)
        return error_set(
            err, DDM_E_PERMISSION,
            "interface '%s': this system does not let ddm bind connections to a device "
            "(before Linux 5.7 that takes CAP_NET_RAW)",
            name);
#endif
    return 0;
}

int socket_check_interfaces(const char *const *interfaces, struct ddm_error *err)
{
    struct named named[DDM_INTERFACES_MAX];
    int count = 0, r = 0;
    for (; interfaces && interfaces[count]; count++) {
        const char *name = interfaces[count];
        if (count == DDM_INTERFACES_MAX)
            return error_set(err, DDM_E_USAGE, "more than %d interfaces", DDM_INTERFACES_MAX);
        if (!find_named(&named[count], name))
            return error_interface(name, err);
        for (int i = 0; i < count && r == 0; i++)
            r = check_pair(&named[i], interfaces[i], &named[count], name, err);
        if (r == 0)
            r = check_permission(&named[count], name, err);
        if (r < 0)
            return r;
    }
    return count;
}

int socket_open(int family, int type, int protocol, const char *interface)
{
    char device[SOCKET_DEVICE_SIZE] = "";
    bool address = interface && socket_device(device, interface);
    if (interface && !address && if_nametoindex(interface) == 0) {
        errno = ENODEV;
        return -1;
    }
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);
#ifdef SO_BINDTODEVICE
    /* Not for loopback: an address that stands there is one of the whole machine. */
    if (fd >= 0 && address && strcmp(device, "lo") != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
#endif
    return fd;
}

int socket_unacknowledged(int fd)
{
#ifdef TCP_INFO
    struct tcp_info info = { 0 };
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 || info.tcpi_unacked == 0)
        return 0;
    return info.tcpi_retransmits > 0 ? 2 : 1;
#else
    return 0;
#endif
}

uint64_t socket_received(int fd)
{
    uint64_t bytes = 0;
#if defined(TCP_INFO) && defined(__linux__)
    /* tcpi_bytes_received of the kernel's struct tcp_info; the C library's ends before it. */
    enum { OFFSET = 128 };
    char info[OFFSET + sizeof bytes] = { 0 };
    socklen_t length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) == 0 && length == sizeof info)
        memcpy(&bytes, info + OFFSET, sizeof bytes);
#endif
    return bytes;
}
