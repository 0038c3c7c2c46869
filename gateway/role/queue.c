/* SPDX-License-Identifier: ISC
 *
 * queue: what a person says about one outgoing mail over the control socket: again, or never.
 * Refuses to touch a mail whose attempt is under way, or one that has left.
 */
#include "role/outbox.h"

#include <string.h>
#include <sysexits.h>
#include <syslog.h>

/* The job of this row, or NULL. */
static struct out_job *
job_of(struct hub *hub, struct id id)
{
	for (guint i = 0; i < hub->out_jobs->len; i++) {
		struct out_job *job = hub->out_jobs->pdata[i];

		if (!job->stale && id_equal(job->row->id, id))
			return job;
	}
	return NULL;
}

/* NULL: it may be cancelled now. */
static const char *
cancel_refusal(struct hub *hub, const struct outgoing *row, int *exit_code)
{
	struct out_job *job = job_of(hub, row->id);

	*exit_code = EX_DATAERR;
	if (row->state == OUT_SENT)
		return "it was sent";
	if (row->state == OUT_CANCELLED)
		return "it was cancelled already";
	*exit_code = EX_TEMPFAIL;
	if (row->in_attempt && (job == NULL || job->step == STEP_SEND))
		return "it is on its way to the server: try again";
	*exit_code = EX_OK;
	if (job == NULL)
		return NULL;
	/* What is being made of it goes nowhere. */
	if (job->step == STEP_WAIT_KEYS)
		out_job_drop(hub, job);
	else
		job->stale = true;
	return NULL;
}

static char *
cancel(struct hub *hub, struct outgoing *row, const char *name, int *exit_code)
{
	const char *why = cancel_refusal(hub, row, exit_code);

	if (why != NULL)
		return control_refusal(name, why);
	out_event(hub, row, OUT_EVENT_CANCEL, "cancelled by hand");
	return g_strdup_printf("{\"version\":1,\"cancelled\":\"%s\"}", name);
}

/* A mail that only waits is tried now. */
static void
hasten(struct hub *hub, struct outgoing *row)
{
	g_autoptr(GError) error = NULL;

	row->next_try = row->since = hub->now;
	hub_must(outgoing_put(hub->store, row, &error), &error, "outgoing");
	waiting_anew(hub);
	hub_journal(hub, row->ticket, row->mail, "mail-retry", "hastened by hand");
}

static char *
retry(struct hub *hub, struct outgoing *row, const char *name, int *exit_code)
{
	const char *why = NULL;

	if (row->state == OUT_SENT)
		why = "it was sent";
	else if (row->state == OUT_CANCELLED)
		why = "it was cancelled";
	else if (row->in_attempt)
		why = "it is being tried";
	else if (row->state == OUT_PLANNED && row->attempts == 0)
		why = "it was not tried yet";		/* T03 keeps its time */
	if (why != NULL) {
		*exit_code = row->in_attempt ? EX_TEMPFAIL : EX_DATAERR;
		return control_refusal(name, why);
	}
	if (row->state == OUT_HELD)
		out_event(hub, row, OUT_EVENT_RETRY, "retried by hand");
	else
		hasten(hub, row);
	return control_retried(name);
}

static const struct {
	const char *verb;
	char *(*run)(struct hub *, struct outgoing *, const char *name, int *exit_code);
} verbs[] = {
	{ "retry", retry }, { "cancel", cancel },
};

char *
queue_request(struct hub *hub, const char *const *words, int *exit_code)
{
	struct outgoing *row = NULL;
	char *json = NULL;
	struct id id;

	if (id_parse(words[2], &id))
		row = outgoing_get(hub->store, id);
	for (guint i = 0; i < G_N_ELEMENTS(verbs) && row != NULL; i++)
		if (strcmp(words[1], verbs[i].verb) == 0)
			json = verbs[i].run(hub, row, words[2], exit_code);
	if (json == NULL) {
		*exit_code = EX_DATAERR;
		json = control_refusal("queue", "no such outgoing mail");
	}
	outgoing_free(row);
	return json;
}
