/* SPDX-License-Identifier: ISC
 *
 * rules: what happens to a mail, as one table. A mail becomes a set of claims (below); the table is
 * walked top down, stage by stage. In the stages "place" and "answer" the first row that fits wins,
 * in "remark" every row that fits speaks. plan_mail() gives the effects with their reasons; `make
 * tables` prints the table itself. Relies on classify.c, acknowledge.c and answer.c for the claims
 * and the words.
 */
#include "desk/internal.h"

#include <string.h>

/* ---- claims: what is known of this mail, as bits -------------------------------------------- */

#define CLAIMS(X) \
	X(TWIN,		"twin")		/* equal to an earlier mail */ \
	X(OWED,		"owed")		/* which could not be answered for how it came */ \
	X(AUTOMATIC,	"automatic")	/* made by a machine, or noise */ \
	X(COMMAND,	"command")	\
	X(THANKS,	"thanks")	\
	X(NAMED,	"named")	/* some clue led to a ticket */ \
	X(PROVEN,	"proven")	/* by a secret of ours, not by number or public id */ \
	X(ON_THREAD,	"on-thread")	/* From is the thread's address or took part */ \
	X(SEALED,	"sealed")	/* encrypted and not opened, whatever the cause */ \
	X(FORGED,	"forged")	/* the signature fails under a registered From */ \
	X(LISTED,	"listed")	/* unproven, From is in the directory */ \
	X(WORTH,	"worth")	/* attachment, form, registered signature, or sealed */ \
	X(DUE,		"due")		/* no receipt on this ticket within receipt_interval */ \
	X(SILENT,	"silent")	\
	X(OBSERVE,	"observe")	\
	X(JUNK,		"junk")		/* from a folder for junk */ \
	X(UNPROVEN,	"unproven")	/* no good signature */ \
	X(UNANSWERABLE,	"unanswerable")	/* acknowledgeable() says no */ \
	X(ACKNOWLEDGED,	"acknowledged")	\
	X(STILL,	"still")	/* decided again, and sealed as before */ \
	X(DOUBTED,	"doubted")	/* DMARC fails */ \
	X(FORWARDED,	"forwarded")	/* DMARC fails, but policy.forwarders explains it */ \
	X(BURST,	"burst")	/* one address within policy.burst, the same proof */ \
	X(APART,	"apart")	/* the same, with another proof */ \
	X(OPENER,	"opener")	/* opened at last; it opened its ticket when sealed */ \
	X(MEMBER,	"member")	/* the same; it joined its ticket, and now would not */ \
	X(SAME_ID,	"same-id")	\
	X(AMBIGUOUS,	"ambiguous")	\
	X(TRUNCATED,	"truncated")	\
	X(OVERSIZE,	"oversize")	/* only its header is here */ \
	X(RETURNED,	"returned")	/* a bounce of a mail of ours, to whom it was sent */ \
	X(OPENS,	"opens")	/* set by a row: a ticket is opened */ \
	X(FOLLOWS,	"follows")	/* set by a row: a person's mail joined a ticket */
#define CLAIM_NUMBER(n, w) NUMBER_##n,
enum { CLAIMS(CLAIM_NUMBER) N_CLAIMS };
/* More than an int holds: gcc and clang give such an enum 64 bits. */
#define CLAIM_BIT(n, w) n = G_GUINT64_CONSTANT(1) << NUMBER_##n,
enum claim { CLAIMS(CLAIM_BIT) NOTHING = 0 };
G_STATIC_ASSERT(N_CLAIMS <= 64);
#define CLAIM_WORD(n, w) w,
static const char *const claim_words[] = { CLAIMS(CLAIM_WORD) };

/* ---- the table ------------------------------------------------------------------------------ */

enum stage { PLACE, REMARK, ANSWER, N_STAGES };
static const char *const stage_words[N_STAGES] = { "place", "remark", "answer" };

/* What is put behind a reason. */
enum detail { FIXED, BY_KIND, BY_ANSWER, BY_TICKET, BY_NOTE, BY_RETURN };

struct step {
	enum effect_kind effect;
	const char *word;	/* FILE: NULL, the mail's own kind */
	const char *why;
	enum detail detail;
};

#define STEPS_MAX 3
struct rule {
	enum stage stage;
	guint64 all, none;	/* claims that must, and must not, hold */
	guint64 sets;		/* claims that hold from here on */
	struct step steps[STEPS_MAX];
};

#define FILED(word, why, detail)	{ EFFECT_FILE, word, why, detail }
#define OPENED(kind, why)		{ EFFECT_OPEN, kind, why, FIXED }
#define JOINED(relation, why)		{ EFFECT_APPEND, relation, why, FIXED }
#define MAILED(template, why)		{ EFFECT_MAIL, template, why, FIXED }
#define NOTED(event, why, detail)	{ EFFECT_NOTE, event, why, detail }
#define REPORTED(why, detail)		{ EFFECT_REPORT, NULL, why, detail }
#define UNANSWERED(why, detail)		{ EFFECT_NOTE, "no-answer", why, detail }

/* columns: stage, all of these, none of these, sets { effects } */
static const struct rule rules[] = {
	/* Where the mail goes.  One that is decided again stays in its ticket: its number is known
	 * outside since the first time. */
	{ PLACE, STILL, NOTHING, NOTHING, {
		NOTED("still-sealed", "decided again: still sealed, and stays as it is filed",
			FIXED) } },
	{ PLACE, OPENER | AUTOMATIC, NOTHING, OPENS, {
		FILED(NULL, "", BY_KIND),
		OPENED("report", "decided again: it opened this ticket when it was sealed") } },
	{ PLACE, OPENER | COMMAND, NOTHING, OPENS, {
		FILED(NULL, "", BY_KIND),
		OPENED("report", "decided again: it opened this ticket when it was sealed"),
		NOTED("command", "not executed: this version takes no commands", FIXED) } },
	{ PLACE, OPENER, NOTHING, OPENS, {
		FILED("report", "decided again: a key arrived, and it could be opened", FIXED),
		OPENED("report", "decided again: it opened this ticket when it was sealed") } },
	{ PLACE, MEMBER, NOTHING, NOTHING, {
		FILED(NULL, "", BY_KIND),
		NOTED("read-later", "decided again: it joined this ticket when it was sealed",
			FIXED) } },
	{ PLACE, TWIN | OWED, AUTOMATIC, OPENS, {
		FILED("duplicate", "same Message-ID, Date, From and body as an earlier mail",
			FIXED),
		NOTED("duplicate", "came again, and the earlier copy could not be answered",
			FIXED) } },
	/* Its kind stays: what is with us is a header, whoever asks. */
	{ PLACE, OVERSIZE | TWIN, NOTHING, NOTHING, {
		FILED("oversize", "the same as an earlier mail, as far as its header tells", FIXED),
		NOTED("duplicate", "came again", FIXED) } },
	{ PLACE, TWIN, NOTHING, NOTHING, {
		FILED("duplicate", "same Message-ID, Date, From and body as an earlier mail",
			FIXED),
		NOTED("duplicate", "came again", FIXED) } },
	{ PLACE, OVERSIZE | PROVEN | ON_THREAD, NOTHING, FOLLOWS, {
		FILED("oversize", "larger than policy.max_size: its header alone is here", FIXED),
		JOINED("reply", "a proven thread, and From is on it") } },
	{ PLACE, OVERSIZE, NOTHING, OPENS, {
		FILED("oversize", "larger than policy.max_size: its header alone is here", FIXED),
		OPENED("oversize", "the mail itself is in held_folder") } },
	{ PLACE, AUTOMATIC | PROVEN, NOTHING, NOTHING, {
		FILED(NULL, "", BY_KIND),
		JOINED("automatic", "automatic mail that answers a mail of ours") } },
	{ PLACE, AUTOMATIC, NOTHING, NOTHING, {
		FILED(NULL, "", BY_KIND) } },
	{ PLACE, COMMAND | NAMED, NOTHING, NOTHING, {
		FILED(NULL, "", BY_KIND),
		JOINED("command", "from a registered responder, and it names this ticket"),
		NOTED("command", "not executed: this version takes no commands", FIXED) } },
	{ PLACE, COMMAND, NOTHING, OPENS, {
		FILED(NULL, "", BY_KIND),
		OPENED("report", "no ticket named"),
		NOTED("command", "not executed: this version takes no commands", FIXED) } },
	{ PLACE, THANKS | NAMED | ON_THREAD, NOTHING, NOTHING, {
		FILED(NULL, "", BY_KIND),
		JOINED("reply", "From is on this thread") } },
	{ PLACE, THANKS | PROVEN, NOTHING, NOTHING, {
		FILED(NULL, "", BY_KIND),
		JOINED("other-sender", "the thread is proven, but From is a third person") } },
	{ PLACE, PROVEN | ON_THREAD, NOTHING, FOLLOWS, {
		FILED("reply", "a proven thread", FIXED),
		JOINED("reply", "From is on this thread") } },
	{ PLACE, PROVEN, NOTHING, NOTHING, {
		FILED("reply", "a proven thread", FIXED),
		JOINED("other-sender", "the thread is proven, but From is a third person") } },
	{ PLACE, NAMED | ON_THREAD, NOTHING, FOLLOWS, {
		FILED("reply", "names a ticket by a number or a public Message-ID", FIXED),
		JOINED("reply", "only a number or a public Message-ID names this ticket, but From "
			"took part in it") } },
	{ PLACE, SEALED, NOTHING, OPENS, {
		FILED("report", "encrypted, and could not be opened", FIXED),
		OPENED("sealed", "nothing could be read") } },
	{ PLACE, NAMED, NOTHING, OPENS, {
		FILED("report", "only a number or a public Message-ID names this ticket, and From "
			"is a stranger", FIXED),
		OPENED("report", "a new ticket, with a hint") } },
	{ PLACE, BURST, NOTHING, FOLLOWS, {
		FILED("report", "a person's mail that names no ticket", FIXED),
		JOINED("burst", "from the same address within policy.burst of the mail that opened "
			"this ticket, and nothing else says so") } },
	{ PLACE, NOTHING, NOTHING, OPENS, {
		FILED("report", "a person's mail that joins no ticket", FIXED),
		OPENED("report", "no ticket named that we know") } },

	/* What a person should be told about it. */
	{ REMARK, OPENS | NAMED, TWIN, NOTHING, {
		NOTED("hint", "names ticket", BY_TICKET) } },
	{ REMARK, OPENS | APART, NOTHING, NOTHING, {
		NOTED("hint", "within policy.burst of the same From, but with another proof of it: "
			"ticket", BY_TICKET) } },
	{ REMARK, DOUBTED, TWIN | STILL, NOTHING, {
		NOTED("dmarc-fail", "our server says that DMARC fails: From may be forged",
			FIXED) } },
	{ REMARK, FORWARDED, TWIN | STILL, NOTHING, {
		NOTED("forwarded", "DMARC fails, but one of policy.forwarders handed it on",
			FIXED) } },
	{ REMARK, JUNK, TWIN | STILL, NOTHING, {
		NOTED("from-junk", "the server had put it into its folder for junk", FIXED) } },
	{ REMARK, SAME_ID, TWIN | STILL, NOTHING, {
		NOTED("same-message-id", "same Message-ID as an earlier mail, other body",
			FIXED) } },
	{ REMARK, AMBIGUOUS, TWIN | STILL, NOTHING, {
		NOTED("ambiguous", "ambiguous", BY_NOTE) } },
	{ REMARK, TRUNCATED, TWIN | STILL, NOTHING, {
		NOTED("truncated", "text limit reached; the raw mail has the rest", FIXED) } },

	/* Nothing else ever comes of a bounce: no mail, no state of a ticket. */
	{ REMARK, RETURNED, TWIN | STILL, NOTHING, {
		REPORTED("", BY_RETURN) } },

	/* What is answered. */
	{ ANSWER, NOTHING, OPENS | FOLLOWS, NOTHING, { { 0 } } },
	{ ANSWER, FOLLOWS, WORTH | OVERSIZE, NOTHING, { { 0 } } },
	{ ANSWER, OBSERVE, NOTHING, NOTHING, {
		UNANSWERED("policy.mode is observe", FIXED) } },
	{ ANSWER, SILENT, NOTHING, NOTHING, {
		UNANSWERED("taken in silently", FIXED) } },
	{ ANSWER, UNANSWERABLE, NOTHING, NOTHING, {
		UNANSWERED("", BY_ANSWER) } },
	{ ANSWER, JUNK | UNPROVEN, NOTHING, NOTHING, {
		UNANSWERED("from a folder for junk, and without a good signature", FIXED) } },
	{ ANSWER, OVERSIZE | OPENS, NOTHING, NOTHING, {
		MAILED("T35", "too large: how to hand in large evidence") } },
	{ ANSWER, OVERSIZE | DUE, NOTHING, NOTHING, {
		MAILED("T35", "too large: how to hand in large evidence") } },
	{ ANSWER, OPENS | ACKNOWLEDGED, NOTHING, NOTHING, {
		UNANSWERED("this ticket has its acknowledgement", FIXED) } },
	{ ANSWER, OPENS | FORGED, NOTHING, NOTHING, {
		MAILED("T04",
			"the signature fails under a registered From: directory address") } },
	{ ANSWER, OPENS | SEALED, NOTHING, NOTHING, {
		MAILED("T03", "could not be opened: one answer, whatever the cause") } },
	{ ANSWER, OPENS | LISTED, NOTHING, NOTHING, {
		MAILED("T02", "a listed body, unsigned or by a key not registered") } },
	{ ANSWER, OPENS, NOTHING, NOTHING, {
		MAILED("T01", "a new report") } },
	{ ANSWER, FORGED, NOTHING, NOTHING, {
		UNANSWERED("the signature fails under a registered From", FIXED) } },
	{ ANSWER, NOTHING, DUE, NOTHING, {
		UNANSWERED("this ticket had a receipt within receipt_interval", FIXED) } },
	{ ANSWER, SEALED, NOTHING, NOTHING, {
		MAILED("T03", "could not be opened: one answer, whatever the cause") } },
	{ ANSWER, NOTHING, NOTHING, NOTHING, {
		MAILED("T32", "an attachment, a form or a registered signature") } },
};

/* ---- claims of one mail --------------------------------------------------------------------- */

struct decision {
	const struct site *site;
	const struct facts *facts;
	const struct letter *letter;
	const struct verdict *verdict;
	enum kind kind;
	char *kind_why, *answer_why;
	guint64 claims;
	struct plan *plan;
};

static guint64
claim_if(bool holds, enum claim claim)
{
	return holds ? (guint64)claim : 0;
}

static guint64
claims_of_kind(enum kind kind)
{
	switch (kind) {
	case KIND_BOUNCE:
	case KIND_AUTO_REPLY:
	case KIND_RECEIPT:
	case KIND_LIST:
	case KIND_FEEDBACK:
	case KIND_NOISE:
		return AUTOMATIC;
	case KIND_COMMAND:
		return COMMAND;
	case KIND_THANKS:
		return THANKS;
	default:
		return 0;
	}
}

static bool
is_sealed(const struct decision *d)
{
	enum encryption e = d->verdict->encryption;

	return e != ENCRYPTION_DECRYPTED && e != ENCRYPTION_NONE;
}

/* A signature by a registered key says more of From than the server it came through. */
static bool
from_is_doubted(const struct decision *d)
{
	return d->verdict->signature != SIGNATURE_TRUSTED &&
		authentication_read(d->site, d->letter) == AUTHENTICITY_FAIL;
}

static guint64
claims_of_clues(const struct decision *d)
{
	const struct facts *f = d->facts;
	bool named = f->proof != PROOF_NONE && !id_is_null(f->ticket);
	bool returned = d->kind == KIND_BOUNCE && !id_is_null(f->returned);
	bool proven = named && f->proof != PROOF_TAG;
	bool on_thread = d->letter->from.address != NULL && !from_is_doubted(d) &&
		(f->from_is_participant ||
		(proven && address_equal(f->thread_address, d->letter->from.address)));

	return claim_if(named, NAMED) | claim_if(proven, PROVEN) |
		claim_if(named && on_thread, ON_THREAD) | claim_if(returned, RETURNED);
}

/* What clues of a mail decided again may still do: name another ticket as a hint, or let it join
 * the one it is in once more. */
static guint64
claims_of_thread(const struct decision *d)
{
	const struct facts *f = d->facts;
	guint64 clues = claims_of_clues(d);
	bool same = id_equal(f->ticket, f->earlier);

	if (!f->again)
		return clues;
	if (is_sealed(d))
		return STILL;
	if (id_is_null(f->earlier))
		return clues;
	if (f->earlier_first)
		return OPENER | claim_if((clues & NAMED) && !same, NAMED);
	return same && (clues & (PROVEN | ON_THREAD)) ? clues : (guint64)MEMBER;
}

/* "[TBSC]" anywhere in the subject, as form 03 of TT20 prints it, in any spelling people send. */
static bool
is_form(const struct letter *letter)
{
	g_autofree char *subject = fold_text(letter->subject);

	return strstr(subject, "[tbsc]") != NULL;
}

static bool
is_listed(const struct decision *d)
{
	const char *from = d->letter->from.address;
	const struct party *party = from ? site_party_by_address(d->site, from) : NULL;
	enum signature s = d->verdict->signature;

	return party != NULL && party->kind != PARTY_RESPONDER &&
		(s == SIGNATURE_NONE || s == SIGNATURE_UNKNOWN_KEY);
}

static guint64
claims_of_content(const struct decision *d)
{
	bool sealed = is_sealed(d);
	bool worth = sealed || attachment_count(d->letter) > 0 || is_form(d->letter) ||
		d->verdict->signature == SIGNATURE_TRUSTED;

	enum signature s = d->verdict->signature;
	bool is_proven = s == SIGNATURE_TRUSTED || s == SIGNATURE_UNKNOWN_KEY;

	return claim_if(!is_proven, UNPROVEN) | claim_if(sealed, SEALED) |
		claim_if(worth, WORTH) | claim_if(is_listed(d), LISTED) |
		claim_if(answer_is_forged(d->site, d->letter, d->verdict), FORGED) |
		claim_if(d->letter->notes->len > 0, AMBIGUOUS) |
		claim_if(d->letter->truncated, TRUNCATED);
}

static guint64
claims_of_origin(const struct decision *d)
{
	enum authenticity said = authentication_read(d->site, d->letter);
	const struct facts *f = d->facts;
	bool junk = f->from_junk && d->verdict->signature != SIGNATURE_TRUSTED;
	bool burst = f->burst && !f->again && !junk;

	return claim_if(said == AUTHENTICITY_FAIL, DOUBTED) |
		claim_if(said == AUTHENTICITY_FORWARDED, FORWARDED) |
		claim_if(burst && f->burst_joins, BURST) |
		claim_if(burst && !f->burst_joins, APART);
}

static guint64
claims_of_facts(const struct decision *d, gint64 now)
{
	const struct facts *f = d->facts;
	bool due = f->last_receipt < 0 || now - f->last_receipt >= d->site->receipt_interval;
	/* One that got a ticket was no copy then, and is none now. */
	bool twin = f->is_twin && (!f->again || id_is_null(f->earlier));

	return claim_if(f->is_oversize, OVERSIZE) | claim_if(twin, TWIN) |
		claim_if(twin && f->twin_owed, OWED) |
		claim_if(f->same_message_id, SAME_ID) |
		claim_if(f->silent, SILENT) | claim_if(d->site->observe, OBSERVE) |
		claim_if(f->from_junk, JUNK) |
		claim_if(f->acknowledged, ACKNOWLEDGED) | claim_if(due, DUE);
}

static void
claims_find(struct decision *d, gint64 now)
{
	d->kind = classify(d->site, d->letter, d->verdict, &d->kind_why);
	bool may = acknowledgeable(d->site, d->kind, d->letter, d->verdict, &d->answer_why);

	d->claims = claim_if(!may, UNANSWERABLE) | claims_of_kind(d->kind) | claims_of_thread(d) |
		claims_of_content(d) | claims_of_origin(d) | claims_of_facts(d, now);
}

/* ---- effects -------------------------------------------------------------------------------- */

static const char *
detail_text(const struct decision *d, enum detail detail, const char *note)
{
	switch (detail) {
	case BY_KIND:
		return d->kind_why;
	case BY_ANSWER:
		return d->answer_why;
	case BY_TICKET:
		return d->facts->ticket_number;
	case BY_NOTE:
		return note;
	case BY_RETURN:
		return d->facts->returned_why;
	case FIXED:
		break;
	}
	return NULL;
}

static char *
reason(const struct decision *d, const struct step *step, const char *note)
{
	const char *detail = detail_text(d, step->detail, note);

	if (detail == NULL || step->why[0] == '\0')
		return g_strdup(detail ? detail : step->why);
	return g_strconcat(step->why, step->detail == BY_NOTE ? ": " : " ", detail, NULL);
}

/* The ticket an effect belongs to; null: the one this plan opens, the one the mail is in, or
 * none. */
static struct id
ticket_of(const struct decision *d)
{
	if (d->claims & TWIN && !(d->claims & (OPENER | STILL | MEMBER)))
		return d->facts->twin_ticket;
	if (d->claims & (OPENS | STILL | MEMBER))
		return (struct id){ { 0 } };
	return d->facts->ticket;
}

static void
step_take(struct decision *d, const struct step *step, const char *note)
{
	g_autofree char *why = reason(d, step, note);
	struct effect *e = plan_add(d->plan, step->effect, step->word, why);
	int kind = step->word ? kind_from_word(step->word) : -1;

	switch (step->effect) {
	case EFFECT_FILE:
		e->mail_kind = kind >= 0 ? (enum kind)kind : d->kind;
		break;
	case EFFECT_OPEN:
		e->subject = g_strdup(d->letter->subject);
		e->reporter = g_strdup(d->letter->from.address ? d->letter->from.address : "");
		e->language = g_strdup(answer_language(d->site, d->letter));
		break;
	case EFFECT_REPORT:
		e->word = g_strconcat("delivery-", fate_word(d->facts->delivery), NULL);
		e->outgoing = d->facts->returned;
		e->delivery = d->facts->delivery;
		e->status = g_strdup(d->facts->delivery_status);
		e->ticket = ticket_of(d);
		break;
	case EFFECT_MAIL:
		answer_fill(e, d->site, d->facts, d->letter, d->verdict);
		e->ticket = ticket_of(d);
		break;
	default:
		e->ticket = ticket_of(d);
	}
}

static void
rule_take(struct decision *d, const struct rule *rule)
{
	d->claims |= rule->sets;
	for (guint i = 0; i < STEPS_MAX && rule->steps[i].why != NULL; i++) {
		const struct step *step = &rule->steps[i];

		if (step->detail != BY_NOTE)
			step_take(d, step, NULL);
		for (guint j = 0; step->detail == BY_NOTE && j < d->letter->notes->len; j++)
			step_take(d, step, d->letter->notes->pdata[j]);
	}
}

struct plan *
plan_mail(const struct site *site, const struct facts *facts, const struct letter *letter,
	const struct verdict *verdict, gint64 now)
{
	struct decision d = { .site = site, .facts = facts, .letter = letter, .verdict = verdict };
	bool settled[N_STAGES] = { false };

	d.plan = plan_new();
	claims_find(&d, now);
	for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
		const struct rule *rule = &rules[i];

		bool fits = (d.claims & rule->all) == rule->all && !(d.claims & rule->none);

		if (settled[rule->stage] || !fits)
			continue;
		rule_take(&d, rule);
		settled[rule->stage] = rule->stage != REMARK;
	}
	g_free(d.kind_why);
	g_free(d.answer_why);
	return d.plan;
}

struct plan *
plan_held(const struct site *site, const struct facts *facts, const char *stage, const char *why)
{
	struct plan *plan = plan_new();
	const char *language = site->languages && site->languages[0] ? site->languages[0] : "vi";
	g_autofree char *received = time_for_people(facts->received, "en");
	bool begins = g_str_has_prefix(why, stage);	/* "mime: depth limit 32" names its stage */
	g_autofree char *held = g_strdup_printf("held: %s%s%s; received %s", begins ? "" : stage,
		begins ? "" : ": ", why, received);
	struct effect *e = plan_add(plan, EFFECT_OPEN, "unreadable", held);

	e->subject = g_strdup(language_is_en(language)
		? "Unreadable mail, to be seen by hand / Thư không đọc được, cần xem thủ công"
		: "Thư không đọc được, cần xem thủ công / Unreadable mail, to be seen by hand");
	e->reporter = g_strdup("");
	e->language = g_strdup(language);
	plan_add(plan, EFFECT_NOTE, "held", held);
	return plan;
}

/* ---- printing ------------------------------------------------------------------------------- */

static void
claims_print(GString *out, const char *sign, guint64 claims)
{
	for (guint i = 0; i < N_CLAIMS; i++)
		if (claims & (G_GUINT64_CONSTANT(1) << i))
			g_string_append_printf(out, " %s%s", sign, claim_words[i]);
}

static const char *
detail_word(enum detail detail)
{
	static const char *const words[] = { "", "<why it is of this kind>",
		"<why it may not be answered>", "<ticket>", "<each ambiguity>",
		"<what became of which mail>" };

	return words[detail];
}

char *
rules_print(void)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
		const struct rule *rule = &rules[i];

		g_string_append_printf(out, "%s:", stage_words[rule->stage]);
		claims_print(out, "", rule->all);
		claims_print(out, "not ", rule->none);
		if (!(rule->all | rule->none))
			g_string_append(out, " otherwise");
		claims_print(out, "=> ", rule->sets);
		g_string_append_c(out, '\n');
		for (guint j = 0; j < STEPS_MAX && rule->steps[j].why != NULL; j++) {
			const struct step *s = &rule->steps[j];

			g_string_append_printf(out, "\t%s %s: %s%s%s\n",
				effect_kind_word(s->effect),
				s->word ? s->word : s->effect == EFFECT_REPORT ?
				"delivery-<what became of it>" : "<its kind>", s->why,
				s->why[0] && s->detail != FIXED ? " " : "", detail_word(s->detail));
		}
		if (rule->steps[0].why == NULL)
			g_string_append(out, "\tnothing\n");
	}
	return g_string_free(out, FALSE);
}
