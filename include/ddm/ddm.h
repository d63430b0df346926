/* SPDX-License-Identifier: MIT */
/* libddm: download one file over many machines' uplinks.
 *
 *     struct ddm_options *o = ...;            a plain struct, zero means "default"
 *     struct ddm_download *d = NULL;
 *     ddm_download_new(&d, &o, on_event, arg);
 *     enum ddm_code code = ddm_download_run(d);   blocks; events come from this thread
 *     ddm_download_free(d);
 *
 * Everything else (`ddm get`'s bar, its JSON lines, its final sentence) is made of the events.
 * Strings in options are copied; strings in events live until the callback returns.
 * Sizes and offsets are bytes, times nanoseconds, rates bytes per second. */
#ifndef DDM_DDM_H
#define DDM_DDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DDM_API __attribute__((visibility("default")))
#else
#define DDM_API
#endif

/* code, exit status, name for scripts, what it means. The exit status of `ddm` is the code. */
#define DDM_CODES(X)                                                                               \
    X(DDM_OK, 0, "ok", "done")                                                                     \
    X(DDM_E_FAIL, 1, "fail", "something else went wrong")                                          \
    X(DDM_E_USAGE, 2, "usage", "the command line or a config file is wrong, or the file exists")   \
    X(DDM_E_NETWORK, 3, "network", "the network failed, or the time was over")                     \
    X(DDM_E_REFUSED, 4, "refused", "the origin refused, or stayed busy")                           \
    X(DDM_E_CHANGED, 5, "changed", "the origin's file changed or sources disagree")                \
    X(DDM_E_CHECKSUM, 6, "checksum", "the checksum does not match")                                \
    X(DDM_E_DISK, 7, "disk",                                                                       \
      "the disk or the output's reader failed, or another download has the file")                  \
    X(DDM_E_INTERRUPTED, 8, "interrupted", "interrupted")                                          \
    X(DDM_E_PERMISSION, 9, "permission", "no swarm key, or no permission")

enum ddm_code {
#define X(id, number, name, text) id = number,
    DDM_CODES(X)
#undef X
};

/* The short name of a code, for scripts ("network"); "fail" for an unknown one. */
DDM_API const char *ddm_code_name(enum ddm_code code);

/* What happened, for people: one line, no newline at its end. */
struct ddm_error {
    enum ddm_code code;
    char message[480];
};

#define DDM_INTERFACES_MAX 8

/* Lists of strings end with NULL; NULL for the whole list: none of them. */
struct ddm_options {
    const char *url;             /* required */
    const char *const *mirrors;  /* other URLs of the same file */
    const char *output;          /* file name, or "-" for standard output; NULL: from the origin */
    const char *directory;       /* where the file goes; NULL: the current one */
    const char *const *trackers; /* "HOST:PORT" */
    const char *const *peers;    /* "HOST:PORT" of peers to use besides the tracker's */
    const char *host_id;         /* name of this machine; NULL: derived */
    /* Query parameters that only sign a URL ("X-Amz-*"); NULL: those of the known services. */
    const char *const *signing_parameters;
    const char *cache_folder; /* of the peer on this machine: a finished file that digests have
                               * proved is cloned into it; NULL: its default */
    /* Uplinks of this machine, by device ("eth0") or address: each is a source of its own. At most
     * DDM_INTERFACES_MAX; none: one, whatever way the kernel chooses. */
    const char *const *interfaces;
    unsigned connections;    /* per source at most, tuned below it; 0: the default, 16 */
    unsigned retries;        /* of a source that fails, in a row; 0: the default, 16 */
    uint64_t limit_rate;     /* of all sources together; 0: none */
    int64_t max_time;        /* of the whole; 0: none */
    int64_t connect_timeout; /* of one try; 0: the default, 20 s */
    bool quiet_tracker;    /* nobody asked for these trackers: no notice where they are away; those
                            * that the swarm's token names go before them */
    bool no_peers;         /* only this machine's own uplink */
    const char *state_dir; /* folder of the swarm key ("ddm swarm join"), where there is one; NULL:
                            * no key, only this machine's own daemons are talked to */
    bool insecure;         /* no key: plain HTTP, also to other machines */
    bool force;            /* replace an existing file; begin anew */
    bool only_newer;       /* replace it where the origin's is newer or of another size */

    /* What the file must be. */
    const char *const *checksums; /* "sha-256=HEX" (also sha-1, sha-512, md5); all must match.
                                   * "auto": a checksum file beside it is looked for */
    uint64_t size;                /* 0: any */
    const char *piece_algorithm;  /* NULL: no hashes of pieces; the last piece may be shorter */
    uint64_t piece_length;
    const char *const *pieces; /* their hashes in hex, in order */
    int spot_check;            /* bytes of a million that peers gave and that are fetched once more,
                                * to compare, where there are no hashes of pieces; at least one small
                                * range of each peer. 0: the default, 2500, and 500 with a swarm key;
                                * -1: none */

    /* Requests to the origin. Secrets stay on this machine unless `share_headers` says otherwise.
     */
    const char *const *headers;       /* "Name: value" */
    const char *const *share_headers; /* names of `headers` that peers may send, too */
    const char *user;                 /* "name:password" */
    bool netrc;                       /* logins from ~/.netrc */
    const char *cookies;              /* a file in Netscape's format; read only */
    const char *referer, *user_agent; /* user_agent NULL: ddm's own */
    const char *proxy; /* http, https, socks4, socks4a, socks5, socks5h URL; NULL: from
                        * the environment; "": none */
    const char *const *allow_redirects; /* private networks ("10.0.0.0/8") that a redirect from a
                                         * public address may lead into */
};

enum ddm_source_kind {
    DDM_SOURCE_ORIGIN, /* this machine's own uplink */
    DDM_SOURCE_PEER,   /* a peer's uplink */
};

/* What a source does at the moment. */
#define DDM_SOURCE_STATES(X)                                                                       \
    X(DDM_SOURCE_IDLE, "idle")                                                                     \
    X(DDM_SOURCE_CONNECTING, "connecting")                                                         \
    X(DDM_SOURCE_LOADING, "loading")                                                               \
    X(DDM_SOURCE_STALLED, "stalled")                                                               \
    X(DDM_SOURCE_WAITING, "waiting")   /* failed or busy: tried again later */                     \
    X(DDM_SOURCE_PARKED, "parked")     /* shares an uplink with another source: adds nothing */    \
    X(DDM_SOURCE_EXCLUDED, "excluded") /* gave something wrong: not used again */

enum ddm_source_state {
#define X(id, name) id,
    DDM_SOURCE_STATES(X)
#undef X
};

DDM_API const char *ddm_source_state_name(enum ddm_source_state state);

struct ddm_source_info {
    const char *name; /* "you", "you (eth0)", or the peer's HOST:PORT, HOST:PORT/1 */
    enum ddm_source_kind kind;
    enum ddm_source_state state;
    uint64_t bytes;  /* that it gave and that were used */
    uint64_t rate;   /* now */
    unsigned leases; /* that it works on now */
    bool shares_own; /* PARKED: it is an uplink of this machine that it shares */
    const char *why; /* the last failure, or NULL */
};

#define DDM_SIZE_UNKNOWN UINT64_MAX

enum ddm_event_type {
    DDM_EVENT_START,    /* the probe was answered: name and size are known */
    DDM_EVENT_SOURCE,   /* a source was added or changed its state: `source` says which */
    DDM_EVENT_PROGRESS, /* about ten times a second */
    DDM_EVENT_NOTICE,   /* something worth one line: `text` */
    DDM_EVENT_DONE,     /* the file is complete, verified and in its place */
    DDM_EVENT_ERROR,    /* the download failed: `error` */
};

/* One event; every one carries the state of the whole. */
struct ddm_event {
    enum ddm_event_type type;
    const char *url;
    const char *path;  /* of the finished file, "-" for standard output; NULL before START */
    const char *part;  /* of the unfinished file that was kept; NULL if there is none */
    bool resumable;    /* the same download begun again goes on from `part` */
    uint64_t size;     /* DDM_SIZE_UNKNOWN where the origin does not say */
    uint64_t done;     /* bytes that are there: received and used, and `restored` */
    uint64_t restored; /* of these, what a run before this one left */
    bool already;      /* DONE: the file was there, nothing was loaded */
    uint64_t wasted;   /* bytes received twice or past a cut */
    uint64_t rate;     /* of all sources together, now */
    int64_t elapsed;   /* since the start, ns */
    const struct ddm_source_info *sources;
    size_t source_count;
    const struct ddm_source_info *source; /* SOURCE: the one that changed, else NULL */
    const char *text;                     /* NOTICE, else NULL */
    const struct ddm_error *error;        /* ERROR, else NULL */
};

typedef void ddm_event_fn(void *arg, const struct ddm_event *event);

struct ddm_download;

/* Checks the options and prepares a download; no network, no file yet.
 * Returns DDM_OK, or DDM_E_USAGE and the reason in *ret_error (may be NULL). */
DDM_API enum ddm_code ddm_download_new(struct ddm_download **ret, const struct ddm_options *options,
                                       ddm_event_fn *on_event, void *arg,
                                       struct ddm_error *ret_error);

/* Downloads: blocks until done or failed; call it once. The last event is DONE or ERROR. */
DDM_API enum ddm_code ddm_download_run(struct ddm_download *download);

/* Ends a running download with DDM_E_INTERRUPTED. From any thread or signal handler. */
DDM_API void ddm_download_cancel(struct ddm_download *download);

/* NULL is allowed; returns NULL. Not while it runs. */
DDM_API struct ddm_download *ddm_download_free(struct ddm_download *download);

/* What a Metalink (RFC 5854; also version 3) says of one file, as options to begin a download
 * with: url, mirrors, output (a safe name, without folders; NULL where it has none), checksums,
 * size and pieces are set, the rest is zero. In the order of the document; two files may have one
 * name.
 */
struct ddm_metalink {
    struct ddm_options *files; /* strings belong to the metalink */
    size_t count;              /* 1 at least */
};

/* Reads a whole Metalink document. DDM_E_USAGE and why where it is none, or names no file that can
 * be fetched. */
DDM_API enum ddm_code ddm_metalink_new(struct ddm_metalink **ret, const char *text, size_t length,
                                       struct ddm_error *ret_error);
/* NULL is allowed; returns NULL. */
DDM_API struct ddm_metalink *ddm_metalink_free(struct ddm_metalink *metalink);

#ifdef __cplusplus
}
#endif
#endif
