/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/command.h"
#include "peer/cache.h"
#include "peer/peer.h"

#include <string.h>

/* "a,b,c"; NULL without memory. */
static char *join(const char *const *list)
{
    char *all = str_format("%s", "");
    for (; all && list && *list; list++) {
        char *longer = str_format("%s%s%s", all, *all ? "," : "", *list);
        free(all);
        all = longer;
    }
    return all;
}

int peer_command(const struct options *options)
{
    struct ddm_error error;
    const char *proxy = options_text(options, OPTION_PROXY);
    _cleanup_free_ char *hours = join(options_list(options, OPTION_HOURS));
    _cleanup_free_ char *allow = join(options_list(options, OPTION_ALLOW));
    _cleanup_free_ char *deny = join(options_list(options, OPTION_DENY));
    struct peer_options peer = {
        .trackers = options_list(options, OPTION_TRACKER),
        .advertise = options_text(options, OPTION_ADVERTISE),
        .allow = allow,
        .deny = deny,
        .host_id = options_text(options, OPTION_HOST_ID),
        .interfaces = options_list(options, OPTION_INTERFACE),
        .proxy = proxy && strcmp(proxy, "none") != 0 ? proxy : NULL,
        .memory = options_number(options, OPTION_MEMORY),
        .limit_rate = options_number(options, OPTION_LIMIT_RATE),
        .limit_rate_lan = options_number(options, OPTION_LIMIT_RATE_LAN),
        .idle_only = options_bool(options, OPTION_IDLE_ONLY),
        .hours = hours,
        .max_connections = (unsigned)options_number(options, OPTION_MAX_CONNECTIONS),
        .cache_folder = options_text(options, OPTION_CACHE_DIR),
        .cache_size = options_given(options, OPTION_CACHE_SIZE)
                          ? options_number(options, OPTION_CACHE_SIZE)
                          : CACHE_SIZE_AUTO,
        .signing = options_list(options, OPTION_SIGNING_PARAMETERS),
    };
    int r = allow && deny && hours ? daemon_join(options, &peer.membership, &error)
                                   : error_memory(&error);
    if (peer.membership && !options_given(options, OPTION_TRACKER) &&
        membership_token(peer.membership)->tracker_count > 0)
        peer.trackers = NULL; /* those of the token */
    if (r == 0)
        r = daemon_listen(options, peer.membership, &peer.listen, &error);
    if (r == 0)
        r = daemon_check(options, peer.membership, &peer.listen, &error);
    if (r == 0) {
        daemon_log_setup(options);
        daemon_offer(options, peer.membership);
        r = -(int)peer_run(&peer, &error);
    }
    membership_free(peer.membership);
    return r == 0 ? DDM_OK : command_error(&error);
}
