/* SPDX-License-Identifier: ISC
 *
 * Authentication-Results: which field counts, what it says, whom a forwarder's exemption reaches,
 * and that hostile fields cost nothing. And which letters may join a burst.
 */
#include "sample.h"

#include <string.h>

#define AR	"authentication-results: "
#define OURS	AR "mx.example.vn; "
#define FORWARDER "cong@tinh.example.vn"
#define SPF	"spf=pass smtp.mailfrom="

/* columns: name, fields, topmost first, what is believed */
static const struct { const char *name, *fields; enum authenticity said; } rows[] = {
	{ "nothing", NULL, AUTHENTICITY_UNKNOWN },
	{ "no result", AR "mx.example.vn; none", AUTHENTICITY_UNKNOWN },
	{ "id alone", AR "mx.example.vn", AUTHENTICITY_UNKNOWN },
	{ "empty", AR "", AUTHENTICITY_UNKNOWN },
	{ "fail", OURS "dmarc=fail", AUTHENTICITY_FAIL },
	{ "pass", OURS "dmarc=pass", AUTHENTICITY_PASS },
	{ "none", OURS "dmarc=none", AUTHENTICITY_UNKNOWN },
	{ "temperror", OURS "dmarc=temperror", AUTHENTICITY_UNKNOWN },
	{ "permerror", OURS "dmarc=permerror", AUTHENTICITY_UNKNOWN },
	{ "an unknown word", OURS "dmarc=failure", AUTHENTICITY_UNKNOWN },
	{ "SPF and DKIM fail, no DMARC", OURS "spf=fail smtp.mailfrom=a@b.c; dkim=fail",
		AUTHENTICITY_UNKNOWN },
	/* whose */
	{ "another server", AR "mx.example.org; dmarc=fail", AUTHENTICITY_UNKNOWN },
	{ "a longer name", AR "mx.example.vn.example.org; dmarc=fail", AUTHENTICITY_UNKNOWN },
	{ "capitals", AR "MX.Example.VN; DMARC=Fail", AUTHENTICITY_FAIL },
	{ "quoted", AR "\"mx.example.vn\"; dmarc=fail", AUTHENTICITY_FAIL },
	{ "the second id", AR "mx2.example.vn; dmarc=fail", AUTHENTICITY_FAIL },
	{ "no id at all", AR "dmarc=fail; spf=pass", AUTHENTICITY_UNKNOWN },
	{ "version 1", AR "mx.example.vn 1; dmarc=fail", AUTHENTICITY_FAIL },
	{ "version 2", AR "mx.example.vn 2; dmarc=fail", AUTHENTICITY_UNKNOWN },
	{ "comment and version", AR "mx.example.vn (x) 1 (y); dmarc=fail", AUTHENTICITY_FAIL },
	{ "version in a comment", AR "mx.example.vn (2); dmarc=fail", AUTHENTICITY_FAIL },
	/* which */
	{ "forged pass below", OURS "dmarc=fail\n" OURS "dmarc=pass", AUTHENTICITY_FAIL },
	{ "forged fail below", OURS "dmarc=pass\n" OURS "dmarc=fail", AUTHENTICITY_PASS },
	{ "no record above a forged fail", OURS "dmarc=none\n" OURS "dmarc=fail",
		AUTHENTICITY_UNKNOWN },
	{ "one field for each method", OURS "dkim=none\n" OURS "spf=pass smtp.mailfrom=a@b.c\n"
		OURS "dmarc=fail", AUTHENTICITY_FAIL },
	{ "another server's above", AR "mx.example.org; dmarc=pass\n" OURS "dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "an unknown version above", AR "mx.example.vn 9; dmarc=pass\n" OURS "dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "ARC is none of ours", "arc-" OURS "dmarc=fail", AUTHENTICITY_UNKNOWN },
	/* notation */
	{ "a whole one", OURS "dkim=pass (2048-bit key; secure) header.d=example.org "
		"header.i=@example.org header.b=\"a;b\"; spf=pass (mx: domain of a@example.org "
		"designates 192.0.2.1 as permitted sender) smtp.mailfrom=a@example.org "
		"smtp.helo=x; dmarc=fail (p=REJECT sp=NONE dis=NONE) header.from=example.org",
		AUTHENTICITY_FAIL },
	{ "method version, blanks", OURS "dmarc / 1 = fail", AUTHENTICITY_FAIL },
	{ "method version", OURS "dmarc/1=fail", AUTHENTICITY_FAIL },
	{ "blanks around =", OURS " dmarc (a) = (b) fail (c)", AUTHENTICITY_FAIL },
	{ "reason", OURS "dmarc=fail reason=\"x; dmarc=pass\" policy.dmarc=none",
		AUTHENTICITY_FAIL },
	{ "fail in a comment", OURS "dmarc=pass (was dmarc=fail at the list)",
		AUTHENTICITY_PASS },
	{ "fail in a reason", OURS "dmarc=pass reason=\"dmarc=fail\"", AUTHENTICITY_PASS },
	{ "pass and fail in one", OURS "dmarc=pass; dmarc=fail", AUTHENTICITY_FAIL },
	{ "fail and pass in one", OURS "dmarc=fail; dmarc=pass", AUTHENTICITY_FAIL },
	{ "a final ;", OURS "dmarc=pass;", AUTHENTICITY_PASS },
	{ "nested comments", OURS "(a(b(c\\)))) dmarc=fail", AUTHENTICITY_FAIL },
	/* broken: a failure is seen, a pass grants nothing anyway */
	{ "an open comment before it", OURS "spf=pass smtp.mailfrom=a(b@c.d; dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "a comment around it", OURS "dkim=pass header.s=a(b; dmarc=fail; spf=none "
		"smtp.mailfrom=c)d@e.f", AUTHENTICITY_FAIL },
	{ "an open quote before it", OURS "spf=pass smtp.mailfrom=\"b@c.d; dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "an open comment before a pass", OURS "spf=pass smtp.mailfrom=a(b@c.d; dmarc=pass",
		AUTHENTICITY_UNKNOWN },
	{ "no value", OURS "dmarc=", AUTHENTICITY_UNKNOWN },
	{ "no result, then one", OURS "spf; dmarc=fail", AUTHENTICITY_FAIL },
	/* forwarders */
	{ "handed on", OURS SPF FORWARDER "; dmarc=fail", AUTHENTICITY_FORWARDED },
	{ "SPF behind DMARC", OURS "dmarc=fail; " SPF FORWARDER, AUTHENTICITY_FORWARDED },
	{ "capitals in it", OURS SPF "Cong@Tinh.Example.VN; dmarc=fail", AUTHENTICITY_FORWARDED },
	{ "quoted local part", OURS SPF "\"cong\"@tinh.example.vn; dmarc=fail",
		AUTHENTICITY_FORWARDED },
	{ "plus-address", OURS SPF "cong+caf_=x=y.z@tinh.example.vn; dmarc=fail",
		AUTHENTICITY_FORWARDED },
	{ "SRS", OURS SPF "SRS0=HHH=TT=example.org=a@tinh.example.vn; dmarc=fail",
		AUTHENTICITY_FORWARDED },
	{ "SRS1", OURS SPF "srs1=H=x==HHH=TT=example.org=a@tinh.example.vn; dmarc=fail",
		AUTHENTICITY_FORWARDED },
	{ "SRS of another domain", OURS SPF "SRS0=H=T=x=a@tinh.example.org; dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "no SRS", OURS SPF "srs0x@tinh.example.vn; dmarc=fail", AUTHENTICITY_FAIL },
	{ "a neighbour", OURS SPF "conga@tinh.example.vn; dmarc=fail", AUTHENTICITY_FAIL },
	{ "a subdomain", OURS SPF "cong@a.tinh.example.vn; dmarc=fail", AUTHENTICITY_FAIL },
	{ "SPF fails", OURS "spf=fail smtp.mailfrom=" FORWARDER "; dmarc=fail", AUTHENTICITY_FAIL },
	{ "SPF softfails", OURS "spf=softfail smtp.mailfrom=" FORWARDER "; dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "the second SPF", OURS "spf=fail smtp.mailfrom=a@b.c; " SPF FORWARDER "; dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "SPF of another server", AR "mx.example.org; " SPF FORWARDER "\n" OURS "dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "SPF in a field above", OURS SPF FORWARDER "\n" OURS "dmarc=fail",
		AUTHENTICITY_FORWARDED },
	{ "SPF in a field below: a sender may have written it", OURS "dmarc=fail\n" OURS
		SPF FORWARDER, AUTHENTICITY_FAIL },
	{ "SPF says the domain, Return-Path the rest", "return-path: <" FORWARDER ">\n" OURS SPF
		"tinh.example.vn; dmarc=fail", AUTHENTICITY_FORWARDED },
	{ "SPF says @domain", "return-path: <" FORWARDER ">\n" OURS SPF
		"@tinh.example.vn; dmarc=fail", AUTHENTICITY_FORWARDED },
	{ "SPF says another domain", "return-path: <" FORWARDER ">\n" OURS SPF
		"example.org; dmarc=fail", AUTHENTICITY_FAIL },
	{ "SPF says the domain, no Return-Path", OURS SPF "tinh.example.vn; dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "a lower Return-Path", "return-path: <x@tinh.example.vn>\nreturn-path: <" FORWARDER
		">\n" OURS SPF "tinh.example.vn; dmarc=fail", AUTHENTICITY_FAIL },
	{ "Return-Path without SPF", "return-path: <" FORWARDER ">\n" OURS "dmarc=fail",
		AUTHENTICITY_FAIL },
	{ "what anybody may write", "delivered-to: " FORWARDER "\nx-original-to: " FORWARDER
		"\n" OURS "dmarc=fail", AUTHENTICITY_FAIL },
	{ "handed on, and DMARC passes", OURS SPF FORWARDER "; dmarc=pass", AUTHENTICITY_PASS },
};

static void
test_rows(void)
{
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(letter_auto) l = sample_letter("a@example.org", "x", "x",
			rows[i].fields);
		enum authenticity said = authentication_read(site, l);

		if (said == rows[i].said)
			continue;
		g_test_message("%s: %s", rows[i].name, authenticity_word(said));
		g_test_fail();
	}
	site_free(site);
}

/* Without authserv_ids nothing is believed. */
static void
test_no_ids(void)
{
	struct options *o = options_new();
	struct site *site = site_new(o);
	g_autoptr(letter_auto) l = sample_letter("a@example.org", "x", "x", OURS "dmarc=fail");

	g_assert_cmpint(authentication_read(site, l), ==, AUTHENTICITY_UNKNOWN);
	site_free(site);
	options_free(o);
}

static struct letter *
letter_of_many(const char *begin, const char *piece, guint n, const char *end)
{
	GString *value = g_string_new(begin);

	for (guint i = 0; i < n; i++)
		g_string_append(value, piece);
	g_string_append(value, end);
	struct letter *l = sample_letter("a@example.org", "x", "x", value->str);

	g_string_free(value, TRUE);
	return l;
}

/* Far longer than any letter holds: each ends, in time that grows with the length alone. */
static void
test_hostile(void)
{
	static const struct { const char *piece, *end; enum authenticity said; } cases[] = {
		{ "(", "", AUTHENTICITY_UNKNOWN }, { "\"", "", AUTHENTICITY_UNKNOWN },
		{ "\\", "", AUTHENTICITY_UNKNOWN }, { ";", "dmarc=fail", AUTHENTICITY_FAIL },
		{ "a=b;", "dmarc=fail", AUTHENTICITY_FAIL },
		{ "dmarc=pass;", "dmarc=fail", AUTHENTICITY_FAIL },
		{ "dmarc", "=fail", AUTHENTICITY_FAIL }, { "=", "", AUTHENTICITY_UNKNOWN },
		{ "spf=pass smtp.mailfrom=", "", AUTHENTICITY_UNKNOWN },
		{ "()", "dmarc=fail", AUTHENTICITY_FAIL }, { " ", "dmarc=fail", AUTHENTICITY_FAIL },
		{ "(((((((((((", "dmarc=fail", AUTHENTICITY_FAIL },
		{ "\xf0\x9f\x92\xa3", "", AUTHENTICITY_UNKNOWN },
	};
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(letter_auto) l = letter_of_many(OURS, cases[i].piece, 200000,
			cases[i].end);

		if (authentication_read(site, l) != cases[i].said) {
			g_test_message("%s...%s", cases[i].piece, cases[i].end);
			g_test_fail();
		}
	}
	g_autoptr(letter_auto) many = letter_of_many("", OURS "none\n", 100000, OURS "dmarc=fail");

	g_assert_cmpint(authentication_read(site, many), ==, AUTHENTICITY_UNKNOWN);
	site_free(site);
}

/* ---- bursts --------------------------------------------------------------------------------- */

#define KEY_A "0123456789ABCDEF0123456789ABCDEF01234567"
#define KEY_B "FEDCBA9876543210FEDCBA9876543210FEDCBA98"
#define AGENCY "cntt@somau.example.vn"
#define ANYONE "nguoi.bao@example.org"

struct side { const char *from; enum signature signature; const char *key, *fields; };
static const struct { const char *name; struct side first, later; bool joins; } bursts[] = {
	{ "both unsigned", { ANYONE, SIGNATURE_NONE, NULL, NULL },
		{ "Nguoi.Bao@example.org", SIGNATURE_NONE, NULL, NULL }, true },
	{ "another address", { ANYONE, SIGNATURE_NONE, NULL, NULL },
		{ "x" ANYONE, SIGNATURE_NONE, NULL, NULL }, false },
	{ "one key", { AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL },
		{ AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL }, true },
	{ "two keys", { AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL },
		{ AGENCY, SIGNATURE_TRUSTED, KEY_B, NULL }, false },
	{ "unsigned behind a signed one", { AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL },
		{ AGENCY, SIGNATURE_NONE, NULL, NULL }, false },
	{ "signed behind an unsigned one", { AGENCY, SIGNATURE_NONE, NULL, NULL },
		{ AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL }, false },
	{ "unknown behind trusted", { AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL },
		{ AGENCY, SIGNATURE_UNKNOWN_KEY, KEY_A, NULL }, false },
	{ "both forged", { AGENCY, SIGNATURE_BAD, NULL, NULL },
		{ AGENCY, SIGNATURE_BAD, NULL, NULL }, false },
	{ "bad, unregistered", { ANYONE, SIGNATURE_BAD, NULL, NULL },
		{ ANYONE, SIGNATURE_BAD, NULL, NULL }, true },
	{ "DMARC fails", { ANYONE, SIGNATURE_NONE, NULL, NULL },
		{ ANYONE, SIGNATURE_NONE, NULL, OURS "dmarc=fail" }, false },
	{ "DMARC failed", { ANYONE, SIGNATURE_NONE, NULL, OURS "dmarc=fail" },
		{ ANYONE, SIGNATURE_NONE, NULL, NULL }, false },
	{ "DMARC fails, and both are trusted", { AGENCY, SIGNATURE_TRUSTED, KEY_A, NULL },
		{ AGENCY, SIGNATURE_TRUSTED, KEY_A, OURS "dmarc=fail" }, true },
};

static struct letter *
side_letter(const struct side *side, struct verdict *verdict)
{
	*verdict = sample_verdict(side->signature, ENCRYPTION_NONE, NULL);
	verdict->fingerprint = g_strdup(side->key);
	return sample_letter(side->from, "x", "x", side->fields);
}

static void
test_bursts(void)
{
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(bursts); i++) {
		struct verdict v, w;
		g_autoptr(letter_auto) first = side_letter(&bursts[i].first, &v);
		g_autoptr(letter_auto) later = side_letter(&bursts[i].later, &w);

		if (burst_joins(site, first, &v, later, &w) != bursts[i].joins) {
			g_test_message("%s", bursts[i].name);
			g_test_fail();
		}
		w.encryption = ENCRYPTION_NOT_FOR_US;
		g_assert_false(burst_joins(site, first, &v, later, &w));
		g_assert_false(burst_joins(site, later, &w, first, &v));
		verdict_clear(&v);
		verdict_clear(&w);
	}
	site_free(site);
}

static void
test_copies(void)
{
	struct site *site = sample_site(NULL);
	g_autoptr(letter_auto) plain = sample_letter(ANYONE, "x", "x", NULL);
	g_autoptr(letter_auto) doubted = sample_letter(ANYONE, "x", "x", OURS "dmarc=fail");

	g_assert_true(copy_is_unanswered(site, "Junk", plain));
	g_assert_false(copy_is_unanswered(site, "INBOX", plain));
	g_assert_false(copy_is_unanswered(site, NULL, plain));
	g_assert_true(copy_is_unanswered(site, "INBOX", doubted));
	site_free(site);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/authentication/rows", test_rows);
	g_test_add_func("/desk/authentication/no-ids", test_no_ids);
	g_test_add_func("/desk/authentication/hostile", test_hostile);
	g_test_add_func("/desk/authentication/bursts", test_bursts);
	g_test_add_func("/desk/authentication/copies", test_copies);
	return g_test_run();
}
