/* SPDX-License-Identifier: ISC
 *
 * test-key: what a store must be like to be opened: its key, its modes, its schema, its
 * parts together.
 */
#include "scratch.h"

/* ---- refusals: what is done to a store, and what opening it must say ------------------ */

static void
do_key_missing(struct scratch *s)
{
	g_assert_cmpint(g_unlink(s->key_file), ==, 0);
}

static void
do_key_wrong(struct scratch *s)
{
	g_assert_true(g_file_set_contents_full(s->key_file,
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", 65,
		G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static void
do_key_short(struct scratch *s)
{
	g_assert_true(g_file_set_contents_full(s->key_file, "0011\n", 5, G_FILE_SET_CONTENTS_NONE,
		0600, NULL));
}

static void
do_key_long(struct scratch *s)
{
	g_autofree char *text = NULL, *longer = NULL;

	g_assert_true(g_file_get_contents(s->key_file, &text, NULL, NULL));
	longer = g_strconcat(text, "0", NULL);
	g_assert_true(g_file_set_contents_full(s->key_file, longer, -1, G_FILE_SET_CONTENTS_NONE,
		0600, NULL));
}

static void
do_key_group(struct scratch *s)
{
	g_assert_cmpint(chmod(s->key_file, 0640), ==, 0);
}

static void
do_key_other(struct scratch *s)
{
	g_assert_cmpint(chmod(s->key_file, 0604), ==, 0);
}

static void
do_key_directory(struct scratch *s)
{
	do_key_missing(s);
	g_assert_cmpint(mkdir(s->key_file, 0700), ==, 0);
}

static void
do_database_writable(struct scratch *s)
{
	g_assert_cmpint(chmod(s->database, 0660), ==, 0);
}

static void
do_spool_writable(struct scratch *s)
{
	g_assert_cmpint(chmod(s->spool, 0702), ==, 0);
}

static void
do_newer(struct scratch *s)
{
	tamper(s, "PRAGMA user_version = 99");
}

static void
do_foreign(struct scratch *s)
{
	tamper(s, "PRAGMA application_id = 7");
}

static void
do_check_gone(struct scratch *s)
{
	tamper(s, "DELETE FROM meta WHERE name = 'key-check'");
}

static void
do_garbage(struct scratch *s)
{
	g_autofree char *text = g_strnfill(8192, 'x');

	g_assert_true(g_file_set_contents_full(s->database, text, 8192, G_FILE_SET_CONTENTS_NONE,
		0600, NULL));
}

static void
do_database_gone_spool_used(struct scratch *s)
{
	g_autofree char *blob = g_build_filename(s->spool, "00112233445566778899aabbccddeeff",
		NULL);

	g_assert_true(g_file_set_contents(blob, "x", 1, NULL));
	g_assert_cmpint(g_unlink(s->database), ==, 0);
}

static void
do_database_gone_wal_there(struct scratch *s)
{
	g_autofree char *wal = g_strconcat(s->database, "-wal", NULL);

	g_assert_true(g_file_set_contents(wal, "x", 1, NULL));
	g_assert_cmpint(g_unlink(s->database), ==, 0);
}

static const struct {
	const char *name;
	void (*act)(struct scratch *);
	const char *says, *names;	/* words of the message; the file it must name */
} refusals[] = {
	{ "key-missing",      do_key_missing,      "missing",              "store.key" },
	{ "key-wrong",        do_key_wrong,        "not the key of",       "store.key" },
	{ "key-short",        do_key_short,        "64 hex digits",        "store.key" },
	{ "key-long",         do_key_long,         "64 hex digits",        "store.key" },
	{ "key-group",        do_key_group,        "mode 0640",            "store.key" },
	{ "key-other",        do_key_other,        "mode 0604",            "store.key" },
	{ "key-directory",    do_key_directory,    "not a regular file",   "store.key" },
	{ "database-mode",    do_database_writable, "mode 0660",           "ungcuu.db" },
	{ "spool-mode",       do_spool_writable,   "mode 0702",            "spool" },
	{ "newer",            do_newer,            "newer ungcuu",         "ungcuu.db" },
	{ "foreign",          do_foreign,          "no store of ungcuu",   "ungcuu.db" },
	{ "check-gone",       do_check_gone,       "key check value",      "ungcuu.db" },
	{ "garbage",          do_garbage,          "not an SQLite",        "ungcuu.db" },
	{ "spool-of-another", do_database_gone_spool_used, "put the database back", "spool" },
	{ "wal-alone",        do_database_gone_wal_there, "-wal",          "ungcuu.db" },
};

static void
test_refusal(const void *data)
{
	guint i = GPOINTER_TO_UINT(data);
	struct scratch s;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	scratch_close(&s);
	refusals[i].act(&s);
	g_assert_cmpint(store_open(&s.paths, true, &s.store, &error), ==, NEVER);
	g_assert_null(s.store);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_assert_nonnull(strstr(error->message, refusals[i].says));
	g_assert_nonnull(strstr(error->message, refusals[i].names));
	g_clear_error(&error);
	/* A reader refuses the same; only what it would make differs. */
	g_assert_cmpint(store_open(&s.paths, false, &s.store, &error), ==, NEVER);
	scratch_clear(&s);
}

static void
test_no_parent(void)
{
	struct scratch s;
	g_autoptr(GError) error = NULL;

	scratch_init(&s);
	g_free(s.database);
	s.paths.database = s.database = g_build_filename(s.dir, "absent", "ungcuu.db", NULL);
	g_assert_cmpint(store_open(&s.paths, true, &s.store, &error), !=, DONE);
	g_assert_nonnull(strstr(error->message, "absent"));
	scratch_clear(&s);
}

/* A key without a store is used, not replaced: a restored key, or a crash between the two. */
static void
test_key_before_store(void)
{
	struct scratch s;
	g_autofree char *before = NULL, *after = NULL;

	scratch_init(&s);
	scratch_open(&s, true);
	scratch_close(&s);
	g_assert_true(g_file_get_contents(s.key_file, &before, NULL, NULL));
	g_assert_cmpint(g_unlink(s.database), ==, 0);
	scratch_open(&s, true);
	scratch_close(&s);
	g_assert_cmpint(truncate(s.database, 0), ==, 0);
	scratch_open(&s, true);
	g_assert_true(g_file_get_contents(s.key_file, &after, NULL, NULL));
	g_assert_cmpstr(before, ==, after);
	scratch_clear(&s);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autofree char *path = g_strconcat("/key/refused/", refusals[i].name, NULL);
		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_refusal);
	}
	g_test_add_func("/key/no-parent", test_no_parent);
	g_test_add_func("/key/before-store", test_key_before_store);
	return g_test_run();
}
