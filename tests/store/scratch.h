/* SPDX-License-Identifier: ISC
 *
 * scratch: a throw-away store for one test.  Relies on nothing outside its own temporary
 * directory and removes it.  The raw connection is for tests that tamper; it is opened only
 * while the store is closed, because closing a second descriptor of the database in one process
 * drops SQLite's locks.
 */
#ifndef UNGCUU_TEST_STORE_SCRATCH_H
#define UNGCUU_TEST_STORE_SCRATCH_H

#include "store/internal.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch {
	char *dir;
	char *database, *spool, *key_file;
	struct store_paths paths;
	struct store *store;
};

#define NO_ID ((struct id){ { 0 } })
#define assert_done(call) do {							\
	g_autoptr(GError) error_ = NULL;					\
	enum outcome how_ = (call);						\
	if (how_ != DONE)							\
		g_error("%s: %s", #call, error_ != NULL ? error_->message : "?");	\
} while (0)

/* Takes the directory's name. */
static inline void
scratch_in(struct scratch *s, char *dir)
{
	s->dir = dir;
	s->database = g_build_filename(s->dir, "ungcuu.db", NULL);
	s->spool = g_build_filename(s->dir, "spool", NULL);
	s->key_file = g_build_filename(s->dir, "store.key", NULL);
	s->paths = (struct store_paths){ s->database, s->spool, s->key_file };
	s->store = NULL;
}

static inline void
scratch_init(struct scratch *s)
{
	g_autoptr(GError) error = NULL;
	char *dir = g_dir_make_tmp("ungcuu-store-XXXXXX", &error);

	g_assert_no_error(error);
	scratch_in(s, dir);
}

/* One that the test's own subprocess, which shall die, also finds; the parent clears it. */
static inline void
scratch_init_shared(struct scratch *s)
{
	if (g_test_subprocess()) {
		scratch_in(s, g_strdup(g_getenv("UNGCUU_SCRATCH")));
		return;
	}
	scratch_init(s);
	g_setenv("UNGCUU_SCRATCH", s->dir, TRUE);
}

static inline void
scratch_open(struct scratch *s, bool writer)
{
	g_autoptr(GError) error = NULL;

	store_open(&s->paths, writer, &s->store, &error);
	g_assert_no_error(error);
}

static inline void
scratch_close(struct scratch *s)
{
	store_close(s->store);
	s->store = NULL;
}

static inline void
scratch_reopen(struct scratch *s, bool writer)
{
	scratch_close(s);
	scratch_open(s, writer);
}

static inline void
remove_below(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		remove_below(child);
	}
	g_remove(path);
}

static inline void
scratch_clear(struct scratch *s)
{
	scratch_close(s);
	remove_below(s->dir);
	g_free(s->dir);
	g_free(s->database);
	g_free(s->spool);
	g_free(s->key_file);
}

static inline void
begin(struct scratch *s)
{
	g_autoptr(GError) error = NULL;

	store_begin(s->store, &error);
	g_assert_no_error(error);
}

static inline void
commit(struct scratch *s)
{
	g_autoptr(GError) error = NULL;

	store_commit(s->store, &error);
	g_assert_no_error(error);
}

/* SQL behind the store's back; the store must be closed. */
static inline void
tamper(struct scratch *s, const char *sql)
{
	sqlite3 *db = NULL;
	char *why = NULL;

	g_assert_null(s->store);
	g_assert_cmpint(sqlite3_open(s->database, &db), ==, SQLITE_OK);
	sqlite3_exec(db, sql, NULL, NULL, &why);
	g_assert_cmpstr(why, ==, NULL);
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

static inline guint
files_in(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint n = 0;

	while (dir != NULL && g_dir_read_name(dir) != NULL)
		n++;
	return n;
}

/* A mail as intake stores it: state stored, due at `next_try`.  mail_free(). */
static inline struct mail *
mail_sample(const char *uid, gint64 next_try)
{
	struct mail *mail = g_new0(struct mail, 1);
	guint8 sha256[DIGEST_SIZE];

	digest_bytes(uid, strlen(uid), sha256);
	mail->id = id_new();
	mail->mailbox = g_strdup("main");
	mail->identity = g_strdup("maildir");
	mail->uid = g_strdup(uid);
	mail->folder = g_strdup("INBOX");
	mail->size = 1234;
	mail->arrived = 1000;
	mail->received = 2000;
	mail->state = MAIL_STORED;
	mail->kind = -1;
	mail->sha256 = digest_hex(sha256);
	mail->next_try = next_try;
	return mail;
}

/* Added in the open turn; returns its id. */
static inline struct id
mail_added(struct scratch *s, const char *uid, gint64 next_try)
{
	struct mail *mail = mail_sample(uid, next_try);
	struct id id = mail->id;
	g_autoptr(GError) error = NULL;

	mail_add(s->store, mail, &error);
	g_assert_no_error(error);
	mail_free(mail);
	return id;
}

static inline struct ticket *
ticket_added(struct scratch *s, int year)
{
	struct ticket *ticket = g_new0(struct ticket, 1);
	g_autoptr(GError) error = NULL;

	ticket->state = TICKET_RECEIVED;
	ticket->kind = g_strdup("report");
	ticket->subject = g_strdup("Thư lạ");
	ticket->reporter = g_strdup("lan@example.vn");
	ticket->created = ticket->updated = 5000;
	ticket_add(s->store, ticket, "%i-%y-%06n", "NBH", year, &error);
	g_assert_no_error(error);
	return ticket;
}

static inline void
assert_same_id(struct id a, struct id b)
{
	g_assert_cmpmem(a.b, sizeof a.b, b.b, sizeof b.b);
}

/* ---- cost ----------------------------------------------------------------------------- */

/* No walk of a table, no sorting.  "SCAN x USING INDEX" is a walk of a partial index, in order,
 * under a LIMIT. */
static inline void
assert_no_walk(struct store *store, const char *sql)
{
	g_autofree char *explain = g_strconcat("EXPLAIN QUERY PLAN ", sql, NULL);
	sqlite3_stmt *statement = NULL;

	g_assert_cmpint(sqlite3_prepare_v2(store->db, explain, -1, &statement, NULL), ==,
		SQLITE_OK);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		const char *line = (const char *)sqlite3_column_text(statement, 3);
		bool scans = g_str_has_prefix(line, "SCAN") && strstr(line, "USING") == NULL &&
			strstr(line, "CONSTANT ROW") == NULL;

		if (scans || strstr(line, "TEMP B-TREE") != NULL)
			g_error("%s: %s", line, sql);
	}
	sqlite3_finalize(statement);
}

/* Steps of SQLite's machine since the last asking, of all statements that hold `part`. */
static inline gint64
steps_of(struct store *store, const char *part)
{
	GHashTableIter iter;
	void *key, *value;
	gint64 steps = 0;

	g_hash_table_iter_init(&iter, store->statements);
	while (g_hash_table_iter_next(&iter, &key, &value))
		if (strstr(key, part) != NULL)
			steps += sqlite3_stmt_status(value, SQLITE_STMTSTATUS_VM_STEP, 1);
	return steps;
}

#endif
