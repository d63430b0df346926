/* SPDX-License-Identifier: MIT */
/* `ddm swarm init` and `ddm swarm token`; the table of these commands. The key is shown by `token`
 * alone. */
#include "cli/swarm.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/lan.h"
#include "cli/qr.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TRACKER_PORT = 7070 };

static const char *const init_examples[] = {
    "ddm swarm init",
    "the tracker will run on this machine",
    "ddm swarm init --tracker lab1,lab2:7000",
    "it will run on these",
    "ddm swarm init --rotate",
    "another key, because a machine was lost; the old one counts for a week yet",
    NULL,
};

static const char *const token_examples[] = {
    "ddm swarm token",
    "to paste it, or to scan it from the terminal",
    "ddm swarm token | ssh lab2 ddm swarm join",
    "straight to another machine",
    NULL,
};

static const char *const join_examples[] = {
    "ddm swarm join",
    "asks for the token",
    "ddm swarm join <token.txt",
    "takes it from there",
    NULL,
};

static const char *const show_examples[] = {
    "ddm swarm show", "for people", "ddm swarm show --json", "for programs", NULL,
};

const struct command swarm_commands[] = {
    { "init", ROLE_INIT, "[options]", "make the key of a new swarm, or another one",
      "Makes the swarm's key, once, on one machine: that of the tracker, or with --tracker any. It "
      "is a file that only you can read; one that is there is never replaced.",
      init_examples, swarm_init_command },
    { "token", ROLE_TOKEN, "[options]", "print the line that makes other machines members",
      "Prints the token: key, trackers and a checksum, in one line. On a terminal its QR code "
      "comes "
      "with it. Whoever has it is a member, so keep it like a password.",
      token_examples, swarm_token_command },
    { "join", ROLE_JOIN, "[options] [TOKEN|-]", "make this machine a member",
      "Takes a token and keeps it; without one on the command line it is read from standard input, "
      "which is better, as others may see the command line for a moment, and the shell keeps it. A "
      "cut or mistyped token is noticed. Joining again takes over a new key and other trackers.",
      join_examples, swarm_join_command, true },
    { "show", ROLE_SHOW, "[options]", "what this machine is in its swarm; never the key",
      "Shows this machine's node id, the fingerprint that all machines of a swarm have in common, "
      "the trackers, what ends when, and the files with which curl, Prometheus and the like can "
      "talk to trackers and peers.",
      show_examples, swarm_show_command },
    { .name = NULL },
};

const char *swarm_folder(const struct options *options, char out[static PATH_MAX],
                         struct ddm_error *err)
{
    const char *folder = state_folder(options, out);
    if (!folder)
        error_set(
            err, DDM_E_USAGE,
            "there is no place for the swarm key: HOME is not set; name one with --state-dir");
    return folder;
}

char *swarm_date(char out[static SWARM_DATE_SIZE], int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm tm;
    out[0] = '\0';
    if (!gmtime_r(&time, &tm) || strftime(out, SWARM_DATE_SIZE, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        snprintf(out, SWARM_DATE_SIZE, "%lld s since 1970", (long long)seconds);
    return out;
}

/* ---- init ---- */

static int take_trackers(struct token *token, const struct options *options, struct ddm_error *err)
{
    const char *const *list = options_list(options, OPTION_TRACKER);
    if (list)
        token->tracker_count = 0;
    for (; list && *list; list++) {
        if (token->tracker_count == TOKEN_TRACKERS)
            return error_set(err, DDM_E_USAGE, "--tracker: more than %d", TOKEN_TRACKERS);
        if (strlen(*list) > TOKEN_ADDRESS_MAX)
            return error_set(err, DDM_E_USAGE, "--tracker: an address longer than %d characters",
                             TOKEN_ADDRESS_MAX);
        int r = address_parse(&token->trackers[token->tracker_count++], *list, 0, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int make(const char *folder, const struct options *options, struct ddm_error *err)
{
    _cleanup_(token_clear) struct token token = { .key_count = 1 };
    if (membership_exists(folder))
        return error_set(
            err, DDM_E_PERMISSION,
            "this machine has a swarm key already, in %s: 'ddm swarm token' prints its "
            "token, 'ddm swarm init --rotate' makes another key",
            folder);
    int r = take_trackers(&token, options, err);
    if (r == 0)
        r = token_new_key(&token.keys[0], err);
    if (r == 0)
        r = membership_create_token(folder, &token, err);
    if (r < 0)
        return r;
    printf("The swarm has a key now, in %s. What is left to do:\n", folder);
    printf("  ddm tracker        %s: it knows who is there\n",
           token.tracker_count ? "on the trackers that you named" : "on this machine");
    puts("  ddm swarm token    here: prints a line that makes other machines members");
    puts("  ddm swarm join     on each of these, with that line");
    puts("  ddm peer           on each that shall lend its uplink");
    return 0;
}

static int check_rotation(const struct token *token, int64_t now, uint64_t lasts,
                          struct ddm_error *err)
{
    char date[SWARM_DATE_SIZE];
    if (token->key_count < 2 || token->keys[1].ends <= now || lasts == 0)
        return 0;
    return error_set(err, DDM_E_PERMISSION,
                     "the key is being changed already: the one before counts until %s. "
                     "'--rotate-for 0' with --rotate ends all that there were, at once",
                     swarm_date(date, token->keys[1].ends));
}

static int rotate(const char *folder, const struct options *options, struct ddm_error *err)
{
    _cleanup_(token_clear) struct token token = { 0 };
    char date[SWARM_DATE_SIZE];
    uint64_t lasts = options_number(options, OPTION_ROTATE_FOR) / SEC;
    int64_t now = time(NULL);
    int r = membership_read_token(folder, &token, err);
    if (r == 0)
        r = check_rotation(&token, now, lasts, err);
    if (r == 0)
        r = take_trackers(&token, options, err);
    if (r == 0)
        r = token_rotate(&token, now + (int64_t)lasts, err);
    if (r == 0)
        r = membership_write_token(folder, &token, err);
    if (r < 0)
        return r;
    if (lasts > 0)
        printf("The swarm has another key. The one before counts until %s; until then give each\n"
               "machine the new token, or it is out:\n",
               swarm_date(date, token.keys[1].ends));
    else
        puts("The swarm has another key, and the one before does not count any more: each machine\n"
             "is out until it has the new token:");
    puts("  ddm swarm token    here: prints it");
    puts("  ddm swarm join     on each of them, with that line");
    return 0;
}

int swarm_init_command(const struct options *options)
{
    struct ddm_error error;
    char place[PATH_MAX];
    const char *folder = swarm_folder(options, place, &error);
    if (!folder)
        return command_error(&error);
    if (options_given(options, OPTION_ROTATE_FOR) && !options_bool(options, OPTION_ROTATE)) {
        error_set(&error, DDM_E_USAGE, "--rotate-for is for --rotate only");
        return command_error(&error);
    }
    int r = options_bool(options, OPTION_ROTATE) ? rotate(folder, options, &error)
                                                 : make(folder, options, &error);
    if (r < 0)
        return command_error(&error);
    return fflush(stdout) == 0 ? DDM_OK : DDM_E_DISK;
}

/* ---- token ---- */

static void print_advice(const char *text)
{
    struct text picture = { 0 };
    struct term term;
    term_probe(&term, STDERR_FILENO);
    bool drawn = qr_add(&picture, &term, text);
    if (drawn)
        fputs(picture.bytes, stderr);
    fprintf(stderr,
            "Give that line%s to 'ddm swarm join' on the other machines. Whoever has it is in.\n",
            drawn ? ", or the picture of it," : "");
    if (picture.bytes)
        explicit_bzero(picture.bytes, picture.length);
    text_release(&picture);
}

int swarm_token_command(const struct options *options)
{
    struct ddm_error error;
    _cleanup_(token_clear) struct token token = { 0 };
    char place[PATH_MAX];
    const char *folder = swarm_folder(options, place, &error);
    if (!folder || membership_read_token(folder, &token, &error) < 0)
        return command_error(&error);
    if (token.tracker_count == 0)
        token.tracker_count = lan_addresses(token.trackers, TRACKER_PORT);
    if (token.tracker_count == 0)
        fputs("ddm: this machine has no address that others could reach, so the token names no "
              "tracker; they need --tracker\n",
              stderr);
    char *text = token_format(&token);
    if (!text) {
        error_memory(&error);
        return command_error(&error);
    }
    puts(text);
    bool written = fflush(stdout) == 0;
    if (written && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
        print_advice(text);
    explicit_bzero(text, strlen(text));
    free(text);
    return written ? DDM_OK : DDM_E_DISK;
}
