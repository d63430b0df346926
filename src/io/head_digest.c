/* SPDX-License-Identifier: MIT */
/* A digest in fetch_head knows which headers stated it (`from`), so that a header that takes some
 * of them back may stand before or behind them. `digests_off` remembers what is not to be trusted:
 *
 *     bit 0, 1              FROM_GOOG, FROM_AMZ are taken back
 *     bit CLASH + …         two values of one kind, of the file or of the body, differed */
#include "io/head_digest.h"

#include "base/util.h"
#include "io/digest_kind.h"

#include <string.h>
#include <strings.h>

enum from {
    FROM_GOOG = 1,
    FROM_AMZ = 2,
    FROM_OTHER = 4,
};
#define CLASH(kind, of_body) (1U << (8 + 2 * (kind) + (of_body)))

enum form {
    PLAIN,      /* the base64 and nothing else; the row names the algorithm */
    LIST,       /* ALGORITHM=BASE64, … */
    DICTIONARY, /* the same as a structured field: ALGORITHM=:BASE64: */
};

static const struct row {
    const char *name;
    enum form form;
    bool of_body;
    enum from from;
    const char *algorithm;
} rows[] = {
    { "Repr-Digest", DICTIONARY, false, FROM_OTHER, NULL },
    { "Content-Digest", DICTIONARY, true, FROM_OTHER, NULL },
    { "Digest", LIST, false, FROM_OTHER, NULL },
    { "Content-MD5", PLAIN, true, FROM_OTHER, "md5" },
    { "x-goog-hash", LIST, false, FROM_GOOG, NULL },
    { "x-amz-checksum-sha256", PLAIN, false, FROM_AMZ, "sha-256" },
    { "x-amz-checksum-sha1", PLAIN, false, FROM_AMZ, "sha-1" },
};

struct span {
    const char *text;
    size_t length;
};

static struct span trim(struct span s)
{
    while (s.length > 0 && (*s.text == ' ' || *s.text == '\t')) {
        s.text++;
        s.length--;
    }
    while (s.length > 0 && (s.text[s.length - 1] == ' ' || s.text[s.length - 1] == '\t'))
        s.length--;
    return s;
}

static bool is(struct span s, const char *word)
{
    return s.length == strlen(word) && strncasecmp(s.text, word, s.length) == 0;
}

static void drop(struct fetch_head *head, size_t i)
{
    head->digest_count--;
    memmove(&head->digests[i], &head->digests[i + 1],
            (head->digest_count - i) * sizeof head->digests[0]);
}

static void add(struct fetch_head *head, const struct row *row, int kind, const char *hex)
{
    if ((head->digests_off & row->from) || (head->digests_off & CLASH(kind, row->of_body)))
        return;
    for (size_t i = 0; i < head->digest_count; i++) {
        struct fetch_digest *d = &head->digests[i];
        if (d->of_body != row->of_body || strcmp(d->algorithm, digest_kind_name(kind)) != 0)
            continue;
        if (strcmp(d->hex, hex) == 0) {
            d->from |= row->from;
        } else {
            head->digests_off |= CLASH(kind, row->of_body);
            drop(head, i);
        }
        return;
    }
    if (head->digest_count == FETCH_DIGESTS)
        return;
    struct fetch_digest *d = &head->digests[head->digest_count++];
    *d = (struct fetch_digest){ .of_body = row->of_body, .from = row->from };
    strcpy(d->algorithm, digest_kind_name(kind));
    strcpy(d->hex, hex);
}

static void take_base64(struct fetch_head *head, const struct row *row, int kind, struct span text)
{
    char hex[DIGEST_HEX_SIZE];
    if (kind >= 0 &&
        digest_base64_to_hex(digest_kind_name(kind), text.text, text.length, hex, sizeof hex) == 0)
        add(head, row, kind, hex);
}

/* ":BASE64:", with parameters or not: what is between the colons (RFC 8941, 3.3.5). */
static struct span byte_sequence(struct span s)
{
    const char *close =
        s.length > 1 && *s.text == ':' ? memchr(s.text + 1, ':', s.length - 1) : NULL;
    if (!close)
        return (struct span){ s.text, 0 };
    struct span rest = trim((struct span){ close + 1, s.length - (size_t)(close + 1 - s.text) });
    if (rest.length > 0 && *rest.text != ';')
        return (struct span){ s.text, 0 };
    return (struct span){ s.text + 1, (size_t)(close - s.text - 1) };
}

static void take_member(struct fetch_head *head, const struct row *row, struct span member)
{
    const char *equals = memchr(member.text, '=', member.length);
    if (!equals)
        return;
    size_t width = (size_t)(equals - member.text);
    struct span name = trim((struct span){ member.text, width });
    struct span text = trim((struct span){ equals + 1, member.length - width - 1 });
    if (row->form == DICTIONARY)
        text = byte_sequence(text);
    take_base64(head, row, digest_kind(name.text, name.length), text);
}

/* A comma within a string would end a member too early: it has no value that is base64 then. */
static void take_members(struct fetch_head *head, const struct row *row, struct span all)
{
    while (all.length > 0) {
        const char *comma = memchr(all.text, ',', all.length);
        size_t n = comma ? (size_t)(comma - all.text) : all.length;
        take_member(head, row, trim((struct span){ all.text, n }));
        all.text += n + (comma != NULL);
        all.length -= n + (comma != NULL);
    }
}

static void take_back(struct fetch_head *head, enum from from)
{
    head->digests_off |= from;
    for (size_t i = head->digest_count; i-- > 0;) {
        head->digests[i].from &= ~(unsigned)from;
        if (!head->digests[i].from)
            drop(head, i);
    }
}

bool head_digest_line(struct fetch_head *head, const char *name, size_t name_length,
                      const char *value, size_t length)
{
    struct span n = { name, name_length }, v = { value, length };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!is(n, rows[i].name))
            continue;
        if (rows[i].form == PLAIN)
            take_base64(head, &rows[i], digest_kind(rows[i].algorithm, strlen(rows[i].algorithm)),
                        v);
        else
            take_members(head, &rows[i], v);
        return true;
    }
    if (is(n, "x-amz-checksum-type")) {
        if (!is(v, "FULL_OBJECT"))
            take_back(head, FROM_AMZ);
        return true;
    }
    if (is(n, "x-goog-stored-content-encoding")) {
        if (!is(v, "identity"))
            take_back(head, FROM_GOOG);
        return true;
    }
    return false;
}
