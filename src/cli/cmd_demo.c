/* SPDX-License-Identifier: MIT */
/* `ddm demo`: the same file twice, without and with peers, and what it gained.
 *
 *     demo ─┬─ origin (forked)  4 MiB/s per connection
 *           ├─ ddm tracker
 *           ├─ ddm peer × 3     each with a connection of its own to the origin: its "uplink"
 *           └─ ddm get × 2      one after the other, in this terminal
 *
 * All of them die with the demo. Its signals are blocked and taken one by one, so that none is lost
 * between two calls. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/command.h"
#include "cli/demo_origin.h"
#include "cli/demo_swarm.h"
#include "cli/process.h"
#include "cli/term.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { ALONE, WITH_PEERS, RUNS, BAR_CELLS = 48 };

struct demo {
    struct demo_swarm swarm;
    struct term term;
    int64_t times[RUNS];
};

static const int stop_signals[] = { SIGINT, SIGTERM, SIGHUP };

static void on_child(int number)
{
    (void)number;
}

static void block_signals(void)
{
    const struct sigaction action = { .sa_handler = on_child };
    sigset_t set;
    sigaction(SIGCHLD, &action, NULL); /* what has no handler may be dropped */
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
        sigaddset(&set, stop_signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Whether somebody wants the demo to end. */
static bool stopped(void)
{
    sigset_t pending;
    sigpending(&pending);
    for (size_t i = 0; i < ARRAY_SIZE(stop_signals); i++)
        if (sigismember(&pending, stop_signals[i]) == 1)
            return true;
    return false;
}

/* Waits for the client. A signal is passed on to it. */
static int wait_for_client(pid_t pid)
{
    sigset_t set;
    int status, number;
    bool passed = false;
    sigprocmask(SIG_BLOCK, NULL, &set);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (sigwait(&set, &number) != 0 || number == SIGCHLD)
            continue;
        kill(pid, SIGTERM); /* after a Ctrl-C it has two: it ends at once */
        passed = true;
    }
    if (passed)
        return DDM_E_INTERRUPTED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : DDM_E_FAIL;
}

static int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SEC + now.tv_nsec;
}

static void print_title(const struct demo *demo, const char *title, const char *const *argv)
{
    struct text text = { 0 };
    text_add(&text, "\n");
    text_color(&text, &demo->term, COLOR_BOLD);
    text_add(&text, title);
    text_color(&text, &demo->term, COLOR_NONE);
    text_color(&text, &demo->term, COLOR_DIM);
    text_add(&text, "\n$");
    for (; *argv; argv++)
        text_format(&text, " %s", *argv);
    text_color(&text, &demo->term, COLOR_NONE);
    text_add(&text, "\n");
    fputs(text.bytes, stdout);
    fflush(stdout);
    text_release(&text);
}

/* One download, in a folder of its own, with the client's own display. */
static int download(struct demo *demo, unsigned run, struct ddm_error *err)
{
    static const char *const names[RUNS] = { "alone", "peers" };
    char url[80], tracker[32];
    snprintf(url, sizeof url, "http://127.0.0.1:%u" DEMO_PATH, demo->swarm.origin_port);
    snprintf(tracker, sizeof tracker, "127.0.0.1:%u", demo->swarm.tracker_port);
    const char *const alone[] = {
        "ddm", "get", "-n", "1", "-d", names[run], "--no-peers", url, NULL,
    };
    const char *const with_peers[] = {
        "ddm", "get", "-n", "1", "-d", names[run], "--tracker", tracker, url, NULL,
    };
    const struct process_config config = {
        .argv = run == ALONE ? alone : with_peers,
        .folder = demo->swarm.folder,
    };
    _cleanup_free_ char *folder = str_format("%s/%s", demo->swarm.folder, names[run]);
    pid_t pid;
    if (!folder)
        return error_memory(err);
    if (mkdir(folder, 0700) < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", folder, strerror(errno));
    print_title(demo, run == ALONE ? "1. Alone, over one uplink" : "2. With three peers",
                config.argv);
    int64_t begin = clock_now();
    int r = process_start(&pid, &config, err);
    if (r < 0)
        return r;
    int status = wait_for_client(pid);
    demo->times[run] = clock_now() - begin;
    if (status == DDM_E_INTERRUPTED)
        return error_set(err, DDM_E_INTERRUPTED, "the demo was interrupted");
    return status ? error_set(err, DDM_E_FAIL, "the client of the demo failed") : 0;
}

/* Compares a downloaded file with what the origin computes. */
static int check_file(const struct demo *demo, const char *name, struct ddm_error *err)
{
    static char got[64 * 1024], right[sizeof got];
    _cleanup_free_ char *path = str_format("%s/%s" DEMO_PATH, demo->swarm.folder, name);
    if (!path)
        return error_memory(err);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, DDM_E_FAIL, "%s: %s", path, strerror(errno));
    uint64_t at = 0;
    for (ssize_t n; (n = read(fd, got, sizeof got)) != 0; at += (uint64_t)n) {
        if (n < 0)
            return error_set(err, DDM_E_DISK, "%s: %s", path, strerror(errno));
        demo_content(right, at, (size_t)n);
        if (memcmp(got, right, (size_t)n) != 0)
            return error_set(err, DDM_E_FAIL, "WRONG BYTES behind offset %llu of %s",
                             (unsigned long long)at, name);
    }
    if (at != DEMO_SIZE)
        return error_set(err, DDM_E_FAIL, "%s has %llu bytes instead of %llu", name,
                         (unsigned long long)at, (unsigned long long)DEMO_SIZE);
    return 0;
}

static void add_result(struct text *text, const struct demo *demo, const char *name, unsigned run)
{
    char time[32];
    double longest = (double)MAX(demo->times[ALONE], demo->times[WITH_PEERS]);
    text_add(text, "  ");
    text_add(text, name);
    text_pad(text, 15);
    text_color(text, &demo->term, run == ALONE ? COLOR_CYAN : COLOR_GREEN);
    text_add_bar(text, &demo->term, BAR_CELLS, 0, (double)demo->times[run] / longest, true);
    text_color(text, &demo->term, COLOR_NONE);
    text_format(text, "  %s\n", str_duration(time, sizeof time, demo->times[run]));
}

static void print_introduction(const struct demo *demo)
{
    struct text text = { 0 };
    text_color(&text, &demo->term, COLOR_BOLD);
    text_add(&text, "DDM demo: four uplinks act as one\n");
    text_color(&text, &demo->term, COLOR_NONE);
    text_add(&text,
             "An origin on this machine gives each connection 4 MiB/s, as a far away server\n"
             "would. Three peers lend the client their connections to it; a tracker knows\n"
             "them. The same 24 MiB come twice: over the client's own connection, then over\n"
             "all four.\n");
    fputs(text.bytes, stdout);
    fflush(stdout);
    text_release(&text);
}

static void print_result(const struct demo *demo)
{
    struct text text = { 0 };
    text_add(&text, "\nBoth files are right: every byte was compared with the original.\n\n");
    add_result(&text, demo, "alone", ALONE);
    add_result(&text, demo, "with 3 peers", WITH_PEERS);
    text_color(&text, &demo->term, COLOR_BOLD);
    text_format(&text, "\n  %.1f times as fast",
                (double)demo->times[ALONE] / (double)demo->times[WITH_PEERS]);
    text_color(&text, &demo->term, COLOR_NONE);
    text_add(&text, " (at most 4.0 with four equal uplinks)\n");
    text_add(&text, "\nOn your own machines: see 'ddm help'.\n");
    fputs(text.bytes, stdout);
    fflush(stdout);
    text_release(&text);
}

/* Only what the demo says counts for its processes: no config, no variables, no proxy. */
static void clean_environment(void)
{
    static const char *const proxies[] = { "http_proxy", "all_proxy", "ALL_PROXY" };
    for (size_t i = 0; i < option_table_length; i++) {
        char variable[OPTION_VARIABLE_SIZE];
        unsetenv(option_variable(variable, &option_table[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(proxies); i++)
        unsetenv(proxies[i]);
    setenv("DDM_CONFIG", "/dev/null", 1);
}

/* What the processes said, for a failure. */
static void print_log(const struct demo *demo)
{
    FILE *log = fopen(demo->swarm.log, "re");
    char line[1024];
    if (!log)
        return;
    while (fgets(line, sizeof line, log))
        fprintf(stderr, "  | %s", line);
    (void)fclose(log);
}

static int run_demo(struct demo *demo, struct ddm_error *err)
{
    int r = demo_swarm_start(&demo->swarm, stopped, err);
    if (r == 0)
        r = download(demo, ALONE, err);
    if (r == 0)
        r = download(demo, WITH_PEERS, err);
    if (r == 0)
        r = check_file(demo, "alone", err);
    if (r == 0)
        r = check_file(demo, "peers", err);
    return r;
}

int demo_command(const struct options *options)
{
    struct demo demo = { 0 };
    struct ddm_error error;
    (void)options;
    term_probe(&demo.term, STDOUT_FILENO);
    clean_environment();
    block_signals();
    print_introduction(&demo);
    int r = run_demo(&demo, &error);
    if (r == 0)
        print_result(&demo);
    else if (r != -DDM_E_INTERRUPTED)
        print_log(&demo);
    demo_swarm_release(&demo.swarm);
    return r < 0 ? command_error(&error) : DDM_OK;
}
