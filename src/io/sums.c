/* SPDX-License-Identifier: MIT */
#include "io/sums.h"

#include "base/util.h"
#include "io/digest_kind.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_SIZE 4096 /* a longer one with escapes is passed over */

struct span {
    const char *text;
    size_t length;
};

/* How well a line's name fits, best first. */
enum fit {
    FIT_EXACT,  /* the name itself */
    FIT_FOLDER, /* the name, in some folder */
    FIT_BARE,   /* no name at all */
    FITS,
};

struct found {
    bool any, clash;
    char hex[DIGEST_HEX_SIZE];
};

struct search {
    struct span name;
    bool hinted;
    int hint; /* a kind, or -1: one that DDM does not know */
    struct found found[FITS][DIGEST_KINDS];
    bool others; /* there are lines that say something, and not just a hex */
};

/* One line, taken apart. */
struct line {
    int kind; /* -1: not said */
    struct span hex, name;
    bool escaped;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span skip(struct span s, size_t n)
{
    return (struct span){ s.text + n, s.length - n };
}

static struct span trim(struct span s)
{
    while (s.length > 0 && is_space(*s.text))
        s = skip(s, 1);
    while (s.length > 0 && is_space(s.text[s.length - 1]))
        s.length--;
    return s;
}

static bool begins(struct span s, const char *word)
{
    return s.length >= strlen(word) && memcmp(s.text, word, strlen(word)) == 0;
}

static size_t hex_digits(struct span s)
{
    size_t n = 0;
    while (n < s.length && s.text[n] && strchr("0123456789abcdefABCDEF", s.text[n]))
        n++;
    return n;
}

/* "HEX  NAME", "HEX *NAME", "HEX" */
static bool parse_gnu(struct span text, struct line *line)
{
    size_t n = hex_digits(text);
    if (digest_kind_of_digits(n) < 0 || (n < text.length && !is_space(text.text[n])))
        return false;
    struct span name = skip(text, n);
    if (name.length > 1 && name.text[1] == '*')
        name = skip(name, 2);
    *line = (struct line){ -1, { text.text, n }, trim(name), line->escaped };
    return true;
}

/* "ALGORITHM (NAME) = HEX", "ALGORITHM(NAME)= HEX". The last ')' closes the name. */
static bool parse_tagged(struct span text, struct line *line)
{
    const char *open = memchr(text.text, '(', text.length);
    const char *close = memrchr(text.text, ')', text.length);
    if (!open || !close || close < open)
        return false;
    struct span word = trim((struct span){ text.text, (size_t)(open - text.text) });
    struct span rest = trim(skip(text, (size_t)(close + 1 - text.text)));
    if (!begins(rest, "="))
        return false;
    *line = (struct line){ digest_kind(word.text, word.length),
                           trim(skip(rest, 1)),
                           { open + 1, (size_t)(close - open - 1) },
                           line->escaped };
    return line->kind >= 0;
}

/* Takes the backslashes off ("\\", "\n", "\r") into `buffer`; false where there is another one. */
static bool unescape(struct span *name, char buffer[static NAME_MAX_SIZE])
{
    size_t n = 0;
    if (name->length > NAME_MAX_SIZE)
        return false;
    for (size_t i = 0; i < name->length; i++) {
        char c = name->text[i];
        if (c == '\\') {
            c = ++i < name->length ? name->text[i] : 0;
            if (c != '\\' && c != 'n' && c != 'r')
                return false;
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c;
        }
        buffer[n++] = c;
    }
    *name = (struct span){ buffer, n };
    return true;
}

static struct span last_component(struct span path)
{
    const char *slash = memrchr(path.text, '/', path.length);
    return slash ? skip(path, (size_t)(slash + 1 - path.text)) : path;
}

static bool same(struct span a, struct span b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

/* FITS: not at all. */
static enum fit fit(const struct search *s, struct span name)
{
    if (begins(name, "./"))
        name = skip(name, 2);
    if (name.length == 0 || (name.length == 1 && *name.text == '-'))
        return FIT_BARE;
    if (same(name, s->name))
        return FIT_EXACT;
    return s->name.length > 0 && same(last_component(name), s->name) ? FIT_FOLDER : FITS;
}

static void note(struct search *s, const struct line *line, enum fit fit)
{
    struct span hex = line->hex;
    char lower[DIGEST_HEX_SIZE];
    int kind = line->kind;
    if (kind < 0) {
        kind = digest_kind_of_digits(hex.length);
        if (s->hinted && kind != s->hint)
            return;
    }
    if (!digest_kind_hex(kind, hex.text, hex.length, lower))
        return;
    struct found *found = &s->found[fit][kind];
    found->clash |= found->any && strcmp(found->hex, lower) != 0;
    found->any = true;
    memcpy(found->hex, lower, sizeof lower);
}

static void take_line(struct search *s, struct span text)
{
    char buffer[NAME_MAX_SIZE];
    struct line line = { 0 };
    text = trim(text);
    if (text.length == 0 || *text.text == '#')
        return;
    line.escaped = *text.text == '\\';
    text = skip(text, line.escaped);
    bool right = parse_gnu(text, &line) || parse_tagged(text, &line);
    if (right && line.escaped)
        right = unescape(&line.name, buffer);
    enum fit how = right ? fit(s, line.name) : FITS;
    s->others |= how != FIT_BARE;
    if (how != FITS)
        note(s, &line, how);
}

/* Where a clear-signed text is:
 *
 *     -----BEGIN PGP SIGNED MESSAGE-----    ARMOR: headers, until an empty line
 *     Hash: SHA256
 *
 *     HEX  NAME                             SIGNED; "- " stands before a line that begins with '-'
 *     -----BEGIN PGP SIGNATURE-----         SIGNATURE
 *     -----END PGP SIGNATURE-----           PLAIN */
enum part {
    PLAIN,
    ARMOR,
    SIGNED,
    SIGNATURE,
};

static enum part take_part(struct search *s, enum part part, struct span text)
{
    if (begins(text, "-----BEGIN PGP SIGNED MESSAGE-----"))
        return ARMOR;
    if (begins(text, "-----BEGIN PGP SIGNATURE-----"))
        return SIGNATURE;
    if (begins(text, "-----END PGP SIGNATURE-----"))
        return PLAIN;
    if (part == ARMOR)
        return trim(text).length == 0 ? SIGNED : ARMOR;
    if (part == SIGNED && begins(text, "- "))
        text = skip(text, 2);
    if (part != SIGNATURE)
        take_line(s, text);
    return part;
}

/* The strongest one of the best fit that there is. */
static const struct found *best(const struct search *s, int *ret_kind)
{
    for (int how = 0; how < FITS; how++) {
        bool any = false;
        if (how == FIT_BARE && s->others)
            return NULL;
        for (int kind = 0; kind < DIGEST_KINDS; kind++) {
            const struct found *found = &s->found[how][kind];
            any |= found->any;
            if (found->any && !found->clash) {
                *ret_kind = kind;
                return found;
            }
        }
        if (any)
            return NULL;
    }
    return NULL;
}

bool sums_find(const char *text, size_t length, const char *name, const char *hint,
               char algorithm[static 16], char hex[static 2 * 64 + 1])
{
    struct search s = {
        .name = last_component((struct span){ name, strlen(name) }),
        .hinted = hint != NULL,
        .hint = hint ? digest_kind(hint, strlen(hint)) : -1,
    };
    struct span rest = { text, length };
    enum part part = PLAIN;
    if (begins(rest, "\xef\xbb\xbf")) /* byte order mark */
        rest = skip(rest, 3);
    while (rest.length > 0) {
        const char *end = memchr(rest.text, '\n', rest.length);
        size_t n = end ? (size_t)(end - rest.text) : rest.length;
        part = take_part(&s, part, (struct span){ rest.text, n });
        rest = skip(rest, n + (end != NULL));
    }
    int kind = 0;
    const struct found *found = best(&s, &kind);
    if (!found)
        return false;
    snprintf(algorithm, 16, "%s", digest_kind_name(kind));
    memcpy(hex, found->hex, sizeof found->hex);
    return true;
}
