/* SPDX-License-Identifier: MIT */
/* expat tells of elements as they begin and end; `places` is the way from the document to the one
 * that is open, as far as the table of rules knows it. What it does not know is passed over with
 * all that is in it (`skipped` is how deep). Only the innermost elements have text that counts. */
#include "io/metalink.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/metalink_file.h"

#include <expat.h>
#include <string.h>

#define NAMESPACE_4   "urn:ietf:params:xml:ns:metalink"
#define NAMESPACE_3   "http://www.metalinker.org/"
#define SEPARATOR     ' ' /* between namespace and name; no namespace has one */

#define DEPTH_MAX     64 /* of what is passed over: expat keeps memory for each open element */
#define PRIORITY_LAST 999999
#define PREFERENCE    100 /* the best one */
#define RANK_NONE     UINT32_MAX

enum place {
    DOCUMENT,
    METALINK,
    FILES,
    ONE_FILE,
    SIZE,
    VERIFICATION,
    HASH,
    PIECES,
    PIECE,
    RESOURCES,
    URL,
    UNKNOWN,
};

enum version {
    V3 = 1,
    V4 = 2,
};

static const struct rule {
    unsigned versions;
    enum place parent;
    const char *name;
    enum place place;
} rules[] = {
    { V4, METALINK, "file", ONE_FILE },
    { V4, ONE_FILE, "hash", HASH },
    { V4, ONE_FILE, "pieces", PIECES },
    { V4, ONE_FILE, "url", URL },
    { V3, METALINK, "files", FILES },
    { V3, FILES, "file", ONE_FILE },
    { V3, ONE_FILE, "verification", VERIFICATION },
    { V3, VERIFICATION, "hash", HASH },
    { V3, VERIFICATION, "pieces", PIECES },
    { V3, ONE_FILE, "resources", RESOURCES },
    { V3, RESOURCES, "url", URL },
    { V3 | V4, ONE_FILE, "size", SIZE },
    { V3 | V4, PIECES, "hash", PIECE },
};

struct reader {
    XML_Parser parser;
    enum version version;
    enum place places[8]; /* the rules go no deeper */
    size_t depth;
    unsigned skipped;

    char text[METALINK_URL_SIZE]; /* of the open element; not valid where text_long */
    size_t text_length;
    bool text_long;
    int kind;        /* HASH */
    unsigned rank;   /* URL */
    char number[24]; /* PIECE: its piece=, where has_number */
    bool has_number;

    struct metalink_draft draft;
    struct metalink *metalink;
    size_t room;
    const char *wrong; /* why it was stopped; NULL: out of memory */
    bool stopped;
};

static void stop(struct reader *r, const char *why)
{
    if (r->stopped)
        return;
    r->stopped = true;
    r->wrong = why;
    XML_StopParser(r->parser, XML_FALSE);
}

static const char *attribute(const char *const *attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(attributes[0], name) == 0)
            return attributes[1];
    return NULL;
}

/* The name without its namespace, if that is the one of the document; else NULL. */
static const char *local_name(const struct reader *r, const char *name)
{
    const char *space = strrchr(name, SEPARATOR);
    const char *of = r->version == V4 ? NAMESPACE_4 : NAMESPACE_3;
    if (!space)
        return r->version == V3 ? name : NULL; /* version 3 is older than its namespace */
    size_t n = (size_t)(space - name);
    return n == strlen(of) && memcmp(name, of, n) == 0 ? space + 1 : NULL;
}

static enum place place_of_root(struct reader *r, const char *name, const char *const *attributes)
{
    const char *version = attribute(attributes, "version");
    if (strcmp(name, NAMESPACE_4 " metalink") == 0)
        r->version = V4;
    else if (strcmp(name, NAMESPACE_3 " metalink") == 0)
        r->version = V3;
    else if (strcmp(name, "metalink") == 0 && version && str_starts_with(version, "3"))
        r->version = V3;
    else
        stop(r, "no Metalink");
    return r->stopped ? UNKNOWN : METALINK;
}

static enum place place_of(struct reader *r, const char *name, const char *const *attributes)
{
    enum place parent = r->places[r->depth];
    if (r->skipped)
        return UNKNOWN;
    if (parent == DOCUMENT)
        return place_of_root(r, name, attributes);
    const char *local = local_name(r, name);
    for (size_t i = 0; local && i < ARRAY_SIZE(rules); i++)
        if ((rules[i].versions & r->version) && rules[i].parent == parent &&
            strcmp(rules[i].name, local) == 0)
            return rules[i].place;
    return UNKNOWN;
}

/* Of version 4 its priority, of version 3 what its preference lacks to the best; what says neither
 * comes last. */
static unsigned rank_of_url(const struct reader *r, const char *const *attributes)
{
    static const char *const types[] = { "http", "https", "ftp", "ftps" };
    const char *said = attribute(attributes, r->version == V4 ? "priority" : "preference");
    const char *type = attribute(attributes, "type");
    uint64_t number;
    bool fetched = r->version == V4 || !type;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        fetched = fetched || strcmp(type, types[i]) == 0;
    if (!fetched)
        return RANK_NONE; /* version 3 has torrents here, too */
    if (!said || str_to_u64(said, &number) < 0)
        return PRIORITY_LAST;
    if (r->version == V3)
        return PREFERENCE - (unsigned)MIN(number, (uint64_t)PREFERENCE);
    return number >= 1 && number <= PRIORITY_LAST ? (unsigned)number : PRIORITY_LAST;
}

static int kind_of(const char *const *attributes)
{
    const char *type = attribute(attributes, "type");
    return type ? digest_kind(type, strlen(type)) : -1;
}

static void begin(struct reader *r, enum place place, const char *const *attributes)
{
    const char *piece;
    r->text_length = 0;
    r->text_long = false;
    if (place == ONE_FILE) {
        if (metalink_draft_begin(&r->draft, attribute(attributes, "name")) < 0)
            stop(r, NULL);
    } else if (place == HASH) {
        r->kind = kind_of(attributes);
    } else if (place == PIECES) {
        metalink_draft_list(&r->draft, kind_of(attributes), attribute(attributes, "length"));
    } else if (place == PIECE) {
        piece = r->version == V3 ? attribute(attributes, "piece") : NULL;
        r->has_number = piece != NULL;
        if (piece && !str_copy(r->number, sizeof r->number, piece))
            strcpy(r->number, "no number");
    } else if (place == URL) {
        r->rank = rank_of_url(r, attributes);
    }
}

static int keep_file(struct reader *r)
{
    struct metalink *m = r->metalink;
    if (r->draft.url_count == 0) {
        metalink_draft_clear(&r->draft);
        return 0;
    }
    if (m->count == r->room) {
        size_t room = MAX(r->room * 2, (size_t)4);
        struct metalink_file *files = realloc(m->files, room * sizeof *files);
        if (!files)
            return -1;
        m->files = files;
        r->room = room;
    }
    if (metalink_draft_finish(&r->draft, &m->files[m->count]) < 0)
        return -1;
    m->count++;
    return 0;
}

static int finish(struct reader *r, enum place place)
{
    const char *text = r->text;
    size_t n = r->text_length;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    r->text[n] = '\0';
    while (n > 0 && strchr(" \t\r\n", *text)) {
        text++;
        n--;
    }
    if (r->text_long) {
        text += n; /* as if nothing stood there */
        n = 0;
    }
    if (place == SIZE)
        metalink_draft_size(&r->draft, text, n);
    else if (place == HASH)
        metalink_draft_hash(&r->draft, r->kind, text, n);
    else if (place == PIECE)
        return metalink_draft_piece(&r->draft, r->has_number ? r->number : NULL, text, n);
    else if (place == URL && r->rank != RANK_NONE)
        return metalink_draft_url(&r->draft, text, r->rank);
    else if (place == ONE_FILE)
        return keep_file(r);
    return 0;
}

static void XMLCALL on_begin(void *arg, const char *name, const char **attributes)
{
    struct reader *r = arg;
    if (r->stopped)
        return;
    enum place place = place_of(r, name, attributes);
    if (r->stopped)
        return;
    if (place == UNKNOWN) {
        if (++r->skipped > DEPTH_MAX)
            stop(r, "nested too deep");
    } else if (place == ONE_FILE && r->metalink->count == METALINK_MAX_FILES) {
        stop(r, "too many files");
    } else {
        r->places[++r->depth] = place;
        begin(r, place, attributes);
    }
}

static void XMLCALL on_end(void *arg, const char *name)
{
    struct reader *r = arg;
    if (r->stopped)
        return;
    if (r->skipped)
        r->skipped--;
    else if (finish(r, r->places[r->depth--]) < 0)
        stop(r, NULL);
}

static void XMLCALL on_text(void *arg, const char *text, int length)
{
    struct reader *r = arg;
    size_t n = (size_t)length;
    if (r->stopped || r->skipped)
        return;
    r->text_long = r->text_long || n >= sizeof r->text - r->text_length;
    if (r->text_long)
        return;
    memcpy(r->text + r->text_length, text, n);
    r->text_length += n;
}

static void XMLCALL on_doctype(void *arg, const char *name, const char *system, const char *public,
                               int has_internal)
{
    stop(arg, "a DTD, which no Metalink needs");
}

static int read_all(struct reader *r, const char *text, size_t length, struct ddm_error *err)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_begin, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    bool read = XML_Parse(r->parser, text, (int)length, XML_TRUE) == XML_STATUS_OK;
    enum XML_Error code = XML_GetErrorCode(r->parser);
    if ((r->stopped && !r->wrong) || (!read && code == XML_ERROR_NO_MEMORY))
        return error_memory(err);
    if (r->stopped || !read)
        return error_set(err, DDM_E_USAGE, "line %lu: %s",
                         (unsigned long)XML_GetCurrentLineNumber(r->parser),
                         r->stopped ? r->wrong : XML_ErrorString(code));
    if (r->metalink->count == 0)
        return error_set(err, DDM_E_USAGE,
                         "the Metalink names no file with a URL that can be fetched");
    return 0;
}

int metalink_parse(struct metalink **ret, const char *text, size_t length, struct ddm_error *err)
{
    if (length > METALINK_MAX_SIZE)
        return error_set(err, DDM_E_USAGE, "the Metalink is larger than %zu MiB",
                         METALINK_MAX_SIZE / MIB);
    struct reader *r = calloc(1, sizeof *r);
    if (r)
        r->metalink = calloc(1, sizeof *r->metalink);
    if (r)
        r->parser = XML_ParserCreateNS(NULL, SEPARATOR);
    int result = r && r->metalink && r->parser ? read_all(r, text, length, err) : error_memory(err);
    if (r) {
        if (result == 0)
            *ret = TAKE(r->metalink);
        XML_ParserFree(r->parser);
        metalink_draft_clear(&r->draft);
        metalink_free(r->metalink);
        free(r);
    }
    return result;
}

struct metalink *metalink_free(struct metalink *metalink)
{
    if (metalink) {
        for (size_t i = 0; i < metalink->count; i++)
            metalink_file_clear(&metalink->files[i]);
        free(metalink->files);
        free(metalink);
    }
    return NULL;
}
