/* SPDX-License-Identifier: MIT */
/* Between a request's terms and libcurl's: its options, and its errors. */
#ifndef DDM_IO_FETCH_CURL_H
#define DDM_IO_FETCH_CURL_H

#include "io/fetch.h"

struct curl_slist;

/* All options but the callbacks. `easy` is a CURL. The list of headers becomes the caller's and
 * must live as long as the transfer, also where -1 says that there was no memory. */
int fetch_curl_set(void *easy, struct curl_slist **ret_headers,
                   const struct fetch_request *request);

/* A CURLcode as 0 or -DDM_E_…, and as a message for people with the host in it; `text` is what
 * libcurl itself said (may be empty). */
int fetch_curl_code(int code);
void fetch_curl_reason(void *easy, int code, const char *text, const char *host, char *out,
                       size_t size);

#endif
