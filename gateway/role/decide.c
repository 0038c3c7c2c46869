/* SPDX-License-Identifier: ISC
 *
 * decide: looks up the facts one decision needs, asks desk for the plan and applies it whole,
 * inside the turn's transaction (I3).  Judges nothing itself: every "why" comes from desk.
 */
#include "role/hub.h"

#include <string.h>
#include <syslog.h>

#define EARLIEST (G_GINT64_CONSTANT(1577836800) * 1000)	/* 2020: a file time before it is none */
#define UTC_OFFSET_S (7 * 3600)		/* Asia/Ho_Chi_Minh, no summer time */

/* When the mail came, for clocks and for people: the server's time, unless it cannot be true. */
gint64
mail_came(const struct mail *mail)
{
	return mail->arrived > EARLIEST && mail->arrived < mail->received ? mail->arrived :
		mail->received;
}

/* ---- facts --------------------------------------------------------------- */

static bool
by_code(struct hub *hub, const char *code, struct facts *facts)
{
	char *address = NULL;

	if (!thread_find(hub->store, code, &facts->ticket, &address))
		return false;
	facts->thread_address = address;
	facts->proof = PROOF_CODE;
	return true;
}

static bool
by_our_message_id(struct hub *hub, const char *message_id, struct facts *facts)
{
	struct outgoing *out;
	struct id id;

	if (!outgoing_by_message_id(hub->store, message_id, &id) ||
	    (out = outgoing_get(hub->store, id)) == NULL)
		return false;
	if (id_is_null(out->ticket)) {		/* a digest: belongs to none */
		outgoing_free(out);
		return false;
	}
	facts->ticket = out->ticket;
	facts->thread_address = g_strdup(out->recipient);
	facts->proof = PROOF_MESSAGE_ID;
	outgoing_free(out);
	return true;
}

/* A reporter's own Message-ID is no secret of ours: worth as much as a number. */
static bool
by_their_message_id(struct hub *hub, const char *message_id, struct facts *facts)
{
	struct mail *mail;
	struct id id;

	if (!mail_by_message_id(hub->store, message_id, &id) ||
	    (mail = mail_get(hub->store, id)) == NULL)
		return false;
	facts->ticket = mail->ticket;
	facts->proof = PROOF_TAG;
	mail_free(mail);
	return true;
}

static bool
by_tag(struct hub *hub, const char *tag, struct facts *facts)
{
	struct ticket *ticket = ticket_by_number(hub->store, tag);

	if (ticket == NULL)
		return false;
	facts->ticket = ticket->id;
	facts->proof = PROOF_TAG;
	ticket_free(ticket);
	return true;
}

static bool
first_that(struct hub *hub, const GPtrArray *clues, struct facts *facts,
	bool (*found)(struct hub *, const char *, struct facts *))
{
	for (guint i = 0; i < clues->len; i++)
		if (found(hub, clues->pdata[i], facts))
			return true;
	return false;
}

static void
facts_of_ticket(struct hub *hub, const struct letter *letter, struct facts *facts)
{
	static const char *const receipts[] = { "T03", "T32", "T35" };
	struct ticket *ticket = ticket_get(hub->store, facts->ticket);

	if (ticket == NULL)
		return;
	facts->ticket_number = g_strdup(ticket->number);
	ticket_free(ticket);
	facts->from_is_participant = letter->from.address != NULL &&
		thread_has_address(hub->store, facts->ticket, letter->from.address);
	facts->last_receipt = -1;
	for (guint i = 0; i < G_N_ELEMENTS(receipts); i++)
		facts->last_receipt = MAX(facts->last_receipt,
			outgoing_last(hub->store, facts->ticket, receipts[i]));
}

/* A mail that was held or sealed has its ticket before it is read; it may have been answered then.
 * T03 said that nothing was read. */
static bool
is_acknowledged(struct hub *hub, const struct mail *mail)
{
	static const char *const acknowledgements[] = { "T01", "T02", "T04", "T33", "T35", "T38" };

	for (guint i = 0; i < G_N_ELEMENTS(acknowledgements) && !id_is_null(mail->ticket); i++)
		if (outgoing_last(hub->store, mail->ticket, acknowledgements[i]) >= 0)
			return true;
	return false;
}

/* ---- mails that came together -------------------------------------------- */

static bool
is_final(enum ticket_state state)
{
	return state == TICKET_CLOSED || state == TICKET_REJECTED || state == TICKET_DUPLICATE ||
		state == TICKET_TRANSFERRED;
}

/* A ticket that a mail of this address opened, if it is one that may be joined: not of a drill,
 * whose mail goes elsewhere, not closed, and acknowledged, for what joins it is not. */
static struct ticket *
burst_ticket(struct hub *hub, const struct mail *first)
{
	struct ticket *ticket = ticket_get(hub->store, first->ticket);

	if (ticket == NULL || (!ticket->drill && !is_final(ticket->state) &&
	    (hub->site->observe || is_acknowledged(hub, first))))
		return ticket;
	ticket_free(ticket);
	return NULL;
}

static void
facts_of_burst(struct hub *hub, const struct mail *mail, const struct letter *letter,
	const struct verdict *verdict, struct facts *facts)
{
	struct verdict first_verdict = verdict_worst(LAYER_PLAIN);
	g_autoptr(letter_auto) first_letter = NULL;
	struct ticket *ticket = NULL;
	struct mail *first = NULL;
	struct id id;

	if (hub->site->burst > 0 && letter->from.address != NULL && mail->kind < 0 &&
	    id_is_null(mail->ticket) && mail_first_of(hub->store, letter->from.address, &id))
		first = mail_get(hub->store, id);
	if (first != NULL && ABS(mail_came(mail) - mail_came(first)) <= hub->site->burst &&
	    (ticket = burst_ticket(hub, first)) != NULL &&
	    (first_letter = mail_letter(hub->store, id, &first_verdict, NULL)) != NULL) {
		facts->burst = true;
		facts->burst_joins = burst_joins(hub->site, first_letter, &first_verdict, letter,
			verdict);
		facts->ticket = ticket->id;
		facts_of_ticket(hub, letter, facts);
	}
	verdict_clear(&first_verdict);
	ticket_free(ticket);
	mail_free(first);
}

/* A copy that lay in a folder for junk, or came through a server that spoils it, takes no answer
 * away from one that did not. */
static void
facts_of_twin(struct hub *hub, struct id id, struct facts *facts)
{
	struct mail *twin = mail_get(hub->store, id);
	g_autoptr(letter_auto) letter = NULL;

	if (twin == NULL)
		return;
	facts->twin_ticket = twin->ticket;
	letter = mail_letter(hub->store, id, NULL, NULL);
	facts->twin_owed = letter != NULL && !twin->silent &&
		g_strcmp0(twin->relation, "first") == 0 && !is_acknowledged(hub, twin) &&
		outgoing_last(hub->store, twin->ticket, "T03") < 0 &&
		copy_is_unanswered(hub->site, twin->folder, letter);
	mail_free(twin);
}

static void
facts_gather(struct hub *hub, const struct mail *mail, const struct letter *letter,
	const struct verdict *verdict, struct facts *facts)
{
	struct clues *clues = clues_find(hub->site, letter);
	struct id id;

	facts->mail = mail->id;
	facts->sha256 = g_strdup(mail->sha256);
	facts->received = mail_came(mail);
	facts->last_receipt = -1;
	facts->silent = hub->site->observe || mail->silent;
	facts->from_junk = mail->folder != NULL && folder_is_junk(mail->folder);
	facts->acknowledged = is_acknowledged(hub, mail);
	facts->is_oversize = mail->kind == KIND_OVERSIZE;
	facts->again = mail->kind >= 0 && !facts->is_oversize;
	facts->earlier = mail->ticket;
	facts->earlier_first = g_strcmp0(mail->relation, "first") == 0;
	facts->is_twin = mail_twin(hub->store, mail->id, &id);
	if (facts->is_twin)
		facts_of_twin(hub, id, facts);
	facts->same_message_id = mail_same_message_id(hub->store, mail->id, &id);
	if (returned_facts(hub, letter, facts) ||
	    first_that(hub, clues->codes, facts, by_code) ||
	    first_that(hub, clues->message_ids, facts, by_our_message_id) ||
	    first_that(hub, clues->message_ids, facts, by_their_message_id) ||
	    first_that(hub, clues->tags, facts, by_tag))
		facts_of_ticket(hub, letter, facts);
	else
		facts_of_burst(hub, mail, letter, verdict, facts);
	clues_free(clues);
}

/* ---- effects ------------------------------------------------------------- */

static void
ticket_fill(struct hub *hub, struct ticket *ticket, const struct effect *effect,
	const struct verdict *verdict)
{
	g_free(ticket->kind);
	g_free(ticket->subject);
	g_free(ticket->reporter);
	g_free(ticket->language);
	g_free(ticket->signature);
	g_free(ticket->encryption);
	ticket->kind = g_strdup(effect->word);
	ticket->subject = g_strdup(effect->subject);
	ticket->reporter = g_strdup(effect->reporter);
	ticket->language = g_strdup(effect->language);
	ticket->signature = g_strdup(signature_word(verdict->signature));
	ticket->encryption = g_strdup(encryption_word(verdict->encryption));
	ticket->updated = hub->now;
}

/* A mail that was held already has its ticket: it becomes the report it is. */
static void
apply_open(struct hub *hub, struct mail *mail, const struct effect *effect,
	const struct verdict *verdict)
{
	g_autoptr(GDateTime) local =
		g_date_time_new_from_unix_utc(hub->now / 1000 + UTC_OFFSET_S);
	struct ticket *ticket = id_is_null(mail->ticket) ? NULL :
		ticket_get(hub->store, mail->ticket);
	bool fresh = ticket == NULL;
	g_autoptr(GError) error = NULL;

	if (fresh)
		ticket = g_new0(struct ticket, 1);
	ticket_fill(hub, ticket, effect, verdict);
	if (fresh) {
		ticket->state = TICKET_RECEIVED;
		ticket->profile = g_strdup(hub->site->profile);
		ticket->created = hub->now;
		ticket->reports = 1;
		hub_must(ticket_add(hub->store, ticket, hub->site->ticket_format, hub->site->id,
			g_date_time_get_year(local), &error), &error, "ticket");
	} else {
		hub_must(ticket_put(hub->store, ticket, &error), &error, "ticket");
	}
	mail->ticket = ticket->id;
	g_free(mail->relation);
	mail->relation = g_strdup("first");
	hub_journal(hub, ticket->id, mail->id, fresh ? "ticket-opened" : "ticket-read",
		effect->why);
	log_event(LOG_NOTICE, "ticket", "ticket=%s kind=%s state=%s", ticket->number, effect->word,
		ticket_state_word(ticket->state));
	ticket_free(ticket);
}

static void
apply_append(struct hub *hub, struct mail *mail, const struct effect *effect)
{
	struct ticket *ticket = ticket_get(hub->store, effect->ticket);
	g_autoptr(GError) error = NULL;

	if (ticket == NULL)
		panic("a plan appends to a ticket that is not there");
	ticket->updated = hub->now;
	ticket->reports += strcmp(effect->word, "burst") == 0;
	hub_must(ticket_put(hub->store, ticket, &error), &error, "ticket");
	mail->ticket = ticket->id;
	g_free(mail->relation);
	mail->relation = g_strdup(effect->word);
	hub_journal(hub, ticket->id, mail->id, "appended", effect->why);
	ticket_free(ticket);
}

static void
apply(struct hub *hub, struct mail *mail, const struct plan *plan, const struct verdict *verdict)
{
	for (guint i = 0; i < plan->effects->len; i++) {
		const struct effect *effect = plan->effects->pdata[i];
		struct id ticket = id_is_null(effect->ticket) ? mail->ticket : effect->ticket;

		switch (effect->kind) {
		case EFFECT_FILE:
			mail->kind = (int)effect->mail_kind;
			hub_journal(hub, ticket, mail->id, kind_word(effect->mail_kind),
				effect->why);
			break;
		case EFFECT_OPEN: apply_open(hub, mail, effect, verdict); break;
		case EFFECT_APPEND: apply_append(hub, mail, effect); break;
		case EFFECT_MAIL: outbox_plan(hub, effect, mail, ticket); break;
		case EFFECT_REPORT: returned_apply(hub, effect, mail); break;
		case EFFECT_NOTE:
			hub_journal(hub, ticket, mail->id, effect->word, effect->why);
			break;
		case effect_kind_count: panic("no such effect");
		}
	}
}

/* ---- the two decisions --------------------------------------------------- */

void
decide_mail(struct hub *hub, struct mail *mail)
{
	g_autoptr(GError) error = NULL;
	struct verdict verdict = { 0 };
	g_autoptr(letter_auto) letter = mail_letter(hub->store, mail->id, &verdict, &error);
	struct facts facts = { 0 };
	struct plan *plan;

	if (letter == NULL) {
		job_event(hub, mail, MAIL_EVENT_REFUSED, "store",
			error != NULL ? error->message : "its letter is not there");
		return;
	}
	facts_gather(hub, mail, letter, &verdict, &facts);
	plan = plan_mail(hub->site, &facts, letter, &verdict, hub->now);
	apply(hub, mail, plan, &verdict);
	job_event(hub, mail, MAIL_EVENT_DECIDED, NULL, NULL);
	plan_free(plan);
	facts_clear(&facts);
	verdict_clear(&verdict);
}

/* A mail that goes to hold: a ticket "unreadable, by hand", once. */
void
decide_held(struct hub *hub, struct mail *mail)
{
	struct verdict verdict = verdict_worst(LAYER_PLAIN);
	struct facts facts = { .mail = mail->id, .received = mail->received, .last_receipt = -1 };
	struct plan *plan;

	if (!id_is_null(mail->ticket))
		return;
	plan = plan_held(hub->site, &facts, mail->stage, mail->reason);
	apply(hub, mail, plan, &verdict);
	plan_free(plan);
}
