/* SPDX-License-Identifier: ISC
 *
 * What the files of desk share and nobody else needs: folded text, marks of automatic mail, ticket
 * numbers in text, building a plan. Relies on desk.h. Like all of desk: no I/O, no clock, no state.
 */
#ifndef UNGCUU_DESK_INTERNAL_H
#define UNGCUU_DESK_INTERNAL_H

#include "desk/desk.h"

#define THREAD_CODE_LETTERS	20	/* of the code alphabet: 100 bits */
#define CLUES_MAX		20	/* of each kind: so many look-ups one letter may cause */
#define ADDRESS_MAX		254	/* octets (RFC 5321 §4.5.3.1.3, less "<>") */
#define LOCAL_MAX		64	/* octets before the '@' (RFC 5321 §4.5.3.1.1) */
#define HOPS_MAX	50		/* Received fields of a mail that is still answered */
#define MESSAGE_ID_MAX		250	/* octets: with "In-Reply-To: <>" far from any line limit */

/* ---- fold.c --------------------------------------------------------------------------------- */

/* Lower case without diacritics, widths and invisible characters: "Sự cố", "SU CO", "ｓｕ ｃｏ" and
 * their NFD forms are equal afterwards. One pass over any length; dashes become '-', lenticular
 * brackets '[' ']'. */
char *fold_text(const char *utf8);
/* Case-blind, as mailbox names are compared by everyone but RFC 5321. NULL equals nothing. */
bool address_equal(const char *, const char *);
/* Behind the last '@', or NULL. */
const char *address_domain(const char *);

/* ---- marks.c: what says that a mail was made by a machine; the sentence, or NULL ------------ */

const char *mark_auto_submitted(const struct letter *);	/* RFC 3834 §5 and its forerunners */
const char *mark_list(const struct letter *);		/* RFC 2919, RFC 2369, Precedence */
const char *mark_null_return(const struct letter *);	/* RFC 5321 §4.5.5 */
const char *mark_suppress(const struct letter *);	/* X-Auto-Response-Suppress */
const char *mark_system_sender(const struct letter *);	/* mailer-daemon, no-reply, ... */
const char *mark_desk(const struct letter *);		/* another gateway, a ticket system */
const char *mark_circles(const struct letter *);	/* too many Received fields */
/* Any field of this name whose folded value is one of the words, up to ';', '(' or a blank. */
bool field_is(const struct letter *, const char *lower_name, const char *const *words);
bool field_there(const struct letter *, const char *lower_name);
/* Parts a person attached: signatures are none. */
guint attachment_count(const struct letter *);

/* ---- classify.c ----------------------------------------------------------------------------- */

/* What makes it a bounce, or NULL; the subject folded. */
const char *bounce_mark(const struct letter *, const char *subject);

/* ---- clues.c -------------------------------------------------------------------------------- */

/* Is there a ticket number of this site at `at`, in folded text that begins at `start`? *end behind
 * it. */
bool tag_match(const struct site *, const char *start, const char *at, const char **end,
	char **tag);

/* ---- thanks.c ------------------------------------------------------------------------------- */

/* Nothing in it but thanks or a confirmation? */
bool thanks_only(const struct site *, const struct letter *);

/* ---- variables.c ---------------------------------------------------------------------------- */

bool variable_known(const char *name);
const char *variable_nearest(const char *name);		/* or NULL: nothing is like it */
/* What templates may hold beyond what every mail of ours does. */
enum holding {
	HOLDS_RAW = 1,		/* digest of the mail as it came */
	HOLDS_OWN = 2,		/* digest of the sender's own part */
	HOLDS_SIGNATURE = 4,	/* verdict on it */
	HOLDS_ATTACHMENTS = 8,	/* how many, how large */
	HOLDS_RECEIPT = 16,	/* the secret that asks what became of the ticket */
	HOLDS_DIGEST = 32,	/* what an administrator is told each week */
};
unsigned template_holds(const char *template);		/* an unknown one: 0 */
bool variable_allowed(const char *template, const char *name);

/* ---- template.c ----------------------------------------------------------------------------- */

/* The first variable, in the subject or else the body, that this template of template_uses may not
 * hold, and its line; NULL: none. */
const char *template_foreign(const struct template *, const char *use, guint *line);

/* ---- plan.c --------------------------------------------------------------------------------- */

struct plan *plan_new(void);
/* The new effect stays the plan's; copies its texts. */
struct effect *plan_add(struct plan *, enum effect_kind, const char *word, const char *why);

/* ---- answer.c ------------------------------------------------------------------------------- */

/* Recipient, language, thread and values of a mail already added to the plan. */
void answer_fill(struct effect *, const struct site *, const struct facts *, const struct letter *,
	const struct verdict *);
/* A Message-ID, without < >, that may stand in a header of ours: dot-atom "@" dot-atom or
 * "[dtext]" of RFC 5322 §3.6.4, obsolete forms refused, at most MESSAGE_ID_MAX octets.  NULL is
 * none. */
bool is_msg_id(const char *);
/* A failed signature under a registered From (T04). */
bool answer_is_forged(const struct site *, const struct letter *, const struct verdict *);
/* That, or DMARC fails under a registered From: only the directory address is written to. */
bool answer_is_diverted(const struct site *, const struct letter *, const struct verdict *);
/* The language for this letter: the directory's, the letter's, the site's. */
const char *answer_language(const struct site *, const struct letter *);

/* ---- wording.c ------------------------------------------------------------------------------ */

/* "3 kB", "1,5 MB" (vi) or "1.5 MB"; g_free(). */
char *size_for_people(guint64 bytes, const char *language);
/* "abcd-efgh": n letters a group; g_free(). */
char *code_grouped(const char *code, guint n, const char *between);
bool language_is_en(const char *language);

#endif
