/* SPDX-License-Identifier: MIT */
/* However the question ends, the terminal has its echo again: the signals that would end the
 * process only interrupt the reading meanwhile. */
#include "cli/ask.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

enum { PASSWORD_MAX = 1000 };

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static void on_signal(int number)
{
    (void)number;
}

static void catch_ending(struct sigaction old[static ARRAY_SIZE(ending)])
{
    const struct sigaction interrupt = { .sa_handler = on_signal };
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        sigaction(ending[i], &interrupt, &old[i]);
}

static void restore_ending(const struct sigaction old[static ARRAY_SIZE(ending)])
{
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        sigaction(ending[i], &old[i], NULL);
}

static void show(int fd, const char *text)
{
    ssize_t n = write(fd, text, strlen(text));
    (void)n; /* a terminal that is gone shows in read() */
}

/* Returns its length, or -1 where it was interrupted. */
static ssize_t read_answer(int fd, char out[static PASSWORD_MAX])
{
    ssize_t n = read(fd, out, PASSWORD_MAX - 1);
    if (n <= 0)
        return -1;
    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return n;
}

int ask_password(const char *user, char **ret, struct ddm_error *err)
{
    struct sigaction old[ARRAY_SIZE(ending)];
    struct termios before, silent;
    char answer[PASSWORD_MAX] = "", question[200], name[100];
    _cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || tcgetattr(fd, &before) < 0)
        return error_set(err, DDM_E_USAGE,
                         "--user: there is no terminal to ask for the password; give NAME:PASSWORD "
                         "(in a config file, or as DDM_USER, others do not see it)");
    snprintf(question, sizeof question, "Password of %s: ", str_printable(name, sizeof name, user));
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    catch_ending(old);
    tcsetattr(fd, TCSAFLUSH, &silent);
    show(fd, question);
    ssize_t n = read_answer(fd, answer);
    tcsetattr(fd, TCSAFLUSH, &before);
    show(fd, "\n");
    restore_ending(old);
    char *password = n < 0 ? NULL : strdup(answer);
    explicit_bzero(answer, sizeof answer);
    if (n < 0)
        return error_set(err, DDM_E_INTERRUPTED, "no password was given");
    if (!password)
        return error_memory(err);
    *ret = password;
    return 0;
}
