/* SPDX-License-Identifier: ISC
 *
 * key import, enrol and retire: keys that come as files, and what to write into the configuration
 * for them; only the administrator edits it.  key forget and accept: what a person says of a
 * certificate that came by mail, through the daemon.  Never overwrites what is not the same
 * certificate, never deletes a key.
 */
#include "ctl/keys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define ADDRESS_LONGEST	320	/* bytes; RFC 5321 §4.5.3.1: 64 + 1 + 255 */

/* ---- files ------------------------------------------------------------------------------ */

static int
read_key(struct ctl *ctl, GBytes **out)
{
	g_auto(input_auto) input = { 0 };
	g_autoptr(GError) error = NULL;
	const char *name = ctl->words[0];

	if (input_read(name, LIMIT_CERTIFICATE, &input, &error) != DONE)
		return ctl_fail(ctl, EX_DATAERR, name, "%s", error->message);
	if (!input.bytes)
		return ctl_fail(ctl, EX_DATAERR, name, "larger than %d bytes", LIMIT_CERTIFICATE);
	*out = g_steal_pointer(&input.bytes);
	return EX_OK;
}

static void
forget_secret(GBytes *bytes)
{
	gsize size;
	gpointer data = g_bytes_unref_to_data(bytes, &size);

	wipe(data, size);
	g_free(data);
}

/* ---- key import -------------------------------------------------------------------------- */

static char *
present_line(const char *fingerprint)
{
	return g_strdup_printf("hotline.key = \"%s\"", fingerprint);
}

/* The lines that make it the present key; the one that was becomes an old one. */
static void
put_as_present(const struct ctl *ctl, json_t *out, const char *fingerprint)
{
	g_autofree char *line = present_line(fingerprint);
	g_autofree char *old = old_keys_line(ctl, key_present(ctl), fingerprint);
	json_t *lines = put_array(out, "as_present_key");

	add_text(lines, line);
	add_text(lines, old);
}

/* What to write: one line where no key is named yet, else the choice. */
static void
put_use_lines(const struct ctl *ctl, json_t *out, const char *fingerprint)
{
	enum key_use use = key_use_of(ctl, fingerprint);
	g_autofree char *line = present_line(fingerprint);
	g_autofree char *old = old_keys_line(ctl, fingerprint, NULL);

	put_text(out, "use", key_use_word(use));
	put_text(out, "configuration", key_present(ctl) ? NULL : line);
	if (!key_present(ctl) || use == KEY_USE_PRESENT)
		return;
	if (use == KEY_USE_OTHER)
		add_text(put_array(out, "as_old_key"), old);
	put_as_present(ctl, out, fingerprint);
}

int
run_key_import(struct ctl *ctl, json_t *out)
{
	g_autofree char *fingerprint = NULL;
	g_autoptr(GError) error = NULL;
	GBytes *bytes = NULL;
	int status = read_key(ctl, &bytes);

	if (status == EX_OK)
		status = keys_home_make(ctl);
	if (status == EX_OK) {
		crypto_init();
		if (key_import(bytes, keys_home(ctl), &fingerprint, &error) != DONE)
			status = ctl_fail_error(ctl, ctl->words[0], &error);
	}
	if (bytes)
		forget_secret(bytes);
	if (status != EX_OK)
		return status;
	put_text(out, "fingerprint", fingerprint);
	put_use_lines(ctl, out, fingerprint);
	put_text(out, "next", RELOAD_HINT);
	return EX_OK;
}

static void
print_lines(const json_t *out, const char *key, const char *title)
{
	const json_t *line;
	gsize i;

	if (json_object_get(out, key))
		print_line("\n%s", title);
	json_array_foreach(json_object_get(out, key), i, line)
		print_line("    %s;", json_string_value(line));
}

static void
print_next(const json_t *out)
{
	print_line("\nThen %s.", json_string_value(json_object_get(out, "next")));
}

void
print_key_import(const json_t *out)
{
	static const struct column fields[] = { { "fingerprint", "Fingerprint" },
		{ "use", "Named by the configuration as" } };
	const json_t *line = json_object_get(out, "configuration");

	print_fields(out, fields, G_N_ELEMENTS(fields));
	if (json_is_string(line))
		print_line("\nPut into the configuration:\n    %s;", json_string_value(line));
	print_lines(out, "as_old_key", "To decrypt with it only, put into the configuration:");
	print_lines(out, "as_present_key", "To sign with it from now on, put into the "
		"configuration:");
	print_next(out);
}

/* ---- key enrol ---------------------------------------------------------------------------- */

/* As everybody may read it: certificates are public, and roles of other users look into it. */
static int
make_folder(struct ctl *ctl, const char *path)
{
	if (mkdir(path, 0755) == 0 && chmod(path, 0755) == 0)
		return EX_OK;
	if (errno == EEXIST)
		return EX_OK;
	return ctl_fail(ctl, EX_CANTCREAT, path, "%s", g_strerror(errno));
}

/* What lay there before; NULL: nothing did. */
static const struct certificate *
renewed_of(const struct key_file *there)
{
	return there->certificates && there->certificates->len > 0 ?
		there->certificates->pdata[0] : NULL;
}

static bool
is_alone(const struct key_file *there, const struct certificate *certificate)
{
	return there->certificates->len == 1 && !there->why &&
		strcmp(renewed_of(there)->fingerprint, certificate->fingerprint) == 0;
}

/* May FINGERPRINT.asc be written?  What lies there must be the same certificate, and not one whose
 * revocation the new copy does not know: nobody takes that back with an older file. */
static int
check_place(struct ctl *ctl, const struct certificate *certificate, struct key_file *there)
{
	g_autoptr(folder_auto) folder = folder_open(ctl);
	g_autofree char *path = g_build_filename(folder->path, there->name, NULL);
	struct stat st;

	if (lstat(path, &st) != 0 && errno == ENOENT)
		return EX_OK;
	if (!S_ISREG(st.st_mode) || !folder_read(folder, there) || !is_alone(there, certificate))
		return ctl_fail(ctl, EX_CANTCREAT, path, "something else lies there; move it away "
			"first");
	if (renewed_of(there)->revoked && !certificate->revoked)
		return ctl_fail(ctl, EX_DATAERR, path, "the certificate there is revoked, and the "
			"new copy does not say so");
	return EX_OK;
}

static void
put_enrolled(struct ctl *ctl, json_t *out, const struct key_file *there,
	const struct certificate *certificate)
{
	g_autoptr(site_auto) site = site_new(ctl->options);
	g_autofree char *party = key_party(site, certificate->fingerprint);
	const struct certificate *before = renewed_of(there);
	json_t *addresses = put_array(out, "addresses");

	put_text(out, "fingerprint", certificate->fingerprint);
	put_text(out, "file", there->name);
	put_certificate(ctl, out, certificate);
	for (char **address = certificate->addresses; *address; address++)
		add_text(addresses, *address);
	put_bool(out, "renewed", before != NULL);
	put_time(out, "expires_before", before ? before->expires : -1);
	put_text(out, "party", party);
}

/* key_enrol() only once it is known that nothing else is lost. */
static int
enrol(struct ctl *ctl, json_t *out, GBytes *bytes, struct key_file *there)
{
	const char *folder = options_text(ctl->options, "keys.certificates");
	g_autoptr(certificate_auto) certificate = NULL;
	g_autofree char *fingerprint = NULL, *line = NULL;
	g_autoptr(GError) error = NULL;
	int status;

	if (certificate_parse(bytes, &certificate, &error) != DONE)
		return ctl_fail_error(ctl, ctl->words[0], &error);
	there->name = g_strconcat(certificate->fingerprint, ".asc", NULL);
	if ((status = make_folder(ctl, folder)) != EX_OK ||
	    (status = check_place(ctl, certificate, there)) != EX_OK)
		return status;
	if (key_enrol(bytes, folder, &fingerprint, &line, &error) != DONE)
		return ctl_fail_error(ctl, ctl->words[0], &error);
	put_enrolled(ctl, out, there, certificate);
	put_text(out, "configuration", line);
	put_text(out, "next", RELOAD_HINT);
	return EX_OK;
}

int
run_key_enrol(struct ctl *ctl, json_t *out)
{
	struct key_file there = { 0 };
	g_autoptr(GBytes) bytes = NULL;
	int status = read_key(ctl, &bytes);

	crypto_init();
	if (status == EX_OK)
		status = enrol(ctl, out, bytes, &there);
	key_file_clear(&there);
	return status;
}

void
print_key_enrol(const json_t *out)
{
	static const struct column fields[] = {
		{ "fingerprint", "Fingerprint" }, { "user_id", "User id" },
		{ "addresses", "Addresses" }, { "algorithm", "Algorithm" },
		{ "expires", "Expires" }, { "file", "File" }, { "party", "Party" },
	};
	const json_t *before = json_object_get(out, "expires_before");
	g_autofree char *line = print_value(json_object_get(out, "configuration"));

	print_fields(out, fields, G_N_ELEMENTS(fields));
	if (json_is_true(json_object_get(out, "renewed")))
		print_line("\nRenewed: the same certificate was there, which expires %s.",
			json_is_string(before) ? json_string_value(before) : "never");
	if (json_is_null(json_object_get(out, "party")))
		print_line("\nPut into the entry of the party it belongs to, once its fingerprint "
			"was compared with\nthe party by another way than mail:\n    %s", line);
	print_next(out);
}

/* ---- key retire --------------------------------------------------------------------------- */

/* Keys that could be the present one from now on. */
static guint
put_candidates(const struct ctl *ctl, json_t *out, const GPtrArray *keys, const char *but)
{
	json_t *candidates = put_array(out, "candidates");

	for (guint i = 0; i < keys->len; i++) {
		const struct key_info *info = keys->pdata[i];

		if (info->has_secret && !info->revoked && !info->expired && info->can_sign &&
		    info->can_encrypt && g_ascii_strcasecmp(info->fingerprint, but) != 0 &&
		    key_use_of(ctl, info->fingerprint) != KEY_USE_OLD)
			add_text(candidates, info->fingerprint);
	}
	return (guint) json_array_size(candidates);
}

static void
put_retired(const struct ctl *ctl, json_t *out, const GPtrArray *keys, const struct key_info *info)
{
	enum key_use use = key_use_of(ctl, info->fingerprint);
	g_autofree char *line = old_keys_line(ctl, info->fingerprint, NULL);
	guint candidates = put_candidates(ctl, out, keys, info->fingerprint);

	put_text(out, "fingerprint", info->fingerprint);
	put_text(out, "use", key_use_word(use));
	put_bool(out, "secret", info->has_secret);
	put_text(out, "configuration", line);
	if (use == KEY_USE_PRESENT && candidates == 0)
		put_text(out, "warning", "this is hotline.key, and no other key with a secret "
			"part can take its place: make one first with ungcuuctl key generate "
			"(another --address) or key import");
	else if (!info->has_secret)
		put_text(out, "warning", "its secret part is not in keys.home: mails to it stay "
			"unreadable");
	else
		put_text(out, "warning", NULL);
	put_text(out, "next", RELOAD_HINT);
}

int
run_key_retire(struct ctl *ctl, json_t *out)
{
	g_autofree char *fingerprint = key_named(ctl, ctl->words[0]);
	g_autoptr(GPtrArray) keys = NULL;
	int status = fingerprint ? keys_own(ctl, NULL, &keys) : EX_USAGE;

	for (guint i = 0; status == EX_OK && i < keys->len; i++) {
		const struct key_info *info = keys->pdata[i];

		if (g_ascii_strcasecmp(info->fingerprint, fingerprint) == 0) {
			put_retired(ctl, out, keys, info);
			return EX_OK;
		}
	}
	if (status != EX_OK)
		return status;
	return ctl_fail(ctl, EX_DATAERR, fingerprint, "no such key in keys.home");
}

static void
print_candidates(const json_t *out)
{
	const json_t *candidate;
	gsize i;

	print_line("\nAnd let hotline.key name its successor:");
	json_array_foreach(json_object_get(out, "candidates"), i, candidate)
		print_line("    hotline.key = \"%s\";", json_string_value(candidate));
	if (json_array_size(json_object_get(out, "candidates")) == 0)
		print_line("    (there is none yet)");
}

void
print_key_retire(const json_t *out)
{
	static const struct column fields[] = { { "fingerprint", "Fingerprint" },
		{ "use", "Named by the configuration as" }, { "warning", "Warning" } };
	const char *use = json_string_value(json_object_get(out, "use"));

	print_fields(out, fields, G_N_ELEMENTS(fields));
	print_line("\nPut into the configuration%s:\n    %s;", strcmp(use, "old") == 0 ?
		" (it is there already)" : "",
		json_string_value(json_object_get(out, "configuration")));
	if (strcmp(use, "present") == 0)
		print_candidates(out);
	print_next(out);
	print_line("A retired key goes on decrypting; nothing is deleted.");
}

/* ---- key forget, key accept: through the daemon --------------------------------------- */

/* A frame carries UTF-8 only, and an address is short. */
static bool
is_address(struct ctl *ctl)
{
	const char *address = ctl->address;

	if (!address || (*address && strlen(address) <= ADDRESS_LONGEST &&
	    g_utf8_validate(address, -1, NULL)))
		return true;
	ctl_fail(ctl, EX_USAGE, "--address", "this is no address");
	return false;
}

static int
ask_about_pin(struct ctl *ctl, json_t *out, const char *verb)
{
	g_autofree char *fingerprint = key_named(ctl, ctl->words[0]);
	const char *const words[] = { "key", verb, fingerprint, ctl->address, NULL };
	int status;

	if (!fingerprint || !is_address(ctl))
		return EX_USAGE;
	status = daemon_ask(ctl, words, out);
	if (!ctl->error_what)
		put_text(out, "address", ctl->address);
	return status;
}

int
run_key_forget(struct ctl *ctl, json_t *out)
{
	return ask_about_pin(ctl, out, "forget");
}

int
run_key_accept(struct ctl *ctl, json_t *out)
{
	return ask_about_pin(ctl, out, "accept");
}

void
print_key_forget(const json_t *out)
{
	static const struct column fields[] = { { "forgotten", "Forgotten" },
		{ "correspondents", "Correspondents" }, { "address", "Address" } };

	print_fields(out, fields, G_N_ELEMENTS(fields));
}

void
print_key_accept(const json_t *out)
{
	static const struct column fields[] = { { "accepted", "Accepted" },
		{ "correspondents", "Correspondents" }, { "address", "Address" } };

	print_fields(out, fields, G_N_ELEMENTS(fields));
}
