/* SPDX-License-Identifier: ISC
 *
 * token-ask: an access token for a worker's login.  Relies on the hub to answer every WANT.  The
 * login waits meanwhile; requests the hub had sent before are kept and served afterwards, in
 * order.  A token is wiped when another takes its place.
 */
#include "role/token.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFERRED_MAX	64	/* the hub has far fewer requests on their way */

static struct peer *asked;	/* the hub; NULL: not now */
static char *token;		/* the last one, until it is refused */
static GQueue deferred = G_QUEUE_INIT;

void
token_serve_for(struct peer *hub)
{
	asked = hub;
}

bool
token_deferred(struct frame *out)
{
	struct frame *frame = g_queue_pop_head(&deferred);

	if (frame == NULL)
		return false;
	*out = *frame;
	g_free(frame);
	return true;
}

static void
token_drop(void)
{
	if (token != NULL)
		wipe(token, strlen(token));
	g_clear_pointer(&token, g_free);
}

/* The next answer to our question.  Without the hub there is nothing left to do. */
static void
wait_for_answer(struct frame *answer)
{
	for (;;) {
		g_autoptr(GError) error = NULL;
		enum receipt receipt = peer_receive(asked, answer, -1, &error);

		if (receipt == PEER_GONE)
			exit(EXIT_SUCCESS);
		if (receipt == PEER_VIOLATION)
			fatal(EX_SOFTWARE, "frame refused: %s", error != NULL ? error->message :
				"?");
		if (receipt == NOTHING_YET)
			continue;
		if (answer->verb == VERB_TOKEN)
			return;
		if (g_queue_get_length(&deferred) >= DEFERRED_MAX)
			fatal(EX_SOFTWARE, "more than %d requests while a token is waited for",
				DEFERRED_MAX);
		g_queue_push_tail(&deferred, g_memdup2(answer, sizeof *answer));
	}
}

static enum outcome
ask(bool was_refused, GError **error)
{
	g_auto(frame_auto) answer = { 0 };
	g_autoptr(GBytes) bytes = NULL;
	guint32 outcome;
	const char *why;

	if (peer_send(asked, VERB_WANT, g_variant_new("(b)", was_refused), NULL, 0, error) != DONE)
		return LATER;
	wait_for_answer(&answer);
	g_variant_get(answer.body, "(u&s)", &outcome, &why);
	if (outcome != DONE)
		return fail(error, LATER, "%s", why);
	bytes = memfd_map(answer.fds[0], LIMIT_TOKEN, error);
	if (bytes == NULL)
		return LATER;
	token = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return DONE;
}

const char *
token_get(bool was_refused, GError **error)
{
	if (asked == NULL && (was_refused || token == NULL)) {
		fail(error, LATER, "a login needs another access token");
		return NULL;
	}
	if (was_refused)
		token_drop();
	if (token == NULL && ask(was_refused, error) != DONE)
		return NULL;
	return token;
}
