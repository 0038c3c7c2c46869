/* SPDX-License-Identifier: ISC
 *
 * test-returned: what a bounce says became of a mail of ours, what names that mail, and whom it is
 * about: of standard ones, of those with text alone, and of forged ones.
 */
#include "sample.h"

#include <string.h>

#define ID	"0123456789abcdef0123456789abcdef"
#define ID_2	"fedcba9876543210fedcba9876543210"
#define DAEMON	"MAILER-DAEMON@mx.example.org"
#define ANYONE	"an@example.org"

/* "id" and "message-id" of the letter's names, in order; the recipient asked about is ANYONE. */
static const struct {
	const char *name, *from, *subject, *text, *fields;
	struct bounce bounce;		/* all NULL: none */
	const char *expected;		/* fate, status, names; NULL: no bounce */
	bool about;
} rows[] = {
	{ "by all of it", DAEMON, "Undelivered", "x", "return-path: <>",
		{ "failed", "5.1.1", ANYONE, "m@example.com", NULL, ID, ID_2 },
		"failed 5.1.1 field:" ID_2 " envid:" ID " message-id:m@example.com", true },
	{ "another recipient", DAEMON, "Undelivered", ANYONE, NULL,
		{ "failed", "5.1.1", "b@example.org", NULL, NULL, ID, NULL },
		"failed 5.1.1 envid:" ID, false },
	{ "the original recipient, xtext", DAEMON, "Undelivered", "x", NULL,
		{ "failed", "5.1.1", "b@example.org", NULL, "an+40example.org", ID, NULL },
		"failed 5.1.1 envid:" ID, true },
	{ "the recipient in brackets and capitals", DAEMON, "Undelivered", "x", NULL,
		{ "failed", NULL, "<AN@Example.ORG>", NULL, NULL, ID, NULL },
		"failed - envid:" ID, true },
	{ "delayed", DAEMON, "Delayed", "x", NULL, { "delayed", "4.4.1", ANYONE, 0, 0, 0, 0 },
		"delayed 4.4.1", true },
	{ "delivered", DAEMON, "x", "x", NULL, { "delivered", "2.0.0", ANYONE, 0, 0, 0, 0 },
		"delivered 2.0.0", true },
	{ "expanded is relayed", DAEMON, "x", "x", NULL, { "expanded", NULL, ANYONE, 0, 0, 0, 0 },
		"relayed -", true },
	{ "no action, a status", DAEMON, "x", "x", NULL, { NULL, "5.7.1", ANYONE, 0, 0, 0, 0 },
		"failed 5.7.1", true },
	{ "an unknown action", DAEMON, "x", "x", NULL, { "lost", NULL, ANYONE, 0, 0, 0, 0 },
		"none -", true },
	{ "a status that is none", DAEMON, "x", "x", NULL,
		{ "failed", "5.1.1; DROP", ANYONE, 0, 0, 0, 0 }, "failed -", true },
	{ "ids that are none", DAEMON, "x", "x", NULL,
		{ "failed", NULL, ANYONE, NULL, NULL, ID "0", "0123" }, "failed -", true },
	{ "by its envelope sender", DAEMON, "x", "x", "delivered-to: <Bounce-" ID "@Example.vn>",
		{ "failed", NULL, ANYONE, 0, 0, 0, 0 }, "failed - envelope:" ID, true },
	{ "another address", DAEMON, "x", "x",
		"x-original-to: xbounce-" ID "@example.vn\nenvelope-to: bounce-" ID "@example.vnx\n"
		"delivered-to: bounce-" ID "0@example.vn\ndelivered-to: bounce-@example.vn",
		{ "failed", NULL, ANYONE, 0, 0, 0, 0 }, "failed -", true },
	{ "qmail", DAEMON, "failure notice", "Hi. This is the qmail-send program.\n<" ANYONE ">:\n"
		"Sorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy\n\n"
		"Return-Path: <>\nMessage-ID: <a.b@example.vn>\nX-Ungcuu-Id: " ID "\n",
		"return-path: <>", { 0 }, "failed - field:" ID " message-id:a.b@example.vn", true },
	{ "text, quoted", DAEMON, "Returned mail", "> x-ungcuu-id:  " ID "\n> To: b@example.org",
		"return-path: <>", { 0 }, "failed - field:" ID, false },
	{ "a longer address is another one", DAEMON, "Returned mail", "tran." ANYONE " " ANYONE
		".vn an@example.orgx X-Ungcuu-Id: " ID, "return-path: <>", { 0 },
		"failed - field:" ID, false },
	{ "a full stop behind it", DAEMON, "Returned mail", "No user " ANYONE ".\nX-Ungcuu-Id: " ID,
		"return-path: <>", { 0 }, "failed - field:" ID, true },
	{ "X-Failed-Recipients", "a@example.org", "x", "x", "x-failed-recipients: " ANYONE, { 0 },
		"failed -", true },
	{ "X-Failed-Recipients, another", "a@example.org", "x", ANYONE,
		"x-failed-recipients: b@example.org", { 0 }, "failed -", false },
	{ "a warning", DAEMON, "Warning: message 1abc delayed 24 hours", ANYONE, NULL, { 0 },
		"delayed -", true },
	{ "a person quotes one", "b@example.org", "Undelivered mail", ANYONE " X-Ungcuu-Id: " ID,
		NULL, { 0 }, NULL, false },
};

static struct letter *
letter_of(guint i)
{
	const struct bounce *b = &rows[i].bounce;
	struct letter *l = sample_letter(rows[i].from, rows[i].subject, rows[i].text,
		rows[i].fields);

	if (b->action == NULL && b->status == NULL)
		return l;
	l->bounce = g_new0(struct bounce, 1);
	*l->bounce = (struct bounce){ g_strdup(b->action), g_strdup(b->status),
		g_strdup(b->recipient), g_strdup(b->message_id), g_strdup(b->original),
		g_strdup(b->envelope_id), g_strdup(b->our_id) };
	return l;
}

static char *
print(const struct returned *returned)
{
	static const char *const kinds[] = { "field", "envid", "envelope", "message-id" };
	GString *out = g_string_new(NULL);

	g_string_printf(out, "%s %s", fate_word(returned->delivery),
		returned->status ? returned->status : "-");
	for (guint i = 0; i < returned->names->len; i++) {
		const struct returned_name *name = returned->names->pdata[i];

		g_string_append_printf(out, " %s:%s", kinds[name->kind], name->text);
	}
	return g_string_free(out, FALSE);
}

static void
test_rows(void)
{
	static const char *const changes[] = { "submission.null_sender", "false",
		"submission.envelope", "bounce-%m@example.vn", NULL };
	struct site *site = sample_site(changes);

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct letter *l = letter_of(i);
		struct returned *returned = returned_find(site, l);
		g_autofree char *text = returned ? print(returned) : NULL;

		g_test_message("%s", rows[i].name);
		g_assert_cmpstr(text, ==, rows[i].expected);
		if (returned)
			g_assert_cmpint(returned_is_about(l, ANYONE), ==, rows[i].about);
		returned_free(returned);
		letter_free(l);
	}
	site_free(site);
}

/* So many names cost a bounded number of look-ups; so much text, a bounded time. */
static void
test_many(void)
{
	struct site *site = sample_site(NULL);
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < 20000; i++)
		g_string_append(text, "X-Ungcuu-Id: " ID " :::::: an@example.or\n");
	struct letter *l = sample_letter(DAEMON, "Returned mail", text->str, "return-path: <>");
	struct returned *returned = returned_find(site, l);

	g_assert_cmpuint(returned->names->len, ==, 20);
	g_assert_false(returned_is_about(l, ANYONE));
	returned_free(returned);
	letter_free(l);
	g_string_free(text, TRUE);
	site_free(site);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/returned/rows", test_rows);
	g_test_add_func("/returned/many", test_many);
	return g_test_run();
}
