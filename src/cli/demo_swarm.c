/* SPDX-License-Identifier: MIT */
#include "cli/demo_swarm.h"

#include "base/error.h"
#include "base/util.h"
#include "cli/demo_origin.h"
#include "cli/process.h"
#include "swarm/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* How long the processes may take to come up, and how often we look. */
#define PATIENCE (10 * SEC)
#define GLANCE   (10 * MSEC)

enum { ORIGIN, TRACKER, FIRST_PEER };

static int make_folder(struct demo_swarm *swarm, struct ddm_error *err)
{
    const char *base = getenv("TMPDIR");
    char path[sizeof swarm->folder];
    int n = snprintf(path, sizeof path, "%s/ddm-demo-XXXXXX", base && *base ? base : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path || !mkdtemp(path))
        return error_set(err, DDM_E_DISK, "no temporary folder below %s: %s",
                         base && *base ? base : "/tmp", strerror(errno));
    memcpy(swarm->folder, path, sizeof path);
    snprintf(swarm->log, sizeof swarm->log, "%s/log", swarm->folder);
    return 0;
}

/* A socket on a free port of loopback. */
static int bind_free(uint16_t *ret_port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &length) == 0) {
        *ret_port = ntohs(at.sin_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Different ports that are free now; the daemons take them a moment later. */
static int choose_ports(struct demo_swarm *swarm, struct ddm_error *err)
{
    int fds[1 + DEMO_PEERS], failed = 0;
    fds[0] = bind_free(&swarm->tracker_port);
    for (size_t i = 0; i < DEMO_PEERS; i++)
        fds[i + 1] = bind_free(&swarm->peer_ports[i]);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        failed |= fds[i] < 0;
        closep(&fds[i]);
    }
    return failed ? error_set(err, DDM_E_NETWORK, "no free port on loopback") : 0;
}

static int run_origin(void *arg)
{
    struct ddm_error error;
    const int *fd = arg;
    enum ddm_code code = demo_origin_run(*fd, &error);
    fprintf(stderr, "ddm: %s\n", error.message);
    return code;
}

static int start_origin(struct demo_swarm *swarm, struct ddm_error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set(err, DDM_E_FAIL, "no pipe: %s", strerror(errno));
    int r = process_fork(&swarm->pids[ORIGIN], swarm->log, run_origin, &fds[1], err);
    close(fds[1]);
    if (r == 0 &&
        read(fds[0], &swarm->origin_port, sizeof swarm->origin_port) != sizeof swarm->origin_port)
        r = error_set(err, DDM_E_FAIL, "the origin does not start");
    close(fds[0]);
    return r;
}

static int start_tracker(struct demo_swarm *swarm, struct ddm_error *err)
{
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", swarm->tracker_port);
    const char *const argv[] = { "ddm", "tracker", "--listen", listen, NULL };
    const struct process_config config = { .argv = argv, .log = swarm->log };
    return process_start(&swarm->pids[TRACKER], &config, err);
}

static int start_peer(struct demo_swarm *swarm, size_t index, struct ddm_error *err)
{
    char listen[32], tracker[32], host[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", swarm->peer_ports[index]);
    snprintf(tracker, sizeof tracker, "127.0.0.1:%u", swarm->tracker_port);
    snprintf(host, sizeof host, "demo-%zu", index + 1);
    const char *const argv[] = {
        "ddm", "peer",    "--listen",    listen,         "--tracker", tracker, "--host-id",
        host,  "--allow", "127.0.0.0/8", "--cache-size", "0",         NULL,
    };
    const struct process_config config = { .argv = argv, .log = swarm->log };
    return process_start(&swarm->pids[FIRST_PEER + index], &config, err);
}

/* How many peers the tracker knows; -1 while it does not answer. */
static int count_peers(uint16_t tracker_port)
{
    static const char request[] = "GET /v1/peers HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    const struct timeval second = { .tv_sec = 1 };
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                    .sin_port = htons(tracker_port) };
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char reply[8192];
    size_t length = 0;
    ssize_t n;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) < 0 ||
        connect(fd, (const struct sockaddr *)&at, sizeof at) < 0 ||
        write(fd, request, strlen(request)) < 0)
        return -1;
    while (length < sizeof reply - 1 &&
           (n = read(fd, reply + length, sizeof reply - 1 - length)) > 0)
        length += (size_t)n;
    reply[length] = '\0';

    const char *body = strstr(reply, "\r\n\r\n");
    struct message_peer *peers = NULL;
    size_t count = 0;
    if (!body || message_peers_decode(&peers, &count, body + 4, strlen(body + 4), NULL) < 0)
        return -1;
    free(peers);
    return (int)count;
}

/* Until the tracker knows at least so many peers. */
static int wait_for(const struct demo_swarm *swarm, int peers, bool (*stopped)(void),
                    struct ddm_error *err)
{
    const struct timespec glance = { .tv_nsec = GLANCE };
    for (int64_t waited = 0; waited < PATIENCE; waited += GLANCE) {
        if (stopped())
            return error_set(err, DDM_E_INTERRUPTED, "interrupted");
        if (count_peers(swarm->tracker_port) >= peers)
            return 0;
        nanosleep(&glance, NULL);
    }
    return error_set(err, DDM_E_FAIL, "the %s of the demo did not come up",
                     peers ? "peers" : "tracker");
}

int demo_swarm_start(struct demo_swarm *ret, bool (*stopped)(void), struct ddm_error *err)
{
    int r;
    *ret = (struct demo_swarm){ 0 };
    if ((r = make_folder(ret, err)) < 0 || (r = choose_ports(ret, err)) < 0 ||
        (r = start_origin(ret, err)) < 0 || (r = start_tracker(ret, err)) < 0 ||
        (r = wait_for(ret, 0, stopped, err)) < 0)
        return r;
    for (size_t i = 0; i < DEMO_PEERS; i++)
        if ((r = start_peer(ret, i, err)) < 0)
            return r;
    return wait_for(ret, DEMO_PEERS, stopped, err);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    remove(path);
    return 0;
}

void demo_swarm_release(struct demo_swarm *swarm)
{
    process_end(swarm->pids, ARRAY_SIZE(swarm->pids));
    if (swarm->folder[0])
        nftw(swarm->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    swarm->folder[0] = '\0';
}
