/* SPDX-License-Identifier: ISC
 *
 * classify: what a mail is. One table walked top down, the first row that holds wins: loops before
 * all else, then what machines send, then what people write. Relies on marks.c and clues.c. Decides
 * nothing about tickets or answers, and believes a sender's own words only where they make the mail
 * matter less.
 */
#include "desk/internal.h"

#include <string.h>

/* What the rows look at; clues are found once. */
struct sample {
	const struct site *site;
	const struct letter *letter;
	const struct verdict *verdict;
	const struct clues *clues;
	const char *subject;		/* folded */
};

/* ---- noise ---------------------------------------------------------------------------------- */

static const char *
is_loop(const struct sample *s)
{
	static const char field[] = "x-ungcuu-loop";

	for (guint i = 0; i < s->letter->fields->len; i++) {
		const struct field *f = s->letter->fields->pdata[i];

		if (strcmp(f->name, field) != 0)
			continue;
		g_autofree char *value = g_strstrip(g_strdup(f->value));

		if (address_equal(value, s->site->id) || site_is_own(s->site, value))
			return "X-Ungcuu-Loop is our own: this mail left from here";
	}
	return NULL;
}

static bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\n")] == '\0';
}

static const char *
is_empty(const struct sample *s)
{
	const struct letter *l = s->letter;

	/* A sealed mail shows no text; it is not empty. */
	if (s->verdict->encryption != ENCRYPTION_NONE || l->layer != LAYER_PLAIN || l->truncated ||
	    l->parts->len > 0 || l->bounce != NULL || l->feedback != NULL)
		return NULL;
	if (!is_blank(l->subject) || !is_blank(l->text) || !is_blank(l->quoted) ||
		!is_blank(l->outside))
		return NULL;
	return "no subject, no text, no attachment";
}

/* ---- what mail systems send ----------------------------------------------------------------- */

static const char *const bounce_subjects[] = {
	"undeliver", "undelivered mail", "non-deliver", "nondeliver", "mail delivery fail",
	"mail delivery system", "delivery status notification", "delivery fail",
	"delivery has failed", "failure notice", "returned mail", "message not delivered",
	"mail system error", "warning: could not send", "warning: message", "could not deliver",
	"khong gui duoc", "khong the gui", "khong the chuyen", "khong phat duoc",
	"thu khong gui duoc", "thu khong den", "thu bi tra lai", "thong bao gui thu that bai",
	"gui thu that bai", "thong bao trang thai gui",
};

static const char *const vacation_subjects[] = {
	"automatic reply", "automatic response", "auto reply", "auto-reply", "autoreply",
	"auto response", "auto-response", "auto:", "autoresponder", "out of office",
	"out of the office", "out-of-office", "away from the office", "away from my mail",
	"on vacation", "on leave", "vacation", "i am away", "i am out of", "absence",
	"tra loi tu dong", "thu tra loi tu dong", "tu dong tra loi", "phan hoi tu dong",
	"tu dong phan hoi", "email tu dong", "thu tu dong", "nghi phep", "thong bao nghi",
	"toi dang nghi", "vang mat", "thong bao vang mat", "ngoai van phong", "toi khong co mat",
	"di cong tac", "dang di cong tac",
};

static bool
begins_with(const char *subject, const char *const *habits, guint n)
{
	subject += strspn(subject, " [(\"'*");
	for (guint i = 0; i < n; i++)
		if (g_str_has_prefix(subject, habits[i]))
			return true;
	return false;
}

static bool
has_bounce_subject(const char *subject)
{
	return begins_with(subject, bounce_subjects, G_N_ELEMENTS(bounce_subjects));
}

static bool
is_from_daemon(const struct letter *letter)
{
	g_autofree char *from = fold_text(letter->from.address);

	return g_str_has_prefix(from, "mailer-daemon") || g_str_has_prefix(from, "postmaster@") ||
		g_str_has_prefix(from, "mailer_daemon") || g_str_has_prefix(from, "mail-daemon@");
}

const char *
bounce_mark(const struct letter *letter, const char *subject)
{
	if (letter->bounce != NULL)
		return "multipart/report of type delivery-status";
	if (field_there(letter, "x-failed-recipients"))
		return "X-Failed-Recipients is there";
	bool null_return = mark_null_return(letter) != NULL;
	bool daemon = letter->from.address != NULL && is_from_daemon(letter);

	if (null_return && daemon)
		return "empty Return-Path and From is a mail system";
	if (null_return && has_bounce_subject(subject))
		return "empty Return-Path and the subject of a bounce";
	if (daemon && has_bounce_subject(subject))
		return "From is a mail system, with the subject of a bounce";
	return NULL;
}

static const char *
is_bounce(const struct sample *s)
{
	return bounce_mark(s->letter, s->subject);
}

static const char *
is_feedback(const struct sample *s)
{
	return s->letter->feedback != NULL ? "multipart/report of type feedback-report" : NULL;
}

static const char *
is_receipt(const struct sample *s)
{
	const char *type = letter_field(s->letter, "content-type");
	g_autofree char *folded = fold_text(type);

	if (g_str_has_prefix(folded, "multipart/report") &&
	    strstr(folded, "disposition-notification"))
		return "multipart/report of type disposition-notification";
	for (guint i = 0; type == NULL && i < s->letter->parts->len; i++) {
		const struct part *p = s->letter->parts->pdata[i];

		if (p->type && g_ascii_strcasecmp(p->type, "message/disposition-notification") == 0)
			return "a disposition-notification part";
	}
	return NULL;
}

static const char *
is_auto_reply(const struct sample *s)
{
	const char *why = mark_auto_submitted(s->letter);

	guint n = G_N_ELEMENTS(vacation_subjects);

	if (why != NULL || !begins_with(s->subject, vacation_subjects, n))
		return why;
	/* A subject alone proves nothing: people report that they are away. */
	if (mark_null_return(s->letter))
		return "the subject of a vacation answer and an empty Return-Path";
	if (mark_suppress(s->letter))
		return "the subject of a vacation answer and X-Auto-Response-Suppress";
	if (mark_list(s->letter))
		return "the subject of a vacation answer and marks of bulk mail";
	if (field_there(s->letter, "x-ms-exchange-generated-message-source"))
		return "the subject of a vacation answer and the mark of a mailbox rule";
	if (s->clues->codes->len > 0)
		return "the subject of a vacation answer to a mail of ours";
	return NULL;
}

static const char *
is_list(const struct sample *s)
{
	return mark_list(s->letter);
}

/* ---- what people write ---------------------------------------------------------------------- */

/* First words of a responder's command, folded.  Nothing is executed; the mail is kept apart. */
static const char *const command_words[] = {
	"take", "assign", "state", "severity", "category", "level", "tlp", "note", "reply", "ask",
	"isp", "coord", "remind", "snooze", "logged", "link", "merge", "split", "dup", "resolve",
	"close", "reject", "transfer", "reopen", "approve", "deny", "show", "list", "history",
	"help", "oncall", "export", "nhan", "giao", "trang thai", "muc", "loai", "cap do",
	"ghi chu", "tra loi", "hoi", "chuyen isp", "chuyen dieu phoi", "hoan", "ghi nhan",
	"duyet", "truc",
};

static const char *
is_command(const struct sample *s)
{
	const char *text = s->letter->text + strspn(s->letter->text, " \t\n");
	g_autofree char *raw = g_strndup(text, strcspn(text, "\n"));
	g_autofree char *line = fold_text(raw);

	if (s->verdict->signature != SIGNATURE_TRUSTED || s->verdict->party == NULL ||
	    !g_str_has_prefix(s->verdict->party, "responder:"))
		return NULL;
	line[strcspn(line, ":")] = '\0';
	g_strstrip(line);
	for (guint i = 0; i < G_N_ELEMENTS(command_words); i++)
		if (strcmp(line + (line[0] == '/'), command_words[i]) == 0)
			return "signed by a registered responder, and begins with a command word";
	return NULL;
}

static bool
names_ticket(const struct sample *s)
{
	return s->clues->codes->len > 0 || s->clues->tags->len > 0;
}

static const char *
is_thanks(const struct sample *s)
{
	if (!names_ticket(s) || attachment_count(s->letter) > 0 || !thanks_only(s->site, s->letter))
		return NULL;
	return "names a ticket and only thanks or confirms";
}

static const char *
is_reply(const struct sample *s)
{
	if (s->clues->codes->len > 0)
		return "a thread code of ours is in it";
	return s->clues->tags->len > 0 ? "a ticket number is in it" : NULL;
}

static const char *
is_report(const struct sample *s)
{
	(void)s;
	return "names no ticket";
}

/* columns: the kind, and the sentence that makes a mail one; the first that holds wins */
static const struct {
	enum kind kind;
	const char *(*why)(const struct sample *);
} rows[] = {
	{ KIND_NOISE,		is_loop },
	{ KIND_NOISE,		is_empty },
	{ KIND_BOUNCE,		is_bounce },
	{ KIND_FEEDBACK,	is_feedback },
	{ KIND_RECEIPT,		is_receipt },
	{ KIND_AUTO_REPLY,	is_auto_reply },
	{ KIND_LIST,		is_list },
	{ KIND_COMMAND,		is_command },
	{ KIND_THANKS,		is_thanks },
	{ KIND_REPLY,		is_reply },
	{ KIND_REPORT,		is_report },
};

enum kind
classify(const struct site *site, const struct letter *letter, const struct verdict *verdict,
	char **why)
{
	struct clues *clues = clues_find(site, letter);
	g_autofree char *subject = fold_text(letter->subject);
	const struct sample sample = { site, letter, verdict, clues, subject };
	const char *reason = NULL;
	guint i = 0;

	while (reason == NULL && i < G_N_ELEMENTS(rows))
		reason = rows[i++].why(&sample);
	clues_free(clues);
	if (why != NULL)
		*why = g_strdup(reason);
	return rows[i - 1].kind;
}
