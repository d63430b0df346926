/* SPDX-License-Identifier: MIT */
/* Every handle is one struct that begins with a pointer to its function and ends with libuv's
 * handle. uv_close is asynchronous, so x_free only forgets the callback and lets libuv free the
 * memory when it has let go of the handle. */
#include "io/loop.h"

#include "base/error.h"
#include "base/list.h"
#include "base/util.h"

#include <signal.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
    uv_check_t check;     /* runs the deferred calls, after each poll */
    uv_idle_t idle;       /* active while there are any, so that the poll does not wait */
    struct list deferred; /* those that were asked for */
};

/* What all handles share; the uv handle's `data` points to it. */
struct handle {
    loop_timer_fn *fn;
    void *arg;
    union {
        uv_handle_t any;
        uv_timer_t timer;
        uv_poll_t poll;
        uv_signal_t signal;
        uv_async_t async;
    } uv;
    loop_watch_fn *watch_fn;
    loop_signal_fn *signal_fn;
};

struct loop_timer {
    struct handle h;
};
struct loop_defer {
    struct list link; /* in loop->deferred, or in none */
    struct loop *loop;
    loop_timer_fn *fn;
    void *arg;
};
struct loop_watch {
    struct handle h;
};
struct loop_signal {
    struct handle h;
};
struct loop_wake {
    struct handle h;
};

static void on_idle(uv_idle_t *uv)
{
}

/* Those that are asked for meanwhile wait for the next turn, so that nothing else starves. */
static void run_deferred(uv_check_t *uv)
{
    struct loop *loop = uv->data;
    struct list now;
    if (list_empty(&loop->deferred))
        return;
    now = loop->deferred;
    now.next->prev = now.prev->next = &now;
    list_init(&loop->deferred);
    while (!list_empty(&now)) {
        struct loop_defer *d = list_entry(now.next, struct loop_defer, link);
        list_remove(&d->link);
        d->fn(d->arg);
    }
    if (list_empty(&loop->deferred))
        uv_idle_stop(&loop->idle);
}

int loop_new(struct loop **ret)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return -DDM_E_FAIL;
    if (uv_loop_init(&l->uv) < 0) {
        free(l);
        return -DDM_E_FAIL;
    }
    list_init(&l->deferred);
    uv_check_init(&l->uv, &l->check);
    uv_idle_init(&l->uv, &l->idle);
    uv_check_start(&l->check, run_deferred);
    l->check.data = l;
    signal(SIGPIPE, SIG_IGN);
    *ret = l;
    return 0;
}

static void free_handle(uv_handle_t *uv)
{
    free(uv->data);
}

static void close_handle(uv_handle_t *uv, void *unused)
{
    bool own = uv->type == UV_CHECK || uv->type == UV_IDLE; /* inside struct loop */
    if (!uv_is_closing(uv))
        uv_close(uv, own ? NULL : free_handle);
}

struct loop *loop_free(struct loop *loop)
{
    if (loop) {
        uv_walk(&loop->uv, close_handle, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        uv_loop_close(&loop->uv);
        free(loop);
    }
    return NULL;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

int64_t loop_now(void)
{
    return (int64_t)uv_hrtime();
}

/* The memory of any of the handle types; all have the same layout. */
static struct handle *handle_new(loop_timer_fn *fn, void *arg)
{
    struct handle *h = calloc(1, sizeof *h);
    if (h) {
        h->fn = fn;
        h->arg = arg;
    }
    return h;
}

static void handle_free(struct handle *h)
{
    if (h) {
        h->fn = NULL;
        h->watch_fn = NULL;
        h->signal_fn = NULL;
        close_handle(&h->uv.any, NULL);
    }
}

static int init_failed(struct handle *h)
{
    free(h);
    return -DDM_E_FAIL;
}

/* ---- timers ---- */

static void on_timer(uv_timer_t *uv)
{
    struct handle *h = uv->data;
    if (h->fn)
        h->fn(h->arg);
}

int loop_timer_new(struct loop_timer **ret, struct loop *loop, loop_timer_fn *fn, void *arg)
{
    struct handle *h = handle_new(fn, arg);
    if (!h)
        return -DDM_E_FAIL;
    if (uv_timer_init(&loop->uv, &h->uv.timer) < 0)
        return init_failed(h);
    h->uv.any.data = h;
    *ret = (struct loop_timer *)h;
    return 0;
}

void loop_timer_start(struct loop_timer *timer, int64_t ns, bool repeat)
{
    uint64_t ms = ns <= 0 ? 0 : ((uint64_t)ns + MSEC - 1) / MSEC;
    uv_update_time(timer->h.uv.timer.loop);
    uv_timer_start(&timer->h.uv.timer, on_timer, ms, repeat ? MAX(ms, (uint64_t)1) : 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->h.uv.timer);
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
    handle_free((struct handle *)timer);
    return NULL;
}

/* ---- deferred calls ---- */

int loop_defer_new(struct loop_defer **ret, struct loop *loop, loop_timer_fn *fn, void *arg)
{
    struct loop_defer *d = calloc(1, sizeof *d);
    if (!d)
        return -DDM_E_FAIL;
    list_init(&d->link);
    d->loop = loop;
    d->fn = fn;
    d->arg = arg;
    *ret = d;
    return 0;
}

void loop_defer_call(struct loop_defer *defer)
{
    if (!list_empty(&defer->link))
        return;
    list_push_back(&defer->loop->deferred, &defer->link);
    uv_idle_start(&defer->loop->idle, on_idle);
}

struct loop_defer *loop_defer_free(struct loop_defer *defer)
{
    if (defer)
        list_remove(&defer->link);
    free(defer);
    return NULL;
}

/* ---- file descriptors ---- */

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct handle *h = uv->data;
    int all = status < 0 ? LOOP_READ | LOOP_WRITE | LOOP_HANGUP : 0; /* let the reader find out */
    if (events & UV_READABLE)
        all |= LOOP_READ;
    if (events & UV_WRITABLE)
        all |= LOOP_WRITE;
    if (events & UV_DISCONNECT)
        all |= LOOP_HANGUP;
    if (h->watch_fn)
        h->watch_fn(h->arg, all);
}

int loop_watch_new(struct loop_watch **ret, struct loop *loop, int fd, loop_watch_fn *fn, void *arg)
{
    struct handle *h = handle_new(NULL, arg);
    if (!h)
        return -DDM_E_FAIL;
    h->watch_fn = fn;
    if (uv_poll_init(&loop->uv, &h->uv.poll, fd) < 0)
        return init_failed(h);
    h->uv.any.data = h;
    *ret = (struct loop_watch *)h;
    return 0;
}

int loop_watch_set(struct loop_watch *watch, int events)
{
    int uv = (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0) |
             (events & LOOP_HANGUP ? UV_DISCONNECT : 0);
    uv_poll_t *poll = &watch->h.uv.poll;
    return (uv ? uv_poll_start(poll, uv, on_poll) : uv_poll_stop(poll)) < 0 ? -1 : 0;
}

struct loop_watch *loop_watch_free(struct loop_watch *watch)
{
    if (watch)
        uv_poll_stop(&watch->h.uv.poll); /* at once: the caller may close the descriptor next */
    handle_free((struct handle *)watch);
    return NULL;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *uv, int number)
{
    struct handle *h = uv->data;
    if (h->signal_fn)
        h->signal_fn(h->arg, number);
}

int loop_signal_new(struct loop_signal **ret, struct loop *loop, int number, loop_signal_fn *fn,
                    void *arg)
{
    struct handle *h = handle_new(NULL, arg);
    if (!h)
        return -DDM_E_FAIL;
    h->signal_fn = fn;
    if (uv_signal_init(&loop->uv, &h->uv.signal) < 0)
        return init_failed(h);
    h->uv.any.data = h;
    *ret = (struct loop_signal *)h;
    if (uv_signal_start(&h->uv.signal, on_signal, number) < 0) {
        *ret = loop_signal_free(*ret);
        return -DDM_E_FAIL;
    }
    return 0;
}

struct loop_signal *loop_signal_free(struct loop_signal *handle)
{
    handle_free((struct handle *)handle);
    return NULL;
}

/* ---- wake-ups from elsewhere ---- */

static void on_async(uv_async_t *uv)
{
    struct handle *h = uv->data;
    if (h->fn)
        h->fn(h->arg);
}

int loop_wake_new(struct loop_wake **ret, struct loop *loop, loop_timer_fn *fn, void *arg)
{
    struct handle *h = handle_new(fn, arg);
    if (!h)
        return -DDM_E_FAIL;
    if (uv_async_init(&loop->uv, &h->uv.async, on_async) < 0)
        return init_failed(h);
    h->uv.any.data = h;
    *ret = (struct loop_wake *)h;
    return 0;
}

void loop_wake_send(struct loop_wake *wake)
{
    uv_async_send(&wake->h.uv.async);
}

struct loop_wake *loop_wake_free(struct loop_wake *wake)
{
    handle_free((struct handle *)wake);
    return NULL;
}

/* ---- the thread pool ---- */

struct work {
    uv_work_t uv;
    loop_work_fn *run, *done;
    void *arg;
};

static void run_work(uv_work_t *uv)
{
    struct work *w = container_of(uv, struct work, uv);
    w->run(w->arg);
}

static void work_done(uv_work_t *uv, int status)
{
    struct work *w = container_of(uv, struct work, uv);
    w->done(w->arg);
    free(w);
}

int loop_work(struct loop *loop, loop_work_fn *run, loop_work_fn *done, void *arg)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        return -DDM_E_FAIL;
    w->run = run;
    w->done = done;
    w->arg = arg;
    if (uv_queue_work(&loop->uv, &w->uv, run_work, work_done) < 0) {
        free(w);
        return -DDM_E_FAIL;
    }
    return 0;
}
