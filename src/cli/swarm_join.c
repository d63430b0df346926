/* SPDX-License-Identifier: MIT */
/* `ddm swarm join`: what a token brings is compared with what this machine has.
 *
 *     nothing yet        it is kept
 *     the same swarm     newer keys and other trackers are taken over, older ones are not
 *     another swarm      refused, but for --force
 */
#include "cli/swarm.h"

#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/file.h"

#include <stdio.h>
#include <string.h>

enum { INPUT_MAX = 1024 * 1024 };

/* ---- the token's text ---- */

/* One line; the terminal gives no more of it than it holds, which is more than a token has. */
static int ask(char **ret, struct ddm_error *err)
{
    char line[2 * TOKEN_MAX];
    fputs("Paste the token: ", stderr);
    fflush(stderr);
    if (!fgets(line, sizeof line, stdin))
        line[0] = '\0';
    *ret = strdup(line);
    explicit_bzero(line, sizeof line);
    return *ret ? 0 : error_memory(err);
}

static int read_text(const struct options *options, char **ret, struct ddm_error *err)
{
    size_t length = 0;
    if (options->operand_count > 1)
        return error_set(err, DDM_E_USAGE, "one token is enough: 'ddm swarm join [TOKEN]'");
    char *word = options->operand_count == 1 ? options->operands[0] : NULL;
    if (word && strcmp(word, "-") != 0) {
        *ret = strdup(word);
        return *ret ? 0 : error_memory(err);
    }
    if (!word && isatty(STDIN_FILENO))
        return ask(ret, err);
    int r = file_read("-", INPUT_MAX, ret, &length, err);
    if (r == 0 && strlen(*ret) != length)
        return error_set(err, DDM_E_USAGE, "standard input: that is not a token, but binary");
    return r;
}

static int read_token(const struct options *options, struct token *ret, struct ddm_error *err)
{
    char *text = NULL;
    int r = read_text(options, &text, err);
    for (size_t i = 0; i < options->operand_count; i++)
        explicit_bzero(options->operands[i], strlen(options->operands[i]));
    if (r == 0)
        r = token_parse(ret, text, err);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

/* ---- what it means ---- */

static bool same_trackers(const struct token *a, const struct token *b)
{
    if (a->tracker_count != b->tracker_count)
        return false;
    for (size_t i = 0; i < a->tracker_count; i++)
        if (strcmp(a->trackers[i].host, b->trackers[i].host) != 0 ||
            a->trackers[i].port != b->trackers[i].port)
            return false;
    return true;
}

static void copy_trackers(struct token *to, const struct token *from)
{
    memcpy(to->trackers, from->trackers, sizeof to->trackers);
    to->tracker_count = from->tracker_count;
}

/* What this machine, which has `own`, is to keep of its swarm after the other token. True where
 * that is something new. */
static bool merge(struct token *own, const struct token *other, enum token_kin kin)
{
    bool new_trackers = other->tracker_count > 0 && !same_trackers(own, other);
    bool new_keys = kin == TOKEN_NEWER || (kin == TOKEN_SAME && other->key_count > own->key_count);
    if (kin == TOKEN_OLDER)
        return false;
    if (new_trackers)
        copy_trackers(own, other);
    if (new_keys) {
        memcpy(own->keys, other->keys, sizeof own->keys);
        own->key_count = other->key_count;
    }
    return new_trackers || new_keys;
}

static void print_joined(const char *first, const struct token *token)
{
    char text[ADDRESS_TEXT_SIZE];
    puts(first);
    if (token->tracker_count == 0)
        puts("Its token names no tracker: 'ddm peer' and 'ddm get' need --tracker.");
    for (size_t i = 0; i < token->tracker_count; i++)
        printf("%s%s%s", i == 0 ? "Its trackers: " : ", ",
               address_format(text, &token->trackers[i]),
               i + 1 == token->tracker_count ? "\n" : "");
    puts("  ddm peer       lends this machine's uplink\n"
         "  ddm get URL    downloads over the uplinks of all");
}

static int error_foreign(const char *folder, struct ddm_error *err)
{
    return error_set(err, DDM_E_PERMISSION,
                     "this machine is in another swarm already (%s); --force leaves it for this "
                     "one. A swarm whose key was changed twice meanwhile looks like that, too",
                     folder);
}

static int join_again(const char *folder, const struct token *other, bool force,
                      struct ddm_error *err)
{
    _cleanup_(token_clear) struct token own = { 0 };
    int r = membership_read_token(folder, &own, err);
    enum token_kin kin = r == 0 ? token_compare(&own, other) : TOKEN_FOREIGN;
    if (r < 0 && !force)
        return r;
    if (kin == TOKEN_FOREIGN && !force)
        return error_foreign(folder, err);
    if (kin == TOKEN_FOREIGN) {
        r = membership_write_token(folder, other, err);
        if (r == 0)
            print_joined("This machine is in that swarm now, and in the one before no more.",
                         other);
        return r;
    }
    if (!merge(&own, other, kin)) {
        puts(kin == TOKEN_OLDER
                 ? "This machine is in that swarm already, and has a newer key than this token's."
                 : "This machine is in that swarm already.");
        return 0;
    }
    r = membership_write_token(folder, &own, err);
    if (r == 0)
        print_joined(kin == TOKEN_NEWER ? "This machine has the swarm's new key now."
                                        : "This machine has what is new in that token now.",
                     &own);
    return r;
}

static int join(const char *folder, const struct token *token, bool force, struct ddm_error *err)
{
    if (membership_exists(folder))
        return join_again(folder, token, force, err);
    int r = membership_create_token(folder, token, err);
    if (r == 0)
        print_joined("This machine is in the swarm now.", token);
    return r;
}

int swarm_join_command(const struct options *options)
{
    struct ddm_error error;
    _cleanup_(token_clear) struct token token = { 0 };
    int r = read_token(options, &token, &error);
    char place[PATH_MAX];
    const char *folder = r == 0 ? swarm_folder(options, place, &error) : NULL;
    if (!folder || join(folder, &token, options_bool(options, OPTION_FORCE), &error) < 0)
        return command_error(&error);
    return fflush(stdout) == 0 ? DDM_OK : DDM_E_DISK;
}
