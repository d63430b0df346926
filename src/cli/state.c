/* SPDX-License-Identifier: MIT */
#include "cli/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *state_folder(const struct options *options, char out[static PATH_MAX])
{
    const char *asked = options_text(options, OPTION_STATE_DIR);
    const char *system = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (asked)
        snprintf(out, PATH_MAX, "%s", asked);
    else if (system && *system == '/')
        snprintf(out, PATH_MAX, "%.*s", (int)strcspn(system, ":"), system);
    else if (state && *state == '/')
        snprintf(out, PATH_MAX, "%s/ddm", state);
    else if (home && *home == '/')
        snprintf(out, PATH_MAX, "%s/.local/state/ddm", home);
    else
        return NULL;
    return out;
}
