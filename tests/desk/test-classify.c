/* SPDX-License-Identifier: ISC
 *
 * What a mail is: one row a habit of people or of mail systems, with its kind.
 */
#include "sample.h"

#include <string.h>

enum { BOUNCED = 1, FED_BACK = 2, READ_PART = 4, OURS = 8, FILE_IN_IT = 16, TRUSTED_RESPONDER = 32,
	SEALED = 64, CODE_QUOTED = 128, TRUSTED_AGENCY = 256, UNKNOWN_RESPONDER = 512 };

#define ANYONE	"nguoi.bao@example.org"
#define DAEMON	"MAILER-DAEMON@mx.example.org"
#define TAGGED	"Re: [" SAMPLE_TICKET "] Đã tiếp nhận"

/* columns: name, From, subject, text, fields, what else, kind */
static const struct row {
	const char *name, *from, *subject, *text, *fields;
	unsigned what;
	enum kind kind;
} rows[] = {
	/* reports */
	{ "plain report vi", ANYONE, "Máy chủ bị tấn công", "Trang chủ bị thay đổi lúc 9 giờ.",
		NULL, 0, KIND_REPORT },
	{ "plain report en", ANYONE, "Defacement", "Our site was defaced.", NULL, 0, KIND_REPORT },
	{ "form tag", ANYONE, "[TBSC] Thông báo sự cố", "Xem tệp.", NULL, FILE_IN_IT, KIND_REPORT },
	{ "no subject but text", ANYONE, "", "Máy bị khóa dữ liệu.", NULL, 0, KIND_REPORT },
	{ "subject alone", ANYONE, "Máy bị khóa dữ liệu", "", NULL, 0, KIND_REPORT },
	{ "an attachment alone", ANYONE, "", "", NULL, FILE_IN_IT, KIND_REPORT },
	{ "a sealed mail without subject", ANYONE, "", "", NULL, SEALED, KIND_REPORT },
	{ "Auto-Submitted: no", ANYONE, "Sự cố", "x", "auto-submitted: no", 0, KIND_REPORT },
	{ "Auto-Submitted: No with comment", ANYONE, "Sự cố", "x", "auto-submitted: No (by hand)",
		0, KIND_REPORT },
	{ "X-Auto-Response-Suppress alone", ANYONE, "Sự cố", "x",
		"x-auto-response-suppress: DR, OOF", 0, KIND_REPORT },
	{ "about a vacation, no mark", ANYONE, "Nghỉ phép giả mạo để lừa đảo", "x", NULL, 0,
		KIND_REPORT },
	{ "about being away, no mark", ANYONE, "Out of office replies leak data", "x", NULL, 0,
		KIND_REPORT },
	{ "a bounce subject, no mark", ANYONE, "Undelivered mail used for phishing", "x", NULL, 0,
		KIND_REPORT },
	{ "From a daemon, no mark", DAEMON, "Disk report", "x", NULL, 0, KIND_REPORT },
	{ "null return path alone", ANYONE, "Sự cố", "x", "return-path: <>", 0, KIND_REPORT },
	{ "thanks that name no ticket", ANYONE, "Cảm ơn", "Cảm ơn quý cơ quan.", NULL, 0,
		KIND_REPORT },
	{ "another site's ticket", ANYONE, "[HNX-2026-000123] x", "x", NULL, 0, KIND_REPORT },
	{ "another site's loop mark", ANYONE, "Sự cố", "x", "x-ungcuu-loop: other@example.com", 0,
		KIND_REPORT },
	{ "a ticket system's mail", ANYONE, "Sự cố", "x", "x-rt-loop-prevention: RT", 0,
		KIND_REPORT },
	{ "foreign X-Loop of a forwarder", ANYONE, "Sự cố", "x", "x-loop: report@example.vn", 0,
		KIND_REPORT },
	{ "unsigned command words", "truc.mot@example.vn", "x", "close", NULL, 0, KIND_REPORT },
	/* noise */
	{ "our loop mark, address", ANYONE, "x", "x", "x-ungcuu-loop: ungcuu@example.vn", 0,
		KIND_NOISE },
	{ "our loop mark, alias", ANYONE, "x", "x", "x-ungcuu-loop: Report@Example.VN", 0,
		KIND_NOISE },
	{ "our loop mark, id", ANYONE, "x", "x", "x-ungcuu-loop: NBH", 0, KIND_NOISE },
	{ "our loop mark below another", ANYONE, "x", "x", "x-ungcuu-loop: z\nx-ungcuu-loop: NBH",
		0, KIND_NOISE },
	{ "loop mark on a bounce", DAEMON, "Undelivered mail", "x", "x-ungcuu-loop: NBH", BOUNCED,
		KIND_NOISE },
	{ "nothing in it", ANYONE, "  ", " \n\n", NULL, 0, KIND_NOISE },
	{ "no From, nothing in it", NULL, "", "", NULL, 0, KIND_NOISE },
	/* bounces */
	{ "DSN", DAEMON, "Undelivered Mail Returned to Sender", "x", NULL, BOUNCED, KIND_BOUNCE },
	{ "DSN of a strange sender", ANYONE, "x", "x", NULL, BOUNCED, KIND_BOUNCE },
	{ "DSN to our ticket", DAEMON, TAGGED, "x", NULL, BOUNCED | OURS, KIND_BOUNCE },
	{ "X-Failed-Recipients", ANYONE, "x", "x", "x-failed-recipients: a@example.org", 0,
		KIND_BOUNCE },
	{ "qmail", DAEMON, "failure notice", "Hi. This is the qmail-send program",
		"return-path: <>", 0, KIND_BOUNCE },
	{ "qmail without return path", DAEMON, "failure notice", "x", NULL, 0, KIND_BOUNCE },
	{ "postmaster, null return", "postmaster@example.com", "Thư của bạn", "x",
		"return-path: <>", 0, KIND_BOUNCE },
	{ "Exchange vi", "postmaster@example.com", "Không gửi được: Đã tiếp nhận", "x", NULL, 0,
		KIND_BOUNCE },
	{ "Exchange en", "postmaster@example.com", "Undeliverable: Your mail", "x", NULL, 0,
		KIND_BOUNCE },
	{ "null return, subject vi", "he.thong@example.com", "Thư không gửi được", "x",
		"return-path: <>", 0, KIND_BOUNCE },
	{ "null return, subject in NFD", "x@example.com",
		"Thu\xcc\x9b bi\xcc\xa3 tra\xcc\x89 la\xcc\xa3i", "x",
		"return-path: <>", 0, KIND_BOUNCE },
	{ "delay warning", DAEMON, "Warning: message 1abc delayed 24 hours", "x", "return-path: <>",
		0, KIND_BOUNCE },
	{ "DSN that is also auto-submitted", DAEMON, "x", "x", "auto-submitted: auto-replied",
		BOUNCED, KIND_BOUNCE },
	/* feedback, receipts */
	{ "ARF", ANYONE, "Abuse report", "x", NULL, FED_BACK, KIND_FEEDBACK },
	{ "ARF with a list mark", ANYONE, "Abuse report", "x", "precedence: bulk", FED_BACK,
		KIND_FEEDBACK },
	{ "read receipt by type", ANYONE, "Read: x", "x",
		"content-type: multipart/report; report-type=disposition-notification", 0,
			KIND_RECEIPT },
	{ "read receipt, quoted type", ANYONE, "Đã đọc", "x",
		"content-type: Multipart/Report; report-type=\"disposition-notification\"", 0,
		KIND_RECEIPT },
	{ "read receipt by part", ANYONE, "Đã đọc", "x", NULL, READ_PART, KIND_RECEIPT },
	{ "a receipt attached to a report", ANYONE, "Sự cố", "x",
		"content-type: multipart/mixed; boundary=x",
		READ_PART, KIND_REPORT },
	/* automatic answers */
	{ "auto-replied", ANYONE, "Re: x", "x", "auto-submitted: auto-replied", 0,
		KIND_AUTO_REPLY },
	{ "auto-generated", ANYONE, "x", "x", "auto-submitted: auto-generated", 0,
		KIND_AUTO_REPLY },
	{ "auto-notified with parameter", ANYONE, "x", "x",
		"auto-submitted: auto-notified; owner-email=\"x\"", 0,
		KIND_AUTO_REPLY },
	{ "no above, auto-replied below", ANYONE, "x", "x",
		"auto-submitted: no\nauto-submitted: auto-replied", 0,
		KIND_AUTO_REPLY },
	{ "X-Autoreply", ANYONE, "x", "x", "x-autoreply: yes", 0, KIND_AUTO_REPLY },
	{ "X-Autorespond", ANYONE, "x", "x", "x-autorespond: Re: x", 0, KIND_AUTO_REPLY },
	{ "X-Autogenerated", ANYONE, "x", "x", "x-autogenerated: Reply", 0, KIND_AUTO_REPLY },
	{ "X-Mail-Autoreply", ANYONE, "x", "x", "x-mail-autoreply: <x>", 0, KIND_AUTO_REPLY },
	{ "X-Autoreply-From", ANYONE, "x", "x", "x-autoreply-from: x@example.org", 0,
		KIND_AUTO_REPLY },
	{ "X-Autoreply: no", ANYONE, "Sự cố", "x", "x-autoreply: no", 0, KIND_REPORT },
	{ "Precedence: auto_reply", ANYONE, "x", "x", "precedence: auto_reply", 0,
		KIND_AUTO_REPLY },
	{ "vacation vi, null return", ANYONE, "Trả lời tự động: Đã tiếp nhận", "x",
		"return-path: <>", 0, KIND_AUTO_REPLY },
	{ "vacation vi, suppress", ANYONE, "Tự động trả lời: x", "x",
		"x-auto-response-suppress: All", 0, KIND_AUTO_REPLY },
	{ "vacation vi, away, bulk", ANYONE, "Vắng mặt đến thứ Hai", "x", "precedence: bulk", 0,
		KIND_AUTO_REPLY },
	{ "vacation vi, leave, to our mail", ANYONE, "Nghỉ phép: x", "x", NULL, OURS,
		KIND_AUTO_REPLY },
	{ "vacation vi without diacritics", ANYONE, "Tu dong tra loi: x", "x", NULL, OURS,
		KIND_AUTO_REPLY },
	{ "vacation vi, business trip", ANYONE, "[Đi công tác] x", "x", "return-path: <>", 0,
		KIND_AUTO_REPLY },
	{ "vacation en, null return", ANYONE, "Automatic reply: x", "x", "return-path: <>", 0,
		KIND_AUTO_REPLY },
	{ "vacation en, junk", ANYONE, "Out of Office: x", "x", "precedence: junk", 0,
		KIND_AUTO_REPLY },
	{ "vacation en, to our mail", ANYONE, "Auto-Reply: " TAGGED, "x", NULL, OURS,
		KIND_AUTO_REPLY },
	{ "vacation en, mailbox rule", ANYONE, "I am out of the office", "x",
		"x-ms-exchange-generated-message-source: Mailbox Rules Agent", 0, KIND_AUTO_REPLY },
	{ "auto-reply that is also list mail", ANYONE, "x", "x",
		"auto-submitted: auto-generated\nlist-id: <x>", 0,
		KIND_AUTO_REPLY },
	/* lists */
	{ "List-Id", ANYONE, "Bản tin", "x", "list-id: <tin.example.org>", 0, KIND_LIST },
	{ "List-Post", ANYONE, "Bản tin", "x", "list-post: NO", 0, KIND_LIST },
	{ "List-Unsubscribe", ANYONE, "Ưu đãi", "x", "list-unsubscribe: <mailto:x@example.org>", 0,
		KIND_LIST },
	{ "List-Subscribe", ANYONE, "x", "x", "list-subscribe: <mailto:x@example.org>", 0,
		KIND_LIST },
	{ "List-Help", ANYONE, "x", "x", "list-help: <mailto:x@example.org>", 0, KIND_LIST },
	{ "List-Owner", ANYONE, "x", "x", "list-owner: <mailto:x@example.org>", 0, KIND_LIST },
	{ "List-Archive", ANYONE, "x", "x", "list-archive: <https://example.org>", 0, KIND_LIST },
	{ "Mailing-List", ANYONE, "x", "x", "mailing-list: contact x@example.org", 0, KIND_LIST },
	{ "X-Mailing-List", ANYONE, "x", "x", "x-mailing-list: x@example.org", 0, KIND_LIST },
	{ "Precedence: list", ANYONE, "x", "x", "precedence: list", 0, KIND_LIST },
	{ "Precedence: Bulk", ANYONE, "x", "x", "precedence: Bulk", 0, KIND_LIST },
	{ "Precedence: junk", ANYONE, "x", "x", "precedence: junk", 0, KIND_LIST },
	{ "list mail that names a ticket", ANYONE, TAGGED, "x", "list-id: <x>", 0, KIND_LIST },
	/* replies */
	{ "tag in subject", ANYONE, TAGGED, "Thêm nhật ký.", NULL, 0, KIND_REPLY },
	{ "tag in text", ANYONE, "Bổ sung", "Về phiếu " SAMPLE_TICKET ": có thêm máy.", NULL, 0,
		KIND_REPLY },
	{ "tag forwarded", ANYONE, "TL: CT: [nbh-2026-123]", "x", NULL, 0, KIND_REPLY },
	{ "our Message-ID", ANYONE, "Re: x", "Có thêm máy.", NULL, OURS, KIND_REPLY },
	{ "code in the quoted footer", ANYONE, "Re: x", "Có thêm máy.", NULL, CODE_QUOTED,
		KIND_REPLY },
	/* thanks */
	{ "thanks vi", ANYONE, TAGGED, "Xin cảm ơn quý cơ quan rất nhiều!", NULL, 0, KIND_THANKS },
	{ "thanks vi without diacritics", ANYONE, TAGGED, "cam on anh chi nhieu a", NULL, 0,
		KIND_THANKS },
	{ "confirmation vi", ANYONE, TAGGED, "Đã nhận được thư.", NULL, 0, KIND_THANKS },
	{ "confirmation vi, signed off", ANYONE, TAGGED,
		"Kính gửi Đội,\n\nXác nhận đã nhận được.\n\nTrân trọng,\nVăn thư Sở Mẫu",
		NULL, OURS, KIND_THANKS },
	{ "thanks with the number", ANYONE, "Re: x", "Cảm ơn, đã nhận phiếu " SAMPLE_TICKET ".",
		NULL, 0, KIND_THANKS },
	{ "thanks en", ANYONE, TAGGED, "Hi team,\nthank you very much.\nBest regards,\nJane Sample",
		NULL, 0, KIND_THANKS },
	{ "noted en", ANYONE, TAGGED, "OK, noted.", NULL, 0, KIND_THANKS },
	{ "thanks with a signature part", ANYONE, TAGGED, "Cảm ơn.", NULL, 0, KIND_THANKS },
	{ "thanks with an attachment", ANYONE, TAGGED, "Cảm ơn.", NULL, FILE_IN_IT, KIND_REPLY },
	{ "thanks and news vi", ANYONE, TAGGED, "Cảm ơn. Máy chủ vẫn bị tấn công.", NULL, 0,
		KIND_REPLY },
	{ "thanks and news en", ANYONE, TAGGED, "Thanks. It happened again at 10:05.", NULL, 0,
		KIND_REPLY },
	{ "not received", ANYONE, TAGGED, "Tôi chưa nhận được thư.", NULL, 0, KIND_REPLY },
	{ "no thanks", ANYONE, TAGGED, "Không, cảm ơn.", NULL, 0, KIND_REPLY },
	{ "thanks and an address", ANYONE, TAGGED, "Cảm ơn\nabc@example", NULL, 0, KIND_REPLY },
	{ "news under the closing", ANYONE, TAGGED,
		"Cảm ơn.\nTrân trọng\nMáy chủ mười đã bị chiếm quyền và đang gửi thư rác",
		NULL, 0, KIND_REPLY },
	{ "a greeting alone", ANYONE, TAGGED, "Kính gửi quý cơ quan,", NULL, 0, KIND_REPLY },
	/* commands */
	{ "command", "truc.mot@example.vn", TAGGED, "\nnhận\n", NULL, TRUSTED_RESPONDER,
		KIND_COMMAND },
	{ "command with argument", "truc.mot@example.vn", TAGGED, "Mức: S2\nghi chú: x", NULL,
		TRUSTED_RESPONDER, KIND_COMMAND },
	{ "slash command", "truc.mot@example.vn", TAGGED, "/close", NULL, TRUSTED_RESPONDER,
		KIND_COMMAND },
	{ "a responder's sentence", "truc.mot@example.vn", TAGGED, "Nhận được báo cáo từ đơn vị.",
		NULL, TRUSTED_RESPONDER,
		KIND_REPLY },
	{ "an agency's signed command words", "vanthu@somau.example.vn", TAGGED, "close", NULL,
		TRUSTED_AGENCY, KIND_REPLY },
	{ "a responder's unregistered key", "truc.mot@example.vn", TAGGED, "close", NULL,
		UNKNOWN_RESPONDER, KIND_REPLY },
	{ "a vacation answer signed by a responder", "truc.mot@example.vn", "x", "close",
		"auto-submitted: auto-replied",
		TRUSTED_RESPONDER, KIND_AUTO_REPLY },
};

static struct letter *
row_letter(const struct row *row)
{
	struct letter *l = sample_letter(row->from, row->subject, row->text, row->fields);

	if (row->what & BOUNCED)
		l->bounce = g_new0(struct bounce, 1);
	if (row->what & FED_BACK)
		l->feedback = g_new0(struct feedback, 1);
	if (row->what & READ_PART)
		sample_part(l, NULL, "Message/Disposition-Notification", 10);
	if (row->what & FILE_IN_IT)
		sample_part(l, "nhat-ky.txt", "text/plain", 10);
	if (strstr(row->name, "signature part"))
		sample_part(l, "signature.asc", "application/pgp-signature", 10);
	if (row->what & OURS)
		sample_reference(l, SAMPLE_ID);
	if (row->what & CODE_QUOTED) {
		g_free(l->quoted);
		l->quoted = g_strdup("> Mã luồng: " SAMPLE_CODE_5 "\n");
	}
	return l;
}

static struct verdict
row_verdict(const struct row *row)
{
	if (row->what & TRUSTED_RESPONDER)
		return sample_verdict(SIGNATURE_TRUSTED, ENCRYPTION_NONE, "responder:truc.mot");
	if (row->what & UNKNOWN_RESPONDER)
		return sample_verdict(SIGNATURE_UNKNOWN_KEY, ENCRYPTION_NONE, "responder:truc.mot");
	if (row->what & TRUSTED_AGENCY)
		return sample_verdict(SIGNATURE_TRUSTED, ENCRYPTION_NONE, "agency:so-mau");
	return sample_verdict(SIGNATURE_NONE,
		row->what & SEALED ? ENCRYPTION_NOT_FOR_US : ENCRYPTION_NONE, NULL);
}

static void
test_kinds(void)
{
	struct site *site = sample_site(NULL);
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(letter_auto) l = row_letter(&rows[i]);
		struct verdict v = row_verdict(&rows[i]);
		g_autofree char *why = NULL;
		enum kind kind = classify(site, l, &v, &why);

		if (kind != rows[i].kind) {
			g_test_message("%s: %s (%s), not %s", rows[i].name, kind_word(kind), why,
				kind_word(rows[i].kind));
			g_test_fail();
		}
		g_assert_nonnull(why);
		g_assert_null(strchr(why, '\n'));
		g_string_append_printf(all, "%s: %s: %s\n", rows[i].name, kind_word(kind), why);
		verdict_clear(&v);
	}
	sample_golden("classify.txt", all->str);
	g_string_free(all, TRUE);
	site_free(site);
}

/* No reason is wanted: still decided. */
static void
test_no_why(void)
{
	struct site *site = sample_site(NULL);
	g_autoptr(letter_auto) l = sample_letter(ANYONE, "x", "x", NULL);
	struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);

	g_assert_cmpint(classify(site, l, &v, NULL), ==, KIND_REPORT);
	site_free(site);
}

/* What a mail holds outside its text still is something. */
static void
test_not_empty(void)
{
	struct site *site = sample_site(NULL);
	struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);
	g_autoptr(letter_auto) quoted = sample_letter(ANYONE, "", "", NULL);
	g_autoptr(letter_auto) outside = sample_letter(ANYONE, "", "", NULL);
	g_autoptr(letter_auto) layered = sample_letter(ANYONE, "", "", NULL);

	g_free(quoted->quoted);
	quoted->quoted = g_strdup("> x");
	g_free(outside->outside);
	outside->outside = g_strdup("x");
	layered->layer = LAYER_PGP_ENCRYPTED;
	g_assert_cmpint(classify(site, quoted, &v, NULL), ==, KIND_REPORT);
	g_assert_cmpint(classify(site, outside, &v, NULL), ==, KIND_REPORT);
	g_assert_cmpint(classify(site, layered, &v, NULL), ==, KIND_REPORT);
	site_free(site);
}

static void
test_junk(void)
{
	static const struct { const char *folder; bool is_junk; } names[] = {
		{ "Junk", true }, { "INBOX.Spam", true }, { "[Gmail]/Spam", true },
		{ "Thư rác", true }, { "THU RAC", true }, { "Junk E-mail", true },
		{ "INBOX", false }, { "Junkyard", false }, { "Spam/Reports", false },
		{ "", false },
	};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		g_assert_cmpint(folder_is_junk(names[i].folder), ==, names[i].is_junk);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/classify/kinds", test_kinds);
	g_test_add_func("/desk/classify/no-why", test_no_why);
	g_test_add_func("/desk/classify/not-empty", test_not_empty);
	g_test_add_func("/desk/classify/junk", test_junk);
	return g_test_run();
}
