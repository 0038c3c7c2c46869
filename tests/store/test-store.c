/* SPDX-License-Identifier: ISC
 *
 * test-store: opening (modes, migrations, readers) and turns (what a crash leaves,
 * what a failed statement does to the turn).
 */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

static mode_t
mode_of(const char *path)
{
	struct stat st;

	g_assert_cmpint(lstat(path, &st), ==, 0);
	return st.st_mode & 07777;
}

static void
test_new_store(void)
{
	struct scratch s;
	g_autofree char *text = NULL;
	gsize size;

	scratch_init(&s);
	umask(0);
	scratch_open(&s, true);
	g_assert_cmpuint(mode_of(s.database), ==, 0600);
	g_assert_cmpuint(mode_of(s.key_file), ==, 0600);
	g_assert_cmpuint(mode_of(s.spool), ==, 0700);
	g_assert_true(g_file_get_contents(s.key_file, &text, &size, NULL));
	g_assert_cmpuint(size, ==, 65);
	g_assert_cmpint(text[64], ==, '\n');
	/* A second opening changes nothing. */
	scratch_reopen(&s, true);
	begin(&s);
	commit(&s);
	scratch_clear(&s);
	umask(022);
}

static gint64
number_of(struct store *store, const char *sql)
{
	g_auto(query_auto) q = query_new(store, "test", sql);

	g_assert_true(query_row(&q));
	return column_int(&q, 0);
}

static void
test_settings(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	for (int again = 0; again < 2; again++) {
		g_assert_cmpint(number_of(s.store, "PRAGMA user_version"), ==,
			schema_newest());
		g_assert_cmpint(number_of(s.store, "PRAGMA application_id"), ==, 0x756e6763);
		scratch_reopen(&s, true);
	}
	g_assert_cmpint(number_of(s.store, "PRAGMA synchronous"), ==, 2);
	g_assert_cmpint(number_of(s.store, "PRAGMA foreign_keys"), ==, 1);
	g_assert_cmpint(number_of(s.store, "PRAGMA trusted_schema"), ==, 0);
	g_assert_cmpint(number_of(s.store, "PRAGMA secure_delete"), ==, 1);
	g_assert_cmpint(number_of(s.store, "PRAGMA cell_size_check"), ==, 1);
	g_assert_cmpint(number_of(s.store, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"),
		==, 1);
	g_assert_cmpint(number_of(s.store,
		"SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0"
		" AND name NOT LIKE 'sqlite%'"), ==, 0);
	scratch_clear(&s);
}

/* A start that was killed before its first migration: an empty WAL database is a new store. */
static void
test_half_made(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	scratch_close(&s);
	g_assert_cmpint(g_unlink(s.database), ==, 0);
	tamper(&s, "PRAGMA journal_mode = WAL");
	scratch_open(&s, true);
	scratch_clear(&s);
}

/* ---- turns ---------------------------------------------------------------------------- */

/* Runs `act` in a child that is gone without closing anything. */
static void
in_crashing_child(struct scratch *s, void (*act)(struct scratch *))
{
	int status;
	pid_t pid = fork();

	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		scratch_open(s, true);
		act(s);
		_exit(17);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 17);
}

static void
crash_in_turn(struct scratch *s)
{
	begin(s);
	mail_added(s, "one", 10);
	assert_done(journal_add(s->store, 1, NO_ID, NO_ID, "stored", "why", &error_));
}

static void
crash_after_commit(struct scratch *s)
{
	crash_in_turn(s);
	commit(s);
}

static void
crash_in_second_turn(struct scratch *s)
{
	crash_after_commit(s);
	begin(s);
	mail_added(s, "two", 10);
}

static const struct {
	void (*act)(struct scratch *);
	bool one, two;
	gint64 rows;
} crashes[] = {
	/* act                  one    two    journal */
	{ crash_in_turn,        false, false, 0 },
	{ crash_after_commit,   true,  false, 1 },
	{ crash_in_second_turn, true,  false, 1 },
};

static void
test_crash(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(crashes); i++) {
		struct scratch s;
		struct journal_check check;

		scratch_init(&s);
		in_crashing_child(&s, crashes[i].act);
		/* A reader recovers what a dead writer left, without changing it. */
		scratch_open(&s, false);
		g_assert_cmpint(mail_known(s.store, "main", "maildir", "one", NULL), ==,
			crashes[i].one);
		scratch_reopen(&s, true);
		g_assert_cmpint(mail_known(s.store, "main", "maildir", "one", NULL), ==,
			crashes[i].one);
		g_assert_cmpint(mail_known(s.store, "main", "maildir", "two", NULL), ==,
			crashes[i].two);
		journal_verify(s.store, &check);
		g_assert_true(check.ok);
		g_assert_cmpint(check.rows, ==, crashes[i].rows);
		g_free(check.head);
		scratch_clear(&s);
	}
}

static void
test_rollback(void)
{
	struct scratch s;
	struct journal_check check;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	mail_added(&s, "one", 10);
	assert_done(journal_add(s.store, 1, NO_ID, NO_ID, "stored", "why", &error_));
	store_rollback(s.store);
	store_rollback(s.store);
	g_assert_false(mail_known(s.store, "main", "maildir", "one", NULL));
	begin(&s);
	assert_done(journal_add(s.store, 1, NO_ID, NO_ID, "stored", NULL, &error_));
	commit(&s);
	journal_verify(s.store, &check);
	g_assert_true(check.ok);
	g_assert_cmpint(check.rows, ==, 1);
	g_free(check.head);
	scratch_clear(&s);
}

/* I3: after any failed statement nothing of the turn can be committed, even if the caller tries. */
static void
test_broken_turn(void)
{
	struct scratch s;
	struct mail *mail;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	mail_added(&s, "one", 10);
	mail = mail_sample("one", 10);
	g_assert_cmpint(mail_add(s.store, mail, &error), ==, NEVER);
	g_assert_nonnull(strstr(error->message, s.database));
	g_assert_null(strstr(error->message, mail->sha256));
	g_clear_error(&error);
	mail_free(mail);
	mail = mail_sample("two", 10);
	g_assert_cmpint(mail_add(s.store, mail, NULL), ==, LATER);
	g_assert_cmpint(mail_put(s.store, mail, NULL), ==, LATER);
	mail_free(mail);
	g_assert_cmpint(store_commit(s.store, &error), ==, LATER);
	g_assert_false(mail_known(s.store, "main", "maildir", "one", NULL));
	/* The next turn is whole again. */
	begin(&s);
	mail_added(&s, "one", 10);
	commit(&s);
	g_assert_true(mail_known(s.store, "main", "maildir", "one", NULL));
	scratch_clear(&s);
}

/* Disk full, as SQLite sees it: the page limit. */
static void
test_full(void)
{
	struct scratch s;
	g_autoptr(GError) error = NULL;
	enum outcome how = DONE;

	scratch_init(&s);
	scratch_open(&s, true);
	g_assert_cmpint(sqlite3_exec(s.store->db, "PRAGMA max_page_count = 60", NULL, NULL, NULL),
		==, 0);
	begin(&s);
	mail_added(&s, "first", 10);
	for (guint i = 0; i < 10000 && how == DONE; i++) {
		g_autofree char *uid = g_strdup_printf("%u", i);
		struct mail *mail = mail_sample(uid, 10);

		how = mail_add(s.store, mail, &error);
		mail_free(mail);
	}
	g_assert_cmpint(how, ==, LATER);
	g_assert_nonnull(strstr(error->message, "full"));
	g_assert_cmpint(store_commit(s.store, NULL), ==, LATER);
	g_assert_false(mail_known(s.store, "main", "maildir", "first", NULL));
	scratch_clear(&s);
}

static void
test_writer_locked_out(void)
{
	struct scratch s, other;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	other = s;
	scratch_open(&other, true);
	sqlite3_busy_timeout(other.store->db, 0);
	begin(&s);
	g_assert_cmpint(store_begin(other.store, &error), ==, LATER);
	g_assert_nonnull(strstr(error->message, "locked"));
	commit(&s);
	begin(&other);
	commit(&other);
	scratch_close(&other);
	scratch_clear(&s);
}

/* ---- panics: verbs that change outside a turn ----------------------------------------- */

static void
test_outside_turn(void)
{
	struct scratch s;

	scratch_init_shared(&s);
	if (g_test_subprocess()) {
		scratch_open(&s, true);
		mail_add(s.store, mail_sample("one", 1), NULL);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_failed();
	g_test_trap_assert_stderr("*outside a turn*");
	scratch_clear(&s);
}

/* ---- readers -------------------------------------------------------------------------- */

static void
test_reader_beside_writer(void)
{
	struct scratch s, reader;
	guint8 a[DIGEST_SIZE], b[DIGEST_SIZE];

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	mail_added(&s, "one", 10);
	commit(&s);
	begin(&s);
	mail_added(&s, "two", 10);
	reader = s;
	scratch_open(&reader, false);
	g_assert_true(mail_known(reader.store, "main", "maildir", "one", NULL));
	g_assert_false(mail_known(reader.store, "main", "maildir", "two", NULL));
	/* A reader's turn is a snapshot. */
	begin(&reader);
	g_assert_cmpint(mail_next_due(reader.store), ==, 10);
	commit(&s);
	g_assert_false(mail_known(reader.store, "main", "maildir", "two", NULL));
	commit(&reader);
	g_assert_true(mail_known(reader.store, "main", "maildir", "two", NULL));
	store_digest(s.store, "address", "x", 1, a);
	store_digest(reader.store, "address", "x", 1, b);
	g_assert_cmpmem(a, DIGEST_SIZE, b, DIGEST_SIZE);
	scratch_close(&reader);
	scratch_clear(&s);
}

static void
test_reader_alone(void)
{
	struct scratch s;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	mail_added(&s, "one", 10);
	commit(&s);
	scratch_reopen(&s, false);
	g_assert_true(mail_known(s.store, "main", "maildir", "one", NULL));
	scratch_clear(&s);
}

static void
reader_makes_nothing(struct scratch *s)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(store_open(&s->paths, false, &s->store, &error), ==, NEVER);
	g_assert_nonnull(strstr(error->message, "no store at"));
	g_assert_cmpuint(files_in(s->dir), ==, 0);
}

static void
test_reader_of_nothing(void)
{
	struct scratch s;

	scratch_init(&s);
	reader_makes_nothing(&s);
	scratch_clear(&s);
}

/* As a user who may read everything but write nothing: a closed store is read as one file; one
 * with commits in a WAL that cannot be joined is refused with a reason. */
static void
as_nobody(struct scratch *s, bool can_read)
{
	int status;
	pid_t pid;

	g_assert_cmpint(chown(s->key_file, 65534, 65534), ==, 0);
	g_assert_cmpint(chmod(s->database, 0644), ==, 0);
	g_assert_cmpint(chmod(s->spool, 0755), ==, 0);
	g_assert_cmpint(chmod(s->dir, 0755), ==, 0);
	pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		g_autoptr(GError) error = NULL;
		enum outcome how;

		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(1);
		how = store_open(&s->paths, false, &s->store, &error);
		if (can_read)
			_exit(how == DONE && mail_known(s->store, "main", "maildir", "one",
				NULL) ? 17 : 2);
		_exit(how == LATER && strstr(error->message, "another user") != NULL ? 17 : 3);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 17);
}

static void
test_reader_other_user(void)
{
	struct scratch s;
	g_autofree char *shm = NULL, *wal = NULL;

	if (geteuid() != 0) {
		g_test_skip("needs another uid");
		return;
	}
	scratch_init(&s);
	in_crashing_child(&s, crash_after_commit);
	shm = g_strconcat(s.database, "-shm", NULL);
	wal = g_strconcat(s.database, "-wal", NULL);
	g_assert_cmpint(g_unlink(shm), ==, 0);
	g_assert_cmpint(chmod(wal, 0644), ==, 0);
	as_nobody(&s, false);
	scratch_open(&s, true);
	scratch_close(&s);
	as_nobody(&s, true);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/store/new", test_new_store);
	g_test_add_func("/store/settings", test_settings);
	g_test_add_func("/store/half-made", test_half_made);
	g_test_add_func("/store/crash", test_crash);
	g_test_add_func("/store/rollback", test_rollback);
	g_test_add_func("/store/broken-turn", test_broken_turn);
	g_test_add_func("/store/full", test_full);
	g_test_add_func("/store/locked-out", test_writer_locked_out);
	g_test_add_func("/store/outside-turn", test_outside_turn);
	g_test_add_func("/store/reader/beside-writer", test_reader_beside_writer);
	g_test_add_func("/store/reader/alone", test_reader_alone);
	g_test_add_func("/store/reader/nothing", test_reader_of_nothing);
	g_test_add_func("/store/reader/other-user", test_reader_other_user);
	return g_test_run();
}
