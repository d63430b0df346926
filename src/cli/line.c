/* SPDX-License-Identifier: MIT */
#include "cli/line.h"

#include "base/error.h"
#include "base/util.h"

#include <stdbool.h>
#include <string.h>

/* What is left of the line, and where the letters of the words go. */
struct reader {
    const char *at, *end;
    char *out;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Behind an opening quote, to behind the closing one. */
static int read_quoted(struct reader *in, char quote, struct ddm_error *err)
{
    for (; in->at < in->end && *in->at != quote; in->at++) {
        bool escape = quote == '"' && *in->at == '\\' && in->at + 1 < in->end &&
                      (in->at[1] == '"' || in->at[1] == '\\');
        if (escape)
            in->at++;
        *in->out++ = *in->at;
    }
    if (in->at == in->end)
        return error_set(err, DDM_E_USAGE, "a %s quote is not closed",
                         quote == '"' ? "double" : "single");
    in->at++;
    return 0;
}

static int read_word(struct reader *in, struct ddm_error *err)
{
    int r = 0;
    while (r == 0 && in->at < in->end && !is_blank(*in->at)) {
        char c = *in->at++;
        if (c == '\'' || c == '"')
            r = read_quoted(in, c, err);
        else if (c != '\\')
            *in->out++ = c;
        else if (in->at == in->end)
            r = error_set(err, DDM_E_USAGE, "a backslash is at the end of the line");
        else
            *in->out++ = *in->at++;
    }
    *in->out++ = '\0';
    return r;
}

int line_split(const char *line, size_t length, char ***ret, size_t *ret_count,
               struct ddm_error *err)
{
    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (memchr(line, '\0', length))
        return error_set(err, DDM_E_USAGE, "a NUL byte is in the line");
    /* A word takes a letter and a blank at least; its NUL has the place of the blank. */
    size_t most = length / 2 + 2;
    _cleanup_free_ char **words = malloc(most * sizeof *words + length + 2);
    if (!words)
        return error_memory(err);
    struct reader in = { line, line + length, (char *)(words + most) };
    size_t count = 0;
    for (;;) {
        while (in.at < in.end && is_blank(*in.at))
            in.at++;
        if (in.at == in.end || *in.at == '#')
            break;
        words[count++] = in.out;
        int r = read_word(&in, err);
        if (r < 0)
            return r;
    }
    words[count] = NULL;
    *ret = TAKE(words);
    *ret_count = count;
    return 0;
}
