/* SPDX-License-Identifier: MIT */
/* Fetching over HTTP (and what else libcurl speaks), for origins, peers and the tracker alike.
 * With fetch_reply.c and fetch_curl.c all that knows libcurl's transfers.
 *
 *     fetch_start ─▶ on_head (status, headers of the final reply) ─▶ on_data … ─▶ on_done
 *                         < 0: abort                FETCH_PAUSE: the same bytes come again after
 *                                                   fetch_resume; nothing is read from the socket
 *                                                   meanwhile
 *
 * on_done is called exactly once, except after fetch_cancel: no call comes after that. A fetch must
 * not be touched after its on_done. Connections are kept alive and used again, as long as replies
 * are read to their end, by requests over the same interface. */
#ifndef DDM_IO_FETCH_H
#define DDM_IO_FETCH_H

#include "ddm/ddm.h"
#include "io/loop.h"

#include <sys/socket.h>

struct fetcher;
struct fetch;
struct tls_files;

#define FETCH_ETAG_SIZE  256
#define FETCH_NAME_SIZE  512
#define FETCH_HELD_SIZE  304

#define FETCH_DIGESTS    8 /* four algorithms, of the file and of the body */
#define FETCH_LINKS_SIZE 4096

/* What an origin says the file hashes to. With a Content-Encoding it is of the encoded bytes. */
struct fetch_digest {
    char algorithm[16]; /* as digest_new takes it */
    char hex[2 * 64 + 1];
    bool of_body;  /* of the body that follows, which is the whole file only with a 200; else of the
                    * file, whatever part of it the reply is */
    unsigned from; /* for head_digest.c: which headers say so */
};

/* What the head of a reply says; fields that it lacks are empty, or FETCH_UNKNOWN. */
struct fetch_head {
    long status;                /* HTTP status; 0 where the protocol has none (FTP and SFTP, from
                                 * the first byte on) */
    bool http;                  /* the status counts: HTTP, or ranges and limits of FTP and SFTP in
                                 * its terms (206, 416, 503) */
    uint64_t length;            /* of the body that follows (Content-Length) */
    bool chunked;               /* a Transfer-Encoding: `length` is not known */
    bool range;                 /* a Content-Range that is right and complete: the three below */
    uint64_t begin, end, total; /* half-open; a 416 with "bytes * /N" gives total = N, no range */
    bool encoded;               /* Content-Encoding other than identity */
    bool multipart;             /* Content-Type: multipart/byteranges */
    int64_t retry_after;        /* ns, an hour at most; 0: none */
    int64_t retry_at;           /* Retry-After where it is a date, s since 1970; see head.h */
    int64_t date;               /* Date, s since 1970; 0: none */
    char etag[FETCH_ETAG_SIZE]; /* with its quotes and W/ */
    char last_modified[64];
    char disposition[FETCH_NAME_SIZE];
    unsigned uplinks;           /* DDM-Uplinks of a peer, up to DDM_INTERFACES_MAX; 0: not said */
    char held[FETCH_HELD_SIZE]; /* DDM-Held of a peer: ranges that it has, "0-100,200-300" */
    bool tells_others;          /* it said how many other requests there are (DDM-Others): */
    uint64_t others;
    uint64_t uplink_rate;                       /* DDM-Rate of a peer, bytes/s; 0: not said */
    struct fetch_digest digests[FETCH_DIGESTS]; /* Repr-Digest and the like; see head_digest.h */
    size_t digest_count;
    unsigned digests_off;         /* for head_digest.c: what is not to be trusted */
    char links[FETCH_LINKS_SIZE]; /* Link values with commas between them, for link_next */
};
#define FETCH_UNKNOWN UINT64_MAX

struct fetch_result {
    int code;            /* 0: the whole reply came; else -DDM_E_… */
    long status;         /* of the final reply; 0: none came */
    bool connected;      /* bytes went over a connection: not a matter of DNS, address or TLS */
    const char *message; /* why it failed, for people, with host; "" otherwise */
};

#define FETCH_PAUSE 1

struct fetch_ops {
    int (*on_head)(void *arg, const struct fetch_head *head);   /* 0, < 0: abort */
    int (*on_data)(void *arg, const char *data, size_t length); /* 0, PAUSE, < 0: abort */
    void (*on_done)(void *arg, const struct fetch_result *result);
};

/* How requests to origins are made: one for all of a download. Strings are the caller's and must
 * stay while there are fetches. */
struct fetch_profile {
    const char *const *headers; /* as fetch_check_header() has them, NULL at the end; may be NULL.
                                 * After a redirect to another host (or scheme, or port) those
                                 * that are secrets are left out */
    const char *user;           /* "name:password", for the URL's host only. Basic is sent at once,
                                 * Digest where that is all the origin takes */
    bool netrc;                 /* logins from ~/.netrc, where it exists */
    bool keys;                  /* SFTP: logins with the keys in ~/.ssh, and with their agent */
    const char *cookies;        /* file in Netscape's format, read only: each request begins with
                                 * what it holds */
    const char *referer, *user_agent;
    const char *proxy;       /* URL; NULL: from the environment; "": none */
    int64_t connect_timeout; /* ns; 0: 20 s */
};

/* Where a connection is about to go. */
struct fetch_way {
    const char *url;                /* what it is for: after a redirect, where that leads */
    const struct sockaddr *address; /* with its port; NULL: only a proxy knows */
    unsigned redirects;             /* that there were */
};

struct fetch_request {
    const char *url;
    const char *method;         /* NULL: GET */
    const char *body;           /* with method POST or PUT; JSON; copied */
    const char *const *headers; /* "Name: value", NULL at the end; may be NULL */
    uint64_t begin, end;        /* asked for as Range; 0, 0: no Range */
    int64_t timeout;            /* of the whole, ns; 0: none */
    bool decode;                /* decode a Content-Encoding that came unasked */
    bool no_proxy;              /* no proxy from the environment; one of the profile counts */
    const char *interface;      /* leave through it (name or address); NULL: the kernel's choice */
    bool fresh;                 /* no kept connection: its way may have gone */
    /* Until the other side must have taken the request, from when its name is known on: there is a
     * connection, and a kept one has proved alive; ns; 0: 20 s for name and connection. */
    int64_t patience;
    /* Whether to connect there; NULL: anywhere. Asked after DNS and after each redirect, also
     * before a kept connection is used, and for the data of FTP. Not asked for a proxy; then before
     * each request for the host in its URL, and with its address only where that is a number. */
    bool (*allow)(void *arg, const struct fetch_way *way);
    const struct fetch_profile *profile; /* NULL: nothing special */
    /* Connect there ("HOST:PORT") instead of to the URL's host, which TLS still checks; or NULL. */
    const char *connect_to;
};

/* A line of fetch_profile.headers: "Name: value", "Name:" leaves out what is sent otherwise,
 * "Name;" is one without a value. -DDM_E_USAGE for those with control characters, without a name,
 * or that DDM sets itself (Range and the like). */
int fetch_check_header(const char *line, struct ddm_error *err);
/* Whether it may be one that is for the origin alone: all but a few that are known to be harmless
 * (Accept, User-Agent, Referer …). */
bool fetch_header_is_secret(const char *line);
/* fetch_profile.proxy: [SCHEME://][USER:PASSWORD@]HOST[:PORT] with http, https, socks4, socks4a,
 * socks5 or socks5h; "" is none. -DDM_E_USAGE. */
int fetch_check_proxy(const char *url, struct ddm_error *err);

/* Once per loop. */
int fetcher_new(struct fetcher **ret, struct loop *loop);
struct fetcher *fetcher_free(struct fetcher *fetcher); /* cancels what is left */
/* From now on every request is to a member of the swarm, who must show a certificate of it for the
 * URL's host, and is shown ours; TLS 1.3 only. The strings must stay. */
void fetcher_set_tls(struct fetcher *fetcher, const struct tls_files *files);
bool fetcher_has_tls(const struct fetcher *fetcher);
/* The most memory that so many fetches at a time need, and kept connections; bytes. */
uint64_t fetcher_memory(unsigned fetches);
/* on_data gets no more than so many bytes at once, of fetches that begin later (1 KiB at least). */
void fetcher_set_block(struct fetcher *fetcher, size_t bytes);

/* Returns 0, or a negative code where the request itself is wrong (bad URL). `ops` must stay; the
 * strings of the request are copied. No callback comes from within this call. */
int fetch_start(struct fetch **ret, struct fetcher *fetcher, const struct fetch_request *request,
                const struct fetch_ops *ops, void *arg, struct ddm_error *err);
/* Where it was redirected to: the URL that the reply is from; "" before there is one. From on_head
 * on, until the fetch is gone. */
const char *fetch_effective_url(const struct fetch *fetch);
/* Reads no more from the socket, from the next turn of the loop on (a few blocks may still come; to
 * refuse one, return FETCH_PAUSE: dearer, libcurl copies what it has read then). */
void fetch_pause(struct fetch *fetch);
void fetch_resume(struct fetch *fetch);
/* Ends it without on_done; the connection is closed unless the reply had been read to its end. NULL
 * allowed, returns NULL; also from within its own callbacks. */
struct fetch *fetch_cancel(struct fetch *fetch);

#endif
