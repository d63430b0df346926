/* SPDX-License-Identifier: MIT */
#include "cli/batch.h"

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/batch_report.h"
#include "cli/interrupt.h"
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

enum {
    JOBS_MAX = 16,
    BLOCK = 64 * 1024,
    LINE_MAX_SIZE = 4 * 1024 * 1024, /* of an event; a longer one is dropped */
};

/* How often the progress is looked at. */
#define GLANCE (100 * MSEC)

struct child {
    const struct task *task; /* NULL: the place is free */
    pid_t pid;
    int fd;       /* its events */
    char *buffer; /* of them, what is not a line yet */
    size_t length, capacity;
    struct batch_file file;
};

struct batch {
    const struct tasks *tasks;
    const struct get_style *style;
    struct batch_report report;
    enum ddm_code *codes; /* of each task, once it has ended */
    size_t next;          /* task to start */
    struct child children[JOBS_MAX];
    unsigned jobs, running;
    unsigned signals; /* that were passed on */
    int64_t began;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SEC + now.tv_nsec;
}

/* --- in the child -------------------------------------------------------------------------------
 */

struct start {
    const struct task *task;
    const struct get_style *style;
    int fd;
};

static int run_child(void *arg)
{
    const struct start *start = arg;
    struct get_style style = *start->style;
    /* The terminal sends Ctrl-C to all; the parent says it once, with SIGTERM. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    interrupt_catch(true);
    if (style.output == STDOUT_FILENO)
        style.output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (style.output < 0 || dup2(start->fd, STDOUT_FILENO) < 0)
        return DDM_E_FAIL;
    style.json = style.silent = true;
    style.log_json = false;
    return (int)get_one(&start->task->request, &style);
}

/* --- in the parent ------------------------------------------------------------------------------
 */

static int start_child(struct batch *batch, struct child *child, struct ddm_error *err)
{
    const struct task *task = &batch->tasks->list[batch->next];
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_set(err, DDM_E_FAIL, "cannot start a process: %s", strerror(errno));
    struct start start = { task, batch->style, fds[1] };
    int r = process_fork(&child->pid, NULL, run_child, &start, err);
    close(fds[1]);
    if (r < 0) {
        close(fds[0]);
        return r;
    }
    child->task = task;
    child->fd = fds[0];
    child->length = 0;
    child->file = (struct batch_file){ .index = batch->next, .line = task->line };
    batch->next++;
    batch->running++;
    return 0;
}

/* Returns the exit status as a code; *ret_signal is what ended it otherwise, or 0. */
static enum ddm_code wait_for(pid_t pid, int *ret_signal)
{
    int status = 0;
    pid_t r;
    *ret_signal = 0;
    while ((r = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (r > 0 && WIFSIGNALED(status))
        *ret_signal = WTERMSIG(status);
    if (r > 0 && WIFEXITED(status) && WEXITSTATUS(status) <= DDM_E_PERMISSION)
        return (enum ddm_code)WEXITSTATUS(status);
    return DDM_E_FAIL;
}

static void end_child(struct batch *batch, struct child *child)
{
    int number;
    close(child->fd);
    enum ddm_code code = wait_for(child->pid, &number);
    batch->codes[child->file.index] = code;
    batch_report_end(&batch->report, &child->file, &child->task->request, code, number);
    batch->running--;
    child->task = NULL;
}

static void take_lines(struct batch *batch, struct child *child)
{
    size_t at = 0;
    for (const char *end; (end = memchr(child->buffer + at, '\n', child->length - at)) != NULL;) {
        size_t length = (size_t)(end - child->buffer) - at;
        batch_report_line(&batch->report, &child->file, child->buffer + at, length);
        at += length + 1;
    }
    child->length -= at;
    memmove(child->buffer, child->buffer + at, child->length);
    if (child->length > LINE_MAX_SIZE)
        child->length = 0;
}

static void read_child(struct batch *batch, struct child *child)
{
    if (child->capacity - child->length < BLOCK) {
        char *grown = realloc(child->buffer, child->length + 2 * BLOCK);
        if (!grown)
            return; /* it stays in the pipe */
        child->buffer = grown;
        child->capacity = child->length + 2 * BLOCK;
    }
    ssize_t n = read(child->fd, child->buffer + child->length, BLOCK);
    if (n > 0) {
        child->length += (size_t)n;
        take_lines(batch, child);
    } else if (n == 0 || errno != EINTR) {
        end_child(batch, child);
    }
}

/* A process that cannot be started counts as a download that failed. */
static void start_children(struct batch *batch)
{
    for (unsigned i = 0; i < batch->jobs && interrupt_count() == 0; i++) {
        struct child *child = &batch->children[i];
        struct ddm_error error;
        if (child->task || batch->next == batch->tasks->count)
            continue;
        if (start_child(batch, child, &error) == 0)
            continue;
        const struct task *task = &batch->tasks->list[batch->next];
        struct batch_file file = { .index = batch->next, .line = task->line };
        batch->codes[batch->next++] = error.code;
        batch_report_failure(&batch->report, &file, &task->request, &error);
    }
}

static void pass_signals(struct batch *batch)
{
    for (; batch->signals < interrupt_count(); batch->signals++)
        for (unsigned i = 0; i < batch->jobs; i++)
            if (batch->children[i].task)
                kill(batch->children[i].pid, SIGTERM);
}

static void show(struct batch *batch)
{
    const struct batch_file *files[JOBS_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < batch->jobs; i++)
        if (batch->children[i].task)
            files[count++] = &batch->children[i].file;
    batch_report_progress(&batch->report, now_ns() - batch->began, files, count);
}

/* Signals come only here; so none is missed between a look at their count and the waiting. */
static void wait_for_children(struct batch *batch, const sigset_t *open)
{
    const struct timespec glance = { .tv_nsec = GLANCE };
    struct pollfd fds[JOBS_MAX];
    struct child *children[JOBS_MAX];
    nfds_t count = 0;
    for (unsigned i = 0; i < batch->jobs; i++) {
        if (!batch->children[i].task)
            continue;
        children[count] = &batch->children[i];
        fds[count++] = (struct pollfd){ .fd = batch->children[i].fd, .events = POLLIN };
    }
    if (ppoll(fds, count, &glance, open) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents)
            read_child(batch, children[i]);
}

static void run(struct batch *batch)
{
    sigset_t ours, open;
    interrupt_catch(false);
    interrupt_set(&ours);
    sigprocmask(SIG_BLOCK, &ours, &open);
    batch->began = now_ns();
    for (;;) {
        start_children(batch);
        if (batch->running == 0)
            break;
        wait_for_children(batch, &open);
        pass_signals(batch);
        show(batch);
    }
    sigprocmask(SIG_SETMASK, &open, NULL);
    for (unsigned i = 0; i < batch->jobs; i++)
        free(batch->children[i].buffer);
}

static int batch_init(struct batch *ret, const struct tasks *tasks, unsigned jobs,
                      const struct get_style *style, struct ddm_error *err)
{
    *ret = (struct batch){ .tasks = tasks, .style = style };
    ret->jobs = MIN(MAX(jobs, 1U), (unsigned)JOBS_MAX);
    ret->codes = calloc(tasks->count, sizeof *ret->codes);
    if (!ret->codes)
        return error_memory(err);
    return 0;
}

/* What was not begun before the interruption has failed with it. */
static enum ddm_code first_failure(const struct batch *batch)
{
    if (interrupt_count() > 0)
        return DDM_E_INTERRUPTED;
    for (size_t i = 0; i < batch->tasks->count; i++)
        if (batch->codes[i] != DDM_OK)
            return batch->codes[i];
    return DDM_OK;
}

int batch_run(const struct tasks *tasks, unsigned jobs, const struct get_style *style)
{
    struct batch batch;
    struct ddm_error error;
    if (batch_init(&batch, tasks, jobs, style, &error) < 0)
        return error.code;
    batch_report_init(&batch.report, style, tasks->count);
    run(&batch);
    enum ddm_code code = first_failure(&batch);
    code = batch_report_finish(&batch.report, code);
    free(batch.codes);
    return (int)code;
}

int batch_load(const struct task *task, struct ddm_error *err)
{
    const struct get_style style = { .quiet = true, .output = STDERR_FILENO };
    const struct tasks tasks = { .list = (struct task *)task, .count = 1 };
    struct batch batch;
    struct ddm_error error;
    int r = batch_init(&batch, &tasks, 1, &style, err);
    if (r < 0)
        return r;
    batch_report_init(&batch.report, &style, 1);
    batch.report.keep = &error;
    run(&batch);
    enum ddm_code code = first_failure(&batch);
    if (batch.report.failed == 0 && code != DDM_OK)
        error_set(&error, code, "interrupted");
    batch_report_finish(&batch.report, code);
    free(batch.codes);
    return code == DDM_OK ? 0 : error_set(err, error.code, "%s", error.message);
}
