/* SPDX-License-Identifier: ISC
 *
 * Who may be answered by a machine: one row a refusal, with the sentence `inspect` shows.
 */
#include "sample.h"

#include <string.h>

#define ANYONE "nguoi.bao@example.org"
#define HOUR 3600000
#define LOCAL_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* columns: kind, From, fields, may it be answered, a part of the reason */
static const struct row {
	enum kind kind;
	const char *from, *fields;
	bool may;
	const char *why;
} rows[] = {
	{ KIND_REPORT, ANYONE, NULL, true, "one From address" },
	{ KIND_REPLY, ANYONE, NULL, true, "one From address" },
	{ KIND_REPORT, ANYONE, "auto-submitted: no", true, "one From address" },
	{ KIND_REPORT, ANYONE, "return-path: <nguoi.bao@example.org>", true, "one From address" },
	{ KIND_REPORT, ANYONE, "x-auto-response-suppress: DR, RN, NRN", true, "one From address" },
	{ KIND_REPORT, ANYONE, "precedence: first-class", true, "one From address" },
	{ KIND_REPORT, ANYONE, "reply-to: other@example.com", true, "one From address" },
	{ KIND_REPORT, "ungcuu@other.example.org", NULL, true, "one From address" },
	{ KIND_REPORT, "requester@example.org", NULL, true, "one From address" },
	/* kinds */
	{ KIND_COMMAND, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_BOUNCE, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_AUTO_REPLY, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_RECEIPT, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_FEEDBACK, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_LIST, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_THANKS, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_NOISE, ANYONE, NULL, false, "only reports and replies" },
	{ KIND_DUPLICATE, ANYONE, NULL, false, "only reports and replies" },
	/* From */
	{ KIND_REPORT, NULL, NULL, false, "no From address" },
	{ KIND_REPORT, "two@example.org", "test: two", false, "more than one From" },
	{ KIND_REPORT, "nobody-at-all", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a@", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a@b@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a b@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a@example.org\r\nBcc: b@example.org", NULL, false,
		"no address mail can be sent to" },
	{ KIND_REPORT, "a,b@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "<a@example.org>", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a@[192.0.2.1]", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "-oQ/tmp@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "nhà.báo@example.org", NULL, false, "needs SMTPUTF8" },
	{ KIND_REPORT, "a@bệnh-viện.example.org", NULL, false, "needs SMTPUTF8" },
	{ KIND_REPORT, "a\xa0@example.org", NULL, false, "needs SMTPUTF8" },
	{ KIND_REPORT, "a\xc2\xa0@example.org", NULL, false, "needs SMTPUTF8" },
	{ KIND_REPORT, "a\t@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a\x7f@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "a\x01@example.org", NULL, false, "no address mail can be sent to" },
	{ KIND_REPORT, "long", NULL, false, "is too long" },
	{ KIND_REPORT, "254", NULL, true, "one From address" },
	{ KIND_REPORT, "255", NULL, false, "is too long" },
	{ KIND_REPORT, LOCAL_64 "@example.org", NULL, true, "one From address" },
	{ KIND_REPORT, LOCAL_64 "a@example.org", NULL, false, "is too long" },
	/* ourselves */
	{ KIND_REPORT, "ungcuu@example.vn", NULL, false, "our own" },
	{ KIND_REPORT, "UNGCUU@Example.VN", NULL, false, "our own" },
	{ KIND_REPORT, "report@example.vn", NULL, false, "our own" },
	{ KIND_REPORT, "ungcuu+" SAMPLE_CODE "@example.vn", NULL, false, "our own" },
	{ KIND_REPORT, "ungcuu+x@example.vn", NULL, false, "our own" },
	/* mail systems */
	{ KIND_REPORT, "MAILER-DAEMON@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "postmaster@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "no-reply@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "NoReply-alerts@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "billing-noreply@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "donotreply@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "do-not-reply@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "bounce+17@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "bounces@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "news-bounces@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "owner-news@example.org", NULL, false, "mail system" },
	{ KIND_REPORT, "news-request@example.org", NULL, false, "mail system" },
	/* marks, should classify ever miss one */
	{ KIND_REPORT, ANYONE, "auto-submitted: auto-replied", false, "Auto-Submitted" },
	{ KIND_REPORT, ANYONE, "auto-submitted: no\nauto-submitted: auto-generated", false,
		"Auto-Submitted" },
	{ KIND_REPORT, ANYONE, "x-autoreply: yes", false, "X-Autoreply" },
	{ KIND_REPORT, ANYONE, "x-autorespond: x", false, "X-Autorespond" },
	{ KIND_REPORT, ANYONE, "precedence: auto_reply", false, "Precedence" },
	{ KIND_REPORT, ANYONE, "list-id: <x>", false, "List-Id" },
	{ KIND_REPORT, ANYONE, "list-post: <x>", false, "List-Post" },
	{ KIND_REPORT, ANYONE, "list-unsubscribe: <x>", false, "List-Unsubscribe" },
	{ KIND_REPORT, ANYONE, "precedence: bulk", false, "Precedence" },
	{ KIND_REPORT, ANYONE, "precedence: junk", false, "Precedence" },
	{ KIND_REPORT, ANYONE, "precedence: list", false, "Precedence" },
	{ KIND_REPORT, ANYONE, "return-path: <>", false, "Return-Path" },
	{ KIND_REPORT, ANYONE, "return-path:", false, "Return-Path" },
	{ KIND_REPORT, ANYONE, "x-auto-response-suppress: All", false, "Suppress" },
	{ KIND_REPORT, ANYONE, "x-auto-response-suppress: DR, OOF", false, "Suppress" },
	{ KIND_REPLY, ANYONE, "x-auto-response-suppress: AutoReply", false, "Suppress" },
	{ KIND_REPORT, ANYONE, "list-subscribe: <mailto:x@example.org>", false, "List-Subscribe" },
	{ KIND_REPORT, ANYONE, "list-help: <mailto:x@example.org>", false, "List-Help" },
	{ KIND_REPORT, ANYONE, "list-owner: <mailto:x@example.org>", false, "List-Owner" },
	{ KIND_REPORT, ANYONE, "list-archive: <https://example.org>", false, "List-Archive" },
	{ KIND_REPORT, ANYONE, "mailing-list: contact x", false, "Mailing-List" },
	{ KIND_REPORT, ANYONE, "x-mailing-list: x", false, "X-Mailing-List" },
	{ KIND_REPORT, ANYONE, "x-autogenerated: Reply", false, "X-Autogenerated" },
	{ KIND_REPORT, ANYONE, "x-mail-autoreply: x", false, "X-Mail-Autoreply" },
	{ KIND_REPORT, ANYONE, "x-autoreply-from: x@example.org", false, "X-Autoreply-From" },
	/* other desks, circles */
	{ KIND_REPORT, ANYONE, "x-ungcuu-loop: hotline@other.example", false, "X-Ungcuu-Loop" },
	{ KIND_REPORT, ANYONE, "x-rt-loop-prevention: RT", false, "X-RT-Loop-Prevention" },
	{ KIND_REPORT, ANYONE, "x-otrs-loop: yes", false, "X-OTRS-Loop" },
	{ KIND_REPORT, ANYONE, "received-count: 49", true, "one From address" },
	{ KIND_REPORT, ANYONE, "received-count: 50", false, "circles" },
	/* DMARC */
	{ KIND_REPORT, ANYONE, "authentication-results: mx.example.vn; dmarc=pass", true,
		"one From address" },
	{ KIND_REPORT, ANYONE, "authentication-results: mx.example.vn; dmarc=fail", false,
		"DMARC fails: From may be forged" },
	{ KIND_REPLY, ANYONE, "authentication-results: mx2.example.vn; dmarc=fail", false,
		"DMARC fails: From may be forged" },
	{ KIND_REPORT, "cntt@somau.example.vn",
		"authentication-results: mx.example.vn; dmarc=fail", true,
		"DMARC fails under a registered From" },
	{ KIND_REPORT, ANYONE, "authentication-results: mx.example.vn; dmarc=fail; "
		"spf=pass smtp.mailfrom=cong@tinh.example.vn", true, "policy.forwarders" },
};

/* n letters and an end; an end without '@' is of a domain, behind a local part of one letter. */
static void
replace_from(struct letter *l, gsize n, char letter, const char *end)
{
	g_autofree char *many = g_strnfill(n, letter);

	if (strchr(end, '@') == NULL)
		memcpy(many, "a@", 2);
	g_free(l->from.address);
	l->from.address = g_strconcat(many, end, NULL);
}

static struct letter *
row_letter(const struct row *row)
{
	struct letter *l = sample_letter(row->from, "x", "x", row->fields);

	if (row->fields && strstr(row->fields, "test: two")) {
		l->n_from = 2;
		g_clear_pointer(&l->from.address, g_free);
	}
	if (row->from && strcmp(row->from, "long") == 0)
		replace_from(l, 250, 'a', "@example.org");
	if (row->from && strcmp(row->from, "254") == 0)
		replace_from(l, 242, 'd', ".example.org");
	if (row->from && strcmp(row->from, "255") == 0)
		replace_from(l, 243, 'd', ".example.org");
	return l;
}

static void
test_rows(void)
{
	struct site *site = sample_site(NULL);
	struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		g_autoptr(letter_auto) l = row_letter(row);
		g_autofree char *why = NULL;
		bool may = acknowledgeable(site, row->kind, l, &v, &why);

		if (may == row->may && strstr(why, row->why) != NULL)
			continue;
		g_test_message("row %u, %s, %s: %d %s", i, row->from, row->fields, may, why);
		g_test_fail();
	}
	site_free(site);
}

/* A failed signature under a registered From is said to go elsewhere; under another it changes
 * nothing. */
static void
test_diverted(void)
{
	static const struct {
		enum signature signature;
		const char *from;
		bool diverted;
	} cases[] = {
		{ SIGNATURE_BAD, "cntt@somau.example.vn", true },
		{ SIGNATURE_REVOKED, "cntt@somau.example.vn", true },
		{ SIGNATURE_MISMATCH, "CNTT@somau.example.vn", true },
		{ SIGNATURE_BAD, "truc.mot@example.vn", true },
		{ SIGNATURE_BAD, ANYONE, false },
		{ SIGNATURE_NONE, "cntt@somau.example.vn", false },
		{ SIGNATURE_UNVERIFIABLE, "cntt@somau.example.vn", false },
		{ SIGNATURE_TRUSTED, "cntt@somau.example.vn", false },
	};
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(letter_auto) l = sample_letter(cases[i].from, "x", "x", NULL);
		struct verdict v = sample_verdict(cases[i].signature, ENCRYPTION_NONE, NULL);
		g_autofree char *why = NULL;

		g_assert_true(acknowledgeable(site, KIND_REPORT, l, &v, &why));
		g_assert_cmpint(strstr(why, "directory") != NULL, ==, cases[i].diverted);
		g_assert_true(acknowledgeable(site, KIND_REPORT, l, &v, NULL));
	}
	site_free(site);
}

static void
test_when_leaving(void)
{
	static const struct {
		const char *template;
		gint64 late;
		const char *leaves;
	} cases[] = {
		{ "T01", 0, "T01" }, { "T01", HOUR, "T01" }, { "T01", HOUR + 1, "T33" },
		{ "T02", HOUR, "T02" }, { "T02", HOUR + 1, "T33" }, { "T03", 9 * HOUR, "T03" },
		{ "T04", 9 * HOUR, "T04" }, { "T32", 9 * HOUR, "T32" }, { "T33", 0, "T33" },
		{ "T01", -HOUR, "T01" }, { "T38", 9 * HOUR, "T38" },
	};
	struct site *site = sample_site(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpstr(template_when_leaving(site, cases[i].template, SAMPLE_RECEIVED,
			SAMPLE_RECEIVED + cases[i].late), ==, cases[i].leaves);
	g_assert_cmpstr(template_when_leaving(site, "T01", -1, SAMPLE_RECEIVED), ==, "T01");
	site_free(site);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/acknowledge/rows", test_rows);
	g_test_add_func("/desk/acknowledge/diverted", test_diverted);
	g_test_add_func("/desk/acknowledge/when-leaving", test_when_leaving);
	return g_test_run();
}
