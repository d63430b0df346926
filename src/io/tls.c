/* SPDX-License-Identifier: MIT */
#include "io/tls.h"

#include "base/error.h"
#include "base/private_file.h"
#include "base/str.h"
#include "base/util.h"
#include "io/tls_ca.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LIFE        ((int64_t)3 * 24 * 3600) /* s, of a certificate; a new one after the half */
#define RENEW_LEAST 60                       /* s between two, where a key is about to end */
#define TICKET_LIFE 3600                     /* s */
#define FILE_MAX    (16 * 1024)
#define RETIRED     8

/* X25519 first: all clients send a share of it, so that none is asked once more. */
static const char priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:"
    "-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:%SERVER_PRECEDENCE";

struct tls_node {
    char *folder, node_id[TLS_NAME_SIZE];
    char *paths[3]; /* certificate, key, CA: what `files` points to */
    struct tls_files files;
    gnutls_x509_privkey_t key;
    char *key_pem, *certificate_pem;
    struct tls_key keys[TLS_KEYS];
    struct tls_ca cas[TLS_KEYS];
    size_t key_count;
    int64_t expires, renew_at; /* s since 1970 */
    gnutls_priority_t priority;
    gnutls_datum_t ticket_key;
    /* Connections hold on to credentials; those that were replaced are kept for a while. */
    gnutls_certificate_credentials_t credentials, retired[RETIRED];
    size_t retired_next;
};

static int fail(struct ddm_error *err, int r)
{
    return error_set(err, DDM_E_FAIL, "TLS: %s", gnutls_strerror(r));
}

/* ---- PEM ---- */

/* What GnuTLS allocated, as ours. NULL without memory. */
static char *take_text(gnutls_datum_t *datum)
{
    char *text = strndup((const char *)datum->data, datum->size);
    explicit_bzero(datum->data, datum->size);
    gnutls_free(datum->data);
    return text;
}

static char *certificate_text(gnutls_x509_crt_t crt)
{
    gnutls_datum_t out;
    return gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out) < 0 ? NULL : take_text(&out);
}

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(TAKE(*text));
}

/* ---- the node's own key ---- */

static int parse_key(struct tls_node *n, const char *text)
{
    gnutls_datum_t datum = { (unsigned char *)text, (unsigned)strlen(text) };
    int r =
        gnutls_x509_privkey_import2(n->key, &datum, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
    if (r >= 0 && gnutls_x509_privkey_get_pk_algorithm(n->key) != GNUTLS_PK_EDDSA_ED25519)
        r = GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
    return r;
}

static int make_key(struct tls_node *n, struct ddm_error *err)
{
    gnutls_datum_t out;
    int r = gnutls_x509_privkey_generate(n->key, GNUTLS_PK_EDDSA_ED25519, 0, 0);
    if (r >= 0)
        r = gnutls_x509_privkey_export2_pkcs8(n->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                              &out);
    if (r < 0)
        return fail(err, r);
    n->key_pem = take_text(&out);
    return n->key_pem
               ? private_file_create(n->folder, "node.key", n->key_pem, strlen(n->key_pem), err)
               : error_memory(err);
}

/* 1 where there is none. */
static int read_key(struct tls_node *n, struct ddm_error *err)
{
    int r = private_file_read(n->folder, "node.key", FILE_MAX, &n->key_pem, err);
    if (r == 0 && (r = parse_key(n, n->key_pem)) < 0)
        return error_set(err, DDM_E_PERMISSION,
                         "%s: no Ed25519 key (%s); without the file a new one is made", n->paths[1],
                         gnutls_strerror(r));
    return r;
}

static int load_key(struct tls_node *n, struct ddm_error *err)
{
    int r = gnutls_x509_privkey_init(&n->key);
    if (r < 0)
        return fail(err, r);
    r = read_key(n, err);
    if (r == 1)
        r = make_key(n, err);
    if (r == 1) { /* another process of this node was first */
        wipe(&n->key_pem);
        gnutls_x509_privkey_deinit(TAKE(n->key));
        r = gnutls_x509_privkey_init(&n->key) < 0 ? error_memory(err) : read_key(n, err);
    }
    return r == 1 ? error_set(err, DDM_E_DISK, "%s: it comes and goes", n->paths[1]) : r;
}

/* ---- the certificate ---- */

/* While there are two keys the old one signs: who does not know the new one yet must believe it.
 * Not to its last moment, so that nobody is shown what has just ended. */
static size_t signer(const struct tls_node *n, int64_t now)
{
    size_t last = n->key_count - 1;
    return n->keys[last].ends && n->keys[last].ends - now <= RENEW_LEAST ? 0 : last;
}

static bool has_node_key(const struct tls_node *n, gnutls_x509_crt_t crt)
{
    unsigned char a[32], b[32];
    size_t size_a = sizeof a, size_b = sizeof b;
    return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &size_a) >= 0 &&
           gnutls_x509_privkey_get_key_id(n->key, GNUTLS_KEYID_USE_SHA256, b, &size_b) >= 0 &&
           memcmp(a, b, sizeof a) == 0;
}

static bool read_name(gnutls_x509_crt_t crt, char out[static TLS_NAME_SIZE])
{
    size_t size = TLS_NAME_SIZE;
    return gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out, &size) >= 0;
}

/* Whether a certificate of a run before still does. */
static bool is_usable(const struct tls_node *n, gnutls_x509_crt_t crt, int64_t now)
{
    char name[TLS_NAME_SIZE];
    unsigned problems = 0;
    return gnutls_x509_crt_verify(crt, &n->cas[signer(n, now)].certificate, 1, 0, &problems) >= 0 &&
           problems == 0 && has_node_key(n, crt) && read_name(crt, name) &&
           strcmp(name, n->node_id) == 0 &&
           gnutls_x509_crt_get_expiration_time(crt) - now > LIFE / 2;
}

static int load_certificate(struct tls_node *n, gnutls_x509_crt_t *ret, int64_t now)
{
    _cleanup_free_ char *text = NULL;
    gnutls_x509_crt_t crt = NULL;
    if (private_file_read(n->folder, "node.crt", FILE_MAX, &text, NULL) != 0)
        return -1;
    gnutls_datum_t datum = { (unsigned char *)text, (unsigned)strlen(text) };
    if (gnutls_x509_crt_init(&crt) < 0)
        return -1;
    if (gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_PEM) < 0 || !is_usable(n, crt, now)) {
        gnutls_x509_crt_deinit(crt);
        return -1;
    }
    *ret = crt;
    return 0;
}

static int issue_certificate(struct tls_node *n, gnutls_x509_crt_t *ret, int64_t now,
                             struct ddm_error *err)
{
    size_t by = signer(n, now);
    int64_t key_ends = n->keys[by].ends;
    int64_t ends = key_ends ? MIN(now + LIFE, key_ends) : now + LIFE;
    gnutls_x509_crt_t crt = NULL;
    int r = tls_ca_issue(&crt, &n->cas[by], n->key, n->node_id, now, ends);
    if (r < 0)
        return fail(err, r);
    _cleanup_free_ char *text = certificate_text(crt);
    r = text ? private_file_write(n->folder, "node.crt", text, strlen(text), err)
             : error_memory(err);
    if (r < 0) {
        gnutls_x509_crt_deinit(crt);
        return r;
    }
    *ret = crt;
    return 0;
}

/* ca.crt: all that are believed. */
static int write_ca(const struct tls_node *n, struct ddm_error *err)
{
    _cleanup_free_ char *first = certificate_text(n->cas[0].certificate);
    _cleanup_free_ char *second =
        n->key_count > 1 ? certificate_text(n->cas[1].certificate) : strdup("");
    _cleanup_free_ char *all = first && second ? str_format("%s%s", first, second) : NULL;
    _cleanup_free_ char *there = NULL;
    if (!all)
        return error_memory(err);
    if (private_file_read(n->folder, "ca.crt", FILE_MAX, &there, NULL) == 0 &&
        strcmp(there, all) == 0)
        return 0;
    return private_file_write(n->folder, "ca.crt", all, strlen(all), err);
}

static int make_credentials(const struct tls_node *n, gnutls_x509_crt_t crt,
                            gnutls_certificate_credentials_t *ret)
{
    gnutls_certificate_credentials_t credentials;
    int r = gnutls_certificate_allocate_credentials(&credentials);
    if (r < 0)
        return r;
    r = gnutls_certificate_set_x509_key(credentials, &crt, 1, n->key);
    for (size_t i = 0; r >= 0 && i < n->key_count; i++)
        r = gnutls_certificate_set_x509_trust(credentials,
                                              (gnutls_x509_crt_t *)&n->cas[i].certificate, 1);
    if (r < 0) {
        gnutls_certificate_free_credentials(credentials);
        return r;
    }
    *ret = credentials;
    return 0;
}

static void retire(struct tls_node *n)
{
    gnutls_certificate_credentials_t *place = &n->retired[n->retired_next++ % RETIRED];
    if (*place)
        gnutls_certificate_free_credentials(*place);
    *place = TAKE(n->credentials);
}

/* From now on this certificate is shown. Tickets of before count no more: they would let in who has
 * lost his key. */
static int use_certificate(struct tls_node *n, gnutls_x509_crt_t crt, int64_t now,
                           struct ddm_error *err)
{
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t ticket_key = { 0 };
    char *text = certificate_text(crt);
    int r = text ? make_credentials(n, crt, &credentials) : GNUTLS_E_MEMORY_ERROR;
    if (r >= 0 && (r = gnutls_session_ticket_key_generate(&ticket_key)) < 0)
        gnutls_certificate_free_credentials(credentials);
    if (r < 0) {
        free(text);
        return fail(err, r);
    }
    retire(n);
    gnutls_memset(n->ticket_key.data, 0, n->ticket_key.size);
    gnutls_free(n->ticket_key.data);
    free(n->certificate_pem);
    n->credentials = credentials;
    n->ticket_key = ticket_key;
    n->certificate_pem = text;
    n->expires = gnutls_x509_crt_get_expiration_time(crt);
    int64_t left = n->expires - now, after = left > LIFE / 2 ? left - LIFE / 2 : left / 2;
    if (n->keys[signer(n, now)].ends)
        after = MIN(after, n->keys[signer(n, now)].ends - RENEW_LEAST - now);
    n->renew_at = now + MAX(after, (int64_t)1);
    return 0;
}

/* ---- keys ---- */

static void drop_keys(struct tls_node *n)
{
    for (size_t i = 0; i < n->key_count; i++)
        tls_ca_release(&n->cas[i]);
    explicit_bzero(n->keys, sizeof n->keys);
    n->key_count = 0;
}

static bool are_current(const struct tls_node *n, const struct tls_key *keys, size_t count)
{
    if (count != n->key_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (memcmp(keys[i].secret, n->keys[i].secret, TLS_SECRET_SIZE) != 0 ||
            keys[i].ends != n->keys[i].ends)
            return false;
    return true;
}

static int take_keys(struct tls_node *n, const struct tls_key *keys, size_t count,
                     struct ddm_error *err)
{
    struct tls_ca cas[TLS_KEYS] = { 0 };
    for (size_t i = 0; i < count; i++) {
        int r = tls_ca_derive(&cas[i], keys[i].secret);
        if (r < 0) {
            while (i-- > 0)
                tls_ca_release(&cas[i]);
            return fail(err, r);
        }
    }
    drop_keys(n);
    memcpy(n->cas, cas, sizeof cas);
    memcpy(n->keys, keys, count * sizeof *keys);
    n->key_count = count;
    return 0;
}

int tls_node_update(struct tls_node *n, const struct tls_key *keys, size_t key_count,
                    struct ddm_error *err)
{
    int64_t now = time(NULL);
    gnutls_x509_crt_t crt = NULL;
    size_t count = MIN(key_count, (size_t)TLS_KEYS);
    while (count > 1 && keys[count - 1].ends && keys[count - 1].ends <= now)
        count--;
    bool same = are_current(n, keys, count);
    if (same && now < n->renew_at)
        return 0;
    n->renew_at = 0; /* if it fails it is tried again */
    int r = same ? 0 : take_keys(n, keys, count, err);
    if (r == 0)
        r = write_ca(n, err);
    if (r == 0 && load_certificate(n, &crt, now) < 0)
        r = issue_certificate(n, &crt, now, err);
    if (r < 0)
        return r;
    r = use_certificate(n, crt, now, err);
    gnutls_x509_crt_deinit(crt);
    return r;
}

/* ---- the node ---- */

static int set_paths(struct tls_node *n)
{
    static const char *const names[] = { "node.crt", "node.key", "ca.crt" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!(n->paths[i] = str_format("%s/%s", n->folder, names[i])))
            return -1;
    n->files = (struct tls_files){ n->paths[0], n->paths[1], n->paths[2] };
    return 0;
}

int tls_node_new(struct tls_node **ret, const char *folder, const char *node_id,
                 const struct tls_key *keys, size_t key_count, struct ddm_error *err)
{
    struct tls_node *n = calloc(1, sizeof *n);
    if (!n || !(n->folder = strdup(folder)) || set_paths(n) < 0) {
        tls_node_free(n);
        return error_memory(err);
    }
    str_copy(n->node_id, sizeof n->node_id, node_id);
    int r = gnutls_priority_init(&n->priority, priorities, NULL);
    r = r < 0 ? fail(err, r) : load_key(n, err);
    if (r == 0)
        r = tls_node_update(n, keys, key_count, err);
    if (r < 0) {
        tls_node_free(n);
        return r;
    }
    *ret = n;
    return 0;
}

struct tls_node *tls_node_free(struct tls_node *n)
{
    if (!n)
        return NULL;
    if (n->credentials)
        gnutls_certificate_free_credentials(n->credentials);
    for (size_t i = 0; i < RETIRED; i++)
        if (n->retired[i])
            gnutls_certificate_free_credentials(n->retired[i]);
    if (n->priority)
        gnutls_priority_deinit(n->priority);
    if (n->key)
        gnutls_x509_privkey_deinit(n->key);
    drop_keys(n);
    if (n->ticket_key.data)
        gnutls_memset(n->ticket_key.data, 0, n->ticket_key.size);
    gnutls_free(n->ticket_key.data);
    wipe(&n->key_pem);
    free(n->certificate_pem);
    for (size_t i = 0; i < ARRAY_SIZE(n->paths); i++)
        free(n->paths[i]);
    free(n->folder);
    free(n);
    return NULL;
}

const struct tls_files *tls_node_files(const struct tls_node *node)
{
    return &node->files;
}

int64_t tls_node_expires(const struct tls_node *node)
{
    return node->expires;
}

const char *tls_node_certificate_pem(const struct tls_node *node)
{
    return node->certificate_pem;
}

const char *tls_node_key_pem(const struct tls_node *node)
{
    return node->key_pem;
}

int tls_fingerprint(char out[static TLS_FINGERPRINT_SIZE], const struct tls_key *key)
{
    struct tls_ca ca;
    unsigned char id[32];
    int r = tls_ca_derive(&ca, key->secret);
    if (r < 0)
        return -DDM_E_FAIL;
    r = tls_ca_key_id(&ca, id, sizeof id);
    tls_ca_release(&ca);
    if (r < 0)
        return -DDM_E_FAIL;
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
    return 0;
}

/* ---- servers ---- */

/* Why a stranger is not let in (RFC 8446, 6.2): libmicrohttpd would close without a word. */
static gnutls_alert_description_t verdict(int r, unsigned problems)
{
    if (r < 0)
        return GNUTLS_A_CERTIFICATE_REQUIRED;
    if (problems & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
        return GNUTLS_A_CERTIFICATE_EXPIRED;
    return problems & GNUTLS_CERT_SIGNER_NOT_FOUND ? GNUTLS_A_UNKNOWN_CA : GNUTLS_A_BAD_CERTIFICATE;
}

static int verify_client(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
                                      .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT };
    unsigned problems = 0;
    int r = gnutls_certificate_verify_peers(session, &purpose, 1, &problems);
    if (r >= 0 && problems == 0)
        return 0;
    gnutls_alert_send(session, GNUTLS_AL_FATAL, verdict(r, problems));
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* No early data (0-RTT): that could be replayed (RFC 8446, 8). Asked for, not required: whoever
 * shows no certificate is refused by verify_client(), too, and hears of it. */
int tls_node_serve(struct tls_node *node, void *session)
{
    if (gnutls_priority_set(session, node->priority) < 0 ||
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, node->credentials) < 0 ||
        gnutls_session_ticket_enable_server(session, &node->ticket_key) < 0)
        return -DDM_E_FAIL;
    gnutls_db_set_cache_expiration(session, TICKET_LIFE);
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_session_set_verify_function(session, verify_client);
    return 0;
}

/* The handshake has verified the signature; what can have changed since is asked again. */
static bool still_counts(const struct tls_node *node, gnutls_x509_crt_t crt)
{
    if (gnutls_x509_crt_get_expiration_time(crt) <= time(NULL))
        return false;
    for (size_t i = 0; i < node->key_count; i++)
        if (gnutls_x509_crt_check_issuer(crt, node->cas[i].certificate))
            return true;
    return false;
}

const char *tls_node_member(struct tls_node *node, void *session, char out[static TLS_NAME_SIZE])
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t crt = NULL;
    if (!chain || count == 0 || gnutls_x509_crt_init(&crt) < 0)
        return NULL;
    bool good = gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) >= 0 &&
                still_counts(node, crt) && read_name(crt, out);
    gnutls_x509_crt_deinit(crt);
    return good ? out : NULL;
}
