/* SPDX-License-Identifier: MIT */
#include "io/fetch_curl.h"

#include "base/str.h"
#include "base/util.h"
#include "io/tls.h"
#include "io/url.h"

#include <curl/curl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT (20 * SEC)
#define MAX_REDIRECTS   10L
#define MEMBER_LIFETIME 300L /* s, of a connection between members */
#define ANY_TO          "::" /* of CURLOPT_CONNECT_TO: for any host and port */

static int add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    *headers = longer ? longer : *headers;
    return longer ? 0 : -1;
}

/* From 0 libcurl sends no REST over FTP, so it is asked whether the server knows it. Over SFTP it
 * tells the length of what follows alone, so that must be all to the end of the file; who has
 * enough ends it. */
static int set_range(CURL *easy, struct fetch_curl *o, const struct fetch_request *request)
{
    char range[64];
    if (request->end == 0)
        return 0;
    int n = snprintf(range, sizeof range, "%llu-", (unsigned long long)request->begin);
    if (strcmp(o->scheme, "sftp") != 0)
        snprintf(range + n, sizeof range - (size_t)n, "%llu", (unsigned long long)request->end - 1);
    if (str_starts_with(o->scheme, "ftp") && request->begin == 0) {
        if (add_header(&o->commands, "*REST 0") < 0 ||
            curl_easy_setopt(easy, CURLOPT_QUOTE, o->commands) != CURLE_OK)
            return -1;
    }
    return curl_easy_setopt(easy, CURLOPT_RANGE, range) == CURLE_OK ? 0 : -1;
}

static int set_method(CURL *easy, struct fetch_curl *o, const struct fetch_request *request)
{
    CURLcode c = CURLE_OK;
    if (request->body) {
        c = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body);
        if (add_header(&o->headers, "Content-Type: application/json") < 0 ||
            add_header(&o->headers, "Expect:") < 0)
            return -1;
    }
    if (c == CURLE_OK && request->method)
        c = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    return c == CURLE_OK ? 0 : -1;
}

/* In both lists, or only in that for the URL's host. */
static int add_both(struct fetch_curl *o, const char *line, bool secret)
{
    return add_header(&o->headers, line) < 0 || (!secret && add_header(&o->elsewhere, line) < 0)
               ? -1
               : 0;
}

static int set_headers(CURL *easy, struct fetch_curl *o, const struct fetch_request *request)
{
    const struct fetch_profile *profile = request->profile;
    for (const char *const *h = request->headers; h && *h; h++)
        if (add_both(o, *h, false) < 0)
            return -1;
    for (const char *const *h = profile ? profile->headers : NULL; h && *h; h++)
        if (add_both(o, *h, fetch_header_is_secret(*h)) < 0)
            return -1;
    if (!request->decode && add_both(o, "Accept-Encoding: identity", false) < 0)
        return -1;
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, o->headers) == CURLE_OK ? 0 : -1;
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

static void set_protocols(CURL *easy, const struct fetch_curl *o,
                          const struct fetch_request *request)
{
    const char *after_redirect = strcmp(o->scheme, "https") == 0 ? "https" : "http,https";
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                     url_knows_sftp() ? "http,https,ftp,ftps,sftp" : "http,https,ftp,ftps");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, after_redirect);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, request->method ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (request->decode) /* asks for identity, and decodes what comes all the same */
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "identity");
    curl_easy_setopt(easy, CURLOPT_FILETIME, 1L);
    /* One command for the folder. The address that PASV names is not looked at. */
    curl_easy_setopt(easy, CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_SINGLECWD);
    curl_easy_setopt(easy, CURLOPT_FTP_SKIP_PASV_IP, 1L);
    /* Servers want the connection for data to take up the session of the other one (vsftpd's
     * require_ssl_reuse); with TLS 1.3 GnuTLS has none by then. */
    if (strcmp(o->scheme, "ftps") == 0)
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_MAX_TLSv1_2);
}

static void set_connection(CURL *easy, const struct fetch_request *request)
{
    const struct fetch_profile *profile = request->profile;
    int64_t timeout =
        profile && profile->connect_timeout > 0 ? profile->connect_timeout : CONNECT_TIMEOUT;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)((timeout + MSEC - 1) / MSEC));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for a slow resolver */
#endif
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's reply is no head */
    if (request->no_proxy && !(profile && profile->proxy))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (request->timeout > 0)
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout / MSEC));
}

/* The first key that there is; libcurl itself knows those of RSA and DSA only. */
static CURLcode set_ssh_key(CURL *easy, const char *home)
{
    static const char *const names[] = { "id_ed25519", "id_ecdsa", "id_rsa" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = str_format("%s/.ssh/%s", home, names[i]);
        if (!path)
            return CURLE_OUT_OF_MEMORY;
        if (access(path, R_OK) == 0)
            return curl_easy_setopt(easy, CURLOPT_SSH_PRIVATE_KEYFILE, path);
    }
    return CURLE_OK;
}

/* Keys and the agent are of whoever runs this: for requests of one's own only. */
static CURLcode set_ssh(CURL *easy, const struct fetch_curl *o, const struct fetch_request *request)
{
    const struct fetch_profile *profile = request->profile;
    const char *home = getenv("HOME");
    if (strcmp(o->scheme, "sftp") != 0)
        return CURLE_OK;
    home = home ? home : "";
    _cleanup_free_ char *hosts = str_format("%s/.ssh/known_hosts", home);
    bool own = profile && profile->keys;
    const struct passwd *me = own && !o->login ? getpwuid(getuid()) : NULL;
    CURLcode c =
        hosts ? curl_easy_setopt(easy, CURLOPT_SSH_KNOWNHOSTS, hosts) : CURLE_OUT_OF_MEMORY;
    if (c == CURLE_OK)
        c = curl_easy_setopt(easy, CURLOPT_SSH_AUTH_TYPES,
                             own ? (long)CURLSSH_AUTH_ANY : (long)CURLSSH_AUTH_PASSWORD);
    if (c == CURLE_OK && own)
        c = set_ssh_key(easy, home);
    if (c == CURLE_OK && me)
        c = curl_easy_setopt(easy, CURLOPT_USERNAME, me->pw_name);
    return c;
}

static CURLcode set_profile(CURL *easy, struct fetch_curl *o, const struct fetch_profile *profile)
{
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    if (!profile)
        return curl_easy_setopt(easy, CURLOPT_USERAGENT, "ddm/" DDM_VERSION);
    o->login |= profile->user || profile->netrc;
    curl_easy_setopt(easy, CURLOPT_NETRC,
                     (long)(profile->netrc ? CURL_NETRC_OPTIONAL : CURL_NETRC_IGNORED));
    CURLcode c = curl_easy_setopt(easy, CURLOPT_USERAGENT,
                                  profile->user_agent ? profile->user_agent : "ddm/" DDM_VERSION);
    if (c == CURLE_OK && profile->user)
        c = curl_easy_setopt(easy, CURLOPT_USERPWD, profile->user);
    if (c == CURLE_OK && profile->referer)
        c = curl_easy_setopt(easy, CURLOPT_REFERER, profile->referer);
    if (c == CURLE_OK && profile->proxy)
        c = curl_easy_setopt(easy, CURLOPT_PROXY, profile->proxy);
    return c;
}

/* Cookies of one request's redirects are kept for that request: some origins look whether they come
 * back. Not between our own machines, which never redirect. */
static CURLcode set_cookies(CURL *easy, const struct fetch_request *request)
{
    const char *file = request->profile ? request->profile->cookies : NULL;
    return request->method ? CURLE_OK
                           : curl_easy_setopt(easy, CURLOPT_COOKIEFILE, file ? file : "");
}

static CURLcode set_connect_to(CURL *easy, struct fetch_curl *o,
                               const struct fetch_request *request)
{
    char line[ADDRESS_TEXT_SIZE + 2];
    if (!request->connect_to)
        return CURLE_OK;
    snprintf(line, sizeof line, "%s%s", ANY_TO, request->connect_to);
    o->connect_to = curl_slist_append(NULL, line);
    return o->connect_to ? curl_easy_setopt(easy, CURLOPT_CONNECT_TO, o->connect_to)
                         : CURLE_OUT_OF_MEMORY;
}

/* Nobody but the swarm's CA is believed, and what ca.crt says counts for each new connection; kept
 * ones are as old as that at most, for a key may have ended since. */
static CURLcode set_tls(CURL *easy, const struct tls_files *tls)
{
    if (!tls)
        return CURLE_OK;
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, MEMBER_LIFETIME);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    CURLcode c = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    if (c == CURLE_OK)
        c = curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca);
    if (c == CURLE_OK)
        c = curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->certificate);
    return c == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key) : c;
}

int fetch_curl_set(void *easy, struct fetch_curl *ret, const struct fetch_request *request,
                   const struct tls_files *tls)
{
    char user[2], host[ADDRESS_HOST_SIZE];
    *ret = (struct fetch_curl){ .login = url_login(request->url, user, sizeof user) };
    if (!url_parts(request->url, ret->scheme, sizeof ret->scheme, host, sizeof host) ||
        curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK ||
        set_range(easy, ret, request) < 0 || set_method(easy, ret, request) < 0 ||
        set_headers(easy, ret, request) < 0 || set_interface(easy, request) < 0 ||
        set_profile(easy, ret, request->profile) != CURLE_OK ||
        set_cookies(easy, request) != CURLE_OK || set_ssh(easy, ret, request) != CURLE_OK ||
        set_connect_to(easy, ret, request) != CURLE_OK || set_tls(easy, tls) != CURLE_OK)
        return -1;
    set_protocols(easy, ret, request);
    set_connection(easy, request);
    return 0;
}

void fetch_curl_release(struct fetch_curl *options)
{
    curl_slist_free_all(options->headers);
    curl_slist_free_all(options->elsewhere);
    curl_slist_free_all(options->commands);
    curl_slist_free_all(options->connect_to);
    *options = (struct fetch_curl){ 0 };
}

/* libcurl itself holds back only Authorization and Cookie. */
void fetch_curl_direct(void *easy, const struct fetch_curl *options, const char *asked,
                       const char *url)
{
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
                     url_same_host(asked, url) ? options->headers : options->elsewhere);
}

void fetch_curl_use_digest(void *easy, struct fetch_curl *options)
{
    options->digest = true;
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_DIGEST);
}

void fetch_curl_drop_range(void *easy, struct fetch_curl *options)
{
    curl_easy_setopt(easy, CURLOPT_RANGE, NULL);
    curl_easy_setopt(easy, CURLOPT_QUOTE, NULL);
}

bool fetch_curl_wants_digest(void *easy, const struct fetch_curl *options)
{
    long offered = 0;
    return options->login && !options->digest &&
           curl_easy_getinfo(easy, CURLINFO_HTTPAUTH_AVAIL, &offered) == CURLE_OK &&
           (offered & (long)CURLAUTH_DIGEST) && !(offered & (long)CURLAUTH_BASIC);
}

/* ---- how it ended ---- */

static long get_number(const struct fetch_curl_end *end, CURLINFO what)
{
    long number = 0;
    return curl_easy_getinfo(end->easy, what, &number) == CURLE_OK ? number : 0;
}

/* A redirect to what cannot (-DDM_E_USAGE) or must not be fetched: from https to http. */
static bool is_bad_redirect(const struct fetch_curl_end *end)
{
    return (end->code == CURLE_UNSUPPORTED_PROTOCOL || end->code == CURLE_URL_MALFORMAT) &&
           get_number(end, CURLINFO_REDIRECT_COUNT) > 0;
}

static bool is_of_scheme(const char *url, const char *wanted)
{
    char scheme[8], host[ADDRESS_HOST_SIZE];
    return url_parts(url, scheme, sizeof scheme, host, sizeof host) && strcmp(scheme, wanted) == 0;
}

static bool is_login_of_proxy(const struct fetch_curl_end *end)
{
    long why = get_number(end, CURLINFO_PROXY_ERROR);
    return why == CURLPX_NO_AUTH || why == CURLPX_USER_REJECTED;
}

int fetch_curl_code(const struct fetch_curl_end *end)
{
    long by_proxy = get_number(end, CURLINFO_HTTP_CONNECTCODE);
    if ((is_bad_redirect(end) && is_of_scheme(end->url, "http")) ||
        (end->code != CURLE_OK && by_proxy >= 400 && by_proxy < 500))
        return -DDM_E_REFUSED;
    switch (end->code) {
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
    case CURLE_FTP_COULDNT_RETR_FILE: /* 4xx: not now */
        return get_number(end, CURLINFO_RESPONSE_CODE) >= 500 ? -DDM_E_REFUSED : -DDM_E_NETWORK;
    case CURLE_PEER_FAILED_VERIFICATION: /* of SSH: known_hosts lacks it, or has another key */
        return is_of_scheme(end->url, "sftp") ? -DDM_E_REFUSED : -DDM_E_NETWORK;
    case CURLE_PROXY:
        return is_login_of_proxy(end) ? -DDM_E_REFUSED : -DDM_E_NETWORK;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return -DDM_E_FAIL;
    default:
        return -DDM_E_NETWORK;
    }
}

static void redirect_reason(const struct fetch_curl_end *end, char *out, size_t size)
{
    char from[16] = "", to[16] = "", host[ADDRESS_HOST_SIZE], target[ADDRESS_HOST_SIZE];
    url_host(host, end->asked);
    url_parts(end->asked, from, sizeof from, target, sizeof target);
    if (url_parts(end->url, to, sizeof to, target, sizeof target))
        snprintf(out, size, "%s: redirect from %s to %s%s%s refused", host, from, to,
                 *target ? " at " : "", target);
    else
        snprintf(out, size, "%s: redirect to what is no URL", host);
}

/* Of a node of the swarm: by its address, for that is what people know it by. */
static void member_reason(const struct fetch_curl_end *end, const char *reason, char *out,
                          size_t size)
{
    const char *at = end->options->connect_to->data + strlen(ANY_TO);
    long os_error = get_number(end, CURLINFO_OS_ERRNO);
    bool cut = end->code == CURLE_GOT_NOTHING || end->code == CURLE_RECV_ERROR ||
               end->code == CURLE_SEND_ERROR;
    bool tls = is_of_scheme(end->url, "https");
    if (end->code == CURLE_COULDNT_CONNECT && os_error > 0)
        snprintf(out, size, "cannot connect to %s: %s", at, strerror((int)os_error));
    else if (tls && end->code == CURLE_PEER_FAILED_VERIFICATION)
        snprintf(out, size, "%s: shows no certificate of this swarm for that name", at);
    else if (tls && (end->code == CURLE_SSL_CONNECT_ERROR ||
                     (cut && get_number(end, CURLINFO_RESPONSE_CODE) == 0)))
        snprintf(out, size, "%s: no TLS between members of this swarm: %s", at, reason);
    else if (end->code == CURLE_GOT_NOTHING)
        snprintf(out, size, "%s: no answer to plain HTTP; a swarm with a key?", at);
    else
        snprintf(out, size, "%s: %s", at, reason);
}

void fetch_curl_reason(const struct fetch_curl_end *end, char *out, size_t size)
{
    const char *reason = end->text[0] ? end->text : curl_easy_strerror((CURLcode)end->code);
    long os_error = get_number(end, CURLINFO_OS_ERRNO);
    long by_proxy = get_number(end, CURLINFO_HTTP_CONNECTCODE);
    char host[ADDRESS_HOST_SIZE], proxy[ADDRESS_HOST_SIZE] = "";
    url_host(host, end->url);
    if (end->proxy)
        url_host(proxy, end->proxy);
    if (end->options->connect_to)
        member_reason(end, reason, out, size);
    else if (is_bad_redirect(end))
        redirect_reason(end, out, size);
    else if (by_proxy >= 400)
        snprintf(out, size, "%s: the proxy %s answered HTTP %ld", host, proxy, by_proxy);
    else if (end->code == CURLE_COULDNT_CONNECT && os_error > 0)
        snprintf(out, size, "cannot connect to %s%s: %s", *proxy ? "the proxy " : "",
                 *proxy ? proxy : host, strerror((int)os_error));
    else if (end->code == CURLE_PROXY)
        snprintf(out, size, "%s: the proxy %s: %s", host, proxy, reason);
    else if (end->code == CURLE_PEER_FAILED_VERIFICATION && is_of_scheme(end->url, "sftp"))
        snprintf(out, size, "%s: its key is not (or not the same) in ~/.ssh/known_hosts", host);
    else if (host[0] && !strstr(reason, host))
        snprintf(out, size, "%s: %s", host, reason);
    else
        snprintf(out, size, "%s", reason);
}
