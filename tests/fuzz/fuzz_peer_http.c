/* SPDX-License-Identifier: MIT */
/* The peer's handlers and its relay, through its real server and loop; see wire.h. It is started
 * anew for each input, so that each finding comes again. */
#include "wire.h"

/* For start() and stop(): the daemon without its signals and its run. */
#include "../../src/peer/peer.c" /* NOLINT */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    wire_check_log();
    log_setup(LOG_DEBUG, false);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct peer_options options = { .listen = { .host = "127.0.0.1" } };
    struct peer peer = { .options = &options, .started = loop_now() };
    struct relay_counters count;
    require(start(&peer, NULL) == 0);
    struct wire *wire = wire_new(peer.loop, peer.httpd);
    wire_play(wire, data, size, "/healthz");
    relay_count(peer.relay, &count);
    require(count.active == 0 && count.stored <= count.store_limit);
    wire_free(wire);
    stop(&peer);
    return 0;
}
