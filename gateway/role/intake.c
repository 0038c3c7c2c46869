/* SPDX-License-Identifier: ISC
 *
 * intake: one state machine per mailbox: list what the server has, take what has no row yet, and
 * only when a committed turn has made it durable ask for the server copy to be moved (I1).  A
 * mail that cannot be taken is left where it is and does not stop the others.  Relies on fetch
 * for every byte and on the store's ledger for what is known; never trusts \Seen, order or
 * counts.
 */
#include "role/intake.h"

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define PAGE 200			/* items asked per LIST */
#define TAKES 8				/* TAKE requests on their way */
#define BACKOFF_MAX 900000

void
wanted_free(void *data)
{
	struct wanted *wanted = data;

	if (wanted->blob.fd >= 0)
		blob_clear(&wanted->blob);
	g_free(wanted->uid);
	g_free(wanted);
}

static void
intake_free(void *data)
{
	struct intake *box = data;

	g_queue_clear_full(&box->wanted, wanted_free);
	g_queue_clear_full(&box->taking, wanted_free);
	g_ptr_array_unref(box->folders);
	g_ptr_array_unref(box->cursors);
	g_array_unref(box->settling);
	g_ptr_array_unref(box->outworn);
	mailbox_free(box->row);
	balance_clear(box);
	g_free(box->name);
	g_free(box->type);
	g_free(box->after);
	g_free(box->identity);
	g_free(box);
}

static struct intake *
intake_new(struct hub *hub, guint index)
{
	struct intake *box = g_new0(struct intake, 1);
	const struct options *options = hub->options;

	box->index = index;
	box->name = g_strdup(options_text(options, "mailboxes.%u.name", index));
	box->type = g_strdup(options_text(options, "mailboxes.%u.type", index));
	box->interval = options_int(options, "mailboxes.%u.poll", index);
	box->adopt_since = options_int(options, "mailboxes.%u.adopt_since", index);
	box->max_size = (guint64)options_int(options, "policy.max_size");
	box->settling = g_array_new(FALSE, FALSE, sizeof(struct id));
	box->folders = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < options_count(options, "mailboxes.%u.folders", index); i++)
		g_ptr_array_add(box->folders, g_strdup(options_text(options,
			"mailboxes.%u.folders.%u", index, i)));
	if (box->folders->len == 0)
		g_ptr_array_add(box->folders, g_strdup("INBOX"));
	box->cursors = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_set_size(box->cursors, (gint)box->folders->len);
	box->row = mailbox_get(hub->store, box->name);
	keep_read(hub, box);
	drop_read(box);
	intake_adopt_read(hub, box);
	balance_read(hub, box);
	return box;
}

/* After the start and after a reload; polls at once. */
void
intake_start(struct hub *hub)
{
	if (hub->boxes != NULL)
		g_ptr_array_unref(hub->boxes);
	hub->boxes = g_ptr_array_new_with_free_func(intake_free);
	for (guint i = 0; i < options_count(hub->options, "mailboxes"); i++)
		g_ptr_array_add(hub->boxes, intake_new(hub, i));
}

void
intake_stop(struct hub *hub)
{
	for (guint i = 0; i < hub->boxes->len; i++) {
		struct intake *box = hub->boxes->pdata[i];

		g_queue_clear_full(&box->wanted, wanted_free);
		box->cut = box->phase != PHASE_IDLE || box->polls == 0;
	}
}

static void
row_put(struct hub *hub, struct intake *box)
{
	g_autoptr(GError) error = NULL;

	hub_must(mailbox_put(hub->store, box->row, &error), &error, "mailbox");
}

static void
poll_ended(struct hub *hub, struct intake *box)
{
	box->phase = PHASE_IDLE;
	if (box->cut)
		return;
	box->polls++;
	g_clear_pointer(&box->row->error, g_free);
	box->failing_since = 0;
	box->row->last_good = hub->now;
	box->row->floor = -1;
	box->backoff = 0;
	box->next_poll = hub->ticks + box->interval;
	row_put(hub, box);
	hub->again = true;		/* there is more to ask of an idle server */
	if (box->sweeps)
		balance_end(hub, box);
}

void
intake_failed(struct hub *hub, struct intake *box, const char *why)
{
	g_autofree char *quoted = log_quote(why);

	log_event(LOG_WARNING, "poll-failed", "mailbox=%s why=%s", box->name, quoted);
	intake_cursors_forget(box);
	g_queue_clear_full(&box->wanted, wanted_free);
	g_queue_clear_full(&box->taking, wanted_free);
	box->failed = true;
	box->failed_at = hub->now;
	box->failing_since = box->failing_since > 0 ? box->failing_since : hub->now;
	box->phase = PHASE_IDLE;
	box->polls++;
	box->backoff = box->backoff == 0 ? 1000 : MIN(box->backoff * 2, BACKOFF_MAX);
	box->next_poll = hub->ticks + MIN(box->backoff, MAX(box->interval, 1000));
	g_free(box->row->error);
	box->row->error = g_strdup(why);
	row_put(hub, box);
	if (hub->once)
		hub->trouble = true;
}

void
intake_through(struct hub *hub, struct intake *box)
{
	if (box->failed)
		intake_failed(hub, box, "some mails could not be taken");
	else
		poll_ended(hub, box);
}

/* ---- listing ------------------------------------------------------------- */

const char *
intake_folder(const struct intake *box)
{
	return box->folder < box->folders->len ? box->folders->pdata[box->folder] :
		box->done_folder;
}

guint
intake_folders(const struct intake *box)
{
	return box->folders->len + (box->sweeps ? 1 : 0);
}

static void
list_ask(struct hub *hub, struct intake *box, struct link *link)
{
	box->phase = PHASE_LISTING;
	hub_request(hub, link, VERB_LIST, g_variant_new("(ssu)", intake_folder(box),
		box->after != NULL ? box->after : "", (guint32)PAGE), NULL, 0, ANSWER_MS);
}

/* IMAP uids only grow: what the last poll was through with is not listed again. */
static void
folder_begin(struct intake *box)
{
	g_free(box->after);
	box->after = box->folder < box->folders->len ?
		g_strdup(box->cursors->pdata[box->folder]) : NULL;
}

static void
folder_end(struct intake *box)
{
	if (strcmp(box->type, "imap") == 0 && !box->failed && !box->cut &&
	    box->folder < box->folders->len) {
		g_free(box->cursors->pdata[box->folder]);
		box->cursors->pdata[box->folder] = box->has_holes ? NULL : g_strdup(box->after);
	}
	box->has_holes = false;
	box->folder++;
	folder_begin(box);
}

static void
poll_begin(struct hub *hub, struct intake *box, struct link *link)
{
	if (box->row == NULL) {		/* the first poll ever */
		box->row = g_new0(struct mailbox, 1);
		box->row->name = g_strdup(box->name);
		box->row->type = g_strdup(box->type);
		box->row->first_poll = hub->now;
		box->row->last_good = -1;
		box->row->floor = box->adopt_since < 0 ? -1 : hub->now - box->adopt_since;
	}
	box->row->last_poll = hub->now;
	row_put(hub, box);
	if (!box->hinted)
		idle_regular_poll(box);
	box->hinted = false;
	box->folder = 0;
	box->failed = box->cut = false;
	balance_begin(hub, box);
	folder_begin(box);
	list_ask(hub, box, link);
}

/* Is there anything to do with a mail that has its row?  Our copy of it is in the done folder: what
 * lies here is another mail under its name, or a person put it back.  Or it was left in place, and
 * is adopted. */
static bool
is_wanted_again(struct hub *hub, const struct intake *box, struct id id, bool *adopts)
{
	struct mail *mail = mail_get(hub->store, id);
	bool moved = mail->moved;

	*adopts = mail->state == MAIL_LEFT && box->adopt_from >= 0 &&
		mail->arrived >= box->adopt_from;
	mail_free(mail);
	return moved || *adopts;
}

static void
wanted_add(struct intake *box, const struct wanted *what, const char *uid, gint64 arrived)
{
	struct wanted *wanted = g_memdup2(what, sizeof *what);

	wanted->uid = g_strdup(uid);
	wanted->folder = intake_folder(box);
	wanted->arrived = arrived;
	wanted->blob.fd = -1;
	g_queue_push_tail(&box->wanted, wanted);
}

static void
item_listed(struct hub *hub, struct intake *box, const char *uid, gint64 arrived, guint64 size)
{
	struct wanted wanted = { .size = size };

	if (box->folder >= box->folders->len) {
		if (balance_listed(hub, box, uid, arrived, &wanted))
			wanted_add(box, &wanted, uid, arrived);
		return;
	}
	if (box->is_drop && drop_rests(hub, box, uid))
		return;
	if (mail_known(hub->store, box->name, box->identity, uid, &wanted.known) &&
	    !is_wanted_again(hub, box, wanted.known, &wanted.adopts))
		return;
	if (id_is_null(wanted.known) && arrived >= 0 && arrived < box->row->floor) {
		intake_leave(hub, box, uid, arrived, size);
		return;
	}
	wanted_add(box, &wanted, uid, arrived);
}

/* So that fetch may bring small ones together. */
static void
expect(struct hub *hub, struct intake *box, struct link *link)
{
	GVariantBuilder uids;

	g_variant_builder_init(&uids, G_VARIANT_TYPE("as"));
	for (const GList *at = box->wanted.head; at != NULL; at = at->next)
		g_variant_builder_add(&uids, "s", ((const struct wanted *)at->data)->uid);
	hub_request(hub, link, VERB_EXPECT, g_variant_new("(sas)",
		intake_folder(box), &uids), NULL, 0, ANSWER_MS);
}

void
intake_listed(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autoptr(GVariantIter) items = NULL;
	const char *why, *identity, *uid;
	struct intake *box;
	guint32 outcome;
	gboolean more, has_holes;
	guint64 size;
	gint64 arrived;

	if (link->index >= hub->boxes->len)
		return;
	box = hub->boxes->pdata[link->index];
	if (box->phase != PHASE_LISTING)
		return;
	g_variant_get(frame->body, "(u&s&sa(sxt)bb)", &outcome, &why, &identity, &items, &more,
		&has_holes);
	box->refused = outcome == NEVER;
	if (outcome != DONE) {
		intake_failed(hub, box, why);
		return;
	}
	g_free(box->identity);
	box->identity = g_strdup(identity);
	if (box->folder == 0 && g_strcmp0(box->row->identity, identity) != 0) {
		/* A mailbox made anew: what was left in place at the first poll is left again. */
		if (box->row->identity != NULL && box->adopt_since >= 0)
			box->row->floor = box->row->first_poll - box->adopt_since;
		g_free(box->row->identity);
		box->row->identity = g_strdup(identity);
		row_put(hub, box);
	}
	if (box->is_drop && box->after == NULL)
		drop_first_page(hub, box, frame->body);
	while (!hub->stopping && g_variant_iter_next(items, "(&sxt)", &uid, &arrived, &size)) {
		item_listed(hub, box, uid, arrived, size);
		g_free(box->after);
		box->after = g_strdup(uid);
	}
	box->more = more && !hub->stopping;
	box->has_holes |= has_holes;
	box->phase = PHASE_TAKING;
	if (box->wanted.length > 1 && strcmp(box->type, "imap") == 0)
		expect(hub, box, link);
}

/* ---- taking -------------------------------------------------------------- */

static void
not_taken(struct intake *box, enum outcome outcome, const char *why)
{
	g_autofree char *quoted = log_quote(why);

	log_event(LOG_WARNING, "not-taken", "mailbox=%s outcome=%s why=%s", box->name,
		outcome_word(outcome), quoted);
	box->failed = box->failed || outcome == LATER;
}

static void
take_ask(struct hub *hub, struct intake *box, struct link *link)
{
	struct wanted *wanted = g_queue_pop_head(&box->wanted);
	g_autoptr(GError) error = NULL;
	GVariant *id, *key;

	if (wanted->arrived < 0) {
		drop_ask_date(hub, box, link, wanted);
		return;
	}
	if (blob_new(hub->store, &wanted->blob, &error) != DONE) {
		/* Nowhere to put a mail: the next poll finds it and the others where they are. */
		not_taken(box, LATER, error->message);
		wanted_free(wanted);
		g_queue_clear_full(&box->wanted, wanted_free);
		box->more = false;
		return;
	}
	id = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, wanted->blob.id.b, 16, 1);
	key = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, wanted->blob.key, 32, 1);
	hub_request(hub, link, VERB_TAKE, g_variant_new("(sstb@ay@ay)",
		wanted->folder, wanted->uid, box->max_size, (gboolean)wanted->header_only, id, key),
		&wanted->blob.fd, 1, ANSWER_MS);
	g_queue_push_tail(&box->taking, wanted);
}

static void
mail_stored(struct hub *hub, struct intake *box, struct wanted *wanted, guint64 size,
	const guint8 *sha256)
{
	g_autofree char *hex = digest_hex(sha256);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (wanted->swept && !wanted->adopts && !balance_taken(hub, box, wanted, hex))
		return;
	if (!wanted->adopts && !id_is_null(wanted->known) &&
	    intake_put_back(hub, box, wanted, hex))
		return;
	if (blob_link(hub->store, &wanted->blob, size, &error) != DONE) {
		not_taken(box, LATER, error->message);
		return;
	}
	if (wanted->adopts) {
		intake_adopted(hub, box, wanted, size, hex);
		return;
	}
	struct mail mail = {
		.id = id_new(), .mailbox = box->name, .identity = box->identity,
		.uid = wanted->uid, .folder = (char *)wanted->folder,
		.size = wanted->header_only ? wanted->size : size,
		.arrived = wanted->arrived, .received = hub->now, .state = MAIL_STORED,
		.kind = wanted->header_only ? KIND_OVERSIZE : -1,
		.blob = wanted->blob.id, .sha256 = hex, .next_try = hub->now,
		.moved = wanted->swept, .silent = wanted->arrived <= box->restored_at ||
			(wanted->swept && (box->restores || box->adopt_silent)),
	};

	hub_must(mail_add(hub->store, &mail, &error), &error, "mail");
	hub_journal(hub, (struct id){ { 0 } }, mail.id, "stored", wanted->header_only ?
		"larger than policy.max_size: its header alone" : !wanted->swept ? NULL :
		mail.silent ? "found in the done folder, not answered" :
		"found in the done folder");
	text = id_text(mail.id);
	log_event(LOG_INFO, "stored", "mail=%s mailbox=%s size=%" G_GUINT64_FORMAT " sha=%.16s",
		text, box->name, size, hex);
}

void
intake_taken(struct hub *hub, struct link *link, struct frame *frame)
{
	g_autoptr(GVariant) sha256 = NULL;
	struct wanted *wanted;
	struct intake *box;
	const void *digest;
	const char *why;
	guint32 outcome;
	guint64 size;
	bool is_limit;
	gsize n;

	if (link->index >= hub->boxes->len)
		return;
	box = hub->boxes->pdata[link->index];
	wanted = g_queue_pop_head(&box->taking);
	if (wanted == NULL)
		return;
	g_variant_get(frame->body, "(u&st@ay)", &outcome, &why, &size, &sha256);
	digest = g_variant_get_fixed_array(sha256, &n, 1);
	is_limit = outcome == NEVER && strstr(why, "limit") != NULL;
	watch_taken(hub, (enum outcome)outcome, why);
	if (outcome == DONE && n == DIGEST_SIZE)
		mail_stored(hub, box, wanted, size, digest);
	else if (is_limit && wanted->header_only && wanted->swept)
		balance_refused(box, wanted);
	else if (is_limit && wanted->header_only)
		oversize_refused(hub, box, wanted, why);
	else if (is_limit)
		oversize_header_next(box, g_steal_pointer(&wanted));
	else
		not_taken(box, outcome == NEVER ? NEVER : LATER, why);
	if (wanted != NULL)
		wanted_free(wanted);
}

/* ---- one step of each mailbox in each turn ------------------------------- */

static void
step_idle(struct hub *hub, struct intake *box, struct link *link)
{
	if (!hub->stopping && box->next_poll <= hub->ticks && !(hub->once && box->polls > 0))
		poll_begin(hub, box, link);
	else if (box->polls > 0) {
		keep_ask(hub, box, link);
		room_ask(hub, box, link);
		idle_ask(hub, box, link);
	}
}

static void
step_taking(struct hub *hub, struct intake *box, struct link *link)
{
	while (box->taking.length < TAKES && box->wanted.length > 0)
		take_ask(hub, box, link);
	if (box->taking.length > 0)
		return;
	if (!box->more)
		folder_end(box);
	if (box->folder < intake_folders(box) && !hub->stopping) {
		list_ask(hub, box, link);
		return;
	}
	box->phase = PHASE_SETTLING;
	if (!settle_ask(hub, box, link))
		intake_through(hub, box);
}

static void
step_settling(struct hub *hub, struct intake *box, struct link *link)
{
	if (peer_pending(link->peer) == 0 && box->moved > 0 && !settle_ask(hub, box, link))
		intake_through(hub, box);
}

static void
step_listing(struct hub *hub, struct intake *box, struct link *link)
{
	(void)hub;
	(void)box;
	(void)link;
}

static void (*const steps[])(struct hub *, struct intake *, struct link *) = {
	[PHASE_IDLE] = step_idle, [PHASE_LISTING] = step_listing,
	[PHASE_TAKING] = step_taking, [PHASE_SETTLING] = step_settling,
};

void
intake_work(struct hub *hub)
{
	for (guint i = 0; i < hub->boxes->len; i++) {
		struct intake *box = hub->boxes->pdata[i];
		struct link *link = hub_worker(hub, ROLE_FETCH, i, G_MAXUINT);

		if (link != NULL)
			steps[box->phase](hub, box, link);
	}
}

/* The fetch process ended: what it was asked is asked again by the next poll. */
void
intake_gone(struct hub *hub, guint index, const char *cause)
{
	struct intake *box = index < hub->boxes->len ? hub->boxes->pdata[index] : NULL;

	if (box == NULL)
		return;
	box->waiting = false;
	keep_stop(box);
	if (box->phase != PHASE_IDLE)
		intake_failed(hub, box, cause);
	else if (hub->once && box->polls++ == 0)
		hub->trouble = true;	/* it cannot even start */
}

gint64
intake_next(struct hub *hub)
{
	gint64 next = -1;

	for (guint i = 0; i < hub->boxes->len; i++) {
		const struct intake *box = hub->boxes->pdata[i];

		if (box->phase == PHASE_IDLE && !hub->stopping && !(hub->once && box->polls > 0) &&
		    hub_worker(hub, ROLE_FETCH, i, G_MAXUINT) != NULL &&
		    (next < 0 || box->next_poll < next))
			next = box->next_poll;
	}
	return next;
}

bool
intake_was_cut(struct hub *hub)
{
	for (guint i = 0; i < hub->boxes->len; i++)
		if (((const struct intake *)hub->boxes->pdata[i])->cut)
			return true;
	return false;
}

bool
intake_busy(struct hub *hub)
{
	for (guint i = 0; i < hub->boxes->len; i++) {
		const struct intake *box = hub->boxes->pdata[i];

		if (box->phase != PHASE_IDLE || (!hub->stopping && keep_is_busy(box)) ||
		    (hub->once && !hub->stopping && box->polls == 0))
			return true;
	}
	return false;
}
