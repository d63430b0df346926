/* SPDX-License-Identifier: MIT */
/* The event loop of a process: timers, deferred calls, file descriptors, signals, a wake-up from
 * elsewhere, and work on the thread pool. The only file that knows libuv.
 *
 * Everything runs on the loop's thread, except the `run` part of work and loop_wake_send. Handles
 * are heap objects of the loop: `x = x_free(x)` stops them at once (no callback comes after it) and
 * NULL is allowed. */
#ifndef DDM_IO_LOOP_H
#define DDM_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

int loop_new(struct loop **ret); /* 0 or -DDM_E_FAIL */
/* Closes everything that is left. Waits for work that is running on the pool. */
struct loop *loop_free(struct loop *loop);
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* from a callback */
int64_t loop_now(void);            /* monotonic, ns */

/* Timers: `repeat` false: once. Starting a running timer sets it anew. ns, rounded up to 1 ms. */
struct loop_timer;
typedef void loop_timer_fn(void *arg);
int loop_timer_new(struct loop_timer **ret, struct loop *loop, loop_timer_fn *fn, void *arg);
void loop_timer_start(struct loop_timer *timer, int64_t ns, bool repeat);
void loop_timer_stop(struct loop_timer *timer);
struct loop_timer *loop_timer_free(struct loop_timer *timer);

/* A deferred call: runs once, soon, from the loop itself, however often it was asked for; for what
 * must not happen inside somebody else's callback. */
struct loop_defer;
int loop_defer_new(struct loop_defer **ret, struct loop *loop, loop_timer_fn *fn, void *arg);
void loop_defer_call(struct loop_defer *defer);
struct loop_defer *loop_defer_free(struct loop_defer *defer);

/* Watches a file descriptor, which stays the caller's; end the watch before closing it. */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 }; /* HANGUP: the other side closed */
struct loop_watch;
typedef void loop_watch_fn(void *arg, int events);
int loop_watch_new(struct loop_watch **ret, struct loop *loop, int fd, loop_watch_fn *fn,
                   void *arg);
int loop_watch_set(struct loop_watch *watch, int events); /* 0: none; -1 where it cannot */
struct loop_watch *loop_watch_free(struct loop_watch *watch);

/* A signal. */
struct loop_signal;
typedef void loop_signal_fn(void *arg, int number);
int loop_signal_new(struct loop_signal **ret, struct loop *loop, int number, loop_signal_fn *fn,
                    void *arg);
struct loop_signal *loop_signal_free(struct loop_signal *handle);

/* Wakes the loop from another thread or a signal handler. */
struct loop_wake;
int loop_wake_new(struct loop_wake **ret, struct loop *loop, loop_timer_fn *fn, void *arg);
void loop_wake_send(struct loop_wake *wake);
struct loop_wake *loop_wake_free(struct loop_wake *wake);

/* Runs `run` on a thread of the pool, then `done` on the loop. `arg` must live until `done`. */
typedef void loop_work_fn(void *arg);
int loop_work(struct loop *loop, loop_work_fn *run, loop_work_fn *done, void *arg);

#endif
