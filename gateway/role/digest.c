/* SPDX-License-Identifier: ISC
 *
 * digest: what an administrator who never logs in has to see: once a week, on Monday at 08:00
 * UTC+7, the balance of each mailbox, what was filed as noise and why, and the head of the journal,
 * which an earlier mail can later prove to have been there.  The week is a note in the store,
 * written in the turn that plans the mails: exactly one for each administrator, whatever restarts.
 *
 * Holds ids, counts and reasons of ours: no word of anybody's mail.
 */
#include "role/hub.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WEEK_MS (7 * 24 * 3600 * G_GINT64_CONSTANT(1000))
#define UTC_OFFSET_MS (7 * 3600 * G_GINT64_CONSTANT(1000))
/* The first Monday, 08:00 UTC+7, after 1970 began. */
#define FIRST_MS ((4 * 24 + 8) * 3600 * G_GINT64_CONSTANT(1000) - UTC_OFFSET_MS)
#define NOTE "digest"			/* number of the week that was told last, and when, ms */
#define NOISE_MOST 100			/* named one by one */

static gint64
week_of(gint64 ms)
{
	return (ms - FIRST_MS) / WEEK_MS;
}

/* A restored store does not know what was sent after its backup: that week counts as told. */
static gint64
last_told(struct hub *hub, gint64 *since)
{
	g_autofree char *text = store_note(hub->store, NOTE);
	g_autofree char *restored = store_note(hub->store, "restored");
	gint64 at = restored != NULL ? g_ascii_strtoll(restored, NULL, 10) : 0;
	char *end = NULL;
	gint64 week = text != NULL ? g_ascii_strtoll(text, &end, 10) : -1;

	*since = end != NULL ? g_ascii_strtoll(end, NULL, 10) : 0;
	return at > 0 ? MAX(week, week_of(at)) : week;
}

static void
note_put(struct hub *hub)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
		week_of(hub->now), hub->now);
	g_autoptr(GError) error = NULL;

	hub_must(store_note_put(hub->store, NOTE, text, &error), &error, "note");
}

/* ---- what it says -------------------------------------------------------- */

static guint64
strays_of(struct hub *hub, const char *mailbox)
{
	g_autofree char *name = g_strconcat("strays ", mailbox, NULL);
	g_autofree char *text = store_note(hub->store, name);

	return text != NULL ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static void
count_add(GString *out, const char *word, guint64 n)
{
	if (n > 0)
		g_string_append_printf(out, ", %s %" G_GUINT64_FORMAT, word, n);
}

static void
balance_add(struct hub *hub, const char *mailbox, bool is_en, GString *out)
{
	struct ledger ledger = { 0 };

	ledger_of(hub->store, mailbox, &ledger);
	g_string_append_printf(out, "  %s: %s %" G_GUINT64_FORMAT, mailbox,
		is_en ? "seen" : "đã thấy", ledger.seen);
	for (guint i = 0; i < kind_count; i++)
		count_add(out, kind_word((enum kind)i), ledger.kind[i]);
	count_add(out, "held", ledger.held);
	count_add(out, "pending", ledger.pending);
	g_string_append_printf(out, "\n    %s: %" G_GUINT64_FORMAT "\n",
		is_en ? "unexplained" : "chưa giải thích được",
		strays_of(hub, mailbox) + ledger.missing->len);
	g_ptr_array_unref(ledger.missing);
}

static char *
balance_text(struct hub *hub, bool is_en)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < options_count(hub->options, "mailboxes"); i++)
		balance_add(hub, options_text(hub->options, "mailboxes.%u.name", i), is_en, out);
	g_string_truncate(out, out->len > 0 ? out->len - 1 : 0);
	return g_string_free(out, FALSE);
}

/* The reason desk gave, as the journal has it. */
static void
noise_add(struct hub *hub, const struct mail *mail, GString *out)
{
	g_autoptr(GPtrArray) rows = journal_of(hub->store, mail->id);
	g_autofree char *id = id_text(mail->id);
	const char *why = NULL;

	for (guint i = 0; i < rows->len; i++) {
		const struct journal_row *row = rows->pdata[i];

		if (strcmp(row->event, kind_word(KIND_NOISE)) == 0)
			why = row->why;
	}
	g_string_append_printf(out, "%s  %s: %s", out->len > 0 ? "\n" : "", id,
		why != NULL ? why : "-");
}

/* NULL: none. */
static char *
noise_text(struct hub *hub, gint64 since)
{
	g_autoptr(GPtrArray) mails = mail_filed(hub->store, KIND_NOISE, since, NOISE_MOST + 1);
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < MIN(mails->len, NOISE_MOST); i++)
		noise_add(hub, mails->pdata[i], out);
	if (mails->len > NOISE_MOST)
		g_string_append(out, "\n  ...");
	return g_string_free(out, out->len == 0);
}

static char *
values_text(struct hub *hub, gint64 since)
{
	g_autoptr(GPtrArray) values = values_new();
	g_autofree char *balance_vi = balance_text(hub, false);
	g_autofree char *balance_en = balance_text(hub, true);
	g_autofree char *since_vi = time_for_people(since, "vi");
	g_autofree char *since_en = time_for_people(since, "en");
	g_autofree char *noise = noise_text(hub, since), *head = NULL, *journal = NULL;
	gint64 rows;

	head = journal_head(hub->store, &rows);
	journal = g_strdup_printf("%" G_GINT64_FORMAT "\n  %s", rows, head);
	values_add(values, "balance.vi", balance_vi);
	values_add(values, "balance.en", balance_en);
	if (since > 0) {
		values_add(values, "since.vi", since_vi);
		values_add(values, "since.en", since_en);
	}
	values_add(values, "noise", noise);
	values_add(values, "journal", journal);
	return values_to_text(values);
}

/* ---- to whom ------------------------------------------------------------- */

static bool
is_admin(const struct hub *hub, const struct party *party)
{
	return party->kind == PARTY_RESPONDER && party->roles != NULL &&
		g_strv_contains((const char *const *)party->roles, "admin") &&
		party->addresses != NULL && party->addresses[0] != NULL &&
		(party->until < 0 || hub->now <= party->until);
}

static void
mail_plan(struct hub *hub, const struct party *party, const char *values)
{
	g_autofree char *code = random_code(16), *random = random_code(16);
	g_autofree char *message_id = message_id_make(hub->site, code, random);
	struct outgoing row = { .id = id_new(), .template = (char *)"T39",
		.language = party->language, .recipient = party->addresses[0],
		.values = (char *)values, .state = OUT_PLANNED, .created = hub->now,
		.next_try = hub->now, .received = -1, .message_id = message_id };
	struct id nothing = { { 0 } };
	g_autofree char *who = party_text(party);
	g_autofree char *why = g_strconcat("the weekly digest for ", who, NULL);
	g_autoptr(GError) error = NULL;

	hub_must(outgoing_add(hub->store, &row, &error), &error, "outgoing");
	hub_journal(hub, nothing, nothing, "mail-planned", why);
}

static void
tell(struct hub *hub, gint64 since)
{
	g_autofree char *values = values_text(hub, since);
	guint n = 0;

	for (guint i = 0; i < hub->site->parties->len; i++) {
		const struct party *party = hub->site->parties->pdata[i];

		if (!is_admin(hub, party))
			continue;
		mail_plan(hub, party, values);
		n++;
	}
	log_event(LOG_INFO, "digest", "administrators=%u", n);
}

void
digest_work(struct hub *hub)
{
	gint64 since, told;

	if (hub->stopping || (hub->digest_due != 0 && hub->now < hub->digest_due &&
	    hub->digest_due - hub->now <= WEEK_MS))
		return;
	told = last_told(hub, &since);
	if (told >= 0 && week_of(hub->now) > told)
		tell(hub, since);
	/* At the first start there is nothing to tell of yet. */
	if (told < 0 || week_of(hub->now) > told)
		note_put(hub);
	hub->digest_due = FIRST_MS + (MAX(week_of(hub->now), told) + 1) * WEEK_MS;
}

gint64
digest_next(const struct hub *hub)
{
	return hub->digest_due;
}
