/* SPDX-License-Identifier: ISC
 *
 * A Maildir as the outgoing side: line ends, names, repeats after a crash.
 */
#include "tree.h"

#include <sys/stat.h>
#include <unistd.h>

static struct delivery *
opened(const char *path)
{
	const struct delivery_settings settings = { .type = "maildir", .path = path };
	g_autoptr(GError) error = NULL;
	struct delivery *delivery;

	g_assert_cmpint(delivery_open(&settings, &delivery, &error), ==, DONE);
	g_assert_no_error(error);
	return delivery;
}

static enum outcome
sent(struct delivery *delivery, const char *name, const char *text)
{
	g_autoptr(GBytes) mail = g_bytes_new(text, strlen(text));
	g_autoptr(GError) error = NULL;
	guint code = 7;
	enum outcome how = delivery_send(delivery, name, "", "a@example.vn", mail, &code, &error);

	g_assert_cmpuint(code, ==, 0);
	g_assert_true((how == DONE) == (error == NULL));
	return how;
}

static const struct { const char *given, *stored; } texts[] = {
	{ "A: b\r\n\r\nc\r\n",   "A: b\n\nc\n" },
	{ "A: b\r\n\r\n",        "A: b\n\n" },
	{ "no line end",         "no line end" },
	{ "lf\nonly\n",          "lf\nonly\n" },
	{ "cr\ralone\r\n",       "cr\ralone\n" },
	{ "two\r\r\nends",       "two\r\nends" },
	{ "last is cr\r",        "last is cr\r" },
	{ "\r\n",                "\n" },
};

static void
test_line_ends(struct tree *tree, gconstpointer unused)
{
	struct delivery *delivery = opened(tree->root);

	(void) unused;
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *name = g_strdup_printf("id%" G_GSIZE_FORMAT, i);
		g_autofree char *path = g_strdup_printf("new/%s.ungcuu", name);

		g_assert_cmpint(sent(delivery, name, texts[i].given), ==, DONE);

		g_autofree char *stored = tree_read(tree, path);

		g_assert_cmpstr(stored, ==, texts[i].stored);
	}
	delivery_close(delivery);
}

static void
test_made(struct tree *tree, gconstpointer unused)
{
	g_autofree char *path = g_build_filename(tree->base, "sent", NULL);
	g_autofree char *file = g_build_filename(path, "new", "x.ungcuu", NULL);
	struct stat st;

	(void) unused;

	struct delivery *delivery = opened(path);

	g_assert_cmpint(sent(delivery, "x", "mail\r\n"), ==, DONE);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0700);
	g_assert_cmpint(stat(file, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
	delivery_close(delivery);
}

static guint
count(const struct tree *tree, const char *sub)
{
	g_autofree char *path = tree_path(tree, sub);
	GDir *dir = g_dir_open(path, 0, NULL);
	guint n = 0;

	while (g_dir_read_name(dir))
		n++;
	g_dir_close(dir);
	return n;
}

/* Sent again after a crash: replaced, not doubled; also when a reader has moved it meanwhile. */
static void
test_repeat(struct tree *tree, gconstpointer unused)
{
	struct delivery *delivery = opened(tree->root);
	g_autofree char *fresh = tree_path(tree, "new/x.ungcuu");
	g_autofree char *seen = tree_path(tree, "cur/x.ungcuu:2,S");
	g_autofree char *text = NULL;

	(void) unused;
	tree_write(tree, "tmp/x.ungcuu", "half a ma");
	g_assert_cmpint(sent(delivery, "x", "one\r\n"), ==, DONE);
	g_assert_cmpint(sent(delivery, "x", "one\r\n"), ==, DONE);
	g_assert_cmpint(sent(delivery, "x", "two\r\n"), ==, DONE);
	text = tree_read(tree, "new/x.ungcuu");
	g_assert_cmpstr(text, ==, "two\n");
	g_assert_cmpuint(count(tree, "new") + count(tree, "tmp"), ==, 1);
	g_assert_cmpint(rename(fresh, seen), ==, 0);
	g_assert_cmpint(sent(delivery, "x", "two\r\n"), ==, DONE);
	g_assert_cmpuint(count(tree, "new") + count(tree, "tmp"), ==, 0);
	g_assert_cmpuint(count(tree, "cur"), ==, 1);
	g_assert_cmpint(sent(delivery, "x", "three\r\n"), ==, DONE);
	g_assert_cmpuint(count(tree, "new"), ==, 1);
	delivery_close(delivery);
}

static const char *const bad_names[] = {
	"", ".", "..", ".x", "a/b", "../../x", "a b", "a\nb", "a:2,S",
};

static void
test_names(struct tree *tree, gconstpointer unused)
{
	struct delivery *delivery = opened(tree->root);

	(void) unused;
	for (gsize i = 0; i < G_N_ELEMENTS(bad_names); i++)
		g_assert_cmpint(sent(delivery, bad_names[i], "mail\r\n"), ==, NEVER);
	g_assert_cmpint(sent(delivery, "x", ""), ==, NEVER);
	g_assert_cmpuint(count(tree, "new") + count(tree, "tmp"), ==, 0);
	delivery_close(delivery);
}

/* A symbolic link left in tmp/ is replaced, never written through. */
static void
test_link_in_tmp(struct tree *tree, gconstpointer unused)
{
	struct delivery *delivery = opened(tree->root);
	g_autofree char *target = g_build_filename(tree->base, "target", NULL);
	g_autofree char *link = tree_path(tree, "tmp/x.ungcuu");

	(void) unused;
	g_assert_cmpint(symlink(target, link), ==, 0);
	g_assert_cmpint(sent(delivery, "x", "mail\r\n"), ==, DONE);
	g_assert_false(g_file_test(target, G_FILE_TEST_EXISTS));
	g_assert_cmpuint(count(tree, "tmp"), ==, 0);
	delivery_close(delivery);
}

static void
test_refused(struct tree *tree, gconstpointer unused)
{
	const struct delivery_settings rows[] = {
		{ .type = "uucp", .path = tree->root }, { .type = "maildir" },
	};

	(void) unused;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct delivery *delivery;
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) lines = delivery_check(&rows[i]);

		g_assert_cmpint(delivery_open(&rows[i], &delivery, &error), ==, NEVER);
		g_assert_null(delivery);
		g_assert_true(g_str_has_prefix(lines[0], "fail: "));
	}
}

static const struct { const char *name; void (*run)(struct tree *, gconstpointer); } tests[] = {
	{ "/transport/delivery/line-ends",   test_line_ends },
	{ "/transport/delivery/made",        test_made },
	{ "/transport/delivery/repeat",      test_repeat },
	{ "/transport/delivery/names",       test_names },
	{ "/transport/delivery/link-in-tmp", test_link_in_tmp },
	{ "/transport/delivery/refused",     test_refused },
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
