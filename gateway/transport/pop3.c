/* SPDX-License-Identifier: ISC
 *
 * pop3: one session with a POP3 server: connecting, TLS, capabilities, commands and answers.  Only
 * libetpan's buffered stream is used: its POP3 keeps whole mails in memory, and writes where a
 * server's numbers tell it to.  Relies on stream.c for every bound.  Refuses a server that does
 * not offer the STLS it was configured for.
 */
#include "transport/pop3.h"
#include "transport/stream.h"

#include <string.h>

#define PATIENCE	60		/* seconds for one command */
#define PATIENCE_MOST	270		/* the hub gives up on fetch after 300 */
#define SLOWEST		65536		/* bytes a second a long answer must bring */
#define TALK		65536		/* bytes of small talk beside an answer */
#define LINE_MOST	1024		/* bytes of a line; RFC 2449 §4 allows 512 */
#define CAPABILITIES	100		/* lines */
#define WORDS_MOST	160		/* bytes of a server's words in a reason */

struct pop3 {
	const struct server_settings *settings;
	struct stream *stream;
	bool is_over;
	const char *nonsense;		/* what ended it, where the stream did not */
	const char *login;		/* how it was made */
	const char *token;		/* of the settings; NULL: a password */
	char *code, *words;		/* of the last answer; NULL */
	GPtrArray *capabilities;	/* char *; NULL: CAPA is not known */
};

/* ---- lines --------------------------------------------------------------------------------- */

static void
begin_within(struct pop3 *pop3, guint seconds, guint64 bytes)
{
	stream_begin(pop3->stream, MIN(seconds, PATIENCE_MOST), bytes + TALK);
}

void
pop3_begin(struct pop3 *pop3, guint64 told, guint64 most)
{
	guint patience = pop3->settings->patience ? pop3->settings->patience : PATIENCE;

	begin_within(pop3, patience + (guint) MIN(told / SLOWEST, PATIENCE_MOST), most);
}

static bool
make_no_sense(struct pop3 *pop3, const char *why)
{
	pop3->nonsense = why;
	pop3->is_over = true;
	return false;
}

/* Something lies in the stream's buffer. */
static bool
feed(struct pop3 *pop3)
{
	mailstream *mail = stream_mail(pop3->stream);

	if (pop3->is_over)
		return false;
	if (mail->read_buffer_len > 0 || mailstream_feed_read_buffer(mail) > 0)
		return true;
	pop3->is_over = true;
	return false;
}

/* Without its end.  What lies behind it stays in the stream, where stream_starttls() looks. */
static bool
read_line(struct pop3 *pop3, GString *line)
{
	mailstream *mail = stream_mail(pop3->stream);
	bool is_whole = false;

	g_string_truncate(line, 0);
	while (!is_whole) {
		const char *end;
		gsize before = line->len, n;

		if (!feed(pop3))
			return false;
		end = memchr(mail->read_buffer, '\n', mail->read_buffer_len);
		n = end ? (gsize) (end - mail->read_buffer) + 1 : mail->read_buffer_len;
		if (before + n > LINE_MOST)
			return make_no_sense(pop3, "a line of the server is too long");
		g_string_set_size(line, before + n);
		if (mailstream_read(mail, line->str + before, n) != (ssize_t) n)
			return make_no_sense(pop3, "the server's answer cannot be read");
		is_whole = end != NULL;
	}
	g_string_truncate(line, line->len - 1);
	if (g_str_has_suffix(line->str, "\r"))
		g_string_truncate(line, line->len - 1);
	if (strlen(line->str) != line->len)
		return make_no_sense(pop3, "a line of the server holds a NUL");
	return true;
}

static bool
send_line(struct pop3 *pop3, const char *text)
{
	mailstream *mail = stream_mail(pop3->stream);
	bool sent;

	if (strpbrk(text, "\r\n"))
		panic("a command of two lines");
	sent = !pop3->is_over && mailstream_write(mail, text, strlen(text)) >= 0 &&
		mailstream_write(mail, "\r\n", 2) >= 0 && mailstream_flush(mail) >= 0;
	stream_wipe(pop3->stream);
	pop3->is_over = !sent;
	return sent;
}

/* ---- answers ------------------------------------------------------------------------------- */

/* One line of printable ASCII: it goes into a log and before people. */
static char *
clean(const char *text)
{
	char *out = g_strndup(text, WORDS_MOST);

	for (char *p = out; *p != '\0'; p++)
		if ((guchar) *p < ' ' || (guchar) *p >= 0x7f)
			*p = '?';
	return g_strchomp(out);
}

/* "-ERR [CODE] words" behind the first word */
static void
keep_answer(struct pop3 *pop3, const char *text)
{
	const char *open = text + strspn(text, " "), *close = strchr(open, ']');

	g_free(pop3->code);
	g_free(pop3->words);
	pop3->code = *open == '[' && close ?
		g_ascii_strup(open + 1, close - open - 1) : NULL;
	pop3->words = clean(open);
}

static bool
has_word(const char *line, const char *word)
{
	gsize n = strlen(word);

	return g_ascii_strncasecmp(line, word, n) == 0 && (line[n] == '\0' || line[n] == ' ');
}

enum pop3_word
pop3_hear(struct pop3 *pop3, char **text)
{
	g_autoptr(GString) line = g_string_new(NULL);

	if (!read_line(pop3, line))
		return POP3_NOTHING;
	if (has_word(line->str, "+OK")) {
		keep_answer(pop3, line->str + 3);
		return POP3_OK;
	}
	if (has_word(line->str, "-ERR")) {
		keep_answer(pop3, line->str + 4);
		return POP3_NO;
	}
	if (text && has_word(line->str, "+")) {
		g_free(*text);
		*text = g_strdup(line->str[1] == ' ' ? line->str + 2 : "");
		return POP3_GO_ON;
	}
	make_no_sense(pop3, "the server's answer cannot be understood");
	return POP3_NOTHING;
}

enum pop3_word
pop3_say(struct pop3 *pop3, const char *line, char **text)
{
	return send_line(pop3, line) ? pop3_hear(pop3, text) : POP3_NOTHING;
}

enum outcome
pop3_nonsense(struct pop3 *pop3, const char *what, GError **error)
{
	pop3->is_over = true;
	return fail(error, LATER, "%s", what);
}

enum outcome
pop3_end(struct pop3 *pop3, enum pop3_word word, const char *what, GError **error)
{
	if (word == POP3_OK)
		return DONE;
	if (word == POP3_NO)
		return fail(error, LATER, "%s: the server says no: %s", what, pop3->words);
	pop3->is_over = true;
	if (pop3->nonsense)
		return fail(error, LATER, "%s: %s", what, pop3->nonsense);
	return stream_failed(pop3->stream, what, error);
}

enum outcome
pop3_ask(struct pop3 *pop3, const char *line, const char *what, GError **error)
{
	pop3_begin(pop3, 0, 0);
	return pop3_end(pop3, pop3_say(pop3, line, NULL), what, error);
}

enum outcome
pop3_line(struct pop3 *pop3, GString *line, bool *end, const char *what, GError **error)
{
	*end = false;
	if (!read_line(pop3, line))
		return pop3_end(pop3, POP3_NOTHING, what, error);
	*end = strcmp(line->str, ".") == 0;
	if (line->str[0] == '.')
		g_string_erase(line, 0, 1);
	return DONE;
}

enum outcome
pop3_bytes(struct pop3 *pop3, source_put *put_bytes, void *data, bool *has_end, GError **error)
{
	mailstream *mail = stream_mail(pop3->stream);
	g_autofree char *in = g_malloc(mail->buffer_max_size);
	g_autofree char *out = g_malloc(mail->buffer_max_size + 3);
	struct dots dots = { 0 };
	enum outcome how = DONE;

	while (how == DONE && !dots.is_over) {
		gsize n, used;
		ssize_t got;

		if (!feed(pop3))
			return pop3_end(pop3, POP3_NOTHING, "mail", error);
		n = dots_undo(&dots, mail->read_buffer, mail->read_buffer_len, &used, out);
		got = mailstream_read(mail, in, used);	/* takes it off the buffer */
		if (got != (ssize_t) used)
			panic("a buffer of %" G_GSIZE_FORMAT " gave %" G_GSSIZE_FORMAT, used,
				(gssize) got);
		how = n > 0 ? put_bytes(data, out, n, error) : DONE;
	}
	*has_end = dots.has_end;
	if (how != DONE)
		pop3->is_over = true;	/* the rest of it is still on its way */
	return how;
}

/* ---- what others look at ------------------------------------------------------------------- */

bool
pop3_is_over(const struct pop3 *pop3)
{
	return pop3->is_over || stream_has_ended(pop3->stream);
}

const char *
pop3_code(const struct pop3 *pop3)
{
	return pop3->code;
}

const char *
pop3_words(const struct pop3 *pop3)
{
	return pop3->words ? pop3->words : "";
}

bool
pop3_has_capabilities(const struct pop3 *pop3)
{
	return pop3->capabilities != NULL;
}

const char *
pop3_capability(const struct pop3 *pop3, const char *name)
{
	for (guint i = 0; pop3->capabilities && i < pop3->capabilities->len; i++) {
		const char *line = pop3->capabilities->pdata[i];

		if (has_word(line, name))
			return line[strlen(name)] ? line + strlen(name) + 1 : "";
	}
	return NULL;
}

char *
pop3_describe(const struct pop3 *pop3)
{
	g_autofree char *stream = stream_describe(pop3->stream);

	return g_strdup_printf("%s; login by %s", stream, pop3->login);
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum outcome
ask_capabilities(struct pop3 *pop3, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);
	enum pop3_word word;
	bool end = false;

	g_clear_pointer(&pop3->capabilities, g_ptr_array_unref);
	pop3_begin(pop3, 0, 0);
	word = pop3_say(pop3, "CAPA", NULL);
	if (word == POP3_NO)
		return DONE;	/* of before RFC 2449 */
	if (word != POP3_OK)
		return pop3_end(pop3, word, "capabilities", error);
	pop3->capabilities = g_ptr_array_new_with_free_func(g_free);
	while (!end) {
		enum outcome how = pop3_line(pop3, line, &end, "capabilities", error);

		if (how != DONE)
			return how;
		if (!end && pop3->capabilities->len >= CAPABILITIES)
			return pop3_nonsense(pop3, "capabilities: too many of them", error);
		if (!end)
			g_ptr_array_add(pop3->capabilities, g_strdup(line->str));
	}
	return DONE;
}

static enum outcome
start_tls(struct pop3 *pop3, GError **error)
{
	enum outcome how;

	if (!pop3_capability(pop3, "STLS"))
		return fail(error, NEVER, "the server offers no STLS: it cannot, or somebody in "
			"between takes the offer away");
	how = pop3_ask(pop3, "STLS", "STLS", error);
	if (how == DONE)
		how = stream_starttls(pop3->stream, error);
	/* What was said in clear does not count. */
	return how == DONE ? ask_capabilities(pop3, error) : how;
}

static enum outcome
set_up(struct pop3 *pop3, bool *login_refused, GError **error)
{
	enum outcome how;

	pop3_begin(pop3, 0, 0);
	how = pop3_end(pop3, pop3_hear(pop3, NULL), "greeting", error);
	if (how == DONE)
		how = ask_capabilities(pop3, error);
	if (how == DONE && strcmp(pop3->settings->tls, "starttls") == 0)
		how = start_tls(pop3, error);
	if (how == DONE && !stream_is_protected(pop3->stream))
		panic("a login without protection");
	if (how == DONE)
		how = pop3_log_in(pop3, pop3->settings, &pop3->login, login_refused, error);
	return how == DONE ? ask_capabilities(pop3, error) : how;
}

const char *
pop3_token(const struct pop3 *pop3)
{
	return pop3->token;
}

static enum outcome
check_login(const struct server_settings *settings, const char **token, GError **error)
{
	enum outcome how;

	*token = NULL;
	if (!settings->user || (!settings->password && !settings->token))
		return fail(error, NEVER, "a POP3 server needs user and password");
	how = text_refuse("user", settings->user, error);
	if (how != DONE || settings->password)
		return how == DONE ? text_refuse("the password", settings->password, error) : how;
	*token = settings->token(false, error);
	return *token ? text_refuse("the token", *token, error) : LATER;
}

enum outcome
pop3_open(const struct server_settings *settings, struct pop3 **out, bool *login_refused,
	GError **error)
{
	struct stream *stream;
	const char *token;
	enum outcome how = check_login(settings, &token, error);

	*out = NULL;
	*login_refused = false;
	if (how == DONE)
		how = stream_open(settings, POP3_PORT_TLS, POP3_PORT_CLEAR, &stream, error);
	if (how != DONE)
		return how;
	*out = g_new0(struct pop3, 1);
	(*out)->settings = settings;
	(*out)->token = token;
	(*out)->stream = stream;
	how = set_up(*out, login_refused, error);
	if (how == DONE)
		return DONE;
	if (error && *error && !g_str_has_prefix((*error)->message, settings->host))
		g_prefix_error(error, "%s: ", settings->host);
	g_clear_pointer(out, pop3_close);
	return how;
}

void
pop3_close(struct pop3 *pop3)
{
	if (!pop3)
		return;
	begin_within(pop3, 0, 0);
	stream_close(pop3->stream);
	g_clear_pointer(&pop3->capabilities, g_ptr_array_unref);
	g_free(pop3->code);
	g_free(pop3->words);
	g_free(pop3);
}
