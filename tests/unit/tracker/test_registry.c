/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"
#include "tracker/registry.h"

#include <stdio.h>
#include <string.h>

#define TTL (30 * SEC)

static int setup(void **state)
{
    *state = registry_new(TTL);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    registry_free(*state);
    return 0;
}

static struct registry_news announce(struct registry *r, const char *id, const char *remote,
                                     uint16_t port, int64_t now)
{
    struct message_announce a = { .port = port, .host_id = "h" };
    struct registry_news news;
    assert_int_equal(registry_announce(r, id, &a, remote, now, &news), 0);
    return news;
}

/* The ids of a list, one after the other with a blank behind each. */
static const char *list(struct registry *r, const char *key, size_t limit, int64_t now)
{
    static char text[4096];
    struct message_peer *peers = NULL;
    size_t count = 0, position = 0;
    assert_int_equal(registry_list(r, key, limit, now, &peers, &count), 0);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        position += (size_t)snprintf(text + position, sizeof text - position, "%s ", peers[i].id);
    free(peers);
    return text;
}

static void empty(void **state)
{
    struct message_peer peer;
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, 0), "");
    assert_string_equal(list(*state, "key", 0, 0), "");
    assert_int_equal(registry_count(*state, 0), 0);
    assert_false(registry_remove(*state, "a", NULL));
    assert_false(registry_expire(*state, INT64_MAX, &peer));
    assert_null(registry_free(NULL));
}

static void joins_and_heartbeats(void **state)
{
    struct registry_news news = announce(*state, "b", "10.0.0.2", 7071, 0);
    assert_true(news.joined);
    assert_false(news.moved);
    assert_string_equal(news.at.host, "10.0.0.2");
    assert_int_equal(news.at.port, 7071);
    assert_string_equal(news.replaced, "");
    announce(*state, "c", "10.0.0.3", 7071, 0);
    announce(*state, "a", "10.0.0.1", 7071, 0);
    assert_false(announce(*state, "b", "10.0.0.2", 7071, SEC).joined);
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, SEC), "a b c ");
    assert_string_equal(list(*state, NULL, 2, SEC), "a b ");
    assert_int_equal(registry_count(*state, SEC), 3);
}

static void a_list_says_what_was_announced_last(void **state)
{
    struct message_announce a = { .port = 1, .host_id = "h", .rate = 5, .load = 3 };
    struct registry_news news;
    registry_announce(*state, "a", &a, "10.0.0.1", 0, &news);
    a.rate = 9;
    registry_announce(*state, "a", &a, "10.0.0.1", 2 * SEC, &news);
    _cleanup_free_ struct message_peer *peers = NULL;
    size_t count;
    assert_int_equal(registry_list(*state, NULL, REGISTRY_ALL, 5 * SEC, &peers, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(peers[0].announce.rate, 9);
    assert_int_equal(peers[0].announce.load, 3);
    assert_string_equal(peers[0].at.host, "10.0.0.1");
    assert_int_equal(peers[0].age, 3 * SEC);
}

static void an_advertised_address_goes_first(void **state)
{
    struct message_announce a = { .port = 1, .host_id = "h", .address = "lab7" };
    struct registry_news news;
    registry_announce(*state, "a", &a, "10.0.0.1", 0, &news);
    assert_string_equal(news.at.host, "lab7");
}

static void moves(void **state)
{
    announce(*state, "a", "10.0.0.1", 7071, 0);
    struct registry_news news = announce(*state, "a", "10.0.0.9", 7071, SEC);
    assert_true(news.moved);
    assert_false(news.joined);
    assert_string_equal(news.at.host, "10.0.0.9");
    /* the old place is free: nobody is replaced there */
    assert_string_equal(announce(*state, "b", "10.0.0.1", 7071, SEC).replaced, "");
    /* moving to a place that is taken */
    assert_string_equal(announce(*state, "a", "10.0.0.1", 7071, SEC).replaced, "b");
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, SEC), "a ");
}

static void a_new_id_at_the_same_address_replaces(void **state)
{
    announce(*state, "old", "10.0.0.1", 7071, 0);
    announce(*state, "other", "10.0.0.1", 7072, 0);
    struct registry_news news = announce(*state, "new", "10.0.0.1", 7071, SEC);
    assert_true(news.joined);
    assert_string_equal(news.replaced, "old");
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, SEC), "new other ");
}

static void leaves(void **state)
{
    struct address at;
    announce(*state, "a", "10.0.0.1", 1, 0);
    announce(*state, "b", "10.0.0.2", 2, 0);
    announce(*state, "c", "10.0.0.3", 3, 0);
    assert_true(registry_remove(*state, "b", &at));
    assert_string_equal(at.host, "10.0.0.2");
    assert_int_equal(at.port, 2);
    assert_false(registry_remove(*state, "b", &at));
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, 0), "a c ");
    assert_true(announce(*state, "b", "10.0.0.2", 2, 0).joined);
}

static void dies_at_its_ttl(void **state)
{
    struct message_peer peer;
    announce(*state, "a", "10.0.0.1", 1, 0);
    announce(*state, "b", "10.0.0.2", 2, SEC);
    assert_false(registry_expire(*state, TTL - 1, &peer));
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, TTL - 1), "a b ");
    /* dead peers are in no list, even before they were taken out */
    assert_string_equal(list(*state, NULL, REGISTRY_ALL, TTL), "b ");
    assert_int_equal(registry_count(*state, TTL), 1);
    assert_true(registry_expire(*state, TTL, &peer));
    assert_string_equal(peer.id, "a");
    assert_int_equal(peer.age, TTL);
    assert_false(registry_expire(*state, TTL, &peer));
    assert_true(registry_expire(*state, 2 * TTL, &peer));
    assert_string_equal(peer.id, "b");
}

static void a_heartbeat_after_death_joins_again(void **state)
{
    announce(*state, "a", "10.0.0.1", 1, 0);
    assert_true(announce(*state, "a", "10.0.0.1", 1, TTL).joined);
    assert_int_equal(registry_count(*state, TTL), 1);
}

static void the_same_peers_for_one_object(void **state)
{
    struct registry *other = registry_new(TTL);
    char id[16], host[32], first[256];
    for (int i = 0; i < 40; i++) { /* in another order there */
        snprintf(id, sizeof id, "peer%d", i);
        snprintf(host, sizeof host, "10.0.0.%d", i);
        announce(*state, id, host, 1, 0);
        snprintf(id, sizeof id, "peer%d", 39 - i);
        snprintf(host, sizeof host, "10.0.0.%d", 39 - i);
        announce(other, id, host, 1, 0);
    }
    snprintf(first, sizeof first, "%s", list(*state, "object", 5, 0));
    assert_string_equal(list(other, "object", 5, 0), first);
    assert_string_not_equal(list(*state, "another", 5, 0), first);
    registry_free(other);
}

static void a_peer_that_goes_changes_one_place(void **state)
{
    char id[16], host[32], before[256];
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "p%02d", i);
        snprintf(host, sizeof host, "10.0.0.%d", i);
        announce(*state, id, host, 1, 0);
    }
    snprintf(before, sizeof before, "%s", list(*state, "object", 5, 0));
    snprintf(id, sizeof id, "%.3s", before + 4); /* the second of them */
    registry_remove(*state, id, NULL);
    const char *after = list(*state, "object", 5, 0);
    assert_memory_equal(after, before, 4);
    assert_memory_equal(after + 4, before + 8, 12);
}

static void objects_spread_evenly(void **state)
{
    enum { PEERS = 10, OBJECTS = 5000 };
    char id[16], host[32], key[32];
    int first[PEERS] = { 0 };
    for (int i = 0; i < PEERS; i++) {
        snprintf(id, sizeof id, "%d", i);
        snprintf(host, sizeof host, "10.0.0.%d", i);
        announce(*state, id, host, 1, 0);
    }
    for (int i = 0; i < OBJECTS; i++) {
        snprintf(key, sizeof key, "object-%d", i);
        first[list(*state, key, 1, 0)[0] - '0']++;
    }
    for (int i = 0; i < PEERS; i++) /* 500 are due, with a deviation of 21 */
        assert_in_range(first[i], 400, 600);
}

/* The number of reporters after this report; -1: there is no such peer. */
static int report(struct registry *r, const char *id, const char *reporter, int64_t now,
                  bool expect_new)
{
    struct message_peer peer;
    bool is_new;
    if (!registry_report(r, id, reporter, now, &is_new, &peer))
        return -1;
    assert_int_equal(is_new, expect_new);
    assert_string_equal(peer.id, id);
    return (int)peer.reports;
}

static uint32_t listed_reports(struct registry *r, const char *id, int64_t now)
{
    struct message_peer *peers = NULL;
    size_t count = 0;
    uint32_t reports = UINT32_MAX;
    assert_int_equal(registry_list(r, NULL, REGISTRY_ALL, now, &peers, &count), 0);
    for (size_t i = 0; i < count; i++)
        if (strcmp(peers[i].id, id) == 0)
            reports = peers[i].reports;
    free(peers);
    return reports;
}

static void reports_count_each_reporter_once(void **state)
{
    announce(*state, "a", "10.0.0.1", 1, 0);
    announce(*state, "b", "10.0.0.2", 2, 0);
    assert_int_equal(report(*state, "a", "10.0.0.7", 1, true), 1);
    assert_int_equal(report(*state, "a", "10.0.0.7", 2, false), 1);
    assert_int_equal(report(*state, "a", "10.0.0.77", 2, true), 2);
    assert_int_equal(report(*state, "b", "10.0.0.7", 2, true), 1);
    assert_int_equal(report(*state, "c", "10.0.0.7", 2, true), -1);
    assert_int_equal(listed_reports(*state, "a", 2), 2);
    assert_int_equal(listed_reports(*state, "b", 2), 1);
    announce(*state, "a", "10.0.0.1", 1, SEC); /* a heartbeat */
    announce(*state, "a", "10.0.0.3", 9, SEC); /* or a move */
    assert_int_equal(listed_reports(*state, "a", SEC), 2);
}

static void reports_go_with_the_peer(void **state)
{
    announce(*state, "a", "10.0.0.1", 1, 0);
    announce(*state, "b", "10.0.0.2", 2, 0);
    announce(*state, "c", "10.0.0.3", 3, 0);
    report(*state, "a", "10.0.0.7", 0, true);
    report(*state, "b", "10.0.0.7", 0, true);
    report(*state, "c", "10.0.0.7", 0, true);
    registry_remove(*state, "a", NULL);
    announce(*state, "a", "10.0.0.1", 1, 0);
    assert_int_equal(listed_reports(*state, "a", 0), 0);
    announce(*state, "d", "10.0.0.2", 2, 0); /* in the place of b */
    assert_int_equal(listed_reports(*state, "d", 0), 0);
    assert_int_equal(report(*state, "c", "10.0.0.7", TTL, true), -1); /* dead */
    announce(*state, "c", "10.0.0.3", 3, TTL);
    assert_int_equal(listed_reports(*state, "c", TTL), 0);
    assert_int_equal(report(*state, "c", "10.0.0.7", TTL, true), 1);
}

static void reporters_are_bounded(void **state)
{
    static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.254";
    static const char other[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
    char reporter[32];
    announce(*state, "a", "10.0.0.1", 1, 0);
    assert_int_equal(report(*state, "a", longest, 0, true), 1);
    assert_int_equal(report(*state, "a", other, 0, true), 2);
    for (int i = 2; i < REGISTRY_MAX_REPORTERS; i++) {
        snprintf(reporter, sizeof reporter, "10.1.0.%d", i);
        assert_int_equal(report(*state, "a", reporter, 0, true), i + 1);
    }
    assert_int_equal(report(*state, "a", "10.2.0.1", 0, false), REGISTRY_MAX_REPORTERS);
    assert_int_equal(report(*state, "a", longest, 0, false), REGISTRY_MAX_REPORTERS);
}

static void full(void **state)
{
    struct message_announce a = { .port = 1, .host_id = "h" };
    struct registry_news news;
    char id[16];
    for (int i = 0; i < REGISTRY_MAX_PEERS; i++) {
        snprintf(id, sizeof id, "p%d", i);
        a.port = (uint16_t)(i + 1);
        assert_int_equal(registry_announce(*state, id, &a, "10.0.0.1", i == 0 ? 0 : SEC, &news), 0);
    }
    a.port = UINT16_MAX;
    assert_int_equal(registry_announce(*state, "new", &a, "10.0.0.1", TTL - 1, &news), -1);
    assert_int_equal(registry_count(*state, TTL - 1), REGISTRY_MAX_PEERS);
    /* those there go on, and one that died makes room */
    a.port = 2;
    assert_int_equal(registry_announce(*state, "p1", &a, "10.0.0.1", TTL - 1, &news), 0);
    a.port = UINT16_MAX;
    assert_int_equal(registry_announce(*state, "new", &a, "10.0.0.1", TTL, &news), 0);
    assert_false(registry_remove(*state, "p0", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(empty, setup, teardown),
        cmocka_unit_test_setup_teardown(joins_and_heartbeats, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_says_what_was_announced_last, setup, teardown),
        cmocka_unit_test_setup_teardown(an_advertised_address_goes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(moves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_id_at_the_same_address_replaces, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(dies_at_its_ttl, setup, teardown),
        cmocka_unit_test_setup_teardown(a_heartbeat_after_death_joins_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_peers_for_one_object, setup, teardown),
        cmocka_unit_test_setup_teardown(a_peer_that_goes_changes_one_place, setup, teardown),
        cmocka_unit_test_setup_teardown(objects_spread_evenly, setup, teardown),
        cmocka_unit_test_setup_teardown(reports_count_each_reporter_once, setup, teardown),
        cmocka_unit_test_setup_teardown(reports_go_with_the_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(reporters_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(full, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
