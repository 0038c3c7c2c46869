/* SPDX-License-Identifier: ISC
 *
 * smtp-session: mail submission (RFC 6409) over stream.c, as far as the login.  EHLO and AUTH
 * are spoken here: libetpan's reader of EHLO never ends on a tab in the AUTH line, and its login
 * loads plug-ins and cuts lines.  The command that failed decides whose fault it is.  Refuses a
 * password without TLS, and a server that does not offer the TLS it should.
 */
#include "transport/smtp-session.h"
#include "transport/sasl.h"

#include <arpa/inet.h>
#include <libetpan/mailstream_helper.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_TLS	465
#define PORT_CLEAR	587
#define SECONDS_COMMAND	300	/* RFC 5321 §4.5.3.2 */
#define SECONDS_RESET	20	/* is the connection still there? */
#define SECONDS_QUIT	5
#define REPLY_BYTES	65536	/* all lines of one reply */
#define REPLY_SHOWN	200	/* characters of it that go into a reason */

/* ---- stages: whose fault is a refusal? --------------------------------------------------- */

static const struct { const char *name; bool is_mails; guint seconds; } stages[] = {
	/*                   in a reason       5xx: this mail's own  at most */
	[SMTP_GREETING]  = { "greeting",       false, SECONDS_COMMAND },
	[SMTP_EHLO]      = { "EHLO",           false, SECONDS_COMMAND },
	[SMTP_TLS]       = { "STARTTLS",       false, SECONDS_COMMAND },
	[SMTP_AUTH]      = { "login",          false, SECONDS_COMMAND },
	[SMTP_RESET]     = { "RSET",           false, SECONDS_RESET },
	[SMTP_SENDER]    = { "MAIL",           false, SECONDS_COMMAND },
	[SMTP_RECIPIENT] = { "RCPT",           true,  SECONDS_COMMAND },
	[SMTP_DATA]      = { "DATA",           true,  SECONDS_COMMAND },
	[SMTP_TEXT]      = { "end of data",    true,  G_MAXINT32 },
};

/* Whom a refusal is about: this mail, us, or us by our envelope sender. */
enum blame { MAIL, US, SENDER };

/* Codes and enhanced status codes (RFC 3463, RFC 5248) that speak for themselves whatever command
 * they answer: Postfix, and not only it, keeps what it has against login and sender until RCPT. */
static const struct { int code; const char *status, *words; enum blame blame; } exceptions[] = {
	/* code or 0, status or NULL, words in it or NULL */
	{ 552, NULL,     NULL, MAIL },	/* size: known with MAIL already */
	{ 0,   "5.3.4",  NULL, MAIL },
	{ 503, NULL,     NULL, US },	/* out of sequence */
	{ 530, NULL,     NULL, US },	/* login or TLS wanted */
	{ 534, NULL,     NULL, US },
	{ 535, NULL,     NULL, US },
	{ 538, NULL,     NULL, US },
	{ 553, "5.7.1",  NULL, SENDER },	/* our sender address: not ours, bad */
	{ 555, NULL,     NULL, US },	/* parameters it had offered (RFC 5321 §4.1.1.11) */
	{ 0,   "5.1.7",  NULL, SENDER },
	{ 0,   "5.1.8",  NULL, SENDER },
	{ 0,   NULL, "sender address rejected", SENDER },
	{ 0,   "5.4.5",  NULL, US },	/* our daily limit */
	{ 0,   "5.7.8",  NULL, US },	/* login, encryption */
	{ 0,   "5.7.9",  NULL, US },
	{ 0,   "5.7.11", NULL, US },
	{ 0,   "5.7.60", NULL, SENDER },	/* may not send as this sender */
};

/* Of a 4xx to a recipient or a text: says that the next mail would hear the same.  Greylisting is
 * about one recipient, and often dressed as a matter of policy. */
static const char *const for_one[] = { "greylist", "graylist", "grey-list", "gray-list" };
static const char *const status_for_all[] = { "4.3.", "4.7.", "4.4.5", "4.5.3" };
static const char *const words_for_all[] = { "too many", "rate limit", "throttl", "slow down" };

static bool
has_status(const char *reply, const char *status)
{
	gsize n = strlen(status);

	return strncmp(reply, status, n) == 0 && !g_ascii_isdigit(reply[n]);
}

/* "Relay access denied" and its like, where a login was to be had and we have none. */
static bool
wants_login(const struct session *session, const char *reply)
{
	bool offers = false;

	for (guint i = 0; i < SMTP_MECHANISMS; i++)
		offers |= session->offers[i];
	return offers && !session->login && g_str_has_prefix(reply, "5.7.");
}

static bool
holds_any(const char *folded, const char *const *words, guint n)
{
	for (guint i = 0; i < n; i++)
		if (strstr(folded, words[i]))
			return true;
	return false;
}

static enum blame
blame_of(const struct session *session, enum smtp_stage stage, const char *reply)
{
	g_autofree char *folded = g_ascii_strdown(reply, -1);
	int code = session->smtp->response_code;

	if (stage < SMTP_SENDER || wants_login(session, reply))
		return US;
	for (guint i = 0; i < G_N_ELEMENTS(exceptions); i++)
		if ((exceptions[i].code == 0 || exceptions[i].code == code) &&
		    (!exceptions[i].status || has_status(reply, exceptions[i].status)) &&
		    (!exceptions[i].words || strstr(folded, exceptions[i].words)))
			return exceptions[i].blame;
	return stages[stage].is_mails ? MAIL : SENDER;
}

/* A 4xx. */
static enum scope
scope_of(const struct session *session, enum smtp_stage stage, const char *reply)
{
	g_autofree char *folded = g_ascii_strdown(reply, -1);
	bool has_any = g_str_has_prefix(reply, "4.");

	if (stage <= SMTP_AUTH)
		return SCOPE_UNTRIED;
	if (session->smtp->response_code == 421 || stage <= SMTP_SENDER)
		return SCOPE_ALL;
	if (holds_any(folded, for_one, G_N_ELEMENTS(for_one)))
		return SCOPE_MAIL;
	for (guint i = 0; i < G_N_ELEMENTS(status_for_all); i++)
		if (g_str_has_prefix(reply, status_for_all[i]))
			return SCOPE_ALL;
	return !has_any && holds_any(folded, words_for_all, G_N_ELEMENTS(words_for_all)) ?
		SCOPE_ALL : SCOPE_MAIL;
}

/* ---- replies ------------------------------------------------------------------------------- */

/* One line, printable, bounded, without addresses: it goes into log and journal. */
static char *
reply_clean(const char *reply)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *start = g_strndup(reply, 2 * REPLY_SHOWN);
	g_auto(GStrv) words = g_strsplit_set(start, " \t\r\n<>()[]{},;:\"'", -1);

	for (char **word = words; *word && out->len < REPLY_SHOWN; word++) {
		if (!**word)
			continue;
		if (out->len)
			g_string_append_c(out, ' ');
		if (strchr(*word, '@')) {
			g_string_append(out, "(address)");
			continue;
		}
		for (const char *p = *word; *p; p++)
			g_string_append_c(out, g_ascii_isgraph(*p) ? *p : '?');
	}
	g_string_truncate(out, MIN(out->len, REPLY_SHOWN));
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* The reply to a command into the session, as libetpan leaves one there; code 0: it is none. */
static void
reply_read(mailsmtp *smtp)
{
	bool more = true;

	smtp->response_code = 0;
	mmap_string_assign(smtp->response_buffer, "");
	while (more) {
		const char *line = mailstream_read_line_remove_eol(smtp->stream,
			smtp->line_buffer);
		bool is_one = line && g_ascii_isdigit(line[0]) && g_ascii_isdigit(line[1]) &&
			g_ascii_isdigit(line[2]) && strchr(" -", line[3]);
		int code = is_one ? (int) g_ascii_strtoll(line, NULL, 10) : 0;

		if (!is_one || (smtp->response_code && code != smtp->response_code)) {
			smtp->response_code = 0;
			break;
		}
		smtp->response_code = code;
		more = line[3] == '-';
		mmap_string_append(smtp->response_buffer, line[3] ? line + 4 : "");
		mmap_string_append_c(smtp->response_buffer, '\n');
	}
	smtp->response = smtp->response_buffer->str;
}

/* A reply that refuses, 4xx or 5xx. */
static enum outcome
refusal(struct session *session, enum smtp_stage stage, const char *reply, GError **error)
{
	g_autofree char *text = reply_clean(reply);
	bool is_final = session->code >= 500;
	enum blame blame = blame_of(session, stage, reply);

	session->scope = is_final ? SCOPE_ALL : scope_of(session, stage, reply);
	if (is_final && blame == MAIL)
		session->scope = SCOPE_MAIL;
	session->blames_sender = is_final && blame == SENDER;
	return fail(error, is_final && blame == MAIL ? NEVER : LATER, "%s: %u %s",
		stages[stage].name, session->code, text);
}

static enum outcome
judge(struct session *session, enum smtp_stage stage, int good, GError **error)
{
	int got = session->smtp->response_code;
	const char *name = stages[stage].name;
	const char *reply = session->smtp->response ? session->smtp->response : "";

	session->code = got > 0 ? (guint) got : 0;
	session->is_lost = true;
	session->blames_sender = false;
	/* What ends the connection behind the final dot may be this very text. */
	session->scope = stage == SMTP_TEXT ? SCOPE_MAIL : SCOPE_ALL;
	if (stream_has_ended(session->stream) || got == 0)
		return stream_failed(session->stream, name, error);
	session->is_lost = got == 421;	/* RFC 5321 §3.8: it hangs up now */
	if (got == good || (stage == SMTP_RECIPIENT && got == 251))
		return DONE;
	session->is_lost |= got < 400 || got > 599;
	if (got < 400 || got > 599)
		return fail(error, LATER, "%s: %d is no answer to it", name, got);
	return refusal(session, stage, reply, error);
}

/* Before each command: at most so many seconds, and what is left of the deadline. */
static void
begin(struct session *session, enum smtp_stage stage)
{
	gint64 left = (session->deadline - g_get_monotonic_time()) / G_USEC_PER_SEC;

	session->smtp->response_code = 0;
	stream_begin(session->stream, (guint) CLAMP(left, 1, stages[stage].seconds), REPLY_BYTES);
}

enum outcome
session_say(struct session *session, enum smtp_stage stage, int good, const char *line,
	GError **error)
{
	mailstream *stream = session->smtp->stream;

	begin(session, stage);
	if (mailstream_write(stream, line, strlen(line)) >= 0 &&
	    mailstream_write(stream, "\r\n", 2) >= 0 && mailstream_flush(stream) >= 0)
		reply_read(session->smtp);
	return judge(session, stage, good, error);
}

enum outcome
session_say_text(struct session *session, const char *data, gsize size, GError **error)
{
	bool is_ended = size >= 2 && memcmp(data + size - 2, "\r\n", 2) == 0;

	begin(session, SMTP_TEXT);
	/* libetpan ends the last line itself */
	if (mailstream_send_data(session->smtp->stream, data, is_ended ? size - 2 : size, 0,
	    NULL) >= 0)
		reply_read(session->smtp);
	return judge(session, SMTP_TEXT, 250, error);
}

/* ---- EHLO ----------------------------------------------------------------------------------- */

static const char *const mechanisms[SMTP_MECHANISMS] = {
	[SMTP_OAUTHBEARER] = "OAUTHBEARER", [SMTP_XOAUTH2] = "XOAUTH2",
	[SMTP_SCRAM_SHA_256] = "SCRAM-SHA-256", [SMTP_PLAIN] = "PLAIN", [SMTP_LOGIN] = "LOGIN",
};
static const struct { const char *word; int flag; } extensions[] = {
	{ "STARTTLS", MAILSMTP_ESMTP_STARTTLS },
	{ "SIZE", MAILSMTP_ESMTP_SIZE },
	{ "DSN", MAILSMTP_ESMTP_DSN },
	{ "AUTH", 0 },
};

/* Our own address as the name (RFC 5321 §4.1.3): a submission server asks for no better. */
static char *
greeting_of(struct session *session)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof address;
	char text[INET6_ADDRSTRLEN] = "127.0.0.1";
	int fd = mailstream_low_get_fd(mailstream_get_low(session->smtp->stream));
	const void *four = &((const struct sockaddr_in *) (const void *) &address)->sin_addr;
	const void *six = &((const struct sockaddr_in6 *) (const void *) &address)->sin6_addr;
	bool is_six;

	if (getsockname(fd, (struct sockaddr *) &address, &size) != 0)
		address.ss_family = AF_UNSPEC;
	is_six = address.ss_family == AF_INET6;
	if (is_six || address.ss_family == AF_INET)
		inet_ntop(address.ss_family, is_six ? six : four, text, sizeof text);
	return g_strdup_printf("EHLO [%s%s]", is_six ? "IPv6:" : "", text);
}

static void
read_extension(struct session *session, char *const *words)
{
	for (guint i = 0; i < G_N_ELEMENTS(extensions); i++)
		if (g_ascii_strcasecmp(words[0], extensions[i].word) == 0)
			session->smtp->esmtp |= extensions[i].flag;
	if (g_ascii_strcasecmp(words[0], "SIZE") == 0 && words[1])
		g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXUINT64, &session->size, NULL);
	if (g_ascii_strcasecmp(words[0], "AUTH") != 0)
		return;
	for (char *const *word = words + 1; *word; word++)
		for (guint i = 0; i < SMTP_MECHANISMS; i++)
			session->offers[i] |= g_ascii_strcasecmp(*word, mechanisms[i]) == 0;
}

/* Everything a server said before is forgotten: in clear, anybody may have said it. */
static enum outcome
hello(struct session *session, GError **error)
{
	g_autofree char *line = greeting_of(session);
	enum outcome how = session_say(session, SMTP_EHLO, 250, line, error);

	session->smtp->esmtp = MAILSMTP_ESMTP;
	session->size = 0;
	session->login = NULL;
	memset(session->offers, 0, sizeof session->offers);
	if (how != DONE)
		return how;

	g_auto(GStrv) lines = g_strsplit(session->smtp->response, "\n", -1);

	/* the first is its name */
	for (char **at = lines + 1; lines[0] && *at; at++) {
		g_auto(GStrv) words = g_strsplit_set(*at, " \t=", -1);

		if (words[0])
			read_extension(session, words);
	}
	return DONE;
}

/* ---- login ----------------------------------------------------------------------------- */

/* Takes the secret; the line is wiped once it is said. */
static enum outcome
say_secret(struct session *session, int good, const char *verb, char *secret, GError **error)
{
	char *line = g_strconcat(verb, secret, NULL);
	enum outcome how = session_say(session, SMTP_AUTH, good, line, error);

	stream_wipe(session->stream);
	secret_free(line);
	secret_free(secret);
	return how;
}

static enum outcome
login_plain(struct session *session, GError **error)
{
	return say_secret(session, 235, "AUTH PLAIN ",
		sasl_plain(session->settings->user, session->settings->password), error);
}

static enum outcome
login_login(struct session *session, GError **error)
{
	enum outcome how = session_say(session, SMTP_AUTH, 334, "AUTH LOGIN", error);

	if (how == DONE)
		how = say_secret(session, 334, "", sasl_login(session->settings->user), error);
	if (how == DONE)
		how = say_secret(session, 235, "", sasl_login(session->settings->password), error);
	return how;
}

/* One line; the buffer holds its line end, too. */
static const char *
challenge_of(struct session *session)
{
	return g_strchomp(session->smtp->response_buffer->str);
}

static enum outcome
scram(struct session *session, struct scram *state, GError **error)
{
	enum outcome how = say_secret(session, 334, "AUTH SCRAM-SHA-256 ", scram_first(state),
		error);
	char *final = how == DONE ? scram_final(state, challenge_of(session), error) : NULL;

	if (!final)
		return LATER;
	how = say_secret(session, 334, "", final, error);
	if (how == DONE)
		how = scram_verify(state, challenge_of(session), error);
	return how == DONE ? session_say(session, SMTP_AUTH, 235, "", error) : how;
}

static enum outcome
login_scram(struct session *session, GError **error)
{
	struct scram *state = scram_new(session->settings->user, session->settings->password);
	enum outcome how = scram(session, state, error);

	scram_free(state);
	return how;
}

/* Takes the code.  Before it says no to a token, the server says why (334), and waits to be told to
 * go on. */
static enum outcome
login_token(struct session *session, const char *line, char *code, const char *on, GError **error)
{
	g_autofree char *status = NULL;
	g_autoptr(GError) why = NULL;
	enum outcome how = session_say(session, SMTP_AUTH, 334, line, &why);

	if (how == DONE) {
		how = say_secret(session, 235, "", code, &why);
		if (how != DONE && session->code == 334) {
			status = sasl_token_status(challenge_of(session));
			g_clear_error(&why);
			session->is_lost = false;
			how = session_say(session, SMTP_AUTH, 235, on, &why);
		}
	} else {
		secret_free(code);
	}
	/* Some servers call it a temporary failure that a token has expired. */
	session->token_refused = how != DONE && session->code >= 400;
	if (how != DONE)
		fail(error, how, "%s%s%s%s", why->message, status && *status ? " (" : "",
			status ? status : "", status && *status ? ")" : "");
	return how;
}

static enum outcome
login_oauthbearer(struct session *session, GError **error)
{
	const struct server_settings *settings = session->settings;
	guint port = strcmp(settings->tls, "implicit") == 0 ? PORT_TLS : PORT_CLEAR;

	return login_token(session, "AUTH OAUTHBEARER", sasl_oauthbearer(settings->user,
		settings->host, settings->port ? settings->port : port, session->token),
		SASL_OAUTHBEARER_GO_ON, error);
}

static enum outcome
login_xoauth2(struct session *session, GError **error)
{
	return login_token(session, "AUTH XOAUTH2", sasl_xoauth2(session->settings->user,
		session->token), SASL_XOAUTH2_GO_ON, error);
}

/* The best first; one only, so that nobody can talk us down to a worse one by refusing. */
static const struct {
	enum smtp_mechanism mechanism;
	bool by_token;
	bool tells_password;		/* or the token */
	enum outcome (*run)(struct session *, GError **);
} logins[] = {
	{ SMTP_OAUTHBEARER,   true,  true,  login_oauthbearer },
	{ SMTP_XOAUTH2,       true,  true,  login_xoauth2 },
	{ SMTP_SCRAM_SHA_256, false, false, login_scram },
	{ SMTP_PLAIN,         false, true,  login_plain },
	{ SMTP_LOGIN,         false, true,  login_login },
};

enum outcome
session_login(struct session *session, GError **error)
{
	if (!session->settings->user)
		return DONE;
	if (!session->settings->password && !session->token)
		return fail(error, LATER, "login: there is no password");
	for (guint i = 0; i < G_N_ELEMENTS(logins); i++) {
		if (!session->offers[logins[i].mechanism] ||
		    logins[i].by_token != (session->token != NULL))
			continue;
		if (logins[i].tells_password && !stream_is_tls(session->stream))
			continue;
		session->login = mechanisms[logins[i].mechanism];
		return logins[i].run(session, error);
	}
	return fail(error, LATER, "login: the server offers none of %s%s", session->token ?
		"OAUTHBEARER, XOAUTH2" : "SCRAM-SHA-256, PLAIN, LOGIN",
		stream_is_tls(session->stream) ? "" : " that keeps the secret from being read");
}

/* ---- the connection ---------------------------------------------------------------------- */

void
session_drop(struct session *session)
{
	if (session->smtp) {
		stream_begin(session->stream, SECONDS_QUIT, REPLY_BYTES);
		mailsmtp_free(session->smtp);	/* says QUIT */
	}
	stream_close(session->stream);
	session->smtp = NULL;
	session->stream = NULL;
}

static enum outcome
start_tls(struct session *session, GError **error)
{
	enum outcome how;

	if (!(session->smtp->esmtp & MAILSMTP_ESMTP_STARTTLS))
		return fail(error, LATER, "%s: the server does not offer STARTTLS: wrong port, or "
			"somebody in between took it away", session->settings->host);
	how = session_say(session, SMTP_TLS, 220, "STARTTLS", error);
	if (how == DONE)
		how = stream_starttls(session->stream, error);
	return how == DONE ? hello(session, error) : how;
}

/* CR and LF would be commands of somebody else's. */
static enum outcome
check_texts(struct session *session, GError **error)
{
	const struct server_settings *settings = session->settings;
	enum outcome how = text_refuse("user", settings->user, error);

	if (how == DONE)
		how = text_refuse("the password", settings->password, error);
	return how == DONE ? text_refuse("the token", session->token, error) : how;
}

/* Before the connection: it is not to wait for that. */
static enum outcome
prepare_login(struct session *session, GError **error)
{
	const struct server_settings *settings = session->settings;
	bool was_refused = session->token_refused;

	session->token = NULL;
	session->token_refused = false;
	if (settings->user && !settings->password && settings->token) {
		session->token = settings->token(was_refused, error);
		if (!session->token)
			return LATER;
	}
	return check_texts(session, error);
}

enum outcome
session_reach(struct session *session, GError **error)
{
	enum outcome how = prepare_login(session, error);

	if (how == DONE)
		how = stream_open(session->settings, PORT_TLS, PORT_CLEAR, &session->stream,
			error);
	if (how != DONE)
		return how;
	session->smtp = mailsmtp_new(0, NULL);
	if (!session->smtp)
		fatal(71, "no memory for SMTP");
	begin(session, SMTP_GREETING);
	mailsmtp_connect(session->smtp, stream_mail(session->stream));
	how = judge(session, SMTP_GREETING, 220, error);
	if (how == DONE)
		how = hello(session, error);
	if (how == DONE && strcmp(session->settings->tls, "starttls") == 0)
		how = start_tls(session, error);
	if (how == DONE && !stream_is_protected(session->stream))
		how = fail(error, NEVER, "%s: not protected", session->settings->host);
	return how;
}
