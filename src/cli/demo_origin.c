/* SPDX-License-Identifier: MIT */
#include "cli/demo_origin.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/httpd.h"
#include "io/loop.h"
#include "io/socket.h"
#include "swarm/messages.h"

#include <stdio.h>
#include <string.h>

#define ETAG "\"demo-1\""

/* The token bucket of one reply: what may gather while the reader is slow, the least that is worth
 * a call, and how long to wait for it. */
#define BURST (64 * KIB)
#define LEAST (8 * KIB)
#define WAIT  (4 * MSEC)

struct origin {
    struct loop *loop;
};

/* One reply on its way. */
struct stream {
    struct httpd_request *request;
    struct loop_timer *timer;
    uint64_t begin, end; /* of the file */
    int64_t filled;      /* when tokens were last added */
    double tokens;       /* bytes that may go now */
};

/* splitmix64: the 8 bytes of a block follow from its number. */
static uint64_t block(uint64_t number)
{
    uint64_t z = (number + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void demo_content(char *out, uint64_t offset, size_t length)
{
    while (length > 0) {
        uint64_t word = block(offset / 8);
        size_t skip = offset % 8, n = MIN(8 - skip, length);
        memcpy(out, (const char *)&word + skip, n);
        out += n;
        offset += n;
        length -= n;
    }
}

static ssize_t stream_read(void *arg, uint64_t position, char *buf, size_t size)
{
    struct stream *stream = arg;
    uint64_t at = stream->begin + position;
    int64_t now = loop_now();
    stream->tokens += (double)(now - stream->filled) / (double)SEC * (double)DEMO_RATE;
    stream->tokens = MIN(stream->tokens, (double)BURST);
    stream->filled = now;
    if (at >= stream->end)
        return -1;
    size = (size_t)MIN((uint64_t)size, stream->end - at);
    size_t n = MIN(size, (size_t)stream->tokens);
    if (n < MIN(size, (size_t)LEAST)) {
        loop_timer_start(stream->timer, WAIT, false);
        return 0;
    }
    demo_content(buf, at, n);
    stream->tokens -= (double)n;
    return (ssize_t)n;
}

static void stream_closed(void *arg)
{
    struct stream *stream = arg;
    loop_timer_free(stream->timer);
    free(stream);
}

static void on_timer(void *arg)
{
    struct stream *stream = arg;
    httpd_stream_resume(stream->request);
}

/* "bytes=5-9", "bytes=5-" or "bytes=-5". 0, 1 where it is no range that we know (the whole file is
 * sent then), -1 where it lies behind the end. */
static int parse_range(const char *text, uint64_t *ret_begin, uint64_t *ret_end)
{
    static const char unit[] = "bytes=";
    uint64_t first = 0, last = DEMO_SIZE - 1;
    if (!text || !str_starts_with(text, unit))
        return 1;
    text += strlen(unit);
    size_t digits = strcspn(text, "-");
    if (!text[digits])
        return 1;
    const char *rest = text + digits + 1;
    if (digits == 0) {
        if (str_to_u64(rest, &last) < 0)
            return 1;
        first = DEMO_SIZE - MIN(last, DEMO_SIZE);
        last = DEMO_SIZE - 1;
    } else if (str_to_u64_n(text, digits, &first) < 0 || (*rest && str_to_u64(rest, &last) < 0) ||
               last < first) {
        return first > last && !*rest ? -1 : 1;
    }
    if (first >= DEMO_SIZE)
        return -1;
    *ret_begin = first;
    *ret_end = MIN(last, DEMO_SIZE - 1) + 1;
    return 0;
}

static void serve(void *arg, struct httpd_request *request)
{
    static const struct httpd_stream_ops ops = { stream_read, stream_closed };
    struct origin *origin = arg;
    char content_range[80];
    uint64_t begin = 0, end = DEMO_SIZE;
    const char *if_range = httpd_header(request, "If-Range");
    int r = if_range && strcmp(if_range, ETAG) != 0
                ? 1
                : parse_range(httpd_header(request, "Range"), &begin, &end);
    if (r < 0) {
        snprintf(content_range, sizeof content_range, "bytes */%llu",
                 (unsigned long long)DEMO_SIZE);
        httpd_set_header(request, "Content-Range", content_range);
        httpd_reply_error(request, 416, "range", "the range lies behind the end");
        return;
    }
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream || loop_timer_new(&stream->timer, origin->loop, on_timer, stream) < 0) {
        free(stream);
        httpd_reply_error(request, 500, "memory", "out of memory");
        return;
    }
    stream->request = request;
    stream->begin = begin;
    stream->end = end;
    stream->filled = loop_now();
    httpd_set_header(request, "Accept-Ranges", "bytes");
    httpd_set_header(request, "ETag", ETAG);
    if (r == 0) {
        snprintf(content_range, sizeof content_range, "bytes %llu-%llu/%llu",
                 (unsigned long long)begin, (unsigned long long)end - 1,
                 (unsigned long long)DEMO_SIZE);
        httpd_set_header(request, "Content-Range", content_range);
    }
    httpd_reply_stream(request, r == 0 ? 206 : 200, "application/octet-stream", end - begin, &ops,
                       stream);
}

enum ddm_code demo_origin_run(int ready_fd, struct ddm_error *err)
{
    static const struct httpd_route routes[] = {
        { .method = "GET", .path = DEMO_PATH, .handle = serve },
        { .method = NULL },
    };
    const struct address loopback = { .host = "127.0.0.1" };
    struct origin origin = { 0 };
    struct sockaddr_storage at;
    struct httpd *httpd = NULL;
    struct httpd_config config = {
        .listen = (const struct sockaddr *)&at,
        .routes = routes,
        .arg = &origin,
        .error_body = message_error,
    };
    int r = loop_new(&origin.loop);
    if (r < 0)
        return -error_set(err, DDM_E_FAIL, "the event loop does not start");
    r = socket_resolve_listen(&at, &config.listen_length, &loopback, err);
    if (r == 0)
        r = httpd_new(&httpd, origin.loop, &config, err);
    if (r == 0) {
        uint16_t port = httpd_port(httpd);
        if (write(ready_fd, &port, sizeof port) == sizeof port)
            loop_run(origin.loop);
        r = error_set(err, DDM_E_FAIL, "nobody waits for the origin");
    }
    httpd_free(httpd);
    loop_free(origin.loop);
    return (enum ddm_code) - r;
}
