/* SPDX-License-Identifier: MIT */
/* Each trial is a process of its own that enters the sandbox and tries one thing. What the kernel
 * or the build does not have is left out, and said. With sanitizers, processes may be made and
 * traced: their leak check does that. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/sandbox.h"
#include "io/sandbox_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#define NOT_ENTERED 250
#define KILLED      -1 /* by the filter */

static char inside[64], outside[64]; /* folders; the first one may be written to */
static long landlock;                /* its version, 0: there is none */
static bool seccomp;

static int in(const char *folder, const char *name, int flags)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static const char *at(const char *folder, const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Enters, tries; its errno (0: it worked), NOT_ENTERED or KILLED. */
static int try_with(const struct sandbox_config *config, int (*trial)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ddm_error err;
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, STDERR_FILENO);
        if (sandbox_enter(config, &err) < 0)
            _exit(NOT_ENTERED);
        errno = 0;
        _exit(trial() < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return KILLED;
    }
    return WEXITSTATUS(status);
}

static int try(int (*trial)(void))
{
    struct sandbox_config config = { .name = "test",
                                     .writable = (const char *const[]){ inside, NULL } };
    return try_with(&config, trial);
}

/* ---- what an intruder would do ---- */

static int run_a_program(void)
{
    char name[] = "true", *const words[] = { name, NULL };
    return execve("/bin/true", words, words + 1);
}

static int become_two(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child;
}

static int make_a_file(void)
{
    return in(outside, "new", O_WRONLY | O_CREAT);
}

static int change_a_file(void)
{
    return in(outside, "file", O_WRONLY);
}

static int empty_a_file(void)
{
    return in(outside, "file", O_RDONLY | O_TRUNC);
}

static int read_a_file(void)
{
    return in(outside, "file", O_RDONLY);
}

static int remove_a_file(void)
{
    return unlink(at(outside, "file"));
}

static int move_a_file_out(void)
{
    return in(inside, "mine", O_WRONLY | O_CREAT) < 0
               ? -1
               : rename(at(inside, "mine"), at(outside, "mine"));
}

static int change_the_system(void)
{
    return in("/etc", "hosts", O_WRONLY);
}

static int open_up(void)
{
    return fchmod(STDERR_FILENO, 0666);
}

static int change_a_mode(void)
{
    return chmod(at(outside, "file"), 0777) == 0 || open_up() == 0 ? 0 : -1;
}

static int link_from_inside(void)
{
    return symlink("/etc/shadow", at(inside, "link"));
}

static int read_a_parents_secrets(void)
{
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/%d", (int)getppid());
    return in(folder, "mem", O_RDONLY);
}

static int open_socket(int family, int type, int protocol)
{
    return socket(family, type | SOCK_CLOEXEC, protocol) < 0 ? -1 : 0;
}

static int watch_the_wire(void)
{
    return open_socket(AF_PACKET, SOCK_RAW, 0);
}

static int make_packets(void)
{
    return open_socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
}

static int reach_local_services(void)
{
    return open_socket(AF_UNIX, SOCK_STREAM, 0);
}

static int take_a_port(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 0 : bind(fd, (struct sockaddr *)&any, sizeof any);
}

static int listen_somewhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 0 : listen(fd, 1);
}

static int map_code(void)
{
    void *code =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return code == MAP_FAILED ? -1 : 0;
}

static int turn_data_into_code(void)
{
    void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? 0 : mprotect(data, 4096, PROT_READ | PROT_EXEC);
}

static int type_into_the_terminal(void)
{
    return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static int signal_the_parent(void)
{
    return kill(getppid(), 0);
}

static int become_readable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int go_round_the_filter(void)
{
    char parameters[256] = "";
    return (int)syscall(425, 4, parameters); /* io_uring_setup */
}

static int run_from_memory(void)
{
    return memfd_create("x", MFD_CLOEXEC) < 0 ? -1 : 0;
}

static int trace_the_parent(void)
{
    return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int read_others_memory(void)
{
    return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static int load_into_the_kernel(void)
{
    return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int mount_something(void)
{
    return mount("none", inside, "tmpfs", 0, NULL);
}

static int leave_the_namespaces(void)
{
    return (int)syscall(SYS_unshare, 0x10000000); /* CLONE_NEWUSER */
}

/* ---- what a daemon does ---- */

static int keep_files(void)
{
    const char *file = at(inside, "kept");
    char back[5] = "";
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool well = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fallocate(fd, 0, 0, 4096) == 0 &&
                pwrite(fd, "bytes", 5, 0) == 5 && fdatasync(fd) == 0 && fchmod(fd, 0600) == 0 &&
                utimensat(AT_FDCWD, file, NULL, 0) == 0 && ftruncate(fd, 5) == 0 &&
                pread(fd, back, 5, 0) == 5 && memcmp(back, "bytes", 5) == 0 &&
                mkdir(at(inside, "below"), 0700) == 0 &&
                rename(file, at(inside, "below/kept")) == 0 &&
                unlink(at(inside, "below/kept")) == 0 && rmdir(at(inside, "below")) == 0;
    DIR *folder = opendir(inside);
    return well && folder && readdir(folder) ? 0 : -1;
}

static void *nothing(void *arg)
{
    return arg;
}

static int begin_threads(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, nothing, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}

static int look_up_names(void)
{
    struct addrinfo *list;
    struct ifaddrs *own;
    if (getaddrinfo("localhost", "80", NULL, &list) != 0 || getifaddrs(&own) < 0)
        return -1;
    freeifaddrs(own);
    freeaddrinfo(list);
    return in("/etc", "hosts", O_RDONLY);
}

static int connect_somewhere(void)
{
    struct sockaddr_in closed = { .sin_family = AF_INET, .sin_port = htons(1) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    closed.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd >= 0 && (connect(fd, (struct sockaddr *)&closed, sizeof closed) == 0 ||
                       errno == ECONNREFUSED)
               ? 0
               : -1;
}

static int bind_to_a_device(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        return -1;
    return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo");
}

static int leave_no_core(void)
{
    struct rlimit core = { 1, 1 };
    errno = 0;
    return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? 0 : -1;
}

/* ---- the tests ---- */

enum by { FILTER, FILTER_STRICT, FILES, PORTS, SIGNALS };

static const struct trial {
    const char *what;
    int (*trial)(void);
    int expected;
    enum by by; /* the part that says no */
} trials[] = {
    { "run a program", run_a_program, EPERM, FILTER },
    { "become two", become_two, EPERM, FILTER_STRICT },
    { "make a file", make_a_file, EACCES, FILES },
    { "change a file", change_a_file, EACCES, FILES },
    { "empty a file", empty_a_file, EACCES, FILES },
    { "read a file", read_a_file, EACCES, FILES },
    { "remove a file", remove_a_file, EACCES, FILES },
    { "move a file out", move_a_file_out, EACCES, FILES },
    { "change the system", change_the_system, EACCES, FILES },
    { "read a parent's memory", read_a_parents_secrets, EACCES, FILES },
    { "change a mode", change_a_mode, EPERM, FILTER },
    { "link from inside", link_from_inside, EPERM, FILTER },
    { "watch the wire", watch_the_wire, EPERM, FILTER },
    { "make packets", make_packets, EPERM, FILTER },
    { "reach local services", reach_local_services, EPERM, FILTER },
    { "take a port", take_a_port, EACCES, PORTS },
    { "listen somewhere", listen_somewhere, EPERM, FILTER },
    { "map code", map_code, EPERM, FILTER },
    { "turn data into code", turn_data_into_code, EPERM, FILTER },
    { "type into the terminal", type_into_the_terminal, EPERM, FILTER },
    { "signal the parent", signal_the_parent, EPERM, SIGNALS },
    { "become readable", become_readable, EPERM, FILTER_STRICT },
    { "go round the filter", go_round_the_filter, EPERM, FILTER },
    { "run from memory", run_from_memory, EPERM, FILTER },
    { "trace the parent", trace_the_parent, KILLED, FILTER_STRICT },
    { "read others' memory", read_others_memory, KILLED, FILTER },
    { "load into the kernel", load_into_the_kernel, KILLED, FILTER },
    { "mount something", mount_something, KILLED, FILTER },
    { "leave the namespaces", leave_the_namespaces, KILLED, FILTER },
};

static bool is_there(enum by by)
{
    switch (by) {
    case FILTER:
        return seccomp;
    case FILTER_STRICT:
        return seccomp && !SANDBOX_SANITIZED;
    case FILES:
        return landlock >= 3;
    case PORTS:
        return landlock >= 4;
    case SIGNALS:
        return landlock >= 6 || (seccomp && !SANDBOX_SANITIZED);
    }
    return false;
}

static void what_must_fail_does(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(trials); i++) {
        if (!is_there(trials[i].by)) {
            print_message("not tried here: %s\n", trials[i].what);
            continue;
        }
        int r = try(trials[i].trial);
        if (r != trials[i].expected)
            fail_msg("%s: %d, not %d", trials[i].what, r, trials[i].expected);
    }
}

static void what_daemons_do_works(void **state)
{
    assert_int_equal(try(keep_files), 0);
    assert_int_equal(try(begin_threads), 0);
    assert_int_equal(try(look_up_names), 0);
    assert_int_equal(try(connect_somewhere), 0);
    assert_int_equal(try(leave_no_core), 0);
}

static void what_is_asked_for_is_open(void **state)
{
    struct sandbox_config local = { .name = "test", .local_sockets = true };
    struct sandbox_config devices = { .name = "test", .devices = true };
    struct sandbox_config readable = { .name = "test",
                                       .readable =
                                           (const char *const[]){ "/no/such", outside, NULL } };
    assert_int_equal(try_with(&local, reach_local_services), 0);
    assert_int_equal(try_with(&devices, bind_to_a_device), 0);
    assert_int_equal(try_with(&readable, read_a_file), 0);
    if (is_there(FILES)) {
        assert_int_equal(try_with(&readable, change_a_file), EACCES);
        assert_int_equal(try_with(&local, keep_files), EACCES);
    }
}

static void a_folder_that_cannot_be_used_is_an_error(void **state)
{
    struct sandbox_config config = { .name = "test",
                                     .writable = (const char *const[]){ "/no/such", NULL } };
    assert_int_equal(try_with(&config, keep_files), NOT_ENTERED);
}

static void *wait_for_ever(void *arg)
{
    pause();
    return arg;
}

/* Its thread would keep what the sandbox takes. */
static int enter_with_a_thread(void)
{
    pthread_t thread;
    struct ddm_error err;
    struct sandbox_config config = { .name = "test" };
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
        return 0;
    return sandbox_enter(&config, &err) == -DDM_E_FAIL && strstr(err.message, "2 threads") ? 1 : 0;
}

static void it_comes_before_the_threads(void **state)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(enter_with_a_thread());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static int prepare(void **state)
{
    strcpy(inside, "/tmp/ddm-sandbox-XXXXXX");
    strcpy(outside, "/tmp/ddm-sandbox-XXXXXX");
    landlock = syscall(444, NULL, 0, 1);
#ifdef HAVE_SECCOMP
    seccomp = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#endif
    return mkdtemp(inside) && mkdtemp(outside) && in(outside, "file", O_WRONLY | O_CREAT) == 0 ? 0
                                                                                               : -1;
}

static int clean(void **state)
{
    static const char *const names[] = { "mine", "new", "file", "link", "kept" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        unlink(at(inside, names[i]));
        unlink(at(outside, names[i]));
    }
    return rmdir(inside) == 0 && rmdir(outside) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_must_fail_does),
        cmocka_unit_test(what_daemons_do_works),
        cmocka_unit_test(what_is_asked_for_is_open),
        cmocka_unit_test(a_folder_that_cannot_be_used_is_an_error),
        cmocka_unit_test(it_comes_before_the_threads),
    };
    return cmocka_run_group_tests(tests, prepare, clean);
}
