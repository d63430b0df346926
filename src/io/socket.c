/* SPDX-License-Identifier: MIT */
#include "io/socket.h"

#include "base/error.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <netdb.h>
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
