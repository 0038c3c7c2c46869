/* SPDX-License-Identifier: ISC
 *
 * submit: the role that hands finished mail on.  Sees protected bytes only; adds, removes and
 * understands nothing. Relies on transport/ for the outside and on the hub for the decision that
 * a mail may leave (I5). Blocking, one mail at a time; no retries of its own: the outbox row
 * waits in the hub.
 */
#include "role/token.h"
#include "transport/transport.h"

#include <string.h>

#define MEMORY	536870912	/* bytes of address space: a mail, mapped and once with LF ends */
#define WHY_MAX	500		/* bytes of a reason in a frame */

static struct delivery_settings settings;	/* its texts live as long as the process */
static struct delivery *outside;

static void
answer(struct peer *hub, int verb, GVariant *body)
{
	g_autoptr(GError) error = NULL;

	/* The hub is gone when this fails: the loop of worker_main() notices. */
	if (peer_send(hub, verb, body, NULL, 0, &error) != DONE)
		log_event(5, "answer-lost", "verb=%s", verbs_table[verb].name);
}

static enum outcome
hand_on(struct frame *frame, guint *code, enum scope *scope, GError **error)
{
	const char *name, *from, *to;
	enum outcome how = outside ? DONE : delivery_open(&settings, &outside, error);

	*scope = SCOPE_UNTRIED;
	if (how != DONE) {
		/* There is no way out: no fault of this mail. */
		if (error && *error)
			(*error)->code = LATER;
		return LATER;
	}
	g_variant_get(frame->body, "(&s&s&s)", &name, &from, &to);

	g_autoptr(GBytes) mail = memfd_map(frame->fds[0], LIMIT_MAIL_SIZE, error);

	if (!mail)
		return NEVER;
	how = delivery_send(outside, name, from, to, mail, code, error);
	*scope = delivery_scope(outside);
	return how;
}

static void
serve_send(struct peer *hub, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	guint code = 0;
	enum scope scope;
	enum outcome how = hand_on(frame, &code, &scope, &error);
	g_autofree char *cut = g_strndup(error ? error->message : "", WHY_MAX);
	g_autofree char *why = g_utf8_make_valid(cut, -1);

	answer(hub, VERB_SENT, g_variant_new("(uuus)", (guint32) how, (guint32) code,
		(guint32) scope, why));
}

static void
serve_check(struct peer *hub, struct frame *frame)
{
	g_auto(GStrv) lines = delivery_check(&settings);

	(void) frame;
	answer(hub, VERB_CHECKED, g_variant_new("(^as)", lines));
}

static void
serve_one(struct peer *hub, struct frame *frame)
{
	token_serve_for(hub);
	if (frame->verb == VERB_SEND)
		serve_send(hub, frame);
	else if (frame->verb == VERB_CHECK)
		serve_check(hub, frame);
}

/* With what came while its login waited for a token. */
static void
serve(struct peer *hub, struct frame *frame)
{
	struct frame next;

	serve_one(hub, frame);
	while (token_deferred(&next)) {
		serve_one(hub, &next);
		frame_clear(&next);
	}
}

static const char *
text(const struct options *options, const char *name)
{
	return g_strdup(options_text(options, "submission.%s", name));
}

static bool
configure(const struct options *options, GError **error)
{
	(void) error;
	g_clear_pointer(&outside, delivery_close);
	settings = (struct delivery_settings){
		.type = text(options, "type"),
		.path = text(options, "path"),
		.server = {
			.host = text(options, "host"),
			.port = (guint) options_int(options, "submission.port"),
			.tls = text(options, "tls"),
			.ca_file = text(options, "ca_file"),
			.tls_pin = text(options, "tls_pin"),
			.user = text(options, "user"),
			.password = text(options, "password"),
			.token = options_text(options, "submission.password") ? NULL : token_get,
		},
	};
	return true;
}

int
main(int argc, char **argv)
{
	static const struct worker submit = {
		.role = ROLE_SUBMIT, .memory = MEMORY, .configure = configure, .serve = serve,
	};

	return worker_main(&submit, argc, argv);
}
