/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include "base/util.h"

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

/* What a handler of signals can look at. */
static struct ddm_download *volatile running;
static volatile sig_atomic_t count, is_direct;

static void on_signal(int number)
{
    (void)number;
    if (count > 0 && is_direct)
        _exit(DDM_E_INTERRUPTED);
    count++;
    if (running)
        ddm_download_cancel(running);
}

void interrupt_catch(bool direct)
{
    is_direct = direct;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct sigaction old, action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
            continue;
        sigaction(numbers[i], &action, NULL);
    }
}

unsigned interrupt_count(void)
{
    return (unsigned)count;
}

void interrupt_set(sigset_t *ret)
{
    sigemptyset(ret);
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        sigaddset(ret, numbers[i]);
}

void interrupt_ends(struct ddm_download *download)
{
    running = download;
    if (download && count > 0)
        ddm_download_cancel(download);
}
