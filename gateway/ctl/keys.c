/* SPDX-License-Identifier: ISC
 *
 * key generate, list and show: the hotline's own keys in keys.home, through crypto/.  Works on
 * files; needs no store and no daemon.  Never prints a secret part.  A new home belongs to the
 * user the gateway runs as.
 */
#include "crypto/crypto.h"
#include "ctl/ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const char *
home_of(const struct ctl *ctl)
{
	return options_text(ctl->options, "keys.home");
}

static void
free_info(gpointer info)
{
	key_info_free(info);
}

/* As root, for the user the roles run as: gpg refuses a home of somebody else. */
static int
make_home(struct ctl *ctl, const char *home)
{
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

int
run_key_generate(struct ctl *ctl, json_t *out)
{
	const char *home = home_of(ctl), *own = options_text(ctl->options, "hotline.address");
	const char *team = options_text(ctl->options, "hotline.name.vi");
	g_autofree char *fingerprint = NULL, *revocation = NULL, *line = NULL;
	g_autoptr(GError) error = NULL;
	int status = home ? make_home(ctl, home) : ctl_fail(ctl, EX_CONFIG, "keys.home", "not set");

	if (status != EX_OK)
		return status;
	if (!ctl->name)
		ctl->name = team ? team : "";
	if (!ctl->address)
		ctl->address = own;
	crypto_init();
	if (key_generate(home, ctl->name, ctl->address, ctl->expire, &fingerprint, &revocation,
		&error) != DONE)
		return ctl_fail_error(ctl, "key generate", &error);
	line = g_strdup_printf("hotline.key = \"%s\"", fingerprint);
	put_text(out, "fingerprint", fingerprint);
	put_text(out, "address", ctl->address);
	put_time(out, "expires", ctl->now + ctl->expire * 86400000);
	put_text(out, "configuration", line);
	put_text(out, "revocation", revocation);
	return EX_OK;
}

void
print_key_generate(const json_t *out)
{
	static const struct column fields[] = {
		{ "fingerprint", "Fingerprint" }, { "address", "Address" },
		{ "expires", "Expires" },
	};

	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_line("\nPut into the configuration (in hotline = { ... }):\n    key = \"%s\";",
		json_string_value(json_object_get(out, "fingerprint")));
	print_line("\nRevocation certificate; keep it on paper, away from this machine:\n%s",
		json_string_value(json_object_get(out, "revocation")));
}

/* ---- list, show ----------------------------------------------------------------------- */

static void
put_key(struct ctl *ctl, json_t *object, const struct key_info *info)
{
	gint64 days = days_until(info->expires, ctl->now);
	const char *own = options_text(ctl->options, "hotline.key");

	put_text(object, "fingerprint", info->fingerprint);
	put_text(object, "user_id", info->user_id);
	put_text(object, "algorithm", info->algorithm);
	put_time(object, "created", info->created);
	put_time(object, "expires", info->expires);
	if (info->expires < 0)
		put_text(object, "days_left", NULL);
	else
		put_int(object, "days_left", days);
	put_bool(object, "revoked", info->revoked);
	put_bool(object, "expired", info->expired);
	put_bool(object, "secret", info->has_secret);
	put_bool(object, "can_sign", info->can_sign);
	put_bool(object, "can_encrypt", info->can_encrypt);
	put_bool(object, "hotline", own && g_ascii_strcasecmp(own, info->fingerprint) == 0);
}

static GPtrArray *
listed(struct ctl *ctl, const char *fingerprint)
{
	GPtrArray *keys = NULL;
	g_autoptr(GError) error = NULL;
	const char *home = home_of(ctl);
	struct stat st;

	if (!home || stat(home, &st) != 0)
		return g_ptr_array_new_with_free_func(free_info);
	crypto_init();
	if (key_list(home, fingerprint, false, &keys, &error) == DONE)
		return keys;
	ctl_fail_error(ctl, "keys.home", &error);
	return NULL;
}

int
run_key_list(struct ctl *ctl, json_t *out)
{
	g_autoptr(GPtrArray) keys = listed(ctl, NULL);
	json_t *array = put_array(out, "keys");

	for (guint i = 0; keys && i < keys->len; i++)
		put_key(ctl, add_object(array), keys->pdata[i]);
	return keys ? EX_OK : EX_DATAERR;
}

void
print_key_list(const json_t *out)
{
	static const struct column columns[] = {
		{ "fingerprint", "FINGERPRINT" }, { "algorithm", "ALGORITHM" },
		{ "expires", "EXPIRES" }, { "days_left", "DAYS" },
		{ "hotline", "HOTLINE" }, { "user_id", "USER ID" },
	};

	print_table(json_object_get(out, "keys"), columns, G_N_ELEMENTS(columns));
}

int
run_key_show(struct ctl *ctl, json_t *out)
{
	g_autoptr(GPtrArray) keys = listed(ctl, ctl->words[0]);
	g_autoptr(GBytes) armor = NULL;
	g_autoptr(GError) error = NULL;

	if (!keys)
		return EX_DATAERR;
	if (keys->len != 1)
		return ctl_fail(ctl, EX_DATAERR, ctl->words[0], keys->len == 0 ? "no such key" :
			"several keys: give the full fingerprint");

	const struct key_info *info = keys->pdata[0];

	if (key_export(home_of(ctl), info->fingerprint, true, &armor, &error) != DONE)
		return ctl_fail_error(ctl, info->fingerprint, &error);

	gsize size;
	const char *data = g_bytes_get_data(armor, &size);
	g_autofree char *text = g_strndup(data, size);

	put_key(ctl, out, info);
	put_text(out, "public_key", text);
	return EX_OK;
}

void
print_key_show(const json_t *out)
{
	static const struct column fields[] = {
		{ "fingerprint", "Fingerprint" }, { "user_id", "User id" },
		{ "algorithm", "Algorithm" }, { "created", "Created" },
		{ "expires", "Expires" }, { "days_left", "Days left" },
		{ "revoked", "Revoked" }, { "expired", "Expired" }, { "hotline", "The hotline's" },
	};

	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_line("\n%s", json_string_value(json_object_get(out, "public_key")));
}
