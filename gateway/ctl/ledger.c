/* SPDX-License-Identifier: ISC
 *
 * ledger: every mailbox balanced against the store (promise 1).  The server's side is listed by
 * a jailed fetch started for this call; ours comes from the rows.  Unexplained is what the
 * server holds in a watched folder or in the done folder without a row, or in a watched folder
 * under the name of a mail that went to the done folder, and every row whose raw bytes are
 * missing.  A person emptying the done folder is no fault.
 */
#include "ctl/ctl.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define PAGE	200
#define TAKES_MOST	1000	/* mails of a done folder looked at for their bytes, in one call */
#define ITEMS_MOST	1000	/* named one by one; all are counted */
#define SECOND	",ungcuu-"	/* before the count of a name used again, from 2 on */

struct balance {
	struct ctl *ctl;
	struct helper fetch;
	guint index;			/* of the mailbox */
	const char *mailbox;
	char *identity, *first;		/* of this folder, and of the first one */
	gint64 last_good;		/* ms; -1 */
	guint64 unexplained;
	json_t *items;
	guint takes;
	GHashTable *again;		/* of one folder: uids under which another mail may lie */
	bool second_look;
};

static void
unexplained(struct balance *balance, const char *folder, const char *uid, const char *why)
{
	if (balance->unexplained++ >= ITEMS_MOST)
		return;

	json_t *item = add_object(balance->items);

	put_text(item, "folder", folder);
	put_text(item, "uid", uid);
	put_text(item, "why", why);
}

/* ---- the server's side ---------------------------------------------------------------- */

static bool
is_moved(const struct balance *balance, struct id id)
{
	struct mail *mail = mail_get(balance->ctl->store, id);
	bool moved = mail && mail->moved;

	mail_free(mail);
	return moved;
}

/* Also each mail that was taken in later under the same name. */
static bool
all_moved(const struct balance *balance, const char *uid, struct id id)
{
	bool moved = is_moved(balance, id), known = true;

	for (guint n = 2; moved && known; n++) {
		g_autofree char *name = g_strdup_printf("%s" SECOND "%u", uid, n);

		known = mail_known(balance->ctl->store, balance->mailbox, balance->identity, name,
			&id);
		moved = !known || is_moved(balance, id);
	}
	return moved;
}

/* A known mail that was moved has no business in a watched folder; but it may have been moved
 * since the list was made, so only what a second list still shows is another mail. */
static void
compare_known(struct balance *balance, const char *folder, const char *uid, struct id id)
{
	if (!balance->second_look && all_moved(balance, uid, id))
		g_hash_table_add(balance->again, g_strdup(uid));
	else if (balance->second_look && g_hash_table_contains(balance->again, uid))
		unexplained(balance, folder, uid,
			"under the name of a mail that was moved or removed: another one, or put "
			"back; the next poll takes it in");
}

/* Asks fetch for the bytes, sealed with a key of this call; only their digest is looked at. */
static bool
take_sha256(struct balance *balance, const char *folder, const char *uid,
	guint8 sha256[DIGEST_SIZE])
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GVariant) digest = NULL;
	struct id blob = id_new();
	guint8 key[32];
	guint32 outcome;
	guint64 size;
	const char *why;
	const void *bytes;
	gsize n;

	random_bytes(key, sizeof key);

	const struct question question = { .verb = VERB_TAKE, .n_fds = 1,
		.fds = { memfd_new("compared") },
		.body = g_variant_new("(sstb@ay@ay)", folder, uid, (guint64) options_int(
			balance->ctl->options, "policy.max_size"), FALSE,
			g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, blob.b, sizeof blob.b, 1),
			g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, key, sizeof key, 1)) };
	enum outcome how = helper_ask(&balance->fetch, &question, &frame, NULL);

	close(question.fds[0]);
	wipe(key, sizeof key);
	if (how != DONE)
		return false;
	g_variant_get(frame.body, "(u&st@ay)", &outcome, &why, &size, &digest);
	bytes = g_variant_get_fixed_array(digest, &n, 1);
	if (outcome != DONE || n != DIGEST_SIZE)
		return false;
	memcpy(sha256, bytes, DIGEST_SIZE);
	return true;
}

/* In the done folder of an IMAP server mails have other names than their rows.  Where the server
 * did not tell them, the bytes do: after a while the daemon's own balance has learnt the name. */
static void
compare_copy(struct balance *balance, const char *folder, const char *uid)
{
	g_autofree char *hex = NULL;
	guint8 sha256[DIGEST_SIZE];

	if (mail_by_done(balance->ctl->store, balance->mailbox, balance->identity, uid, NULL))
		return;
	if (balance->takes++ >= TAKES_MOST) {
		unexplained(balance, folder, uid, "no row under this name, and not compared: too "
			"many; the daemon does so once a day");
		return;
	}
	if (take_sha256(balance, folder, uid, sha256)) {
		hex = digest_hex(sha256);
		if (mail_by_content(balance->ctl->store, balance->mailbox, hex, NULL))
			return;
	}
	unexplained(balance, folder, uid, "no row: put there before it was taken in; move it back, "
		"or ungcuuctl mailbox adopt");
}

static void
compare_item(struct balance *balance, const char *folder, const char *uid, gint64 arrived)
{
	/* Only we move mail to the done folder: there, nothing is merely new. */
	bool is_done = g_strcmp0(folder, options_text(balance->ctl->options,
		"mailboxes.%u.done_folder", balance->index)) == 0;
	struct id id;

	if (mail_known(balance->ctl->store, balance->mailbox, balance->identity, uid, &id)) {
		if (!is_done)
			compare_known(balance, folder, uid, id);
		return;
	}
	if (balance->second_look)
		return;
	if (is_done)
		compare_copy(balance, folder, uid);
	else
		unexplained(balance, folder, uid, arrived > balance->last_good ?
			"no row yet: it arrived after the last poll" : arrived < 0 ?
			"no row yet" : "no row");
}

/* One page; *after moves on, NULL at the end. */
static enum outcome
compare_page(struct balance *balance, const char *folder, char **after, GError **error)
{
	g_auto(frame_auto) frame = { 0 };
	g_autoptr(GVariantIter) items = NULL;
	const char *why, *identity, *uid;
	guint32 outcome;
	guint64 size;
	gint64 arrived;
	gboolean more, has_holes;
	const struct question question = { .verb = VERB_LIST,
		.body = g_variant_new("(ssu)", folder, *after, (guint32) PAGE) };
	enum outcome how = helper_ask(&balance->fetch, &question, &frame, error);

	if (how != DONE)
		return how;
	g_variant_get(frame.body, "(u&s&sa(sxt)bb)", &outcome, &why, &identity, &items, &more,
		&has_holes);
	if (outcome != DONE)
		return fail(error, LATER, "%s: %s", folder, why);
	if (has_holes)
		return fail(error, LATER, "%s: the server does not tell of every mail it has",
			folder);
	g_free(balance->identity);
	balance->identity = g_strdup(identity);
	if (!balance->first)
		balance->first = g_strdup(identity);
	g_clear_pointer(after, g_free);
	while (g_variant_iter_next(items, "(&sxt)", &uid, &arrived, &size)) {
		compare_item(balance, folder, uid, arrived);
		g_free(*after);
		*after = g_strdup(uid);
	}
	if (!more)
		g_clear_pointer(after, g_free);
	return DONE;
}

static enum outcome
compare_pages(struct balance *balance, const char *folder, GError **error)
{
	g_autofree char *after = g_strdup("");
	enum outcome how = DONE;

	while (how == DONE && after)
		how = compare_page(balance, folder, &after, error);
	return how;
}

static enum outcome
compare_folder(struct balance *balance, const char *folder, GError **error)
{
	g_autoptr(GHashTable) again = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	balance->again = again;
	balance->second_look = false;
	enum outcome how = compare_pages(balance, folder, error);
	balance->second_look = true;
	if (how == DONE && g_hash_table_size(again) > 0)
		how = compare_pages(balance, folder, error);
	balance->again = NULL;
	return how;
}

static GPtrArray *
folders_of(const struct balance *balance)
{
	const struct options *options = balance->ctl->options;
	GPtrArray *folders = g_ptr_array_new();
	guint n = options_count(options, "mailboxes.%u.folders", balance->index);

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(folders, (void *) options_text(options, "mailboxes.%u.folders.%u",
			balance->index, i));
	if (n == 0)
		g_ptr_array_add(folders, (void *) "INBOX");
	g_ptr_array_add(folders, (void *) options_text(options, "mailboxes.%u.done_folder",
		balance->index));
	return folders;
}

static gboolean
is_same_folder(gconstpointer a, gconstpointer b)
{
	bool both_inbox = g_ascii_strcasecmp(a, "INBOX") == 0 &&
		g_ascii_strcasecmp(b, "INBOX") == 0;

	return both_inbox || strcmp(a, b) == 0;
}

static enum outcome
put_unwatched(struct balance *balance, GPtrArray *watched, json_t *object, GError **error)
{
	g_auto(frame_auto) frame = { 0 };
	g_autofree const char **names = NULL;
	const char *held = options_text(balance->ctl->options, "mailboxes.%u.held_folder",
		balance->index);
	json_t *array = put_array(object, "unwatched_folders");
	const struct question question = { .verb = VERB_FOLDERS, .body = g_variant_new("()") };
	enum outcome how = helper_ask(&balance->fetch, &question, &frame, error);

	if (how != DONE)
		return how;
	g_variant_get(frame.body, "(^a&s)", &names);
	for (gsize i = 0; names[i]; i++)
		if (g_strcmp0(names[i], held) != 0 &&
		    !g_ptr_array_find_with_equal_func(watched, names[i], is_same_folder, NULL))
			add_text(array, names[i]);
	return DONE;
}

static enum outcome
compare_server(struct balance *balance, json_t *object, GError **error)
{
	g_autoptr(GPtrArray) folders = folders_of(balance);
	/* POP3 has no done folder. */
	bool has_done = g_strcmp0(options_text(balance->ctl->options, "mailboxes.%u.type",
		balance->index), "pop3") != 0;
	enum outcome how = helper_start(balance->ctl, ROLE_FETCH, balance->index, &balance->fetch,
		error);

	if (how != DONE)
		return how;
	for (guint i = 0; i < folders->len && how == DONE; i++)
		if (folders->pdata[i] && (has_done || i + 1 < folders->len))
			how = compare_folder(balance, folders->pdata[i], error);
	if (how == DONE)
		how = put_unwatched(balance, folders, object, error);
	helper_stop(&balance->fetch);
	return how;
}

/* ---- our side ------------------------------------------------------------------------- */

static void
put_accounted(struct balance *balance, json_t *object)
{
	struct ledger ledger = { 0 };

	ledger_of(balance->ctl->store, balance->mailbox, &ledger);
	put_int(object, "seen", (gint64) ledger.seen);

	json_t *accounted = put_object(object, "accounted");

	for (guint i = 0; i < kind_count; i++) {
		g_autofree char *word = g_strdup(kind_word((enum kind) i));

		g_strdelimit(word, "-", '_');
		put_int(accounted, word, (gint64) ledger.kind[i]);
	}
	put_int(accounted, "held", (gint64) ledger.held);
	put_int(accounted, "pending", (gint64) ledger.pending);
	for (guint i = 0; ledger.missing && i < ledger.missing->len; i++) {
		struct id id;
		const char *text = ledger.missing->pdata[i];
		struct mail *mail = id_parse(text, &id) ? mail_get(balance->ctl->store, id) : NULL;
		g_autofree char *why = g_strdup_printf("mail %s: its raw bytes are missing", text);

		unexplained(balance, mail ? mail->folder : "", mail ? mail->uid : "", why);
		mail_free(mail);
	}
	if (ledger.missing)
		g_ptr_array_unref(ledger.missing);
}

static int
put_mailbox(struct ctl *ctl, json_t *array, guint index)
{
	g_autoptr(GError) error = NULL;
	struct balance balance = { .ctl = ctl, .index = index, .last_good = -1,
		.mailbox = options_text(ctl->options, "mailboxes.%u.name", index) };
	struct mailbox *row = mailbox_get(ctl->store, balance.mailbox);
	json_t *object = add_object(array);

	if (row)
		balance.last_good = row->last_good;
	mailbox_free(row);
	put_text(object, "mailbox", balance.mailbox);
	put_text(object, "identity", NULL);	/* its place */
	balance.items = json_array();

	/* The server first: what the daemon takes in meanwhile has its row when we look for it. */
	enum outcome how = compare_server(&balance, object, &error);

	put_text(object, "identity", balance.first);
	put_accounted(&balance, object);
	put_int(object, "unexplained", (gint64) balance.unexplained);
	json_object_set_new(object, "unexplained_items", balance.items);
	g_free(balance.identity);
	g_free(balance.first);
	if (how == DONE)
		return EX_OK;
	return ctl_fail(ctl, EX_UNAVAILABLE, balance.mailbox, "%s", error->message);
}

/* What an MTA handed over: no server to compare with. */
static void
put_ingested(struct ctl *ctl, json_t *array)
{
	struct balance balance = { .ctl = ctl, .mailbox = INGEST_MAILBOX };
	json_t *object = add_object(array);

	put_text(object, "mailbox", balance.mailbox);
	put_text(object, "identity", INGEST_IDENTITY);
	balance.items = json_array();
	put_accounted(&balance, object);
	put_int(object, "unexplained", (gint64) balance.unexplained);
	json_object_set_new(object, "unexplained_items", balance.items);
	put_array(object, "unwatched_folders");
}

/* Without any, only if asked for. */
static bool
wants_ingested(const struct ctl *ctl)
{
	struct mailbox *row = mailbox_get(ctl->store, INGEST_MAILBOX);
	bool was_used = row != NULL;

	mailbox_free(row);
	return ctl->mailbox ? strcmp(ctl->mailbox, INGEST_MAILBOX) == 0 : was_used;
}

int
run_ledger(struct ctl *ctl, json_t *out)
{
	json_t *array = put_array(out, "mailboxes");
	int status = EX_OK;

	for (guint i = 0; i < options_count(ctl->options, "mailboxes") && status == EX_OK; i++) {
		const char *name = options_text(ctl->options, "mailboxes.%u.name", i);

		if (!ctl->mailbox || g_strcmp0(ctl->mailbox, name) == 0)
			status = put_mailbox(ctl, array, i);
	}
	if (status == EX_OK && wants_ingested(ctl))
		put_ingested(ctl, array);
	if (status == EX_OK && ctl->mailbox && json_array_size(array) == 0)
		return ctl_fail(ctl, EX_DATAERR, ctl->mailbox, "no such mailbox");
	return status;
}

static void
print_accounted(const json_t *accounted)
{
	const char *kind;
	const json_t *count;

	json_object_foreach((json_t *) accounted, kind, count)
		if (json_integer_value(count) > 0)
			print_line("  %-14s %" JSON_INTEGER_FORMAT, kind,
				json_integer_value(count));
}

void
print_ledger(const json_t *out)
{
	static const struct column fields[] = {
		{ "mailbox", "Mailbox" }, { "identity", "Identity" }, { "seen", "Seen" },
		{ "unexplained", "Unexplained" }, { "unwatched_folders", "Not watched" },
	};
	static const struct column item[] = {
		{ "folder", "FOLDER" }, { "why", "WHY" }, { "uid", "UID" },
	};
	const json_t *mailbox;
	gsize i;

	json_array_foreach(json_object_get(out, "mailboxes"), i, mailbox) {
		const json_t *items = json_object_get(mailbox, "unexplained_items");

		print_fields(mailbox, fields, G_N_ELEMENTS(fields));
		print_accounted(json_object_get(mailbox, "accounted"));
		if (json_array_size(items) > 0)
			print_table(items, item, G_N_ELEMENTS(item));
	}
}
