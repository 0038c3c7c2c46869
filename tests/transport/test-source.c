/* SPDX-License-Identifier: ISC
 *
 * A Maildir as mailbox: which files are mails, reading by pages, taking, moving to the done
 * folder.  What a crash or another program leaves behind is each a row or a test: nothing is
 * lost, overwritten or followed.
 */
#include "tree.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct source *
opened(const struct tree *tree)
{
	const struct source_settings settings = { .type = "maildir", .path = tree->root,
		.done_folder = "Done", .held_folder = "Held" };
	g_autoptr(GError) error = NULL;
	struct source *source;

	g_assert_cmpint(source_open(&settings, &source, &error), ==, DONE);
	g_assert_no_error(error);
	return source;
}

/* "uid:size" of all mails, `page` at a time. */
static char *
listed(struct source *source, const char *folder, guint page)
{
	GString *text = g_string_new(NULL);
	g_autofree char *after = g_strdup("");
	bool more = true;

	while (more) {
		g_auto(listing_auto) listing = { 0 };
		g_autoptr(GError) error = NULL;

		g_assert_cmpint(source_list(source, folder, after, page, &listing, &error), ==,
			DONE);
		g_assert_cmpstr(listing.identity, ==, "maildir");
		g_assert_cmpuint(listing.found->len, <=, page);
		more = listing.more;
		for (guint i = 0; i < listing.found->len; i++) {
			const struct found *mail = listing.found->pdata[i];

			g_string_append_printf(text, "%s%s:%" G_GUINT64_FORMAT,
				text->len ? " " : "", mail->uid, mail->size);
			g_free(after);
			after = g_strdup(mail->uid);
		}
		g_assert_true(!more || listing.found->len > 0);
	}
	return g_string_free(text, FALSE);
}

static void
assert_listed(struct source *source, const char *folder, const char *expected)
{
	static const guint pages[] = { 1, 2, 3, 1000 };

	for (gsize i = 0; i < G_N_ELEMENTS(pages); i++) {
		g_autofree char *text = listed(source, folder, pages[i]);

		g_assert_cmpstr(text, ==, expected);
	}
}

static enum outcome
collect(void *data, const void *bytes, gsize size, GError **error)
{
	(void) error;
	g_string_append_len(data, bytes, (gssize) size);
	return DONE;
}

/* The outcome in words: the text taken, or "later: why", "never: why". */
static char *
taken(struct source *source, const char *folder, const char *uid, guint64 max)
{
	g_autoptr(GError) error = NULL;
	GString *text = g_string_new(NULL);
	enum outcome how = source_take(source, folder, uid, max, collect, text, &error);

	if (how == DONE)
		return g_string_free(text, FALSE);
	g_string_free(text, TRUE);
	g_assert_error(error, UNGCUU_ERROR, (int) how);
	return g_strdup_printf("%s: %s", how == NEVER ? "never" : "later", error->message);
}

static void
assert_taken(struct source *source, const char *folder, const char *uid, const char *expected)
{
	g_autofree char *text = taken(source, folder, uid, 1000);

	g_assert_cmpstr(text, ==, expected);
}

static void
assert_settled(struct source *source, const char *uid, enum outcome expected)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(source_settle(source, "INBOX", uid, &error), ==, expected);
	if (expected == DONE)
		g_assert_no_error(error);
}

/* ---- opening -------------------------------------------------------------------------- */

static void
test_open(struct tree *tree, gconstpointer unused)
{
	g_autofree char *path = tree_path(tree, ".Done");
	struct stat st;

	(void) unused;
	source_close(opened(tree));
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0700);
	g_assert_true(tree_has(tree, ".Done/maildirfolder"));
	g_assert_true(tree_has(tree, ".Done/new") && tree_has(tree, ".Done/cur") &&
		tree_has(tree, ".Done/tmp"));
	source_close(opened(tree));
}

static void
test_open_refused(struct tree *tree, gconstpointer unused)
{
	const struct { const char *type, *path, *done; } rows[] = {
		{ "pop4", tree->root, "Done" },
		{ "maildir", NULL, "Done" },
		{ "maildir", tree->root, NULL },
		{ "maildir", tree->base, "Done" },
		{ "maildir", "/nonexistent/Maildir", "Done" },
		{ "maildir", tree->root, "../Done" },
		{ "maildir", tree->root, "INBOX" },
	};

	(void) unused;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		struct source *source;

		const struct source_settings settings = { .type = rows[i].type,
			.path = rows[i].path, .done_folder = rows[i].done };

		g_assert_cmpint(source_open(&settings, &source, &error), ==, NEVER);
		g_assert_error(error, UNGCUU_ERROR, NEVER);
		g_assert_null(source);
	}
}

/* ---- listing ------------------------------------------------------------------------------ */

static void
test_list(struct tree *tree, gconstpointer unused)
{
	static const char *const files[] = {
		"new/b", "cur/a:2,S", "cur/c:2,", "new/.dot", "new/two words", "cur/with:colon",
		"tmp/unfinished", "cur/e:2,FRS",
	};
	struct source *source = opened(tree);

	(void) unused;
	assert_listed(source, "INBOX", "");
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
		tree_write(tree, files[i], "12345");
	assert_listed(source, "INBOX",
		".dot:5 a:5 b:5 c:5 e:5 two%20words:5 with:colon:5");
	assert_listed(source, "Done", "");
	source_close(source);
}

static void
test_list_arrived(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *path = tree_path(tree, "new/a");
	const struct utimbuf times = { 1700000000, 1700000000 };
	g_auto(listing_auto) listing = { 0 };

	(void) unused;
	tree_write(tree, "new/a", "x");
	g_assert_cmpint(utime(path, &times), ==, 0);
	g_assert_cmpint(source_list(source, "INBOX", "", 10, &listing, NULL), ==, DONE);
	g_assert_cmpint(((struct found *) listing.found->pdata[0])->arrived, ==,
		G_GINT64_CONSTANT(1700000000000));
	source_close(source);
}

/* Only plain files are mails; nothing else is opened or followed, and nothing else stops the
 * listing. */
static void
test_list_odd(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *link = tree_path(tree, "new/link"), *fifo = tree_path(tree, "new/fifo");
	g_autofree char *directory = tree_path(tree, "cur/directory:2,");
	const struct source_settings settings = { .type = "maildir", .path = tree->root,
		.done_folder = "Done", .held_folder = "Held" };

	(void) unused;
	g_assert_cmpint(symlink("/etc/passwd", link), ==, 0);
	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	g_assert_cmpint(g_mkdir(directory, 0700), ==, 0);
	tree_write(tree, "new/mail", "x");
	assert_listed(source, "INBOX", "mail:1");
	assert_taken(source, "INBOX", "link", "never: gone");
	assert_taken(source, "INBOX", "fifo", "never: gone");
	assert_taken(source, "INBOX", "directory", "never: gone");

	g_auto(GStrv) lines = source_check(&settings);

	g_assert_cmpstr(lines[1], ==, "warn: folder INBOX holds 3 entries that are no plain "
		"files, they are left alone: remove them");
	source_close(source);
}

/* The same uid twice is one mail: a move between scans, a link cut short, a copy put back. */
static void
test_list_twins(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *fresh = tree_path(tree, "new/a"), *seen = tree_path(tree, "cur/a:2,S");

	(void) unused;
	tree_write(tree, "new/a", "x");
	g_assert_cmpint(link(fresh, seen), ==, 0);
	tree_write(tree, "cur/b:2,", "first");
	tree_write(tree, "cur/b:2,S", "other");
	tree_write(tree, "new/b", "third one");
	assert_listed(source, "INBOX", "a:1 b:5");
	assert_taken(source, "INBOX", "b", "first");
	source_close(source);
}

/* A page after the first comes from the snapshot; the next listing sees what is new. */
static void
test_list_snapshot(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_auto(listing_auto) first = { 0 }, second = { 0 };

	(void) unused;
	tree_write(tree, "new/a", "x");
	tree_write(tree, "new/c", "x");
	g_assert_cmpint(source_list(source, "INBOX", "", 1, &first, NULL), ==, DONE);
	g_assert_true(first.more);
	tree_write(tree, "new/b", "x");
	assert_settled(source, "a", DONE);
	g_assert_cmpint(source_list(source, "INBOX", "a", 5, &second, NULL), ==, DONE);
	g_assert_false(second.more);
	g_assert_cmpuint(second.found->len, ==, 1);
	assert_listed(source, "INBOX", "b:1 c:1");
	source_close(source);
}

static void
test_list_folders(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *junk = tree_path(tree, ".Junk"), *half = tree_path(tree, ".half");
	g_auto(listing_auto) listing = { 0 };
	g_autoptr(GError) error = NULL;

	(void) unused;
	assert_listed(source, "Junk", "");	/* not made yet: empty */
	assert_taken(source, "Junk", "a", "never: gone");
	g_assert_cmpint(g_mkdir(half, 0700), ==, 0);
	g_assert_cmpint(maildir_make(junk, true, NULL), ==, DONE);
	tree_write(tree, ".Junk/new/a", "x");
	assert_listed(source, "Junk", "a:1");
	g_assert_cmpint(source_list(source, "../x", "", 1, &listing, &error), ==, NEVER);

	g_auto(GStrv) names = source_folders(source);
	g_autofree char *joined = g_strjoinv(" ", names);

	g_assert_cmpstr(joined, ==, "INBOX Done Junk");
	source_close(source);
}

/* ---- taking --------------------------------------------------------------------------- */

static void
test_take(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *fresh = tree_path(tree, "new/a"), *seen = tree_path(tree, "cur/a:2,RS");

	(void) unused;
	tree_write(tree, "new/a", "From: a@example.vn\n\nhai\r\n");
	tree_write(tree, "new/empty", "");
	assert_taken(source, "INBOX", "a", "From: a@example.vn\n\nhai\r\n");
	assert_taken(source, "INBOX", "empty", "");
	g_assert_cmpint(rename(fresh, seen), ==, 0);	/* a reader saw and answered it */
	assert_taken(source, "INBOX", "a", "From: a@example.vn\n\nhai\r\n");
	g_assert_cmpint(unlink(seen), ==, 0);
	assert_taken(source, "INBOX", "a", "never: gone");
	assert_taken(source, "INBOX", "never-was", "never: gone");
	assert_taken(source, "INBOX", "../new/empty", "never: gone");
	source_close(source);
}

static void
test_take_large(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *large = g_strnfill(200000, 'x');
	g_autofree char *whole = NULL, *exact = NULL, *over = NULL;

	(void) unused;
	tree_write(tree, "new/a", large);
	whole = taken(source, "INBOX", "a", 1000000);
	g_assert_cmpstr(whole, ==, large);
	exact = taken(source, "INBOX", "a", 200000);
	g_assert_cmpstr(exact, ==, large);
	over = taken(source, "INBOX", "a", 199999);
	g_assert_cmpstr(over, ==, "never: fetch: mail size limit 199999");
	source_close(source);
}

struct grown { const struct tree *tree; guint pieces; };

static enum outcome
grow(void *data, const void *bytes, gsize size, GError **error)
{
	struct grown *grown = data;

	(void) bytes, (void) size, (void) error;
	if (grown->pieces++ == 0)
		tree_write(grown->tree, "other", "");
	g_autofree char *path = tree_path(grown->tree, "new/a");
	FILE *file = grown->pieces == 1 ? fopen(path, "a") : NULL;

	if (file) {
		fputs("more", file);
		fclose(file);
	}
	return DONE;
}

static enum outcome
full(void *data, const void *bytes, gsize size, GError **error)
{
	(void) data, (void) bytes, (void) size;
	return fail(error, LATER, "no space");
}

static void
test_take_unsteady(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	struct grown grown = { tree, 0 };
	g_autoptr(GError) error = NULL, spool = NULL;

	(void) unused;
	tree_write(tree, "new/a", "text");
	g_assert_cmpint(source_take(source, "INBOX", "a", 1000, grow, &grown, &error), ==, LATER);
	g_assert_cmpstr(error->message, ==, "the mail changed while it was read");
	g_assert_cmpint(source_take(source, "INBOX", "a", 1000, full, NULL, &spool), ==, LATER);
	g_assert_cmpstr(spool->message, ==, "no space");
	source_close(source);
}

/* ---- settling ------------------------------------------------------------------------- */

static const struct { const char *from, *to; } moves[] = {
	{ "new/a",             ".Done/cur/a:2," },
	{ "cur/b:2,",          ".Done/cur/b:2," },
	{ "cur/c:2,RS",        ".Done/cur/c:2,RS" },
	{ "cur/d:1,x",         ".Done/cur/d:1,x" },
	{ "new/.dot",          ".Done/cur/.dot:2," },
	{ "new/two words",     ".Done/cur/two words:2," },
	{ "cur/col:on",        ".Done/cur/col:on:2," },
	{ "new/th\xc6\xb0\xff", ".Done/cur/th\xc6\xb0\xff:2," },
};

static void
test_settle(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);

	(void) unused;
	for (gsize i = 0; i < G_N_ELEMENTS(moves); i++) {
		g_autofree char *uid = maildir_uid(moves[i].from + strlen("new/"));

		tree_write(tree, moves[i].from, moves[i].to);
		assert_settled(source, uid, DONE);
		g_assert_false(tree_has(tree, moves[i].from));

		g_autofree char *text = tree_read(tree, moves[i].to);

		g_assert_cmpstr(text, ==, moves[i].to);
		assert_settled(source, uid, DONE);	/* asked again after a crash */
		assert_taken(source, "Done", uid, moves[i].to);
	}
	assert_settled(source, "never-was", NEVER);
	source_close(source);
}

static void
test_settle_longest(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *name = g_strnfill(255, 'n');
	g_autofree char *from = g_strconcat("new/", name, NULL), *uid = maildir_uid(name);
	g_autofree char *to = g_strconcat(".Done/cur/", name, NULL);

	(void) unused;
	tree_write(tree, from, "x");
	assert_settled(source, uid, DONE);
	g_assert_true(tree_has(tree, to));
	source_close(source);
}

static void
test_settle_flag_change(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *fresh = tree_path(tree, "new/a"), *seen = tree_path(tree, "cur/a:2,S");

	(void) unused;
	tree_write(tree, "new/a", "x");
	assert_listed(source, "INBOX", "a:1");
	g_assert_cmpint(rename(fresh, seen), ==, 0);
	assert_settled(source, "a", DONE);
	g_assert_true(tree_has(tree, ".Done/cur/a:2,S"));
	source_close(source);
}

/* What lies in Done under the same name before the move, and what there is afterwards. */
static const struct {
	const char *in_inbox, *in_done, *done_text;
	const char *kept, *kept_text, *added, *added_text;
} collisions[] = {
	{ "new/a", ".Done/cur/a:2,",  "mail",  ".Done/cur/a:2,",  "mail",  NULL, NULL },
	{ "new/a", ".Done/cur/a:2,S", "mail",  ".Done/cur/a:2,S", "mail",  NULL, NULL },
	{ "new/a", ".Done/new/a",     "mail",  ".Done/new/a",     "mail",  NULL, NULL },
	{ "new/a", ".Done/cur/a:2,",  "other", ".Done/cur/a:2,",  "other",
		".Done/cur/a,ungcuu-2:2,", "mail" },
	{ "cur/a:2,R", ".Done/cur/a:2,S", "else", ".Done/cur/a:2,S", "else",
		".Done/cur/a,ungcuu-2:2,R", "mail" },
};

static void
test_settle_collision(struct tree *tree, gconstpointer unused)
{
	(void) unused;
	for (gsize i = 0; i < G_N_ELEMENTS(collisions); i++) {
		struct source *source = opened(tree);
		g_autofree char *kept = NULL, *added = NULL;

		tree_write(tree, collisions[i].in_done, collisions[i].done_text);
		tree_write(tree, collisions[i].in_inbox, "mail");
		assert_settled(source, "a", DONE);
		g_assert_false(tree_has(tree, collisions[i].in_inbox));
		kept = tree_read(tree, collisions[i].kept);
		g_assert_cmpstr(kept, ==, collisions[i].kept_text);
		if (collisions[i].added) {
			added = tree_read(tree, collisions[i].added);
			g_assert_cmpstr(added, ==, collisions[i].added_text);
		}
		source_close(source);

		g_autofree char *done = tree_path(tree, ".Done");

		tree_remove(done);
	}
}

/* A link() that was cut short before its unlink(), and a third of the same name. */
static void
test_settle_hard_link(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *fresh = tree_path(tree, "new/a");
	g_autofree char *done = tree_path(tree, ".Done/cur/a:2,");

	(void) unused;
	tree_write(tree, "new/a", "x");
	g_assert_cmpint(link(fresh, done), ==, 0);
	assert_settled(source, "a", DONE);
	g_assert_false(tree_has(tree, "new/a"));
	for (int i = 2; i < 5; i++) {
		g_autofree char *text = g_strdup_printf("mail %d", i);
		g_autofree char *name = g_strdup_printf(".Done/cur/a,ungcuu-%d:2,", i);

		tree_write(tree, "new/a", text);
		assert_settled(source, "a", DONE);

		g_autofree char *moved = tree_read(tree, name);

		g_assert_cmpstr(moved, ==, text);
	}
	source_close(source);
}

/* Somebody emptied or removed the done folder while we run. */
static void
test_settle_done_removed(struct tree *tree, gconstpointer unused)
{
	struct source *source = opened(tree);
	g_autofree char *done = tree_path(tree, ".Done");

	(void) unused;
	tree_write(tree, "new/a", "x");
	tree_write(tree, "new/b", "x");
	assert_settled(source, "a", DONE);
	tree_remove(done);
	assert_settled(source, "b", DONE);
	g_assert_true(tree_has(tree, ".Done/cur/b:2,"));
	assert_settled(source, "a", NEVER);
	source_close(source);
}

static const struct { const char *name; void (*run)(struct tree *, gconstpointer); } tests[] = {
	{ "/transport/source/open",                test_open },
	{ "/transport/source/open-refused",        test_open_refused },
	{ "/transport/source/list",                test_list },
	{ "/transport/source/list-arrived",        test_list_arrived },
	{ "/transport/source/list-odd",            test_list_odd },
	{ "/transport/source/list-twins",          test_list_twins },
	{ "/transport/source/list-snapshot",       test_list_snapshot },
	{ "/transport/source/list-folders",        test_list_folders },
	{ "/transport/source/take",                test_take },
	{ "/transport/source/take-large",          test_take_large },
	{ "/transport/source/take-unsteady",       test_take_unsteady },
	{ "/transport/source/settle",              test_settle },
	{ "/transport/source/settle-longest",      test_settle_longest },
	{ "/transport/source/settle-flag-change",  test_settle_flag_change },
	{ "/transport/source/settle-collision",    test_settle_collision },
	{ "/transport/source/settle-hard-link",    test_settle_hard_link },
	{ "/transport/source/settle-done-removed", test_settle_done_removed },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, -1);
	for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].name, struct tree, NULL, tree_new, tests[i].run, tree_free);
	return g_test_run();
}
