/* SPDX-License-Identifier: ISC
 *
 * An IMAP account as a mailbox.  State is UIDVALIDITY and UID, never a flag: \Seen is neither
 * read nor set.  One session, made anew when it was lost.  A page of a folder is found by
 * sequence numbers, whatever gaps the UIDs have, and believed only by UID.  Relies on imap.c for
 * the session; imap-take.c and imap-settle.c do the rest.
 */
#include "transport/account.h"
#include "transport/server.h"
#include "model/model.h"

#include <string.h>
#include <syslog.h>

#define UID_TEXT_MAX	21	/* "4294967295.4294967295" */

/* ---- uids ---------------------------------------------------------------------------------- */

char *
uid_text(guint32 validity, guint32 uid)
{
	return g_strdup_printf("%u.%u", validity, uid);
}

char *
identity_text(guint32 validity, const char *folder)
{
	return g_strdup_printf("%u/%s", validity, folder);
}

bool
uid_parse(const char *text, struct uid *out)
{
	g_auto(GStrv) parts = strlen(text) <= UID_TEXT_MAX ? g_strsplit(text, ".", 2) : NULL;
	guint64 validity, uid;

	if (!parts || !parts[0] || !parts[1] ||
	    !g_ascii_string_to_unsigned(parts[0], 10, 1, G_MAXUINT32, &validity, NULL) ||
	    !g_ascii_string_to_unsigned(parts[1], 10, 1, G_MAXUINT32, &uid, NULL))
		return false;
	*out = (struct uid) { (guint32) validity, (guint32) uid };
	return true;
}

/* ---- the session --------------------------------------------------------------------------- */

static void
drop(struct account *account)
{
	g_clear_pointer(&account->imap, imap_close);
	g_clear_pointer(&account->selected, g_free);
	g_hash_table_remove_all(account->ahead);
}

/* A token that was refused may have expired: another one is tried, once. */
static enum outcome
open_session(struct account *account, bool *was_refused, GError **error)
{
	const struct server_settings *server = &account->server;
	g_autoptr(GError) why = NULL;
	enum outcome how = imap_open(server, &account->imap, was_refused, &why);

	if (*was_refused && server_wants_token(server, how)) {
		*was_refused = false;
		g_clear_error(&why);
		how = server->token(true, &why) ?
			imap_open(server, &account->imap, was_refused, &why) : LATER;
	}
	*was_refused &= how == NEVER;
	if (why)
		g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

/* Logged in, as far as we know. */
enum outcome
account_connect(struct account *account, GError **error)
{
	g_autoptr(GError) why = NULL;
	bool was_refused = false;
	enum outcome how;

	if (account->imap && !imap_is_over(account->imap))
		return DONE;
	drop(account);
	if (server_is_refused(&account->server, error))
		return NEVER;
	how = open_session(account, &was_refused, &why);
	if (how == DONE) {
		how = imap_make(account->imap, account->done_folder, &why);
		if (how == DONE)
			return DONE;
		drop(account);
	}
	if (was_refused)
		server_refuse(&account->server, why->message);
	g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

/* A server ends a session that was idle for long: the first command after a pause may find
 * out, and that is no fault. */
enum outcome
account_select(struct account *account, const char *folder, bool *there, GError **error)
{
	bool was_old = account->imap && !imap_is_over(account->imap);
	enum outcome how = account_connect(account, error);
	g_autoptr(GError) why = NULL;

	*there = false;
	if (how != DONE)
		return how;
	g_clear_pointer(&account->selected, g_free);
	how = imap_select(account->imap, folder, there, &why);
	if (how != DONE && was_old && imap_is_over(account->imap)) {
		g_clear_error(&why);
		how = account_connect(account, &why);
		if (how == DONE)
			how = imap_select(account->imap, folder, there, &why);
	}
	if (how == DONE && *there)
		account->selected = g_strdup(folder);
	if (why)
		g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

enum outcome
account_enter(struct account *account, const char *folder, bool *there, GError **error)
{
	*there = true;
	if (account->imap && !imap_is_over(account->imap) &&
	    g_strcmp0(account->selected, folder) == 0)
		return DONE;
	return account_select(account, folder, there, error);
}

char *
account_key(const struct account *account, const char *uid)
{
	return g_strconcat(uid, "/", account->selected ? account->selected : "", NULL);
}

/* ---- opening ------------------------------------------------------------------------------- */

static void
imap_source_close(void *box)
{
	struct account *account = box;

	drop(account);
	server_clear(&account->server);
	g_free(account->done_folder);
	g_free(account->held_folder);
	g_hash_table_unref(account->sizes);
	g_hash_table_unref(account->inexact);
	g_hash_table_unref(account->moved);
	g_hash_table_unref(account->looks);
	g_ptr_array_unref(account->expected);
	g_hash_table_unref(account->ahead);
	g_free(account);
}

static struct account *
account_new(const struct source_settings *settings)
{
	struct account *account = g_new0(struct account, 1);

	server_copy(&settings->server, &account->server);
	account->done_folder = g_strdup(settings->done_folder);
	account->held_folder = g_strdup(settings->held_folder);
	account->sizes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	account->inexact = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	account->moved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	account->looks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	account->expected = g_ptr_array_new_with_free_func(g_free);
	account->ahead = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		(GDestroyNotify) g_bytes_unref);
	return account;
}

static enum outcome
imap_source_open(const struct source_settings *settings, void **box, GError **error)
{
	g_autofree char *name = NULL;
	struct account *account;
	enum outcome how;

	if (!settings->done_folder)
		return fail(error, NEVER, "an IMAP mailbox needs done_folder");
	name = imap_name(settings->done_folder, error);
	if (!name)
		return NEVER;
	if (strcmp(name, "INBOX") == 0)
		return fail(error, NEVER, "done_folder must not be INBOX");
	account = account_new(settings);
	how = account_connect(account, error);
	if (how == DONE)
		*box = account;
	else
		imap_source_close(account);
	return how;
}

/* ---- listing ------------------------------------------------------------------------------- */

/* Items of the mails numbered first to last, by UID; what the server tells besides is left out. */
enum outcome
account_items(struct account *account, guint32 first, guint32 last, GArray *out, GError **error)
{
	struct mailimap_set *set = mailimap_set_new_interval(first, last);
	struct mailimap_fetch_type *type = what_to_fetch(true, SECTION_NONE);
	clist *list = NULL;
	guint64 bytes = (guint64) (last - first + 1) * ITEM_BYTES;
	FAULT("imap.list.before");
	int said = mailimap_fetch(imap_begin(account->imap, bytes), set, type, &list);
	FAULT("imap.list.after");

	mailimap_set_free(set);
	mailimap_fetch_type_free(type);
	for (clistiter *at = list && said == MAILIMAP_NO_ERROR ? clist_begin(list) : NULL; at;
	     at = clist_next(at)) {
		struct item item = item_of(clist_content(at));

		if (item.is_whole && item.number >= first && item.number <= last)
			g_array_append_val(out, item);
	}
	if (list && said == MAILIMAP_NO_ERROR)	/* else libetpan has freed it */
		mailimap_fetch_list_free(list);
	return imap_end(account->imap, said, "list of mails", error);
}

static gint
by_uid(gconstpointer a, gconstpointer b)
{
	const struct item *left = a, *right = b;

	return left->uid < right->uid ? -1 : left->uid > right->uid;
}

/* The number of the first mail above `after`; binary search, one mail a question. */
static enum outcome
find_after(struct account *account, guint32 after, guint32 *out, GError **error)
{
	guint32 low = 1, high = imap_count(account->imap) + 1;

	while (low < high) {
		guint32 middle = low + (high - low) / 2;
		g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct item));
		enum outcome how = account_items(account, middle, middle, items, error);

		if (how != DONE)
			return how;
		if (items->len != 1)
			return imap_nonsense(account->imap, "the server does not tell the UID of a "
				"mail", error);
		if (g_array_index(items, struct item, 0).uid <= after)
			low = middle + 1;
		else
			high = middle;
	}
	*out = low;
	return DONE;
}

static bool
is_there(const GArray *items, guint32 number, guint32 uid)
{
	for (guint i = 0; i < items->len; i++) {
		const struct item *item = &g_array_index(items, struct item, i);

		if (item->number == number || item->uid == uid)
			return true;
	}
	return false;
}

/* Some servers leave out a mail they have trouble with, and some the rest with it: asked for one
 * by one, they tell of those that are well. */
static enum outcome
fetch_missing(struct account *account, guint32 first, guint32 last, GArray *items, GError **error)
{
	for (guint32 number = first; number <= last; number++) {
		g_autoptr(GArray) one = g_array_new(FALSE, FALSE, sizeof(struct item));
		enum outcome how = DONE;

		if (is_there(items, number, 0))
			continue;
		if (number <= imap_count(account->imap))
			how = account_items(account, number, number, one, NULL);
		if (how != DONE && imap_is_over(account->imap))
			return fail(error, LATER, "list of mails: the session ended at mail "
				"number %u", number);
		if (how == DONE && one->len == 1 &&
		    !is_there(items, 0, g_array_index(one, struct item, 0).uid))
			g_array_append_vals(items, one->data, 1);
	}
	return DONE;
}

/* Adds what lies above `after`, at most `max`; *number: where to go on. */
static enum outcome
add_page(struct account *account, guint32 after, guint max, struct listing *listing,
	guint32 *number, GError **error)
{
	guint32 count = imap_count(account->imap);
	guint32 last = (guint32) MIN((guint64) *number + max - 1, count), before = after;
	g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct item));
	g_autoptr(GError) refusal = NULL;
	enum outcome how = account_items(account, *number, last, items, &refusal);

	if (items->len <= last - *number && !imap_is_over(account->imap))
		how = fetch_missing(account, *number, last, items, error);
	if (refusal && items->len == 0) {
		g_clear_error(error);
		g_propagate_error(error, g_steal_pointer(&refusal));
		return LATER;
	}
	if (how != DONE)
		return how;
	listing->has_holes |= items->len <= last - *number;
	g_array_sort(items, by_uid);
	for (guint i = 0; i < items->len; i++) {
		const struct item *item = &g_array_index(items, struct item, i);
		g_autofree char *uid = uid_text(imap_validity(account->imap), item->uid);

		if (item->uid <= before)
			return imap_nonsense(account->imap, "the server's UIDs do not ascend",
				error);
		before = item->uid;
		account_remember_size(account, uid, item->size);
		g_ptr_array_add(listing->found, found_new(uid, item->arrived, item->size));
	}
	*number = last + 1;
	return DONE;
}

static enum outcome
list_after(struct account *account, guint32 after, guint max, struct listing *listing,
	GError **error)
{
	guint32 number = 1;
	enum outcome how = after > 0 ? find_after(account, after, &number, error) : DONE;

	/* A page of which nothing is left (removed meanwhile) must not look like the end. */
	while (how == DONE && max > 0 && number <= imap_count(account->imap) &&
	       listing->found->len == 0)
		how = add_page(account, after, max, listing, &number, error);
	listing->more = how == DONE && number <= imap_count(account->imap);
	return how;
}

/* How the selected folder is, as seen after a page that ended with `after`. */
static struct look
look_now(const struct account *account, guint32 after)
{
	return (struct look) { imap_validity(account->imap), imap_count(account->imap), after,
		imap_modseq(account->imap) };
}

static bool
is_unchanged(const struct account *account, const char *folder, guint32 after)
{
	const struct look *then = g_hash_table_lookup(account->looks, folder);
	struct look now = look_now(account, after);

	return then && now.modseq > 0 && now.modseq == then->modseq && now.after == then->after &&
		now.count == then->count && now.validity == then->validity;
}

static void
remember_look(struct account *account, const char *folder, struct look look,
	const struct listing *listing)
{
	const struct found *last = listing->found->len > 0 ?
		listing->found->pdata[listing->found->len - 1] : NULL;
	struct uid uid;

	g_hash_table_remove(account->looks, folder);
	if (listing->more || listing->has_holes)
		return;
	if (last && uid_parse(last->uid, &uid))
		look.after = uid.uid;
	g_hash_table_insert(account->looks, g_strdup(folder), g_memdup2(&look, sizeof look));
}

static enum outcome
imap_source_list(void *box, const char *folder, const char *after, guint max,
	struct listing *listing, GError **error)
{
	struct account *account = box;
	struct uid from = { 0, 0 };
	struct look look;
	bool there = false;
	enum outcome how;

	if (*after != '\0' && !uid_parse(after, &from))
		return fail(error, NEVER, "%s: this is no uid of an IMAP folder", folder);
	/* Each page looks at the folder as it is now: what arrived, what UIDVALIDITY says. */
	how = account_select(account, folder, &there, error);
	listing->identity = identity_text(there ? imap_validity(account->imap) : 0, folder);
	if (how != DONE || !there)
		return how;
	if (from.uid > 0 && from.validity != imap_validity(account->imap))
		return fail(error, LATER, "folder %s was made anew while it was listed "
			"(UIDVALIDITY %u, was %u)", folder, imap_validity(account->imap),
			from.validity);
	look = look_now(account, from.uid);
	if (from.uid > 0 && is_unchanged(account, folder, from.uid))
		return DONE;
	how = list_after(account, from.uid, max, listing, error);
	if (how == DONE)
		remember_look(account, folder, look, listing);
	return how;
}

/* ---- waiting, folders ------------------------------------------------------------------------ */

static enum outcome
imap_source_wait(void *box, const char *folder, guint seconds, int fd, bool *news, GError **error)
{
	struct account *account = box;
	bool there;
	enum outcome how;

	if (account->imap && !imap_is_over(account->imap) && !imap_has(account->imap, "IDLE"))
		return fail(error, NEVER, "the server does not offer IDLE");
	how = account_enter(account, folder, &there, error);
	if (how == DONE && !there)
		return fail(error, LATER, "folder %s is not there", folder);
	return how == DONE ? imap_idle(account->imap, seconds, fd, news, error) : only_later(error);
}

static void
imap_source_folders(void *box, GPtrArray *names)
{
	struct account *account = box;
	g_autoptr(GError) error = NULL;

	if (account_connect(account, &error) != DONE ||
	    imap_list(account->imap, names, FOLDERS_MAX, &error) != DONE)
		log_event(LOG_WARNING, "folders-unknown", "outcome=%s",
			outcome_word((enum outcome) error->code));
}

const struct source_kind source_imap = {
	.type = "imap", .open = imap_source_open, .close = imap_source_close,
	.list = imap_source_list, .expect = imap_source_expect, .take = imap_source_take,
	.settle = imap_source_settle, .remove = imap_source_remove,
	.wait = imap_source_wait, .room = imap_source_room,
	.folders = imap_source_folders, .check = imap_source_check,
};
