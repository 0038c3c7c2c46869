/* SPDX-License-Identifier: ISC
 *
 * Logins as texts: the RFCs' own examples, names with letters that have a meaning, and servers that
 * do not keep to the rules or do not know the password.
 */
#include "transport/sasl.h"

#include <string.h>

static char *
coded(const char *text)
{
	return g_base64_encode((const guchar *) text, strlen(text));
}

static char *
plain(const char *code)
{
	gsize size;
	g_autofree guchar *bytes = g_base64_decode(code, &size);

	return g_strndup((const char *) bytes, size);
}

static void
test_plain(void)
{
	char *code = sasl_plain("tim", "tanstaaftanstaaf"), *login = sasl_login("mật khẩu");
	g_autofree char *back = plain(login);
	gsize size;
	g_autofree guchar *bytes = g_base64_decode(code, &size);

	/* RFC 4616 §4 */
	g_assert_cmpmem(bytes, size, "\0tim\0tanstaaftanstaaf", 21);
	g_assert_cmpstr(back, ==, "mật khẩu");
	secret_free(code);
	secret_free(login);
	secret_free(NULL);
}

static void
test_tokens(void)
{
	/* RFC 7628 §4.1, but for the port and the order of what is free there */
	static const char bearer[] = "n,a=user@example.com,\001host=server.example.com\001port=143"
		"\001auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001";
	static const char old[] = "user=someuser@example.com\001auth=Bearer ya29.vF9\001\001";
	char *one = sasl_oauthbearer("user@example.com", "server.example.com", 143,
		"vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
	char *two = sasl_xoauth2("someuser@example.com", "ya29.vF9");
	char *three = sasl_oauthbearer("a=b,c", "h", 1, "t");
	g_autofree char *said_one = plain(one), *said_two = plain(two), *said_three = plain(three);
	gsize size;
	g_autofree guchar *go_on = g_base64_decode(SASL_OAUTHBEARER_GO_ON, &size);

	g_assert_cmpstr(said_one, ==, bearer);
	g_assert_cmpstr(said_two, ==, old);
	g_assert_cmpstr(said_three, ==,
		"n,a=a=3Db=2Cc,\001host=h\001port=1\001auth=Bearer t\001\001");
	g_assert_cmpmem(go_on, size, "\001", 1);
	secret_free(one);
	secret_free(two);
	secret_free(three);
}

/* What a server says before it refuses a token, and the status in it. */
static void
test_status(void)
{
	static const struct { const char *said, *status; } rows[] = {
		{ "{\"status\":\"400\",\"schemes\":\"Bearer\",\"scope\":\"x\"}", "400" },
		{ "{ \"schemes\" : \"x\", \"status\" : 401 }", "401" },
		{ "{\"status\":\"invalid_token\"}", "invalid_token" },
		{ "{\"status\":\"a b\\r\\nA1 LOGOUT\"}", "a" },
		{ "{\"status\":\"\r\n\"}", "" },
		{ "{\"status\"", "" },
		{ "status", "" },
		{ "", "" },
	};
	g_autofree char *huge = g_strnfill(1000000, 'A');
	g_autofree char *none = sasl_token_status(huge), *odd = sasl_token_status("%%%");

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *code = coded(rows[i].said), *status = sasl_token_status(code);

		g_assert_cmpstr(status, ==, rows[i].status);
	}
	g_assert_cmpstr(none, ==, "");
	g_assert_cmpstr(odd, ==, "");
}

/* RFC 7677 §3 */
#define NONCE	"rOprNGfwEbeRWgbNEkqO"
#define FIRST	"r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define PROOF	"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static void
test_example(void)
{
	struct scram *scram = scram_new_with("user", "pencil", NONCE);
	g_autoptr(GError) error = NULL;
	g_autofree char *first = scram_first(scram), *challenge = coded(FIRST);
	g_autofree char *final = scram_final(scram, challenge, &error), *proof = coded(PROOF);
	g_autofree char *said = plain(first), *then = final ? plain(final) : NULL;

	g_assert_no_error(error);
	g_assert_cmpstr(said, ==, "n,,n=user,r=" NONCE);
	g_assert_cmpstr(then, ==, "c=biws,r=" NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
		"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
	g_assert_cmpint(scram_verify(scram, proof, &error), ==, DONE);
	g_assert_no_error(error);
	scram_free(scram);
}

static void
test_names(void)
{
	struct scram *scram = scram_new("a=b,c", "x"), *other = scram_new("a=b,c", "x");
	g_autofree char *first = scram_first(scram), *second = scram_first(other);
	g_autofree char *said = plain(first);

	g_assert_true(g_str_has_prefix(said, "n,,n=a=3Db=2Cc,r="));
	g_assert_cmpuint(strlen(said), ==, strlen("n,,n=a=3Db=2Cc,r=") + 24);
	g_assert_cmpstr(first, !=, second);	/* a new nonce each time */
	scram_free(scram);
	scram_free(other);
	scram_free(NULL);
}

static void
test_bad_challenges(void)
{
	static const char *const rows[] = {
		"", "r=", "x", "r=" NONCE "abc", "r=" NONCE "abc,s=c2FsdA==",
		"r=" NONCE ",s=c2FsdA==,i=4096",		/* nothing of the server's own */
		"r=other" NONCE ",s=c2FsdA==,i=4096",
		"r=" NONCE "abc,s=,i=4096",
		"r=" NONCE "abc,s=c2FsdA==,i=4095",
		"r=" NONCE "abc,s=c2FsdA==,i=1000001",
		"r=" NONCE "abc,s=c2FsdA==,i=-1",
		"r=" NONCE "abc,s=c2FsdA==,i=4096x",
		"r=" NONCE "abc,i=4096,s=c2FsdA==",
		"m=ext,r=" NONCE "abc,s=c2FsdA==,i=4096",
		"e=other-error",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct scram *scram = scram_new_with("user", "pencil", NONCE);
		g_autoptr(GError) error = NULL;
		g_autofree char *challenge = coded(rows[i]), *proof = coded("v=");

		g_assert_null(scram_final(scram, challenge, &error));
		g_assert_error(error, UNGCUU_ERROR, NEVER);
		g_assert_cmpint(scram_verify(scram, proof, NULL), ==, NEVER);
		scram_free(scram);
	}
}

static void
test_bad_proofs(void)
{
	static const char *const rows[] = {
		"", "v=", "v=AAAA", "e=invalid-proof",
		"x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4A",
	};
	g_autofree char *challenge = coded(FIRST), *long_one = g_strnfill(10000, 'A');
	struct scram *scram = scram_new_with("user", "pencil", NONCE);
	g_autofree char *good = coded(PROOF);

	g_assert_cmpint(scram_verify(scram, good, NULL), ==, NEVER);	/* before its turn */
	g_free(scram_final(scram, challenge, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *proof = coded(rows[i]);

		g_assert_cmpint(scram_verify(scram, proof, &error), ==, NEVER);
		g_assert_error(error, UNGCUU_ERROR, NEVER);
	}
	g_assert_cmpint(scram_verify(scram, long_one, NULL), ==, NEVER);
	g_assert_null(scram_final(scram, long_one, NULL));
	g_assert_cmpint(scram_verify(scram, good, NULL), ==, DONE);
	scram_free(scram);
}

int
main(int argc, char **argv)
{
	log_open("test", LOG_TO_STDERR, 0);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sasl/plain", test_plain);
	g_test_add_func("/sasl/tokens", test_tokens);
	g_test_add_func("/sasl/status", test_status);
	g_test_add_func("/sasl/scram/example", test_example);
	g_test_add_func("/sasl/scram/names", test_names);
	g_test_add_func("/sasl/scram/bad-challenges", test_bad_challenges);
	g_test_add_func("/sasl/scram/bad-proofs", test_bad_proofs);
	return g_test_run();
}
