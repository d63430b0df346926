/* SPDX-License-Identifier: MIT */
/* Requests and replies. One request:
 *
 *     NEW ─first call─▶ RECEIVING ─whole body─▶ HANDLING ─reply─▶ REPLIED
 *
 * libmicrohttpd closes the connection after a reply that is queued on the first call of its
 * handler, so errors wait for the second one (a body that is announced as too large is the
 * exception: there the connection shall close). A connection without anything to send is
 * suspended; it is out of libmicrohttpd's epoll then, so that a watch of our own tells when the
 * other side goes away. */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "io/httpd_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STREAM_MEMORY (4u * 1024 * 1024) /* for the blocks of streams, of all together */
#define BLOCK_MIN     (64u * 1024)
#define BLOCK_MAX     (1024u * 1024) /* of one send(): the larger, the fewer wake-ups */
#define DISCARD_MAX   (1024 * 1024)  /* of a body that nobody wants, before the cut */

#define BODY_TIME     (10 * SEC) /* for a body, and besides: */
#define BODY_RATE     1024       /* bytes/s, at least */
#define SEND_TIME     (60 * SEC) /* for a reply that is no stream */

/* ---- suspend and resume ---- */

static void suspend(struct httpd_request *r)
{
    if (!r->suspended) {
        r->suspended = true;
        MHD_suspend_connection(r->connection);
    }
}

void httpd_resume(struct httpd_request *r)
{
    if (r->suspended) {
        r->suspended = false;
        MHD_resume_connection(r->connection);
        loop_defer_call(r->httpd->defer);
    }
}

static void on_hangup(void *arg, int events)
{
    struct httpd_request *r = arg;
    if (r->gone)
        return;
    r->gone = true;
    loop_watch_set(r->watch, 0);
    if (r->on_gone && !r->stream && !r->response)
        r->on_gone(r->gone_arg);
    r->on_gone = NULL;
    httpd_resume(r);
}

static void watch_for_hangup(struct httpd_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!r->watch && info &&
        loop_watch_new(&r->watch, r->httpd->loop, info->connect_fd, on_hangup, r) == 0)
        loop_watch_set(r->watch, LOOP_HANGUP);
}

/* ---- replies ---- */

static enum MHD_Result queue_response(struct httpd_request *r)
{
    struct MHD_Response *response = TAKE(r->response);
    if (!r->stream)
        httpd_connection_phase(r->from, HTTPD_SEND, SEND_TIME);
    enum MHD_Result ok = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    return ok;
}

static void send_response(struct httpd_request *r, unsigned status, const char *type,
                          struct MHD_Response *response)
{
    if (!response) {
        r->gone = true; /* no memory: the connection is cut */
        httpd_resume(r);
        return;
    }
    if (type)
        MHD_add_response_header(response, "Content-Type", type);
    for (unsigned i = 0; i < r->header_count; i++)
        MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    r->response = response;
    r->status = status;
    httpd_resume(r); /* libmicrohttpd then asks again, and the reply is queued */
}

void httpd_set_header(struct httpd_request *request, const char *name, const char *value)
{
    if (request->header_count == ARRAY_SIZE(request->headers) || strpbrk(value, "\r\n"))
        return;
    unsigned i = request->header_count++;
    str_copy(request->headers[i].name, sizeof request->headers[i].name, name);
    str_copy(request->headers[i].value, sizeof request->headers[i].value, value);
}

void httpd_reply(struct httpd_request *request, unsigned status, const char *content_type,
                 char *body)
{
    size_t length = body ? strlen(body) : 0;
    httpd_connection_sends(request->from, length);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        length, body ? body : (char *)"", body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response)
        free(body);
    send_response(request, status, body ? content_type : NULL, response);
}

void httpd_reply_error(struct httpd_request *request, unsigned status, const char *code,
                       const char *format, ...)
{
    char message[512];
    va_list ap;
    va_start(ap, format);
    vsnprintf(message, sizeof message, format, ap);
    va_end(ap);
    httpd_reply(request, status, "application/json", request->httpd->error_body(code, message));
}

/* What fails ends its connection: nothing can be written to it any more, and libmicrohttpd notices.
 * MHD_CONTENT_READER_END_WITH_ERROR would be left in its list until the time for idle ones is over
 * (0.9.75, with epoll). */
static ssize_t read_stream(void *arg, uint64_t position, char *buf, size_t size)
{
    struct httpd_request *r = arg;
    ssize_t n = r->gone ? -1 : r->stream->read(r->stream_arg, position, buf, size);
    if (n == 0)
        suspend(r);
    if (n >= 0)
        return n;
    r->gone = true;
    shutdown(r->from->fd, SHUT_RDWR);
    buf[0] = 0; /* never leaves */
    return 1;
}

static size_t block_size(unsigned active)
{
    unsigned share = MIN(STREAM_MEMORY / MAX(active, 1u), BLOCK_MAX);
    return MAX(share, BLOCK_MIN);
}

uint64_t httpd_stream_memory(unsigned streams)
{
    uint64_t sum = 0;
    for (unsigned n = 1; n <= streams; n++)
        sum += block_size(n);
    return sum;
}

void httpd_reply_stream(struct httpd_request *request, unsigned status, const char *content_type,
                        uint64_t length, const struct httpd_stream_ops *ops, void *arg)
{
    request->stream = ops;
    request->stream_arg = arg;
    send_response(request, status, content_type,
                  MHD_create_response_from_callback(length, block_size(request->httpd->active),
                                                    read_stream, request, NULL));
}

void httpd_stream_resume(struct httpd_request *request)
{
    httpd_resume(request);
}

void httpd_cut(struct httpd_request *request)
{
    request->gone = true;
    shutdown(request->from->fd, SHUT_RDWR);
    httpd_resume(request);
}

/* ---- requests ---- */

/* Matches path against a pattern with at most one {}, which takes one segment. */
static bool match(const char *pattern, const char *path, char *segment, size_t size)
{
    const char *hole = strstr(pattern, "{}");
    if (!hole)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(hole - pattern), after = strlen(hole + 2), length = strlen(path);
    if (length <= before + after || strncmp(pattern, path, before) != 0 ||
        strcmp(path + length - after, hole + 2) != 0)
        return false;
    size_t width = length - before - after;
    if (width >= size || memchr(path + before, '/', width))
        return false;
    memcpy(segment, path + before, width);
    segment[width] = '\0';
    return true;
}

static void find_route(struct httpd_request *r, const char *method, const char *path)
{
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (const struct httpd_route *route = r->httpd->routes; route->method; route++) {
        if (!match(route->path, path, r->segment, sizeof r->segment))
            continue;
        if (strcmp(route->method, method) == 0) {
            r->route = route;
            return;
        }
        r->allowed = route->method;
    }
}

static enum MHD_Result reply_too_large(struct httpd_request *r)
{
    httpd_set_header(r, "Connection", "close");
    httpd_reply_error(r, 413, "too_large", "the body is too large: at most %zu bytes here",
                      r->route ? r->route->max_body : 0);
    return r->response ? queue_response(r) : MHD_NO;
}

/* Without having read its body, so that the connection ends with it. */
static enum MHD_Result refuse(struct httpd_request *r)
{
    httpd_set_header(r, "Connection", "close");
    httpd_reply_error(r, r->refusal->status, r->refusal->code, "%s", r->refusal->message);
    return r->response ? queue_response(r) : MHD_NO;
}

static enum MHD_Result begin_request(struct httpd *h, struct MHD_Connection *connection,
                                     const char *path, const char *method, const char *version,
                                     void **state)
{
    struct httpd_connection *from = httpd_connection_of(connection);
    struct httpd_request *r = from ? calloc(1, sizeof *r) : NULL;
    if (!r)
        return MHD_NO;
    r->httpd = h;
    r->connection = connection;
    r->from = from;
    list_push_back(&h->requests, &r->link);
    h->active++;
    *state = r;
    find_route(r, method, path);
    r->refusal = httpd_guard_check(r, method, version);
    if (r->refusal && r->refusal->close)
        return refuse(r);

    size_t room = r->route ? r->route->max_body : 0;
    uint64_t announced = 0;
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (length && str_to_u64(length, &announced) == 0 && announced > MAX(room, (size_t)1024))
        return reply_too_large(r);
    httpd_connection_phase(from, HTTPD_BODY, BODY_TIME + (int64_t)(room / BODY_RATE) * SEC);
    r->body_room = (size_t)MIN(announced, (uint64_t)room); /* that is how many come */
    r->body = malloc(r->body_room + 1);
    return r->body ? MHD_YES : MHD_NO;
}

/* Takes a part of the body; what is over the limit is thrown away, up to a limit of its own. */
static enum MHD_Result take_body(struct httpd_request *r, const char *data, size_t *length)
{
    size_t room = r->body_room - r->body_length;
    size_t n = MIN(*length, room);
    memcpy(r->body + r->body_length, data, n);
    r->body_length += n;
    r->discarded += *length - n;
    *length = 0;
    return r->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
}

static void handle_request(struct httpd_request *r)
{
    r->body[r->body_length] = '\0';
    httpd_connection_phase(r->from, HTTPD_ANSWER, 0);
    if (r->httpd->tls && !httpd_tls_member(r)) {
        httpd_set_header(r, "Connection", "close");
        httpd_reply_error(r, 403, "certificate", "your certificate does not count any more");
    } else if (r->refusal) {
        httpd_reply_error(r, r->refusal->status, r->refusal->code, "%s", r->refusal->message);
    } else if (!r->route && r->allowed) {
        httpd_set_header(r, "Allow", r->allowed);
        httpd_reply_error(r, 405, "method_not_allowed", "this path takes %s", r->allowed);
    } else if (!r->route) {
        httpd_reply_error(r, 404, "not_found", "no such path");
    } else if (r->discarded > 0) {
        httpd_reply_error(r, 413, "too_large", "the body is too large: at most %zu bytes here",
                          r->route->max_body);
    } else {
        watch_for_hangup(r);
        r->route->handle(r->httpd->arg, r);
    }
}

enum MHD_Result httpd_on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *length, void **state)
{
    struct httpd_request *r = *state;
    if (!r)
        return begin_request(arg, connection, path, method, version, state);
    if (*length > 0)
        return take_body(r, data, length);
    if (!r->handling) {
        r->handling = true;
        handle_request(r);
    }
    if (r->response)
        return queue_response(r);
    if (r->gone)
        return MHD_NO;
    suspend(r);
    return MHD_YES;
}

void httpd_on_completed(void *arg, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode why)
{
    struct httpd_request *r = *state;
    if (!r)
        return;
    *state = NULL;
    r->watch = loop_watch_free(r->watch);
    if (r->stream)
        r->stream->closed(r->stream_arg);
    else if (r->on_gone && why != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        r->on_gone(r->gone_arg);
    if (r->response)
        MHD_destroy_response(r->response);
    httpd_connection_phase(r->from, HTTPD_IDLE, r->httpd->idle_time);
    list_remove(&r->link);
    r->httpd->active--;
    free(r->body);
    free(r);
}

const char *httpd_segment(const struct httpd_request *request)
{
    return request->segment;
}

const char *httpd_query(const struct httpd_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *httpd_body(const struct httpd_request *request, size_t *ret_length)
{
    *ret_length = request->body_length;
    return request->body;
}

const struct sockaddr *httpd_remote(const struct httpd_request *request)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info->client_addr;
}

const char *httpd_client(const struct httpd_request *request)
{
    return request->from->client->name;
}

void httpd_set_gone(struct httpd_request *request, void (*on_gone)(void *arg), void *arg)
{
    request->on_gone = on_gone;
    request->gone_arg = arg;
}
