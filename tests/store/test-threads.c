/* SPDX-License-Identifier: ISC
 *
 * test-threads: one code per (ticket, address), found however it was written, and who is a
 * participant.
 */
#include "scratch.h"

static void
test_codes(void)
{
	struct scratch s;
	struct ticket *one, *two;
	g_autofree char *code = NULL, *again = NULL, *other = NULL, *elsewhere = NULL;
	g_autofree char *upper = NULL, *address = NULL, *dashed = NULL;
	struct id ticket;

	scratch_init(&s);
	scratch_open(&s, true);
	begin(&s);
	one = ticket_added(&s, 2026);
	two = ticket_added(&s, 2026);
	code = thread_code(s.store, one->id, "Lan@example.vn", NULL);
	again = thread_code(s.store, one->id, "lan@EXAMPLE.vn", NULL);
	other = thread_code(s.store, one->id, "minh@example.vn", NULL);
	elsewhere = thread_code(s.store, two->id, "lan@example.vn", NULL);
	commit(&s);
	g_assert_cmpuint(strlen(code), ==, 20);
	g_assert_cmpstr(code, ==, again);
	g_assert_cmpstr(code, !=, other);
	g_assert_cmpstr(code, !=, elsewhere);
	scratch_reopen(&s, false);
	/* A reader finds existing codes. */
	g_free(again);
	again = thread_code(s.store, one->id, "lan@example.vn", NULL);
	g_assert_cmpstr(code, ==, again);
	upper = g_ascii_strup(code, -1);
	dashed = g_strdup_printf("%.5s-%s", upper, upper + 5);
	g_assert_true(thread_find(s.store, dashed, &ticket, &address));
	assert_same_id(ticket, one->id);
	g_assert_cmpstr(address, ==, "Lan@example.vn");
	g_assert_true(thread_find(s.store, elsewhere, &ticket, NULL));
	assert_same_id(ticket, two->id);
	g_assert_false(thread_find(s.store, "00000000000000000000", &ticket, NULL));
	g_assert_false(thread_find(s.store, "", &ticket, NULL));
	g_assert_false(thread_find(s.store, "uuuu", &ticket, NULL));
	ticket_free(one);
	ticket_free(two);
	scratch_clear(&s);
}

/* From of a mail filed to the ticket with this relation: a participant? */
static const struct { const char *relation; bool participant; } relations[] = {
	{ "first", true }, { "reply", true }, { "other-sender", false }, { "hint", false }, { NULL,
		false },
};

static void
mail_from(struct scratch *s, const char *address, struct id ticket, const char *relation)
{
	g_autoptr(letter_auto) letter = letter_new();
	struct verdict verdict = verdict_worst(LAYER_PLAIN);
	struct id id = mail_added(s, "uid", 10);
	struct mail *mail = mail_get(s->store, id);

	letter->from.address = g_strdup(address);
	assert_done(mail_put_letter(s->store, id, letter, &verdict, &error_));
	mail->ticket = ticket;
	mail->relation = g_strdup(relation);
	assert_done(mail_put(s->store, mail, &error_));
	mail_free(mail);
	verdict_clear(&verdict);
}

static void
test_participants(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(relations); i++) {
		struct scratch s;
		struct ticket *ticket;

		scratch_init(&s);
		scratch_open(&s, true);
		begin(&s);
		ticket = ticket_added(&s, 2026);
		mail_from(&s, "Lan@example.vn", ticket->id, relations[i].relation);
		g_assert_cmpint(thread_has_address(s.store, ticket->id, "lan@Example.VN"), ==,
			relations[i].participant);
		g_assert_false(thread_has_address(s.store, id_new(), "lan@example.vn"));
		g_assert_false(thread_has_address(s.store, ticket->id, "minh@example.vn"));
		g_free(thread_code(s.store, ticket->id, "minh@example.vn", NULL));
		g_assert_true(thread_has_address(s.store, ticket->id, "Minh@example.vn"));
		commit(&s);
		ticket_free(ticket);
		scratch_clear(&s);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/threads/codes", test_codes);
	g_test_add_func("/threads/participants", test_participants);
	return g_test_run();
}
