/* SPDX-License-Identifier: ISC
 *
 * replay: a saved mailbox through the present configuration: what would be decided about each mail,
 * and why, with nothing stored or sent.  Mails are opened as inspect opens them, in the same jails;
 * the decision is desk's own, from facts looked up in the store if there is one, and from the mails
 * replayed before.
 */
#include "ctl/ctl.h"

#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define FILES_MOST	100000

struct replay {
	struct ctl *ctl;
	struct site *site;
	json_t *mails;
	GHashTable *seen;		/* Message-ID or SHA-256 → file that came first */
	guint64 max;
};

/* ---- files ------------------------------------------------------------------------------ */

/* By the last part alone: in a Maildir that is the order of arrival. */
static gint
by_name(gconstpointer a, gconstpointer b)
{
	const char *left = *(char *const *) a, *right = *(char *const *) b;

	return strcmp(strrchr(left, '/') + 1, strrchr(right, '/') + 1);
}

static void
add_files(GPtrArray *files, const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && files->len < FILES_MOST && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		struct stat st;

		if (*name != '.' && lstat(path, &st) == 0 && S_ISREG(st.st_mode))
			g_ptr_array_add(files, g_steal_pointer(&path));
	}
}

/* A Maildir, a folder of files, or one file. */
static GPtrArray *
files_of(const char *name)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *fresh = g_build_filename(name, "new", NULL);
	g_autofree char *cur = g_build_filename(name, "cur", NULL);

	if (!g_file_test(name, G_FILE_TEST_IS_DIR)) {
		g_ptr_array_add(files, g_strdup(name));
		return files;
	}
	if (g_file_test(cur, G_FILE_TEST_IS_DIR)) {
		add_files(files, fresh);
		add_files(files, cur);
	} else {
		add_files(files, name);
	}
	g_ptr_array_sort(files, by_name);
	return files;
}

/* ---- facts, as the hub looks them up -------------------------------------------------- */

static bool
by_code(struct store *store, const char *code, struct facts *facts)
{
	facts->proof = PROOF_CODE;
	return thread_find(store, code, &facts->ticket, &facts->thread_address);
}

static bool
by_our_message_id(struct store *store, const char *message_id, struct facts *facts)
{
	struct id id;
	struct outgoing *out = outgoing_by_message_id(store, message_id, &id) ?
		outgoing_get(store, id) : NULL;
	bool found = out && !id_is_null(out->ticket);

	facts->proof = PROOF_MESSAGE_ID;
	if (found) {
		facts->ticket = out->ticket;
		facts->thread_address = g_strdup(out->recipient);
	}
	outgoing_free(out);
	return found;
}

static bool
by_their_message_id(struct store *store, const char *message_id, struct facts *facts)
{
	struct id id;
	struct mail *mail = mail_by_message_id(store, message_id, &id) ? mail_get(store, id) : NULL;

	facts->proof = PROOF_TAG;
	if (mail)
		facts->ticket = mail->ticket;
	mail_free(mail);
	return mail != NULL;
}

static bool
by_tag(struct store *store, const char *tag, struct facts *facts)
{
	struct ticket *ticket = ticket_by_number(store, tag);

	facts->proof = PROOF_TAG;
	if (ticket)
		facts->ticket = ticket->id;
	ticket_free(ticket);
	return ticket != NULL;
}

static bool
first_that(struct store *store, const GPtrArray *clues, struct facts *facts,
	bool (*found)(struct store *, const char *, struct facts *))
{
	for (guint i = 0; i < clues->len; i++)
		if (found(store, clues->pdata[i], facts))
			return true;
	facts->proof = PROOF_NONE;
	return false;
}

static void
facts_look_up(struct replay *replay, const struct letter *letter, const struct clues *clues,
	struct facts *facts)
{
	struct store *store = replay->ctl->store;

	if (!store || !(first_that(store, clues->codes, facts, by_code) ||
	    first_that(store, clues->message_ids, facts, by_our_message_id) ||
	    first_that(store, clues->message_ids, facts, by_their_message_id) ||
	    first_that(store, clues->tags, facts, by_tag)))
		return;

	struct ticket *ticket = ticket_get(store, facts->ticket);

	facts->ticket_number = ticket ? g_strdup(ticket->number) : NULL;
	ticket_free(ticket);
	facts->from_is_participant = letter->from.address &&
		thread_has_address(store, facts->ticket, letter->from.address);
	facts->last_receipt = MAX(outgoing_last(store, facts->ticket, "T32"),
		outgoing_last(store, facts->ticket, "T03"));
}

/* ---- one mail --------------------------------------------------------------------------- */

static void
put_plan(json_t *object, const struct plan *plan)
{
	g_autofree char *text = plan_print(plan);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	json_t *effects = put_array(object, "effects");

	for (guint i = 0; lines[i]; i++)
		if (*lines[i])
			add_text(effects, lines[i]);
}

/* A mail of this replay that it answers: that one's ticket does not exist yet. */
static const char *
earlier_of(const struct replay *replay, const struct clues *clues)
{
	for (guint i = 0; i < clues->message_ids->len; i++) {
		const char *file = g_hash_table_lookup(replay->seen, clues->message_ids->pdata[i]);

		if (file)
			return file;
	}
	return NULL;
}

static void
put_decision(struct replay *replay, json_t *object, const struct opened_mail *opened,
	struct facts *facts)
{
	const struct site *site = replay->site;
	const struct letter *letter = opened->letter;
	struct clues *clues = clues_find(site, letter);
	g_autofree char *kind_why = NULL, *answer_why = NULL;
	enum kind kind = classify(site, letter, &opened->verdict, &kind_why);
	bool answered = acknowledgeable(site, kind, letter, &opened->verdict, &answer_why);

	facts_look_up(replay, letter, clues, facts);

	struct plan *plan = plan_mail(site, facts, letter, &opened->verdict, replay->ctl->now);

	put_text(object, "kind", kind_word(kind));
	put_text(object, "kind_why", kind_why);
	put_bool(object, "acknowledge", answered);
	put_text(object, "acknowledge_why", answer_why);
	put_text(object, "ticket", facts->ticket_number);
	put_text(object, "answers_file", earlier_of(replay, clues));
	put_plan(object, plan);
	plan_free(plan);
	clues_free(clues);
}

static void
put_held(struct replay *replay, json_t *object, const struct opened_mail *opened,
	const struct facts *facts)
{
	struct plan *plan = plan_held(replay->site, facts, "mime", opened->reason);

	put_text(object, "kind", kind_word(KIND_REPORT));
	put_bool(object, "acknowledge", false);
	put_text(object, "acknowledge_why", "held: not answered before a person has read it");
	put_plan(object, plan);
	plan_free(plan);
}

static void
put_known(struct replay *replay, json_t *object, const struct input *input, const char *file)
{
	g_autofree char *sha256 = digest_hex(input->sha256);
	const char *before = g_hash_table_lookup(replay->seen, sha256);
	struct id id;

	put_text(object, "sha256", sha256);
	put_int(object, "size", (gint64) input->size);
	if (replay->ctl->store && mail_by_sha256(replay->ctl->store, input->sha256, &id))
		put_id(object, "known_as", id);
	if (before)
		put_text(object, "same_as", before);
	else
		g_hash_table_insert(replay->seen, g_strdup(sha256), g_strdup(file));
}

static void
put_opened(struct replay *replay, json_t *object, const struct opened_mail *opened,
	const struct input *input, const char *file)
{
	const struct letter *letter = opened->letter;
	struct facts facts = { .mail = id_new(), .sha256 = digest_hex(input->sha256),
		.received = replay->ctl->now, .silent = replay->site->observe,
		.last_receipt = -1 };

	put_text(object, "outcome", opened->is_held ? "held" : "opened");
	put_text(object, "reason", opened->reason);
	put_text(object, "signature", signature_word(opened->verdict.signature));
	put_text(object, "encryption", encryption_word(opened->verdict.encryption));
	put_text(object, "party", opened->verdict.party);
	put_from(object, letter);
	put_text(object, "subject", letter ? letter->subject : "");
	if (letter)
		put_decision(replay, object, opened, &facts);
	else
		put_held(replay, object, opened, &facts);
	if (letter && letter->message_id &&
	    !g_hash_table_contains(replay->seen, letter->message_id))
		g_hash_table_insert(replay->seen, g_strdup(letter->message_id), g_strdup(file));
	facts_clear(&facts);
}

static int
replay_file(struct replay *replay, const char *file)
{
	g_auto(input_auto) input = { 0 };
	g_auto(opened_auto) opened = { 0 };
	g_autoptr(GError) error = NULL;

	if (input_read(file, replay->max, &input, &error) != DONE)
		return ctl_fail(replay->ctl, EX_DATAERR, file, "%s", error->message);

	json_t *object = add_object(replay->mails);

	put_text(object, "file", file);
	put_known(replay, object, &input, file);
	if (!input.bytes) {
		limit_reached(&error, "fetch", "mail size", replay->max);
		opened.is_held = true;
		opened.reason = g_strdup(error->message);
		opened.verdict = verdict_worst(LAYER_PLAIN);
	} else if (opened_read(replay->ctl, input.bytes, &opened, &error) != DONE) {
		return ctl_fail(replay->ctl, EX_TEMPFAIL, file, "%s", error->message);
	}
	put_opened(replay, object, &opened, &input, file);
	return EX_OK;
}

int
run_replay(struct ctl *ctl, json_t *out)
{
	struct replay replay = { .ctl = ctl, .mails = put_array(out, "mails"),
		.max = (guint64) options_int(ctl->options, "policy.max_size") };
	int status = EX_OK;

	if (!ctl->dry_run)
		return ctl_fail(ctl, EX_USAGE, "replay", "only --dry-run is there: mail enters "
			"through a mailbox");
	replay.site = site_new(ctl->options);
	replay.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (int i = 0; i < ctl->n_words && status == EX_OK; i++) {
		g_autoptr(GPtrArray) files = files_of(ctl->words[i]);

		for (guint j = 0; j < files->len && status == EX_OK; j++)
			status = replay_file(&replay, files->pdata[j]);
	}
	g_hash_table_unref(replay.seen);
	site_free(replay.site);
	return status;
}

void
print_replay(const json_t *out)
{
	static const struct column fields[] = {
		{ "file", "File" }, { "outcome", "Outcome" }, { "reason", "Reason" },
		{ "kind", "Kind" }, { "kind_why", "Kind because" }, { "signature", "Signature" },
		{ "encryption", "Encryption" }, { "party", "Party" }, { "from", "From" },
		{ "subject", "Subject" }, { "ticket", "Joins" },
		{ "answers_file", "Answers" }, { "known_as", "Known as" },
		{ "same_as", "Same bytes as" }, { "acknowledge", "Acknowledged" },
		{ "acknowledge_why", "Because" }, { "effects", "Plan" },
	};
	const json_t *mail;
	gsize i;

	json_array_foreach(json_object_get(out, "mails"), i, mail) {
		print_fields(mail, fields, G_N_ELEMENTS(fields));
		print_line("%s", "");
	}
	print_line("%u mails; nothing was stored or sent.",
		(unsigned) json_array_size(json_object_get(out, "mails")));
}
