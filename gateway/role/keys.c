/* SPDX-License-Identifier: ISC
 *
 * keys: the program that holds the way to the private keys, and nothing else: bytes in, finished
 * entity out.  Relies on crypto/ and on the extra socket of an agent the supervisor watches, where
 * no key can be exported.  Each operation has an alarm: calls into gpg cannot be given up from
 * inside, so the process ends instead.
 */
#include "crypto/crypto.h"
#include "role/role.h"

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define MEMORY	536870912	/* bytes of address space: a mail in, a mail out */
#define WHY_MAX	1500		/* bytes of a reason in an answer */

static struct protector *protector;
static char *own_key;		/* hotline.key; NULL without one */

/* ---- slice ------------------------------------------------------------------------------ */

static bool
configure(const struct options *options, GError **error)
{
	const char *home = options_text(options, "run.home");
	const char *agent = options_text(options, "run.agent");
	const char *certificate = options_text(options, "hotline.certificate");
	const char *key = options_text(options, "hotline.key");
	g_autoptr(GBytes) bytes = NULL;

	if (!home || !agent) {
		fail(error, NEVER, "no private home or agent in the slice");
		return false;
	}
	if (certificate && *certificate) {
		gsize size;
		guchar *decoded = g_base64_decode(certificate, &size);

		bytes = g_bytes_new_take(decoded, size);
	}
	g_clear_pointer(&protector, protector_free);
	if (home_make(home, agent, &bytes, bytes ? 1 : 0, error) != DONE)
		return false;
	protector = protector_new(home);
	g_free(own_key);
	own_key = key && *key ? g_strdup(key) : NULL;
	return true;
}

/* ---- requests --------------------------------------------------------------------------- */

static enum outcome
sign_into(struct frame *frame, bool *agent_fault, GError **error)
{
	const char *fingerprint, *boundary;
	gint64 now;
	g_autoptr(GBytes) signed_entity = NULL;

	g_variant_get(frame->body, "(&s&sx)", &fingerprint, &boundary, &now);
	g_autoptr(GBytes) entity = memfd_map(frame->fds[0], LIMIT_MAIL_SIZE, error);
	if (!entity)
		return NEVER;
	enum outcome how = protect_sign(
		protector, entity, fingerprint, boundary, &signed_entity, agent_fault, error);
	if (how != DONE)
		return how;
	gsize size;
	const void *bytes = g_bytes_get_data(signed_entity, &size);
	return write_all(frame->fds[1], bytes, size) ? DONE :
		fail(error, LATER, "sign: the place for the result does not take it");
}

static void
serve_sign(struct peer *hub, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	bool agent_fault = false;

	FAULT("keys.sign");
	enum outcome how = sign_into(frame, &agent_fault, &error);
	g_autofree char *why = g_strndup(error ? error->message : "", WHY_MAX);
	g_autofree char *text = g_utf8_make_valid(why, -1);
	if (agent_fault)
		log_event(LOG_WARNING, "agent-fault", "why=\"%s\"", text);
	(void)peer_send(hub, VERB_SIGNED, g_variant_new("(usb)", (guint32)how, text, agent_fault),
		NULL, 0, NULL);
}

/* One real signature: nothing less shows that agent, key and home fit each other. */
static char *
check_signing(void)
{
	static const char text[] = "Content-Type: text/plain\r\n\r\ncheck\r\n";
	g_autoptr(GBytes) entity = g_bytes_new_static(text, sizeof text - 1);
	g_autoptr(GBytes) out = NULL;
	g_autoptr(GError) error = NULL;
	bool agent_fault;

	if (!own_key)
		return g_strdup("fail: no hotline key: make one with ungcuuctl key generate "
			"and set hotline.key");
	if (protect_sign(protector, entity, own_key, "check", &out, &agent_fault, &error) == DONE)
		return g_strdup("ok: signing with the hotline key:");
	g_autofree char *why = g_utf8_make_valid(error->message, -1);
	return g_strdup_printf("fail: signing with the hotline key (%s): the secret key must lie "
		"in keys.home without a passphrase, not expired", why);
}

static void
serve_check(struct peer *hub, struct frame *frame)
{
	g_autofree char *line = check_signing();
	const char *const lines[] = { line, NULL };

	(void)frame;
	(void)peer_send(hub, VERB_CHECKED, g_variant_new("(^as)", lines), NULL, 0, NULL);
}

static void
serve(struct peer *hub, struct frame *frame)
{
	static const struct {
		int verb;
		void (*serve)(struct peer *, struct frame *);
	} services[] = {
		{ VERB_SIGN, serve_sign },
		{ VERB_CHECK, serve_check },
	};

	for (guint i = 0; i < G_N_ELEMENTS(services); i++)
		if (services[i].verb == frame->verb) {
			alarm(LIMIT_KEYS_WALL);		/* its signal ends us, and that counts */
			services[i].serve(hub, frame);
			alarm(0);
		}
}

int
main(int argc, char **argv)
{
	static const struct worker keys = {
		.role = ROLE_KEYS, .memory = MEMORY, .prepare = crypto_init, .configure = configure,
		.serve = serve,
	};

	return worker_main(&keys, argc, argv);
}
