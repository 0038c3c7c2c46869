/* SPDX-License-Identifier: ISC
 *
 * desk: the decisions.  Pure: facts, letter, verdict and now go in, a plan comes out that prints as text and
 * says why.  No I/O, no clock, no rows, no library but GLib.
 */
#ifndef UNGCUU_DESK_H
#define UNGCUU_DESK_H

#include "model/model.h"

/* ---- classify.c ------------------------------------------------------------------------------ */

/* What the mail is, and why in one line (g_free()). */
enum kind classify(const struct site *, const struct letter *, const struct verdict *, char **why);
/* A folder servers and people put junk into, by its last name; Vietnamese or English, any case. */
bool folder_is_junk(const char *folder);
/* May it be acknowledged at all (RFC 3834; own addresses, role addresses of mail systems, no single From)?
 * why: g_free().  `inspect` prints both. */
bool acknowledgeable(const struct site *, enum kind, const struct letter *, const struct verdict *, char **why);

/* ---- authentication.c: Authentication-Results of our own servers (RFC 8601) ------------------------ */

/* FAIL: dmarc=fail.  FORWARDED: dmarc=fail, and one of policy.forwarders is proven to have handed the mail on.
 * PASS: dmarc=pass; it grants nothing.  UNKNOWN: all else, as if nothing had been said. */
#define AUTHENTICITY_LIST(X) X(UNKNOWN, "unknown") X(PASS, "pass") X(FAIL, "fail") X(FORWARDED, "forwarded")
#define WORDS_ENUM_AUTHENTICITY(n, w) AUTHENTICITY_##n,
WORDS(authenticity, AUTHENTICITY, AUTHENTICITY_LIST)
enum authenticity authentication_read(const struct site *, const struct letter *);

/* ---- clues.c: what in a letter may name a ticket ------------------------------------------------ */

struct clues {
	GPtrArray *message_ids;		/* char *: In-Reply-To and References, newest first */
	GPtrArray *codes;		/* char *: thread codes in those ids, in To (plus-address), in a footer line */
	GPtrArray *tags;		/* char *: ticket numbers in subject, then text */
	GPtrArray *receipt_codes;	/* char *: receipt codes asked about */
};
struct clues *clues_find(const struct site *, const struct letter *);
void clues_free(struct clues *);
/* Message-ID of an outgoing mail, without < >: "ungcuu.CODE.RANDOM@domain of ours"; g_free(). */
char *message_id_make(const struct site *, const char *thread_code, const char *random);
/* hotline.reply_address with the code in place of %t, for Reply-To; NULL where none is configured.  g_free(). */
char *reply_address_make(const struct site *, const char *thread_code);

/* ---- returned.c: what a bounce says became of a mail of ours --------------------------------------- */

/* FIELD, ENVID, ENVELOPE: an outgoing id, hex; MESSAGE_ID: without < >. */
enum name_kind { NAMED_FIELD, NAMED_ENVID, NAMED_ENVELOPE, NAMED_MESSAGE_ID };
struct returned_name { enum name_kind kind; char *text; };
struct returned {
	GPtrArray *names;		/* struct returned_name of mails it may be about */
	enum fate delivery;
	char *status;			/* "5.1.1"; NULL */
};
/* NULL: the letter is no bounce. */
struct returned *returned_find(const struct site *, const struct letter *);
void returned_free(struct returned *);
/* Is it about a mail to this recipient?  Where a part for machines names one, that alone counts. */
bool returned_is_about(const struct letter *, const char *recipient);
const char *name_kind_words(enum name_kind);

/* ---- settle.c ------------------------------------------------------------------------------------- */

/* Once per opened mail, when all its layers are: which From counts, and the verdict's header_protection, which is
 * set here and nowhere else.  Where the protected From differs from the outer one (RFC 9788 §4.4), it counts only
 * under good-trusted or good-unknown-key; else letter->from is the outer one again, the inner one a note
 * "protected From: <address>".  All else in desk then looks at letter->from alone. */
void letter_settle_from(struct letter *, struct verdict *);
/* The same where the signature was judged against another From than letter->from: one made together with the
 * encryption is, against the outer From, before the inside is read.  Only the address that was judged is bound. */
void letter_settle_judged(struct letter *, struct verdict *, const char *judged_from);

/* ---- facts: what the hub looked up for one decision ----------------------------------------------- */

/* How a letter names a ticket.  TAG: by what others can know, its number or the Message-ID of a mail that came to
 * us (a list or a Cc shows it); MESSAGE_ID, CODE: by what only a mail of ours had. */
#define THREAD_PROOF_LIST(X) X(NONE, "none") X(TAG, "tag") X(MESSAGE_ID, "message-id") X(CODE, "code")
#define WORDS_ENUM_PROOF(n, w) PROOF_##n,
WORDS(thread_proof, PROOF, THREAD_PROOF_LIST)

struct facts {
	struct id mail;
	char *sha256;			/* raw mail, hex */
	gint64 received;		/* ms */
	bool is_twin;			/* equal second identity with an earlier mail */
	struct id twin_ticket;		/* its ticket or null */
	bool same_message_id;		/* an earlier mail had this Message-ID and another body */
	bool silent;			/* taken in without acknowledgement (adopt --silent, observe) */
	bool is_oversize;		/* larger than policy.max_size: the letter is made of its header alone */
	bool from_junk;			/* the server had put it into its folder for junk */
	enum thread_proof proof;	/* strongest clue that led to a ticket */
	struct id ticket;		/* that ticket, or null */
	char *ticket_number;
	char *thread_address;		/* address the code was made for */
	bool from_is_participant;	/* From has a thread or a mail on this ticket */
	gint64 last_receipt;		/* last T03, T32 or T35 of this ticket, ms; -1 */
	bool acknowledged;		/* its own ticket had T01, T02, T04, T33, T35 or T38; T03 is none */
	bool again;			/* decided before as sealed; a key arrived since */
	bool twin_owed;			/* the earlier copy opened its ticket, and how it came forbade an answer */
	bool burst;			/* no clue: `ticket` was opened from this address within policy.burst */
	bool burst_joins;		/* and burst_joins() said yes */
	struct id earlier;		/* again: the ticket it is in since then, or null */
	bool earlier_first;		/* again: it opened that ticket (relation "first") */
	struct id returned;		/* a bounce: the mail of ours it is about, sent to whom it names; or null */
	char *returned_why;		/* "T01 failed 5.1.1, by its envelope id" */
	enum fate delivery;		/* what it says became of it */
	char *delivery_status;		/* "5.1.1"; NULL */
};
void facts_clear(struct facts *);

/* ---- burst.c --------------------------------------------------------------------------------------- */

/* May a letter join the ticket `first` opened, because one address sent both within policy.burst?  Only where what
 * says that it was that address is the same: both signed by one key, or neither proven; never where a signature or
 * DMARC failed, nor where one of them could not be opened. */
bool burst_joins(const struct site *, const struct letter *first, const struct verdict *first_verdict,
	const struct letter *, const struct verdict *);
/* Could this copy not be answered because of how it came, where another may be? */
bool copy_is_unanswered(const struct site *, const char *folder, const struct letter *);

/* ---- plan.c: effects, in order ------------------------------------------------------------------------ */

#define EFFECT_LIST(X) \
	X(FILE,   "file")	/* the mail's final kind */ \
	X(OPEN,   "open")	/* a new ticket of this kind */ \
	X(APPEND, "append")	/* the mail joins a ticket, with relation */ \
	X(MAIL,   "mail")	/* one outgoing mail: template, recipient, values */ \
	X(NOTE,   "note")	/* a journal row with its reason */ \
	X(REPORT, "report")	/* what became of a mail of ours, by a bounce */
#define WORDS_ENUM_EFFECT(n, w) EFFECT_##n,
WORDS(effect_kind, EFFECT, EFFECT_LIST)

struct value { char *name, *text; };
struct effect {
	enum effect_kind kind;
	enum kind mail_kind;		/* FILE */
	char *word;			/* OPEN: ticket kind; APPEND: relation; NOTE, REPORT: event; MAIL: template */
	char *subject, *reporter, *language;	/* OPEN; MAIL: language */
	struct id ticket;		/* APPEND, NOTE, MAIL: null id means the one opened by this plan */
	struct id outgoing; enum fate delivery; char *status;	/* REPORT */
	char *recipient;		/* MAIL */
	char *in_reply_to;		/* MAIL: Message-ID it answers */
	GPtrArray *values;		/* MAIL: struct value known at decision time */
	char *why;
};
struct plan { GPtrArray *effects; };
void plan_free(struct plan *);
/* One line an effect: "open report: no ticket named".  g_free(). */
char *plan_print(const struct plan *);

/* ---- rules.c: the table of what happens to a mail ------------------------------------------------------ */

struct plan *plan_mail(const struct site *, const struct facts *, const struct letter *,
	const struct verdict *, gint64 now);
/* A mail that could not be opened: a ticket "unreadable, by hand"; reason as held. */
struct plan *plan_held(const struct site *, const struct facts *, const char *stage, const char *reason);
/* Prints the rule table (make tables). g_free(). */
char *rules_print(void);
/* The template an acknowledgement leaves with: T01 and T02 become T33 when late.  T38 stays, it tells both times. */
const char *template_when_leaving(const struct site *, const char *template, gint64 received, gint64 now);

/* ---- policy.c: what protects an outgoing mail, and what can be seen of it outside ----------------------- */

/* CONTENT_FREE: signed, in clear, and holding nothing of the mail it answers. */
#define PROTECTION_LIST(X) X(SIGNED, "signed") X(ENCRYPTED, "encrypted") X(CONTENT_FREE, "content-free")
#define WORDS_ENUM_PROTECTION(n, w) PROTECTION_##n,
WORDS(protection_word, PROTECTION, PROTECTION_LIST)
/* answered: the verdict on the mail it answers, NONE where it answers none; has_key: a usable certificate of the
 * recipient is known.  *template_out: the template to send, the planned one or T38; *why: one sentence, static.
 * Ask anew with the planned template at each making: what has no row in the table is sent as T38. */
enum protection_word policy_choose(const char *template, enum encryption answered, bool has_key,
	const char **template_out, const char **why);
/* Prints the table (make tables).  g_free(). */
char *policy_print(void);
/* Subject of the outer header of an encrypted mail: "[NBH-2026-000123] " and fixed words for its kind; g_free(). */
char *outer_subject_make(const char *ticket_number, const char *template);
#define T03_DELAY_MS 10000
bool template_is_receipt(const char *template);	/* answers a mail by itself; no deadline of the law hangs on it */
/* When a mail may leave, ms: T03 exactly T03_DELAY_MS after we received what it answers, so that the pace of the
 * answer does not tell how far an attempt at opening came; all others now. */
gint64 template_send_at(const char *template, gint64 received_by_us, gint64 now);

/* ---- values: plan values to and from text for the outbox (JSON-free: name\x1ftext\x1e ...) -------------- */

char *values_to_text(const GPtrArray *values);
GPtrArray *values_from_text(const char *);
/* A name that ends in ".vi" or ".en" is the value for that half of a mail; templates name it without. */
GPtrArray *values_new(void);
void values_add(GPtrArray *values, const char *name, const char *text);	/* text NULL: nothing is added */
const char *values_get(const GPtrArray *values, const char *name);	/* or NULL */

/* ---- template.c: Mustache subset; the variables are a closed set ------------------------------------------ */

struct template;
/* NEVER with "T01:12: unknown variable {{nmae}}, did you mean {{name}}".  Supported: {{v}}, {{#v}}…{{/v}},
 * {{^v}}…{{/v}}, {{! comment}}, standalone lines.  The first line is "Subject: …", then an empty line. */
enum outcome template_parse(const char *name, const char *text, struct template **, GError **error);
void template_free(struct template *);
/* Missing values are empty.  Subject on one line; body with "\n". Both g_free(). */
enum outcome template_render(const struct template *, const GPtrArray *values, char **subject, char **body,
	GError **error);
/* name and help of every variable, name NULL at the end. */
struct variable { const char *name, *help; };
extern const struct variable template_variables[];
/* The templates this version sends, e.g. "T01", and their languages; name NULL at the end. */
struct template_use { const char *name, *recipient, *languages, *help; };
extern const struct template_use template_uses[];
/* A whole mail from a template of the site: both languages where the use says so, the recipient's first; in T38
 * the site's first, which tells nothing.  Values this template may not hold are left out. */
enum outcome mail_render(const struct site *, const char *template, const char *language,
	const GPtrArray *values, char **subject, char **body, GError **error);
/* Every template and language there, parsed and rendered once with empty and with long values; all faults
 * as lines. NULL: none. g_strfreev(). */
char **templates_check(const struct site *);

/* ---- wording.c ------------------------------------------------------------------------------------------ */

/* "10:05 ngày 22/11/2026 (UTC+7)", "22 November 2026 10:05 (UTC+7)"; g_free(). */
char *time_for_people(gint64 ms, const char *language);
/* The verdict in words a citizen understands; static. */
const char *signature_for_people(enum signature, const char *language);
const char *encryption_for_people(enum encryption, const char *language);
/* Values every outgoing mail has: hotline name, phone, fingerprint, ticket number, … */
GPtrArray *values_common(const struct site *, const char *ticket_number, const char *thread_code,
	const char *receipt_code, gint64 now);

#endif
