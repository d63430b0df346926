/* SPDX-License-Identifier: MIT */
/* `ddm swarm show`: what may be known of this machine's membership. The token is read by others and
 * only its fingerprints and trackers come here. */
#include "cli/swarm.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct shown {
    const struct membership *membership;
    const struct token *token;
    const struct tls_files *files;
    int64_t expires;
    char fingerprints[TLS_KEYS][TLS_FINGERPRINT_SIZE];
};

static int look(struct shown *ret, const struct membership *membership, struct ddm_error *err)
{
    const struct tls_node *node = membership_tls(membership);
    *ret = (struct shown){
        .membership = membership,
        .token = membership_token(membership),
        .files = tls_node_files(node),
        .expires = tls_node_expires(node),
    };
    for (size_t i = 0; i < ret->token->key_count; i++)
        if (tls_fingerprint(ret->fingerprints[i], &ret->token->keys[i]) < 0)
            return error_set(err, DDM_E_FAIL, "the fingerprint of the key cannot be computed");
    return 0;
}

/* ---- for people ---- */

/* As one word of a shell. */
static void print_word(const char *text)
{
    static const char safe[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./,:+@";
    if (text[strspn(text, safe)] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('\'');
    for (; *text; text++)
        fputs(*text == '\'' ? "'\\''" : (char[]){ *text, '\0' }, stdout);
    putchar('\'');
}

/* Certificates name the node and "ddm", not its address: curl is told where that is. */
static void print_curl(const struct shown *shown)
{
    char at[ADDRESS_TEXT_SIZE] = "127.0.0.1:7070";
    if (shown->token->tracker_count > 0)
        address_format(at, &shown->token->trackers[0]);
    fputs("  curl --cacert ", stdout);
    print_word(shown->files->ca);
    fputs(" --cert ", stdout);
    print_word(shown->files->certificate);
    fputs(" --key ", stdout);
    print_word(shown->files->key);
    printf(" --connect-to " TLS_ANY_MEMBER ":443:%s https://" TLS_ANY_MEMBER "/v1/status\n", at);
}

static void print_text(const struct shown *shown)
{
    char text[ADDRESS_TEXT_SIZE], date[SWARM_DATE_SIZE], name[PATH_MAX];
    const struct token *token = shown->token;
    printf("node         %s\n", membership_node_id(shown->membership));
    printf("swarm        %s\n", shown->fingerprints[0]);
    if (token->key_count > 1)
        printf("old key      %s\n             %s %s\n", shown->fingerprints[1],
               token->keys[1].ends > time(NULL) ? "until" : "ended",
               swarm_date(date, token->keys[1].ends));
    for (size_t i = 0; i < token->tracker_count; i++)
        printf("%-12s %s\n", i == 0 ? "trackers" : "", address_format(text, &token->trackers[i]));
    if (token->tracker_count == 0)
        puts("trackers     none are named: this machine's own, or --tracker");
    printf("certificate  %s\n", str_printable(name, sizeof name, shown->files->certificate));
    printf("             until %s, renewed before by itself\n", swarm_date(date, shown->expires));
    printf("its key      %s\n", str_printable(name, sizeof name, shown->files->key));
    printf("authority    %s\n", str_printable(name, sizeof name, shown->files->ca));
    puts("\nSo others than ddm can ask trackers and peers:");
    print_curl(shown);
}

/* ---- for programs ---- */

static void print_json_text(const char *before, const char *text)
{
    char escaped[6 * PATH_MAX];
    printf("%s\"%s\"", before, str_json_escape(escaped, sizeof escaped, text));
}

static void print_json(const struct shown *shown)
{
    char text[ADDRESS_TEXT_SIZE];
    const struct token *token = shown->token;
    print_json_text("{\"node_id\":", membership_node_id(shown->membership));
    print_json_text(",\"fingerprint\":", shown->fingerprints[0]);
    if (token->key_count > 1) {
        print_json_text(",\"old_key\":{\"fingerprint\":", shown->fingerprints[1]);
        printf(",\"ends\":%lld}", (long long)token->keys[1].ends);
    }
    fputs(",\"trackers\":[", stdout);
    for (size_t i = 0; i < token->tracker_count; i++)
        print_json_text(i == 0 ? "" : ",", address_format(text, &token->trackers[i]));
    print_json_text("],\"certificate\":{\"file\":", shown->files->certificate);
    printf(",\"expires\":%lld}", (long long)shown->expires);
    print_json_text(",\"key_file\":", shown->files->key);
    print_json_text(",\"ca_file\":", shown->files->ca);
    puts("}");
}

static int show(const char *folder, bool json, struct ddm_error *err)
{
    struct membership *membership = NULL;
    struct shown shown;
    int r = membership_open(&membership, folder, err);
    if (r == 0)
        r = look(&shown, membership, err);
    if (r == 0 && json)
        print_json(&shown);
    else if (r == 0)
        print_text(&shown);
    membership_free(membership);
    return r;
}

int swarm_show_command(const struct options *options)
{
    struct ddm_error error;
    char place[PATH_MAX];
    const char *given = swarm_folder(options, place, &error);
    /* The paths are for anywhere. What is not there says so itself. */
    _cleanup_free_ char *full = given ? realpath(given, NULL) : NULL;
    if (!given || show(full ? full : given, options_bool(options, OPTION_JSON), &error) < 0)
        return command_error(&error);
    return fflush(stdout) == 0 ? DDM_OK : DDM_E_DISK;
}
