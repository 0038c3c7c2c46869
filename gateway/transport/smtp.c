/* SPDX-License-Identifier: ISC
 *
 * smtp: finished mails to one submission server, many over one connection, by libetpan's mail
 * transaction.  NEVER is only what the server says of a recipient or a text; whatever else fails
 * is LATER, the end of a connection behind the final dot included: sent twice with one
 * Message-ID, never zero times.  Refuses what would not arrive as it is: its signature would be
 * broken.
 */
#include "transport/smtp.h"
#include "transport/smtp-session.h"

#include <string.h>
#include <syslog.h>

#define BYTES_SECOND	65536	/* a second of patience more for so many bytes of a mail */
#define SECONDS_IDLE	60	/* a connection unused so long is not used again */
#define SECONDS_REST	5	/* after a server that could not be reached, or stalled */
#define STALL		10	/* as much as the tenth part of all patience */
#define MAILS_MAX	500	/* over one connection */
#define ADDRESS_MAX	254	/* RFC 5321 §4.5.3.1.3, without < > */
#define TEXT_LINE	998	/* RFC 5321 §4.5.3.1.6, without CRLF */
#define COMMAND_LINE	1010	/* RFC 3461 §4: RCPT with its parameters, without CRLF */

struct smtp {
	struct session session;
	guint patience;			/* s, for one mail, a new connection included */
	guint mails;			/* over this connection */
	gint64 used;			/* us */
	gint64 rest;			/* nothing is tried before that, us */
	char *rest_why, *logged;
	enum scope scope;		/* of the last LATER */
};

static gint64
now_us(void)
{
	return g_get_monotonic_time();
}

/* ---- the connection ---------------------------------------------------------------------- */

/* Is the connection of the last mail still good for another? */
static bool
is_usable(struct smtp *smtp)
{
	struct session *session = &smtp->session;

	if (!session->stream || session->is_lost || smtp->mails >= MAILS_MAX ||
	    now_us() - smtp->used > SECONDS_IDLE * G_USEC_PER_SEC)
		return false;
	return session_say(session, SMTP_RESET, 250, "RSET", NULL) == DONE;
}

static enum outcome
connect_anew(struct smtp *smtp, GError **error)
{
	enum outcome how;

	session_drop(&smtp->session);
	smtp->mails = 0;
	smtp->session.code = 0;
	how = session_reach(&smtp->session, error);
	return how == DONE ? session_login(&smtp->session, error) : how;
}

/* A token that was refused may have expired: another one is tried, once. */
static enum outcome
get_ready(struct smtp *smtp, GError **error)
{
	g_autoptr(GError) why = NULL;
	enum outcome how;

	if (is_usable(smtp))
		return DONE;
	how = connect_anew(smtp, &why);
	if (how != DONE && smtp->session.token_refused)
		return connect_anew(smtp, error);
	if (why)
		g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

struct smtp *
smtp_new(const struct server_settings *settings, guint patience)
{
	struct smtp *smtp = g_new0(struct smtp, 1);

	smtp->session.settings = settings;
	smtp->patience = patience;
	return smtp;
}

void
smtp_free(struct smtp *smtp)
{
	if (!smtp)
		return;
	session_drop(&smtp->session);
	g_free(smtp->rest_why);
	g_free(smtp->logged);
	g_free(smtp);
}

/* ---- what is not sent ----------------------------------------------------------------------- */

/* RFC 6531: nothing of ours is written for it, whatever the server offers. */
static bool
needs_utf8(const char *address)
{
	for (const char *p = address; *p; p++)
		if ((guchar) *p >= 0x80)
			return true;
	return false;
}

/* Other than a plain mailbox in printable ASCII would end up as something else in the command. */
static bool
is_address(const char *address)
{
	const char *at = strrchr(address, '@');

	if (!at || at == address || !at[1] || strlen(address) > ADDRESS_MAX)
		return false;
	for (const char *p = address; *p; p++)
		if (!g_ascii_isgraph(*p) || *p == '<' || *p == '>')
			return false;
	return true;
}

/* NULL: goes over the wire as it is, and no relay has a reason to change it. */
static const char *
wire_fault(const guint8 *data, gsize size)
{
	gsize line = 0;

	for (gsize i = 0; i < size; i++) {
		bool is_end = data[i] == '\r' && i + 1 < size && data[i + 1] == '\n';

		if (data[i] == '\0' || data[i] >= 0x80)
			return "it is not 7-bit";
		if (!is_end && (data[i] == '\r' || data[i] == '\n'))
			return "it has a bare CR or LF";
		line = is_end ? 0 : line + 1;
		i += is_end;
		if (line > TEXT_LINE)
			return "it has a line of more than 998 characters";
	}
	return NULL;
}

static enum outcome
refuse(const struct parcel *parcel, GBytes *mail, GError **error)
{
	gsize size;
	const guint8 *data = g_bytes_get_data(mail, &size);
	const char *fault = wire_fault(data, size);

	if (needs_utf8(parcel->to))
		return fail(error, NEVER, "the recipient's address is internationalised "
			"(SMTPUTF8, RFC 6531), which is not built in: another address is needed");
	if (!is_address(parcel->to))
		return fail(error, NEVER, "the recipient's address cannot be used with SMTP");
	if (*parcel->from && !is_address(parcel->from))
		return fail(error, LATER, "submission.envelope cannot be used with SMTP");
	if (fault)
		return fail(error, NEVER, "this mail cannot go through SMTP unchanged: %s", fault);
	return DONE;
}

/* ---- one mail ------------------------------------------------------------------------------ */

/* RFC 3461 §4.4, §4.3: the outgoing id comes back in a bounce, and the header is enough of the
 * mail. */
static char *
mail_line(const struct session *session, const struct parcel *parcel, gsize size)
{
	g_autoptr(GString) line = g_string_new(NULL);

	g_string_printf(line, "MAIL FROM:<%s>", parcel->from);
	if (session->smtp->esmtp & MAILSMTP_ESMTP_DSN)
		g_string_append_printf(line, " RET=HDRS ENVID=%s", parcel->name);
	if (session->smtp->esmtp & MAILSMTP_ESMTP_SIZE)
		g_string_append_printf(line, " SIZE=%" G_GSIZE_FORMAT, size);
	return g_string_free(g_steal_pointer(&line), FALSE);
}

/* xtext (RFC 3461 §4) of an address that is_address(). */
static char *
xtext(const char *address)
{
	GString *out = g_string_new(NULL);

	for (const char *p = address; *p; p++)
		if (*p == '+' || *p == '=')
			g_string_append_printf(out, "+%02X", (guint) (guchar) *p);
		else
			g_string_append_c(out, *p);
	return g_string_free(out, FALSE);
}

/* Whatever became of it, but for success, is to be told; the original recipient is ours, wherever
 * it was forwarded to (RFC 3461 §4.1, §4.2). */
static char *
rcpt_line(const struct session *session, const struct parcel *parcel)
{
	g_autofree char *plain = g_strdup_printf("RCPT TO:<%s>", parcel->to);
	g_autofree char *original = xtext(parcel->to);
	g_autofree char *whole = g_strdup_printf("%s NOTIFY=FAILURE,DELAY ORCPT=rfc822;%s", plain,
		original);
	bool has_dsn = (session->smtp->esmtp & MAILSMTP_ESMTP_DSN) != 0;

	return has_dsn && strlen(whole) <= COMMAND_LINE ? g_steal_pointer(&whole) :
		g_steal_pointer(&plain);
}

/* A refusal of our sender is no mail's fault, and the reason says what mends it. */
static enum outcome
say_hint(const struct session *session, const struct parcel *parcel, enum outcome how,
	GError **error)
{
	if (how == LATER && session->blames_sender)
		g_prefix_error(error, *parcel->from ? "the envelope sender is refused, correct "
			"submission.envelope: " : "the empty envelope sender is refused, set "
			"submission.null_sender = false and submission.envelope: ");
	return how;
}

static enum outcome
transact(struct session *session, const struct parcel *parcel, GBytes *mail, GError **error)
{
	gsize size;
	const char *data = g_bytes_get_data(mail, &size);
	g_autofree char *sender = mail_line(session, parcel, size);
	g_autofree char *recipient = rcpt_line(session, parcel);
	enum outcome how;

	if (session->size && size > session->size)
		return fail(error, NEVER, "message size: %" G_GSIZE_FORMAT " bytes, the server "
			"takes %" G_GUINT64_FORMAT, size, session->size);
	FAULT("smtp.begin");
	how = session_say(session, SMTP_SENDER, 250, sender, error);
	if (how == DONE)
		how = session_say(session, SMTP_RECIPIENT, 250, recipient, error);
	if (how == DONE)
		how = session_say(session, SMTP_DATA, 354, "DATA", error);
	FAULT("smtp.text.before");
	if (how == DONE)
		how = session_say_text(session, data, size, error);
	FAULT("smtp.text.after");
	return say_hint(session, parcel, how, error);
}

/* The server does not want us, or cannot be reached: said once, until the reason changes. */
static void
complain(struct smtp *smtp, const char *why)
{
	g_autofree char *quoted = log_quote(why);

	if (g_strcmp0(smtp->logged, why) == 0)
		return;
	g_free(smtp->logged);
	smtp->logged = g_strdup(why);
	log_event(LOG_ERR, "submission-failed", "code=%u why=%s", smtp->session.code, quoted);
}

/* Mails that wait behind this one are not each to wait as long, or to log in as often. */
static void
rest(struct smtp *smtp, const char *why)
{
	smtp->rest = now_us() + SECONDS_REST * G_USEC_PER_SEC;
	g_free(smtp->rest_why);
	smtp->rest_why = g_strdup(why);
}

/* The server takes nothing from us now: whatever the reason, it is not this mail's. */
static enum outcome
not_ready(struct smtp *smtp, const char *why)
{
	smtp->session.is_lost = true;
	smtp->scope = SCOPE_UNTRIED;
	rest(smtp, why);
	complain(smtp, why);
	return LATER;
}

static enum outcome
hand_over(struct smtp *smtp, const struct parcel *parcel, GBytes *mail, GError **error)
{
	gint64 began = now_us();
	g_autoptr(GError) why = NULL;
	enum outcome how;

	smtp->session.code = 0;
	how = transact(&smtp->session, parcel, mail, &why);
	smtp->scope = smtp->session.scope;
	smtp->mails++;
	smtp->used = now_us();
	if (smtp->session.is_lost && smtp->used - began >=
	    (gint64) smtp->patience * (G_USEC_PER_SEC / STALL))
		rest(smtp, why->message);
	if (how == LATER && smtp->session.code >= 500)
		complain(smtp, why->message);
	if (how == DONE)
		g_clear_pointer(&smtp->logged, g_free);
	else
		g_propagate_error(error, g_steal_pointer(&why));
	return how;
}

enum outcome
smtp_send(struct smtp *smtp, const struct parcel *parcel, GBytes *mail, guint *code, GError **error)
{
	gint64 began = now_us();
	gint64 seconds = smtp->patience + (gint64) (g_bytes_get_size(mail) / BYTES_SECOND);
	g_autoptr(GError) why = NULL;
	enum outcome how = refuse(parcel, mail, error);

	*code = 0;
	smtp->scope = SCOPE_UNTRIED;
	if (how != DONE)
		return how;
	if (began < smtp->rest)
		return fail(error, LATER, "%s", smtp->rest_why);
	smtp->session.deadline = began + seconds * G_USEC_PER_SEC;
	if (get_ready(smtp, &why) == DONE)
		how = hand_over(smtp, parcel, mail, &why);
	else
		how = not_ready(smtp, why->message);
	*code = smtp->session.code;
	if (smtp->session.is_lost)
		session_drop(&smtp->session);
	return how == DONE ? DONE : fail(error, how, "%s", why->message);
}

enum scope
smtp_scope(const struct smtp *smtp)
{
	return smtp->scope;
}

/* ---- check ----------------------------------------------------------------------------------- */

static void
check_size(const struct session *session, GPtrArray *lines)
{
	if (session->size)
		g_ptr_array_add(lines, g_strdup_printf("ok: submission: takes mails of up to %"
			G_GUINT64_FORMAT " bytes", session->size));
	else
		g_ptr_array_add(lines, g_strdup("warn: submission: the server does not say how "
			"large a mail may be: one too large is refused only when it is sent"));
}

static void
check_login(struct session *session, GPtrArray *lines, GError **error)
{
	if (session_login(session, error) != DONE)
		return;
	g_ptr_array_add(lines, session->login ?
		g_strdup_printf("ok: submission: logged in, %s", session->login) :
		g_strdup("warn: submission: no user, no login: the server must trust this "
			"machine: set submission.user if it does not"));
}

void
smtp_check(const struct server_settings *settings, guint patience, GPtrArray *lines)
{
	struct session session = { .settings = settings };
	g_autoptr(GError) error = NULL;

	session.deadline = now_us() + (gint64) patience * G_USEC_PER_SEC;
	if (session_reach(&session, &error) == DONE) {
		g_autofree char *tls = stream_describe(session.stream);

		g_ptr_array_add(lines, g_strdup_printf("ok: submission: %s", tls));
		check_size(&session, lines);
		check_login(&session, lines, &error);
	}
	if (error)
		g_ptr_array_add(lines, g_strdup_printf("fail: submission: %s: correct the settings "
			"of submission, or ask whoever runs the server", error->message));
	session_drop(&session);
}
