/* SPDX-License-Identifier: MIT */
/* Sockets: addresses from HOST:PORT to what the kernel takes and back to text, and this machine's
 * interfaces, each by the name of its device or by an address of it. */
#ifndef DDM_IO_SOCKET_H
#define DDM_IO_SOCKET_H

#include "base/address.h"

#include <sys/socket.h>

/* Resolves an address to listen on (blocking; at the start of a daemon only). An empty host means
 * all of this machine's addresses: "::", to be bound for IPv4 too, or 0.0.0.0 where there is no
 * IPv6. -DDM_E_USAGE where it cannot be resolved. */
int socket_resolve_listen(struct sockaddr_storage *ret, socklen_t *ret_length,
                          const struct address *address, struct ddm_error *err);

/* The number of an address without its port ("10.0.0.7", "fe80::1"); IPv4-mapped ones as IPv4,
 * zones left out; empty where it is neither IPv4 nor IPv6. */
void socket_host(char out[static ADDRESS_HOST_SIZE], const struct sockaddr *address);

#define SOCKET_DEVICE_SIZE 16 /* with NUL: the kernel's limit */

/* The device that has an address (a number, no name). A link-local one may have a zone, which must
 * be that device's then. False where none has. */
bool socket_device(char out[static SOCKET_DEVICE_SIZE], const char *number);

/* Checks a list of interfaces (names or addresses; NULL at the end; NULL: none): at most
 * DDM_INTERFACES_MAX, none twice, no device together with an address of it, each is there, be it up
 * or down. Returns how many, or -DDM_E_USAGE: the message says what is there instead; or
 * -DDM_E_PERMISSION where the system lets nobody bind to a device. */
int socket_check_interfaces(const char *const *interfaces, struct ddm_error *err);

/* socket(), close-on-exec; whatever goes through it leaves through an interface (NULL: the kernel's
 * choice). For a name the caller must bind it to the device, for an address to that address: it is
 * bound to its device here, for the source alone would not change the route. -1 and errno: ENODEV
 * where the interface is not there. */
int socket_open(int family, int type, int protocol, const char *interface);

/* What the other side of a TCP connection has not acknowledged: 0 nothing, 1 something that was
 * sent, 2 that in spite of being sent again. 0 where it cannot be told. */
int socket_unacknowledged(int fd);

/* Bytes that came over a TCP connection so far; 0 where it cannot be told. */
uint64_t socket_received(int fd);

#endif
