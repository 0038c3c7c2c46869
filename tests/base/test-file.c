/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/file.c: whole files, replaced or made once, and names for nameless ones.
 */
#include "base/base.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct scratch { char *folder, *path; };

static void
scratch_make(struct scratch *scratch, gconstpointer unused)
{
	(void)unused;
	scratch->folder = g_dir_make_tmp("base-XXXXXX", NULL);
	g_assert_nonnull(scratch->folder);
	scratch->path = g_build_filename(scratch->folder, "file", NULL);
}

/* Nothing may lie there but what the test made: no temporary file is left. */
static void
scratch_remove(struct scratch *scratch, gconstpointer unused)
{
	(void)unused;
	g_unlink(scratch->path);
	g_assert_cmpint(g_rmdir(scratch->folder), ==, 0);
	g_free(scratch->folder);
	g_free(scratch->path);
}

static void
same_content(const struct scratch *scratch, const char *expected, mode_t mode)
{
	g_autofree char *text = NULL;
	struct stat status;

	g_assert_true(g_file_get_contents(scratch->path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, expected);
	g_assert_cmpint(stat(scratch->path, &status), ==, 0);
	g_assert_cmpuint(status.st_mode & 07777, ==, mode);
}

static void
test_write(struct scratch *scratch, gconstpointer unused)
{
	g_autoptr(GError) error = NULL;

	(void)unused;
	g_assert_cmpint(file_write_durable(scratch->path, "first", 5, 0644, &error), ==, DONE);
	same_content(scratch, "first", 0644);
	g_assert_cmpint(file_write_durable(scratch->path, "", 0, 0600, &error), ==, DONE);
	same_content(scratch, "", 0600);
}

static void
test_create(struct scratch *scratch, gconstpointer unused)
{
	g_autoptr(GError) error = NULL;

	(void)unused;
	g_assert_cmpint(file_create_durable(scratch->path, "key", 3, 0600, &error), ==, DONE);
	g_assert_cmpint(file_create_durable(scratch->path, "other", 5, 0600, &error), ==, NEVER);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	same_content(scratch, "key", 0600);
}

static void
test_errors(struct scratch *scratch, gconstpointer unused)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *missing = g_build_filename(scratch->folder, "none", "file", NULL);

	(void)unused;
	g_assert_cmpint(file_write_durable(missing, "x", 1, 0600, &error), ==, LATER);
	g_clear_error(&error);
	/* a folder lies where the file should: the folder stays */
	g_assert_cmpint(g_mkdir(scratch->path, 0700), ==, 0);
	g_assert_cmpint(file_write_durable(scratch->path, "x", 1, 0600, &error), ==, LATER);
	g_assert_cmpint(g_rmdir(scratch->path), ==, 0);
}

static void
test_link(struct scratch *scratch, gconstpointer unused)
{
	int dir = open(scratch->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)unused;
	if (fd < 0) {
		g_test_skip("no O_TMPFILE on this file system");
	} else {
		g_assert_true(write_all(fd, "blob", 4));
		g_assert_cmpint(file_link(fd, dir, "file"), ==, 0);
		same_content(scratch, "blob", 0600);
		g_assert_cmpint(file_link(fd, dir, "file"), ==, -1);	/* EEXIST: never replaces */
		close(fd);
	}
	close(dir);
	g_assert_cmpint(file_link(-1, AT_FDCWD, scratch->path), ==, -1);
}

/* The folder and all in it goes; what a symbolic link in it points to stays. */
static void
test_remove_tree(struct scratch *scratch, gconstpointer unused)
{
	g_autofree char *deep = g_build_filename(scratch->folder, "a", "b", NULL);
	g_autofree char *inner = g_build_filename(deep, "file", NULL);
	g_autofree char *link = g_build_filename(deep, "link", NULL);
	g_autofree char *top = g_build_filename(scratch->folder, "a", NULL);

	(void)unused;
	g_assert_true(g_file_set_contents(scratch->path, "outside", -1, NULL));
	g_assert_cmpint(g_mkdir_with_parents(deep, 0700), ==, 0);
	g_assert_true(g_file_set_contents(inner, "x", -1, NULL));
	g_assert_cmpint(symlink(scratch->folder, link), ==, 0);
	file_remove_tree(top);
	g_assert_false(g_file_test(top, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(scratch->path, G_FILE_TEST_EXISTS));
	file_remove_tree(top);		/* nothing there: nothing to do */
}

#define ADD(name, function) \
	g_test_add(name, struct scratch, NULL, scratch_make, function, scratch_remove)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/file/write", test_write);
	ADD("/file/create", test_create);
	ADD("/file/errors", test_errors);
	ADD("/file/link", test_link);
	ADD("/file/remove-tree", test_remove_tree);
	return g_test_run();
}
