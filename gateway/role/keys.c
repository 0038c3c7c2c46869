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
#define FILES_MAX	256	/* certificates, or files of certificates, in one request */
#define OWN_MAX		64	/* keys of ours, old ones included */

/* What belongs to us, from the slice. */
static GPtrArray *own_certificates;	/* GBytes */
static char **own_keys;			/* fingerprints: hotline.key, old_keys */
static char **gone_keys;		/* those of them without a secret part */
static const char *own_key;		/* hotline.key; NULL without one */

static char *agent;
static char *sign_home;		/* stands as long as the slice: our certificates only */
static char *mail_home;		/* of one mail or one answer, under the same path each time */
static char *read_home;		/* of certificates that are only looked at */
static struct protector *protector;
static struct opener *opener;

/* ---- slice ------------------------------------------------------------------------------ */

static void
add_own(const char *base64)
{
	gsize size;
	guchar *decoded;

	if (!base64 || !*base64)
		return;
	decoded = g_base64_decode(base64, &size);
	g_ptr_array_add(own_certificates, g_bytes_new_take(decoded, size));
}

static char **
texts_of(const struct options *options, const char *first, const char *list)
{
	GPtrArray *out = g_ptr_array_new();
	const char *text = first ? options_text(options, "%s", first) : NULL;

	if (text && *text)
		g_ptr_array_add(out, g_strdup(text));
	for (guint i = 0; i < MIN(options_count(options, "%s", list), OWN_MAX); i++)
		g_ptr_array_add(out, g_strdup(options_text(options, "%s.%u", list, i)));
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}

static void
take_own(const struct options *options)
{
	const char *key = options_text(options, "hotline.key");

	g_clear_pointer(&own_certificates, g_ptr_array_unref);
	own_certificates = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))
		g_bytes_unref);
	add_own(options_text(options, "hotline.certificate"));
	for (guint i = 0; i < options_count(options, "hotline.old_certificates"); i++)
		add_own(options_text(options, "hotline.old_certificates.%u", i));
	g_strfreev(own_keys);
	g_strfreev(gone_keys);
	own_keys = texts_of(options, "hotline.key", "hotline.old_keys");
	gone_keys = texts_of(options, NULL, "hotline.gone_keys");
	own_key = key && *key ? own_keys[0] : NULL;
}

static bool
configure(const struct options *options, GError **error)
{
	const char *home = options_text(options, "run.home");
	const char *socket = options_text(options, "run.agent");

	if (!home || !socket) {
		fail(error, NEVER, "no private home or agent in the slice");
		return false;
	}
	g_free(agent);
	g_free(sign_home);
	g_free(mail_home);
	g_free(read_home);
	agent = g_strdup(socket);
	sign_home = g_strdup(home);
	mail_home = g_strconcat(home, "-mail", NULL);
	read_home = g_strconcat(home, "-read", NULL);
	take_own(options);
	g_clear_pointer(&protector, protector_free);
	g_clear_pointer(&opener, opener_free);
	if (home_make(sign_home, agent, (GBytes *const *)own_certificates->pdata,
		own_certificates->len, error) != DONE)
		return false;
	protector = protector_new(sign_home);
	opener = opener_new(mail_home);
	return true;
}

/* ---- answers ---------------------------------------------------------------------------- */

/* A reason fit for a frame. */
static char *
reason(const GError *error)
{
	g_autofree char *cut = g_strndup(error ? error->message : "", WHY_MAX);

	return g_utf8_make_valid(cut, -1);
}

static void
log_fault(bool agent_fault, const char *why)
{
	g_autofree char *quoted = log_quote(why);

	if (agent_fault)
		log_event(LOG_WARNING, "agent-fault", "why=%s", quoted);
}

static enum outcome
bytes_write(int fd, GBytes *bytes, GError **error)
{
	gsize size;
	const void *data = g_bytes_get_data(bytes, &size);

	return write_all(fd, data, size) ? DONE :
		fail(error, LATER, "keys: the place for the result does not take it");
}

/* A home for one request: our certificates and these. */
static enum outcome
mail_home_make(const GPtrArray *others, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	g_ptr_array_extend(all, own_certificates, NULL, NULL);
	g_ptr_array_extend(all, (GPtrArray *)(gpointer)others, NULL, NULL);
	return home_make(mail_home, agent, (GBytes *const *)all->pdata, all->len, error);
}

/* The pieces of one body, as the sizes say; NULL if they do not add up. */
static GPtrArray *
pieces_cut(GBytes *all, GVariant *sizes, GError **error)
{
	g_autoptr(GPtrArray) pieces = g_ptr_array_new_with_free_func(
		(GDestroyNotify)(void (*)(void))g_bytes_unref);
	gsize n = g_variant_n_children(sizes), at = 0;

	for (gsize i = 0; i < n; i++) {
		guint64 size;

		g_variant_get_child(sizes, i, "t", &size);
		if (n > FILES_MAX || size > g_bytes_get_size(all) - at) {
			fail(error, NEVER, "keys: the pieces are not those of the body");
			return NULL;
		}
		g_ptr_array_add(pieces, g_bytes_new_from_bytes(all, at, size));
		at += size;
	}
	return g_steal_pointer(&pieces);
}

/* ---- PROTECT ---------------------------------------------------------------------------- */

struct wanted { const char *signer, *recipient, *boundary; };

static enum outcome
encrypt(GBytes *entity, GBytes *certificate, const struct wanted *wanted, GBytes **out,
	bool *agent_fault, GError **error)
{
	const struct protection protection = { .signer = wanted->signer,
		.recipient = wanted->recipient, .boundary = wanted->boundary };
	g_autoptr(GPtrArray) others = g_ptr_array_new();
	struct protector *one;
	enum outcome how;

	g_ptr_array_add(others, certificate);
	how = mail_home_make(others, error);
	if (how == DONE) {
		one = protector_new(mail_home);
		how = protect_encrypt(one, entity, &protection, out, agent_fault, error);
		protector_free(one);
	}
	home_remove(mail_home);
	return how;
}

static enum outcome
protect_into(struct frame *frame, bool *agent_fault, GError **error)
{
	struct wanted wanted;
	gint64 now;
	g_autoptr(GBytes) out = NULL;
	enum outcome how;

	g_variant_get(frame->body, "(&s&s&sx)", &wanted.signer, &wanted.recipient,
		&wanted.boundary, &now);
	g_autoptr(GBytes) entity = memfd_map(frame->fds[0], LIMIT_MAIL_SIZE, error);
	g_autoptr(GBytes) certificate = entity ? memfd_map(frame->fds[1], LIMIT_CERTIFICATE,
		error) : NULL;
	if (!certificate)
		return NEVER;
	if (*wanted.recipient != '\0')
		how = encrypt(entity, certificate, &wanted, &out, agent_fault, error);
	else
		how = protect_sign(protector, entity, wanted.signer, wanted.boundary, &out,
			agent_fault, error);
	return how == DONE ? bytes_write(frame->fds[2], out, error) : how;
}

static void
serve_protect(struct peer *hub, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	bool agent_fault = false;

	FAULT("keys.sign");
	enum outcome how = protect_into(frame, &agent_fault, &error);
	g_autofree char *why = reason(error);
	log_fault(agent_fault, why);
	(void)peer_send(hub, VERB_PROTECTED, g_variant_new("(usb)", (guint32)how, why,
		(gboolean)agent_fault), NULL, 0, NULL);
}

/* ---- OPEN ------------------------------------------------------------------------------- */

static void
party_free(void *data)
{
	struct party_key *party = data;

	g_free(party->fingerprint);
	g_free(party->party);
	g_strfreev(party->addresses);
}

static GArray *
parties_read(GVariant *list)
{
	GArray *parties = g_array_new(FALSE, FALSE, sizeof(struct party_key));

	g_array_set_clear_func(parties, party_free);
	for (gsize i = 0; i < g_variant_n_children(list); i++) {
		struct party_key party;

		g_variant_get_child(list, i, "(ss^as)", &party.fingerprint, &party.party,
			&party.addresses);
		g_array_append_val(parties, party);
	}
	return parties;
}

/* Those of them that stand in the request and in the way of none of ours. */
static enum outcome
open_in_home(bool is_ciphertext, const struct open_request *request, const GPtrArray *others,
	struct opened *opened, GError **error)
{
	enum outcome how = mail_home_make(others, error);

	if (how != DONE)
		return how;
	opener_renew(opener);
	how = is_ciphertext ? open_decrypt(opener, request, opened, error) :
		open_verify(opener, request, opened, error);
	home_remove(mail_home);
	return how;
}

static enum outcome
open_into(struct frame *frame, struct opened *opened, GError **error)
{
	gboolean is_ciphertext, is_exposed;
	const char *from;
	gint64 now;
	guint64 max_plain;
	g_autoptr(GVariant) list = NULL, sizes = NULL;

	g_variant_get(frame->body, "(b&s@a(ssas)bxt@at)", &is_ciphertext, &from, &list,
		&is_exposed, &now, &max_plain, &sizes);
	g_autoptr(GBytes) data = memfd_map(frame->fds[0], LIMIT_MAIL_SIZE, error);
	g_autoptr(GBytes) signature = data ? memfd_map(frame->fds[1], LIMIT_MAIL_SIZE, error) :
		NULL;
	g_autoptr(GBytes) all = signature ? memfd_map(frame->fds[2], LIMIT_MAIL_SIZE, error) :
		NULL;
	g_autoptr(GPtrArray) others = all ? pieces_cut(all, sizes, error) : NULL;
	if (!others)
		return NEVER;
	g_autoptr(GArray) parties = parties_read(list);
	const struct open_request request = {
		.data = data, .signature = signature, .from = *from != '\0' ? from : NULL,
		.parties = (const struct party_key *)(gpointer)parties->data,
		.n_parties = parties->len, .own_keys = (const char *const *)own_keys,
		.gone_keys = (const char *const *)gone_keys, .outside = is_exposed, .now = now,
		.max_plain = MIN(max_plain, LIMIT_MAIL_SIZE), .limit_name = "mail size",
	};
	enum outcome how = open_in_home(is_ciphertext, &request, others, opened, error);
	if (how == DONE && opened->plain)
		how = bytes_write(frame->fds[3], opened->plain, error);
	return how;
}

static void
serve_open(struct peer *hub, struct frame *frame)
{
	g_autoptr(GError) error = NULL;
	struct opened opened = { .verdict = verdict_worst(LAYER_PGP_ENCRYPTED) };
	GVariantBuilder missing;

	FAULT("keys.open");
	enum outcome how = open_into(frame, &opened, &error);
	g_autofree char *why = reason(error);
	log_fault(opened.agent_fault, why);
	g_variant_builder_init(&missing, G_VARIANT_TYPE("as"));
	for (guint i = 0; opened.missing && i < opened.missing->len; i++)
		g_variant_builder_add(&missing, "s", (const char *)opened.missing->pdata[i]);
	(void)peer_send(hub, VERB_OPENED, g_variant_new("(usb@(uuumsmsmsxx)as)", (guint32)how, why,
		(gboolean)opened.agent_fault, verdict_to_variant(&opened.verdict), &missing),
		NULL, 0, NULL);
	opened_clear(&opened);
}

/* ---- READ ------------------------------------------------------------------------------- */

static GVariant *
row_of(const struct certificate *c)
{
	return g_variant_new("(s^as^asxxbb@ay)", c->fingerprint, c->key_ids, c->addresses,
		c->expires, c->encrypt_expires, (gboolean)c->revoked, (gboolean)c->can_encrypt,
		g_variant_new_from_bytes(G_VARIANT_TYPE("ay"), c->minimal, TRUE));
}

static enum outcome
read_one(GBytes *file, GVariantBuilder *out, GError **error)
{
	g_autoptr(GPtrArray) certificates = NULL, refused = NULL;
	g_autoptr(GError) whole = NULL;
	GVariantBuilder rows, why;
	enum outcome how = certificates_read(file, read_home, &certificates, &refused, &whole);

	if (how == LATER) {
		g_propagate_error(error, g_steal_pointer(&whole));
		return LATER;
	}
	g_variant_builder_init(&rows, G_VARIANT_TYPE("a(sasasxxbbay)"));
	g_variant_builder_init(&why, G_VARIANT_TYPE("as"));
	for (guint i = 0; certificates && i < certificates->len; i++)
		g_variant_builder_add_value(&rows, row_of(certificates->pdata[i]));
	for (guint i = 0; refused && i < refused->len; i++)
		g_variant_builder_add(&why, "s", (const char *)refused->pdata[i]);
	if (how == NEVER) {
		g_autofree char *text = reason(whole);

		g_variant_builder_add(&why, "s", text);
	}
	g_variant_builder_add(out, "(a(sasasxxbbay)as)", &rows, &why);
	return DONE;
}

/* Most files are sound, and gpg's start costs more than what is in them. */
static enum outcome
read_together(const GPtrArray *files, GVariantBuilder *out, GError **error)
{
	g_autoptr(GPtrArray) lists = NULL;
	enum outcome how = certificates_read_together((GBytes *const *)files->pdata, files->len,
		read_home, &lists, error);

	for (guint i = 0; how == DONE && i < lists->len; i++) {
		const GPtrArray *list = lists->pdata[i];
		GVariantBuilder rows;

		g_variant_builder_init(&rows, G_VARIANT_TYPE("a(sasasxxbbay)"));
		for (guint j = 0; j < list->len; j++)
			g_variant_builder_add_value(&rows, row_of(list->pdata[j]));
		g_variant_builder_add(out, "(a(sasasxxbbay)as)", &rows, NULL);
	}
	return how;
}

static enum outcome
read_each(const GPtrArray *files, GVariantBuilder *out, GError **error)
{
	enum outcome how = DONE;

	for (guint i = 0; how == DONE && i < files->len; i++) {
		alarm(HOOK_PATIENCE(LIMIT_KEYS_WALL));	/* each is an operation of its own */
		how = read_one(files->pdata[i], out, error);
	}
	return how;
}

static enum outcome
read_into(struct frame *frame, GError **error)
{
	g_autoptr(GVariant) sizes = NULL, answer = NULL;
	g_autoptr(GError) together = NULL;
	GVariantBuilder out;
	enum outcome how;

	g_variant_get(frame->body, "(@at)", &sizes);
	g_autoptr(GBytes) all = memfd_map(frame->fds[0], LIMIT_MAIL_SIZE, error);
	g_autoptr(GPtrArray) files = all ? pieces_cut(all, sizes, error) : NULL;
	if (!files)
		return NEVER;
	g_variant_builder_init(&out, G_VARIANT_TYPE("a(a(sasasxxbbay)as)"));
	how = read_together(files, &out, &together);
	if (how == NEVER)
		how = read_each(files, &out, error);
	else if (how == LATER)
		g_propagate_error(error, g_steal_pointer(&together));
	answer = g_variant_ref_sink(g_variant_builder_end(&out));
	if (how != DONE)
		return how;
	g_autoptr(GBytes) bytes = g_variant_get_data_as_bytes(answer);
	return bytes_write(frame->fds[1], bytes, error);
}

static void
serve_read(struct peer *hub, struct frame *frame)
{
	g_autoptr(GError) error = NULL;

	FAULT("keys.read");
	enum outcome how = read_into(frame, &error);
	g_autofree char *why = reason(error);
	(void)peer_send(hub, VERB_READINGS, g_variant_new("(us)", (guint32)how, why), NULL, 0,
		NULL);
}

/* ---- CHECK ------------------------------------------------------------------------------ */

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
		{ VERB_PROTECT, serve_protect },
		{ VERB_OPEN, serve_open },
		{ VERB_READ, serve_read },
		{ VERB_CHECK, serve_check },
	};

	for (guint i = 0; i < G_N_ELEMENTS(services); i++)
		if (services[i].verb == frame->verb) {
			/* Its signal ends us, and that counts. */
			alarm(HOOK_PATIENCE(LIMIT_KEYS_WALL));
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
