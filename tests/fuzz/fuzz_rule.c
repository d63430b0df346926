/* SPDX-License-Identifier: MIT */
/* The rules of --allow and --deny, and the URLs that they are asked about: a first line of rules, a
 * second one with a URL. Rules that are taken deny all that they allow, and do not shut out what
 * they do not name; whatever the URL, this machine and private networks stay closed. */
#include "base/util.h"
#include "swarm/policy.h"
#include "swarm/policy_rule.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

static const struct sockaddr_in inside = { .sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f };

static enum policy_verdict judge(const char *allow, const char *deny, const char *url)
{
    struct policy *policy = NULL;
    struct policy_config rules = { .allow = allow, .deny = deny };
    struct policy_target target = { url, (const struct sockaddr *)&inside };
    require(policy_new(&policy, &rules, NULL) == 0);
    enum policy_verdict verdict = policy_judge(policy, &target);
    policy_free(policy);
    require(*policy_reason(verdict));
    return verdict;
}

static void check_rule(const struct rule *rule)
{
    require(rule->bits <= 128 && rule->first <= rule->last);
    require((rule->first == 0) == (rule->last == 0));
    require(strnlen(rule->host, sizeof rule->host) < sizeof rule->host);
    require(!strpbrk(rule->host, "/@?#[]:\\ \t\r\n\"*"));
    if (!*rule->host)
        require(rule_is_of_ip(rule, &rule->ip));
    else
        require(!rule_is_of_ip(rule, &rule->ip));
}

static void check(const char *rules, const char *url)
{
    struct rule *list = NULL;
    size_t count = 0;
    struct ddm_error err;
    require(judge("", "", url) != POLICY_ALLOWED);
    if (rules_parse(&list, &count, rules, &err) < 0) {
        require(err.code == DDM_E_USAGE && *err.message && !strchr(err.message, '\n') && !list);
        return;
    }
    for (size_t i = 0; i < count; i++)
        check_rule(&list[i]);
    free(list);
    if (judge(rules, "", url) == POLICY_ALLOWED)
        require(judge(rules, rules, url) == POLICY_DENIED);
    require(judge("", rules, url) != POLICY_ALLOWED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *url = strchr(text, '\n');
    if (url)
        *url++ = '\0';
    check(text, url ? url : "http://a.org/");
    free(text);
    return 0;
}
