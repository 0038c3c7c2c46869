/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/role/token-text.c and token-run.c: what of a command's output is a token.
 */
#include <string.h>

#include "role/token.h"

static const struct { const char *output, *token, *why; } rows[] = {
	{ "ya29.a0-_~+/=\n", "ya29.a0-_~+/=", NULL },
	{ "  abc \t\r\nsecond line\n", "abc", NULL },
	{ "abc", "abc", NULL },
	{ "abc\rA1 LOGOUT", "abc", NULL },	/* the first line ends there */
	{ "", NULL, "no token" },
	{ "\nabc\n", NULL, "no token" },
	{ "   \n", NULL, "no token" },
	{ "two words\n", NULL, "cannot be" },
	{ "abc\001auth=Bearer x\n", NULL, "cannot be" },
	{ "abc\177\n", NULL, "cannot be" },
	{ "thẻ\n", NULL, "cannot be" },
	{ "abc\357\277\275def\n", NULL, "cannot be" },	/* a NUL, made valid */
};

static void
assert_token(const char *output, const char *expected, const char *why)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *token = token_of_output(output, &error);

	g_assert_cmpstr(token, ==, expected);
	g_assert_true((error != NULL) == (why != NULL));
	if (why != NULL)
		g_assert_nonnull(strstr(error->message, why));
	/* What was printed is never told. */
	if (error != NULL && *output != '\0')
		g_assert_null(strstr(error->message, output));
}

static void
test_rows(void)
{
	g_autofree char *most = g_strnfill(LIMIT_TOKEN, 'a');
	g_autofree char *more = g_strnfill(LIMIT_TOKEN + 1, 'a');

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_token(rows[i].output, rows[i].token, rows[i].why);
	assert_token(most, most, NULL);
	assert_token(more, NULL, "too long");
}

/* command of a mailbox, token */
static const struct { const char *words[4], *token; } commands[] = {
	{ { "/bin/echo", "abc" }, "abc" },
	{ { "/usr/bin/printf", "abc\\0def" }, NULL },
	{ { "/usr/bin/printf", "abc\\ndef" }, "abc" },
	{ { "/bin/false" }, NULL },
	{ { "/bin/echo" }, NULL },
	{ { "/no/such/program" }, NULL },
	{ { NULL }, NULL },
};

static void
test_commands(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
		struct options *options = options_new();
		g_autoptr(GError) error = NULL;

		for (guint n = 0; commands[i].words[n] != NULL; n++) {
			g_autofree char *one = g_strdup_printf("mailboxes.0.token_command.%u", n);

			options_set(options, one, commands[i].words[n]);
		}

		g_autofree char *token = token_run(options, ROLE_FETCH, 0, &error);

		g_assert_cmpstr(token, ==, commands[i].token);
		g_assert_true((error == NULL) == (token != NULL));
		options_free(options);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/token/rows", test_rows);
	g_test_add_func("/token/commands", test_commands);
	return g_test_run();
}
