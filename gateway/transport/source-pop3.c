/* SPDX-License-Identifier: ISC
 *
 * A POP3 account as a mailbox.  One session is one look: it begins with the list and ends with
 * QUIT, since the server keeps everybody else out as long as it lasts.  State is the UIDL text.
 * Nothing is ever removed but what is settled, and that only by a QUIT the server says yes to.
 * Relies on pop3.c for the session, on maildrop.c for what lies there.
 */
#include "transport/pop3.h"
#include "transport/server.h"
#include "transport/source.h"
#include "model/model.h"

#include <string.h>
#include <syslog.h>

#define HEADER_MOST	65536	/* bytes of a header that are looked at for its first field */
#define SIZE_MOST	83886080	/* bytes of a mail whose size is not told */
#define LOSSES_MOST	5	/* sessions lost in one look */
#define BREAKS_MOST	2	/* losses at one mail until it has to wait */
#define BREAK_WAIT	600	/* seconds it waits then, so that the others get their turn */
#define REMEMBERED	10000	/* uids */

struct box {
	struct server_settings server;	/* its texts are ours */
	struct pop3 *pop3;		/* NULL: none now */
	struct maildrop drop;		/* as this session has it */
	guint64 used;			/* bytes, at the last look */
	bool is_listed;			/* this session has begun a list */
	guint losses;
	GHashTable *breaks;		/* by uid: struct breaks */
	GHashTable *inexact;		/* by uid: guint64 of what came, not what was told */
};
struct breaks { guint n; gint64 until; };

/* ---- the session --------------------------------------------------------------------------- */

static void
drop_session(struct box *box)
{
	g_clear_pointer(&box->pop3, pop3_close);
	maildrop_clear(&box->drop);
}

/* In order, with nothing removed; whether the server hears of it is its own affair. */
static void
leave(struct box *box)
{
	if (box->pop3 && !pop3_is_over(box->pop3))
		pop3_ask(box->pop3, "QUIT", "QUIT", NULL);
	drop_session(box);
}

static const struct drop_mail *
mail_at(const struct box *box, guint number)
{
	return &g_array_index(box->drop.mails, struct drop_mail, number - 1);
}

static enum outcome
connect_anew(struct box *box, GError **error)
{
	g_autoptr(GError) why = NULL;
	bool was_refused = false;
	enum outcome how;

	drop_session(box);
	box->is_listed = false;
	if (server_is_refused(&box->server, error))
		return NEVER;
	how = pop3_open(&box->server, &box->pop3, &was_refused, &why);
	if (was_refused && server_wants_token(&box->server, how)) {
		was_refused = false;
		g_clear_error(&why);
		how = box->server.token(true, &why) ?
			pop3_open(&box->server, &box->pop3, &was_refused, &why) : LATER;
	}
	if (was_refused && how == NEVER)
		server_refuse(&box->server, why->message);
	if (how == DONE) {
		how = maildrop_look(box->pop3, &box->drop, &why);
		if (how != DONE)
			leave(box);
		box->used = 0;
		for (guint i = 0; how == DONE && i < box->drop.mails->len; i++)
			box->used += mail_at(box, i + 1)->size;
	}
	if (why)
		g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

/* The session of this look, or, where it was lost, another one; not for ever. */
static enum outcome
go_on(struct box *box, GError **error)
{
	if (box->pop3 && !pop3_is_over(box->pop3))
		return DONE;
	if (box->losses >= LOSSES_MOST)
		return fail(error, LATER, "the session was lost %u times: the next look goes on",
			box->losses);
	box->losses++;
	if (connect_anew(box, error) != DONE)
		return only_later(error);
	box->is_listed = true;
	return DONE;
}

static void
remember(GHashTable *table, const char *uid, gpointer what)
{
	if (g_hash_table_size(table) >= REMEMBERED)
		g_hash_table_remove_all(table);
	g_hash_table_replace(table, g_strdup(uid), what);
}

/* The session ended at this mail: when that happens again, the others must not wait for it. */
static void
broke_at(struct box *box, const char *uid)
{
	const struct breaks *before = g_hash_table_lookup(box->breaks, uid);
	struct breaks breaks = { before ? before->n + 1 : 1, 0 };

	if (breaks.n >= BREAKS_MOST)
		breaks.until = g_get_monotonic_time() + (gint64) BREAK_WAIT * G_USEC_PER_SEC;
	remember(box->breaks, uid, g_memdup2(&breaks, sizeof breaks));
}

/* Its number in a session that goes on. */
static enum outcome
find(struct box *box, const char *uid, guint *number, GError **error)
{
	const struct breaks *breaks = g_hash_table_lookup(box->breaks, uid);
	enum outcome how;

	if (breaks && breaks->until > g_get_monotonic_time())
		return fail(error, LATER, "the session ended at this mail %u times: not tried for "
			"%d s", breaks->n, BREAK_WAIT);
	how = go_on(box, error);
	if (how != DONE)
		return how;
	*number = maildrop_number(&box->drop, uid);
	return *number > 0 ? DONE : fail(error, NEVER, "gone");
}

/* For time and bounds. */
static guint64
size_of(const struct drop_mail *mail)
{
	return mail->has_size ? MIN(mail->size, SIZE_MOST) : SIZE_MOST;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void
box_close(void *data)
{
	struct box *box = data;

	leave(box);
	server_clear(&box->server);
	g_hash_table_unref(box->breaks);
	g_hash_table_unref(box->inexact);
	g_free(box);
}

static enum outcome
box_open(const struct source_settings *settings, void **out, GError **error)
{
	struct box *box = g_new0(struct box, 1);
	enum outcome how;

	server_copy(&settings->server, &box->server);
	box->breaks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	box->inexact = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	how = connect_anew(box, error);
	if (how == DONE)
		*out = box;
	else
		box_close(box);
	return how;
}

/* ---- listing ------------------------------------------------------------------------------- */

/* The first page looks at what is there now, the others go on in that look. */
static enum outcome
begin_list(struct box *box, const char *after, guint *number, GError **error)
{
	enum outcome how = DONE;

	*number = 1;
	if (*after == '\0') {
		if (!box->pop3 || pop3_is_over(box->pop3) || box->is_listed) {
			leave(box);
			how = connect_anew(box, error);
		}
		box->is_listed = true;
		box->losses = 0;
		return how;
	}
	how = go_on(box, error);
	if (how != DONE)
		return how;
	*number = maildrop_number(&box->drop, after) + 1;
	if (*number == 1)
		return fail(error, LATER, "the list changed while it was read");
	return DONE;
}

/* Behind the last page: what could not be in it. */
static enum outcome
tell_unusable(struct box *box, GError **error)
{
	enum outcome how = fail(error, NEVER, "%u mails stay untaken, for the server gives them no "
		"uid of their own (UIDL): %s", box->drop.unusable, box->drop.why);

	log_event(LOG_WARNING, "uid-unusable", "mails=%u", box->drop.unusable);
	leave(box);
	return how;
}

static enum outcome
box_list(void *data, const char *folder, const char *after, guint max, struct listing *listing,
	GError **error)
{
	struct box *box = data;
	guint number;
	enum outcome how;

	listing->identity = g_strdup("uidl");
	if (g_ascii_strcasecmp(folder, "INBOX") != 0)
		return DONE;	/* the one there is */
	how = begin_list(box, after, &number, error);
	if (how != DONE)
		return how;
	for (; number <= box->drop.mails->len && listing->found->len < max; number++) {
		const struct drop_mail *mail = mail_at(box, number);

		if (mail->uid[0] != '\0')
			g_ptr_array_add(listing->found, found_new(mail->uid, -1, mail->size));
	}
	if (number > box->drop.mails->len && box->drop.unusable > 0 && listing->found->len == 0)
		return tell_unusable(box, error);
	listing->more = number <= box->drop.mails->len || box->drop.unusable > 0;
	return DONE;
}

/* ---- arrival ------------------------------------------------------------------------------- */

/* The beginning; the rest is read and forgotten. */
static enum outcome
keep_header(void *data, const void *bytes, gsize size, GError **error)
{
	GString *header = data;

	(void) error;
	g_string_append_len(header, bytes, (gssize) MIN(size, HEADER_MOST - header->len));
	return DONE;
}

static enum outcome
box_date(void *data, const char *uid, gint64 *arrived, GError **error)
{
	struct box *box = data;
	g_autoptr(GString) header = g_string_new(NULL);
	g_autofree char *line = NULL;
	enum pop3_word word;
	bool has_end;
	guint number;
	enum outcome how = find(box, uid, &number, error);

	if (how != DONE)
		return how;
	if (pop3_has_capabilities(box->pop3) && !pop3_capability(box->pop3, "TOP"))
		return DONE;
	line = g_strdup_printf("TOP %u 0", number);
	pop3_begin(box->pop3, size_of(mail_at(box, number)), 2 * size_of(mail_at(box, number)));
	word = pop3_say(box->pop3, line, NULL);
	if (word == POP3_NO)
		return DONE;
	how = word == POP3_OK ? pop3_bytes(box->pop3, keep_header, header, &has_end, error) :
		pop3_end(box->pop3, word, "TOP", error);
	if (how == DONE)
		*arrived = received_date(header->str, header->len);
	else
		broke_at(box, uid);
	return how;
}

/* ---- taking -------------------------------------------------------------------------------- */

/* is_ours: what failed was not the server.  is_enough: of a whole mail only the header was
 * wanted. */
struct taking { struct sink *sink; bool is_ours, breaks_off, is_enough; };

static enum outcome
take_piece(void *data, const void *bytes, gsize size, GError **error)
{
	struct taking *taking = data;
	enum outcome how = sink_put(taking->sink, bytes, size, error);

	taking->is_ours = how != DONE;
	taking->is_enough = how == DONE && taking->breaks_off && taking->sink->at_end;
	return taking->is_enough ? LATER : how;
}

/* The header by TOP; where the server has none, by RETR, and the rest is not waited for. */
static enum outcome
ask_mail(struct box *box, guint number, struct taking *taking, GError **error)
{
	bool has_top = !pop3_has_capabilities(box->pop3) || pop3_capability(box->pop3, "TOP");
	guint64 told = size_of(mail_at(box, number));
	enum pop3_word word = POP3_NO;

	/* Sizes are not to be relied on: what bounds it is the sink. */
	pop3_begin(box->pop3, told, 2 * MAX(taking->sink->max, told));
	if (taking->sink->header_only && has_top) {
		g_autofree char *top = g_strdup_printf("TOP %u 0", number);

		word = pop3_say(box->pop3, top, NULL);
	}
	if (word == POP3_NO) {
		g_autofree char *retr = g_strdup_printf("RETR %u", number);

		taking->breaks_off = taking->sink->header_only;
		word = pop3_say(box->pop3, retr, NULL);
	}
	return pop3_end(box->pop3, word, "mail", error);
}

/* Many servers count a line end as one byte, some guess: only less than was told may be a mail
 * cut short, and when a second attempt brings as much as the first, that is the mail. */
static enum outcome
compare_size(struct box *box, const struct drop_mail *mail, guint64 came, GError **error)
{
	const guint64 *before = g_hash_table_lookup(box->inexact, mail->uid);

	if (!mail->has_size || came >= mail->size)
		return DONE;
	if (before && *before == came && came > 0) {
		log_event(LOG_WARNING, "size-inexact", "number=%u told=%" G_GUINT64_FORMAT
			" came=%" G_GUINT64_FORMAT, maildrop_number(&box->drop, mail->uid),
			mail->size, came);
		return DONE;
	}
	remember(box->inexact, mail->uid, g_memdup2(&came, sizeof came));
	return fail(error, LATER, "the server told of %" G_GUINT64_FORMAT " bytes, and gave %"
		G_GUINT64_FORMAT, mail->size, came);
}

/* A mail whose last line has no end was given one to be sent; the size tells. */
static enum outcome
end_mail(struct box *box, const struct drop_mail *mail, struct sink *sink, bool has_end,
	GError **error)
{
	enum outcome how = DONE;
	bool was_added = !sink->header_only && mail->has_size && mail->size == sink->total;

	if (has_end && !was_added)
		how = sink_put(sink, "\r\n", 2, error);
	if (how != DONE || sink->header_only)
		return how;
	return compare_size(box, mail, sink->total, error);
}

static enum outcome
box_take(void *data, const char *folder, const char *uid, struct sink *sink, GError **error)
{
	struct box *box = data;
	struct taking taking = { .sink = sink };
	const struct drop_mail *mail;
	bool has_end;
	guint number;
	enum outcome how = find(box, uid, &number, error);

	(void) folder;
	if (how != DONE)
		return how;
	mail = mail_at(box, number);
	if (!sink->header_only && mail->size > sink->max)
		return limit_reached(error, "fetch", "mail size", sink->max);
	how = ask_mail(box, number, &taking, error);
	if (how == DONE)
		how = pop3_bytes(box->pop3, take_piece, &taking, &has_end, error);
	if (how == DONE)
		return end_mail(box, mail, sink, has_end, error);
	if (taking.is_enough)
		return DONE;
	if (pop3_is_over(box->pop3) && !taking.is_ours)
		broke_at(box, uid);
	return how;
}

/* ---- settling ------------------------------------------------------------------------------ */

/* Marks one; the server removes it at QUIT. */
static enum outcome
mark(struct box *box, const char *uid, GPtrArray *out, GError **error)
{
	guint number = maildrop_number(&box->drop, uid);
	g_autofree char *line = g_strdup_printf("DELE %u", number);
	g_autoptr(GError) why = NULL;
	enum outcome how = NEVER;

	if (number > 0)
		how = pop3_ask(box->pop3, line, "DELE", &why);
	if (pop3_is_over(box->pop3)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return LATER;
	}
	g_ptr_array_add(out, settled_new(how, number == 0 ? "gone" : why ? why->message : NULL,
		NULL, NULL));
	return DONE;
}

static enum outcome
box_settle(void *data, const char *folder, enum target target, const char *const *uids,
	GPtrArray *out, GError **error)
{
	struct box *box = data;
	enum outcome how = *uids ? go_on(box, error) : DONE;

	(void) folder;
	(void) target;
	for (; how == DONE && *uids; uids++)
		how = mark(box, *uids, out, error);
	if (how == DONE && out->len > 0) {
		FAULT("pop3.quit.before");
		how = pop3_ask(box->pop3, "QUIT", "QUIT", error);
		FAULT("pop3.quit.after");
	} else if (how == DONE) {
		leave(box);
	}
	/* Without a yes to QUIT nothing is known to be removed; what is not said is not done. */
	drop_session(box);
	return how;
}

/* ---- room, folders -------------------------------------------------------------------------- */

/* As it was at the last look: none is made for that. */
static enum outcome
box_room(void *data, struct room *room, GError **error)
{
	const struct box *box = data;

	(void) error;
	room->used = box->used;
	return DONE;
}

static void
box_folders(void *data, GPtrArray *names)
{
	(void) data;
	(void) names;	/* INBOX alone */
}

const struct source_kind source_pop3 = {
	.type = "pop3", .open = box_open, .close = box_close, .list = box_list,
	.take = box_take, .date = box_date, .settle = box_settle, .room = box_room,
	.folders = box_folders, .check = pop3_source_check,
};
