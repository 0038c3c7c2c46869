/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/hooks.c, with the hooked clock.c and seal.c: faults fire where and when
 * they are told to, once; the clock moves; sealing can be switched off and what it wrote is
 * still read.  Also holds the table of fault points to the sources.
 */
#include "child.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

static int hooks = -1;

static void
tell(const char *text)
{
	g_assert_cmpint(ftruncate(hooks, 0), ==, 0);
	g_assert_cmpint(pwrite(hooks, text, strlen(text), 0), ==, (gssize)strlen(text));
}

/* What is left in the file, blanks cut off at both ends. */
static char *
told(void)
{
	char text[1000] = "";

	g_assert_cmpint(pread(hooks, text, sizeof text - 1, 0), >=, 0);
	return g_strdup(g_strstrip(text));
}

static int
pass_point(const void *data)
{
	const char *role = data;

	hook_role(role);
	FAULT("hub.decide.before");
	return 3;
}

static int
pass_unknown(const void *unused)
{
	(void)unused;
	FAULT("no.such.point");
	return 3;
}

static const struct { const char *told, *role, *end, *left; } faults[] = {
	{ "", "hub", "exit 3", "" },
	{ "fault=hub.decide.before hub kill\n", "hub", "signal 9", "" },
	{ "fault=hub.decide.before hub abort\n", "hub", "signal 6", "" },
	{ "fault=hub.decide.before hub abort", "hub", "signal 6", "" },
	{ "fault=hub.decide.before * kill\n", "hub", "signal 9", "" },
	{ "fault=hub.decide.before hub kill\n", "keys", "exit 3",
		"fault=hub.decide.before hub kill" },
	{ "fault=hub.decide.after hub kill\n", "hub", "exit 3", "fault=hub.decide.after hub kill" },
	{ "fault=hub.decide.before hub nospace\n", "hub", "exit 3",
		"fault=hub.decide.before hub nospace" },
	{ "fault=hub.decide.before hub kill 2\n", "hub", "exit 3",
		"fault=hub.decide.before hub kill 1" },
	{ "fault=hub.decide.before hub kill 10\n", "hub", "exit 3",
		"fault=hub.decide.before hub kill 9" },
	{ "fault=hub.decide.before hub kill 1\n", "hub", "signal 9", "" },
	{ "clock=+5\nfault=hub.decide.before hub kill\nseal=off\n", "hub", "signal 9",
		"clock=+5\n"
		"                                \nseal=off" },
	{ "fault=hub.decide.before hub kill\nfault=hub.decide.before hub kill\n", "hub", "signal 9",
		"fault=hub.decide.before hub kill" },
	{ "nonsense\nfault=\nfault=hub.decide.before\n\n", "hub", "exit 3",
		"nonsense\nfault=\nfault=hub.decide.before" },
};

static void
test_faults(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
		tell(faults[i].told);
		g_autofree char *end = child_run(pass_point, faults[i].role, NULL), *left = told();

		g_test_message("%s", faults[i].told);
		g_assert_cmpstr(end, ==, faults[i].end);
		g_assert_cmpstr(left, ==, faults[i].left);
	}
	tell("");
	g_autofree char *end = child_run(pass_unknown, NULL, NULL);
	g_assert_cmpstr(end, ==, "signal 6");
}

/* "NTH" counts passes, in whatever process. */
static void
test_nth(void)
{
	tell("fault=hub.decide.before hub kill 3\n");
	for (int i = 0; i < 4; i++) {
		g_autofree char *end = child_run(pass_point, "hub", NULL);

		g_assert_cmpstr(end, ==, i == 2 ? "signal 9" : "exit 3");
	}
}

static void
test_nospace(void)
{
	tell("fault=maildir.deliver.space * nospace\n");
	g_assert_false(FAULT_NOSPACE("seal.space"));
	g_assert_true(FAULT_NOSPACE("maildir.deliver.space"));
	g_assert_false(FAULT_NOSPACE("maildir.deliver.space"));
}

static void
test_clock(void)
{
	tell("clock=+1000000000000\n");
	g_assert_cmpint(hook_clock_offset(), ==, G_GINT64_CONSTANT(1000000000000));
	gint64 late = clock_now();
	tell("clock=-5\n");
	g_assert_cmpint(hook_clock_offset(), ==, -5);
	tell("");
	g_assert_cmpint(hook_clock_offset(), ==, 0);
	g_assert_cmpint(late - clock_now(), >, G_GINT64_CONSTANT(900000000000));
}

static bool
holds(const void *data, gsize size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

static void
test_sealing(void)
{
	static const guint8 key[32] = "key";
	const struct id id = { "id" };
	guint8 sha256[DIGEST_SIZE], raw[1000];
	guint64 size = 0;

	for (int off = 0; off < 2; off++) {
		int fd = memfd_create("sealed", MFD_CLOEXEC);
		struct sealer *sealer = sealer_new(fd, key, id);
		g_autoptr(GError) error = NULL;

		tell(off ? "seal=off\n" : "");
		g_autoptr(GBytes) value = seal_value(key, "c", id, "planted", 7);
		g_assert_true(holds(g_bytes_get_data(value, NULL), g_bytes_get_size(value),
				      "planted") == off);
		g_assert_cmpint(sealer_put(sealer, "planted", 7, &error), ==, DONE);
		g_assert_cmpint(sealer_end(sealer, &size, sha256, &error), ==, DONE);
		sealer_free(sealer);
		gssize n = pread(fd, raw, sizeof raw, 0);
		g_assert_true(holds(raw, (gsize)n, "planted") == off);
		/* both are read, whatever is written now */
		tell("");
		g_autoptr(GBytes) again = unseal_value(key, "c", id, g_bytes_get_data(value, NULL),
			g_bytes_get_size(value), &error);
		g_assert_no_error(error);
		g_assert_cmpmem(
			g_bytes_get_data(again, NULL), g_bytes_get_size(again), "planted", 7);
		int plain = unseal_file(fd, key, id, 7, &error);
		g_assert_no_error(error);
		close(plain);
		close(fd);
	}
}

/* ---- the table against the sources --------------------------------------------------- */

static void
names_of_source(GHashTable *names, const char *path)
{
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (const char *at = text; (at = strstr(at, "FAULT")); at += 5) {
		const char *open = at + strcspn(at, "(\n");

		if (open[0] == '(' && open[1] == '"')
			g_hash_table_add(names, g_strndup(open + 2, strcspn(open + 2, "\"")));
	}
}

static void
names_of_sources(GHashTable *names, const char *top)
{
	g_autoptr(GDir) folders = g_dir_open(top, 0, NULL);

	g_assert_nonnull(folders);
	for (const char *folder; (folder = g_dir_read_name(folders));) {
		g_autofree char *path = g_build_filename(top, folder, NULL);
		g_autoptr(GDir) files = g_dir_open(path, 0, NULL);

		for (const char *file; files && (file = g_dir_read_name(files));) {
			g_autofree char *source = g_build_filename(path, file, NULL);

			if (g_str_has_suffix(file, ".c"))
				names_of_source(names, source);
		}
	}
}

static void
test_table(void)
{
	const char *top = g_getenv("TOP_SRCDIR");
	g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) listed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	gpointer name;

	if (!top) {
		g_test_skip("TOP_SRCDIR is not set");
		return;
	}
	g_autofree char *gateway = g_build_filename(top, "gateway", NULL);
	names_of_sources(used, gateway);
	for (guint i = 0; i < 2; i++)
		for (const char *const *point = i ? fault_names_beside() : fault_names(); *point;
		    point++) {
			g_assert_nonnull(strchr(*point, ' '));
			g_hash_table_add(listed, g_strndup(*point, strcspn(*point, " ")));
		}
	g_hash_table_iter_init(&iter, used);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!g_hash_table_contains(listed, name))
			g_error("fault point %s is not in the table of hooks.c", (char *)name);
	g_hash_table_iter_init(&iter, listed);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (!g_hash_table_contains(used, name))
			g_error("fault point %s of the table is in no source", (char *)name);
}

int
main(int argc, char **argv)
{
	hooks = memfd_create("hooks", 0);
	g_autofree char *number = g_strdup_printf("%d", hooks);
	g_setenv("UNGCUU_HOOKS", number, TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/hooks/faults", test_faults);
	g_test_add_func("/hooks/nth", test_nth);
	g_test_add_func("/hooks/nospace", test_nospace);
	g_test_add_func("/hooks/clock", test_clock);
	g_test_add_func("/hooks/sealing", test_sealing);
	g_test_add_func("/hooks/table", test_table);
	return g_test_run();
}
