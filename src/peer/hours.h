/* SPDX-License-Identifier: MIT */
/* Hours of the day: "22:00-06:00,12:00-13:30", local time, the end not included; a span whose end
 * is before its beginning goes over midnight. Pure. */
#ifndef DDM_PEER_HOURS_H
#define DDM_PEER_HOURS_H

#include "ddm/ddm.h"

#include <stdbool.h>

#define HOURS_SPANS 8
#define HOURS_DAY   (24 * 60) /* minutes */

struct hours {
    struct {
        unsigned begin, end; /* minutes since midnight; begin > end: over midnight */
    } spans[HOURS_SPANS];
    unsigned count; /* 0: always */
};

/* -DDM_E_USAGE, with the part that is wrong; NULL or "": always. */
int hours_parse(struct hours *ret, const char *text, struct ddm_error *err);
bool hours_contain(const struct hours *hours, unsigned minute);
/* Minutes until they contain; 0: now. */
unsigned hours_until(const struct hours *hours, unsigned minute);

#endif
