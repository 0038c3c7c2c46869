/* SPDX-License-Identifier: ISC
 *
 * imap: one session with an IMAP server: connecting, TLS, login, commands.  libetpan speaks the
 * protocol; the stream, the login and the judgement of answers are ours.  Relies on stream.c for
 * every bound. Refuses a session it did not log in to itself (PREAUTH), and a server that does
 * not offer the STARTTLS it was configured for.
 */
#include "transport/imap.h"
#include "transport/sasl.h"
#include "transport/stream.h"

#include <string.h>

#define PORT_TLS	993
#define PORT_CLEAR	143
#define PATIENCE	60		/* seconds for one command */
#define PATIENCE_MOST	270		/* the hub gives up on fetch after 300 */
#define SLOWEST		65536		/* bytes a second a long answer must bring */
#define TALK		65536		/* bytes of small talk beside an answer */
#define LINES_MOST	1000		/* untagged lines before the answer to a login */
#define IDLE_LINE	10		/* seconds for the rest of a line that has begun */
#define WORDS_MOST	160		/* bytes of a server's words in a reason */

struct imap {
	const struct server_settings *settings;
	struct stream *stream;
	mailimap *session;
	bool is_over;
	const char *token;		/* of the settings; NULL: a password */
	const char *login;		/* how it was made */
	char *code, *words;		/* of the answer to a login */
	guint64 modseq;			/* of the selected folder; 0: not told */
	bool spoke;			/* the server said more than the answer */
};

/* ---- commands ------------------------------------------------------------------------------ */

static void
begin_within(struct imap *imap, guint seconds, guint64 bytes)
{
	stream_begin(imap->stream, MIN(seconds, PATIENCE_MOST), bytes + TALK);
}

mailimap *
imap_begin(struct imap *imap, guint64 bytes)
{
	guint patience = imap->settings->patience ? imap->settings->patience : PATIENCE;

	begin_within(imap, patience + (guint) MIN(bytes / SLOWEST, PATIENCE_MOST), bytes);
	return imap->session;
}

/* One line of printable ASCII: it goes into a log and before people. */
static char *
clean(const char *text)
{
	char *out = g_strndup(text ? text : "", WORDS_MOST);

	for (char *p = out; *p != '\0'; p++)
		if ((guchar) *p < ' ' || (guchar) *p >= 0x7f)
			*p = '?';
	return g_strchomp(out);
}

/* libetpan gives an error of the command's own name for a tagged NO, and only then. */
static bool
is_refusal(int said)
{
	return said >= MAILIMAP_ERROR_APPEND && said <= MAILIMAP_ERROR_STARTTLS;
}

static bool
is_bye(int said)
{
	return said == MAILIMAP_ERROR_FATAL || said == MAILIMAP_ERROR_DONT_ACCEPT_CONNECTION;
}

enum outcome
imap_end(struct imap *imap, int said, const char *what, GError **error)
{
	g_autofree char *words = NULL;

	if (said == MAILIMAP_NO_ERROR)
		return DONE;
	words = clean(imap->session->imap_response);
	if (is_refusal(said))
		return fail(error, LATER, "%s: the server says no: %s", what, words);
	imap->is_over = true;
	if (is_bye(said) && !stream_has_ended(imap->stream))
		return fail(error, LATER, "%s: the server ends the session: %s", what, words);
	return stream_failed(imap->stream, what, error);
}

enum outcome
imap_nonsense(struct imap *imap, const char *what, GError **error)
{
	imap->is_over = true;
	return fail(error, LATER, "%s", what);
}

mailimap *
imap_session(const struct imap *imap)
{
	return imap->session;
}

bool
imap_is_over(const struct imap *imap)
{
	return imap->is_over || stream_has_ended(imap->stream);
}

void
imap_modseq_put(struct imap *imap, guint64 modseq)
{
	imap->modseq = modseq;
}

guint64
imap_modseq(const struct imap *imap)
{
	return imap->modseq;
}

bool
imap_has(const struct imap *imap, const char *capability)
{
	return mailimap_has_extension(imap->session, (char *) capability);
}

const char *
imap_code(const struct imap *imap)
{
	const struct mailimap_response_info *info = imap->session->imap_response_info;

	if (!info)
		return NULL;
	return info->rsp_trycreate ? "TRYCREATE" : info->rsp_atom;
}

static enum outcome
ask_capability(struct imap *imap, GError **error)
{
	struct mailimap_capability_data *data = NULL;
	int said = mailimap_capability(imap_begin(imap, 0), &data);

	if (said == MAILIMAP_NO_ERROR)
		mailimap_capability_data_free(data);	/* the session keeps its own */
	return imap_end(imap, said, "capabilities", error);
}

/* ---- login: the exchange ------------------------------------------------------------------- */

static bool
send_line(struct imap *imap, const char *text)
{
	mailstream *mail = imap->session->imap_stream;
	bool sent = mailstream_write(mail, text, strlen(text)) >= 0 &&
		mailstream_write(mail, "\r\n", 2) >= 0 && mailstream_flush(mail) >= 0;

	stream_wipe(imap->stream);
	return sent;
}

/* "NO [CODE args] words" */
static void
keep_answer(struct imap *imap, const char *text)
{
	const char *open = strchr(text, '['), *close = open ? strpbrk(open, "] ") : NULL;

	g_free(imap->code);
	g_free(imap->words);
	imap->code = open && close && open - text <= 4 ?
		g_strndup(open + 1, (gsize) (close - open - 1)) : NULL;
	imap->words = clean(text);
}

enum heard { HEARD_GO_ON, HEARD_OK, HEARD_NO, HEARD_NOTHING };

/* The server's next word in a login; *text: what follows "+ ", g_free(). */
static enum heard
hear(struct imap *imap, char **text)
{
	g_autofree char *tag = g_strdup_printf("%d ", imap->session->imap_tag);

	for (guint i = 0; i < LINES_MOST; i++) {
		char *line = mailimap_read_line(imap->session);

		if (!line || !g_str_has_suffix(line, "\n") || g_str_has_prefix(line, "* BYE"))
			return HEARD_NOTHING;
		g_strchomp(line);
		if (*line == '+') {
			*text = g_strdup(line[1] == ' ' ? line + 2 : line + 1);
			return HEARD_GO_ON;
		}
		imap->spoke |= *line == '*';
		if (g_str_has_prefix(line, tag)) {
			keep_answer(imap, line + strlen(tag));
			return g_ascii_strncasecmp(line + strlen(tag), "OK", 2) == 0 ? HEARD_OK :
				HEARD_NO;
		}
	}
	return HEARD_NOTHING;
}

static enum heard
begin_exchange(struct imap *imap, const char *command, char **text)
{
	imap->spoke = false;
	imap_begin(imap, 0);
	if (mailimap_send_current_tag(imap->session) != MAILIMAP_NO_ERROR ||
	    !send_line(imap, command))
		return HEARD_NOTHING;
	return hear(imap, text);
}

static enum heard
begin_authenticate(struct imap *imap, const char *mechanism, char **text)
{
	g_autofree char *command = g_strconcat("AUTHENTICATE ", mechanism, NULL);

	return begin_exchange(imap, command, text);
}

static enum heard
go_on(struct imap *imap, const char *code, char **text)
{
	g_clear_pointer(text, g_free);
	return send_line(imap, code) ? hear(imap, text) : HEARD_NOTHING;
}

/* ---- login: the ways ----------------------------------------------------------------------- */

static enum heard
login_plain(struct imap *imap, GError **error)
{
	g_autofree char *text = NULL;
	char *code = sasl_plain(imap->settings->user, imap->settings->password);
	enum heard heard = begin_authenticate(imap, "PLAIN", &text);

	(void) error;
	if (heard == HEARD_GO_ON)
		heard = go_on(imap, code, &text);
	secret_free(code);
	return heard;
}

static enum heard
login_scram(struct imap *imap, GError **error)
{
	struct scram *scram = scram_new(imap->settings->user, imap->settings->password);
	g_autofree char *first = scram_first(scram), *final = NULL, *text = NULL;
	enum heard heard = begin_authenticate(imap, "SCRAM-SHA-256", &text);
	bool is_proven = false;

	if (heard == HEARD_GO_ON)
		heard = go_on(imap, first, &text);
	if (heard == HEARD_GO_ON) {
		final = scram_final(scram, text, error);
		heard = final ? go_on(imap, final, &text) : HEARD_NOTHING;
	}
	if (heard == HEARD_GO_ON) {
		is_proven = scram_verify(scram, text, error) == DONE;
		heard = is_proven ? go_on(imap, "", &text) : HEARD_NOTHING;
	}
	scram_free(scram);
	if (heard == HEARD_OK && !is_proven) {
		fail(error, NEVER, "SCRAM: the server does not prove that it knows the password");
		return HEARD_NOTHING;
	}
	return heard;
}

/* The mechanism LOGIN: user and password, one after the other. */
static enum heard
login_in_turn(struct imap *imap, GError **error)
{
	g_autofree char *text = NULL, *user = sasl_login(imap->settings->user);
	char *code = sasl_login(imap->settings->password);
	enum heard heard = begin_authenticate(imap, "LOGIN", &text);

	(void) error;
	if (heard == HEARD_GO_ON)
		heard = go_on(imap, user, &text);
	if (heard == HEARD_GO_ON)
		heard = go_on(imap, code, &text);
	secret_free(code);
	return heard;
}

static enum heard
login_old(struct imap *imap, GError **error)
{
	const struct server_settings *settings = imap->settings;
	int said = mailimap_login(imap_begin(imap, 0), settings->user, settings->password);

	(void) error;
	stream_wipe(imap->stream);
	if (said != MAILIMAP_NO_ERROR && !is_refusal(said))
		return HEARD_NOTHING;
	g_free(imap->code);
	imap->code = g_strdup(imap_code(imap));
	g_free(imap->words);
	imap->words = clean(imap->session->imap_response);
	return said == MAILIMAP_NO_ERROR ? HEARD_OK : HEARD_NO;
}

/* Before it says no to a token, the server says why, and waits to be told to go on. */
static enum heard
login_token(struct imap *imap, const char *mechanism, char *code, const char *on)
{
	g_autofree char *text = NULL, *status = NULL;
	enum heard heard = begin_authenticate(imap, mechanism, &text);

	if (heard == HEARD_GO_ON)
		heard = go_on(imap, code, &text);
	secret_free(code);
	if (heard == HEARD_GO_ON) {
		status = sasl_token_status(text);
		heard = go_on(imap, on, &text) == HEARD_NO ? HEARD_NO : HEARD_NOTHING;
	}
	if (heard == HEARD_NO && status && *status) {
		g_autofree char *words = g_steal_pointer(&imap->words);

		imap->words = g_strdup_printf("%s (%s)", words, status);
	}
	return heard;
}

static enum heard
login_oauthbearer(struct imap *imap, GError **error)
{
	const struct server_settings *settings = imap->settings;
	guint port = strcmp(settings->tls, "implicit") == 0 ? PORT_TLS : PORT_CLEAR;

	(void) error;
	return login_token(imap, "OAUTHBEARER", sasl_oauthbearer(settings->user, settings->host,
		settings->port ? settings->port : port, imap->token), SASL_OAUTHBEARER_GO_ON);
}

static enum heard
login_xoauth2(struct imap *imap, GError **error)
{
	(void) error;
	return login_token(imap, "XOAUTH2", sasl_xoauth2(imap->settings->user, imap->token),
		SASL_XOAUTH2_GO_ON);
}

static const struct {
	const char *mechanism;	/* offered as AUTH=NAME; NULL: the command every server has */
	bool by_token;
	bool tells;		/* the server gets to see the password, or the token */
	enum heard (*login)(struct imap *, GError **);
} logins[] = {
	/* best first */
	{ "OAUTHBEARER",   true,  true,  login_oauthbearer },
	{ "XOAUTH2",       true,  true,  login_xoauth2 },
	{ "SCRAM-SHA-256", false, false, login_scram },
	{ "PLAIN",         false, true,  login_plain },
	{ "LOGIN",         false, true,  login_in_turn },
	{ NULL,            false, true,  login_old },
};

static bool
is_offered(const struct imap *imap, guint way)
{
	if (logins[way].by_token != (imap->token != NULL))
		return false;
	if (logins[way].mechanism)
		return mailimap_has_authentication(imap->session, logins[way].mechanism);
	return !imap_has(imap, "LOGINDISABLED");
}

/* RFC 5530: what has nothing to do with the password. */
static bool
is_busy(const char *code)
{
	static const char *const codes[] = { "UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", NULL };

	return code && g_strv_contains(codes, code);
}

/* A server may offer SCRAM and keep this one password in a form that cannot do it: then it is
 * told, once, since every refusal may count towards a lock.  The server was proven before. */
static enum outcome
log_in(struct imap *imap, bool *refused, GError **error)
{
	bool was_offered = false;

	for (guint i = 0; i < G_N_ELEMENTS(logins); i++) {
		enum heard heard;
		GError *why = NULL;

		if (!is_offered(imap, i))
			continue;
		was_offered = true;
		heard = logins[i].login(imap, &why);
		if (heard == HEARD_OK) {
			imap->session->imap_state = MAILIMAP_STATE_AUTHENTICATED;
			imap->login = logins[i].mechanism ? logins[i].mechanism : "LOGIN";
			return DONE;
		}
		if (why) {
			g_propagate_error(error, why);
			return NEVER;
		}
		if (heard != HEARD_NO)
			return stream_failed(imap->stream, "login", error);
		*refused = is_busy(imap->code) && imap->token;
		if (is_busy(imap->code))
			return fail(error, LATER, "login: %s", imap->words);
		if (logins[i].tells)
			break;
	}
	*refused = was_offered;
	if (!was_offered)
		return fail(error, NEVER, "login: the server offers none of %s", imap->token ?
			"OAUTHBEARER, XOAUTH2" : "SCRAM-SHA-256, PLAIN, LOGIN");
	return fail(error, NEVER, "login refused: %s: correct user and %s", imap->words,
		imap->token ? "token_command" : "password");
}

/* ---- IDLE ---------------------------------------------------------------------------------- */

/* The next line while it idles.  "* OK Still here" is none; false: the session is over. */
static bool
hear_news(struct imap *imap, bool *news)
{
	const char *line;

	begin_within(imap, IDLE_LINE, 0);
	line = mailimap_read_line(imap->session);
	if (!line || !g_str_has_prefix(line, "* ") || g_str_has_prefix(line, "* BYE"))
		return false;
	*news = !g_str_has_prefix(line, "* OK");
	return true;
}

enum outcome
imap_idle(struct imap *imap, guint seconds, int fd, bool *news, GError **error)
{
	gint64 until = g_get_monotonic_time() + (gint64) seconds * G_USEC_PER_SEC, left;
	g_autofree char *text = NULL;
	enum heard heard = begin_exchange(imap, "IDLE", &text);
	bool goes_on = heard == HEARD_GO_ON;

	*news = imap->spoke;
	while (goes_on && !*news && (left = until - g_get_monotonic_time()) > 0 &&
	       stream_wait(imap->stream, (guint) (left / G_USEC_PER_SEC) + 1, fd))
		goes_on = hear_news(imap, news);
	if (goes_on) {
		imap_begin(imap, 0);
		heard = go_on(imap, "DONE", &text);
		*news |= imap->spoke;
	}
	if (goes_on && heard == HEARD_OK)
		return DONE;
	imap->is_over = true;
	return stream_failed(imap->stream, "IDLE", error);
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum outcome
check_login(const struct server_settings *settings, const char **token, GError **error)
{
	enum outcome how;

	*token = NULL;
	if (!settings->user || (!settings->password && !settings->token))
		return fail(error, NEVER, "an IMAP server needs user and password");
	how = text_refuse("user", settings->user, error);
	if (how != DONE || settings->password)
		return how == DONE ? text_refuse("the password", settings->password, error) : how;
	*token = settings->token(false, error);
	return *token ? text_refuse("the token", *token, error) : LATER;
}

static enum outcome
greet(struct imap *imap, GError **error)
{
	int said;

	imap_begin(imap, 0);
	said = mailimap_connect(imap->session, stream_mail(imap->stream));
	if (said == MAILIMAP_NO_ERROR_NON_AUTHENTICATED)
		return DONE;
	if (said != MAILIMAP_NO_ERROR_AUTHENTICATED)
		return imap_end(imap, said, "greeting", error);
	/* Whose mailbox would that be?  And STARTTLS would come too late. */
	return fail(error, NEVER, "the server says PREAUTH, without a login: refused");
}

static enum outcome
start_tls(struct imap *imap, GError **error)
{
	enum outcome how = DONE;
	int said;

	if (!imap_has(imap, "STARTTLS"))
		return fail(error, NEVER, "the server offers no STARTTLS: it cannot, or somebody "
			"in between takes the offer away");
	said = mailimap_starttls(imap_begin(imap, 0));
	/* More than its answer: libetpan calls that a no, stream_starttls() by its name. */
	if (imap->session->imap_stream->read_buffer_len == 0)
		how = imap_end(imap, said, "STARTTLS", error);
	if (how == DONE)
		how = stream_starttls(imap->stream, error);
	/* What was said in clear does not count. */
	return how == DONE ? ask_capability(imap, error) : how;
}

static enum outcome
set_up(struct imap *imap, bool *login_refused, GError **error)
{
	enum outcome how = greet(imap, error);

	if (how == DONE)
		how = ask_capability(imap, error);
	if (how == DONE && strcmp(imap->settings->tls, "starttls") == 0)
		how = start_tls(imap, error);
	if (how == DONE && !stream_is_protected(imap->stream))
		panic("a login without protection");
	if (how == DONE)
		how = log_in(imap, login_refused, error);
	if (how == DONE)
		how = ask_capability(imap, error);
	return how;
}

enum outcome
imap_open(const struct server_settings *settings, struct imap **out, bool *login_refused,
	GError **error)
{
	struct imap *imap;
	struct stream *stream;
	const char *token;
	enum outcome how = check_login(settings, &token, error);

	*out = NULL;
	*login_refused = false;
	if (how == DONE)
		how = stream_open(settings, PORT_TLS, PORT_CLEAR, &stream, error);
	if (how != DONE)
		return how;
	imap = g_new0(struct imap, 1);
	imap->settings = settings;
	imap->token = token;
	imap->stream = stream;
	imap->session = mailimap_new(0, NULL);
	if (!imap->session)
		fatal(71, "no memory for an IMAP session");
	mailimap_set_msg_body_handler(imap->session, NULL, NULL);
	how = set_up(imap, login_refused, error);
	if (how == DONE) {
		*out = imap;
		return DONE;
	}
	if (error && *error && !g_str_has_prefix((*error)->message, settings->host))
		g_prefix_error(error, "%s: ", settings->host);
	imap->is_over = true;
	imap_close(imap);
	return how;
}

void
imap_close(struct imap *imap)
{
	if (!imap)
		return;
	/* libetpan says LOGOUT and waits for the answer; to whom nothing more is to be said,
	 * nothing gets out. */
	begin_within(imap, imap_is_over(imap) ? 0 : 5, 0);
	mailimap_free(imap->session);
	stream_close(imap->stream);
	g_free(imap->code);
	g_free(imap->words);
	g_free(imap);
}

char *
imap_describe(const struct imap *imap)
{
	g_autofree char *stream = stream_describe(imap->stream);

	return g_strdup_printf("%s; login by %s", stream, imap->login);
}
