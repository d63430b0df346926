/* SPDX-License-Identifier: MIT */
/* The system calls of a daemon: those of glibc and musl, libuv, libcurl, libmicrohttpd, GnuTLS and
 * the resolver, by their names, of which each architecture and each libseccomp knows some.
 *
 * What is not on the list fails with EPERM. clone3 fails with ENOSYS, so that threads are made by
 * clone, whose flags a filter can see. */
#include "io/sandbox_internal.h"

#if defined(__linux__) && defined(HAVE_SECCOMP)

#include "base/util.h"

#include <errno.h>
#include <linux/fs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static const char harmless[] =
    /* memory, threads, signals */
    "brk munmap mremap madvise mlock munlock membarrier futex futex_time64 set_robust_list "
    "set_tid_address rseq exit exit_group gettid getpid getppid sched_getaffinity sched_yield "
    "getcpu rt_sigaction rt_sigprocmask rt_sigreturn sigreturn rt_sigtimedwait sigaltstack "
    "restart_syscall "
    /* the time, the system, who one is */
    "clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
    "clock_nanosleep_time64 nanosleep gettimeofday time getrusage sysinfo uname getrandom "
    "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getrlimit ugetrlimit "
    /* files: what may be opened and changed is Landlock's matter. Next to nothing for owners,
     * modes, times, attributes and links, which Landlock leaves alone. */
    "open openat close close_range read readv pread64 preadv preadv2 write writev pwrite64 "
    "pwritev pwritev2 lseek _llseek stat stat64 lstat lstat64 fstat fstat64 newfstatat "
    "fstatat64 statx statfs statfs64 fstatfs fstatfs64 access faccessat faccessat2 readlink "
    "readlinkat getcwd getdents getdents64 fcntl fcntl64 flock fsync fdatasync "
    "sync_file_range sync_file_range2 ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 "
    "arm_fadvise64_64 rename renameat renameat2 unlink unlinkat mkdir mkdirat rmdir "
    "copy_file_range sendfile sendfile64 dup dup2 dup3 umask "
    /* waiting */
    "pipe pipe2 eventfd eventfd2 timerfd_create timerfd_settime timerfd_settime64 "
    "timerfd_gettime timerfd_gettime64 epoll_create epoll_create1 epoll_ctl epoll_wait "
    "epoll_pwait epoll_pwait2 poll ppoll ppoll_time64 select _newselect pselect6 "
    "pselect6_time64 "
    /* the network: no listen, those that a daemon needs are open */
    "connect accept accept4 bind getsockname getpeername setsockopt getsockopt send sendto "
    "sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 shutdown "
#if SANDBOX_SANITIZED
    "clone ptrace wait4 prctl sched_setaffinity prlimit64 kill tgkill "
#endif
    "";

/* Nothing that ddm uses asks for these, not even to see whether it may. */
static const char hostile[] =
#if !SANDBOX_SANITIZED
    "ptrace "
#endif
    "process_vm_readv process_vm_writev pidfd_getfd kcmp bpf perf_event_open userfaultfd "
    "init_module finit_module create_module delete_module kexec_load kexec_file_load reboot "
    "mount umount umount2 mount_setattr move_mount open_tree fsopen fsmount fsconfig fspick "
    "pivot_root chroot unshare setns swapon swapoff acct quotactl quotactl_fd "
    "open_by_handle_at iopl ioperm clock_settime clock_settime64 "
    "settimeofday clock_adjtime adjtimex sethostname setdomainname syslog "
    "";

#define RULE_ARGS 3

/* A call that is allowed with some arguments only; all of a row's must hold. */
struct narrow {
    const char *call;
    unsigned count;
    struct scmp_arg_cmp args[RULE_ARGS];
};

#define IS(arg, value)         SCMP_CMP64(arg, SCMP_CMP_EQ, (scmp_datum_t)(value), 0)
#define BITS(arg, mask, value) SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, (mask), (scmp_datum_t)(value))
#define LOW                    0xffffffffu /* of an argument that is an int */
#define INT_IS(arg, value)     BITS(arg, LOW, (uint32_t)(value))
#define TYPE_IS(type)          BITS(1, 0xfu, type) /* of a socket, without its flags */

static const struct narrow narrow[] = {
/* no memory that is both written and run; libraries are mapped from their files */
#ifdef __s390__ /* its arguments are in memory */
    { "mmap", 0 },
#else
    { "mmap", 1, { BITS(2, PROT_EXEC, 0) } },
    { "mmap", 2, { BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, 0) } },
#endif
    { "mmap2", 1, { BITS(2, PROT_EXEC, 0) } },
    { "mmap2", 2, { BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, 0) } },
    { "mprotect", 1, { BITS(2, PROT_EXEC, 0) } },
#if !SANDBOX_SANITIZED
/* threads, and no processes */
#ifdef __s390__
    { "clone", 1, { BITS(1, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM) } },
#else
    { "clone", 1, { BITS(0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM) } },
#endif
    { "prctl", 1, { INT_IS(0, PR_SET_NAME) } },
    { "prctl", 1, { INT_IS(0, PR_GET_NAME) } },
    { "prlimit64", 2, { INT_IS(0, 0), IS(2, 0) } }, /* asking for one's own */
#endif
    { "fchmod", 1, { INT_IS(1, 0600) } }, /* what is new, whatever the umask is */
    { "utimensat", 1, { IS(2, 0) } },     /* to now */
    { "utimensat_time64", 1, { IS(2, 0) } },
    /* IP, and the kernel's list of addresses */
    { "socket", 2, { INT_IS(0, AF_INET), TYPE_IS(SOCK_STREAM) } },
    { "socket", 2, { INT_IS(0, AF_INET), TYPE_IS(SOCK_DGRAM) } },
    { "socket", 2, { INT_IS(0, AF_INET6), TYPE_IS(SOCK_STREAM) } },
    { "socket", 2, { INT_IS(0, AF_INET6), TYPE_IS(SOCK_DGRAM) } },
    { "socket", 2, { INT_IS(0, AF_NETLINK), INT_IS(2, 0) } }, /* NETLINK_ROUTE */
    { "socketpair", 2, { INT_IS(0, AF_UNIX), TYPE_IS(SOCK_STREAM) } },
    /* nothing that types into the terminal that a daemon was started from */
    { "ioctl", 1, { INT_IS(1, FIONBIO) } },
    { "ioctl", 1, { INT_IS(1, FIONREAD) } },
    { "ioctl", 1, { INT_IS(1, FIOCLEX) } },
    { "ioctl", 1, { INT_IS(1, TCGETS) } },
    { "ioctl", 1, { INT_IS(1, TIOCGWINSZ) } },
    { "ioctl", 1, { INT_IS(1, SIOCOUTQ) } },
    { "ioctl", 1, { INT_IS(1, SIOCGIFNAME) } },
    { "ioctl", 1, { INT_IS(1, SIOCGIFINDEX) } },
    { "ioctl", 1, { INT_IS(1, SIOCGIFFLAGS) } },
    { "ioctl", 1, { INT_IS(1, FICLONE) } },
    { "ioctl", 1, { INT_IS(1, FICLONERANGE) } },
};

static const struct narrow local_socket = { "socket", 1, { INT_IS(0, AF_UNIX) } };

/* A name that this architecture or this libseccomp does not have needs no rule. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
               const struct scmp_arg_cmp *args)
{
    int number = seccomp_syscall_resolve_name(name);
    int r =
        number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, action, number, count, args);
    return r == -EDOM || r == -EOPNOTSUPP ? 0 : r;
}

/* Names, with spaces between them. */
static int add_all(scmp_filter_ctx filter, uint32_t action, const char *names)
{
    char name[32];
    int r = 0;
    for (size_t length; r == 0 && *names; names += length + strspn(names + length, " ")) {
        length = strcspn(names, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, names);
        r = add(filter, action, name, 0, NULL);
    }
    return r;
}

static int add_own(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp to_itself = INT_IS(0, getpid());
    return add(filter, SCMP_ACT_ALLOW, "tgkill", 1, &to_itself); /* abort() */
}

static int fill(scmp_filter_ctx filter, const struct sandbox_config *config)
{
    int r = add(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
    if (r == 0)
        r = add_all(filter, SCMP_ACT_ALLOW, harmless);
    if (r == 0)
        r = add_all(filter, SCMP_ACT_KILL_PROCESS, hostile);
    for (size_t i = 0; i < ARRAY_SIZE(narrow) && r == 0; i++)
        r = add(filter, SCMP_ACT_ALLOW, narrow[i].call, narrow[i].count, narrow[i].args);
    if (r == 0 && config->local_sockets)
        r = add(filter, SCMP_ACT_ALLOW, local_socket.call, local_socket.count, local_socket.args);
    return r == 0 && !SANDBOX_SANITIZED ? add_own(filter) : r;
}

static void release(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

int sandbox_calls(const struct sandbox_config *config, const char **ret_missing,
                  struct ddm_error *err)
{
    _cleanup_(release) scmp_filter_ctx filter = NULL;
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
        *ret_missing = "this system has no seccomp, so all system calls are within reach";
        return 0;
    }
    filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return error_memory(err);
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = fill(filter, config);
    if (r == 0)
        r = seccomp_load(filter);
    if (r < 0)
        return error_set(err, DDM_E_FAIL, "sandbox: seccomp: %s", strerror(-r));
    return 0;
}

#elif defined(__linux__)

int sandbox_calls(const struct sandbox_config *config, const char **ret_missing,
                  struct ddm_error *err)
{
    *ret_missing = "this build has no libseccomp, so all system calls are within reach";
    return 0;
}

#endif
