/* SPDX-License-Identifier: MIT */
#include "io/socket.h"

#include "base/error.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
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

/* One spelling for each number; false where it is none. */
static bool normalise(char out[static ADDRESS_HOST_SIZE], const char *host)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = { .any.sa_family = AF_INET };
    char number[ADDRESS_HOST_SIZE];
    snprintf(number, sizeof number, "%.*s", (int)strcspn(host, "%"), host);
    if (inet_pton(AF_INET, number, &address.in.sin_addr) != 1) {
        address.any.sa_family = AF_INET6;
        if (inet_pton(AF_INET6, number, &address.in6.sin6_addr) != 1)
            return false;
    }
    socket_host(out, &address.any);
    return true;
}

bool socket_device(char out[static SOCKET_DEVICE_SIZE], const char *number)
{
    char wanted[ADDRESS_HOST_SIZE];
    struct ifaddrs *list = NULL;
    bool found = false;
    if (!normalise(wanted, number) || getifaddrs(&list) < 0)
        return false;
    for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
        char own[ADDRESS_HOST_SIZE] = "";
        if (i->ifa_addr)
            socket_host(own, i->ifa_addr);
        found = strcmp(own, wanted) == 0;
        if (found) /* a label stands behind the name: "eth0:1" */
            snprintf(out, SOCKET_DEVICE_SIZE, "%.*s", (int)strcspn(i->ifa_name, ":"), i->ifa_name);
    }
    freeifaddrs(list);
    return found;
}

static bool is_there(const char *interface)
{
    char device[SOCKET_DEVICE_SIZE];
    return if_nametoindex(interface) > 0 || socket_device(device, interface);
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

int socket_check_interfaces(const char *const *interfaces, struct ddm_error *err)
{
    int count = 0;
    for (const char *const *i = interfaces; i && *i; i++, count++) {
        if (count == DDM_INTERFACES_MAX)
            return error_set(err, DDM_E_USAGE, "more than %d interfaces", DDM_INTERFACES_MAX);
        if (!is_there(*i))
            return error_interface(*i, err);
        for (const char *const *other = interfaces; other < i; other++)
            if (strcmp(*other, *i) == 0)
                return error_set(err, DDM_E_USAGE, "interface '%s' is named twice", *i);
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
    /* Where that is not allowed (old kernels want root) the routing rules have to do it. Not for
     * loopback: an address that stands there is one of the whole machine. */
    if (fd >= 0 && address && strcmp(device, "lo") != 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0 &&
        errno != EPERM) {
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
