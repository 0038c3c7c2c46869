/* SPDX-License-Identifier: ISC
 *
 * offered: certificates a mail brings along: the one Autocrypt field of the outermost header
 * (Autocrypt Level 1 §2) and attached OpenPGP keys.  They prove nothing and grant nothing; the hub
 * may pin them to encrypt to that correspondent.  Bounded in number and size; gossip, fields
 * inside an encryption, secret keys and whatever is not a certificate are left alone.
 */
#include "mime/internal.h"

#include <string.h>

#define ARMOUR "-----BEGIN PGP PUBLIC KEY BLOCK-----"

/* Tag 6 in either packet format (RFC 9580 §4.2); 5 would be a secret key. */
bool
offered_is_packet(const void *data, gsize size)
{
	const guint8 *p = data;
	return size > 2 && ((p[0] >= 0x98 && p[0] <= 0x9a) || p[0] == 0xc6);
}

static bool
is_armour(const char *data, gsize size)
{
	while (size > 0 && g_ascii_isspace(*data)) {
		data++;
		size--;
	}
	return size > strlen(ARMOUR) && memcmp(data, ARMOUR, strlen(ARMOUR)) == 0;
}

static void
offered_free(struct offered_key *key)
{
	g_free(key->source);
	g_free(key->address);
	g_bytes_unref(key->bytes);
	g_free(key);
}

/* Takes `bytes`. */
static void
offered_add(struct letter *letter, const char *source, const char *address, GBytes *bytes)
{
	struct offered_key *key = g_new0(struct offered_key, 1);
	key->source = g_strdup(source);
	key->address = g_strdup(address);
	key->bytes = bytes;
	for (guint i = 0; i < letter->offered->len; i++) {
		const struct offered_key *other = letter->offered->pdata[i];
		if (strcmp(other->source, source) == 0 && g_bytes_equal(other->bytes, bytes)) {
			offered_free(key);
			return;
		}
	}
	if (letter->offered->len >= LIMIT_OFFERED) {
		letter_note(letter, "only the first %d keys offered are taken", LIMIT_OFFERED);
		offered_free(key);
		return;
	}
	g_ptr_array_add(letter->offered, key);
}

/* ---- Autocrypt ----------------------------------------------------------------------------- */

/* Strict, blanks apart: GLib's decoder passes over what it does not know. */
GBytes *
offered_base64(const char *text)
{
	GString *packed = g_string_new(NULL);
	for (; *text != '\0'; text++)
		if (*text != ' ' && *text != '\t')
			g_string_append_c(packed, *text);
	g_autofree char *base64 = g_string_free(packed, FALSE);
	gsize n = strlen(base64), digits = strspn(base64, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/");
	if (n == 0 || n % 4 != 0 || n - digits > 2 || strspn(base64 + digits, "=") != n - digits)
		return NULL;
	gsize size;
	guchar *data = g_base64_decode(base64, &size);
	return g_bytes_new_take(data, size);
}

struct autocrypt { const char *addr, *prefer, *keydata; };

/* "addr=…; keydata=…" with the data last; an attribute we do not know spoils the field unless its
 * name begins with "_". */
static bool
attributes_read(char **list, struct autocrypt *out)
{
	const struct { const char *name; const char **value; } known[] = {
		{ "addr", &out->addr }, { "prefer-encrypt", &out->prefer },
		{ "keydata", &out->keydata },
	};
	for (char **at = list; *at != NULL; at++) {
		char *name = g_strstrip(*at), *equals = strchr(name, '=');
		if (*name == '\0' && at[1] == NULL)
			break;
		if (equals == NULL || out->keydata != NULL)
			return false;
		*equals = '\0';
		g_strchomp(name);
		guint i = 0;
		while (i < G_N_ELEMENTS(known) && strcmp(name, known[i].name) != 0)
			i++;
		if (i == G_N_ELEMENTS(known) ? *name != '_' : *known[i].value != NULL)
			return false;
		if (i < G_N_ELEMENTS(known))
			*known[i].value = g_strchug(equals + 1);
	}
	return out->addr != NULL && out->keydata != NULL;
}

/* The certificate of one field, or NULL: it is not valid, or not for this sender. */
static GBytes *
autocrypt_read(const char *value, const char *from)
{
	if (strlen("Autocrypt: ") + strlen(value) > LIMIT_AUTOCRYPT)
		return NULL;
	g_auto(GStrv) list = g_strsplit(value, ";", -1);
	struct autocrypt a = { 0 };
	if (!attributes_read(list, &a) || g_ascii_strcasecmp(a.addr, from) != 0)
		return NULL;
	g_autoptr(GBytes) bytes = offered_base64(a.keydata);
	if (bytes == NULL || !offered_is_packet(g_bytes_get_data(bytes, NULL),
		g_bytes_get_size(bytes)))
		return NULL;
	return g_steal_pointer(&bytes);
}

static void
autocrypt(struct letter *letter, const struct header *h)
{
	const char *type = letter_field(letter, "content-type");
	guint n = header_count(h, "autocrypt"), valid = 0;
	g_autoptr(GBytes) first = NULL;
	if (n == 0 || (type != NULL && g_str_has_prefix(type, "multipart/report")))
		return;
	for (guint i = 0; i < n && letter->from.address != NULL; i++) {
		g_autoptr(GBytes) bytes = autocrypt_read(header_get(h, "autocrypt", i),
			letter->from.address);
		valid += bytes != NULL;
		if (first == NULL)
			first = g_steal_pointer(&bytes);
	}
	if (valid == 1)
		offered_add(letter, "autocrypt", letter->from.address, g_steal_pointer(&first));
	else
		letter_note(letter, valid > 1 ? "more than one Autocrypt field: none is taken"
			: "Autocrypt field is not valid for this mail");
}

/* ---- from layer to layer ------------------------------------------------------------------- */

void
offered_inherit(struct letter *letter, const struct letter *outer)
{
	for (guint i = 0; i < outer->offered->len; i++) {
		const struct offered_key *key = outer->offered->pdata[i];
		if (key->address == NULL || (letter->from.address != NULL
			&& g_ascii_strcasecmp(key->address, letter->from.address) == 0))
			offered_add(letter, key->source, key->address, g_bytes_ref(key->bytes));
		else
			letter_note(letter, "the key offered is not for the protected From");
	}
}

void
offered_read(struct letter *letter, const struct header *h, const struct letter *outer)
{
	if (outer != NULL)
		offered_inherit(letter, outer);
	else
		autocrypt(letter, h);
}

/* ---- attachments --------------------------------------------------------------------------- */

void
offered_attachment(struct letter *letter, GMimePart *part, const char *name)
{
	bool declared = content_is(GMIME_OBJECT(part), "application", "pgp-keys");
	gsize n = name != NULL ? strlen(name) : 0;
	if (!declared && (n < 4 || g_ascii_strcasecmp(name + n - 4, ".asc") != 0))
		return;
	bool more;
	g_autoptr(GByteArray) data = content_bytes(part, LIMIT_OFFERED_SIZE, &more);
	bool armour = is_armour((const char *)data->data, data->len);
	guint kept = 0;
	for (guint i = 0; armour && i < data->len; i++)	/* a Maildir has LF, IMAP has CRLF */
		if (data->data[i] != '\r')
			data->data[kept++] = data->data[i];
	if (armour)
		g_byte_array_set_size(data, kept);
	bool readable = armour || (declared && offered_is_packet(data->data, data->len));
	if (readable && more)
		letter_note(letter, "an attached key is larger than %d bytes", LIMIT_OFFERED_SIZE);
	else if (readable)
		offered_add(letter, "attachment", NULL, g_bytes_new(data->data, data->len));
	else if (declared)
		letter_note(letter, "an attached key is no OpenPGP certificate");
}
