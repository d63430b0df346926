/* SPDX-License-Identifier: MIT */
/* What of a profile needs no libcurl: which headers may be sent, and to whom; is a proxy used. */
#ifndef DDM_IO_FETCH_PROFILE_H
#define DDM_IO_FETCH_PROFILE_H

#include "io/fetch.h"

/* The proxy that libcurl takes for a URL by profile (may be NULL) and environment: its URL, not to
 * be freed; NULL where it takes none, or where that is not sure (a name in `no_proxy` looks like
 * that of the host). */
const char *fetch_profile_proxy(const struct fetch_profile *profile, const char *url);

#endif
