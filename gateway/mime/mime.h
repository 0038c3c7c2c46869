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
 * fields not given by the entity are taken from it, notes, `outside` and `exposed` in any case; behind an inline
 * block the bytes are text without a header.  Sets letter->layer: PGP_SIGNED/SMIME_SIGNED come with the text of
 * the would-be covered subtree in `text`, and covered/sealed slices of `raw`; encrypted layers come with no text
 * of the ciphertext.  NEVER: a named limit.
 * What counts as the layer: the root; else, where the root is a multipart/mixed, the one multipart/signed of the
 * whole mail (attached mails apart), reached through multipart/mixed alone.  Two signed parts, one in another
 * place, in a part with Content-Disposition: attachment, or with boundaries of which one begins another: plain,
 * with a note.  Encrypted parts below the root stay attachments.
 * `exposed`: a reader would see more than is covered: text that is not blank (`outside`), HTML, an attachment
 * (not covered), a part shown in place of the signature, or a structure that can be read in two ways.  Whoever
 * verifies makes `partial` of it.  Part numbers are those of `raw` always (parse_part()).
 * `nested` (signed roots alone): the covered part is itself signed, encrypted or CMS.  No text here, its leaves
 * are listed; its slice of `raw` is to be parsed as the next layer with this letter as `outer`.  Encrypted layers
 * need no mark: what was in them is the next layer always.
 * Further in (outer given) only a protected header (RFC 9788, protected-headers="v1") at the root of what
 * the outer layer protects counts; in a signed mail it is read at once, from the covered part, in a part signed
 * below the root never.  Its fields win: letter->header_protection says so, outer_from and notes tell what
 * differs.  letter->offered: keys of the outermost Autocrypt field and of all layers' attachments, but none from
 * outside a signed part; dropped where the protected From is another. */
enum outcome parse_mail(GBytes *raw, const struct letter *outer, const struct parse_settings *,
	struct letter **out, GError **error);
/* Header fields (lower-case) a letter carries in `fields` for desk to judge. */
extern const char *const parse_fields[];
/* The decoded bytes of the part with this number, for export. NEVER: no such part. */
enum outcome parse_part(GBytes *raw, const char *number, GBytes **out, GError **error);
/* What keys need of this layer besides the covered slice of `raw`: detached signature, ciphertext, CMS blob
 * or inline block; base64 and quoted-printable undone, armour kept.  Finds the layer as parse_mail() does, so
 * `raw` is what that was given.  NEVER: there is none, or a named limit. */
enum outcome parse_sealed(GBytes *raw, GBytes **out, GError **error);

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
 * From, To, MIME-Version.  The finished mail is this block followed by what keys returned.  A field "Autocrypt"
 * is "addr=FROM; keydata=BASE64", NEVER unless it is the From address and base64 (unfolded) of a certificate;
 * where it would pass LIMIT_AUTOCRYPT it is left out: a large key must not keep the mail. */
struct compose_header { const char *name, *value; };
enum outcome compose_header(const struct compose_header *, guint n, const char *from_name, const char *from,
	const char *to, GBytes **out, GError **error);
/* One mail with its header protected inside (RFC 9788), from one list of fields with the true Subject.
 * outer_subject NULL: hp="clear", to be signed; else hp="cipher", to be encrypted: everybody sees that Subject. */
struct compose_protection {
	const struct compose_header *fields;
	guint n_fields;
	const char *from_name, *from, *to;
	const char *outer_subject;
};
/* compose_header() of it: every field, the outer Subject. */
enum outcome compose_outer(const struct compose_protection *, GBytes **out, GError **error);
/* compose_entity() with the header before the root's Content-Type: every field but Autocrypt, also those for
 * machines (Auto-Submitted, X-Ungcuu-Loop): a reader that believes the protected header alone must see them.
 * With hp="cipher" HP-Outer repeats what compose_outer() writes, and the true Subject also stands at the top of
 * a first text part (hp-legacy-display) if it is another. */
enum outcome compose_protected(const struct compose_part *, guint n, const char *boundary,
	const struct compose_protection *, GBytes **out, GError **error);

#endif
