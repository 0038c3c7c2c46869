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

/* Only the id is kept: the row changes meanwhile, when its server copy is moved. */
struct mail_job {
	struct id mail;
	int letter;			/* memfd the child writes to; owned by its request */
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
	case MAIL_EVENT_RETRY: mail->attempts = mail->deaths = mail->unexplained = 0; break;
	default: break;
	}
	mail->in_attempt = event == MAIL_EVENT_START;
}

/* The journal names what a person may ask about; routine steps stand in the log only. */
static const struct { enum mail_event event; const char *name; } journalled[] = {
	{ MAIL_EVENT_REFUSED, "held" }, { MAIL_EVENT_LAST_DEATH, "held" },
	{ MAIL_EVENT_DEATH, "death" }, { MAIL_EVENT_END, "end" },
	{ MAIL_EVENT_LATER, "later" }, { MAIL_EVENT_RETRY, "retry" },
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
	job_event(hub, mail, event, stage, cause);
}

/* ---- opening ------------------------------------------------------------- */

static void
opened(struct hub *hub, const struct mail_job *job, struct mail *mail)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = memfd_map(job->letter, LIMIT_LETTER_BODY, &error);
	g_autoptr(letter_auto) letter = bytes != NULL ? letter_from_bytes(bytes, &error) : NULL;
	struct verdict verdict;

	if (letter == NULL) {		/* a letter process that lies is a death like another */
		job_ended(hub, mail, DEATH_COUNTED, "mime", error->message);
		return;
	}
	verdict = opening_verdict(letter, hub->now);
	hub_must(mail_put_letter(hub->store, mail->id, letter, &verdict, &error), &error,
		"letter");
	verdict_clear(&verdict);
	job_event(hub, mail, MAIL_EVENT_OPENED, NULL, NULL);
}

static void
opening_done(struct hub *hub, void *data, enum child_end end, enum outcome outcome, const char *why)
{
	struct mail_job *job = data;
	struct mail *mail = mail_get(hub->store, job->mail);
	bool alone = mail->unexplained >= LIMIT_UNEXPLAINED;

	g_ptr_array_remove(hub->mail_jobs, job);
	if (alone)
		hub->solo = false;
	if (job->stale)
		;
	else if (end == CHILD_ANSWERED && outcome == DONE)
		opened(hub, job, mail);
	else if (end == CHILD_ANSWERED && outcome == NEVER)
		job_event(hub, mail, MAIL_EVENT_REFUSED, "mime", why);
	else if (end == CHILD_ANSWERED || end == CHILD_UNAVAILABLE)
		job_event(hub, mail, MAIL_EVENT_LATER, "mime", why);
	else
		job_ended(hub, mail, end == CHILD_DIED ? DEATH_COUNTED : DEATH_UNEXPLAINED, "mime",
			why);
	mail_free(mail);
	g_free(job);
}

/* Takes the row. */
static void
opening_start(struct hub *hub, struct mail *mail)
{
	g_autoptr(GError) error = NULL;
	struct mail_job *job;
	int raw, letter;

	job_event(hub, mail, MAIL_EVENT_START, NULL, NULL);
	raw = blob_get(hub->store, mail->blob, LIMIT_MAIL_SIZE, &error);
	if (raw < 0) {
		job_event(hub, mail, error->code == LATER ? MAIL_EVENT_LATER : MAIL_EVENT_REFUSED,
			"store", error->message);
		mail_free(mail);
		hub->solo = false;
		return;
	}
	letter = memfd_new("letter");
	job = g_new0(struct mail_job, 1);
	job->mail = mail->id;
	mail_free(mail);
	job->letter = letter;
	g_ptr_array_add(hub->mail_jobs, job);
	child_start(hub, &(struct child_request){
		.verb = VERB_PARSE, .body = g_variant_new("(b)", FALSE),
		.fds = { raw, memfd_new("outer"), letter }, .n_fds = 3, .results = { letter, -1 },
		.done = opening_done, .data = job,
	});
}

/* True: this row was given its turn. */
static bool
opening_try(struct hub *hub, struct mail *mail)
{
	bool alone = mail->unexplained >= LIMIT_UNEXPLAINED;

	if (hub->solo || hub->mail_jobs->len >= OPENING_MAX || !child_possible(hub) ||
	    (alone && hub->mail_jobs->len > 0))
		return false;
	hub->solo = alone;
	opening_start(hub, mail);
	return true;
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
			job_ended(hub, mail, death == DEATH_ORDERLY ? death : DEATH_UNEXPLAINED,
				"mime", "the hub ended while the letter was open");
	}
}

void
job_refund(struct hub *hub)
{
	for (guint i = 0; i < hub->mail_jobs->len; i++) {
		struct mail_job *job = hub->mail_jobs->pdata[i];

		struct mail *mail = mail_get(hub->store, job->mail);

		job_event(hub, mail, MAIL_EVENT_REFUND, NULL, NULL);
		mail_free(mail);
		job->stale = true;
	}
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
