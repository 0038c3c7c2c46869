/* SPDX-License-Identifier: ISC
 *
 * certificate: certificates of others and secret keys of ours that come as files.  Each is first
 * read alone in an empty home that is thrown away: what it does to gpg it does there.  Relies on
 * packets.c to refuse what is more or other than one key.  Never puts into a real home or folder
 * what has not shown that it works.
 */
#include "crypto/crypto.h"

#include <glib/gstdio.h>
#include <string.h>

#include "crypto/engine.h"
#include "crypto/packets.h"

#define KEY_IDS_MAX	256			/* subkeys of one certificate */

/* ---- reading one ---------------------------------------------------------------------------- */

void
certificate_free(struct certificate *certificate)
{
	if (!certificate)
		return;
	g_free(certificate->fingerprint);
	g_free(certificate->user_id);
	g_free(certificate->algorithm);
	g_strfreev(certificate->addresses);
	g_strfreev(certificate->key_ids);
	g_clear_pointer(&certificate->minimal, g_bytes_unref);
	g_free(certificate);
}
typedef struct certificate certificate_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(certificate_auto, certificate_free)

static gint64
expiry_of(gpgme_subkey_t key)
{
	return key->expires ? (gint64)key->expires * 1000 : -1;
}

static char **
addresses_of(gpgme_key_t key)
{
	GPtrArray *list = g_ptr_array_new();

	for (gpgme_user_id_t uid = key->uids; uid; uid = uid->next)
		if (!uid->revoked && !uid->invalid && uid->address && *uid->address &&
		    g_utf8_validate(uid->address, -1, NULL) && list->len < LIMIT_ADDRESSES)
			g_ptr_array_add(list, g_ascii_strdown(uid->address, -1));
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

static void
read_subkeys(struct certificate *certificate, gpgme_key_t key)
{
	GPtrArray *ids = g_ptr_array_new();
	gint64 last = 0;

	for (gpgme_subkey_t sub = key->subkeys; sub; sub = sub->next) {
		gint64 expires = expiry_of(sub);

		if (sub->keyid && ids->len < KEY_IDS_MAX)
			g_ptr_array_add(ids, g_strdup(sub->keyid));
		if (!sub->can_encrypt || sub->revoked || sub->expired || sub->invalid)
			continue;
		certificate->can_encrypt = !key->revoked && !key->expired && !key->invalid;
		if (last >= 0 && (expires < 0 || expires > last))
			last = expires;
	}
	g_ptr_array_add(ids, NULL);
	certificate->key_ids = (char **)g_ptr_array_free(ids, FALSE);
	/* No encryption key outlives its primary. */
	certificate->encrypt_expires = certificate->expires >= 0 &&
		(last < 0 || last > certificate->expires) ? certificate->expires : last;
}

struct certificate *
certificate_of(gpgme_key_t key)
{
	struct certificate *certificate = g_new0(struct certificate, 1);
	char *algorithm = gpgme_pubkey_algo_string(key->subkeys);

	certificate->fingerprint = g_ascii_strup(key->fpr, -1);
	certificate->user_id = g_utf8_make_valid(key->uids && key->uids->uid ? key->uids->uid : "",
		-1);
	certificate->algorithm = g_strdup(algorithm ? algorithm : "?");
	gpgme_free(algorithm);
	certificate->addresses = addresses_of(key);
	certificate->expires = expiry_of(key->subkeys);
	certificate->revoked = key->revoked;
	certificate->expired = key->expired;
	read_subkeys(certificate, key);
	return certificate;
}

static enum outcome
read_in(const char *home, struct certificate **out, GError **error)
{
	g_autoptr(engine_context) context = engine_new(home, error);
	g_autoptr(GPtrArray) keys = NULL;
	g_autoptr(engine_data) minimal = NULL;

	if (!context)
		return LATER;
	enum outcome how = engine_list(context, NULL, false, &keys, error);
	if (how != DONE)
		return how;
	if (keys->len != 1)
		return fail(error, NEVER, "gpg finds %u certificates, not exactly one", keys->len);
	g_autoptr(certificate_auto) certificate = certificate_of(keys->pdata[0]);
	gpgme_error_t why = gpgme_data_new(&minimal);
	if (why == 0)
		why = gpgme_op_export(context, certificate->fingerprint,
			0, minimal);
	if (why != 0)
		return engine_fail(error, LATER, "export of a certificate", why);
	certificate->minimal = engine_take(g_steal_pointer(&minimal));
	*out = g_steal_pointer(&certificate);
	return DONE;
}

/* A home with this one certificate in it; DONE leaves it standing. */
static enum outcome
home_with(GBytes *bytes, const char *home, GError **error)
{
	g_autoptr(GBytes) binary = armor_strip(bytes);

	if (!binary)
		return fail(error, NEVER, "not one OpenPGP certificate");
	if (certificate_scan(binary, false, error) != DONE)
		return NEVER;
	return home_make(home, NO_AGENT, &binary, 1, error);
}

enum outcome
certificate_read(GBytes *bytes, const char *home, struct certificate **out, GError **error)
{
	*out = NULL;
	enum outcome how = home_with(bytes, home, error);
	if (how != DONE)
		return how;
	how = read_in(home, out, error);
	home_remove(home);
	return how;
}

/* ---- places to try things in --------------------------------------------------------------- */

/* In memory where there is such a place: a secret key lies there for a moment. */
static char *
scratch_new(GError **error)
{
	static const char *const places[] = { "/dev/shm/ungcuu-XXXXXX", "/tmp/ungcuu-XXXXXX" };

	for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
		char *folder = g_strdup(places[i]);

		if (g_mkdtemp_full(folder, 0700))
			return folder;
		g_free(folder);
	}
	fail(error, LATER, "no temporary folder");
	return NULL;
}

static void
scratch_free(char *folder)
{
	if (folder)
		home_remove(folder);
	g_free(folder);
}
typedef char scratch;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(scratch, scratch_free)

/* ---- a party's certificate ------------------------------------------------------------------ */

static enum outcome
encrypt_once(const char *home, const char *fingerprint, GError **error)
{
	g_autofree char *recipient = g_strdup_printf("--\n%s\n", fingerprint);
	g_autoptr(engine_context) context = engine_new(home, error);
	g_autoptr(engine_data) in = NULL;
	g_autoptr(engine_data) out = NULL;

	if (!context)
		return LATER;
	gpgme_error_t why = gpgme_data_new_from_mem(&in, "check", 5, 0);
	if (why == 0)
		why = gpgme_data_new(&out);
	if (why == 0)
		why = gpgme_op_encrypt_ext(
			context, NULL, recipient, GPGME_ENCRYPT_ALWAYS_TRUST, in, out);
	return why == 0 ? DONE : engine_fail(error, NEVER, "nothing can be encrypted to it", why);
}

static enum outcome
check_usable(const struct certificate *certificate, GError **error)
{
	if (certificate->revoked)
		return fail(error, NEVER, "%s is revoked", certificate->fingerprint);
	if (certificate->expired)
		return fail(error, NEVER, "%s has expired", certificate->fingerprint);
	if (!certificate->can_encrypt)
		return fail(error, NEVER, "%s has no encryption key that is valid",
			certificate->fingerprint);
	return DONE;
}

/* Text that goes behind a "#" of somebody's configuration. */
static char *
one_line(const char *text)
{
	GString *out = g_string_new(NULL);

	for (const char *p = text; *p && out->len < 200; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(out, g_unichar_isprint(c) ? c : '?');
	}
	return g_string_free(out, FALSE);
}

static enum outcome
export_armored(const char *home, const char *fingerprint, GBytes **out, GError **error)
{
	g_autoptr(engine_context) context = engine_new(home, error);
	g_autoptr(engine_data) data = NULL;

	if (!context)
		return LATER;
	gpgme_set_armor(context, 1);
	gpgme_error_t why = gpgme_data_new(&data);
	if (why == 0)
		why = gpgme_op_export(context, fingerprint, 0, data);
	if (why != 0)
		return engine_fail(error, LATER, "export of a certificate", why);
	*out = engine_take(g_steal_pointer(&data));
	return DONE;
}

enum outcome
key_enrol(GBytes *bytes, const char *folder, char **fingerprint, char **line, GError **error)
{
	g_autoptr(scratch) place = scratch_new(error);
	g_autofree char *home = place ? g_build_filename(place, "home", NULL) : NULL;
	g_autoptr(certificate_auto) certificate = NULL;
	g_autoptr(GBytes) armor = NULL;
	gsize size;

	*fingerprint = *line = NULL;
	enum outcome how = home ? home_with(bytes, home, error) : LATER;
	if (how == DONE)
		how = read_in(home, &certificate, error);
	if (how == DONE)
		how = check_usable(certificate, error);
	if (how == DONE)
		how = encrypt_once(home, certificate->fingerprint, error);
	if (how == DONE)
		how = export_armored(home, certificate->fingerprint, &armor, error);
	if (how != DONE)
		return how;
	g_autofree char *name = g_strconcat(certificate->fingerprint, ".asc", NULL);
	g_autofree char *path = g_build_filename(folder, name, NULL);
	const void *text = g_bytes_get_data(armor, &size);
	how = file_write_durable(path, text, size, 0644, error);
	if (how != DONE)
		return how;
	g_autofree char *who = one_line(certificate->user_id);
	*line = g_strdup_printf("keys = [ \"%s\" ];  # %s", certificate->fingerprint, who);
	*fingerprint = g_strdup(certificate->fingerprint);
	return DONE;
}

/* ---- a secret key of ours -------------------------------------------------------------------- */

static enum outcome
import_secret(gpgme_ctx_t context, GBytes *binary, char **fingerprint, GError **error)
{
	gsize size;
	const char *bytes = g_bytes_get_data(binary, &size);
	g_autoptr(engine_data) data = NULL;
	gpgme_error_t why = gpgme_data_new_from_mem(&data, bytes, size, 0);

	if (why == 0)
		why = engine_import_data(context, data);
	if (why != 0)
		return engine_fail(error, LATER, "import of the key", why);
	gpgme_import_result_t result = gpgme_op_import_result(context);
	if (!result || !result->imports || !result->imports->fpr ||
	    result->secret_imported + result->secret_unchanged < 1)
		return fail(error, NEVER, "gpg does not take this secret key");
	*fingerprint = g_ascii_strup(result->imports->fpr, -1);
	return DONE;
}

/* It signs without being asked for anything.  (With a passphrase it would not, and no one sits
 * there.) */
static enum outcome
sign_once(gpgme_ctx_t context, const char *fingerprint, GError **error)
{
	g_autoptr(engine_key) key = NULL;
	g_autoptr(engine_data) in = NULL;
	g_autoptr(engine_data) out = NULL;
	gpgme_error_t why = gpgme_get_key(context, fingerprint, &key, 1);

	if (why == 0 && !key->can_encrypt)
		return fail(error, NEVER, "%s: no encryption key that is valid", fingerprint);
	if (why == 0)
		why = gpgme_signers_add(context, key);
	if (why == 0)
		why = gpgme_data_new_from_mem(&in, "check", 5, 0);
	if (why == 0)
		why = gpgme_data_new(&out);
	if (why == 0)
		why = gpgme_op_sign(context, in, out, GPGME_SIG_MODE_DETACH);
	return why == 0 ? DONE : engine_fail(error, NEVER,
		"it cannot sign unattended (it must have no passphrase and not be expired)", why);
}

static enum outcome
try_secret(GBytes *binary, char **fingerprint, GError **error)
{
	g_autoptr(scratch) place = scratch_new(error);
	g_auto(visit_auto) visit = { 0 };

	enum outcome how = place ? visit_begin(&visit, place, error) : LATER;
	if (how != DONE)
		return how;
	/* On an agent of its own: an error at once, instead of a question to nobody. */
	gpgme_set_pinentry_mode(visit.context, GPGME_PINENTRY_MODE_ERROR);
	how = import_secret(visit.context, binary, fingerprint, error);
	return how == DONE ? sign_once(visit.context, *fingerprint, error) : how;
}

enum outcome
key_import(GBytes *bytes, const char *home, char **fingerprint, GError **error)
{
	g_auto(visit_auto) visit = { 0 };
	g_autoptr(GBytes) binary = armor_strip(bytes);
	g_autofree char *tried = NULL;

	*fingerprint = NULL;
	if (!binary)
		return fail(error, NEVER, "not one OpenPGP key");
	if (certificate_scan(binary, true, error) != DONE)
		return NEVER;
	enum outcome how = try_secret(binary, &tried, error);
	if (how != DONE)
		return how;
	if (g_mkdir_with_parents(home, 0700) != 0)
		return fail(error, NEVER, "%s: cannot be made", home);
	how = visit_begin(&visit, home, error);
	return how == DONE ? import_secret(visit.context, binary, fingerprint, error) : how;
}
