/* SPDX-License-Identifier: MIT */
#include "swarm/membership.h"

#include "base/error.h"
#include "base/log.h"
#include "base/private_file.h"
#include "base/str.h"
#include "base/util.h"
#include "swarm/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ID_FILE "node.id"
#define ID_MAX  128

struct membership {
    char *folder;
    char node_id[MESSAGE_ID_SIZE];
    struct token token;
    struct tls_node *tls;
    struct loop_timer *timer;
    int lock;    /* -1: none */
    bool broken; /* what went wrong was logged */
};

/* ---- the node id ---- */

static int make_id(struct membership *m, struct ddm_error *err)
{
    char line[MESSAGE_ID_SIZE + 1];
    int r = identity_node(m->node_id, err);
    if (r < 0)
        return r;
    snprintf(line, sizeof line, "%s\n", m->node_id);
    return private_file_create(m->folder, ID_FILE, line, strlen(line), err);
}

static int load_id(struct membership *m, struct ddm_error *err)
{
    _cleanup_free_ char *text = NULL;
    int r = private_file_read(m->folder, ID_FILE, ID_MAX, &text, err);
    if (r == 1) {
        r = make_id(m, err);
        if (r <= 0)
            return r;
        /* Another process of this node was first. */
        r = private_file_read(m->folder, ID_FILE, ID_MAX, &text, err);
        if (r == 1)
            return error_set(err, DDM_E_DISK, "%s/" ID_FILE ": it comes and goes", m->folder);
    }
    if (r < 0)
        return r;
    text[strcspn(text, "\n")] = '\0';
    if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
        return error_set(err, DDM_E_PERMISSION,
                         "%s/" ID_FILE ": no node id; without the file a new one is made",
                         m->folder);
    str_copy(m->node_id, sizeof m->node_id, text);
    return 0;
}

/* ---- the life of a membership ---- */

int membership_open(struct membership **ret, const char *folder, struct ddm_error *err)
{
    struct membership *m = calloc(1, sizeof *m);
    if (m)
        m->lock = -1;
    if (!m || !(m->folder = strdup(folder))) {
        membership_free(m);
        return error_memory(err);
    }
    int r = membership_read_token(folder, &m->token, err);
    if (r == 0)
        r = load_id(m, err);
    if (r == 0)
        r = tls_node_new(&m->tls, folder, m->node_id, m->token.keys, m->token.key_count, err);
    if (r < 0) {
        membership_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

int membership_update(struct membership *m, struct ddm_error *err)
{
    struct token token = { 0 };
    int r = membership_read_token(m->folder, &token, err);
    if (r == 0) {
        token_clear(&m->token);
        m->token = token;
    }
    int update = tls_node_update(m->tls, m->token.keys, m->token.key_count, r < 0 ? NULL : err);
    token_clear(&token);
    return r < 0 ? r : update;
}

static void look(void *arg)
{
    struct membership *m = arg;
    struct ddm_error err;
    bool fails = membership_update(m, &err) < 0;
    if (fails && !m->broken)
        log_warn("swarm", "%s; the key and certificate of before go on", err.message);
    m->broken = fails;
}

int membership_watch(struct membership *m, struct loop *loop)
{
    m->timer = loop_timer_free(m->timer);
    if (!loop)
        return 0;
    if (loop_timer_new(&m->timer, loop, look, m) < 0)
        return -1;
    loop_timer_start(m->timer, MEMBERSHIP_LOOK, true);
    return 0;
}

/* The lock ends with the process, however that ends. */
int membership_claim(struct membership *m, const char *role, struct ddm_error *err)
{
    _cleanup_free_ char *path = str_format("%s/%s.lock", m->folder, role);
    if (!path)
        return error_memory(err);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, DDM_E_DISK, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(err, DDM_E_USAGE,
                         "another %s of this node runs on this machine; a second one needs a "
                         "--state-dir of its own, with the same token in it",
                         role);
    m->lock = fd;
    fd = -1;
    return 0;
}

struct membership *membership_free(struct membership *m)
{
    if (m) {
        if (m->lock >= 0)
            close(m->lock);
        loop_timer_free(m->timer);
        tls_node_free(m->tls);
        token_clear(&m->token);
        free(m->folder);
        free(m);
    }
    return NULL;
}

const char *membership_folder(const struct membership *m)
{
    return m->folder;
}

const char *membership_node_id(const struct membership *m)
{
    return m->node_id;
}

struct tls_node *membership_tls(const struct membership *m)
{
    return m ? m->tls : NULL;
}

const struct token *membership_token(const struct membership *m)
{
    return &m->token;
}
