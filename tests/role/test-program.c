/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/program.c: what a foreign program is given, and that it always ends.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "role/program.h"

static enum outcome
run(const char *const *argv, gint64 ms, gsize max, char **text)
{
	struct program program = { .path = argv[0], .argv = argv, .uid = -1, .gid = -1 };
	g_autoptr(GBytes) out = NULL;
	enum outcome how = program_capture(&program, ms, max, &out, NULL);

	*text = NULL;
	if (how == DONE) {
		gsize size;
		const char *bytes = g_bytes_get_data(out, &size);

		*text = g_strndup(bytes ? bytes : "", size);
	}
	return how;
}

static void
test_capture(void)
{
	static const struct {
		const char *argv[5];
		gint64 ms;
		gsize max;
		enum outcome how;
		const char *text;
	} rows[] = {
		{ { "/bin/echo", "a b", "$HOME;", NULL }, 10000, 100, DONE, "a b $HOME;\n" },
		{ { "/bin/true", NULL }, 10000, 100, DONE, "" },
		{ { "/bin/false", NULL }, 10000, 100, NEVER, NULL },
		{ { "/no/such/program", NULL }, 10000, 100, NEVER, NULL },
		{ { "/bin/echo", "0123456789", NULL }, 10000, 5, NEVER, NULL },
		{ { "/usr/bin/yes", NULL }, 10000, 100000, NEVER, NULL },
		{ { "/bin/sleep", "1000", NULL }, 1, 100, LATER, NULL },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = NULL;

		g_test_message("%s", rows[i].argv[0]);
		g_assert_cmpint(run(rows[i].argv, rows[i].ms, rows[i].max, &text), ==, rows[i].how);
		g_assert_cmpstr(text, ==, rows[i].text);
	}
}

/* Nothing of ours but three descriptors and a fixed environment. */
static void
test_surroundings(void)
{
	static const char *const env[] = { "/usr/bin/env", NULL };
	static const char *const fds[] = { "/bin/ls", "/proc/self/fd", NULL };
	g_autofree char *text = NULL, *list = NULL;
	int leak = open("/dev/null", O_RDONLY);	/* not close-on-exec */

	g_setenv("UNGCUU_LEAK", "1", TRUE);
	g_assert_cmpint(run(env, 10000, 1000, &text), ==, DONE);
	g_assert_cmpstr(text, ==, "PATH=/usr/bin:/bin\nLC_ALL=C\nHOME=/nonexistent\n");
	g_assert_cmpint(run(fds, 10000, 1000, &list), ==, DONE);
	g_assert_cmpstr(list, ==, "0\n1\n2\n3\n");	/* 3: the folder itself */
	close(leak);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/program/capture", test_capture);
	g_test_add_func("/program/surroundings", test_surroundings);
	return g_test_run();
}
