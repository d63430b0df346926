/* SPDX-License-Identifier: MIT */
#include "cli/process.h"

#include "base/error.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* How long children have to end by themselves, and how often we look. */
#define PATIENCE (1500 * MSEC)
#define GLANCE   (10 * MSEC)

static char program[PATH_MAX];

void process_set_program(const char *argv0)
{
    if (!realpath("/proc/self/exe", program))
        snprintf(program, sizeof program, "%s", argv0);
}

/* In the child: dies with its parent, takes signals again, writes where it should. */
static void prepare(pid_t parent, const char *log)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, log ? SIGKILL : SIGTERM);
#endif
    if (getppid() != parent)
        _exit(1);
    if (!log)
        return;
    setpgid(0, 0);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    if (out >= 0) {
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
    }
}

int process_fork(pid_t *ret, const char *log, int (*run)(void *arg), void *arg,
                 struct ddm_error *err)
{
    pid_t parent = getpid(), pid;
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return error_set(err, DDM_E_FAIL, "cannot start a process: %s", strerror(errno));
    if (pid == 0) {
        prepare(parent, log);
        _exit(run(arg));
    }
    *ret = pid;
    return 0;
}

static int run_program(void *arg)
{
    const struct process_config *config = arg;
    if (config->folder && chdir(config->folder) < 0)
        return DDM_E_DISK;
    execvp(program, (char *const *)config->argv);
    fprintf(stderr, "ddm: %s: %s\n", program, strerror(errno));
    return DDM_E_FAIL;
}

int process_start(pid_t *ret, const struct process_config *config, struct ddm_error *err)
{
    return process_fork(ret, config->log, run_program, (void *)config, err);
}

static void signal_all(const pid_t *pids, size_t count, int number)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] > 0)
            kill(pids[i], number);
}

/* Returns how many are still there. */
static size_t reap(pid_t *pids, size_t count)
{
    size_t alive = 0;
    for (size_t i = 0; i < count; i++) {
        if (pids[i] <= 0)
            continue;
        pid_t pid = waitpid(pids[i], NULL, WNOHANG);
        if (pid == pids[i] || (pid < 0 && errno == ECHILD))
            pids[i] = 0;
        else
            alive++;
    }
    return alive;
}

void process_end(pid_t *pids, size_t count)
{
    const struct timespec glance = { .tv_nsec = GLANCE };
    signal_all(pids, count, SIGTERM);
    for (int64_t waited = 0; reap(pids, count) > 0 && waited < PATIENCE; waited += GLANCE)
        nanosleep(&glance, NULL);
    signal_all(pids, count, SIGKILL);
    for (size_t i = 0; i < count; i++) {
        if (pids[i] > 0)
            waitpid(pids[i], NULL, 0);
        pids[i] = 0;
    }
}
