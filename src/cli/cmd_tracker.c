/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "cli/command.h"
#include "tracker/tracker.h"

int tracker_command(const struct options *options)
{
    struct ddm_error error;
    struct tracker_options tracker = {
        .max_connections = (unsigned)options_number(options, OPTION_MAX_CONNECTIONS),
        .ttl = (uint32_t)((options_number(options, OPTION_TTL) + SEC - 1) / SEC),
    };
    int r = daemon_join(options, &tracker.membership, &error);
    if (r == 0)
        r = daemon_listen(options, tracker.membership, &tracker.listen, &error);
    if (r == 0)
        r = daemon_check(options, tracker.membership, &tracker.listen, &error);
    if (r == 0) {
        daemon_log_setup(options);
        daemon_offer(options, tracker.membership);
        r = -(int)tracker_run(&tracker, &error);
    }
    membership_free(tracker.membership);
    return r == 0 ? DDM_OK : command_error(&error);
}
