/* SPDX-License-Identifier: MIT */
/* Errors: functions return 0 or a negative code (`-DDM_E_…`) and, where a person will read why,
 * take a `struct ddm_error *` as their last parameter, which may be NULL. Codes and the struct are
 * those of the public header, so that a message travels from where it arose to the exit status. */
#ifndef DDM_BASE_ERROR_H
#define DDM_BASE_ERROR_H

#include "ddm/ddm.h"

/* Fills *err (may be NULL) and returns -code, so that `return error_set(err, …)` reads well. */
int error_set(struct ddm_error *err, enum ddm_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What analyzers cannot see: it is never 0. See scripts/lint/analyze.sh. */
#ifdef DDM_ANALYZE
#define error_set(err, code, ...)                                                                  \
    ({                                                                                             \
        error_set(err, code, __VA_ARGS__);                                                         \
        -(int)(code);                                                                              \
    })
#endif

/* Puts "prefix: " before the message that is there. Returns -err->code (-DDM_E_FAIL for NULL). */
int error_prefix(struct ddm_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For allocations that failed. */
int error_memory(struct ddm_error *err);

#endif
