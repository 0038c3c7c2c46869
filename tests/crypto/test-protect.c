/* SPDX-License-Identifier: ISC
 *
 * Tests of gateway/crypto/protect.c: what it signs verifies with plain gpg, what a mail server
 * might change is refused, and a dead agent is told from a refusal.
 */
#include "crypto-test.h"

#define ENTITY "Content-Type: text/plain; charset=utf-8\r\n" \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nXin ch=C3=A0o=20\r\n-- \r\nline\r\n"

static struct bench bench;
static struct protector *protector;

static GBytes *
bytes_of(const char *text)
{
	return g_bytes_new(text, strlen(text));
}

static void
check_verifies(const char *text)
{
	g_autoptr(GBytes) entity = bytes_of(text), out = NULL, part = NULL;
	g_autofree char *detached = NULL;
	g_autoptr(GError) error = NULL;
	bool agent_fault = true;

	enum outcome how = protect_sign(
		protector, entity, bench.fingerprint, "b1-=_x", &out, &agent_fault, &error);
	g_assert_no_error(error);
	g_assert_cmpint(how, ==, DONE);
	g_assert_false(agent_fault);
	g_assert_true(bench_split(out, "b1-=_x", &part, &detached));
	g_assert_true(g_bytes_equal(part, entity));
	g_assert_true(bench_gpg_verifies(&bench, part, detached));
}

static void
test_sign(void)
{
	static const char *const rows[] = { ENTITY, ENTITY "\r\n\r\n", "\r\nno header\r\n",
		"Content-Type: text/plain\r\n\r\nno line end" };

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
		check_verifies(rows[i]);
}

static void
test_header(void)
{
	g_autoptr(GBytes) entity = bytes_of(ENTITY), out = NULL;
	bool agent_fault;
	gsize size;

	g_assert_cmpint(
		protect_sign(protector, entity, bench.fingerprint, "b2", &out, &agent_fault, NULL),
		==, DONE);
	const char *text = g_bytes_get_data(out, &size);
	g_autofree char *all = g_strndup(text, size);
	g_assert_cmpuint(strlen(all), ==, size);
	g_assert_true(g_regex_match_simple(
		"^Content-Type: multipart/signed; micalg=\"pgp-sha(256|384|512)\";\r\n"
		"\tprotocol=\"application/pgp-signature\";\r\n\tboundary=\"b2\"\r\n\r\n--b2\r\n",
		all, 0, 0));
	for (gsize i = 0; i < size; i++)	/* every line end is CRLF */
		g_assert_cmpint(all[i] == '\n', ==, i > 0 && all[i - 1] == '\r');
}

static void
test_refused(void)
{
	g_autofree char *long_line = g_strdup_printf("\r\n%0999d\r\n", 0);
	g_autofree char *long_boundary = g_strnfill(71, 'b');
	const struct { const char *text, *boundary, *why; } rows[] = {
		{ "", "b", "empty" },
		{ "a: b\n\ntext\n", "b", "bare LF" },
		{ "a: b\r\n\r\ntext\rmore\r\n", "b", "bare CR" },
		{ "a: b\r\n\r\ntext\r", "b", "bare CR" },
		{ "a: b\r\n\r\nch\xc3\xa0o\r\n", "b", "7-bit" },
		{ long_line, "b", "too long" },
		{ ENTITY, "", "not a boundary" },
		{ ENTITY, long_boundary, "not a boundary" },
		{ ENTITY, "b\r\nX: y", "not a boundary" },
		{ ENTITY, "b\"", "not a boundary" },
		{ ENTITY, "b ", "not a boundary" },
		{ "a: b\r\n\r\n--b1\r\n", "b1", "occurs in the entity" },
		{ "a: b\r\n\r\ntext --b12\r\n", "b1", "occurs in the entity" },
	};

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) entity = bytes_of(rows[i].text), out = NULL;
		g_autoptr(GError) error = NULL;
		bool agent_fault = true;

		g_assert_cmpint(protect_sign(protector, entity, bench.fingerprint, rows[i].boundary,
					&out, &agent_fault, &error),
			==, NEVER);
		g_assert_null(out);
		g_assert_false(agent_fault);
		g_assert_nonnull(strstr(error->message, rows[i].why));
	}
}

static void
test_nul_is_refused(void)
{
	g_autoptr(GBytes) entity = g_bytes_new_static("a: b\r\n\r\n\0\r\n", 11), out = NULL;
	bool agent_fault;

	g_assert_cmpint(
		protect_sign(protector, entity, bench.fingerprint, "b", &out, &agent_fault, NULL),
		==, NEVER);
}

static void
check_agent_fault_of(const char *text, const char *fingerprint)
{
	g_autoptr(GBytes) entity = bytes_of(text), out = NULL;
	g_autoptr(GError) error = NULL;
	bool agent_fault = false;

	g_assert_cmpint(
		protect_sign(protector, entity, fingerprint, "b", &out, &agent_fault, &error), ==,
		LATER);
	g_assert_true(agent_fault);
	g_assert_null(out);
	g_test_message("%s", error->message);
}

/* A second time with more than a pipe holds: gpg may end before it has read that. */
static void
check_agent_fault(const char *fingerprint)
{
	g_autoptr(GString) large = g_string_new(ENTITY);

	check_agent_fault_of(ENTITY, fingerprint);
	while (large->len < 500000)
		g_string_append(large, "One line, and another one.\r\n");
	check_agent_fault_of(large->str, fingerprint);
}

static void
test_key_not_there(void)
{
	check_agent_fault("0000000000000000000000000000000000000000");
	check_verifies(ENTITY);		/* and the next one is signed again */
}

static void
test_dead_agent(void)
{
	bench_agent_kill(&bench);
	check_agent_fault(bench.fingerprint);
	(void)unlink(bench.socket);
	check_agent_fault(bench.fingerprint);
	bench.agent = bench_agent(bench.home, bench.socket);
	check_verifies(ENTITY);
}

/* The agent runs but no longer has our key: looks like a dead one, and is treated as one. */
static void
test_lost_secret(void)
{
	g_autofree char *keys = g_build_filename(bench.home, "private-keys-v1.d", NULL);
	g_autofree char *away = g_build_filename(bench.home, "away", NULL);

	g_assert_cmpint(rename(keys, away), ==, 0);
	check_agent_fault(bench.fingerprint);
	g_assert_cmpint(rename(away, keys), ==, 0);
	check_verifies(ENTITY);
}

int
main(int argc, char **argv)
{
	g_autofree char *home = NULL;

	g_test_init(&argc, &argv, NULL);
	alarm(300);			/* gpg that is waited for in vain */
	crypto_init();
	bench_open(&bench);
	home = g_build_filename(bench.folder, "private", NULL);
	g_assert_cmpint(home_make(home, bench.socket, &bench.certificate, 1, NULL), ==, DONE);
	protector = protector_new(home);
	g_test_add_func("/protect/sign", test_sign);
	g_test_add_func("/protect/header", test_header);
	g_test_add_func("/protect/refused", test_refused);
	g_test_add_func("/protect/nul-is-refused", test_nul_is_refused);
	g_test_add_func("/protect/key-not-there", test_key_not_there);
	g_test_add_func("/protect/dead-agent", test_dead_agent);
	g_test_add_func("/protect/lost-secret", test_lost_secret);
	int failed = g_test_run();
	protector_free(protector);
	bench_close(&bench);
	return failed;
}
