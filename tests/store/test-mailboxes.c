/* SPDX-License-Identifier: ISC
 *
 * test-mailboxes: the cursor of a mailbox, and the ledger: every row counted once, missing blobs
 * named.
 */
#include "scratch.h"

static void
test_round_trip(void)
{
	struct scratch s;
	struct mailbox row = { .name = (char *)"main", .type = (char *)"maildir",
		.identity = (char *)"maildir", .first_poll = 1, .last_poll = 2, .last_good = 3,
		.floor = 4,
		.cursor = (char *)"new/1700", .error = NULL };
	struct mailbox *loaded;
	GPtrArray *list;

	scratch_init(&s);
	scratch_open(&s, true);
	g_assert_null(mailbox_get(s.store, "main"));
	begin(&s);
	assert_done(mailbox_put(s.store, &row, &error_));
	row.cursor = (char *)"new/1800";
	row.error = (char *)"login refused";
	row.last_poll = 9;
	assert_done(mailbox_put(s.store, &row, &error_));
	row.name = (char *)"archive";
	assert_done(mailbox_put(s.store, &row, &error_));
	commit(&s);
	scratch_reopen(&s, false);
	loaded = mailbox_get(s.store, "main");
	g_assert_cmpstr(loaded->name, ==, "main");
	g_assert_cmpstr(loaded->type, ==, "maildir");
	g_assert_cmpstr(loaded->identity, ==, "maildir");
	g_assert_cmpstr(loaded->cursor, ==, "new/1800");
	g_assert_cmpstr(loaded->error, ==, "login refused");
	g_assert_cmpint(loaded->first_poll, ==, 1);
	g_assert_cmpint(loaded->last_poll, ==, 9);
	g_assert_cmpint(loaded->last_good, ==, 3);
	g_assert_cmpint(loaded->floor, ==, 4);
	mailbox_free(loaded);
	list = mailbox_list(s.store);
	g_assert_cmpuint(list->len, ==, 2);
	g_assert_cmpstr(((struct mailbox *)list->pdata[0])->name, ==, "archive");
	g_ptr_array_unref(list);
	scratch_clear(&s);
}

/* ---- ledger --------------------------------------------------------------------------- */

enum blob_state { STORED, NO_BLOB, FILE_GONE, ERASED };

static const struct {
	const char *uid;
	enum mail_state state;
	int kind;
	enum blob_state blob;
	bool missing;
} rows[] = {
	{ "stored",       MAIL_STORED,  -1,                STORED,    false },
	{ "opening",      MAIL_OPENING, -1,                STORED,    false },
	{ "report",       MAIL_DECIDED, KIND_REPORT,       STORED,    false },
	{ "report2",      MAIL_DECIDED, KIND_REPORT,       ERASED,    false },
	{ "duplicate",    MAIL_DECIDED, KIND_DUPLICATE,    STORED,    false },
	{ "held",         MAIL_HELD,    -1,                STORED,    false },
	{ "held-report",  MAIL_HELD,    KIND_REPORT,       STORED,    false },
	{ "oversize",     MAIL_HELD,    KIND_OVERSIZE,     NO_BLOB,   false },
	{ "before",       MAIL_LEFT,    KIND_BEFORE_START, NO_BLOB,   false },
	{ "no-blob",      MAIL_DECIDED, KIND_NOISE,        NO_BLOB,   true },
	{ "file-gone",    MAIL_DECIDED, KIND_NOISE,        FILE_GONE, true },
	{ "pending-gone", MAIL_STORED,  -1,                FILE_GONE, true },
};

static struct id
row_added(struct scratch *s, guint i)
{
	struct mail *mail = mail_sample(rows[i].uid, -1);
	g_autoptr(GBytes) bytes = g_bytes_new_static("raw", 3);
	g_autofree char *name = NULL, *path = NULL;
	struct id id = mail->id;

	mail->state = rows[i].state;
	mail->kind = rows[i].kind;
	if (rows[i].blob != NO_BLOB)
		assert_done(blob_put(s->store, bytes, &mail->blob, &error_));
	assert_done(mail_add(s->store, mail, &error_));
	name = id_text(mail->blob);
	path = g_build_filename(s->spool, name, NULL);
	if (rows[i].blob == FILE_GONE)
		g_assert_cmpint(g_unlink(path), ==, 0);
	if (rows[i].blob == ERASED)
		assert_done(blob_erase(s->store, mail->blob, &error_));
	mail_free(mail);
	return id;
}

static void
test_ledger(void)
{
	struct scratch s;
	struct ledger ledger;
	guint64 sum = 0;
	g_autoptr(GString) expected = g_string_new(NULL), found = g_string_new(NULL);

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = id_text(row_added(&s, i));

		if (rows[i].missing)
			g_string_append_printf(expected, "%s ", text);
	}
	commit(&s);
	ledger_of(s.store, "main", &ledger);
	for (guint i = 0; i < ledger.missing->len; i++)
		g_string_append_printf(found, "%s ", (char *)ledger.missing->pdata[i]);
	g_assert_cmpstr(expected->str, ==, found->str);
	g_assert_cmpuint(ledger.seen, ==, G_N_ELEMENTS(rows));
	g_assert_cmpuint(ledger.held, ==, 2);
	g_assert_cmpuint(ledger.pending, ==, 3);
	g_assert_cmpuint(ledger.kind[KIND_REPORT], ==, 2);
	g_assert_cmpuint(ledger.kind[KIND_DUPLICATE], ==, 1);
	g_assert_cmpuint(ledger.kind[KIND_OVERSIZE], ==, 1);
	g_assert_cmpuint(ledger.kind[KIND_BEFORE_START], ==, 1);
	g_assert_cmpuint(ledger.kind[KIND_NOISE], ==, 2);
	for (int k = 0; k < kind_count; k++)
		sum += ledger.kind[k];
	g_assert_cmpuint(sum + ledger.held + ledger.pending, ==, ledger.seen);
	g_ptr_array_unref(ledger.missing);
	ledger_of(s.store, "other", &ledger);
	g_assert_cmpuint(ledger.seen, ==, 0);
	g_assert_cmpuint(ledger.missing->len, ==, 0);
	g_ptr_array_unref(ledger.missing);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mailboxes/round-trip", test_round_trip);
	g_test_add_func("/mailboxes/ledger", test_ledger);
	return g_test_run();
}
