/* SPDX-License-Identifier: MIT */
/* Fills: fetches from origins that bring the bytes of objects. */
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "io/head.h"
#include "io/http_date.h"
#include "peer/relay_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OVERSHOOT STORE_CELL /* past the window, by what was read at once */
#define NEAR_END                                                                                   \
    (64 * KIB) /* so little is fetched to its end, also for nobody: it will be kept,               \
                * and so is the connection */
#define OLD_ENOUGH                                                                                 \
    60 /* s that a date has to be past to tell versions apart later: the file                      \
        * could change again within the same second (RFC 9110, 8.8.2.2) */

/* For a connection over one of several uplinks: a lost SYN is sent again after a second, and a
 * client that knows the origin waits for three at first, twice as long with each failure (the
 * planner's STALL_FIRST); it must hear until then that there are other uplinks. Doubled so many
 * times: */
#define UPLINK_PATIENCE       (2500 * MSEC)
#define UPLINK_PATIENCE_GROWS 2U

struct fill {
    struct list link;
    struct relay_object *object;
    struct fetch *fetch;
    char *url;
    uint64_t begin, end, watermark;
    uint64_t saved; /* up to there it is in the cache, or on its way */
    bool keep;      /* in the cache */
    unsigned uplink;
    unsigned failures;               /* of its uplink, in a row, when it began */
    bool paused;                     /* by the window or a question; the turn pauses it, too */
    bool answered;                   /* its head came and was right */
    struct admission_client *client; /* who wanted it first */
    struct turn turn;                /* of the uplink */

    enum policy_verdict verdict;    /* of where it last was to connect to */
    struct gate_question *question; /* about a proxy's destination; it waits for the answer */
    struct fetch_head *head;        /* came, and waits too */
    bool ended;                     /* the fetch, meanwhile, with nothing behind the head */
};

/* The fill over an uplink that is about to come to a position, or NULL. */
static struct fill *fill_near(const struct relay_object *object, uint64_t position, unsigned uplink)
{
    uint64_t window = store_window(object->relay->store, object->relay->readers);
    list_foreach (fill, &object->fills, struct fill, link)
        if (fill->uplink == uplink && fill->watermark <= position && position < fill->end &&
            position - fill->watermark <= window)
            return fill;
    return NULL;
}

bool relay_fill_brings(const struct relay_object *o, const struct message_fetch *wanted)
{
    uint64_t begin = wanted->begin;
    list_foreach (fill, &o->fills, struct fill, link)
        if (fill->uplink == wanted->uplink && fill->begin <= begin && begin < fill->watermark &&
            rangeset_contains(store_valid(o->bytes), begin, fill->watermark))
            return true;
    return fill_near(o, begin, wanted->uplink) != NULL;
}

/* What lies within one cell at a time: as it leaves a cell, or comes to its end. */
static void save(struct fill *fill, bool all)
{
    while (fill->keep && fill->saved < fill->watermark) {
        uint64_t end = (fill->saved / STORE_CELL + 1) * STORE_CELL;
        if (end > fill->watermark && !all)
            return;
        end = MIN(end, fill->watermark);
        relay_disk_save(fill->object, fill->saved, end);
        fill->saved = end;
    }
}

static void fill_free(struct fill *fill)
{
    save(fill, true);
    fetch_cancel(fill->fetch);
    gate_drop(fill->question);
    free(fill->head);
    turn_end(fill->object->relay->uplink_turns, &fill->turn);
    admission_unref(fill->client);
    free(fill->url);
    list_remove(&fill->link);
    free(fill);
}

/* Readers that asked for another uplink have fills of their own, or get them where they come to. */
static bool is_needed(const struct fill *fill)
{
    list_foreach (reader, &fill->object->readers, struct relay_reader, link)
        if (reader->uplink == fill->uplink && reader->at.position < fill->end &&
            reader->end > fill->watermark)
            return true;
    return !relay_is_private(fill->object) && fill->answered && !fill->paused &&
           fill->end - fill->watermark <= NEAR_END;
}

static void fill_resume(struct fill *fill)
{
    fill->paused = false;
    if (!fill->turn.waiting && fill->fetch)
        fetch_resume(fill->fetch);
}

static void on_turn(void *arg)
{
    struct fill *fill = arg;
    if (!fill->paused)
        fill_resume(fill);
}

/* Who asked for it does not wait as long as its uplink is given: the next one hears sooner. */
static void fill_give_up(struct fill *fill)
{
    if (!fill->answered)
        fill->object->relay->uplinks[fill->uplink].failures = 0;
    fill_free(fill);
}

void relay_fills_settle(struct relay_object *object)
{
    list_foreach (fill, &object->fills, struct fill, link)
        if (!is_needed(fill))
            fill_give_up(fill);
}

void relay_fills_free(struct relay_object *object)
{
    list_foreach (fill, &object->fills, struct fill, link)
        fill_free(fill);
}

/* Fails the readers that wait for this fill, and ends it. */
static void fill_fail(struct fill *fill, const struct relay_failure *failure)
{
    struct relay_object *object = fill->object;
    uint64_t position = fill->watermark, end = fill->end;
    unsigned uplink = fill->uplink;
    _cleanup_free_ char *url = fill->url;
    fill->url = NULL;
    fill_free(fill);
    relay_readers_fail(object, position, end, uplink, url, failure);
}

/* Whether the reply is the range that was asked for, of the version that was asked for. */
static int check_head(const struct fill *fill, const struct fetch_head *head,
                      struct relay_failure *ret)
{
    const struct relay_object *o = fill->object;
    *ret = (struct relay_failure){ .status = 502,
                                   .code = "origin",
                                   .origin_status = head->status,
                                   .retry_after = head->retry_after };
    bool right_version =
        (relay_is_private(o) ||
         fetch_same_version(o->etag, o->last_modified, head->etag, head->last_modified)) &&
        (!o->known ||
         fetch_same_version(o->origin_etag, o->origin_modified, head->etag, head->last_modified));
    if (head->http && head->status >= 400 && head->status != 416)
        ret->message = "the origin answered with an error";
    else if (head->total != FETCH_UNKNOWN && o->size != DDM_SIZE_UNKNOWN && head->total != o->size)
        ret->status = 409, ret->code = "changed", ret->message = "the size at the origin differs";
    else if (head->status == 416)
        ret->status = 416, ret->code = "range", ret->message = "the origin has no such range";
    else if (!right_version)
        ret->status = 409, ret->code = "changed", ret->message = "the origin has another version";
    else if (head->status != 206 || !head->range || head->encoded || head->multipart)
        ret->code = "no_ranges", ret->message = "the origin did not answer with a range";
    else if (head->begin != fill->begin || head->end > fill->end) /* less is allowed (RFC 9110) */
        ret->code = "wrong_range", ret->message = "the origin answered with another range";
    else
        return 0;
    return -1;
}

/* Whether what this head is of can be told from other versions later, byte for byte. */
static bool is_durable(const struct fetch_head *head)
{
    int64_t modified = http_date_parse(head->last_modified, strlen(head->last_modified));
    int64_t now = head->date ? head->date : (int64_t)time(NULL);
    return fetch_is_strong(head->etag) || (modified && now - modified >= OLD_ENOUGH);
}

/* The fill may be gone then. */
static int take_head(struct fill *fill, const struct fetch_head *head)
{
    struct relay_object *o = fill->object;
    struct relay_failure failure;
    if (check_head(fill, head, &failure) < 0) {
        fill_fail(fill, &failure);
        return -DDM_E_REFUSED;
    }
    uint64_t begin = fill->begin, end = fill->end;
    fill->end = head->end;
    fill->answered = true;
    if (!o->known) {
        o->known = true;
        o->size = head->total;
        str_copy(o->origin_etag, sizeof o->origin_etag, head->etag);
        str_copy(o->origin_modified, sizeof o->origin_modified, head->last_modified);
    }
    fill->keep = is_durable(head);
    relay_object_name(o);
    relay_readers_wake(o, head->end, end); /* less than asked for: they look for another fill */
    relay_readers_known(o, begin, end);
    return 0;
}

static void fail_early(struct fill *fill, long status)
{
    fill_fail(fill, &(struct relay_failure){ .status = 502,
                                             .code = "origin_unreachable",
                                             .message = "the origin closed the connection early",
                                             .origin_status = status });
}

static void fail_denied(struct fill *fill, enum policy_verdict verdict)
{
    fill_fail(fill, &(struct relay_failure){
                        .status = 403, .code = "policy", .message = policy_reason(verdict) });
}

static void fail_busy(struct fill *fill)
{
    fill_fail(fill, &(struct relay_failure){
                        .status = 503, .code = "memory", .message = "out of memory" });
}

static void on_head_judged(void *arg, enum policy_verdict verdict)
{
    struct fill *fill = arg;
    struct relay_failure failure;
    _cleanup_free_ struct fetch_head *head = TAKE(fill->head);
    fill->question = NULL;
    if (verdict != POLICY_ALLOWED) {
        fail_denied(fill, verdict);
    } else if (!fill->ended) {
        fill_resume(fill);
        take_head(fill, head);
    } else if (check_head(fill, head, &failure) < 0) {
        fill_fail(fill, &failure);
    } else {
        fail_early(fill, head->status);
    }
}

/* A proxy was sent on to somewhere else: nothing of that goes to anybody before it is judged. What
 * it was asked for by a redirect in between is not known here. */
static int on_fill_head(void *arg, const struct fetch_head *head)
{
    struct fill *fill = arg;
    struct relay *relay = fill->object->relay;
    relay->uplinks[fill->uplink].failures = 0;
    const char *url = relay->gate ? fetch_effective_url(fill->fetch) : "";
    if (!relay->gate || strcmp(url, fill->url) == 0)
        return take_head(fill, head);
    fill->head = malloc(sizeof *fill->head);
    if (!fill->head || gate_ask(&fill->question, relay->gate, url, on_head_judged, fill) < 0) {
        fail_busy(fill);
        return -DDM_E_FAIL;
    }
    *fill->head = *head;
    fill->paused = true;
    fetch_pause(fill->fetch);
    return 0;
}

/* Where the foremost reader of this fill and its uplink stands; the watermark if one waits for
 * bytes to come. */
static uint64_t lead(const struct fill *fill)
{
    uint64_t lead = fill->end - fill->watermark <= NEAR_END ? fill->watermark : fill->begin;
    list_foreach (reader, &fill->object->readers, struct relay_reader, link) {
        uint64_t position = MIN(reader->at.position, fill->watermark);
        if (reader->uplink == fill->uplink && position >= fill->begin &&
            reader->at.position < fill->end)
            lead = MAX(lead, position);
    }
    return lead;
}

static int on_fill_data(void *arg, const char *data, size_t length)
{
    struct fill *fill = arg;
    struct relay *relay = fill->object->relay;
    uint64_t window = store_window(relay->store, relay->readers);
    if (fill->question || fill->watermark - lead(fill) >= window + OVERSHOOT) {
        fill->paused = true;
        return FETCH_PAUSE;
    }
    size_t n = (size_t)MIN((uint64_t)length, fill->end - fill->watermark);
    int r = store_write(fill->object->bytes, fill->watermark, data, n);
    if (r == -EAGAIN) {
        fill->paused = relay->starved = true;
        return FETCH_PAUSE;
    }
    if (r < 0) {
        fill_fail(fill, &(struct relay_failure){
                            .status = 502, .code = "store", .message = strerror(-r) });
        return -DDM_E_DISK;
    }
    fill->watermark += n;
    save(fill, false);
    relay->fetched += n;
    relay_see_rate(relay, n);
    turn_take(relay->uplink_turns, &fill->turn, n);
    if (!fill->turn.waiting && turn_ask(relay->uplink_turns, &fill->turn) == 0)
        fetch_pause(fill->fetch);
    relay_readers_wake(fill->object, fill->watermark - n, fill->watermark);
    if (!fill->paused && fill->watermark - lead(fill) >= window) {
        fill->paused = true;
        fetch_pause(fill->fetch);
    }
    return 0;
}

static void on_fill_done(void *arg, const struct fetch_result *result)
{
    struct fill *fill = arg;
    struct relay_object *object = fill->object;
    struct relay_uplink *uplink = &object->relay->uplinks[fill->uplink];
    fill->fetch = NULL;
    if (result->connected)
        uplink->failures = 0;
    else if (result->code == -DDM_E_NETWORK) /* those that began together fail as one */
        uplink->failures = MAX(uplink->failures, fill->failures + 1);
    if (result->code == 0 && fill->question) {
        fill->ended = true;
        return;
    }
    if (result->code == 0 && fill->watermark == fill->end) {
        fill_free(fill);
        relay_object_settle(object);
        return;
    }
    if (result->code == 0) {
        fail_early(fill, result->status);
        return;
    }
    struct relay_failure failure = { .status = 502,
                                     .code = "origin_unreachable",
                                     .message = result->message,
                                     .origin_status = result->status };
    if (result->code == -DDM_E_PERMISSION)
        failure.status = 403, failure.code = "policy",
        failure.message = policy_reason(fill->verdict); /* the address is in the log */
    else if (result->code == -DDM_E_USAGE ||
             (result->code == -DDM_E_REFUSED && result->status >= 300 && result->status < 400))
        failure.status = 400, failure.code = "bad_url"; /* redirects to nothing that is fetched */
    log_debug("relay", "fetch failed: %s", result->message);
    fill_fail(fill, &failure);
}

static const struct fetch_ops fill_ops = { on_fill_head, on_fill_data, on_fill_done };

static bool policy_check(void *arg, const struct fetch_way *way)
{
    struct fill *fill = arg;
    struct policy_target to = { way->url, way->address };
    fill->verdict = policy_judge(fill->object->relay->policy, &to);
    return fill->verdict == POLICY_ALLOWED;
}

bool relay_fill_answered(const struct relay_object *object, const struct relay_reader *reader)
{
    const struct fill *fill = fill_near(object, reader->at.position, reader->uplink);
    return fill && fill->answered;
}

/* How far a new fill has to go: to the end of the request, or to what others bring. */
static uint64_t fill_limit(const struct relay_object *object, uint64_t begin, uint64_t end)
{
    struct range gap;
    if (rangeset_next_gap(store_valid(object->bytes), begin, end, &gap) && gap.begin == begin)
        end = gap.end;
    list_foreach (fill, &object->fills, struct fill, link)
        if (fill->begin > begin && fill->begin < end)
            end = fill->begin;
    return relay_disk_next(object, begin, end);
}

static void wake_fills(struct relay_object *object)
{
    uint64_t window = store_window(object->relay->store, object->relay->readers);
    list_foreach (fill, &object->fills, struct fill, link)
        if (fill->paused && !fill->question && fill->watermark - lead(fill) <= window / 2) {
            fill_resume(fill);
        }
}

static int fill_fetch(struct fill *fill)
{
    struct relay *relay = fill->object->relay;
    const struct relay_uplink *way = &relay->uplinks[fill->uplink];
    int64_t patience = UPLINK_PATIENCE << MIN(way->failures, UPLINK_PATIENCE_GROWS);
    struct fetch_request request = {
        .url = fill->url,
        .profile = &fill->object->profile,
        .begin = fill->begin,
        .end = fill->end,
        .allow = policy_check,
        .interface = way->interface,
        .fresh = way->failures > 0,
        .patience = relay->uplink_count > 1 ? patience : 0,
    };
    fill->failures = way->failures;
    return fetch_start(&fill->fetch, relay->fetcher, &request, &fill_ops, fill, NULL);
}

static void on_url_judged(void *arg, enum policy_verdict verdict)
{
    struct fill *fill = arg;
    fill->question = NULL;
    if (verdict != POLICY_ALLOWED)
        fail_denied(fill, verdict);
    else if (fill_fetch(fill) < 0)
        fail_busy(fill);
}

static int fill_start(struct fill *fill)
{
    struct gate *gate = fill->object->relay->gate;
    return gate ? gate_ask(&fill->question, gate, fill->url, on_url_judged, fill)
                : fill_fetch(fill);
}

int relay_fill_ensure(struct relay_object *object, const struct relay_reader *reader)
{
    uint64_t position = reader->at.position;
    if (relay_disk_ensure(object, position))
        return 0;
    if (fill_near(object, position, reader->uplink)) {
        wake_fills(object);
        return 0;
    }
    struct fill *fill = calloc(1, sizeof *fill);
    if (!fill)
        return -1;
    list_init(&fill->link);
    fill->object = object;
    fill->uplink = reader->uplink;
    fill->url = strdup(reader->url);
    fill->begin = fill->watermark = fill->saved = position;
    fill->end = fill_limit(object, position, reader->end);
    fill->client = admission_ref(reader->client);
    turn_init(&fill->turn, &fill->client->uplink, on_turn, fill);
    list_push_back(&object->fills, &fill->link);
    if (fill->url && fill_start(fill) == 0)
        return 0;
    fill_free(fill);
    return -1;
}

void relay_fill_wake(struct relay_object *object)
{
    struct relay *relay = object->relay;
    wake_fills(object);
    if (!relay->starved)
        return;
    relay->starved = false;
    list_foreach (o, &relay->objects, struct relay_object, link) {
        wake_fills(o);
        if (o->disk)
            relay_readers_wake(o, 0, UINT64_MAX); /* loads that had no room */
    }
}
