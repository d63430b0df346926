/* SPDX-License-Identifier: MIT */
/* The tracker's handlers, through its real server and loop; see wire.h. It is started anew for each
 * input, so that each finding comes again. */
#include "wire.h"

/* For prepare(), listen_on() and tracker_release(): the daemon without its run. */
#include "../../src/tracker/tracker.c" /* NOLINT */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    wire_check_log();
    log_setup(LOG_DEBUG, true);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tracker_options options = { .listen = { .host = "127.0.0.1" }, .ttl = 30 };
    struct tracker t = { .ttl = options.ttl };
    require(prepare(&t, NULL) == 0 && listen_on(&t, &options, NULL) == 0);
    struct wire *wire = wire_new(t.loop, t.httpd);
    wire_play(wire, data, size, "/v1/healthz");
    require(registry_count(t.registry, loop_now()) <= t.counts.announces);
    wire_free(wire);
    tracker_release(&t);
    return 0;
}
