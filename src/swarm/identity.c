/* SPDX-License-Identifier: MIT */
#include "swarm/identity.h"

#include "base/error.h"
#include "base/util.h"
#include "io/digest.h"
#include "io/socket.h"
#include "swarm/policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define HOST_ID_LENGTH 32 /* hex digits: 128 bits */

int identity_node(char out[static MESSAGE_ID_SIZE], struct ddm_error *err)
{
    unsigned char bytes[16];
    if (digest_random(bytes, sizeof bytes) < 0)
        return error_set(err, DDM_E_FAIL, "the system gives no random numbers");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* The beginning of a small file; nothing where it cannot be read. */
static void read_into(char *out, size_t size, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, out, size) < 0)
        memset(out, 0, size);
}

/* The boot id tells cloned machines apart, the namespace hosts that share one kernel. What cannot
 * be found out stays zero. */
void identity_host(char out[static MESSAGE_ID_SIZE])
{
    struct {
        char what[16], machine[64], boot[64], network[64], name[256];
    } facts = { .what = "ddm host id" };
    read_into(facts.machine, sizeof facts.machine, "/etc/machine-id");
    read_into(facts.boot, sizeof facts.boot, "/proc/sys/kernel/random/boot_id");
    if (readlink("/proc/self/ns/net", facts.network, sizeof facts.network) < 0)
        facts.network[0] = '\0';
    if (gethostname(facts.name, sizeof facts.name) < 0)
        facts.name[0] = '\0';
    if (digest_once("sha-256", &facts, sizeof facts, out, HOST_ID_LENGTH + 1) < 0)
        snprintf(out, MESSAGE_ID_SIZE, "unknown-%ld", (long)getpid());
}

bool identity_is_local(const char *host)
{
    char device[SOCKET_DEVICE_SIZE];
    return policy_host_is_loopback(host) || socket_device(device, host);
}
