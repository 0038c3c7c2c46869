/* SPDX-License-Identifier: ISC
 *
 * imap-settle: mails into the done or held folder, many with one command: MOVE (RFC 6851), or COPY,
 * \Deleted and UID EXPUNGE (RFC 4315); never a plain EXPUNGE, which would take along what a
 * person marked. Believes COPYUID and what is still there, not the word OK: a server says that
 * also to a move of nothing.  A mail that is not there any more and was not moved by this process
 * is gone.
 */
#include "transport/account.h"

#include <string.h>

#define CHUNK		200	/* mails of one command */
#define MOVED_MOST	10000	/* remembered */
#define ANSWER_BYTES	256	/* about one mail, in an answer */
#define PAIRS_MOST	100000	/* of a COPYUID that makes no sense */

/* One mail of a chunk; text is borrowed. */
struct moving { const char *text; guint32 uid; guint at; bool is_there; };

struct chunk {
	enum outcome (*work)(struct chunk *, GError **);
	struct account *account;
	const char *folder, *target;	/* from, to */
	GArray *mails;		/* struct moving, by uid */
	GPtrArray *out;		/* struct settled or NULL, in the order asked */
};

/* ---- sets of UIDs -------------------------------------------------------------------------- */

static gint
by_uid(gconstpointer a, gconstpointer b)
{
	const struct moving *left = a, *right = b;

	return left->uid < right->uid ? -1 : left->uid > right->uid;
}

static struct moving *
nth(const struct chunk *chunk, guint i)
{
	return &g_array_index(chunk->mails, struct moving, i);
}

static struct moving *
find(const struct chunk *chunk, guint32 uid)
{
	struct moving wanted = { .uid = uid };

	return bsearch(&wanted, chunk->mails->data, chunk->mails->len, sizeof wanted, by_uid);
}

/* Its uid in the done folder, "" if it is there under an unknown one, NULL if we did not bring
 * it. */
static const char *
copy_of(const struct chunk *chunk, const struct moving *mail)
{
	g_autofree char *key = account_key(chunk->account, mail->text);

	return g_hash_table_lookup(chunk->account->moved, key);
}

enum which { ALL, COPIED, NOT_COPIED };

static bool
is_meant(const struct chunk *chunk, const struct moving *mail, enum which which)
{
	return which == ALL || (which == COPIED) == (copy_of(chunk, mail) != NULL);
}

/* Neighbours as one range; NULL if there is none. */
static struct mailimap_set *
set_of(const struct chunk *chunk, enum which which)
{
	struct mailimap_set *set = mailimap_set_new_empty();
	guint32 first = 0, last = 0;
	int said = set ? MAILIMAP_NO_ERROR : MAILIMAP_ERROR_MEMORY;

	for (guint i = 0; i < chunk->mails->len && said == MAILIMAP_NO_ERROR; i++) {
		const struct moving *mail = nth(chunk, i);

		if (mail->uid == last || !is_meant(chunk, mail, which))
			continue;
		if (first > 0 && mail->uid != last + 1) {
			said = mailimap_set_add_interval(set, first, last);
			first = 0;
		}
		first = first > 0 ? first : mail->uid;
		last = mail->uid;
	}
	if (first > 0 && said == MAILIMAP_NO_ERROR)
		said = mailimap_set_add_interval(set, first, last);
	if (said != MAILIMAP_NO_ERROR)
		fatal(71, "no memory for a set");
	if (first == 0)
		g_clear_pointer(&set, mailimap_set_free);
	return set;
}

/* The UIDs of a set in the order written ("4:2" is 2, 3, 4; RFC 3501).  False: too many to be
 * true. */
static bool
expand(const struct mailimap_set *set, GArray *out)
{
	for (clistiter *at = set ? clist_begin(set->set_list) : NULL; at; at = clist_next(at)) {
		const struct mailimap_set_item *item = clist_content(at);
		guint32 low = MIN(item->set_first, item->set_last);
		guint32 high = MAX(item->set_first, item->set_last);

		if (low == 0 || high - low >= PAIRS_MOST || out->len >= PAIRS_MOST)
			return false;
		for (guint32 uid = low; uid <= high && uid >= low; uid++)
			g_array_append_val(out, uid);
	}
	return true;
}

/* ---- COPYUID ------------------------------------------------------------------------------- */

static void
remember_move(struct account *account, const char *text, guint32 validity, guint32 uid)
{
	if (g_hash_table_size(account->moved) >= MOVED_MOST)
		g_hash_table_remove_all(account->moved);
	g_hash_table_replace(account->moved, account_key(account, text),
		uid > 0 ? uid_text(validity, uid) : g_strdup(""));
}

/* One code: which of ours has which UID there. */
static enum outcome
take_pairs(struct chunk *chunk, const struct mailimap_uidplus_resp_code_copy *code, GError **error)
{
	g_autoptr(GArray) from = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autoptr(GArray) to = g_array_new(FALSE, FALSE, sizeof(guint32));

	if (!expand(code->uid_source_set, from) || !expand(code->uid_dest_set, to) ||
	    from->len != to->len || code->uid_uidvalidity == 0)
		return imap_nonsense(chunk->account->imap, "the server's COPYUID makes no sense",
			error);
	for (guint i = 0; i < from->len; i++) {
		struct moving *mail = find(chunk, g_array_index(from, guint32, i));

		if (!mail)
			return imap_nonsense(chunk->account->imap, "the server moved a mail it was "
				"not asked to", error);
		remember_move(chunk->account, mail->text, code->uid_uidvalidity,
			g_array_index(to, guint32, i));
	}
	return DONE;
}

/* There may be several codes; libetpan's own helper looks at the first. */
static enum outcome
take_codes(struct chunk *chunk, const mailimap *session, GError **error)
{
	const struct mailimap_response_info *info = session->imap_response_info;
	enum outcome how = DONE;

	for (clistiter *at = info && info->rsp_extension_list ?
	     clist_begin(info->rsp_extension_list) : NULL; at && how == DONE; at = clist_next(at)) {
		const struct mailimap_extension_data *data = clist_content(at);

		if (data->ext_extension == &mailimap_extension_uidplus &&
		    data->ext_type == MAILIMAP_UIDPLUS_RESP_CODE_COPY && data->ext_data)
			how = take_pairs(chunk, data->ext_data, error);
	}
	return how;
}

/* ---- the commands -------------------------------------------------------------------------- */

struct way {
	const char *name;
	int (*command)(mailimap *, struct mailimap_set *, const char *folder);
	enum which which;
};
/* A copy made earlier, of which the original could not be removed, is not made twice. */
static const struct way by_move = { "MOVE", mailimap_uid_move, ALL };
static const struct way by_copy = { "COPY", mailimap_uid_copy, NOT_COPIED };

static enum outcome
to_done(struct chunk *chunk, const struct way *way, GError **error)
{
	struct imap *imap = chunk->account->imap;
	g_autofree char *name = imap_name(chunk->target, NULL);
	struct mailimap_set *set = set_of(chunk, way->which);
	mailimap *session;
	enum outcome how;
	int said;

	if (!set)
		return DONE;
	session = imap_begin(imap, chunk->mails->len * ANSWER_BYTES);
	FAULT("imap.move.before");
	said = way->command(session, set, name);
	FAULT("imap.move.after");
	mailimap_set_free(set);
	how = imap_end(imap, said, way->name, error);
	return how == DONE ? take_codes(chunk, session, error) : how;
}

/* A person removed the done folder meanwhile: made again, once. */
static enum outcome
to_done_again(struct chunk *chunk, const struct way *way, GError **error)
{
	struct imap *imap = chunk->account->imap;
	g_autoptr(GError) why = NULL;
	enum outcome how = to_done(chunk, way, &why);

	if (how == DONE)
		return DONE;
	if (imap_is_over(imap) || g_strcmp0(imap_code(imap), "TRYCREATE") != 0) {
		g_propagate_error(error, g_steal_pointer(&why));
		return how;
	}
	how = imap_make(imap, chunk->target, error);
	return how == DONE ? to_done(chunk, way, error) : how;
}

static enum outcome
expunge(struct chunk *chunk, enum which which, GError **error)
{
	struct imap *imap = chunk->account->imap;
	struct mailimap_set *set = set_of(chunk, which);
	struct mailimap_flag_list *flags = mailimap_flag_list_new_empty();
	struct mailimap_store_att_flags *store;
	enum outcome how;

	if (!flags || mailimap_flag_list_add(flags, mailimap_flag_new_deleted()) != 0)
		fatal(71, "no memory for a flag");
	store = mailimap_store_att_flags_new_add_flags_silent(flags);
	if (!set) {
		mailimap_store_att_flags_free(store);
		return DONE;
	}
	how = imap_end(imap, mailimap_uid_store(imap_begin(imap, 0), set, store),
		"marking what is to be removed", error);
	if (how == DONE)
		how = imap_end(imap, mailimap_uid_expunge(imap_begin(imap,
			chunk->mails->len * ANSWER_BYTES), set), "removing what was marked", error);
	mailimap_store_att_flags_free(store);
	mailimap_set_free(set);
	return how;
}

/* Which of them are still in the folder. */
static enum outcome
look_again(struct chunk *chunk, GError **error)
{
	struct imap *imap = chunk->account->imap;
	struct mailimap_set *set = set_of(chunk, ALL);
	struct mailimap_fetch_type *type = what_to_fetch(false, SECTION_NONE);
	clist *list = NULL;
	mailimap *session = imap_begin(imap, chunk->mails->len * ANSWER_BYTES);
	int said = mailimap_uid_fetch(session, set, type, &list);

	mailimap_set_free(set);
	mailimap_fetch_type_free(type);
	for (clistiter *at = list && said == MAILIMAP_NO_ERROR ? clist_begin(list) : NULL; at;
	     at = clist_next(at)) {
		struct moving *mail = find(chunk, item_of(clist_content(at)).uid);

		if (mail)
			mail->is_there = true;
	}
	if (list && said == MAILIMAP_NO_ERROR)	/* else libetpan has freed it */
		mailimap_fetch_list_free(list);
	return imap_end(imap, said, "what was moved", error);
}

/* ---- one chunk ----------------------------------------------------------------------------- */

static struct settled *
settled_as_moved(const struct chunk *chunk, const char *there)
{
	struct uid uid;

	if (!uid_parse(there, &uid))
		return settled_new(DONE, NULL, NULL, NULL);
	return settled_new(DONE, NULL, identity_text(uid.validity, chunk->target),
		g_strdup(there));
}

static struct settled *
judge(struct chunk *chunk, const struct moving *mail, bool tells_copies)
{
	const char *copy = copy_of(chunk, mail);

	if (mail->is_there)
		return settled_new(LATER, copy ? "copied, but still where it was" :
			"the server did not move it", NULL, NULL);
	if (!copy && tells_copies)
		return settled_new(NEVER, "gone", NULL, NULL);
	if (!copy)
		remember_move(chunk->account, mail->text, 0, 0);
	return settled_as_moved(chunk, copy ? copy : "");
}

static enum outcome
move_chunk(struct chunk *chunk, GError **error)
{
	struct imap *imap = chunk->account->imap;
	bool tells_copies = imap_has(imap, "UIDPLUS");
	enum outcome how;

	if (imap_is_read_only(imap))
		return fail(error, NEVER, "folder %s is read-only for this account",
			chunk->folder);
	if (imap_has(imap, "MOVE")) {
		how = to_done_again(chunk, &by_move, error);
	} else if (tells_copies) {
		how = to_done_again(chunk, &by_copy, error);
		if (how == DONE)
			how = expunge(chunk, COPIED, error);
	} else {
		return fail(error, NEVER, "the server has neither MOVE nor UIDPLUS: mails cannot "
			"be moved without touching others");
	}
	if (how == DONE)
		how = look_again(chunk, error);
	for (guint i = 0; i < chunk->mails->len && how == DONE; i++)
		chunk->out->pdata[nth(chunk, i)->at] =
			judge(chunk, nth(chunk, i), tells_copies);
	return how;
}

/* What is in the done folder already. */
static enum outcome
stay(struct chunk *chunk, GError **error)
{
	enum outcome how = look_again(chunk, error);

	for (guint i = 0; i < chunk->mails->len && how == DONE; i++)
		chunk->out->pdata[nth(chunk, i)->at] = nth(chunk, i)->is_there ?
			settled_new(DONE, NULL, NULL, NULL) :
			settled_new(NEVER, "gone", NULL, NULL);
	return how;
}

/* By UID EXPUNGE alone: a plain one would take along what a person marked. */
static enum outcome
remove_chunk(struct chunk *chunk, GError **error)
{
	struct imap *imap = chunk->account->imap;
	enum outcome how;

	if (imap_is_read_only(imap) || !imap_has(imap, "UIDPLUS"))
		return fail(error, NEVER, "mails cannot be removed from %s: it is read-only, or "
			"the server has no UIDPLUS", chunk->folder);
	how = look_again(chunk, error);
	for (guint i = 0; i < chunk->mails->len && how == DONE; i++) {
		struct moving *mail = nth(chunk, i);

		if (!mail->is_there)
			chunk->out->pdata[mail->at] = settled_new(NEVER, "gone", NULL, NULL);
		mail->is_there = false;
	}
	if (how == DONE)
		how = expunge(chunk, ALL, error);
	if (how == DONE)
		how = look_again(chunk, error);
	for (guint i = 0; i < chunk->mails->len && how == DONE; i++) {
		const struct moving *mail = nth(chunk, i);

		if (!chunk->out->pdata[mail->at])
			chunk->out->pdata[mail->at] = settled_new(mail->is_there ? LATER : DONE,
				mail->is_there ? "still there" : NULL, NULL, NULL);
	}
	return how;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* What can be said without asking; NULL: nothing. */
static struct settled *
foretell(struct chunk *chunk, bool there, const char *text, struct uid *uid)
{
	guint32 validity = imap_validity(chunk->account->imap);
	g_autofree char *why = NULL;

	if (!uid_parse(text, uid))
		return settled_new(NEVER, "gone: this is no uid of an IMAP folder", NULL, NULL);
	if (!there)
		return settled_new(NEVER, "gone: the folder is not there", NULL, NULL);
	if (uid->validity == validity)
		return NULL;
	why = g_strdup_printf("gone: the folder was made anew (UIDVALIDITY %u, was %u)", validity,
		uid->validity);
	return settled_new(NEVER, why, NULL, NULL);
}

static enum outcome
flush(struct chunk *chunk, GError **error)
{
	enum outcome how = DONE;

	g_array_sort(chunk->mails, by_uid);
	if (chunk->mails->len > 0)
		how = chunk->work(chunk, error);
	g_array_set_size(chunk->mails, 0);
	return how;
}

static enum outcome
settle_all(struct chunk *chunk, bool there, const char *const *uids, GError **error)
{
	enum outcome how = DONE;

	for (guint i = 0; uids[i] && how == DONE; i++) {
		struct moving mail = { .text = uids[i], .at = i };
		struct uid uid;
		struct settled *known = foretell(chunk, there, uids[i], &uid);

		g_ptr_array_add(chunk->out, known);
		if (known)
			continue;
		mail.uid = uid.uid;
		g_array_append_val(chunk->mails, mail);
		if (chunk->mails->len == CHUNK)
			how = flush(chunk, error);
	}
	return how == DONE ? flush(chunk, error) : how;
}

static enum outcome
work_all(struct chunk *chunk, bool there, const char *const *uids, GError **error)
{
	enum outcome how;

	chunk->mails = g_array_new(FALSE, TRUE, sizeof(struct moving));
	how = settle_all(chunk, there, uids, error);
	g_array_unref(chunk->mails);
	return how;
}

enum outcome
imap_source_settle(void *box, const char *folder, enum target target, const char *const *uids,
	GPtrArray *out, GError **error)
{
	struct account *account = box;
	struct chunk chunk = { .account = box, .folder = folder, .out = out,
		.target = target == TO_HELD ? account->held_folder : account->done_folder };
	bool there;
	enum outcome how = account_enter(box, folder, &there, error);

	if (how != DONE)
		return only_later(error);
	if (!chunk.target)
		return fail(error, NEVER, "no held_folder");
	if (target == TO_HELD)
		how = imap_make(account->imap, chunk.target, error);
	if (how != DONE)
		return how;
	chunk.work = strcmp(folder, chunk.target) == 0 ? stay : move_chunk;
	return work_all(&chunk, there, uids, error);
}

enum outcome
imap_source_remove(void *box, const char *folder, const char *const *uids, GPtrArray *out,
	GError **error)
{
	struct chunk chunk = { .account = box, .folder = folder, .out = out, .work = remove_chunk };
	bool there;

	if (account_enter(box, folder, &there, error) != DONE)
		return only_later(error);
	return work_all(&chunk, there, uids, error);
}
