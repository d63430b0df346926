/* SPDX-License-Identifier: MIT */
#include "io/url.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

void url_host(char out[static ADDRESS_HOST_SIZE], const char *url)
{
    char *host = NULL, *port = NULL;
    CURLU *u = curl_url();
    out[0] = '\0';
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        bool shown = curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        snprintf(out, ADDRESS_HOST_SIZE, "%s%s%s", host, shown ? ":" : "", shown ? port : "");
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

static bool can_fetch(const char *scheme)
{
    static const char *const schemes[] = { "http", "https", "ftp", "ftps" };
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    return false;
}

int url_check(const char *url, struct ddm_error *err)
{
    CURLU *u = curl_url();
    if (!u)
        return error_memory(err);
    int r = 0;
    char *scheme = NULL, *host = NULL;
    _cleanup_free_ char *shown = str_url_public(url);
    const char *colon = url + strcspn(url, ":/?#@");
    CURLUcode c = curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (!shown)
        r = error_memory(err);
    else if (c == CURLUE_BAD_SCHEME || strncmp(colon, "://", 3) != 0)
        r = error_set(err, DDM_E_USAGE, "URL '%.200s': write it with http:// or https://", shown);
    else if (strchr(url, ' '))
        r = error_set(err, DDM_E_USAGE, "URL '%.200s': write a space as %%20", shown);
    else if (colon[3] == '/' || colon[3] == '\\')
        r = error_set(err, DDM_E_USAGE, "URL '%.200s': no host", shown);
    else if (c != CURLUE_OK)
        r = error_set(err, DDM_E_USAGE, "URL '%.200s': %s", shown, curl_url_strerror(c));
    else if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK || !can_fetch(scheme))
        r = error_set(err, DDM_E_USAGE,
                      "URL '%.200s': only http, https, ftp and ftps can be "
                      "fetched",
                      shown);
    else if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host)
        r = error_set(err, DDM_E_USAGE, "URL '%.200s': no host", shown);
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
    return r;
}
