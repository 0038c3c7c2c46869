/* SPDX-License-Identifier: ISC
 *
 * imap-room: how full an IMAP account is: what the server says (QUOTA, RFC 9208), or, where it
 * knows no quota, what its mails measure in all.
 */
#include "transport/account.h"
#include "model/model.h"

#define PAGE		500
#define MAILS_MOST	200000	/* whose sizes are added up */

/* The resource STORAGE counts units of 1024 octets (RFC 9208 §5.1). */
static bool
storage_of(const struct mailimap_quota_quota_data *root, struct room *out)
{
	for (clistiter *at = clist_begin(root->quota_list); at; at = clist_next(at)) {
		const struct mailimap_quota_quota_resource *one = clist_content(at);

		if (!one->resource_name || g_ascii_strcasecmp(one->resource_name, "STORAGE") != 0)
			continue;
		*out = (struct room) { (guint64) one->usage * 1024, (guint64) one->limit * 1024 };
		return true;
	}
	return false;
}

/* The fullest of the roots INBOX counts for; *found false: none with STORAGE. */
static enum outcome
ask_quota(struct imap *imap, struct room *out, bool *found, GError **error)
{
	struct mailimap_quota_complete_data *data = NULL;
	int said = mailimap_quota_getquotaroot(imap_begin(imap, 0), "INBOX", &data);
	double fullest = -1;

	*found = false;
	for (clistiter *at = data && said == MAILIMAP_NO_ERROR && data->quota_list ?
	     clist_begin(data->quota_list) : NULL; at; at = clist_next(at)) {
		struct room room;

		if (!storage_of(clist_content(at), &room) || room.limit == 0 ||
		    (double) room.used / (double) room.limit <= fullest)
			continue;
		fullest = (double) room.used / (double) room.limit;
		*out = room;
		*found = true;
	}
	if (data && said == MAILIMAP_NO_ERROR)
		mailimap_quota_complete_data_free(data);
	return imap_end(imap, said, "quota", error);
}

static enum outcome
add_folder(struct account *account, const char *name, guint *mails, struct room *out,
	GError **error)
{
	bool there;
	enum outcome how = account_select(account, name, &there, error);
	guint32 count = how == DONE && there ? imap_count(account->imap) : 0;

	for (guint32 first = 1; how == DONE && first <= count; first += PAGE) {
		g_autoptr(GArray) items = g_array_new(FALSE, FALSE, sizeof(struct item));
		guint32 last = MIN(first + PAGE - 1, count);

		if ((*mails += last - first + 1) > MAILS_MOST)
			return fail(error, NEVER, "no quota, and too many mails to add up");
		how = account_items(account, first, last, items, error);
		for (guint i = 0; i < items->len; i++)
			out->used += g_array_index(items, struct item, i).size;
	}
	return how;
}

static enum outcome
add_up(struct account *account, struct room *out, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	enum outcome how = imap_list(account->imap, names, FOLDERS_MAX, error);
	guint mails = 0;

	if (how == DONE)
		how = add_folder(account, "INBOX", &mails, out, error);
	for (guint i = 0; i < names->len && how == DONE; i++)
		how = add_folder(account, names->pdata[i], &mails, out, error);
	return how;
}

enum outcome
imap_source_room(void *box, struct room *out, GError **error)
{
	struct account *account = box;
	bool found = false;
	enum outcome how = account_connect(account, error);

	*out = (struct room) { 0, 0 };
	if (how == DONE && imap_has(account->imap, "QUOTA"))
		how = ask_quota(account->imap, out, &found, error);
	if (how != DONE || found)
		return how == DONE ? DONE : only_later(error);
	return add_up(account, out, error);
}
