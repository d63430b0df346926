/* SPDX-License-Identifier: MIT */
/* A report has no state of its own: what there is of it belongs to the fetch. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "swarm/tracker_client.h"

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
    char at[ADDRESS_TEXT_SIZE];
    struct fetch *fetch;
    _cleanup_free_ char *body = message_report_encode(report);
    _cleanup_free_ char *url =
        str_format("http://%s/v1/peers/%s/reports", address_format(at, tracker), peer_id);
    if (!body || !url)
        return -DDM_E_FAIL;
    struct fetch_request request = {
        .url = url, .method = "POST", .body = body, .timeout = REQUEST_TIMEOUT, .no_proxy = true
    };
    return fetch_start(&fetch, fetcher, &request, &ops, NULL, NULL);
}
