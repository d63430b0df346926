/* SPDX-License-Identifier: MIT */
/* What an FTP server says about a file, put into the terms of a reply over HTTP (RFC 959, RFC
 * 3659).
 *
 *     REST 0 ─▶ 350              asked before a range from 0: libcurl sends REST for others only
 *     MDTM ─▶ 213 20240229120000
 *     EPSV ─▶ 229                after it, the next 213 is that of SIZE
 *     SIZE ─▶ 213 1234567
 *     REST n ─▶ 350, RETR ─▶ 150, and the bytes
 *
 * Untrusted bytes. */
#ifndef DDM_IO_FETCH_FTP_H
#define DDM_IO_FETCH_FTP_H

#include "io/fetch.h"

struct fetch_ftp {
    uint64_t size;  /* FETCH_UNKNOWN: not said */
    bool positions; /* it knows REST */
    bool busy;      /* too many connections: 421, or a login that was refused for that */
    bool passive;   /* the data connection was spoken of: what comes is of SIZE */
};

void fetch_ftp_clear(struct fetch_ftp *ftp);

/* One line of the control connection, with or without its line end. */
void fetch_ftp_line(struct fetch_ftp *ftp, const char *line, size_t length);

/* Fills the head of a reply to [begin, end): 206 with the range that follows, 416 where the file is
 * shorter. False where a range cannot be had. `modified`: seconds since 1970, < 0: not known. */
bool fetch_ftp_range(const struct fetch_ftp *ftp, uint64_t begin, uint64_t end, int64_t modified,
                     struct fetch_head *head);

/* Last-Modified in a head, as HTTP writes it (RFC 9110, 5.6.7); nothing for a time < 0. */
void fetch_ftp_modified(struct fetch_head *head, int64_t modified);

#endif
