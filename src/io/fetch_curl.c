/* SPDX-License-Identifier: MIT */
#include "io/fetch_curl.h"

#include "base/str.h"
#include "base/util.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_TIMEOUT 20L /* s */
#define MAX_REDIRECTS   10L

static int add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    *headers = longer ? longer : *headers;
    return longer ? 0 : -1;
}

static int set_range(CURL *easy, const struct fetch_request *request)
{
    char range[64];
    if (request->end == 0)
        return 0;
    snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)request->begin,
             (unsigned long long)request->end - 1);
    return curl_easy_setopt(easy, CURLOPT_RANGE, range) == CURLE_OK ? 0 : -1;
}

static int set_method(CURL *easy, struct curl_slist **headers, const struct fetch_request *request)
{
    CURLcode c = CURLE_OK;
    if (request->body) {
        c = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
        if (add_header(headers, "Content-Type: application/json") < 0 ||
            add_header(headers, "Expect:") < 0)
            return -1;
    }
    if (c == CURLE_OK && request->method)
        c = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    return c == CURLE_OK ? 0 : -1;
}

static int set_headers(CURL *easy, struct curl_slist **headers, const struct fetch_request *request)
{
    for (const char *const *h = request->headers; h && *h; h++)
        if (add_header(headers, *h) < 0)
            return -1;
    if (!request->decode && add_header(headers, "Accept-Encoding: identity") < 0)
        return -1;
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers) == CURLE_OK ? 0 : -1;
}

/* The name or number as it is, without libcurl's prefixes ("if!", "host!"): connections are kept
 * apart by this text in all versions, by what stands behind a prefix not in all. A name is bound to
 * as a device, an address as a source; socket_open() does the rest. */
static int set_interface(CURL *easy, const struct fetch_request *request)
{
    if (!request->interface)
        return 0;
    return curl_easy_setopt(easy, CURLOPT_INTERFACE, request->interface) == CURLE_OK ? 0 : -1;
}

static void set_protocols(CURL *easy, const struct fetch_request *request)
{
    const char *after_redirect = str_starts_with(request->url, "https:") ? "https" : "http,https";
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "ddm/" DDM_VERSION);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, after_redirect);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->method ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (request->decode) /* asks for identity, and decodes what comes all the same */
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "identity");
}

static void set_connection(CURL *easy, const struct fetch_request *request)
{
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a slow resolver */
#endif
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
    if (request->no_proxy || request->allow) /* a proxy would hide the address from `allow` */
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (request->timeout > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout / MSEC));
}

int fetch_curl_set(void *easy, struct curl_slist **ret_headers, const struct fetch_request *request)
{
    if (curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK ||
        set_range(easy, request) < 0 || set_method(easy, ret_headers, request) < 0 ||
        set_headers(easy, ret_headers, request) < 0 || set_interface(easy, request) < 0)
        return -1;
    set_protocols(easy, request);
    set_connection(easy, request);
    return 0;
}

int fetch_curl_code(int code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return -DDM_E_USAGE;
    case CURLE_REMOTE_ACCESS_DENIED:
    case CURLE_REMOTE_FILE_NOT_FOUND:
    case CURLE_LOGIN_DENIED:
    case CURLE_TOO_MANY_REDIRECTS:
        return -DDM_E_REFUSED;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return -DDM_E_FAIL;
    default:
        return -DDM_E_NETWORK;
    }
}

void fetch_curl_reason(void *easy, int code, const char *text, const char *host, char *out,
                       size_t size)
{
    const char *reason = text[0] ? text : curl_easy_strerror((CURLcode)code);
    long os_error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
    if (code == CURLE_COULDNT_CONNECT && os_error > 0)
        snprintf(out, size, "cannot connect to %s: %s", host, strerror((int)os_error));
    else if (host[0] && !strstr(reason, host))
        snprintf(out, size, "%s: %s", host, reason);
    else
        snprintf(out, size, "%s", reason);
}
