/* SPDX-License-Identifier: ISC
 *
 * mime: reads hostile mail into a letter, and composes our own mail from opaque parts.  The only user of
 * GMime and gumbo.  Pure bytes in, bytes out: no file, no network, no clock, no keys.  Runs in a
 * disposable, jailed process; still never exceeds a named limit of model/.
 */
#ifndef UNGCUU_MIME_H
#define UNGCUU_MIME_H

#include "base/base.h"
#include "model/model.h"

/* ---- scan.c: linear pre-scan before any parser -------------------------------------------- */

/* NEVER with "mime: <limit name> limit N" if the raw mail passes a limit GMime would suffer from: header
 * bytes, fields, field size, depth, nested messages, parts, boundary oddities, address groups.  One pass,
 * no recursion on the C stack, memory bounded by LIMIT_DEPTH. */
enum outcome scan_mail(const char *raw, gsize size, GError **error);

/* ---- parse.c -------------------------------------------------------------------------------- */

/* Once per process, before the jail: GMime, all charset converters opened and used once. */
void mime_init(void);

struct parse_settings {
	const char *const *fallback_charsets;	/* after strict UTF-8; NULL at the end */
	const char *const *own_domains;		/* left out of indicators */
};
/* Reads one entity.  `outer` is the letter of the layer around it, or NULL for the raw mail: envelope
 * fields not given by the entity are taken from it.  Sets letter->layer: PGP_SIGNED/SMIME_SIGNED come with
 * the text of the would-be covered subtree in `text`, all else in `outside`, and covered/sealed slices of
 * `raw`; encrypted layers come with no text of the ciphertext.  NEVER: a named limit.
 * Further in (outer given) only a protected header (RFC 9788, protected-headers="v1") at the root of what
 * the outer layer protects counts; in a signed mail it is read at once, from the covered part.  Its fields
 * win: letter->header_protection says so, outer_from and notes tell what differs.  letter->offered: keys of
 * the outermost Autocrypt field and of all layers' attachments, dropped where the protected From is another. */
enum outcome parse_mail(GBytes *raw, const struct letter *outer, const struct parse_settings *,
	struct letter **out, GError **error);
/* Header fields (lower-case) a letter carries in `fields` for desk to judge. */
extern const char *const parse_fields[];
/* The decoded bytes of the part with this number, for export. NEVER: no such part. */
enum outcome parse_part(GBytes *raw, const char *number, GBytes **out, GError **error);
/* What keys need of this layer besides the covered slice of `raw`: detached signature, ciphertext, CMS blob
 * or inline block; base64 and quoted-printable undone, armour kept.  For all but inline blocks the same as
 * parse_part() (EXTRACT): "2" of a multipart, "1" of CMS.  NEVER: there is none. */
enum outcome parse_sealed(GBytes *raw, enum layer, GBytes **out, GError **error);

/* ---- text.c, html.c ---------------------------------------------------------------------------- */

/* Decoded text as a person may see it: valid UTF-8, NFC, "\n", controls and bidi shown as U+FFFD-free
 * escapes ("‹U+202E›"), trailing blanks cut.  g_free(). */
char *text_clean(const char *utf8, gssize size);
char *text_clean_line(const char *utf8);		/* the same on one line */
/* Bytes in a declared charset (may be NULL or a lie) to UTF-8 by the fixed rule. g_free(). */
char *text_decode(const void *, gsize, const char *charset, const char *const *fallbacks);
/* Readable text with link targets; NULL over a cap (then scan raw; note "HTML too complex"). g_free(). */
char *html_text(const char *html, gsize size);
/* "vi" "en" or NULL. */
const char *text_language(const char *utf8);
/* Splits off what is quoted from an earlier mail. Both g_free(). */
void text_cut_quoted(const char *text, char **own, char **quoted);

/* ---- compose.c --------------------------------------------------------------------------------- */

/* An entity for keys to protect: MIME headers + body, canonical CRLF, quoted-printable, no 8-bit, "From "
 * and trailing blanks encoded.  Header values pass the one encoder, which refuses CR, LF, NUL. */
struct compose_part { const char *type; const char *name; GBytes *bytes; };	/* text/plain: UTF-8 */
enum outcome compose_entity(const struct compose_part *, guint n, const char *boundary, GBytes **out,
	GError **error);
/* One header field, folded, ending in CRLF, appended to `out`.  RFC 2047 from the first to the last word
 * that needs it.  Autocrypt: "addr=…; keydata=BASE64" unfolded; at most LIMIT_AUTOCRYPT bytes. */
enum outcome compose_field(GString *out, const char *name, const char *value, GError **error);
/* Our Autocrypt field (Level 1): an address of ours, its certificate as packets. */
enum outcome compose_autocrypt(GString *out, const char *address, GBytes *key, GError **error);
/* From:/To: with a display name. */
enum outcome compose_address(GString *out, const char *name, const char *display, const char *address,
	GError **error);
/* The outer header of a mail, without the entity's own MIME fields and without the empty line: each field,
 * From, To, MIME-Version.  The finished mail is this block followed by what keys returned. */
struct compose_header { const char *name, *value; };
enum outcome compose_header(const struct compose_header *, guint n, const char *from_name, const char *from,
	const char *to, GBytes **out, GError **error);
/* compose_entity() with the header protected inside (RFC 9788): the fields compose_header() gets, with the
 * true Subject, before the root's Content-Type.  outer_subject NULL: hp="clear", to be signed; else
 * hp="cipher", to be encrypted: compose_header() then gets that Subject, HP-Outer says so, and the true one
 * also stands at the top of a first text part (hp-legacy-display).  Autocrypt and fields of the way stay out. */
struct compose_protection {
	const struct compose_header *fields;
	guint n_fields;
	const char *from_name, *from, *to;
	const char *outer_subject;
};
enum outcome compose_protected(const struct compose_part *, guint n, const char *boundary,
	const struct compose_protection *, GBytes **out, GError **error);

#endif
