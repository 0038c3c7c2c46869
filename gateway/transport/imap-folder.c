/* SPDX-License-Identifier: ISC
 *
 * imap-folder: the folders of an IMAP account: which there are, selecting one, making one.  Names
 * go through imap-name.c.  Whether a folder is missing is asked, not guessed from the words of a
 * refusal.
 */
#include "transport/imap.h"

#include <string.h>

#define LISTING	4194304	/* bytes of a list of folders */

typedef void visit_folder(void *data, const struct mailimap_mailbox_list *);

static enum outcome
visit_folders(struct imap *imap, const char *pattern, visit_folder *visit, void *data,
	GError **error)
{
	clist *list = NULL;
	int said = mailimap_list(imap_begin(imap, LISTING), "", pattern, &list);

	for (clistiter *at = list && said == MAILIMAP_NO_ERROR ? clist_begin(list) : NULL; at;
	     at = clist_next(at))
		visit(data, clist_content(at));
	if (list && said == MAILIMAP_NO_ERROR)	/* else libetpan has freed it */
		mailimap_list_result_free(list);
	return imap_end(imap, said, "list of folders", error);
}

static bool
can_be_selected(const struct mailimap_mailbox_list *item)
{
	const struct mailimap_mbx_list_flags *flags = item->mb_flag;

	if (!flags)
		return true;
	for (clistiter *at = flags->mbf_oflags ? clist_begin(flags->mbf_oflags) : NULL; at;
	     at = clist_next(at)) {
		const struct mailimap_mbx_list_oflag *flag = clist_content(at);

		if (flag->of_flag_ext && g_ascii_strcasecmp(flag->of_flag_ext, "NonExistent") == 0)
			return false;
	}
	return flags->mbf_type != MAILIMAP_MBX_LIST_FLAGS_SFLAG ||
		flags->mbf_sflag != MAILIMAP_MBX_LIST_SFLAG_NOSELECT;
}

struct wanted { const char *name; bool found; };

static void
compare_folder(void *data, const struct mailimap_mailbox_list *item)
{
	struct wanted *wanted = data;

	wanted->found |= can_be_selected(item) && strcmp(item->mb_name, wanted->name) == 0;
}

static enum outcome
is_there(struct imap *imap, const char *name, bool *there, GError **error)
{
	struct wanted wanted = { name, false };
	enum outcome how = visit_folders(imap, name, compare_folder, &wanted, error);

	*there = wanted.found;
	return how;
}

struct collected { GPtrArray *names; guint most; };

static void
collect_folder(void *data, const struct mailimap_mailbox_list *item)
{
	struct collected *collected = data;

	if (can_be_selected(item) && g_ascii_strcasecmp(item->mb_name, "INBOX") != 0 &&
	    collected->names->len < collected->most)
		g_ptr_array_add(collected->names, imap_name_shown(item->mb_name));
}

enum outcome
imap_list(struct imap *imap, GPtrArray *names, guint most, GError **error)
{
	struct collected collected = { names, most };

	return visit_folders(imap, "*", collect_folder, &collected, error);
}

static int
select_it(struct imap *imap, const char *name)
{
	uint64_t modseq = 0;
	int said = imap_has(imap, "CONDSTORE") ?
		mailimap_select_condstore(imap_begin(imap, 0), name, &modseq) :
		mailimap_select(imap_begin(imap, 0), name);

	imap_modseq_put(imap, modseq);
	return said;
}

enum outcome
imap_select(struct imap *imap, const char *folder, bool *there, GError **error)
{
	g_autofree char *name = imap_name(folder, error);
	g_autoptr(GError) why = NULL;
	enum outcome how;

	*there = false;
	if (!name)
		return NEVER;
	how = imap_end(imap, select_it(imap, name), folder, &why);
	if (how == DONE) {
		*there = true;
		if (imap_validity(imap) == 0)
			return fail(error, NEVER, "%s: the server gives no UIDVALIDITY: mails "
				"there cannot be told apart", folder);
		return DONE;
	}
	if (!imap_is_over(imap)) {
		how = is_there(imap, name, there, error);
		if (how != DONE || !*there)
			return how;
	}
	g_propagate_error(error, g_steal_pointer(&why));
	return LATER;
}

guint32
imap_validity(const struct imap *imap)
{
	const struct mailimap_selection_info *info = imap_session(imap)->imap_selection_info;

	return info ? info->sel_uidvalidity : 0;
}

guint32
imap_count(const struct imap *imap)
{
	const struct mailimap_selection_info *info = imap_session(imap)->imap_selection_info;

	return info ? info->sel_exists : 0;
}

bool
imap_is_read_only(const struct imap *imap)
{
	const struct mailimap_selection_info *info = imap_session(imap)->imap_selection_info;

	return info && info->sel_perm == MAILIMAP_MAILBOX_READONLY;
}

enum outcome
imap_make(struct imap *imap, const char *folder, GError **error)
{
	g_autofree char *name = imap_name(folder, error);
	bool there = false;
	enum outcome how = name ? is_there(imap, name, &there, error) : NEVER;
	g_autoptr(GError) why = NULL;

	if (how != DONE || there)
		return how;
	how = imap_end(imap, mailimap_create(imap_begin(imap, 0), name), folder, &why);
	if (how == DONE) {
		/* So that people's programs show it; no matter if not. */
		imap_end(imap, mailimap_subscribe(imap_begin(imap, 0), name), folder, NULL);
		return DONE;
	}
	if (imap_is_over(imap)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return LATER;
	}
	if (g_strcmp0(imap_code(imap), "ALREADYEXISTS") == 0)
		return DONE;
	return fail(error, NEVER, "folder %s cannot be made (on some servers it must be called "
		"INBOX.%s or INBOX/%s): %s", folder, folder, folder, why->message);
}
