/* SPDX-License-Identifier: MIT */
/* HOST:PORT, and the lists of networks that a peer's owner allows. An address that is taken comes
 * out the same after another turn, and means nothing else in a URL; a list that is taken allows
 * what it says, and no list shuts out the public internet. */
#include "base/address.h"
#include "swarm/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
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

static bool allows_v4(const struct policy *policy, const char *number)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    require(inet_pton(AF_INET, number, &in.sin_addr) == 1);
    return policy_allows(policy, (const struct sockaddr *)&in);
}

static void check_policy(const char *text)
{
    struct policy *policy = NULL;
    struct ddm_error err;
    if (policy_new(&policy, text, &err) < 0) {
        require(err.code == DDM_E_USAGE && !policy);
        return;
    }
    require(allows_v4(policy, "8.8.8.8"));
    if (!strpbrk(text, "0123456789:"))
        require(!allows_v4(policy, "127.0.0.1"));
    struct in_addr one;
    if (inet_pton(AF_INET, text, &one) == 1)
        require(allows_v4(policy, text));
    policy_free(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_address(text);
    check_policy(text);
    policy_host_is_loopback(text);
    free(text);
    return 0;
}
