/* SPDX-License-Identifier: MIT */
/* A report has no state of its own: what there is of it belongs to the fetch. */
#include "base/error.h"
#include "base/util.h"
#include "swarm/member.h"
#include "swarm/tracker_client.h"

#include <stdio.h>

#define REQUEST_TIMEOUT (5 * SEC)

static int on_head(void *arg, const struct fetch_head *head)
{
    return 0;
}

static int on_data(void *arg, const char *data, size_t length)
{
    return -DDM_E_INTERRUPTED; /* whatever the answer says */
}

static void on_done(void *arg, const struct fetch_result *result)
{
}

int report_send(struct fetcher *fetcher, const struct address *tracker, const char *peer_id,
                const struct message_report *report)
{
    static const struct fetch_ops ops = { on_head, on_data, on_done };
    char path[MESSAGE_ID_SIZE + 32];
    struct member_request member;
    struct fetch *fetch;
    _cleanup_free_ char *body = message_report_encode(report);
    if (!body)
        return -DDM_E_FAIL;
    snprintf(path, sizeof path, "/v1/peers/%s/reports", peer_id);
    member_request(&member, fetcher, tracker, NULL, path);
    member.request.method = "POST";
    member.request.body = body;
    member.request.timeout = REQUEST_TIMEOUT;
    return fetch_start(&fetch, fetcher, &member.request, &ops, NULL, NULL);
}
