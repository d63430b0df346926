/* SPDX-License-Identifier: MIT */
/* The public API: options are checked and copied here, then a job does the work. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "get/job.h"
#include "io/digest.h"
#include "io/socket.h"
#include "io/url.h"
#include "swarm/identity.h"
#include "swarm/policy.h"

#include <stdio.h>
#include <string.h>

#define TRACKER_PORT        7070
#define PEER_PORT           7071
#define CONNECTIONS_DEFAULT 16
#define CONNECTIONS_MAX     64
#define RETRIES_DEFAULT     16

struct ddm_download {
    struct job job;
    char *url, *shown_url, *output, *directory;
    struct address *peers;
    char *interfaces[DDM_INTERFACES_MAX + 1];
};

static int copy_string(char **ret, const char *text, struct ddm_error *err)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? error_memory(err) : 0;
}

/* Without a key only this machine's own daemons can be trusted. */
static int check_trust(const struct ddm_options *o, const struct address *at, const char *what,
                       struct ddm_error *err)
{
    if (o->insecure || policy_host_is_loopback(at->host))
        return 0;
    return error_set(err, DDM_E_PERMISSION,
                     "%s %s is another machine, and there is no swarm key yet: --insecure talks to "
                     "it all the same (anyone on the network can read and change what it says)",
                     what, at->host);
}

static int take_trackers(struct job *job, const struct ddm_options *o, struct ddm_error *err)
{
    for (const char *const *t = o->trackers; t && *t; t++) {
        if (job->tracker_count == JOB_MAX_TRACKERS)
            return error_set(err, DDM_E_USAGE, "more than %d trackers", JOB_MAX_TRACKERS);
        struct address *at = &job->trackers[job->tracker_count].at;
        int r = address_parse(at, *t, TRACKER_PORT, err);
        if (r == 0)
            r = check_trust(o, at, "tracker", err);
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
            r = check_trust(o, &d->peers[i], "peer", err);
        if (r < 0)
            return r;
    }
    d->job.peers = d->peers;
    d->job.peer_count = count;
    return 0;
}

static int take_interfaces(struct ddm_download *d, const struct ddm_options *o,
                           struct ddm_error *err)
{
    int r = socket_check_interfaces(o->interfaces, err), count = r;
    for (int i = 0; i < count && r >= 0; i++)
        r = copy_string(&d->interfaces[i], o->interfaces[i], err);
    d->job.interfaces = (const char *const *)d->interfaces;
    return r;
}

static int take_options(struct ddm_download *d, const struct ddm_options *o, struct ddm_error *err)
{
    struct job *job = &d->job;
    int r = o->url ? url_check(o->url, err) : error_set(err, DDM_E_USAGE, "no URL");
    if (r == 0 && strlen(o->url) >= MESSAGE_URL_SIZE)
        r = error_set(err, DDM_E_USAGE, "the URL is too long");
    if (r == 0 && o->connections > CONNECTIONS_MAX)
        r = error_set(err, DDM_E_USAGE, "connections: at most %d", CONNECTIONS_MAX);
    if (r == 0 && o->checksums && o->checksums[0])
        r = digest_parse(o->checksums[0], job->algorithm, job->hex, err);
    if (r == 0)
        r = copy_string(&d->url, o->url, err);
    if (r == 0 && !(d->shown_url = str_url_public(o->url)))
        r = error_memory(err);
    if (r == 0)
        r = copy_string(&d->output, o->output, err);
    if (r == 0)
        r = copy_string(&d->directory, o->directory, err);
    if (r == 0)
        r = take_trackers(job, o, err);
    if (r == 0)
        r = take_peers(d, o, err);
    if (r == 0)
        r = take_interfaces(d, o, err);
    job->url = d->url;
    job->shown_url = d->shown_url;
    job->has_credentials = r == 0 && strcmp(d->url, d->shown_url) != 0;
    job->output = d->output;
    job->directory = d->directory;
    job->connections = o->connections ? o->connections : CONNECTIONS_DEFAULT;
    job->retries = o->retries ? o->retries : RETRIES_DEFAULT;
    job->no_peers = o->no_peers || job->has_credentials;
    job->insecure = o->insecure;
    job->force = o->force;
    job->quiet_tracker = o->quiet_tracker;
    if (o->host_id)
        snprintf(job->host_id, sizeof job->host_id, "%s", o->host_id);
    else
        identity_host(job->host_id);
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
        free(download->url);
        free(download->shown_url);
        free(download->output);
        free(download->directory);
        free(download->peers);
        for (size_t i = 0; i < ARRAY_SIZE(download->interfaces); i++)
            free(download->interfaces[i]);
        free(download);
    }
    return NULL;
}
