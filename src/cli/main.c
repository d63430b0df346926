/* SPDX-License-Identifier: MIT */
/* ddm: the entry point, and the map of the source.
 *
 * Each layer uses only those above it here (plan and the tracker's registry are pure: no socket, no
 * file, no thread, no clock).
 *
 * include/ddm/ddm.h           the public library: options in, events out
 *
 * base/       address         HOST:PORT
 *             error           codes and messages on their way up
 *             filename        safe file names out of URLs and headers
 *             list            intrusive linked list
 *             log             log lines of the daemons
 *             private_file    small files that only this user may read
 *             str             numbers and units, parsed and printed
 *             util            cleanup by attribute, minimum, maximum, units of time and size
 *             whole           reads and writes of all that was asked for
 * plan/       bucket          a limit of the rate
 *             estimate        what an uplink can do
 *             grid            the piece grid over an object
 *             owner           who owns which piece
 *             plan            the planner: leases, progress, failures
 *             plan_hold       what peers hold
 *             plan_lend       which range is lent next
 *             plan_owner      whose turn a piece is
 *             plan_park       sources that share a link
 *             plan_source     how a source fares: pauses, slots, exclusion
 *             plan_split      splitting the tail, hedging
 *             plan_table      the leases in memory
 *             plan_trial      trials: connections, sources that add nothing
 *             rangeset        sets of byte ranges
 *             rate            how fast bytes come
 * io/         digest          checksums
 *             digest_kind     names of digests, as others spell them
 *             extents         stretches of a file, each with a checksum
 *             fetch           HTTP and FTP client (libcurl)
 *             fetch_curl      a request in libcurl's terms, and its errors in ours
 *             fetch_ftp       what an FTP server says, in the terms of a reply over HTTP
 *             fetch_internal  what the fetcher's files share
 *             fetch_profile   which headers go to whom; is a proxy used
 *             fetch_reply     what one fetch hears of its reply
 *             head            the header lines of replies
 *             head_digest     digests that they state
 *             http_date       the dates of HTTP
 *             httpd           HTTP server (libmicrohttpd)
 *             httpd_internal  what its files share
 *             httpd_request   its requests and replies
 *             httpd_tls       TLS on its side
 *             httpd_connection  its connections: how many, whose, how long
 *             httpd_guard     what it refuses unread: proxying, smuggling, web pages
 *             journal         the format of a journal: what of a file is there
 *             journal_internal  what its files share
 *             journal_read    reading one
 *             link            Link headers: mirrors, Metalinks
 *             loop            event loop (libuv)
 *             metalink        Metalink documents (expat)
 *             metalink_file   one file of a Metalink while it is read
 *             sandbox         what a daemon gives up before it serves: capabilities
 *             sandbox_calls   its system calls (libseccomp)
 *             sandbox_files   its files (Landlock)
 *             sandbox_internal  what these share
 *             socket          addresses for the kernel; interfaces of this machine
 *             sparse          a sparse file and its journal
 *             sparse_internal  what the two share
 *             sparse_turn     its turns: synced, then recorded
 *             store           bytes that were fetched, for whoever reads them next
 *             sums            checksum files beside downloads
 *             tls             this node, as it shows itself (GnuTLS)
 *             tls_ca          the swarm's CA
 *             url             URLs, taken apart by libcurl
 * swarm/      announcer       tells a tracker of a peer
 *             cache_folder    files of a peer's cache
 *             exchange        one JSON request and its reply
 *             headers         headers that clients give to peers
 *             identity        node id and host id
 *             lister          asks a tracker for peers
 *             member          requests to other nodes
 *             membership      key, node id and certificate of this machine
 *             message_held    what a peer holds of an object
 *             messages        the JSON between machines (jansson)
 *             object_key      the name of an object between machines
 *             policy          where a peer may connect to for others
 *             policy_rule     the rules of its owner; addresses as they are compared
 *             report          tells a tracker of a peer that lied
 *             token           the line that makes a machine a member
 *             token_file      where it is kept
 * get/        download        the public API
 *             job             one download: its sources, leases and end
 *             metalink        the public API for Metalinks
 *             publish         a finished file gets its name
 * get/        blame           who gave what, and what if it was wrong
 *             download        the public API
 *             hints           checksums and mirrors that the origin names
 *             job             one download: its life and end
 *             lend            who is asked next
 *             mirror          the URLs of one file
 *             object          what the file is, and what is there of it
 *             pace            a limit of the rate
 *             reply           is this reply what was asked for?
 *             report          from the state of a job to events
 *             sink            where the bytes go: the stage behind the frontier
 *             sink_check      whether a file that is there is right
 *             sink_internal   what sink, sink_open and sink_resume share
 *             sink_open       names, and whose files these are
 *             sink_resume     can what a run before left be gone on with?
 *             sink_stream     the ring before a pipe
 *             sink_verify     hashing pieces and the whole, on the pool
 *             sources         the own uplinks and the peers, as they come and go
 *             seed            the finished file, for this machine's peer
 *             share           who owns the pieces, what peers hold
 *             spot            what peers gave, compared with the origin
 *             stream          the one stream, where the origin gives no ranges
 *             transfer        one lease on its way
 * peer/       admission       who may have one more request served
 *             bound           how much memory a peer may come to need
 *             gate            what a peer behind a proxy knows of where it leads
 *             hours           hours of the day
 *             opening         when a peer is there for others
 * peer/       cache           what a peer keeps on disk: objects, and room for them
 *             cache_adopt     finished files of clients here
 *             cache_internal  what the cache's files share
 *             cache_load      reading, with the checksums
 *             cache_write     writing, then syncing, then recording
 *             gate            what a peer behind a proxy knows of where it leads
 *             peer            the peer daemon and its routes
 *             relay           from origins through the store to readers
 *             relay_disk      loads from the cache into the store
 *             relay_fill      fetches from origins that fill an object
 *             relay_held      what is held of an object
 *             relay_object    what requests for one version share
 *             traffic         whether the owner of this machine uses the network
 *             turns           a rate that clients share in turn
 * tracker/    registry        which peers are alive
 *             tracker         the tracker daemon and its routes
 * cli/        main            this file: finds the command, loads its options, runs it
 *             command         the table of commands
 *             options         the table of options
 *             option_names    the names of options, variables and roles
 *             option_values   what a value may be, and which one counts
 *             arguments       options out of the command line, the environment, the defaults
 *             config          options out of INI files (inih)
 *             file            small files that are read as a whole
 *             state           where the state folder is
 *             suggest         "did you mean"
 *             help            the help texts, out of the tables
 *             get             ddm get
 *             get_one         one download, from its request to the exit status
 *             request         options as the library takes them
 *             tasks           what shall be downloaded: a URL, a Metalink, a list
 *             operand         a Metalink in the place of a URL
 *             line            a line of --input-file as words
 *             batch           several downloads, some at a time, each in a child process
 *             batch_report    what is seen of them
 *             on_complete     the command of --on-complete
 *             interrupt       signals that end a download
 *             ask             a password, asked for on the terminal
 *             progress        the bar, on the terminal
 *             display         the bar, as text
 *             display_batch   a batch as text
 *             events          the events as JSON lines (jansson)
 *             term            what a terminal can do; text in columns and colours
 *             cmd_peer        ddm peer
 *             cmd_cache       ddm cache
 *             cmd_tracker     ddm tracker
 *             cmd_swarm       ddm swarm init and token
 *             swarm           what the commands of ddm swarm share
 *             swarm_join      ddm swarm join
 *             swarm_show      ddm swarm show
 *             lan             this machine's addresses, for the token
 *             qr              the token as a picture on the terminal
 *             daemon          what these two have in common
 *             cmd_demo        ddm demo
 *             demo_swarm      its machines
 *             demo_origin     its origin
 *             process         its child processes
 */
#include "base/error.h"
#include "base/str.h"
#include "base/util.h"
#include "cli/command.h"
#include "cli/config.h"
#include "cli/help.h"
#include "cli/process.h"
#include "cli/term.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* `under`: the command whose word it should be; NULL: the first one. */
static int error_command(const struct command *under, const char *name)
{
    const char *near = command_suggest_in(under ? under->commands : command_table, name);
    const char *before = under ? under->name : "", *space = under ? " " : "";
    struct ddm_error error;
    if (name[0] == '-')
        error_set(&error, DDM_E_USAGE, "'%s' must stand behind a command; see 'ddm help%s%s'", name,
                  space, before);
    else if (near)
        error_set(&error, DDM_E_USAGE, "unknown command '%s%s%s' (did you mean '%s%s%s'?)", before,
                  space, name, before, space, near);
    else
        error_set(&error, DDM_E_USAGE, "unknown command '%s%s%s'; see 'ddm help%s%s'", before,
                  space, command_shown(name), space, before);
    return command_error(&error);
}

/* `command` NULL: the overview. */
static int print_help(const struct command *command)
{
    struct text text = { 0 };
    struct term term;
    term_probe(&term, STDOUT_FILENO);
    if (command)
        help_command(&text, &term, command);
    else
        help_overview(&text, &term);
    fwrite(text.bytes, 1, text.length, stdout);
    text_release(&text);
    return fflush(stdout) == 0 ? DDM_OK : DDM_E_DISK;
}

static int help_main(int argc, char **argv)
{
    if (argc == 0)
        return print_help(NULL);
    const struct command *command = command_find(argv[0]), *word = NULL;
    if (!command)
        return error_command(NULL, argv[0]);
    if (argc == 1 || !command->commands)
        return print_help(command);
    word = command_find_in(command->commands, argv[1]);
    return word ? print_help(word) : error_command(command, argv[1]);
}

static int version_main(void)
{
    puts("ddm " DDM_VERSION);
    return fflush(stdout) == 0 ? DDM_OK : DDM_E_DISK;
}

/* Command line, environment, files, defaults: in this order, for --config stands in the first two.
 */
static int load_options(struct options *options, int argc, char **argv, struct ddm_error *err)
{
    int r = options_parse_arguments(options, argc, argv, err);
    if (r < 0 || options_bool(options, OPTION_HELP))
        return r;
    if ((r = options_parse_environment(options, err)) < 0)
        return r;
    if ((options->role & ROLES_SWARM) && (r = config_load(options, err)) < 0)
        return r;
    return options_set_defaults(options, err);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct options options;
    struct ddm_error error;
    int status = DDM_E_FAIL;
    options_init(&options, command->role);
    if (load_options(&options, argc, argv, &error) < 0) {
        status = command_error(&error);
    } else if (options_bool(&options, OPTION_HELP)) {
        status = print_help(command);
    } else if (!command->operands && options.operand_count > 0) {
        _cleanup_free_ char *first = str_url_brief(options.operands[0]);
        error_set(&error, DDM_E_USAGE, "'%s' is too much: 'ddm %s' takes options only",
                  first ? command_shown(first) : "", command_name(command));
        status = command_error(&error);
    } else {
        status = command->run(&options);
    }
    options_release(&options);
    return status;
}

/* Descriptors 0 to 2 that were closed must not become files or sockets of ours. What takes their
 * place cannot be used either, so that nothing is lost without an error. */
static void open_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return;
}

static bool is_help(const char *name)
{
    return strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
}

/* `ddm swarm …`: `argv` begins behind "swarm". */
static int run_word(const struct command *under, int argc, char **argv)
{
    if (argc == 0) {
        print_help(under);
        return DDM_E_USAGE;
    }
    const struct command *command = command_find_in(under->commands, argv[0]);
    if (command)
        return run_command(command, argc - 1, argv + 1);
    return is_help(argv[0]) ? print_help(under) : error_command(under, argv[0]);
}

int main(int argc, char **argv)
{
    open_standard_files();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_help(NULL);
        return DDM_E_USAGE;
    }
    process_set_program(argv[0]);
    const char *name = argv[1];
    if (is_help(name))
        return help_main(argc - 2, argv + 2);
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0)
        return version_main();
    const struct command *command = command_find(name);
    if (!command)
        return error_command(NULL, name);
    if (command->commands)
        return run_word(command, argc - 2, argv + 2);
    return run_command(command, argc - 2, argv + 2);
}
