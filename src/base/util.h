/* SPDX-License-Identifier: MIT */
/* Small things that every file needs: cleanup by attribute, array sizes, minimum and maximum. */
#ifndef DDM_BASE_UTIL_H
#define DDM_BASE_UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/* `_cleanup_(fn)`: fn(&variable) runs when the variable leaves its scope. */
#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Takes the value out of a pointer variable, leaving NULL: how ownership passes on. */
#define TAKE(pointer)                                                                              \
    ({                                                                                             \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#ifndef __cppcheck__ /* it cannot read these in every place */
/* MIN of MAX and MAX of MIN may be nested; MIN of MIN may not. */
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) min_a_ = (a);                                                                \
        __typeof__(b) min_b_ = (b);                                                                \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) max_a_ = (a);                                                                \
        __typeof__(b) max_b_ = (b);                                                                \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })
#endif

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_  _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

#define KIB             ((uint64_t)1024)
#define MIB             (1024 * KIB)
#define GIB             (1024 * MIB)

/* Times are nanoseconds of a monotonic clock, in int64_t. */
#define USEC ((int64_t)1000)
#define MSEC (1000 * USEC)
#define SEC  (1000 * MSEC)

#endif
