/* SPDX-License-Identifier: MIT */
/* TLS on the server's side: libmicrohttpd moves the bytes, tls.h says whom to believe. */
#include "base/util.h"
#include "io/httpd_internal.h"
#include "io/tls.h"

#include <string.h>
#include <sys/socket.h>

void httpd_tls_options(const struct tls_node *tls, struct MHD_OptionItem ret[static 3])
{
    size_t n = 0;
    if (tls) {
        ret[n++] =
            (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)tls_node_key_pem(tls) };
        ret[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0,
                                            (void *)tls_node_certificate_pem(tls) };
    }
    ret[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };
}

static void *session_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

void httpd_tls_begin(struct tls_node *tls, struct MHD_Connection *connection)
{
    void *session = session_of(connection);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if ((!session || tls_node_serve(tls, session) < 0) && info)
        shutdown(info->connect_fd, SHUT_RDWR); /* it would serve strangers */
}

bool httpd_tls_member(struct httpd_request *request)
{
    void *session = session_of(request->connection);
    return session && tls_node_member(request->httpd->tls, session, request->member);
}

const char *httpd_member(const struct httpd_request *request)
{
    return request->member[0] ? request->member : NULL;
}
