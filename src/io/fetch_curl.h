/* SPDX-License-Identifier: MIT */
/* Between a request's terms and libcurl's: its options, and its errors. `easy` is a CURL. */
#ifndef DDM_IO_FETCH_CURL_H
#define DDM_IO_FETCH_CURL_H

#include "io/fetch.h"

struct curl_slist;

/* What must live as long as the transfer. */
struct fetch_curl {
    struct curl_slist *headers;    /* for the URL's host */
    struct curl_slist *elsewhere;  /* without secrets, for another that it redirects to */
    struct curl_slist *commands;   /* of FTP, sent before */
    struct curl_slist *connect_to; /* where, whatever the URL says; NULL: there */
    char scheme[8];                /* of the URL that is asked for */
    bool login;                    /* there may be a password for it */
    bool digest;                   /* Digest is asked for, not Basic */
};

/* All options but the callbacks, of a URL that was checked; `tls` NULL: no member of a swarm is
 * asked. -1: no memory; what there is must be released all the same. */
int fetch_curl_set(void *easy, struct fetch_curl *ret, const struct fetch_request *request,
                   const struct tls_files *tls);
void fetch_curl_release(struct fetch_curl *options);

/* Before a request goes out: the headers that may be sent to where `url` leads. */
void fetch_curl_direct(void *easy, const struct fetch_curl *options, const char *asked,
                       const char *url);
/* For a transfer that is made once more: with Digest; without its range. */
void fetch_curl_use_digest(void *easy, struct fetch_curl *options);
void fetch_curl_drop_range(void *easy, struct fetch_curl *options);
/* Whether a login failed for nothing but that the origin takes only Digest. */
bool fetch_curl_wants_digest(void *easy, const struct fetch_curl *options);

/* How a transfer came to its end. */
struct fetch_curl_end {
    void *easy;
    int code;          /* a CURLcode */
    const char *text;  /* what libcurl itself said; may be empty */
    const char *asked; /* the URL that was asked for */
    const char *url;   /* where it led to */
    const char *proxy; /* NULL: none */
    const struct fetch_curl *options;
};

/* That as 0 or -DDM_E_…, and as a message for people with the host in it. */
int fetch_curl_code(const struct fetch_curl_end *end);
void fetch_curl_reason(const struct fetch_curl_end *end, char *out, size_t size);

#endif
