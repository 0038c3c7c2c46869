/* SPDX-License-Identifier: ISC
 *
 * fetch: the role that sees raw, unopened mail of one mailbox.  Lists it, seals a mail with the
 * key of its blob into the descriptor the hub made, moves or removes it when told.
 * Relies on transport/ for the mailbox, on base for sealing.  Blocking, one request at a time.
 * Decides nothing: whatever fails is answered with an outcome and a reason.  Never sees the
 * store key, the database or a letter.
 */
#include "role/token.h"
#include "transport/transport.h"

#include <string.h>

#define MEMORY		1073741824	/* bytes of address space: folders of two million mails */
#define PAGE_MAX	FRAME_ARRAY_MAX
#define PAGE_BYTES	(FRAME_MAX - 4096)
#define WHY_MAX		500		/* bytes of a reason in a frame */
#define DONE_MAX	400		/* bytes of the name of a copy; longer ones are not told */

static struct source_settings settings;		/* its texts live as long as the process */
static struct source *mailbox;
static bool idles;

/* ---- answers ------------------------------------------------------------------------------ */

/* A reason fit for a frame: short, valid UTF-8. */
static char *
reason(const GError *error)
{
	g_autofree char *cut = g_strndup(error ? error->message : "", WHY_MAX);

	return g_utf8_make_valid(cut, -1);
}

/* The hub is gone when this fails: the loop of worker_main() notices. */
static void
answer(struct peer *hub, int verb, GVariant *body)
{
	g_autoptr(GError) error = NULL;

	if (peer_send(hub, verb, body, NULL, 0, &error) != DONE)
		log_event(5, "answer-lost", "verb=%s", verbs_table[verb].name);
}

/* Opened at the first request, and again after it could not be. */
static enum outcome
open_mailbox(GError **error)
{
	return mailbox ? DONE : source_open(&settings, &mailbox, error);
}

/* ---- LIST ----------------------------------------------------------------------------------- */

/* Puts in what fits a frame; the rest is asked for next. */
static GVariant *
page(struct listing *listing)
{
	GVariantBuilder items;
	gsize bytes = 0;

	g_variant_builder_init(&items, G_VARIANT_TYPE("a(sxt)"));
	for (guint i = 0; listing->found && i < listing->found->len; i++) {
		const struct found *mail = listing->found->pdata[i];

		bytes += strlen(mail->uid) + 32;	/* numbers, padding, offsets */
		if (bytes > PAGE_BYTES) {
			listing->more = true;
			break;
		}
		g_variant_builder_add(&items, "(sxt)", mail->uid, mail->arrived, mail->size);
	}
	return g_variant_builder_end(&items);
}

static void
serve_list(struct peer *hub, struct frame *frame)
{
	const char *folder, *after;
	guint32 max;
	g_auto(listing_auto) listing = { 0 };
	g_autofree char *identity = NULL;
	g_autoptr(GError) error = NULL;

	g_variant_get(frame->body, "(&s&su)", &folder, &after, &max);

	enum outcome how = open_mailbox(&error);

	if (how == DONE)
		how = source_list(mailbox, folder, after, MIN(max, PAGE_MAX), &listing, &error);
	identity = g_steal_pointer(&listing.identity);
	if (how != DONE)
		listing_clear(&listing);

	g_autofree char *why = reason(error);
	GVariant *items = page(&listing);

	answer(hub, VERB_LISTED, g_variant_new("(uss@a(sxt)bb)", (guint32) how, why,
		identity ? identity : "", items, (gboolean) (how == DONE && listing.more),
		(gboolean) listing.has_holes));
}

/* ---- DATE ----------------------------------------------------------------------------- */

static void
serve_date(struct peer *hub, struct frame *frame)
{
	const char *uid;
	gint64 arrived = -1;
	g_autoptr(GError) error = NULL;
	enum outcome how = open_mailbox(&error);

	g_variant_get(frame->body, "(&s)", &uid);
	if (how == DONE)
		how = source_date(mailbox, uid, &arrived, &error);

	g_autofree char *why = reason(error);

	answer(hub, VERB_DATED, g_variant_new("(usx)", (guint32) how, why, arrived));
}

/* ---- EXPECT, TAKE ---------------------------------------------------------------------------- */

static void
serve_expect(struct peer *hub, struct frame *frame)
{
	const char *folder;
	g_autofree const char **uids = NULL;

	(void) hub;
	g_variant_get(frame->body, "(&s^a&s)", &folder, &uids);
	if (mailbox)
		source_expect(mailbox, folder, uids);
}

static enum outcome
put_sealed(void *data, const void *bytes, gsize size, GError **error)
{
	return sealer_put(data, bytes, size, error);
}

struct taken { guint64 size; guint8 sha256[DIGEST_SIZE]; };

/* max 0: the header alone. */
static enum outcome
take(const char *folder, const char *uid, guint64 max, struct sealer *sealer, struct taken *taken,
	GError **error)
{
	enum outcome how = open_mailbox(error);

	if (how == DONE)
		how = max == 0 ?
			source_take_header(mailbox, folder, uid, put_sealed, sealer, error) :
			source_take(mailbox, folder, uid, max, put_sealed, sealer, error);
	if (how == DONE)
		how = sealer_end(sealer, &taken->size, taken->sha256, error);
	return how;
}

static bool
copy_bytes(GVariant *from, void *to, gsize size)
{
	gsize n;
	const void *bytes = g_variant_get_fixed_array(from, &n, 1);

	if (n == size)
		memcpy(to, bytes, size);
	return n == size;
}

static void
serve_take(struct peer *hub, struct frame *frame)
{
	const char *folder, *uid;
	guint64 max;
	gboolean header_only;
	g_autoptr(GVariant) id = NULL, key = NULL;
	struct id blob;
	guint8 secret[32];
	struct taken taken = { 0 };
	g_autoptr(GError) error = NULL;
	enum outcome how;

	g_variant_get(frame->body, "(&s&stb@ay@ay)", &folder, &uid, &max, &header_only, &id,
		&key);
	if (copy_bytes(id, blob.b, sizeof blob.b) && copy_bytes(key, secret, sizeof secret)) {
		struct sealer *sealer = sealer_new(frame->fds[0], secret, blob);

		how = take(folder, uid, header_only ? 0 : max, sealer, &taken, &error);
		sealer_free(sealer);
	} else {
		how = fail(&error, NEVER, "take: id or key of a wrong size");
	}
	wipe(secret, sizeof secret);
	/* The frame's body is ours alone: the key must not stay in freed memory. */
	wipe((void *) g_variant_get_data(key), g_variant_get_size(key));

	g_autofree char *why = reason(error);

	answer(hub, VERB_TAKEN, g_variant_new("(ust@ay)", (guint32) how, why, taken.size,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, taken.sha256,
			how == DONE ? DIGEST_SIZE : 0, 1)));
}

/* ---- ROOM, WAIT --------------------------------------------------------------------------- */

static void
serve_room(struct peer *hub, struct frame *frame)
{
	struct room room = { 0, 0 };
	g_autoptr(GError) error = NULL;
	enum outcome how = open_mailbox(&error);

	(void) frame;
	if (how == DONE)
		how = source_room(mailbox, &room, &error);

	g_autofree char *why = reason(error);

	answer(hub, VERB_ROOMED, g_variant_new("(ustt)", (guint32) how, why, room.used,
		room.limit));
}

static void
serve_wait(struct peer *hub, struct frame *frame)
{
	const char *folder;
	guint32 seconds;
	bool news = false;
	g_autoptr(GError) error = NULL;
	enum outcome how;

	g_variant_get(frame->body, "(&su)", &folder, &seconds);
	if (!mailbox)
		how = fail(&error, LATER, "no session");
	else if (!idles)
		how = fail(&error, NEVER, "mailboxes[].idle is false");
	else
		how = source_wait(mailbox, folder, seconds, peer_fd(hub), &news, &error);

	g_autofree char *why = reason(error);

	answer(hub, VERB_WAITED, g_variant_new("(usb)", (guint32) how, why, (gboolean) news));
}

/* ---- SETTLE, FOLDERS, CHECK ----------------------------------------------------------- */

/* How many of them an answer has room for, whatever becomes of them; the others are left for
 * the next request: unnamed, unmoved. */
static gsize
fitting(const char *const *uids)
{
	gsize bytes = 0, n = 0;

	for (; uids[n]; n++) {
		bytes += strlen(uids[n]) + WHY_MAX + DONE_MAX + 32;
		if (bytes > PAGE_BYTES)
			break;
	}
	return n;
}

static enum outcome
settle(const char *folder, enum target target, const char **uids, GVariantBuilder *items,
	GError **error)
{
	g_autoptr(GPtrArray) out = NULL;
	enum outcome how;

	uids[fitting(uids)] = NULL;
	how = source_settle_many(mailbox, folder, target, uids, &out, error);
	for (guint i = 0; how == DONE && i < out->len; i++) {
		const struct settled *settled = out->pdata[i];
		g_autofree char *cut = g_strndup(settled->why ? settled->why : "", WHY_MAX);
		g_autofree char *why = g_utf8_make_valid(cut, -1);

		bool tells = settled->identity && settled->uid &&
			strlen(settled->identity) + strlen(settled->uid) < DONE_MAX;

		g_variant_builder_add(items, "(susss)", uids[i], (guint32) settled->how, why,
			tells ? settled->identity : "", tells ? settled->uid : "");
	}
	return how;
}

static void
serve_remove(struct peer *hub, struct frame *frame)
{
	const char *folder;
	g_autofree const char **uids = NULL;
	g_autoptr(GPtrArray) out = NULL;
	g_autoptr(GError) error = NULL;
	GVariantBuilder items;
	enum outcome how = open_mailbox(&error);

	g_variant_get(frame->body, "(&s^a&s)", &folder, &uids);
	g_variant_builder_init(&items, G_VARIANT_TYPE("a(su)"));
	if (how == DONE)
		how = source_remove_many(mailbox, folder, uids, &out, &error);
	for (guint i = 0; how == DONE && i < out->len; i++)
		g_variant_builder_add(&items, "(su)", uids[i],
			(guint32) ((const struct settled *) out->pdata[i])->how);

	g_autofree char *why = reason(error);

	answer(hub, VERB_REMOVED, g_variant_new("(us@a(su))", (guint32) how, why,
		g_variant_builder_end(&items)));
}

static void
serve_settle(struct peer *hub, struct frame *frame)
{
	const char *folder;
	g_autofree const char **uids = NULL;
	GVariantBuilder items;
	gboolean is_held;
	g_autoptr(GError) error = NULL;

	g_variant_get(frame->body, "(&sb^a&s)", &folder, &is_held, &uids);
	g_variant_builder_init(&items, G_VARIANT_TYPE("a(susss)"));

	enum outcome how = open_mailbox(&error);

	if (how == DONE)
		how = settle(folder, is_held ? TO_HELD : TO_DONE, uids, &items, &error);

	g_autofree char *why = reason(error);

	answer(hub, VERB_SETTLED, g_variant_new("(us@a(susss))", (guint32) how, why,
		g_variant_builder_end(&items)));
}

/* As many lines as fit; what is cut is said. */
static GVariant *
lines(char **texts)
{
	GVariantBuilder items;
	gsize bytes = 0;

	g_variant_builder_init(&items, G_VARIANT_TYPE("as"));
	for (gsize i = 0; texts[i]; i++) {
		bytes += strlen(texts[i]) + 8;
		if (bytes > PAGE_BYTES || i + 2 > FRAME_ARRAY_MAX) {
			log_event(4, "answer-cut", "lines=%" G_GSIZE_FORMAT, i);
			break;
		}
		g_variant_builder_add(&items, "s", texts[i]);
	}
	return g_variant_new("(@as)", g_variant_builder_end(&items));
}

static void
serve_folders(struct peer *hub, struct frame *frame)
{
	static char *none[] = { NULL };
	g_auto(GStrv) names = open_mailbox(NULL) == DONE ? source_folders(mailbox) : NULL;

	(void) frame;
	answer(hub, VERB_FOLDERED, lines(names ? names : none));
}

static void
serve_check(struct peer *hub, struct frame *frame)
{
	g_auto(GStrv) texts = source_check(&settings);

	(void) frame;
	answer(hub, VERB_CHECKED, lines(texts));
}

static const struct { int verb; void (*serve)(struct peer *, struct frame *); } services[] = {
	{ VERB_LIST,    serve_list },
	{ VERB_EXPECT,  serve_expect },
	{ VERB_DATE,    serve_date },
	{ VERB_TAKE,    serve_take },
	{ VERB_SETTLE,  serve_settle },
	{ VERB_REMOVE,  serve_remove },
	{ VERB_ROOM,    serve_room },
	{ VERB_WAIT,    serve_wait },
	{ VERB_FOLDERS, serve_folders },
	{ VERB_CHECK,   serve_check },
};

static void
serve_one(struct peer *hub, struct frame *frame)
{
	/* WAIT ends when the next request comes: that must not be taken away meanwhile. */
	token_serve_for(frame->verb == VERB_WAIT ? NULL : hub);
	for (gsize i = 0; i < G_N_ELEMENTS(services); i++)
		if (services[i].verb == frame->verb)
			services[i].serve(hub, frame);
}

/* With what came while its login waited for a token. */
static void
serve(struct peer *hub, struct frame *frame)
{
	struct frame next;

	serve_one(hub, frame);
	while (token_deferred(&next)) {
		serve_one(hub, &next);
		frame_clear(&next);
	}
}

/* ---- start ---------------------------------------------------------------------------- */

static char *
text_of(const struct options *options, const char *name)
{
	const char *text = options_text(options, "mailboxes.0.%s", name);

	return text && *text ? g_strdup(text) : NULL;
}

static char **
watched(const struct options *options)
{
	GPtrArray *names = g_ptr_array_new();

	for (guint i = 0; i < options_count(options, "mailboxes.0.folders"); i++)
		g_ptr_array_add(names, g_strdup(options_text(options,
			"mailboxes.0.folders.%u", i)));
	if (names->len == 0)
		g_ptr_array_add(names, g_strdup("INBOX"));
	g_ptr_array_add(names, NULL);
	return (char **) g_ptr_array_free(names, FALSE);
}

/* The slice holds the one mailbox this process is for. */
static bool
configure(const struct options *options, GError **error)
{
	if (!options_text(options, "mailboxes.0.type")) {
		fail(error, NEVER, "no mailbox in the slice");
		return false;
	}
	g_clear_pointer(&mailbox, source_close);
	idles = options_bool(options, "mailboxes.0.idle");
	settings = (struct source_settings) {
		.type = text_of(options, "type"), .path = text_of(options, "path"),
		.done_folder = text_of(options, "done_folder"),
		.held_folder = text_of(options, "held_folder"),
		.server = {
			.host = text_of(options, "host"),
			.port = (guint) options_int(options, "mailboxes.0.port"),
			.tls = text_of(options, "tls"), .ca_file = text_of(options, "ca_file"),
			.tls_pin = text_of(options, "tls_pin"), .user = text_of(options, "user"),
			.password = text_of(options, "password"),
			.token = options_text(options, "mailboxes.0.password") ? NULL : token_get,
		},
		.folders = (const char *const *) watched(options),
	};
	return true;
}

int
main(int argc, char **argv)
{
	static const struct worker fetch = {
		.role = ROLE_FETCH, .memory = MEMORY, .configure = configure, .serve = serve,
	};

	return worker_main(&fetch, argc, argv);
}
