/* SPDX-License-Identifier: ISC
 *
 * job: the life of an incoming mail: stored → opening → opened → deciding → decided, or held with
 * a reason. Each attempt, the hub's own decision included, is counted in a committed row before
 * it begins; how it ended decides what it costs.  Two counted deaths hold the mail, five
 * unexplained ends make it be retried alone.  Relies on child.c for letter processes and decide.c
 * for decisions.
 */
#include "role/hub.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define RETRY_MS 1000			/* after a death */
#define LATER_MAX 900000
#define HELD_LOOK 1000			/* held rows looked at after a restart */
#define OPENING_MAX 3			/* one place is left for outgoing mail */
#define WAITING_MAX 12			/* with those that only wait for keys */
#define PATIENCE_MS 30000		/* with keys that are not there */

/* Only the id is kept: the row changes meanwhile, when its server copy is moved. */
struct mail_job {
	struct id mail;
	struct opening *opening;
	bool waits;			/* to ask, for somebody who is free */
	gint64 since;			/* it waits, ticks */
	guint keys;			/* index of the keys worker asked, + 1; 0: none */
	bool stale;			/* the row was taken back: ignore the answer */
};

/* ---- one event on one row ------------------------------------------------ */

static gint64
next_try_after(const struct hub *hub, const struct mail *mail, enum mail_event event)
{
	gint64 wait = 0;

	if (event == MAIL_EVENT_LATER)
		wait = MIN(1000 * (G_GINT64_CONSTANT(1) << MIN(mail->attempts, 10)), LATER_MAX);
	else if ((event == MAIL_EVENT_DEATH || event == MAIL_EVENT_END) && !hub->once)
		wait = RETRY_MS;
	return hub->now + wait;
}

static void
event_count(struct mail *mail, enum mail_event event)
{
	switch (event) {
	case MAIL_EVENT_START: mail->attempts++; break;
	case MAIL_EVENT_DEATH:
	case MAIL_EVENT_LAST_DEATH: mail->deaths++; break;
	case MAIL_EVENT_END: mail->unexplained++; break;
	case MAIL_EVENT_REFUND: mail->attempts--; break;
	case MAIL_EVENT_KEY:
	case MAIL_EVENT_RETRY: mail->attempts = mail->deaths = mail->unexplained = 0; break;
	default: break;
	}
	mail->in_attempt = event == MAIL_EVENT_START;
}

/* The journal names what a person may ask about; routine steps stand in the log only. */
static const struct { enum mail_event event; const char *name; } journalled[] = {
	{ MAIL_EVENT_REFUSED, "held" }, { MAIL_EVENT_LAST_DEATH, "held" },
	{ MAIL_EVENT_DEATH, "death" }, { MAIL_EVENT_END, "end" },
	{ MAIL_EVENT_LATER, "later" }, { MAIL_EVENT_RETRY, "retry" }, { MAIL_EVENT_KEY, "key" },
	{ MAIL_EVENT_ADOPT, "adopted" },
};

void
job_event(struct hub *hub, struct mail *mail, enum mail_event event, const char *stage,
	const char *why)
{
	int to = mail_move(mail->state, event);
	g_autofree char *text = id_text(mail->id), *quoted = log_quote(why != NULL ? why : "");
	g_autoptr(GError) error = NULL;

	if (to < 0) {
		log_event(LOG_ERR, "move-refused", "mail=%s state=%s event=%s", text,
			mail_state_word(mail->state), mail_event_word(event));
		return;
	}
	event_count(mail, event);
	mail->state = (enum mail_state)to;
	mail->next_try = to == MAIL_HELD || to == MAIL_DECIDED ? -1 :
		next_try_after(hub, mail, event);
	if (to == MAIL_HELD) {
		g_free(mail->stage);
		g_free(mail->reason);
		mail->stage = g_strdup(stage);
		mail->reason = g_strdup(why);
		hub->trouble = true;
		decide_held(hub, mail);
	}
	hub_must(mail_put(hub->store, mail, &error), &error, "mail");
	for (guint i = 0; i < G_N_ELEMENTS(journalled); i++)
		if (journalled[i].event == event)
			hub_journal(hub, mail->ticket, mail->id, journalled[i].name, why);
	log_event(to == MAIL_HELD ? LOG_ERR : LOG_INFO, "mail", "mail=%s event=%s state=%s why=%s",
		text, mail_event_word(event), mail_state_word(mail->state), quoted);
}

/* What one more end of this kind means for the row. */
static void
job_ended(struct hub *hub, struct mail *mail, enum death death, const char *stage,
	const char *cause)
{
	bool alone = mail->unexplained >= LIMIT_UNEXPLAINED;
	enum mail_event event = MAIL_EVENT_REFUND;

	if (death == DEATH_COUNTED)
		event = mail->deaths + 1 >= LIMIT_DEATHS ? MAIL_EVENT_LAST_DEATH : MAIL_EVENT_DEATH;
	else if (death == DEATH_UNEXPLAINED)
		event = alone ? MAIL_EVENT_LAST_DEATH : MAIL_EVENT_END;
	else if (death == DEATH_STARVED)
		event = MAIL_EVENT_LATER;
	job_event(hub, mail, event, stage, cause);
}

/* ---- opening ------------------------------------------------------------- */

static struct world
world_of(const struct hub *hub)
{
	guint64 most = (guint64)options_int(hub->options, "policy.max_size");

	return (struct world){ .site = hub->site, .certificates = hub->certificates,
		.now = hub->now, .max_plain = MIN(most, LIMIT_MAIL_SIZE) };
}

static struct mail *
row_of(struct hub *hub, const struct mail_job *job)
{
	return mail_get(hub->store, job->mail);
}

/* Its last word on the row was said. */
static void
opening_drop(struct hub *hub, struct mail_job *job, const struct mail *mail)
{
	if (mail->unexplained >= LIMIT_UNEXPLAINED)
		hub->solo = false;
	g_ptr_array_remove(hub->mail_jobs, job);
	opening_free(job->opening);
	g_free(job);
	hub->again = true;
}

static void
opened(struct hub *hub, const struct mail_job *job, struct mail *mail)
{
	const struct opening *opening = job->opening;
	g_autoptr(GError) error = NULL;

	hub_must(mail_put_letter(hub->store, mail->id, opening->letter, &opening->verdict, &error),
		&error, "letter");
	directory_pin(hub, mail, opening);
	job_event(hub, mail, MAIL_EVENT_OPENED, NULL, NULL);
}

/* What an answer that is none means for the row. */
static void
opening_failed(struct hub *hub, struct mail *mail, enum child_end end, enum outcome outcome,
	const char *stage, const char *why)
{
	if (end == CHILD_ANSWERED && outcome == NEVER)
		job_event(hub, mail, MAIL_EVENT_REFUSED, stage, why);
	else if (end == CHILD_ANSWERED || end == CHILD_UNAVAILABLE)
		job_event(hub, mail, MAIL_EVENT_LATER, stage, why);
	else
		job_ended(hub, mail, end == CHILD_DIED ? DEATH_COUNTED : DEATH_UNEXPLAINED, stage,
			why);
}

/* One answer, from a letter process or from keys (`body`). */
static void
opening_answered(struct hub *hub, struct mail_job *job, GVariant *body, const char *stage)
{
	const struct world world = world_of(hub);
	g_autoptr(GError) error = NULL;
	bool has_lied;
	enum outcome how = opening_take(job->opening, &world, body, &has_lied, &error);
	struct mail *mail = row_of(hub, job);

	if (has_lied) {			/* a worker that lies is a death like another */
		job_ended(hub, mail, DEATH_COUNTED, stage, error->message);
		opening_drop(hub, job, mail);
	} else if (how != DONE) {
		opening_failed(hub, mail, CHILD_ANSWERED, how, stage, error->message);
		opening_drop(hub, job, mail);
	} else if (job->opening->step == OPENING_END) {
		opened(hub, job, mail);
		opening_drop(hub, job, mail);
	} else {
		job->waits = hub->again = true;
		job->since = hub->ticks;
	}
	mail_free(mail);
}

static void
opening_done(struct hub *hub, void *data, enum child_end end, enum outcome outcome, const char *why)
{
	struct mail_job *job = data;
	struct mail *mail;

	if (!job->stale && end == CHILD_ANSWERED && outcome == DONE) {
		opening_answered(hub, job, NULL, "mime");
		return;
	}
	mail = row_of(hub, job);
	if (!job->stale)
		opening_failed(hub, mail, end, outcome, "mime", why);
	opening_drop(hub, job, mail);
	mail_free(mail);
}

/* Asks whom it has to ask next, if one is free. */
static void
opening_continue(struct hub *hub, struct mail_job *job)
{
	const struct world world = world_of(hub);
	bool to_keys = job->opening->step == OPENING_KEYS;
	struct link *keys = to_keys && hub->compile == NULL ? hub_idle_keys(hub) : NULL;
	struct child_request request = { .n_fds = 0 };
	struct question question;

	job->waits = to_keys ? keys == NULL : !child_possible(hub);
	if (job->waits)
		return;
	opening_ask(job->opening, &world, &question);
	if (to_keys) {
		job->keys = keys->index + 1;
		hub_ask_keys(hub, keys, &question);
		return;
	}
	request = (struct child_request){ .verb = question.verb, .body = question.body,
		.n_fds = question.n_fds, .results = { question.result, -1 },
		.done = opening_done, .data = job };
	memcpy(request.fds, question.fds, sizeof request.fds);
	child_start(hub, &request);
}

static struct mail_job *
job_at_keys(struct hub *hub, guint keys)
{
	for (guint i = 0; i < hub->mail_jobs->len; i++) {
		struct mail_job *job = hub->mail_jobs->pdata[i];

		if (job->keys == keys + 1)
			return job;
	}
	return NULL;
}

/* OPENED, and READINGS of keys that came with the mail: both begin with outcome and reason. */
void
job_opened(struct hub *hub, struct link *link, struct frame *frame)
{
	struct mail_job *job = job_at_keys(hub, link->index);
	g_autoptr(GVariant) outcome = g_variant_get_child_value(frame->body, 0);
	g_autoptr(GVariant) why = g_variant_get_child_value(frame->body, 1);
	struct mail *mail;

	if (job == NULL)
		return;
	job->keys = 0;
	if (!job->stale && g_variant_get_uint32(outcome) == DONE) {
		opening_answered(hub, job, frame->body, "keys");
		return;
	}
	mail = row_of(hub, job);
	if (!job->stale)
		opening_failed(hub, mail, CHILD_ANSWERED,
			g_variant_get_uint32(outcome) == NEVER ? NEVER : LATER, "keys",
			g_variant_get_string(why, NULL));
	opening_drop(hub, job, mail);
	mail_free(mail);
}

void
job_gone(struct hub *hub, guint keys, enum death death, const char *cause)
{
	struct mail_job *job = job_at_keys(hub, keys);
	struct mail *mail;

	if (job == NULL)
		return;
	mail = row_of(hub, job);
	if (!job->stale)
		job_ended(hub, mail, death, "keys", cause);
	opening_drop(hub, job, mail);
	mail_free(mail);
}

/* Takes the row. */
static void
opening_start(struct hub *hub, struct mail *mail)
{
	g_autoptr(GError) error = NULL;
	struct mail_job *job;
	int raw;

	job_event(hub, mail, MAIL_EVENT_START, NULL, NULL);
	raw = blob_get(hub->store, mail->blob, LIMIT_MAIL_SIZE, &error);
	if (raw < 0) {
		job_event(hub, mail, error->code == LATER ? MAIL_EVENT_LATER : MAIL_EVENT_REFUSED,
			"store", error->message);
		mail_free(mail);
		hub->solo = false;
		return;
	}
	job = g_new0(struct mail_job, 1);
	job->mail = mail->id;
	job->opening = opening_new(raw, true);
	job->opening->header_only = mail->kind == KIND_OVERSIZE;
	mail_free(mail);
	g_ptr_array_add(hub->mail_jobs, job);
	opening_continue(hub, job);
}

/* What waits for keys must not keep plain mail out. */
static bool
has_place(const struct hub *hub)
{
	guint n = 0;

	for (guint i = 0; i < hub->mail_jobs->len; i++) {
		const struct mail_job *job = hub->mail_jobs->pdata[i];

		n += job->opening->step != OPENING_KEYS;
	}
	return n < OPENING_MAX && hub->mail_jobs->len < WAITING_MAX;
}

/* True: this row was given its turn. */
static bool
opening_try(struct hub *hub, struct mail *mail)
{
	bool alone = mail->unexplained >= LIMIT_UNEXPLAINED;

	if (hub->solo || !has_place(hub) || !child_possible(hub) ||
	    (alone && hub->mail_jobs->len > 0))
		return false;
	hub->solo = alone;
	opening_start(hub, mail);
	return true;
}

/* Gives its place up, to come back later. */
static void
opening_give_up(struct hub *hub, struct mail_job *job, enum mail_event event, const char *why)
{
	struct mail *mail = row_of(hub, job);

	job_event(hub, mail, event, "keys", why);
	opening_drop(hub, job, mail);
	mail_free(mail);
}

/* A stop does not wait for a worker that is not there. */
static void
openings_work(struct hub *hub)
{
	for (guint i = hub->mail_jobs->len; i > 0; i--) {
		struct mail_job *job = hub->mail_jobs->pdata[i - 1];

		if (!job->waits)
			continue;
		if (hub->stopping)
			opening_give_up(hub, job, MAIL_EVENT_REFUND, NULL);
		else if (!hub_has_keys(hub) && job->opening->step == OPENING_KEYS &&
		    hub->ticks - job->since > PATIENCE_MS)
			opening_give_up(hub, job, MAIL_EVENT_LATER, "no keys process");
		else
			opening_continue(hub, job);
	}
}

/* ---- deciding ------------------------------------------------------------ */

static bool
suspect(const struct mail *mail)
{
	return mail->deaths > 0 || mail->unexplained > 0;
}

/* The rows whose attempt the last commit counted. */
static void
decisions(struct hub *hub)
{
	g_autoptr(GPtrArray) mails = mail_in_attempt(hub->store);

	for (guint i = 0; i < mails->len; i++) {
		struct mail *mail = mails->pdata[i];

		if (mail->state != MAIL_DECIDING)
			continue;
		FAULT("hub.decide.before");
		decide_mail(hub, mail);
		FAULT("hub.decide.after");
		hub->again = true;
	}
}

/* Counts the next decisions: many clean rows at once, one that has been under a death alone. */
static void
decisions_count(struct hub *hub)
{
	g_autoptr(GPtrArray) mails = mail_due(hub->store, MAIL_OPENED, hub->now, LIMIT_TURN);

	for (guint i = 0; i < mails->len; i++) {
		struct mail *mail = mails->pdata[i];

		if (suspect(mail) && i > 0)
			break;
		job_event(hub, mail, MAIL_EVENT_START, NULL, NULL);
		hub->again = true;
		if (suspect(mail))
			break;
	}
}

/* ---- each turn ----------------------------------------------------------- */

void
job_work(struct hub *hub)
{
	g_autoptr(GPtrArray) mails = NULL;

	hub->mail_blocked = false;
	decisions(hub);
	openings_work(hub);
	if (hub->stopping)
		return;
	decisions_count(hub);
	mails = mail_due(hub->store, MAIL_STORED, hub->now, LIMIT_TURN);
	for (guint i = 0; i < mails->len; i++) {
		if (!opening_try(hub, mails->pdata[i])) {
			hub->mail_blocked = true;
			break;
		}
		mails->pdata[i] = NULL;
	}
}

void
job_recover(struct hub *hub, enum death death)
{
	g_autoptr(GPtrArray) mails = mail_in_attempt(hub->store);

	for (guint i = 0; i < mails->len; i++) {
		struct mail *mail = mails->pdata[i];

		/* A hub's death is blamed on its decisions; a letter under way only lost its
		 * reader. */
		if (mail->state == MAIL_DECIDING)
			job_ended(hub, mail, death, "hub", "the hub ended in its decision");
		else
			job_ended(hub, mail, death == DEATH_COUNTED ? DEATH_UNEXPLAINED : death,
				"mime", "the hub ended while the letter was open");
	}
}

void
job_refund(struct hub *hub)
{
	for (guint i = 0; i < hub->mail_jobs->len; i++) {
		struct mail_job *job = hub->mail_jobs->pdata[i];
		struct mail *mail = row_of(hub, job);

		job_event(hub, mail, MAIL_EVENT_REFUND, NULL, NULL);
		mail_free(mail);
		job->stale = true;
	}
}

#define SEALED_MAX 10000		/* read once more at one change of keys */
#define KEYS_NOTE "own-keys"

/* Our keys that can decrypt, one a line. */
static char *
own_keys_text(const struct hub *hub)
{
	GString *out = g_string_new(options_text(hub->options, "hotline.key"));

	for (guint i = 0; i < options_count(hub->options, "hotline.old_keys"); i++) {
		const char *key = options_text(hub->options, "hotline.old_keys.%u", i);
		bool is_gone = false;

		for (guint j = 0; j < options_count(hub->options, "hotline.gone_keys"); j++)
			is_gone |= g_strcmp0(key, options_text(hub->options,
				"hotline.gone_keys.%u", j)) == 0;
		if (!is_gone)
			g_string_append_printf(out, "\n%s", key);
	}
	return g_string_free(out, FALSE);
}

void
job_keys_changed(struct hub *hub)
{
	g_autofree char *before = store_note(hub->store, KEYS_NOTE), *now = own_keys_text(hub);
	g_autoptr(GPtrArray) mails = NULL;
	g_autoptr(GError) error = NULL;

	if (g_strcmp0(before, now) == 0)
		return;
	hub_must(store_note_put(hub->store, KEYS_NOTE, now, &error), &error, "note");
	mails = mail_sealed(hub->store, SEALED_MAX);
	for (guint i = 0; before != NULL && i < mails->len; i++)
		job_event(hub, mails->pdata[i], MAIL_EVENT_KEY, NULL, "other keys are ours now");
}

static bool
held_since(struct hub *hub, struct id ticket_or_mail, gint64 began)
{
	g_autoptr(GPtrArray) rows = journal_of(hub->store, ticket_or_mail);

	for (guint i = 0; i < rows->len; i++) {
		const struct journal_row *row = rows->pdata[i];

		if (row->at >= began && (strcmp(row->event, "held") == 0 ||
		    strcmp(row->event, "mail-held") == 0))
			return true;
	}
	return false;
}

bool
job_held_since(struct hub *hub, gint64 began)
{
	g_autoptr(GPtrArray) mails = mail_list(hub->store, MAIL_HELD, HELD_LOOK, NULL);
	g_autoptr(GPtrArray) rows = outgoing_list(hub->store, OUT_HELD, HELD_LOOK, NULL);

	for (guint i = 0; i < mails->len; i++)
		if (held_since(hub, ((struct mail *)mails->pdata[i])->id, began))
			return true;
	for (guint i = 0; i < rows->len; i++)
		if (held_since(hub, ((struct outgoing *)rows->pdata[i])->ticket, began))
			return true;
	return false;
}

/* `ungcuuctl hold retry ID` for an incoming mail; NULL: no such mail. */
char *
job_retry(struct hub *hub, const char *id_text_given, int *exit_code)
{
	struct mail *mail;
	struct id id;
	char *json;

	if (!id_parse(id_text_given, &id) || (mail = mail_get(hub->store, id)) == NULL)
		return NULL;
	if (mail->state != MAIL_HELD || id_is_null(mail->blob)) {
		*exit_code = EX_DATAERR;
		json = control_refusal(id_text_given, mail->state != MAIL_HELD ? "it is not held" :
			"nothing of it is stored here");
	} else {
		job_event(hub, mail, MAIL_EVENT_RETRY, NULL, "retried by hand");
		json = control_retried(id_text_given);
	}
	mail_free(mail);
	return json;
}
