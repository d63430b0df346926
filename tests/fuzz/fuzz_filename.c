/* SPDX-License-Identifier: MIT */
/* File names out of URLs, Content-Disposition headers and plain bytes: whatever goes in, what comes
 * out keeps every promise of filename.h, and is a name that is not changed any more. */
#include "base/filename.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static bool is_device(const char *name)
{
    char stem[FILENAME_SIZE];
    size_t length = strcspn(name, ".");
    memcpy(stem, name, length);
    while (length > 0 && stem[length - 1] == ' ')
        length--;
    stem[length] = '\0';
    if (length == 4 && isdigit((unsigned char)stem[3]))
        return strncasecmp(stem, "com", 3) == 0 || strncasecmp(stem, "lpt", 3) == 0;
    return strcasecmp(stem, "con") == 0 || strcasecmp(stem, "prn") == 0 ||
           strcasecmp(stem, "aux") == 0 || strcasecmp(stem, "nul") == 0;
}

static void require_safe(const char name[static FILENAME_SIZE])
{
    size_t length = strnlen(name, FILENAME_SIZE);
    require(length > 0 && length < FILENAME_SIZE);
    require(!strpbrk(name, "/\\"));
    require(name[0] != '.' && name[0] != ' ' && name[0] != '-');
    require(name[length - 1] != '.' && name[length - 1] != ' ');
    require(!is_device(name));
    const char *p = name;
    for (size_t left = length, n; left > 0; p += n, left -= n) {
        uint32_t code;
        n = str_utf8_next(p, left, &code);
        require(n > 0 && !str_is_control(code));
    }
    char again[FILENAME_SIZE];
    filename_sanitize(again, name, length);
    require(strcmp(again, name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[FILENAME_SIZE];
    filename_sanitize(name, (const char *)data, size);
    require_safe(name);

    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    filename_from_url(name, text);
    require_safe(name);
    memset(name, 'x', sizeof name);
    if (filename_from_disposition(name, text) == 0)
        require_safe(name);
    else
        require(name[0] == 'x' && name[FILENAME_SIZE - 1] == 'x');
    free(text);
    return 0;
}
