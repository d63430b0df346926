/* SPDX-License-Identifier: MIT */
/* `ddm get`: the options become downloads, one here or several in a batch. Uses nothing but the
 * public library. */
#include "cli/command.h"

#include "base/error.h"
#include "cli/batch.h"
#include "cli/get_one.h"
#include "cli/interrupt.h"
#include "cli/tasks.h"

#include <string.h>

static int check(const struct options *options, struct ddm_error *err)
{
    const char *output = options_text(options, OPTION_OUTPUT);
    if (output && strcmp(output, "-") == 0 && options_bool(options, OPTION_JSON))
        return error_set(err, DDM_E_USAGE,
                         "--json and -o - both want standard output: choose one of them");
    return 0;
}

int get_command(const struct options *options)
{
    struct ddm_error error;
    struct get_style style;
    struct tasks tasks;
    int status;
    get_style_init(&style, options);
    if (check(options, &error) < 0 || tasks_init(&tasks, options, &error) < 0)
        return command_error(&error);
    if (tasks.count == 1 && tasks.list[0].line == 0) {
        interrupt_catch(true);
        status = get_one(&tasks.list[0].request, &style);
    } else {
        status = batch_run(&tasks, (unsigned)options_number(options, OPTION_JOBS), &style);
    }
    tasks_release(&tasks);
    return status;
}
