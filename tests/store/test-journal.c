/* SPDX-License-Identifier: ISC
 *
 * test-journal: the chain holds when nobody touched it and after an erasure of ours, and says
 * where it breaks for every way of rewriting it without the key.
 */
#include "scratch.h"

#define ROWS 6

static void
add_rows(struct scratch *s)
{
	scratch_open(s, true);
	begin(s);
	for (int i = 1; i <= ROWS; i++) {
		g_autofree char *why = g_strdup_printf("because %d", i);

		/* The last but one has no payload. */
		assert_done(journal_add(s->store, 1000 + i, NO_ID, id_new(), "stored",
			i == ROWS - 1 ? NULL : why, &error_));
		if (i == 3) {
			commit(s);
			begin(s);
		}
	}
	commit(s);
	scratch_close(s);
}

static const struct {
	const char *name, *sql;
	gint64 first_bad;		/* -1: sound */
} tampers[] = {
	{ "none",            "SELECT 1", -1 },
	{ "time",            "UPDATE journal SET at = at + 1 WHERE seq = 2", 2 },
	{ "event",           "UPDATE journal SET event = 'sent' WHERE seq = 4", 4 },
	{ "mail",            "UPDATE journal SET mail = NULL WHERE seq = 1", 1 },
	{ "ticket",          "UPDATE journal SET ticket = mail WHERE seq = 6", 6 },
	{ "id-cut",          "UPDATE journal SET mail = x'00' WHERE seq = 3", 3 },
	{ "digest",          "UPDATE journal SET digest = zeroblob(32) WHERE seq = 3", 3 },
	{ "mac",             "UPDATE journal SET mac = zeroblob(32) WHERE seq = 3", 3 },
	{ "removed",         "DELETE FROM journal WHERE seq = 3", 3 },
	{ "first-removed",   "DELETE FROM journal WHERE seq = 1", 1 },
	{ "tail-cut",        "DELETE FROM journal WHERE seq > 4", 5 },
	{ "all-removed",     "DELETE FROM journal", 1 },
	{ "closed-up",       "DELETE FROM journal WHERE seq = 3;"
			     "UPDATE journal SET seq = seq - 1 WHERE seq > 3", 3 },
	{ "swapped",         "UPDATE journal SET seq = 100 WHERE seq = 2;"
			     "UPDATE journal SET seq = 2 WHERE seq = 3;"
			     "UPDATE journal SET seq = 3 WHERE seq = 100", 2 },
	{ "appended",        "INSERT INTO journal SELECT 7, at, ticket, mail, event, digest, mac"
			     " FROM journal WHERE seq = 6", 7 },
	{ "inserted-before", "INSERT INTO journal SELECT 0, at, ticket, mail, event, digest, mac"
			     " FROM journal WHERE seq = 1", 0 },
	{ "payload-changed", "UPDATE payload SET why = zeroblob(60) WHERE seq = 2", 2 },
	{ "payload-other",   "UPDATE payload SET why = (SELECT why FROM payload WHERE seq = 1)"
			     " WHERE seq = 2", 2 },
	{ "payload-removed", "DELETE FROM payload WHERE seq = 2", 2 },
	{ "payload-emptied", "UPDATE payload SET why = NULL WHERE seq = 2", 2 },
	{ "payload-added",   "INSERT INTO payload SELECT 5, why, NULL FROM payload"
			     " WHERE seq = 6", 5 },
	{ "false-erasure",   "UPDATE payload SET why = NULL, erased = zeroblob(32)"
			     " WHERE seq = 2", 2 },
	{ "copied-erasure",  "UPDATE payload SET why = NULL,"
			     " erased = (SELECT erased FROM payload WHERE seq = 4)"
			     " WHERE seq = 2", 2 },
	{ "other-head",      "UPDATE meta SET value ="
			     " (SELECT value FROM meta WHERE name = 'key-check')"
			     " WHERE name = 'journal-head'", 0 },
	{ "no-head",         "DELETE FROM meta WHERE name = 'journal-head'", 0 },
	{ "nothing-left",    "DELETE FROM meta WHERE name = 'journal-head';"
			     "DELETE FROM journal", 0 },
};

static void
test_tampered(const void *data)
{
	guint i = GPOINTER_TO_UINT(data);
	struct scratch s;
	struct journal_check check;

	scratch_init(&s);
	add_rows(&s);
	scratch_open(&s, true);
	begin(&s);
	assert_done(journal_erase_payload(s.store, 4, &error_));
	commit(&s);
	scratch_close(&s);
	tamper(&s, tampers[i].sql);
	scratch_open(&s, false);
	journal_verify(s.store, &check);
	g_assert_cmpint(check.first_bad, ==, tampers[i].first_bad);
	g_assert_cmpint(check.ok, ==, tampers[i].first_bad < 0);
	g_assert_cmpint(check.what == NULL, ==, check.ok);
	g_free(check.what);
	g_free(check.head);
	scratch_clear(&s);
}

static void
test_head(void)
{
	struct scratch s;
	struct journal_check before, after;

	scratch_init(&s);
	add_rows(&s);
	scratch_open(&s, true);
	journal_verify(s.store, &before);
	g_assert_cmpint(before.rows, ==, ROWS);
	g_assert_cmpuint(strlen(before.head), ==, 64);
	/* Also in the middle of a turn, with rows not committed yet. */
	begin(&s);
	assert_done(journal_add(s.store, 1, NO_ID, NO_ID, "sent", "", &error_));
	journal_verify(s.store, &after);
	g_assert_true(after.ok);
	g_assert_cmpint(after.rows, ==, ROWS + 1);
	g_assert_cmpstr(before.head, !=, after.head);
	commit(&s);
	g_free(before.head);
	g_free(after.head);
	scratch_clear(&s);
}

/* A writer does not go on with a journal whose head was taken away. */
static void
test_writer_refuses(void)
{
	struct scratch s;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	add_rows(&s);
	tamper(&s, "DELETE FROM meta WHERE name = 'journal-head'");
	g_assert_cmpint(store_open(&s.paths, true, &s.store, &error), ==, NEVER);
	g_assert_nonnull(strstr(error->message, "head is missing"));
	scratch_clear(&s);
}

/* After the tail was cut, what is written next does not hide it. */
static void
test_cut_stays_seen(void)
{
	struct scratch s;
	struct journal_check check;

	scratch_init(&s);
	add_rows(&s);
	tamper(&s, "DELETE FROM journal WHERE seq > 4");
	scratch_open(&s, true);
	begin(&s);
	assert_done(journal_add(s.store, 1, NO_ID, NO_ID, "sent", NULL, &error_));
	commit(&s);
	journal_verify(s.store, &check);
	g_assert_false(check.ok);
	g_assert_cmpint(check.first_bad, ==, 5);
	g_free(check.what);
	g_free(check.head);
	scratch_clear(&s);
}

static void
one_row(struct scratch *s, const char *event)
{
	scratch_open(s, true);
	begin(s);
	assert_done(journal_add(s->store, 1, NO_ID, NO_ID, event, NULL, &error_));
	commit(s);
	scratch_close(s);
}

/* A head of the same length from another history: one row taken back and another one written. */
static void
test_other_branch(void)
{
	struct scratch s;
	struct journal_check check;

	scratch_init(&s);
	one_row(&s, "stored");
	tamper(&s, "INSERT INTO meta SELECT 'one', value FROM meta WHERE name = 'journal-head'");
	one_row(&s, "held");
	tamper(&s, "INSERT INTO meta SELECT 'two', value FROM meta WHERE name = 'journal-head';"
		"DELETE FROM journal WHERE seq = 2; UPDATE meta SET value ="
		" (SELECT value FROM meta WHERE name = 'one') WHERE name = 'journal-head'");
	one_row(&s, "sent");
	tamper(&s, "UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'two')"
		" WHERE name = 'journal-head'");
	scratch_open(&s, false);
	journal_verify(s.store, &check);
	g_assert_false(check.ok);
	g_assert_cmpint(check.first_bad, ==, 2);
	g_free(check.what);
	g_free(check.head);
	scratch_clear(&s);
}

static char *
rows_of(struct scratch *s, struct id id)
{
	GPtrArray *rows = journal_of(s->store, id);
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < rows->len; i++) {
		const struct journal_row *row = rows->pdata[i];

		g_string_append_printf(out, "%" G_GINT64_FORMAT " %s %s;", row->seq, row->event,
			row->why != NULL ? row->why : "-");
	}
	g_ptr_array_unref(rows);
	return g_string_free(out, FALSE);
}

static void
assert_rows(struct scratch *s, struct id id, const char *expected)
{
	g_autofree char *found = rows_of(s, id);

	g_assert_cmpstr(found, ==, expected);
}

static void
test_of(void)
{
	struct scratch s;
	struct ticket *ticket;
	struct mail *mail;
	struct id id, other;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	id = mail_added(&s, "one", 10);
	other = mail_added(&s, "two", 10);
	ticket = ticket_added(&s, 2026);
	mail = mail_get(s.store, id);
	mail->ticket = ticket->id;
	assert_done(mail_put(s.store, mail, &error_));
	assert_done(journal_add(s.store, 1, NO_ID, id, "stored", "size 3", &error_));
	assert_done(journal_add(s.store, 2, NO_ID, other, "stored", NULL, &error_));
	assert_done(journal_add(s.store, 3, ticket->id, id, "open", "Thư lạ", &error_));
	assert_done(journal_add(s.store, 4, ticket->id, NO_ID, "note", "", &error_));
	commit(&s);
	assert_rows(&s, ticket->id, "1 stored size 3;3 open Thư lạ;4 note ;");
	assert_rows(&s, id, "1 stored size 3;3 open Thư lạ;");
	assert_rows(&s, other, "2 stored -;");
	assert_rows(&s, id_new(), "");
	begin(&s);
	assert_done(journal_erase_payload(s.store, 3, &error_));
	g_assert_cmpint(journal_erase_payload(s.store, 2, NULL), ==, NEVER);
	store_rollback(s.store);
	begin(&s);
	assert_done(journal_erase_payload(s.store, 3, &error_));
	commit(&s);
	assert_rows(&s, id, "1 stored size 3;3 open -;");
	mail_free(mail);
	ticket_free(ticket);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(tampers); i++) {
		g_autofree char *path = g_strconcat("/journal/tampered/", tampers[i].name, NULL);
		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_tampered);
	}
	g_test_add_func("/journal/head", test_head);
	g_test_add_func("/journal/writer-refuses", test_writer_refuses);
	g_test_add_func("/journal/cut-stays-seen", test_cut_stays_seen);
	g_test_add_func("/journal/other-branch", test_other_branch);
	g_test_add_func("/journal/of", test_of);
	return g_test_run();
}
