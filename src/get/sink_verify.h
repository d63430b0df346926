/* SPDX-License-Identifier: MIT */
/* Hashing while the bytes come, on the thread pool: pieces as soon as all of one is there, and the
 * whole in order, as far as it may go; what comes while a turn runs is taken by it. One turn at a
 * time.
 *
 *     there    ██████████░░░██████░░░░████        pieces: missing ─all there─▶ ready ─turn─▶ right
 *     pieces   └─1─┘└─2─┘└─3─┘└─4─┘└─5─┘                     ▲                    └▶ wrong: told,
 *     right    ██████                                        └──────forgotten◀─────────────┘
 *     whole    ████ position … limit                */
#ifndef DDM_GET_SINK_VERIFY_H
#define DDM_GET_SINK_VERIFY_H

#include "ddm/ddm.h"
#include "io/loop.h"
#include "plan/rangeset.h"

struct verify;

struct verify_ops {
    /* On the pool: `length` bytes that are there. 0 or errno. */
    int (*read)(void *arg, uint64_t offset, void *data, size_t length);
    void (*on_piece)(void *arg, struct range piece, bool right);
    /* A turn has ended; `error` is 0, or errno of a read that failed (ENOMEM too). */
    void (*on_turn)(void *arg, int error);
};

/* A turn takes `turn_bytes` at most, or one piece. -1 without memory. */
int verify_new(struct verify **ret, struct loop *loop, uint64_t turn_bytes,
               const struct verify_ops *ops, void *arg);
/* No turn is running. NULL allowed, returns NULL. */
struct verify *verify_free(struct verify *verify);

/* One more digest of the whole, from its beginning; the same again is once. -1: not known, or
 * without memory. */
int verify_expect(struct verify *verify, const char *algorithm, const char *hex);
/* The same; an earlier run was given it, and an error says so. */
int verify_expect_earlier(struct verify *verify, const char *algorithm, const char *hex);
bool verify_expects(const struct verify *verify, const char *algorithm, const char *hex);
/* The digests that are expected, by number from 0; false past the last one. */
bool verify_expected(const struct verify *verify, size_t number, const char **ret_algorithm,
                     const char **ret_hex);

/* `pieces` must stay. -1 where the algorithm is not known, or they are too long. */
int verify_set_pieces(struct verify *verify, const char *algorithm, uint64_t length,
                      const char *const *pieces, size_t count);
/* False where the pieces do not add up to it. DDM_SIZE_UNKNOWN: the last piece waits. */
bool verify_set_size(struct verify *verify, uint64_t size);

/* Bytes within [begin, end) were added to `there`. */
void verify_there(struct verify *verify, const struct rangeset *there, uint64_t begin,
                  uint64_t end);
/* They are not there any more: pieces are missing again, digests that have passed `begin` go back
 * to their beginning. -1 without memory: nothing is done then. */
int verify_forget(struct verify *verify, uint64_t begin, uint64_t end);
/* All is forgotten, and what is expected of the whole, too; the hashes of pieces stay. */
void verify_restart(struct verify *verify);

/* End of what is there, and right, from the beginning on. */
uint64_t verify_frontier(const struct verify *verify, const struct rangeset *there);
/* How far the digests of the whole have come, all of them; UINT64_MAX without any. */
uint64_t verify_passed(const struct verify *verify);

/* Starts a turn if there is anything to do; digests of the whole go up to `limit`. */
void verify_go(struct verify *verify, uint64_t limit);
bool verify_busy(const struct verify *verify);
/* The turn ends soon, and none begins any more. */
void verify_cancel(struct verify *verify);

/* Whether all has been hashed, and no piece is missing. */
bool verify_done(const struct verify *verify, uint64_t size);
/* When it is: 0, or -DDM_E_CHECKSUM and which one is wrong. The digests begin again. */
int verify_result(struct verify *verify, struct ddm_error *err);

#endif
