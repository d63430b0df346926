/* SPDX-License-Identifier: MIT */
/* The order matters: capabilities are needed to drop them from the bounding set; no_new_privs lets
 * those without privileges have Landlock and seccomp; the filter of system calls comes last. */
#include "io/sandbox_internal.h"

#include "base/log.h"
#include "base/str.h"
#include "base/util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define WORDS _LINUX_CAPABILITY_U32S_3

static int failed(struct ddm_error *err, const char *what)
{
    return error_set(err, DDM_E_FAIL, "sandbox: %s: %s", what, strerror(errno));
}

/* Most of this is a thread's own: what an earlier one may do would not change. */
static int check_threads(struct ddm_error *err)
{
    struct stat tasks; /* a link for each thread, and two */
    if (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3)
        return error_set(err, DDM_E_FAIL, "sandbox: there are %d threads already",
                         (int)tasks.st_nlink - 2);
    return 0;
}

/* What is in memory stays there. */
static int hide_memory(struct ddm_error *err)
{
    const struct rlimit none = { 0, 0 };
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failed(err, "cannot become undumpable");
    return setrlimit(RLIMIT_CORE, &none) < 0 ? failed(err, "cannot rule out core files") : 0;
}

/* ---- capabilities ---- */

static int set_capabilities(uint64_t permitted, uint64_t effective)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[WORDS];
    for (unsigned i = 0; i < WORDS; i++)
        data[i] = (struct __user_cap_data_struct){ .effective = (uint32_t)(effective >> 32 * i),
                                                   .permitted = (uint32_t)(permitted >> 32 * i) };
    return (int)syscall(SYS_capset, &header, data);
}

static uint64_t permitted_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[WORDS] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

/* Whether binding to a device takes a privilege, as it does before Linux 5.7. */
static bool binding_is_forbidden(void)
{
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") < 0 &&
           errno == EPERM;
}

/* Only who has CAP_SETPCAP can change the bounding set; for others no_new_privs makes up for it. */
static int drop_bounds(uint64_t kept, struct ddm_error *err)
{
    for (int i = 0; i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
        if (!(kept >> i & 1) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EPERM)
            return failed(err, "cannot limit capabilities");
    }
    return 0;
}

static int drop_capabilities(bool devices, struct ddm_error *err)
{
    uint64_t raw = UINT64_C(1) << CAP_NET_RAW, had = permitted_capabilities(), kept = 0;
    if (devices && (had & raw)) {
        uint64_t bounding = had & (UINT64_C(1) << CAP_SETPCAP);
        if (set_capabilities(had, bounding) < 0)
            return failed(err, "cannot put capabilities aside");
        kept = binding_is_forbidden() ? raw : 0;
    }
    int r = drop_bounds(kept, err);
    if (r < 0)
        return r;
    /* Kernels before 4.3 have no ambient set. */
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return failed(err, "cannot drop ambient capabilities");
    return set_capabilities(kept, kept) < 0 ? failed(err, "cannot drop capabilities") : 0;
}

/* Root without capabilities is kept out of other people's folders, which nobody expects. */
static int check_folders(const char *const *folder, struct ddm_error *err)
{
    for (; folder && *folder; folder++) {
        if (access(*folder, R_OK | W_OK | X_OK) < 0)
            return error_set(err, DDM_E_PERMISSION, "%s cannot be used: %s%s", *folder,
                             strerror(errno),
                             geteuid() == 0 ? " (root's privileges are dropped; run ddm as the "
                                              "user whose folder that is)"
                                            : "");
    }
    return 0;
}

/* ---- the whole ---- */

static void tell(const struct sandbox_config *config, const char *files, const char *calls)
{
    _cleanup_free_ char *folders =
        str_format("%s", config->writable && *config->writable ? "" : " nothing");
    const char *const *folder = config->writable;
    for (; folders && folder && *folder; folder++) {
        char *longer = str_format("%s %s", folders, *folder);
        free(folders);
        folders = longer;
    }
    if (geteuid() == 0)
        log_warn(config->name, "running as root, which ddm does not need: it has dropped root's "
                               "capabilities, but root's files are still its own");
    if (files || calls)
        log_warn(config->name, "sandbox with gaps: %s%s%s; see docs/security.md",
                 files ? files : "", files && calls ? ", " : "", calls ? calls : "");
    else
        log_info(config->name, "sandbox: no privileges, no programs, writes to%s",
                 folders ? folders : "");
    if (config->local_sockets)
        log_warn(config->name, "sandbox: this machine's local sockets stay within reach, for names "
                               "in .local; an address instead of such a name closes them");
}

int sandbox_enter(const struct sandbox_config *config, struct ddm_error *err)
{
    const char *files = NULL, *calls = NULL;
    int r = check_threads(err);
    if (r == 0)
        r = drop_capabilities(config->devices, err);
    if (r == 0)
        r = hide_memory(err); /* after the capabilities: a change of them may make it dumpable */
    if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        r = failed(err, "cannot rule out new privileges");
    if (r == 0)
        r = check_folders(config->writable, err);
    if (r == 0)
        r = sandbox_files(config, &files, err);
    if (r == 0)
        r = sandbox_calls(config, &calls, err);
    if (r == 0)
        tell(config, files, calls);
    return r;
}

#else

int sandbox_enter(const struct sandbox_config *config, struct ddm_error *err)
{
    log_warn(config->name, "no sandbox: there is none for this system; see docs/security.md");
    return 0;
}

#endif
