/* SPDX-License-Identifier: MIT */
/* What fetch.c (the multi handle) and fetch_reply.c (what one reply says) share. */
#ifndef DDM_IO_FETCH_INTERNAL_H
#define DDM_IO_FETCH_INTERNAL_H

#include "base/address.h"
#include "base/list.h"
#include "io/fetch.h"
#include "io/fetch_curl.h"
#include "io/fetch_ftp.h"

#include <curl/curl.h>

struct fetcher {
    CURLM *multi;
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_defer *defer, *expired;
    unsigned depth;              /* inside libcurl */
    unsigned count;              /* fetches that exist */
    long block;                  /* largest one; 0: BUFFER_MAX */
    const struct tls_files *tls; /* members of a swarm are asked; NULL: anybody */
    CURLSH *share;               /* their TLS sessions, to be taken up again; NULL: none */
    struct list running;         /* added to the multi handle */
    struct list starting, switching, cancelled;
    char digest_host[ADDRESS_HOST_SIZE]; /* the last one that wanted Digest, not Basic */
};

/* A request that is made once more, with other options, before anybody heard of its reply. */
enum fetch_again {
    FETCH_ONCE,
    FETCH_WITH_DIGEST,   /* the origin takes no Basic */
    FETCH_WITHOUT_RANGE, /* FTP: no SIZE or no REST; SFTP: not so long */
};

struct fetch {
    struct list link;      /* running, starting or cancelled */
    struct list switching; /* in the list of that name: to be paused or resumed */
    struct fetcher *fetcher;
    CURL *easy;
    struct fetch_curl options;
    char *url;                     /* that was asked for */
    char *interface;               /* NULL: the kernel's choice */
    struct loop_timer *impatience; /* NULL: none, or the request was taken */
    struct loop_timer *nudge;      /* FTPS, until the body comes; NULL: none */
    int64_t patience, begun;
    bool given_up;
    curl_socket_t socket;      /* that it last waited for */
    curl_socket_t data_socket; /* that it opened last */
    const struct fetch_ops *ops;
    void *arg;
    bool (*allow)(void *arg, const struct fetch_way *way);
    struct fetch_head head;
    struct fetch_ftp ftp;
    struct fetch_profile profile; /* empty: nothing special */
    bool no_proxy;
    uint64_t begin, end; /* the range that was asked for; 0, 0: none */
    uint64_t received;
    size_t passed_over; /* of a body that nobody hears of */
    enum fetch_again again;
    bool head_told;
    bool paused;    /* as asked for */
    bool gone;      /* cancelled: no calls any more */
    int abort_code; /* what the caller's callback returned */
    bool interface_gone;
    bool enough; /* SFTP: the range came, what follows is not wanted */
    bool held;   /* the last byte, until it is known that it is the last */
    bool waits;  /* ended well, but for that byte */
    char held_byte;
    bool too_much;                  /* FTP: more came than the size said */
    bool refused;                   /* by `allow` */
    char denied[ADDRESS_HOST_SIZE]; /* the address, where it was known */
    size_t head_bytes;
    char reason[CURL_ERROR_SIZE];
};

/* Tells libcurl what to call for a fetch. */
void fetch_reply_connect(struct fetch *f);
/* It came to its end, good or bad. FETCH_AGAIN: it is prepared to be made once more. FETCH_WAITS:
 * to be called again with CURLE_OK when it is resumed. */
enum fetch_end { FETCH_ENDED, FETCH_AGAIN, FETCH_WAITS };
enum fetch_end fetch_reply_finish(struct fetch *f, CURLcode c);

#endif
