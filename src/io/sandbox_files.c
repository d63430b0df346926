/* SPDX-License-Identifier: MIT */
/* Landlock (docs.kernel.org/userspace-api/landlock.html), by its system calls: what older headers
 * do not know is spelled out here. A ruleset forbids what it *handles*, but for its rules. */
#include "io/sandbox_internal.h"

#ifdef __linux__

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset /* one number on all architectures */
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define ASK_VERSION 1u /* a flag of create_ruleset */
enum { RULE_PATH = 1, RULE_PORT = 2 };

enum { /* to files; each with the version that came with it */
       EXECUTE = 1 << 0,
       WRITE_FILE = 1 << 1,
       READ_FILE = 1 << 2,
       READ_DIR = 1 << 3,
       REMOVE_DIR = 1 << 4,
       REMOVE_FILE = 1 << 5,
       MAKE_DIR = 1 << 7,
       MAKE_REG = 1 << 8,
       ALL_OF_1 = (1 << 13) - 1,
       REFER = 1 << 13,     /* 2: rename to another folder */
       TRUNCATE = 1 << 14,  /* 3 */
       IOCTL_DEV = 1 << 15, /* 5: on devices */
       OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV,
       READ = READ_FILE | READ_DIR,
       WRITE =
           READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER,
};
enum { BIND_TCP = 1 << 0 };                           /* 4 */
enum { ABSTRACT_SOCKETS = 1 << 0, SIGNALS = 1 << 1 }; /* 6: of processes outside */

struct ruleset {
    uint64_t files, net, scopes;
};
struct path_rule {
    uint64_t access;
    int32_t folder;
} __attribute__((packed));
struct port_rule {
    uint64_t access, port;
};

/* What libraries read after the start: names (NSS and its modules, resolv.conf), certificates, time
 * zones, the number of processors. No one's home, nothing mounted, no devices of weight. */
static const char *const system_files[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
    "/var/lib/ca-certificates",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
#if SANDBOX_SANITIZED
    "/proc/self/exe", /* for the names in a report */
#endif
};

static int failed(struct ddm_error *err, const char *what)
{
    return error_set(err, DDM_E_FAIL, "sandbox: %s: %s", what, strerror(errno));
}

/* What is not there, or cannot be read anyway, needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access, struct ddm_error *err)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : failed(err, path);
    if (fstat(fd, &st) < 0)
        return failed(err, path);
    struct path_rule rule = { .access = S_ISDIR(st.st_mode) ? access : access & OF_FILES,
                              .folder = fd };
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) < 0)
        return failed(err, path);
    return 0;
}

static int allow_all(int ruleset, const char *const *path, uint64_t access, struct ddm_error *err)
{
    int r = 0;
    for (; r == 0 && path && *path; path++)
        r = allow(ruleset, *path, access, err);
    return r;
}

/* resolv.conf may be a link to anywhere; what is renamed into its place there counts, too. */
static int allow_resolver(int ruleset, struct ddm_error *err)
{
    char path[PATH_MAX];
    if (!realpath("/etc/resolv.conf", path))
        return 0;
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return 0;
    *slash = '\0';
    return allow(ruleset, path, READ, err);
}

static int add_rules(int ruleset, const struct ruleset *handled,
                     const struct sandbox_config *config, struct ddm_error *err)
{
    struct port_rule any = { .access = BIND_TCP }; /* port 0: whichever is free */
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(system_files) && r == 0; i++)
        r = allow(ruleset, system_files[i], READ, err);
    if (r == 0)
        r = allow(ruleset, "/dev/null", READ | WRITE_FILE, err);
    if (r == 0)
        r = allow_resolver(ruleset, err);
    if (r == 0)
        r = allow_all(ruleset, config->readable, READ, err);
    if (r == 0)
        r = allow_all(ruleset, config->writable, WRITE & handled->files, err);
    if (r == 0 && config->devices && handled->net &&
        syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &any, 0) < 0)
        r = failed(err, "a rule for ports");
    return r;
}

/* The first bytes of a ruleset that a version knows. */
static size_t describe(struct ruleset *ret, long version, bool local_sockets)
{
    *ret = (struct ruleset){ .files = ALL_OF_1 };
    if (version >= 2)
        ret->files |= REFER;
    if (version >= 3)
        ret->files |= TRUNCATE;
    if (version >= 4)
        ret->net = BIND_TCP;
    if (version >= 5)
        ret->files |= IOCTL_DEV;
    if (version >= 6)
        ret->scopes = SIGNALS | (local_sockets ? 0 : ABSTRACT_SOCKETS);
    return version >= 6 ? 24 : version >= 4 ? 16 : 8;
}

int sandbox_files(const struct sandbox_config *config, const char **ret_missing,
                  struct ddm_error *err)
{
    struct ruleset handled;
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_VERSION);
    if (version < 1) { /* ENOSYS, EOPNOTSUPP; EPERM where a container's filter forbids it */
        *ret_missing = "this system has no Landlock, so all files of this user are within reach";
        return 0;
    }
    size_t size = describe(&handled, version, config->local_sockets);
    _cleanup_close_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);
    if (ruleset < 0)
        return failed(err, "no Landlock ruleset");
    int r = add_rules(ruleset, &handled, config, err);
    if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        r = failed(err, "Landlock");
    return r;
}

#endif
