/* SPDX-License-Identifier: ISC
 *
 * frame: one typed message with its descriptors in one datagram of a SEQPACKET socketpair.  The
 * caller's verb table says who may send what to whom.  Relies on GVariant (GLib >= 2.74.4 bounds
 * the checks below) and on both ends running on one machine: numbers are native.  Refuses
 * everything the table does not list; what a worker sends is untrusted input, and its
 * descriptors never leak.
 *
 * Datagram: verb u16 | 0 u16 | size of the body u32 | body, GVariant serialized, at most
 * FRAME_MAX.
 */
#include "base/base.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_WAIT_MS	1000

struct header { guint16 verb, zero; guint32 size; };
G_STATIC_ASSERT(sizeof(struct header) == 8);	/* keeps the body 8-aligned, as GVariant wants it */

struct datagram { struct header header; guint8 body[FRAME_MAX]; };

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(FRAME_FDS_MAX * sizeof(int))];
};

/* What is due on one verb: answers from the other side to our requests, and from us to theirs. */
struct due { bool is_request; guint from_other, from_us; };

struct peer {
	int fd;
	unsigned self, other;
	char *name;
	const struct verb *verbs;
	guint n_verbs;
	struct due *due;		/* by index of the request */
	guint pending;
	struct datagram *datagram;	/* received into; aligned for GVariant */
};

static void
close_all(int *fds, guint n)
{
	for (guint i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void
frame_clear(struct frame *frame)
{
	close_all(frame->fds, frame->n_fds);
	g_clear_pointer(&frame->body, g_variant_unref);
	*frame = (struct frame){ 0 };
}

/* ---- peers --------------------------------------------------------------------------- */

struct peer *
peer_new(int fd, unsigned self, unsigned other, const char *name, const struct verb *verbs,
	guint n_verbs)
{
	struct peer *peer = g_new0(struct peer, 1);

	*peer = (struct peer){ .fd = fd, .self = self, .other = other, .name = g_strdup(name),
		.verbs = verbs, .n_verbs = n_verbs, .due = g_new0(struct due, n_verbs),
		.datagram = g_new(struct datagram, 1) };
	for (guint i = 0; i < n_verbs; i++) {
		const struct verb *verb = &verbs[i];

		if (!g_variant_type_string_is_valid(verb->type) || strchr(verb->type, 'v') ||
		    verb->max > FRAME_MAX || verb->n_fds > FRAME_FDS_MAX ||
		    verb->answers >= (int)n_verbs)
			panic("verb table: row %u (%s)", i, verb->name);
		if (verb->answers >= 0)
			peer->due[verb->answers].is_request = true;
	}
	return peer;
}

void
peer_free(struct peer *peer)
{
	if (!peer)
		return;
	close(peer->fd);
	g_free(peer->name);
	g_free(peer->due);
	wipe(peer->datagram, sizeof *peer->datagram);
	g_free(peer->datagram);
	g_free(peer);
}

int
peer_fd(const struct peer *peer)
{
	return peer->fd;
}

guint
peer_pending(const struct peer *peer)
{
	return peer->pending;
}

/* ---- what a body may be -------------------------------------------------------------- */

/* Looks at no more than `budget` children in all, whatever the data claims to hold. */
static bool
arrays_are_short(GVariant *value, gsize *budget)
{
	if (!g_variant_is_container(value))
		return true;
	gsize n = g_variant_n_children(value);
	bool is_array = g_variant_type_is_array(g_variant_get_type(value));

	if (is_array && n > FRAME_ARRAY_MAX)
		return false;
	if (is_array && g_variant_type_is_basic(g_variant_type_element(g_variant_get_type(value))))
		return true;
	for (gsize i = 0; i < n; i++) {
		if ((*budget)-- == 0)
			return false;
		g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
		if (!arrays_are_short(child, budget))
			return false;
	}
	return true;
}

static bool
body_is_bounded(GVariant *body)
{
	gsize budget = FRAME_MAX;

	return arrays_are_short(body, &budget);
}

/* ---- sending ------------------------------------------------------------------------- */

static void
check_own_frame(struct peer *peer, int index, GVariant *body, guint n_fds)
{
	if (index < 0 || (guint)index >= peer->n_verbs)
		panic("frame to %s: no verb %d", peer->name, index);
	const struct verb *verb = &peer->verbs[index];

	if (!(verb->from & peer->self) || !(verb->to & peer->other))
		panic("frame to %s: %s goes another way", peer->name, verb->name);
	if (!g_variant_is_of_type(body, G_VARIANT_TYPE(verb->type)))
		panic("frame to %s: %s of type %s", peer->name, verb->name,
			g_variant_get_type_string(body));
	if (n_fds != verb->n_fds)
		panic("frame to %s: %s with %u descriptors", peer->name, verb->name, n_fds);
	if (verb->answers >= 0 && peer->due[verb->answers].from_us == 0)
		panic("frame to %s: %s answers nothing", peer->name, verb->name);
}

/* One datagram, at once or within a second. */
static enum outcome
send_datagram(const struct peer *peer, const struct msghdr *message, GError **error)
{
	gint64 end = g_get_monotonic_time() + SEND_WAIT_MS * G_GINT64_CONSTANT(1000);

	for (;;) {
		if (sendmsg(peer->fd, message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return DONE;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return fail(error, LATER, "frame to %s: %s", peer->name, g_strerror(errno));
		gint64 left = (end - g_get_monotonic_time() + 999) / 1000;
		if (left <= 0)
			return fail(error, LATER, "frame to %s: does not read", peer->name);
		(void)poll(&(struct pollfd){ .fd = peer->fd, .events = POLLOUT }, 1, (int)left);
	}
}

static void
message_attach(struct msghdr *message, union control *control, const int *fds, guint n)
{
	if (n == 0)
		return;
	memset(control, 0, sizeof *control);
	message->msg_control = control->room;
	message->msg_controllen = CMSG_SPACE(n * sizeof(int));
	struct cmsghdr *head = CMSG_FIRSTHDR(message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), fds, n * sizeof(int));
}

enum outcome
peer_send(struct peer *peer, int index, GVariant *body, const int *fds, guint n_fds, GError **error)
{
	g_autoptr(GVariant) own = g_variant_ref_sink(body);
	union control control;

	check_own_frame(peer, index, own, n_fds);
	const struct verb *verb = &peer->verbs[index];
	gsize size = g_variant_get_size(own);
	if (size > verb->max)
		return fail(error, NEVER, "frame to %s: %s of %" G_GSIZE_FORMAT " bytes",
			peer->name, verb->name, size);
	if (!body_is_bounded(own))
		return fail(error, NEVER, "frame to %s: %s: array too long", peer->name,
			verb->name);
	struct header header = { .verb = (guint16)index, .size = (guint32)size };
	void *data = (void *)g_variant_get_data(own);
	struct iovec parts[] = { { &header, sizeof header }, { data, size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1 };
	message_attach(&message, &control, fds, n_fds);
	FAULT_OF("frame.send.before", verb->name);
	if (send_datagram(peer, &message, error) != DONE)
		return LATER;
	FAULT_OF("frame.send.after", verb->name);
	if (peer->due[index].is_request) {
		peer->due[index].from_other++;
		peer->pending++;
	}
	if (verb->answers >= 0)
		peer->due[verb->answers].from_us--;
	return DONE;
}

/* ---- receiving ----------------------------------------------------------------------- */

/* Takes over every descriptor that came; false if there is anything else. */
static bool
take_descriptors(struct msghdr *message, struct frame *frame)
{
	bool good = true;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
		head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
			good = false;
			continue;
		}
		gsize n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (gsize i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
			if (frame->n_fds < FRAME_FDS_MAX) {
				frame->fds[frame->n_fds++] = fd;
			} else {
				close(fd);
				good = false;
			}
		}
	}
	return good;
}

/* One datagram, if one is there.  An ECONNRESET only tells that the other side left something of
 * ours unread; what it sent before it went is still to be read. */
static gssize
receive_datagram(struct peer *peer, struct frame *frame, int *flags)
{
	union control control;
	struct iovec part = { peer->datagram, sizeof *peer->datagram };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
		.msg_controllen = sizeof control.room };
	gssize n;

	do
		n = recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	*flags = message.msg_flags;
	if (n >= 0 && !take_descriptors(&message, frame))
		*flags |= MSG_CTRUNC;
	return n;
}

/* What is wrong with this datagram, or NULL with verb and body filled in.  Cheap questions
 * first. */
static const char *
frame_fault(struct peer *peer, struct frame *frame, gsize n, int flags)
{
	const struct header *header = &peer->datagram->header;

	if (flags & (MSG_TRUNC | MSG_CTRUNC))
		return "truncated";
	if (n < sizeof *header || header->zero != 0 || header->size != n - sizeof *header)
		return "header";
	if (header->verb >= peer->n_verbs)
		return "unlisted verb";
	const struct verb *verb = &peer->verbs[header->verb];
	if (!(verb->from & peer->other) || !(verb->to & peer->self))
		return "wrong direction";
	if (header->size > verb->max)
		return "too large";
	if (frame->n_fds != verb->n_fds)
		return "count of descriptors";
	if (verb->answers >= 0 && peer->due[verb->answers].from_other == 0)
		return "answer nobody asked for";
	gpointer copy = g_memdup2(peer->datagram->body, header->size);
	wipe(peer->datagram->body, header->size);	/* it may be a secret */
	frame->verb = header->verb;
	frame->body = g_variant_ref_sink(g_variant_new_from_data(G_VARIANT_TYPE(verb->type), copy,
		header->size, FALSE, g_free, copy));
	if (!body_is_bounded(frame->body))
		return "array too long";
	if (!g_variant_is_normal_form(frame->body))
		return "not in normal form";
	return NULL;
}

static enum receipt
receive_one(struct peer *peer, struct frame *frame, GError **error)
{
	int flags = 0;
	gssize n = receive_datagram(peer, frame, &flags);

	if (n < 0 && errno == EAGAIN)
		return NOTHING_YET;
	if (n < 0 || (n == 0 && frame->n_fds == 0))
		return PEER_GONE;
	const char *fault = frame_fault(peer, frame, (gsize)n, flags);
	if (fault) {
		guint verb = n >= (gssize)sizeof(struct header) ? peer->datagram->header.verb
								: G_MAXUINT16;

		frame_clear(frame);
		fail(error, NEVER, "frame from %s: %s (verb %u, %" G_GSSIZE_FORMAT " bytes)",
			peer->name, fault, verb, n);
		return PEER_VIOLATION;
	}
	const struct verb *verb = &peer->verbs[frame->verb];
	FAULT_OF("frame.receive.before", verb->name);
	if (verb->answers >= 0) {
		peer->due[verb->answers].from_other--;
		peer->pending--;
	}
	if (peer->due[frame->verb].is_request)
		peer->due[frame->verb].from_us++;
	FAULT_OF("frame.receive.after", verb->name);
	return RECEIVED;
}

enum receipt
peer_receive(struct peer *peer, struct frame *frame, int wait_ms, GError **error)
{
	gint64 end = g_get_monotonic_time() + wait_ms * G_GINT64_CONSTANT(1000);

	*frame = (struct frame){ 0 };
	for (;;) {
		enum receipt receipt = receive_one(peer, frame, error);

		if (receipt != NOTHING_YET || wait_ms == 0)
			return receipt;
		gint64 left = (end - g_get_monotonic_time() + 999) / 1000;
		if (wait_ms > 0 && left <= 0)
			return NOTHING_YET;
		if (poll(&(struct pollfd){ .fd = peer->fd, .events = POLLIN }, 1,
		    wait_ms < 0 ? -1 : (int)left) < 0)
			return NOTHING_YET;	/* a signal: the caller looks at its flag */
	}
}
