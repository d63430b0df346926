/* SPDX-License-Identifier: MIT */
/* URLs (RFC 3986), taken apart by libcurl, so that what is checked is what is fetched. */
#ifndef DDM_IO_URL_H
#define DDM_IO_URL_H

#include "base/address.h"
#include "ddm/ddm.h"

/* 0 if a URL is one that DDM can fetch (http, https, ftp, ftps, sftp where libcurl has it, with a
 * host; over FTP a file, no folder), else -DDM_E_USAGE and what is wrong with it. */
int url_check(const char *url, struct ddm_error *err);
bool url_knows_sftp(void);

/* The same for a proxy: http (also where nothing is said), https, socks4, socks4a, socks5, socks5h.
 */
int url_check_proxy(const char *url, struct ddm_error *err);

/* Its host, with the port where it names one, for messages; empty where it has none. */
void url_host(char out[static ADDRESS_HOST_SIZE], const char *url);

/* Its scheme in lower case, and its host alone (IPv6 without brackets and zone); false where it is
 * no URL or one of both does not fit. */
bool url_parts(const char *url, char *scheme, size_t scheme_size, char *host, size_t host_size);

/* Where a URL leads, in one spelling. */
struct url_place {
    char scheme[16]; /* in lower case */
    /* In lower case, numbers of IPv4 in full, IPv6 without brackets and zone, without a dot at its
     * end. */
    char host[ADDRESS_HOST_SIZE];
    uint16_t port; /* where it names none, that of its scheme */
};
/* False where it cannot be told: no URL, no host (or one that is not ASCII: what that is looked up
 * as depends on the locale), no port, or one that does not fit. */
bool url_place(struct url_place *ret, const char *url);

/* Whether it holds the name of a user; as much of it as fits. */
bool url_login(const char *url, char *user, size_t size);

/* Whether two URLs lead to the same scheme, host and port. */
bool url_same_host(const char *a, const char *b);

/* What `relative` means where it stands at `base` (RFC 3986, 5.2). These three return NULL where
 * one is no URL or there is no memory; the result is the caller's to free. */
char *url_resolve(const char *base, const char *relative);
/* The URL with a suffix to its path (".sha256"), before the query. No fragment. */
char *url_append(const char *url, const char *suffix);
/* Another file in the same folder, with the same query: it may hold what opens the folder. */
char *url_sibling(const char *url, const char *name);

#endif
