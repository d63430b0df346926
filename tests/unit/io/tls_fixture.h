/* SPDX-License-Identifier: MIT */
/* For tests of TLS: a folder for two nodes, a clock that the test sets (GnuTLS heeds it, too), and
 * handshakes over a socket pair. */
#ifndef TESTS_UNIT_IO_TLS_FIXTURE_H
#define TESTS_UNIT_IO_TLS_FIXTURE_H

#include "io/tls.h"

#include "base/str.h"
#include "base/util.h"

#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HOUR  ((int64_t)3600)
#define TODAY ((int64_t)1800000000)
#define ID_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int64_t now = TODAY;

/* Instead of libc's. */
__attribute__((visibility("default"))) time_t time(time_t *ret)
{
    if (ret)
        *ret = (time_t)now;
    return (time_t)now;
}

struct place {
    char top[64], a[96], b[96];
};

static int setup(void **state)
{
    static struct place place;
    strcpy(place.top, "/tmp/ddm-tls-XXXXXX");
    if (!mkdtemp(place.top))
        return -1;
    snprintf(place.a, sizeof place.a, "%s/a", place.top);
    snprintf(place.b, sizeof place.b, "%s/b", place.top);
    gnutls_global_set_time_function(time);
    now = TODAY;
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    const struct place *place = *state;
    _cleanup_free_ char *command = str_format("rm -rf '%s'", place->top);
    return command ? system(command) : -1;
}

static inline struct tls_key key_of(unsigned char first, int64_t ends)
{
    struct tls_key key = { .secret = { first, 1, 2, 3 }, .ends = ends };
    return key;
}

static inline struct tls_node *node_with(const char *folder, const char *id,
                                         const struct tls_key *keys, size_t count)
{
    struct tls_node *node = NULL;
    struct ddm_error err = { 0 };
    if (tls_node_new(&node, folder, id, keys, count, &err) < 0)
        fail_msg("%s", err.message);
    return node;
}

static inline struct tls_node *node_of(const char *folder, const char *id, unsigned char first)
{
    struct tls_key key = key_of(first, 0);
    return node_with(folder, id, &key, 1);
}

static inline char *text_of(const char *folder, const char *name)
{
    static char text[2][16384];
    static unsigned which;
    _cleanup_free_ char *path = str_format("%s/%s", folder, name);
    char *out = text[which++ % 2];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    out[fread(out, 1, sizeof text[0] - 1, file)] = '\0';
    fclose(file);
    return out;
}

static inline gnutls_x509_crt_t read_certificate(const char *pem)
{
    gnutls_x509_crt_t crt;
    gnutls_datum_t datum = { (unsigned char *)pem, (unsigned)strlen(pem) };
    assert_int_equal(gnutls_x509_crt_init(&crt), 0);
    assert_int_equal(gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_PEM), 0);
    return crt;
}

/* ---- handshakes ---- */

/* A client out of the node's files, as libcurl makes one. */
struct client {
    gnutls_certificate_credentials_t credentials;
    gnutls_session_t session;
};

struct meeting {
    const char *name;       /* that the server must show; NULL: TLS_ANY_MEMBER */
    const char *priorities; /* of the client; NULL: as usual */
    gnutls_datum_t *ticket; /* in: to resume with, empty: none; out: a new one */
    /* What came of it. */
    bool client_ok, server_ok, resumed;
    char member[TLS_NAME_SIZE]; /* as the server sees it; empty: nobody */
    gnutls_protocol_t version;
    gnutls_cipher_algorithm_t cipher;
};

static inline void client_init(struct client *c, const struct tls_files *files,
                               const struct meeting *m, int fd)
{
    assert_int_equal(gnutls_certificate_allocate_credentials(&c->credentials), 0);
    assert_true(gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) == 0);
    if (files) {
        assert_int_equal(gnutls_certificate_set_x509_key_file(c->credentials, files->certificate,
                                                              files->key, GNUTLS_X509_FMT_PEM),
                         0);
        assert_true(gnutls_certificate_set_x509_trust_file(c->credentials, files->ca,
                                                           GNUTLS_X509_FMT_PEM) > 0);
        gnutls_session_set_verify_cert(c->session, m->name ? m->name : TLS_ANY_MEMBER, 0);
    }
    assert_int_equal(
        gnutls_priority_set_direct(c->session, m->priorities ? m->priorities : "NORMAL", NULL), 0);
    assert_int_equal(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials), 0);
    if (m->ticket && m->ticket->size > 0)
        assert_int_equal(gnutls_session_set_data(c->session, m->ticket->data, m->ticket->size), 0);
    gnutls_transport_set_int(c->session, fd);
}

static inline void client_release(struct client *c)
{
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
}

/* Both by turns, to the end of each. */
static inline void shake_hands(struct meeting *m, gnutls_session_t client, gnutls_session_t server)
{
    int a = GNUTLS_E_AGAIN, b = GNUTLS_E_AGAIN;
    for (unsigned turn = 0; turn < 100; turn++) {
        if (a == GNUTLS_E_AGAIN)
            a = gnutls_handshake(client);
        if (b == GNUTLS_E_AGAIN)
            b = gnutls_handshake(server);
    }
    m->client_ok = a == 0;
    m->server_ok = b == 0;
}

static inline void take_ticket(gnutls_datum_t *ticket, gnutls_session_t client,
                               gnutls_session_t server)
{
    char byte;
    ssize_t n = GNUTLS_E_AGAIN;
    assert_int_equal(gnutls_record_send(server, "x", 1), 1);
    for (unsigned turn = 0; turn < 10 && n == GNUTLS_E_AGAIN; turn++) /* the ticket comes first */
        n = gnutls_record_recv(client, &byte, 1);
    assert_int_equal(n, 1);
    gnutls_free(ticket->data);
    assert_int_equal(gnutls_session_get_data2(client, ticket), 0);
}

/* A client with these files (NULL: none) connects to the server. */
static inline struct meeting meet(struct tls_node *server_node, const struct tls_files *files,
                                  struct meeting m)
{
    int fds[2];
    struct client client;
    gnutls_session_t server;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client_init(&client, files, &m, fds[0]);
    assert_int_equal(gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK), 0);
    gnutls_transport_set_int(server, fds[1]);
    assert_int_equal(tls_node_serve(server_node, server), 0);
    shake_hands(&m, client.session, server);
    if (m.server_ok) {
        m.version = gnutls_protocol_get_version(server);
        m.cipher = gnutls_cipher_get(server);
        m.resumed = gnutls_session_is_resumed(server);
        if (!tls_node_member(server_node, server, m.member))
            m.member[0] = '\0';
    }
    if (m.ticket && m.server_ok && m.client_ok)
        take_ticket(m.ticket, client.session, server);
    gnutls_deinit(server);
    client_release(&client);
    close(fds[0]);
    close(fds[1]);
    return m;
}

/* Whether a node is let in by another and believes it; each by its certificate. */
static inline bool let_in(struct tls_node *server, struct tls_node *client)
{
    struct meeting m = meet(server, tls_node_files(client), (struct meeting){ 0 });
    return m.client_ok && m.server_ok && m.member[0];
}

#endif
