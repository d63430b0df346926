/* SPDX-License-Identifier: MIT */
/* What one fetch hears of its reply: where it connects, what the head says, the bytes, the end. The
 * head is told with the first byte of the body, or with the end. Before that the request may be
 * made once more without anybody noticing (`again`): with Digest, where that is all the origin
 * takes; over FTP without the range, where it cannot be had, so that what is no range is the whole.
 */
#include "io/fetch_internal.h"

#include "base/str.h"
#include "base/util.h"
#include "io/fetch_profile.h"
#include "io/head.h"
#include "io/socket.h"
#include "io/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BODY_PASSED_OVER ((size_t)64 * 1024)  /* of a 401, to keep its connection */
#define HEAD_MAX         ((size_t)512 * 1024) /* of all replies of a request, trailers too */

static const char *effective_url(const struct fetch *f)
{
    char *url = NULL;
    return curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &url) == CURLE_OK && url ? url : "";
}

const char *fetch_effective_url(const struct fetch *fetch)
{
    return fetch->head_told ? effective_url(fetch) : "";
}

/* ---- where it connects ---- */

/* The proxy that it goes through now; NULL: none. */
static const char *proxy_of(const struct fetch *f)
{
    return f->no_proxy ? NULL : fetch_profile_proxy(&f->profile, effective_url(f));
}

static bool is_allowed(struct fetch *f, const struct sockaddr *address)
{
    long redirects = 0;
    curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    f->refused = false;
    f->denied[0] = '\0';
    if (!f->allow)
        return true;
    struct fetch_way way = { effective_url(f), address, (unsigned)redirects };
    if (!f->gone && f->allow(f->arg, &way))
        return true;
    f->refused = true;
    if (address)
        socket_host(f->denied, address);
    return false;
}

/* The same of a number; what is none is a name behind a proxy. */
static bool is_number_allowed(struct fetch *f, const char *number, uint16_t port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = { .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
    char bare[ADDRESS_HOST_SIZE];
    str_copy(bare, sizeof bare, number);
    bare[strcspn(bare, "%")] = '\0';
    if (inet_pton(AF_INET, bare, &address.in.sin_addr) != 1) {
        address.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
        if (inet_pton(AF_INET6, bare, &address.in6.sin6_addr) != 1)
            return is_allowed(f, NULL);
    }
    return is_allowed(f, &address.any);
}

/* What can be said before a proxy is asked. */
static bool is_target_allowed(struct fetch *f)
{
    struct url_place place;
    f->refused = !url_place(&place, effective_url(f));
    return !f->refused && is_number_allowed(f, place.host, place.port);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *f = arg;
    if (f->allow && !(proxy_of(f) ? is_target_allowed(f) : is_allowed(f, &address->addr)))
        return CURL_SOCKET_BAD;
    int fd = socket_open(address->family, address->socktype, address->protocol, f->interface);
    f->interface_gone = f->interface && fd < 0 && errno == ENODEV;
    f->data_socket = fd;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Before each request of a transfer, also over a connection that was kept: nobody asked then
 * whether its address is allowed. */
static int on_request(void *arg, char *address, char *own_address, int port, int own_port)
{
    struct fetch *f = arg;
    if (f->gone)
        return CURL_PREREQFUNC_ABORT;
    fetch_curl_direct(f->easy, &f->options, f->url, effective_url(f));
    bool allowed = !f->allow || (proxy_of(f) ? is_target_allowed(f)
                                             : is_number_allowed(f, address, (uint16_t)port));
    return allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* ---- head and body ---- */

static bool is_http(const struct fetch *f)
{
    char *scheme = NULL;
    curl_easy_getinfo(f->easy, CURLINFO_SCHEME, &scheme);
    return !scheme || strncasecmp(scheme, "http", 4) == 0;
}

static void take_line(struct fetch *f, const char *line, size_t length)
{
    if (is_http(f))
        fetch_head_line(&f->head, line, length);
    else
        fetch_ftp_line(&f->ftp, line, length);
}

/* One, or all that came while the transfer was paused. */
static size_t on_header_lines(char *lines, size_t one, size_t length, void *arg)
{
    struct fetch *f = arg;
    f->head_bytes += length;
    if (f->head_bytes > HEAD_MAX)
        return 0;
    if (f->head_told) /* a trailer */
        return length;
    for (size_t at = 0, n; at < length; at += n) {
        const char *end = memchr(lines + at, '\n', length - at);
        n = end ? (size_t)(end - lines) + 1 - at : length - at;
        take_line(f, lines + at, n);
    }
    return length;
}

static int64_t file_time(const struct fetch *f)
{
    curl_off_t time = -1;
    curl_easy_getinfo(f->easy, CURLINFO_FILETIME_T, &time);
    return time;
}

static bool is_sftp(const struct fetch *f)
{
    return strcmp(f->options.scheme, "sftp") == 0;
}

/* Of what follows; FETCH_UNKNOWN where libcurl does not know. */
static uint64_t body_length(const struct fetch *f)
{
    curl_off_t length = -1;
    if (curl_easy_getinfo(f->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) != CURLE_OK ||
        length < 0)
        return FETCH_UNKNOWN;
    return (uint64_t)length;
}

/* The head of a range over FTP or SFTP; false where there is none. */
static bool range_head(const struct fetch *f, struct fetch_head *head)
{
    struct fetch_ftp known = f->ftp;
    if (is_sftp(f)) {
        uint64_t length = body_length(f);
        if (length == 0 || length == FETCH_UNKNOWN)
            return false;
        known = (struct fetch_ftp){ .size = f->begin + length, .positions = true };
    }
    return fetch_ftp_range(&known, f->begin, f->end, file_time(f), head);
}

/* Whether the reply is not what it could be, asked before anybody heard of it. */
static enum fetch_again find_again(struct fetch *f)
{
    struct fetch_head scratch;
    if (f->head.http)
        return f->head.status == 401 && fetch_curl_wants_digest(f->easy, &f->options)
                   ? FETCH_WITH_DIGEST
                   : FETCH_ONCE;
    return f->end == 0 || range_head(f, &scratch) ? FETCH_ONCE : FETCH_WITHOUT_RANGE;
}

/* What no header says: the head of a file over FTP or SFTP. */
static void complete_head(struct fetch *f)
{
    if (f->head.http || (f->end > 0 && range_head(f, &f->head)))
        return;
    fetch_ftp_modified(&f->head, file_time(f));
    f->head.length = body_length(f);
}

static int tell_head(struct fetch *f)
{
    complete_head(f);
    fetch_head_at(&f->head, (int64_t)time(NULL));
    f->head_told = true;
    return f->ops->on_head ? f->ops->on_head(f->arg, &f->head) : 0;
}

/* Where a file ends over FTP nothing more may come: a server that takes no notice of REST, or a
 * file that grew, would show itself there. So the last byte is held back until the connection for
 * data is closed. */
static bool is_last_of_ftp(const struct fetch *f, size_t length)
{
    return !is_http(f) && !is_sftp(f) && f->head.range && f->head.end == f->head.total &&
           length == f->head.end - f->head.begin - f->received;
}

/* Of a block: over SFTP more comes than was asked for. */
static size_t wanted_of(struct fetch *f, size_t length)
{
    uint64_t left = f->head.end - f->head.begin - f->received;
    if (!is_sftp(f) || !f->head.range || length < left)
        return length;
    f->enough = true;
    return (size_t)left;
}

static size_t hear_body(struct fetch *f, const char *data, size_t length)
{
    int r = f->head_told ? 0 : tell_head(f);
    size_t wanted = wanted_of(f, length);
    bool last = is_last_of_ftp(f, wanted);
    if (r == 0 && !f->gone && wanted > last)
        r = f->ops->on_data(f->arg, data, wanted - last);
    if (f->gone)
        return 0;
    if (r == FETCH_PAUSE) {
        f->enough = false;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (r < 0) {
        f->abort_code = r;
        return 0;
    }
    f->received += wanted;
    f->held |= last;
    f->held_byte = data[length - 1];
    return f->enough ? 0 : length;
}

/* libcurl reads no more than the size said: what else came is still in the socket. (Over TLS its
 * farewell is, too.) */
static int close_socket(void *arg, curl_socket_t fd)
{
    struct fetcher *fr = arg;
    int left = 0;
    list_foreach (f, &fr->running, struct fetch, link)
        if (f->data_socket == fd && f->held && strcmp(f->options.scheme, "ftp") == 0)
            f->too_much = ioctl(fd, FIONREAD, &left) == 0 && left > 0;
    return close(fd);
}

static size_t on_body(char *data, size_t one, size_t length, void *arg)
{
    struct fetch *f = arg;
    if (f->gone)
        return 0;
    if (!f->head_told && f->again == FETCH_ONCE)
        f->again = find_again(f);
    if (f->again == FETCH_ONCE)
        return hear_body(f, data, length);
    f->passed_over += length;
    return f->again == FETCH_WITH_DIGEST && f->passed_over <= BODY_PASSED_OVER ? length : 0;
}

void fetch_reply_connect(struct fetch *f)
{
    CURL *e = f->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, f);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->reason);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header_lines);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, f);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, f->fetcher); /* it outlives connections */
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, f);
}

/* ---- the end ---- */

/* Why it failed, with the host in it. */
static void describe(struct fetch *f, const struct fetch_curl_end *end, char *out, size_t size)
{
    char host[ADDRESS_HOST_SIZE];
    url_host(host, end->url);
    if (f->denied[0])
        snprintf(out, size, "%s: address %s is not public and not allowed here", host, f->denied);
    else if (f->refused)
        snprintf(out, size, "%s is not allowed here", host);
    else if (f->head_bytes > HEAD_MAX)
        snprintf(out, size, "%s: its headers have more than %zu KiB", host, HEAD_MAX / KIB);
    else if (f->interface_gone)
        snprintf(out, size, "cannot connect to %s: there is no interface %s any more", host,
                 f->interface);
    else if (f->given_up)
        snprintf(out, size, "%s: no answer within %.1f s", host, (double)f->patience / (double)SEC);
    else if (f->too_much)
        snprintf(out, size, "%s: more came than the size that it told", host);
    else
        fetch_curl_reason(end, out, size);
}

/* Prepares what was asked to be asked once more. */
static void prepare_again(struct fetch *f)
{
    if (f->again == FETCH_WITH_DIGEST) {
        url_host(f->fetcher->digest_host, f->url);
        fetch_curl_use_digest(f->easy, &f->options);
    } else {
        f->begin = f->end = 0;
        fetch_curl_drop_range(f->easy, &f->options);
    }
    f->again = FETCH_ONCE;
    f->passed_over = 0;
    f->reason[0] = '\0';
    fetch_head_clear(&f->head);
    fetch_ftp_clear(&f->ftp);
}

/* Ends that FTP has and HTTP would have answered with a status; CURLE_OK for them. */
static CURLcode end_as_http(struct fetch *f, CURLcode c)
{
    struct fetch_head *head = &f->head;
    if (f->enough && f->abort_code == 0 && c == CURLE_WRITE_ERROR)
        return CURLE_OK;
    if (f->head_told || is_http(f) || c == CURLE_OK)
        return c;
    if (f->ftp.busy) {
        head->http = true;
        head->status = 503;
        return CURLE_OK;
    }
    bool beyond = c == CURLE_BAD_DOWNLOAD_RESUME && f->end > 0 && f->ftp.size <= f->begin;
    return beyond ? CURLE_OK : c; /* 416 */
}

static bool result_is_connected(const struct fetch *f)
{
    curl_off_t first = 0, before = 0;
    curl_easy_getinfo(f->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    curl_easy_getinfo(f->easy, CURLINFO_PRETRANSFER_TIME_T, &before);
    return (first > 0 || before > 0) && !f->given_up;
}

/* The byte that was held back; false where it has to wait until there is room for it. */
static bool give_held_byte(struct fetch *f)
{
    int r = f->ops->on_data(f->arg, &f->held_byte, 1);
    f->held = r == FETCH_PAUSE;
    if (r < 0)
        f->abort_code = r;
    return !f->held;
}

enum fetch_end fetch_reply_finish(struct fetch *f, CURLcode c)
{
    char message[sizeof(f->reason) + 300] = "";
    if (!f->head_told && f->again == FETCH_ONCE) {
        if (f->end > 0 &&
            (c == CURLE_FTP_COULDNT_USE_REST || (c == CURLE_BAD_DOWNLOAD_RESUME && is_sftp(f))))
            f->again = FETCH_WITHOUT_RANGE;
        else if (c == CURLE_OK)
            f->again = find_again(f);
    }
    if (f->again != FETCH_ONCE && !f->given_up) {
        prepare_again(f);
        return FETCH_AGAIN;
    }
    c = f->too_much ? CURLE_PARTIAL_FILE : end_as_http(f, c);
    if (c == CURLE_OK && !f->head_told) /* no body came */
        f->abort_code = tell_head(f);
    if (c == CURLE_OK && f->held && !f->gone && !give_held_byte(f))
        return FETCH_WAITS;
    struct fetch_result result = { .code = f->abort_code,
                                   .status = f->head.status,
                                   .connected = result_is_connected(f),
                                   .message = message };
    if (f->abort_code == 0 && c != CURLE_OK) {
        struct fetch_curl_end end = { f->easy,          (int)c,      f->reason,  f->url,
                                      effective_url(f), proxy_of(f), &f->options };
        result.code = f->refused ? -DDM_E_PERMISSION : fetch_curl_code(&end);
        describe(f, &end, message, sizeof message);
    }
    if (!f->gone) {
        f->gone = true;
        f->ops->on_done(f->arg, &result);
    }
    return FETCH_ENDED;
}
