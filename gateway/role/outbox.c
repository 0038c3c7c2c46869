/* SPDX-License-Identifier: ISC
 *
 * outbox: the one way out (I5).  planned: desk's template and values; then a fresh letter process
 * composes, keys signs, and the finished bytes are stored sealed: protected; then submit hands
 * them on: sent.  Each step is counted before it begins.  A crash between the server's acceptance
 * and our commit may send twice with the same Message-ID, never zero times.
 */
#include "role/outbox.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#define JOBS_MAX 8
#define SENDS 4				/* SEND requests on their way */
#define SEND_MS 600000
#define BACKOFF_MS 5000
#define MINUTE 60000
#define DAY (24 * 60 * G_GINT64_CONSTANT(60000))
#define RECEIPTS_SHARE 80		/* percent of a day's mails; the rest has deadlines */
#define BACKOFF_MAX (4 * 3600 * G_GINT64_CONSTANT(1000))

void
out_job_drop(struct hub *hub, struct out_job *job)
{
	const int fds[] = { job->entity, job->header, job->protected };

	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	g_ptr_array_remove(hub->out_jobs, job);
	outgoing_free(job->row);
	recipient_free(job->recipient);
	g_free(job);
}

static struct out_job *
job_add(struct hub *hub, struct outgoing *row, enum out_step step)
{
	struct out_job *job = g_new0(struct out_job, 1);

	job->row = row;
	job->step = step;
	job->entity = job->header = job->protected = -1;
	g_ptr_array_add(hub->out_jobs, job);
	return job;
}

/* ---- one event on one row ------------------------------------------------ */

/* Exponential, with a fifth of jitter: a server that comes back is not met by all at once. */
static gint64
backoff(guint attempts)
{
	return waiting_jitter(MIN(BACKOFF_MS * (G_GINT64_CONSTANT(1) << MIN(attempts, 12)),
		BACKOFF_MAX));
}

static void
event_count(struct outgoing *row, enum out_event event)
{
	switch (event) {
	case OUT_EVENT_START: row->attempts++; break;
	case OUT_EVENT_REFUND: row->attempts--; break;
	case OUT_EVENT_DEATH:
	case OUT_EVENT_LAST_DEATH: row->deaths++; break;
	case OUT_EVENT_END: row->unexplained++; break;
	case OUT_EVENT_PROTECTED:
	case OUT_EVENT_LATE:
	case OUT_EVENT_REDIRECT:
	case OUT_EVENT_RETRY: row->attempts = row->deaths = row->unexplained = 0; break;
	default: break;
	}
	row->in_attempt = event == OUT_EVENT_START;
}

static gint64
next_try_after(const struct hub *hub, const struct outgoing *row, enum out_event event)
{
	bool wait = event == OUT_EVENT_LATER ||
		(!hub->once && (event == OUT_EVENT_DEATH || event == OUT_EVENT_END));

	if (row->state == OUT_SENT || row->state == OUT_HELD || row->state == OUT_CANCELLED)
		return -1;
	return hub->now + (wait ? backoff(row->attempts) : 0);
}

/* Whatever changes when, or whether, an answer leaves. */
static const struct { enum out_event event; const char *name; } journalled[] = {
	{ OUT_EVENT_ACCEPTED, "mail-sent" }, { OUT_EVENT_REFUSED, "mail-held" },
	{ OUT_EVENT_LAST_DEATH, "mail-held" }, { OUT_EVENT_DEATH, "mail-death" },
	{ OUT_EVENT_END, "mail-end" }, { OUT_EVENT_LATER, "mail-later" },
	{ OUT_EVENT_LATE, "mail-late" }, { OUT_EVENT_RETRY, "mail-retry" },
	{ OUT_EVENT_GIVE_UP, "mail-held" }, { OUT_EVENT_CANCEL, "mail-cancelled" },
	{ OUT_EVENT_REDIRECT, "mail-redirected" },
};

static void
out_journal(struct hub *hub, const struct outgoing *row, const char *event, const char *why)
{
	g_autofree char *text = why == NULL ? g_strdup(row->template) :
		g_strdup_printf("%s: %s", row->template, why);

	hub_journal(hub, row->ticket, row->mail, event, text);
}

/* Finished bytes that will not leave any more. */
static void
drop_protected(struct hub *hub, struct outgoing *row)
{
	g_autoptr(GError) error = NULL;

	if (id_is_null(row->blob))
		return;
	hub_must(blob_erase(hub->store, row->blob, &error), &error, "spool");
	row->blob = (struct id){ { 0 } };
	row->is_signed = row->is_encrypted = false;
}

static void
row_move(struct hub *hub, struct outgoing *row, enum out_event event, enum out_state to)
{
	event_count(row, event);
	row->state = to;
	row->next_try = next_try_after(hub, row, event);
	if (event == OUT_EVENT_ACCEPTED)
		row->sent = hub->now;
	if (event == OUT_EVENT_RETRY)
		row->since = hub->now;
	if (event == OUT_EVENT_LATE || event == OUT_EVENT_RETRY ||
	    event == OUT_EVENT_REDIRECT || event == OUT_EVENT_CANCEL)
		drop_protected(hub, row);
}

void
out_event(struct hub *hub, struct outgoing *row, enum out_event event, const char *why)
{
	g_autofree char *text = id_text(row->id), *quoted = log_quote(why != NULL ? why : "");
	g_autoptr(GError) error = NULL;
	enum out_state from = row->state;
	int to;

	if (event == OUT_EVENT_LATER && waiting_is_over(hub, row))
		event = OUT_EVENT_GIVE_UP;
	to = out_move(from, event);
	if (to < 0) {
		log_event(LOG_ERR, "move-refused", "out=%s state=%s event=%s", text,
			out_state_word(row->state), out_event_word(event));
		return;
	}
	row_move(hub, row, event, (enum out_state)to);
	if (why != NULL || to == OUT_SENT) {
		g_free(row->reason);
		row->reason = g_strdup(why);
	}
	if (to == OUT_HELD)
		hub->trouble = true;
	hub_must(outgoing_put(hub->store, row, &error), &error, "outgoing");
	if (to != (int)from && (to == OUT_HELD || from == OUT_HELD))
		hub->held_changed = true;
	for (guint i = 0; i < G_N_ELEMENTS(journalled); i++)
		if (journalled[i].event == event)
			out_journal(hub, row, journalled[i].name, why);
	log_event(to == OUT_HELD ? LOG_ERR : LOG_INFO, "outgoing",
		"out=%s template=%s event=%s state=%s why=%s", text, row->template,
		out_event_word(event), out_state_word(row->state), quoted);
}

void
out_ended(struct hub *hub, struct outgoing *row, enum death death, const char *cause)
{
	enum out_event event = OUT_EVENT_REFUND;

	if (death == DEATH_COUNTED)
		event = row->deaths + 1 >= LIMIT_DEATHS ? OUT_EVENT_LAST_DEATH : OUT_EVENT_DEATH;
	else if (death == DEATH_UNEXPLAINED)
		event = row->unexplained + 1 > LIMIT_UNEXPLAINED ? OUT_EVENT_LAST_DEATH :
			OUT_EVENT_END;
	else if (death == DEATH_STARVED)
		event = OUT_EVENT_LATER;
	out_event(hub, row, event, cause);
}

/* ---- planned ------------------------------------------------------------- */

void
outbox_plan(struct hub *hub, const struct effect *effect, const struct mail *mail, struct id ticket)
{
	g_autofree char *code = NULL, *random = random_code(16), *values = NULL, *message_id = NULL;
	g_autoptr(GError) error = NULL;
	struct outgoing row = { 0 };

	code = thread_code(hub->store, ticket, effect->recipient, &error);
	if (code == NULL)
		hub_must(LATER, &error, "thread code");
	values = values_to_text(effect->values);
	message_id = message_id_make(hub->site, code, random);
	row = (struct outgoing){
		.id = id_new(), .ticket = ticket, .mail = mail->id, .template = effect->word,
		.language = effect->language, .recipient = effect->recipient, .values = values,
		.state = OUT_PLANNED, .created = hub->now, .since = hub->now,
		.next_try = template_send_at(effect->word, mail->received, hub->now),
		.received = mail_came(mail), .message_id = message_id,
		.in_reply_to = effect->in_reply_to,
	};
	hub->appointed = MAX(hub->appointed, row.next_try);
	hub_must(outgoing_add(hub->store, &row, &error), &error, "outgoing");
	hub_journal(hub, ticket, mail->id, "mail-planned", effect->why);
}

/* ---- protected ----------------------------------------------------------- */

static void
protect_ask(struct hub *hub, struct out_job *job, struct link *keys)
{
	g_autofree char *boundary = random_code(26);
	g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
	struct question question;

	job->protected = memfd_new("protected");
	job->step = STEP_SIGN;
	job->keys = keys->index;
	question = (struct question){ .verb = VERB_PROTECT, .n_fds = 3,
		.body = g_variant_new("(sssx)", hub->site->fingerprint,
			job->recipient != NULL ? job->recipient->fingerprint : "", boundary,
			hub->now),
		.fds = { memfd_dup(job->entity), memfd_from_bytes(job->recipient != NULL ?
			job->recipient->certificate : nothing), memfd_dup(job->protected) } };
	hub_ask_keys(hub, keys, &question);
}

static struct out_job *
job_at(struct hub *hub, enum out_step step, guint keys)
{
	for (guint i = 0; i < hub->out_jobs->len; i++) {
		struct out_job *job = hub->out_jobs->pdata[i];

		if (job->step == step && (step != STEP_SIGN || job->keys == keys))
			return job;
	}
	return NULL;
}

/* Header and protected entity become one stored mail. */
static enum outcome
protected_store(struct hub *hub, struct out_job *job, GError **error)
{
	g_autoptr(GBytes) header = memfd_map(job->header, LIMIT_ENTITY_SIZE, error);
	g_autoptr(GBytes) entity = NULL;
	g_autoptr(GBytes) whole = NULL;
	GByteArray *mail;

	if (header == NULL || memfd_freeze(job->protected, error) != DONE)
		return NEVER;
	entity = memfd_map(job->protected, LIMIT_ENTITY_SIZE, error);
	if (entity == NULL)
		return NEVER;
	mail = g_byte_array_new();
	g_byte_array_append(mail, g_bytes_get_data(header, NULL), (guint)g_bytes_get_size(header));
	g_byte_array_append(mail, g_bytes_get_data(entity, NULL), (guint)g_bytes_get_size(entity));
	whole = g_byte_array_free_to_bytes(mail);
	return blob_put(hub->store, whole, &job->row->blob, error);
}

void
outbox_protected(struct hub *hub, struct link *link, struct frame *frame)
{
	struct out_job *job = job_at(hub, STEP_SIGN, link->index);
	g_autoptr(GError) error = NULL;
	gboolean agent_fault;
	guint32 outcome;
	const char *why;

	if (job == NULL)
		return;
	g_variant_get(frame->body, "(u&sb)", &outcome, &why, &agent_fault);
	if (job->stale) {
		out_job_drop(hub, job);
		return;
	}
	if (outcome == DONE) {
		outcome = protected_store(hub, job, &error);
		why = error != NULL ? error->message : NULL;
		job->row->is_signed = outcome == DONE;
		job->row->is_encrypted = outcome == DONE && job->recipient != NULL;
	}
	out_event(hub, job->row, outcome == DONE ? OUT_EVENT_PROTECTED :
		outcome == LATER || agent_fault ? OUT_EVENT_LATER : OUT_EVENT_REFUSED, why);
	if (outcome == DONE)
		out_journal(hub, job->row, "mail-protected", job->why);
	out_job_drop(hub, job);
}

/* ---- sent ---------------------------------------------------------------- */

/* The null sender (RFC 3834 §3.3), or the configured one: %m in it is the outgoing id, so that a
 * bounce tells what came back. */
static char *
envelope_of(const struct hub *hub, const char *id)
{
	const char *envelope = options_text(hub->options, "submission.envelope");

	if (options_bool(hub->options, "submission.null_sender") || envelope == NULL)
		return g_strdup("");
	g_auto(GStrv) around = g_strsplit(envelope, "%m", 2);
	return g_strjoinv(id, around);
}

/* Takes the row. */
static void
send_begin(struct hub *hub, struct outgoing *row, struct link *submit)
{
	g_autofree char *name = id_text(row->id), *envelope = envelope_of(hub, name);
	g_autoptr(GError) error = NULL;
	int fd;

	out_event(hub, row, OUT_EVENT_START, NULL);
	fd = blob_get(hub->store, row->blob, LIMIT_MAIL_SIZE, &error);
	if (fd < 0) {
		out_event(hub, row, error->code == LATER ? OUT_EVENT_LATER : OUT_EVENT_REFUSED,
			error->message);
		outgoing_free(row);
		return;
	}
	job_add(hub, row, STEP_SEND);
	hub_request(hub, submit, VERB_SEND, g_variant_new("(sss)", name,
		envelope, row->recipient), &fd, 1, SEND_MS);
	close(fd);
}

/* What the answer about one mail says of the way out.  A row that was not tried is not to blame:
 * it waits no longer than the others. */
static void
sent_later(struct hub *hub, struct outgoing *row, guint code, enum scope scope, const char *why)
{
	g_autoptr(GError) error = NULL;

	if (scope == SCOPE_MAIL)
		waiting_open(hub);
	else
		waiting_shut(hub, code, why);
	out_event(hub, row, OUT_EVENT_LATER, why);
	if (row->state != OUT_PROTECTED || scope == SCOPE_MAIL)
		return;
	row->next_try = scope == SCOPE_UNTRIED ? hub->rest_until :
		MAX(row->next_try, hub->rest_until);
	hub_must(outgoing_put(hub->store, row, &error), &error, "outgoing");
}

void
outbox_sent(struct hub *hub, struct link *link, struct frame *frame)
{
	struct out_job *job = job_at(hub, STEP_SEND, 0);	/* answers come in order */
	guint32 outcome, code, scope;
	const char *why;

	(void)link;
	if (job == NULL)
		return;
	g_variant_get(frame->body, "(uuu&s)", &outcome, &code, &scope, &why);
	if (!job->stale && outcome != DONE && outcome != NEVER) {
		sent_later(hub, job->row, code, MIN(scope, SCOPE_UNTRIED), why);
	} else if (!job->stale) {
		waiting_open(hub);
		if (outcome == DONE)
			alarm_clear(hub, "submission-token");	/* it let us in */
		out_event(hub, job->row, outcome == DONE ? OUT_EVENT_ACCEPTED : OUT_EVENT_REFUSED,
			outcome == DONE ? NULL : why);
	}
	out_job_drop(hub, job);
}

/* ---- each turn ----------------------------------------------------------- */

/* An acknowledgement that has become late says so: it is made anew, under its Message-ID. */
static void
late_check(struct hub *hub, struct outgoing *row)
{
	const char *template = template_when_leaving(hub->site, row->template, row->received,
		hub->now);

	if (strcmp(template, row->template) == 0)
		return;
	g_free(row->template);
	row->template = g_strdup(template);
	if (row->state == OUT_PROTECTED)
		out_event(hub, row, OUT_EVENT_LATE, "says that it leaves late");
	else
		out_journal(hub, row, "mail-late", "says that it leaves late");
}

/* ---- budgets (submission.per_minute, per_day) ------------------------------ */

static guint
under_way(const struct hub *hub)
{
	guint n = 0;

	for (guint i = 0; i < hub->out_jobs->len; i++)
		n += ((const struct out_job *)hub->out_jobs->pdata[i])->step == STEP_SEND;
	return n;
}

/* Is there room within this window for one more?  most 0: no bound. */
static bool
has_budget(struct hub *hub, gint64 window, guint64 most)
{
	return most == 0 ||
		outgoing_sent_since(hub->store, hub->now - window, hub->now) +
		under_way(hub) < most;
}

/* Receipts leave part of the day to what has a deadline: a flood of reports must not use it up. */
static guint64
day_budget(const struct hub *hub, const struct outgoing *row)
{
	guint64 most = (guint64)options_int(hub->options, "submission.per_day");

	return template_is_receipt(row->template) ? (most * RECEIPTS_SHARE + 99) / 100 : most;
}

/* False: its time is put off, and no attempt is counted. */
static bool
budget_allows(struct hub *hub, struct outgoing *row)
{
	guint64 minute = (guint64)options_int(hub->options, "submission.per_minute");
	g_autoptr(GError) error = NULL;
	gint64 wait = 0;

	if (!has_budget(hub, DAY, day_budget(hub, row)))
		wait = MINUTE;
	else if (!has_budget(hub, MINUTE, minute))
		wait = MINUTE / 20;
	if (wait == 0)
		return true;
	row->next_try = hub->now + wait;
	hub_must(outgoing_put(hub->store, row, &error), &error, "outgoing");
	return false;
}

/* What the last one says tells whether the next one may try, too: rows of one turn all saw the way
 * open. */
static bool
may_send(const struct hub *hub)
{
	return !waiting_rests(hub) && (!waiting_probes(hub) || under_way(hub) == 0);
}

/* True: the row was taken. */
static bool
row_try(struct hub *hub, struct outgoing *row)
{
	struct link *submit = may_send(hub) ? hub_worker(hub, ROLE_SUBMIT, 0, SENDS) : NULL;

	if (row->received >= 0)
		late_check(hub, row);
	if (!gate_allows(hub, row))
		return false;
	if (row->state == OUT_PLANNED && child_possible(hub)) {
		out_event(hub, row, OUT_EVENT_START, NULL);
		compose_begin(hub, job_add(hub, row, STEP_COMPOSE));
		return true;
	}
	if (row->state == OUT_PROTECTED && !budget_allows(hub, row))
		return false;
	if (row->state == OUT_PROTECTED && submit != NULL) {
		send_begin(hub, row, submit);
		return true;
	}
	hub->out_blocked = true;
	return false;
}

/* A stop does not wait for a keys process that is not there. */
static void
drop_waiting(struct hub *hub)
{
	struct out_job *job;

	while ((job = job_at(hub, STEP_WAIT_KEYS, 0)) != NULL) {
		out_event(hub, job->row, OUT_EVENT_REFUND, NULL);
		out_job_drop(hub, job);
	}
}

static void
rows_try(struct hub *hub)
{
	g_autoptr(GPtrArray) rows = waiting_due(hub);

	for (guint i = 0; i < rows->len; i++) {
		if (hub->out_jobs->len >= JOBS_MAX) {
			hub->out_blocked = true;
			break;
		}
		if (!row_try(hub, rows->pdata[i]))
			continue;
		rows->pdata[i] = NULL;
		hub->newest_out = !hub->newest_out;
	}
}

void
outbox_work(struct hub *hub)
{
	struct out_job *waiting;
	struct link *keys;

	hub->out_blocked = false;
	while ((waiting = job_at(hub, STEP_WAIT_KEYS, 0)) != NULL &&
	    (keys = hub_idle_keys(hub)) != NULL)
		protect_ask(hub, waiting, keys);
	if (hub->stopping) {
		drop_waiting(hub);
	} else {
		waiting_work(hub);
		rows_try(hub);
	}
	waiting_held(hub);
}

void
outbox_gone(struct hub *hub, enum role role, guint index, enum death death, const char *cause)
{
	enum out_step step = role == ROLE_KEYS ? STEP_SIGN : STEP_SEND;
	struct out_job *job;

	while ((job = job_at(hub, step, index)) != NULL) {
		if (!job->stale)
			out_ended(hub, job->row, death, cause);
		out_job_drop(hub, job);
	}
}

void
outbox_recover(struct hub *hub, enum death death)
{
	g_autoptr(GPtrArray) rows = outgoing_in_attempt(hub->store);

	for (guint i = 0; i < rows->len; i++)
		out_ended(hub, rows->pdata[i], death == DEATH_COUNTED ? DEATH_UNEXPLAINED : death,
			"the hub ended meanwhile");
}

void
outbox_refund(struct hub *hub)
{
	for (guint i = 0; i < hub->out_jobs->len; i++) {
		struct out_job *job = hub->out_jobs->pdata[i];

		if (!job->stale)
			out_event(hub, job->row, OUT_EVENT_REFUND, NULL);
		job->stale = true;
	}
}

/* `ungcuuctl hold retry ID` for an outgoing mail; NULL: no such mail. */
char *
outbox_retry(struct hub *hub, const char *id_text_given, int *exit_code)
{
	struct outgoing *row;
	struct id id;
	char *json;

	if (!id_parse(id_text_given, &id) || (row = outgoing_get(hub->store, id)) == NULL)
		return NULL;
	if (row->state != OUT_HELD) {
		*exit_code = EX_DATAERR;
		json = control_refusal(id_text_given, "it is not held");
	} else {
		out_event(hub, row, OUT_EVENT_RETRY, "retried by hand");
		json = control_retried(id_text_given);
	}
	outgoing_free(row);
	return json;
}
