/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/frame.c: what the table lists arrives; everything else a peer can put into
 * a datagram is a violation, found in bounded time, and leaves no descriptor behind.
 */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { HUB = 1, WORK = 2, THIRD = 4 };
enum { ASK, TELL, GIVE, NOTE, BYTES, FOREIGN, N_VERBS };

static const struct verb verbs[N_VERBS] = {
	/* name, from, to, body, bytes, fds, answers */
	[ASK]     = { "ask",     HUB,  WORK,  "(sas)",    4096, 0, -1 },
	[TELL]    = { "tell",    WORK, HUB,   "(us)",     1024, 0, ASK },
	[GIVE]    = { "give",    HUB,  WORK,  "(t)",        64, 2, -1 },
	[NOTE]    = { "note",    WORK, HUB,   "(aas)", FRAME_MAX, 0, -1 },
	[BYTES]   = { "bytes",   WORK, HUB,   "ay",    FRAME_MAX, 0, -1 },
	[FOREIGN] = { "foreign", WORK, THIRD, "()",         64, 0, -1 },
};

struct pair { struct peer *hub, *work; };

static void
raw_pair(int fds[2])
{
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
}

static struct pair
pair_new(void)
{
	int fds[2];

	raw_pair(fds);
	return (struct pair){ peer_new(fds[0], HUB, WORK, "work", verbs, N_VERBS),
		peer_new(fds[1], WORK, HUB, "hub", verbs, N_VERBS) };
}

static void
pair_free(struct pair *pair)
{
	peer_free(pair->hub);
	peer_free(pair->work);
}

/* Open descriptors: as many before and after means that none leaked. */
static guint
count_open(void)
{
	guint n = 0;

	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

/* ---- what works ---------------------------------------------------------------------- */

static void
send_ask(struct peer *peer)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(
		peer_send(peer, ASK, g_variant_new_parsed("('x', ['y', 'z'])"), NULL, 0, &error),
		==, DONE);
	g_assert_no_error(error);
}

static void
test_exchange(void)
{
	struct pair pair = pair_new();
	g_auto(frame_auto) ask = { 0 }, tell = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(peer_receive(pair.work, &ask, 0, &error), ==, NOTHING_YET);
	send_ask(pair.hub);
	g_assert_cmpuint(peer_pending(pair.hub), ==, 1);
	g_assert_cmpint(peer_receive(pair.work, &ask, -1, &error), ==, RECEIVED);
	g_assert_cmpint(ask.verb, ==, ASK);
	g_autofree char *text = g_variant_print(ask.body, FALSE);
	g_assert_cmpstr(text, ==, "('x', ['y', 'z'])");
	g_assert_cmpint(
		peer_send(pair.work, TELL, g_variant_new("(us)", 7, "good"), NULL, 0, &error), ==,
		DONE);
	g_assert_cmpint(peer_receive(pair.hub, &tell, 1000, &error), ==, RECEIVED);
	g_assert_cmpint(tell.verb, ==, TELL);
	g_assert_cmpuint(peer_pending(pair.hub), ==, 0);
	pair_free(&pair);
}

static void
test_descriptors(void)
{
	guint before = count_open();
	struct pair pair = pair_new();
	g_autoptr(GBytes) bytes = g_bytes_new_static("body", 4);
	int fds[2] = { memfd_from_bytes(bytes), memfd_new("empty") };
	g_autoptr(GError) error = NULL;

	{
		g_auto(frame_auto) give = { 0 };

		g_assert_cmpint(
			peer_send(pair.hub, GIVE, g_variant_new("(t)", G_GUINT64_CONSTANT(4)), fds,
				2, &error),
			==, DONE);
		close(fds[0]);
		close(fds[1]);
		g_assert_cmpint(peer_receive(pair.work, &give, 0, &error), ==, RECEIVED);
		g_assert_cmpuint(give.n_fds, ==, 2);
		g_assert_cmpint(fcntl(give.fds[0], F_GETFD) & FD_CLOEXEC, !=, 0);
		g_autoptr(GBytes) again = memfd_map(give.fds[0], 4, &error);
		g_assert_no_error(error);
		g_assert_true(g_bytes_equal(bytes, again));
		close(give.fds[1]);
		give.fds[1] = -1;	/* taken */
	}
	pair_free(&pair);
	g_assert_cmpuint(count_open(), ==, before);
}

/* A body as large as the table lets it be. */
static void
test_largest(void)
{
	struct pair pair = pair_new();
	g_auto(frame_auto) note = { 0 };
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_strnfill(65000, 'a');
	g_autoptr(GVariant) body = g_variant_ref_sink(g_variant_new_parsed("([[%s]],)", text));

	g_assert_cmpint(peer_send(pair.work, NOTE, body, NULL, 0, &error), ==, DONE);
	g_assert_cmpint(peer_receive(pair.hub, &note, 0, &error), ==, RECEIVED);
	g_assert_true(g_variant_equal(note.body, body));
	pair_free(&pair);
}

static void
test_gone(void)
{
	struct pair pair = pair_new();
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;

	peer_free(g_steal_pointer(&pair.work));
	g_assert_cmpint(peer_receive(pair.hub, &frame, -1, &error), ==, PEER_GONE);
	g_assert_cmpint(
		peer_send(pair.hub, ASK, g_variant_new_parsed("('x', @as [])"), NULL, 0, &error),
		==, LATER);
	g_assert_error(error, UNGCUU_ERROR, LATER);
	pair_free(&pair);
}

/* The other side answers and dies with a frame of ours unread: its answer still counts. */
static void
test_last_words(void)
{
	struct pair pair = pair_new();
	g_autoptr(GError) error = NULL;
	g_auto(frame_auto) ask = { 0 }, tell = { 0 }, end = { 0 };

	send_ask(pair.hub);
	g_assert_cmpint(peer_receive(pair.work, &ask, 0, &error), ==, RECEIVED);
	send_ask(pair.hub);
	g_assert_cmpint(peer_send(pair.work, TELL, g_variant_new("(us)", 0, ""), NULL, 0, &error),
		==, DONE);
	peer_free(g_steal_pointer(&pair.work));
	g_assert_cmpint(peer_receive(pair.hub, &tell, 0, &error), ==, RECEIVED);
	g_assert_cmpint(peer_receive(pair.hub, &end, 0, &error), ==, PEER_GONE);
	pair_free(&pair);
}

/* peer_send() gives up by itself on a peer that does not read. */
static void
test_deaf(void)
{
	struct pair pair = pair_new();
	g_autoptr(GError) error = NULL;
	enum outcome sent = DONE;

	for (int i = 0; i < 100000 && sent == DONE; i++)
		sent = peer_send(
			pair.hub, ASK, g_variant_new_parsed("('x', @as [])"), NULL, 0, &error);
	g_assert_cmpint(sent, ==, LATER);
	g_assert_error(error, UNGCUU_ERROR, LATER);
	pair_free(&pair);
}

/* ---- what we may not send ------------------------------------------------------------ */

static const struct wrong {
	const char *name;
	int verb;
	const char *body;
	guint n_fds;
} wrongs[] = {
	{ "no verb", N_VERBS, "()", 0 },
	{ "no verb", -1, "()", 0 },
	{ "direction", TELL, "(uint32 1, '')", 0 },
	{ "type", ASK, "('x', ['y'], 1)", 0 },
	{ "descriptors", ASK, "('x', ['y'])", 1 },
	{ "descriptors", GIVE, "(uint64 1,)", 1 },
};

static int
send_wrong(const void *data)
{
	const struct wrong *wrong = data;
	const int fds[] = { 0, 0, 0, 0 };
	struct pair pair = pair_new();

	return (int)peer_send(
		pair.hub, wrong->verb, g_variant_new_parsed(wrong->body), fds, wrong->n_fds, NULL);
}

static int
send_answer_to_nothing(const void *unused)
{
	struct pair pair = pair_new();

	(void)unused;
	return (int)peer_send(pair.work, TELL, g_variant_new("(us)", 0, ""), NULL, 0, NULL);
}

static void
test_panic(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(wrongs); i++) {
		g_autofree char *end = child_run(send_wrong, &wrongs[i], NULL);

		g_test_message("%s", wrongs[i].name);
		g_assert_cmpstr(end, ==, "signal 6");
	}
	g_autofree char *end = child_run(send_answer_to_nothing, NULL, NULL);
	g_assert_cmpstr(end, ==, "signal 6");
}

/* What depends on foreign text is an error, not a panic. */
static void
test_too_much(void)
{
	struct pair pair = pair_new();
	g_autofree char *text = g_strnfill(4096, 'a');
	g_autoptr(GError) error = NULL;
	GVariantBuilder list;

	g_assert_cmpint(peer_send(pair.hub, ASK, g_variant_new_parsed("(%s, @as [])", text), NULL,
				0, &error),
		==, NEVER);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_clear_error(&error);
	g_variant_builder_init(&list, G_VARIANT_TYPE("as"));
	for (int i = 0; i < FRAME_ARRAY_MAX + 1; i++)
		g_variant_builder_add(&list, "s", "");
	g_assert_cmpint(
		peer_send(pair.hub, ASK, g_variant_new("(sas)", "", &list), NULL, 0, &error), ==,
		NEVER);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_assert_cmpuint(peer_pending(pair.hub), ==, 0);
	pair_free(&pair);
}

/* ---- what a hostile peer sends ------------------------------------------------------- */

struct datagram {
	guint16 verb, zero;
	gint32 size;		/* -1: the true one */
	const void *body;
	gsize n;
	guint n_fds;
	gsize cut;		/* bytes of the whole that are sent; 0: all */
};

static void
send_raw(int fd, const struct datagram *datagram)
{
	g_autofree guint8 *data = g_malloc0(8 + datagram->n);
	guint32 size = datagram->size < 0 ? (guint32)datagram->n : (guint32)datagram->size;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} control = { { 0 } };
	struct iovec part = { data, datagram->cut ? datagram->cut : 8 + datagram->n };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	memcpy(data, &datagram->verb, 2);
	memcpy(data + 2, &datagram->zero, 2);
	memcpy(data + 4, &size, 4);
	if (datagram->n)
		memcpy(data + 8, datagram->body, datagram->n);
	if (datagram->n_fds) {
		message.msg_control = control.room;
		message.msg_controllen = CMSG_SPACE(datagram->n_fds * sizeof(int));
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(datagram->n_fds * sizeof(int));
		memset(CMSG_DATA(head), 0, datagram->n_fds * sizeof(int)); /* stdin, many times */
	}
	g_assert_cmpint(sendmsg(fd, &message, MSG_NOSIGNAL), ==, (gssize)part.iov_len);
}

/* One datagram to a fresh hub that has asked `asked` times; what it says, g_free(). */
static char *
offer(const struct datagram *datagram, guint asked)
{
	guint before = count_open();
	int fds[2];
	char *said = NULL;

	raw_pair(fds);
	struct peer *hub = peer_new(fds[0], HUB, WORK, "work", verbs, N_VERBS);
	for (guint i = 0; i < asked; i++)
		send_ask(hub);
	send_raw(fds[1], datagram);
	{
		g_auto(frame_auto) frame = { 0 };
		g_autoptr(GError) error = NULL;
		enum receipt receipt = peer_receive(hub, &frame, 0, &error);

		g_assert_true((receipt == PEER_VIOLATION) == (error != NULL));
		if (error)
			g_assert_error(error, UNGCUU_ERROR, NEVER);
		said = receipt == RECEIVED ? g_strdup("received") :
			receipt == PEER_GONE ? g_strdup("gone") : g_strdup(error->message);
		if (receipt != RECEIVED)
			g_assert_null(frame.body);
	}
	peer_free(hub);
	close(fds[1]);
	g_assert_cmpuint(count_open(), ==, before);
	return said;
}

#define GOOD "(uint32 1, 'x')"
static const struct {
	const char *name, *body;	/* body: GVariant text */
	guint asked;
	struct datagram datagram;
	const char *says;		/* part of the error, or "received" */
} hostile[] = {
	{ "good", GOOD, 1, { TELL, 0, -1, 0, 0, 0, 0 }, "received" },
	{ "verb past the table", GOOD, 1, { N_VERBS, 0, -1, 0, 0, 0, 0 }, "unlisted verb" },
	{ "verb far past it", GOOD, 1, { 65535, 0, -1, 0, 0, 0, 0 }, "unlisted verb" },
	{ "header not zero", GOOD, 1, { TELL, 1, -1, 0, 0, 0, 0 }, "header" },
	{ "size too small", GOOD, 1, { TELL, 0, 5, 0, 0, 0, 0 }, "header" },
	{ "size too large", GOOD, 1, { TELL, 0, 500, 0, 0, 0, 0 }, "header" },
	{ "half a header", GOOD, 1, { TELL, 0, -1, 0, 0, 0, 4 }, "header" },
	{ "body cut off", GOOD, 1, { TELL, 0, -1, 0, 0, 0, 10 }, "header" },
	{ "our own verb", "('x', ['y'])", 1, { ASK, 0, -1, 0, 0, 0, 0 }, "wrong direction" },
	{ "somebody else's verb", "()", 1, { FOREIGN, 0, -1, 0, 0, 0, 0 }, "wrong direction" },
	{ "another type", "'abc'", 1, { TELL, 0, -1, 0, 0, 0, 0 }, "normal form" },
	{ "another tuple", "('text', 'text')", 1, { TELL, 0, -1, 0, 0, 0, 0 }, "normal form" },
	{ "one descriptor", GOOD, 1, { TELL, 0, -1, 0, 0, 1, 0 }, "descriptors" },
	{ "four descriptors", GOOD, 1, { TELL, 0, -1, 0, 0, 4, 0 }, "descriptors" },
	{ "too many descriptors", GOOD, 1, { TELL, 0, -1, 0, 0, 5, 0 }, "truncated" },
	{ "far too many", GOOD, 1, { TELL, 0, -1, 0, 0, 16, 0 }, "truncated" },
	{ "answer to nothing", GOOD, 0, { TELL, 0, -1, 0, 0, 0, 0 }, "nobody asked" },
	{ "empty body", "@ay []", 1, { TELL, 0, -1, 0, 0, 0, 0 }, "normal form" },
	{ "empty, as listed", "@ay []", 0, { BYTES, 0, -1, 0, 0, 0, 0 }, "received" },
};

static void
test_hostile(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++) {
		struct datagram datagram = hostile[i].datagram;
		g_autoptr(GVariant) body =
			g_variant_ref_sink(g_variant_new_parsed(hostile[i].body));

		datagram.body = g_variant_get_data(body);
		datagram.n = g_variant_get_size(body);
		g_autofree char *said = offer(&datagram, hostile[i].asked);
		g_test_message("%s: %s", hostile[i].name, said);
		g_assert_nonnull(strstr(said, hostile[i].says));
	}
}

/* Bytes no serializer makes: wrong padding, text that is no UTF-8 or has no end, offsets out of
 * order. */
static const struct { guint16 verb; const char *bytes; gsize n; } crooked[] = {
	{ TELL, "\1\0\0\0", 4 },		/* no string */
	{ TELL, "\1\0\0\0x", 5 },		/* no end of the string */
	{ TELL, "\1\0\0\0\xff\0", 6 },		/* no UTF-8 */
	{ TELL, "\1\0\0\0x\0y\0", 8 },		/* a NUL inside */
	{ TELL, "\1\0\0", 3 },
	{ NOTE, "x\0\1\2", 4 },			/* an offset past itself */
	{ NOTE, "x\0\2\xff", 4 },
	{ NOTE, "x\0y\0\4\2\6", 7 },		/* out of order */
};

static void
test_crooked(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(crooked); i++) {
		struct datagram datagram = { .verb = crooked[i].verb,
			.size = -1,
			.body = crooked[i].bytes,
			.n = crooked[i].n };
		g_autofree char *said = offer(&datagram, 1);

		g_test_message("%u: %s", (guint)i, said);
		g_assert_true(strstr(said, "normal form") || strstr(said, "array too long"));
	}
}

static void
offer_variant(guint16 verb, GVariant *body, const char *says)
{
	g_autoptr(GVariant) own = g_variant_ref_sink(body);
	struct datagram datagram = { .verb = verb, .size = -1, .body = g_variant_get_data(own),
		.n = g_variant_get_size(own) };
	g_autofree char *said = offer(&datagram, 1);

	g_test_message("verb %u, %u bytes: %s", verb, (guint)datagram.n, said);
	g_assert_nonnull(strstr(said, says));
}

/* `outer` arrays of `inner` empty strings each. */
static GVariant *
arrays(guint outer, guint inner)
{
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aas"));
	for (guint i = 0; i < outer; i++) {
		g_variant_builder_open(&list, G_VARIANT_TYPE("as"));
		for (guint n = 0; n < inner; n++)
			g_variant_builder_add(&list, "s", "");
		g_variant_builder_close(&list);
	}
	return g_variant_new("(aas)", &list);
}

static void
test_arrays(void)
{
	g_autofree guint8 *bytes = g_malloc0(FRAME_MAX);

	offer_variant(NOTE, arrays(1, FRAME_ARRAY_MAX), "received");
	offer_variant(NOTE, arrays(FRAME_ARRAY_MAX, 1), "received");
	offer_variant(NOTE, arrays(200, 100), "received");
	offer_variant(NOTE, arrays(1, FRAME_ARRAY_MAX + 1), "array too long");
	offer_variant(NOTE, arrays(FRAME_ARRAY_MAX + 1, 0), "array too long");
	offer_variant(NOTE, arrays(1, 16000), "array too long");
	offer_variant(NOTE, arrays(16000, 0), "array too long");
	offer_variant(BYTES,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, FRAME_ARRAY_MAX, 1),
		"received");
	offer_variant(BYTES,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, FRAME_ARRAY_MAX + 1, 1),
		"array too long");
}

/* Datagrams past the limits of the wire. */
static void
test_oversized(void)
{
	g_autofree guint8 *bytes = g_malloc0(150000);
	const gsize sizes[] = { 1025, FRAME_MAX, FRAME_MAX + 1, FRAME_MAX + 1000, 150000 };

	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct datagram datagram = {
			.verb = TELL, .size = -1, .body = bytes, .n = sizes[i], .n_fds = 1 };
		g_autofree char *said = offer(&datagram, 1);

		g_test_message("%u bytes: %s", (guint)sizes[i], said);
		g_assert_nonnull(strstr(said, sizes[i] <= FRAME_MAX ? "too large" : "truncated"));
	}
}

/* One answer to one request. */
static void
test_second_answer(void)
{
	g_autoptr(GVariant) body = g_variant_ref_sink(g_variant_new("(us)", 0, ""));
	struct datagram datagram = { .verb = TELL, .size = -1, .body = g_variant_get_data(body),
		.n = g_variant_get_size(body) };
	int fds[2];

	raw_pair(fds);
	struct peer *hub = peer_new(fds[0], HUB, WORK, "work", verbs, N_VERBS);
	send_ask(hub);
	send_ask(hub);
	for (guint i = 0; i < 3; i++) {
		g_auto(frame_auto) frame = { 0 };
		g_autoptr(GError) error = NULL;

		send_raw(fds[1], &datagram);
		g_assert_cmpint(peer_receive(hub, &frame, 0, &error), ==,
			i < 2 ? RECEIVED : PEER_VIOLATION);
		g_assert_cmpuint(peer_pending(hub), ==, i < 2 ? 1 - i : 0);
	}
	peer_free(hub);
	close(fds[1]);
}

/* An empty datagram looks like the end of the socket, but may carry descriptors. */
static void
test_empty(void)
{
	guint before = count_open();
	int fds[2];
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GError) error = NULL;
	struct iovec part = { NULL, 0 };
	union { struct cmsghdr align; char room[CMSG_SPACE(2 * sizeof(int))]; } control = { { 0 } };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
		.msg_controllen = sizeof control.room };

	raw_pair(fds);
	struct peer *hub = peer_new(fds[0], HUB, WORK, "work", verbs, N_VERBS);
	control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(2 * sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS };
	g_assert_cmpint(sendmsg(fds[1], &message, MSG_NOSIGNAL), ==, 0);
	g_assert_cmpint(peer_receive(hub, &frame, 0, &error), ==, PEER_VIOLATION);
	peer_free(hub);
	close(fds[1]);
	g_assert_cmpuint(count_open(), ==, before);
}

/* Noise of every size, the same each time; the limit on the processor is what bounds it. */
static void
test_noise(void)
{
	guint32 state = 1;
	g_autofree guint8 *bytes = g_malloc(FRAME_MAX);

	for (guint round = 0; round < 3000; round++) {
		gsize n = round % 30 == 0 ? FRAME_MAX : round % 97;

		for (gsize i = 0; i < n; i++) {
			state = state * 1664525 + 1013904223;
			bytes[i] = (guint8)(round % 3 == 0   ? state >> 24
					    : round % 3 == 1 ? state >> 31
							     : n);
		}
		struct datagram datagram = {
			.verb = (guint16)(round % N_VERBS), .size = -1, .body = bytes, .n = n };
		g_autofree char *said = offer(&datagram, 1);
		g_assert_nonnull(said);
	}
}

int
main(int argc, char **argv)
{
	/* "In bounded time": all of these together take well below a second. */
	setrlimit(RLIMIT_CPU, &(struct rlimit){ 60, 60 });
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/frame/exchange", test_exchange);
	g_test_add_func("/frame/descriptors", test_descriptors);
	g_test_add_func("/frame/largest", test_largest);
	g_test_add_func("/frame/gone", test_gone);
	g_test_add_func("/frame/last-words", test_last_words);
	g_test_add_func("/frame/deaf", test_deaf);
	g_test_add_func("/frame/panic", test_panic);
	g_test_add_func("/frame/too-much", test_too_much);
	g_test_add_func("/frame/hostile", test_hostile);
	g_test_add_func("/frame/crooked", test_crooked);
	g_test_add_func("/frame/arrays", test_arrays);
	g_test_add_func("/frame/oversized", test_oversized);
	g_test_add_func("/frame/second-answer", test_second_answer);
	g_test_add_func("/frame/empty", test_empty);
	g_test_add_func("/frame/noise", test_noise);
	return g_test_run();
}
