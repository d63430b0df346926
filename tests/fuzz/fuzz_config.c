/* SPDX-License-Identifier: MIT */
/* Config files: the first byte chooses the role that reads, the rest is the file. */
#include "cli/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum role roles[] = { ROLE_GET, ROLE_PEER, ROLE_TRACKER };
    struct options options;
    struct ddm_error error = { .code = DDM_OK };
    if (size == 0)
        return 0;
    options_init(&options, roles[data[0] % 3]);
    int r = config_parse(&options, OPTION_ROLE_FILE, "fuzz.conf", (const char *)data + 1, size - 1,
                         &error);
    if (r < 0 && (error.code != DDM_E_USAGE || strncmp(error.message, "fuzz.conf:", 10) != 0))
        abort();
    /* What was taken can be used: the defaults fill the rest. */
    if (r == 0 && options_set_defaults(&options, &error) < 0)
        abort();
    options_release(&options);
    return 0;
}
