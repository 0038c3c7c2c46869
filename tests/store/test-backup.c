/* SPDX-License-Identifier: ISC
 *
 * test-backup: one file from a store and a store from it: what is in it, what is refused, what a
 * restored store knows; and retention: what is emptied, what stays.
 */
#include "scratch.h"

#define NOW 1700000000000
#define YEAR 2026

struct pair { struct scratch from, to; char *file; };

static void
pair_init(struct pair *pair)
{
	g_autofree char *key = NULL;

	scratch_init(&pair->from);
	scratch_init(&pair->to);
	scratch_open(&pair->from, true);
	pair->file = g_build_filename(pair->from.dir, "file", NULL);
	g_assert_true(g_file_get_contents(pair->from.key_file, &key, NULL, NULL));
	g_assert_true(g_file_set_contents_full(pair->to.key_file, key, -1,
		G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void
pair_clear(struct pair *pair)
{
	scratch_clear(&pair->from);
	scratch_clear(&pair->to);
	g_free(pair->file);
}

/* A report with its bytes, its ticket and an answer in this state. */
static struct ticket *
report_added(struct scratch *s, const char *uid, enum out_state state)
{
	g_autoptr(GBytes) raw = g_bytes_new(uid, strlen(uid));
	struct ticket *ticket = ticket_added(s, YEAR);
	struct mail *mail = mail_sample(uid, -1);
	struct outgoing out = { .id = id_new(), .ticket = ticket->id, .mail = mail->id,
		.template = (char *)"T01", .recipient = (char *)"lan@example.vn",
		.values = (char *)"", .state = state, .created = 3000,
		.next_try = state == OUT_SENT ? -1 : 3000, .received = 2000,
		.message_id = (char *)uid };

	assert_done(blob_put(s->store, raw, &mail->blob, &error_));
	mail->state = MAIL_DECIDED;
	mail->kind = KIND_REPORT;
	mail->ticket = ticket->id;
	mail->moved = true;
	assert_done(mail_add(s->store, mail, &error_));
	assert_done(outgoing_add(s->store, &out, &error_));
	assert_done(journal_add(s->store, 3000, ticket->id, mail->id, "ticket-opened", "vì sao",
		&error_));
	mail_free(mail);
	return ticket;
}

static void
backed_up(struct pair *pair, struct backup *backup)
{
	scratch_reopen(&pair->from, false);
	assert_done(backup_write(pair->from.store, pair->file, true, NOW, backup, &error_));
	scratch_reopen(&pair->from, true);
}

static struct restoration
restored(struct pair *pair)
{
	struct restoration how = { .hotline = "NBH", .year = YEAR + 1, .now = NOW + 5, .uid = -1,
		.gid = -1 };
	struct backup backup;

	assert_done(backup_restore(&pair->to.paths, pair->file, &how, &backup, &error_));
	g_assert_cmpint(backup.created, ==, NOW);
	scratch_open(&pair->to, true);
	return how;
}

static void
assert_journal(struct store *store)
{
	struct journal_check check;

	journal_verify(store, &check);
	g_assert_true(check.ok);
	g_free(check.head);
	g_free(check.what);
}

/* ---- both ways ---------------------------------------------------------------------------- */

static void
test_both_ways(void)
{
	struct pair pair;
	struct backup backup;
	struct ticket *sent, *waiting;
	struct restoration how;
	struct ledger ledger;

	pair_init(&pair);
	begin(&pair.from);
	sent = report_added(&pair.from, "one", OUT_SENT);
	waiting = report_added(&pair.from, "two", OUT_PROTECTED);
	mail_added(&pair.from, "three", 10);
	commit(&pair.from);
	backed_up(&pair, &backup);
	g_assert_cmpuint(backup.blobs, ==, 2);
	g_assert_cmpuint(backup.missing + backup.erased, ==, 0);
	how = restored(&pair);
	g_assert_cmpuint(how.held, ==, 1);
	g_assert_cmpuint(how.silenced, ==, 1);
	assert_journal(pair.to.store);
	ledger_of(pair.to.store, NULL, &ledger);
	g_assert_cmpuint(ledger.seen, ==, 3);
	/* Sampled without bytes, so missing before and after. */
	g_assert_cmpuint(ledger.missing->len, ==, 1);
	g_ptr_array_unref(ledger.missing);

	g_autoptr(GPtrArray) held = outgoing_list(pair.to.store, OUT_HELD, 10, NULL);
	const struct outgoing *out = held->pdata[0];

	g_assert_cmpuint(held->len, ==, 1);
	assert_same_id(out->ticket, waiting->id);
	g_assert_nonnull(strstr(out->reason, "restored"));
	g_assert_cmpint(outgoing_next_due(pair.to.store, -1), ==, -1);
	ticket_free(sent);
	ticket_free(waiting);
	pair_clear(&pair);
}

/* In the year of the backup, in the years since, and for each form a number may have. */
static void
test_numbers(void)
{
	static const struct { const char *format; int year; } rows[] = {
		{ "%i-%y-%06n", YEAR }, { "%i-%y-%06n", YEAR + 1 }, { "%i-%n", YEAR },
		{ "%n", YEAR }, { "%y/%n", YEAR + 1 },
	};
	struct pair pair;
	struct backup backup;

	pair_init(&pair);
	begin(&pair.from);
	for (guint i = 0; i < 3; i++)
		ticket_free(ticket_added(&pair.from, YEAR));
	commit(&pair.from);
	backed_up(&pair, &backup);
	g_assert_cmpuint(restored(&pair).next, ==, 20001);
	begin(&pair.to);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct ticket ticket = { .state = TICKET_RECEIVED, .created = 1, .updated = 1 };
		const char *digits;

		assert_done(ticket_add(pair.to.store, &ticket, rows[i].format, "NBH", rows[i].year,
			&error_));
		digits = ticket.number + strlen(ticket.number) - 5;
		g_assert_cmpint(atoi(digits), >, 10000);
		g_free(ticket.number);
		g_free(ticket.receipt_code);
	}
	commit(&pair.to);
	pair_clear(&pair);
}

/* A blob erased while the backup is made; one the store has lost. */
static void
test_gone(void)
{
	struct pair pair;
	struct backup backup;
	struct ledger ledger;
	g_autofree char *path = NULL;
	GDir *dir;

	pair_init(&pair);
	begin(&pair.from);
	ticket_free(report_added(&pair.from, "one", OUT_SENT));
	ticket_free(report_added(&pair.from, "two", OUT_SENT));
	commit(&pair.from);
	dir = g_dir_open(pair.from.spool, 0, NULL);
	path = g_build_filename(pair.from.spool, g_dir_read_name(dir), NULL);
	g_dir_close(dir);
	g_assert_cmpint(g_unlink(path), ==, 0);
	backed_up(&pair, &backup);
	g_assert_cmpuint(backup.missing, ==, 1);
	g_assert_cmpuint(backup.blobs, ==, 1);
	(void)restored(&pair);
	ledger_of(pair.to.store, NULL, &ledger);
	g_assert_cmpuint(ledger.missing->len, ==, 1);	/* lost there, and not called erased here */
	g_ptr_array_unref(ledger.missing);
	pair_clear(&pair);
}

static void
assert_refused(struct pair *pair, const char *why)
{
	struct restoration how = { .hotline = "NBH", .year = YEAR, .uid = -1, .gid = -1 };
	struct backup backup;
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(backup_restore(&pair->to.paths, pair->file, &how, &backup, &error), ==,
		NEVER);
	g_assert_nonnull(strstr(error->message, why));
	g_assert_false(g_file_test(pair->to.database, G_FILE_TEST_EXISTS));
	g_assert_cmpuint(files_in(pair->to.spool), ==, 0);
}

/* Every byte is under the seal. */
static void
test_every_byte(void)
{
	struct pair pair;
	struct backup backup;
	g_autofree char *whole = NULL;
	gsize size, step;

	pair_init(&pair);
	begin(&pair.from);
	ticket_free(report_added(&pair.from, "one", OUT_SENT));
	commit(&pair.from);
	backed_up(&pair, &backup);
	g_assert_true(g_file_get_contents(pair.file, &whole, &size, NULL));
	step = size / 200;
	for (gsize at = 0; at < size; at += at < 400 || at + 200 > size ? 1 : step) {
		whole[at] ^= 0x10;
		g_assert_true(g_file_set_contents(pair.file, whole, (gssize)size, NULL));
		whole[at] ^= 0x10;
		g_autoptr(GError) error = NULL;
		g_assert_cmpint(backup_verify(&pair.to.paths, pair.file, &backup, &error), ==,
			NEVER);
	}
	g_assert_true(g_file_set_contents(pair.file, whole, (gssize)size - 1, NULL));
	assert_refused(&pair, "cut off");
	g_assert_true(g_file_set_contents(pair.file, whole, (gssize)size, NULL));
	assert_done(backup_verify(&pair.to.paths, pair.file, &backup, &error_));
	pair_clear(&pair);
}

static void
test_keys(void)
{
	struct pair pair;
	struct backup backup;

	pair_init(&pair);
	backed_up(&pair, &backup);
	g_assert_true(g_file_set_contents_full(pair.to.key_file,
		"0000000000000000000000000000000000000000000000000000000000000001\n", -1,
		G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	assert_refused(&pair, "is not the key of this backup");
	g_assert_cmpint(g_unlink(pair.to.key_file), ==, 0);
	assert_refused(&pair, "is missing: copy it");
	g_assert_cmpint(g_unlink(pair.file), ==, 0);
	pair_clear(&pair);
}

/* ---- retention ---------------------------------------------------------------------------- */

static void
ticket_close(struct scratch *s, struct ticket *ticket)
{
	ticket->state = TICKET_CLOSED;
	ticket->updated = 5000;
	assert_done(ticket_put(s->store, ticket, &error_));
}

static void
test_retention(void)
{
	struct scratch s;
	struct ticket *closed, *waiting, *found;
	struct id id;
	struct ledger ledger;
	guint mails = 0;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	closed = report_added(&s, "one", OUT_SENT);
	waiting = report_added(&s, "two", OUT_HELD);
	ticket_close(&s, closed);
	ticket_close(&s, waiting);
	assert_done(retention_ticket(s.store, 5000, 9000, &id, &mails, &error_));
	g_assert_true(id_is_null(id));		/* not older than that */
	assert_done(retention_ticket(s.store, 5001, 9000, &id, &mails, &error_));
	assert_same_id(id, closed->id);
	g_assert_cmpuint(mails, ==, 1);
	assert_done(retention_ticket(s.store, 5001, 9000, &id, &mails, &error_));
	g_assert_true(id_is_null(id));		/* the other one waits for a person */
	commit(&s);
	g_assert_cmpuint(files_in(s.spool), ==, 1);
	found = ticket_get(s.store, closed->id);
	g_assert_null(found->subject);
	g_assert_null(found->reporter);
	assert_journal(s.store);
	ledger_of(s.store, NULL, &ledger);
	g_assert_cmpuint(ledger.seen, ==, 2);
	g_assert_cmpuint(ledger.missing->len, ==, 0);
	g_ptr_array_unref(ledger.missing);
	ticket_free(found);
	ticket_free(closed);
	ticket_free(waiting);
	scratch_clear(&s);
}

/* What the hub asks every hour walks no table. */
static void
test_retention_cost(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	assert_no_walk(s.store, "SELECT id FROM mail INDEXED BY mail_loose"
		" WHERE ticket IS NULL AND state = 'decided' AND erased = 0 AND received < ?"
		" ORDER BY received LIMIT ?");
	assert_no_walk(s.store, "SELECT id FROM outgoing INDEXED BY outgoing_loose"
		" WHERE ticket IS NULL"
		" AND state IN ('sent', 'cancelled') AND erased = 0 AND created < ?"
		" ORDER BY created LIMIT ?");
	assert_no_walk(s.store, "SELECT id FROM ticket AS t INDEXED BY ticket_kept WHERE"
		" state IN ('closed', 'rejected', 'duplicate', 'transferred')"
		" AND erased < updated AND updated < ? ORDER BY updated LIMIT 1");
	assert_no_walk(s.store, "SELECT payload.seq FROM payload INDEXED BY payload_kept"
		" JOIN journal USING (seq)"
		" WHERE payload.why IS NOT NULL AND journal.at < ? ORDER BY payload.seq LIMIT ?");
	assert_no_walk(s.store, "SELECT id FROM mail WHERE done_digest = ? AND mailbox = ?"
		" ORDER BY seq LIMIT 1");
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/backup/both-ways", test_both_ways);
	g_test_add_func("/backup/numbers", test_numbers);
	g_test_add_func("/backup/gone", test_gone);
	g_test_add_func("/backup/every-byte", test_every_byte);
	g_test_add_func("/backup/keys", test_keys);
	g_test_add_func("/retention/ticket", test_retention);
	g_test_add_func("/retention/cost", test_retention_cost);
	return g_test_run();
}
