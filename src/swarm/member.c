/* SPDX-License-Identifier: MIT */
#include "swarm/member.h"

#include "io/tls.h"

#include <stdio.h>

void member_request(struct member_request *ret, const struct fetcher *fetcher,
                    const struct address *at, const char *node_id, const char *path)
{
    bool named = fetcher_has_tls(fetcher) && node_id && *node_id;
    address_format(ret->connect_to, at);
    snprintf(ret->url, sizeof ret->url, "%s://%s:%u%s", fetcher_has_tls(fetcher) ? "https" : "http",
             named ? node_id : TLS_ANY_MEMBER, at->port, path);
    ret->request =
        (struct fetch_request){ .url = ret->url, .connect_to = ret->connect_to, .no_proxy = true };
}
