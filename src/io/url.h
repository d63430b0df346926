/* SPDX-License-Identifier: MIT */
/* URLs (RFC 3986), taken apart by libcurl, so that what is checked is what is fetched. */
#ifndef DDM_IO_URL_H
#define DDM_IO_URL_H

#include "base/address.h"
#include "ddm/ddm.h"

/* 0 if a URL is one that DDM can fetch (http, https, ftp, ftps, with a host), else -DDM_E_USAGE and
 * what is wrong with it. */
int url_check(const char *url, struct ddm_error *err);

/* Its host, with the port where it names one, for messages; empty where it has none. */
void url_host(char out[static ADDRESS_HOST_SIZE], const char *url);

#endif
