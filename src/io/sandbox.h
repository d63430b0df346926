/* SPDX-License-Identifier: MIT */
/* What a daemon gives up before it serves anybody, so that who gets into it gets little else:
 *
 *   privileges     no_new_privs; no capability, also not in the bounding and ambient sets
 *   memory         not dumpable, no core files: it holds the swarm's key
 *   files          Landlock: reads what the system's libraries need, writes below the given folders
 *                  only, runs nothing; no new TCP port; no signals to others
 *   system calls   libseccomp: those of a list. Others fail with EPERM; those that only an intruder
 *                  makes (ptrace, bpf, mount, modules, …) end the process
 *
 * docs/security.md says what is left to do for who got in. Each part that this kernel or build does
 * not have is left out, and one warning names them. */
#ifndef DDM_IO_SANDBOX_H
#define DDM_IO_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>

struct sandbox_config {
    const char *name; /* who it is, for the log */
    /* Folders that may be written to, with all that is in them; each is there. NULL at the end; may
     * be NULL. */
    const char *const *writable;
    /* Files and folders that may be read besides the system's (what is not there is left out), as
     * they are now: not what takes a file's place later. NULL at the end; may be NULL. */
    const char *const *readable;
    bool devices; /* its sockets are bound to devices or to addresses of its own */
    /* Sockets of this machine's services may be reached. Names that only such a service knows
     * (".local") need it; whoever gets in has the session bus and containers' sockets then, too. */
    bool local_sockets;
};

/* Once, after all listening sockets are open and before the first thread: for good. It is for this
 * process alone, and ddm starts no other. 0; -DDM_E_PERMISSION where a folder cannot be written
 * without the privileges that are gone; -DDM_E_FAIL where there are threads already, or where a
 * part that is there refuses. After an error the process must end. */
int sandbox_enter(const struct sandbox_config *config, struct ddm_error *err);

#endif
