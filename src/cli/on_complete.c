/* SPDX-License-Identifier: MIT */
#include "cli/on_complete.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { OWN_VARIABLES = 3 };

static bool is_own(const char *variable)
{
    return str_starts_with(variable, "DDM_PATH=") || str_starts_with(variable, "DDM_URL=") ||
           str_starts_with(variable, "DDM_SIZE=");
}

/* The environment with `own` before it; the list is malloc'ed, its strings are not its own. */
static char **make_environment(char **own)
{
    size_t count = 0, n = 0;
    while (environ[count])
        count++;
    char **list = calloc(count + OWN_VARIABLES + 1, sizeof *list);
    for (size_t i = 0; list && i < OWN_VARIABLES; i++)
        list[n++] = own[i];
    for (size_t i = 0; list && i < count; i++)
        if (!is_own(environ[i]))
            list[n++] = environ[i];
    return list;
}

/* The signals as a shell expects them. */
static int spawn(pid_t *ret, const char *command, char **environment, int output)
{
    const char *const argv[] = { "sh", "-c", command, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual, none;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return r;
    r = posix_spawnattr_init(&attributes);
    if (r != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return r;
    }
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGPIPE);
    r = posix_spawnattr_setsigmask(&attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&attributes, &usual);
    if (r == 0)
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0 && output != STDOUT_FILENO)
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn(ret, "/bin/sh", &actions, &attributes, (char *const *)argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int wait_for(pid_t pid, struct ddm_error *err)
{
    int status = 0;
    pid_t r;
    while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (r < 0)
        return error_set(err, DDM_E_FAIL, "--on-complete: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return error_set(err, DDM_E_FAIL, "--on-complete: the command was ended by signal %d",
                         WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return error_set(err, DDM_E_FAIL, "--on-complete: the command failed with exit status %d",
                         WEXITSTATUS(status));
    return 0;
}

int on_complete_run(const char *command, const char *path, const char *url, uint64_t size,
                    int output, struct ddm_error *err)
{
    pid_t pid = 0;
    _cleanup_free_ char *path_variable = str_format("DDM_PATH=%s", path ? path : "");
    _cleanup_free_ char *url_variable = str_format("DDM_URL=%s", url ? url : "");
    _cleanup_free_ char *size_variable = str_format("DDM_SIZE=%llu", (unsigned long long)size);
    if (!path_variable || !url_variable || !size_variable)
        return error_memory(err);
    char *own[OWN_VARIABLES] = { path_variable, url_variable, size_variable };
    _cleanup_free_ char **environment = make_environment(own);
    if (!environment)
        return error_memory(err);
    fflush(NULL);
    int r = spawn(&pid, command, environment, output);
    if (r != 0)
        return error_set(err, DDM_E_FAIL, "--on-complete: /bin/sh: %s", strerror(r));
    return wait_for(pid, err);
}
