/* SPDX-License-Identifier: ISC
 *
 * imap-take: one mail out of an IMAP folder, piece by piece into the sink, never whole in memory.
 * BODY.PEEK[] alone: nothing on the server changes.  Believes a mail by its UID and its size.
 * Trouble with the connection is never an answer about the mail.
 */
#include "transport/account.h"
#include "model/model.h"

#include <string.h>
#include <syslog.h>

#define SIZES_MOST	10000	/* sizes kept from the last pages */

/* ---- asking for UID, date and size --------------------------------------------------------- */

/* A date that is none comes out as another one (31 February: 3 March), never as a fault. */
static gint64
arrival(const struct mailimap_date_time *date)
{
	struct tm tm = { .tm_year = CLAMP(date->dt_year, 1970, 9999) - 1900,
		.tm_mon = CLAMP(date->dt_month, 1, 12) - 1, .tm_mday = CLAMP(date->dt_day, 1, 31),
		.tm_hour = CLAMP(date->dt_hour, 0, 23), .tm_min = CLAMP(date->dt_min, 0, 59),
		.tm_sec = CLAMP(date->dt_sec, 0, 60) };
	int zone = CLAMP(date->dt_zone, -1400, 1400);	/* hhmm */
	gint64 east = zone / 100 * 3600 + zone % 100 * 60;

	return MAX(0, ((gint64) timegm(&tm) - east) * 1000);
}

struct item
item_of(const struct mailimap_msg_att *att)
{
	struct item item = { .number = att->att_number };
	bool has_size = false, has_date = false;

	for (clistiter *at = clist_begin(att->att_list); at; at = clist_next(at)) {
		const struct mailimap_msg_att_item *one = clist_content(at);
		const struct mailimap_msg_att_static *fixed = one->att_data.att_static;

		if (one->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC || !fixed)
			continue;
		if (fixed->att_type == MAILIMAP_MSG_ATT_UID)
			item.uid = fixed->att_data.att_uid;
		if (fixed->att_type == MAILIMAP_MSG_ATT_RFC822_SIZE) {
			item.size = fixed->att_data.att_rfc822_size;
			has_size = true;
		}
		if (fixed->att_type == MAILIMAP_MSG_ATT_INTERNALDATE) {
			item.arrived = arrival(fixed->att_data.att_internal_date);
			has_date = true;
		}
	}
	item.is_whole = item.uid > 0 && has_size && has_date;
	return item;
}

struct mailimap_fetch_type *
what_to_fetch(bool with_date, enum section section)
{
	struct mailimap_section *what = section == SECTION_HEADER ? mailimap_section_new_header() :
		section == SECTION_ALL ? mailimap_section_new(NULL) : NULL;
	struct mailimap_fetch_type *type = mailimap_fetch_type_new_fetch_att_list_empty();
	struct mailimap_fetch_att *atts[] = {
		mailimap_fetch_att_new_uid(), mailimap_fetch_att_new_rfc822_size(),
		with_date ? mailimap_fetch_att_new_internaldate() : NULL,
		what ? mailimap_fetch_att_new_body_peek_section(what) : NULL,
	};

	if (!type)
		fatal(71, "no memory for a FETCH");
	for (gsize i = 0; i < G_N_ELEMENTS(atts); i++)
		if (atts[i] && mailimap_fetch_type_new_fetch_att_list_add(type, atts[i]) !=
		    MAILIMAP_NO_ERROR)
			fatal(71, "no memory for a FETCH");
	return type;
}

/* ---- taking -------------------------------------------------------------------------------- */

struct taking { struct sink *sink; enum outcome how; GError *error; };

void
account_remember_size(struct account *account, const char *uid, guint64 size)
{
	if (g_hash_table_size(account->sizes) >= SIZES_MOST)
		g_hash_table_remove_all(account->sizes);
	g_hash_table_replace(account->sizes, account_key(account, uid),
		g_memdup2(&size, sizeof size));
}

/* libetpan reads the literal piece by piece into this. */
static bool
take_piece(int type, struct mailimap_msg_att_body_section *section, const char *bytes,
	size_t size, void *data)
{
	struct taking *taking = data;

	(void) type;
	(void) section;
	if (taking->how == DONE)
		taking->how = sink_put(taking->sink, bytes, size, &taking->error);
	return taking->how == DONE;
}

struct answer { guint n, n_bodies; guint32 uid; guint64 size; };

const struct mailimap_msg_att_body_section *
body_of(const struct mailimap_msg_att_item *item)
{
	const struct mailimap_msg_att_static *fixed = item->att_data.att_static;

	if (item->att_type != MAILIMAP_MSG_ATT_ITEM_STATIC || !fixed ||
	    fixed->att_type != MAILIMAP_MSG_ATT_BODY_SECTION)
		return NULL;
	return fixed->att_data.att_body_section;
}

/* A body short enough to come as a quoted text was not handed to take_piece(). */
static void
take_quoted(const struct mailimap_msg_att *att, struct taking *taking, struct answer *answer)
{
	for (clistiter *at = clist_begin(att->att_list); at; at = clist_next(at)) {
		const struct mailimap_msg_att_body_section *body = body_of(clist_content(at));

		if (!body)
			continue;
		answer->n_bodies++;
		if (taking->how == DONE && taking->sink->total == 0 && body->sec_body_part)
			taking->how = sink_put(taking->sink, body->sec_body_part, body->sec_length,
				&taking->error);
	}
}

/* UID FETCH of one mail; taking NULL: its size alone. */
static enum outcome
fetch_one(struct account *account, guint32 uid, guint64 bytes, struct taking *taking,
	struct answer *answer, GError **error)
{
	struct mailimap_set *set = mailimap_set_new_single(uid);
	struct mailimap_fetch_type *type = what_to_fetch(false, !taking ? SECTION_NONE :
		taking->sink->header_only ? SECTION_HEADER : SECTION_ALL);
	mailimap *session = imap_begin(account->imap, bytes);
	clist *list = NULL;
	int said;

	if (taking)
		mailimap_set_msg_body_handler(session, take_piece, taking);
	FAULT("imap.take.before");
	said = mailimap_uid_fetch(session, set, type, &list);
	FAULT("imap.take.after");
	mailimap_set_msg_body_handler(session, NULL, NULL);
	mailimap_set_free(set);
	mailimap_fetch_type_free(type);
	for (clistiter *at = list && said == MAILIMAP_NO_ERROR ? clist_begin(list) : NULL; at;
	     at = clist_next(at)) {
		const struct mailimap_msg_att *att = clist_content(at);
		struct item item = item_of(att);

		if (item.uid == 0)
			continue;	/* news about another mail's flags */
		answer->n++;
		answer->uid = item.uid;
		answer->size = item.size;
		if (taking)
			take_quoted(att, taking, answer);
	}
	if (list && said == MAILIMAP_NO_ERROR)	/* else libetpan has freed it */
		mailimap_fetch_list_free(list);
	return imap_end(account->imap, said, "mail", error);
}

static enum outcome
size_of(struct account *account, const char *text, guint32 uid, guint64 *out, GError **error)
{
	g_autofree char *key = account_key(account, text);
	const guint64 *known = g_hash_table_lookup(account->sizes, key);
	struct answer answer = { 0 };
	enum outcome how;

	if (known) {
		*out = *known;
		return DONE;
	}
	how = fetch_one(account, uid, 0, NULL, &answer, error);
	if (how != DONE)
		return how;
	if (answer.n == 0)
		return fail(error, NEVER, "gone");
	if (answer.n != 1 || answer.uid != uid)
		return imap_nonsense(account->imap, "the server answers for another mail", error);
	*out = answer.size;
	return DONE;
}

/* Some servers tell a size that is not quite the mail's: when a second attempt brings as much
 * as the first, that is the mail. */
static enum outcome
compare_size(struct account *account, const char *text, guint64 told, guint64 came,
	GError **error)
{
	g_autofree char *key = account_key(account, text);
	const guint64 *before = g_hash_table_lookup(account->inexact, key);
	bool again = before && *before == came;

	if (told == came)
		return DONE;
	if (again) {
		log_event(LOG_WARNING, "size-inexact", "uid=%s told=%" G_GUINT64_FORMAT " came=%"
			G_GUINT64_FORMAT, text, told, came);
		return DONE;
	}
	if (g_hash_table_size(account->inexact) >= SIZES_MOST)
		g_hash_table_remove_all(account->inexact);
	g_hash_table_replace(account->inexact, g_steal_pointer(&key),
		g_memdup2(&came, sizeof came));
	return fail(error, LATER, "the server told of %" G_GUINT64_FORMAT " bytes, and gave %"
		G_GUINT64_FORMAT, told, came);
}

/* A mail removed meanwhile comes as one of no bytes (Dovecot: "RFC822.SIZE 0 BODY[] NIL", and
 * OK).  Nothing is a mail only where the list and a second look agree that there is nothing in
 * it. */
static enum outcome
took_nothing(struct account *account, guint32 uid, guint64 listed, GError **error)
{
	struct answer answer = { 0 };
	enum outcome how = fetch_one(account, uid, 0, NULL, &answer, error);

	if (how != DONE)
		return how;
	if (answer.n == 0)
		return fail(error, NEVER, "gone");
	if (answer.n == 1 && answer.uid == uid && answer.size == 0 && listed == 0)
		return DONE;
	return fail(error, LATER, "the server gave nothing of a mail of %" G_GUINT64_FORMAT
		" bytes", MAX(answer.size, listed));
}

static enum outcome
take_body(struct account *account, const char *text, guint32 uid, struct sink *sink,
	GError **error)
{
	struct taking taking = { .sink = sink, .how = DONE };
	struct answer answer = { 0 };
	g_autoptr(GError) why = NULL;
	guint64 size = 0;
	enum outcome how = size_of(account, text, uid, &size, error);

	if (how != DONE)
		return how;
	if (sink->header_only)
		size = sink->max;
	else if (size > sink->max)
		return limit_reached(error, "fetch", "mail size", sink->max);
	how = fetch_one(account, uid, size, &taking, &answer, &why);
	if (taking.how != DONE) {	/* the rest of the mail is still on its way */
		imap_nonsense(account->imap, "mail broken off", NULL);
		g_propagate_error(error, taking.error);
		return taking.how;
	}
	if (how != DONE) {
		g_propagate_error(error, g_steal_pointer(&why));
		return how;
	}
	if (sink->total == 0)
		return took_nothing(account, uid, size, error);
	if (answer.n != 1 || answer.uid != uid || answer.n_bodies != 1)
		return imap_nonsense(account->imap, "the server answers for another mail", error);
	return sink->header_only ? DONE :
		compare_size(account, text, answer.size, sink->total, error);
}

enum outcome
imap_source_take(void *box, const char *folder, const char *text, struct sink *sink,
	GError **error)
{
	struct account *account = box;
	g_autoptr(GBytes) ahead = NULL;
	struct uid uid;
	bool there;

	if (!uid_parse(text, &uid))
		return fail(error, NEVER, "gone: this is no uid of an IMAP folder");
	if (account_enter(account, folder, &there, error) != DONE)
		return only_later(error);
	if (!there)
		return fail(error, NEVER, "gone: folder %s is not there", folder);
	if (imap_validity(account->imap) != uid.validity)
		return fail(error, NEVER, "gone: folder %s was made anew (UIDVALIDITY %u, was %u)",
			folder, imap_validity(account->imap), uid.validity);
	if (!sink->header_only && account_take_ahead(account, text, &ahead, error) != DONE)
		return only_later(error);
	if (ahead)
		return sink_put(sink, g_bytes_get_data(ahead, NULL), g_bytes_get_size(ahead),
			error);
	return take_body(account, text, uid.uid, sink, error);
}
