/* SPDX-License-Identifier: MIT */
#include "cli/request.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/ask.h"
#include "cli/file.h"
#include "cli/state.h"

#include <string.h>

#define HEADER_FILE_MAX ((size_t)MIB)

/* Appends a copy to a list of the request. */
static int append(char ***list, const char *text, size_t length, struct ddm_error *err)
{
    size_t count = 0;
    while (*list && (*list)[count])
        count++;
    char **grown = reallocarray(*list, count + 2, sizeof *grown);
    if (!grown)
        return error_memory(err);
    *list = grown;
    grown[count] = strndup(text, length);
    grown[count + 1] = NULL;
    return grown[count] ? 0 : error_memory(err);
}

static int append_all(char ***list, const char *const *texts, struct ddm_error *err)
{
    int r = 0;
    for (; texts && *texts && r == 0; texts++)
        r = append(list, *texts, strlen(*texts), err);
    return r;
}

static char **list_free(char **list)
{
    for (char **at = list; at && *at; at++) {
        explicit_bzero(*at, strlen(*at)); /* headers can be secrets */
        free(*at);
    }
    free(list);
    return NULL;
}

static int take_mirrors(struct request *request, const struct options *options,
                        const struct ddm_options *metalink, struct ddm_error *err)
{
    int r = append_all(&request->mirrors, metalink ? metalink->mirrors : NULL, err);
    for (size_t i = 1; i < options->operand_count && !metalink && r == 0; i++)
        r = append(&request->mirrors, options->operands[i], strlen(options->operands[i]), err);
    return r == 0 ? append_all(&request->mirrors, options_list(options, OPTION_MIRROR), err) : r;
}

/* One header a line; blank lines are left out. What is in it is in no message. */
static int read_headers(struct request *request, const char *path, struct ddm_error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = file_read(path, HEADER_FILE_MAX, &text, &length, err);
    if (r > 0)
        r = error_set(err, DDM_E_USAGE, "%s: no such file", path);
    if (r == 0 && memchr(text, '\0', length))
        r = error_set(err, DDM_E_USAGE, "%s: a NUL byte is in it", path);
    for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n")) != NULL;) {
        size_t end = strlen(line);
        if (end > 0 && line[end - 1] == '\r')
            end--;
        if (strspn(line, " \t") < end)
            r = append(&request->headers, line, end, err);
    }
    if (text)
        explicit_bzero(text, length);
    return r < 0 ? error_prefix(err, "--header") : 0;
}

static int take_headers(struct request *request, const struct options *options,
                        struct ddm_error *err)
{
    int r = 0;
    const char *const *header = options_list(options, OPTION_HEADER);
    for (; header && *header && r == 0; header++)
        r = **header == '@' ? read_headers(request, *header + 1, err)
                            : append(&request->headers, *header, strlen(*header), err);
    return r;
}

/* The password that was not given is asked for once, whatever lines of a batch need it. */
static int take_user(struct request *request, const struct options *options, struct ddm_error *err)
{
    static char *last;
    const char *user = options_text(options, OPTION_USER);
    _cleanup_free_ char *password = NULL;
    size_t length = user ? strlen(user) : 0;
    if (!user || strchr(user, ':')) {
        request->user = user ? strdup(user) : NULL;
        return user && !request->user ? error_memory(err) : 0;
    }
    if (!last || strncmp(last, user, length) != 0 || last[length] != ':') {
        int r = ask_password(user, &password, err);
        if (r < 0)
            return r;
        free(last);
        last = str_format("%s:%s", user, password);
        explicit_bzero(password, strlen(password));
    }
    request->user = last ? strdup(last) : NULL;
    return request->user ? 0 : error_memory(err);
}

/* "none" as in lists; the library says it with an empty one. */
static const char *proxy_of(const struct options *options)
{
    const char *proxy = options_text(options, OPTION_PROXY);
    return proxy && strcmp(proxy, "none") == 0 ? "" : proxy;
}

static void fill(struct request *request, const struct options *options)
{
    struct ddm_options *to = &request->options;
    uint64_t spot_check = options_number(options, OPTION_SPOT_CHECK);
    if (!to->url)
        to->url = options->operands[0];
    if (options_text(options, OPTION_OUTPUT))
        to->output = options_text(options, OPTION_OUTPUT);
    if (options_list(options, OPTION_CHECKSUM))
        to->checksums = options_list(options, OPTION_CHECKSUM);
    to->directory = options_text(options, OPTION_DIRECTORY);
    to->trackers = options_list(options, OPTION_TRACKER);
    to->quiet_tracker = !options_given(options, OPTION_TRACKER);
    to->peers = options_list(options, OPTION_PEER);
    to->host_id = options_text(options, OPTION_HOST_ID);
    to->cache_folder = options_text(options, OPTION_CACHE_DIR);
    to->signing_parameters = options_list(options, OPTION_SIGNING_PARAMETERS);
    to->interfaces = options_list(options, OPTION_INTERFACE);
    to->connections = (unsigned)options_number(options, OPTION_CONNECTIONS);
    to->retries = (unsigned)options_number(options, OPTION_RETRIES);
    to->limit_rate = options_number(options, OPTION_LIMIT_RATE);
    to->max_time = (int64_t)options_number(options, OPTION_MAX_TIME);
    to->connect_timeout = (int64_t)options_number(options, OPTION_CONNECT_TIMEOUT);
    to->no_peers = options_bool(options, OPTION_NO_PEERS);
    to->insecure = options_bool(options, OPTION_INSECURE);
    to->state_dir = request->state_dir;
    to->force = options_bool(options, OPTION_FORCE);
    to->only_newer = options_bool(options, OPTION_ONLY_NEWER);
    bool checks = options_given(options, OPTION_SPOT_CHECK);
    to->spot_check = !checks ? 0 : spot_check == 0 ? -1 : (int)spot_check;
    to->share_headers = options_list(options, OPTION_HEADER_FOR_PEERS);
    to->netrc = options_bool(options, OPTION_NETRC);
    to->cookies = options_text(options, OPTION_COOKIES);
    to->referer = options_text(options, OPTION_REFERER);
    to->user_agent = options_text(options, OPTION_USER_AGENT);
    to->proxy = proxy_of(options);
    to->allow_redirects = options_list(options, OPTION_ALLOW_REDIRECT);
    to->mirrors = (const char *const *)request->mirrors;
    to->headers = (const char *const *)request->headers;
    to->user = request->user;
    request->on_complete = options_text(options, OPTION_ON_COMPLETE);
}

static int take_state_dir(struct request *request, const struct options *options,
                          struct ddm_error *err)
{
    char out[PATH_MAX];
    const char *folder = state_folder(options, out);
    request->state_dir = folder ? strdup(folder) : NULL;
    return folder && !request->state_dir ? error_memory(err) : 0;
}

int request_init(struct request *ret, const struct options *options,
                 const struct ddm_options *metalink, struct ddm_error *err)
{
    struct request request = { 0 };
    if (metalink)
        request.options = *metalink;
    int r = take_mirrors(&request, options, metalink, err);
    if (r == 0)
        r = take_headers(&request, options, err);
    if (r == 0)
        r = take_user(&request, options, err);
    if (r == 0)
        r = take_state_dir(&request, options, err);
    if (r < 0) {
        request_release(&request);
        return r;
    }
    fill(&request, options);
    *ret = request;
    return 0;
}

void request_release(struct request *request)
{
    request->mirrors = list_free(request->mirrors);
    request->headers = list_free(request->headers);
    if (request->user)
        explicit_bzero(request->user, strlen(request->user));
    free(request->user);
    free(request->state_dir);
    request->user = request->state_dir = NULL;
}

static void ignore_event(void *arg, const struct ddm_event *event)
{
    (void)arg;
    (void)event;
}

int request_check(const struct request *request, struct ddm_error *err)
{
    struct ddm_download *download = NULL;
    struct ddm_error error;
    enum ddm_code code = ddm_download_new(&download, &request->options, ignore_event, NULL, &error);
    ddm_download_free(download);
    return code == DDM_OK ? 0 : error_set(err, error.code, "%s", error.message);
}
