/* SPDX-License-Identifier: MIT */
/* HOST:PORT. An address that is taken comes out the same after another turn, and means nothing else
 * in a URL. */
#include "base/address.h"
#include "swarm/policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static void check_address(const char *text)
{
    struct address a, b;
    struct ddm_error err;
    char formatted[ADDRESS_TEXT_SIZE];
    if (address_parse(&a, text, 7070, &err) < 0) {
        require(err.code == DDM_E_USAGE && *err.message);
        return;
    }
    require(strnlen(a.host, sizeof a.host) < sizeof a.host);
    require(!strpbrk(a.host, "/@?#[]\\ \t\r\n\""));
    address_format(formatted, &a);
    require(address_parse(&b, formatted, 1, NULL) == 0);
    require(strcmp(a.host, b.host) == 0 && a.port == b.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_address(text);
    policy_host_is_loopback(text);
    free(text);
    return 0;
}
