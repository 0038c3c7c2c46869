/* SPDX-License-Identifier: ISC
 *
 * test-scan: hostile mails written by tests/corpus/hostile/make-hostile.py, which also says what
 * must become of them.  Each is scanned and parsed in a child with the letter's limits of memory
 * and CPU time, so that what a mail costs is bounded by the kernel, not by a stopwatch.  Then an
 * ordinary mail must still open.
 */
#include "mime/mime.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const fallbacks[] = { "windows-1258", "viscii", NULL };
static const struct parse_settings settings = { .fallback_charsets = fallbacks };

static char *
folder(void)
{
	const char *top = g_getenv("TOP_BUILDDIR");
	return g_build_filename(top != NULL ? top : g_get_tmp_dir(), "tests", "hostile", NULL);
}

static GBytes *
file_read(const char *path)
{
	char *data;
	gsize size;
	g_assert_true(g_file_get_contents(path, &data, &size, NULL));
	return g_bytes_new_take(data, size);
}

static void
limits_enter(void)
{
	struct rlimit cpu = { LIMIT_LETTER_CPU, LIMIT_LETTER_CPU };
#ifdef __SANITIZE_ADDRESS__
	cpu.rlim_cur = cpu.rlim_max = 12 * LIMIT_LETTER_CPU;	/* the sanitizer costs its share */
#else
	struct rlimit memory = { LIMIT_LETTER_MEMORY, LIMIT_LETTER_MEMORY };
	g_assert_cmpint(setrlimit(RLIMIT_AS, &memory), ==, 0);
#endif
	g_assert_cmpint(setrlimit(RLIMIT_CPU, &cpu), ==, 0);
}

/* In the child: writes "opened" or "held" and the reason. */
static void
child(const char *path, int out)
{
	limits_enter();
	g_autoptr(GBytes) raw = file_read(path);
	g_autoptr(GError) error = NULL, scan_error = NULL;
	struct letter *letter = NULL;
	enum outcome scanned = scan_mail(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw),
		&scan_error);
	enum outcome parsed = parse_mail(raw, NULL, &settings, &letter, &error);
	const char *why = error != NULL ? error->message : "";
	g_autofree char *answer = g_strdup_printf("%s\t%s", parsed == DONE ? "opened" : "held",
		why);
	if (parsed == DONE) {
		g_autoptr(GBytes) bytes = letter_to_bytes(letter);
		g_autoptr(letter_auto) again = letter_from_bytes(bytes, &error);
		if (again == NULL) {
			g_free(answer);
			answer = g_strdup_printf("refused\t%s", error->message);
		}
	}
	const char *told = scanned == parsed ? answer : "scan and parse disagree";
	(void)!write(out, told, strlen(told));
	_exit(0);
}

static char *
run_child(const char *path)
{
	int ends[2], status;
	char answer[512] = "";
	g_assert_cmpint(pipe(ends), ==, 0);
	pid_t pid = fork();
	if (pid == 0)
		child(path, ends[1]);
	close(ends[1]);
	(void)!read(ends[0], answer, sizeof answer - 1);
	close(ends[0]);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return g_strdup_printf("died with status %x", (guint)status);
	return g_strdup(answer);
}

static void
test_hostile(gconstpointer data)
{
	const char *const *row = data;		/* file, outcome, limit */
	g_autofree char *where = folder();
	g_autofree char *path = g_build_filename(where, row[0], NULL);
	g_autofree char *got = run_child(path);
	g_autofree char *expected = row[2][0] != '\0' ? g_strdup_printf("%s\tmime: %s limit ",
		row[1], row[2])
		: g_strconcat(row[1], "\t", NULL);
	if (!g_str_has_prefix(got, expected))
		g_error("%s: expected \"%s\", got \"%s\"", row[0], expected, got);
	unlink(path);
}

static void
test_next(void)
{
	static const char mail[] = "From: an@example.vn\nSubject: sau do\n\nvan mo duoc\n";
	g_autoptr(GBytes) raw = g_bytes_new_static(mail, strlen(mail));
	struct letter *letter = NULL;
	g_assert_cmpint(parse_mail(raw, NULL, &settings, &letter, NULL), ==, DONE);
	g_assert_cmpstr(letter->text, ==, "van mo duoc");
	letter_free(letter);
}

static void
generate(const char *where)
{
	const char *top = g_getenv("TOP_SRCDIR");
	g_autofree char *script = g_build_filename(top != NULL ? top : ".", "tests", "corpus",
		"hostile",
		"make-hostile.py", NULL);
	char *argv[] = { (char *)"python3", script, (char *)where, NULL };
	int status;
	g_autoptr(GError) error = NULL;
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
		&error);
	g_assert_no_error(error);
	g_assert_true(g_spawn_check_wait_status(status, NULL));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	log_open("test", LOG_TO_STDERR, 0);
	mime_init();
	g_autofree char *where = folder();
	generate(where);
	g_autofree char *table = g_build_filename(where, "expect.tsv", NULL);
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(table, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	for (char **line = lines; *line != NULL; line++) {
		char **row = g_strsplit(*line, "\t", 3);
		g_assert_cmpuint(g_strv_length(row), ==, 3);
		g_ptr_array_add(rows, row);
		g_autofree char *title = g_strdup_printf("/mime/hostile/%s", row[0]);
		g_test_add_data_func(title, row, test_hostile);
	}
	g_test_add_func("/mime/hostile/next", test_next);
	return g_test_run();
}
