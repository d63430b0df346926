/* SPDX-License-Identifier: MIT */
/* A node over time, and nodes among each other: while it lasts, before it ends, and while the swarm
 * changes its key. */
#include "tls_fixture.h"

#define LIFE (3 * 24 * HOUR) /* of a certificate */

static const struct tls_files *files(const struct tls_node *node)
{
    return tls_node_files(node);
}

static unsigned mode_of(const char *folder, const char *name)
{
    struct stat status;
    _cleanup_free_ char *path = str_format("%s/%s", folder, name);
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static void write_text(const char *folder, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_format("%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void update(struct tls_node *node, const struct tls_key *keys, size_t count)
{
    struct ddm_error err = { 0 };
    if (tls_node_update(node, keys, count, &err) < 0)
        fail_msg("%s", err.message);
}

/* ---- files ---- */

static void test_its_files_are_this_users_alone(void **state)
{
    static const char *const names[] = { "node.key", "node.crt", "ca.crt" };
    const struct place *place = *state;
    mode_t was = umask(0);
    struct tls_node *node = node_of(place->a, ID_A, 1);
    umask(was);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_int_equal(mode_of(place->a, names[i]), 0600);
    assert_int_equal(mode_of(place->top, "a"), 0700);
    assert_string_equal(text_of(place->a, "node.crt"), tls_node_certificate_pem(node));
    assert_string_equal(text_of(place->a, "node.key"), tls_node_key_pem(node));
    assert_null(tls_node_free(node));
    assert_null(tls_node_free(NULL));
}

static void test_the_next_start_goes_on_with_them(void **state)
{
    const struct place *place = *state;
    struct tls_node *node = node_of(place->a, ID_A, 1);
    _cleanup_free_ char *key = strdup(tls_node_key_pem(node));
    _cleanup_free_ char *certificate = strdup(tls_node_certificate_pem(node));
    int64_t expires = tls_node_expires(node);
    tls_node_free(node);
    now += HOUR;
    node = node_of(place->a, ID_A, 1);
    assert_string_equal(tls_node_key_pem(node), key);
    assert_string_equal(tls_node_certificate_pem(node), certificate);
    assert_int_equal(tls_node_expires(node), expires);
    tls_node_free(node);
}

static void
test_a_start_after_half_its_life_makes_another_certificate_for_the_same_key(void **state)
{
    const struct place *place = *state;
    struct tls_node *node = node_of(place->a, ID_A, 1);
    _cleanup_free_ char *key = strdup(tls_node_key_pem(node));
    assert_int_equal(tls_node_expires(node), TODAY + LIFE);
    tls_node_free(node);
    now += LIFE / 2 + 1;
    node = node_of(place->a, ID_A, 1);
    assert_string_equal(tls_node_key_pem(node), key);
    assert_int_equal(tls_node_expires(node), now + LIFE);
    tls_node_free(node);
}

/* What others left there is no reason to fail where a new one can be made. */
static void test_a_certificate_that_is_not_its_own_is_replaced(void **state)
{
    const struct place *place = *state;
    struct tls_node *other = node_of(place->b, ID_B, 1);
    _cleanup_free_ char *foreign = strdup(tls_node_certificate_pem(other));
    tls_node_free(other);
    const char *const texts[] = { "", "garbage", foreign };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        tls_node_free(node_of(place->a, ID_A, 1));
        write_text(place->a, "node.crt", texts[i]);
        struct tls_node *node = node_of(place->a, ID_A, 1);
        assert_string_not_equal(tls_node_certificate_pem(node), texts[i]);
        assert_string_equal(text_of(place->a, "node.crt"), tls_node_certificate_pem(node));
        assert_true(let_in(node, node));
        tls_node_free(node);
    }
    /* A bit of its signature. */
    char *text = strdup(text_of(place->a, "node.crt")), *end = strstr(text, "\n-----END");
    end[-8] = end[-8] == 'A' ? 'B' : 'A';
    write_text(place->a, "node.crt", text);
    struct tls_node *node = node_of(place->a, ID_A, 1);
    assert_string_not_equal(tls_node_certificate_pem(node), text);
    free(text);
    tls_node_free(node);
    /* Of another node id: the state folder was copied and the id made anew. */
    node = node_of(place->a, ID_B, 1);
    gnutls_x509_crt_t crt = read_certificate(tls_node_certificate_pem(node));
    assert_true(gnutls_x509_crt_check_hostname(crt, ID_B));
    gnutls_x509_crt_deinit(crt);
    tls_node_free(node);
}

static void test_one_of_another_swarm_is_replaced(void **state)
{
    const struct place *place = *state;
    tls_node_free(node_of(place->a, ID_A, 2));
    _cleanup_free_ char *before = strdup(text_of(place->a, "ca.crt"));
    struct tls_node *node = node_of(place->a, ID_A, 1), *other = node_of(place->b, ID_B, 1);
    assert_string_not_equal(text_of(place->a, "ca.crt"), before);
    assert_true(let_in(node, other));
    tls_node_free(node);
    tls_node_free(other);
}

static void test_a_ca_file_that_was_changed_is_written_anew(void **state)
{
    const struct place *place = *state;
    tls_node_free(node_of(place->a, ID_A, 2));
    _cleanup_free_ char *evil = strdup(text_of(place->a, "ca.crt"));
    struct tls_node *node = node_of(place->a, ID_A, 1);
    _cleanup_free_ char *good = strdup(text_of(place->a, "ca.crt"));
    tls_node_free(node);
    write_text(place->a, "ca.crt", evil);
    node = node_of(place->a, ID_A, 1);
    assert_string_equal(text_of(place->a, "ca.crt"), good);
    tls_node_free(node);
}

static void refuse(const char *folder, int code, const char *words)
{
    struct tls_node *node = NULL;
    struct ddm_error err = { 0 };
    struct tls_key key = key_of(1, 0);
    assert_int_equal(tls_node_new(&node, folder, ID_A, &key, 1, &err), code);
    assert_null(node);
    if (!strstr(err.message, words))
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void test_a_key_that_is_broken_foreign_or_readable_is_refused(void **state)
{
    const struct place *place = *state;
    _cleanup_free_ char *path = str_format("%s/node.key", place->a);
    tls_node_free(node_of(place->a, ID_A, 1));
    _cleanup_free_ char *key = strdup(text_of(place->a, "node.key"));
    assert_int_equal(chmod(path, 0640), 0);
    refuse(place->a, -DDM_E_PERMISSION, "chmod 600");
    assert_int_equal(chmod(path, 0600), 0);
    write_text(place->a, "node.key", "");
    refuse(place->a, -DDM_E_PERMISSION, "no Ed25519 key");
    key[strlen(key) / 2] = '\0';
    write_text(place->a, "node.key", key);
    refuse(place->a, -DDM_E_PERMISSION, "no Ed25519 key");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    refuse(place->a, -DDM_E_PERMISSION, "symbolic link");
}

/* ---- time ---- */

static void test_it_renews_itself_after_half_its_life_and_not_before(void **state)
{
    const struct place *place = *state;
    struct tls_key key = key_of(1, 0);
    struct tls_node *node = node_with(place->a, ID_A, &key, 1);
    now += LIFE / 2 - 1;
    update(node, &key, 1);
    assert_int_equal(tls_node_expires(node), TODAY + LIFE);
    now += 2;
    update(node, &key, 1);
    assert_int_equal(tls_node_expires(node), now + LIFE);
    assert_string_equal(text_of(place->a, "node.crt"), tls_node_certificate_pem(node));
    assert_true(let_in(node, node));
    tls_node_free(node);
}

static void test_a_member_whose_certificate_has_ended_is_out(void **state)
{
    const struct place *place = *state;
    struct tls_key key = key_of(1, 0);
    struct tls_node *server = node_with(place->a, ID_A, &key, 1),
                    *late = node_of(place->b, ID_B, 1);
    assert_true(let_in(server, late));
    now += LIFE + 1;
    update(server, &key, 1);
    struct meeting m = meet(server, files(late), (struct meeting){ 0 });
    assert_false(m.server_ok);
    m = meet(late, files(server), (struct meeting){ 0 }); /* as a server, too */
    assert_false(m.client_ok);
    tls_node_free(server);
    tls_node_free(late);
}

static void test_what_could_not_be_written_is_tried_again(void **state)
{
    const struct place *place = *state;
    struct tls_key old = key_of(1, 0), new = key_of(2, 0);
    struct ddm_error err;
    _cleanup_free_ char *aside = str_format("%s/aside", place->top);
    struct tls_node *node = node_with(place->a, ID_A, &old, 1), *other = node_of(place->b, ID_B, 2);
    assert_int_equal(rename(place->a, aside), 0);
    write_text(place->top, "a", "in the way");
    assert_int_equal(tls_node_update(node, &new, 1, &err), -DDM_E_DISK);
    assert_int_equal(tls_node_update(node, &new, 1, &err), -DDM_E_DISK);
    assert_int_equal(unlink(place->a), 0);
    assert_int_equal(rename(aside, place->a), 0);
    update(node, &new, 1);
    assert_true(let_in(node, other));
    assert_true(let_in(other, node));
    tls_node_free(node);
    tls_node_free(other);
}

/* ---- who is let in ---- */

static void test_members_know_each_other_by_name(void **state)
{
    const struct place *place = *state;
    struct tls_node *a = node_of(place->a, ID_A, 1), *b = node_of(place->b, ID_B, 1);
    struct meeting m = meet(a, files(b), (struct meeting){ .name = ID_A });
    assert_true(m.client_ok && m.server_ok);
    assert_string_equal(m.member, ID_B);
    assert_int_equal(m.version, GNUTLS_TLS1_3);
    assert_int_equal(m.cipher, GNUTLS_CIPHER_AES_128_GCM);
    m = meet(a, files(b), (struct meeting){ .name = ID_B }); /* who is somebody else */
    assert_false(m.client_ok);
    m = meet(a, files(b), (struct meeting){ .name = "localhost" });
    assert_false(m.client_ok);
    tls_node_free(a);
    tls_node_free(b);
}

static void test_strangers_are_not_let_in(void **state)
{
    const struct place *place = *state;
    struct tls_node *a = node_of(place->a, ID_A, 1), *stranger = node_of(place->b, ID_B, 2);
    struct meeting m = meet(a, NULL, (struct meeting){ 0 }); /* no certificate, believes all */
    assert_false(m.server_ok);
    struct tls_files mixed = *files(stranger);
    mixed.ca = files(a)->ca; /* so that only the server can refuse */
    m = meet(a, &mixed, (struct meeting){ 0 });
    assert_false(m.server_ok);
    m = meet(stranger, files(a), (struct meeting){ 0 });
    assert_false(m.client_ok);
    tls_node_free(a);
    tls_node_free(stranger);
}

static void test_nothing_older_than_tls_1_3_and_nothing_weak(void **state)
{
    static const char *const offers[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                          "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0",
                                          "NORMAL:-CIPHER-ALL:+AES-128-CCM:+AES-128-CBC" };
    const struct place *place = *state;
    struct tls_node *a = node_of(place->a, ID_A, 1), *b = node_of(place->b, ID_B, 1);
    for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
        struct meeting m = meet(a, files(b), (struct meeting){ .priorities = offers[i] });
        assert_false(m.client_ok || m.server_ok);
    }
    struct meeting m = meet(a, files(b),
                            (struct meeting){ .priorities = "NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:"
                                                            "+AES-256-GCM:+AES-128-GCM" });
    assert_int_equal(m.cipher, GNUTLS_CIPHER_AES_128_GCM); /* the server chooses */
    tls_node_free(a);
    tls_node_free(b);
}

/* ---- tickets ---- */

static void test_a_ticket_takes_the_session_up_with_its_name(void **state)
{
    const struct place *place = *state;
    struct tls_node *a = node_of(place->a, ID_A, 1), *b = node_of(place->b, ID_B, 1);
    gnutls_datum_t ticket = { 0 };
    struct meeting m = meet(a, files(b), (struct meeting){ .ticket = &ticket });
    assert_true(m.server_ok && !m.resumed && ticket.size > 0);
    m = meet(a, files(b), (struct meeting){ .ticket = &ticket });
    assert_true(m.server_ok && m.resumed);
    assert_string_equal(m.member, ID_B);
    gnutls_free(ticket.data);
    tls_node_free(a);
    tls_node_free(b);
}

static void test_a_ticket_ends_with_the_certificate_behind_it(void **state)
{
    const struct place *place = *state;
    struct tls_key key = key_of(1, 0), ending = key_of(1, TODAY + HOUR / 2);
    struct tls_key two[] = { key_of(2, 0), ending };
    struct tls_node *a = node_with(place->a, ID_A, &key, 1);
    struct tls_node *b = node_with(place->b, ID_B, two, 2); /* its certificate has half an hour */
    gnutls_datum_t ticket = { 0 };
    struct meeting m = meet(a, files(b), (struct meeting){ .ticket = &ticket });
    assert_string_equal(m.member, ID_B);
    now += HOUR / 2 + 1;
    m = meet(a, files(b), (struct meeting){ .ticket = &ticket });
    assert_int_equal(m.member[0], '\0');
    gnutls_free(ticket.data);
    tls_node_free(a);
    tls_node_free(b);
}

static void test_a_ticket_of_before_a_key_change_resumes_nothing(void **state)
{
    const struct place *place = *state;
    struct tls_key two[] = { key_of(2, 0), key_of(1, TODAY + 9 * HOUR) };
    struct tls_node *a = node_of(place->a, ID_A, 1), *b = node_of(place->b, ID_B, 1);
    gnutls_datum_t ticket = { 0 };
    meet(a, files(b), (struct meeting){ .ticket = &ticket });
    update(a, two, 2);
    struct meeting m = meet(a, files(b), (struct meeting){ .ticket = &ticket });
    assert_true(m.server_ok && !m.resumed); /* the old key still counts: a whole handshake */
    update(a, two, 1);
    m = meet(a, files(b), (struct meeting){ .ticket = &ticket });
    assert_false(m.server_ok);
    gnutls_free(ticket.data);
    tls_node_free(a);
    tls_node_free(b);
}

/* ---- rotation ---- */

enum { OLD, BOTH, NEW, KINDS };

static const char *const kinds[KINDS] = { "old", "both", "new" };

/* A node that knows the old key only, both, or the new one only, as it is at this time. */
static struct tls_node *kind(const char *folder, const char *id, int which, int64_t ends)
{
    struct tls_key old = key_of(1, 0), two[] = { key_of(2, 0), key_of(1, ends) };
    return which == OLD ? node_with(folder, id, &old, 1)
                        : node_with(folder, id, two, which == BOTH ? 2 : 1);
}

static void expect_meetings(const struct place *place, int64_t ends,
                            const bool expected[KINDS][KINDS])
{
    for (int server = 0; server < KINDS; server++)
        for (int client = 0; client < KINDS; client++) {
            struct tls_node *a = kind(place->a, ID_A, server, ends);
            struct tls_node *b = kind(place->b, ID_B, client, ends);
            if (let_in(a, b) != expected[server][client])
                fail_msg("server with %s key, client with %s, %lld s before the end", kinds[server],
                         kinds[client], (long long)(ends - now));
            tls_node_free(a);
            tls_node_free(b);
        }
}

static void test_while_the_old_key_lasts_all_but_the_two_ends_can_talk(void **state)
{
    /* Who knows both signs with the old one, so who has only the new one does not believe it. */
    static const bool expected[KINDS][KINDS] = { { true, true, false },
                                                 { true, true, false },
                                                 { false, false, true } };
    expect_meetings(*state, TODAY + HOUR, expected);
    expect_meetings(*state, TODAY + 61, expected);
}

static void test_in_its_last_minute_the_new_one_signs(void **state)
{
    static const bool expected[KINDS][KINDS] = { { true, false, false },
                                                 { false, true, true },
                                                 { false, true, true } };
    expect_meetings(*state, TODAY + 60, expected);
    expect_meetings(*state, TODAY + 1, expected);
}

static void test_after_its_end_who_has_only_the_old_one_is_out(void **state)
{
    static const bool expected[KINDS][KINDS] = { { true, false, false },
                                                 { false, true, true },
                                                 { false, true, true } };
    expect_meetings(*state, TODAY, expected);
    expect_meetings(*state, TODAY - HOUR, expected);
}

static void test_nodes_that_run_get_through_a_change_of_key(void **state)
{
    const struct place *place = *state;
    int64_t ends = TODAY + HOUR;
    struct tls_key old = key_of(1, 0), two[] = { key_of(2, 0), key_of(1, ends) };
    struct tls_node *a = node_with(place->a, ID_A, &old, 1);
    struct tls_node *b = node_with(place->b, ID_B, &old, 1);
    update(a, two, 2); /* a has heard of it, b not yet */
    assert_true(let_in(a, b) && let_in(b, a));
    now += HOUR / 2;
    update(a, two, 2);
    update(b, two, 2);
    /* Every few seconds, as daemons do, until it is over: at each moment both go on. */
    for (; now < ends + 120; now += 5) {
        update(a, two, 2);
        assert_true(let_in(a, b) && let_in(b, a));
        update(b, two, 2);
        assert_true(let_in(a, b) && let_in(b, a));
    }
    assert_int_equal(tls_node_expires(a) > ends, 1);
    assert_null(strstr(strstr(text_of(place->a, "ca.crt"), "BEGIN") + 1, "BEGIN")); /* one CA */
    /* Both have dropped the old one: an old-only node is out from now on. */
    _cleanup_free_ char *late = str_format("%s/late", place->top);
    struct tls_node *c = node_with(late, ID_B, &old, 1);
    assert_false(let_in(a, c) || let_in(c, a));
    tls_node_free(a);
    tls_node_free(b);
    tls_node_free(c);
}

static void test_a_kept_connection_counts_no_more_after_the_end_of_its_key(void **state)
{
    const struct place *place = *state;
    struct tls_key old = key_of(1, 0), two[] = { key_of(2, 0), key_of(1, TODAY + HOUR) };
    struct tls_node *a = node_with(place->a, ID_A, two, 2), *b = node_with(place->b, ID_B, &old, 1);
    struct meeting m = { 0 };
    struct client client;
    gnutls_session_t server;
    char name[TLS_NAME_SIZE];
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client_init(&client, files(b), &m, fds[0]);
    assert_int_equal(gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    gnutls_transport_set_int(server, fds[1]);
    assert_int_equal(tls_node_serve(a, server), 0);
    shake_hands(&m, client.session, server);
    assert_true(m.server_ok);
    assert_string_equal(tls_node_member(a, server, name), ID_B);
    now += HOUR;
    update(a, two, 2);
    assert_null(tls_node_member(a, server, name));
    gnutls_deinit(server);
    client_release(&client);
    close(fds[0]);
    close(fds[1]);
    tls_node_free(a);
    tls_node_free(b);
}

static void test_the_fingerprint_tells_swarms_apart(void **state)
{
    char one[TLS_FINGERPRINT_SIZE], same[TLS_FINGERPRINT_SIZE], other[TLS_FINGERPRINT_SIZE];
    struct tls_key key = key_of(1, 0), ending = key_of(1, 5), second = key_of(2, 0);
    assert_int_equal(tls_fingerprint(one, &key), 0);
    assert_int_equal(tls_fingerprint(same, &ending), 0);
    assert_int_equal(tls_fingerprint(other, &second), 0);
    assert_int_equal(strspn(one, "0123456789abcdef"), 64);
    assert_string_equal(one, same);
    assert_string_not_equal(one, other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_its_files_are_this_users_alone),
        TEST(test_the_next_start_goes_on_with_them),
        TEST(test_a_start_after_half_its_life_makes_another_certificate_for_the_same_key),
        TEST(test_a_certificate_that_is_not_its_own_is_replaced),
        TEST(test_one_of_another_swarm_is_replaced),
        TEST(test_a_ca_file_that_was_changed_is_written_anew),
        TEST(test_a_key_that_is_broken_foreign_or_readable_is_refused),
        TEST(test_it_renews_itself_after_half_its_life_and_not_before),
        TEST(test_a_member_whose_certificate_has_ended_is_out),
        TEST(test_what_could_not_be_written_is_tried_again),
        TEST(test_members_know_each_other_by_name),
        TEST(test_strangers_are_not_let_in),
        TEST(test_nothing_older_than_tls_1_3_and_nothing_weak),
        TEST(test_a_ticket_takes_the_session_up_with_its_name),
        TEST(test_a_ticket_ends_with_the_certificate_behind_it),
        TEST(test_a_ticket_of_before_a_key_change_resumes_nothing),
        TEST(test_while_the_old_key_lasts_all_but_the_two_ends_can_talk),
        TEST(test_in_its_last_minute_the_new_one_signs),
        TEST(test_after_its_end_who_has_only_the_old_one_is_out),
        TEST(test_nodes_that_run_get_through_a_change_of_key),
        TEST(test_a_kept_connection_counts_no_more_after_the_end_of_its_key),
        TEST(test_the_fingerprint_tells_swarms_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
