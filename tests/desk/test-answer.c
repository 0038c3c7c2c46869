/* SPDX-License-Identifier: ISC
 *
 * Which Message-IDs may stand in our header, and what is left of a mail that answers one that may
 * not: plan and header of each case against a golden file, and the same body whatever the case.
 */
#include "desk/internal.h"
#include "sample.h"

#include <string.h>

#define NOW	(SAMPLE_RECEIVED + 60000)

/* Up to 250 octets, and one more. */
#define TEN	"abcdefghij"
#define FIFTY	TEN TEN TEN TEN TEN
#define LONGEST	FIFTY FIFTY FIFTY FIFTY TEN TEN TEN "12345678" "@example.org"

static const struct {
	const char *id;
	bool may;
} ids[] = {
	/* what mail programs write */
	{ "20261122030500.GA1234@mail.example.org", true },
	{ "CAF+x=9y_Zz0%3dQ@mail.example.org", true },
	{ "!#$%&'*+-/=?^_`{|}~@example.org", true },
	{ "a$b=c-d@example", true },
	{ "000001d9$0a1b2c3d$@example.org", true },
	{ "a@1.2.3.4", true },
	{ "a@[192.0.2.1]", true },
	{ "a@[IPv6:2001:db8::1]", true },
	{ "a@-host_name.example", true },
	{ SAMPLE_ID, true },
	{ LONGEST, true },
	{ "1" LONGEST, false },
	/* no Message-ID at all */
	{ NULL, false },
	{ "", false },
	{ "@", false },
	{ "a", false },
	{ "a@", false },
	{ "@b", false },
	{ "a@b@c", false },
	{ "a@[b@c]", false },
	/* dots */
	{ ".a@b", false },
	{ "a.@b", false },
	{ "a..b@c", false },
	{ "a@.b", false },
	{ "a@b.", false },
	{ "a@b..c", false },
	/* obsolete or broken forms */
	{ "a:b@c", false },
	{ "\"a b\"@c", false },
	{ "\"a\"@c", false },
	{ "a(b)@c", false },
	{ "a,b@c", false },
	{ "a;b@c", false },
	{ "a\\b@c", false },
	{ "a@b:c", false },
	{ "a@b]", false },
	{ "a@[b", false },
	{ "a@[]", false },
	{ "a@[b]c", false },
	{ "a@[[b]]", false },
	{ "a@[b\\c]", false },
	{ "a@[b c]", false },
	{ "a@[<b>]", false },
	{ "a[b@c", false },
	/* blanks, brackets, controls, eight bits */
	{ " a@b", false },
	{ "a@b ", false },
	{ "a b@c", false },
	{ "a@b c@d", false },
	{ "a\t@b", false },
	{ "<a@b>", false },
	{ "a@b> <c@d", false },
	{ "a\r@b", false },
	{ "a@b\n", false },
	{ "a@b\r\nBcc: c@d", false },
	{ "a\x01@b", false },
	{ "a@b\x7f", false },
	{ "th\xc6\xb0@b", false },
	{ "a@t\xe1\xbb\x89nh.example", false },
	{ "a\xff@b", false },
};

static void
test_ids(void)
{
	g_assert_cmpuint(strlen(LONGEST), ==, MESSAGE_ID_MAX);
	for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
		if (is_msg_id(ids[i].id) != ids[i].may) {
			g_test_message("row %u: %s", i, ids[i].id);
			g_test_fail();
		}
}

/* columns: name, Message-ID as `mime` read it; "900": one of so many octets */
static const struct {
	const char *name, *id;
	bool threaded;
} cases[] = {
	{ "a Message-ID", "mail-1@example.org", true },
	{ "none", NULL, false },
	{ "empty", "", false },
	{ "blanks", "mail 1 @ example.org", false },
	{ "a blank behind it", "mail-1@example.org x", false },
	{ "a CR", "mail-1\r@example.org", false },
	{ "a line of its own", "mail-1@example.org>\r\nBcc: <x@example.net", false },
	{ "nested <>", "<mail-1@example.org>", false },
	{ "two of them", "mail-1@example.org> <ungcuu.x@example.vn", false },
	{ "900 octets", "900", false },
	{ "UTF-8", "thư-1@example.org", false },
	{ "no '@'", "mail-1", false },
};

static struct letter *
case_letter(const char *id)
{
	struct letter *l = sample_letter("nguoi.bao@example.org", "Sự cố", "x", NULL);

	g_free(l->message_id);
	l->message_id = g_strdup(id);
	if (id != NULL && strcmp(id, "900") == 0) {
		g_autofree char *many = g_strnfill(888, 'a');

		g_free(l->message_id);
		l->message_id = g_strconcat(many, "@example.org", NULL);
	}
	return l;
}

static const struct effect *
mail_of(const struct plan *plan)
{
	for (guint i = 0; i < plan->effects->len; i++) {
		const struct effect *e = plan->effects->pdata[i];

		if (e->kind == EFFECT_MAIL)
			return e;
	}
	g_assert_not_reached();
}

/* What of the header depends on the mail that is answered; the body beside it, g_free(). */
static void
mail_print(GString *out, const struct site *site, const struct effect *mail, char **body)
{
	g_autoptr(GPtrArray) values = values_common(site, SAMPLE_TICKET, SAMPLE_CODE,
		"abcdefghjkmnpqrs", NOW);
	g_autofree char *text = values_to_text(mail->values), *subject = NULL;

	g_ptr_array_extend_and_steal(values, values_from_text(text));
	g_assert_cmpint(mail_render(site, mail->word, mail->language, values, &subject, body, NULL),
		==, DONE);
	g_string_append_printf(out, "\tTo: %s\n\tSubject: %s\n", mail->recipient, subject);
	if (mail->in_reply_to != NULL)
		g_string_append_printf(out, "\tIn-Reply-To: <%s>\n", mail->in_reply_to);
}

static void
test_golden(void)
{
	struct site *site = sample_site(NULL);
	struct verdict v = sample_verdict(SIGNATURE_NONE, ENCRYPTION_NONE, NULL);
	struct facts f = { .received = SAMPLE_RECEIVED, .last_receipt = -1, .sha256 = (char *)"c" };
	GString *all = g_string_new(NULL);
	g_autofree char *first = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(letter_auto) l = case_letter(cases[i].id);
		struct plan *plan = plan_mail(site, &f, l, &v, NOW);
		g_autofree char *effects = plan_print(plan), *body = NULL;

		g_string_append_printf(all, "%s\n%s", cases[i].name, effects);
		mail_print(all, site, mail_of(plan), &body);
		g_assert_cmpint(mail_of(plan)->in_reply_to != NULL, ==, cases[i].threaded);
		if (first == NULL)
			first = g_strdup(body);
		g_assert_cmpstr(body, ==, first);
		plan_free(plan);
	}
	sample_golden("answers.txt", all->str);
	g_string_free(all, TRUE);
	site_free(site);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/desk/answer/ids", test_ids);
	g_test_add_func("/desk/answer/golden", test_golden);
	return g_test_run();
}
