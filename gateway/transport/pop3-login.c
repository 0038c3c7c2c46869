/* SPDX-License-Identifier: ISC
 *
 * pop3-login: the ways to log in to a POP3 server (RFC 1939 §7, RFC 5034), best first.  APOP is
 * none of them: its MD5 is broken, and it would have the server keep the password.  Tells what
 * has nothing to do with the password (RFC 2449 §8, RFC 3206) from a refusal.
 */
#include "transport/pop3.h"
#include "transport/sasl.h"

#include <string.h>

static enum pop3_word
begin_auth(struct pop3 *pop3, const char *mechanism, char **text)
{
	g_autofree char *line = g_strconcat("AUTH ", mechanism, NULL);

	pop3_begin(pop3, 0, 0);
	return pop3_say(pop3, line, text);
}

static enum pop3_word
login_plain(struct pop3 *pop3, const struct server_settings *settings, GError **error)
{
	g_autofree char *text = NULL;
	char *code = sasl_plain(settings->user, settings->password);
	enum pop3_word word = begin_auth(pop3, "PLAIN", &text);

	(void) error;
	if (word == POP3_GO_ON)
		word = pop3_say(pop3, code, &text);
	secret_free(code);
	return word;
}

static enum pop3_word
login_scram(struct pop3 *pop3, const struct server_settings *settings, GError **error)
{
	struct scram *scram = scram_new(settings->user, settings->password);
	g_autofree char *first = scram_first(scram), *final = NULL, *text = NULL;
	enum pop3_word word = begin_auth(pop3, "SCRAM-SHA-256", &text);
	bool is_proven = false;

	if (word == POP3_GO_ON)
		word = pop3_say(pop3, first, &text);
	if (word == POP3_GO_ON) {
		final = scram_final(scram, text, error);
		word = final ? pop3_say(pop3, final, &text) : POP3_NOTHING;
	}
	if (word == POP3_GO_ON) {
		is_proven = scram_verify(scram, text, error) == DONE;
		word = is_proven ? pop3_say(pop3, "", &text) : POP3_NOTHING;
	}
	scram_free(scram);
	if (word == POP3_OK && !is_proven) {
		fail(error, NEVER, "SCRAM: the server does not prove that it knows the password");
		return POP3_NOTHING;
	}
	return word;
}

static enum pop3_word
login_user(struct pop3 *pop3, const struct server_settings *settings, GError **error)
{
	g_autofree char *user = g_strconcat("USER ", settings->user, NULL);
	char *password = g_strconcat("PASS ", settings->password, NULL);
	enum pop3_word word;

	(void) error;
	pop3_begin(pop3, 0, 0);
	word = pop3_say(pop3, user, NULL);
	if (word == POP3_OK)
		word = pop3_say(pop3, password, NULL);
	secret_free(password);
	return word;
}

/* Before it says no to a token, the server says why, and waits to be told to go on. */
static enum pop3_word
login_token(struct pop3 *pop3, const char *mechanism, char *code, const char *on)
{
	g_autofree char *text = NULL;
	enum pop3_word word = begin_auth(pop3, mechanism, &text);

	if (word == POP3_GO_ON)
		word = pop3_say(pop3, code, &text);
	secret_free(code);
	if (word == POP3_GO_ON)
		word = pop3_say(pop3, on, &text) == POP3_NO ? POP3_NO : POP3_NOTHING;
	return word;
}

static enum pop3_word
login_oauthbearer(struct pop3 *pop3, const struct server_settings *settings, GError **error)
{
	guint port = strcmp(settings->tls, "implicit") == 0 ? POP3_PORT_TLS : POP3_PORT_CLEAR;

	(void) error;
	return login_token(pop3, "OAUTHBEARER", sasl_oauthbearer(settings->user, settings->host,
		settings->port ? settings->port : port, pop3_token(pop3)), SASL_OAUTHBEARER_GO_ON);
}

static enum pop3_word
login_xoauth2(struct pop3 *pop3, const struct server_settings *settings, GError **error)
{
	(void) error;
	return login_token(pop3, "XOAUTH2", sasl_xoauth2(settings->user, pop3_token(pop3)),
		SASL_XOAUTH2_GO_ON);
}

static const struct {
	const char *mechanism;	/* offered by SASL; NULL: by USER */
	bool by_token;
	bool tells;		/* the server gets to see the password, or the token */
	enum pop3_word (*login)(struct pop3 *, const struct server_settings *, GError **);
} ways[] = {
	/* best first */
	{ "OAUTHBEARER",   true,  true,  login_oauthbearer },
	{ "XOAUTH2",       true,  true,  login_xoauth2 },
	{ "SCRAM-SHA-256", false, false, login_scram },
	{ "PLAIN",         false, true,  login_plain },
	{ NULL,            false, true,  login_user },
};

static bool
is_offered(const struct pop3 *pop3, guint way)
{
	const char *sasl = pop3_capability(pop3, "SASL");
	g_autofree char *upper = sasl ? g_ascii_strup(sasl, -1) : NULL;
	g_auto(GStrv) words = upper ? g_strsplit(upper, " ", -1) : NULL;

	if (ways[way].by_token != (pop3_token(pop3) != NULL))
		return false;
	if (ways[way].mechanism)
		return words && g_strv_contains((const char *const *) words, ways[way].mechanism);
	return !pop3_has_capabilities(pop3) || pop3_capability(pop3, "USER");
}

/* What is not about the password: another try later will do, or the server has to be mended. */
static const struct { const char *code; enum outcome how; } elsewise[] = {
	{ "IN-USE",      LATER },
	{ "LOGIN-DELAY", LATER },
	{ "SYS/TEMP",    LATER },
	{ "SYS/PERM",    NEVER },
};

/* False: the login was refused. */
static bool
is_elsewise(const struct pop3 *pop3, enum outcome *how)
{
	for (guint i = 0; i < G_N_ELEMENTS(elsewise); i++)
		if (g_strcmp0(pop3_code(pop3), elsewise[i].code) == 0) {
			*how = elsewise[i].how;
			return true;
		}
	return false;
}

/* A server may offer SCRAM and keep this one password in a form that cannot do it: then it is
 * told, once, since every refusal may count towards a lock.  The server was proven before. */
enum outcome
pop3_log_in(struct pop3 *pop3, const struct server_settings *settings, const char **login,
	bool *refused, GError **error)
{
	bool was_offered = false;
	enum outcome how;

	for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
		enum pop3_word word;
		GError *why = NULL;

		if (!is_offered(pop3, i))
			continue;
		was_offered = true;
		word = ways[i].login(pop3, settings, &why);
		*login = ways[i].mechanism ? ways[i].mechanism : "USER";
		if (why) {
			g_propagate_error(error, why);
			return NEVER;
		}
		if (word == POP3_OK)
			return DONE;
		if (word != POP3_NO)
			return pop3_end(pop3, word == POP3_GO_ON ? POP3_NOTHING : word, "login",
				error);
		*refused = pop3_token(pop3) != NULL;
		if (is_elsewise(pop3, &how))
			return fail(error, how, "login: %s", pop3_words(pop3));
		if (ways[i].tells)
			break;
	}
	*refused = was_offered;
	if (!was_offered)
		return fail(error, NEVER, "login: the server offers none of %s", pop3_token(pop3) ?
			"OAUTHBEARER, XOAUTH2" : "SCRAM-SHA-256, PLAIN, USER");
	return fail(error, NEVER, "login refused: %s: correct user and %s", pop3_words(pop3),
		pop3_token(pop3) ? "token_command" : "password");
}
