/* SPDX-License-Identifier: ISC
 *
 * Tests gateway/base/log.c and error.c: the form of a line, and how a process ends.
 */
#include "child.h"

#include <sys/stat.h>
#include <syslog.h>

static const struct { const char *in, *out; } quoted[] = {
	{ "plain", "plain" },
	{ "a b", "a\\x20b" },
	{ "a\nevent=forged", "a\\x0aevent=forged" },
	{ "tab\tcr\r", "tab\\x09cr\\x0d" },
	{ "back\\slash", "back\\x5cslash" },
	{ "quote\"", "quote\\x22" },
	{ "\xe1\xbb\xa9ng", "\\xe1\\xbb\\xa9ng" },
	{ "\x7f\x1b[31m", "\\x7f\\x1b[31m" },
	{ "", "" },
	{ NULL, "-" },
};

static void
test_quote(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(quoted); i++) {
		g_autofree char *out = log_quote(quoted[i].in);

		g_assert_cmpstr(out, ==, quoted[i].out);
	}
	g_autofree char *plain = g_strnfill(5000, 'a'), *blanks = g_strnfill(5000, ' ');
	g_autofree char *first = log_quote(plain), *second = log_quote(blanks);
	g_assert_cmpuint(strlen(first), ==, 200);
	g_assert_cmpuint(strlen(second), <=, 200);
	g_assert_true(g_str_has_suffix(second, "\\x20..."));	/* no escape is cut */
}

/* ---- lines; each row is one child ---------------------------------------------------- */

static int
say_fields(const void *unused)
{
	(void)unused;
	log_open("hub", LOG_TO_STDERR, 0);
	log_event(LOG_NOTICE, "stored", "mail=%d mailbox=%s", 41, "main");
	log_event(LOG_INFO, "hidden", "a=1");
	log_event(LOG_ERR, "second", "a=1");
	return 0;
}

static int
say_verbose(const void *unused)
{
	(void)unused;
	log_open("hub", LOG_TO_STDERR, 1);
	log_event(LOG_INFO, "shown", "a=1");
	log_event(LOG_DEBUG, "hidden", "a=1");
	return 0;
}

static int
say_control(const void *unused)
{
	(void)unused;
	log_open("hub", LOG_TO_STDERR, 0);
	log_event(LOG_NOTICE, "x", "a=%s", "1\nevent=forged \x1b\x7f\xff");
	return 0;
}

/* As in a program that is no test. */
static void
glib_as_usual(void)
{
	g_log_set_default_handler(g_log_default_handler, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
}

static int
say_glib(const void *unused)
{
	(void)unused;
	glib_as_usual();
	log_open("mime", LOG_TO_STDERR, 0);
	g_log("GMime", G_LOG_LEVEL_WARNING, "assertion '%s' failed", "x");
	g_log("GMime", G_LOG_LEVEL_DEBUG, "not shown");
	return 0;
}

static int
die_glib(const void *unused)
{
	(void)unused;
	glib_as_usual();
	log_open("mime", LOG_TO_STDERR, 0);
	g_log("GLib", G_LOG_LEVEL_ERROR, "out of memory");
	return 0;
}

static int
die_fatal(const void *unused)
{
	(void)unused;
	log_open("fetch", LOG_TO_STDERR, 0);
	fatal(78, "no \"%s\" here", "key");
}

static int
fail_with_done(const void *unused)
{
	(void)unused;
	log_open("fetch", LOG_TO_STDERR, 0);
	return (int)fail(NULL, DONE, "finished");
}

static int
say_journal(const void *unused)
{
	struct stat status;

	(void)unused;
	fstat(STDERR_FILENO, &status);
	g_autofree char *stream = g_strdup_printf("%llu:%llu", (unsigned long long)status.st_dev,
		(unsigned long long)status.st_ino);
	g_setenv("JOURNAL_STREAM", stream, TRUE);
	log_open("hub", LOG_TO_STDERR, 0);
	log_event(LOG_ERR, "x", "a=1");
	g_setenv("JOURNAL_STREAM", "1:1", TRUE);
	log_open("hub", LOG_TO_STDERR, 0);
	log_event(LOG_ERR, "x", "a=1");
	return 0;
}

static const struct { int (*run)(const void *); const char *end, *log; } lines[] = {
	{ say_fields, "exit 0", "event=stored mail=41 mailbox=main role=hub\n"
		"event=second a=1 role=hub\n" },
	{ say_verbose, "exit 0", "event=shown a=1 role=hub\n" },
	{ say_control, "exit 0", "event=x a=1?event=forged ??? role=hub\n" },
	{ say_glib, "exit 0", "event=glib domain=GMime why=\"assertion 'x' failed\" role=mime\n" },
	{ die_glib, "signal 6", "event=glib domain=GLib why=\"out of memory\" role=mime\n" },
	{ die_fatal, "exit 78", "event=fatal exit=78 why=\"no 'key' here\" role=fetch\n" },
	{ say_journal, "exit 0", "<3>event=x a=1 role=hub\nevent=x a=1 role=hub\n" },
};

static void
test_lines(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *log = NULL, *end = child_run(lines[i].run, NULL, &log);

		g_assert_cmpstr(log, ==, lines[i].log);
		g_assert_cmpstr(end, ==, lines[i].end);
	}
}

static int
say_long(const void *unused)
{
	g_autofree char *text = g_strnfill(70000, 'a');

	(void)unused;
	log_open("supervisor", LOG_TO_STDERR, 0);
	for (int n = 880; n < 1010; n++)
		log_event(LOG_NOTICE, "x", "a=%.*s", n, text);
	log_event(LOG_NOTICE, "x", "a=%s", text);
	return 0;
}

static void
test_long(void)
{
	g_autofree char *log = NULL, *end = child_run(say_long, NULL, &log);
	g_auto(GStrv) each = g_strsplit(log, "\n", -1);

	g_assert_cmpstr(end, ==, "exit 0");
	g_assert_cmpuint(g_strv_length(each), ==, 132);
	for (guint i = 0; i < 131; i++) {
		g_assert_cmpuint(strlen(each[i]) + 1, <=, 1000);
		g_assert_true(g_str_has_prefix(each[i], "event=x a=aaa"));
		g_assert_true(g_str_has_suffix(each[i], "a role=supervisor") ||
			g_str_has_suffix(each[i], "... role=supervisor"));
	}
	g_assert_true(g_str_has_suffix(each[130], "... role=supervisor"));
}

static int
die_panic(const void *unused)
{
	(void)unused;
	log_open("hub", LOG_TO_STDERR, 0);
	panic("row %d", 7);
}

/* Also the one way fail() may not be used. */
static void
test_panic(void)
{
	g_autofree char *log = NULL, *end = child_run(die_panic, NULL, &log);
	g_autofree char *second = child_run(fail_with_done, NULL, NULL);

	g_assert_cmpstr(end, ==, "signal 6");
	g_assert_true(
		g_str_has_prefix(log, "event=panic why=\"row 7\" role=hub\nevent=backtrace "));
	g_assert_cmpstr(second, ==, "signal 6");
}

/* ---- outcomes ------------------------------------------------------------------------ */

static void
test_fail(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(fail(NULL, LATER, "no place to say %s", "why"), ==, LATER);
	g_assert_cmpint(fail(&error, NEVER, "%s limit %d", "depth", 32), ==, NEVER);
	g_assert_error(error, UNGCUU_ERROR, NEVER);
	g_assert_cmpstr(error->message, ==, "depth limit 32");
	g_assert_cmpint(fail(&error, LATER, "an echo"), ==, LATER);
	g_assert_cmpstr(error->message, ==, "depth limit 32");
	g_assert_cmpstr(outcome_word(DONE), ==, "done");
	g_assert_cmpstr(outcome_word(LATER), ==, "later");
	g_assert_cmpstr(outcome_word(NEVER), ==, "never");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/quote", test_quote);
	g_test_add_func("/log/lines", test_lines);
	g_test_add_func("/log/long", test_long);
	g_test_add_func("/log/panic", test_panic);
	g_test_add_func("/error/fail", test_fail);
	return g_test_run();
}
