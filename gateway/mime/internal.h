/* SPDX-License-Identifier: ISC
 *
 * mime/internal.h: what the files of mime/ share among themselves.  Nothing here is seen outside
 * the folder; GMime types appear only here and in the .c files beside it.
 */
#ifndef UNGCUU_MIME_INTERNAL_H
#define UNGCUU_MIME_INTERNAL_H

#include <gmime/gmime.h>

#include "mime/mime.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeContentType, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeFilter, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeMessage, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeObject, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeParser, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeParserOptions, g_mime_parser_options_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GMimeStream, g_object_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InternetAddressList, g_object_unref)

/* ---- scan.c -------------------------------------------------------------------------------- */

/* One MIME entity of the raw mail: [at,body) header with its empty line, [body,end) body without
 * the line end that belongs to the next delimiter. */
struct entity {
	guint parent;		/* index; the root is its own parent */
	guint index;		/* 1.. among its siblings */
	guint children;
	gsize at, body, end;
	bool inner;		/* the mail inside a message/rfc822: has no number of its own */
};
struct scan {
	GArray *entities;	/* struct entity, in order of appearance; [0] is the root */
	bool headless;		/* no header at all: everything is body */
	guint carrier;		/* whose layer it is; 0, the root, until layer_find() */
};
enum outcome scan_structure(const char *raw, gsize size, struct scan *, GError **error);
/* For bytes that are known to be text alone. */
enum outcome scan_text(gsize size, struct scan *, GError **error);
void scan_clear(struct scan *);
typedef struct scan scan_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(scan_auto, scan_clear)
const struct entity *scan_root(const struct scan *);
/* The n-th (1..) child, or NULL. */
const struct entity *scan_child(const struct scan *, const struct entity *, guint n);
/* By IMAP part number, or NULL. */
const struct entity *scan_find(const struct scan *, const char *number);
/* Its IMAP part number, "" for the root. g_free(). */
char *scan_number(const struct scan *, const struct entity *);
/* Once layer_find() found a layer: the entity that carries it, and the one `keys` need besides what
 * is covered. */
const struct entity *scan_carrier(const struct scan *);
const struct entity *scan_sealed(const struct scan *, enum layer);
/* Length of the name of a header field "Name:", blanks before the colon left out; 0: the line is
 * none. */
gsize field_name_size(const char *line, gsize size);

/* ---- header.c ------------------------------------------------------------------------------ */

/* name lower-cased; value unfolded raw bytes, no NUL */
struct header_field { char *name, *value; };
struct header {
	GPtrArray *fields;	/* struct header_field, topmost first */
	guint garbage;		/* lines that are no field */
	guint odd;		/* NUL bytes and bare CR in values */
};
void header_read(const char *raw, gsize from, gsize to, struct header *);
void header_clear(struct header *);
typedef struct header header_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(header_auto, header_clear)
/* n-th from the top, or NULL */
const char *header_get(const struct header *, const char *name, guint n);
guint header_count(const struct header *, const char *name);
/* A copy of the fields of these names alone. */
void header_only(const struct header *, const char *const *names, struct header *out);
/* The raw value as UTF-8, by the rule for undeclared text. g_free(). */
char *header_utf8(const char *value, const struct parse_settings *);
/* Decoded, cleaned, on one line; never NULL. g_free(). */
char *header_text(const char *value, const struct parse_settings *);
/* Ids "<...>" in the value, in order, added without their brackets. */
void header_ids(const char *value, GPtrArray *out, guint max);

/* ---- envelope.c: header to letter ---------------------------------------------------------- */

/* Everything of the letter that comes from the header, and the notes about it. */
void envelope_read(struct letter *, const struct header *, const struct parse_settings *);
/* Fills what this layer does not say from the letter of the layer around it.  is_whole: what the
 * protected header leaves out of references and Reply-To was not there. */
void envelope_inherit(struct letter *, const struct header *, const struct letter *outer,
	bool is_whole);
/* Adds what this header says of a machine to the fields; nothing that was there goes. */
void envelope_add_marks(struct letter *, const struct header *, const struct parse_settings *);
void letter_note(struct letter *, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- layers.c ------------------------------------------------------------------------------ */

/* What protects the root or the one signed part below it; sets letter->layer, covered, sealed,
 * nested, notes, and the scan's carrier. */
void layer_find(struct letter *, const char *raw, struct scan *);
/* For the decoded text of a text/plain root: the same for an inline block.  *inside is the text a
 * signature is over, without armour (NULL if encrypted); *around what stands before and behind.
 * Both g_free(). */
enum layer layer_inline(const char *text, char **inside, char **around);
/* The same block in bytes, armour lines included. */
enum layer layer_block(const char *data, gsize size, struct slice *);

/* ---- protected.c: headers inside a layer ---------------------------------------------------- */

struct protection {
	enum header_protection word;	/* NONE: no mark that counts */
	bool is_cipher;			/* hp="cipher": legacy display may be there */
	bool is_older;			/* protected-headers="v1" */
};
/* Looks for a protected header in this layer; where one counts, *letter is a new one with its
 * envelope.  Notes the marks that do not count. */
struct protection protected_read(struct letter **, const char *raw, const struct scan *,
	const struct letter *outer, const struct parse_settings *);
/* Is this first part under an older mark only there to show the header? */
bool protected_is_older_display(GMimeObject *);
/* Is this leaf said to begin with a legacy display?  Then cut it; false: it does not. */
bool protected_has_display(GMimeObject *);
bool protected_cut_display(char *text, bool is_html);

/* ---- offered.c: keys that come by mail ------------------------------------------------------ */

bool offered_is_packet(const void *, gsize);
GBytes *offered_base64(const char *text);	/* NULL: it is none */
/* From the outermost header, or from the layer around. */
void offered_read(struct letter *, const struct header *, const struct letter *outer);
void offered_inherit(struct letter *, const struct letter *outer);
void offered_attachment(struct letter *, GMimePart *, const char *name);

/* ---- content.c: leaves --------------------------------------------------------------------- */

/* The entity at raw[at,end), parsed; NULL if GMime makes nothing of it.  Holds no copy: raw must
 * outlive it. */
GMimeObject *content_parse(const char *raw, gsize at, gsize end, bool is_mail);
/* Decoded bytes of a leaf, at most max (*more says there was more). */
GByteArray *content_bytes(GMimePart *, gsize max, bool *more);
void content_digest(GMimePart *, guint64 *size, guint8 out[DIGEST_SIZE]);
/* Neither text shown in the mail nor part of one. */
bool content_is_attachment(GMimeObject *);
/* Safe file name of a leaf, or NULL. g_free(). */
char *content_name(GMimeObject *, const struct parse_settings *);
char *content_type_word(GMimeObject *);	/* "text/plain", lower-cased; g_free() */
/* Type and subtype match, "*" any. */
bool content_is(GMimeObject *, const char *type, const char *subtype);

/* ---- walk.c: tree to text and attachments -------------------------------------------------- */

enum show {
	SHOW,		/* text is displayed, the rest are attachments */
	/* an alternative not displayed: its text is dropped, the rest are attachments */
	HIDE,
	LIST,		/* every leaf is an attachment */
};
struct reading {
	const char *raw;
	const struct parse_settings *settings;
	const struct scan *scan;
	struct letter *letter;
	GString *text;		/* displayed text, not yet cleaned */
	enum show show;
	bool covered;		/* what is read now is inside the signed subtree */
	bool outside;		/* outside of one: what a reader would see exposes the letter */
	const char *skip;	/* number of the signed part then, already read, or NULL */
	bool skipped;		/* and it was there */
	bool is_report;		/* the root is a multipart/report */
	struct protection protection;
	guint seen;		/* objects walked, to be compared with the scan */
};
/* `number`: of this object; "" for a multipart root. */
void walk_object(struct reading *, GMimeObject *, const char *number);
/* Lists one leaf or attached mail, shown or not. */
void walk_list(struct reading *, GMimeObject *, const char *number);

/* ---- report.c: delivery status and feedback ------------------------------------------------ */

/* Looks at one leaf of a multipart/report for what it says of the report.  `inner`: the attached
 * mail's entity, or NULL. */
void report_read(struct reading *, GMimeObject *, const struct entity *inner);

/* ---- charset.c ----------------------------------------------------------------------------- */

/* Opens every converter and uses it once; they stay open: a child without files has them. */
void charset_init(void);

/* ---- text.c, html.c ------------------------------------------------------------------------ */

char *text_unflow(const char *text, bool delsp);
/* Share of Vietnamese letters among the non-ASCII ones is at least nine in ten (and there are
 * some). */
bool text_looks_vietnamese(const char *utf8);
bool text_is_blank(const char *);
/* Tags removed without a parser, for what is over a cap. g_free(). */
char *html_strip(const char *html, gsize size);
/* charset= of a <meta> near the top, or NULL. g_free(). */
char *html_charset(const char *html, gsize size);

/* ---- encode.c: what compose writes --------------------------------------------------------- */

void encode_quoted_printable(GString *out, const char *text, gsize size);
void encode_base64_lines(GString *out, const void *data, gsize size);
/* Where the last line of the field that began at `start` stands. */
gsize encode_column(const GString *out, gsize start);
/* RFC 2047 words, folded, behind the one blank that ends `out`. */
void encode_words(GString *out, gsize start, const char *utf8, gsize size);
/* "; filename=…" with RFC 2231 where needed. */
void encode_parameter(GString *out, const char *name, const char *utf8);

#endif
