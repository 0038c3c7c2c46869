/* SPDX-License-Identifier: ISC
 *
 * test-mails: rows of mails: round trip of every field, lookups, what is due, lists; and that
 * the questions the hub asks every turn are answered by an index however many rows are final.
 */
#include "scratch.h"

#define assert_field(a, b, field) g_assert_cmpstr((a)->field, ==, (b)->field)
#define assert_number(a, b, field) g_assert_cmpint((gint64)(a)->field, ==, (gint64)(b)->field)

static void
assert_equal(const struct mail *a, const struct mail *b)
{
	assert_same_id(a->id, b->id);
	assert_same_id(a->blob, b->blob);
	assert_same_id(a->ticket, b->ticket);
	assert_field(a, b, mailbox);
	assert_field(a, b, identity);
	assert_field(a, b, uid);
	assert_field(a, b, folder);
	assert_field(a, b, sha256);
	assert_field(a, b, stage);
	assert_field(a, b, reason);
	assert_field(a, b, relation);
	assert_number(a, b, size);
	assert_number(a, b, arrived);
	assert_number(a, b, received);
	assert_number(a, b, state);
	assert_number(a, b, kind);
	assert_number(a, b, moved);
	assert_number(a, b, in_attempt);
	assert_number(a, b, attempts);
	assert_number(a, b, deaths);
	assert_number(a, b, unexplained);
	assert_number(a, b, next_try);
}

static void
fill(struct scratch *s, struct mail *mail)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static("raw", 3);
	struct ticket *ticket = ticket_added(s, 2026);

	assert_done(blob_put(s->store, bytes, &mail->blob, &error_));
	mail->ticket = ticket->id;
	ticket_free(ticket);
	mail->state = MAIL_DECIDED;
	mail->kind = KIND_REPORT;
	mail->moved = true;
	mail->attempts = 1;
	mail->deaths = 2;
	mail->unexplained = 3;
	mail->next_try = -1;
	mail->stage = g_strdup("mime");
	mail->reason = g_strdup("mime: depth limit 32");
	mail->relation = g_strdup("first");
	g_free(mail->folder);
	mail->folder = g_strdup("Junk");
	mail->size = 77;
}

static void
test_round_trip(void)
{
	struct scratch s;
	struct mail *mail = mail_sample("1700.M1P2.host,S=1", 10), *loaded;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	assert_done(mail_add(s.store, mail, &error_));
	loaded = mail_get(s.store, mail->id);
	assert_equal(mail, loaded);
	mail_free(loaded);
	fill(&s, mail);
	assert_done(mail_put(s.store, mail, &error_));
	commit(&s);
	scratch_reopen(&s, true);
	loaded = mail_get(s.store, mail->id);
	assert_equal(mail, loaded);
	mail_free(loaded);
	g_assert_null(mail_get(s.store, id_new()));
	mail_free(mail);
	scratch_clear(&s);
}

/* before-start: a row without anything stored; absent texts stay absent, empty ones empty. */
static void
test_absent(void)
{
	struct scratch s;
	struct mail *mail = mail_sample("", -1), *loaded;

	g_clear_pointer(&mail->sha256, g_free);
	g_clear_pointer(&mail->folder, g_free);
	mail->reason = g_strdup("");
	mail->state = MAIL_LEFT;
	mail->kind = KIND_BEFORE_START;
	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	assert_done(mail_add(s.store, mail, &error_));
	commit(&s);
	loaded = mail_get(s.store, mail->id);
	assert_equal(mail, loaded);
	mail_free(loaded);
	mail_free(mail);
	scratch_clear(&s);
}

static void
test_put_unknown(void)
{
	struct scratch s;
	struct mail *mail = mail_sample("x", 1);
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	g_assert_cmpint(mail_put(s.store, mail, &error), ==, NEVER);
	g_assert_nonnull(strstr(error->message, "no such row"));
	store_rollback(s.store);
	mail_free(mail);
	scratch_clear(&s);
}

static void
test_known(void)
{
	static const struct { const char *mailbox, *identity, *uid; bool known; } rows[] = {
		{ "main",  "maildir", "one", true },
		{ "main",  "maildir", "two", false },
		{ "main",  "maildir", "ONE", false },
		{ "main",  "4711",    "one", false },
		{ "other", "maildir", "one", false },
	};
	struct scratch s;
	struct id id, found = NO_ID;
	guint8 sha256[DIGEST_SIZE];

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	id = mail_added(&s, "one", 10);
	commit(&s);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpint(mail_known(s.store, rows[i].mailbox, rows[i].identity, rows[i].uid,
			NULL),
			==, rows[i].known);
	mail_known(s.store, "main", "maildir", "one", &found);
	assert_same_id(id, found);
	digest_bytes("one", 3, sha256);
	g_assert_true(mail_by_sha256(s.store, sha256, &found));
	assert_same_id(id, found);
	digest_bytes("two", 3, sha256);
	g_assert_false(mail_by_sha256(s.store, sha256, &found));
	scratch_clear(&s);
}

/* ---- what is due ---------------------------------------------------------------------- */

static const struct {
	const char *uid;
	enum mail_state state;
	bool in_attempt;
	gint64 next_try;
} waiting[] = {
	{ "late",    MAIL_STORED,  false, 50 },
	{ "first",   MAIL_STORED,  false, 10 },
	{ "opened",  MAIL_OPENED,  false, 20 },
	{ "working", MAIL_OPENING, true,  5 },
	{ "same",    MAIL_STORED,  false, 10 },
	{ "done",    MAIL_DECIDED, false, -1 },
	{ "held",    MAIL_HELD,    false, -1 },
};

static const struct {
	int state;
	gint64 now;
	guint limit;
	const char *uids;
} dues[] = {
	{ -1,            9,   10, "" },
	{ -1,            10,  10, "first same " },
	{ -1,            49,  10, "first same opened " },
	{ -1,            100, 10, "first same opened late " },
	{ -1,            100, 2,  "first same " },
	{ MAIL_STORED,   100, 10, "first same late " },
	{ MAIL_OPENED,   100, 10, "opened " },
	{ MAIL_OPENING,  100, 10, "" },
	{ MAIL_DECIDED,  100, 10, "" },
};

static char *
uids_of(GPtrArray *mails)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < mails->len; i++)
		g_string_append_printf(out, "%s ", ((struct mail *)mails->pdata[i])->uid);
	g_ptr_array_unref(mails);
	return g_string_free(out, FALSE);
}

static void
assert_uids(GPtrArray *mails, const char *expected)
{
	g_autofree char *uids = uids_of(mails);

	g_assert_cmpstr(uids, ==, expected);
}

static void
add_waiting(struct scratch *s)
{
	begin(s);
	for (guint i = 0; i < G_N_ELEMENTS(waiting); i++) {
		struct mail *mail = mail_sample(waiting[i].uid, waiting[i].next_try);

		mail->state = waiting[i].state;
		mail->in_attempt = waiting[i].in_attempt;
		mail->moved = i >= 2;
		assert_done(mail_add(s->store, mail, &error_));
		mail_free(mail);
	}
	commit(s);
}

/* Not stored whole: its only copy is the server's. */
static void
mark_oversize(struct scratch *s, const char *uid)
{
	struct mail *mail;
	struct id id;

	begin(s);
	g_assert_true(mail_known(s->store, "main", "maildir", uid, &id));
	mail = mail_get(s->store, id);
	mail->kind = KIND_OVERSIZE;
	assert_done(mail_put(s->store, mail, &error_));
	mail_free(mail);
	commit(s);
}

static void
test_due(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	g_assert_cmpint(mail_next_due(s.store), ==, -1);
	add_waiting(&s);
	for (guint i = 0; i < G_N_ELEMENTS(dues); i++)
		assert_uids(mail_due(s.store, dues[i].state, dues[i].now, dues[i].limit),
			dues[i].uids);
	g_assert_cmpint(mail_next_due(s.store), ==, 10);
	assert_uids(mail_in_attempt(s.store), "working ");
	assert_uids(mail_unmoved(s.store, "main", 10), "late first ");
	assert_uids(mail_unmoved(s.store, "main", 1), "late ");
	mark_oversize(&s, "late");
	assert_uids(mail_unmoved(s.store, "main", 10), "first ");
	assert_uids(mail_unmoved(s.store, "other", 10), "");
	scratch_clear(&s);
}

static void
test_lists(void)
{
	struct scratch s;
	struct id id = NO_ID;
	g_autofree char *after = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	add_waiting(&s);
	assert_uids(mail_list(s.store, -1, 3, NULL), "late first opened ");
	mail_known(s.store, "main", "maildir", "opened", &id);
	after = id_text(id);
	assert_uids(mail_list(s.store, -1, 3, after), "working same done ");
	assert_uids(mail_list(s.store, MAIL_STORED, 10, after), "same ");
	assert_uids(mail_list(s.store, MAIL_HELD, 10, NULL), "held ");
	assert_uids(mail_list(s.store, -1, 3, "no id"), "");
	assert_uids(mail_list(s.store, -1, 3, "00000000000000000000000000000001"), "");
	scratch_clear(&s);
}

/* ---- a sealed column belongs to its row ----------------------------------------------- */

static void
test_moved_column(void)
{
	struct scratch s;
	struct id id;
	g_autofree char *text = NULL;

	scratch_init_shared(&s);
	if (g_test_subprocess()) {
		text = g_strdup(g_getenv("UNGCUU_ROW"));
		scratch_open(&s, true);
		g_assert_true(id_parse(text, &id));
		mail_free(mail_get(s.store, id));
		return;
	}
	scratch_open(&s, true);
	begin(&s);
	id = mail_added(&s, "one", 10);
	mail_added(&s, "two", 10);
	commit(&s);
	scratch_close(&s);
	tamper(&s,
		"UPDATE mail SET sha256 = (SELECT sha256 FROM mail WHERE seq = 2) WHERE seq = 1");
	text = id_text(id);
	g_setenv("UNGCUU_ROW", text, TRUE);
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_failed();
	g_test_trap_assert_stderr("*damaged*mail.sha256*");
	/* Nor does it belong to another column of its row. */
	tamper(&s, "UPDATE mail SET sha256 = folder WHERE seq = 1");
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_failed();
	g_test_trap_assert_stderr("*damaged*mail.sha256*");
	scratch_clear(&s);
}

/* ---- indexes -------------------------------------------------------------------------- */

#define MANY 10000

/* Plans that may walk a whole table or sort: questions of a person or of a start, not of a turn. */
static bool
may_scan(const char *sql)
{
	return strstr(sql, "GROUP BY state, kind") != NULL || strstr(sql,
		"blob.wrapped IS NULL") != NULL ||
		strstr(sql, "FROM mailbox ORDER BY name") != NULL ||
		strstr(sql, "FROM outgoing WHERE ticket = ? ORDER BY seq") != NULL ||
		strstr(sql, "UNION SELECT") != NULL || strcmp(sql,
		"SELECT 1 FROM journal LIMIT 1") == 0;
}

/* ---- what stays at the server --------------------------------------------------------- */

static const struct {
	const char *uid;
	enum mail_state state;
	gint64 arrived, received;
	bool moved, has_blob;
	bool rests, rests_after_adopt;	/* of mail that arrived at 100 or later */
} resting[] = {
	{ "young",   MAIL_DECIDED, 1,   60, false, true,  true,  true },
	{ "second",  MAIL_DECIDED, 1,   40, false, true,  true,  true },
	{ "first",   MAIL_HELD,    1,   30, false, true,  true,  true },
	{ "removed", MAIL_DECIDED, 1,   30, true,  true,  false, false },
	{ "working", MAIL_STORED,  1,   30, false, true,  true,  true },
	{ "large",   MAIL_HELD,    1,   30, false, false, true,  true },
	{ "header",  MAIL_DECIDED, 1,   30, false, true,  true,  true },	/* oversize */
	{ "old",     MAIL_LEFT,    99,  30, false, false, true,  true },
	{ "later",   MAIL_LEFT,    100, 30, false, false, true,  false },
};

static void
test_resting(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	for (guint i = 0; i < G_N_ELEMENTS(resting); i++) {
		struct mail *mail = mail_sample(resting[i].uid, -1);

		mail->state = resting[i].state;
		mail->arrived = resting[i].arrived;
		mail->received = resting[i].received;
		mail->moved = resting[i].moved;
		mail->kind = strcmp(mail->uid, "header") == 0 ? KIND_OVERSIZE : KIND_REPORT;
		if (resting[i].has_blob) {
			g_autoptr(GBytes) raw = g_bytes_new_static("x", 1);

			assert_done(blob_put(s.store, raw, &mail->blob, &error_));
		}
		assert_done(mail_add(s.store, mail, &error_));
		mail_free(mail);
	}
	commit(&s);
	for (guint i = 0; i < G_N_ELEMENTS(resting); i++) {
		g_test_message("%s", resting[i].uid);
		g_assert_cmpint(mail_rests(s.store, "main", "maildir", resting[i].uid, G_MAXINT64),
			==, resting[i].rests);
		g_assert_cmpint(mail_rests(s.store, "main", "maildir", resting[i].uid, 100), ==,
			resting[i].rests_after_adopt);
	}
	g_assert_false(mail_rests(s.store, "main", "maildir", "unknown", G_MAXINT64));
	g_assert_false(mail_rests(s.store, "other", "maildir", "young", G_MAXINT64));
	assert_uids(mail_outstayed(s.store, "main", 29, 10), "");
	assert_uids(mail_outstayed(s.store, "main", 40, 10), "first second ");
	assert_uids(mail_outstayed(s.store, "main", 100, 10), "first second young ");
	assert_uids(mail_outstayed(s.store, "main", 100, 1), "first ");
	assert_uids(mail_outstayed(s.store, "other", 100, 10), "");
	scratch_clear(&s);
}

static void
add_many(struct scratch *s)
{
	begin(s);
	for (guint i = 0; i < MANY; i++) {
		g_autofree char *uid = g_strdup_printf("final-%u", i);
		struct mail *mail = mail_sample(uid, -1);

		mail->state = MAIL_DECIDED;
		mail->kind = KIND_NOISE;
		mail->moved = true;
		assert_done(mail_add(s->store, mail, &error_));
		mail_free(mail);
	}
	mail_added(s, "waiting", 10);
	commit(s);
}

static void
test_indexes(void)
{
	struct scratch s;
	GHashTableIter iter;
	void *sql, *statement;
	guint n = 0;

	scratch_init(&s);
	scratch_open(&s, true);
	add_many(&s);
	assert_uids(mail_due(s.store, -1, 100, 10), "waiting ");
	assert_uids(mail_due(s.store, MAIL_STORED, 100, 10), "waiting ");
	assert_uids(mail_due(s.store, MAIL_OPENED, 100, 10), "");
	g_assert_cmpint(mail_next_due(s.store), ==, 10);
	assert_uids(mail_in_attempt(s.store), "");
	assert_uids(mail_unmoved(s.store, "main", 10), "waiting ");
	g_assert_true(mail_known(s.store, "main", "maildir", "final-77", NULL));
	assert_uids(mail_list(s.store, MAIL_STORED, 10, NULL), "waiting ");
	/* Ten thousand final rows cost these questions nothing: some dozens of steps each, not
	 * thousands. */
	g_assert_cmpint(steps_of(s.store, "FROM mail"), <, 1500);
	/* Cold statements too: every one compiled so far has a plan without a walk. */
	g_ptr_array_unref(mail_list(s.store, -1, 1, NULL));
	g_ptr_array_unref(mail_of_ticket(s.store, id_new()));
	g_ptr_array_unref(mail_outstayed(s.store, "main", 1, 1));
	mail_rests(s.store, "main", "maildir", "x", 1);
	mail_twin(s.store, id_new(), NULL);
	mail_by_message_id(s.store, "x", NULL);
	mail_same_message_id(s.store, id_new(), NULL);
	mail_by_own_digest(s.store, (const guint8 *)"0123456789abcdef0123456789abcdef", NULL);
	thread_find(s.store, "0000", NULL, NULL);
	thread_has_address(s.store, id_new(), "a@example.org");
	ticket_free(ticket_by_number(s.store, "x"));
	ticket_free(ticket_by_receipt_code(s.store, "0000"));
	g_ptr_array_unref(journal_of(s.store, id_new()));
	g_ptr_array_unref(outgoing_due(s.store, -1, false, 1, 1));
	g_ptr_array_unref(outgoing_of_ticket(s.store, id_new()));
	g_ptr_array_unref(outgoing_in_attempt(s.store));
	outgoing_next_due(s.store, -1);
	outgoing_next_due(s.store, OUT_PLANNED);
	g_ptr_array_unref(outgoing_due(s.store, OUT_PLANNED, true, 1, 1));
	g_ptr_array_unref(outgoing_waiting_since(s.store, 1, 1));
	g_ptr_array_unref(outgoing_reported(s.store, FATE_FAILED, 1, 1));
	outgoing_oldest(s.store);
	outgoing_last(s.store, id_new(), "T01");
	outgoing_by_message_id(s.store, "x", NULL);
	g_ptr_array_unref(ticket_list(s.store, -1, false, 1, NULL));
	g_ptr_array_unref(ticket_list(s.store, TICKET_TRIAGE, false, 1, NULL));
	g_hash_table_iter_init(&iter, s.store->statements);
	while (g_hash_table_iter_next(&iter, &sql, &statement)) {
		if (g_str_has_prefix(sql, "SELECT") && !may_scan(sql))
			assert_no_walk(s.store, sql);
		n++;
	}
	g_assert_cmpuint(n, >, 20);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mails/round-trip", test_round_trip);
	g_test_add_func("/mails/absent", test_absent);
	g_test_add_func("/mails/put-unknown", test_put_unknown);
	g_test_add_func("/mails/known", test_known);
	g_test_add_func("/mails/due", test_due);
	g_test_add_func("/mails/lists", test_lists);
	g_test_add_func("/mails/resting", test_resting);
	g_test_add_func("/mails/moved-column", test_moved_column);
	g_test_add_func("/mails/indexes", test_indexes);
	return g_test_run();
}
