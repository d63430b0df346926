/* SPDX-License-Identifier: MIT */
#include "base/util.h"
#include "cli/command.h"
#include "tracker/tracker.h"

int tracker_command(const struct options *options)
{
    struct ddm_error error;
    struct tracker_options tracker = {
        .ttl = (uint32_t)((options_number(options, OPTION_TTL) + SEC - 1) / SEC),
    };
    if (daemon_listen(options, &tracker.listen, &error) < 0 ||
        daemon_check(options, &tracker.listen, &error) < 0)
        return command_error(&error);
    daemon_log_setup(options);
    return tracker_run(&tracker, &error) == DDM_OK ? DDM_OK : command_error(&error);
}
