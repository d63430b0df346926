/* SPDX-License-Identifier: MIT */
/* The public API: options are checked and copied here, then a job does the work. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "get/job.h"
#include "io/digest.h"
#include "io/socket.h"
#include "io/url.h"
#include "swarm/headers.h"
#include "swarm/identity.h"
#include "swarm/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRACKER_PORT        7070
#define PEER_PORT           7071
#define CONNECTIONS_DEFAULT 16
#define CONNECTIONS_MAX     64
#define RETRIES_DEFAULT     16

#define SPOT_CHECK_DEFAULT  2500
#define SPOT_CHECK_MEMBERS  250
#define REDIRECTS_SIZE      2048

struct ddm_download {
    struct job job;
    char **kept; /* copies of strings, and of lists of strings */
    size_t kept_count;
    struct address *peers;
};

static void *keep(struct ddm_download *d, void *mine)
{
    char **kept = mine ? reallocarray(d->kept, d->kept_count + 1, sizeof *kept) : NULL;
    if (!kept) {
        free(mine);
        return NULL;
    }
    d->kept = kept;
    return d->kept[d->kept_count++] = mine;
}

static int keep_string(struct ddm_download *d, const char **ret, const char *text,
                       struct ddm_error *err)
{
    *ret = text ? keep(d, strdup(text)) : NULL;
    return text && !*ret ? error_memory(err) : 0;
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static int keep_list(struct ddm_download *d, const char *const **ret, const char *const *list,
                     struct ddm_error *err)
{
    size_t count = count_of(list);
    const char **copy = keep(d, calloc(count + 1, sizeof *copy));
    if (!copy)
        return error_memory(err);
    *ret = copy;
    for (size_t i = 0; i < count; i++)
        if (keep_string(d, &copy[i], list[i], err) < 0)
            return -DDM_E_FAIL;
    return 0;
}

static int open_membership(struct job *job, const struct ddm_options *o, struct ddm_error *err)
{
    if (o->insecure || o->no_peers || !o->state_dir || !membership_exists(o->state_dir))
        return 0;
    return membership_open(&job->membership, o->state_dir, err);
}

/* Without a key only this machine's own daemons can be trusted. */
static int check_trust(const struct job *job, const struct ddm_options *o, const struct address *at,
                       const char *what, struct ddm_error *err)
{
    if (job->membership || o->insecure || o->no_peers || policy_host_is_loopback(at->host))
        return 0;
    return error_set(
        err, DDM_E_PERMISSION,
        "%s %s is another machine, and this one has no swarm key: get it with 'ddm "
        "swarm join' (--insecure does without; then anyone on the network can read and "
        "change what it says)",
        what, at->host);
}

/* Where nobody asked for others, those count that the swarm's token names. */
static bool take_token_trackers(struct job *job, const struct ddm_options *o)
{
    const struct token *token = job->membership ? membership_token(job->membership) : NULL;
    if (!token || token->tracker_count == 0 || (o->trackers && !o->quiet_tracker))
        return false;
    for (size_t i = 0; i < token->tracker_count && i < JOB_MAX_TRACKERS; i++)
        job->trackers[job->tracker_count++].at = token->trackers[i];
    return true;
}

static int take_trackers(struct job *job, const struct ddm_options *o, struct ddm_error *err)
{
    if (take_token_trackers(job, o))
        return 0;
    for (const char *const *t = o->trackers; t && *t; t++) {
        if (job->tracker_count == JOB_MAX_TRACKERS)
            return error_set(err, DDM_E_USAGE, "more than %d trackers", JOB_MAX_TRACKERS);
        struct address *at = &job->trackers[job->tracker_count].at;
        int r = address_parse(at, *t, TRACKER_PORT, err);
        if (r == 0)
            r = check_trust(job, o, at, "tracker", err);
        if (r < 0)
            return r;
        job->tracker_count++;
    }
    return 0;
}

static int take_peers(struct ddm_download *d, const struct ddm_options *o, struct ddm_error *err)
{
    size_t count = 0;
    while (o->peers && o->peers[count])
        count++;
    if (count == 0)
        return 0;
    d->peers = calloc(count, sizeof *d->peers);
    if (!d->peers)
        return error_memory(err);
    for (size_t i = 0; i < count; i++) {
        int r = address_parse(&d->peers[i], o->peers[i], PEER_PORT, err);
        if (r == 0)
            r = check_trust(&d->job, o, &d->peers[i], "peer", err);
        if (r < 0)
            return r;
    }
    d->job.peers = d->peers;
    d->job.peer_count = count;
    return 0;
}

static int take_urls(struct ddm_download *d, const struct ddm_options *o, struct ddm_error *err)
{
    struct job *job = &d->job;
    int r = o->url ? 0 : error_set(err, DDM_E_USAGE, "no URL");
    size_t mirrors = count_of(o->mirrors);
    if (r == 0 && mirrors >= JOB_MAX_MIRRORS)
        r = error_set(err, DDM_E_USAGE, "more than %d URLs of one file", JOB_MAX_MIRRORS);
    for (size_t i = 0; i <= mirrors && r == 0; i++) {
        const char *url = i == 0 ? o->url : o->mirrors[i - 1];
        struct mirror *mirror = NULL;
        r = url_check(url, err);
        if (r == 0 && strlen(url) >= MESSAGE_URL_SIZE)
            r = error_set(err, DDM_E_USAGE, "the URL is too long");
        if (r == 0 && mirror_add(job, url, NULL, &mirror) < 0)
            r = error_memory(err);
        if (r == 0 && mirror)
            job->has_secrets |= strcmp(mirror->url, mirror->shown) != 0;
    }
    return r;
}

static int take_checksums(struct job *job, const struct ddm_options *o, struct ddm_error *err)
{
    for (const char *const *c = o->checksums; c && *c; c++) {
        struct checksum *sum = &job->checksums[job->asked_count];
        if (strcmp(*c, "auto") == 0) {
            job->checksum_auto = true;
            continue;
        }
        if (job->asked_count == JOB_MAX_CHECKSUMS)
            return error_set(err, DDM_E_USAGE, "more than %d checksums", JOB_MAX_CHECKSUMS);
        int r = digest_parse(*c, sum->algorithm, sum->hex, err);
        if (r < 0)
            return r;
        for (size_t i = 0; i < job->asked_count; i++)
            if (strcmp(job->checksums[i].algorithm, sum->algorithm) == 0 &&
                strcmp(job->checksums[i].hex, sum->hex) != 0)
                return error_set(err, DDM_E_USAGE, "two %s checksums that differ", sum->algorithm);
        job->checksum_count = ++job->asked_count;
    }
    return 0;
}

static int take_pieces(struct ddm_download *d, const struct ddm_options *o, struct ddm_error *err)
{
    struct job *job = &d->job;
    job->wanted_size = o->size;
    if (!o->piece_algorithm)
        return 0;
    size_t count = count_of(o->pieces);
    bool fits = o->size > 0 && o->piece_length > 0 && count == (o->size - 1) / o->piece_length + 1;
    if (!fits)
        return error_set(err, DDM_E_USAGE, "%zu hashes of pieces do not fit the size", count);
    for (size_t i = 0; i < count; i++) {
        char algorithm[16], hex[DIGEST_HEX_SIZE];
        _cleanup_free_ char *whole = str_format("%s=%s", o->piece_algorithm, o->pieces[i]);
        if (!whole)
            return error_memory(err);
        int r = digest_parse(whole, algorithm, hex, err);
        if (r < 0)
            return r;
    }
    if (o->output && strcmp(o->output, "-") == 0 && o->piece_length > SINK_WINDOW / 4)
        return 0; /* a pipe's window does not hold them: as if there were none */
    job->piece_length = o->piece_length;
    job->piece_count = count;
    int r = keep_string(d, &job->piece_algorithm, o->piece_algorithm, err);
    return r < 0 ? r : keep_list(d, &job->pieces, o->pieces, err);
}

/* ---- requests, and what of them leaves this machine ---- */

static bool is_named(const char *const *names, const char *line, size_t length)
{
    for (; names && *names; names++)
        if (strlen(*names) == length && strncasecmp(*names, line, length) == 0)
            return true;
    return false;
}

/* A line "Name: value" that is no secret, or that is to be shared, goes to peers, too. */
static int share_header(struct job *job, const struct ddm_options *o, const char *line,
                        struct ddm_error *err)
{
    static const char *const open[] = { "Accept", "Accept-Language", "Cache-Control", "DNT",
                                        "Pragma", "Referer",         "User-Agent",    NULL };
    static const char *const logins[] = { "Authorization", "Cookie", NULL };
    size_t length = strcspn(line, ":;");
    const char *value =
        line[length] == ':' ? line + length + 1 + strspn(line + length + 1, " ") : "";
    bool shared = is_named(o->share_headers, line, length);
    job->has_secrets |= !shared && is_named(logins, line, length);
    if (!*value || (!shared && !is_named(open, line, length)))
        return 0;
    _cleanup_free_ char *name = strndup(line, length);
    return name ? headers_add(job->peer_headers, name, value, err) : error_memory(err);
}

static int share_headers(struct job *job, const struct ddm_options *o, struct ddm_error *err)
{
    int r = 0;
    for (const char *const *h = o->headers; h && *h && r == 0; h++) {
        r = fetch_check_header(*h, err);
        job->has_logins |= r == 0 && fetch_header_is_secret(*h);
        if (r == 0)
            r = share_header(job, o, *h, err);
    }
    const struct {
        const char *name, *value;
    } more[] = { { "Referer", o->referer }, { "User-Agent", o->user_agent } };
    for (size_t i = 0; i < ARRAY_SIZE(more) && r == 0; i++) {
        _cleanup_free_ char *line =
            more[i].value ? str_format("%s: %s", more[i].name, more[i].value) : NULL;
        if (more[i].value)
            r = !line ? error_memory(err) : fetch_check_header(line, err);
        if (r == 0 && line)
            r = share_header(job, o, line, err);
    }
    return r;
}

static int take_linked_profile(struct ddm_download *d, const struct ddm_options *o,
                               struct ddm_error *err)
{
    struct fetch_profile *p = &d->job.linked;
    *p = d->job.profile;
    p->user = p->cookies = NULL;
    p->netrc = p->keys = false;
    const char **open = keep(d, calloc(count_of(o->headers) + 1, sizeof *open));
    if (!open)
        return error_memory(err);
    p->headers = open;
    for (const char *const *h = d->job.profile.headers; *h; h++)
        if (!fetch_header_is_secret(*h))
            *open++ = *h;
    return 0;
}

static int take_profile(struct ddm_download *d, const struct ddm_options *o, struct ddm_error *err)
{
    struct job *job = &d->job;
    struct fetch_profile *p = &job->profile;
    int r = share_headers(job, o, err);
    job->has_secrets |= o->user || o->netrc || o->cookies;
    job->has_logins |= job->has_secrets;
    p->keys = true;
    p->netrc = o->netrc;
    p->connect_timeout = o->connect_timeout;
    if (r == 0 && o->cookies && access(o->cookies, R_OK) < 0)
        r = error_set(err, DDM_E_USAGE, "cookies: %s: %s", o->cookies, strerror(errno));
    if (r == 0 && o->proxy && o->proxy[0])
        r = url_check_proxy(o->proxy, err);
    if (r == 0)
        r = keep_list(d, &p->headers, o->headers, err);
    const struct {
        const char **to, *from;
    } strings[] = { { &p->user, o->user },
                    { &p->cookies, o->cookies },
                    { &p->referer, o->referer },
                    { &p->user_agent, o->user_agent },
                    { &p->proxy, o->proxy } };
    for (size_t i = 0; i < ARRAY_SIZE(strings) && r == 0; i++)
        r = keep_string(d, strings[i].to, strings[i].from, err);
    return r < 0 ? r : take_linked_profile(d, o, err);
}

static int take_redirects(struct job *job, const struct ddm_options *o, struct ddm_error *err)
{
    char networks[REDIRECTS_SIZE] = "";
    for (const char *const *n = o->allow_redirects; n && *n; n++) {
        size_t used = strlen(networks);
        if (strlen(*n) + 2 > sizeof networks - used)
            return error_set(err, DDM_E_USAGE, "too many networks that redirects may lead into");
        snprintf(networks + used, sizeof networks - used, "%s%s", used ? "," : "", *n);
    }
    struct policy_config config = { .allow = networks, .any_port = true };
    return policy_new(&job->redirects, &config, err);
}

/* ---- the whole ---- */

/* Members know each other by the key, and what they compare each fetches once more. */
static unsigned spot_check_default(const struct job *job)
{
    return job->membership ? SPOT_CHECK_MEMBERS : SPOT_CHECK_DEFAULT;
}

static void take_numbers(struct job *job, const struct ddm_options *o)
{
    job->connections = o->connections ? o->connections : CONNECTIONS_DEFAULT;
    job->retries = o->retries ? o->retries : RETRIES_DEFAULT;
    job->bucket.rate = o->limit_rate;
    job->max_time = o->max_time;
    job->spot_check = o->spot_check == 0  ? spot_check_default(job)
                      : o->spot_check > 0 ? (unsigned)o->spot_check
                                          : 0;
    job->no_peers = o->no_peers || job->has_secrets;
    job->insecure = o->insecure;
    job->force = o->force;
    job->only_newer = o->only_newer;
    job->quiet_tracker = o->quiet_tracker && !job->membership;
    if (o->host_id)
        snprintf(job->host_id, sizeof job->host_id, "%s", o->host_id);
    else
        identity_host(job->host_id);
}

static int take_options(struct ddm_download *d, const struct ddm_options *o, struct ddm_error *err)
{
    struct job *job = &d->job;
    int r = open_membership(job, o, err);
    if (r == 0)
        r = take_urls(d, o, err);
    if (r == 0 && o->connections > CONNECTIONS_MAX)
        r = error_set(err, DDM_E_USAGE, "connections: at most %d", CONNECTIONS_MAX);
    if (r == 0)
        r = take_checksums(job, o, err);
    if (r == 0)
        r = take_pieces(d, o, err);
    if (r == 0)
        r = keep_string(d, &job->output, o->output, err);
    if (r == 0)
        r = keep_string(d, &job->directory, o->directory, err);
    if (r == 0)
        r = keep_string(d, &job->cache_folder, o->cache_folder, err);
    if (r == 0 && o->signing_parameters)
        r = keep_list(d, &job->signing, o->signing_parameters, err);
    if (r == 0)
        r = take_trackers(job, o, err);
    if (r == 0)
        r = take_peers(d, o, err);
    if (r == 0)
        r = take_profile(d, o, err);
    if (r == 0)
        r = take_redirects(job, o, err);
    if (r == 0)
        r = MIN(socket_check_interfaces(o->interfaces, err), 0);
    if (r == 0)
        r = keep_list(d, &job->interfaces, o->interfaces, err);
    take_numbers(job, o);
    return r;
}

enum ddm_code ddm_download_new(struct ddm_download **ret, const struct ddm_options *options,
                               ddm_event_fn *on_event, void *arg, struct ddm_error *ret_error)
{
    struct ddm_download *d = calloc(1, sizeof *d);
    if (!d)
        return (enum ddm_code) - error_memory(ret_error);
    int r = take_options(d, options, ret_error);
    if (r < 0) {
        ddm_download_free(d);
        return (enum ddm_code) - r;
    }
    d->job.on_event = on_event;
    d->job.event_arg = arg;
    *ret = d;
    return DDM_OK;
}

enum ddm_code ddm_download_run(struct ddm_download *download)
{
    return job_run(&download->job);
}

void ddm_download_cancel(struct ddm_download *download)
{
    job_cancel(&download->job);
}

struct ddm_download *ddm_download_free(struct ddm_download *download)
{
    if (download) {
        mirrors_free(&download->job);
        policy_free(download->job.redirects);
        membership_free(download->job.membership);
        for (size_t i = 0; i < download->kept_count; i++)
            free(download->kept[i]);
        free(download->kept);
        free(download->peers);
        free(download);
    }
    return NULL;
}
