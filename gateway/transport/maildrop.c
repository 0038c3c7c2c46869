/* SPDX-License-Identifier: ISC
 *
 * maildrop: what a POP3 server says lies there: how many (STAT), which (UIDL), how large (LIST).
 * A uid is the only name a mail keeps from session to session: what has none of its own is
 * counted and left alone, never taken for another one.  A server may make it of what the sender
 * wrote (X-UIDL): one odd uid must not stand in the way of the other mails.
 */
#include "transport/pop3.h"
#include "model/model.h"

#include <string.h>

#define MAILS_MAX	500000	/* in one maildrop */
#define UIDL_BYTES	90	/* of a line: number, blank, uid, line end */
#define LIST_BYTES	40
#define OURS		",ungcuu-"	/* the hub marks a uid that is used again with it */

void
maildrop_clear(struct maildrop *drop)
{
	g_clear_pointer(&drop->mails, g_array_unref);
	g_clear_pointer(&drop->numbers, g_hash_table_unref);
	g_clear_pointer(&drop->why, g_free);
	drop->unusable = 0;
}

guint
maildrop_number(const struct maildrop *drop, const char *uid)
{
	return drop->numbers ? GPOINTER_TO_UINT(g_hash_table_lookup(drop->numbers, uid)) : 0;
}

static struct drop_mail *
mail_at(const struct maildrop *drop, guint64 number)
{
	return &g_array_index(drop->mails, struct drop_mail, number - 1);
}

/* "12 rest": the number of a mail that STAT counted, and what follows. */
static bool
read_number(const struct maildrop *drop, const char *line, guint64 *number, const char **rest)
{
	gsize n = strspn(line, "0123456789");
	g_autofree char *digits = g_strndup(line, n);

	*rest = line + n + strspn(line + n, " ");
	return line[n] == ' ' &&
		g_ascii_string_to_unsigned(digits, 10, 1, drop->mails->len, number, NULL);
}

/* ---- STAT ---------------------------------------------------------------------------------- */

static enum outcome
count(struct pop3 *pop3, guint64 *n, GError **error)
{
	enum outcome how = pop3_ask(pop3, "STAT", "STAT", error);
	g_auto(GStrv) words = NULL;

	if (how != DONE)
		return how;
	words = g_strsplit(pop3_words(pop3), " ", 2);
	if (!words[0] || !g_ascii_string_to_unsigned(words[0], 10, 0, G_MAXUINT32, n, NULL))
		return pop3_nonsense(pop3, "STAT: the server does not say how many mails there "
			"are", error);
	if (*n > MAILS_MAX)
		return limit_reached(error, "fetch", "mails in a maildrop", MAILS_MAX);
	return DONE;
}

/* ---- UIDL ---------------------------------------------------------------------------------- */

static void
give_up(struct maildrop *drop, guint64 number, const char *why)
{
	mail_at(drop, number)->uid[0] = '\0';
	drop->unusable++;
	if (!drop->why)
		drop->why = g_strdup_printf("the mail of number %" G_GUINT64_FORMAT " %s", number,
			why);
}

static const char *
refusal_of(const char *uid)
{
	if (*uid == '\0')
		return "has an empty one";
	if (strlen(uid) > POP3_UID_MAX)
		return "has one of more than 70 characters";
	for (const char *p = uid; *p; p++)
		if (*p <= ' ' || (guchar) *p >= 0x7f)
			return "has one with a character that may not be in it";
	if (strstr(uid, OURS))
		return "has one with a mark that is ours";
	return NULL;
}

/* Two mails under one uid are two that cannot be told apart. */
static void
take_uid(struct maildrop *drop, guint64 number, const char *uid, GHashTable *doubtful)
{
	struct drop_mail *mail = mail_at(drop, number);
	const char *why = refusal_of(uid);
	guint other = maildrop_number(drop, uid);

	if (why) {
		give_up(drop, number, why);
		return;
	}
	if (other > 0) {
		g_hash_table_remove(drop->numbers, uid);	/* its key is what is given up */
		give_up(drop, other, "has the one of another mail");
		g_hash_table_add(doubtful, g_strdup(uid));
	}
	if (g_hash_table_contains(doubtful, uid)) {
		give_up(drop, number, "has the one of another mail");
		return;
	}
	g_strlcpy(mail->uid, uid, sizeof mail->uid);
	g_hash_table_insert(drop->numbers, mail->uid, GUINT_TO_POINTER((guint) number));
}

static enum outcome
read_uids(struct pop3 *pop3, struct maildrop *drop, GError **error)
{
	g_autoptr(GHashTable) doubtful = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
		NULL);
	g_autoptr(GString) line = g_string_new(NULL);
	g_autofree guint8 *told = g_malloc0(drop->mails->len + 1);
	enum pop3_word word = pop3_say(pop3, "UIDL", NULL);
	bool end = false;

	if (word == POP3_NO)
		return fail(error, g_strcmp0(pop3_code(pop3), "SYS/TEMP") == 0 ? LATER : NEVER,
			"the server has no UIDL (%s): mails cannot be told apart from one look to "
			"the next; use IMAP", pop3_words(pop3));
	if (word != POP3_OK)
		return pop3_end(pop3, word, "UIDL", error);
	while (!end) {
		enum outcome how = pop3_line(pop3, line, &end, "UIDL", error);
		const char *uid;
		guint64 number;

		if (how != DONE)
			return how;
		if (end)
			break;
		if (!read_number(drop, line->str, &number, &uid) || told[number])
			return pop3_nonsense(pop3, "UIDL: the server tells of a mail that is not "
				"there, or of one twice", error);
		told[number] = 1;
		take_uid(drop, number, uid, doubtful);
	}
	for (guint i = 1; i <= drop->mails->len; i++)
		if (!told[i])
			give_up(drop, i, "has none");
	return DONE;
}

/* ---- LIST ---------------------------------------------------------------------------------- */

static enum outcome
read_sizes(struct pop3 *pop3, struct maildrop *drop, GError **error)
{
	g_autoptr(GString) line = g_string_new(NULL);
	enum outcome how = pop3_end(pop3, pop3_say(pop3, "LIST", NULL), "LIST", error);
	bool end = false;

	while (how == DONE && !end) {
		guint64 number, size;
		const char *text;

		how = pop3_line(pop3, line, &end, "LIST", error);
		if (how != DONE || end || !read_number(drop, line->str, &number, &text))
			continue;
		/* A size that cannot be read is one that is not known. */
		g_autofree char *digits = g_strndup(text, strspn(text, "0123456789"));

		mail_at(drop, number)->has_size = g_ascii_string_to_unsigned(digits, 10, 0,
			G_MAXINT64, &size, NULL);
		if (mail_at(drop, number)->has_size)
			mail_at(drop, number)->size = size;
	}
	return how;
}

enum outcome
maildrop_look(struct pop3 *pop3, struct maildrop *drop, GError **error)
{
	guint64 n = 0;
	enum outcome how = count(pop3, &n, error);

	maildrop_clear(drop);
	if (how != DONE)
		return how;
	drop->mails = g_array_sized_new(FALSE, TRUE, sizeof(struct drop_mail), (guint) n);
	g_array_set_size(drop->mails, (guint) n);
	drop->numbers = g_hash_table_new(g_str_hash, g_str_equal);
	pop3_begin(pop3, n * (UIDL_BYTES + LIST_BYTES), n * (UIDL_BYTES + LIST_BYTES));
	how = read_uids(pop3, drop, error);
	return how == DONE ? read_sizes(pop3, drop, error) : how;
}
