/* SPDX-License-Identifier: ISC
 *
 * tree: a Maildir in a throw-away folder, for the tests of transport/.  Each test gets a fresh one.
 */
#ifndef UNGCUU_TEST_TREE_H
#define UNGCUU_TEST_TREE_H

#include "transport/maildir.h"
#include "transport/transport.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <utime.h>

struct tree { char *base, *root; };

static inline char *
tree_path(const struct tree *tree, const char *name)
{
	return g_build_filename(tree->root, name, NULL);
}

static inline void
tree_write(const struct tree *tree, const char *name, const char *text)
{
	g_autofree char *path = tree_path(tree, name);
	FILE *file = fopen(path, "w");		/* no g_file_set_contents(): the longest names */

	g_assert_nonnull(file);
	g_assert_cmpint(fputs(text, file), >=, 0);
	g_assert_cmpint(fclose(file), ==, 0);
}

static inline char *
tree_read(const struct tree *tree, const char *name)
{
	g_autofree char *path = tree_path(tree, name);
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

static inline bool
tree_has(const struct tree *tree, const char *name)
{
	g_autofree char *path = tree_path(tree, name);
	GStatBuf st;

	return g_lstat(path, &st) == 0;
}

static inline void
tree_new(struct tree *tree, gconstpointer unused)
{
	static const char *const subs[] = { "new", "cur", "tmp" };

	(void) unused;
	tree->base = g_dir_make_tmp("ungcuu-transport-XXXXXX", NULL);
	g_assert_nonnull(tree->base);
	tree->root = g_build_filename(tree->base, "Maildir", NULL);
	g_assert_cmpint(g_mkdir(tree->root, 0700), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(subs); i++) {
		g_autofree char *path = tree_path(tree, subs[i]);

		g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
	}
}

static inline void
tree_remove(const char *path)
{
	GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *inside = g_build_filename(path, name, NULL);

		tree_remove(inside);
	}
	if (dir)
		g_dir_close(dir);
	g_remove(path);
}

static inline void
tree_free(struct tree *tree, gconstpointer unused)
{
	(void) unused;
	tree_remove(tree->base);
	g_free(tree->base);
	g_free(tree->root);
}

#endif
