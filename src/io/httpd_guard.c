/* SPDX-License-Identifier: MIT */
/* What is refused before any handler hears of it.
 *
 *     target ─▶ a path of this server, without escapes ─no─▶ 400, 414: never a proxy
 *     framing ─▶ one Content-Length, no Transfer-Encoding ─no─▶ 400, 411, and the connection ends
 *     Host ─▶ a number, "ddm", a node id or a name of this machine ─no─▶ 421
 *     Origin, Sec-Fetch-Site ─▶ none, or this server's own ─no─▶ 403
 *     body ─▶ application/json ─no─▶ 415
 *
 * A web page that a member of the swarm looks at can make its browser send requests to that
 * machine (CSRF), and with a name whose address it changes it can even read the replies (DNS
 * rebinding). It cannot make up these headers: a request that it causes says who caused it or
 * carries the page's own name as Host, and JSON from elsewhere is announced by an OPTIONS, which
 * nothing here answers. */
#include "base/str.h"
#include "base/util.h"
#include "io/httpd_internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TARGET_MAX  1024 /* bytes of path and query */
#define HEADERS_MAX 64
#define NODE_ID     32 /* hex digits */

static const struct httpd_refusal
    target_long = { 414, "uri_too_long", "the target of the request is too long", true },
    target_proxy = { 400, "no_proxy", "this is no proxy: ask for a path", true },
    target_escaped = { 400, "bad_path", "no path here has escapes or control characters", false },
    target_dotted = { 404, "not_found", "no such path", false },
    too_many = { 431, "too_many_headers", "too many headers", true },
    bad_header = { 400, "bad_header", "a header's name is no name", true },
    framing = { 400, "bad_framing", "there must be one way to tell the body's length", true },
    no_length = { 411, "length_required", "bodies need a Content-Length", true },
    one_host = { 400, "bad_host", "there must be one Host header", true },
    wrong_host = { 421, "misdirected",
                   "this machine does not know itself by that Host: ask for it by its address, or "
                   "with -H 'Host: ddm'",
                   false },
    cross_origin = { 403, "cross_origin", "requests from web pages of others are not served",
                     false },
    wrong_method = { 405, "method_not_allowed", "there is no such method here", false },
    wrong_type = { 415, "not_json", "bodies need 'Content-Type: application/json'", false };

/* ---- the target ---- */

static const struct httpd_refusal *check_target(const char *target)
{
    size_t path = strcspn(target, "?");
    if (strnlen(target, TARGET_MAX + 1) > TARGET_MAX)
        return &target_long;
    if (target[0] != '/')
        return &target_proxy;
    for (size_t i = 0; i < path; i++)
        if (target[i] == '%' || target[i] == '\\' || (unsigned char)target[i] <= ' ' ||
            (unsigned char)target[i] >= 0x7f)
            return &target_escaped;
    for (size_t i = 0; i < path; i++) {
        size_t length = strcspn(target + i + 1, "/?");
        bool dots = length > 0 && length <= 2 && strspn(target + i + 1, ".") >= length;
        if (dots || (length == 0 && i + 1 < path))
            return &target_dotted;
        i += length;
    }
    return NULL;
}

void *httpd_on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
    struct httpd_connection *c = httpd_connection_of(connection);
    if (c)
        c->target = check_target(target);
    return NULL;
}

/* ---- headers ---- */

struct headers {
    unsigned count, hosts, lengths, encodings;
    bool bad_name;
    const char *host, *origin, *site, *type, *length;
};

/* RFC 9110, 5.6.2. A blank before the colon would hide a header from who looks for its name. */
static bool is_token(const char *name)
{
    size_t length = strspn(name, "!#$%&'*+-.^_`|~0123456789"
                                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    return length > 0 && name[length] == '\0';
}

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct headers *h = arg;
    value = value ? value : "";
    h->count++;
    h->bad_name = h->bad_name || !is_token(name);
    if (strcasecmp(name, "Host") == 0)
        h->hosts++, h->host = value;
    else if (strcasecmp(name, "Content-Length") == 0)
        h->lengths++, h->length = value;
    else if (strcasecmp(name, "Transfer-Encoding") == 0)
        h->encodings++;
    else if (strcasecmp(name, "Origin") == 0)
        h->origin = value;
    else if (strcasecmp(name, "Sec-Fetch-Site") == 0)
        h->site = value;
    else if (strcasecmp(name, "Content-Type") == 0)
        h->type = value;
    return MHD_YES;
}

static const struct httpd_refusal *check_framing(const struct headers *h)
{
    if (h->count > HEADERS_MAX)
        return &too_many;
    if (h->bad_name)
        return &bad_header;
    if (h->lengths > 1 || (h->lengths && h->encodings) ||
        (h->length && (!h->length[0] || h->length[strspn(h->length, "0123456789")])))
        return &framing;
    return h->encodings ? &no_length : NULL;
}

/* ---- Host ---- */

void httpd_guard_init(struct httpd *h)
{
    char name[sizeof h->hosts[0] - sizeof ".local"] = "";
    if (gethostname(name, sizeof name) < 0 || !memchr(name, '\0', sizeof name) || !name[0])
        return;
    str_copy(h->hosts[0], sizeof h->hosts[0], name);
    name[strcspn(name, ".")] = '\0';
    str_copy(h->hosts[1], sizeof h->hosts[1], name);
}

/* Whoever chooses a name chooses its address, too; these names are nobody's to choose. */
static bool is_known_name(const struct httpd *h, const char *name)
{
    size_t first = strlen(h->hosts[1]);
    if (strcasecmp(name, "localhost") == 0 || strcasecmp(name, "ddm") == 0)
        return true;
    if (strlen(name) == NODE_ID && strspn(name, "0123456789abcdef") == NODE_ID)
        return true;
    return first > 0 && (strcasecmp(name, h->hosts[0]) == 0 ||
                         (strncasecmp(name, h->hosts[1], first) == 0 &&
                          (!name[first] || strcasecmp(name + first, ".local") == 0)));
}

static bool is_known_host(const struct httpd *h, const char *host)
{
    char name[256];
    struct in6_addr number;
    bool brackets = host[0] == '[';
    size_t length = strcspn(host + brackets, brackets ? "]" : ":");
    const char *rest = host + brackets + length + (brackets && host[1 + length] == ']');
    if (length >= sizeof name || (brackets && rest[-1] != ']'))
        return false;
    if (*rest && (*rest != ':' || strlen(rest + 1) > 5 || rest[1 + strspn(rest + 1, "0123456789")]))
        return false;
    memcpy(name, host + brackets, length);
    name[length] = '\0';
    if (brackets)
        return inet_pton(AF_INET6, name, &number) == 1;
    return inet_pton(AF_INET, name, &number) == 1 || is_known_name(h, name);
}

/* ---- web pages ---- */

static bool is_own_origin(const char *origin, const char *host)
{
    size_t scheme = str_starts_with(origin, "https://") ? 8 : 7;
    if (scheme == 7 && !str_starts_with(origin, "http://"))
        return false;
    return host && strcasecmp(origin + scheme, host) == 0;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t length = sizeof json - 1;
    return type && strncasecmp(type, json, length) == 0 && strchr(" ;\t", type[length]);
}

static bool takes_body(const char *method)
{
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
}

const struct httpd_refusal *httpd_guard_check(const struct httpd_request *r, const char *method,
                                              const char *version)
{
    struct headers h = { 0 };
    if (r->from->target)
        return r->from->target;
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, see_header, &h);
    const struct httpd_refusal *refusal = check_framing(&h);
    if (refusal)
        return refusal;
    if (h.hosts > 1 || (h.hosts == 0 && strcmp(version, "HTTP/1.0") != 0))
        return &one_host;
    if (h.host && !is_known_host(r->httpd, h.host))
        return &wrong_host;
    if ((h.origin && !is_own_origin(h.origin, h.host)) ||
        (h.site && strcmp(h.site, "same-origin") != 0 && strcmp(h.site, "none") != 0))
        return &cross_origin;
    if (!r->allowed && (strcmp(method, "OPTIONS") == 0 || strcmp(method, "CONNECT") == 0 ||
                        strcmp(method, "TRACE") == 0))
        return &wrong_method;
    if (takes_body(method) && h.length && h.length[strspn(h.length, "0")] && !is_json(h.type))
        return &wrong_type;
    return NULL;
}
