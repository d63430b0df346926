/* SPDX-License-Identifier: MIT */
/* What the sandbox's files share. */
#ifndef DDM_IO_SANDBOX_INTERNAL_H
#define DDM_IO_SANDBOX_INTERNAL_H

#include "io/sandbox.h"

/* A leak check at the end traces its own process from a clone of it. */
#ifdef __SANITIZE_ADDRESS__
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#define SANDBOX_SANITIZED __has_feature(address_sanitizer)
#else
#define SANDBOX_SANITIZED 0
#endif

/* Both: 0, or a negative error. Where this kernel or build has none, *ret_missing says so in a few
 * words (constant) and nothing is done; it is untouched otherwise. */

/* Landlock; needs no_new_privs. */
int sandbox_files(const struct sandbox_config *config, const char **ret_missing,
                  struct ddm_error *err);

/* The filter of system calls; the last part, for it forbids the others. */
int sandbox_calls(const struct sandbox_config *config, const char **ret_missing,
                  struct ddm_error *err);

#endif
