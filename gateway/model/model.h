/* SPDX-License-Identifier: ISC
 *
 * model: the plain structs and word tables of the domain.  Everything here can be printed, compared and
 * sent in a frame; nothing here does I/O or decides.  Needs base (ids, errors) and GLib.
 */
#ifndef UNGCUU_MODEL_H
#define UNGCUU_MODEL_H

#include "base/base.h"

/* ---- words.c: every enum and its words come from one list ------------------------ */
#define WORDS(NAME, PREFIX, LIST)						\
	enum NAME { LIST(WORDS_ENUM_##PREFIX) NAME##_count };			\
	const char *NAME##_word(enum NAME);	/* panic() outside the enum */	\
	int NAME##_from_word(const char *);	/* -1: none of the words */
/* The functions WORDS declares, once, in a .c file; no semicolon behind it. */
#define WORDS_TEXT(n, w) w,
#define WORDS_DEFINE(NAME, PREFIX, LIST)						\
	static const char *const NAME##_words[] = { LIST(WORDS_TEXT) };			\
	const char *NAME##_word(enum NAME w) { return words_get(NAME##_words, NAME##_count, w); } \
	int NAME##_from_word(const char *w) { return words_find(NAME##_words, NAME##_count, w); }
const char *words_get(const char *const *words, guint n, guint which);
int words_find(const char *const *words, guint n, const char *word);
/* Changed, missing, extra and swapped letters between two names; counts at most their first 63 bytes. */
guint words_distance(const char *, const char *);

/* What one mail is (contracts: inspect.kind), plus the kinds only the ledger knows. */
#define KINDS(X) X(REPORT, "report") X(REPLY, "reply") X(COMMAND, "command") X(ISP_REPLY, "isp-reply") \
	X(ORDER, "order") X(BOUNCE, "bounce") X(AUTO_REPLY, "auto-reply") X(RECEIPT, "receipt") \
	X(FEEDBACK, "feedback") X(LIST, "list") X(THANKS, "thanks") X(CANARY, "canary") X(NOISE, "noise") \
	X(OVERSIZE, "oversize") X(DUPLICATE, "duplicate") X(BEFORE_START, "before-start")
#define WORDS_ENUM_KIND(n, w) KIND_##n,
WORDS(kind, KIND, KINDS)
/* Verdict words in order of precedence: the first that applies wins. */
#define SIGNATURE_LIST(X) X(BAD, "bad") X(REVOKED, "revoked") X(UNVERIFIABLE, "unverifiable") \
	X(EXPIRED, "expired-at-signing") X(WEAK, "good-weak-algo") X(PARTIAL, "partial") \
	X(MISMATCH, "good-from-mismatch") X(UNKNOWN_KEY, "good-unknown-key") X(TRUSTED, "good-trusted") \
	X(NONE, "none")
#define WORDS_ENUM_SIGNATURE(n, w) SIGNATURE_##n,
WORDS(signature, SIGNATURE, SIGNATURE_LIST)
#define ENCRYPTION_LIST(X) X(MALFORMED, "malformed") X(UNSUPPORTED, "unsupported") X(NOT_FOR_US, "not-for-us") \
	X(EXPIRED_KEY, "expired-key") X(DECRYPTED, "decrypted") X(NONE, "none")
#define WORDS_ENUM_ENCRYPTION(n, w) ENCRYPTION_##n,
WORDS(encryption, ENCRYPTION, ENCRYPTION_LIST)
#define HEADER_PROTECTION_LIST(X) X(NONE, "none") X(SIGNED, "signed") X(ENCRYPTED, "encrypted")
#define WORDS_ENUM_HP(n, w) HEADER_PROTECTION_##n,
WORDS(header_protection, HP, HEADER_PROTECTION_LIST)
/* Protection found at the root of one layer, to be undone next. */
#define LAYER_LIST(X) X(PLAIN, "plain") X(PGP_SIGNED, "pgp-signed") X(PGP_ENCRYPTED, "pgp-encrypted") \
	X(SMIME_SIGNED, "smime-signed") X(SMIME_OPAQUE, "smime-opaque") X(SMIME_ENCRYPTED, "smime-encrypted") \
	X(PGP_INLINE_SIGNED, "pgp-inline-signed") X(PGP_INLINE_ENCRYPTED, "pgp-inline-encrypted")
#define WORDS_ENUM_LAYER(n, w) LAYER_##n,
WORDS(layer, LAYER, LAYER_LIST)
/* Life of a mail; the table of moves is in role/job.c. */
#define MAIL_STATE_LIST(X) X(STORED, "stored") X(OPENING, "opening") X(OPENED, "opened") \
	X(DECIDING, "deciding") X(DECIDED, "decided") X(HELD, "held") X(LEFT, "left")
#define WORDS_ENUM_MAIL(n, w) MAIL_##n,
WORDS(mail_state, MAIL, MAIL_STATE_LIST)
#define OUT_STATE_LIST(X) X(PLANNED, "planned") X(PROTECTED, "protected") X(SENT, "sent") X(HELD, "held") \
	X(CANCELLED, "cancelled")
#define WORDS_ENUM_OUT(n, w) OUT_##n,
WORDS(out_state, OUT, OUT_STATE_LIST)
/* What the way out said LATER to: this mail alone; every mail, if it were tried; it is not there at all. */
#define SCOPE_LIST(X) X(MAIL, "mail") X(ALL, "all") X(UNTRIED, "untried")
#define WORDS_ENUM_SCOPE(n, w) SCOPE_##n,
WORDS(scope, SCOPE, SCOPE_LIST)
/* What became of a mail behind the submission server, by a bounce; a later word counts more. */
#define FATE_LIST(X) X(NONE, "none") X(DELAYED, "delayed") X(RELAYED, "relayed") \
	X(DELIVERED, "delivered") X(FAILED, "failed")
#define WORDS_ENUM_FATE(n, w) FATE_##n,
WORDS(fate, FATE, FATE_LIST)
#define TICKET_STATE_LIST(X) X(RECEIVED, "received") X(TRIAGE, "triage") X(NEED_INFO, "need_info") \
	X(CONFIRMED, "confirmed") X(RESPONDING, "responding") X(CONTAINED, "contained") \
	X(RECOVERING, "recovering") X(RESOLVED, "resolved") X(CLOSED, "closed") X(REJECTED, "rejected") \
	X(DUPLICATE, "duplicate") X(TRANSFERRED, "transferred") X(REOPENED, "reopened")
#define WORDS_ENUM_TICKET(n, w) TICKET_##n,
WORDS(ticket_state, TICKET, TICKET_STATE_LIST)
#define PARTY_KIND_LIST(X) X(RESPONDER, "responder") X(AGENCY, "agency") X(ISP, "isp") X(AUTHORITY, "authority")
#define WORDS_ENUM_PARTY(n, w) PARTY_##n,
WORDS(party_kind, PARTY, PARTY_KIND_LIST)
/* How a worker or the hub ended.  Counted ones blame the mail after two, unexplained after five; a hub whose store
 * took nothing (disk full, read-only) blames none: what was under way is put off. */
#define DEATH_LIST(X) X(ORDERLY, "orderly") X(COUNTED, "counted") X(UNEXPLAINED, "unexplained") X(STARVED, "starved")
#define WORDS_ENUM_DEATH(n, w) DEATH_##n,
WORDS(death, DEATH, DEATH_LIST)

/* ---- limits.c: every bound on foreign input, by name ------------------------------- */
#define LIMIT_LIST(X) \
	X(MAIL_SIZE,		41943040, "mail size")		/* bytes; policy.max_size lowers or raises it */ \
	X(HEADER_SIZE,		 1048576, "header size")	/* bytes of one entity's header */ \
	X(HEADER_FIELDS,	    1000, "header fields")	/* of one entity */ \
	X(HEADER_FIELD,		   65536, "header field")	/* bytes of one unfolded field */ \
	X(HEADERS_TOTAL,	 4194304, "headers in all")	/* bytes of all headers of a mail */ \
	X(DEPTH,		      32, "depth")		/* nested multiparts */ \
	X(MESSAGES,		       8, "nested messages")	/* nested message/rfc822 */ \
	X(PARTS,		    1000, "parts")		/* leaves and containers */ \
	X(BOUNDARY,		     200, "boundary")		/* characters; RFC 2046 allows 70 */ \
	X(GROUPS,		      64, "address groups")	/* ':' in one address field */ \
	X(ADDRESSES,		    1000, "addresses")		/* taken of one field */ \
	X(REFERENCES,		     100, "references")		/* last ones taken */ \
	X(PARAMETERS,		     200, "parameters")		/* of one Content-Type/-Disposition */ \
	X(LETTER_TEXT,		 1048576, "text")		/* bytes of text shown; the rest stays in raw */ \
	X(LETTER_PARTS,		     500, "attachments")	/* listed */ \
	X(LETTER_BODY,		 8388608, "letter")		/* bytes of a serialized letter */ \
	X(HTML_SIZE,		 4194304, "HTML size")		/* bytes given to the HTML parser */ \
	X(HTML_TAGS,		   20000, "HTML tags") \
	X(LAYERS,		       3, "layers")		/* signed/encrypted wrappers opened */ \
	X(LETTER_CPU,		      10, "letter CPU")		/* seconds */ \
	X(LETTER_WALL,		      60, "letter time")	/* seconds */ \
	X(LETTER_MEMORY,	268435456, "letter memory")	/* bytes of address space */ \
	X(KEYS_WALL,		      60, "key operation time")	/* seconds */ \
	X(PACKETS, 500, "OpenPGP packets") X(SIGNATURES, 16, "signatures")	/* of a ciphertext; over a text */ \
	X(CERTIFICATE, 262144, "certificate") X(KEYRING, 2000, "certificates of a file")	/* bytes; number */ \
	X(ENTITY_SIZE,		 4194304, "composed entity")	/* bytes of one outgoing entity without attachments */ \
	X(TEMPLATE_SIZE,	   65536, "template") \
	X(RENDERED_SIZE,	  262144, "rendered text") \
	X(INDICATORS,		    1000, "indicators")	/* listed */ \
	X(NOTES,		     100, "notes")		/* ambiguities of one letter listed */ \
	X(OFFERED,		       4, "offered keys")	/* taken of one mail */ \
	X(OFFERED_SIZE,		   65536, "offered key")	/* bytes of one, decoded */ \
	X(AUTOCRYPT,		   10240, "Autocrypt field")	/* bytes of one, read or written */ \
	X(TOKEN,		    8192, "access token")	/* bytes */ \
	X(DEATHS,		       2, "deaths")		/* counted deaths until held */ \
	X(UNEXPLAINED,		       5, "unexplained ends")	/* until retried alone */ \
	X(TURN,			      32, "turn")		/* events handled in one transaction */
#define LIMIT_ENUM(n, v, w) LIMIT_##n = v,
enum limit { LIMIT_LIST(LIMIT_ENUM) };
/* NEVER with "mime: depth limit 32" (where = "mime", word = "depth", value = 32). */
enum outcome limit_reached(GError **error, const char *where, const char *word, guint64 value);

/* ---- letter.c: an opened mail ------------------------------------------------------- */
struct address { char *name, *address; };	/* either may be NULL; address: as written, NFC, domain lower-cased */
struct field { char *name, *value; };		/* name lower-cased; value decoded, one line, cleaned */
struct part {
	char *number;		/* "1.2.3", IMAP style */
	char *name;		/* safe file name, or NULL */
	char *type;		/* declared, "text/plain" */
	guint64 size;		/* decoded bytes */
	char *sha256;		/* of the decoded bytes, hex */
	bool covered;		/* inside the signed subtree */
};
/* Of the first recipient, and of the mail returned.  original: the recipient as we wrote it (ORCPT); envelope_id:
 * ENVID; our_id: X-Ungcuu-Id of the returned header. */
struct bounce { char *action, *status, *recipient, *message_id, *original, *envelope_id, *our_id; };
struct feedback { char *format, *type; };
struct indicator { char *type, *value, *seen; };
struct slice { guint64 at, size; };	/* of the raw mail: offset and length in bytes */
/* A certificate that came by mail, packets or armour: may encrypt to that correspondent, grants nothing.
 * Source "autocrypt": address is the From address it is for; "attachment": NULL. */
struct offered_key { char *source, *address; GBytes *bytes; };
struct letter {
	struct address from;		/* the single From address; both NULL if not exactly one */
	guint n_from;			/* From addresses seen in all From fields */
	GPtrArray *to;			/* struct address, To and Cc */
	char *subject;			/* decoded, one line, cleaned; never NULL */
	char *message_id;		/* without < >; NULL */
	GPtrArray *references;		/* char *, In-Reply-To first, then References last to first */
	gint64 date;			/* Date:, ms; -1 */
	GPtrArray *fields;		/* struct field: the ones desk asks for (see mime/mime.h), topmost first */
	char *text;			/* covered text, quotation cut; UTF-8 NFC, "\n" ends, cleaned; never NULL */
	char *quoted, *outside, *language;	/* the first two never NULL; "vi" "en" or NULL */
	GPtrArray *parts, *indicators;	/* struct part: attachments, attached mails included; struct indicator */
	struct bounce *bounce; struct feedback *feedback;	/* or NULL */
	GPtrArray *notes;		/* char *: ambiguities to show, e.g. "two From fields" */
	enum layer layer;		/* what is to be undone next; PLAIN: nothing */
	struct slice covered;		/* octets the signature is over */
	struct slice sealed;		/* ciphertext, or the detached signature's decoded-from body */
	bool exposed;			/* a reader would see more than is covered: `outside`, an attachment */
	bool nested;			/* `covered` is one more layer: no text here, to be parsed as the next one */
	bool truncated;			/* text was cut at LIMIT_LETTER_TEXT */
	guint8 body_sha256[DIGEST_SIZE];/* body octets as text (digest_put_text) */
	guint8 own_sha256[DIGEST_SIZE];	/* the sender's own part: covered slice, ciphertext, else body */
	enum header_protection header_protection;	/* RFC 9788: from, subject, … are the inner ones; holds
					 * only if the layer does: without a good signature, believe outer_from */
	struct address outer_from;	/* the outer From where the protected one differs; else NULL */
	bool within_encryption;		/* an encrypted layer was opened around this one */
	GPtrArray *offered;		/* struct offered_key */
};
struct letter *letter_new(void);		/* all arrays there, strings "", date -1 */
void letter_free(struct letter *); typedef struct letter letter_auto;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(letter_auto, letter_free)	/* g_autoptr(letter_auto) l = letter_new(); */
const char *letter_field(const struct letter *, const char *lower_name);	/* topmost, or NULL */
/* To and from one GVariant, floating; from borrows.  from: NULL with NEVER unless of the one type, in normal form
 * and with every array and length in its limit (subject, text, quoted, outside: LIMIT_LETTER_TEXT). */
GVariant *letter_to_variant(const struct letter *); struct letter *letter_from_variant(GVariant *, GError **error);
GBytes *letter_to_bytes(const struct letter *); struct letter *letter_from_bytes(GBytes *, GError **error);
/* For golden files and tests: stable text, one item per line. */
char *letter_print(const struct letter *);

/* ---- verdict.c -------------------------------------------------------------------------- */
struct verdict {
	enum signature signature;
	enum encryption encryption;
	enum header_protection header_protection;
	char *fingerprint;		/* primary fingerprint, or SHA-256 of the certificate; NULL */
	char *sha1;			/* of the certificate; NULL */
	char *party;			/* "responder:an.nguyen"; NULL */
	gint64 signed_at, judged_at;	/* ms; -1 */
};
struct verdict verdict_worst(enum layer);	/* plain: none/none; signed: unverifiable; encrypted: unsupported */
void verdict_clear(struct verdict *);
GVariant *verdict_to_variant(const struct verdict *); bool verdict_from_variant(GVariant *, struct verdict *);

#include "model/options.h"	/* the rest of what this folder shows */

#endif
