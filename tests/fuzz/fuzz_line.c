/* SPDX-License-Identifier: MIT */
/* A line of --input-file: its words, then the options that they make. */
#include "cli/line.h"

#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Quoted again, each word is the same. */
static void check_word(const char *word)
{
    size_t length = strlen(word), n = 0, count = 0;
    char **words = NULL;
    char *quoted = malloc(4 * length + 3);
    if (!quoted)
        abort();
    quoted[n++] = '\'';
    for (size_t i = 0; i < length; i++) {
        const char *piece = word[i] == '\'' ? "'\\''" : NULL;
        for (const char *c = piece; c && *c; c++)
            quoted[n++] = *c;
        if (!piece)
            quoted[n++] = word[i];
    }
    quoted[n++] = '\'';
    if (line_split(quoted, n, &words, &count, NULL) < 0 || count != 1 ||
        strcmp(words[0], word) != 0)
        abort();
    free(words);
    free(quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ddm_error error = { .code = DDM_OK };
    struct options options;
    char **words = NULL;
    size_t count = 0;
    int r = line_split((const char *)data, size, &words, &count, &error);
    if (r < 0) {
        if (words || error.code != DDM_E_USAGE || !error.message[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        check_word(words[i]);
    if (words[count])
        abort();
    options_init(&options, ROLE_GET);
    r = options_parse_arguments(&options, (int)count, words, &error);
    if (r < 0 && error.code != DDM_E_USAGE)
        abort();
    options_release(&options);
    free(words);
    return 0;
}
