/* SPDX-License-Identifier: ISC
 *
 * keys: the hotline's own keys in keys.home, through crypto/: which there are, which of them the
 * configuration names, and key generate.  Works on files; needs no store and no daemon.  Never
 * prints a secret part.  A new home belongs to the user the gateway runs as.
 */
#include "ctl/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

WORDS_DEFINE(key_use, KEY_USE, KEY_USE_LIST)

#define OLD_KEYS	"hotline.old_keys"

/* ---- what the configuration says ------------------------------------------------------ */

const char *
keys_home(const struct ctl *ctl)
{
	return options_text(ctl->options, "keys.home");
}

const char *
key_present(const struct ctl *ctl)
{
	const char *key = options_text(ctl->options, "hotline.key");

	return key && *key ? key : NULL;
}

enum key_use
key_use_of(const struct ctl *ctl, const char *fingerprint)
{
	const char *present = key_present(ctl);

	if (present && g_ascii_strcasecmp(present, fingerprint) == 0)
		return KEY_USE_PRESENT;
	for (guint i = 0; i < options_count(ctl->options, OLD_KEYS); i++)
		if (g_ascii_strcasecmp(options_text(ctl->options, OLD_KEYS ".%u", i),
			fingerprint) == 0)
			return KEY_USE_OLD;
	return KEY_USE_OTHER;
}

char *
old_keys_line(const struct ctl *ctl, const char *more, const char *less)
{
	GString *line = g_string_new(OLD_KEYS " = [");
	const char *comma = "";

	for (guint i = 0; i < options_count(ctl->options, OLD_KEYS); i++) {
		const char *key = options_text(ctl->options, OLD_KEYS ".%u", i);

		if (less && g_ascii_strcasecmp(key, less) == 0)
			continue;
		g_string_append_printf(line, "%s \"%s\"", comma, key);
		comma = ",";
	}
	if (key_use_of(ctl, more) != KEY_USE_OLD)
		g_string_append_printf(line, "%s \"%s\"", comma, more);
	return g_string_free(g_string_append(line, " ]"), FALSE);
}

char *
key_named(struct ctl *ctl, const char *word)
{
	GString *name = g_string_new(NULL);

	if (g_str_has_prefix(word, "0x"))
		word += 2;
	for (const char *p = word; *p; p++)
		if (*p != ' ')
			g_string_append_c(name, g_ascii_toupper(*p));
	if ((name->len == 40 || name->len == 64) &&
	    strspn(name->str, "0123456789ABCDEF") == name->len)
		return g_string_free(name, FALSE);
	g_string_free(name, TRUE);
	ctl_fail(ctl, EX_USAGE, word, "no fingerprint: all its 40 hexadecimal digits are needed");
	return NULL;
}

/* ---- keys.home ------------------------------------------------------------------------ */

static void
free_info(gpointer info)
{
	key_info_free(info);
}

int
keys_own(struct ctl *ctl, const char *fingerprint, GPtrArray **out)
{
	g_autoptr(GError) error = NULL;
	struct stat st;

	*out = NULL;
	if (stat(keys_home(ctl), &st) != 0 && errno == ENOENT) {
		*out = g_ptr_array_new_with_free_func(free_info);
		return EX_OK;
	}
	crypto_init();
	if (key_list(keys_home(ctl), fingerprint, false, out, &error) == DONE)
		return EX_OK;
	return ctl_fail_error(ctl, "keys.home", &error);
}

/* As root, for the user the roles run as: gpg refuses a home of somebody else. */
int
keys_home_make(struct ctl *ctl)
{
	const char *home = keys_home(ctl);
	gint64 uid, gid;
	g_autoptr(GError) error = NULL;
	struct stat st;

	if (stat(home, &st) == 0)
		return EX_OK;
	if (role_user(ctl->options, ROLE_SUPERVISOR, &uid, &gid, &error) != DONE)
		return ctl_fail(ctl, EX_CONFIG, "process.user", "%s", error->message);
	if (mkdir(home, 0700) != 0 ||
	    (uid >= 0 && lchown(home, (uid_t) uid, (gid_t) gid) != 0))
		return ctl_fail(ctl, EX_CANTCREAT, home, "%s", g_strerror(errno));
	return EX_OK;
}

/* ---- key generate --------------------------------------------------------------------- */

/* gpg leaves the revocation certificate beside the key it revokes: whoever copies the home has
 * both.  Printed once is enough; with the secret key another can be made.  Is it gone? */
static bool
remove_revocation(const char *home, const char *fingerprint)
{
	g_autofree char *name = g_strconcat(fingerprint, ".rev", NULL);
	g_autofree char *path = g_build_filename(home, "openpgp-revocs.d", NULL);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool gone = folder >= 0 && (unlinkat(folder, name, 0) == 0 || errno == ENOENT);

	if (folder >= 0)
		close(folder);
	return gone;
}

static void
put_generated(struct ctl *ctl, json_t *out, const char *fingerprint, const char *revocation)
{
	g_autofree char *line = g_strdup_printf("hotline.key = \"%s\"", fingerprint);
	g_autofree char *file = g_strdup_printf("%s/openpgp-revocs.d/%s.rev", keys_home(ctl),
		fingerprint);
	bool gone = remove_revocation(keys_home(ctl), fingerprint);

	put_text(out, "fingerprint", fingerprint);
	put_text(out, "address", ctl->address);
	put_time(out, "expires", ctl->now + ctl->expire * 86400000);
	put_text(out, "configuration", line);
	put_text(out, "revocation", revocation);
	put_text(out, "revocation_left", gone ? NULL : file);
}

int
run_key_generate(struct ctl *ctl, json_t *out)
{
	const char *team = options_text(ctl->options, "hotline.name.vi");
	g_autofree char *fingerprint = NULL, *revocation = NULL;
	g_autoptr(GError) error = NULL;
	int status = keys_home_make(ctl);

	if (status != EX_OK)
		return status;
	if (!ctl->name)
		ctl->name = team ? team : "";
	if (!ctl->address)
		ctl->address = options_text(ctl->options, "hotline.address");
	crypto_init();
	if (key_generate(keys_home(ctl), ctl->name, ctl->address, ctl->expire, &fingerprint,
		&revocation, &error) != DONE)
		return ctl_fail_error(ctl, "key generate", &error);
	put_generated(ctl, out, fingerprint, revocation);
	return EX_OK;
}

void
print_key_generate(const json_t *out)
{
	static const struct column fields[] = {
		{ "fingerprint", "Fingerprint" }, { "address", "Address" },
		{ "expires", "Expires" },
	};
	const json_t *left = json_object_get(out, "revocation_left");

	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_line("\nPut into the configuration (in hotline = { ... }):\n    key = \"%s\";",
		json_string_value(json_object_get(out, "fingerprint")));
	print_line("\nRevocation certificate; keep it on paper, away from this machine:\n%s",
		json_string_value(json_object_get(out, "revocation")));
	if (json_is_string(left))
		print_line("It also lies in %s: remove it.", json_string_value(left));
	else
		print_line("It is not kept here.");
}
