/* SPDX-License-Identifier: ISC
 *
 * token: access tokens for fetch and submit, asked for when a login needs one.  Kept until a
 * server refuses it; then token_command is run once more.  A command that fails twice in a row is
 * an alarm and gets pauses.  Relies on the supervisor to run it: the hub knows no command and no
 * worker sees one.  Never logs what was printed.
 */
#include "role/hub.h"
#include "role/token.h"

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define WINDOW_MS	G_GINT64_CONSTANT(10000)
#define WINDOW_RUNS	2		/* of the command within it */
#define FAILURES_QUIET	1
#define PAUSE_MS	G_GINT64_CONSTANT(15000)
#define PAUSE_MAX	G_GINT64_CONSTANT(900000)

struct token {
	enum role role;			/* ROLE_FETCH, ROLE_SUBMIT */
	char *name;			/* of the mailbox; NULL: submission */
	char *text;			/* NULL: none, or refused */
	guint8 refused[DIGEST_SIZE];	/* of the last one refused */
	bool running;
	guint index, generation;	/* of the worker that waits */
	gint64 window, pause;		/* pause: the command is not run before that */
	guint runs, failures;
};

static struct token *
token_of(struct hub *hub, const struct link *link)
{
	const char *name = link->role == ROLE_FETCH ? options_text(hub->options,
		"mailboxes.%u.name", link->index) : NULL;
	struct token *token;

	if (hub->tokens == NULL)
		hub->tokens = g_ptr_array_new();
	for (guint i = 0; i < hub->tokens->len; i++) {
		token = hub->tokens->pdata[i];
		if (token->role == link->role && g_strcmp0(token->name, name) == 0)
			return token;
	}
	token = g_new0(struct token, 1);
	token->role = link->role;
	token->name = g_strdup(name);
	g_ptr_array_add(hub->tokens, token);
	return token;
}

static void
text_drop(struct token *token)
{
	if (token->text != NULL)
		wipe(token->text, strlen(token->text));
	g_clear_pointer(&token->text, g_free);
}

char *
token_cause(const char *mailbox)
{
	return mailbox == NULL ? g_strdup("submission-token") :
		g_strconcat("token:", mailbox, NULL);
}

/* After a reload: the command may be another one. */
void
token_forget(struct hub *hub)
{
	for (guint i = 0; hub->tokens != NULL && i < hub->tokens->len; i++) {
		struct token *token = hub->tokens->pdata[i];

		text_drop(token);
		memset(token->refused, 0, sizeof token->refused);
		token->pause = 0;
		token->failures = token->runs = 0;
	}
}

/* ---- answers ------------------------------------------------------------- */

/* why NULL: the token. */
static void
give(struct hub *hub, const struct token *token, struct link *link, const char *why)
{
	const char *text = why == NULL ? token->text : "";
	g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
	int fd = memfd_from_bytes(bytes);

	hub_request(hub, link, VERB_TOKEN, g_variant_new("(us)", (guint32)(why == NULL ? DONE :
		LATER), why == NULL ? "" : why), &fd, 1, link->patience);
	close(fd);
}

static void
give_waiting(struct hub *hub, const struct token *token, const char *why)
{
	for (guint i = 0; i < hub->links->len; i++) {
		struct link *link = hub->links->pdata[i];

		if (link->role == token->role && link->index == token->index &&
		    link->generation == token->generation && !link->closed && !link->dropped)
			give(hub, token, link, why);
	}
}

/* ---- the command --------------------------------------------------------- */

static void
failed(struct hub *hub, struct token *token, const char *why)
{
	g_autofree char *cause = token_cause(token->name), *quoted = log_quote(why);
	guint n = token->failures++;

	if (n >= FAILURES_QUIET) {
		gint64 pause = PAUSE_MS << MIN(n - FAILURES_QUIET, 10);

		token->pause = hub->now + MIN(pause, PAUSE_MAX);
		alarm_raise(hub, cause, "no access token for %s%s: %s", token->name == NULL ?
			"the submission server" : "mailbox ", token->name == NULL ? "" :
			token->name, why);
	}
	log_event(LOG_WARNING, "token-failed", "server=%s failures=%u why=%s", token->name == NULL ?
		"submission" : token->name, token->failures, quoted);
	give_waiting(hub, token, why);
}

static char *
read_output(const struct token *token, guint status, const char *output, GError **error)
{
	char *text;
	guint8 digest[DIGEST_SIZE];

	if (status != 0) {
		fail(error, LATER, "token_command ended with status %u", status);
		return NULL;
	}
	text = token_of_output(output, error);
	if (text == NULL)
		return NULL;
	digest_bytes(text, strlen(text), digest);
	if (memcmp(digest, token->refused, sizeof digest) != 0)
		return text;
	wipe(text, strlen(text));
	g_free(text);
	fail(error, LATER, "token_command printed the token that was refused once more");
	return NULL;
}

static void
command_ended(struct hub *hub, void *data, guint status, const char *output)
{
	struct token *token = data;
	g_autofree char *cause = token_cause(token->name);
	g_autoptr(GError) error = NULL;

	token->running = false;
	text_drop(token);
	token->text = read_output(token, status, output, &error);
	if (token->text == NULL) {
		failed(hub, token, error->message);
		return;
	}
	token->failures = 0;
	alarm_clear(hub, cause);
	give_waiting(hub, token, NULL);
}

/* At once the first time and after one refusal; what asks more often waits. */
static bool
may_run(const struct hub *hub, struct token *token)
{
	if (hub->now < token->pause && token->pause - hub->now <= PAUSE_MAX)
		return false;
	if (hub->now < token->window || hub->now - token->window > WINDOW_MS) {
		token->window = hub->now;
		token->runs = 0;
	}
	return token->runs++ < WINDOW_RUNS;
}

void
token_wanted(struct hub *hub, struct link *link, struct frame *frame)
{
	struct token *token = token_of(hub, link);
	const char *const arguments[] = { token->name, NULL };
	gboolean was_refused;

	g_variant_get(frame->body, "(b)", &was_refused);
	token->index = link->index;
	token->generation = link->generation;
	if (was_refused && token->text != NULL) {
		digest_bytes(token->text, strlen(token->text), token->refused);
		text_drop(token);
	}
	if (token->text != NULL) {
		give(hub, token, link, NULL);
	} else if (token->running) {
		return;			/* its end answers */
	} else if (!may_run(hub, token)) {
		give(hub, token, link, "no access token: token_command is run again after a pause");
	} else {
		token->running = true;
		hub_helper(hub, token->name == NULL ? "submission-token" : "mailbox-token",
			arguments, command_ended, token);
	}
}
