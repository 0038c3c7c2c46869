/* SPDX-License-Identifier: ISC
 *
 * keyring: OpenPGP homes.  Private ones on tmpfs for the keys role, made of exactly the
 * certificates given and redirected to an agent somebody else watches; and the key verbs on the
 * real home.  Relies on GPGME and /usr/bin/gpg.  Never leaves an agent running that it started,
 * never goes to the network.
 */
#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <gpgme.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "crypto/engine.h"
#include "crypto/packets.h"

#define AGENT_WAIT	2	/* seconds an agent has to end */

/* ---- GPGME ------------------------------------------------------------------------------ */

void
crypto_init(void)
{
	/* gpg's messages must be the ones we know, whatever the caller's language is. */
	g_setenv("LC_ALL", "C", TRUE);
	setlocale(LC_ALL, "C");
	gpgme_set_global_flag("disable-gpgconf", "1");
	if (!gpgme_check_version("1.18.0"))
		fatal(EX_SOFTWARE, "GPGME 1.18 or later is needed");
	gpgme_set_locale(NULL, LC_CTYPE, "C");
	if (gpgme_set_engine_info(GPGME_PROTOCOL_OpenPGP, ENGINE_GPG, NULL) != 0 ||
	    gpgme_engine_check_version(GPGME_PROTOCOL_OpenPGP) != 0)
		fatal(EX_SOFTWARE, "%s cannot be used", ENGINE_GPG);
}

/* ---- private homes ---------------------------------------------------------------------- */

void
home_remove(const char *path)
{
	file_remove_tree(path);
}

static enum outcome
put_file(const char *folder, const char *name, const char *text, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool written = fd >= 0 && write_all(fd, text, strlen(text));
	int why = errno;

	if (fd >= 0)
		close(fd);
	return written ? DONE : fail(error, LATER, "%s: %s", path, g_strerror(why));
}

/* lock-never and no-random-seed-file: one process, one mail, nothing to come back to.
 * with-colons: open.c must know gpg's own lines in a plain text (is_listing_at).
 * self-sigs-only: other people's signatures are dropped here, so that an export is short although
 * nothing of the owner's is left out (gpg's own minimal export drops subkeys that have expired).
 * no-autostart: a dead agent must be an error at once.  digest-algo: a recipient whose certificate
 * states no preferences would get SHA-1, which we do not send. */
static const char gpg_conf[] =
	"batch\n"
	"no-tty\n"
	"no-greeting\n"
	"no-autostart\n"
	"lock-never\n"
	"no-random-seed-file\n"
	"disable-dirmngr\n"
	"no-auto-key-retrieve\n"
	"no-auto-key-locate\n"
	"no-auto-check-trustdb\n"
	"trust-model always\n"
	"with-colons\n"
	"import-options self-sigs-only\n"
	"digest-algo SHA512\n"
	"cert-digest-algo SHA512\n";

/* All in one run.  NEVER: not each of them is there, or that cannot be told. */
static enum outcome
import_together(gpgme_ctx_t context, GBytes *const *certificates, const guint *order, guint n,
	GError **error)
{
	g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GBytes) all = bytes_join(certificates, order, n);
	struct imported imported = { .taken = taken };
	enum outcome how = engine_import(context, all, &imported, error);

	for (guint i = 0; how == DONE && i < n; i++) {
		g_autofree char *fingerprint = certificate_fingerprint(certificates[i]);

		if (!fingerprint || !g_hash_table_contains(taken, fingerprint))
			how = NEVER;
	}
	return how;
}

static enum outcome
import_one(gpgme_ctx_t context, GBytes *certificate, const char *which, GError **error)
{
	g_autoptr(GHashTable) taken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct imported imported = { .taken = taken };

	if (engine_import(context, certificate, &imported, error) != DONE)
		return LATER;
	if (g_hash_table_size(taken) > 0)
		return DONE;
	return fail(error, NEVER, "%s: gpg %s", which, imported.has_ended ?
		"does not take it" : "dies of it");
}

static enum outcome
import_all(const char *home, GBytes *const *certificates, guint n, GError **error)
{
	g_autoptr(engine_context) context = engine_new(home, error);
	g_autofree guint *order = certificates_order(certificates, n);
	enum outcome how = context ? NEVER : LATER;

	if (context && n > 1)
		how = import_together(context, certificates, order, n, error);
	if (how != NEVER)
		return how;
	how = DONE;
	for (guint i = 0; how == DONE && i < n; i++) {	/* which of them is it? */
		g_autofree char *which = g_strdup_printf("certificate %u of %u", order[i] + 1, n);

		how = import_one(context, certificates[order[i]], which, error);
	}
	return how;
}

enum outcome
home_make(const char *path, const char *agent_socket, GBytes *const *certificates, guint n,
	GError **error)
{
	g_autofree char *redirect = g_strdup_printf("%%Assuan%%\nsocket=%s\n", agent_socket);

	home_remove(path);
	if (mkdir(path, 0700) != 0)
		return fail(error, LATER, "%s: %s", path, g_strerror(errno));
	enum outcome how = put_file(path, "gpg.conf", gpg_conf, error);
	if (how == DONE)
		how = put_file(path, "S.gpg-agent", redirect, error);
	if (how == DONE && n > 0)
		how = import_all(path, certificates, n, error);
	if (how != DONE)
		home_remove(path);
	return how;
}

/* ---- a visit to the real home ----------------------------------------------------------- */

/* Its pid by its own word (it has daemonized: it is nobody's child), then an end in time. */
static void
agent_end(const char *home)
{
	pid_t pid = agent_pid(home);
	struct pollfd ended = { .fd = pid > 1 ? pidfd_open(pid, 0) : -1, .events = POLLIN };

	if (ended.fd < 0)
		return;
	kill(pid, SIGTERM);
	if (poll(&ended, 1, AGENT_WAIT * 1000) == 0)
		kill(pid, SIGKILL);
	close(ended.fd);
}

void
visit_end(struct visit *visit)
{
	if (visit->context)
		gpgme_release(visit->context);
	if (visit->home && !visit->agent_was_there)
		agent_end(visit->home);
	if (visit->other_user && (setresuid(0, 0, 0) != 0 || setresgid(0, 0, 0) != 0))
		fatal(EX_OSERR, "cannot return to root: %s", g_strerror(errno));
	if (visit->home)
		unlink(visit->home);
	if (visit->folder)
		rmdir(visit->folder);
	g_free(visit->home);
	g_free(visit->folder);
	*visit = (struct visit){ 0 };
}
enum outcome
visit_begin(struct visit *visit, const char *home, GError **error)
{
	g_autofree char *absolute = g_canonicalize_filename(home, NULL);
	struct stat st;

	if (stat(absolute, &st) != 0)
		return fail(error, NEVER, "%s: %s", home, g_strerror(errno));
	if (!S_ISDIR(st.st_mode) || (st.st_mode & 077) != 0)
		return fail(error, NEVER, "%s: must be a folder of mode 0700", home);
	visit->folder = g_strdup("/tmp/ungcuu-XXXXXX");
	if (!g_mkdtemp_full(visit->folder, 0711)) {
		g_clear_pointer(&visit->folder, g_free);
		return fail(error, LATER, "/tmp: %s", g_strerror(errno));
	}
	visit->home = g_build_filename(visit->folder, "h", NULL);
	if (symlink(absolute, visit->home) != 0)
		return fail(error, LATER, "%s: %s", visit->home, g_strerror(errno));
	if (geteuid() == 0 && st.st_uid != 0) {
		/* Root stays in reserve, and exec drops it: gpg never has it. */
		visit->other_user = true;
		if (setresgid(st.st_gid, st.st_gid, 0) != 0 ||
		    setresuid(st.st_uid, st.st_uid, 0) != 0)
			return fail(error, NEVER, "%s: cannot act as its owner", home);
	}
	visit->agent_was_there = agent_listens(visit->home);
	visit->context = engine_new(visit->home, error);
	return visit->context ? DONE : LATER;
}

/* ---- key verbs -------------------------------------------------------------------------- */

void
key_info_free(struct key_info *info)
{
	if (!info)
		return;
	g_free(info->fingerprint);
	g_free(info->user_id);
	g_free(info->algorithm);
	g_free(info);
}

static struct key_info *
info_of(gpgme_key_t key)
{
	struct key_info *info = g_new0(struct key_info, 1);
	char *algorithm = gpgme_pubkey_algo_string(key->subkeys);

	info->fingerprint = g_strdup(key->fpr);
	info->user_id = g_utf8_make_valid(key->uids && key->uids->uid ? key->uids->uid : "", -1);
	info->algorithm = g_strdup(algorithm ? algorithm : "?");
	gpgme_free(algorithm);
	info->created = (gint64)key->subkeys->timestamp * 1000;
	info->expires = key->subkeys->expires ? (gint64)key->subkeys->expires * 1000 : -1;
	info->revoked = key->revoked;
	info->expired = key->expired;
	info->has_secret = key->secret;
	info->can_sign = key->can_sign;
	info->can_encrypt = key->can_encrypt;
	return info;
}

static enum outcome
list_with(gpgme_ctx_t context, const char *pattern, bool secret_only, GPtrArray **out,
	GError **error)
{
	g_autoptr(GPtrArray) keys = NULL;

	gpgme_set_keylist_mode(context, GPGME_KEYLIST_MODE_LOCAL | GPGME_KEYLIST_MODE_WITH_SECRET);
	enum outcome how = engine_list(context, pattern, secret_only, &keys, error);

	if (how != DONE)
		return how;
	*out = g_ptr_array_new_with_free_func((GDestroyNotify)key_info_free);
	for (guint i = 0; i < keys->len; i++)
		g_ptr_array_add(*out, info_of(keys->pdata[i]));
	return DONE;
}

enum outcome
key_list(const char *home, const char *fingerprint, bool secret_only, GPtrArray **out,
	GError **error)
{
	g_auto(visit_auto) visit = { 0 };
	enum outcome how = visit_begin(&visit, home, error);

	*out = NULL;
	return how == DONE ? list_with(visit.context, fingerprint, secret_only, out, error) : how;
}

enum outcome
key_export(const char *home, const char *fingerprint, bool armor, GBytes **out, GError **error)
{
	g_auto(visit_auto) visit = { 0 };
	g_autoptr(engine_data) data = NULL;
	enum outcome how = visit_begin(&visit, home, error);

	*out = NULL;
	if (how != DONE)
		return how;
	gpgme_set_armor(visit.context, armor);
	gpgme_error_t why = gpgme_data_new(&data);
	if (why == 0)
		why = gpgme_op_export(visit.context, fingerprint, 0, data);
	if (why != 0)
		return engine_fail(error, LATER, "export", why);
	g_autoptr(GBytes) bytes = engine_take(g_steal_pointer(&data));
	if (g_bytes_get_size(bytes) == 0)
		return fail(error, NEVER, "%s: no such key in %s", fingerprint, home);
	*out = g_steal_pointer(&bytes);
	return DONE;
}

/* What stands between the angle brackets must find exactly this key again. */
static bool
is_user_id(const char *name, const char *address)
{
	const char *at = strchr(address, '@');

	if (!at || at == address || !at[1] || strchr(at + 1, '@') || strlen(address) > 254)
		return false;
	for (const char *p = address; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("<>()[]\\,;:\"", *p))
			return false;
	if (!g_utf8_validate(name, -1, NULL) || strpbrk(name, "<>"))
		return false;
	for (const char *p = name; *p; p++)
		if ((guchar)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

static enum outcome
make_pair(gpgme_ctx_t context, const char *user_id, gint64 expires_days, char **fingerprint,
	GError **error)
{
	const unsigned common =
		GPGME_CREATE_NOPASSWD | (expires_days > 0 ? 0 : GPGME_CREATE_NOEXPIRE);
	unsigned long expires = expires_days > 0 ? (unsigned long)expires_days * 86400 : 0;
	gpgme_error_t why = gpgme_op_createkey(context, user_id, "ed25519", 0, expires, NULL,
		common | GPGME_CREATE_SIGN | GPGME_CREATE_CERT);

	if (why != 0)
		return engine_fail(error, LATER, "new key", why);
	gpgme_genkey_result_t result = gpgme_op_genkey_result(context);
	if (!result || !result->fpr)
		return fail(error, LATER, "new key: gpg names no fingerprint");
	*fingerprint = g_strdup(result->fpr);

	g_autoptr(engine_key) key = NULL;
	why = gpgme_get_key(context, *fingerprint, &key, 1);
	if (why == 0)
		why = gpgme_op_createsubkey(context, key, "cv25519", 0, expires,
			common | GPGME_CREATE_ENCR);
	return why == 0 ? DONE : engine_fail(error, LATER, "new encryption key", why);
}

enum outcome
key_generate(const char *home, const char *name, const char *address, gint64 expires_days,
	char **fingerprint, char **revocation, GError **error)
{
	g_auto(visit_auto) visit = { 0 };
	g_autoptr(GPtrArray) there = NULL;

	*fingerprint = *revocation = NULL;
	if (!is_user_id(name, address))
		return fail(error, NEVER, "name or address cannot stand in a user id");
	if (expires_days < 0 || expires_days > 36500)
		return fail(error, NEVER, "a key may be valid for at most 36500 days");
	if (g_mkdir_with_parents(home, 0700) != 0)
		return fail(error, NEVER, "%s: %s", home, g_strerror(errno));
	enum outcome how = visit_begin(&visit, home, error);
	if (how != DONE)
		return how;

	g_autofree char *pattern = g_strdup_printf("<%s>", address);
	if ((how = list_with(visit.context, pattern, true, &there, error)) != DONE)
		return how;
	if (there->len > 0)
		return fail(error, NEVER, "%s has a key already: %s", address,
			((struct key_info *)there->pdata[0])->fingerprint);

	g_autofree char *user_id = g_strdup_printf("%s%s<%s>", name, *name ? " " : "", address);
	g_autofree char *made = NULL;
	if ((how = make_pair(visit.context, user_id, expires_days, &made, error)) != DONE)
		return how;
	g_autofree char *file = g_strdup_printf("%s/openpgp-revocs.d/%s.rev", visit.home, made);
	if (!g_file_get_contents(file, revocation, NULL, NULL))
		return fail(error, NEVER, "key %s was made, but gpg left no revocation certificate",
			made);
	*fingerprint = g_steal_pointer(&made);
	return DONE;
}
