/* SPDX-License-Identifier: ISC
 *
 * composing: from a planned answer to the entity that keys will protect.  Here, and nowhere else,
 * an outgoing mail gets its protection: desk's policy says which, the directory says to which
 * key. Refuses to render anything else than what the policy allows for that mail.
 */
#include "role/outbox.h"

#include <string.h>
#include <unistd.h>

static char *
date_field(gint64 now)
{
	g_autoptr(GTimeZone) zone = g_time_zone_new_offset(7 * 3600);
	g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(now / 1000);
	g_autoptr(GDateTime) local = g_date_time_to_timezone(utc, zone);

	return g_date_time_format(local, "%a, %d %b %Y %H:%M:%S +0700");	/* locale C */
}

static void
field_add(GVariantBuilder *fields, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		g_variant_builder_add(fields, "(ss)", name, value);
}

/* The outer header of every automatic mail (RFC 3834 §5, RFC 5322 §3.6.4). */
static GVariant *
compose_fields(struct hub *hub, const struct outgoing *row, const char *subject, const char *code)
{
	g_autofree char *date = date_field(hub->now);
	g_autofree char *message_id = g_strdup_printf("<%s>", row->message_id);
	g_autofree char *id = id_text(row->id);
	g_autofree char *parent = row->in_reply_to == NULL || *row->in_reply_to == '\0' ? NULL :
		g_strdup_printf("<%s>", row->in_reply_to);
	g_autofree char *reply_to = code != NULL ? reply_address_make(hub->site, code) : NULL;
	const char *certificate = options_text(hub->options, "hotline.autocrypt");
	/* A certificate past the field's limit must not fill the frame either. */
	bool has_key = certificate != NULL && *certificate != '\0' &&
		strlen(certificate) < LIMIT_AUTOCRYPT;
	g_autofree char *autocrypt = has_key ? g_strdup_printf("addr=%s; keydata=%s",
		hub->site->address, certificate) : NULL;
	GVariantBuilder fields;

	g_variant_builder_init(&fields, G_VARIANT_TYPE("a(ss)"));
	field_add(&fields, "Date", date);
	field_add(&fields, "Subject", subject);
	field_add(&fields, "Message-ID", message_id);
	field_add(&fields, "In-Reply-To", parent);
	field_add(&fields, "References", parent);
	field_add(&fields, "Reply-To", reply_to);
	field_add(&fields, "Auto-Submitted", id_is_null(row->mail) ? "auto-generated" :
		"auto-replied");
	field_add(&fields, "X-Auto-Response-Suppress", "All");
	field_add(&fields, "X-Ungcuu-Loop", hub->site->address);
	field_add(&fields, "X-Ungcuu-Id", id);		/* names this mail in a bounce */
	field_add(&fields, "Autocrypt", autocrypt);
	return g_variant_builder_end(&fields);
}

struct rendered { char *subject, *outer_subject, *body; };

static void
rendered_clear(struct rendered *rendered)
{
	g_free(rendered->subject);
	g_free(rendered->outer_subject);
	g_free(rendered->body);
}
typedef struct rendered rendered_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(rendered_auto, rendered_clear)

/* Nobody may take mail of a drill for the real thing, not even in a list of subjects. */
static void
drill_mark(char **subject)
{
	char *marked = g_strconcat("[DIỄN TẬP / DRILL] ", *subject, NULL);

	g_free(*subject);
	*subject = marked;
}

static enum outcome
render(struct hub *hub, const struct outgoing *row, const char *template, const char *code,
	struct rendered *out, GError **error)
{
	struct ticket *ticket = ticket_get(hub->store, row->ticket);
	const char *number = ticket != NULL ? ticket->number : NULL;
	g_autoptr(GPtrArray) values = values_from_text(row->values);
	g_autoptr(GPtrArray) common = NULL;
	enum outcome outcome;

	if (ticket == NULL && !id_is_null(row->ticket))
		return fail(error, NEVER, "outbox: its ticket is not there");
	common = values_common(hub->site, number, code,
		ticket != NULL ? ticket->receipt_code : NULL, hub->now);
	g_ptr_array_extend_and_steal(common, g_steal_pointer(&values));
	outcome = mail_render(hub->site, template, row->language, common, &out->subject, &out->body,
		error);
	out->outer_subject = outer_subject_make(number, template);
	if (row->drill && outcome == DONE) {
		drill_mark(&out->subject);
		drill_mark(&out->outer_subject);
	}
	ticket_free(ticket);
	return outcome;
}

static void
composed(struct hub *hub, void *data, enum child_end end, enum outcome outcome, const char *why)
{
	struct out_job *job = data;

	if (job->stale)
		;
	else if (end == CHILD_ANSWERED && outcome == DONE) {
		job->step = STEP_WAIT_KEYS;
		hub->again = true;
		return;
	} else if (end == CHILD_ANSWERED && outcome == NEVER)
		out_event(hub, job->row, OUT_EVENT_REFUSED, why);
	else if (end == CHILD_ANSWERED || end == CHILD_UNAVAILABLE)
		out_event(hub, job->row, OUT_EVENT_LATER, why);
	else
		out_ended(hub, job->row, end == CHILD_DIED ? DEATH_COUNTED : DEATH_UNEXPLAINED,
			why);
	out_job_drop(hub, job);
}

static int
memfd_from_text(const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	return memfd_from_bytes(bytes);
}

/* What was true of the mail this one answers; the safest where it cannot be told. */
static enum encryption
answered_encryption(struct hub *hub, const struct outgoing *row)
{
	struct verdict verdict = { 0 };
	enum encryption word = ENCRYPTION_DECRYPTED;
	g_autoptr(letter_auto) letter = NULL;

	if (id_is_null(row->mail))
		return ENCRYPTION_NONE;
	letter = mail_letter(hub->store, row->mail, &verdict, NULL);
	if (letter != NULL)
		word = verdict.encryption;
	verdict_clear(&verdict);
	return word;
}

/* Signed, encrypted or without content: the policy's word on this mail; the template it leaves
 * with. */
static const char *
protection_choose(struct hub *hub, struct out_job *job)
{
	const char *template = job->row->template;
	struct recipient *recipient = directory_recipient(hub, job->row->recipient);
	enum protection_word word = policy_choose(template, answered_encryption(hub, job->row),
		recipient != NULL, &template, &job->why);

	job->is_private = word != PROTECTION_SIGNED && hub->site->languages != NULL;
	if (word == PROTECTION_ENCRYPTED)
		job->recipient = g_steal_pointer(&recipient);
	recipient_free(recipient);
	return template;
}

static void
compose_ask(struct hub *hub, struct out_job *job, const struct rendered *text, const char *code)
{
	const struct outgoing *row = job->row;
	g_autofree char *boundary = random_code(26);
	/* The sender's language is content where the mail it answers was encrypted. */
	const char *language = job->is_private ? hub->site->languages[0] : row->language;
	const char *name = g_strcmp0(language, "en") == 0 ? hub->site->name_en : hub->site->name_vi;
	GVariantBuilder parts;

	job->entity = memfd_new("entity");
	job->header = memfd_new("header");
	g_variant_builder_init(&parts, G_VARIANT_TYPE("a(sst)"));
	g_variant_builder_add(&parts, "(sst)", "text/plain", "", (guint64)strlen(text->body));
	child_start(hub, &(struct child_request){
		.verb = VERB_COMPOSE,
		.body = g_variant_new("(ss@a(ss)sssa(sst))", boundary,
			job->recipient != NULL ? text->outer_subject : "",
			compose_fields(hub, row, text->subject, code), name, hub->site->address,
			row->recipient, &parts),
		.fds = { memfd_from_text(text->body), memfd_dup(job->entity),
			memfd_dup(job->header) },
		.n_fds = 3, .results = { job->entity, job->header },
		.done = composed, .data = job,
	});
}

void
compose_begin(struct hub *hub, struct out_job *job)
{
	struct outgoing *row = job->row;
	g_auto(rendered_auto) text = { 0 };
	g_autofree char *code = NULL;
	g_autoptr(GError) error = NULL;
	const char *template;

	template = protection_choose(hub, job);
	if (!id_is_null(row->ticket))
		code = thread_code(hub->store, row->ticket, row->recipient, &error);
	if (error != NULL || render(hub, row, template, code, &text, &error) != DONE) {
		out_event(hub, row, OUT_EVENT_REFUSED, error->message);
		out_job_drop(hub, job);
		return;
	}
	if (strcmp(template, row->template) != 0) {
		g_free(row->template);
		row->template = g_strdup(template);
	}
	compose_ask(hub, job, &text, code);
}
