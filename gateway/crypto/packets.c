/* SPDX-License-Identifier: ISC
 *
 * packets: reads the framing of OpenPGP data, so that what gpg is given is known beforehand: one
 * encrypted message and nothing behind it, signatures and nothing else, one key and not two.
 * gpg gets the very octets read here, never the armour around them: two readers of one armour
 * could disagree.  Linear, bounded by the data's size and by named limits.  Looks into nothing.
 */
#include "crypto/packets.h"

#include <string.h>

#define KEY_ID_SIZE	8
#define FINGERPRINT_V4	20

/* ---- framing -------------------------------------------------------------------------- */

struct packets
packets_of(GBytes *binary)
{
	gsize size;
	const guint8 *bytes = g_bytes_get_data(binary, &size);

	return (struct packets){ .at = bytes, .end = bytes ? bytes + size : bytes };
}

static bool
has(const struct packets *packets, gsize n)
{
	return (gsize)(packets->end - packets->at) >= n;
}

static bool
read_number(struct packets *packets, guint octets, gsize *value)
{
	if (!has(packets, octets))
		return false;
	for (*value = 0; octets > 0; octets--)
		*value = *value << 8 | *packets->at++;
	return true;
}

/* Only what carries data may come in pieces or without a length (RFC 9580 §4.2.1.4). */
static bool
is_stream(guint tag)
{
	return tag == PACKET_COMPRESSED || tag == PACKET_SED || tag == PACKET_LITERAL ||
		tag == PACKET_SEIPD || tag == PACKET_AEAD;
}

/* One length of the new format; *partial says that another one follows its octets. */
static bool
read_length(struct packets *packets, gsize *length, bool *partial)
{
	gsize first, more;

	*partial = false;
	if (!read_number(packets, 1, &first))
		return false;
	if (first < 192) {
		*length = first;
		return true;
	}
	if (first < 224) {
		if (!read_number(packets, 1, &more))
			return false;
		*length = ((first - 192) << 8) + more + 192;
		return true;
	}
	if (first == 255)
		return read_number(packets, 4, length);
	*partial = true;
	*length = (gsize)1 << (first & 31);
	return true;
}

static bool
read_new(struct packets *packets, struct packet *packet)
{
	bool partial = true;

	for (bool first = true; partial; first = false) {
		gsize length;

		if (!read_length(packets, &length, &partial) || !has(packets, length) ||
		    (partial && !is_stream(packet->tag)))
			return false;
		if (first) {
			packet->body = packets->at;
			packet->head = length;
		}
		packet->size += length;		/* at most the size of the data */
		packets->at += length;
	}
	return true;
}

static bool
read_old(struct packets *packets, struct packet *packet, guint length_type)
{
	gsize length = (gsize)(packets->end - packets->at);

	if (length_type == 3 && !is_stream(packet->tag))
		return false;
	if (length_type < 3 && !read_number(packets, 1u << length_type, &length))
		return false;
	if (!has(packets, length))
		return false;
	packet->body = packets->at;
	packet->head = packet->size = length;
	packets->at += length;
	return true;
}

enum packet_step
packets_next(struct packets *packets, struct packet *packet)
{
	gsize first;

	*packet = (struct packet){ 0 };
	if (!read_number(packets, 1, &first))
		return PACKET_END;
	if ((first & 0x80) == 0)
		return PACKET_BROKEN;
	bool is_new = (first & 0x40) != 0;
	packet->tag = is_new ? first & 0x3f : first >> 2 & 0x0f;
	bool good = packet->tag != 0 && (is_new ? read_new(packets, packet) :
		read_old(packets, packet, first & 3));
	return good ? PACKET_FOUND : PACKET_BROKEN;
}

/* ---- armour ---------------------------------------------------------------------------- */

static const char begin_mark[] = "-----BEGIN PGP ", end_mark[] = "-----END PGP ";

struct line { const char *text; gsize size; };

/* Without its end and the blanks some program put there. */
static bool
next_line(const char **at, const char *end, struct line *line)
{
	if (*at == end)
		return false;
	const char *lf = memchr(*at, '\n', (gsize)(end - *at));
	const char *stop = lf ? lf : end;

	line->text = *at;
	*at = lf ? lf + 1 : end;
	while (stop > line->text && strchr(" \t\r", stop[-1]) && stop[-1] != '\0')
		stop--;
	line->size = (gsize)(stop - line->text);
	return true;
}

static bool
opens_with(const struct line *line, const char *mark)
{
	gsize n = strlen(mark);

	return line->size >= n && memcmp(line->text, mark, n) == 0;
}

/* Up to the first line of data; the next line to read is left in *at. */
static bool
skip_to_data(const char **at, const char *end)
{
	struct line line;
	bool found = false;

	while (!found && next_line(at, end, &line))
		found = opens_with(&line, begin_mark);
	for (const char *next = *at; found && next_line(&next, end, &line); *at = next) {
		if (line.size == 0) {
			*at = next;
			return true;
		}
		if (!memchr(line.text, ':', line.size))
			return true;	/* some programs lose the empty line */
	}
	return false;
}

static bool
is_base64(const struct line *line)
{
	for (gsize i = 0; i < line->size; i++)
		if (!g_ascii_isalnum(line->text[i]) && line->text[i] != '+' &&
		    line->text[i] != '/' && line->text[i] != '=')
			return false;
	return true;
}

/* The checksum is not looked at: RFC 9580 §6.1 makes nothing of it; the packets have their own.
 * A line that does not belong there is left for the next reader. */
static bool
decode_lines(const char **at, const char *end, GByteArray *out)
{
	struct line line;
	int state = 0;
	guint save = 0;
	bool ended = false;

	while (next_line(at, end, &line)) {
		if (opens_with(&line, end_mark))
			return true;
		if (line.size == 0)
			continue;
		if (ended || !is_base64(&line)) {
			*at = line.text;
			return false;
		}
		if (line.text[0] == '=' && line.size == 5) {
			ended = true;
			continue;
		}
		guint before = out->len;
		g_byte_array_set_size(out, before + (guint)line.size / 4 * 3 + 6);
		gsize n = g_base64_decode_step(
			line.text, line.size, out->data + before, &state, &save);
		g_byte_array_set_size(out, before + (guint)n);
	}
	return false;
}

GBytes *
armor_strip(GBytes *data)
{
	gsize size;
	const char *at = g_bytes_get_data(data, &size);
	const char *end = at ? at + size : at;
	struct line line;

	if (size == 0 || size > G_MAXINT32)
		return NULL;
	if ((guint8)*at & 0x80)
		return g_bytes_ref(data);
	g_autoptr(GByteArray) out = g_byte_array_new();
	if (!skip_to_data(&at, end) || !decode_lines(&at, end, out))
		return NULL;
	while (next_line(&at, end, &line))
		if (opens_with(&line, begin_mark))
			return NULL;
	return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

enum packet_step
armor_next(const char **at, const char *end, GBytes **binary)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	*binary = NULL;
	if (!skip_to_data(at, end))
		return PACKET_END;
	if (!decode_lines(at, end, out))
		return PACKET_BROKEN;
	*binary = g_byte_array_free_to_bytes(g_steal_pointer(&out));
	return PACKET_FOUND;
}

/* ---- encrypted messages ------------------------------------------------------------------ */

static char *
hex_of(const guint8 *bytes, gsize n)
{
	GString *text = g_string_sized_new(2 * n);

	for (gsize i = 0; i < n; i++)
		g_string_append_printf(text, "%02X", bytes[i]);
	return g_string_free(text, FALSE);
}

void
ciphertext_clear(struct ciphertext *ciphertext)
{
	g_clear_pointer(&ciphertext->key_ids, g_ptr_array_unref);
}

static void
note_recipient(struct ciphertext *ciphertext, const struct packet *packet)
{
	static const guint8 hidden[KEY_ID_SIZE];

	/* Another version is for a sort of key we cannot have; an id that is nobody's says so. */
	if (packet->head < 2 + KEY_ID_SIZE || packet->body[0] != 3)
		return;
	if (memcmp(packet->body + 1, hidden, KEY_ID_SIZE) == 0)
		ciphertext->n_hidden++;
	g_ptr_array_add(ciphertext->key_ids, hex_of(packet->body + 1, KEY_ID_SIZE));
}

/* The hidden part: only what proves its own integrity, and only versions gpg can read. */
static enum encryption
sealed_word(const struct packet *packet)
{
	if (packet->tag == PACKET_SED || packet->head < 1 || packet->body[0] == 0)
		return ENCRYPTION_MALFORMED;
	return packet->body[0] == 1 ? ENCRYPTION_DECRYPTED : ENCRYPTION_UNSUPPORTED;
}

static bool
is_sealed(guint tag)
{
	return tag == PACKET_SED || tag == PACKET_SEIPD || tag == PACKET_AEAD;
}

struct counts { guint packets, keys, sealed; };

/* RFC 9580 §10.3: session keys, then one sealed packet, then nothing.  False: out of place. */
static bool
scan_packet(struct ciphertext *ciphertext, const struct packet *packet, struct counts *counts)
{
	if (counts->sealed > 0)
		return false;
	if (packet->tag == PACKET_PKESK) {
		note_recipient(ciphertext, packet);
		counts->keys++;
	} else if (packet->tag == PACKET_SKESK) {
		ciphertext->n_passwords++;
	} else if (is_sealed(packet->tag)) {
		counts->sealed++;
		ciphertext->word = sealed_word(packet);
		ciphertext->is_aead = packet->tag == PACKET_AEAD;
	} else {
		return packet->tag == PACKET_MARKER || packet->tag == PACKET_PADDING;
	}
	return true;
}

enum outcome
ciphertext_scan(GBytes *binary, struct ciphertext *ciphertext, GError **error)
{
	struct packets packets = packets_of(binary);
	struct packet packet;
	enum packet_step step;
	struct counts counts = { 0 };

	*ciphertext = (struct ciphertext){ .word = ENCRYPTION_MALFORMED,
		.key_ids = g_ptr_array_new_with_free_func(g_free) };
	while ((step = packets_next(&packets, &packet)) == PACKET_FOUND) {
		if (++counts.packets > LIMIT_PACKETS)
			return limit_reached(error, "keys", "OpenPGP packets", LIMIT_PACKETS);
		if (!scan_packet(ciphertext, &packet, &counts))
			break;
	}
	if (step != PACKET_END || counts.sealed != 1 ||
	    (counts.keys == 0 && ciphertext->n_passwords == 0))
		ciphertext->word = ENCRYPTION_MALFORMED;
	else if (counts.keys == 0 && ciphertext->word == ENCRYPTION_DECRYPTED)
		ciphertext->word = ENCRYPTION_UNSUPPORTED;	/* for a password only */
	return DONE;
}

GBytes *
ciphertext_without_passwords(GBytes *binary)
{
	struct packets packets = packets_of(binary);
	GByteArray *out = g_byte_array_new();
	struct packet packet;

	for (const guint8 *from = packets.at; packets_next(&packets, &packet) == PACKET_FOUND;
	    from = packets.at)
		if (packet.tag != PACKET_SKESK)
			g_byte_array_append(out, from, (guint)(packets.at - from));
	return g_byte_array_free_to_bytes(out);
}

/* ---- signatures -------------------------------------------------------------------------- */

void
signatures_clear(struct signatures *signatures)
{
	g_clear_pointer(&signatures->issuers, g_ptr_array_unref);
}

/* One area of subpackets (RFC 9580 §5.2.3.7); *at moves behind it. */
static bool
read_area(struct packets *body, char **key_id, char **fingerprint)
{
	enum { ISSUER = 16, ISSUER_FINGERPRINT = 33 };
	gsize size;

	if (!read_number(body, 2, &size) || !has(body, size))
		return false;
	struct packets area = { .at = body->at, .end = body->at + size };
	body->at += size;
	while (area.at < area.end) {
		gsize length;
		bool partial;

		/* Subpackets know no partial length: 224 to 254 stand for two octets, too. */
		if (*area.at >= 224 && *area.at < 255) {
			gsize high = *area.at++, low;
			if (!read_number(&area, 1, &low))
				return false;
			length = ((high - 192) << 8) + low + 192;
		} else if (!read_length(&area, &length, &partial)) {
			return false;
		}
		if (length == 0 || !has(&area, length))
			return false;
		guint type = area.at[0] & 0x7f;
		if (type == ISSUER && length == 1 + KEY_ID_SIZE && !*key_id)
			*key_id = hex_of(area.at + 1, KEY_ID_SIZE);
		if (type == ISSUER_FINGERPRINT && length == 2 + FINGERPRINT_V4 &&
		    area.at[1] == 4 && !*fingerprint)
			*fingerprint = hex_of(area.at + 2, FINGERPRINT_V4);
		area.at += length;
	}
	return true;
}

static bool
note_issuer(struct signatures *signatures, const struct packet *packet)
{
	struct packets body = { .at = packet->body + 4, .end = packet->body + packet->head };
	g_autofree char *key_id = NULL, *fingerprint = NULL;

	if (packet->body[0] == 3)
		key_id = packet->head >= 15 ? hex_of(packet->body + 7, KEY_ID_SIZE) : NULL;
	else if (packet->head < 4 || !read_area(&body, &key_id, &fingerprint) ||
	    !read_area(&body, &key_id, &fingerprint))
		return false;
	if (fingerprint || key_id)
		g_ptr_array_add(signatures->issuers,
			fingerprint ? g_steal_pointer(&fingerprint) : g_steal_pointer(&key_id));
	return true;
}

/* Version 3 or 4, over a document, binary or text. */
static bool
is_of_document(const struct packet *packet)
{
	guint type = packet->body[0] == 3 ? packet->body[2] : packet->body[1];

	return (packet->body[0] == 3 || packet->body[0] == 4) && type <= 1;
}

enum outcome
signatures_scan(GBytes *binary, struct signatures *signatures, GError **error)
{
	struct packets packets = packets_of(binary);
	struct packet packet;
	enum packet_step step;

	*signatures = (struct signatures){ .issuers = g_ptr_array_new_with_free_func(g_free) };
	while ((step = packets_next(&packets, &packet)) == PACKET_FOUND) {
		if (packet.tag == PACKET_MARKER || packet.tag == PACKET_PADDING)
			continue;
		if (packet.tag != PACKET_SIGNATURE || packet.head < 3)
			break;
		if (++signatures->n > LIMIT_SIGNATURES)
			return limit_reached(error, "keys", "signatures", LIMIT_SIGNATURES);
		if (!is_of_document(&packet))
			signatures->has_odd = true;
		else if (!note_issuer(signatures, &packet))
			break;
	}
	/* Whatever else is in there, gpg must not see it: a whole signed message, say. */
	if (step != PACKET_END)
		signatures->n = 0;
	return DONE;
}

/* ---- certificates ------------------------------------------------------------------------ */

char *
key_fingerprint(const struct packet *packet)
{
	static const struct { guint8 version, mark; guint octets; GChecksumType digest; } rows[] = {
		{ 4, 0x99, 2, G_CHECKSUM_SHA1 },
		{ 5, 0x9a, 4, G_CHECKSUM_SHA256 },
	};

	for (guint i = 0; packet->head > 0 && i < G_N_ELEMENTS(rows); i++) {
		const guint8 head[] = { rows[i].mark, (guint8)(packet->head >> 24),
			(guint8)(packet->head >> 16), (guint8)(packet->head >> 8),
			(guint8)packet->head };
		g_autoptr(GChecksum) sum = g_checksum_new(rows[i].digest);

		if (packet->body[0] != rows[i].version || packet->head > LIMIT_CERTIFICATE ||
		    (rows[i].octets == 2 && packet->head > G_MAXUINT16))
			continue;
		g_checksum_update(sum, head, 1);
		g_checksum_update(sum, head + 5 - rows[i].octets, rows[i].octets);
		g_checksum_update(sum, packet->body, (gssize)packet->head);
		return g_ascii_strup(g_checksum_get_string(sum), -1);
	}
	return NULL;
}

char *
certificate_fingerprint(GBytes *binary)
{
	struct packets packets = packets_of(binary);
	struct packet packet;

	return packets_next(&packets, &packet) == PACKET_FOUND &&
		packet.tag == PACKET_PUBLIC_KEY ? key_fingerprint(&packet) : NULL;
}

static bool
holds_primary_of(GBytes *certificate, GHashTable *primaries)
{
	struct packets packets = packets_of(certificate);
	struct packet packet;

	while (packets_next(&packets, &packet) == PACKET_FOUND) {
		g_autofree char *fingerprint = packet.tag == PACKET_PUBLIC_SUBKEY ?
			key_fingerprint(&packet) : NULL;

		if (fingerprint && g_hash_table_contains(primaries, fingerprint))
			return true;
	}
	return false;
}

guint *
certificates_order(GBytes *const *certificates, guint n)
{
	g_autoptr(GHashTable) primaries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		NULL);
	g_autofree bool *is_last = g_new0(bool, n);
	guint *order = g_new(guint, n), at = 0;

	for (guint i = 0; i < n; i++) {
		char *fingerprint = certificate_fingerprint(certificates[i]);

		if (fingerprint)
			g_hash_table_add(primaries, fingerprint);
	}
	for (guint i = 0; i < n; i++)
		is_last[i] = holds_primary_of(certificates[i], primaries);
	for (guint last = 0; last < 2; last++)
		for (guint i = 0; i < n; i++)
			if (is_last[i] == (last == 1))
				order[at++] = i;
	return order;
}

enum outcome
certificate_scan(GBytes *binary, bool secret, GError **error)
{
	struct packets packets = packets_of(binary);
	struct packet packet;
	enum packet_step step;
	guint n_public = 0, n_secret = 0;

	if (g_bytes_get_size(binary) > LIMIT_CERTIFICATE)
		return limit_reached(error, "keys", "certificate", LIMIT_CERTIFICATE);
	while ((step = packets_next(&packets, &packet)) == PACKET_FOUND) {
		n_public += packet.tag == PACKET_PUBLIC_KEY;
		n_secret += packet.tag == PACKET_SECRET_KEY;
		if (packet.tag == PACKET_SECRET_SUBKEY && !secret)
			n_secret++;
		if (is_stream(packet.tag) || n_public + n_secret == 0)
			break;
	}
	if (step != PACKET_END)
		return fail(error, NEVER, "not an OpenPGP %s", secret ? "key" : "certificate");
	if (!secret && n_secret > 0)
		return fail(error, NEVER, "holds a secret key, which nobody should have sent");
	if ((secret ? n_secret : n_public) != 1 || n_public + n_secret != 1)
		return fail(error, NEVER, "holds %u public and %u secret keys, not exactly one %s",
			n_public, n_secret, secret ? "secret key" : "certificate");
	return DONE;
}
