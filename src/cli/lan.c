/* SPDX-License-Identifier: MIT */
#include "cli/lan.h"

#include "base/util.h"
#include "io/socket.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

/* From best to worst. */
enum kind { PRIVATE, TUNNEL, PUBLIC, IPV6, CONTAINERS, KINDS, NONE = KINDS };

static bool in_network(uint32_t address, uint32_t network, unsigned bits)
{
    return (address ^ network) >> (32 - bits) == 0;
}

/* Of shared address space (RFC 6598), too: some providers give it to whole houses. */
static bool is_private(uint32_t address)
{
    return in_network(address, 0x0a000000, 8) || in_network(address, 0xac100000, 12) ||
           in_network(address, 0xc0a80000, 16) || in_network(address, 0x64400000, 10);
}

static bool is_unicast(uint32_t address)
{
    return !in_network(address, 0, 8) && !in_network(address, 0x7f000000, 8) &&
           !in_network(address, 0xa9fe0000, 16) && address < 0xe0000000;
}

static bool is_unicast6(const struct in6_addr *address)
{
    return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) &&
           !IN6_IS_ADDR_LINKLOCAL(address) && !IN6_IS_ADDR_MULTICAST(address) &&
           !IN6_IS_ADDR_V4MAPPED(address);
}

/* What container and virtual machine software calls its bridges: nobody else is there. */
static bool has_containers(const char *name)
{
    static const char *const beginnings[] = { "docker", "br-", "veth",   "virbr", "lxc",
                                              "lxd",    "cni", "podman", "vmnet", "vboxnet" };
    for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static enum kind kind_of(const struct ifaddrs *one)
{
    const unsigned wanted = IFF_UP | IFF_RUNNING;
    if (!one->ifa_addr || (one->ifa_flags & (wanted | IFF_LOOPBACK)) != wanted)
        return NONE;
    enum kind kind = NONE;
    if (one->ifa_addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, one->ifa_addr, sizeof in);
        uint32_t address = ntohl(in.sin_addr.s_addr);
        if (is_unicast(address))
            kind = one->ifa_flags & IFF_POINTOPOINT ? TUNNEL
                   : is_private(address)            ? PRIVATE
                                                    : PUBLIC;
    } else if (one->ifa_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, one->ifa_addr, sizeof in6);
        if (is_unicast6(&in6.sin6_addr))
            kind = IPV6;
    }
    return kind != NONE && has_containers(one->ifa_name) ? CONTAINERS : kind;
}

size_t lan_pick(struct address out[static LAN_ADDRESSES], uint16_t port, const struct ifaddrs *list)
{
    size_t count = 0;
    for (enum kind kind = 0; kind < KINDS && count == 0; kind++) {
        for (const struct ifaddrs *i = list; i && count < LAN_ADDRESSES; i = i->ifa_next) {
            if (kind_of(i) != kind)
                continue;
            socket_host(out[count].host, i->ifa_addr);
            out[count++].port = port;
        }
    }
    return count;
}

size_t lan_addresses(struct address out[static LAN_ADDRESSES], uint16_t port)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0)
        return 0;
    size_t count = lan_pick(out, port, list);
    freeifaddrs(list);
    return count;
}
