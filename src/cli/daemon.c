/* SPDX-License-Identifier: MIT */
/* What `ddm peer` and `ddm tracker` have in common: where they listen, whether they may without a
 * swarm key, and how they log. */
#include "cli/command.h"

#include "base/error.h"
#include "base/log.h"
#include "cli/state.h"
#include "swarm/membership.h"
#include "swarm/policy.h"

#include <stdio.h>

int daemon_join(const struct options *options, struct membership **ret, struct ddm_error *err)
{
    char out[PATH_MAX];
    const char *folder = state_folder(options, out);
    *ret = NULL;
    if (options_bool(options, OPTION_INSECURE) || !folder || !membership_exists(folder))
        return 0;
    return membership_open(ret, folder, err);
}

int daemon_listen(const struct options *options, const struct membership *membership,
                  struct address *ret, struct ddm_error *err)
{
    int r = address_parse(ret, options_text(options, OPTION_LISTEN), 0, err);
    if (r < 0)
        return r;
    if ((membership || options_bool(options, OPTION_INSECURE)) &&
        !options_given(options, OPTION_LISTEN))
        ret->host[0] = '\0';
    return 0;
}

int daemon_check(const struct options *options, const struct membership *membership,
                 const struct address *listen, struct ddm_error *err)
{
    char text[ADDRESS_TEXT_SIZE];
    if (membership || options_bool(options, OPTION_INSECURE))
        return 0;
    if (!listen->host[0] || !policy_host_is_loopback(listen->host))
        return error_set(err, DDM_E_PERMISSION,
                         "no swarm key yet, so only this machine may be served: listening on %s "
                         "needs one ('ddm swarm init' or 'join'), or --insecure, which lets anyone "
                         "on the network use this %s",
                         address_format(text, listen), role_name(options->role));
    const char *const *tracker = options_list(options, OPTION_TRACKER);
    for (; tracker && *tracker; tracker++) {
        struct address address;
        int r = address_parse(&address, *tracker, 0, err);
        if (r < 0)
            return r;
        if (!policy_host_is_loopback(address.host))
            return error_set(err, DDM_E_PERMISSION,
                             "no swarm key yet: tracker %s needs one ('ddm swarm join'), or "
                             "--insecure, which trusts whoever answers there and lets anyone on "
                             "the network use this %s",
                             *tracker, role_name(options->role));
    }
    return 0;
}

void daemon_log_setup(const struct options *options)
{
    enum log_level level = LOG_INFO;
    if (options_bool(options, OPTION_VERBOSE))
        level = LOG_DEBUG;
    if (options_bool(options, OPTION_QUIET))
        level = LOG_WARN;
    log_setup(level, options_number(options, OPTION_LOG_FORMAT) == 1);
    if (options_bool(options, OPTION_INSECURE))
        log_warn(role_name(options->role),
                 "--insecure: no swarm key; nothing between the machines is encrypted, and anyone "
                 "who reaches this %s can use it",
                 role_name(options->role));
}

void daemon_offer(const struct options *options, const struct membership *membership)
{
    static const char *const lines[] = {
        "no swarm key, so only this machine is served. To let others in:",
        "    ddm swarm init     here: makes the key; then start this again",
        "    ddm swarm token    here: prints a line that makes other machines members",
        "    ddm swarm join     on each of them, with that line; then 'ddm peer' there",
    };
    if (membership || options_bool(options, OPTION_INSECURE))
        return;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        log_info(role_name(options->role), "%s", lines[i]);
}
