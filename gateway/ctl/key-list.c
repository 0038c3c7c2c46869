/* SPDX-License-Identifier: ISC
 *
 * key list and show: every key the gateway knows of, in one order: our own, those the parties'
 * entries name, other certificates of the folder, files that hold none, and certificates that came
 * by mail.  One page may end in any of them.  Reads files and, where there is one, the store.
 * Never gives a pinned certificate to gpg: it is a stranger's.
 */
#include "ctl/keys.h"

#include <string.h>
#include <sysexits.h>

#define PINS_READ	1000	/* rows of the store at a time */

/* ---- a page --------------------------------------------------------------------------------- */

struct page {
	struct ctl *ctl;
	struct folder *folder;
	struct site *site;
	const char *after;		/* rows up to this one were shown before; NULL: passed */
	gint64 left;
	char *last;			/* the row shown last */
	bool more;
};

/* Is this the place of a row to be shown? */
static bool
page_turn(struct page *page, const char *id)
{
	if (page->after) {
		if (strcmp(page->after, id) == 0)
			page->after = NULL;
		return false;
	}
	if (page->left == 0) {
		page->more = true;
		return false;
	}
	page->left--;
	g_free(page->last);
	page->last = g_strdup(id);
	return true;
}

/* ---- our own -------------------------------------------------------------------------------- */

static void
put_expiry(const struct ctl *ctl, json_t *object, gint64 expires)
{
	put_time(object, "expires", expires);
	if (expires < 0)
		put_text(object, "days_left", NULL);
	else
		put_int(object, "days_left", days_until(expires, ctl->now));
}

static void
put_use(const struct ctl *ctl, json_t *object, const char *fingerprint)
{
	enum key_use use = key_use_of(ctl, fingerprint);

	put_text(object, "use", key_use_word(use));
	put_bool(object, "hotline", use == KEY_USE_PRESENT);
}

static void
put_key(const struct ctl *ctl, json_t *object, const struct key_info *info)
{
	put_text(object, "fingerprint", info->fingerprint);
	put_text(object, "user_id", info->user_id);
	put_text(object, "algorithm", info->algorithm);
	put_time(object, "created", info->created);
	put_expiry(ctl, object, info->expires);
	put_bool(object, "revoked", info->revoked);
	put_bool(object, "expired", info->expired);
	put_bool(object, "secret", info->has_secret);
	put_bool(object, "can_sign", info->can_sign);
	put_bool(object, "can_encrypt", info->can_encrypt);
	put_use(ctl, object, info->fingerprint);
	put_bool(object, "in_home", true);
}

static const struct key_info *
own_of(const GPtrArray *keys, const char *fingerprint)
{
	for (guint i = 0; i < keys->len; i++) {
		const struct key_info *info = keys->pdata[i];

		if (g_ascii_strcasecmp(info->fingerprint, fingerprint) == 0)
			return info;
	}
	return NULL;
}

/* A key the configuration names is a row also where keys.home does not have it. */
static void
put_named(struct page *page, json_t *array, const GPtrArray *keys, const char *fingerprint)
{
	if (own_of(keys, fingerprint) || !page_turn(page, fingerprint))
		return;

	json_t *object = add_object(array);

	put_text(object, "fingerprint", fingerprint);
	put_use(page->ctl, object, fingerprint);
	put_bool(object, "in_home", false);
}

static int
put_own(struct page *page, json_t *out)
{
	const struct options *options = page->ctl->options;
	json_t *array = put_array(out, "keys");
	g_autoptr(GPtrArray) keys = NULL;
	int status = keys_own(page->ctl, NULL, &keys);

	for (guint i = 0; status == EX_OK && i < keys->len; i++) {
		const struct key_info *info = keys->pdata[i];

		if (page_turn(page, info->fingerprint))
			put_key(page->ctl, add_object(array), info);
	}
	if (status == EX_OK && key_present(page->ctl))
		put_named(page, array, keys, key_present(page->ctl));
	for (guint i = 0; status == EX_OK && i < options_count(options, "hotline.old_keys"); i++)
		put_named(page, array, keys, options_text(options, "hotline.old_keys.%u", i));
	return status;
}

/* ---- the folder ----------------------------------------------------------------------------- */

void
put_certificate(const struct ctl *ctl, json_t *object, const struct certificate *certificate)
{
	static const struct certificate none = { .expires = -1 };
	const struct certificate *c = certificate ? certificate : &none;

	put_text(object, "user_id", c->user_id);
	put_text(object, "algorithm", c->algorithm);
	put_expiry(ctl, object, c->expires);
	put_bool(object, "revoked", c->revoked);
	put_bool(object, "expired", c->expired);
	put_bool(object, "can_encrypt", certificate && !certificate_fault(certificate));
}

static void
put_party_key(struct page *page, json_t *array, const struct party *party, const char *key)
{
	g_autofree char *who = party_text(party), *id = g_strconcat(who, "/", key, NULL);

	if (!page_turn(page, id))
		return;

	const struct key_file *file = NULL;
	const struct certificate *certificate = folder_find(page->folder, key, &file);
	json_t *object = add_object(array);

	put_text(object, "id", id);
	put_text(object, "party", who);
	put_text(object, "name", party->name);
	put_text(object, "fingerprint", key);
	put_text(object, "file", file ? file->name : NULL);
	put_certificate(page->ctl, object, certificate);
	put_text(object, "why", certificate ? certificate_fault(certificate) :
		folder_lacks(page->folder, key));
}

static void
put_parties(struct page *page, json_t *out)
{
	json_t *array = put_array(out, "parties");

	for (guint i = 0; i < page->site->parties->len; i++) {
		const struct party *party = page->site->parties->pdata[i];

		for (char **key = party->keys; *key; key++)
			put_party_key(page, array, party, *key);
	}
}

/* Could the row to go on after be one of this file?  Others need not be read again. */
static bool
is_passed(const struct page *page, const struct key_file *file)
{
	gsize size = strlen(file->name);

	return page->after && (strncmp(page->after, file->name, size) != 0 ||
		(page->after[size] != '/' && page->after[size] != '\0'));
}

static void
put_other(struct page *page, json_t *others, const struct key_file *file,
	const struct certificate *certificate)
{
	g_autofree char *party = key_party(page->site, certificate->fingerprint);
	g_autofree char *id = g_strconcat(file->name, "/", certificate->fingerprint, NULL);

	if (party || !page_turn(page, id))
		return;

	json_t *object = add_object(others);

	put_text(object, "id", id);
	put_text(object, "file", file->name);
	put_text(object, "fingerprint", certificate->fingerprint);
	put_certificate(page->ctl, object, certificate);
	put_text(object, "why", certificate_fault(certificate));
}

static void
put_unreadable(struct page *page, json_t *unreadable, const struct key_file *file)
{
	if (!file->why || !page_turn(page, file->name))
		return;

	json_t *object = add_object(unreadable);

	put_text(object, "id", file->name);
	put_text(object, "file", file->name);
	put_text(object, "why", file->why);
}

/* false: not read, because one call has read enough. */
static bool
put_file(struct page *page, json_t *others, json_t *unreadable, struct key_file *file)
{
	if (is_passed(page, file) || page->more)
		return true;
	if (!folder_read(page->folder, file))
		return false;
	for (guint i = 0; i < file->certificates->len; i++)
		put_other(page, others, file, file->certificates->pdata[i]);
	put_unreadable(page, unreadable, file);
	if (page->after && strcmp(page->after, file->name) == 0)
		page->after = NULL;	/* an earlier page got as far as this */
	return true;
}

static void
put_files(struct page *page, json_t *out)
{
	json_t *others = put_array(out, "others"), *unreadable = put_array(out, "unreadable");
	const char *before = NULL;

	for (guint i = 0; i < page->folder->files->len; i++) {
		struct key_file *file = page->folder->files->pdata[i];

		if (!put_file(page, others, unreadable, file)) {
			page->more = page->last || before;
			if (!page->last)
				page->last = g_strdup(before);
			return;
		}
		before = file->name;
	}
}

/* ---- pins ----------------------------------------------------------------------------------- */

static void
put_pin(json_t *object, const struct pin *pin)
{
	put_id(object, "id", pin->id);
	put_text(object, "address", pin->address);
	put_text(object, "fingerprint", pin->fingerprint);
	put_text(object, "state", pin_state_word(pin->state));
	put_text(object, "source", pin->source);
	put_time(object, "first_seen", pin->first_seen);
	put_time(object, "last_seen", pin->last_seen);
	put_time(object, "expires", pin->expires);
}

static int
put_pins(struct page *page, json_t *out)
{
	struct ctl *ctl = page->ctl;
	json_t *array = put_array(out, "pins");
	struct id id;

	if (page->after && !id_parse(page->after, &id))
		return ctl_fail(ctl, EX_USAGE, page->after, "no such row to go on after");
	if (!ctl->store || page->more)
		return EX_OK;

	g_autoptr(GPtrArray) pins = pin_list(ctl->store, -1, (guint) page->left + 1, page->after);

	page->after = NULL;
	for (guint i = 0; i < pins->len; i++) {
		const struct pin *pin = pins->pdata[i];
		g_autofree char *text = id_text(pin->id);

		if (page_turn(page, text))
			put_pin(add_object(array), pin);
	}
	return EX_OK;
}

/* ---- key list ------------------------------------------------------------------------------- */

int
run_key_list(struct ctl *ctl, json_t *out)
{
	g_autoptr(folder_auto) folder = folder_open(ctl);
	g_autoptr(site_auto) site = site_new(ctl->options);
	struct page page = { .ctl = ctl, .folder = folder, .site = site, .after = ctl->after,
		.left = ctl->limit };

	if (folder->why && !folder->is_missing)
		return ctl_fail(ctl, EX_DATAERR, folder->path, "%s", folder->why);
	crypto_init();

	int status = put_own(&page, out);

	if (status == EX_OK) {
		put_parties(&page, out);
		put_files(&page, out);
		status = put_pins(&page, out);
	}
	put_bool(out, "all_files_read", !folder->is_cut);
	put_bool(out, "more", page.more);
	put_text(out, "last", page.last);
	g_free(page.last);
	return status;
}

static void
print_section(const json_t *out, const char *key, const char *title, const struct column *columns,
	guint n)
{
	print_line("%s:", title);
	print_table(json_object_get(out, key), columns, n);
	print_line("%s", "");
}

static void
print_folder(const json_t *out)
{
	static const struct column parties[] = {
		{ "party", "PARTY" }, { "fingerprint", "FINGERPRINT" }, { "expires", "EXPIRES" },
		{ "can_encrypt", "USABLE" }, { "why", "WHY NOT" }, { "file", "FILE" },
		{ "user_id", "USER ID" },
	};
	static const struct column others[] = {
		{ "fingerprint", "FINGERPRINT" }, { "expires", "EXPIRES" },
		{ "can_encrypt", "USABLE" }, { "why", "WHY NOT" }, { "file", "FILE" },
		{ "user_id", "USER ID" },
	};
	static const struct column unreadable[] = { { "file", "FILE" }, { "why", "WHY" } };

	print_section(out, "parties", "Keys of parties", parties, G_N_ELEMENTS(parties));
	print_section(out, "others", "Certificates no party names", others,
		G_N_ELEMENTS(others));
	if (json_array_size(json_object_get(out, "unreadable")) > 0)
		print_section(out, "unreadable", "Files, or parts of them, that are no certificate",
			unreadable,
			G_N_ELEMENTS(unreadable));
}

void
print_key_list(const json_t *out)
{
	static const struct column own[] = {
		{ "fingerprint", "FINGERPRINT" }, { "use", "USE" }, { "algorithm", "ALGORITHM" },
		{ "expires", "EXPIRES" }, { "days_left", "DAYS" }, { "secret", "SECRET" },
		{ "in_home", "IN KEYS.HOME" }, { "user_id", "USER ID" },
	};
	static const struct column pins[] = {
		{ "address", "ADDRESS" }, { "fingerprint", "FINGERPRINT" }, { "state", "STATE" },
		{ "source", "SOURCE" }, { "first_seen", "FIRST SEEN" },
		{ "last_seen", "LAST SEEN" }, { "expires", "EXPIRES" },
	};

	print_section(out, "keys", "Our own keys", own, G_N_ELEMENTS(own));
	print_folder(out);
	print_section(out, "pins", "Certificates that came by mail", pins, G_N_ELEMENTS(pins));
	if (json_is_false(json_object_get(out, "all_files_read")))
		print_line("Not all files of keys.certificates were read: there are too many.");
	if (json_is_true(json_object_get(out, "more")))
		print_line("more: --after %s", json_string_value(json_object_get(out, "last")));
}

/* ---- key show ------------------------------------------------------------------------------- */

#define ARMOR_LINE	64
#define CRC24_INIT	0xB704CEu	/* RFC 4880 §6.1 */
#define CRC24_POLY	0x1864CFBu

static guint32
crc24(const guint8 *data, gsize size)
{
	guint32 crc = CRC24_INIT;

	for (gsize i = 0; i < size; i++) {
		crc ^= (guint32) data[i] << 16;
		for (guint bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc & 0x800000 ? CRC24_POLY : 0);
	}
	return crc & 0xFFFFFF;
}

/* RFC 4880 §6.2; what is armoured already stays as it is. */
static char *
armored(GBytes *certificate)
{
	gsize size;
	const guint8 *data = g_bytes_get_data(certificate, &size);

	if (size > 5 && memcmp(data, "-----", 5) == 0)
		return g_strndup((const char *) data, size);

	guint32 crc = GUINT32_TO_BE(crc24(data, size) << 8);
	g_autofree char *body = g_base64_encode(data, size);
	g_autofree char *check = g_base64_encode((const guint8 *) &crc, 3);
	GString *text = g_string_new("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n");

	for (const char *p = body; *p; p += MIN(strlen(p), ARMOR_LINE))
		g_string_append_printf(text, "%.*s\n", ARMOR_LINE, p);
	g_string_append_printf(text, "=%s\n-----END PGP PUBLIC KEY BLOCK-----\n", check);
	return g_string_free(text, FALSE);
}

/* All pins of this key; what the first of them holds. */
static GBytes *
put_pins_of(struct ctl *ctl, json_t *out, const char *fingerprint)
{
	json_t *array = put_array(out, "pins");
	g_autofree char *after = NULL;
	GBytes *first = NULL;
	guint n = ctl->store ? PINS_READ : 0;

	while (n == PINS_READ) {
		g_autoptr(GPtrArray) pins = pin_list(ctl->store, -1, PINS_READ, after);

		n = pins->len;
		for (guint i = 0; i < n; i++) {
			const struct pin *pin = pins->pdata[i];

			if (i + 1 == n) {
				g_free(after);
				after = id_text(pin->id);
			}
			if (strcmp(pin->fingerprint, fingerprint) != 0)
				continue;
			put_pin(add_object(array), pin);
			if (!first)
				first = g_bytes_ref(pin->certificate);
		}
	}
	return first;
}

/* How a key is shown that is ours. */
static int
show_own(struct ctl *ctl, json_t *out, const struct key_info *info)
{
	g_autoptr(GBytes) armor = NULL;
	g_autoptr(GError) error = NULL;

	if (key_export(keys_home(ctl), info->fingerprint, true, &armor, &error) != DONE)
		return ctl_fail_error(ctl, info->fingerprint, &error);

	g_autofree char *text = armored(armor);

	put_text(out, "kind", "own");
	put_key(ctl, out, info);
	put_text(out, "public_key", text);
	return EX_OK;
}

static int
show_other(struct ctl *ctl, json_t *out, const char *fingerprint, GBytes *pinned)
{
	g_autoptr(folder_auto) folder = folder_open(ctl);
	const struct key_file *file = NULL;
	const struct certificate *certificate = folder_find(folder, fingerprint, &file);
	GBytes *bytes = certificate ? certificate->minimal : pinned;

	if (!bytes && folder->why && !folder->is_missing)
		return ctl_fail(ctl, EX_DATAERR, folder->path, "%s", folder->why);
	if (!bytes)
		return ctl_fail(ctl, EX_DATAERR, fingerprint, "no such key%s", folder->is_cut ?
			" among as many files of keys.certificates as one call reads" : "");

	g_autofree char *text = armored(bytes);
	bool is_partys = json_is_string(json_object_get(out, "party"));

	put_text(out, "kind", !file ? "pinned" : is_partys ? "party" : "other");
	put_text(out, "fingerprint", fingerprint);
	put_text(out, "file", file ? file->name : NULL);
	if (certificate) {
		put_certificate(ctl, out, certificate);
		put_text(out, "why", certificate_fault(certificate));
	}
	put_text(out, "public_key", text);
	return EX_OK;
}

int
run_key_show(struct ctl *ctl, json_t *out)
{
	g_autofree char *fingerprint = key_named(ctl, ctl->words[0]);
	g_autoptr(site_auto) site = site_new(ctl->options);
	g_autoptr(GPtrArray) keys = NULL;
	g_autoptr(GBytes) pinned = NULL;
	int status = fingerprint ? keys_own(ctl, fingerprint, &keys) : EX_USAGE;

	if (status != EX_OK)
		return status;
	crypto_init();

	const struct key_info *own = own_of(keys, fingerprint);
	g_autofree char *party = key_party(site, fingerprint);

	put_text(out, "party", party);
	pinned = put_pins_of(ctl, out, fingerprint);
	return own ? show_own(ctl, out, own) : show_other(ctl, out, fingerprint, pinned);
}

void
print_key_show(const json_t *out)
{
	static const struct column fields[] = {
		{ "fingerprint", "Fingerprint" }, { "kind", "Kind" }, { "use", "Use" },
		{ "party", "Party" }, { "file", "File" }, { "user_id", "User id" },
		{ "algorithm", "Algorithm" }, { "created", "Created" }, { "expires", "Expires" },
		{ "days_left", "Days left" }, { "revoked", "Revoked" }, { "expired", "Expired" },
		{ "secret", "Secret part" }, { "can_encrypt", "Usable" }, { "why", "Why not" },
	};
	static const struct column pins[] = {
		{ "address", "PINNED FOR" }, { "state", "STATE" }, { "source", "SOURCE" },
		{ "first_seen", "FIRST SEEN" }, { "last_seen", "LAST SEEN" },
		{ "expires", "EXPIRES" },
	};
	g_autofree char *key = print_value(json_object_get(out, "public_key"));

	print_fields(out, fields, G_N_ELEMENTS(fields));
	if (json_array_size(json_object_get(out, "pins")) > 0)
		print_table(json_object_get(out, "pins"), pins, G_N_ELEMENTS(pins));
	print_line("\n%s", key);
}
